"""Charts as JSON."""

from __future__ import annotations

import csv
import io
from typing import Literal

import msgspec
from msgspec import Struct

from ..core.charting import Plot
from ..core.charts import Aggregate, Chart, ColumnName, Mark, Sort, TimeUnit
from ..core.errors import Invalid
from .fields import DashboardNumber

_FORMULA = frozenset("=+-@\t\n\r")


class ChartQuery(Struct, frozen=True, kw_only=True):
    """Query string of a chart: another one than the view's own, where it names a mark."""

    mark: Mark | None = None
    x: ColumnName | None = None
    y: ColumnName | None = None
    color: ColumnName | None = None
    aggregate: Aggregate | None = None
    time_unit: TimeUnit | None = None
    stack: Literal["zero", "normalize"] | None = None
    sort: Sort | None = None
    from_dashboard: DashboardNumber | None = None


class PictureQuery(ChartQuery, frozen=True, kw_only=True):
    """Query string of a picture."""

    theme: Literal["light", "dark"] = "light"
    download: bool = False


class MarksQuery(ChartQuery, frozen=True, kw_only=True):
    """Query string of the numbers behind a chart."""

    download: bool = False
    guard: bool = False


class ChartUpdate(Struct, frozen=True, kw_only=True):
    """Body of a change: the chart, or null for the one that suits best."""

    chart: Chart | None


class ChartOut(Struct, frozen=True, kw_only=True):
    """A chart with its marks, as a Vega-Lite v5 spec with inline values."""

    chart: Chart | None
    is_default: bool
    spec: msgspec.Raw
    summary: str
    fields: dict[str, str]
    notice: str | None


def asked_chart(query: ChartQuery) -> Chart | None:
    """The chart that a query string asks for; None for the view's own."""
    given = {
        name: value
        for name in Chart.__struct_fields__
        if (value := getattr(query, name)) is not None
    }
    if given and query.mark is None:
        raise Invalid("A chart that is asked for needs a mark.", field="mark")
    return Chart(**given) if given else None


def chart_out(plot: Plot) -> ChartOut:
    """A chart as whoever may read the view sees it."""
    return ChartOut(
        chart=plot.chart,
        is_default=plot.is_default,
        spec=msgspec.Raw(plot.spec),
        summary=plot.summary,
        fields=plot.fields,
        notice=plot.notice,
    )


def chart_csv(plot: Plot, *, guard: bool) -> bytes:
    """The numbers behind a chart as CSV, digit for digit.

    Parameters
    ----------
    guard
        Put an apostrophe before what a spreadsheet would take for a formula.
    """
    spec = msgspec.json.decode(plot.spec, type=_Spec)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_guarded(name, guard=guard) for name in plot.fields.values())
    for row in spec.data.values if plot.fields else ():
        writer.writerow(_cell(row[field], guard=guard) for field in plot.fields)
    return text.getvalue().encode()


class _Values(Struct):
    values: list[dict[str, msgspec.Raw]]


class _Spec(Struct):
    data: _Values


def _cell(value: msgspec.Raw, *, guard: bool) -> str:
    text = bytes(value).decode()
    return _guarded(msgspec.json.decode(text), guard=guard) if text[0] == '"' else text


def _guarded(text: str, *, guard: bool) -> str:
    return f"'{text}" if guard and text[:1] in _FORMULA else text
