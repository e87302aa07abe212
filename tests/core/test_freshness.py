"""Both tables of core/freshness.py, cell by cell, and what holds whatever the evidence."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jupyter_views.core.freshness import (
    DEFAULT_AGE,
    LAZY_FACTOR,
    SKEW,
    Action,
    Evidence,
    Mode,
    State,
    act,
    back_off,
    decide,
)
from jupyter_views.core.model import SECOND, Result

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
NOW = 20_000 * DAY
FRESH, STALE, VERY_STALE = State.FRESH, State.STALE, State.VERY_STALE


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


def decided(elapsed, evidence, *, now=NOW, age=None, max_staleness=None):
    return decide(a_result(now - elapsed), evidence, now=now, age=age, max_staleness=max_staleness)


VERIFIED = Evidence()
UNVERIFIED = Evidence(moved=None)
VOLATILE = Evidence(is_volatile=True)
MOVED = Evidence(moved=("a.csv", "b.csv"))
MOVED_VIEW = Evidence(moved_views=("sales",))
REDEFINED = Evidence(is_redefined=True)
EVERYTHING = Evidence(moved=("a.csv",), moved_views=("sales",), is_volatile=True, is_redefined=True)

CELLS = [
    # evidence, explicit age, elapsed → state, reason, names
    (REDEFINED, None, 1, STALE, "definition_changed", ()),
    (EVERYTHING, None, 1, STALE, "definition_changed", ()),
    (MOVED, None, 1, STALE, "source_changed", ("a.csv", "b.csv")),
    (MOVED, 10 * MINUTE, 1, STALE, "source_changed", ("a.csv", "b.csv")),
    (Evidence(moved=("a",), moved_views=("v",)), None, 1, STALE, "source_changed", ("a",)),
    (Evidence(moved=("a",), is_volatile=True), None, 1, STALE, "source_changed", ("a",)),
    (MOVED_VIEW, None, 1, STALE, "upstream_view", ("sales",)),
    (MOVED_VIEW, 10 * MINUTE, 1, STALE, "upstream_view", ("sales",)),
    (Evidence(moved=None, moved_views=("v",)), None, 1, STALE, "upstream_view", ("v",)),
    (VERIFIED, None, 0, FRESH, None, ()),
    (VERIFIED, None, 1000 * DAY, FRESH, None, ()),
    (VERIFIED, None, -1000 * DAY, FRESH, None, ()),
    (VERIFIED, MINUTE, MINUTE - 1, FRESH, None, ()),
    (VERIFIED, MINUTE, MINUTE, STALE, "age", ()),
    (VERIFIED, MINUTE, 3 * MINUTE - 1, STALE, "age", ()),
    (VERIFIED, MINUTE, 3 * MINUTE, VERY_STALE, "age", ()),
    (UNVERIFIED, MINUTE, MINUTE - 1, FRESH, None, ()),
    (UNVERIFIED, MINUTE, MINUTE, STALE, "age", ()),
    (VOLATILE, MINUTE, MINUTE - 1, FRESH, None, ()),
    (VOLATILE, 1000 * MINUTE, 999 * MINUTE, FRESH, None, ()),
    (UNVERIFIED, None, DEFAULT_AGE - 1, FRESH, None, ()),
    (UNVERIFIED, None, DEFAULT_AGE, STALE, "unverifiable", ()),
    (UNVERIFIED, None, 3 * DEFAULT_AGE - 1, STALE, "unverifiable", ()),
    (UNVERIFIED, None, 3 * DEFAULT_AGE, VERY_STALE, "unverifiable", ()),
    (VOLATILE, None, DEFAULT_AGE - 1, FRESH, None, ()),
    (VOLATILE, None, DEFAULT_AGE, STALE, "unverifiable", ()),
    (VOLATILE, None, 3 * DEFAULT_AGE, VERY_STALE, "unverifiable", ()),
]


@pytest.mark.parametrize(("evidence", "age", "elapsed", "state", "reason", "names"), CELLS)
def test_each_cell_of_the_decision(evidence, age, elapsed, state, reason, names):
    found = decided(elapsed, evidence, age=age)

    assert (found.state, found.reason, found.sources) == (state, reason, names)
    assert found.is_stale is (state is not FRESH)


@pytest.mark.parametrize("evidence", [VERIFIED, UNVERIFIED, EVERYTHING])
def test_without_rows_it_is_missing_whatever_else_is_known(evidence):
    found = decide(None, evidence, now=NOW, age=MINUTE, max_staleness=0)

    assert (found.state, found.reason, found.is_stale) == (State.MISSING, "never_run", True)
    assert (found.since, found.expires_at, found.is_exceeded) == (None, None, False)


@pytest.mark.parametrize("evidence", [MOVED, MOVED_VIEW, REDEFINED])
@pytest.mark.parametrize(
    ("age", "seen_ago", "state"),
    [
        (None, 0, STALE),
        (None, 3 * DEFAULT_AGE, STALE),
        (None, 3 * DEFAULT_AGE + 1, VERY_STALE),
        (MINUTE, 3 * MINUTE, STALE),
        (MINUTE, 3 * MINUTE + 1, VERY_STALE),
    ],
)
def test_a_change_makes_rows_very_stale_past_the_lazy_limit_since_it_was_seen(
    evidence, age, seen_ago, state
):
    seen = Evidence(
        moved=evidence.moved,
        moved_views=evidence.moved_views,
        is_redefined=evidence.is_redefined,
        changed_at=NOW - seen_ago,
    )

    found = decided(DAY, seen, age=age)

    assert (found.state, found.since) == (state, NOW - seen_ago)


def test_only_an_age_expires():
    assert decided(1, VERIFIED).expires_at is None
    assert decided(1, MOVED, age=MINUTE).expires_at is None
    assert decided(1, VERIFIED, age=MINUTE).expires_at == NOW - 1 + MINUTE
    assert decided(1, UNVERIFIED).expires_at == NOW - 1 + DEFAULT_AGE
    assert decided(DAY, VOLATILE).expires_at == NOW - DAY + DEFAULT_AGE


def test_rows_are_stale_by_age_since_that_age_passed():
    assert decided(DAY, VERIFIED, age=MINUTE).since == NOW - DAY + MINUTE
    assert decided(DAY, UNVERIFIED).since == NOW - DAY + DEFAULT_AGE


@pytest.mark.parametrize(
    ("stale_for", "is_exceeded"), [(0, False), (MINUTE, False), (MINUTE + 1, True)]
)
def test_a_bound_is_exceeded_once_rows_were_stale_for_longer(stale_for, is_exceeded):
    by_change = Evidence(moved=("a",), changed_at=NOW - stale_for)
    bound = {"max_staleness": MINUTE}

    assert decided(DAY, by_change, **bound).is_exceeded is is_exceeded
    assert decided(MINUTE + stale_for, VERIFIED, age=MINUTE, **bound).is_exceeded is is_exceeded


def test_a_bound_of_nothing_is_exceeded_at_once_and_no_bound_never():
    seen = Evidence(moved=("a",), changed_at=NOW - 1)

    assert decided(DAY, seen, max_staleness=0).is_exceeded
    assert not decided(DAY, seen).is_exceeded


ACTIONS = {
    # design, section 5: missing, fresh, stale, very stale
    Mode.FORCE_CACHE: ("cached", "cached", "cached", "cached"),
    Mode.BLOCKING: ("compute", "cached", "compute", "compute"),
    Mode.ASYNC: ("start", "cached", "start", "start"),
    Mode.LAZY_ASYNC: ("start", "cached", "cached", "start"),
    Mode.ASYNC_EXCEPT_ON_CACHE_MISS: ("compute", "cached", "start", "start"),
    Mode.FORCE_BLOCKING: ("compute", "compute", "compute", "compute"),
    Mode.FORCE_ASYNC: ("start", "start", "start", "start"),
}
WORDS = {
    "cached": Action.CACHED,
    "start": Action.CACHED_AND_START,
    "compute": Action.COMPUTE,
}
STATES = (State.MISSING, State.FRESH, State.STALE, State.VERY_STALE)


@pytest.mark.parametrize(
    ("mode", "state", "word"),
    [(mode, state, ACTIONS[mode][i]) for mode in Mode for i, state in enumerate(STATES)],
)
def test_each_cell_of_the_modes(mode, state, word):
    assert act(mode, state) is WORDS[word]


def test_back_off_doubles_from_five_seconds_to_an_hour():
    waits = [back_off(failures) // SECOND for failures in range(12)]

    assert waits == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]


@given(st.integers(0, 10**6))
def test_back_off_never_shrinks_and_never_passes_an_hour(failures):
    assert back_off(failures) <= back_off(failures + 1) <= 3600 * SECOND


names = st.tuples() | st.tuples(st.sampled_from(["a.csv", "b.csv"]))
instants = st.integers(NOW - 400 * DAY, NOW + 400 * DAY)
spans = st.integers(0, 400 * DAY)
ages = st.none() | st.integers(1, 30 * DAY)
bounds = st.none() | st.integers(0, 30 * DAY)
evidences = st.builds(
    Evidence,
    moved=st.none() | names,
    moved_views=names,
    is_volatile=st.booleans(),
    is_redefined=st.booleans(),
    changed_at=st.none() | instants,
)
unmoved = st.builds(
    Evidence, moved=st.sampled_from([None, ()]), is_volatile=st.booleans(), changed_at=st.none()
)


@given(instants, evidences, instants, ages, bounds)
def test_rows_are_never_fresh_when_anything_moved(computed_at, evidence, now, age, bound):
    assume(evidence.moved or evidence.moved_views or evidence.is_redefined)

    found = decide(a_result(computed_at), evidence, now=now, age=age, max_staleness=bound)

    assert found.is_stale
    assert found.reason in {"source_changed", "upstream_view", "definition_changed"}


@given(instants, evidences, instants, ages, bounds)
def test_a_decision_agrees_with_itself(computed_at, evidence, now, age, bound):
    found = decide(a_result(computed_at), evidence, now=now, age=age, max_staleness=bound)

    assert found.is_stale is (found.state in {STALE, VERY_STALE})
    assert (found.reason is None) is (not found.is_stale)
    assert (found.since is None) is (not found.is_stale)
    assert found.since is None or found.since <= now
    assert found.is_stale or not found.is_exceeded
    assert bound is not None or not found.is_exceeded
    assert not found.sources or found.reason in {"source_changed", "upstream_view"}


@given(instants, unmoved, ages, spans, spans)
def test_rows_that_are_stale_by_age_never_become_fresh_again(
    computed_at, evidence, age, earlier, more
):
    first = decide(a_result(computed_at), evidence, now=computed_at + earlier, age=age)
    later = decide(a_result(computed_at), evidence, now=computed_at + earlier + more, age=age)

    assert STATES.index(later.state) >= STATES.index(first.state)
    assert not first.is_stale or later.since == first.since


@given(instants, evidences, instants, spans, ages, bounds)
def test_a_change_that_was_seen_only_gets_worse(
    computed_at, evidence, changed_at, more, age, bound
):
    assume(evidence.moved)
    seen = Evidence(moved=evidence.moved, changed_at=changed_at)
    result, told = a_result(computed_at), {"age": age, "max_staleness": bound}

    first = decide(result, seen, now=changed_at, **told)
    later = decide(result, seen, now=changed_at + more, **told)

    assert later.since == first.since == changed_at
    assert STATES.index(later.state) >= STATES.index(first.state)
    assert later.is_exceeded or not first.is_exceeded


@given(instants, evidences, instants, ages, spans, spans)
def test_a_wider_bound_is_exceeded_no_sooner(computed_at, evidence, now, age, bound, more):
    result = a_result(computed_at)

    narrow = decide(result, evidence, now=now, age=age, max_staleness=bound)
    wide = decide(result, evidence, now=now, age=age, max_staleness=bound + more)

    assert narrow.is_exceeded or not wide.is_exceeded


@given(instants, instants)
def test_verified_rows_stay_fresh_however_the_clock_jumps(computed_at, now):
    assert decide(a_result(computed_at), VERIFIED, now=now).state is FRESH


@given(ages, st.sampled_from([UNVERIFIED, VOLATILE]), st.integers(SKEW + 1, 400 * DAY))
def test_rows_from_the_future_are_not_believed_where_age_decides(age, evidence, ahead):
    found = decided(-ahead, evidence, age=age)

    assert (found.state, found.since) == (STALE, NOW)
    assert not found.is_exceeded


@given(ages, st.sampled_from([UNVERIFIED, VOLATILE]), st.integers(0, SKEW))
def test_a_clock_that_is_a_little_behind_makes_nothing_stale(age, evidence, ahead):
    assert decided(-ahead, evidence, age=age).state is FRESH


@given(ages, st.sampled_from([UNVERIFIED, VOLATILE]))
def test_a_clock_that_jumps_ahead_makes_rows_stale_and_never_fresh(age, evidence):
    bound = DEFAULT_AGE if age is None else age

    assert decided(bound * LAZY_FACTOR + DAY, evidence, age=age).state is VERY_STALE


@given(instants, instants, st.sampled_from([MOVED, MOVED_VIEW, REDEFINED]))
def test_a_change_seen_by_a_clock_that_was_ahead_was_seen_now(computed_at, now, evidence):
    ahead = Evidence(
        moved=evidence.moved,
        moved_views=evidence.moved_views,
        is_redefined=evidence.is_redefined,
        changed_at=now + DAY,
    )

    found = decide(a_result(computed_at), ahead, now=now, max_staleness=0)

    assert (found.state, found.since, found.is_exceeded) == (STALE, now, False)
