"""The values that a visitor of a link may choose for a view's parameters, and their form."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct

from ..core.errors import Invalid, InvalidParameters
from ..core.links import LinkSettings
from ..core.model import View
from ..core.parameters import DATES, RANGES, Parameter
from ..core.values import Moment, bound_one, choosable, derived, text_of
from .parameters import keys_of, texts_of_address, value_of_texts

PREFIX = "p."
"""What the names of such values begin with in an address."""
_FALSE_TRUE = ("false", "true")
InputKind = Literal["text", "number", "date", "choice", "choices"]
Given = dict[str, list[str]]
"""Texts by the name of a parameter, or of the end of a range (``span.start``)."""


class InputOut(Struct, frozen=True, kw_only=True):
    """One field of the form.

    Attributes
    ----------
    kind
        What the browser offers; a choice is one of ``options``, choices are
        several of them.
    chosen
        What is selected of several.
    step
        Between numbers; ``any`` for fractions.
    hint
        What the parameter is for.
    error
        What is wrong with the value.
    """

    name: str
    key: str
    kind: InputKind
    value: str
    step: str | None = None
    options: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    hint: str | None = None
    error: str | None = None


def given_values(query: str) -> Given:
    """What an address says of parameters; empty fields of a form say nothing."""
    return texts_of_address(query, PREFIX)


def kept_values(view: View, settings: LinkSettings, given: Given) -> dict[str, str]:
    """The same as other addresses of the page have to say it."""
    kept = {}
    for each in _offered(view, settings):
        for name in keys_of(each):
            if found := given.get(name):
                kept[f"{PREFIX}{name}"] = ",".join(found) if _is_several(each) else found[-1]
    return kept


def chosen_values(
    view: View, settings: LinkSettings, given: Given, moment: Moment
) -> dict[str, Any]:
    """The view's values with those of the visitor in their place.

    Names that its owner does not offer are passed over. A value without a
    declaration keeps the type that the owner's has, and is bound like that one.

    Raises
    ------
    Invalid
        When a value is not what its parameter takes; ``field`` names it as
        the address does.
    """
    values = dict(view.version.params)
    declared = {each.name for each in view.version.query.declared}
    for each in _offered(view, settings):
        value = value_of_texts(each, given.get)
        if value is UNSET:
            continue
        try:
            bound = bound_one(each, value, moment)
        except InvalidParameters as error:
            raise Invalid(error.message, field=f"{PREFIX}{each.name}") from None
        values[each.name] = value if each.name in declared else bound[each.name]
    return values


def inputs_of(
    view: View,
    settings: LinkSettings,
    given: Given,
    moment: Moment,
    error: Invalid | None = None,
) -> tuple[InputOut, ...]:
    """The form, with what the visitor wrote; an error stands at its field."""
    wrong = error.details.get("field") if error is not None else None
    found: list[InputOut] = []
    for each in _offered(view, settings):
        own = text_of(each, view.version.params.get(each.name, each.default))
        is_wrong = error is not None and wrong == f"{PREFIX}{each.name}"
        message = error.message if error is not None and is_wrong else None
        if each.type in RANGES:
            ends = own.partition("/")
            found += [
                _input(each, f"{each.name}.{side}", text, given, moment, message, f" {word}")
                for side, word, text in (("start", "from", ends[0]), ("end", "to", ends[2]))
            ]
        else:
            found.append(_input(each, each.name, own, given, moment, message))
    return tuple(found)


def _input(
    each: Parameter,
    name: str,
    own: str,
    given: Given,
    moment: Moment,
    error: str | None,
    word: str = "",
) -> InputOut:
    texts = given.get(name) or [own]
    value = texts[-1]
    options = _FALSE_TRUE if each.type == "boolean" else each.options
    options = moment.options.get(each.name, options)
    kind = _kind(each, options)
    if kind == "date" and not _is_day(each, value):
        kind = "text"
    if error is not None and kind in {"number", "date"}:
        kind = "text"  # a browser would empty a field whose text is no value of its kind
    several = tuple(text for one in texts for text in one.split(",")) if kind == "choices" else ()
    return InputOut(
        name=each.title + word,
        key=f"{PREFIX}{name}",
        kind=kind,
        value=value,
        step=None if kind != "number" else "1" if each.type == "integer" else "any",
        options=options,
        chosen=several,
        hint=each.description,
        error=error,
    )


def _kind(each: Parameter, options: tuple[str, ...]) -> InputKind:
    if _is_several(each):
        return "choices"
    if options:
        return "choice"
    if each.type in {"number", "integer"}:
        return "number"
    return "date" if each.type in DATES else "text"


def _offered(view: View, settings: LinkSettings) -> tuple[Parameter, ...]:
    """The parameters that visitors may choose, in the order of the query."""
    names = () if settings.parameters is UNSET else settings.parameters
    return tuple(each for each in choosable(view.version) if each.name in names)


def _is_several(each: Parameter) -> bool:
    return each.type == "multi-enum"


def _is_day(each: Parameter, text: str) -> bool:
    return not text or derived(each.name, text).type == "date-picker"
