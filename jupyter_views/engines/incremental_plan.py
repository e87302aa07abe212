"""Which queries can be refreshed file by file, and the SQL that does it.

The class is one SELECT block over the Parquet files of one pattern, joined by
inner joins to inputs that stay the same, with WHERE, GROUP BY and aggregates
whose state is bounded. Such a query is a sum over its files: the engine
exports the states of its aggregates per file, and combining the states of all
files gives what one run over all files gives.

The rewriting is done on the engine's syntax tree. Where a name could mean two
things the query is left alone: a full run is never wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
from msgspec import Struct

from ..core.ports import Read
from . import incremental_trees as trees
from . import paths, syntax
from .catalog import words
from .incremental_state import PART, PARTS
from .incremental_terms import Functions, Scope, functions
from .incremental_trees import Node, NotIncremental, Sql, canonical, to_sql
from .syntax import folded

FILE = "_jv_file"
"""The parameter with the path of one file."""

_RESERVED = "_jv_"
_WHOLE = "_jv_whole"

_PARQUET_READERS = words("read_parquet parquet_scan")
_OPTIONS = words("binary_as_string hive_partitioning")
"""Options of a reader that mean the same for one file as for all."""

_OTHER_FORMATS = {"read_c": "CSV", "read_j": "JSON", "read_n": "JSON"}
_ALL = {"class": "STAR", "type": "STAR", "columns": True}
"""The expression of ORDER BY ALL."""


class Rewritten(Struct, frozen=True, kw_only=True):
    """A query of the class, taken apart.

    Attributes
    ----------
    pattern
        The read whose files may change one by one.
    statics
        All other reads: when one of them moves, every part is worthless.
    file
        All columns of one file.
    looks
        Names and types of these columns, for the pattern as a whole.
    part
        One row per group of one file: its number, the keys, the states.
    whole
        The query's rows out of the table of all parts.
    """

    pattern: Read
    statics: tuple[Read, ...]
    file: Sql
    looks: list[tuple[str, str]]
    part: Sql
    whole: Sql


def rewrite(
    connection: duckdb.DuckDBPyConnection,
    desk: duckdb.DuckDBPyConnection,
    node: Node,
    reads: tuple[Read, ...],
    params: Mapping[str, Any],
    names: list[str],
) -> Rewritten:
    """Take a query apart.

    Parameters
    ----------
    connection
        Of the run; it binds, and runs nothing.
    desk
        Another cursor of the same engine, to parse and to render.
    node
        The query's node in the engine's tree; it is not changed.
    names
        The result's column names, as the engine gave them.

    Raises
    ------
    NotIncremental
        The query is not of the class.
    duckdb.Error
        A part of the query does not bind by itself.
    """
    node = trees.without_places(node)
    _check_block(node)
    leaves = list(_leaves(node["from_table"]))
    leaf, pattern = _pattern(leaves, reads, params)
    if any(folded(name).startswith(_RESERVED) for name in (*params, *trees.names_in(node))):
        raise NotIncremental(f"uses a name that starts with {_RESERVED}")
    known = functions(desk)
    known.check([*_conditions(node["from_table"])], may_aggregate=False)
    _over_one_file(leaf)
    file = to_sql(desk, trees.select([trees.star()], leaf))
    looks = looks_of(_bound(connection, file, params, pattern))
    columns = looks
    if len(leaves) > 1:
        everything = to_sql(desk, trees.select([trees.star()], node["from_table"]))
        columns = looks_of(_bound(connection, everything, params, pattern))
    scope = Scope(columns, node["select_list"], known, is_single=len(leaves) == 1)
    rewriter = _Rewriter(scope, known)
    whole = rewriter.whole(node, names)
    return Rewritten(
        pattern=pattern,
        statics=tuple(read for read in reads if read != pattern),
        file=file,
        looks=looks,
        part=to_sql(desk, rewriter.part(node)),
        whole=_with_states(to_sql(desk, whole), len(rewriter.keys), len(rewriter.states)),
    )


def _check_block(node: Node) -> None:
    if node["type"] != "SELECT_NODE":
        raise NotIncremental("is not one SELECT")
    if node.get("cte_map", {}).get("map"):
        raise NotIncremental("has a WITH")
    if node.get("qualify"):
        raise NotIncremental("has a QUALIFY")
    kinds = {modifier["type"] for modifier in node.get("modifiers", ())}
    if kinds - {"ORDER_MODIFIER", "LIMIT_MODIFIER"}:
        raise NotIncremental("has a DISTINCT")
    if kinds == {"LIMIT_MODIFIER"}:
        raise NotIncremental("has a LIMIT without ORDER BY")
    sets = node.get("group_sets", [[]])
    if len(sets) != 1 or len(sets[0]) != len(node.get("group_expressions", ())):
        raise NotIncremental("has grouping sets")


# FROM ------------------------------------------------------------------------


def _leaves(table: Node) -> Iterator[Node]:
    """The tables of a tree of inner joins."""
    kind = table["type"]
    if kind == "JOIN":
        join, how = table["join_type"], table["ref_type"]
        if join != "INNER" or how not in ("REGULAR", "CROSS", "NATURAL"):
            raise NotIncremental(f"has a {join if how == 'REGULAR' else how} JOIN")
        yield from _leaves(table["left"])
        yield from _leaves(table["right"])
    elif kind == "SUBQUERY":
        raise NotIncremental("has a subquery")
    elif kind in ("BASE_TABLE", "TABLE_FUNCTION"):
        yield table
    else:
        raise NotIncremental("reads no pattern of Parquet files")


def _conditions(table: Node) -> Iterator[Any]:
    if table["type"] == "JOIN":
        yield table.get("condition")
        yield from _conditions(table["left"])
        yield from _conditions(table["right"])


def _pattern(
    leaves: list[Node], reads: tuple[Read, ...], params: Mapping[str, Any]
) -> tuple[Node, Read]:
    """The one table that is a pattern of Parquet files, and its read."""
    for read in reads:
        if read.kind not in ("file", "frame", "view"):
            raise NotIncremental(f"reads a source of the kind {read.kind}")
    patterns = [read for read in reads if read.kind == "file" and paths.has_pattern(read.name)]
    if not patterns:
        raise NotIncremental("reads no pattern of Parquet files")
    if len(patterns) > 1:
        raise NotIncremental("reads more than one pattern")
    found = [leaf for leaf in leaves if _file_names(leaf, params) == [patterns[0].name]]
    if len(found) != 1:
        raise NotIncremental("reads its files twice, or by a list")
    _check_parquet(found[0], patterns[0].name)
    return found[0], patterns[0]


def _file_names(leaf: Node, params: Mapping[str, Any]) -> list[str] | None:
    """What stands where a table names its files."""
    if leaf["type"] == "BASE_TABLE":
        return [".".join(leaf["qualified_name"]["path"])]
    arguments = leaf["function"].get("arguments")
    return syntax.texts_of(arguments[0]["expression"], params) if arguments else None


def _check_parquet(leaf: Node, name: str) -> None:
    if leaf["type"] == "BASE_TABLE":
        if not name.lower().endswith(".parquet"):
            is_csv = ".csv" in name.lower() or ".tsv" in name.lower()
            raise NotIncremental(f"reads {'CSV' if is_csv else 'JSON'}, not Parquet")
        return
    reader = folded(leaf["function"]["function_name"])
    if reader not in _PARQUET_READERS:
        raise NotIncremental(f"reads {_OTHER_FORMATS.get(reader[:6], reader)}, not Parquet")
    for argument in leaf["function"]["arguments"][1:]:
        option = syntax.option_of(argument)
        if option is None or folded(option) not in _OPTIONS:
            raise NotIncremental(f"uses {reader} with {option}")


def _over_one_file(leaf: Node) -> None:
    """Make a table of the tree read the file that is bound as ``FILE``."""
    if leaf["type"] == "TABLE_FUNCTION":
        leaf["function"]["arguments"][0] = {"expression": trees.parameter(FILE)}
        return
    # Without an alias the engine names the table by the whole pattern.
    leaf.setdefault("alias", leaf.pop("table_name"))
    del leaf["qualified_name"]
    leaf["type"] = "TABLE_FUNCTION"
    leaf["function"] = trees.call("read_parquet", trees.parameter(FILE))


def _bound(
    connection: duckdb.DuckDBPyConnection, sql: Sql, params: Mapping[str, Any], pattern: Read
) -> duckdb.DuckDBPyRelation:
    return connection.sql(sql.text, params=sql.bound(params, **{FILE: pattern.name}))


def looks_of(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, str]]:
    """Names and types of the columns."""
    return [*zip(relation.columns, map(str, relation.types), strict=True)]


# SELECT ----------------------------------------------------------------------


class _Rewriter:
    """Splits a block into what is computed per file and what is computed at the end.

    Attributes
    ----------
    keys, states
        Grouping expressions and aggregates, each once, by their canonical form.
    """

    def __init__(self, scope: Scope, known: Functions) -> None:
        self._scope = scope
        self._known = known
        self.keys: dict[bytes, Node] = {}
        self.states: dict[bytes, Node] = {}

    def whole(self, node: Node, names: list[str]) -> Node:
        """The block over the combined states; collects the keys and the states on the way."""
        items = [self._resolved(item) for item in self._scope.items]
        if len(names) != len(items):
            raise NotIncremental("has columns that are not written out")
        for key in self._grouping(node, items):
            self.keys.setdefault(canonical(key), key)
        having = self._final(self._resolved(node.get("having"), is_late=True))
        outer = trees.select(
            [self._final(item) | {"alias": name} for item, name in zip(items, names, strict=True)],
            trees.table(_WHOLE),
            where_clause=having,
            modifiers=[self._modifier(each, items) for each in node.get("modifiers", ())],
        )
        if not self.states:
            raise NotIncremental("has no aggregate")
        return outer

    def part(self, node: Node) -> Node:
        """The block over one file, whose table stands in FROM already."""
        self._known.check(node.get("where_clause"), may_aggregate=False)
        where = self._scope.resolved(node.get("where_clause"))
        keys = [key | {"alias": f"key_{at}"} for at, key in enumerate(self.keys.values())]
        states = [
            state | {"alias": f"state_{at}", "export_state": True}
            for at, state in enumerate(self.states.values())
        ]
        # By position, so that no key is taken for the name of a column.
        groups = [trees.integer(at + 2) for at in range(len(keys))]
        grouping = {"group_expressions": groups, "group_sets": [[*range(len(keys))]]}
        return trees.select(
            [trees.parameter(PART) | {"alias": PART}, *keys, *states],
            node["from_table"],
            where_clause=where,
            **(grouping if keys else {}),
        )

    def _resolved(self, expression: Any, *, is_late: bool = False) -> Any:
        self._known.check(expression, may_aggregate=True)
        return self._scope.resolved(expression, is_late=is_late)

    def _grouping(self, node: Node, items: list[Node]) -> list[Node]:
        if node.get("aggregate_handling") != "FORCE_AGGREGATES":
            return [self._key(each, items) for each in node.get("group_expressions", ())]
        keys = [item for item in items if not self._known.aggregate(item)]
        if not all(map(trees.has_column, keys)):
            raise NotIncremental("groups by ALL beside a constant")
        return keys

    def _key(self, expression: Node, items: list[Node]) -> Node:
        if (position := trees.position_in(expression)) is None:
            return self._resolved(expression)
        if not 0 < position <= len(items):
            raise NotIncremental("groups by a column that is not there")
        return items[position - 1]

    def _modifier(self, modifier: Node, items: list[Node]) -> Node:
        if modifier["type"] == "LIMIT_MODIFIER":
            bounds = [modifier.get("limit"), modifier.get("offset")]
            self._known.check(bounds, may_aggregate=False)
            return self._final(modifier)
        orders = []
        for order in modifier["orders"]:
            expressions = [order["expression"]]
            if expressions == [_ALL]:
                expressions = [trees.integer(at + 1) for at in range(len(items))]
            orders += [{**order, "expression": self._order(each)} for each in expressions]
        return {**modifier, "orders": orders}

    def _order(self, expression: Node) -> Node:
        if trees.position_in(expression) is not None:
            return expression
        item = self._scope.alias(expression)
        return self._final(self._resolved(item or expression, is_late=item is None))

    def _final(self, tree: Any) -> Any:
        """The tree with keys and combined states in place of what they were computed from."""
        if isinstance(tree, list):
            return [self._final(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        if "class" in tree:
            form = canonical(tree)
            alias = {"alias": tree["alias"]} if "alias" in tree else {}
            if form in self.keys:
                return trees.reference(_WHOLE, f"key_{[*self.keys].index(form)}") | alias
            if self._known.is_aggregate(tree):
                self.states.setdefault(form, tree)
                return trees.reference(_WHOLE, f"value_{[*self.states].index(form)}") | alias
            if tree["class"] == "COLUMN_REF":
                raise NotIncremental(f"uses {'.'.join(tree['column_names'])} as it is not grouped")
        return {key: self._final(value) for key, value in tree.items()}


def _with_states(outer: Sql, keys: int, states: int) -> Sql:
    """The query over all parts, with the combined states under the name that it reads."""
    names = [f"key_{at}" for at in range(keys)]
    values = [f"finalize(combine_aggr(state_{at})) AS value_{at}" for at in range(states)]
    grouping = f" GROUP BY {', '.join(names)}" if names else ""
    inner = f"SELECT {', '.join([*names, *values])} FROM {PARTS}{grouping}"  # noqa: S608
    return Sql(f"WITH {_WHOLE} AS ({inner}) {outer.text}", outer.parameters)
