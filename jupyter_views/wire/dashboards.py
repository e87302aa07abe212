"""Dashboards as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from ..core.access import is_owner
from ..core.dashboards import Dashboard, DashboardChange, Tile
from ..core.model import Actor
from .changes import given
from .envelope import OffsetPage
from .fields import Limit, Name, Offset, Text, iso
from .insights import InsightBasic
from .overrides import DateRange, Variables
from .people import PersonOut, person_out

InsightIds = Annotated[
    tuple[Annotated[int, Meta(ge=1, lt=2**31)], ...],
    Meta(max_length=500, description="Numbers of insights, in the order of their tiles."),
]
Layouts = Annotated[dict[str, dict[str, float | str | bool | None]], Meta(max_length=20)]


class DashboardsQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: Limit = 100
    offset: Offset = 0


class TileLook(Struct, frozen=True, kw_only=True):
    """How one tile is shown from now on."""

    id: Annotated[int, Meta(ge=1, lt=2**31)]
    color: Annotated[str, Meta(max_length=100)] | UnsetType | None = UNSET
    layouts: Layouts | UnsetType = UNSET


class DashboardChanges(Struct, frozen=True, kw_only=True):
    """Body of an update: what is absent stays, null clears the description."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    insights: InsightIds | UnsetType = UNSET
    filters: DateRange | UnsetType | None = UNSET
    variables: Variables | UnsetType | None = UNSET
    is_public: bool | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    tiles: Annotated[tuple[TileLook, ...], Meta(max_length=500)] | UnsetType = UNSET


class DashboardCreate(Struct, frozen=True, kw_only=True):
    """Body of a create."""

    name: Name
    description: Text | None = None
    insights: InsightIds = ()
    filters: DateRange | None = None
    variables: Variables | None = None
    is_public: bool = False


class DashboardPut(DashboardChanges, frozen=True, kw_only=True):
    """Body of a whole update: as the other, with a name."""

    name: Name


class TileOut(Struct, frozen=True, kw_only=True):
    """The place of an insight on a dashboard."""

    id: int
    dashboard_id: int
    order: int
    color: str | None
    layouts: dict[str, Any]
    deleted: bool
    insight: InsightBasic


class DashboardItem(Struct, frozen=True, kw_only=True):
    """A dashboard in a list."""

    id: int
    name: str
    description: str | None
    filters: dict[str, str | None]
    variables: dict[str, Any]
    created_at: str
    created_by: PersonOut
    updated_at: str
    is_public: bool
    deleted: bool
    user_access_level: str


class DashboardOut(DashboardItem, frozen=True, kw_only=True):
    """A dashboard with those tiles whose insight the caller may read."""

    tiles: tuple[TileOut, ...]


class DashboardPage(OffsetPage, frozen=True, kw_only=True):
    """A list of dashboards."""

    results: tuple[DashboardItem, ...]


def new_dashboard(body: DashboardCreate) -> DashboardChange:
    """A create in the core's words."""
    return _change(asdict(body))


def dashboard_change(body: DashboardChanges) -> DashboardChange:
    """An update in the core's words."""
    return _change(given(body))


def _change(said: dict[str, Any]) -> DashboardChange:
    view_ids = said.pop("insights", None)
    looks = said.pop("tiles", ())
    if "filters" in said:
        said["filters"] = given(said["filters"] or DateRange())
    if "variables" in said:
        said["variables"] = said["variables"] or {}
    return DashboardChange(
        fields=said,
        view_ids=None if view_ids is None else tuple(dict.fromkeys(view_ids)),
        tiles={look.id: _look(look) for look in looks},
    )


def _look(look: TileLook) -> dict[str, Any]:
    return {name: value for name, value in given(look).items() if name != "id"}


def dashboard_item(dashboard: Dashboard, actor: Actor) -> DashboardItem:
    """A dashboard in a list, as this actor sees it."""
    return DashboardItem(**_item(dashboard, actor))


def dashboard_out(
    dashboard: Dashboard, insights: Iterable[InsightBasic], actor: Actor
) -> DashboardOut:
    """A dashboard whole, as this actor sees it; an insight that is gone by now has no tile."""
    known = {insight.id: insight for insight in insights}
    return DashboardOut(
        **_item(dashboard, actor),
        tiles=tuple(
            _tile(tile, known[tile.view_id]) for tile in dashboard.tiles if tile.view_id in known
        ),
    )


def _item(dashboard: Dashboard, actor: Actor) -> dict[str, Any]:
    return {
        "id": dashboard.id,
        "name": dashboard.name,
        "description": dashboard.description,
        "filters": dashboard.filters,
        "variables": dashboard.variables,
        "created_at": iso(dashboard.created_at),
        "created_by": person_out(dashboard.owner),
        "updated_at": iso(dashboard.updated_at),
        "is_public": dashboard.is_public,
        "deleted": dashboard.deleted,
        "user_access_level": "editor" if is_owner(actor, dashboard) else "viewer",
    }


def _tile(tile: Tile, insight: InsightBasic) -> TileOut:
    return TileOut(
        id=tile.id,
        dashboard_id=tile.dashboard_id,
        order=tile.position,
        color=tile.color,
        layouts=tile.layouts,
        deleted=False,
        insight=insight,
    )
