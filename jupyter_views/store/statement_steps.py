"""The steps of a statement's life as single SQL statements, inside the caller's transaction.

What every run does is made once, when this is loaded: for statements so small
SQLAlchemy takes longer to build one than SQLite to run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, and_, bindparam, exc, func, insert, or_, select, update

from ..core.errors import Conflict, StaleWrite, TooMany
from ..core.freshness import back_off
from ..core.leases import LeaseLost
from ..core.model import (
    NO_CHANGES,
    SECOND,
    Changes,
    Instant,
    Query,
    Result,
    Rule,
    Statement,
    Status,
    Strategy,
)
from ..core.scheduling import due_after_success
from .rows import plain, statements_by_id
from .tables import queries, results, statements, versions, views

_CANCELED_PAUSE: Instant = 60 * SECOND
IN_FLIGHT = (Status.QUEUED, Status.RUNNING)
_COLUMNS = {column.name for column in statements.c}
# Names of parameters may not be those of columns.
_KEY = bindparam("the_key")

_SAVED_QUERY = select(queries.c.id, queries.c.created_at).where(queries.c.definition_hash == _KEY)
_SAVE_QUERY = insert(queries)


def saved_query(connection: Connection, query: Query) -> Query:
    """The query as it is stored: an equal definition is kept once."""
    known = connection.execute(_SAVED_QUERY, {"the_key": query.definition_hash}).first()
    if known is not None:
        return replace(query, id=known.id, created_at=known.created_at)
    connection.execute(_SAVE_QUERY, plain(query))
    return query


_INSERT_STATEMENT = insert(statements)


def insert_statement(connection: Connection, statement: Statement, server_id: str) -> None:
    """Write a statement whose query is there.

    Raises
    ------
    Conflict
        If the actor has used the ``client_id`` before.
    """
    cells = {
        name: getattr(statement, name) for name in statement.__struct_fields__ if name in _COLUMNS
    }
    cells |= {
        "query_id": statement.query.id,
        "result_id": statement.result.id if statement.result else None,
        "server_id": server_id,
        "cause": plain(statement.cause),
    }
    try:
        connection.execute(_INSERT_STATEMENT, cells)
    except exc.IntegrityError as error:
        if statement.client_id is None:
            raise
        raise Conflict(
            "This client_id names an earlier statement of yours.",
            hint="Send a new client_id with each statement.",
            details={"client_id": statement.client_id},
        ) from error


_BEGIN_REFRESH = (
    update(views)
    .where(views.c.id == _KEY)
    .values(refreshing_statement_id=bindparam("statement", type_=statements.c.id.type))
)


def begin_refresh(connection: Connection, statement: Statement) -> None:
    """Make a statement its view's refresh."""
    facts = {"the_key": statement.view_id, "statement": statement.id}
    connection.execute(_BEGIN_REFRESH, facts)


_DEFINED = (
    select(versions.c.query_id, versions.c.params)
    .join(views, and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version))
    .where(views.c.id == _KEY)
)


def require_definition(
    connection: Connection, view_id: int, query: Query, params: dict[str, Any]
) -> None:
    """Raise StaleWrite unless the view still is defined as this query with these parameters."""
    defined = connection.execute(_DEFINED, {"the_key": view_id}).first()
    if defined is None or (defined.query_id, defined.params) != (query.id, params):
        raise StaleWrite("The view's definition has changed.")


_PRIMARY = select(statements.c.id, statements.c.status).where(
    statements.c.fingerprint == _KEY,
    statements.c.status.in_(IN_FLIGHT),
    statements.c.strategy == Strategy.EXECUTE,
)


def primary_of(connection: Connection, fingerprint: str) -> Any:
    """Id and status of the one statement of a fingerprint that waits or runs; others follow it."""
    return connection.execute(_PRIMARY, {"the_key": fingerprint}).first()


