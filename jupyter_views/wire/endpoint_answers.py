"""What a run of an endpoint answers: rows, how fresh they are, or what kept them back."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ..core.endpoint_runs import Ran, error_of
from ..core.errors import OutOfMemory, TimedOut, Unavailable, ViewsError
from ..core.model import SECOND, Instant, Result
from ..core.run_paths import PathReason
from .endpoint_runs import RunWords
from .envelope import BareError, ErrorOut, error_out, status_of
from .fields import iso
from .query_status import QueryStatus, query_status

_CLIENT_REFRESH: Instant = 60 * SECOND
_LIMITS: dict[type[ViewsError], str] = {
    TimedOut: "query_timeout",
    OutOfMemory: "query_memory_limit",
}


class RunOut(Struct, frozen=True, kw_only=True):
    """The answer of a run. ``results`` comes first, so that rows can be streamed into it.

    What only ``debug`` shows, and what only a table has, is absent elsewhere.
    """

    results: msgspec.Raw | None
    columns: tuple[str, ...] | None
    types: tuple[tuple[str, str], ...] | None
    has_more: bool = msgspec.field(name="hasMore")
    limit: int | None
    offset: int | None
    is_cached: bool
    last_refresh: str | None
    cache_target_age: str | None
    next_allowed_client_refresh: str | None
    timezone: str
    query_status: QueryStatus | None
    error: str | None
    name: str
    execution_id: str
    endpoint_version: int
    endpoint_version_created_at: str
    version: int = msgspec.field(name="_version")
    version_created_at: str = msgspec.field(name="_version_created_at")
    execution_path: str
    execution_path_reason: str
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    computed_at: str | None
    max_staleness_exceeded: bool
    materialized: bool | UnsetType = msgspec.field(name="_materialized", default=UNSET)
    materialized_at: str | UnsetType | None = msgspec.field(name="_materialized_at", default=UNSET)
    endpoint_materialized: bool | UnsetType = UNSET
    endpoint_materialized_at: str | UnsetType | None = UNSET
    materialization_reason: str | UnsetType | None = UNSET
    cache_key: str | UnsetType = UNSET
    hogql: str | UnsetType = UNSET
    modifiers: dict[str, Any] | UnsetType = UNSET
    timings: tuple[dict[str, Any], ...] | UnsetType = UNSET
    explain: dict[str, Any] | UnsetType = UNSET
    resolved_date_range: dict[str, str | None] | UnsetType | None = UNSET
    calculation_trigger: str | UnsetType | None = UNSET


class VersionMissing(Struct, frozen=True, kw_only=True):
    """What a run of a version that is not there answers."""

    error: str
    current_version: int


class RunCounts(Struct, frozen=True, kw_only=True):
    """How many of the stored rows an answer holds."""

    sent: int
    stored: int


def run_out(
    ran: Ran, words: RunWords, execution_id: str, name: str, counts: RunCounts | None
) -> RunOut:
    """The answer, with an empty list where its rows go; null where there are none to serve."""
    reading = ran.reading
    view, freshness = reading.view, reading.freshness
    result = view.current.result if counts is not None else None
    failure = error_of(reading)
    made = iso(view.version.created_at) or ""
    return RunOut(
        **_result_words(ran, words, result, counts),
        timezone=ran.zone,
        query_status=_status(ran, words.job_id),
        error=failure.message if failure else None,
        name=name,
        execution_id=execution_id,
        endpoint_version=view.version.n,
        endpoint_version_created_at=made,
        version=view.version.n,
        version_created_at=made,
        execution_path=ran.taken.path,
        execution_path_reason=ran.taken.reason,
        is_stale=freshness.is_stale,
        stale_reason=freshness.reason,
        stale_sources=freshness.sources,
        max_staleness_exceeded=freshness.is_exceeded,
        **_table_words(ran),
        **(_debug_words(ran) if words.debug else {}),
    )


def _result_words(
    ran: Ran, words: RunWords, result: Result | None, counts: RunCounts | None
) -> dict[str, Any]:
    window = {"limit": words.limit, "offset": words.offset}
    if result is None or counts is None:
        empty = (
            "results", "columns", "types", "last_refresh", "cache_target_age",
            "next_allowed_client_refresh", "computed_at",
        )  # fmt: skip
        return {**dict.fromkeys(empty), **window, "has_more": False, "is_cached": False}
    is_last = (words.offset or 0) + counts.sent >= counts.stored
    return {
        **window,
        "results": msgspec.Raw(b"[]"),
        "columns": tuple(column.name for column in result.columns),
        "types": tuple((column.name, column.engine_type) for column in result.columns),
        "has_more": not is_last or bool(result.truncated),
        "is_cached": ran.is_cached,
        "last_refresh": iso(result.computed_at),
        "cache_target_age": iso(ran.reading.freshness.expires_at),
        "next_allowed_client_refresh": iso(result.computed_at + _CLIENT_REFRESH),
        "computed_at": iso(result.computed_at),
    }


_REASONS: dict[PathReason, str] = {
    "version_pinned": "version pinned",
    "bypassed": "forced",
    "filters_given": "other values",
    "values_given": "other values",
    "values_moved": "its default values mean another day by now",
    "build_failed": "the last build failed",
    "build_running": "being built",
    "table_missing": "its rows were lost",
    "table_outdated": "older than its schedule",
}


def _table_words(ran: Ran) -> dict[str, Any]:
    """Whether rows come from those that are kept ready, and why not; nothing where none are."""
    reason, view = ran.taken.reason, ran.reading.view
    if reason == "not_materialized":
        return {}
    is_served, words, at = reason == "table_current", _REASONS.get(reason), None
    if is_served and view.current.result is not None:
        at = iso(view.current.result.computed_at)
    if ran.taken.error:
        words = f"{words}: {ran.taken.error}"
    return {
        "materialized": is_served,
        "materialized_at": at,
        "endpoint_materialized": is_served,
        "endpoint_materialized_at": at,
        "materialization_reason": words,
    }


def _status(ran: Ran, job_id: str | None) -> QueryStatus | None:
    """How the calculation stands that this run started, waited for, or found under way."""
    reading = ran.reading
    job = reading.refresh
    if job is None and reading.awaited is not None and not reading.awaited.status.is_final:
        job = reading.awaited
    return None if job is None else query_status(job, job_id)


def _debug_words(ran: Ran) -> dict[str, Any]:
    """What helps to understand a run: the SQL, what it read, how long it took."""
    current = ran.reading.view.current
    query, result, cause = current.query, current.result, current.cause
    return {
        "cache_key": current.fingerprint,
        "hogql": query.normalized_sql,
        "modifiers": {"refresh": ran.mode},
        "timings": ({"k": "query", "t": result.duration_us / SECOND},) if result else (),
        "explain": {
            "reads": [{"kind": read.kind, "name": read.name} for read in query.reads],
            "volatile": list(query.volatile),
            "method": result.method if result else None,
        },
        "resolved_date_range": ran.dates,
        "calculation_trigger": cause.kind if cause else None,
    }


def run_status_of(error: ViewsError) -> int:
    """The status of an error of a run: what the query itself ran into is the caller's affair."""
    return 400 if type(error) in _LIMITS else status_of(error)


def run_error_out(error: ViewsError) -> ErrorOut | BareError | VersionMissing:
    """What the caller of a run is told: limits have codes of their own, some errors are bare."""
    if error.details.get("is_bare"):
        return BareError(error=error.message)
    current = error.details.get("current_version")
    if current is not None:
        return VersionMissing(error=error.message, current_version=current)
    code = _LIMITS.get(type(error))
    if isinstance(error, Unavailable):
        code = "query_capacity"
    told = error_out(error)
    return told if code is None else msgspec.structs.replace(told, code=code)
