"""Is a stored result still right, if not why, and what a reader gets: pure decisions.

The state, from top to bottom; the first line that fits decides:

=====================================================  ====================================
evidence                                               state
=====================================================  ====================================
no result                                              missing (never_run)
the rows are of an earlier definition                  stale (definition_changed)
a source differs from what was recorded                stale (source_changed)
a view that is read differs, or is itself stale        stale (upstream_view)
all sources verified equal, nothing volatile, no age   fresh at any age
an explicit age or schedule that has passed            stale (age)
unverifiable source or volatile query, no age          fresh for 5 min, stale (unverifiable)
=====================================================  ====================================

A stale result is *very* stale past the lazy limit: three times its age after
it was computed, or after a change was first seen.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .model import SECOND, Instant, Result

DEFAULT_AGE: Instant = 300 * SECOND
LAZY_FACTOR = 3
CHANGE_REASONS = frozenset({"source_changed", "upstream_view", "definition_changed"})
"""Reasons that say what changed; the others are of age."""
SKEW: Instant = 60 * SECOND
"""A result computed further in the future than this was stamped by a clock that
has jumped: its age is not known, so an age that decides has passed."""


class State(StrEnum):
    """How much a stored result can be trusted."""

    MISSING = "missing"
    FRESH = "fresh"
    STALE = "stale"
    VERY_STALE = "very_stale"


class Freshness(Struct, frozen=True, kw_only=True):
    """A state with its reason.

    Attributes
    ----------
    reason
        source_changed, definition_changed, age, upstream_view, never_run or
        unverifiable; None while fresh.
    sources
        Names of the sources or views that moved.
    expires_at
        When an age will make, or has made, the result stale; None where
        sources decide.
    since
        When it became stale, as far as anybody saw; None while fresh.
    is_exceeded
        Stale for longer than the view's ``max_staleness_seconds``.
    """

    state: State
    reason: str | None = None
    sources: tuple[str, ...] = ()
    expires_at: Instant | None = None
    since: Instant | None = None
    is_exceeded: bool = False

    @property
    def is_stale(self) -> bool:
        """True unless the result is known, or believed by age, to be right."""
        return self.state is not State.FRESH


class Mode(StrEnum):
    """How much new work a reader wants: the seven words of the insight API's ``refresh``."""

    FORCE_CACHE = "force_cache"
    BLOCKING = "blocking"
    ASYNC = "async"
    LAZY_ASYNC = "lazy_async"
    ASYNC_EXCEPT_ON_CACHE_MISS = "async_except_on_cache_miss"
    FORCE_BLOCKING = "force_blocking"
    FORCE_ASYNC = "force_async"


class Action(StrEnum):
    """What is done for a reader: what is served, and whether a run begins."""

    CACHED = "cached"
    CACHED_AND_START = "cached_and_start"
    COMPUTE = "compute"


_SERVE, _BEHIND, _WAIT = Action.CACHED, Action.CACHED_AND_START, Action.COMPUTE
_STATES = (State.MISSING, State.FRESH, State.STALE, State.VERY_STALE)
_ACTIONS = {
    Mode.FORCE_CACHE: (_SERVE, _SERVE, _SERVE, _SERVE),
    Mode.BLOCKING: (_WAIT, _SERVE, _WAIT, _WAIT),
    Mode.ASYNC: (_BEHIND, _SERVE, _BEHIND, _BEHIND),
    Mode.LAZY_ASYNC: (_BEHIND, _SERVE, _SERVE, _BEHIND),
    Mode.ASYNC_EXCEPT_ON_CACHE_MISS: (_WAIT, _SERVE, _BEHIND, _BEHIND),
    Mode.FORCE_BLOCKING: (_WAIT, _WAIT, _WAIT, _WAIT),
    Mode.FORCE_ASYNC: (_BEHIND, _BEHIND, _BEHIND, _BEHIND),
}


def act(mode: Mode, state: State) -> Action:
    """What a mode does in a state (design, section 5).

    Where nothing is stored, *cached* is nothing; ``force_async`` lets the
    reader have what is there while it is replaced.
    """
    return _ACTIONS[mode][_STATES.index(state)]


class Evidence(Struct, frozen=True, kw_only=True):
    """What was found out about a result.

    Attributes
    ----------
    moved
        Names of changed sources; ``()`` when all are verified equal; None
        when at least one cannot be verified and none is known to differ.
    moved_views
        Slugs of the views it reads whose rows differ, that are stale
        themselves, or that are gone.
    is_volatile
        The query gives other rows by itself (``now()``, ``random()``).
    is_redefined
        The rows are of an earlier definition of the view.
    changed_at
        When the change was first seen; None for just now.
    """

    moved: tuple[str, ...] | None = ()
    moved_views: tuple[str, ...] = ()
    is_volatile: bool = False
    is_redefined: bool = False
    changed_at: Instant | None = None


def decide(
    result: Result | None,
    evidence: Evidence,
    *,
    now: Instant,
    age: Instant | None = None,
    max_staleness: Instant | None = None,
) -> Freshness:
    """Apply the table above.

    Parameters
    ----------
    age
        Explicit bound in microseconds, None where nobody set one.
    max_staleness
        How long the result may stay stale before the answer says that it is
        too much; None for no bound.
    """
    if result is None:
        return Freshness(state=State.MISSING, reason="never_run")
    bound = DEFAULT_AGE if age is None else age
    reason, sources = _reason(evidence)
    if reason is not None:
        since = now if evidence.changed_at is None else min(evidence.changed_at, now)
        return _stale(reason, sources, since, now - since > LAZY_FACTOR * bound, now, max_staleness)
    if age is None and evidence.moved == () and not evidence.is_volatile:
        return Freshness(state=State.FRESH)
    expires_at = result.computed_at + bound
    elapsed = now - result.computed_at
    if -SKEW <= elapsed < bound:
        return Freshness(state=State.FRESH, expires_at=expires_at)
    since = min(expires_at, now)
    reason = "age" if age is not None else "unverifiable"
    stale = _stale(reason, (), since, elapsed >= LAZY_FACTOR * bound, now, max_staleness)
    return Freshness(
        state=stale.state,
        reason=reason,
        expires_at=expires_at,
        since=since,
        is_exceeded=stale.is_exceeded,
    )


def _reason(evidence: Evidence) -> tuple[str | None, tuple[str, ...]]:
    if evidence.is_redefined:
        return "definition_changed", ()
    if evidence.moved:
        return "source_changed", evidence.moved
    if evidence.moved_views:
        return "upstream_view", evidence.moved_views
    return None, ()


def _stale(
    reason: str,
    sources: tuple[str, ...],
    since: Instant,
    is_late: bool,
    now: Instant,
    max_staleness: Instant | None,
) -> Freshness:
    return Freshness(
        state=State.VERY_STALE if is_late else State.STALE,
        reason=reason,
        sources=sources,
        since=since,
        is_exceeded=max_staleness is not None and now - since > max_staleness,
    )


def back_off(failures: int) -> Instant:
    """Wait after the n-th failure in a row: 5 s doubling, an hour at most."""
    return 0 if failures == 0 else min(5 * 2 ** min(failures - 1, 12), 3600) * SECOND