_QUEUE_LENGTHS = select(func.count(), func.count().filter(statements.c.submitted_by == _KEY)).where(
    statements.c.status.in_(IN_FLIGHT), statements.c.strategy == Strategy.EXECUTE
)


def require_room(
    connection: Connection, person: str, queued: int | None, per_person: int | None
) -> None:
    """Raise TooMany when as many statements wait or run as may."""
    waiting, mine = connection.execute(_QUEUE_LENGTHS, {"the_key": person}).one()
    if (queued is not None and waiting >= queued) or (
        per_person is not None and mine >= per_person
    ):
        raise TooMany(
            "Too many statements are waiting.",
            hint="Wait for one to end, or cancel it.",
            retry_after_seconds=2,
        )


_REFRESH_STATE = select(
    views.c.refreshing_statement_id,
    views.c.current_statement_id,
    views.c.last_refresh_statement_id,
    views.c.failures,
    views.c.retry_at,
).where(views.c.id == _KEY)


def refresh_instead(
    connection: Connection, view_id: int, replaces: str | None, now: Instant
) -> Statement | None:
    """The statement that makes a refresh of a view needless, if there is one.

    That is the refresh under way. Where ``replaces`` names the statement whose
    rows are to be replaced, it may also be the one that has replaced them
    meanwhile, or the one that failed at it, until the next try is due.
    """
    view = connection.execute(_REFRESH_STATE, {"the_key": view_id}).first()
    if view is None:
        return None
    found = view.refreshing_statement_id
    if found is None and replaces is not None:
        if replaces != view.current_statement_id:
            found = view.current_statement_id
        elif view.failures and now < view.retry_at:
            found = view.last_refresh_statement_id
    statement = statements_by_id(connection, {found}).get(found) if found else None
    # One that somebody canceled after a failure keeps nobody from trying again.
    return None if statement is not None and statement.status is Status.CANCELED else statement


def newest(connection: Connection, fingerprint: str, status: Status, condition: Any) -> str | None:
    """The last statement of a fingerprint that ended this way and meets a condition."""
    return connection.execute(
        select(statements.c.id)
        .where(statements.c.fingerprint == fingerprint, statements.c.status == status, condition)
        .order_by(statements.c.completed_at.desc(), statements.c.id.desc())
        .limit(1)
    ).scalar()


def with_followers(statement_id: str) -> Any:
    """A statement and those that wait for its result."""
    return or_(statements.c.id == statement_id, statements.c.primary_id == statement_id)


_LEASE = (
    select(statements.c.id)
    .where(
        statements.c.id == _KEY,
        statements.c.server_id == bindparam("server"),
        statements.c.fence == bindparam("number"),
    )
    .with_for_update()
)


def require_lease(connection: Connection, statement_id: str, server_id: str, fence: int) -> None:
    """Raise LeaseLost unless this server holds the statement under this number."""
    held = {"the_key": statement_id, "server": server_id, "number": fence}
    if connection.execute(_LEASE, held).first() is None:
        raise LeaseLost(f"Statement {statement_id} is not held under number {fence} here.")


_INSERT_RESULT = insert(results)


def insert_result(connection: Connection, result: Result) -> None:
    """Write a result that nothing serves yet."""
    connection.execute(_INSERT_RESULT, plain(result))


def _new(column: Any) -> Any:
    return bindparam(f"new_{column.name}", type_=column.type)


_FINISH = (
    update(statements)
    .where(with_followers(_KEY), statements.c.status.in_(IN_FLIGHT))
    .values(
        status=_new(statements.c.status),
        result_id=_new(statements.c.result_id),
        error=_new(statements.c.error),
        completed_at=_new(statements.c.completed_at),
        started_at=func.coalesce(statements.c.started_at, _new(statements.c.started_at)),
    )
    .returning(statements.c.id)
)


