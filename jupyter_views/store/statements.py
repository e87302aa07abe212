"""Statement rows: submitted once, moved forward only, finished with their views in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import and_, func, select, tuple_, update

from ..core.leases import Lease
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
from .rows import statements_by_id, statements_where
from .statement_steps import (
    IN_FLIGHT,
    begin_refresh,
    finish,
    insert_result,
    insert_statement,
    newest,
    primary_of,
    refresh_instead,
    release_views,
    require_definition,
    require_lease,
    require_room,
    saved_query,
    serve_result,
    with_followers,
)
from .tables import results, statements

_NOBODY = ""
# Only what is in flight has not completed, and this condition has an index.
_HAS_NOT_ENDED = statements.c.completed_at.is_(None)


class StatementStore:
    """Statements on disk.

    Parameters
    ----------
    server_id
        Which server runs what this store inserts.
    is_alive
        Tells of a server's id whether that server may still live.
    """

    def __init__(self, database: Database, server_id: str, is_alive: Callable[[str], bool]) -> None:
        self._database = database
        self._server_id = server_id
        self._is_alive = is_alive

    def submit(
        self,
        statement: Statement,
        *,
        queued: int | None = None,
        per_person: int | None = None,
        replaces: str | None = None,
    ) -> Statement:
        """Insert a statement; an equal one in flight makes it a follower of that one.

        A statement with a ``view_id`` becomes that view's refresh in the same
        commit; where one is under way already, that one is returned instead
        and nothing is inserted.

        Parameters
        ----------
        queued, per_person
            How many statements may wait or run, of all people and of one.
        replaces
            The statement whose rows a run is to replace: where the view, or
            without one the fingerprint, has others by now, the one that
            computed those is returned instead. For a view so is the refresh
            that failed at it, until the next try is due.

        Raises
        ------
        Conflict
            If the actor has used the ``client_id`` before.
        TooMany
            When a limit is reached; counted in the same transaction.
        StaleWrite
            When the view's definition is no longer that of the refresh.
        """
        with self._database.write(is_forced=False) as connection:
            if statement.view_id is not None and (
                earlier := refresh_instead(
                    connection, statement.view_id, replaces, statement.submitted_at
                )
            ):
                return earlier
            if statement.view_id is None and replaces is not None:
                latest = newest(
                    connection,
                    statement.fingerprint,
                    Status.SUCCESS,
                    statements.c.result_id.is_not(None),
                )
                if latest not in {None, replaces}:
                    return statements_by_id(connection, {latest})[latest]
            query = saved_query(connection, statement.query)
            if statement.view_id is not None:
                require_definition(connection, statement.view_id, query, statement.params)
            facts: dict[str, Any] = {"query": query}
            if statement.strategy is Strategy.EXECUTE:
                primary = primary_of(connection, statement.fingerprint)
                if primary is not None:
                    facts |= {
                        "strategy": Strategy.AWAIT_PRIMARY,
                        "primary_id": primary.id,
                        "status": Status(primary.status),
                    }
                else:
                    require_room(connection, statement.submitted_by, queued, per_person)
            statement = replace(statement, **facts)
            insert_statement(connection, statement, self._server_id)
            if statement.view_id is not None:
                begin_refresh(connection, statement)
        return statement

    def plan(self, statement: Statement) -> Statement:
        """Keep a definition that nobody has run yet, as what a view holds until then."""
        with self._database.write(is_forced=False) as connection:
            statement = replace(statement, query=saved_query(connection, statement.query))
            insert_statement(connection, statement, self._server_id)
        return statement

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
            going = primary_of(connection, fingerprint)
            in_flight = going.id if going is not None else None
            success = newest(
                connection, fingerprint, Status.SUCCESS, statements.c.result_id.is_not(None)
            )
            failure = newest(
                connection, fingerprint, Status.FAILED, statements.c.completed_at >= failed_since
            )
            found = statements_by_id(connection, {success, failure, in_flight} - {None})
        return Outlook(
            success=found.get(success or ""),
            failure=found.get(failure or ""),
            in_flight=found.get(in_flight or ""),
        )

    def page(
        self, submitted_by: str, statuses: tuple[Status, ...], limit: int, offset: int
    ) -> Page:
        """A person's statements, newest first."""
        condition = and_(
            statements.c.submitted_by == submitted_by,
            statements.c.status.in_(statuses)
            if statuses
            else statements.c.status != Status.PLANNED,
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

    def start(self, statement_id: str, fence: int, at: Instant) -> None:
        """QUEUED → RUNNING for a statement and its followers; nothing once it has ended.

        Raises
        ------
        LeaseLost
            Unless this server holds the statement under ``fence``.
        """
        with self._database.write(is_forced=False) as connection:
            require_lease(connection, statement_id, self._server_id, fence)
            connection.execute(
                update(statements)
                .where(with_followers(statement_id), statements.c.status == Status.QUEUED)
                .values(status=Status.RUNNING, started_at=at)
            )

    def succeed(
        self, statement_id: str, fence: int, result: Result, *, started_at: Instant, at: Instant
    ) -> tuple[bool, list[int]]:
        """Store a result, finish the statement and its followers, swap their views' rows.

        One commit: either all of it is there or none. Returns whether the
        statement itself ended with it (where only its followers were still
        wanted it was canceled before), and the ids of the views that now
        serve the result.

        Raises
        ------
        LeaseLost
            Unless this server holds the statement under ``fence``.
        """
        with self._database.write(is_forced=False) as connection:
            require_lease(connection, statement_id, self._server_id, fence)
            insert_result(connection, result)
            finished = finish(
                connection,
                statement_id,
                status=Status.SUCCESS,
                result_id=result.id,
                started_at=started_at,
                at=at,
            )
            served = serve_result(connection, finished, result, at)
            return statement_id in finished, served

    def confirm(self, result_id: str, signatures: tuple[Signature, ...]) -> None:
        """Record signatures that prove as much as the old ones, but more cheaply."""
        with self._database.write(is_forced=False) as connection:
            connection.execute(
                update(results).where(results.c.id == result_id).values(signatures=signatures)
            )

    def fail(
        self, statement_id: str, fence: int, status: Status, error: dict[str, Any], at: Instant
    ) -> list[int]:
        """End a statement and its followers without a result; their views keep their last rows.

        Returns the ids of the views whose refresh this was. A failure
        postpones the next automatic refresh; canceling is no failure, but
        for a minute no reader starts what somebody has just stopped.

        Raises
        ------
        LeaseLost
            Unless this server holds the statement under ``fence``.
        """
        with self._database.write(is_forced=False) as connection:
            require_lease(connection, statement_id, self._server_id, fence)
            finished = finish(connection, statement_id, status=status, error=error, at=at)
            return release_views(connection, finished, status, at)

    def cancel(self, statement_id: str, error: dict[str, Any], at: Instant) -> list[int]:
        """End a statement that a person does not want, whoever holds it.

        Its holder loses the lease, so that nothing comes of it any more.
        """
        with self._database.write(is_forced=False) as connection:
            connection.execute(
                update(statements)
                .where(statements.c.id == statement_id)
                .values(fence=statements.c.fence + 1)
            )
            canceled = Status.CANCELED
            finished = finish(connection, statement_id, status=canceled, error=error, at=at)
            return release_views(connection, finished, canceled, at)

    def detach(self, statement_id: str, error: dict[str, Any], at: Instant) -> list[int]:
        """Cancel one follower alone; its primary goes on."""
        with self._database.write(is_forced=False) as connection:
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

    def leases(self) -> list[Lease]:
        """Every lease of a statement that waits or runs, by whomever held.

        Followers have none: what they wait for is held by their primary's
        holder, also when the primary itself was canceled.
        """
        waited_for = select(func.coalesce(statements.c.primary_id, statements.c.id)).where(
            _HAS_NOT_ENDED
        )
        columns = (statements.c.id, statements.c.server_id, statements.c.fence, statements.c.beat)
        with self._database.read() as connection:
            found = connection.execute(
                select(*columns).where(statements.c.id.in_(waited_for))
            ).all()
        holders = {row.server_id for row in found}
        gone = {holder for holder in holders if holder == _NOBODY or not self._is_alive(holder)}
        return [
            Lease(
                statement_id=row.id,
                server_id=row.server_id,
                fence=row.fence,
                beat=row.beat,
                is_abandoned=row.server_id in gone,
            )
            for row in found
        ]

    def beat(self, held: Mapping[str, int]) -> set[str]:
        """Raise the counters of these statements (id: fence); returns those that were lost."""
        mine = and_(
            statements.c.server_id == self._server_id,
            tuple_(statements.c.id, statements.c.fence).in_(list(held.items())),
        )
        with self._database.write(is_forced=False) as connection:
            kept = connection.scalars(
                update(statements)
                .where(mine)
                .values(beat=statements.c.beat + 1)
                .returning(statements.c.id)
            ).all()
        return held.keys() - set(kept)

    def take_over(
        self, lease: Lease, error: dict[str, Any], at: Instant
    ) -> tuple[Statement, list[int]] | None:
        """Make a lease this server's under the next number, if it still is as it was seen.

        What waited is returned, to be run here. What ran has failed with
        ``error``, and is returned with the ids of the views whose refresh
        it was. None when the holder lives after all, or another was quicker.
        """
        as_seen = and_(
            statements.c.id == lease.statement_id,
            statements.c.server_id == lease.server_id,
            statements.c.fence == lease.fence,
            statements.c.beat == lease.beat,
        )
        with self._database.write(is_forced=False) as connection:
            status = connection.execute(
                update(statements)
                .where(as_seen)
                .values(server_id=self._server_id, fence=lease.fence + 1)
                .returning(statements.c.status)
            ).scalar()
            if status is None:
                return None
            view_ids: list[int] = []
            if status != Status.QUEUED:
                finished = finish(
                    connection, lease.statement_id, status=Status.FAILED, error=error, at=at
                )
                view_ids = release_views(connection, finished, Status.FAILED, at)
            taken = statements_by_id(connection, {lease.statement_id})
            return taken[lease.statement_id], view_ids

    def let_go(self) -> None:
        """Leave what waits here to any other server."""
        with self._database.write(is_forced=False) as connection:
            connection.execute(
                update(statements)
                .where(statements.c.server_id == self._server_id, _HAS_NOT_ENDED)
                .values(server_id=_NOBODY)
            )
