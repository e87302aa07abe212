"""The unified list that the sidebar shows, and one view of it, whatever its doors."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..core.errors import ViewsError
from ..core.model import View
from ..core.reading import Reading
from ..core.requests import Door, ViewFilter
from ..wire.asked_values import asked_values
from ..wire.changes import ViewUpdate, view_change
from ..wire.controls import ControlsOut, controls_of
from ..wire.perspectives import owner_filter
from ..wire.snippets import SnippetsOut, SnippetsQuery, snippets_of
from ..wire.statements import StatementOut
from ..wire.views import (
    DoorRequest,
    ViewDetail,
    ViewPage,
    ViewQuery,
    ViewsQuery,
    cursor_key,
    view_detail,
    view_item,
)
from .base import ViewsHandler
from .doors import change_view, object_tag, surroundings
from .operations import route
from .rows import (
    ResultOut,
    ViewResultQuery,
    mode_of,
    send_refresh,
    send_rows,
    set_stale_headers,
)


class _ViewHandler(ViewsHandler):
    @property
    def api(self) -> str:
        return f"{self.prefix}/api"

    async def view(self, short_id: str) -> View:
        return await self.services.reading.by_short_id(self.actor, short_id)

    async def values(self, view: View, from_dashboard: int | None) -> dict[str, Any]:
        """The values of a view's parameters, under what the dashboard says it is read from."""
        return (await surroundings(self, view, from_dashboard)).values

    def send_detail(self, reading: Reading) -> None:
        detail = view_detail(reading, self.actor, self.api)
        self.send(detail, etag=object_tag(detail.short_id, reading.view, detail))

    def if_match(self, view: View) -> int | None:
        return self.required_revision(view.short_id, view.revision)


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
            folder=query.folder,
            is_favorited=query.favorited,
            status=query.status,
        )
        page = await self.services.reading.list_after(
            self.actor, wanted, query.limit, cursor_key(query.cursor)
        )
        items = tuple(view_item(reading, self.actor, self.api) for reading in page.items)
        self.send(ViewPage(items=items, total=page.total, next_cursor=page.next_cursor))

    head = get


class ViewHandler(_ViewHandler):
    """``api/views/{short_id}``."""

    @route("read", "perspective:read", "Get a view", query=ViewQuery, answer=ViewDetail)
    async def get(self, short_id: str) -> None:
        """One view whole; a stale one with auto_refresh starts a refresh behind the read."""
        view = await self.view(short_id)
        values = await self.values(view, self.query(ViewQuery).from_dashboard)
        reading = await self.services.variants.read(self.actor, view, values, None)
        set_stale_headers(self, reading.freshness, reading.refresh)
        self.send_detail(reading)

    head = get

    @route("write", "perspective:write", "Change a view", body=ViewUpdate, answer=ViewDetail)
    async def patch(self, short_id: str) -> None:
        """Change any subset of words, access and freshness rule; the owner only."""
        view = await self.view(short_id)
        self.services.views.require_owner(self.actor, view)
        if_match = self.if_match(view)
        change = await self.services.run_in_thread(view_change, self.body(ViewUpdate), view)
        self.send_detail(await change_view(self, view, change, if_match))

    @route("write", "perspective:write", "Delete a view", status=204)
    async def delete(self, short_id: str) -> None:
        """Remove it with all its doors; the owner only."""
        view = await self.view(short_id)
        self.services.views.require_owner(self.actor, view)
        await self.services.views.delete(self.actor, view, if_match=self.if_match(view))
        self.send_nothing(204)


class DoorHandler(_ViewHandler):
    """``api/views/{short_id}/doors/{door}``."""

    @route("write", "perspective:write", "Open a door", body=DoorRequest, answer=ViewDetail)
    async def post(self, short_id: str, door: Door) -> None:
        """Publish the view through one more dialect; its owner only."""
        body = self.body(DoorRequest)
        name = body.name if door == "endpoint" else body.slug
        view = await self.services.doors.open(self.actor, await self.view(short_id), door, name)
        self.send_detail(await self.services.reading.look(view))

    @route("write", "perspective:write", "Close a door", answer=ViewDetail)
    async def delete(self, short_id: str, door: Door) -> None:
        """The other doors stay; a view whose last door closes is deleted: 204."""
        view = await self.services.doors.close(self.actor, await self.view(short_id), door)
        if view is None:
            self.send_nothing(204)
        else:
            self.send_detail(await self.services.reading.look(view))


class ViewResultHandler(_ViewHandler):
    """``api/views/{short_id}/result``, and the same with a format behind a dot."""

    @route(
        "read", "perspective:read", "The rows of a view", query=ViewResultQuery, answer=ResultOut
    )
    async def get(self, short_id: str, suffix: str | None = None) -> None:
        """Rows as the mode says; ``Prefer: wait=N`` waits where they are stale out of bounds."""
        query = self.query(ViewResultQuery)
        view = await self.view(short_id)
        name = view.perspective.slug if view.perspective else short_id
        path = f"{self.api}/views/{short_id}/result"
        asked = asked_values(self.request.query, view)
        mode = query.mode or mode_of(is_refresh=query.refresh, has_values=bool(asked))
        values = asked or await self.values(view, query.from_dashboard)
        await send_rows(self, view, query, mode, name=name, path=path, suffix=suffix, values=values)

    head = get


class ViewParametersHandler(_ViewHandler):
    """``api/views/{short_id}/parameters``."""

    @route("read", "perspective:read", "What there is to choose for a view", answer=ControlsOut)
    async def get(self, short_id: str) -> None:
        """Its parameters with the options, bounds and own values that they have now."""
        view, valuer = await self.view(short_id), self.services.valuer
        options: dict[str, tuple[str, ...]] = {}
        for each in view.version.query.declared:
            # A view of options that cannot be read leaves a text to be typed; why, a run says.
            with suppress(ViewsError):
                options |= await valuer.options((each,), view.owner)
        self.send(controls_of(view, valuer.moment(options)))

    head = get


class ViewSnippetsHandler(_ViewHandler):
    """``api/views/{short_id}/snippets``."""

    @route(
        "read", "perspective:read", "A view in other programs", query=SnippetsQuery,
        answer=SnippetsOut,
    )  # fmt: skip
    async def get(self, short_id: str) -> None:
        """Texts to copy that read the rows by each open door; no text has a key in it."""
        asked = self.query(SnippetsQuery).server
        here = f"{self.request.protocol}://{self.request.host}{self.base_url}"
        view = await self.view(short_id)
        reference = await self.services.references.newest_of(self.actor, view)
        self.send(snippets_of(view, asked or here, reference))

    head = get


class ViewRefreshHandler(_ViewHandler):
    """``api/views/{short_id}/refresh``."""

    @route(
        "execute",
        "perspective:read",
        "Refresh a view",
        query=ViewQuery,
        answer=StatementOut,
        status=202,
    )
    async def post(self, short_id: str) -> None:
        """Run it now, in its owner's name; joins a refresh under way."""
        view = await self.view(short_id)
        values = await self.values(view, self.query(ViewQuery).from_dashboard)
        send_refresh(self, await self.services.variants.refresh(self.actor, view, values))
