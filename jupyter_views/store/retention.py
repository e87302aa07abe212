"""What the store forgets: rows that nobody can ask for any more, and the files behind them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from ..core.model import SECOND, Instant, Status
from .database import Database
from .reference_tables import query_references
from .tables import frames, queries, results, statements, versions, views

_BATCH = 500
_STATEMENTS_KEPT = 500
_SUPERSEDED_AFTER: Instant = 3600 * SECOND


class Forgotten(Struct, frozen=True, kw_only=True):
    """Hashes of the files that no row names any more."""

    results: tuple[str, ...]
    frames: tuple[str, ...]


class Retention:
    """Forgets what no view serves, no version or reference names and no history keeps.

    Of each view the newest distinct results are kept, however old they are,
    so that they can be looked at and compared. Older ones go an hour after
    they ended, and statements beyond the newest 500 with the rows of their
    age. What belongs to no view goes by age alone.

    Parameters
    ----------
    results_kept
        How many distinct results of each view are kept.
    """

    def __init__(self, database: Database, results_kept: int = 10) -> None:
        self._database = database
        self._results_kept = results_kept
        self._looked = (0, 0)

    def forget(
        self,
        rows_before: Instant,
        statements_before: Instant,
        *,
        superseded_before: Instant | None = None,
    ) -> Forgotten:
        """Drop the rows of statements that ended before one instant, all of them before another.

        A statement without rows still answers how it ended, and 410 for its
        result, until it goes too.

        Parameters
        ----------
        superseded_before
            Views' results beyond those that are kept go when they ended
            before this instant; an hour ago when absent.
        """
        if superseded_before is None:
            superseded_before = time.time_ns() // 1000 - _SUPERSEDED_AFTER
        self._trim_views(superseded_before, rows_before)
        with self._database.write() as connection:
            connection.execute(
                update(statements)
                .where(_ended_unpinned(rows_before), _has_rows(), ~_of_a_view())
                .values(result_id=None)
            )
            _drop_statements(
                connection,
                and_(_ended_unpinned(statements_before), ~and_(_has_rows(), _of_a_view())),
            )
            unnamed = ~exists().where(statements.c.result_id == results.c.id)
            hashes = set(connection.scalars(select(results.c.sha256).where(unnamed)).all())
            connection.execute(delete(results).where(unnamed))
            hashes -= _named(connection, sorted(hashes))
            _drop_queries(connection, statements_before)
            return Forgotten(
                results=tuple(sorted(hashes)), frames=_drop_frames(connection, rows_before)
            )

    def result_hashes(self) -> set[str]:
        """Hashes of all result files that a row names."""
        with self._database.read() as connection:
            return set(connection.scalars(select(results.c.sha256)).all())

    def _trim_views(self, superseded_before: Instant, rows_before: Instant) -> None:
        """Trim the views some of whose statements grew old since the last time.

        Nothing else can have come to be too much, so that a quiet store costs
        two looks at an index, however many views it holds.
        """
        bounds = (superseded_before, rows_before)
        with self._database.read() as connection:
            touched = sorted(_touched(connection, zip(self._looked, bounds, strict=True)))
        for some in _batches(touched):
            with self._database.read() as connection:
                superseded = self._superseded(connection, some, superseded_before)
            for ids in _batches(superseded):
                with self._database.write() as connection:
                    connection.execute(
                        update(statements)
                        .where(statements.c.id.in_(ids), statements.c.id.not_in(_pinned()))
                        .values(result_id=None)
                    )
            with self._database.read() as connection:
                surplus = connection.scalars(_surplus(some, rows_before)).all()
            for ids in _batches(surplus):
                with self._database.write() as connection:
                    _drop_statements(
                        connection,
                        and_(statements.c.id.in_(ids), statements.c.id.not_in(_pinned())),
                    )
        self._looked = bounds

    def _superseded(
        self, connection: Connection, view_ids: Sequence[int], before: Instant
    ) -> Sequence[str]:
        """Statements whose rows are not among the newest distinct results of their view.

        Of equal results the newest stands for all.
        """
        newest_first = (statements.c.completed_at.desc(), statements.c.id.desc())
        numbered = (
            select(
                statements.c.id,
                statements.c.view_id,
                statements.c.completed_at,
                func.row_number()
                .over(partition_by=(statements.c.view_id, results.c.sha256), order_by=newest_first)
                .label("copy"),
            )
            .join(results, results.c.id == statements.c.result_id)
            .where(statements.c.view_id.in_(view_ids), statements.c.status == Status.SUCCESS)
            .subquery()
        )
        ranked = select(
            numbered.c.id,
            numbered.c.completed_at,
            numbered.c.copy,
            func.row_number()
            .over(
                partition_by=(numbered.c.view_id, numbered.c.copy > 1),
                order_by=(numbered.c.completed_at.desc(), numbered.c.id.desc()),
            )
            .label("rank"),
        ).subquery()
        is_surplus = or_(ranked.c.copy > 1, ranked.c.rank > self._results_kept)
        return connection.scalars(
            select(ranked.c.id).where(is_surplus, ranked.c.completed_at < before)
        ).all()


def _touched(connection: Connection, spans: Any) -> set[int]:
    """Views with a statement that ended within one of the (since, before) spans."""
    ended = statements.c.completed_at
    found: set[int] = set()
    for since, before in spans:
        asked = select(statements.c.view_id).where(
            ended >= since, ended < before, statements.c.view_id.is_not(None)
        )
        found |= set(connection.scalars(asked.distinct()).all())
    return found


def _surplus(view_ids: Sequence[int], before: Instant) -> Select[Any]:
    """Statements without rows, beyond the newest of each view, that ended before an instant."""
    ranked = (
        select(
            statements.c.id,
            statements.c.completed_at,
            statements.c.result_id,
            func.row_number()
            .over(
                partition_by=statements.c.view_id,
                order_by=(statements.c.submitted_at.desc(), statements.c.id.desc()),
            )
            .label("rank"),
        )
        .where(statements.c.view_id.in_(view_ids))
        .subquery()
    )
    return select(ranked.c.id).where(
        ranked.c.rank > _STATEMENTS_KEPT,
        ranked.c.completed_at < before,
        ranked.c.result_id.is_(None),
    )


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _pinned() -> CompoundSelect[Any]:
    named = (
        views.c.current_statement_id,
        views.c.refreshing_statement_id,
        views.c.last_refresh_statement_id,
    )
    first, *others = (select(column).where(column.is_not(None)) for column in named)
    followed = select(query_references.c.statement_id).where(
        query_references.c.statement_id.is_not(None), query_references.c.deleted_at.is_(None)
    )
    return first.union(*others, select(versions.c.statement_id), followed)


def _ended_unpinned(before: Instant) -> ColumnElement[bool]:
    return and_(statements.c.completed_at < before, statements.c.id.not_in(_pinned()))


def _has_rows() -> ColumnElement[bool]:
    return statements.c.result_id.is_not(None)


def _of_a_view() -> ColumnElement[bool]:
    """Whether a statement refreshed a view that is still there."""
    return exists().where(views.c.id == statements.c.view_id)


def _drop_statements(connection: Connection, condition: ColumnElement[bool]) -> None:
    # A follower names its primary; the younger one stays without the link.
    gone = connection.scalars(select(statements.c.id).where(condition)).all()
    for ids in _batches(gone):
        connection.execute(
            update(statements).where(statements.c.primary_id.in_(ids)).values(primary_id=None)
        )
        connection.execute(delete(statements).where(statements.c.id.in_(ids)))


def _named(connection: Connection, hashes: Sequence[str]) -> set[str]:
    """Those of some hashes that a row names."""
    return {
        sha256
        for some in _batches(hashes)
        for sha256 in connection.scalars(select(results.c.sha256).where(results.c.sha256.in_(some)))
    }


def _drop_queries(connection: Connection, before: Instant) -> None:
    used = select(statements.c.query_id).union(
        select(versions.c.query_id), select(query_references.c.query_id)
    )
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
    for some in _batches(unbound):
        connection.execute(
            delete(frames).where(frames.c.sha256.in_(some), frames.c.uploaded_at < before)
        )
    kept = set(connection.scalars(select(frames.c.sha256)).all())
    return tuple(sha256 for sha256 in unbound if sha256 not in kept)
