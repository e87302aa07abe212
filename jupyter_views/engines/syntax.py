"""The engine's syntax tree: how to get it, walk over it, and point into the SQL with it."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import msgspec

_PARSE = (
    "SELECT json_serialize_sql($1::VARCHAR, skip_null := true, "
    "skip_empty := true, skip_default := true)"
)
_RENDER = "SELECT json_deserialize_sql($1::JSON)"
# The engine writes the largest 64-bit number for "made by me, not in the text".
_NOWHERE = 2**64 - 1
_PLACES = frozenset({"query_location", "query_location_length"})
_RECENT = 128
_RECENT_CHARS = 50_000
"""Longer texts are not remembered: SQL of 256 KB comes from anybody."""


class _Recent(dict[str, str]):
    """What the engine said of the texts of late; of an equal text it always says the same."""

    def keep(self, asked: str, said: str) -> None:
        if len(asked) + len(said) > _RECENT_CHARS:
            return
        if len(self) >= _RECENT:
            del self[next(iter(self))]
        self[asked] = said


_parsed = _Recent()
_rendered = _Recent()


def parse(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[dict[str, Any], str]:
    """The engine's answer for SQL, decoded and as the JSON text that it was.

    Raises
    ------
    duckdb.Error
        The engine failed; a syntax error is part of the answer instead.
    RecursionError, msgspec.DecodeError
        The tree is too deep for this process.
    """
    raw = _parsed.get(sql)
    if raw is None:
        row = connection.execute(_PARSE, [sql]).fetchone()
        raw = str(row[0]) if row else "{}"
        _parsed.keep(sql, raw)
    return msgspec.json.decode(raw), raw


_latest: dict[str, Any] = {}


def remember(sql: str, tree: Any) -> None:
    """Keep the tree of the statement at hand, so that its errors can be placed."""
    _latest.clear()
    _latest[sql] = tree


def recall(sql: str) -> Any | None:
    """The tree of the statement that was inspected last, if ``sql`` is that one."""
    return _latest.get(sql)


def render(connection: duckdb.DuckDBPyConnection, raw: str) -> str:
    """The engine's own text for a tree."""
    text = _rendered.get(raw)
    if text is None:
        row = connection.execute(_RENDER, [raw]).fetchone()
        text = str(row[0]) if row else ""
        _rendered.keep(raw, text)
    return text


def rendered(connection: duckdb.DuckDBPyConnection, statement: dict[str, Any]) -> str | None:
    """The engine's text for one statement, if it says all that the tree says; else None."""
    raw = msgspec.json.encode({"error": False, "statements": [statement]}).decode()
    try:
        text = render(connection, raw)
        statements = parse(connection, text)[0]["statements"]
        is_whole = len(statements) == 1 and is_same(statements[0]["node"], statement["node"])
    except (duckdb.Error, KeyError, RecursionError, msgspec.DecodeError):
        return None
    return text if is_whole else None


def replace_call(node: dict[str, Any], table: str, function: str) -> None:
    """Make a call in FROM the name of a table; without an alias it keeps the function's name."""
    kept = ("query_location", "query_location_length", "sample", "column_name_alias")
    rest = {key: node[key] for key in kept if key in node}
    alias = node.get("alias") or function
    node.clear()
    node |= {
        "type": "BASE_TABLE",
        "alias": alias,
        "table_name": table,
        "qualified_name": {"path": [table]},
        **rest,
    }


def parameters(statement: dict[str, Any]) -> set[str]:
    """Names of the parameters that a statement's tree still uses."""
    return {
        node["identifier"] for node in nodes(statement["node"]) if node.get("class") == "PARAMETER"
    }


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every dict in a tree, parents first, in the order of the text as far as it shows."""
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield here
            waiting.extend(reversed([*here.values()]))
        elif isinstance(here, list):
            waiting.extend(reversed(here))


def is_same(one: Any, other: Any) -> bool:
    """Whether two trees are equal apart from where their parts stand in the text."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (one.keys() | other.keys()) - _PLACES
        return all(is_same(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def folded(name: str) -> str:
    """Lower case of A to Z alone, as the engine compares names: É and é stay apart."""
    if name.isascii():
        return name.lower()
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def option_of(argument: dict[str, Any]) -> str | None:
    """The name of a named argument, ``name := x`` or ``name = x``; None for a plain one."""
    if argument.get("name"):
        return str(argument["name"])
    match argument["expression"]:
        case {
            "class": "COMPARISON",
            "type": "COMPARE_EQUAL",
            "left": {"class": "COLUMN_REF", "column_names": [name]},
        }:
            return str(name)
    return None


def texts_of(expression: Any, params: Mapping[str, Any]) -> list[str] | None:
    """The texts that an argument stands for: a constant, a parameter or a list of them.

    Nothing is computed: None for all else. A parameter without a value stands
    for nothing.
    """
    match expression:
        case {"class": "CONSTANT", "literal": {"kind": "STRING"} as literal}:
            return [literal.get("text", "")]
        case {"class": "PARAMETER", "identifier": name}:
            value = params.get(name, [])
            texts = list(value) if isinstance(value, list | tuple) else [value]
            is_text = all(isinstance(each, str) for each in texts)
            return texts if is_text and (texts or name not in params) else None
        case {"class": "OPERATOR", "type": "ARRAY_CONSTRUCTOR", "children": items}:
            return _joined(items, params)
        case {"class": "FUNCTION", "function_name": "list_value", "arguments": items}:
            return _joined([item["expression"] for item in items], params)
    return None


def _joined(items: list[Any], params: Mapping[str, Any]) -> list[str] | None:
    found: list[str] = []
    for item in items:
        texts = texts_of(item, params)
        if texts is None:
            return None
        found += texts
    return found


def offset_of(node: Any) -> int | None:
    """The byte offset of a node, or of the first part of it that has one."""
    for part in nodes(node):
        offset = part.get("query_location", _NOWHERE)
        if offset != _NOWHERE:
            return int(offset)
    return None


class Position:
    """Turns the engine's byte offsets into lines and columns of the user's SQL."""

    def __init__(self, sql: str) -> None:
        self._bytes = sql.encode(errors="surrogatepass")
        self._starts: list[int] | None = None

    def of(self, offset: int | None) -> tuple[int | None, int | None]:
        """1-based (line, column in characters); (None, None) where nothing is known."""
        if offset is None or offset > len(self._bytes):
            return None, None
        if self._starts is None:
            self._starts = [0]
            self._starts += [at + 1 for at, byte in enumerate(self._bytes) if byte == 10]
        line = bisect.bisect_right(self._starts, offset)
        before = self._bytes[self._starts[line - 1] : offset]
        return line, len(before.decode(errors="ignore")) + 1
