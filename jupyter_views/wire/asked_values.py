"""Values for a view's parameters in the address of its rows: ``param.region=EU``.

A text stands there as it is, everything else as JSON. A value keeps the type
of the view's own.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ..core.errors import BadRequest, Invalid
from ..core.model import View

PREFIX = "param."
"""What the names of such values begin with in an address."""


def text_of(value: Any) -> str:
    """A value as an address says it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def asked_values(query: str, view: View) -> dict[str, Any] | None:
    """The values that an address asks for over the view's own; None where it asks for none.

    Parameters
    ----------
    query
        The address behind its question mark.

    Raises
    ------
    Invalid
        When the view has no such parameter, or the value is not of its type;
        ``field`` names it as the address does.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=1000, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The address is not UTF-8.") from None
    except ValueError:
        raise BadRequest("This address has too many values.") from None
    own = {name: view.version.params.get(name) for name in view.version.query.parameters}
    asked = {}
    for key, text in pairs:
        if key.startswith(PREFIX):
            name = key.removeprefix(PREFIX)
            if name not in own:
                raise _unknown(key, name, own)
            asked[name] = _typed(key, text, own[name])
    return dict(view.version.params) | asked if asked else None


def _unknown(key: str, name: str, own: dict[str, Any]) -> Invalid:
    known = ", ".join(f"{PREFIX}{each}" for each in own)
    return Invalid(
        f"This view has no parameter {name[:40]!r}.",
        hint=f"It has {known}." if known else "It has no parameters.",
        field=key,
    )


def _typed(key: str, text: str, own: Any) -> Any:
    if isinstance(own, str):
        return text
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if own is None:
            return text
        raise Invalid(f"{key} is {_word(own)}; got {text[:40]!r}.", field=key) from None
    if own is None or type(value) is type(own) or (type(own) is float and type(value) is int):
        return value
    raise Invalid(f"{key} is {_word(own)}; got {text[:40]!r}.", field=key)


def _word(own: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", list: "a JSON list"}
    return words.get(type(own), "a JSON object")
