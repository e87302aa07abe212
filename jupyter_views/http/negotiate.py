"""Headers in both directions: wanted formats, patience, cacheability."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from ..core.errors import Invalid, NotAcceptable
from ..core.freshness import Freshness
from ..core.model import SECOND, Instant, Result
from ..core.ports import Format

CONTENT_TYPES: dict[Format, str] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
_MEDIA: dict[str, Format] = {kind.split(";")[0]: name for name, kind in CONTENT_TYPES.items()}
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([^\s,;\"]*)", re.IGNORECASE)
MAX_WAIT_SECONDS = 55
_LONGEST_SECONDS = 2**31 - 1  # what every cache must be able to count to: RFC 9111, 1.2.2


def wanted_format(asked: str | None, accept: str | None) -> Format:
    """The format that a request asks for: ``format=`` wins over Accept, JSON over nothing.

    Raises
    ------
    NotAcceptable
        Listing what there is.
    """
    if asked is not None:
        for name in CONTENT_TYPES:
            if name == asked.lower():
                return name
        raise _not_acceptable(f"There is no format {asked[:40]!r}.")
    if not accept:
        return "json"
    for media in _by_preference(accept):
        if media in {"*/*", "application/*"}:
            return "json"
        if media == "text/*":
            return "csv"
        if media in _MEDIA:
            return _MEDIA[media]
    raise _not_acceptable("None of the accepted types is offered.")


def suffixed_format(suffix: str | None, asked: str | None) -> str | None:
    """What an address asks for that may end in ``.csv``: the suffix is another ``format=``.

    Raises
    ------
    NotAcceptable
        When both are there and differ.
    """
    if suffix is not None and asked is not None and suffix.lower() != asked.lower():
        raise _not_acceptable(
            f"This address ends in .{suffix[:40]}, and format= says {asked[:40]!r}."
        )
    return asked if suffix is None else suffix


def _not_acceptable(message: str) -> NotAcceptable:
    return NotAcceptable(
        message,
        hint=f"Ask for one of {', '.join(CONTENT_TYPES)}.",
        details={"supported": list(CONTENT_TYPES)},
    )


def _by_preference(accept: str) -> list[str]:
    weighed = []
    for position, part in enumerate(accept.split(",")):
        media, *settings = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for setting in settings:
            if setting.startswith("q="):
                try:
                    weight = float(setting[2:])
                except ValueError:
                    weight = 0.0
        if weight > 0:
            weighed.append((-weight, position, media))
    return [media for _, _, media in sorted(weighed)]


def wait_seconds(prefer: str | None) -> int:
    """``Prefer: wait=N`` in seconds, 55 at most; 0 when nothing is preferred.

    Raises
    ------
    Invalid
        When N is not a whole number: a caller who means to wait must not get
        old rows at once, and take them for new ones.
    """
    found = _WAIT.search(prefer or "")
    if found is None:
        return 0
    if not re.fullmatch("[0-9]{1,9}", found[1]):
        raise Invalid(
            f"Prefer: wait is a whole number of seconds; got {found[1][:40]!r}.",
            hint=f"Send Prefer: wait={MAX_WAIT_SECONDS} at most.",
            field="Prefer",
        )
    return min(int(found[1]), MAX_WAIT_SECONDS)


def header_text(text: str) -> str:
    """A text that may stand in a header: as it is, or percent-encoded where it could not."""
    plain = text.isascii() and text.isprintable() and "%" not in text
    return text if plain else quote(text, safe=" ")


def http_date(at: Instant) -> str:
    """An instant as headers spell it."""
    return format_datetime(datetime.fromtimestamp(at // SECOND, UTC), usegmt=True)


def cache_control(
    freshness: Freshness,
    result: Result,
    now: Instant,
    *,
    is_public: bool,
    is_forced: bool,
    max_staleness_seconds: int | None,
) -> str:
    """How long a cache may serve rows without asking.

    Only an age gives a promise for the time to come, and only rows that every
    signed-in person may read are worth keeping. ``stale-while-revalidate`` is
    bounded, by the owner's word or by ten times the query's time and an hour
    at least: an unbounded one serves outdated rows for ever to whoever loses
    the race for the refresh.
    """
    if is_forced:
        return "no-store"
    if not is_public or freshness.expires_at is None:
        return "private, no-cache"
    bound = max_staleness_seconds
    if bound is None:
        bound = max(10 * result.duration_us // SECOND, 3600)
    left = 0 if freshness.is_stale else max(0, (freshness.expires_at - now) // SECOND)
    left = min(left, _LONGEST_SECONDS)
    return f"private, max-age={left}, stale-while-revalidate={bound}"
