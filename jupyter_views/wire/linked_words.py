"""The words of a link's page: state, dates, ages."""

from __future__ import annotations

from datetime import UTC, datetime

from ..core.model import SECOND, Instant
from ..core.reading import Reading

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# A visitor is not told what the sources are called.
_REASONS = {
    "source_changed": "what it reads has changed since.",
    "definition_changed": "its definition has changed since.",
    "upstream_view": "a view that it reads has changed since.",
    "age": "it is older than its limit.",
    "unverifiable": "it is some time old, and its sources cannot be checked.",
}


def banner(reading: Reading) -> str | None:
    """The state in words; nothing while all is well."""
    match reading.status:
        case "refreshing":
            return "Refreshing: newer rows are being made. Load this page again in a moment."
        case "failed" if reading.view.current.result is None:
            return "Failed: the query does not run with these values."
        case "failed":
            return "Failed: the last refresh did not succeed. These are the last good rows."
        case "never_run":
            return "Never run: there are no rows yet."
        case "stale":
            reason = _REASONS.get(reading.freshness.reason or "", "it may be out of date.")
            return f"Stale: {reason}"
    return None


def date_words(dates: dict[str, str | None] | None) -> str | None:
    """A date range in words; None for none."""
    start, end = (dates or {}).get("date_from"), (dates or {}).get("date_to")
    if start and end:
        return f"From {start} to {end}."
    return f"From {start}." if start else f"Until {end}." if end else None


def day_and_time(at: Instant) -> str:
    """An instant as people read it: "20 Nov 2026 14:02 UTC"."""
    then = datetime.fromtimestamp(at / SECOND, UTC)
    return f"{then.day} {_MONTHS[then.month - 1]} {then:%Y %H:%M} UTC"


def age(then: Instant, now: Instant) -> str:
    """How long ago: "4 minutes ago"."""
    seconds = (now - then) // SECOND
    if seconds < 5:
        return "just now"
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {word}{'' if count == 1 else 's'} ago"
    return "just now"
