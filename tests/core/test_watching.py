from __future__ import annotations

import asyncio
import logging
import time

import pytest

from jupyter_views.core.looks import Looks
from jupyter_views.core.ports import Read
from jupyter_views.core.watch_index import Extent, WatchIndex

LOG = logging.getLogger("test")


def a_file(name: str, folder: str = "/data") -> Read:
    return Read(kind="file", name=name, path=f"{folder}/{name}")


def an_index(*reads: Read) -> WatchIndex:
    """View 1 reads the first, view 2 the second, and so on."""
    index = WatchIndex()
    for view_id, read in enumerate(reads, 1):
        index.put(view_id, (read,), 0.0)
    return index


def views(index: WatchIndex, changes: dict[str, set[str] | None]) -> set[int]:
    return {view_id for source in index.matching(changes) for view_id in source.views}


def test_a_file_is_found_by_its_folder_and_name():
    index = an_index(a_file("a.csv"), a_file("b.csv"), a_file("a.csv", "/other"))

    assert views(index, {"/data": {"a.csv"}}) == {1}
    assert views(index, {"/data": {"a.csv", "c.csv"}, "/other": {"a.csv"}}) == {1, 3}
    assert views(index, {"/data": {"A.csv"}, "/dat": {"a.csv"}}) == set()


@pytest.mark.parametrize(
    ("pattern", "folder", "name"),
    [
        ("*.csv", "/data", "a.csv"),
        ("2024-??.csv", "/data", "2024-01.csv"),
        ("[ab].csv", "/data", "b.csv"),
        ("[!b].csv", "/data", "a.csv"),
        ("[]a].csv", "/data", "].csv"),
        ("odd[1].csv", "/data", "odd[1].csv"),
        ("?.csv", "/data", "é.csv"),
        ("*.csv", "/data", "new\nline.csv"),
        ("*.csv", "/data", "\udcff.csv"),
        ("*/a.csv", "/data/x", "a.csv"),
        ("y=*/m=0?/*.parquet", "/data/y=1/m=02", "p.parquet"),
        ("**/*.csv", "/data", "a.csv"),
        ("**/*.csv", "/data/x/y/z", "a.csv"),
        ("**", "/data/x", "anything"),
        ("x*/**/a.csv", "/data/x1/y/z", "a.csv"),
        ("x/**", "/data/x", "a"),
    ],
)
def test_a_file_is_found_by_a_pattern_that_means_it(pattern, folder, name):
    assert views(an_index(a_file(pattern)), {folder: {name}}) == {1}


@pytest.mark.parametrize(
    ("pattern", "folder", "name"),
    [
        ("*.csv", "/data", "a.csv.gz"),
        ("*.csv", "/data/x", "a.csv"),
        ("2024-*.csv", "/data", "2023-01.csv"),
        ("*/a.csv", "/data", "a.csv"),
        ("*/a.csv", "/data/x/y", "a.csv"),
        ("y=*/m=01/*.parquet", "/data/y=1/m=02", "p.parquet"),
        ("**/*.csv", "/data2", "a.csv"),
    ],
)
def test_a_file_is_not_found_by_another_pattern(pattern, folder, name):
    assert views(an_index(a_file(pattern)), {folder: {name}}) == set()


def test_a_database_is_found_by_its_journals():
    index = an_index(Read(kind="database", name="x.duckdb", path="/data/x.duckdb"))

    for name in ("x.duckdb", "x.duckdb.wal", "x.duckdb-wal", "x.duckdb-journal"):
        assert views(index, {"/data": {name}}) == {1}
    assert views(index, {"/data": {"x.duckdb.bak"}}) == set()


def test_a_table_is_found_by_its_log_and_not_by_its_parts():
    index = an_index(Read(kind="table", name="sales", path="/data/sales"))

    assert views(index, {"/data/sales/_delta_log": {"00000000000000000002.json"}}) == {1}
    assert views(index, {"/data/sales/metadata": {"v3.metadata.json"}}) == {1}
    assert views(index, {"/data/sales": {"part-0.parquet"}}) == set()


def test_a_folder_whose_name_looks_like_a_pattern_is_none():
    path = "/data/[[]1]/a.csv"
    index = an_index(Read(kind="file", name="a.csv", path=path))

    assert views(index, {"/data/[1]": {"a.csv"}}) == {1}


def test_all_views_of_a_folder_are_found_where_nothing_more_is_known():
    index = an_index(a_file("a.csv"), a_file("x/*.csv"), a_file("**/*.csv"), a_file("b/c.csv"))

    assert views(index, {"/data": None}) == {1, 3}
    assert views(index, {"/data/x": None}) == {2, 3}


def test_where_there_are_too_many_pairs_to_compare_all_patterns_are_found():
    index = an_index(*(a_file(f"{i}-*.csv") for i in range(300)))
    names = {f"x{i}" for i in range(200)}

    assert len(views(index, {"/data": names})) == 300


def test_a_view_that_reads_no_files_needs_no_folder():
    frame = Read(kind="frame", name="df", path="0" * 64)
    index = an_index(frame, Read(kind="view", name="base"), Read(kind="unknown", name="?"))

    assert index.take_folders() == []
    assert index.view_ids == [1, 2, 3]


def test_a_folder_matters_as_far_as_the_reads_go():
    index = an_index(a_file("a.csv"), a_file("b.csv"), a_file("x/*/*.csv"))

    assert dict(index.take_folders()) == {
        "/data": Extent(names=frozenset({"a.csv", "b.csv"})),
        "/data/x": Extent(depth=1),
    }
    assert index.take_folders() == []


