"""What the names and functions of one SELECT block mean, as far as an incremental refresh goes."""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec
from msgspec import Struct

from . import syntax
from .catalog import words
from .incremental_trees import Node, NotIncremental
from .syntax import folded

_ONE_ARGUMENT = words(
    """sum fsum kahan_sum sumkahan avg mean favg min max count approx_count_distinct
    var_pop var_samp variance stddev stddev_pop stddev_samp bool_and bool_or
    bit_and bit_or bit_xor count_if countif"""
)
"""Aggregates of one value whose state does not grow with the rows."""

_TWO_ARGUMENTS = words("arg_min arg_max argmin argmax min_by max_by arg_min_null arg_max_null")

_CLASSES = words(
    """CONSTANT COLUMN_REF FUNCTION OPERATOR COMPARISON CONJUNCTION CAST CASE BETWEEN
    PARAMETER TYPE"""
)
_REASONS = {
    "SUBQUERY": "has a subquery",
    "WINDOW": "has a window function",
    "STAR": "uses *",
    "LAMBDA": "has a lambda",
    "COLLATE": "uses COLLATE",
    "POSITIONAL_REFERENCE": "names a column by its number",
}
_VIRTUAL = words("filename file_row_number file_index rowid")
"""Columns that every Parquet file has without saying so; some depend on the whole set."""

_KINDS = """
SELECT lower(function_name), function_type,
       CASE WHEN macro_definition IS NOT NULL AND function_type = 'macro'
            THEN json_serialize_sql('SELECT ' || macro_definition) END
FROM duckdb_functions()
"""


class Functions(Struct, frozen=True):
    """Names of what takes many rows, and of what makes one value out of one row."""

    aggregates: frozenset[str]
    plain: frozenset[str]

    def is_aggregate(self, node: Node) -> bool:
        """Whether a node calls an aggregate."""
        if node.get("class") != "FUNCTION":
            return False
        return folded(node["function_name"]) in self.aggregates

    def aggregate(self, tree: Any) -> bool:
        """Whether an aggregate is called anywhere in a tree."""
        return any(self.is_aggregate(node) for node in syntax.nodes(tree))

    def check(self, tree: Any, *, may_aggregate: bool) -> None:
        """Raise NotIncremental at the first thing that cannot be computed by parts."""
        if isinstance(tree, list):
            for each in tree:
                self.check(each, may_aggregate=may_aggregate)
            return
        if not isinstance(tree, dict):
            return
        kind = tree.get("class")
        if kind is not None and kind not in _CLASSES:
            raise NotIncremental(_REASONS.get(kind, f"has a {kind.lower()}"))
        if kind == "FUNCTION":
            may_aggregate = self._check_call(tree, may_aggregate)
        for value in tree.values():
            self.check(value, may_aggregate=may_aggregate)

    def _check_call(self, node: Node, may_aggregate: bool) -> bool:
        """Judge one call; returns whether its arguments may aggregate."""
        name = folded(node["function_name"])
        if len(node["qualified_name"]["path"]) != 1 or node.get("export_state"):
            raise NotIncremental(f"calls {name} in a special way")
        if name in self.aggregates:
            _check_aggregate(node, name)
            if not may_aggregate:
                raise NotIncremental(f"uses {name} where no aggregate can be")
            return False
        if name not in self.plain:
            raise NotIncremental(f"uses {name}")
        return may_aggregate


def _check_aggregate(node: Node, name: str) -> None:
    if node.get("distinct"):
        raise NotIncremental(f"uses {name}(DISTINCT …)")
    if node.get("order_bys", {}).get("orders"):
        raise NotIncremental(f"uses {name}(… ORDER BY …)")
    count = len(node.get("arguments", ()))
    forms = {0: {"count_star"}, 1: _ONE_ARGUMENT, 2: _TWO_ARGUMENTS}
    if name not in forms.get(count, ()):
        is_other_form = any(name in names for names in forms.values())
        raise NotIncremental(
            f"uses {name} with {count} arguments" if is_other_form else f"uses {name}"
        )


