"""The page of a dashboard's link, and the same as JSON: its tiles under its values."""

from __future__ import annotations

import asyncio

from ..core.dashboards import Tile
from ..core.freshness import Mode
from ..core.links import LinkSettings, Share
from ..wire.insights import InsightOut
from ..wire.linked import PAGE_ROWS, PageQuery, suffix
from ..wire.linked_dashboard import (
    TILE_CHARS,
    TILE_COLUMNS,
    TILE_ROWS,
    DashboardPageOut,
    SharedDashboardOut,
    TileOfPage,
    dashboard_page_out,
    page_tiles,
    shared_dashboard_out,
    tile_of_page,
)
from .shared_chart import PICTURES_BYTES, pictured
from .visitors import Shown, VisitorBase


class DashboardVisitorBase(VisitorBase):
    """Base of what the link of a dashboard opens."""

    async def dashboard_page(self, share: Share, query: PageQuery, path: str) -> DashboardPageOut:
        """The dashboard for people: some tiles, each with its first rows."""
        settings = share.settings or LinkSettings()
        mode = self.services.visiting.mode(share, query.refresh)
        dashboard, views = await self.services.dashboards.behind_link(share.item_id)
        placed = [
            self.tile_of(dashboard, tile, views[tile.view_id])
            for tile in page_tiles(dashboard, query)
        ]
        tiles = await asyncio.gather(
            *(self._tile(each, settings, mode, path, len(placed)) for each in placed)
        )
        dates = next((each.place.dates for each in placed if each.place.dates), None)
        return dashboard_page_out(dashboard, tuple(tiles), settings, query, dates, path=path)

    async def _tile(
        self, shown: Shown, settings: LinkSettings, mode: Mode, path: str, count: int
    ) -> TileOfPage:
        tile = shown.place.tile
        assert tile is not None
        reading = await self.tile_reading(shown, mode)
        result, table = reading.view.current.result, None
        if result is not None and settings.table is not False:
            table = await self.services.results.table(
                result,
                limit=TILE_ROWS,
                offset=0,
                most_columns=TILE_COLUMNS,
                most_chars=TILE_CHARS,
            )
        # All pictures of a page are together as large as the one of a view's page may be.
        href = f"{path}.svg{suffix(PageQuery(tile=tile.id))}"
        picture = await pictured(
            self.services, reading.view, settings, href, PICTURES_BYTES // count
        )
        return tile_of_page(tile, reading, table, picture, self.services.clock.now())

    async def dashboard_json(
        self, share: Share, token: str, asked: str | None, *, is_embedded: bool
    ) -> SharedDashboardOut:
        """The dashboard for programs: all tiles, each with the rows that a page shows."""
        settings = share.settings or LinkSettings()
        mode = self.services.visiting.mode(share, asked)
        dashboard, views = await self.services.dashboards.behind_link(share.item_id)
        told: list[tuple[Tile, InsightOut]] = []
        for tile in dashboard.tiles:
            shown = self.tile_of(dashboard, tile, views[tile.view_id])
            told.append((tile, (await self.visited(share, shown, mode, rows=PAGE_ROWS))[0]))
        return shared_dashboard_out(
            dashboard, tuple(told), settings, token, is_embedded=is_embedded
        )
