"""The steps of a statement's life as single SQL statements, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from ..core.errors import StaleWrite, TooMany
from ..core.freshness import back_off
from ..core.leases import LeaseLost
from ..core.model import SECOND, Instant, Query, Rule, Statement, Status, Strategy
from ..core.scheduling import due_after_success
from .rows import plain, statements_by_id
from .tables import queries, statements, versions, views

_CANCELED_PAUSE: Instant = 60 * SECOND
IN_FLIGHT = (Status.QUEUED, Status.RUNNING)


def saved_query(connection: Connection, query: Query) -> Query:
    """The query as it is stored: an equal definition is kept once."""
    known = connection.execute(
        select(queries.c.id, queries.c.created_at).where(
            queries.c.definition_hash == query.definition_hash
        )
    ).first()
    if known is not None:
        return replace(query, id=known.id, created_at=known.created_at)
    connection.execute(insert(queries).values(**plain(query)))
    return query


def require_definition(
    connection: Connection, view_id: int, query: Query, params: dict[str, Any]
) -> None:
    """Raise StaleWrite unless the view still is defined as this query with these parameters."""
    newest = and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version)
    defined = connection.execute(
        select(versions.c.query_id, versions.c.params)
        .join(views, newest)
        .where(views.c.id == view_id)
    ).first()
    if defined is None or (defined.query_id, defined.params) != (query.id, params):
        raise StaleWrite("The view's definition has changed.")


def require_room(
    connection: Connection, person: str, queued: int | None, per_person: int | None
) -> None:
    """Raise TooMany when as many statements wait or run as may."""
    waiting, mine = connection.execute(
        select(func.count(), func.count().filter(statements.c.submitted_by == person)).where(
            statements.c.status.in_(IN_FLIGHT), statements.c.strategy == Strategy.EXECUTE
        )
    ).one()
    if (queued is not None and waiting >= queued) or (
        per_person is not None and mine >= per_person
    ):
        raise TooMany(
            "Too many statements are waiting.",
            hint="Wait for one to end, or cancel it.",
            retry_after_seconds=2,
        )


def refresh_instead(connection: Connection, view_id: int, replaces: str | None) -> Statement | None:
    """The statement that makes a refresh of a view needless, if there is one.

    That is the refresh under way; or, where ``replaces`` names the statement
    whose rows are to be replaced, the one that has replaced them meanwhile.
    """
    view = connection.execute(
        select(views.c.refreshing_statement_id, views.c.current_statement_id).where(
            views.c.id == view_id
        )
    ).first()
    if view is None:
        return None
    found = view.refreshing_statement_id
    if found is None and replaces not in {None, view.current_statement_id}:
        found = view.current_statement_id
    return statements_by_id(connection, {found}).get(found) if found else None


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


def require_lease(connection: Connection, statement_id: str, server_id: str, fence: int) -> None:
    """Raise LeaseLost unless this server holds the statement under this number."""
    held = connection.execute(
        select(statements.c.id)
        .where(
            statements.c.id == statement_id,
            statements.c.server_id == server_id,
            statements.c.fence == fence,
        )
        .with_for_update()
    ).first()
    if held is None:
        raise LeaseLost(f"Statement {statement_id} is not held under number {fence} here.")


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
    return list(
        connection.scalars(
            update(statements)
            .where(with_followers(statement_id), statements.c.status.in_(IN_FLIGHT))
            .values(
                status=status,
                result_id=result_id,
                error=error,
                completed_at=at,
                started_at=func.coalesce(statements.c.started_at, started_at),
            )
            .returning(statements.c.id)
        ).all()
    )


def serve_result(connection: Connection, finished: list[str], at: Instant) -> list[int]:
    """Have the views whose refreshes these statements were serve their rows."""
    waiting = _refreshed_by(connection, finished)
    for view in waiting:
        due = due_after_success(
            _rule(view), due_at=view.next_due_at, retry_at=view.retry_at, now=at
        )
        connection.execute(
            update(views)
            .where(views.c.id == view.id)
            .values(
                current_statement_id=view.refreshing_statement_id,
                last_refresh_statement_id=view.refreshing_statement_id,
                refreshing_statement_id=None,
                refreshed_at=at,
                failures=0,
                retry_at=0,
                changed_at=None,
                next_due_at=due,
            )
        )
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


def _refreshed_by(connection: Connection, finished: list[str]) -> Sequence[Any]:
    return connection.execute(
        select(
            views.c.id,
            views.c.failures,
            views.c.retry_at,
            views.c.auto_refresh,
            views.c.rule,
            views.c.next_due_at,
            views.c.refreshing_statement_id,
        ).where(views.c.refreshing_statement_id.in_(finished))
    ).all()


def _rule(view: Any) -> Rule:
    return msgspec.convert(view.rule, Rule)
