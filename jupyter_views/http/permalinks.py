"""Permalinks: addresses of views and references for people who are signed in.

They lead into JupyterLab where it runs and shows the same; else to a page
without a script, like that of a link.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any
from urllib.parse import quote

from jupyter_server.base.handlers import APIHandler
from msgspec import Meta, Struct
from msgspec.structs import replace
from tornado.httputil import url_concat

from ..core.errors import BadRequest, Invalid, MissingParameters, Unauthenticated, ViewsError
from ..core.following import offered, rows_or_reason
from ..core.freshness import Mode
from ..core.links import LinkSettings
from ..core.model import View
from ..core.names import checked_slug
from ..core.parameters import Parameter
from ..core.reading import Reading
from ..core.references import Reference
from ..core.values import choosable
from ..wire.linked import ChosenQuery, PageOut, PageQuery, page_out, page_window, suffix
from ..wire.visitor_values import InputOut, chosen_values, given_values, inputs_of, kept_values
from .base import ViewsHandler
from .charts import TYPES
from .operations import route
from .pages import page_policy, render
from .rows import ResultQuery, Source, send_result
from .shared_chart import PICTURES_BYTES, pictured


class PermalinkQuery(PageQuery, frozen=True, kw_only=True):
    """Query string of a permalink; values of parameters are ``p.name=…`` beside."""

    plain: Annotated[bool, Meta(description="The page, also where JupyterLab is.")] = False

    def of_page(self, values: dict[str, str]) -> ChosenQuery:
        """The same page, with the values that its reader chose."""
        asked = PageQuery(page=self.page, sort=self.sort, desc=self.desc)
        # With values it is a page in any case.
        return asked.with_values(values or ({"plain": "true"} if self.plain else {}))


class PermalinkRowsQuery(Struct, frozen=True, kw_only=True):
    """Query string of a permalink's rows as a file."""

    guard: bool = True
    bom: bool = False


class Shown(Struct, frozen=True, kw_only=True):
    """What a permalink leads to.

    Attributes
    ----------
    target
        Under the name and description that the page shows.
    offered
        The parameters that its reader may choose.
    lab
        What JupyterLab opens to show the same; None where it cannot.
    reference
        None for a view's own permalink.
    """

    target: View
    offered: tuple[Parameter, ...]
    lab: str | None
    reference: Reference | None = None

    @property
    def settings(self) -> LinkSettings:
        """What the page shows: all that its reader may see anyway."""
        names = tuple(each.name for each in self.offered)
        return LinkSettings(downloads=True, show_sql=True, owner_name=True, parameters=names)


