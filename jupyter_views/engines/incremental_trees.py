"""Small pieces of the engine's syntax tree, and the SQL text that a tree stands for.

The shapes are those of DuckDB 2.0. Whatever is built here is rendered by the
engine, parsed again and compared: a tree that it understands otherwise is
never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import msgspec
from msgspec import Struct

from . import syntax
from .syntax import folded

Node = dict[str, Any]

_PLACES = frozenset({"query_location", "query_location_length"})


class NotIncremental(Exception):
    """The query must run in full; the text says why: ``uses median``. Empty: not worth a word."""


class Sql(Struct, frozen=True):
    """A statement and the names of its parameters."""

    text: str
    parameters: frozenset[str]

    def bound(self, params: Mapping[str, Any], **own: Any) -> dict[str, Any] | None:
        """The values that this statement takes, the user's and our own; None for none."""
        values = {**params, **own}
        return {name: values[name] for name in self.parameters} or None


def to_sql(desk: duckdb.DuckDBPyConnection, node: Node) -> Sql:
    """The engine's text for a node; raises NotIncremental when it would say something else."""
    statement = {"node": node}
    text = syntax.rendered(desk, statement)
    if text is None:
        raise NotIncremental("cannot be written by parts")
    return Sql(text, frozenset(syntax.parameters(statement)))


def without_places(tree: Any) -> Any:
    """A copy that does not say where its parts stand in the text."""
    if isinstance(tree, dict):
        return {key: without_places(value) for key, value in tree.items() if key not in _PLACES}
    return [without_places(each) for each in tree] if isinstance(tree, list) else tree


def canonical(tree: Any) -> bytes:
    """Equal for trees that mean the same: names of columns folded, no names of results."""
    return msgspec.json.encode(_plain(tree), order="sorted")


def _plain(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_plain(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    kept = {key: _plain(value) for key, value in tree.items() if key != "alias"}
    if tree.get("class") == "COLUMN_REF":
        kept["column_names"] = [folded(name) for name in tree["column_names"]]
    return kept


def names_in(tree: Any) -> Iterator[str]:
    """Names of tables, results and parameters."""
    for node in syntax.nodes(tree):
        for key in ("alias", "identifier", "table_name"):
            if isinstance(node.get(key), str):
                yield node[key]


def has_column(tree: Any) -> bool:
    """Whether an expression depends on a row."""
    return any(node.get("class") == "COLUMN_REF" for node in syntax.nodes(tree))


def position_in(expression: Node) -> int | None:
    """The number of a result column, as in ``ORDER BY 2``; None for any other expression."""
    match expression:
        case {"class": "CONSTANT", "literal": {"kind": "INTEGER", "text": text}}:
            return int(text)
    return None


def select(items: list[Node], table: Node, **more: Any) -> Node:
    """A SELECT block; empty clauses are left out."""
    return {
        "type": "SELECT_NODE",
        "cte_map": {},
        "select_list": items,
        "from_table": table,
        "aggregate_handling": "STANDARD_HANDLING",
        **{key: value for key, value in more.items() if value},
    }


def star() -> Node:
    """All columns."""
    return {"class": "STAR", "type": "STAR"}


def table(name: str) -> Node:
    """A table by its bare name."""
    return {"type": "BASE_TABLE", "table_name": name, "qualified_name": {"path": [name]}}


def reference(table_name: str, name: str) -> Node:
    """A column of a table."""
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [table_name, name]}


def integer(number: int) -> Node:
    """A whole number."""
    literal = {"kind": "INTEGER", "text": str(number)}
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "literal": literal}


def parameter(name: str) -> Node:
    """A bound value."""
    return {"class": "PARAMETER", "type": "VALUE_PARAMETER", "identifier": name}


def call(name: str, *arguments: Node) -> Node:
    """A function called with these arguments."""
    return {
        "class": "FUNCTION",
        "type": "FUNCTION",
        "function_name": name,
        "order_bys": {"type": "ORDER_MODIFIER"},
        "arguments": [{"expression": argument} for argument in arguments],
        "qualified_name": {"path": [name]},
    }
