"""The values that a visitor of a link may choose for a view's parameters, and their form."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any, Literal
from urllib.parse import parse_qsl

from msgspec import UNSET, Struct

from ..core.errors import BadRequest, Invalid
from ..core.links import LinkSettings
from ..core.model import View

PREFIX = "p."
"""What the names of such values begin with in an address."""
_MOST_CHARS = 1000
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_FALSE_TRUE = ("false", "true")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
InputKind = Literal["text", "number", "date", "choice"]


class InputOut(Struct, frozen=True, kw_only=True):
    """One field of the form.

    Attributes
    ----------
    kind
        What the browser offers; a choice is one of ``options``.
    step
        Between numbers; ``any`` for fractions.
    error
        What is wrong with the value.
    """

    name: str
    key: str
    kind: InputKind
    value: str
    step: str | None = None
    options: tuple[str, ...] = ()
    error: str | None = None


def given_values(query: str) -> dict[str, str]:
    """What an address says of parameters, by their names; empty fields of a form say nothing."""
    try:
        pairs = parse_qsl(query, max_num_fields=1000)
    except ValueError:
        raise BadRequest("This address has too many values.") from None
    return {name.removeprefix(PREFIX): text for name, text in pairs if name.startswith(PREFIX)}


def kept_values(view: View, settings: LinkSettings, given: dict[str, str]) -> dict[str, str]:
    """The same as other addresses of the page have to say it."""
    return {f"{PREFIX}{name}": given[name] for name in _offered(view, settings) if name in given}


def chosen_values(view: View, settings: LinkSettings, given: dict[str, str]) -> dict[str, Any]:
    """The view's values with those of the visitor in their place.

    Names that its owner does not offer are passed over. A value keeps the
    type that the owner's has, and is bound like that one.

    Raises
    ------
    Invalid
        When a value is not of its type; ``field`` names it as the address does.
    """
    offered = _offered(view, settings)
    return dict(view.version.params) | {
        name: _typed(name, given[name], own) for name, own in offered.items() if name in given
    }


def inputs_of(
    view: View, settings: LinkSettings, given: dict[str, str], error: Invalid | None = None
) -> tuple[InputOut, ...]:
    """The form, with what the visitor wrote; an error stands at its field."""
    wrong = error.details.get("field") if error is not None else None
    return tuple(
        _input(name, own, given, error if wrong == f"{PREFIX}{name}" else None)
        for name, own in _offered(view, settings).items()
    )


def _input(name: str, own: Any, given: dict[str, str], error: Invalid | None) -> InputOut:
    kind = _kind(own)
    if error is not None and kind != "choice":
        kind = "text"  # a browser would empty a field whose text is no value of its kind
    return InputOut(
        name=name,
        key=f"{PREFIX}{name}",
        kind=kind,
        value=given.get(name, _text(own)),
        step=None if kind != "number" else "any" if isinstance(own, float) else "1",
        options=_FALSE_TRUE if isinstance(own, bool) else (),
        error=error.message if error is not None else None,
    )


def _offered(view: View, settings: LinkSettings) -> dict[str, Any]:
    """The owner's values of the parameters that visitors may choose, in the query's order."""
    names = () if settings.parameters is UNSET else settings.parameters
    params = view.version.params
    return {
        name: params[name]
        for name in view.version.query.parameters
        if name in names and isinstance(params.get(name), (str, int, float))
    }


def _kind(own: Any) -> InputKind:
    if isinstance(own, bool):
        return "choice"
    if isinstance(own, (int, float)):
        return "number"
    return "date" if _is_day(own) else "text"


def _typed(name: str, text: str, own: Any) -> Any:
    field = f"{PREFIX}{name}"
    if isinstance(own, bool):
        if text not in _FALSE_TRUE:
            raise Invalid("Choose true or false.", field=field)
        return text == "true"
    if isinstance(own, int):
        if not _WHOLE.fullmatch(text):
            raise Invalid("Write a whole number.", field=field)
        return int(text)
    if isinstance(own, float):
        return _fraction(text, field)
    if _is_day(own) and not _is_day(text):
        raise Invalid("Write a day such as 2026-11-30.", field=field)
    if len(text) > _MOST_CHARS:
        raise Invalid(f"Write {_MOST_CHARS:,} characters at most.", field=field)
    return text


def _fraction(text: str, field: str) -> float:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("Write a number.", field=field)
    return number


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _text(own: Any) -> str:
    return str(own).lower() if isinstance(own, bool) else str(own)
