"""Rows of dashboards and their tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, RowMapping, and_, exists, func, insert, or_, select, update

from ..core.activity import Activity
from ..core.dashboards import Dashboard, DashboardChange, Tile
from ..core.errors import Invalid, StaleWrite
from ..core.model import Instant, Page
from ..core.placing import Placed
from .access import readable_by
from .activities import record
from .database import Database
from .tables import dashboards, insights, tiles, views

LIVE = ~dashboards.c.deleted
"""Dashboards that nobody took away."""
_FIELDS = ("name", "description", "filters", "variables", "is_public", "deleted", "updated_at")
_TILE = tuple(tiles.c[name] for name in Tile.__struct_fields__)


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
            _arrange(connection, saved, view_ids)
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

    def find_for_link(self, dashboard_id: int) -> Dashboard | None:
        """The dashboard with this number as its owner sees it; None where it is deleted."""
        wanted = and_(dashboards.c.id == dashboard_id, LIVE)
        with self._database.read() as connection:
            row = connection.execute(select(dashboards).where(wanted)).mappings().first()
            if row is None:
                return None
            return _dashboard(row, _tiles(connection, row["owner"], (dashboard_id,)))

    def page(self, reader: str, project_id: int, limit: int, offset: int) -> Page:
        """The dashboards of a project that this person may open, by name."""
        condition = and_(dashboards.c.project_id == project_id, LIVE, open_to(reader))
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

    def holding(self, view_id: int) -> list[Dashboard]:
        """The dashboards that a view stands on, whoever may open them, without their tiles."""
        placed = exists().where(
            tiles.c.dashboard_id == dashboards.c.id, tiles.c.view_id == view_id, ~tiles.c.deleted
        )
        with self._database.read() as connection:
            found = connection.execute(select(dashboards).where(LIVE, placed)).mappings()
            return [_dashboard(row, ()) for row in found]

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
                _arrange(connection, before, change.view_ids)
            for tile_id, look in change.tiles.items():
                if look:
                    connection.execute(update(tiles).where(tiles.c.id == tile_id).values(**look))
            record(connection, activity)
            return replace(after, tiles=_tiles(connection, after.owner, (after.id,)))


def open_to(reader: str) -> Any:
    """The dashboards that this person may open."""
    return or_(dashboards.c.owner == reader, dashboards.c.is_public)


def tiles_of(
    connection: Connection, reader: str, view_ids: Sequence[int]
) -> dict[int, tuple[Tile, ...]]:
    """The tiles of views on dashboards that this person may open, by view."""
    found = connection.execute(
        select(*_TILE)
        .join(dashboards)
        .where(tiles.c.view_id.in_(view_ids), ~tiles.c.deleted, LIVE, open_to(reader))
        .order_by(tiles.c.dashboard_id)
    )
    placed: dict[int, tuple[Tile, ...]] = {}
    for row in found.mappings():
        placed[row["view_id"]] = (*placed.get(row["view_id"], ()), Tile(**row))
    return placed


def place(connection: Connection, view_id: int, placed: Placed, at: Instant) -> None:
    """Put a view behind the last tile of some dashboards, and take it off others."""
    for dashboard_id in placed.added:
        mine = tiles.c.dashboard_id == dashboard_id
        last = connection.execute(
            select(func.max(tiles.c.position)).where(mine, ~tiles.c.deleted)
        ).scalar()
        _put(connection, dashboard_id, view_id, 0 if last is None else last + 1)
    _take_off(connection, view_id, tiles.c.dashboard_id.in_(placed.removed))
    _touch(connection, (*placed.added, *placed.removed), at)


def leave(connection: Connection, view_id: int, at: Instant) -> None:
    """Take a view off every dashboard."""
    mine = and_(tiles.c.view_id == view_id, ~tiles.c.deleted)
    holding = connection.scalars(select(tiles.c.dashboard_id).where(mine)).all()
    _take_off(connection, view_id, ~tiles.c.deleted)
    _touch(connection, holding, at)


def _take_off(connection: Connection, view_id: int, where: Any) -> None:
    connection.execute(update(tiles).where(tiles.c.view_id == view_id, where).values(deleted=True))


def _touch(connection: Connection, dashboard_ids: Sequence[int], at: Instant) -> None:
    connection.execute(
        update(dashboards)
        .where(dashboards.c.id.in_(dashboard_ids))
        .values(revision=dashboards.c.revision + 1, updated_at=at)
    )


def _put(connection: Connection, dashboard_id: int, view_id: int, position: int) -> None:
    moved = connection.execute(
        update(tiles)
        .where(tiles.c.dashboard_id == dashboard_id, tiles.c.view_id == view_id)
        .values(position=position, deleted=False)
    )
    if not moved.rowcount:
        connection.execute(
            insert(tiles).values(
                dashboard_id=dashboard_id,
                view_id=view_id,
                position=position,
                layouts={},
                deleted=False,
            )
        )


def _arrange(connection: Connection, dashboard: Dashboard, view_ids: Sequence[int]) -> None:
    """Make these the views on a dashboard, in order, beside those that its owner cannot see."""
    _require_readable(connection, dashboard, view_ids)
    mine = tiles.c.dashboard_id == dashboard.id
    taken_off = [tile.id for tile in dashboard.tiles if tile.view_id not in view_ids]
    connection.execute(update(tiles).where(mine, tiles.c.id.in_(taken_off)).values(deleted=True))
    for position, view_id in enumerate(view_ids):
        _put(connection, dashboard.id, view_id, position)


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
        select(*_TILE)
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
