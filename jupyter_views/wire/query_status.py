"""How an async calculation stands, in the words of the insight page."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..core.model import Statement, Status
from .fields import iso


class QueryProgress(Struct, frozen=True, kw_only=True):
    """How far a calculation is; what the engine does not count is 0."""

    bytes_read: int
    rows_read: int
    estimated_rows_total: int
    time_elapsed: float
    active_cpu_time: float


class QueryStatus(Struct, frozen=True, kw_only=True):
    """A calculation in the background."""

    id: str
    team_id: int
    insight_id: int | None
    dashboard_id: int | None
    query_async: bool
    complete: bool
    error: bool
    error_message: str | None
    results: Any
    start_time: str | None
    pickup_time: str | None
    end_time: str | None
    expiration_time: str | None
    task_id: str | None
    labels: tuple[str, ...] | None
    query_progress: QueryProgress | None


class QueryStatusOut(Struct, frozen=True, kw_only=True):
    """The answer to who asks how a calculation stands."""

    query_status: QueryStatus


class QueryStatusQuery(Struct, frozen=True, kw_only=True):
    """Query string of a status."""

    show_progress: bool = False


class QueryCancelQuery(Struct, frozen=True, kw_only=True):
    """Query string of a cancel."""

    dequeue_only: bool = False


class QueryMessage(Struct, frozen=True, kw_only=True):
    """What a cancel did."""

    message: str


def query_status(
    statement: Statement,
    job_id: str | None = None,
    *,
    results: Any = None,
    project_id: int = 1,
    expires_at: int | None = None,
    elapsed: float | None = None,
) -> QueryStatus:
    """A statement as a calculation in the background.

    Parameters
    ----------
    job_id
        The reader's own name for it; the statement's id when absent.
    results
        The whole answer, once it is there.
    elapsed
        Seconds since it began, where progress is asked for.
    """
    error = statement.error
    is_error = statement.status in {Status.FAILED, Status.CANCELED}
    return QueryStatus(
        id=job_id or statement.id,
        team_id=project_id,
        insight_id=statement.view_id,
        dashboard_id=None,
        query_async=True,
        complete=statement.status.is_final,
        error=is_error,
        error_message=error.get("message") if error and is_error else None,
        results=results,
        start_time=iso(statement.submitted_at),
        pickup_time=iso(statement.started_at),
        end_time=iso(statement.completed_at),
        expiration_time=iso(expires_at),
        task_id=statement.id,
        labels=None,
        query_progress=_progress(statement, elapsed),
    )


def _progress(statement: Statement, elapsed: float | None) -> QueryProgress | None:
    if elapsed is None or statement.status.is_final:
        return None
    progress = statement.progress
    rows = progress.rows if progress else 0
    fraction = progress.fraction if progress else None
    return QueryProgress(
        bytes_read=0,
        rows_read=rows,
        estimated_rows_total=int(rows / fraction) if fraction else 0,
        time_elapsed=elapsed,
        active_cpu_time=0.0,
    )
