"""A view as a reader meets it: what every door says of it, in the same words."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ..core.freshness import Freshness
from ..core.model import Result, View
from ..core.ports import Progress
from ..core.reading import Reading
from ..core.schedules import describe
from .fields import iso
from .statements import StatementError


class RefreshOut(Struct, frozen=True, kw_only=True):
    """The refresh under way."""

    statement_id: str
    status: str
    started_at: str | None
    progress: Progress | None


class LastRefreshOut(Struct, frozen=True, kw_only=True):
    """How the newest refresh ended."""

    statement_id: str
    status: str
    error: StatementError | None
    at: str | None


class ReadingItem(Struct, frozen=True, kw_only=True):
    """A view in a list: the part that every door shows."""

    short_id: str
    slug: str | None
    name: str
    description: str | None
    tags: tuple[str, ...]
    owner: str
    is_public: bool
    auto_refresh: bool
    version: int
    status: str
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    stale_since: str | None
    max_staleness_exceeded: bool
    computed_at: str | None
    row_count: int | None
    method: str | None
    schedule: str | None
    schedule_text: str | None
    next_refresh_at: str | None
    created_at: str
    updated_at: str


def freshness_words(freshness: Freshness, result: Result | None) -> dict[str, Any]:
    """How far rows can be trusted: the same words wherever rows are sent or spoken of."""
    return {
        "is_stale": freshness.is_stale,
        "stale_reason": freshness.reason,
        "stale_sources": freshness.sources,
        "stale_since": iso(freshness.since),
        "max_staleness_exceeded": freshness.is_exceeded,
        "computed_at": iso(result.computed_at) if result else None,
    }


def item_words(reading: Reading) -> dict[str, Any]:
    """The fields of :class:`ReadingItem`."""
    view = reading.view
    result, rule = view.current.result, view.rule
    return {
        **freshness_words(reading.freshness, result),
        "short_id": view.short_id,
        "slug": view.perspective.slug if view.perspective else None,
        "name": view.title,
        "description": view.description,
        "tags": view.tags,
        "owner": view.owner,
        "is_public": view.is_public,
        "auto_refresh": view.auto_refresh,
        "version": view.version.n,
        "status": reading.status,
        "row_count": result.row_count if result else None,
        "method": result.method if result else None,
        "schedule": rule.schedule,
        "schedule_text": describe(rule.schedule, rule.timezone) if rule.schedule else None,
        "next_refresh_at": iso(view.next_due_at),
        "created_at": iso(view.created_at),
        "updated_at": iso(view.updated_at),
    }


def detail_words(view: View) -> dict[str, Any]:
    """What every door says of a whole view beside that: what it reads, its columns, its rule."""
    result, rule = view.current.result, view.rule
    return {
        "sources": tuple(read.name for read in view.version.query.reads),
        "upstreams": view.upstreams,
        "columns": result.columns if result else None,
        "age_seconds": rule.age_seconds,
        "timezone": rule.timezone,
        "max_staleness_seconds": rule.max_staleness_seconds,
        "changed_when": rule.changed_when,
        "strict": rule.is_strict,
        "key": rule.key,
    }


def refresh_words(reading: Reading) -> dict[str, Any]:
    """The stored size of the current rows, and how refreshes of them go."""
    result = reading.view.current.result
    return {
        "size_bytes": result.size_bytes if result else None,
        "truncated": bool(result and result.truncated),
        "refresh": _refresh(reading),
        "last_refresh": _last_refresh(reading.view),
    }


def _refresh(reading: Reading) -> RefreshOut | None:
    running = reading.refresh
    if running is None:
        return None
    return RefreshOut(
        statement_id=running.id,
        status=running.status,
        started_at=iso(running.started_at),
        progress=running.progress,
    )


def _last_refresh(view: View) -> LastRefreshOut | None:
    last = view.last_refresh
    if last is None:
        return None
    return LastRefreshOut(
        statement_id=last.statement_id,
        status=last.status,
        error=msgspec.convert(last.error, StatementError) if last.error else None,
        at=iso(last.at),
    )