class PermalinkHandler(ViewsHandler):
    """Base of the permalinks."""

    room: str

    def set_default_headers(self) -> None:
        """Nothing that a permalink answers is kept by a cache or found by a search engine."""
        super().set_default_headers()
        self.set_header("Cache-Control", "private, no-store")
        self.set_header("X-Robots-Tag", "noindex, nofollow")

    async def prepare(self) -> None:
        """Send a person who is not signed in to the host's login, and back here afterwards."""
        try:
            await super().prepare()
        except Unauthenticated:
            self.current_user = self._jupyter_current_user = None
            if not self.is_for_people or self.request.method not in {"GET", "HEAD"}:
                raise
            self.clear_header("WWW-Authenticate")
            here = self.request.uri or self.prefix
            # The host's own way for programs' addresses refuses to name the login.
            login = super(APIHandler, self).get_login_url()
            self.set_header("Location", url_concat(login, {"next": here}))
            self.send_nothing(302)

    def _is_cross_site(self) -> bool:
        # People follow permalinks from mails and from this page itself, whose origin is its own;
        # what they open nobody else can read.
        headers = self.request.headers
        opened = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"))
        return opened != ("navigate", "document") and super()._is_cross_site()

    @property
    def is_for_people(self) -> bool:
        """Whether a browser asks, which says that it takes HTML."""
        return "text/html" in self.request.headers.get("Accept", "")

    @property
    def has_lab(self) -> bool:
        """Whether JupyterLab runs on this server."""
        assert self.serverapp is not None
        return bool(self.serverapp.extension_manager.linked_extensions.get("jupyterlab"))

    @abstractmethod
    async def shown(self, key: str) -> Shown:
        """What the address leads to."""

    def values(self, shown: Shown, moment: Any) -> dict[str, Any]:
        """The values that the address asks for."""
        given = given_values(self.request.query)
        return chosen_values(shown.target, shown.settings, given, moment)

    async def read(self, shown: Shown, values: dict[str, Any]) -> Reading:
        """What the permalink leads to, with these values."""
        services, target = self.services, shown.target
        if shown.reference is not None:
            return await services.following.read(self.actor, shown.reference, target, values)
        is_own = values == target.version.params
        mode = None if is_own else Mode.ASYNC_EXCEPT_ON_CACHE_MISS
        return await services.variants.read(self.actor, target, values, mode)

    async def reading(self, shown: Shown) -> Reading:
        """The same with the values that the address asks for, under the page's own words."""
        moment = await self.services.valuer.moment_of(shown.target)
        reading = await self.read(shown, self.values(shown, moment))
        words = {"name": shown.target.name, "description": shown.target.description}
        view = replace(reading.view, **words)
        told = shown.reference.visualization if shown.reference is not None else None
        mark = (told or {}).get("type")
        if isinstance(mark, str) and view.current.result is not None:
            view = await self.services.charts.marked(view, mark)
        return replace(reading, view=view)

    def send_page(self, html: str) -> None:
        """Answer with a page that has no script, and may have none."""
        self.set_header("Content-Security-Policy", page_policy(()))
        self.finish(html, set_content_type="text/html; charset=utf-8")

    def send_error_out(self, error: ViewsError) -> None:
        """Tell a program in JSON and a person on a page, in the same words."""
        if self.is_for_people:
            self.send_page(render("message.html", message=error.message, hint=error.hint))
        else:
            super().send_error_out(error)

    async def send_permalink(self, key: str) -> None:
        """Lead into JupyterLab, or answer with the page."""
        query = self.query(PermalinkQuery)
        shown = await self.shown(key)
        lab = None
        if shown.lab is not None and self.has_lab:
            lab = f"{self.base_url}lab?view={quote(shown.lab)}"
        if lab is not None and not query.plain and not given_values(self.request.query):
            self.set_header("Location", lab)
            self.send_nothing(302)
            return
        page = await self._page(shown, query, f"{self.prefix}/{self.room}/{key}")
        html = await self.services.run_in_thread(
            render, "permalink.html", page=page, theme=page.theme, lab=lab
        )
        self.send_page(html)

    async def _page(self, shown: Shown, query: PermalinkQuery, path: str) -> PageOut:
        target, settings = shown.target, shown.settings
        given = given_values(self.request.query)
        moment = await self.services.valuer.moment_of(target)
        kept = query.of_page(kept_values(target, settings, given))
        try:
            reading = await self.reading(shown)
        except (Invalid, MissingParameters) as error:
            inputs = inputs_of(target, settings, given, moment, _at_field(error))
            return await self._form(shown, kept, path, inputs, error)
        result = reading.view.current.result
        table = picture = None
        if result is not None:
            window = page_window(query, result)
            table = await self.services.results.table(result, **window)
            if query.number == 1:
                picture = await pictured(
                    self.services,
                    reading.view,
                    settings,
                    f"{path}.svg{suffix(kept)}",
                    PICTURES_BYTES,
                )
        inputs = inputs_of(target, settings, given, moment)
        now = self.services.clock.now()
        page = page_out(reading, settings, kept, table, picture, path=path, now=now, inputs=inputs)
        return replace(page, is_chosen=bool(given))

    async def _form(
        self,
        shown: Shown,
        query: PageQuery,
        path: str,
        inputs: tuple[InputOut, ...],
        error: Invalid | MissingParameters,
    ) -> PageOut:
        """The page without rows: what was written stands in its form, with what is wrong."""
        if isinstance(error, Invalid):
            self.set_status(400)
        current = replace(shown.target.current, result=None)
        looked = await self.services.reading.look(replace(shown.target, current=current))
        now = self.services.clock.now()
        page = page_out(
            looked, shown.settings, query, None, None, path=path, now=now, inputs=inputs
        )
        return replace(page, banner=error.message, downloads=())

    async def send_file_of(self, key: str, format: str) -> None:
        """Answer with all rows as a file."""
        query = self.query(PermalinkRowsQuery)
        shown = await self.shown(key)
        reading = await self.reading(shown)
        source = Source(
            result=rows_or_reason(reading),
            freshness=reading.freshness,
            name=key,
            path=f"{self.prefix}/{self.room}/{key}.{format}",
            is_forced=True,
            refresh=reading.refresh,
        )
        is_csv = format == "csv"
        wanted = ResultQuery(
            format=format, download=True, guard=is_csv and query.guard, bom=is_csv and query.bom
        )
        await send_result(self, source, wanted)

    async def send_picture_of(self, key: str) -> None:
        """Answer with the chart alone."""
        reading = await self.reading(await self.shown(key))
        rows_or_reason(reading)
        picture = await self.services.charts.draw(reading.view, "svg", "light")
        self.finish(picture, set_content_type=TYPES["svg"])


