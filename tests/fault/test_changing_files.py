"""F20 and F21: files that change in every way there is, while nobody reads the views on them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time

import duckdb
import pytest

from jupyter_views.core.ports import Read

from .watch_bench import WatchBench, a_file, edit, remove, until


@pytest.fixture
def bench(tmp_path, jp_asyncio_loop):
    (tmp_path / "data").mkdir()
    made = WatchBench(tmp_path)
    yield made
    jp_asyncio_loop.run_until_complete(made.stop())


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def _append(path):
    with path.open("a") as file:
        file.write("2\n")


def _move_over(path):
    new = path.with_name("new")
    new.write_text("n\n2\n")
    os.replace(new, path)


def _make_a_folder_of_it(path):
    path.unlink()
    path.mkdir()


def _write_with_the_old_time(path):
    before = path.stat()
    path.write_text("n\n2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _make_the_folder_again(path):
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_text("n\n2\n")


def _exchange_the_folder(path):
    other = path.parent.with_name("other")
    other.mkdir()
    (other / path.name).write_text("n\n2\n")
    path.parent.rename(path.parent.with_name("old"))
    other.rename(path.parent)


def _make_a_link_of_it(path):
    target = path.parent.with_name("target")
    target.write_text("n\n2\n")
    path.unlink()
    path.symlink_to(target)


WAYS = {
    "appended to": _append,
    "written anew": lambda path: path.write_text("n\n2\n"),
    "emptied": lambda path: path.write_text(""),
    "deleted": lambda path: path.unlink(),
    "moved over": _move_over,
    "moved away": lambda path: path.rename(path.with_name("old")),
    "replaced by a folder": _make_a_folder_of_it,
    "replaced by a link": _make_a_link_of_it,
    "written with its time restored": _write_with_the_old_time,
    "made unreadable": lambda path: path.chmod(0),
    "only touched": os.utime,
    "deleted with its folder": lambda path: shutil.rmtree(path.parent),
    "in a folder that was made again": _make_the_folder_again,
    "in a folder that was exchanged": _exchange_the_folder,
}


@pytest.mark.parametrize("mode", ["events", "polling"])
async def test_F20_a_file_that_changed_is_noticed_however_it_did(tmp_path, mode):
    bench = WatchBench(tmp_path, mode=mode)
    paths = {}
    for number, way in enumerate(WAYS):
        folder = tmp_path / "data" / str(number) / "sub"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("n\n1\n")
        paths[way] = folder / "a.csv"
    ids = bench.save(*((a_file(path),) for path in paths.values()))
    (idle,) = bench.save((a_file(tmp_path / "data" / "idle.csv"),))
    await bench.start()

    for way, path in paths.items():
        WAYS[way](path)

    await until(lambda: set(ids) <= set(bench.calls), bench.calls)
    assert idle not in bench.calls
    await bench.stop()


async def test_F20_no_old_look_is_vouched_for_once_a_write_has_returned(tmp_path):
    bench = WatchBench(tmp_path)
    reads = []
    for number, _ in enumerate(WAYS):
        folder = tmp_path / "data" / str(number) / "sub"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("n\n1\n")
        reads.append(a_file(folder / "a.csv"))
    bench.save(*((read,) for read in reads))
    await bench.start()

    for (way, change), read in zip(WAYS.items(), reads, strict=True):
        await bench.vouches(read)
        looked = time.monotonic()
        since = bench.watching.quiet_since((read,))
        assert since is not None
        assert since <= looked
        change(tmp_path / "data" / read.path.split("/")[-3] / "sub" / "a.csv")
        since = bench.watching.quiet_since((read,))
        assert since is None or since > looked, way
    await bench.stop()


async def test_F20_a_pattern_gains_and_loses_a_file(bench, data):
    (data / "a.csv").write_text("1")
    reads = a_file(data / "*.csv"), a_file(data / "**/*.csv")
    flat, deep = bench.save((reads[0],), (reads[1],))
    await bench.start()

    (data / "b.csv").write_text("1")
    await bench.calls_for(flat)
    await bench.calls_for(deep)
    await bench.is_quiet()
    (data / "b.csv").unlink()
    await bench.calls_for(flat)
    await bench.is_quiet()
    (data / "x" / "y").mkdir(parents=True)
    (data / "x" / "y" / "c.csv").write_text("1")
    await bench.calls_for(deep)
    await bench.is_quiet()
    (data / "x" / "y" / "c.csv").write_text("22")
    await bench.calls_for(deep)
    await asyncio.sleep(0.3)
    assert flat not in bench.calls


async def test_F20_a_link_that_leads_elsewhere_now(bench, data):
    for name in ("one", "two"):
        (data / name).write_text("1")
    (data / "a.csv").symlink_to(data / "one")
    (view,) = bench.save((a_file(data / "a.csv"),))
    await bench.start()

    (data / "new").symlink_to(data / "two")
    os.replace(data / "new", data / "a.csv")
    await bench.calls_for(view)
    await bench.is_quiet()
    (data / "two").write_text("22")
    await bench.calls_for(view)
    assert bench.watching.quiet_since((a_file(data / "a.csv"),)) is None


async def test_F21_a_file_written_every_tenth_of_a_second_is_no_storm(bench, data):
    (data / "a.csv").write_text("0")
    (view,) = bench.save((a_file(data / "a.csv"),))
    await bench.start()

    written = 0.0
    for n in range(50):
        (data / "a.csv").write_text(str(n))
        written = time.monotonic()
        await asyncio.sleep(0.1)
    await until(lambda: bench.called_at > written)
    await asyncio.sleep(1.5)

    assert set(bench.calls) == {view}
    assert len(bench.calls) <= 8


async def test_one_file_of_ten_thousand_concerns_one_view_of_a_thousand(bench, data):
    reads = []
    for i in range(1000):
        (data / str(i)).mkdir()
        for j in range(10):
            (data / str(i) / f"{j}.csv").touch()
        reads.append((a_file(data / str(i) / "*.csv"),))
    ids = bench.save(*reads)
    await bench.start()
    await bench.vouches(*(read for each in reads for read in each))
    await bench.is_quiet()

    (data / "617" / "3.csv").write_text("1")
    await bench.calls_for(ids[617])
    await asyncio.sleep(0.5)

    assert set(bench.calls) == {ids[617]}


async def test_a_database_is_noticed_by_its_journals(bench, data):
    with duckdb.connect(str(data / "x.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS n")
    made = sqlite3.connect(data / "x.sqlite")
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("CREATE TABLE t (n)")
    made.commit()
    ids = bench.save(
        *((Read(kind="database", name=n, path=str(data / n)),) for n in ("x.duckdb", "x.sqlite"))
    )
    await bench.start()

    made.execute("INSERT INTO t VALUES (1)")
    made.commit()
    with duckdb.connect(str(data / "x.duckdb")) as writing:
        writing.execute("INSERT INTO t VALUES (2)")

    await until(lambda: set(ids) <= set(bench.calls), bench.calls)
    made.close()


async def test_a_table_is_noticed_by_its_log(bench, data):
    log = data / "sales" / "_delta_log"
    log.mkdir(parents=True)
    (view,) = bench.save((Read(kind="table", name="sales", path=str(data / "sales")),))
    await bench.start()

    (log / "00000000000000000001.json").write_text("{}")
    await bench.calls_for(view)


async def test_what_changed_while_no_server_ran_is_looked_at(bench, data):
    frame = Read(kind="frame", name="df", path="0" * 64)
    ids = bench.save((a_file(data / "a.csv"),), (a_file(data / "no" / "b.csv"),), (frame,))

    await bench.watching.start()

    await until(lambda: set(ids) <= set(bench.calls), bench.calls)


async def test_views_that_another_server_saves_edits_or_deletes_are_followed(bench, data):
    for name in ("a.csv", "b.csv", "c.csv"):
        (data / name).write_text("1")
    edited, deleted = bench.save((a_file(data / "a.csv"),), (a_file(data / "a.csv"),))
    await bench.start()

    (saved,) = bench.save((a_file(data / "b.csv"),))
    edit(bench.database, edited, (a_file(data / "c.csv"),))
    remove(bench.database, deleted)

    await bench.calls_for(saved)
    await bench.calls_for(edited)
    await bench.is_quiet()
    for name in ("a.csv", "b.csv", "c.csv"):
        (data / name).write_text("22")
    await bench.calls_for(saved)
    await bench.calls_for(edited)
    await asyncio.sleep(0.5)
    assert deleted not in bench.calls


async def test_a_view_saved_here_is_followed_at_once_and_left_alone_when_deleted(bench, data):
    (data / "a.csv").write_text("1")
    await bench.start()

    bench.watching.note(7, (a_file(data / "a.csv"),))
    await bench.calls_for(7)
    await bench.is_quiet()
    (data / "a.csv").write_text("22")
    await bench.calls_for(7)
    await bench.is_quiet()
    bench.watching.note(7, None)
    (data / "a.csv").write_text("333")
    await asyncio.sleep(0.5)
    assert bench.calls == []


async def test_a_change_before_a_view_was_known_is_not_vouched_away(bench, data):
    (data / "a.csv").write_text("1")
    read = a_file(data / "a.csv")
    bench.save((a_file(data / "b.csv"),))
    await bench.start()
    await bench.vouches(a_file(data / "b.csv"))
    looked = time.monotonic()

    (data / "a.csv").write_text("22")
    await asyncio.sleep(0.2)
    bench.watching.note(7, (read,))

    assert await bench.vouches(read) > looked


async def test_nobody_vouches_for_what_is_not_followed(bench, data):
    (data / "a.csv").write_text("1")
    read = a_file(data / "a.csv")
    frame, view = Read(kind="frame", name="df", path="0"), Read(kind="view", name="base")
    bench.save((read, frame, view))
    assert bench.watching.quiet_since((read,)) is None
    await bench.start()

    since = await bench.vouches(read, frame, view)
    assert bench.watching.quiet_since((frame, view)) is not None
    assert bench.watching.quiet_since((read,)) == since
    for kind in ("probe", "external", "unknown"):
        assert bench.watching.quiet_since((read, Read(kind=kind, name="?"))) is None
    assert bench.watching.quiet_since((read, a_file(data / "b.csv"))) is None
    await bench.watching.stop()
    assert bench.watching.quiet_since((read,)) is None


async def test_nobody_vouches_where_files_are_polled(tmp_path):
    bench = WatchBench(tmp_path, mode="polling")
    bench.save((a_file(tmp_path / "a.csv"),))
    await bench.start()

    assert bench.watching.quiet_since((a_file(tmp_path / "a.csv"),)) is None
    await bench.stop()


async def test_a_queue_that_ran_over_has_every_view_looked_at(bench, data):
    for name in ("a.csv", "b.csv", "c.csv"):
        (data / name).write_text("1")
    reads = a_file(data / "a.csv"), a_file(data / "c.csv")
    ids = bench.save((reads[0],), (reads[1],))
    await bench.start()
    looked = time.monotonic()

    for _ in range(9000):
        os.utime(data / "a.csv")
        os.utime(data / "b.csv")

    since = bench.watching.quiet_since((reads[1],))
    assert since is None or since > looked
    await until(lambda: set(ids) <= set(bench.calls), bench.calls)
    await bench.vouches(*reads)


async def test_a_change_that_nobody_told_is_found_on_the_round(tmp_path, jp_asyncio_loop):
    bench = WatchBench(tmp_path, round_seconds=0.1)
    ids = bench.save((Read(kind="external", name="orders"),), (a_file(tmp_path / "no.csv"),))
    await bench.start()

    await until(lambda: set(ids) <= set(bench.calls), bench.calls)
    await bench.stop()


async def test_a_probe_is_asked_now_and_then(bench, data):
    rule = {"changed_when": "SELECT max(n) FROM 'a.csv'"}
    (view,) = bench.save((a_file(data / "a.csv"),), rule=rule)
    await bench.start()

    (found,) = bench.watching._rows.find([view])
    assert [read.kind for read in found.reads] == ["file", "probe"]
    assert found.reads[1].sql == rule["changed_when"]
