"""What a chart of a result is: its few settings, and which of them fit which columns."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Literal

from msgspec import Meta, Struct

from .errors import Invalid
from .ports import Column

Mark = Literal["line", "area", "bar", "point", "histogram", "value"]
Aggregate = Literal["sum", "mean", "median", "min", "max", "count", "distinct"]
TimeUnit = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
Sort = Literal["x", "-x", "y", "-y"]
Picked = Literal["largest", "smallest", "first", "extremes", "every"]
Kind = Literal["number", "time", "category"]
ColumnName = Annotated[str, Meta(max_length=10_000)]

_KINDS: dict[str, Kind] = {
    "integer": "number",
    "decimal": "number",
    "double": "number",
    "date": "time",
    "timestamp": "time",
    "timestamptz": "time",
    "string": "category",
    "boolean": "category",
    "time": "category",
}
_ALONG_X = frozenset({"line", "area", "bar"})
_NEEDS_NO_NUMBER = frozenset({"count", "distinct"})


class Chart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole language of charts: eight words, of which only column names are free text.

    Attributes
    ----------
    mark
        ``value`` is one number in large type.
    x, y, color
        Names of columns of the result; of a repeated name the first is meant.
        ``color`` makes one series of each of its values.
    aggregate
        What becomes of the rows with one x and colour; None draws each row.
        ``count`` takes no ``y``.
    time_unit
        To what the times of ``x`` are cut before they are aggregated; None
        for a unit that suits their span where they are many.
    stack
        Of bars and areas with a colour: on top of each other, or as shares
        of one. None puts them beside each other.
    sort
        Order along ``x`` where it is no time; None keeps the result's own.
    """

    mark: Mark
    x: ColumnName | None = None
    y: ColumnName | None = None
    color: ColumnName | None = None
    aggregate: Aggregate | None = None
    time_unit: TimeUnit | None = None
    stack: Literal["zero", "normalize"] | None = None
    sort: Sort | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it needs."""
        return tuple(name for name in (self.x, self.y, self.color) if name is not None)


class ColumnFacts(Struct, frozen=True, kw_only=True):
    """What a column holds, over all rows.

    Attributes
    ----------
    type
        Our word for its type.
    values
        Those that can be drawn: neither NULL nor infinite.
    distinct
        Of them; of very many rows an estimate.
    is_unique
        No two rows share a value, as far as ``distinct`` tells.
    span
        From the lowest to the highest: numbers as they are, times in seconds;
        None of words.
    """

    name: str
    type: str
    kind: Kind
    values: int
    distinct: int
    is_unique: bool
    span: float | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """What is known of a result before it is drawn: its rows, and its columns that can be."""

    row_count: int
    columns: tuple[ColumnFacts, ...]


class Points(Struct, frozen=True, kw_only=True):
    """The marks of a chart, computed over all rows and bounded in number.

    Attributes
    ----------
    rows
        JSON text of an array of objects: ``x``, ``y``, ``x2`` where a mark has
        a width, ``c`` its series. Numbers are exact, times ISO in UTC.
    drawn, total
        Marks in ``rows``, and how many there would be without the bound.
    picked
        How they were picked where those numbers differ: those at the largest,
        smallest or first places, the extremes of each stretch, or every so
        manieth.
    places
        Distinct values of x without the bound; 0 where there is no x.
    series, series_total
        Names of the series drawn, the largest first, and how many there are.
    left_out
        Rows without a value that can be drawn.
    is_plain
        Every mark is one row, so that an aggregate has changed nothing.
    low, high, low_at, high_at
        JSON text of the extreme values of y, and where along x they are.
    first, last
        JSON text of the extreme values of x; empty of words.
    """

    rows: bytes
    drawn: int
    total: int
    picked: Picked | None = None
    places: int = 0
    series: tuple[str, ...] = ()
    series_total: int = 0
    left_out: int = 0
    is_plain: bool = False
    low: str = "null"
    high: str = "null"
    low_at: str = "null"
    high_at: str = "null"
    first: str = "null"
    last: str = "null"


def kind_of(column: Column) -> Kind | None:
    """As what a column is drawn; None for what cannot be."""
    return _KINDS.get(column.type)


def place_of(name: str, columns: tuple[Column, ...]) -> int | None:
    """Position of the first column of this name."""
    return next((at for at, column in enumerate(columns) if column.name == name), None)


def is_discrete(chart: Chart, kind: Kind | None) -> bool:
    """Whether the values of x stand side by side, and not on a scale."""
    return kind == "category" or (kind == "number" and chart.mark == "bar")


def check(chart: Chart, columns: tuple[Column, ...]) -> None:
    """Make sure that a chart can be drawn of a result with these columns.

    Raises
    ------
    Invalid
        When it cannot; names the field at fault, as ``chart.x``.
    """
    kinds = {field: _kind(chart, field, columns) for field in ("x", "y", "color")}
    if chart.mark in _ALONG_X:
        _check_along_x(chart, kinds)
    elif chart.mark == "point":
        _refuse(chart, "aggregate", "time_unit", "sort")
        _require_kind(chart, "x", kinds, ("number", "time"))
        _require_kind(chart, "y", kinds, ("number", "time"))
    elif chart.mark == "histogram":
        _refuse(chart, "y", "color", "aggregate", "time_unit", "sort")
        _require_kind(chart, "x", kinds, ("number",))
    else:
        _refuse(chart, "x", "color", "time_unit", "sort")
        _check_y(chart, kinds)
    if chart.stack is not None and (chart.mark not in {"area", "bar"} or chart.color is None):
        raise _wrong("stack", "Only bars and areas with a colour can be stacked.")


def _check_along_x(chart: Chart, kinds: dict[str, Kind | None]) -> None:
    if chart.x is None:
        raise _wrong("x", f"{_named(chart)} needs a column for x.")
    _check_y(chart, kinds)
    if chart.time_unit is not None and kinds["x"] != "time":
        raise _wrong("time_unit", "Only an x of dates or times can be cut to a unit of time.")
    if chart.time_unit is not None and chart.aggregate is None:
        raise _wrong("aggregate", "A unit of time needs an aggregate for the rows within it.")
    if chart.sort is not None and not is_discrete(chart, kinds["x"]):
        raise _wrong("sort", "Numbers along a line, and times, are drawn in their own order.")


def _check_y(chart: Chart, kinds: dict[str, Kind | None]) -> None:
    if chart.aggregate == "count":
        _refuse(chart, "y")
    elif chart.aggregate == "distinct":
        if chart.y is None:
            raise _wrong("y", "To count distinct values a column for y is needed.")
    else:
        _require_kind(chart, "y", kinds, ("number",))


def _kind(chart: Chart, field: str, columns: tuple[Column, ...]) -> Kind | None:
    name = getattr(chart, field)
    if name is None:
        return None
    place = place_of(name, columns)
    if place is None:
        raise _unknown(field, name, (column.name for column in columns))
    kind = kind_of(columns[place])
    if kind is None:
        raise _wrong(
            field, f"{name[:100]!r} holds {columns[place].type} values, which cannot be drawn."
        )
    return kind


def _require_kind(
    chart: Chart, field: str, kinds: dict[str, Kind | None], allowed: tuple[Kind, ...]
) -> None:
    if kinds[field] in allowed:
        return
    wanted = " or ".join(f"{kind}s" for kind in allowed)
    name = getattr(chart, field)
    if name is None:
        raise _wrong(field, f"{_named(chart)} needs a column of {wanted} for {field}.")
    raise _wrong(
        field, f"{field} of {_named(chart).lower()} takes {wanted}; {name[:100]!r} is none."
    )


def _refuse(chart: Chart, *fields: str) -> None:
    for field in fields:
        if getattr(chart, field) is not None:
            counted = " that counts rows" if field == "y" and chart.aggregate == "count" else ""
            raise _wrong(field, f"{_named(chart)}{counted} takes no {field}.")


def _named(chart: Chart) -> str:
    article = "An" if chart.mark == "area" else "A"
    noun = chart.mark if chart.mark in {"histogram"} else f"{chart.mark} chart"
    return f"{article} {noun}"


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(message, field=f"chart.{field}")


def _unknown(field: str, name: str, names: Iterable[str]) -> Invalid:
    known = list(dict.fromkeys(names))
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    shown = " or ".join(repr(each[:100]) for each in near)
    return Invalid(
        f"The result has no column {name[:100]!r}.",
        hint=f"Did you mean {shown}?" if near else None,
        field=f"chart.{field}",
        details={"columns": [each[:100] for each in known[:100]]},
    )
