"""A distribution in bins with round edges. The only names in this SQL are ours."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import msgspec

from ..core.charts import Points

_BINS = 20
_ROUND = (1, 2, 5, 10)


def histogram(cursor: Any, x: str) -> Points:
    """How many values lie in each of at most about 20 equal bins.

    Parameters
    ----------
    x
        The expression of the values over the registered ``source``.
    """
    cursor.execute(f"CREATE TEMP TABLE marks AS SELECT CAST({x} AS DOUBLE) AS x FROM source")
    asked = "SELECT count(*), count(x), min(x), max(x), bool_and(x = floor(x)) FROM marks"
    rows, values, low, high, is_whole = cursor.execute(asked).fetchall()[0]
    if not values:
        return Points(rows=b"[]", drawn=0, total=0, left_out=rows)
    step = _step(low, high, is_whole=is_whole)
    start = (Decimal(low) / step).to_integral_value(ROUND_FLOOR)
    end = (Decimal(high) / step).to_integral_value(ROUND_CEILING)
    if is_whole:  # a bin of its own for the highest, as for every other number
        end = (Decimal(high) / step).to_integral_value(ROUND_FLOOR) + 1
    # Divided before they are subtracted: the difference may be beyond all numbers.
    counts = dict(
        cursor.execute(
            "SELECT CAST(greatest(0, least(?, floor(x / ? - ?))) AS INTEGER) AS bin, count(*)"
            " FROM marks WHERE x IS NOT NULL GROUP BY bin",
            [max(int(end - start) - 1, 0), float(step), float(start)],
        ).fetchall()
    )
    bins = [
        {
            "x": float(step * (start + at)),
            "x2": float(step * (start + at + 1)),
            "y": counts.get(at, 0),
        }
        for at in range(max(int(end - start), 1))
    ]
    return Points(
        rows=msgspec.json.encode(bins),
        drawn=len(bins),
        total=len(bins),
        left_out=rows - values,
        low=str(min(counts.values())),
        high=str(max(counts.values())),
        first=_text(low),
        last=_text(high),
    )


def _step(low: float, high: float, *, is_whole: bool) -> Decimal:
    """The smallest round width of which about 20 cover the values."""
    least = Decimal(high) / _BINS - Decimal(low) / _BINS
    if not least:
        return Decimal(1) if is_whole else _power(low)
    if is_whole:
        least = max(least, Decimal(1))
    power = Decimal(10) ** math.floor(least.log10())
    return next(power * each for each in _ROUND if power * each >= least)


def _power(low: float) -> Decimal:
    return Decimal(10) ** math.floor(Decimal(abs(low) or 1).log10() - 1)


def _text(value: float) -> str:
    return msgspec.json.encode(int(value) if value == int(value) else value).decode()
