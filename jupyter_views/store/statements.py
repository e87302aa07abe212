"""Statement rows: submitted once, moved forward only, finished with their views in one commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from sqlalchemy import and_, exc, exists, func, insert, or_, select, update

from ..core.errors import Conflict
from ..core.model import (
    Instant,
    Outlook,
    Page,
    Result,
    Statement,
    Status,
    Strategy,
)
from ..core.ports import Signature
from .database import Database
from .rows import plain, statements_by_id, statements_where
from .statement_steps import (
    IN_FLIGHT,
    finish,
    newest,
    refresh_under_way,
    release_views,
    require_definition,
    require_room,
    saved_query,
    with_followers,
)
from .tables import results, statements, views

_COLUMNS = {column.name for column in statements.c}


class StatementStore:
    """Statements on disk.

    Parameters
    ----------
    server_id
        Which server runs what this store inserts; a server that died is
        recognised by it.
    """

    def __init__(self, database: Database, server_id: str) -> None:
        self._database = database
        self._server_id = server_id

    def submit(
        self, statement: Statement, *, queued: int | None = None, per_person: int | None = None
    ) -> Statement:
        """Insert a statement; an equal one in flight makes it a follower of that one.

        A statement with a ``view_id`` becomes that view's refresh in the same
        commit; where one is under way already, that one is returned instead
        and nothing is inserted.

        Parameters
        ----------
        queued, per_person
            How many statements may wait or run, of all people and of one.

        Raises
        ------
        Conflict
            If the actor has used the ``client_id`` before.
        TooMany
            When a limit is reached; counted in the same transaction.
        StaleWrite
            When the view's definition is no longer that of the refresh.
        """
        with self._database.write() as connection:
            if statement.view_id is not None and (
                earlier := refresh_under_way(connection, statement.view_id)
            ):
                return earlier
            query = saved_query(connection, statement.query)
            if statement.view_id is not None:
                require_definition(connection, statement.view_id, query, statement.params)
            facts: dict[str, Any] = {"query": query}
            if statement.strategy is Strategy.EXECUTE:
                primary = connection.execute(
                    select(statements.c.id, statements.c.status).where(
                        statements.c.fingerprint == statement.fingerprint,
                        statements.c.status.in_(IN_FLIGHT),
                        statements.c.strategy == Strategy.EXECUTE,
                    )
                ).first()
                if primary is not None:
                    facts |= {
                        "strategy": Strategy.AWAIT_PRIMARY,
                        "primary_id": primary.id,
                        "status": Status(primary.status),
                    }
                else:
                    require_room(connection, statement.submitted_by, queued, per_person)
            statement = replace(statement, **facts)
            try:
                connection.execute(insert(statements).values(**self._cells(statement)))
            except exc.IntegrityError as error:
                raise Conflict(
                    "This client_id names an earlier statement of yours.",
                    hint="Send a new client_id with each statement.",
                    details={"client_id": statement.client_id},
                ) from error
            if statement.view_id is not None:
                connection.execute(
                    update(views)
                    .where(views.c.id == statement.view_id)
                    .values(refreshing_statement_id=statement.id)
                )
        return statement

    def _cells(self, statement: Statement) -> dict[str, Any]:
        cells = {
            name: getattr(statement, name)
            for name in statement.__struct_fields__
            if name in _COLUMNS
        }
        return cells | {
            "query_id": statement.query.id,
            "result_id": statement.result.id if statement.result else None,
            "server_id": self._server_id,
        }

    def find(self, statement_id: str) -> Statement | None:
        """The statement with this id."""
        with self._database.read() as connection:
            return statements_by_id(connection, {statement_id}).get(statement_id)

    def find_by_client_id(self, submitted_by: str, client_id: str) -> Statement | None:
        """The statement that this person submitted under an id of their own."""
        with self._database.read() as connection:
            found = statements_where(
                connection,
                and_(
                    statements.c.submitted_by == submitted_by, statements.c.client_id == client_id
                ),
            )
            return found[0] if found else None

    def outlook(self, fingerprint: str, failed_since: Instant) -> Outlook:
        """What is known of a fingerprint, in one look."""
        with self._database.read() as connection:
            in_flight = connection.execute(
                select(
                    exists().where(
                        statements.c.fingerprint == fingerprint,
                        statements.c.status.in_(IN_FLIGHT),
                        statements.c.strategy == Strategy.EXECUTE,
                    )
                )
            ).scalar()
            success = newest(
                connection, fingerprint, Status.SUCCESS, statements.c.result_id.is_not(None)
            )
            failure = newest(
                connection, fingerprint, Status.FAILED, statements.c.completed_at >= failed_since
            )
            found = statements_by_id(connection, {success, failure} - {None})
        return Outlook(
            success=found.get(success),
            failure=found.get(failure),
            is_in_flight=bool(in_flight),
        )

    def page(
        self, submitted_by: str, statuses: tuple[Status, ...], limit: int, offset: int
    ) -> Page:
        """A person's statements, newest first."""
        condition = and_(
            statements.c.submitted_by == submitted_by,
            statements.c.status.in_(statuses) if statuses else True,
        )
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(statements).where(condition)
            ).scalar_one()
            ids = connection.scalars(
                select(statements.c.id)
                .where(condition)
                .order_by(statements.c.submitted_at.desc(), statements.c.id.desc())
                .limit(limit)
                .offset(offset)
            ).all()
            found = statements_by_id(connection, set(ids))
        return Page(tuple(found[i] for i in ids), total)

    def start(self, statement_id: str, at: Instant) -> bool:
        """QUEUED → RUNNING for a statement and its followers; False if it is no longer queued."""
        with self._database.write() as connection:
            moved = connection.execute(
                update(statements)
                .where(with_followers(statement_id), statements.c.status == Status.QUEUED)
                .values(status=Status.RUNNING, started_at=at)
            )
            return moved.rowcount > 0

    def succeed(
        self, statement_id: str, result: Result, *, started_at: Instant, at: Instant
    ) -> list[int]:
        """Store a result, finish the statement and its followers, swap their views' rows.

        One commit: either all of it is there or none. Returns the ids of the
        views that now serve the result.
        """
        with self._database.write() as connection:
            connection.execute(insert(results).values(**plain(result)))
            finished = finish(
                connection,
                statement_id,
                status=Status.SUCCESS,
                result_id=result.id,
                started_at=started_at,
                at=at,
            )
            changed = []
            for refreshed in finished:
                changed += connection.scalars(
                    update(views)
                    .where(views.c.refreshing_statement_id == refreshed)
                    .values(
                        current_statement_id=refreshed,
                        last_refresh_statement_id=refreshed,
                        refreshing_statement_id=None,
                        refreshed_at=at,
                        failures=0,
                        retry_at=0,
                    )
                    .returning(views.c.id)
                ).all()
        return changed

    def _orphans(self, servers: list[str]) -> list[str]:
        """Followers on dead servers whose primary was canceled and so is no longer in flight."""
        primary = statements.alias("primary_")
        with self._database.read() as connection:
            return list(
                connection.scalars(
                    select(statements.c.id)
                    .outerjoin(primary, primary.c.id == statements.c.primary_id)
                    .where(
                        statements.c.server_id.in_(servers),
                        statements.c.strategy == Strategy.AWAIT_PRIMARY,
                        statements.c.status.in_(IN_FLIGHT),
                        or_(primary.c.id.is_(None), primary.c.status.not_in(IN_FLIGHT)),
                    )
                ).all()
            )

    def confirm(self, result_id: str, signatures: tuple[Signature, ...]) -> None:
        """Record signatures that prove as much as the old ones, but more cheaply."""
        with self._database.write() as connection:
            connection.execute(
                update(results)
                .where(results.c.id == result_id)
                .values(signatures=plain(signatures))
            )

    def fail(
        self, statement_id: str, status: Status, error: dict[str, Any], at: Instant
    ) -> list[int]:
        """End a statement and its followers without a result; their views keep their last rows.

        Returns the ids of the views whose refresh this was. A failure
        postpones the next automatic refresh; canceling is no failure, but
        for a minute no reader starts what somebody has just stopped.
        """
        with self._database.write() as connection:
            finished = finish(connection, statement_id, status=status, error=error, at=at)
            return release_views(connection, finished, status, at)

    def detach(self, statement_id: str, error: dict[str, Any], at: Instant) -> list[int]:
        """Cancel one follower alone; its primary goes on."""
        with self._database.write() as connection:
            moved = connection.execute(
                update(statements)
                .where(statements.c.id == statement_id, statements.c.status.in_(IN_FLIGHT))
                .values(status=Status.CANCELED, error=error, completed_at=at)
            )
            gone = [statement_id] if moved.rowcount else []
            return release_views(connection, gone, Status.CANCELED, at)

    def has_followers(self, statement_id: str) -> bool:
        """Whether somebody else still waits for this statement's result."""
        with self._database.read() as connection:
            return (
                connection.execute(
                    select(statements.c.id)
                    .where(
                        statements.c.primary_id == statement_id,
                        statements.c.status.in_(IN_FLIGHT),
                    )
                    .limit(1)
                ).first()
                is not None
            )

    def recover(
        self, is_alive: Callable[[str], bool], error: dict[str, Any], at: Instant
    ) -> list[Statement]:
        """Clean up after servers that died.

        What they were running has FAILED; what they had queued is taken
        over and returned, to be run here.
        """
        with self._database.read() as connection:
            servers = connection.scalars(
                select(statements.c.server_id).where(statements.c.status.in_(IN_FLIGHT)).distinct()
            ).all()
        dead = [server for server in servers if server != self._server_id and not is_alive(server)]
        if not dead:
            return []
        left = and_(statements.c.server_id.in_(dead), statements.c.strategy == Strategy.EXECUTE)
        with self._database.read() as connection:
            running = connection.scalars(
                select(statements.c.id).where(left, statements.c.status == Status.RUNNING)
            ).all()
        for statement_id in (*running, *self._orphans(dead)):
            self.fail(statement_id, Status.FAILED, error, at)
        with self._database.write() as connection:
            queued = connection.scalars(
                update(statements)
                .where(statements.c.server_id.in_(dead), statements.c.status == Status.QUEUED)
                .values(server_id=self._server_id)
                .returning(statements.c.id)
            ).all()
        with self._database.read() as connection:
            return [
                found
                for found in statements_by_id(connection, set(queued)).values()
                if found.strategy is Strategy.EXECUTE
            ]