def functions(connection: duckdb.DuckDBPyConnection) -> Functions:
    """The engine's functions; read once per process, for nothing can define more."""
    found = _found.get(duckdb.__version__)
    if found is None:
        found = _found[duckdb.__version__] = _load(connection)
    return found


_found: dict[str, Functions] = {}


def _load(connection: duckdb.DuckDBPyConnection) -> Functions:
    kinds: dict[str, set[str]] = {}
    calls: dict[str, set[str]] = {}
    for name, kind, body in connection.execute(_KINDS).fetchall():
        kinds.setdefault(name, set()).add(kind)
        if body is not None:
            called = (node.get("function_name") for node in syntax.nodes(msgspec.json.decode(body)))
            calls.setdefault(name, set()).update(folded(each) for each in called if each)
    aggregates = frozenset(name for name, found in kinds.items() if "aggregate" in found)
    plain = {name for name, found in kinds.items() if "scalar" in found} - aggregates
    macros = calls.keys() - plain - aggregates
    # A macro is plain when all that it calls is; again until nothing is added.
    while added := {name for name in macros - plain if calls[name] <= plain}:
        plain |= added
    return Functions(aggregates, frozenset(plain))


class Scope:
    """What a bare name means: a column of the inputs, or another item of the SELECT list.

    Parameters
    ----------
    columns
        Names and types of all columns of the inputs.
    items
        The SELECT list.
    is_single
        FROM has one table: ``t.a`` and ``a`` are the same.
    """

    def __init__(
        self,
        columns: list[tuple[str, str]],
        items: list[Node],
        known: Functions,
        *,
        is_single: bool,
    ) -> None:
        self.items = items
        self._columns = {folded(name) for name, _ in columns}
        self._functions = known
        self._is_single = is_single
        self._aliases: dict[str, Node] = {}
        for item in items:
            if alias := folded(item.get("alias", "")):
                if alias in self._aliases:
                    raise NotIncremental(f"has two columns named {alias}")
                self._aliases[alias] = {key: item[key] for key in item if key != "alias"}

    def alias(self, expression: Node) -> Node | None:
        """The item that a bare name in ORDER BY stands for."""
        match expression:
            case {"class": "COLUMN_REF", "column_names": [name]}:
                return self._aliases.get(folded(name))
        return None

    def resolved(self, tree: Any, *, is_late: bool = False, above: tuple[str, ...] = ()) -> Any:
        """The tree with the items in place of their names.

        Parameters
        ----------
        is_late
            In HAVING and ORDER BY, where the engine looks for an item before
            a column. Elsewhere, and inside an aggregate, the column goes first.

        Raises
        ------
        NotIncremental
            A name could mean two things, or nothing that a file has.
        """
        if isinstance(tree, list):
            return [self.resolved(each, is_late=is_late, above=above) for each in tree]
        if not isinstance(tree, dict):
            return tree
        if tree.get("class") == "COLUMN_REF":
            return self._column(tree, is_late, above)
        is_late = is_late and not self._functions.is_aggregate(tree)
        return {
            key: self.resolved(value, is_late=is_late, above=above) for key, value in tree.items()
        }

    def _column(self, node: Node, is_late: bool, above: tuple[str, ...]) -> Node:
        parts = [folded(name) for name in node["column_names"]]
        if len(parts) > 1:
            return self._qualified(node, parts)
        name = parts[0]
        item, is_column = self._aliases.get(name), name in self._columns
        if item is None or (is_column and not is_late):
            if not is_column:
                raise NotIncremental(f"uses {name}, which is no column of its files")
            return node
        is_itself = item.get("class") == "COLUMN_REF" and folded(item["column_names"][-1]) == name
        if name in above or (is_column and not is_itself):
            raise NotIncremental(f"uses the name {name} for two things")
        return self.resolved(item, above=(*above, name))

    def _qualified(self, node: Node, parts: list[str]) -> Node:
        if parts[0] in self._aliases and parts[0] not in self._columns:
            raise NotIncremental(f"uses the name {parts[0]} for two things")
        for part in parts:
            if part in _VIRTUAL and part not in self._columns:
                raise NotIncremental(f"uses {part}")
        if self._is_single and parts[0] not in self._columns and parts[1] in self._columns:
            return {**node, "column_names": node["column_names"][1:]}
        return node
