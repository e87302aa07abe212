"""Bodies and query strings in, typed requests out: the one place where input is checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import EnumType
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from ..core.errors import BadRequest, Invalid
from ..core.model import SECOND, Instant

T = TypeVar("T")
_JSON_DEPTH = 32
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

Limit = Annotated[int, Meta(ge=1, le=100, description="Items on a page.")]
Offset = Annotated[int, Meta(ge=0, le=2**53, description="Items to skip.")]
DashboardNumber = Annotated[int, Meta(ge=1, lt=2**31, description="Read it from there.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]
Sql = Annotated[str, Meta(min_length=1, max_length=262_144)]
Tags = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=50)
]
People = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=1000)
]

_AT_PATH = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)


def decode_body(raw: bytes, kind: type[T]) -> T:
    """A JSON body as a typed request.

    Unknown fields are ignored, as the pages promise. The host's own parser
    would take ``[]``, ``NaN`` and, with a 500, bytes that are not UTF-8.

    Raises
    ------
    BadRequest
        When the body is not JSON text.
    Invalid
        When a field has the wrong type or value; it names the field.
    """
    try:
        decoded = msgspec.json.decode(raw or b"{}", type=kind)
        for name in kind.__struct_fields__:  # type: ignore[attr-defined]
            _check_depth(getattr(decoded, name), name, _JSON_DEPTH)
        return decoded
    except msgspec.ValidationError as error:
        raise _invalid(error, kind) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {str(error)[:120]}.") from None


def _check_depth(value: Any, name: str, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise Invalid(f"{name} is nested deeper than {_JSON_DEPTH} levels.", field=name)
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, name, left - 1)


def decode_query(arguments: dict[str, list[bytes]], kind: type[T]) -> T:
    """A query string as a typed request; the last of repeated names wins, unknown ones are ignored.

    Raises
    ------
    Invalid
        When a value is out of range or not of its type; it names the parameter.
    """
    try:
        texts = {name: values[-1].decode("utf-8") for name, values in arguments.items() if values}
    except UnicodeDecodeError:
        raise BadRequest("The address is not UTF-8.") from None
    found: dict[str, Any] = dict(texts)
    for name in _boolean_names(kind) & texts.keys():
        if texts[name].lower() not in _BOOLEANS:
            raise Invalid(f"{name} is true or false; got {texts[name][:40]!r}.", field=name)
        found[name] = _BOOLEANS[texts[name].lower()]
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, kind) from None


@cache
def _boolean_names(kind: type) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(f.encode_name for f in fields if bool in (f.type, *get_args(f.type)))


def _invalid(error: msgspec.ValidationError, kind: type) -> Invalid:
    found = _AT_PATH.match(str(error))
    what = found["what"] if found else str(error)
    path = (found["path"] or "").lstrip(".") if found else ""
    if not path:
        unknown = re.search(r"unknown field `([^`]+)`", what)
        if unknown:
            return _unknown(unknown[1], kind)
        missing = re.search(r"missing required field `([^`]+)`", what)
        if missing:
            return Invalid(f"{missing[1]} is required.", field=missing[1])
        return Invalid(f"{what.replace('`', '')}.")
    words = _words(kind, path)
    hint = f"{path} is one of {', '.join(words)}." if words else None
    return Invalid(f"{path}: {what.replace('`', '')}.", hint=hint, field=path)


def _unknown(name: str, kind: type) -> Invalid:
    """Of a body that is read strictly: what was sent, and what may be."""
    known = sorted(field.encode_name for field in msgspec.structs.fields(kind))
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return Invalid(f"{name[:100]} is no field of this body.", hint=hint, field=name[:100])


def _words(kind: type, path: str) -> tuple[str, ...]:
    """The words that a field takes, where it takes only some."""
    name, _, rest = path.partition(".")
    for known in msgspec.structs.fields(kind):
        if known.encode_name == name:
            for inner in (known.type, *get_args(known.type)):
                if rest and isinstance(inner, type) and issubclass(inner, Struct):
                    return _words(inner, rest)
                if isinstance(inner, EnumType):
                    return tuple(str(word) for word in inner)
                if get_origin(inner) is Literal:
                    return get_args(inner)
    return ()


@lru_cache(maxsize=4096)
def iso(at: Instant | None) -> str | None:
    """An instant as ISO 8601 UTC with microseconds and Z; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where something related is."""

    href: str
    method: str = "GET"
    type: str | None = None


class Pagination(Struct, frozen=True, kw_only=True):
    """Which part of a list this is."""

    limit: int
    offset: int
    has_more: bool
    total: int
    order_by: str = "updated_at"
    order_direction: str = "desc"
