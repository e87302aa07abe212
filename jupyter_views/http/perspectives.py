"""Perspectives: the seven routes of their page, and an explicit refresh."""

from __future__ import annotations

import hashlib

import msgspec

from ..core.access import can_read
from ..core.errors import NotFound
from ..core.model import View, ViewFilter
from ..core.names import checked_slug
from ..core.views import Reading, rows_of
from ..wire.fields import Pagination
from ..wire.perspectives import (
    CreateQuery,
    PerspectiveCreate,
    PerspectiveDetail,
    PerspectivePage,
    PerspectivesQuery,
    PerspectiveUpdate,
    ReadQuery,
    detail_out,
    item_out,
    new_view,
    owner_filter,
    suffix_if_taken,
    view_change,
)
from ..wire.statements import StatementOut
from .base import ViewsHandler
from .idempotency import Answer, answer_once
from .negotiate import header_text
from .operations import route
from .rows import ResultOut, ResultQuery, Source, send_refresh, send_result, set_stale_headers


class _PerspectiveHandler(ViewsHandler):
    @property
    def api(self) -> str:
        return f"{self.prefix}/api/v1"

    async def view(self, slug: str) -> View:
        return await self.services.views.by_slug(self.actor, checked_slug(slug.lower()))

    def detail(self, reading: Reading) -> PerspectiveDetail:
        folder = self.services.shown_folder(reading.view.version.query.base_dir)
        return detail_out(reading, self.actor, self.api, folder)

    def if_match(self, view: View) -> int | None:
        assert view.perspective is not None
        return self.required_revision(view.perspective.id, view.revision)


def _etag(view: View, detail: PerspectiveDetail) -> str:
    """The object's tag: what people changed before the dot, all that a reader is told after it."""
    told = hashlib.sha256(msgspec.json.encode(detail)).hexdigest()[:16]
    return f"{detail.id}-{view.revision}.{told}"


class PerspectivesHandler(_PerspectiveHandler):
    """``/perspectives``."""

    @route(
        "write",
        "perspective:write",
        "Create a perspective",
        query=CreateQuery,
        body=PerspectiveCreate,
        answer=PerspectiveDetail,
        status=201,
    )
    async def post(self) -> None:
        """Save the result of a statement that succeeded; nothing is run."""
        body = self.body(PerspectiveCreate)
        suffix = suffix_if_taken(self.query(CreateQuery).on_conflict)

        async def work() -> Answer:
            view = await self.services.views.create(
                self.actor, new_view(body), suffix_if_taken=suffix
            )
            reading = await self.services.views.look(view)
            detail = self.detail(reading)
            return Answer(
                status=201,
                body=detail,
                headers={
                    "Location": f"{self.api}/perspectives/{detail.slug}",
                    "Etag": f'"{_etag(view, detail)}"',
                },
            )

        await answer_once(self, "perspectives", work)

    @route(
        "read",
        "perspective:read",
        "List accessible perspectives",
        query=PerspectivesQuery,
        answer=PerspectivePage,
    )
    async def get(self) -> None:
        """Public perspectives, own ones and granted ones."""
        query = self.query(PerspectivesQuery)
        wanted = ViewFilter(
            search=query.q,
            is_public=query.is_public,
            owner=owner_filter(query.owner, self.actor),
            tag=query.tag,
            door="perspective",
        )
        page = await self.services.views.list(
            self.actor, wanted, query.limit, query.offset, is_stale=query.stale
        )
        self.set_paging(f"{self.api}/perspectives", query.limit, query.offset, page.total)
        self.send(
            PerspectivePage(
                items=tuple(item_out(reading, self.actor, self.api) for reading in page.items),
                pagination=Pagination(
                    limit=query.limit,
                    offset=query.offset,
                    total=page.total,
                    has_more=query.offset + query.limit < page.total,
                ),
            )
        )


class PerspectiveHandler(_PerspectiveHandler):
    """``/perspectives/{slug}``."""

    @route("read", "perspective:read", "Is a slug taken?")
    async def head(self, slug: str) -> None:
        """200 with the id where it is taken, 404 where it is free; names only to readers."""
        view = await self.services.views.find_by_slug(checked_slug(slug.lower()))
        if view is None or view.perspective is None:
            raise NotFound("This slug is free.")
        self.set_header("X-Perspective-Id", view.perspective.id)
        if can_read(self.actor, view):
            self.set_header("X-Perspective-Owner", header_text(view.owner))
            self.set_header("X-Perspective-Name", header_text(view.name))
        self.send_nothing(200)

    @route(
        "read",
        "perspective:read",
        "Get a perspective",
        query=ReadQuery,
        answer=PerspectiveDetail,
    )
    async def get(self, slug: str) -> None:
        """The whole object; a stale one with auto_refresh starts a refresh behind the read."""
        query = self.query(ReadQuery)
        reading = await self.services.views.read(
            self.actor, await self.view(slug), force=query.refresh
        )
        set_stale_headers(self, reading.freshness, reading.refresh)
        detail = self.detail(reading)
        self.send(detail, etag=_etag(reading.view, detail))

    @route(
        "write",
        "perspective:write",
        "Update a perspective",
        body=PerspectiveUpdate,
        answer=PerspectiveDetail,
        status=201,
    )
    async def put(self, slug: str) -> None:
        """Change any subset of the fields; the owner only."""
        view = await self.view(slug)
        services = self.services.views
        services.require_owner(self.actor, view)
        if_match = self.if_match(view)
        assert view.perspective is not None
        change = view_change(self.body(PerspectiveUpdate), view.perspective.slug)
        changed = await services.change(self.actor, view, change, if_match=if_match)
        reading = await services.look(changed)
        detail = self.detail(reading)
        self.set_header("Etag", f'"{_etag(changed, detail)}"')
        self.send(detail, status=201)

    @route("write", "perspective:write", "Delete a perspective", status=204)
    async def delete(self, slug: str) -> None:
        """Remove it for good; the owner only."""
        view = await self.view(slug)
        self.services.views.require_owner(self.actor, view)
        await self.services.views.delete(self.actor, view, if_match=self.if_match(view))
        self.send_nothing(204)


class PerspectiveResultHandler(_PerspectiveHandler):
    """``/perspectives/{slug}/result``."""

    @route(
        "read",
        "perspective:read",
        "Fetch the rows of a perspective",
        query=ResultQuery,
        answer=ResultOut,
    )
    async def get(self, slug: str) -> None:
        """Current rows at once; never waits for a refresh."""
        query = self.query(ResultQuery)
        view = await self.view(slug)
        reading = await self.services.views.read(self.actor, view, force=query.refresh)
        assert view.perspective is not None
        source = Source(
            result=rows_of(view),
            freshness=reading.freshness,
            name=view.perspective.slug,
            path=f"{self.api}/perspectives/{view.perspective.slug}/result",
            is_public=view.is_public,
            refresh=reading.refresh,
        )
        await send_result(self, source, query)

    head = get


class PerspectiveRefreshHandler(_PerspectiveHandler):
    """``/perspectives/{slug}/refresh``."""

    @route("execute", "perspective:read", "Refresh a perspective", answer=StatementOut, status=202)
    async def post(self, slug: str) -> None:
        """Run it now, in its owner's name; joins a refresh under way."""
        view = await self.view(slug)
        statement = await self.services.views.refresh(self.actor, view)
        send_refresh(self, statement)
