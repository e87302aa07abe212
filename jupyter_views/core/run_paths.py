"""Where a run of an endpoint gets its rows: from the query, or from the table that is kept of it.

One pure decision; the answer of a run tells it, with its reason. The first
line that fits decides:

=====================================================  ============  =======================
what is asked, and what there is                       path          reason
=====================================================  ============  =======================
no table is kept of the endpoint                       inline        not_materialized
another version than the current one is named          inline        version_pinned
``refresh`` asks for the query itself                  inline        bypassed
filters are put in the place of its own                inline        filters_given
values differ from the version's own                   inline        values_given
those mean another day than at the last build          inline        values_moved
the newest build of the table failed                   inline        build_failed
the first build of this version has not ended          inline        build_running
the rows of the table were lost from the disk          inline        table_missing
the table is older than its frequency                  inline        table_outdated
else                                                   materialized  table_current
=====================================================  ============  =======================
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .freshness import SKEW, Mode
from .model import Instant

Path = Literal["inline", "materialized"]
PathReason = Literal[
    "not_materialized",
    "version_pinned",
    "bypassed",
    "filters_given",
    "values_given",
    "values_moved",
    "build_failed",
    "build_running",
    "table_missing",
    "table_outdated",
    "table_current",
]


class Table(Struct, frozen=True, kw_only=True):
    """The table that is kept of an endpoint: of its current version, for that one's own values.

    Attributes
    ----------
    built_at
        When its last good build began; None before the first.
    frequency
        How old it may become, in microseconds.
    failure
        What the newest build ran into; None where it ended well.
    has_moved
        Its values mean something else by now: ``today`` does every day.
    """

    built_at: Instant | None
    frequency: Instant
    failure: str | None = None
    has_moved: bool = False


class Asked(Struct, frozen=True, kw_only=True):
    """What of a run decides where its rows come from.

    Attributes
    ----------
    has_own_values
        Values differ from the version's own.
    is_pinned
        The caller names another version than the current one.
    is_direct
        ``refresh=direct``: the query itself, never the table.
    is_lost
        The rows of the table were not there when this run tried to read them.
    """

    mode: Mode
    has_own_values: bool = False
    has_filters: bool = False
    is_pinned: bool = False
    is_direct: bool = False
    is_lost: bool = False


class PathTaken(Struct, frozen=True):
    """Where rows come from, and why.

    Attributes
    ----------
    error
        What the newest build ran into, where that is the reason.
    """

    path: Path
    reason: PathReason
    error: str | None = None


def path_of(asked: Asked, table: Table | None, now: Instant) -> PathTaken:
    """Apply the table above."""
    reason = _against(asked, table, now)
    if reason is None:
        return PathTaken("materialized", "table_current")
    error = table.failure if table is not None and reason == "build_failed" else None
    return PathTaken("inline", reason, error)


def _against(asked: Asked, table: Table | None, now: Instant) -> PathReason | None:
    """Why rows do not come from the table; None where they do."""
    if table is None:
        return "not_materialized"
    if asked.is_pinned:
        return "version_pinned"
    if asked.is_direct or asked.mode in {Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC}:
        return "bypassed"
    if asked.has_filters:
        return "filters_given"
    if asked.has_own_values:
        return "values_given"
    return _of_table(table, now, is_lost=asked.is_lost)


def _of_table(table: Table, now: Instant, *, is_lost: bool) -> PathReason | None:
    """What is wrong with the table itself."""
    if table.has_moved:
        return "values_moved"
    if table.failure is not None:
        return "build_failed"
    if table.built_at is None:
        return "build_running"
    if is_lost:
        return "table_missing"
    # What was stamped by a clock that has jumped is of an unknown age.
    return None if -SKEW <= now - table.built_at <= table.frequency else "table_outdated"