def _at_field(error: BadRequest | Invalid) -> Invalid | None:
    return error if isinstance(error, Invalid) else None


class _ReferencePermalink(PermalinkHandler):
    room = "q"

    async def shown(self, key: str) -> Shown:
        """A reference; JupyterLab shows the view that it follows, and nothing else."""
        services = self.services
        reference = await services.references.get(self.actor, key)
        target = await services.following.target(self.actor, reference)
        lab = None
        if target.reference_id is None:
            lab = target.perspective.slug if target.perspective else target.short_id
        words = {"name": reference.title, "description": reference.description}
        return Shown(
            target=replace(target, **words),
            offered=offered(reference, target),
            lab=lab,
            reference=reference,
        )


class ReferencePageHandler(_ReferencePermalink):
    """``q/{short_id}``."""

    @route("read", "query:read", "The permalink of a query reference", query=PermalinkQuery)
    async def get(self, short_id: str) -> None:
        """JupyterLab on the view that it follows, or a page with its rows."""
        await self.send_permalink(short_id)

    head = get


class ReferenceFileHandler(_ReferencePermalink):
    """``q/{short_id}.{format}``."""

    @route("read", "query:read", "The rows of a permalink as a file", query=PermalinkRowsQuery)
    async def get(self, short_id: str, format: str) -> None:
        """All rows, with the values of the page."""
        await self.send_file_of(short_id, format)

    head = get


class ReferencePictureHandler(_ReferencePermalink):
    """``q/{short_id}.svg``."""

    @route("read", "query:read", "The chart of a permalink")
    async def get(self, short_id: str) -> None:
        """What the page shows, alone."""
        await self.send_picture_of(short_id)

    head = get


class _ViewPermalink(PermalinkHandler):
    room = "p"

    async def shown(self, key: str) -> Shown:
        """A perspective."""
        slug = checked_slug(key.lower())
        view = await self.services.reading.by_slug(self.actor, slug)
        named = replace(view, name=view.title)
        return Shown(target=named, offered=choosable(view.version), lab=slug)


class ViewPageHandler(_ViewPermalink):
    """``p/{slug}``."""

    @route("read", "perspective:read", "The permalink of a view", query=PermalinkQuery)
    async def get(self, slug: str) -> None:
        """JupyterLab on the view, or a page with its rows."""
        await self.send_permalink(slug)

    head = get


class ViewFileHandler(_ViewPermalink):
    """``p/{slug}.{format}``."""

    @route(
        "read", "perspective:read", "The rows of a permalink as a file", query=PermalinkRowsQuery
    )
    async def get(self, slug: str, format: str) -> None:
        """All rows, with the values of the page."""
        await self.send_file_of(slug, format)

    head = get


class ViewPictureHandler(_ViewPermalink):
    """``p/{slug}.svg``."""

    @route("read", "perspective:read", "The chart of a permalink")
    async def get(self, slug: str) -> None:
        """What the page shows, alone."""
        await self.send_picture_of(slug)

    head = get
