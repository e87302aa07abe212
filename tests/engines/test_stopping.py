"""A query that runs too long or is not wanted stops; until then it tells how far it is."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from jupyter_views.core.errors import Canceled, TimedOut

from .workbench import a_workbench

ENDLESS = "SELECT count(*) FROM range(200000) a, range(200000) b WHERE a.range + b.range < 0"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("stopping")) as bench:
        yield bench


FOREVER = [
    ENDLESS,
    "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
    "SELECT a FROM (SELECT hash(range) AS a FROM range(100000000000)) WHERE a = 1",
]


@pytest.mark.parametrize("sql", FOREVER)
def test_a_query_without_end_stops_at_its_limit_and_the_worker_lives_on(bench, sql):
    pids = [worker.pid for worker in bench.workers()]
    started = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        bench.run(sql, seconds=1)

    assert 0.9 < time.monotonic() - started < 3.5
    assert "1 s" in caught.value.message
    assert [worker.pid for worker in bench.workers()] == pids
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_a_flood_of_rows_is_cut_and_not_waited_for(bench):
    outcome = bench.run("SELECT * FROM generate_series(1, 2000000000)", rows=1000)

    assert (outcome.row_count, outcome.truncated) == (1000, "rows")
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_progress_comes_at_most_five_times_a_second_and_rises(bench):
    seen = []

    outcome = bench.run(
        "SELECT sum(hash(i) % 7) FROM range(250000000) t(i)",
        on_progress=lambda progress: seen.append((time.monotonic(), progress)),
    )

    assert outcome.row_count == 1
    gaps = [later[0] - sooner[0] for sooner, later in itertools.pairwise(seen)]
    assert len(seen) >= 2
    assert sum(gaps) / len(gaps) > 0.15
    fractions = [each.fraction for _, each in seen if each.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0
    assert max(fractions) <= 1


def test_progress_counts_the_rows_that_are_written(bench):
    seen = []

    bench.run(
        "SELECT md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range(3000000) t(i)",
        on_progress=seen.append,
    )

    writing = [each.rows for each in seen if each.stage == "writing"]
    assert writing == sorted(writing)
    assert writing[0] > 0
    assert writing[-1] <= 3_000_000


async def canceled_after(bench, seconds, **options):
    task = asyncio.create_task(bench.arun(ENDLESS, id="victim", **options))
    await asyncio.sleep(seconds)
    asked = time.monotonic()
    assert await bench.engine.cancel("victim")
    with pytest.raises(Canceled):
        await task
    return time.monotonic() - asked


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.005, 0.02, 0.5])
def test_a_cancel_is_never_lost_however_early_it_comes(bench, seconds):
    pids = [worker.pid for worker in bench.workers()]

    assert bench.wait(canceled_after(bench, seconds)) < 1.5

    assert [worker.pid for worker in bench.workers()] == pids
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def test_a_cancel_of_what_does_not_run_says_so(bench):
    assert bench.wait(bench.engine.cancel("nobody")) is False
    bench.run("SELECT 1", id="over")
    assert bench.wait(bench.engine.cancel("over")) is False


def test_a_late_cancel_does_not_hit_the_next_run(bench):
    async def race():
        for turn in range(30):
            task = asyncio.create_task(bench.arun("SELECT 1", id=f"r{turn}"))
            await asyncio.sleep(0.0005 * turn)
            await bench.engine.cancel(f"r{turn}")
            await asyncio.wait([task])
            task.exception()
            assert (await bench.arun("SELECT 2")).row_count == 1

    bench.wait(race())
