"""What a chart shows, in one or two sentences, for whoever cannot see it."""

from __future__ import annotations

import json
from decimal import Decimal

from .charts import Chart, Kind, Points, is_discrete, kind_of, place_of
from .ports import Column
from .vegalite import is_years, shown, y_title

_NAMED_SERIES = 5
_SIGNIFICANT, _EXACT = 4, 15
_SCIENTIFIC_FROM = Decimal("1e15")
_SCIENTIFIC_BELOW = Decimal("1e-4")
_NOUNS = {"line": "points", "area": "points", "bar": "bars", "point": "points"}
_NAMES = {"line": "Line chart", "area": "Area chart", "bar": "Bar chart"}


def summary_of(chart: Chart, points: Points, columns: tuple[Column, ...], *, is_cut: bool) -> str:
    """The chart in words: what, of what, how much, from where to where; then what is missing.

    Parameters
    ----------
    is_cut
        The stored rows end at a limit.
    """
    words = _Words(chart, points, columns)
    missing = words.missing(is_cut=is_cut)
    return f"{words.told()}{f' {missing}' if missing else ''}"


class _Words:
    def __init__(self, chart: Chart, points: Points, columns: tuple[Column, ...]) -> None:
        self._chart = chart
        self._points = points
        self._types = {
            name: columns[place].type
            for name in chart.columns
            if (place := place_of(name, columns)) is not None
        }
        place = None if chart.x is None else place_of(chart.x, columns)
        self._x_kind: Kind | None = None if place is None else kind_of(columns[place])

    def told(self) -> str:
        chart, points = self._chart, self._points
        if not points.drawn:
            return "The columns of this chart hold no value that can be drawn."
        if chart.mark == "value":
            value = number_text(_value(points.low), digits=_EXACT)
            return f"{_capital(self._measure())}: {value}."
        if chart.mark == "histogram":
            first, last = self._at_x(points.first), self._at_x(points.last)
            return (
                f"Histogram of {shown(chart.x or '')}: values from {first} to {last} in"
                f" {points.drawn:,} bins, of which the fullest holds {self._number(points.high)}."
            )
        if chart.mark == "point":
            return self._of_points()
        count = f"{points.total:,} {_one(_NOUNS[chart.mark], points.total)}"
        return (
            f"{_NAMES[chart.mark]} of {self._measure()} by {self._along()}, {count}"
            f"{self._series()}{self._from_to()}; {self._extremes()}."
        )

    def _of_points(self) -> str:
        chart, points = self._chart, self._points
        count = f"{points.total:,} {_one('points', points.total)}"
        low, high = self._at(chart.y, points.low), self._at(chart.y, points.high)
        return (
            f"Points of {shown(chart.y or '')} against {shown(chart.x or '')}, {count}"
            f"{self._series()}; {shown(chart.x or '')} from {self._at_x(points.first)} to"
            f" {self._at_x(points.last)}, {shown(chart.y or '')} from {low} to {high}."
        )

    def _measure(self) -> str:
        if self._chart.aggregate == "count":
            return "the number of rows"
        return y_title(self._chart, self._points)

    def _along(self) -> str:
        unit = self._chart.time_unit
        name = shown(self._chart.x or "")
        return name if unit is None or unit == name else f"{name} ({unit})"

    def _series(self) -> str:
        names, total = self._points.series, self._points.series_total
        if self._chart.color is None:
            return ""
        named = ", ".join(shown(name) for name in names[:_NAMED_SERIES])
        more = f" and {total - _NAMED_SERIES:,} more" if total > _NAMED_SERIES else ""
        noun = _one("series", total)
        return f" in {total:,} {noun} of {shown(self._chart.color)} ({named}{more})"

    def _from_to(self) -> str:
        if self._x_kind == "category":
            return ""
        return f", from {self._at_x(self._points.first)} to {self._at_x(self._points.last)}"

    def _extremes(self) -> str:
        points = self._points
        low, high = self._number(points.low), self._number(points.high)
        if points.low == points.high:
            return f"all {high}" if points.total > 1 else f"it is {high}"
        if not is_discrete(self._chart, self._x_kind):
            return f"lowest {low}, highest {high}"
        at_low, at_high = self._at_x(points.low_at), self._at_x(points.high_at)
        return f"lowest {low} ({at_low}), highest {high} ({at_high})"

    def missing(self, *, is_cut: bool) -> str:
        """What the picture does not show; empty where it shows all."""
        points, parts = self._points, []
        if points.drawn < points.total and points.picked is not None:
            how = {
                "extremes": f"{points.drawn:,} are drawn, the extremes of each stretch among them",
                "every": f"{points.drawn:,} are drawn, evenly picked",
            }
            which = f"Only the {points.drawn:,} {points.picked} are drawn"
            parts.append(how.get(points.picked, which))
        if len(points.series) < points.series_total:
            parts.append(f"only the {len(points.series):,} largest series are drawn")
        if points.left_out:
            rows = f"{points.left_out:,} {_one('rows', points.left_out)}"
            parts.append(f"{rows} without a value left out")
        if is_cut:
            parts.append("the result was cut at a limit before it was drawn")
        return f"{_capital('; '.join(parts))}." if parts else ""

    def _at_x(self, text: str) -> str:
        return self._at(self._chart.x, text)

    def _at(self, name: str | None, text: str) -> str:
        """A value of a column as people read it."""
        value = _value(text)
        column_type = self._types.get(name or "", "string")
        if isinstance(value, str) and column_type in {"timestamp", "timestamptz"}:
            return _instant(value, is_zoned=column_type == "timestamptz")
        if isinstance(value, int) and is_years(self._points):
            return str(value)
        return shown(value) if isinstance(value, str) else number_text(value)

    def _number(self, text: str) -> str:
        return number_text(_value(text))


def _value(text: str) -> Decimal | int | str | bool | None:
    return json.loads(text, parse_float=Decimal)


def number_text(value: Decimal | int | str | bool | None, *, digits: int = _SIGNIFICANT) -> str:
    """A number as people read it: thousands apart, few digits after the point."""
    if value is None or isinstance(value, bool | str):
        return str(value)
    number = Decimal(value)
    size = abs(number)
    if size >= _SCIENTIFIC_FROM or 0 < size < _SCIENTIFIC_BELOW:
        return f"{number:.3e}"
    whole = len(str(int(size)))
    text = f"{number:,.{max(digits - whole, 0)}f}" if size >= 1 else f"{number:.{digits}g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _instant(text: str, *, is_zoned: bool) -> str:
    """An ISO instant without what says nothing: a midnight, no seconds, a zone it has not."""
    day, _, clock = text.rstrip("Z").partition("T")
    if not clock:
        return day
    clock = clock.partition(".")[0].removesuffix(":00")
    if clock == "00:00":
        return day
    return f"{day} {clock} UTC" if is_zoned else f"{day} {clock}"


def _one(noun: str, count: int) -> str:
    return noun.removesuffix("s") if count == 1 and noun != "series" else noun


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
