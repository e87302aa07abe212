"""What is drawn of a stored result: facts of its columns, and the marks of a chart.

Everything is aggregated by the engine over all stored rows, streamed from the
file; only a bounded number of marks becomes text. The only names in the SQL
of this module are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core.charts import Chart, ColumnFacts, Kind, Points, Profile, kind_of, place_of
from ..core.ports import Stored
from .bins import histogram
from .drawable import Source, json_rows, number_of
from .encode import Verified, gone
from .marks import NOTHING, Marks
from .protocol import Plot, Survey

T = TypeVar("T")
_EXACT_ROWS = 200_000
_NEARLY_ALL = 0.9  # an estimate of distinct values is a few percent off
_WHOLE_DAYS = frozenset({"day", "week", "month", "quarter", "year"})
_AGGREGATES: dict[str, str] = {
    "sum": "sum(y)",
    "mean": "avg(y)",
    "median": "median(y)",
    "min": "min(y)",
    "max": "max(y)",
    "count": "count(*)",
    "distinct": "count(DISTINCT y)",
}


def profile(connection: Any, verified: Verified, survey: Survey) -> Profile:
    """Facts of the named columns, as far as they can be drawn, over all rows.

    Distinct values of more than 200,000 rows are estimated.

    Raises
    ------
    Gone
        The stored file is not what was stored.
    """
    stored, is_exact = survey.stored, survey.rows <= _EXACT_ROWS
    places = _drawable(survey.names, stored)

    def work(source: Source) -> Profile:
        return _profiled(source, stored, places, is_exact=is_exact)

    return _with_source(connection, verified, stored, places, work)


def points(connection: Any, verified: Verified, plot: Plot) -> Points:
    """The marks of a chart that fits the columns of the result.

    Raises
    ------
    Gone
        The stored file is not what was stored.
    """
    stored, chart = plot.stored, plot.chart
    places = _drawable(chart.columns, stored)

    def work(source: Source) -> Points:
        return _points(source, stored, places, chart)

    return _with_source(connection, verified, stored, places, work)


def _drawable(names: tuple[str, ...], stored: Stored) -> tuple[int, ...]:
    found = (place_of(name, stored.columns) for name in dict.fromkeys(names))
    return tuple(
        place for place in found if place is not None and kind_of(stored.columns[place]) is not None
    )


def _with_source(
    connection: Any,
    verified: Verified,
    stored: Stored,
    places: tuple[int, ...],
    work: Callable[[Source], T],
) -> T:
    if not verified.is_whole(stored.path, stored.sha256):
        raise gone()
    with connection.cursor() as cursor:
        source = Source(cursor, stored, places)
        try:
            return work(source)
        except Exception:
            if source.is_damaged:
                raise gone() from None
            raise


def _profiled(
    source: Source, stored: Stored, places: tuple[int, ...], *, is_exact: bool
) -> Profile:
    asked = ["count(*)"]
    for at, place in enumerate(places):
        e, kind = source.value(at), kind_of(stored.columns[place])
        span = "NULL"
        if kind != "category":
            number = number_of(e, is_time=kind == "time")
            span = f"max({number}) - min({number})"
        distinct = f"count(DISTINCT {e})" if is_exact else f"approx_count_distinct({e})"
        asked += [f"count({e})", distinct, span]
    asked_of = f"SELECT {', '.join(asked)} FROM source"
    rows, *found = source.cursor.execute(asked_of).fetchall()[0]
    columns = []
    for at, place in enumerate(places):
        column = stored.columns[place]
        values, distinct, span = found[3 * at : 3 * at + 3]
        columns.append(
            ColumnFacts(
                name=column.name,
                type=column.type,
                kind=kind_of(column) or "category",
                values=values,
                distinct=min(distinct, values),
                is_unique=distinct == values if is_exact else distinct >= _NEARLY_ALL * values,
                span=None if span is None else float(span),
            )
        )
    return Profile(row_count=rows, columns=tuple(columns))


def _points(source: Source, stored: Stored, places: tuple[int, ...], chart: Chart) -> Points:
    at = {stored.columns[place].name: at for at, place in enumerate(places)}
    kinds: dict[str, Kind] = {
        stored.columns[place].name: kind_of(stored.columns[place]) or "category" for place in places
    }
    x = "NULL" if chart.x is None else source.value(at[chart.x])
    if chart.mark == "histogram":
        return histogram(source.cursor, x)
    y = "1" if chart.y is None else source.value(at[chart.y])
    x_kind = kinds.get(chart.x or "", "category")
    color = "NULL" if chart.color is None else source.value(at[chart.color])
    inner = (
        f"SELECT {_along(x, x_kind, chart)} AS x, {y} AS y,"
        f" coalesce(CAST({color} AS VARCHAR), '{NOTHING}') AS c, place FROM source"
    )
    if chart.mark == "value":
        return _value(source, inner, chart)
    source.cursor.execute(f"CREATE TEMP TABLE marks AS {_made(inner, chart)}")
    return Marks(source.cursor, chart, x_kind).points(source.rows)


def _along(x: str, kind: Kind, chart: Chart) -> str:
    if kind == "category":
        return f"coalesce({x}, '{NOTHING}')"
    if chart.time_unit is None:
        return x
    cut = f"date_trunc('{chart.time_unit}', {x})"
    return f"CAST({cut} AS DATE)" if chart.time_unit in _WHOLE_DAYS else cut


def _made(inner: str, chart: Chart) -> str:
    """The select of all marks: x, c, y, the number of rows behind each, the first one's place."""
    there = f"FROM ({inner}) WHERE x IS NOT NULL AND y IS NOT NULL"
    if chart.aggregate is None:
        return f"SELECT x, c, y, 1 AS n, place {there}"
    made = (
        f"SELECT x, c, {_AGGREGATES[chart.aggregate]} AS y, count(*) AS n, min(place) AS place"
        f" {there} GROUP BY x, c"
    )
    # A sum of finite numbers may be infinite.
    return f"SELECT * FROM ({made}) WHERE isfinite(CAST(y AS DOUBLE))"


def _value(source: Source, inner: str, chart: Chart) -> Points:
    if chart.aggregate is None:
        asked = f"SELECT y, 1 AS n FROM ({inner}) ORDER BY place LIMIT 1"
    else:
        asked = f"SELECT {_AGGREGATES[chart.aggregate]} AS y, count(y) AS n FROM ({inner})"
    found = f"FROM ({asked}) WHERE isfinite(CAST(y AS DOUBLE))"
    facts = json_rows(source.cursor, f"SELECT y, n {found}")
    if not facts:
        return Points(rows=b"[]", drawn=0, total=0, left_out=source.rows)
    value, rows = facts[0]
    left_out = source.rows - int(rows) if chart.aggregate is not None else 0
    return Points(
        rows=b'[{"y":' + value.encode() + b"}]",
        drawn=1,
        total=1,
        left_out=left_out,
        is_plain=source.rows == 1,
        low=value,
        high=value,
    )
