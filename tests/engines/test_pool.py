"""Workers as a pool: fair, warm, bounded, and gone when the engine stops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import duckdb
import psutil
import pyarrow as pa
import pytest

from jupyter_views.core.errors import (
    Canceled,
    EngineFailed,
    Interrupted,
    NotAllowed,
    OutOfMemory,
    Unavailable,
)
from jupyter_views.core.ports import Draft, Read
from jupyter_views.engines.pool import Breaker
from jupyter_views.engines.task_errors import is_poison, to_error

from .workbench import MIB, Workbench, a_workbench

ENDLESS = "SELECT count(*) FROM range(200000) a, range(200000) b WHERE a.range + b.range < 0"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("pool")) as bench:
        yield bench


async def running(bench, run_id, sql=ENDLESS, **options):
    """Start a run and wait until a worker has told of it."""
    begun = asyncio.Event()
    task = asyncio.create_task(
        bench.arun(sql, on_progress=lambda _: begun.set(), id=run_id, **options)
    )
    await asyncio.wait_for(begun.wait(), 20)
    return task


async def stopped(bench, task, run_id):
    await bench.engine.cancel(run_id)
    with pytest.raises(Canceled):
        await task


def test_short_questions_do_not_wait_behind_what_users_run(bench):
    stored = bench.run("SELECT 1 AS a")
    draft = Draft(sql="SELECT 1", base_dir=str(bench.data))

    async def ask():
        task = await running(bench, "long")
        started = time.monotonic()
        plan = await bench.engine.check(draft)
        _, content = await bench.aencode(stored, "json")
        took = time.monotonic() - started
        await stopped(bench, task, "long")
        return plan, content, took

    plan, content, took = bench.wait(ask())
    assert plan.reads == ()
    assert content == b"[1]"
    assert took < 2


def test_a_queued_run_is_canceled_at_once_and_the_running_one_goes_on(bench):
    async def queue():
        first = await running(bench, "first")
        second = asyncio.create_task(bench.arun("SELECT 2", id="second"))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        assert await bench.engine.cancel("second")
        with pytest.raises(Canceled, match="before it began"):
            await second
        took = time.monotonic() - started
        assert not first.done()
        await stopped(bench, first, "first")
        return took

    assert bench.wait(queue()) < 0.5
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_runs_come_to_their_turn_in_the_order_they_were_asked_for(bench):
    done = []

    async def one(turn):
        await bench.arun(f"SELECT {turn}", id=f"turn-{turn}")
        done.append(turn)

    async def all_of_them():
        await asyncio.gather(*(one(turn) for turn in range(8)))

    bench.wait(all_of_them())
    assert done == list(range(8))


def test_whoever_stops_waiting_for_a_run_gives_the_worker_back(bench):
    async def leave():
        task = await running(bench, "left")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await bench.arun("SELECT 3 AS a")

    assert bench.rows(bench.wait(leave())) == [[3]]


def test_more_workers_start_when_runs_wait_but_never_more_than_allowed(tmp_path):
    with a_workbench(tmp_path, run_workers=2) as bench:
        warm = len(bench.workers())

        async def three():
            one = await running(bench, "one")
            two = await running(bench, "two")
            third = asyncio.create_task(bench.arun("SELECT 1"))
            await asyncio.sleep(0.5)
            count = len(bench.workers())
            is_waiting = not third.done()
            await stopped(bench, one, "one")
            await third
            await stopped(bench, two, "two")
            return count, is_waiting

        assert warm == 2
        assert bench.wait(three()) == (3, True)


def test_a_burst_of_runs_starts_no_more_workers_than_allowed(tmp_path):
    with a_workbench(tmp_path, run_workers=2) as bench:

        async def burst():
            sql = "SELECT sum(hash(i)) FROM range(20000000) t(i)"
            tasks = [asyncio.create_task(bench.arun(sql, id=f"b{turn}")) for turn in range(6)]
            most = 0
            while not all(task.done() for task in tasks):
                most = max(most, len(bench.workers()))
                await asyncio.sleep(0.02)
            await asyncio.gather(*tasks)
            return most

        assert bench.wait(burst()) == 3


def test_renderings_of_whole_results_leave_a_worker_for_short_questions(tmp_path):
    with a_workbench(tmp_path, read_workers=2) as bench:
        stored = bench.run("SELECT i AS a, md5(i::VARCHAR) AS b FROM range(3000000) t(i)")

        async def ask():
            heavy = [asyncio.create_task(bench.aencode(stored, "json")) for _ in range(2)]
            await asyncio.sleep(0.3)
            started = time.monotonic()
            _, content = await bench.aencode(stored, "json", limit=1, columns=("a",))
            took = time.monotonic() - started
            pending = sum(not task.done() for task in heavy)
            await asyncio.gather(*heavy)
            return content, took, pending

        content, took, pending = bench.wait(ask())
        assert content == b"[0]"
        assert pending >= 1
        assert took < 3


def test_sources_are_compared_with_what_a_run_recorded(bench):
    path = bench.data / "b.csv"
    path.write_text("x\n1\n")
    reads = (Read(kind="file", name="b.csv", path=str(path)),)
    recorded = bench.run("FROM 'b.csv'").signatures

    assert bench.wait(bench.engine.compare(reads, recorded)).moved == ()
    path.write_text("x\n2\n")
    assert bench.wait(bench.engine.compare(reads, recorded)).moved == ("b.csv",)
    assert bench.wait(bench.engine.compare((), ())).moved == ()


def test_a_refused_draft_is_refused_by_the_check(bench):
    with pytest.raises(NotAllowed):
        bench.wait(
            bench.engine.check(
                Draft(sql="SELECT * FROM read_text('/etc/passwd')", base_dir=str(bench.data))
            )
        )


def test_stopping_leaves_no_process_and_no_file_and_tells_who_waited(tmp_path):
    bench = Workbench(tmp_path)

    async def stop_in_the_middle():
        await bench.engine.start()
        pids = [worker.pid for worker in bench.workers()]
        task = await running(bench, "cut")
        queued = asyncio.create_task(bench.arun("SELECT 1"))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await bench.engine.stop()
        for each in (task, queued):
            with pytest.raises(Interrupted):
                await each
        return pids, time.monotonic() - started

    with bench.runner:
        pids, took = bench.wait(stop_in_the_middle())
        assert len(pids) == 2
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert list(bench.scratch.iterdir()) == []
        assert took < 5
        assert "stopped" in bench.engine.health()
        with pytest.raises(Unavailable):
            bench.run("SELECT 1")


def test_health_speaks_before_the_start_and_is_silent_after_it(tmp_path):
    bench = Workbench(tmp_path)
    with bench.runner:
        assert "not started" in bench.engine.health()
        started = time.monotonic()
        bench.wait(bench.engine.start())
        assert time.monotonic() - started < 15
        assert bench.engine.health() is None
        bench.wait(bench.engine.stop())


def test_an_engine_may_be_started_again_after_a_stop(tmp_path):
    bench = Workbench(tmp_path)
    with bench.runner:
        for _ in range(2):
            bench.wait(bench.engine.start())
            assert bench.engine.health() is None
            assert bench.rows(bench.run("SELECT 1")) == [[1]]
            bench.wait(bench.engine.stop())
            assert bench.workers() == []


def test_an_engine_that_cannot_start_says_so_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    bench = Workbench(tmp_path)
    with bench.runner:
        with pytest.raises(Unavailable, match="cannot start"):
            bench.wait(bench.engine.start())
        assert bench.engine.health()
        assert list(bench.scratch.iterdir()) == []


def test_what_a_killed_server_left_is_swept_at_the_next_start(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / "scratch" / f"engine-{gone.pid}-abcd"
    kept = tmp_path / "scratch" / f"engine-{os.getpid()}-abcd"
    other = tmp_path / "scratch" / "engine-room"
    for folder in (left, kept, other):
        (folder / "done").mkdir(parents=True)

    with a_workbench(tmp_path):
        assert not left.exists()
        assert kept.exists()
        assert other.exists()


def test_a_finished_result_outlives_its_worker(tmp_path):
    with a_workbench(tmp_path) as bench:

        async def finish_then_die():
            outcome = await bench.engine.run(bench.a_run("SELECT 5 AS a"), lambda _: None)
            for worker in bench.workers():
                worker.kill()
            await asyncio.sleep(0.5)
            return outcome

        outcome = bench.wait(finish_then_die())
        assert pa.ipc.open_file(outcome.path).read_all().to_pylist() == [{"a": 5}]


def test_memory_is_bounded_from_outside_where_the_engine_forgets_to_count(tmp_path):
    with a_workbench(tmp_path, memory_bytes=64 * MIB) as bench:
        sql = "SELECT list_transform(range(2000000), lambda x: repeat('y', 2000 + x % 7))"
        highest = 0

        async def watched():
            nonlocal highest
            task = asyncio.create_task(bench.arun(sql, seconds=30))
            while not task.done():
                for worker in bench.workers():
                    try:
                        highest = max(highest, worker.memory_info().rss)
                    except psutil.NoSuchProcess:
                        continue
                await asyncio.sleep(0.02)
            with pytest.raises(OutOfMemory):
                await task

        bench.wait(watched())
        assert highest < 1200 * MIB
        assert bench.rows(bench.run("SELECT 1")) == [[1]]
        assert bench.engine.health() is None


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_breaker_opens_at_the_fifth_crash_within_a_minute_and_closes_by_itself():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(4):
        breaker.record()
        clock.now += 10
    breaker.raise_if_open()
    breaker.record()

    assert breaker.seconds_open() == 20
    with pytest.raises(Unavailable) as caught:
        breaker.raise_if_open()
    assert caught.value.retry_after_seconds == 21
    clock.now += 20
    breaker.raise_if_open()
    assert breaker.seconds_open() == 0


def test_rare_crashes_never_open_the_breaker():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(50):
        breaker.record()
        clock.now += 16
        assert breaker.seconds_open() == 0


@pytest.mark.parametrize(
    ("error", "poisoned"),
    [
        (duckdb.InternalException("INTERNAL Error: vector"), True),
        (duckdb.FatalException("FATAL Error: database has been invalidated"), True),
        (OSError("INTERNAL Error: while streaming"), True),
        (duckdb.BinderException("Binder Error: no"), False),
        (MemoryError(), False),
    ],
)
def test_only_internal_errors_poison_an_engine(error, poisoned):
    assert is_poison(error) is poisoned


def test_errors_that_arrow_passes_on_are_told_like_the_engines_own():
    assert isinstance(to_error(MemoryError(), ""), OutOfMemory)
    assert isinstance(to_error(pa.ArrowMemoryError("malloc of size 1"), ""), OutOfMemory)
    assert isinstance(to_error(OSError("Out of Memory Error: x"), ""), OutOfMemory)
    assert "disk" in to_error(OSError(28, "No space left on device"), "").message
    late = to_error(OSError("Conversion Error: Could not convert string 'a' to INT32"), "SELECT 1")
    assert isinstance(late, EngineFailed)
    assert "Could not convert" in late.message
    strange = to_error(ZeroDivisionError("/secret/path"), "")
    assert isinstance(strange, EngineFailed)
    assert "secret" not in strange.message
