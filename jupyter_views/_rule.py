"""A view's freshness rule as people write and read it: spans of time, what keeps a view fresh."""

from __future__ import annotations

from typing import Any

from ._output import plain
from .core.errors import Invalid

VERIFYING = ("changed_when", "strict")
"""Fields of the rule that a statement is given too: its rows are then judged from the first
look as those of every refresh will be."""

_MICROSECONDS = 1_000_000
_WORDS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_UNVERIFIABLE_SECONDS = 300


def seconds_of(text: str) -> int | None:
    """Seconds of a span of time such as ``90s``, ``10m``, ``6h``, ``1 day`` or ``1w``.

    Spelled as a schedule's spans are, and as long as they may be: 10 s to
    366 d. None where the text is no such span.
    """
    from .core.schedules import parse

    if len(text.split()) > 2:
        return None
    try:
        return parse(text).age(0) // _MICROSECONDS
    except Invalid:
        return None


def span(seconds: int) -> str:
    """Seconds in the largest unit that loses nothing: 90 s, 10 min, 6 h, 1 d."""
    size, word = next((size, word) for size, word in _WORDS if seconds % size == 0)
    return f"{seconds // size} {word}"


def kept_fresh(facts: dict[str, Any]) -> str:
    """What will bring new rows, as one sentence; empty where the rows can never be others.

    Parameters
    ----------
    facts
        The perspective object; ``volatile`` beside it names the functions
        of its query that change by themselves.
    """
    frames = facts.get("frames") or {}
    sources = [plain(str(name)) for name in facts.get("sources") or () if name not in frames]
    whens = " or ".join(_whens(facts, sources))
    schedule = plain(str(facts.get("schedule_text") or facts.get("schedule") or ""))
    if ways := " and ".join(filter(None, (schedule, whens))):
        return f"Refreshes by itself {ways}."
    if sources or frames or facts.get("volatile"):
        return "Refreshes on your next run."
    return ""


def _whens(facts: dict[str, Any], sources: list[str]) -> list[str]:
    if not facts.get("auto_refresh"):
        return []
    whens = []
    if facts.get("changed_when"):
        whens.append("when the value of --changed-when differs")
    elif sources:
        whens.append(f"when {_any_of(sources)}")
    age = facts.get("age_seconds")
    if age is None and facts.get("volatile") and not facts.get("schedule"):
        age = _UNVERIFIABLE_SECONDS
    if age is not None:
        whens.append(f"when read after {span(age)}")
    return whens


def _any_of(names: list[str]) -> str:
    if len(names) <= 2:
        return f"{' or '.join(names)} changes"
    return f"{names[0]}, {names[1]} or {len(names) - 2} more change"
