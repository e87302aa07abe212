"""Variables of a query as JSON schemas, and as parameters of an address."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from ..core.model import Version
from ..core.parameters import DATES, INSTANTS, MOST_CHARS, MOST_PATTERNED, RANGES, Parameter
from .asked_values import PREFIX
from .endpoint_runs import RESERVED, RefreshWord

_PLAIN = {
    "text": "string",
    "text-pattern": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "enum": "string",
    "query-enum": "string",
}
# RE2 writes these otherwise than the regular expressions of JSON schemas.
_RE2_ALONE = ("(?", "\\A", "\\z", "\\Q", "\\C", "\\p", "\\P", "\\a", "[[:")
_OF_VALUES: tuple[tuple[type | tuple[type, ...], dict[str, Any]], ...] = (
    (bool, {"type": "boolean"}),
    ((int, float), {"type": "number"}),
    (str, {"type": "string"}),
    (list, {"type": "array", "items": {}}),
    (dict, {"type": "object"}),
)


class Variable(Struct, frozen=True, kw_only=True):
    """One input of a run.

    Attributes
    ----------
    schema
        JSON schema of its values; null among them where it may be NULL.
    """

    name: str
    schema: dict[str, Any]
    is_required: bool
    is_range: bool = False


def variables_of(version: Version) -> tuple[Variable, ...]:
    """The inputs of a version; its own values are their defaults."""
    query, own = version.query, version.params
    declared = {each.name: each for each in query.declared}
    found = []
    for name in query.inputs:
        each = declared.get(name)
        if each is None:
            found.append(_undeclared(name, own.get(name, UNSET)))
        else:
            default = own.get(name, each.default)
            is_required = each.is_required and default in (UNSET, None)
            schema = _schema(each, default)
            is_range = each.type in RANGES
            found.append(
                Variable(name=name, schema=schema, is_required=is_required, is_range=is_range)
            )
    return tuple(found)


def variables_schema(variables: tuple[Variable, ...]) -> dict[str, Any]:
    """The object of a run's variables; ``required`` holds those without a value of their own."""
    schema: dict[str, Any] = {
        "type": "object",
        "description": "Values by the name of a variable.",
        "properties": {each.name: each.schema for each in variables},
        "additionalProperties": False,
    }
    if required := [each.name for each in variables if each.is_required]:
        schema["required"] = required
    return schema


def address_parameters(variables: tuple[Variable, ...], pinned: int | None) -> list[dict[str, Any]]:
    """What may stand in the address of a run: variables, and fields of a run.

    Parameters
    ----------
    pinned
        The version that is run unless another is named; None for the current one.
    """
    found = []
    for each in variables:
        schema = {"type": "string", "description": "start/end"} if each.is_range else each.schema
        found.append(
            {
                "name": f"{PREFIX}{each.name}" if each.name in RESERVED else each.name,
                "in": "query",
                "required": each.is_required,
                "schema": {name: said for name, said in schema.items() if name != "title"},
                # Several options stand between commas.
                "explode": False,
            }
        )
    version: dict[str, Any] = {"type": "integer"}
    if pinned is not None:
        version["default"] = pinned
    fields = {
        "refresh": {"type": "string", "enum": list(RefreshWord.__args__)},
        "version": version,
        "limit": {"type": "integer", "minimum": 1},
        "offset": {"type": "integer", "minimum": 0},
    }
    return found + [{"name": name, "in": "query", "schema": said} for name, said in fields.items()]


def _undeclared(name: str, own: Any) -> Variable:
    """A variable that is of the type of its own value, for it has no other."""
    is_required = own is UNSET
    kinds = (found for kind, found in _OF_VALUES if isinstance(own, kind))
    found = next(kinds, None)
    schema: dict[str, Any] = {} if found is None else _or_null(found)
    if not is_required and own is not None:
        schema["example"] = own
    return Variable(name=name, schema=schema, is_required=is_required)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Null is a value of its own: NULL, whatever the default is."""
    return {"anyOf": [schema, {"type": "null"}]}


def _schema(each: Parameter, default: Any) -> dict[str, Any]:
    schema = _type(each) if each.is_required else _or_null(_type(each))
    words = " ".join(filter(None, (each.description, *_words(each))))
    if words:
        schema["description"] = words
    if default is not UNSET and default is not None:
        schema["example"] = default
    return schema


def _type(each: Parameter) -> dict[str, Any]:
    bounds = {
        word: limit
        for word, limit in (("minimum", each.min), ("maximum", each.max))
        if isinstance(limit, int | float)
    }
    match each.type:
        case "text" | "query-enum":
            return {"type": "string", "maxLength": each.max_length or MOST_CHARS}
        case "text-pattern":
            found = {"type": "string", "maxLength": each.max_length or MOST_PATTERNED}
            if _is_portable(each.pattern or ""):
                found["pattern"] = f"^(?:{each.pattern})$"
            return found
        case "integer":
            return {"type": "integer", "format": "int64"} | bounds
        case "enum":
            return {"type": "string", "enum": list(each.options)}
        case "multi-enum":
            options = {"type": "string", "enum": list(each.options)}
            return {"type": "array", "items": options}
        case "date-picker" | "datetime-picker":
            return _moment(each)
        case "date-range" | "datetime-range":
            return {
                "type": "object",
                "properties": {"start": _moment(each), "end": _moment(each)},
                "required": ["start", "end"],
                "additionalProperties": False,
            }
    return {"type": _PLAIN[each.type]} | bounds


def _moment(each: Parameter) -> dict[str, Any]:
    return {"type": "string", "format": "date" if each.type in DATES else "date-time"}


def _is_portable(pattern: str) -> bool:
    return not any(sign in pattern for sign in _RE2_ALONE)


def _words(each: Parameter) -> list[str]:
    """What a schema cannot say."""
    found = []
    if each.type in DATES | INSTANTS:
        found.append("Takes today and today-7d too.")
        if each.min is not None:
            found.append(f"From {each.min}.")
        if each.max is not None:
            found.append(f"Up to {each.max}.")
    if each.options_from:
        found.append(f"One of the first column of the view {each.options_from}.")
    if each.type == "text-pattern" and not _is_portable(each.pattern or ""):
        found.append(f"It must match {each.pattern}.")
    return found
