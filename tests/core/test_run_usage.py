"""Runs counted and timed, by version and by day."""

from __future__ import annotations

from msgspec.structs import replace

from jupyter_views.core.executions import Execution
from jupyter_views.core.model import SECOND
from jupyter_views.core.run_usage import usages_of

DAY = 86_400 * SECOND
RUN = Execution(
    id="x",
    view_id=1,
    n=1,
    at=0,
    path="inline",
    cache="miss",
    duration_us=1000,
    rows=3,
    status="success",
    client="key",
)


def test_nothing_is_counted_as_nothing():
    (total,) = usages_of([])

    assert (total.runs, total.rows, total.cached_share, total.p50_ms) == (0, 0, None, None)


def test_runs_are_counted_by_version_and_day_the_newest_first():
    lines = [
        RUN,
        replace(RUN, at=1, cache="hit", duration_us=100),
        replace(RUN, n=2, at=DAY, cache="none", status="refused", rows=None),
        replace(RUN, n=2, at=DAY + 1, cache="none", status="failed", rows=None),
        replace(RUN, n=2, at=DAY + 2, duration_us=5000),
    ]

    found = {(usage.n, usage.day): usage for usage in usages_of(lines)}

    assert [key for key in found if key[1] is not None] == [(2, "1970-01-02"), (1, "1970-01-01")]
    assert [key for key in found if key[1] is None] == [(2, None), (1, None), (None, None)]
    total, second = found[None, None], found[2, None]
    assert (total.runs, total.errors, total.rows) == (5, 2, 9)
    assert total.cached_share == 1 / 3
    assert (second.runs, second.errors, second.cached_share, second.rows) == (3, 2, 0.0, 3)
    assert found[1, "1970-01-01"].p50_ms == 0.1


def test_times_are_those_that_so_many_runs_did_not_exceed():
    lines = [replace(RUN, duration_us=ms * 1000) for ms in range(100, 0, -1)]

    (total, *_) = [usage for usage in usages_of(lines) if usage.n is None]

    assert (total.p50_ms, total.p95_ms) == (50.0, 95.0)