def test_a_folder_without_readers_matters_no_longer():
    index = an_index(a_file("a.csv"), a_file("*.csv"), a_file("a.csv"))
    index.take_folders()

    index.drop(2)
    assert dict(index.take_folders()) == {"/data": Extent(names=frozenset({"a.csv"}))}
    index.drop(1)
    assert index.take_folders() == []
    index.drop(3)
    assert index.take_folders() == [("/data", None)]
    assert views(index, {"/data": None}) == set()


def test_a_view_that_reads_something_else_now():
    index = an_index(a_file("a.csv"))
    index.take_folders()

    assert index.put(1, (a_file("b.csv", "/other"),), 5.0)
    assert not index.put(1, (a_file("b.csv", "/other"),), 6.0)

    assert dict(index.take_folders()) == {
        "/data": None,
        "/other": Extent(names=frozenset({"b.csv"})),
    }
    source = index.source(a_file("b.csv", "/other"))
    assert source is not None
    assert source.touched == 5.0
    assert index.source(a_file("a.csv")) is None


def test_a_probe_is_remembered_until_it_is_taken_away():
    index = an_index(a_file("a.csv"))
    probe = Read(kind="probe", name="changed_when", path="/data", sql="SELECT 1")

    index.put(1, (a_file("a.csv"), probe), 0.0)
    assert index.probed == [1]
    index.put(1, (a_file("a.csv"),), 0.0)
    assert index.probed == []


class Clock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class Bench:
    """Looks whose calls end when the test says so."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.holds: dict[int, asyncio.Event] = {}
        self.looks = Looks(on_changed=self._look, clock=Clock(), log=LOG)

    async def _look(self, view_ids: frozenset[int]) -> None:
        (view_id,) = view_ids
        self.calls.append(view_id)
        if view_id in self.holds:
            await self.holds[view_id].wait()
        if view_id < 0:
            raise ValueError(view_id)

    async def until(self, count: int) -> None:
        until = time.monotonic() + 10
        while len(self.calls) < count:
            assert time.monotonic() < until, self.calls
            await asyncio.sleep(0.005)


@pytest.fixture
def bench(jp_asyncio_loop):
    made = Bench()
    yield made
    jp_asyncio_loop.run_until_complete(made.looks.stop())


async def test_a_burst_of_changes_is_one_look(bench):
    bench.looks.start()
    for _ in range(20):
        bench.looks.soon((1,))
        await asyncio.sleep(0.005)
    await bench.until(1)
    await asyncio.sleep(0.3)

    assert bench.calls == [1]


async def test_a_file_that_is_written_without_end_is_looked_at_once_a_second(bench):
    bench.looks.start()
    began = time.monotonic()
    while time.monotonic() < began + 2.5:
        bench.looks.soon((1,))
        await asyncio.sleep(0.05)
    seen = len(bench.calls)
    await bench.until(seen + 1)

    # At 1.0 and 2.0 s, and the last state: fewer where the machine is slow.
    assert 1 <= seen <= 2


async def test_a_view_that_changes_while_it_is_looked_at_is_looked_at_once_more(bench):
    bench.looks.start()
    bench.holds[1] = asyncio.Event()
    bench.looks.soon((1,))
    await bench.until(1)

    for _ in range(5):
        bench.looks.soon((1,))
        bench.looks.later((1,))
    await asyncio.sleep(0.3)
    assert bench.calls == [1]
    bench.holds[1].set()
    await bench.until(2)
    await asyncio.sleep(0.3)

    assert bench.calls == [1, 1]


async def test_a_slow_view_keeps_no_other_waiting(bench):
    bench.looks.start()
    bench.holds[1] = asyncio.Event()
    bench.looks.soon((1, 2))
    await bench.until(2)

    bench.looks.soon((2,))
    await bench.until(3)

    assert sorted(bench.calls) == [1, 2, 2]


async def test_what_changed_comes_before_what_is_only_not_known(bench):
    bench.looks.start()
    bench.holds = {view_id: asyncio.Event() for view_id in range(100)}
    bench.looks.later(range(100))
    await bench.until(16)

    bench.looks.soon((99, 200))
    await bench.until(18)

    assert sorted(bench.calls[16:]) == [99, 200]
    for hold in bench.holds.values():
        hold.set()
    await bench.until(101)
    assert sorted(bench.calls) == [*range(100), 200]


async def test_no_more_than_can_be_borne_are_looked_at_at_once(bench):
    bench.looks.start()
    bench.holds = {view_id: asyncio.Event() for view_id in range(200)}
    bench.looks.soon(range(200))
    await bench.until(64)
    await asyncio.sleep(0.1)

    assert len(bench.calls) == 64
    for hold in bench.holds.values():
        hold.set()
    await bench.until(200)
    assert sorted(bench.calls) == list(range(200))


async def test_a_look_that_fails_ends_nothing(bench, caplog):
    bench.looks.start()
    bench.looks.soon((-1, 2))
    await bench.until(2)
    bench.looks.soon((-1,))
    await bench.until(3)

    assert bench.calls.count(-1) == 2
    assert "could not be looked at" in caplog.text


async def test_a_view_that_is_gone_is_not_looked_at(bench):
    bench.looks.start()
    bench.looks.soon((1, 2))
    bench.looks.forget(1)
    await bench.until(1)
    await asyncio.sleep(0.2)

    assert bench.calls == [2]
