"""Dates as people give them in filters: a day, an instant, or how long ago."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta

from .errors import Invalid
from .model import SECOND, Instant

_AGO = re.compile(r"-([0-9]{1,4})([hdwmqy])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(rf"{_DAY.pattern}[T ][0-9:.]+(Z|[+-][0-9:]+)?")
_MONTHS = {"m": 1, "q": 3, "y": 12}
_FORMS = (
    "A date is 2024-01-31, 2024-01-31T12:00:00Z, or how long ago: -7d, with h, d, w, m, q or y."
)


def resolved_date(text: str, now: Instant, *, field: str) -> str:
    """The day (``2024-01-31``) or the instant that a date stands for now, as ISO text in UTC.

    ``-7d`` counts back from today: whole days for days, weeks, months,
    quarters and years, whole hours for hours; so that readers of one day, or
    of one hour, ask for the same rows.

    Raises
    ------
    Invalid
        When it is none; ``field`` is the field at fault.
    """
    try:
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return _before(datetime.fromtimestamp(now / SECOND, UTC), int(ago[1]), ago[2])
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        if _INSTANT.fullmatch(text):
            at = datetime.fromisoformat(text)
            return (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    except (ValueError, OverflowError):
        pass
    raise Invalid(f"{field} is no date.", hint=_FORMS, field=field)


def _before(now: datetime, count: int, unit: str) -> str:
    if unit == "h":
        at = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count)
        return at.isoformat()
    today = now.date()
    if unit in "dw":
        return (today - timedelta(days=count * (7 if unit == "w" else 1))).isoformat()
    year, month = divmod(today.year * 12 + today.month - 1 - count * _MONTHS[unit], 12)
    days = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, days)).isoformat()
