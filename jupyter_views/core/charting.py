"""Charts of views: plotted from the current rows, drawn as pictures, chosen by their owner."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .access import require_owner
from .chart_choice import choose, with_unit
from .chart_words import summary_of
from .charts import Chart, Kind, Mark, Points, Profile, check, kind_of, place_of
from .errors import Invalid, ViewsError
from .model import Actor, Result, View
from .ports import Stored
from .reading import rows_of
from .requests import ViewChange
from .results import Cache
from .vegalite import empty, fields_of, spec_of, themed
from .views import ViewService

Form = Literal["svg", "png"]
Theme = Literal["light", "dark"]
# Moves when the same rows are plotted or drawn in another way.
_EDITION = 1
_COLUMNS_LOOKED_AT = 20
_PAPER: dict[Theme, str] = {"light": "#ffffff", "dark": "#111111"}


class Plot(Struct, frozen=True, kw_only=True):
    """A view's chart with its marks.

    Attributes
    ----------
    chart
        None where there is nothing to draw.
    is_default
        Nobody has chosen it, or what was chosen does not fit the result.
    spec
        Vega-Lite v5 with inline values, as JSON; where there is nothing to
        draw, a picture of the words that say so.
    summary
        What it shows, in words.
    fields
        Of the values in the spec: those to read, and what each is called.
    notice
        Why it is not the chosen chart, where it is not.
    """

    chart: Chart | None
    is_default: bool
    spec: bytes
    summary: str
    fields: dict[str, str]
    notice: str | None = None


class Plotter(Protocol):
    """The engine's part."""

    async def profile(self, stored: Stored, rows: int, names: tuple[str, ...]) -> Profile: ...
    async def points(self, stored: Stored, rows: int, chart: Chart) -> Points: ...
    async def draw(self, spec: bytes, title: str, form: Form) -> bytes: ...


class Files(Protocol):
    """Where results lie."""

    def result(self, sha256: str) -> Path: ...


