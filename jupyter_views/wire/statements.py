"""Statements as JSON."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from ..core.errors import Invalid
from ..core.freshness import Freshness
from ..core.model import Instant, Statement, Status
from ..core.ports import Column, Format, Plan, Progress
from ..core.submissions import Submission
from .fields import Limit, Link, Offset, Pagination, Sql, iso
from .parameters import ParameterBody, Parameters, declared_from, parameters_out

CONNECTIONS = ("local",)
_META_BYTES = 10 * 1024
_SYNONYMS = {
    "ACCEPTED": Status.QUEUED,
    "IN_PROGRESS": Status.RUNNING,
    "CANCELLED": Status.CANCELED,
    "SUCCEEDED": Status.SUCCESS,
    "FINISHED": Status.SUCCESS,
}


class StatementRequest(Struct, frozen=True, kw_only=True):
    """Body of a submit."""

    sql: Sql
    connection: Annotated[str, Meta(max_length=100)] = "local"
    params: dict[str, Any] | list[Any] | None = None
    parameters: Parameters = ()
    frames: dict[str, Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]] = field(default_factory=dict)
    base_dir: Annotated[str, Meta(max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    format_hint: Format | None = None
    row_limit: Annotated[int, Meta(ge=1)] | None = None
    byte_limit: Annotated[int, Meta(ge=1)] | None = None
    ttl: Annotated[int, Meta(ge=0, le=43_200, description="Minutes; 0 never.")] | None = None
    meta: dict[str, Any] | None = None
    client_id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,100}$")] | None = None
    changed_when: Annotated[str, Meta(min_length=1, max_length=262_144)] | None = None
    is_strict: bool = field(default=False, name="strict")


class SubmitQuery(Struct, frozen=True, kw_only=True):
    """Query string of a submit."""

    retry_on_recent_failure: bool = False
    max_age: Annotated[int, Meta(ge=-1)] | None = None
    dry_run: bool = False


class StatementsQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    status: str | None = None
    limit: Limit = 50
    offset: Offset = 0


class StatementError(Struct, frozen=True, kw_only=True):
    """Why a statement failed."""

    code: str
    message: str
    hint: str | None = None
    line: int | None = None
    column: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


class ReadOut(Struct, frozen=True, kw_only=True):
    """One thing that a query reads."""

    kind: str
    name: str


class PlanOut(Struct, frozen=True, kw_only=True):
    """Answer to a dry run."""

    sql: str
    normalized_sql: str
    parameters: tuple[str, ...]
    reads: tuple[ReadOut, ...]
    volatile: tuple[str, ...]


class Primary(Struct, frozen=True, kw_only=True):
    """The statement whose result this one shares."""

    id: str


class StatementOut(Struct, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A statement; what defines it is null for readers who did not submit it."""

    id: str
    status: Status
    strategy: str
    fingerprint: str
    connection: str
    sql: str | None
    params: dict[str, Any] | None
    values: dict[str, Any] | None
    parameters: tuple[ParameterBody, ...]
    meta: dict[str, Any] | None
    depends_on: tuple[str, ...]
    volatile: tuple[str, ...]
    row_count: int | None
    size_bytes: int | None
    columns: tuple[Column, ...] | None
    truncated: bool
    error: StatementError | None
    progress: Progress | None
    primary: Primary | None
    format_hint: str | None
    client_id: str | None
    ttl: int | None
    submitted_at: str
    started_at: str | None
    completed_at: str | None
    computed_at: str | None
    queue_wait_ms: int | None
    execution_duration_ms: int | None
    is_stale: bool | None
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    links: dict[str, Link]


class StatementPage(Struct, frozen=True, kw_only=True):
    """A list of statements."""

    items: tuple[StatementOut, ...]
    pagination: Pagination


