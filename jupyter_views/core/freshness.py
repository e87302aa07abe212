"""Is a stored result still right, and if not, why: one pure decision.

====================================================  ==========================
evidence                                              state
====================================================  ==========================
no result                                             missing (never_run)
a source differs from what was recorded               stale (source_changed)
all sources verified equal, nothing volatile, no age  fresh at any age
an explicit age that has passed                       stale (age)
unverifiable source or volatile query, no age         fresh for 5 min, stale (unverifiable)
====================================================  ==========================

A stale result is *very* stale past the lazy limit, three times its age.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .model import SECOND, Instant, Result

DEFAULT_AGE: Instant = 300 * SECOND
LAZY_FACTOR = 3


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
        Names of the sources that moved.
    expires_at
        When an age will make the result stale; None where sources decide.
    """

    state: State
    reason: str | None = None
    sources: tuple[str, ...] = ()
    expires_at: Instant | None = None

    @property
    def is_stale(self) -> bool:
        """True unless the result is known, or believed by age, to be right."""
        return self.state is not State.FRESH


def decide(
    result: Result | None,
    *,
    now: Instant,
    moved: tuple[str, ...] | None,
    is_volatile: bool,
    age: Instant | None = None,
    changed_since: Instant | None = None,
) -> Freshness:
    """Apply the table above.

    Parameters
    ----------
    moved
        Names of changed sources; ``()`` when all are verified equal; None
        when at least one cannot be verified.
    age
        Explicit bound in microseconds, None where nobody set one.
    changed_since
        When the change was first seen; None for just now.
    """
    if result is None:
        return Freshness(state=State.MISSING, reason="never_run")
    elapsed = max(0, now - result.computed_at)
    bound = DEFAULT_AGE if age is None else age
    if moved:
        late = now - (now if changed_since is None else changed_since) > LAZY_FACTOR * bound
        return Freshness(
            state=State.VERY_STALE if late else State.STALE, reason="source_changed", sources=moved
        )
    if age is None and moved == () and not is_volatile:
        return Freshness(state=State.FRESH)
    expires_at = result.computed_at + bound
    if elapsed < bound:
        return Freshness(state=State.FRESH, expires_at=expires_at)
    reason = "age" if age is not None else "unverifiable"
    state = State.VERY_STALE if elapsed >= LAZY_FACTOR * bound else State.STALE
    return Freshness(state=state, reason=reason, expires_at=expires_at)


def back_off(failures: int) -> Instant:
    """Wait after the n-th failure in a row: 5 s doubling, an hour at most."""
    return 0 if failures == 0 else min(5 * 2 ** min(failures - 1, 12), 3600) * SECOND
