"""Perspectives: the seven routes of their page, and an explicit refresh."""

from __future__ import annotations

from ..core.access import can_read
from ..core.errors import NotFound
from ..core.model import View
from ..core.names import checked_slug
from ..core.reading import Reading
from ..core.requests import ViewFilter
from ..wire.asked_values import asked_values
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
    perspective_change,
    suffix_if_taken,
)
from ..wire.statements import StatementOut
from .base import ViewsHandler
from .doors import change_view, object_tag, try_rule
from .idempotency import Answer, answer_once
from .negotiate import header_text
from .operations import route
from .rows import (
    PerspectiveResultQuery,
    ResultOut,
    mode_of,
    send_refresh,
    send_rows,
    set_stale_headers,
)


class _PerspectiveHandler(ViewsHandler):
    @property
    def api(self) -> str:
        return f"{self.prefix}/api/v1"

    async def view(self, slug: str) -> View:
        return await self.services.reading.by_slug(self.actor, checked_slug(slug.lower()))

    def detail(self, reading: Reading) -> PerspectiveDetail:
        folder = self.services.shown_folder(reading.view.version.query.base_dir)
        return detail_out(reading, self.actor, self.api, folder)

    def if_match(self, view: View) -> int | None:
        assert view.perspective is not None
        return self.required_revision(view.perspective.id, view.revision)


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
        new = await self.services.run_in_thread(new_view, body)

        async def work() -> Answer:
            await try_rule(self, new.rule.changed_when, new.statement_id)
            view = await self.services.views.create(self.actor, new, suffix_if_taken=suffix)
            reading = await self.services.reading.look(view)
            detail = self.detail(reading)
            return Answer(
                status=201,
                body=detail,
                headers={
                    "Location": f"{self.api}/perspectives/{detail.slug}",
                    "Etag": f'"{object_tag(detail.id, view, detail)}"',
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
        page = await self.services.reading.list(
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
        view = await self.services.reading.find_by_slug(checked_slug(slug.lower()))
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
        mode = mode_of(is_refresh=self.query(ReadQuery).refresh)
        reading = await self.services.reading.read(self.actor, await self.view(slug), mode=mode)
        set_stale_headers(self, reading.freshness, reading.refresh)
        detail = self.detail(reading)
        self.send(detail, etag=object_tag(detail.id, reading.view, detail))

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
        self.services.views.require_owner(self.actor, view)
        if_match = self.if_match(view)
        body = self.body(PerspectiveUpdate)
        change = await self.services.run_in_thread(perspective_change, body, view)
        reading = await change_view(self, view, change, if_match)
        detail = self.detail(reading)
        self.send(detail, status=201, etag=object_tag(detail.id, reading.view, detail))

    @route("write", "perspective:write", "Delete a perspective", status=204)
    async def delete(self, slug: str) -> None:
        """Remove it for good; the owner only."""
        view = await self.view(slug)
        self.services.views.require_owner(self.actor, view)
        await self.services.views.delete(self.actor, view, if_match=self.if_match(view))
        self.send_nothing(204)


class PerspectiveResultHandler(_PerspectiveHandler):
    """``/perspectives/{slug}/result``, and the same with a format behind a dot."""

    @route(
        "read",
        "perspective:read",
        "Fetch the rows of a perspective",
        query=PerspectiveResultQuery,
        answer=ResultOut,
    )
    async def get(self, slug: str, suffix: str | None = None) -> None:
        """Current rows at once; ``Prefer: wait=N`` waits where they are stale out of bounds."""
        query = self.query(PerspectiveResultQuery)
        view = await self.view(slug)
        assert view.perspective is not None
        slug = view.perspective.slug
        path = f"{self.api}/perspectives/{slug}/result"
        values = asked_values(self.request.query, view)
        mode = mode_of(is_refresh=query.refresh, has_values=values is not None)
        await send_rows(self, view, query, mode, name=slug, path=path, suffix=suffix, values=values)

    head = get


class PerspectiveRefreshHandler(_PerspectiveHandler):
    """``/perspectives/{slug}/refresh``."""

    @route("execute", "perspective:read", "Refresh a perspective", answer=StatementOut, status=202)
    async def post(self, slug: str) -> None:
        """Run it now, in its owner's name; joins a refresh under way."""
        view = await self.view(slug)
        statement = await self.services.reading.refresh(self.actor, view)
        send_refresh(self, statement)
