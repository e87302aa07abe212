"""When a view is refreshed by itself: spans of time and cron expressions, read and reckoned with.

Nothing here knows what time it is, so every answer can be checked by hand.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from msgspec import Struct

from .errors import Invalid
from .model import SECOND, Instant

_SHORTEST: Instant = 10 * SECOND
_LONGEST: Instant = 366 * 86_400 * SECOND
_FOR_EVER: Instant = 10**18
_LONGEST_TEXT = 200
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_UNIT_OF = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), "second"),
    **dict.fromkeys(("m", "min", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "week", "weeks"), "week"),
}
_SPAN = re.compile(r"([0-9]{1,9})\s*([a-z]+)")
_EXAMPLES = 'Type a span such as 15m or 1 hour, or a cron expression such as "0 7 * * MON-FRI".'
_FIELDS = {
    "minute": ("minute", "0 to 59", "*/15 * * * *"),
    "hour": ("hour", "0 to 23", "0 7 * * *"),
    "day-of-month": ("day of the month", "1 to 31, or L for the last", "0 7 1 * *"),
    "month": ("month", "1 to 12 or JAN to DEC", "0 7 1 JAN,JUL *"),
    "day-of-week": ("day of the week", "0 (Sunday) to 7 or SUN to SAT", "0 7 * * MON-FRI"),
}
_ORDINAL = re.compile(r"(?<!1)([123])th\b")
# A slot must come within cronsim's 50 years after this, else it never will.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Schedule(Protocol):
    """The slots at which a view is refreshed.

    Attributes
    ----------
    words
        For people: ``every 15 minutes``, ``at 07:00 every day (Europe/Berlin)``.
    """

    @property
    def words(self) -> str:
        """The schedule as a person would say it."""
        ...

    def next(self, after: Instant) -> Instant | None:
        """The first slot later than an instant; None when there is none within 50 years."""
        ...

    def age(self, computed_at: Instant) -> Instant:
        """For how many microseconds rows computed then count as fresh: until the next slot."""
        ...


class _Every(Struct, frozen=True, kw_only=True):
    """A slot each time that this much has passed since the one before."""

    span: Instant
    words: str

    def next(self, after: Instant) -> Instant:
        return after + self.span

    def age(self, computed_at: Instant) -> Instant:
        return self.span


class _Cron(Struct, frozen=True, kw_only=True):
    """Slots by the clock and the calendar of a time zone.

    At the changes of summer time it does as Debian's cron does: what falls
    into the missing hour runs right after it, what falls into the repeated
    hour runs once; ``*`` in the minute or hour follows the time that passes.
    """

    expression: str
    zone: ZoneInfo
    words: str

    def next(self, after: Instant) -> Instant | None:
        # In the repeated hour cronsim may give slots of its first pass, which are over.
        for slot in CronSim(self.expression, datetime.fromtimestamp(after // SECOND, self.zone)):
            found = int(slot.timestamp()) * SECOND
            if found > after:
                return found
        return None

    def age(self, computed_at: Instant) -> Instant:
        slot = self.next(computed_at)
        return _FOR_EVER if slot is None else slot - computed_at


@lru_cache(maxsize=1024)
def parse(schedule: str, timezone: str = "UTC") -> Schedule:
    """Read a schedule as people write it.

    Parameters
    ----------
    schedule
        A span of 10 seconds to 366 days (``90s``, ``15m``, ``1h``, ``1d``,
        ``1w``, ``1 hour``), or a cron expression of five fields.
    timezone
        IANA name of the zone in which a cron expression is meant.

    Raises
    ------
    Invalid
        Of the field ``schedule`` or ``timezone``; says what is wrong and
        gives an example to type.
    """
    zone = _zone(timezone)
    text = " ".join(schedule.split())
    if len(text) > _LONGEST_TEXT:
        raise _bad(f"A schedule has at most {_LONGEST_TEXT} characters.", _EXAMPLES)
    count = len(text.split())
    if count == 5:
        return _cron(text, zone)
    if "*" in text:
        names = "minute, hour, day of the month, month, day of the week"
        raise _bad(f"A cron expression has five fields, this one has {count}.", f"Give {names}.")
    return _every(text)


def describe(schedule: str, timezone: str = "UTC") -> str:
    """A schedule in words for people; raises as :func:`parse` does."""
    return parse(schedule, timezone).words


def _bad(message: str, hint: str, field: str = "schedule") -> Invalid:
    return Invalid(message, hint=hint, field=field)


def _every(text: str) -> _Every:
    found = _SPAN.fullmatch(text.lower())
    unit = _UNIT_OF.get(found[2]) if found else None
    if found is None or unit is None:
        raise _bad(f'"{text}" is not a schedule.', _EXAMPLES)
    count = int(found[1])
    span = count * _UNITS[unit] * SECOND
    if span < _SHORTEST:
        raise _bad(f"A schedule of {text} is too short.", "The shortest is 10s.")
    if span > _LONGEST:
        raise _bad(f"A schedule of {text} is too long.", "The longest is 366d.")
    return _Every(span=span, words=f"every {unit}" if count == 1 else f"every {count} {unit}s")


def _cron(text: str, zone: ZoneInfo) -> _Cron:
    try:
        cron = CronSim(text, _EPOCH)
    except CronSimError as error:
        raise _bad_field(text, str(error).removeprefix("Bad ")) from error
    words = _ORDINAL.sub(lambda found: found[1] + _suffix(found[1]), cron.explain())
    if next(cron, None) is None:
        raise _never(text)
    return _Cron(expression=text, zone=zone, words=f"{words[0].lower()}{words[1:]} ({zone.key})")


def _suffix(digit: str) -> str:
    return {"1": "st", "2": "nd", "3": "rd"}[digit]


def _bad_field(text: str, field: str) -> Invalid:
    values = dict(zip(_FIELDS, text.split(), strict=True))
    if field == "day-of-month":
        try:
            CronSim(f"0 0 {values[field]} * *", _EPOCH)
        except CronSimError:
            pass
        else:
            return _never(text)
    name, span, example = _FIELDS[field]
    return _bad(
        f'The {name} of a cron expression cannot be "{values[field]}".',
        f'It is {span}, or * or */n, or a list or range of them: for example "{example}".',
    )


def _never(text: str) -> Invalid:
    return _bad(f'There is no day that fits "{text}".', 'The last of a month is "0 0 L * *".')


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = _near_zones(name)
    message = f'"{name[:60]}" is not a time zone.'
    if near:
        raise _bad(message, f"Did you mean {' or '.join(near)}?", "timezone")
    raise _bad(message, "Use an IANA name, for example Europe/Berlin.", "timezone")


def _near_zones(name: str) -> list[str]:
    """Zones whose name, or whose city, is spelled nearly so; the best first, at most three."""
    wanted = name[:60].strip().lower().replace(" ", "_")
    spelled: dict[str, str] = {}
    for zone in sorted(available_timezones()):
        spelled.setdefault(zone.lower().rpartition("/")[2], zone)
        spelled[zone.lower()] = zone
    if wanted in spelled:
        return [spelled[wanted]]
    near = get_close_matches(wanted, spelled, n=6, cutoff=0.75)
    return list(dict.fromkeys(spelled[found] for found in near))[:3]
