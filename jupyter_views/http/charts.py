"""Charts of views: what to draw, and pictures of it."""

from __future__ import annotations

from typing import ClassVar

from ..core.charting import Form
from ..core.model import View
from ..core.reading import rows_of
from ..wire.asked_values import asked_values
from ..wire.charts import (
    ChartOut,
    ChartQuery,
    ChartUpdate,
    MarksQuery,
    PictureQuery,
    asked_chart,
    chart_csv,
    chart_out,
)
from .base import ViewsHandler
from .doors import surroundings
from .negotiate import CONTENT_TYPES
from .operations import route
from .rows import attachment, mode_of, set_stale_headers

TYPES: dict[Form, str] = {"svg": "image/svg+xml", "png": "image/png"}


class _ChartHandler(ViewsHandler):
    async def current(self, short_id: str, query: ChartQuery) -> View:
        """The view as its reader meets it: stale rows at once, new ones behind."""
        services = self.services
        view = await services.reading.by_short_id(self.actor, short_id)
        asked = asked_values(self.request.query, view)
        values = asked or (await surroundings(self, view, query.from_dashboard)).values
        mode = mode_of(is_refresh=False, has_values=bool(asked))
        reading = await services.variants.read(self.actor, view, values, mode)
        set_stale_headers(self, reading.freshness, reading.refresh)
        return reading.view

    def is_known(self, etag: str) -> bool:
        """Say which state this is; where the client has it, answer 304 and draw nothing."""
        self.set_header("Etag", f'"{etag}"')
        if not self.has_etag(etag):
            return False
        self.send_nothing(304)
        return True

    def tag(self, view: View, key: str) -> str:
        """What people changed before the dot, what is drawn after it."""
        return f"{view.short_id}-{view.revision}.{key}"

    def set_download(self, view: View, extension: str) -> None:
        """Have a browser save the answer under the view's name."""
        name = view.perspective.slug if view.perspective else view.short_id
        self.set_header("Content-Disposition", attachment(name, rows_of(view), extension))


class ChartHandler(_ChartHandler):
    """``api/views/{short_id}/chart``."""

    @route("read", "perspective:read", "The chart of a view", query=ChartQuery, answer=ChartOut)
    async def get(self, short_id: str) -> None:
        """The view's own chart, or the one that the query string describes."""
        query = self.query(ChartQuery)
        asked = asked_chart(query)
        view = await self.current(short_id, query)
        charts = self.services.charts
        if not self.is_known(self.tag(view, charts.key(view, asked))):
            self.send(chart_out(await charts.plot(view, asked)))

    head = get

    @route("write", "perspective:write", "Choose a chart", body=ChartUpdate, answer=ChartOut)
    async def put(self, short_id: str) -> None:
        """Keep it with the current version; null for the one that suits best. The owner only."""
        services = self.services
        view = await services.reading.by_short_id(self.actor, short_id)
        services.views.require_owner(self.actor, view)
        if_match = self.required_revision(view.short_id, view.revision)
        chart = self.body(ChartUpdate).chart
        changed = await services.charts.change(self.actor, view, chart, if_match=if_match)
        self.set_header("Etag", f'"{self.tag(changed, services.charts.key(changed))}"')
        self.send(chart_out(await services.charts.plot(changed)))


class ChartCsvHandler(_ChartHandler):
    """``api/views/{short_id}/chart.csv``."""

    @route("read", "perspective:read", "The numbers behind a chart", query=MarksQuery)
    async def get(self, short_id: str) -> None:
        """One line for each mark, under the titles of the axes."""
        query = self.query(MarksQuery)
        asked, charts = asked_chart(query), self.services.charts
        view = await self.current(short_id, query)
        key = f"{charts.key(view, asked)}-csv-{query.guard}"
        if self.is_known(self.tag(view, key)):
            return
        if query.download:
            self.set_download(view, "csv")
        lines = chart_csv(await charts.plot(view, asked), guard=query.guard)
        self.finish(lines, set_content_type=CONTENT_TYPES["csv"])

    head = get


class _PictureHandler(_ChartHandler):
    form: ClassVar[Form]

    @route("read", "perspective:read", "A picture of the chart of a view", query=PictureQuery)
    async def get(self, short_id: str) -> None:
        """The view's own chart, or the one that the query string describes."""
        query = self.query(PictureQuery)
        asked, form, charts = asked_chart(query), self.form, self.services.charts
        view = await self.current(short_id, query)
        key = charts.picture_key(view, form, query.theme, asked)
        if self.is_known(self.tag(view, key)):
            return
        if query.download:
            self.set_download(view, form)
        picture = await charts.draw(view, form, query.theme, asked)
        self.finish(picture, set_content_type=TYPES[form])

    head = get


class ChartSvgHandler(_PictureHandler):
    """``api/views/{short_id}/chart.svg``."""

    form = "svg"


class ChartPngHandler(_PictureHandler):
    """``api/views/{short_id}/chart.png``."""

    form = "png"
