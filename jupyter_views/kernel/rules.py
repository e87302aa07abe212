"""The options of a cell that say how its view stays fresh, as fields of the view. Pure."""

from __future__ import annotations

from typing import Any

from .._rule import seconds_of
from ..core.errors import Invalid
from .grammar import BadLine, Line

NEVER = "never"
TIMES = ("15m", "1h", "6h", "1d", "1w", NEVER)
"""What completion offers where a time is expected."""


def rule_fields(line: Line) -> dict[str, Any]:
    """The rule's fields that the line gives; None clears one.

    Raises
    ------
    BadLine
        For a time, a schedule or a time zone that nobody could read.
    """
    fields: dict[str, Any] = {}
    for option, name in (("max_age", "age_seconds"), ("max_staleness", "max_staleness_seconds")):
        if line[option] is not None:
            fields[name] = _seconds(f"--{option.replace('_', '-')}", line[option])
    if line["every"] is not None:
        fields["schedule"] = None if line["every"].lower() == NEVER else line["every"]
    if line["timezone"] is not None:
        fields["timezone"] = line["timezone"] or "UTC"
    if line["changed_when"] is not None:
        fields["changed_when"] = line["changed_when"].strip() or None
    if line["strict"] is not None:
        fields["strict"] = line["strict"]
    if line["key"] is not None:
        fields["key"] = columns_of(line["key"])
    _check_schedule(fields)
    return fields


def columns_of(text: str) -> list[str] | None:
    """Column names between commas; None where there are none."""
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _seconds(flag: str, text: str) -> int | None:
    if text.lower() == NEVER:
        return None
    seconds = seconds_of(text)
    if seconds is None:
        raise BadLine(f'{flag} needs a time; got "{text}".', f"{flag} 10m, 6h, 1d or {NEVER}")
    return seconds


def _check_schedule(fields: dict[str, Any]) -> None:
    schedule, timezone = fields.get("schedule"), fields.get("timezone")
    if schedule is None and timezone is None:
        return
    from ..core.schedules import parse

    try:
        parse("1h" if schedule is None else schedule, timezone or "UTC")
    except Invalid as error:
        raise BadLine(error.message, error.hint or "--every 1h") from None
