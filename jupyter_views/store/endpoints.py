"""Rows of the endpoint door: found by name, listed by project, with when they ran last."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func, select

from ..core.model import Instant, Page, View
from ..core.requests import EndpointFilter
from .access import readable_by
from .database import Database
from .endpoint_tables import endpoints, executions
from .known_views import KnownViews
from .tables import views
from .view_rows import ROW, loaded

_NEWEST_FIRST = (views.c.created_at.desc(), views.c.id.desc())


class EndpointStore:
    """Endpoints on disk."""

    def __init__(self, database: Database, known: KnownViews) -> None:
        self._database = database
        self._known = known

    def known(self, project_id: int, name: str) -> View | None:
        """The view behind a name, if it is remembered and still true; takes microseconds."""
        return self._known.known("endpoint", project_id, name)

    def find(self, project_id: int, name: str) -> View | None:
        """The view behind an endpoint's name, active or not."""
        return self._known.find("endpoint", project_id, name)

    def page(self, reader: str, wanted: EndpointFilter, limit: int, offset: int) -> Page:
        """Readable endpoints of a project, the newest first."""
        condition = and_(readable_by(reader), *_conditions(wanted))
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(ROW).where(condition)
            ).scalar_one()
            found = loaded(connection, condition, limit=limit, offset=offset, order=_NEWEST_FIRST)
        return Page(tuple(found), total)

    def people(self, project_id: int) -> list[str]:
        """Everybody who made an endpoint of a project."""
        with self._database.read() as connection:
            return list(
                connection.scalars(
                    select(views.c.created_by)
                    .distinct()
                    .join(endpoints, endpoints.c.view_id == views.c.id)
                    .where(endpoints.c.project_id == project_id)
                    .order_by(views.c.created_by)
                )
            )

    def last_run(self, view_ids: tuple[int, ...], since: Instant) -> dict[int, Instant]:
        """When somebody ran each of these last; without those that nobody ran since."""
        with self._database.read() as connection:
            found = connection.execute(
                select(executions.c.view_id, func.max(executions.c.at))
                .where(
                    executions.c.view_id.in_(view_ids),
                    executions.c.at >= since,
                    executions.c.client != "server",
                    executions.c.status != "refused",
                )
                .group_by(executions.c.view_id)
            ).all()
        return dict(map(tuple, found))

    def named(self, reader: str, project_id: int, names: tuple[str, ...]) -> dict[int, str]:
        """Names of readable endpoints by the keys of their views; absent ones are left out."""
        with self._database.read() as connection:
            found = connection.execute(
                select(endpoints.c.view_id, endpoints.c.name)
                .join(views, views.c.id == endpoints.c.view_id)
                .where(
                    endpoints.c.project_id == project_id,
                    endpoints.c.name.in_(names),
                    readable_by(reader),
                )
            ).all()
        return dict(map(tuple, found))


def _conditions(wanted: EndpointFilter) -> list[Any]:
    found: list[Any] = [endpoints.c.project_id == wanted.project_id]
    if wanted.is_active is not None:
        found.append(endpoints.c.is_active.is_(wanted.is_active))
    if wanted.created_by is not None:
        found.append(views.c.created_by.in_(wanted.created_by))
    return found
