"""Which marks of a chart are drawn where there are too many, and what is said of all of them.

Works on the table ``marks`` (x, c, y, n, place): one row for each mark, with
its series, the number of rows behind it, and the place of the first of these
rows, which no other mark has. The only names in this SQL are ours.
"""

from __future__ import annotations

import json
from typing import Any

from ..core.chart_choice import BARS, UNIT_SECONDS
from ..core.charts import Chart, Kind, Picked, Points, is_discrete
from .drawable import json_rows, number_of

MARKS = 2000
SERIES = 30
_PLACES = 200
_BARS_ON_A_SCALE = 400
_LABEL = 100
# Of a category: NULL is drawn as well, and must not be mistaken for a text.
NOTHING = "\ue000NULL"

_BY_SORT: dict[str | None, Picked] = {"x": "first", "-x": "first", "y": "smallest"}


class Marks:
    """The marks of one chart."""

    def __init__(self, cursor: Any, chart: Chart, x_kind: Kind) -> None:
        self._cursor = cursor
        self._chart = chart
        self._x_kind = x_kind
        self._has_places = is_discrete(chart, x_kind) or chart.mark == "bar"
        self._types = dict(
            zip(("x", "y"), map(str, cursor.sql("SELECT x, y FROM marks").types), strict=True)
        )

    def points(self, rows_read: int) -> Points:
        """The bounded marks as JSON, and facts of all."""
        behind, most = self._row("SELECT coalesce(sum(n), 0), max(n) FROM marks")
        left_out = rows_read - behind
        series, series_total = self._ranked_series()
        total, places = self._row("SELECT count(*), count(DISTINCT x) FROM marks")
        if not total:
            return Points(rows=b"[]", drawn=0, total=0, left_out=left_out)
        low, high, low_at, high_at, first, last = self._extremes()
        if self._has_places:
            picked = self._keep_places(places)
        else:
            picked = self._keep_marks(total, places, max(len(series), 1))
        rows = self._texts()
        return Points(
            rows=f"[{','.join(rows)}]".encode(),
            drawn=len(rows),
            total=total,
            picked=picked if len(rows) < total else None,
            places=places,
            series=tuple(series),
            series_total=series_total,
            left_out=left_out,
            is_plain=most == 1,
            low=low,
            high=high,
            low_at=low_at,
            high_at=high_at,
            first=first,
            last=last,
        )

    def _ranked_series(self) -> tuple[list[str], int]:
        """The names of the largest series, and how many there were; the others are taken out."""
        size = "count(*)" if self._chart.mark == "point" else "sum(abs(CAST(y AS DOUBLE)))"
        self._run(
            "CREATE TEMP TABLE series AS"
            " SELECT c AS value, row_number() OVER (ORDER BY size DESC, c) AS rank"
            f" FROM (SELECT c, {size} AS size FROM marks GROUP BY c)"
        )
        (total,) = self._row("SELECT count(*) FROM series")
        self._run(f"DELETE FROM series WHERE rank > {SERIES}")
        self._run("DELETE FROM marks WHERE c NOT IN (SELECT value FROM series)")
        self._label("series")
        if self._chart.color is None:
            return [], 0
        names = self._cursor.execute("SELECT label FROM series ORDER BY rank").fetchall()
        return [name for (name,) in names], total

    def _label(self, table: str) -> None:
        """Give each text of a table of ranks a short name that no other of it has."""
        short = (
            f"CASE WHEN value = '{NOTHING}' THEN 'NULL'"
            f" WHEN length(value) > {_LABEL} THEN left(value, {_LABEL - 1}) || '…'"
            " ELSE value END"
        )
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT value, rank,"
            " short || CASE WHEN nth > 1 THEN ' (' || nth || ')' ELSE '' END AS label"
            " FROM (SELECT *, row_number() OVER (PARTITION BY short ORDER BY rank) AS nth"
            f" FROM (SELECT *, {short} AS short FROM {table}))"
        )

    def _keep_places(self, places: int) -> Picked:
        """Keep the marks at so many places along x: the first in order, or the largest."""
        on_scale = self._x_kind == "time"
        bars = BARS if self._chart.mark == "bar" and self._x_kind == "category" else _PLACES
        most = _BARS_ON_A_SCALE if on_scale else bars
        own = "place" if self._x_kind == "category" else "value"
        order = {"x": "value", "-x": "value DESC", "y": "size", "-y": "size DESC", None: own}
        wanted = order[self._chart.sort]
        if self._chart.sort is None and places > most:
            wanted = "size DESC"
        self._run(
            "CREATE TEMP TABLE places AS"
            f" SELECT *, row_number() OVER (ORDER BY {wanted}, place) AS rank FROM ("
            " SELECT x AS value, sum(CAST(y AS DOUBLE)) AS size, min(place) AS place"
            " FROM marks GROUP BY x)"
        )
        self._run(f"DELETE FROM places WHERE rank > {most}")
        if self._x_kind != "category" and self._chart.sort is None:
            # What was kept for its size still stands in its own order.
            self._run(
                "UPDATE places SET rank = nth FROM (SELECT value AS v,"
                " row_number() OVER (ORDER BY value) AS nth FROM places) WHERE value = v"
            )
        if self._x_kind == "category":
            self._label("places")
        self._run("DELETE FROM marks WHERE x NOT IN (SELECT value FROM places)")
        (left,) = self._row("SELECT count(*) FROM marks")
        self._keep_every(-(-left // MARKS))
        return "every" if left > MARKS else _BY_SORT.get(self._chart.sort, "largest")

    def _keep_marks(self, total: int, places: int, series: int) -> Picked:
        """Keep all, or so many that the picture is that of all."""
        if total <= MARKS:
            self._run("CREATE TEMP TABLE kept AS SELECT place FROM marks")
            return "every"
        if self._chart.mark == "point":
            self._keep_every(-(-total // MARKS))
            return "every"
        if self._chart.mark == "area" and self._chart.color is not None:
            # Areas stand on each other, so each needs a mark at every place that is kept.
            self._keep_every_place(-(-places * series // MARKS))
            return "every"
        self._keep_extremes(MARKS // 4 // series)
        return "extremes"

    def _keep_every(self, step: int) -> None:
        """Keep every so manieth mark, in the order of the rows."""
        self._run(f"CREATE TEMP TABLE kept AS SELECT place FROM marks WHERE rowid % {step} = 0")

    def _keep_every_place(self, step: int) -> None:
        self._run(
            "CREATE TEMP TABLE kept AS SELECT place FROM"
            " (SELECT place, dense_rank() OVER (ORDER BY x) - 1 AS nth FROM marks)"
            f" WHERE nth % {step} = 0"
        )

    def _keep_extremes(self, stretches: int) -> None:
        """Of each stretch of each series the first, the last, the lowest and the highest mark."""
        along = number_of("x", is_time=self._x_kind == "time")
        low, high = self._row(f"SELECT min({along}), max({along}) FROM marks")
        # Divided before they are subtracted: the difference may be beyond all numbers.
        width = high / stretches - low / stretches
        stretch = "0"
        if width:
            stretch = f"least({stretches - 1}, floor({along} / {width!r} - {low / width!r}))"
        self._run(
            "CREATE TEMP TABLE kept AS SELECT DISTINCT unnest(["
            "arg_min(place, y), arg_max(place, y), arg_min(place, along), arg_max(place, along)"
            f"]) AS place FROM (SELECT *, {along} AS along, {stretch} AS stretch FROM marks)"
            " GROUP BY c, stretch"
        )

    def _texts(self) -> list[str]:
        """The kept marks as JSON objects, in the order in which they are drawn."""
        is_named = self._x_kind == "category"
        x = "places.label" if is_named else self._text("marks.x", "x")
        fields = [f"{x} AS x", f"{self._text('y', 'y')} AS y"]
        if self._chart.mark == "bar" and self._x_kind == "time":
            end = f"make_timestamp(epoch_us(marks.x) + {self._bar_width()})"
            fields.append(f"{_iso(end)} AS x2")
        if self._chart.color is not None:
            fields += ["series.label AS c", "series.rank AS s"]
        joined = "marks SEMI JOIN kept USING (place) JOIN series ON marks.c = series.value"
        order = "marks.x"
        if self._has_places:
            joined += " JOIN places ON marks.x = places.value"
            order = "places.rank"
        asked = (
            f"SELECT {', '.join(fields)}, row_number() OVER ("
            f"ORDER BY {order}, series.rank, marks.place) AS nth FROM {joined}"
        )
        names = [field.rpartition(" AS ")[2] for field in fields]
        return [
            "{"
            + ",".join(f'"{name}":{value}' for name, value in zip(names, row, strict=True))
            + "}"
            for row in json_rows(self._cursor, asked)
        ]

    def _bar_width(self) -> int:
        """Microseconds between the two nearest times, which no bar may be wider than."""
        (nearest,) = self._row(
            "SELECT min(us - before) FROM (SELECT us, lag(us) OVER (ORDER BY us) AS before"
            " FROM (SELECT DISTINCT epoch_us(value) AS us FROM places))"
        )
        return nearest or UNIT_SECONDS[self._chart.time_unit or "day"] * 1_000_000

    def _extremes(self) -> list[str]:
        """As JSON: the lowest and the highest y, where they are, the first and the last x."""
        is_named = self._x_kind == "category"
        along = "NULL AS first, NULL AS last" if is_named else "min(x) AS first, max(x) AS last"
        found = (
            "SELECT min(y) AS low, max(y) AS high, arg_min(x, y) AS low_at,"
            f" arg_max(x, y) AS high_at, {along} FROM marks"
        )
        kinds = {"low": "y", "high": "y", "low_at": "x", "high_at": "x"}
        if not is_named:
            kinds |= {"first": "x", "last": "x"}
        fields = [
            f"{self._text(name, kinds[name])} AS {name}" if name in kinds else name
            for name in ("low", "high", "low_at", "high_at", "first", "last")
        ]
        texts = json_rows(self._cursor, f"SELECT {', '.join(fields)} FROM ({found})")[0]
        return [_cut(text) if is_named and at in {2, 3} else text for at, text in enumerate(texts)]

    def _text(self, e: str, of: str) -> str:
        """A value as what JSON has for it; times in ISO 8601."""
        kind = self._types[of]
        if kind == "TIMESTAMP":
            return _iso(e)
        return f"CAST({e} AS VARCHAR)" if kind == "DATE" else e

    def _run(self, sql: str) -> None:
        self._cursor.execute(sql)

    def _row(self, sql: str) -> tuple[Any, ...]:
        return self._cursor.execute(sql).fetchall()[0]


def _iso(e: str) -> str:
    """An instant with Z, also where its column has no zone: else each reader would add his own."""
    return f"replace(CAST({e} AS VARCHAR), ' ', 'T') || 'Z'"


def _cut(text: str) -> str:
    value = json.loads(text)
    if value == NOTHING:
        return '"NULL"'
    return json.dumps(value[: _LABEL - 1] + "…") if len(value) > _LABEL else text
