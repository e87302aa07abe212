from __future__ import annotations

import os
import socket
from pathlib import Path

import pyarrow as pa
import pytest
from msgspec import structs

from jupyter_views.core.errors import ViewsError
from jupyter_views.core.ports import Draft, Read
from jupyter_views.engines import gate, paths
from jupyter_views.engines.bindings import Bindings
from jupyter_views.engines.encode import Verified
from jupyter_views.engines.governor import Governor

from .lineage_queries import QUERIES, Query
from .places import Place
from .shelves import make_delta, make_duckdb, make_iceberg, make_sqlite, put_rows

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
    place = Place(tmp_path_factory.mktemp("lineage"), log_files=True)
    for name in ("shop.duckdb", "sub/shop.duckdb", "store/shop.duckdb", ".shop.duckdb"):
        make_duckdb(place.root / name)
    for name in ("shop.sqlite", "lite.db"):
        make_sqlite(place.root / name)
    make_delta(place.root / "lake" / "sales")
    make_iceberg(place.root / "ice")
    (place.root / "folder.db").mkdir()
    (place.root / "views.csv").write_text("id\n1\n")
    return place


class Shelf:
    """Binds what a query reads to the place's connection, and runs it there."""

    def __init__(self, place: Place, inputs: Path, sock: socket.socket) -> None:
        self._connection = place.connection
        self._inputs = inputs
        where = paths.folders("/", (str(place.root),), place.hidden)
        self._bindings = Bindings(
            place.connection,
            place.connection.cursor(),
            frames_dir=str(inputs),
            scratch=str(place.scratch),
            where=where,
            verified=Verified(),
            governor=Governor(sock),
        )
        rows = pa.table({"id": [1, 2], "kind": ["a", "b"]})
        sha256 = put_rows(inputs, rows)
        os.link(inputs / sha256[:2] / f"{sha256}.arrow", inputs / f"{sha256}.arrow")
        self.views = dict.fromkeys(("daily-users", "events", "select"), sha256)

    def run(self, judged, draft: Draft, signatures, frames: tuple[str, ...]) -> None:
        for name in frames:
            self._connection.register(name, pa.table({"id": [1, 2]}))
        with self._bindings.held(judged, draft, signatures, str(self._inputs)) as bound:
            self._connection.sql(bound.draft.sql, params=bound.draft.params or None).fetchall()
        for name in frames:
            self._connection.unregister(name)
        assert self._bindings.is_clean


@pytest.fixture(scope="module")
def shelf(place, tmp_path_factory):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Shelf(place, tmp_path_factory.mktemp("inputs"), ours)


def _named(reads: tuple[Read, ...]) -> list[str]:
    return sorted(f"{read.kind}:{read.name}" for read in reads)


def _frames(query: Query) -> dict[str, str]:
    return dict.fromkeys(query.frames, "0" * 64)


def test_the_set_of_queries_is_large_and_each_kind_is_there_once():
    kinds = [query.kind for query in QUERIES]
    assert len(kinds) >= 200
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
def test_every_file_that_the_engine_opens_is_covered_by_lineage(place, shelf, query, monkeypatch):
    monkeypatch.chdir(place.root)
    draft = Draft(
        sql=query.sql,
        base_dir=str(place.root),
        params=dict(query.params),
        frames={},
        views=shelf.views,
    )
    draft = structs.replace(draft, frames=_frames(query))
    judged = gate.judge(place.connection, draft, readable=(str(place.root),), hidden=place.hidden)
    signatures = place.sign(judged.plan.reads)
    covered = {
        os.path.realpath(place.root / name)
        for signature in signatures
        if signature.kind in ("file", "database")
        for name, _ in signature.entries
    }
    is_read = bool(covered) and any(r.kind == "file" or _is_duckdb(r) for r in judged.plan.reads)
    place.connection.execute("CALL truncate_duckdb_logs()").fetchall()

    shelf.run(judged, structs.replace(draft, frames={}), signatures, query.frames)

    opened = place.connection.execute(
        "SELECT DISTINCT path FROM duckdb_logs_parsed('FileSystem') WHERE op IN ('OPEN', 'READ')"
    ).fetchall()
    paths = {os.path.realpath(path) for (path,) in opened if path}
    data = {path for path in paths if not path.startswith(str(place.scratch))}
    assert data <= covered
    assert bool(data) == (is_read and query.kind not in NOT_OPENED), "the log is not alive"


def _is_duckdb(read: Read) -> bool:
    return read.kind == "database" and read.name.endswith(".duckdb")


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
