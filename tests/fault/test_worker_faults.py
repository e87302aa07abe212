"""Workers that die, hang or run out of room: one task fails, the next is fine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from engines.workbench import MIB, a_workbench

from jupyter_views.core.errors import (
    Canceled,
    EngineCrashed,
    EngineFailed,
    TimedOut,
    Unavailable,
)

ENDLESS = "SELECT count(*) FROM range(200000) a, range(200000) b WHERE a.range + b.range < 0"
# One call of one function: the engine looks at neither clock nor interrupt.
DEAF = "SELECT jaro_similarity(repeat('ab', 800000), repeat('cd', 800000))"


@pytest.fixture
def bench(tmp_path):
    with a_workbench(tmp_path) as bench:
        yield bench


async def running(bench, sql=ENDLESS, **options):
    """A run that a worker has begun, and that worker."""
    options.setdefault("id", "victim")
    task = asyncio.create_task(bench.arun(sql, **options))
    while not (found := [each for each in bench.workers() if is_busy(each)]):
        await asyncio.sleep(0.02)
        assert not task.done()
    return task, found[0]


def is_busy(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cwd().endswith("/data")
    return False


async def until_healthy(bench, count=2):
    for _ in range(500):
        if bench.engine.health() is None and len(bench.workers()) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(bench.engine.health())


async def until_gone(worker):
    """Killed is not dead yet: on a busy machine the end takes its time."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for _ in range(500):
            if worker.status() == psutil.STATUS_ZOMBIE:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(worker)


async def until_swept(bench):
    """The dead worker's folder goes in the background: soon, not at once."""
    for _ in range(500):
        left = [*bench.scratch.glob("*/*/*.arrow"), *bench.scratch.glob("*/*/rendered.*")]
        if not left:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(left)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_worker_that_dies_fails_its_run_only(bench, how):
    async def crash():
        task, worker = await running(bench)
        worker.send_signal(how)
        with pytest.raises(EngineCrashed) as caught:
            await task
        return worker.pid, caught.value

    pid, error = bench.wait(crash())

    assert error.hint
    assert bench.rows(bench.run("SELECT 1")) == [[1]]
    assert pid not in [worker.pid for worker in bench.workers()]
    assert bench.engine.health() is None
    bench.wait(until_swept(bench))


def test_a_worker_killed_while_it_writes_leaves_no_file(bench):
    async def crash():
        writing = asyncio.Event()
        task = asyncio.create_task(
            bench.arun(
                "SELECT md5(i::VARCHAR) AS a FROM range(100000000) t(i)",
                rows=10**9,
                on_progress=lambda progress: writing.set() if progress.rows else None,
            )
        )
        await asyncio.wait_for(writing.wait(), 20)
        assert list(bench.scratch.glob("*/run-*/result.arrow"))
        for worker in bench.workers():
            worker.kill()
        with pytest.raises(EngineCrashed):
            await task
        await until_healthy(bench)

    bench.wait(crash())
    bench.wait(until_swept(bench))
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_a_reader_killed_while_it_encodes_fails_that_rendering_only(bench):
    stored = bench.run("SELECT i AS a, md5(i::VARCHAR) AS b FROM range(3000000) t(i)")

    async def crash():
        task = asyncio.create_task(bench.aencode(stored, "json"))
        for _ in range(2000):
            await asyncio.sleep(0.005)
            if list(bench.scratch.glob("*/read-*/rendered.json")):
                break
        for worker in bench.workers():
            worker.kill()
        with pytest.raises(EngineCrashed):
            await task
        await until_healthy(bench)

    bench.wait(crash())
    assert bench.encode(stored, "json", limit=1, columns=("a",)) == b"[0]"
    bench.wait(until_swept(bench))


def test_idle_workers_that_die_are_replaced_by_themselves(bench):
    async def crash():
        before = {worker.pid for worker in bench.workers()}
        for worker in bench.workers():
            worker.kill()
        await asyncio.sleep(0.05)
        await until_healthy(bench)
        return before & {worker.pid for worker in bench.workers()}

    assert bench.wait(crash()) == set()
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_a_query_that_hears_nothing_is_killed_two_seconds_after_its_limit(bench):
    started = time.monotonic()

    with pytest.raises(TimedOut):
        bench.run(DEAF, seconds=0.5)

    assert 2.3 < time.monotonic() - started < 5
    assert bench.rows(bench.run("SELECT 1")) == [[1]]
    assert bench.engine.health() is None


def test_a_cancel_that_is_not_heard_kills_after_two_seconds(bench):
    async def cancel():
        task, _ = await running(bench, DEAF)
        await asyncio.sleep(0.2)
        started = time.monotonic()
        assert await bench.engine.cancel("victim")
        with pytest.raises(Canceled):
            await task
        return time.monotonic() - started

    assert 1.5 < bench.wait(cancel()) < 4
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_a_frozen_worker_gives_its_place_back(bench):
    async def freeze():
        task, worker = await running(bench, seconds=2)
        worker.suspend()
        with pytest.raises(TimedOut):
            await task
        return worker

    worker = bench.wait(freeze())
    assert bench.rows(bench.run("SELECT 1")) == [[1]]
    bench.wait(until_gone(worker))


def test_stopping_ends_even_frozen_workers(tmp_path):
    with a_workbench(tmp_path) as bench:
        frozen = bench.workers()
        for worker in frozen:
            worker.suspend()
    assert not any(psutil.pid_exists(worker.pid) for worker in frozen)


def test_five_crashes_in_a_minute_rest_the_engine_and_it_says_so(bench):
    async def crash_often():
        for _ in range(5):
            await until_healthy(bench)
            task, worker = await running(bench)
            worker.kill()
            with pytest.raises(EngineCrashed):
                await task

    bench.wait(crash_often())

    assert "crashed" in bench.engine.health()
    with pytest.raises(Unavailable) as caught:
        bench.run("SELECT 1")
    assert 1 <= caught.value.retry_after_seconds <= 61


def test_a_full_disk_is_told_and_recovers(bench):
    sql = "SELECT md5(i::VARCHAR) AS a FROM range(300000) t(i)"
    for worker in bench.workers():
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (MIB, hard))

    with pytest.raises(EngineFailed) as caught:
        bench.run(sql)

    assert "disk" in caught.value.message
    assert list(bench.scratch.glob("*/run-*/*.arrow")) == []
    assert bench.rows(bench.run("SELECT 1")) == [[1]]
    for worker in bench.workers():
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert bench.run(sql).row_count == 300000


SERVER = """
    import asyncio, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from engines.workbench import Workbench

    async def main():
        bench = Workbench(Path({folder!r}))
        await bench.engine.start()
        sql = {sql!r}
        if sql:
            asyncio.create_task(bench.arun(sql))
            await asyncio.sleep(1)
        print(*(worker.pid for worker in bench.workers()), flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


@pytest.mark.parametrize("sql", ["", ENDLESS, DEAF], ids=["idle", "running", "deaf"])
def test_no_worker_outlives_a_killed_server(tmp_path, sql):
    tests = str(Path(__file__).parents[1])
    script = textwrap.dedent(SERVER).format(tests=tests, folder=str(tmp_path), sql=sql)
    root = str(Path(tests).parent)
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    try:
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()

    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
