"""Declared parameters: ``name:type=value`` read into a value of that type. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

from .grammar import BadLine, checked_name, meant

TYPES = ("text", "number", "date", "bool")
_SYNONYMS = {
    "string": "text",
    "str": "text",
    "int": "number",
    "integer": "number",
    "float": "number",
    "boolean": "bool",
}


@dataclass(frozen=True)
class Param:
    """A declared parameter: name, type and the value it is run with."""

    name: str
    type: str
    value: Any


def parse_param(text: str) -> Param:
    """``name=value`` or ``name:type=value``.

    Raises
    ------
    BadLine
        For a bad name, an unknown type, a missing or impossible value.
    """
    left, has_value, value = text.partition("=")
    name, _, kind = left.partition(":")
    name = checked_name(name.strip().removeprefix("$"))
    kind = kind.strip() or "text"
    kind = _SYNONYMS.get(kind, kind)
    if kind not in TYPES:
        raise BadLine(
            f"{name} has the unknown type {kind!r}; there are {', '.join(TYPES)}.",
            meant(kind, TYPES),
        )
    if not has_value:
        raise BadLine(f"This view needs a value for {name} ({kind}).", f"--param {left}=VALUE")
    return Param(name, kind, coerce(name, kind, value))


def coerce(name: str, kind: str, text: str) -> Any:
    """The JSON value of a parameter: text, int or float, ISO date, or bool."""
    if kind == "number":
        return _number(name, text)
    if kind == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise BadLine(f'{name} must be a date like 2026-11-20; got "{text}".') from None
    if kind == "bool":
        word = text.lower()
        if word in {"true", "yes", "1", "on"}:
            return True
        if word in {"false", "no", "0", "off"}:
            return False
        raise BadLine(f'{name} must be true or false; got "{text}".')
    return text


def _number(name: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadLine(f'{name} must be a number like 12 or 0.5; got "{text}".')
    return number


def kind_of(value: Any) -> str:
    """The type whose values look like this one; for a saved parameter's new value."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else "text"
