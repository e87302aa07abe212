"""Queries as JSON, and the errors and cursors of the query-reference page."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.errors import BadRequest, Invalid, ViewsError
from ..core.model import Actor, Statement
from ..core.queries import KnownQuery
from ..core.submissions import Submission
from .fields import Sql, iso
from .parameters import ParameterBody, Parameters, declared_from, parameters_out
from .statements import CONNECTIONS, StatementError

PageLimit = Annotated[int, Meta(ge=1, le=100, description="Items on a page.")]
Cursor = Annotated[str, Meta(max_length=200, description="`nextCursor` of the page before.")]


class QueryErrorOut(Struct, frozen=True, kw_only=True):
    """Every error of these routes; ``type`` says whose fault it is, ``code`` never changes."""

    type: str
    message: str
    documentation_url: str
    code: str


class QueriesQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: PageLimit = 20
    cursor: Cursor | None = None


class QueryCreate(Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of a create."""

    sql: Sql
    params: dict[str, Any] | None = None
    parameters: Parameters = ()
    analytical_database_config_id: Annotated[str, Meta(max_length=100)] = "local"


class QueryRun(Struct, frozen=True, kw_only=True):
    """Body of a run: values in the place of those of the latest one."""

    params: dict[str, Any] | None = None


class RunOut(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run of a query; why it failed only its submitter learns."""

    id: str
    status: str
    strategy: str
    submitted_at: str
    started_at: str | None
    completed_at: str | None
    computed_at: str | None
    error: StatementError | None


class Statistics(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a run cost and brought; null while that is not known."""

    row_count: int | None
    size_bytes: int | None
    duration_ms: int | None
    queue_wait_ms: int | None
    truncated: bool


class RunMetadata(Struct, frozen=True, kw_only=True):
    """How a run stands."""

    status: str
    statistics: Statistics


class QueryOut(Struct, frozen=True, kw_only=True, rename="camel"):
    """A query, as far as its reader knows it."""

    id: str
    sql: str
    analytical_database_config_id: str
    parameters: tuple[ParameterBody, ...]
    inputs: tuple[str, ...]
    created_by: str
    created_at: str
    updated_at: str
    latest_run: RunOut | None
    latest_run_metadata: RunMetadata | None


class QueryPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of queries, newest first; the last one has no ``nextCursor``."""

    items: tuple[QueryOut, ...]
    next_cursor: str | UnsetType = UNSET


class _Place(Struct, frozen=True, forbid_unknown_fields=True):
    id: str


def query_error(error: ViewsError, documentation_url: str) -> QueryErrorOut:
    """What the caller is told."""
    return QueryErrorOut(
        type="api_error" if error.status >= 500 else "invalid_request",
        message=" ".join(filter(None, (error.message, error.hint))),
        documentation_url=documentation_url,
        code=error.code,
    )


def cursor_of(key: str | None) -> str | UnsetType:
    """The place behind an item, as programs pass it on; UNSET where nothing follows."""
    if key is None:
        return UNSET
    return base64.urlsafe_b64encode(msgspec.json.encode(_Place(key))).decode().rstrip("=")


def place_in(cursor: str | None) -> str | None:
    """The key of the item behind which a page begins.

    Raises
    ------
    BadRequest
        For a cursor that was not made here.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=_Place).id
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise bad_cursor() from None


def bad_cursor() -> BadRequest:
    """What a cursor that was not made here is answered."""
    return BadRequest(
        "This cursor was not made here.", hint="Send the nextCursor of a page, or none."
    )


def new_submission(body: QueryCreate, base_dir: str) -> Submission:
    """A create in the core's words."""
    if body.analytical_database_config_id not in CONNECTIONS:
        raise Invalid(
            f"There is no connection named {body.analytical_database_config_id!r}.",
            hint=f"Connections here: {', '.join(CONNECTIONS)}.",
            field="analyticalDatabaseConfigId",
        )
    return Submission(
        sql=body.sql,
        base_dir=base_dir,
        connection=body.analytical_database_config_id,
        params=body.params or {},
        declared=declared_from(body.parameters),
    )


def query_out(known: KnownQuery, actor: Actor) -> QueryOut:
    """A query as this actor knows it."""
    query, run = known.query, known.latest
    return QueryOut(
        id=known.id,
        sql=query.sql,
        analytical_database_config_id=query.connection,
        parameters=parameters_out(query),
        inputs=query.inputs,
        created_by=known.created_by,
        created_at=iso(known.created_at) or "",
        updated_at=iso(known.updated_at) or "",
        latest_run=None if run is None else _run_out(run, actor),
        latest_run_metadata=None if run is None else _metadata(run),
    )


def _run_out(run: Statement, actor: Actor) -> RunOut:
    is_mine = run.submitted_by == actor.name
    return RunOut(
        id=run.id,
        status=run.status,
        strategy=run.strategy,
        submitted_at=iso(run.submitted_at) or "",
        started_at=iso(run.started_at),
        completed_at=iso(run.completed_at),
        computed_at=iso(run.result.computed_at) if run.result else None,
        error=msgspec.convert(run.error, StatementError) if run.error and is_mine else None,
    )


def _metadata(run: Statement) -> RunMetadata:
    result = run.result
    return RunMetadata(
        status=run.status,
        statistics=Statistics(
            row_count=result.row_count if result else None,
            size_bytes=result.size_bytes if result else None,
            duration_ms=_milliseconds(run.started_at, run.completed_at),
            queue_wait_ms=_milliseconds(run.submitted_at, run.started_at),
            truncated=bool(result and result.truncated),
        ),
    )


def _milliseconds(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else max(0, end - start) // 1000
