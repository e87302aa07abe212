"""The unified list that the sidebar shows, and one view of it, whatever its doors."""

from __future__ import annotations

from ..core.model import ViewFilter
from ..core.views import rows_of
from ..wire.perspectives import owner_filter
from ..wire.statements import StatementOut
from ..wire.views import ViewDetail, ViewPage, ViewsQuery, cursor_key, view_detail, view_item
from .base import ViewsHandler
from .operations import route
from .rows import ResultOut, ResultQuery, Source, send_refresh, send_result, set_stale_headers


class _ViewHandler(ViewsHandler):
    @property
    def api(self) -> str:
        return f"{self.prefix}/api"


class ViewsListHandler(_ViewHandler):
    """``api/views``."""

    @route("read", "perspective:read", "List views", query=ViewsQuery, answer=ViewPage)
    async def get(self) -> None:
        """Views that the caller may read, newest change first, by cursor; starts no refresh."""
        query = self.query(ViewsQuery)
        wanted = ViewFilter(
            search=query.search,
            owner=owner_filter(query.owner, self.actor),
            tag=query.tag,
            door=query.door,
        )
        page = await self.services.views.list_after(
            self.actor, wanted, query.limit, cursor_key(query.cursor)
        )
        items = tuple(view_item(reading, self.actor, self.api) for reading in page.items)
        self.send(ViewPage(items=items, total=page.total, next_cursor=page.next_cursor))

    head = get


class ViewHandler(_ViewHandler):
    """``api/views/{short_id}``."""

    @route("read", "perspective:read", "Get a view", answer=ViewDetail)
    async def get(self, short_id: str) -> None:
        """One view whole; a stale one with auto_refresh starts a refresh behind the read."""
        view = await self.services.views.by_short_id(self.actor, short_id)
        reading = await self.services.views.read(self.actor, view)
        set_stale_headers(self, reading.freshness, reading.refresh)
        self.send(view_detail(reading, self.actor, self.api))

    head = get

    @route("write", "perspective:write", "Delete a view", status=204)
    async def delete(self, short_id: str) -> None:
        """Remove it with all its doors; the owner only."""
        view = await self.services.views.by_short_id(self.actor, short_id)
        await self.services.views.delete(self.actor, view)
        self.send_nothing(204)


class ViewResultHandler(_ViewHandler):
    """``api/views/{short_id}/result``."""

    @route("read", "perspective:read", "The rows of a view", query=ResultQuery, answer=ResultOut)
    async def get(self, short_id: str) -> None:
        """Current rows at once; never waits for a refresh."""
        query = self.query(ResultQuery)
        view = await self.services.views.by_short_id(self.actor, short_id)
        reading = await self.services.views.read(self.actor, view, force=query.refresh)
        source = Source(
            result=rows_of(view),
            freshness=reading.freshness,
            name=view.perspective.slug if view.perspective else view.short_id,
            path=f"{self.api}/views/{view.short_id}/result",
            is_public=view.is_public,
            refresh=reading.refresh,
        )
        await send_result(self, source, query)

    head = get


class ViewRefreshHandler(_ViewHandler):
    """``api/views/{short_id}/refresh``."""

    @route("execute", "perspective:read", "Refresh a view", answer=StatementOut, status=202)
    async def post(self, short_id: str) -> None:
        """Run it now, in its owner's name; joins a refresh under way."""
        view = await self.services.views.by_short_id(self.actor, short_id)
        statement = await self.services.views.refresh(self.actor, view)
        send_refresh(self, statement)
