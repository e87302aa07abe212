"""The log and the usage of an endpoint as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta, Struct

from ..core.errors import Invalid
from ..core.executions import LEVELS, Execution, LogFilter
from ..core.model import Instant, View
from ..core.run_usage import Usage
from .fields import iso
from .insight_filters import instant_from


class LogsQuery(Struct, frozen=True, kw_only=True):
    """Query string of a log."""

    limit: Annotated[int, Meta(ge=1, le=500, description="Lines on a page.")] = 50
    offset: Annotated[int, Meta(ge=0, le=2**53, description="Lines to skip.")] = 0
    after: Annotated[str, Meta(max_length=100)] | None = None
    before: Annotated[str, Meta(max_length=100)] | None = None
    level: Annotated[str, Meta(max_length=100)] | None = None
    search: Annotated[str, Meta(max_length=200)] | None = None
    instance_id: Annotated[str, Meta(max_length=100)] | None = None


class LogLine(Struct, frozen=True, kw_only=True):
    """One run, as a line."""

    log_source_id: str
    instance_id: str
    timestamp: str
    level: str
    message: str


class UsageQuery(Struct, frozen=True, kw_only=True):
    """Query string of a usage."""

    days: Annotated[int, Meta(ge=1, le=90, description="How far back.")] = 30


class UsageFigures(Struct, frozen=True, kw_only=True):
    """What some runs were like.

    ``errors`` counts refused runs too. ``cached_share`` is of the runs that
    sent rows, null where none did; so are the times, in milliseconds.
    """

    runs: int
    errors: int
    cached_share: float | None
    p50_ms: float | None
    p95_ms: float | None
    rows: int


class VersionUsage(UsageFigures, frozen=True, kw_only=True):
    """The runs of one version."""

    version: int


class DayUsage(VersionUsage, frozen=True, kw_only=True):
    """The runs of one version on one day, by the calendar of UTC."""

    date: str


class UsageOut(Struct, frozen=True, kw_only=True):
    """How an endpoint is used; versions and days newest first."""

    name: str
    since: str
    total: UsageFigures
    versions: tuple[VersionUsage, ...]
    days: tuple[DayUsage, ...]


def log_filter(query: LogsQuery, now: Instant) -> LogFilter:
    """Which lines are wanted, in the core's words; Invalid names the parameter."""
    wanted = None
    if query.level:
        levels = {word.strip().upper() for word in query.level.split(",")}
        unknown = sorted(levels - set(LEVELS.values()))
        if unknown:
            raise Invalid(f"level is one or more of {', '.join(LEVELS.values())}.", field="level")
        wanted = tuple(status for status, level in LEVELS.items() if level in levels)
    return LogFilter(
        after=instant_from(query.after, "after", now),
        before=instant_from(query.before, "before", now),
        statuses=wanted,
        instance_id=query.instance_id,
        search=query.search or None,
    )


def log_line(execution: Execution, view: View) -> LogLine:
    """A run as its line."""
    return LogLine(
        log_source_id=view.endpoint.id if view.endpoint else view.short_id,
        instance_id=execution.id,
        timestamp=iso(execution.at) or "",
        level=execution.level,
        message=execution.message,
    )


def usage_out(name: str, since: Instant, usages: Iterable[Usage]) -> UsageOut:
    """How an endpoint is used."""
    by_key = {(usage.n, usage.day): _figures(usage) for usage in usages}
    return UsageOut(
        name=name,
        since=iso(since) or "",
        total=UsageFigures(**by_key[None, None]),
        versions=tuple(
            VersionUsage(version=n, **figures)
            for (n, day), figures in by_key.items()
            if n is not None and day is None
        ),
        days=tuple(
            DayUsage(version=n, date=day, **figures)
            for (n, day), figures in by_key.items()
            if n is not None and day is not None
        ),
    )


def _figures(usage: Usage) -> dict[str, Any]:
    return {
        "runs": usage.runs,
        "errors": usage.errors,
        "cached_share": usage.cached_share,
        "p50_ms": usage.p50_ms,
        "p95_ms": usage.p95_ms,
        "rows": usage.rows,
    }
