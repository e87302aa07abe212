"""Where a run of an endpoint gets its rows: from the query, or from the table that is kept of it.

One pure decision; the answer of a run tells it, with its reason. The first
line that fits decides:

=====================================================  ============  =======================
what is asked, and what there is                       path          reason
=====================================================  ============  =======================
no table is kept of this version                       inline        not_materialized
the first build of the table has not ended             inline        build_running
the first build of the table failed                    inline        build_failed
``refresh`` asks for the query itself                  inline        bypassed
a version is named                                     inline        version_pinned
filters are put in the place of its own                inline        filters_given
values differ from those that the table was built for  inline        values_given
the table is older than its frequency                  inline        table_outdated
else                                                   materialized  table_current
=====================================================  ============  =======================
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .freshness import Mode
from .model import Instant

Path = Literal["inline", "materialized"]
PathReason = Literal[
    "not_materialized",
    "build_running",
    "build_failed",
    "bypassed",
    "version_pinned",
    "filters_given",
    "values_given",
    "table_outdated",
    "table_current",
]


class Table(Struct, frozen=True, kw_only=True):
    """The table that is kept of an endpoint's version.

    Attributes
    ----------
    built_at
        When its last good build began; None before the first.
    frequency
        How old it may become, in microseconds.
    has_failed
        The newest build failed.
    """

    built_at: Instant | None
    frequency: Instant
    has_failed: bool = False


class Asked(Struct, frozen=True, kw_only=True):
    """What of a run decides where its rows come from.

    Attributes
    ----------
    has_own_values
        Values differ from the version's own.
    is_pinned
        The caller names a version.
    is_direct
        ``refresh=direct``: the query itself, never the table.
    """

    mode: Mode
    has_own_values: bool = False
    has_filters: bool = False
    is_pinned: bool = False
    is_direct: bool = False


class PathTaken(Struct, frozen=True):
    """Where rows come from, and why."""

    path: Path
    reason: PathReason


def path_of(asked: Asked, table: Table | None, now: Instant) -> PathTaken:
    """Apply the table above."""
    reason = _against(asked, table, now)
    if reason is None:
        return PathTaken("materialized", "table_current")
    return PathTaken("inline", reason)


def _against(asked: Asked, table: Table | None, now: Instant) -> PathReason | None:
    """Why rows do not come from the table; None where they do."""
    if table is None:
        return "not_materialized"
    if table.built_at is None:
        return "build_failed" if table.has_failed else "build_running"
    if asked.is_direct or asked.mode in {Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC}:
        return "bypassed"
    if asked.is_pinned:
        return "version_pinned"
    if asked.has_filters:
        return "filters_given"
    if asked.has_own_values:
        return "values_given"
    return "table_outdated" if now - table.built_at > table.frequency else None
