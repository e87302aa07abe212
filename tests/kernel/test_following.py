from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from jupyter_views.core.errors import Unavailable
from jupyter_views.kernel import following
from jupyter_views.kernel.following import Follower


def until(condition, seconds=5.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_it_looks_as_often_as_the_look_itself_asks_for():
    looks = []

    def look():
        looks.append(time.monotonic())
        return 0.02

    follower = Follower(look)
    follower.watch()
    until(lambda: len(looks) >= 4)
    follower.rest()

    assert all(later - earlier >= 0.02 for earlier, later in pairwise(looks))


def test_nothing_looks_before_somebody_watches_and_after_the_last_one_rests():
    looks = []
    follower = Follower(lambda: looks.append(1) or 0.01)
    assert not looks

    follower.watch()
    until(lambda: looks)
    follower.rest()
    until(lambda: follower._thread is None)
    seen = len(looks)
    time.sleep(0.05)

    assert len(looks) == seen


def test_it_ends_by_itself_when_nobody_renews_the_lease(monkeypatch):
    monkeypatch.setattr(following, "LEASE_SECONDS", 0.1)
    follower = Follower(lambda: 0.01)

    follower.watch()

    until(lambda: follower._thread is None)
    assert not follower.is_following


def test_a_renewed_lease_keeps_one_thread():
    follower = Follower(lambda: 0.01)
    follower.watch()
    first = follower._thread

    for _ in range(5):
        follower.watch()

    assert follower._thread is first
    follower.rest()


@pytest.mark.parametrize("error", [ConnectionError("gone"), Unavailable("starting")])
def test_a_server_that_does_not_answer_is_left_alone_however_often_the_lease_is_renewed(error):
    looks = []

    def look():
        looks.append(1)
        raise error

    follower = Follower(look)
    limit = time.monotonic() + 0.5
    while time.monotonic() < limit:
        follower.watch()
        time.sleep(0.01)
        follower.rest()

    assert len(looks) == 1


def test_the_pause_doubles_with_every_failure_up_to_a_minute():
    def look():
        raise ConnectionError

    follower = Follower(look)

    assert [follower._looked() for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_an_answer_forgives_the_failures_before_it():
    answers = iter([ConnectionError(), ConnectionError(), 3.0, ConnectionError()])

    def look():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    follower = Follower(look)

    assert [follower._looked() for _ in range(4)] == [2, 4, 3.0, 2]


def test_rest_wakes_a_thread_that_pauses():
    began = threading.Event()
    follower = Follower(lambda: began.set() or 60.0)
    follower.watch()
    began.wait(5)

    follower.rest()

    until(lambda: follower._thread is None, seconds=1)
