"""JSON answers as CSV: nested names joined by dots, one line an object."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def flat_csv(answer: Any) -> bytes:
    """A page, a list or one object as CSV with the names of all lines as its header.

    Cells that a spreadsheet would take for a formula get an apostrophe in
    front: names and descriptions are other people's words.
    """
    built = msgspec.json.decode(msgspec.json.encode(answer))
    if isinstance(built, dict) and isinstance(built.get("results"), list):
        built = built["results"]
    lines = [_flat(each) for each in (built if isinstance(built, list) else [built])]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO(newline="")
    written = csv.DictWriter(text, names, restval="")
    written.writeheader()
    written.writerows(lines)
    return text.getvalue().encode()


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(str(number), inner) for number, inner in enumerate(value)]
    else:
        return {path: _cell(value)}
    found: dict[str, Any] = {}
    for name, inner in pairs:
        found |= _flat(inner, f"{path}.{name}" if path else name)
    return found


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