def finish(
    connection: Connection,
    statement_id: str,
    *,
    status: Status,
    at: Instant,
    started_at: Instant | None = None,
    result_id: str | None = None,
    error: dict[str, Any] | None = None,
) -> list[str]:
    """End a statement and its followers; returns the ids of those that had not ended before."""
    facts = {
        "the_key": statement_id,
        "new_status": status,
        "new_result_id": result_id,
        "new_error": error,
        "new_completed_at": at,
        "new_started_at": started_at,
    }
    return list(connection.scalars(_FINISH, facts).all())


_NOTE_CHANGES = (
    update(statements).where(statements.c.id == _KEY).values(changes=_new(statements.c.changes))
)


def note_changes(connection: Connection, statement_id: str, changes: Changes) -> None:
    """Keep with a refresh what it changed in the rows that it replaced."""
    facts = {"the_key": statement_id, "new_changes": plain(changes)}
    connection.execute(_NOTE_CHANGES, facts)


_SERVE = (
    update(views)
    .where(views.c.id == _KEY)
    .values(
        current_statement_id=bindparam("statement", type_=statements.c.id.type),
        last_refresh_statement_id=bindparam("statement", type_=statements.c.id.type),
        refreshing_statement_id=None,
        refreshed_at=_new(views.c.refreshed_at),
        failures=0,
        retry_at=0,
        changed_at=None,
        next_due_at=_new(views.c.next_due_at),
    )
)


def serve_result(
    connection: Connection, finished: list[str], result: Result, at: Instant
) -> list[int]:
    """Have the views whose refreshes these statements were serve their rows.

    Where those are the rows that a view had before, that is written down with
    the refresh: there is nothing to compare.
    """
    waiting = _refreshed_by(connection, finished)
    for view in waiting:
        if view.sha256 == result.sha256:
            note_changes(connection, view.refreshing_statement_id, NO_CHANGES)
        due = due_after_success(
            _rule(view), due_at=view.next_due_at, retry_at=view.retry_at, now=at
        )
        facts = {
            "the_key": view.id,
            "statement": view.refreshing_statement_id,
            "new_refreshed_at": at,
            "new_next_due_at": due,
        }
        connection.execute(_SERVE, facts)
    return [view.id for view in waiting]


def release_views(
    connection: Connection, finished: list[str], status: Status, at: Instant
) -> list[int]:
    """Take ended refreshes off their views, and say when the next may start by itself.

    After a failure the server tries again without a reader, and no sooner
    for the slots of a schedule; what somebody canceled is left alone until a
    reader, a change or the schedule comes.
    """
    waiting = _refreshed_by(connection, finished)
    for view in waiting:
        is_failure = status is Status.FAILED
        failures = view.failures + is_failure
        pause = _CANCELED_PAUSE if status is Status.CANCELED else back_off(failures)
        due = view.next_due_at
        if is_failure and (view.auto_refresh or _rule(view).schedule is not None):
            due = at + pause
        connection.execute(
            update(views)
            .where(views.c.id == view.id)
            .values(
                refreshing_statement_id=None,
                last_refresh_statement_id=view.refreshing_statement_id,
                failures=failures,
                retry_at=at + pause,
                next_due_at=due,
            )
        )
    return [view.id for view in waiting]


_VIEWS_BEHIND = (
    select(
        views.c.id,
        views.c.failures,
        views.c.retry_at,
        views.c.auto_refresh,
        views.c.rule,
        views.c.next_due_at,
        views.c.refreshing_statement_id,
        results.c.sha256,
    )
    .select_from(
        views.join(statements, statements.c.id == views.c.current_statement_id).outerjoin(
            results, results.c.id == statements.c.result_id
        )
    )
    .where(views.c.refreshing_statement_id.in_(bindparam("ended", expanding=True)))
)


def _refreshed_by(connection: Connection, finished: list[str]) -> Sequence[Any]:
    return connection.execute(_VIEWS_BEHIND, {"ended": finished}).all()


def _rule(view: Any) -> Rule:
    return msgspec.convert(view.rule, Rule)
