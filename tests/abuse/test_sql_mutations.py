"""Statements spliced from the corpus: the gate is never surprised, lineage never blind."""

from __future__ import annotations

import os
import random
import re

import duckdb
import pytest

from jupyter_views.core.errors import ViewsError
from jupyter_views.engines import gate
from tests.engines.lineage_queries import QUERIES
from tests.engines.places import Place

from .test_sql_corpus import CORPUS, digest

_TOKEN = re.compile(r"\w+|'[^']*'|\"[^\"]*\"|\s+|.", re.DOTALL)
_TEXTS = [query.sql for query in QUERIES if not query.params] + [sql for _, sql in CORPUS]
_TOKENS = [_TOKEN.findall(sql) for sql in _TEXTS]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("mutations"), log_files=True)


def spliced(luck: random.Random) -> str:
    """A statement with up to three parts cut out or put in from another."""
    tokens = list(luck.choice(_TOKENS))
    for _ in range(luck.randint(1, 3)):
        at = luck.randrange(len(tokens) + 1)
        other = luck.choice(_TOKENS)
        start = luck.randrange(len(other))
        match luck.randrange(4):
            case 0:
                tokens[at:at] = [" ", luck.choice(other), " "]
            case 1:
                del tokens[at : at + 1]
            case 2:
                tokens[at:at] = [" ", *other[start : start + luck.randint(1, 12)], " "]
            case 3:
                tokens[at:at] = [" (", *other, ") "]
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_passes_the_gate_opens_only_files_that_lineage_names(place, monkeypatch, seed):
    monkeypatch.chdir(place.root)
    luck = random.Random(seed)
    before = digest(place.root.parent)
    passed = 0
    with place.open(log_files=True, seconds=1) as connection:
        for _ in range(800):
            sql = spliced(luck)
            try:
                plan = place.inspect(sql)
                if any(read.kind == "unknown" for read in plan.reads):
                    continue
                signatures = place.sign(plan.reads)
            except ViewsError as error:
                assert str(place.root.parent) not in str(error.to_dict()), sql
                continue
            passed += 1
            known = {
                os.path.realpath(name) for signature in signatures for name, _ in signature.entries
            }
            assert opened_by(connection, place, sql) <= known, sql

    assert passed > 3
    assert digest(place.root.parent) == before


def opened_by(connection: duckdb.DuckDBPyConnection, place: Place, sql: str) -> set[str]:
    """Real paths that the engine opened for a statement, apart from its own scratch."""
    connection.execute("CALL truncate_duckdb_logs()")
    try:
        connection.execute(sql).fetchmany(1000)
    except duckdb.Error as error:
        explained = gate.explain_failure(error, sql)
        assert str(place.root.parent) not in str(explained.to_dict()), sql
    rows = connection.execute(
        "SELECT DISTINCT path FROM duckdb_logs_parsed('FileSystem')"
    ).fetchall()
    real = {os.path.realpath(path) for (path,) in rows if path}
    return {path for path in real if not path.startswith(str(place.scratch))}
