"""Rows of activity: added by the transactions that do the deeds, read by page."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, or_, select

from ..core.activity import Activity, Change, Scope
from ..core.model import Page
from .access import readable_by, reference_readable_by
from .database import Database
from .reference_tables import query_references
from .rows import plain
from .tables import activities, dashboards, views


def record(connection: Connection, activity: Activity) -> None:
    """Add a deed to the log, in the transaction that does it."""
    connection.execute(insert(activities).values(**plain(activity)))


class ActivityStore:
    """What was done, by whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, activity: Activity) -> None:
        """Add a deed that changes no other row."""
        with self._database.write() as connection:
            record(connection, activity)

    def page(
        self, reader: str, project_id: int, item: tuple[Scope, int] | None, limit: int, offset: int
    ) -> Page:
        """Deeds of a project or of one object, newest first."""
        condition = and_(activities.c.project_id == project_id, _wanted(reader, item))
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(activities).where(condition)
            ).scalar_one()
            found = connection.execute(
                select(activities)
                .where(condition)
                .order_by(activities.c.at.desc(), activities.c.id.desc())
                .limit(limit)
                .offset(offset)
            ).mappings()
            return Page(tuple(_activity(row) for row in found), total)


def _wanted(reader: str, item: tuple[Scope, int] | None) -> Any:
    if item is not None:
        scope, item_id = item
        # What was done to an endpoint was done to its view.
        scopes = ("view", "endpoint") if scope == "view" else (scope,)
        return and_(activities.c.scope.in_(scopes), activities.c.item_id == item_id)
    readable_view = exists().where(views.c.id == activities.c.item_id, readable_by(reader))
    readable_dashboard = exists().where(
        dashboards.c.id == activities.c.item_id,
        or_(dashboards.c.owner == reader, dashboards.c.is_public),
    )
    readable_reference = exists().where(
        query_references.c.id == activities.c.item_id, reference_readable_by(reader)
    )
    return or_(
        activities.c.person == reader,
        and_(activities.c.scope.in_(("view", "endpoint")), readable_view),
        and_(activities.c.scope == "dashboard", readable_dashboard),
        and_(activities.c.scope == "reference", readable_reference),
    )


def _activity(row: RowMapping) -> Activity:
    changes = msgspec.convert(row["changes"], tuple[Change, ...] | None)
    return Activity(**dict(row) | {"changes": changes})
