"""What the page of a dashboard's link says, and the same as JSON. No markup is made here."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from ..core.dashboards import Dashboard, Tile
from ..core.links import LinkSettings
from ..core.model import Instant
from ..core.reading import Reading
from ..core.results import Table
from .fields import iso
from .insights import InsightOut
from .linked import (
    FLAGS,
    PageQuery,
    PictureOut,
    TableOut,
    address,
    table_out,
)
from .linked_words import age, banner, date_words, day_and_time
from .people import PersonOut, person_out

PAGE_TILES = 6
TILE_ROWS = 10
TILE_COLUMNS = 8
TILE_CHARS = 8000
"""With these a page of tiles is as small as one of rows."""


class TileOfPage(Struct, frozen=True, kw_only=True):
    """A tile on the page of a dashboard.

    Attributes
    ----------
    href
        The page of the tile alone.
    more
        Words for that, where there is more of it to see.
    """

    name: str
    description: str | None
    href: str
    status: str
    banner: str | None
    computed_at: str | None
    computed: str | None
    age: str | None
    picture: PictureOut | None
    table: TableOut | None
    more: str | None


class DashboardPageOut(Struct, frozen=True, kw_only=True):
    """Everything that the page of a dashboard's link says."""

    name: str
    description: str | None
    dates: str | None
    owner: str | None
    tiles: tuple[TileOfPage, ...]
    pages: str
    previous: str | None
    next: str | None
    downloads: tuple[tuple[str, str], ...]
    theme: str
    has_header: bool
    has_footer: bool


class SharedTile(Struct, frozen=True, kw_only=True):
    """A tile for programs."""

    id: int
    order: int
    color: str | None
    layouts: dict[str, Any]
    insight: InsightOut


class SharedDashboard(Struct, frozen=True, kw_only=True):
    """A dashboard as its owner lets visitors see it."""

    id: int
    name: str
    description: str | None
    filters: dict[str, str | None]
    variables: dict[str, Any] | None
    created_at: str | None
    created_by: PersonOut | None
    tiles: tuple[SharedTile, ...]


class SharedDashboardOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The page of a dashboard's link for programs."""

    dashboard: SharedDashboard
    type: str
    access_token: str = field(name="accessToken")
    themes: tuple[str, ...]
    whitelabel: bool = False
    no_header: bool = field(default=False, name="noHeader")
    show_inspector: bool = field(default=False, name="showInspector")
    legend: bool = False
    detailed: bool = False
    hide_extra_details: bool = field(default=False, name="hideExtraDetails")


def page_tiles(dashboard: Dashboard, query: PageQuery) -> tuple[Tile, ...]:
    """The tiles of the wanted page; the last ones where it would lie behind them."""
    start = (_number(dashboard, query) - 1) * PAGE_TILES
    return dashboard.tiles[start : start + PAGE_TILES]


def _last(dashboard: Dashboard) -> int:
    return max(1, -(-len(dashboard.tiles) // PAGE_TILES))


def _number(dashboard: Dashboard, query: PageQuery) -> int:
    return min(query.number, _last(dashboard))


def tile_of_page(
    tile: Tile, reading: Reading, table: Table | None, picture: PictureOut | None, now: Instant
) -> TileOfPage:
    """One tile: its name, its age, its picture and its first rows."""
    view, result = reading.view, reading.view.current.result
    query = PageQuery(tile=tile.id)
    computed_at = result.computed_at if result is not None else None
    shown = None
    if table is not None and result is not None:
        whole = table_out(table, query, is_truncated=bool(result.truncated))
        shown = replace(whole, previous=None, next=None)
    is_cut = table is not None and (table.total > len(table.rows) or bool(table.hidden_columns))
    return TileOfPage(
        name=view.title,
        description=view.description,
        href=address(query.kept),
        status=reading.status,
        banner=banner(reading),
        computed_at=iso(computed_at),
        computed=None if computed_at is None else day_and_time(computed_at),
        age=None if computed_at is None else age(computed_at, now),
        picture=picture,
        table=shown,
        more="All of it" if is_cut else None,
    )


def dashboard_page_out(
    dashboard: Dashboard,
    tiles: tuple[TileOfPage, ...],
    settings: LinkSettings,
    query: PageQuery,
    dates: dict[str, str | None] | None,
    *,
    path: str,
) -> DashboardPageOut:
    """The page of a dashboard as its owner lets visitors see it.

    Parameters
    ----------
    dates
        The date range that it sets, where one of these tiles follows it.
    path
        Of the link, for its JSON.
    """
    number, last = _number(dashboard, query), _last(dashboard)

    def page(at: int) -> str:
        return address({"page": str(at) if at > 1 else ""})

    return DashboardPageOut(
        name=dashboard.name,
        description=dashboard.description,
        dates=date_words(dates),
        owner=dashboard.owner if settings.owner_name is True else None,
        tiles=tiles,
        pages=f"Page {number:,} of {last:,}",
        previous=page(number - 1) if number > 1 else None,
        next=page(number + 1) if number < last else None,
        downloads=(("JSON", f"{path}.json"),) if settings.downloads is True else (),
        theme=settings.theme if isinstance(settings.theme, str) else "system",
        has_header=settings.no_header is not True,
        has_footer=settings.whitelabel is not True,
    )


def shared_dashboard_out(
    dashboard: Dashboard,
    insights: tuple[tuple[Tile, InsightOut], ...],
    settings: LinkSettings,
    token: str,
    *,
    is_embedded: bool,
) -> SharedDashboardOut:
    """The page of a dashboard's link for programs."""
    is_bare = settings.hide_extra_details is True
    is_named = settings.owner_name is True and not is_bare
    tiles = tuple(
        SharedTile(
            id=tile.id,
            order=tile.position,
            color=tile.color,
            layouts=tile.layouts,
            insight=insight,
        )
        for tile, insight in insights
    )
    return SharedDashboardOut(
        dashboard=SharedDashboard(
            id=dashboard.id,
            name=dashboard.name,
            description=dashboard.description,
            filters=dashboard.filters,
            # Values are a part of the query.
            variables=dashboard.variables if settings.show_sql is True else None,
            created_at=None if is_bare else iso(dashboard.created_at),
            created_by=person_out(dashboard.owner) if is_named else None,
            tiles=tiles,
        ),
        type="embed" if is_embedded else "scene",
        access_token=token,
        themes=(),
        **{name: True for name in FLAGS if getattr(settings, name) is True},
    )
