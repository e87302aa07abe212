"""Links, for those who have the address: ``shared/{token}`` and what belongs to it.

Whoever is signed in is nobody here. What counts is the address, and a ticket
where the link asks for a password.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import ClassVar
from urllib.parse import parse_qs

from ..core.charting import Form
from ..core.errors import BadRequest, Forbidden, Invalid, TooMany, Unauthenticated, ViewsError
from ..core.links import HINT_LENGTH, LinkSettings, Share
from ..core.model import SECOND
from ..core.reading import Reading, rows_of
from ..core.results import Table
from ..core.visiting import TICKET
from ..wire.envelope import BareError
from ..wire.linked import (
    LinkPictureQuery,
    LinkQuery,
    LinkRowsQuery,
    PageOut,
    PageQuery,
    PictureOut,
    SharedOut,
    Unlock,
    Unlocked,
    page_out,
    page_window,
    shared_out,
    suffix,
)
from ..wire.linked_dashboard import DashboardPageOut
from ..wire.visitor_values import InputOut, inputs_of, kept_values
from .charts import TYPES
from .operations import public_route
from .pages import page_policy, render
from .rows import ResultQuery, Source, send_result
from .shared_chart import PICTURES_BYTES, pictured
from .shared_dashboard import DashboardVisitorBase

COOKIE = "views_share"
_ENDINGS = ("", ".json", ".csv", ".png", ".svg")


class LinkHandler(DashboardVisitorBase):
    """Base of a link's addresses.

    Attributes
    ----------
    kind
        What is asked for, as the access log calls it.
    """

    kind: ClassVar[str]
    body_bytes = 8192

    def set_default_headers(self) -> None:
        """Nothing that a link answers is kept by a cache or found by a search engine."""
        super().set_default_headers()
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("X-Robots-Tag", "noindex, nofollow")

    @property
    def wants_json(self) -> bool:
        """Whether a program asks; a browser says that it takes HTML."""
        headers = self.request.headers
        accept, sent = headers.get("Accept", ""), headers.get("Content-Type", "")
        is_json = "application/json" in accept or sent.startswith("application/json")
        return "text/html" not in accept and (is_json or self.kind == "json")

    async def opened(self, token: str) -> Share:
        """The link, where it answers and asks for no password or was given it."""
        share = await self.services.visiting.open(token, self.address)
        if not self.services.visiting.is_unlocked(share, self.tickets()):
            raise Unauthenticated("This link needs its password.")
        return share

    def tickets(self) -> tuple[str, ...]:
        """What the visitor shows for a password that was given."""
        return tuple(each for each in (self.bearer(), self.get_cookie(COOKIE)) if each)

    async def of_link(self, share: Share, query: LinkQuery) -> Reading:
        """The view of a link, or of the tile that is named."""
        shown = await self.shown(share, query.tile)
        return await self.reading(shown, self.services.visiting.mode(share, query.refresh))

    def is_whole(self, share: Share, tile: int | None) -> bool:
        """Whether a dashboard is asked for, not a view or one of its tiles."""
        return share.scope == "dashboard" and tile is None

    async def send_json(self, share: Share, token: str, query: LinkQuery | PageQuery) -> None:
        """Answer with what the page shows, for programs."""
        is_embedded = self.kind == "embedded"
        if self.is_whole(share, query.tile):
            whole = await self.dashboard_json(share, token, query.refresh, is_embedded=is_embedded)
            self.services.visiting.note(share, "json", self.address)
            await self.answer(whole)
            return
        shown = await self.shown(share, query.tile)
        mode = self.services.visiting.mode(share, query.refresh)
        insight, file = await self.visited(share, shown, mode)
        settings = share.settings or LinkSettings()
        answer = shared_out(insight, settings, token, is_embedded=is_embedded)
        self.services.visiting.note(share, "json", self.address)
        if file is None:
            await self.answer(answer)
        else:
            await self.stream(answer, file, 200)

    def send_page(self, html: str, framed_by: tuple[str, ...] = ()) -> None:
        """Answer with a page that has no script, and may have none."""
        self.set_header("Content-Security-Policy", page_policy(framed_by))
        self.finish(html, set_content_type="text/html; charset=utf-8")

    def send_error_out(self, error: ViewsError) -> None:
        """Tell a program in JSON and a person on a page, in the same words."""
        if self.wants_json:
            super().send_error_out(error)
        else:
            self.send_page(render("message.html", message=error.message, hint=error.hint))

    def error_out(self, error: ViewsError) -> BareError:
        """One sentence."""
        return BareError(error=error.message)

    def _log(self) -> None:
        # The host writes addresses into its log, and this one is a secret.
        hint = self.path_args[0][-HINT_LENGTH:] if self.path_args else ""
        self.request.uri = f"{self.prefix}/(a link …{hint})"
        super()._log()


class SharedHandler(LinkHandler):
    """``shared/{token}``: the page of a link, or the small one that asks for its password."""

    kind = "page"
    room = "shared"

    def framed_by(self, share: Share) -> tuple[str, ...]:
        """Sites that may show the page in a frame."""
        return ()

    @public_route("The page of a link", query=PageQuery)
    async def get(self, token: str) -> None:
        """The view's rows for people, as far as its owner lets visitors see them."""
        query = self.query(PageQuery)
        share = await self.services.visiting.open(token, self.address)
        if not self.services.visiting.is_unlocked(share, self.tickets()):
            self._ask(share)
            return
        if self.wants_json:
            await self.send_json(share, token, query)
            return
        path = f"{self.prefix}/shared/{token}"
        if self.is_whole(share, query.tile):
            dashboard = await self.dashboard_page(share, query, path)
            html = await self.services.run_in_thread(_html, "dashboard.html", dashboard)
        else:
            page = await self._page(share, query, path)
            html = await self.services.run_in_thread(_html, "page.html", page)
        self.services.visiting.note(share, self.kind, self.address)
        self.send_page(html, self.framed_by(share))

    head = get

    async def _page(self, share: Share, query: PageQuery, path: str) -> PageOut:
        settings = share.settings or LinkSettings()
        try:
            shown = await self.shown(share, query.tile)
        except Invalid as error:
            return await self._mistaken(share, settings, query, path, error)
        view, given = shown.view, self.given
        inputs: tuple[InputOut, ...] = ()
        if shown.dashboard is None:
            inputs = inputs_of(view, settings, given, await self.moment(view))
        if inputs:
            query = query.with_values(kept_values(view, settings, given))
        reading = await self.reading(shown, self.services.visiting.mode(share, query.refresh))
        return page_out(
            reading,
            settings,
            query,
            await self._table(reading, settings, query),
            await self.picture(reading, settings, query, path),
            path=path,
            now=self.services.clock.now(),
            parent=shown.dashboard.name if shown.dashboard else None,
            dates=shown.place.dates,
            inputs=inputs,
        )

    async def _mistaken(
        self, share: Share, settings: LinkSettings, query: PageQuery, path: str, error: Invalid
    ) -> PageOut:
        """The page without rows; what the visitor wrote stands in its form, with what is wrong."""
        view = await self.services.visiting.view(share)
        self.set_status(400)
        return page_out(
            await self.services.reading.look(view),
            settings,
            query.with_values(kept_values(view, settings, self.given)),
            None,
            None,
            path=path,
            now=self.services.clock.now(),
            inputs=inputs_of(view, settings, self.given, await self.moment(view), error),
        )

    def _ask(self, share: Share) -> None:
        if self.wants_json:
            raise Unauthenticated("This link needs its password.")
        self.send_page(render("unlock.html", message=None), self.framed_by(share))

    async def picture(
        self, reading: Reading, settings: LinkSettings, query: PageQuery, path: str
    ) -> PictureOut | None:
        """The chart, which stands above the first rows."""
        if query.number > 1:
            return None
        href = f"{path}.svg{suffix(query)}"
        return await pictured(self.services, reading.view, settings, href, PICTURES_BYTES)

    async def _table(
        self, reading: Reading, settings: LinkSettings, query: PageQuery
    ) -> Table | None:
        result = reading.view.current.result
        if result is None or settings.table is False:
            return None
        window = page_window(query, result)
        return await self.services.results.table(result, **window)

    @public_route("Open a link that asks for a password", body=Unlock, answer=Unlocked)
    async def post(self, token: str) -> None:
        """For the right password a ticket: to a program as JSON, to a browser as a cookie."""
        share = await self.services.visiting.open(token, self.address)
        if share.password_required:
            subject = await self.subject(share)
            ticket = await self.services.visiting.unlock(
                share, subject, self._password(), self.address
            )
            self._set_cookies(token, ticket)
            if self.wants_json:
                self.send(Unlocked(share_token=ticket))
                return
        self.set_header("Location", f"{self.prefix}/{self.room}/{token}")
        self.send_nothing(303)

    def _password(self) -> str:
        if self.request.headers.get("Content-Type", "").startswith("application/json"):
            return self.body(Unlock).password
        try:
            fields = parse_qs(self.raw_body.decode(), max_num_fields=10)
        except ValueError:
            raise BadRequest("The form cannot be read.") from None
        return fields.get("password", [""])[-1]

    def _set_cookies(self, token: str, ticket: str) -> None:
        """One for each address of this link, and for no other: a path ends at a slash."""
        addresses = [f"shared/{token}{ending}" for ending in _ENDINGS]
        for address in (*addresses, f"embedded/{token}"):
            cookie = SimpleCookie({COOKIE: ticket})[COOKIE]
            cookie["path"] = f"{self.prefix}/{address}"
            cookie["httponly"] = True
            cookie["samesite"] = "Lax"
            cookie["secure"] = self.request.protocol == "https"
            cookie["max-age"] = TICKET // SECOND
            # The host's own way to set a cookie keeps one for each name.
            self.add_header("Set-Cookie", cookie.OutputString())

    def send_error_out(self, error: ViewsError) -> None:
        """A wrong password asks again, and says what is wrong."""
        is_refused = self.request.method == "POST" and isinstance(error, (Unauthenticated, TooMany))
        if is_refused and not self.wants_json:
            message = ". ".join(filter(None, (error.message.rstrip("."), error.hint)))
            self.send_page(render("unlock.html", message=message))
        else:
            super().send_error_out(error)


