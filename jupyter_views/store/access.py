"""Who may read what, as conditions on rows; the decision itself is :mod:`..core.access`'s."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, exists, or_

from .endpoint_tables import endpoints
from .reference_tables import query_references, reference_grants
from .tables import grants, insights, perspectives, statements, versions, views


def readable_by(reader: str) -> Any:
    """The views that this person owns, is granted, or that every signed-in person may read."""
    granted = exists().where(grants.c.view_id == views.c.id, grants.c.user == reader)
    return or_(views.c.owner == reader, views.c.is_public, granted)


def is_open() -> Any:
    """The views that some door leads to; behind a deleted insight alone there is nothing."""
    return or_(
        exists().where(perspectives.c.view_id == views.c.id),
        exists().where(insights.c.view_id == views.c.id, ~insights.c.deleted),
        exists().where(endpoints.c.view_id == views.c.id),
    )


def reference_readable_by(reader: str) -> Any:
    """The references that this person made, or whose query or view is shown to them."""
    granted = exists().where(
        reference_grants.c.reference_id == query_references.c.id,
        reference_grants.c.user == reader,
    )
    follows = query_references.c.view_id
    view = exists().where(views.c.id == follows, is_open(), readable_by(reader))
    alone = and_(follows.is_(None), or_(query_references.c.is_public, granted))
    shown = or_(query_references.c.owner == reader, alone, view)
    return and_(query_references.c.deleted_at.is_(None), shown)


def run_shown_by_reference(reader: str) -> Any:
    """That a reference shows a run of its query to this person.

    One that follows a view does so for the view's readers, also to its own owner.
    Another one does so for runs in its owner's name: what others ran for them is
    not his to show, or to keep, once they close it.
    """
    follows = query_references.c.view_id
    owns_run = and_(follows.is_(None), statements.c.submitted_by == query_references.c.owner)
    view = exists().where(views.c.id == follows, is_open(), readable_by(reader))
    return and_(reference_readable_by(reader), or_(owns_run, view))


def statement_visible_to(reader: str) -> Any:
    """The statements whose definition this person may see: own ones, those of views, of references.

    One condition for each way, so that each can use its index.
    """
    may_read = readable_by(reader)
    may_follow = run_shown_by_reference(reader)
    return or_(
        statements.c.submitted_by == reader,
        exists().where(views.c.id == statements.c.view_id, may_read),
        exists().where(views.c.id == statements.c.variant_of, may_read),
        exists().where(views.c.current_statement_id == statements.c.id, may_read),
        exists().where(
            versions.c.statement_id == statements.c.id, views.c.id == versions.c.view_id, may_read
        ),
        exists().where(query_references.c.id == statements.c.reference_id, may_follow),
        exists().where(query_references.c.statement_id == statements.c.id, may_follow),
    )
