"""Which chart suits a result that nobody has chosen one for."""

from __future__ import annotations

import re

from msgspec.structs import replace

from .charts import Aggregate, Chart, ColumnFacts, Profile, TimeUnit

UNIT_SECONDS: dict[TimeUnit, int] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "quarter": 91 * 86_400,
    "year": 365 * 86_400,
}
BARS = 30
_SERIES = 10
_SPANS = {"bar": 60, "line": 1000, "area": 1000}
_SPANS_OF_SERIES = 200
_ID = re.compile(r"(?i:(?:^|[_\s])(?:id|uuid)$)|[a-z]I[dD]$")
_CALENDAR = re.compile(
    r"(?:^|[_\s])(?:year|quarter|month|week|day|weekday|dow|hour)$", re.IGNORECASE
)


def choose(profile: Profile) -> Chart | str:
    """The chart that suits best, or the reason in words why there is nothing to draw."""
    if not profile.row_count:
        return "The result has no rows, so there is nothing to draw."
    if not profile.columns:
        return "No column of the result holds numbers, times or words that can be drawn."
    there = _Columns(profile)
    if not there.any:
        return "The result holds no value that can be drawn."
    if profile.row_count == 1:
        return (
            there.value() or "The result is one row without a number, so there is nothing to draw."
        )
    return (
        there.over_time()
        or there.by_calendar()
        or there.by_category()
        or there.of_numbers()
        or there.counted()
        or "The result holds no numbers, and no value in it repeats, so there is nothing to draw."
    )


class _Columns:
    """The columns of a result by what they are good for."""

    def __init__(self, profile: Profile) -> None:
        self._rows = profile.row_count
        self.any = [each for each in profile.columns if each.values]
        self._times = [each for each in self.any if each.kind == "time" and each.distinct > 1]
        self._words = [each for each in self.any if each.kind == "category" and each.distinct > 1]
        self._numbers = [each for each in self.any if each.kind == "number"]
        self._calendar = [each for each in self._numbers if _is_calendar(each)]
        # A key is a number that means nothing, and a year one that is no amount.
        self._measures = [
            each
            for each in self._numbers
            if each not in self._calendar and not _ID.search(each.name)
        ]

    def value(self) -> Chart | None:
        """The one number of a single row."""
        numbers = self._measures or self._numbers
        return Chart(mark="value", y=numbers[0].name) if numbers else None

    def over_time(self) -> Chart | None:
        """A line of the first number over the first time."""
        if not (self._times and self._measures):
            return None
        return self._line(self._times[0], self._measures[0])

    def by_calendar(self) -> Chart | None:
        """A line of the first number over the numbers of years, months or hours."""
        along = [each for each in self._calendar if each.distinct > 1]
        if not (along and self._measures):
            return None
        return self._line(along[0], self._measures[0])

    def by_category(self) -> Chart | None:
        """Bars of the first number for each of a few words, or for the largest of many."""
        if not (self._words and self._measures):
            return None
        few = [each for each in self._words if each.distinct <= BARS]
        x = few[0] if few else min(self._words, key=lambda each: each.distinct)
        y = self._measures[0]
        aggregate = None if x.is_unique else _aggregate(y)
        color = self._series(x) if aggregate == "sum" else None
        return Chart(
            mark="bar",
            x=x.name,
            y=y.name,
            color=color,
            aggregate=aggregate,
            stack="zero" if color else None,
            sort=None if x.is_unique and x.distinct <= BARS else "-y",
        )

    def of_numbers(self) -> Chart | None:
        """Points of two numbers, or the distribution of one."""
        numbers = self._measures
        if not numbers and not (self._times or self._words or self._calendar):
            numbers = self._numbers
        if len(numbers) > 1:
            return Chart(mark="point", x=numbers[0].name, y=numbers[1].name)
        return Chart(mark="histogram", x=numbers[0].name) if numbers else None

    def counted(self) -> Chart | None:
        """How many rows there are at each time, or for each of the words that repeat."""
        if self._times:
            x = self._times[0]
            unit = unit_for(x.span or 0.0, min(_SPANS["bar"], max(self._rows // 3, 1)))
            return Chart(mark="bar", x=x.name, aggregate="count", time_unit=unit)
        repeating = [each for each in (*self._words, *self._calendar) if not each.is_unique]
        if not repeating:
            return None
        x = min(repeating, key=lambda each: each.distinct > BARS)
        sort = "-y" if x.kind == "category" else None
        return Chart(mark="bar", x=x.name, aggregate="count", sort=sort)

    def _line(self, x: ColumnFacts, y: ColumnFacts) -> Chart:
        if x.is_unique:
            return Chart(mark="line", x=x.name, y=y.name)
        return Chart(
            mark="line", x=x.name, y=y.name, color=self._series(x), aggregate=_aggregate(y)
        )

    def _series(self, x: ColumnFacts) -> str | None:
        few = (each.name for each in self._words if each != x and each.distinct <= _SERIES)
        return next(few, None)


def _is_calendar(column: ColumnFacts) -> bool:
    return column.type == "integer" and _CALENDAR.search(column.name) is not None


def _aggregate(y: ColumnFacts) -> Aggregate:
    """Whole numbers and decimals are mostly amounts, the others mostly measured."""
    return "mean" if y.type == "double" else "sum"


def unit_for(span_seconds: float, most: int) -> TimeUnit:
    """The finest unit of which at most so many make up a span."""
    fitting = (unit for unit, seconds in UNIT_SECONDS.items() if span_seconds <= most * seconds)
    return next(fitting, "year")


def with_unit(chart: Chart, profile: Profile) -> Chart:
    """The chart with a unit of time where it aggregates over more times than can be drawn."""
    if chart.aggregate is None or chart.time_unit is not None or chart.x is None:
        return chart
    most = _SPANS[chart.mark]
    if chart.color is not None:
        most = min(most, _SPANS_OF_SERIES)
    for column in profile.columns:
        if column.name == chart.x and column.kind == "time" and column.distinct > most:
            return replace(chart, time_unit=unit_for(column.span or 0.0, most))
    return chart
