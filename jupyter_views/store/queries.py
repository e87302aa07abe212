"""Queries as people find them again: by the runs of them that they may see."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, case, exists, func, select

from ..core.model import Statement, Status
from ..core.queries import KnownQuery
from .access import statement_visible_to
from .database import Database
from .rows import query_from, statements_by_id
from .tables import queries, statements

_HAS_RUN = statements.c.status != Status.PLANNED
# Values that some reader put in the place of a query's own are that reader's affair.
_HAS_OWN_VALUES = and_(statements.c.variant_of.is_(None), statements.c.reference_id.is_(None))


class QueryStore:
    """Queries on disk, for one reader at a time: an equal definition of two people is one row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, reader: str, query_id: str) -> KnownQuery | None:
        """A query some run of which this person may see."""
        with self._database.read() as connection:
            found = _known(connection, reader, (query_id,))
        return found[0] if found else None

    def page(self, reader: str, limit: int, below: str | None) -> list[KnownQuery]:
        """Queries that this person may see, newest first.

        Parameters
        ----------
        below
            Only those that are older than this one.
        """
        seen = exists().where(statements.c.query_id == queries.c.id, statement_visible_to(reader))
        asked = select(queries.c.id).where(seen).order_by(queries.c.id.desc()).limit(limit)
        if below is not None:
            asked = asked.where(queries.c.id < below)
        with self._database.read() as connection:
            return _known(connection, reader, connection.scalars(asked).all())

    def best_run(self, reader: str, query_id: str) -> Statement | None:
        """Of a query's runs the newest with rows, else the newest; of those that may be seen."""
        has_rows = case((statements.c.result_id.is_not(None), 1), else_=0)
        asked = (
            select(statements.c.id)
            .where(statements.c.query_id == query_id, _HAS_OWN_VALUES, statement_visible_to(reader))
            .order_by(has_rows.desc(), statements.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            found = connection.scalar(asked)
            return statements_by_id(connection, {found}).get(found) if found else None

    def run_named(self, statement_id: str) -> Statement | None:
        """The run with this id."""
        with self._database.read() as connection:
            return statements_by_id(connection, {statement_id}).get(statement_id)


def _known(connection: Connection, reader: str, ids: Sequence[str]) -> list[KnownQuery]:
    """Queries with the first and the newest of the runs that a person may see.

    Keys of statements sort by age.
    """
    spans = connection.execute(
        select(
            statements.c.query_id,
            func.min(statements.c.id),
            func.max(statements.c.id).filter(_HAS_RUN, _HAS_OWN_VALUES),
        )
        .where(and_(statements.c.query_id.in_(ids), statement_visible_to(reader)))
        .group_by(statements.c.query_id)
    ).all()
    firsts = {
        row.id: row
        for row in connection.execute(
            select(statements.c.id, statements.c.submitted_by, statements.c.submitted_at).where(
                statements.c.id.in_([first for _, first, _ in spans])
            )
        )
    }
    newest = statements_by_id(connection, {last for *_, last in spans} - {None})
    by_id = {query_id: (firsts[first], newest.get(last)) for query_id, first, last in spans}
    found = connection.execute(
        select(queries).where(queries.c.id.in_(by_id)).order_by(queries.c.id.desc())
    ).mappings()
    return [
        KnownQuery(
            query=query_from(row),
            created_by=by_id[row["id"]][0].submitted_by,
            created_at=by_id[row["id"]][0].submitted_at,
            latest=by_id[row["id"]][1],
        )
        for row in found
    ]
