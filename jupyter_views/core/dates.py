"""Dates as people give them in filters: a day, an instant, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.relativedelta import relativedelta

from .errors import Invalid
from .model import SECOND, Instant

_AGO = re.compile(r"-([0-9]{1,4})([hdwmqy])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(rf"{_DAY.pattern}[T ][0-9:.]+(Z|[+-][0-9:]+)?")
_UNITS = {
    "d": ("days", 1),
    "w": ("days", 7),
    "m": ("months", 1),
    "q": ("months", 3),
    "y": ("years", 1),
}
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
    ago = _AGO.fullmatch(text)
    found: date | datetime | None
    if ago is not None:
        found = _before(datetime.fromtimestamp(now / SECOND, UTC), int(ago[1]), ago[2])
    else:
        found = day_of(text) or instant_of(text, UTC)
    if found is None:
        raise Invalid(f"{field} is no date.", hint=_FORMS, field=field)
    return found.isoformat()


def day_of(text: str) -> date | None:
    """The day that ``2024-01-31`` names; None where there is no such day."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def instant_of(text: str, zone: tzinfo) -> datetime | None:
    """The instant in UTC that ISO text names, read in ``zone`` where it has none itself."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a day begins in a time zone."""
    return datetime.combine(day, time(), zone)


def moved_day(day: date, count: int, unit: str) -> date | None:
    """A day so many units later, or before; d, w, m, q, y. None beyond the calendar.

    The 31st becomes the last day of a shorter month.
    """
    try:
        return day + relativedelta(**{_UNITS[unit][0]: count * _UNITS[unit][1]})  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None


def _before(now: datetime, count: int, unit: str) -> date | datetime | None:
    if unit == "h":
        return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count)
    return moved_day(now.date(), -count, unit)
