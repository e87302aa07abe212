"""What the store forgets: rows that nobody can ask for any more, and the files behind them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import CompoundSelect, Connection, and_, delete, select, update

from ..core.model import Instant
from .database import Database
from .tables import frames, queries, results, statements, versions, views

_BATCH = 500


class Forgotten(Struct, frozen=True, kw_only=True):
    """Hashes of the files that no row names any more."""

    results: tuple[str, ...]
    frames: tuple[str, ...]


class Retention:
    """Forgets by age what no view serves and no version names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, rows_before: Instant, statements_before: Instant) -> Forgotten:
        """Drop the rows of statements that ended before one instant, all of them before another.

        A statement without rows still answers how it ended, and 410 for its
        result, until it goes too.
        """
        with self._database.write() as connection:
            connection.execute(
                update(statements)
                .where(_ended_unpinned(rows_before), statements.c.result_id.is_not(None))
                .values(result_id=None)
            )
            _drop_statements(connection, statements_before)
            unnamed = results.c.id.not_in(
                select(statements.c.result_id).where(statements.c.result_id.is_not(None))
            )
            hashes = set(connection.scalars(select(results.c.sha256).where(unnamed)).all())
            connection.execute(delete(results).where(unnamed))
            if hashes:
                hashes -= set(connection.scalars(select(results.c.sha256)).all())
            _drop_queries(connection, statements_before)
            return Forgotten(
                results=tuple(sorted(hashes)), frames=_drop_frames(connection, rows_before)
            )

    def result_hashes(self) -> set[str]:
        """Hashes of all result files that a row names."""
        with self._database.read() as connection:
            return set(connection.scalars(select(results.c.sha256)).all())


def _pinned() -> CompoundSelect[Any]:
    named = (
        views.c.current_statement_id,
        views.c.refreshing_statement_id,
        views.c.last_refresh_statement_id,
    )
    first, *others = (select(column).where(column.is_not(None)) for column in named)
    return first.union(*others, select(versions.c.statement_id))


def _ended_unpinned(before: Instant) -> Any:
    return and_(statements.c.completed_at < before, statements.c.id.not_in(_pinned()))


def _drop_statements(connection: Connection, before: Instant) -> None:
    # A follower names its primary; the younger one stays without the link.
    old = statements.alias("old")
    gone = select(old.c.id).where(old.c.completed_at < before, old.c.id.not_in(_pinned()))
    connection.execute(
        update(statements).where(statements.c.primary_id.in_(gone)).values(primary_id=None)
    )
    connection.execute(delete(statements).where(_ended_unpinned(before)))


def _drop_queries(connection: Connection, before: Instant) -> None:
    used = select(statements.c.query_id).union(select(versions.c.query_id))
    connection.execute(
        delete(queries).where(queries.c.created_at < before, queries.c.id.not_in(used))
    )


def _drop_frames(connection: Connection, before: Instant) -> tuple[str, ...]:
    bound = {
        sha256
        for found in connection.scalars(select(queries.c.frames)).all()
        for sha256 in found.values()
    }
    old = set(
        connection.scalars(select(frames.c.sha256).where(frames.c.uploaded_at < before)).all()
    )
    unbound = sorted(old - bound)
    for start in range(0, len(unbound), _BATCH):
        connection.execute(
            delete(frames).where(
                frames.c.sha256.in_(unbound[start : start + _BATCH]),
                frames.c.uploaded_at < before,
            )
        )
    kept = set(connection.scalars(select(frames.c.sha256)).all())
    return tuple(sha256 for sha256 in unbound if sha256 not in kept)