def submission(body: StatementRequest, query: SubmitQuery, base_dir: str) -> Submission:
    """The request in the core's words; ``base_dir`` is already checked and absolute."""
    if body.connection not in CONNECTIONS:
        raise Invalid(
            f"There is no connection named {body.connection!r}.",
            hint=f"Connections here: {', '.join(CONNECTIONS)}.",
            field="connection",
        )
    if body.meta is not None and len(msgspec.json.encode(body.meta)) > _META_BYTES:
        raise Invalid("meta holds 10 KB at most.", field="meta")
    if body.ttl is not None and 0 < body.ttl < 5:
        raise Invalid("ttl is 0 or 5 to 43200 minutes.", field="ttl")
    return Submission(
        sql=body.sql,
        base_dir=base_dir,
        connection=body.connection,
        params=_by_name(body.params or {}),
        declared=declared_from(body.parameters),
        frames=body.frames,
        row_limit=body.row_limit,
        byte_limit=body.byte_limit,
        ttl_minutes=body.ttl,
        format_hint=body.format_hint,
        meta=body.meta,
        client_id=body.client_id,
        changed_when=body.changed_when,
        is_strict=body.is_strict,
        max_age=query.max_age,
        retry_on_recent_failure=query.retry_on_recent_failure,
    )


def _by_name(params: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """Parameters by name; those of an array are called 1, 2, … as in ``$1`` and ``?``."""
    if isinstance(params, dict):
        return params
    return {str(position): value for position, value in enumerate(params, start=1)}


def statuses(text: str | None) -> tuple[Status, ...]:
    """A filter such as ``RUNNING,QUEUED``, with the vendor's synonyms."""
    found = []
    for word in (text or "").upper().split(","):
        if word := word.strip():
            if word not in _SYNONYMS and word not in Status.__members__:
                raise Invalid(
                    f"status is one of {', '.join(Status)}; got {word[:40]!r}.", field="status"
                )
            found.append(_SYNONYMS.get(word) or Status[word])
    return tuple(found)


def plan_out(sql: str, plan: Plan) -> PlanOut:
    """A dry run's answer."""
    return PlanOut(
        sql=sql,
        normalized_sql=plan.normalized_sql,
        parameters=plan.parameters,
        reads=tuple(ReadOut(kind=r.kind, name=r.name) for r in plan.reads),
        volatile=plan.volatile,
    )


def statement_out(
    statement: Statement, prefix: str, freshness: Freshness | None, *, is_mine: bool
) -> StatementOut:
    """A statement as its submitter sees it, or as a reader of its rows does.

    Parameters
    ----------
    prefix
        Path of the statement routes, without a slash at the end.
    freshness
        None while there are no rows.
    """
    result = statement.result
    links = {"self": Link(href=f"{prefix}/{statement.id}")}
    if not statement.status.is_final:
        links["cancel"] = Link(href=f"{prefix}/{statement.id}/cancel", method="POST")
    if result is not None:
        links["result"] = Link(href=f"{prefix}/{statement.id}/result")
    if statement.primary_id is not None:
        links["primary"] = Link(href=f"{prefix}/{statement.primary_id}")
    return StatementOut(
        id=statement.id,
        status=statement.status,
        strategy=statement.strategy,
        fingerprint=statement.fingerprint,
        connection=statement.query.connection,
        sql=statement.query.sql if is_mine else None,
        params=statement.params if is_mine else None,
        values=statement.values if is_mine else None,
        parameters=parameters_out(statement.query) if is_mine else (),
        meta=statement.meta if is_mine else None,
        depends_on=tuple(read.name for read in statement.query.reads) if is_mine else (),
        volatile=statement.query.volatile if is_mine else (),
        row_count=result.row_count if result else None,
        size_bytes=result.size_bytes if result else None,
        columns=result.columns if result else None,
        truncated=bool(result and result.truncated),
        error=msgspec.convert(statement.error, StatementError)
        if statement.error and is_mine
        else None,
        progress=statement.progress,
        primary=Primary(id=statement.primary_id) if statement.primary_id else None,
        format_hint=statement.format_hint,
        client_id=statement.client_id if is_mine else None,
        ttl=statement.ttl_minutes,
        submitted_at=iso(statement.submitted_at) or "",
        started_at=iso(statement.started_at),
        completed_at=iso(statement.completed_at),
        computed_at=iso(result.computed_at) if result else None,
        queue_wait_ms=_milliseconds(statement.submitted_at, statement.started_at),
        execution_duration_ms=_milliseconds(statement.started_at, statement.completed_at),
        is_stale=freshness.is_stale if freshness else None,
        stale_reason=freshness.reason if freshness else None,
        stale_sources=freshness.sources if freshness else (),
        links=links,
    )


def _milliseconds(start: Instant | None, end: Instant | None) -> int | None:
    return None if start is None or end is None else max(0, end - start) // 1000
