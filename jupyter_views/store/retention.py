"""What the store forgets: rows that nobody can ask for any more, and the files behind them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import CompoundSelect, Connection, delete, select, update

from ..core.model import Instant
from .database import Database
from .tables import frames, queries, results, statements, versions, views


class Forgotten(Struct, frozen=True, kw_only=True):
    """Hashes of the files that no row names any more."""

    results: tuple[str, ...]
    frames: tuple[str, ...]


class Retention:
    """Forgets by age what no view serves and no version names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, before: Instant) -> Forgotten:
        """Drop statements that ended before an instant, with their rows, queries and frames."""
        with self._database.write() as connection:
            _drop_statements(connection, before)
            hashes = _drop_unnamed(connection, results, results.c.sha256, statements.c.result_id)
            _drop_queries(connection, before)
            return Forgotten(results=hashes, frames=_drop_frames(connection, before))

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


def _drop_statements(connection: Connection, before: Instant) -> None:
    old = connection.scalars(
        select(statements.c.id).where(
            statements.c.completed_at < before, statements.c.id.not_in(_pinned())
        )
    ).all()
    if not old:
        return
    # A follower names its primary; the younger one keeps its rows without the link.
    connection.execute(
        update(statements).where(statements.c.primary_id.in_(old)).values(primary_id=None)
    )
    connection.execute(delete(statements).where(statements.c.id.in_(old)))


def _drop_unnamed(connection: Connection, table: Any, hash_: Any, named_by: Any) -> tuple[str, ...]:
    """Delete rows that no statement names; the hashes that are left without any row."""
    unnamed = table.c.id.not_in(select(named_by).where(named_by.is_not(None)))
    hashes = set(connection.scalars(select(hash_).where(unnamed)).all())
    connection.execute(delete(table).where(unnamed))
    still = connection.scalars(select(hash_).where(hash_.in_(hashes))).all()
    return tuple(sorted(hashes - set(still)))


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
    unbound = old - bound
    connection.execute(
        delete(frames).where(frames.c.sha256.in_(unbound), frames.c.uploaded_at < before)
    )
    kept = set(connection.scalars(select(frames.c.sha256)).all())
    return tuple(sorted(unbound - kept))
