"""How often somebody may run, by the minute and by the hour, for each way to rows."""

from __future__ import annotations

import pytest

from jupyter_views.core.errors import TooMany
from jupyter_views.core.model import Actor
from jupyter_views.core.run_limits import LIMITS, RunLimits

KEY = Actor(name="ana", key_id="key_1")


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> int:
        return int(self.seconds * 1_000_000)

    def monotonic(self) -> float:
        return self.seconds


def taken(limits, clock, path, pause, most) -> int:
    """How many runs go through, one every ``pause`` seconds."""
    for count in range(most):
        try:
            limits.take(KEY, path)
        except TooMany as refused:
            assert 1 <= refused.retry_after_seconds <= 3600
            return count
        clock.seconds += pause
    return most


@pytest.mark.parametrize("path", LIMITS)
def test_by_the_minute_and_by_the_hour(path):
    (by_minute, _), (by_hour, _) = LIMITS[path]

    clock = Clock()
    assert taken(RunLimits(clock), clock, path, 0.0, 20_000) == by_minute
    clock = Clock()
    assert taken(RunLimits(clock), clock, path, 61 / by_minute, 20_000) == by_hour


def test_ways_and_keys_are_counted_apart_and_time_forgives():
    clock = Clock()
    limits = RunLimits(clock)
    taken(limits, clock, "inline", 0.0, 300)

    limits.take(KEY, "materialized")
    limits.take(Actor(name="ana", key_id="key_2"), "inline")
    with pytest.raises(TooMany):
        limits.take(KEY, "inline")
    clock.seconds += 61
    limits.take(KEY, "inline")


def test_a_signed_in_person_is_not_counted_for_his_own():
    limits = RunLimits(Clock())

    for _ in range(1000):
        limits.take(Actor(name="ana"), "inline")
