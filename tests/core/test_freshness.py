"""One test per cell of the table in core/freshness.py."""

from __future__ import annotations

import pytest

from jupyter_views.core.freshness import DEFAULT_AGE, State, back_off, decide
from jupyter_views.core.model import SECOND, Result

MINUTE = 60 * SECOND
NOW = 1_000_000 * SECOND


def a_result(computed_at):
    return Result(
        id="res",
        sha256="0",
        row_count=1,
        size_bytes=1,
        columns=(),
        truncated=None,
        computed_at=computed_at,
        duration_us=1,
        saved_at=computed_at,
        signatures=(),
    )


CELLS = [
    # moved, volatile, age, elapsed → state, reason
    ((), False, None, 1000 * 86_400 * SECOND, State.FRESH, None),
    (("a.csv",), False, None, 1, State.STALE, "source_changed"),
    (("a.csv",), True, 10 * MINUTE, 1, State.STALE, "source_changed"),
    (None, False, None, DEFAULT_AGE - 1, State.FRESH, None),
    (None, False, None, DEFAULT_AGE, State.STALE, "unverifiable"),
    (None, False, None, 3 * DEFAULT_AGE, State.VERY_STALE, "unverifiable"),
    ((), True, None, DEFAULT_AGE - 1, State.FRESH, None),
    ((), True, None, DEFAULT_AGE, State.STALE, "unverifiable"),
    ((), False, MINUTE, MINUTE - 1, State.FRESH, None),
    ((), False, MINUTE, MINUTE, State.STALE, "age"),
    ((), False, MINUTE, 3 * MINUTE, State.VERY_STALE, "age"),
    (None, True, MINUTE, MINUTE - 1, State.FRESH, None),
    ((), False, None, -5 * MINUTE, State.FRESH, None),
    (None, False, None, -5 * MINUTE, State.FRESH, None),
]


@pytest.mark.parametrize(("moved", "volatile", "age", "elapsed", "state", "reason"), CELLS)
def test_each_cell_of_the_table(moved, volatile, age, elapsed, state, reason):
    found = decide(a_result(NOW - elapsed), now=NOW, moved=moved, is_volatile=volatile, age=age)

    assert (found.state, found.reason) == (state, reason)
    assert found.is_stale is (state is not State.FRESH)


def test_no_result_is_missing():
    found = decide(None, now=NOW, moved=None, is_volatile=False)

    assert (found.state, found.reason) == (State.MISSING, "never_run")


def test_a_change_seen_long_ago_is_very_stale():
    found = decide(
        a_result(NOW - 86_400 * SECOND),
        now=NOW,
        moved=("a.csv",),
        is_volatile=False,
        changed_since=NOW - 16 * MINUTE,
    )

    assert found.state is State.VERY_STALE
    assert found.sources == ("a.csv",)


def test_back_off_doubles_from_five_seconds_to_an_hour():
    waits = [back_off(failures) // SECOND for failures in range(12)]

    assert waits == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
