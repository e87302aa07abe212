"""Result columns: our words for the engine's types, and what Arrow can hold of them.

Arrow has no unsigned 128-bit integers, bit strings, times with a zone or
big numbers, and the engine's plain conversion damages them (a zone is lost, the largest
UHUGEINT becomes -1). They are stored as their exact text; the engine's own
type name, kept beside the column, says what the text means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.ports import Column

_WORDS: dict[str, str] = {
    "boolean": "boolean",
    "tinyint": "integer",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "hugeint": "integer",
    "utinyint": "integer",
    "usmallint": "integer",
    "uinteger": "integer",
    "ubigint": "integer",
    "uhugeint": "integer",
    "bignum": "integer",
    "float": "double",
    "double": "double",
    "decimal": "decimal",
    "date": "date",
    "time": "time",
    "time_ns": "time",
    "time with time zone": "time",
    "timestamp": "timestamp",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
    "timestamp with time zone": "timestamptz",
    "interval": "duration",
    "blob": "binary",
    "json": "json",
    "variant": "json",
    "list": "list",
    "array": "list",
    "struct": "struct",
    "tuple": "struct",
    "union": "struct",
    "map": "map",
}
_PLAIN = frozenset(_WORDS) - {"uhugeint", "bignum", "time with time zone", "variant"}
_TEXT = frozenset({"varchar", "uuid", "enum", "null"})


def kind_of(engine_type: Any) -> str:
    """The engine's name of a type without its arguments, in lower case.

    JSON is a VARCHAR by the engine's id, so the full name is asked first.
    """
    name = str(engine_type).strip('"').lower()
    if name in _WORDS or name in _TEXT:
        return name
    return str(engine_type.id).lower()


def children_of(engine_type: Any) -> list[tuple[str, Any]]:
    """(name, type) of the types inside a nested one; empty for a scalar.

    A union's tag column is left out: it belongs to the storage, not to the
    values.
    """
    kind = kind_of(engine_type)
    if kind == "array":
        return engine_type.children[:1]
    if kind == "union":
        return engine_type.children[1:]
    return list(engine_type.children) if kind in {"list", "struct", "tuple", "map"} else []


def walk(engine_type: Any) -> Iterator[Any]:
    """The type and every type inside it."""
    yield engine_type
    for _, child in children_of(engine_type):
        yield from walk(child)


def holds(engine_type: Any, kinds: frozenset[str]) -> bool:
    """Whether the type or one inside it is of one of these kinds."""
    return any(kind_of(each) in kinds for each in walk(engine_type))


def depth_of(engine_type: Any) -> int:
    """Levels of nesting; 0 for a scalar."""
    return max((1 + depth_of(child) for _, child in children_of(engine_type)), default=0)


def to_column(name: str, engine_type: Any) -> Column:
    """The column as the rest of the product sees it."""
    return Column(
        name=name, type=_WORDS.get(kind_of(engine_type), "string"), engine_type=str(engine_type)
    )


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def stored_type(engine_type: Any) -> str:
    """The type under which values are stored; the type itself where Arrow is exact."""
    kind = kind_of(engine_type)
    if kind == "variant":
        return "JSON"
    if all(kind_of(each) in _PLAIN | _TEXT for each in walk(engine_type)):
        return str(engine_type)
    inner = [(name, stored_type(child)) for name, child in children_of(engine_type)]
    if kind == "list":
        return f"{inner[0][1]}[]"
    if kind == "array":
        return f"{inner[0][1]}[{dict(engine_type.children)['size']}]"
    if kind == "map":
        return f"MAP({inner[0][1]}, {inner[1][1]})"
    if kind == "tuple":
        return "TUPLE(" + ", ".join(each for _, each in inner) + ")"
    if kind in {"struct", "union"}:
        return f"{kind}(" + ", ".join(f"{quoted(name)} {each}" for name, each in inner) + ")"
    return "VARCHAR"


def storing_casts(names: list[str], types: list[Any]) -> str | None:
    """The select list that makes a result storable, by position; None when it already is."""
    targets = [stored_type(each) for each in types]
    if all(target == str(each) for target, each in zip(targets, types, strict=True)):
        return None
    return ", ".join(
        (f"#{at}" if target == str(kind) else f"CAST(#{at} AS {target})") + f" AS {quoted(name)}"
        for at, (name, kind, target) in enumerate(zip(names, types, targets, strict=True), 1)
    )