class ChartService:
    """Plots, draws and changes the charts of views; what was made once is kept."""

    def __init__(self, *, plotter: Plotter, views: ViewService, files: Files, cache: Cache) -> None:
        self._plotter = plotter
        self._views = views
        self._files = files
        self._cache = cache
        self._making: dict[str, asyncio.Task[bytes]] = {}

    def key(self, view: View, asked: Chart | None = None) -> str:
        """Names all that a plot depends on: equal rows and equal choice give equal keys."""
        result = rows_of(view)
        facts = [_EDITION, asked, view.version.chart, result.truncated]
        choice = hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]
        return f"c-{result.sha256[:32]}-{choice}"

    def picture_key(self, view: View, form: Form, theme: Theme, asked: Chart | None = None) -> str:
        """The same for a picture, which has the view's name in it."""
        told = hashlib.sha256(view.title.encode()).hexdigest()[:16]
        return f"{self.key(view, asked)}-{told}-{theme}-{form}"

    async def plot(self, view: View, asked: Chart | None = None) -> Plot:
        """The chart of the rows that a view serves now.

        Parameters
        ----------
        asked
            Another chart than the view's own.

        Raises
        ------
        Gone
            The view has no rows.
        Invalid
            The chart that was asked for does not fit them; names the field.
        """
        if asked is not None:
            check(asked, rows_of(view).columns)
        made = await self._once(self.key(view, asked), lambda: self._plotted(view, asked))
        return msgspec.msgpack.decode(made, type=Plot)

    async def draw(
        self, view: View, form: Form, theme: Theme = "light", asked: Chart | None = None
    ) -> bytes:
        """A picture of the chart: an SVG without a background, or a PNG on paper.

        Raises
        ------
        Gone, Invalid
            As :meth:`plot`.
        Unavailable, EngineFailed
            Nothing can be drawn at the moment.
        """
        key = self.picture_key(view, form, theme, asked)
        return await self._once(key, lambda: self._drawn(view, form, theme, asked))

    async def change(
        self, actor: Actor, view: View, chart: Chart | None, *, if_match: int | None = None
    ) -> View:
        """Choose the chart of the current version, or None for the one that suits best.

        Raises
        ------
        Invalid
            The chart does not fit the columns of the current rows; names the field.
        """
        require_owner(actor, view, "change")
        if chart is not None:
            check(chart, rows_of(view).columns)
        change = ViewChange(fields={"chart": chart})
        return await self._views.change(actor, view, change, if_match=if_match)

    async def marked(self, view: View, mark: str) -> View:
        """A view whose chart has this mark, where its rows can be drawn so; else as it is."""
        try:
            chart = (await self.plot(view)).chart
            if chart is None or mark not in get_args(Mark):
                return view
            asked = replace(chart, mark=mark)
            check(asked, rows_of(view).columns)
        except ViewsError:
            return view
        return replace(view, version=replace(view.version, chart=asked))

    async def _once(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """What was made under this key; whoever asks meanwhile waits for the same."""
        kept = self._cache.get(key)
        if kept is not None and isinstance(kept[1], bytes):
            return kept[1]
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._made(key, make))
            self._making[key] = making
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(making)

    async def _made(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        content = await make()
        self._cache.put(key, 0, content, len(content))
        return content

    async def _plotted(self, view: View, asked: Chart | None) -> bytes:
        result, chosen = rows_of(view), asked or view.version.chart
        notice = None if chosen is None else _misfit(chosen, result)
        if notice is not None:
            chosen = None
        stored = Stored(
            path=str(self._files.result(result.sha256)),
            sha256=result.sha256,
            columns=result.columns,
        )
        profile = await self._plotter.profile(stored, result.row_count, _looked_at(result, chosen))
        chart = chosen or choose(profile)
        plot = Plot(
            chart=None if isinstance(chart, str) else chart,
            is_default=chosen is None,
            notice=notice,
            **await self._pictured(chart, profile, stored, result),
        )
        return msgspec.msgpack.encode(plot)

    async def _pictured(
        self, chart: Chart | str, profile: Profile, stored: Stored, result: Result
    ) -> dict[str, Any]:
        if isinstance(chart, str):
            return {"spec": msgspec.json.encode(empty(chart)), "summary": chart, "fields": {}}
        drawn = with_unit(chart, profile)
        points = await self._plotter.points(stored, result.row_count, drawn)
        summary = summary_of(drawn, points, result.columns, is_cut=result.truncated is not None)
        spec = spec_of(drawn, points, _kinds(drawn, result), summary)
        return {
            "spec": msgspec.json.encode(spec),
            "summary": summary,
            "fields": fields_of(drawn, points) if points.drawn else {},
        }

    async def _drawn(self, view: View, form: Form, theme: Theme, asked: Chart | None) -> bytes:
        plot = await self.plot(view, asked)
        spec = msgspec.json.decode(plot.spec, type=dict[str, msgspec.Raw])
        config = themed(theme) | {"background": _PAPER[theme] if form == "png" else None}
        themed_spec = msgspec.json.encode(spec | {"config": config})
        return await self._plotter.draw(themed_spec, view.title, form)


def _misfit(chart: Chart, result: Result) -> str | None:
    """Why a chart that was chosen for earlier rows does not fit these; None where it does."""
    try:
        check(chart, result.columns)
    except Invalid as error:
        return f"The chosen chart does not fit: {error.message} This is the one that suits best."
    return None


def _looked_at(result: Result, chosen: Chart | None) -> tuple[str, ...]:
    """The columns that a choice is made of, or those of the chosen chart."""
    if chosen is not None:
        return chosen.columns
    drawable = (column.name for column in result.columns if kind_of(column) is not None)
    return tuple(dict.fromkeys(drawable))[:_COLUMNS_LOOKED_AT]


def _kinds(chart: Chart, result: Result) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for field in ("x", "y", "color"):
        name = getattr(chart, field)
        place = None if name is None else place_of(name, result.columns)
        kind = None if place is None else kind_of(result.columns[place])
        if kind is not None:
            kinds[field] = kind
    return kinds
