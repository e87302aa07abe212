"""Who may see how a statement stands that somebody else submitted."""

from __future__ import annotations

from sqlalchemy import exists, or_, select

from .access import readable_by, run_shown_by_reference
from .database import Database
from .reference_tables import query_references
from .tables import statements, versions, views


class StatementReaders:
    """Readers of a statement through a view."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def readable_statement(self, reader: str, statement_id: str) -> bool:
        """Whether a view that this person may read serves this statement's rows, or is about to.

        Or whether it runs that view's query with other values, or that of a
        reference that this person may read.
        """
        this = statements.c.id == statement_id
        variant_of = select(statements.c.variant_of).where(this).scalar_subquery()
        of_reference = exists().where(
            this,
            or_(
                query_references.c.id == statements.c.reference_id,
                query_references.c.statement_id == statements.c.id,
            ),
            run_shown_by_reference(reader),
        )
        with self._database.read() as connection:
            return bool(
                connection.execute(
                    select(
                        of_reference
                        | exists().where(
                            or_(
                                views.c.current_statement_id == statement_id,
                                views.c.refreshing_statement_id == statement_id,
                                views.c.last_refresh_statement_id == statement_id,
                                views.c.id == variant_of,
                                exists().where(
                                    versions.c.view_id == views.c.id,
                                    versions.c.statement_id == statement_id,
                                ),
                            ),
                            readable_by(reader),
                        )
                    )
                ).scalar()
            )
