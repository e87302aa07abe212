"""Rows of dashboards and their tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, RowMapping, and_, func, insert, or_, select, update

from ..core.activity import Activity
from ..core.dashboards import Dashboard, DashboardChange, Tile
from ..core.errors import Invalid, StaleWrite
from ..core.model import Page
from .access import readable_by
from .activities import record
from .database import Database
from .tables import dashboards, insights, tiles, views

_FIELDS = ("name", "description", "filters", "variables", "is_public", "deleted", "updated_at")


class DashboardStore:
    """Dashboards on disk. A tile is one row for ever: taken off and put back, it keeps its key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, dashboard: Dashboard, view_ids: Sequence[int], activity: Activity
    ) -> Dashboard:
        """Write a dashboard with its tiles, in one commit.

        Raises
        ------
        Invalid
            If its owner may not read one of the views.
        """
        with self._database.write() as connection:
            made = connection.execute(
                insert(dashboards).values(
                    project_id=dashboard.project_id,
                    owner=dashboard.owner,
                    revision=dashboard.revision,
                    created_at=dashboard.created_at,
                    **{name: getattr(dashboard, name) for name in _FIELDS},
                )
            ).inserted_primary_key[0]
            saved = replace(dashboard, id=made)
            _place(connection, saved, view_ids)
            record(connection, replace(activity, item_id=made))
            return replace(saved, tiles=_tiles(connection, dashboard.owner, (made,)))

    def find(self, reader: str, project_id: int, dashboard_id: int) -> Dashboard | None:
        """The dashboard with this number in a project, deleted or not."""
        with self._database.read() as connection:
            row = (
                connection.execute(
                    select(dashboards).where(
                        dashboards.c.id == dashboard_id, dashboards.c.project_id == project_id
                    )
                )
                .mappings()
                .first()
            )
            if row is None:
                return None
            return _dashboard(row, _tiles(connection, reader, (dashboard_id,)))

    def page(self, reader: str, project_id: int, limit: int, offset: int) -> Page:
        """The dashboards of a project that this person may open, by name."""
        condition = and_(
            dashboards.c.project_id == project_id,
            ~dashboards.c.deleted,
            or_(dashboards.c.owner == reader, dashboards.c.is_public),
        )
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(dashboards).where(condition)
            ).scalar_one()
            found = (
                connection.execute(
                    select(dashboards)
                    .where(condition)
                    .order_by(func.lower(dashboards.c.name), dashboards.c.id)
                    .limit(limit)
                    .offset(offset)
                )
                .mappings()
                .all()
            )
            placed = _tiles(connection, reader, [row["id"] for row in found])
        return Page(
            tuple(
                _dashboard(row, tuple(t for t in placed if t.dashboard_id == row["id"]))
                for row in found
            ),
            total,
        )

    def update(
        self, before: Dashboard, after: Dashboard, change: DashboardChange, activity: Activity
    ) -> Dashboard:
        """Change a dashboard that still is as the caller saw it; all of it or nothing.

        Raises
        ------
        StaleWrite
            If somebody changed it in between.
        Invalid
            If its owner may not read one of the views.
        """
        with self._database.write() as connection:
            moved = connection.execute(
                update(dashboards)
                .where(dashboards.c.id == before.id, dashboards.c.revision == before.revision)
                .values(revision=after.revision, **{name: getattr(after, name) for name in _FIELDS})
            )
            if not moved.rowcount:
                raise StaleWrite("The dashboard changed while you were changing it.")
            if change.view_ids is not None:
                _place(connection, before, change.view_ids)
            for tile_id, look in change.tiles.items():
                if look:
                    connection.execute(update(tiles).where(tiles.c.id == tile_id).values(**look))
            record(connection, activity)
            return replace(after, tiles=_tiles(connection, after.owner, (after.id,)))


def _place(connection: Connection, dashboard: Dashboard, view_ids: Sequence[int]) -> None:
    """Make these the views on a dashboard, in order, beside those that its owner cannot see."""
    _require_readable(connection, dashboard, view_ids)
    mine = tiles.c.dashboard_id == dashboard.id
    taken_off = [tile.id for tile in dashboard.tiles if tile.view_id not in view_ids]
    connection.execute(update(tiles).where(mine, tiles.c.id.in_(taken_off)).values(deleted=True))
    known = set(connection.scalars(select(tiles.c.view_id).where(mine)))
    for position, view_id in enumerate(view_ids):
        if view_id in known:
            connection.execute(
                update(tiles)
                .where(mine, tiles.c.view_id == view_id)
                .values(position=position, deleted=False)
            )
        else:
            connection.execute(
                insert(tiles).values(
                    dashboard_id=dashboard.id,
                    view_id=view_id,
                    position=position,
                    layouts={},
                    deleted=False,
                )
            )


def _require_readable(
    connection: Connection, dashboard: Dashboard, view_ids: Sequence[int]
) -> None:
    found = connection.scalars(
        select(views.c.id)
        .select_from(views.join(insights, insights.c.view_id == views.c.id))
        .where(
            views.c.id.in_(view_ids),
            views.c.project_id == dashboard.project_id,
            ~insights.c.deleted,
            readable_by(dashboard.owner),
        )
    )
    missing = set(view_ids) - set(found)
    if missing:
        raise Invalid(
            f"There is no insight {min(missing)} in this project, or you may not read it.",
            field="insights",
        )


def _tiles(connection: Connection, reader: str, dashboard_ids: Sequence[int]) -> tuple[Tile, ...]:
    found = connection.execute(
        select(*(tiles.c[name] for name in Tile.__struct_fields__))
        .select_from(tiles.join(views).join(insights, insights.c.view_id == views.c.id))
        .where(
            tiles.c.dashboard_id.in_(dashboard_ids),
            ~tiles.c.deleted,
            ~insights.c.deleted,
            readable_by(reader),
        )
        .order_by(tiles.c.dashboard_id, tiles.c.position, tiles.c.id)
    )
    return tuple(Tile(**row) for row in found.mappings())


def _dashboard(row: RowMapping, placed: tuple[Tile, ...]) -> Dashboard:
    cells: dict[str, Any] = dict(row)
    return Dashboard(**cells, tiles=placed)
