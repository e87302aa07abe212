"""Values for a view's parameters in the address of its rows: ``param.region=EU``.

A declared parameter says how its text is read. Of others a text stands there
as it is, everything else as JSON, and a value keeps the type of the view's own.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from ..core.errors import Invalid
from ..core.model import View
from .parameters import keys_of, texts_of_address, value_of_texts

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
    texts = texts_of_address(query, PREFIX, keep_blank=True)
    if not texts:
        return None
    asked, known = {}, set()
    defined = view.version.query
    declared = {each.name: each for each in defined.declared}
    for name in defined.inputs:
        parameter = declared.get(name)
        known |= {name} if parameter is None else set(keys_of(parameter))
        if parameter is not None:
            value = value_of_texts(parameter, texts.get)
            if value is not UNSET:
                asked[name] = value
        elif name in texts:
            asked[name] = _typed(f"{PREFIX}{name}", texts[name][-1], view.version.params.get(name))
    for name in texts:
        if name not in known:
            raise _unknown(name, defined.inputs)
    return dict(view.version.params) | asked


def _unknown(name: str, inputs: tuple[str, ...]) -> Invalid:
    known = ", ".join(f"{PREFIX}{each}" for each in inputs)
    return Invalid(
        f"This view has no parameter {name[:40]!r}.",
        hint=f"It has {known}." if known else "It has no parameters.",
        field=f"{PREFIX}{name[:80]}",
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