class EmbeddedHandler(SharedHandler):
    """``embedded/{token}``: the same page for a frame of another page."""

    kind = "embedded"
    room = "embedded"

    def framed_by(self, share: Share) -> tuple[str, ...]:
        """This server, or the sites that the owner named."""
        named = share.settings.embed_origins if share.settings else None
        return named or ("'self'",)


class SharedJsonHandler(LinkHandler):
    """``shared/{token}.json``."""

    kind = "json"

    @public_route("The page of a link as JSON", query=LinkQuery, answer=SharedOut)
    async def get(self, token: str) -> None:
        """The insight as far as its owner lets visitors see it, with the rows of the page."""
        query = self.query(LinkQuery)
        await self.send_json(await self.opened(token), token, query)

    head = get


class SharedCsvHandler(LinkHandler):
    """``shared/{token}.csv``."""

    kind = "csv"

    @public_route("The rows of a link as CSV", query=LinkRowsQuery)
    async def get(self, token: str) -> None:
        """All rows as a file, where the owner lets visitors have it."""
        query = self.query(LinkRowsQuery)
        share = await self.opened(token)
        if share.settings is None or share.settings.downloads is not True:
            raise Forbidden("This view is not offered for download.")
        view = (reading := await self.of_link(share, query)).view
        source = Source(
            result=rows_of(view),
            freshness=reading.freshness,
            name=view.perspective.slug if view.perspective else view.short_id,
            path=f"{self.prefix}/shared/{token}.csv",
        )
        self.services.visiting.note(share, self.kind, self.address)
        wanted = ResultQuery(format="csv", download=True, guard=query.guard, bom=query.bom)
        await send_result(self, source, wanted)

    head = get


class _SharedPictureHandler(LinkHandler):
    form: ClassVar[Form]

    @public_route("The chart of a link as a picture", query=LinkPictureQuery)
    async def get(self, token: str) -> None:
        """What the page shows, alone; 403 where its owner shows no chart."""
        query = self.query(LinkPictureQuery)
        share = await self.opened(token)
        settings = share.settings or LinkSettings()
        if settings.chart is False:
            raise Forbidden("The chart of this view is not shown.")
        reading = await self.of_link(share, query)
        picture = await self.services.charts.draw(reading.view, self.form, query.theme)
        self.services.visiting.note(share, self.kind, self.address)
        self.finish(picture, set_content_type=TYPES[self.form])

    head = get


class SharedSvgHandler(_SharedPictureHandler):
    """``shared/{token}.svg``."""

    kind = form = "svg"


class SharedPngHandler(_SharedPictureHandler):
    """``shared/{token}.png``."""

    kind = form = "png"


def _html(template: str, page: PageOut | DashboardPageOut) -> str:
    return render(template, page=page, theme=page.theme)
