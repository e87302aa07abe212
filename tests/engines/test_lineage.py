from __future__ import annotations

import os

import pyarrow as pa
import pytest

from jupyter_views.core.errors import ViewsError
from jupyter_views.core.ports import Read

from .lineage_queries import QUERIES, Query
from .places import Place

RUNNABLE = [
    query
    for query in QUERIES
    if not query.code
    and not any(read.startswith("unknown:") for read in query.reads)
    # The only read in the set whose file does not exist.
    and "file:recurring.csv" not in query.reads
]


NOT_OPENED = {"cte never used still reads", "glob function"}
"""Read in the sense of lineage, yet the engine opens nothing."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("lineage"), log_files=True)


def _named(reads: tuple[Read, ...]) -> list[str]:
    return sorted(f"{read.kind}:{read.name}" for read in reads)


def _frames(query: Query) -> dict[str, str]:
    return dict.fromkeys(query.frames, "0" * 64)


def test_the_set_of_queries_is_large_and_each_kind_is_there_once():
    kinds = [query.kind for query in QUERIES]
    assert len(kinds) >= 100
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.kind)
def test_a_query_reads_what_it_says(place, query):
    if query.code:
        with pytest.raises(ViewsError) as caught:
            place.inspect(query.sql, params=dict(query.params), frames=_frames(query))
        assert caught.value.code == query.code
        return

    plan = place.inspect(query.sql, params=dict(query.params), frames=_frames(query))

    assert _named(plan.reads) == sorted(query.reads)
    assert sorted(plan.volatile) == sorted(query.volatile)


@pytest.mark.parametrize("query", RUNNABLE, ids=lambda query: query.kind)
def test_every_file_that_the_engine_opens_is_covered_by_lineage(place, query, monkeypatch):
    monkeypatch.chdir(place.root)
    plan = place.inspect(query.sql, params=dict(query.params), frames=_frames(query))
    covered = {
        os.path.realpath(place.root / name)
        for signature in place.sign(tuple(r for r in plan.reads if r.kind == "file"))
        for name, _ in signature.entries
    }
    cursor = place.connection.cursor()
    for name in query.frames:
        cursor.register(name, pa.table({"id": [1, 2]}))
    place.connection.execute("CALL truncate_duckdb_logs()")

    cursor.execute(query.sql, dict(query.params) or None).fetchall()

    opened = place.connection.execute(
        "SELECT DISTINCT path FROM duckdb_logs_parsed('FileSystem') WHERE op IN ('OPEN', 'READ')"
    ).fetchall()
    paths = {os.path.realpath(path) for (path,) in opened if path}
    data = {path for path in paths if not path.startswith(str(place.scratch))}
    assert data <= covered
    assert bool(data) == (bool(covered) and query.kind not in NOT_OPENED), "the log is not alive"


def test_a_name_relative_to_the_notebook_is_resolved_from_its_folder(place):
    plan = place.inspect("FROM 'here.csv'", base="sub")

    assert plan.reads[0].path == str(place.root / "sub" / "here.csv")


def test_a_link_is_followed_to_the_file_that_is_read(place):
    plan = place.inspect("FROM 'leads-in.csv'")

    assert plan.reads[0].path == str(place.root / "events.csv")


def test_an_absolute_name_inside_the_root_is_the_same_file(place):
    absolute = str(place.root / "events.csv")

    assert place.inspect(f"FROM '{absolute}'").reads[0].path == absolute


def test_a_file_read_twice_is_one_read(place):
    assert len(place.inspect("FROM 'events.csv' a, 'events.csv' b").reads) == 1


def test_parameters_come_in_the_order_of_first_use(place):
    plan = place.inspect(
        "SELECT $b, $a, $b FROM 'events.csv' WHERE kind = $c", params={"a": 1, "b": 2, "c": "x"}
    )

    assert plan.parameters == ("b", "a", "c")
