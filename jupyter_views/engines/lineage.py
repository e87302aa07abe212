"""One walk over the engine's syntax tree: what a query reads and whether it may run.

The tree comes from ``json_serialize_sql``. Two answers fall out of the same
walk, so that they cannot disagree: the reads, for freshness, and the refusal
of every node and function that is not known to be harmless. The shape of the
tree is that of DuckDB 2.0; a kind of node that is not named here is refused,
so that a new engine adds nothing unseen.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..core.errors import NotAllowed, NotReadOnly, ParseError, ViewsError
from ..core.ports import Read
from . import paths
from .catalog import (
    GENERATORS,
    READER_OPTIONS_REFUSED,
    READERS,
    VOLATILE_COLUMNS,
    Catalogue,
    words,
)
from .lakes import SCANS
from .syntax import folded, option_of, texts_of

_QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_PLAIN_NODES = frozenset(
    {
        *("JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "PIVOT"),
        *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
        *("ASCENDING", "DESCENDING", "ORDER_DEFAULT"),
    }
)
_CLASSES = words(
    """CONSTANT COLUMN_REF FUNCTION OPERATOR COMPARISON CONJUNCTION CAST CASE BETWEEN STAR
    SUBQUERY LAMBDA PARAMETER WINDOW COLLATE POSITIONAL_REFERENCE DEFAULT TYPE"""
)
_DESCRIBES = frozenset({"DESCRIBE", "SUMMARY"})

_WRITES_HINT = "Run it with your own connection, then save a SELECT over its result."

Place = Callable[[Any], tuple[int | None, int | None]]
Resolve = Callable[[str, paths.Folders], str]


class Scan(NamedTuple):
    """A call in FROM that names the folder of a table: where in the tree, which function."""

    node: dict[str, Any]
    function: str
    read: Read


class Lineage:
    """Collects the reads of one statement; raises at the first thing that may not be.

    Parameters
    ----------
    catalogue
        What functions do.
    params
        Values by name: file names may be bound.
    frames
        sha256 by name of the frames that FROM may name.
    views
        sha256 by slug of the rows of views, as far as they are known.
    folders
        Where file names start from and must stay in.
    place
        Gives 1-based (line, column) of a tree node in the user's SQL.

    Attributes
    ----------
    reads
        In order of appearance, each once.
    volatile
        Names of what changes by itself, in order of appearance, each once.
    parameters
        Names used, each once; unordered.
    tables
        What is named in each database, by read: schema and name, or the name alone.
    scans
        Calls that name a folder of a table, in order of appearance.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        params: Mapping[str, Any],
        frames: Mapping[str, str],
        views: Mapping[str, str],
        folders: paths.Folders,
        place: Place,
    ) -> None:
        self._catalogue = catalogue
        self._params = params
        self._frames = {folded(name): (name, sha256) for name, sha256 in frames.items()}
        self._views = views
        self._folders = folders
        self._place = place
        self._reads: dict[Read, None] = {}
        self._volatile: dict[str, None] = {}
        self.parameters: dict[str, None] = {}
        self.tables: dict[Read, dict[tuple[str, ...], None]] = {}
        self.scans: list[Scan] = []

    @property
    def reads(self) -> tuple[Read, ...]:
        """What the statement reads."""
        return tuple(self._reads)

    @property
    def volatile(self) -> tuple[str, ...]:
        """What makes two runs over the same sources differ."""
        return tuple(self._volatile)

    def walk(self, node: Any, ctes: frozenset[str] = frozenset()) -> None:
        """Visit a node and all below it; ``ctes`` are the folded names in scope."""
        if isinstance(node, list):
            for each in node:
                self.walk(each, ctes)
            return
        if not isinstance(node, dict):
            return
        if node.get("sample"):
            self._volatile["sample"] = None
        kind = node.get("type")
        if "class" in node:
            self._expression(node, ctes)
        elif not isinstance(kind, str) or kind in _PLAIN_NODES:
            self._below(node, ctes)
        elif kind in _QUERY_NODES:
            self._query(node, ctes)
        elif kind == "BASE_TABLE":
            self._table(node, ctes)
        elif kind == "TABLE_FUNCTION":
            self._table_function(node, ctes)
        elif kind == "SHOW_REF":
            self._show(node, ctes)
        else:
            raise self._unknown_node(node, kind)

    def _below(self, node: dict[str, Any], ctes: frozenset[str], but: Iterable[str] = ()) -> None:
        for key, value in node.items():
            if isinstance(value, dict | list) and key not in but:
                self.walk(value, ctes)

    def _unknown_node(self, node: dict[str, Any], kind: str) -> ViewsError:
        line, column = self._place(node)
        verb = kind.removesuffix("_QUERY_NODE")
        if verb != kind:
            return NotReadOnly(
                f"A view may only read. This statement writes ({verb} inside WITH).",
                hint=_WRITES_HINT,
                line=line,
                column=column,
            )
        return NotAllowed(f"A view may not use this construct ({kind}).", line=line, column=column)

    # Queries and their names -------------------------------------------------

    def _query(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        for entry in node.get("cte_map", {}).get("map", ()):
            # A table expression sees those before it, not itself: its own name
            # in its body is the table or file of that name.
            self.walk(entry["value"], ctes)
            ctes = ctes | {folded(entry["key"])}
        if node["type"] == "RECURSIVE_CTE_NODE":
            inside = ctes | {folded(node["cte_name"])}
            self.walk(node.get("left"), ctes)
            self._below(node, inside, but=("cte_map", "left"))
            return
        if node["type"] == "CTE_NODE":
            self.walk(node.get("query"), ctes)
            inside = ctes | {folded(node.get("cte_name", ""))}
            self._below(node, inside, but=("cte_map", "query"))
            return
        self._below(node, ctes, but=("cte_map",))

    def _table(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        path = node["qualified_name"]["path"]
        if node.get("at_clause"):
            raise self._refused(node, "A view may not use AT (time travel).")
        name = ".".join(path)
        last = folded(path[-1])
        if len(path) == 1 and last in ctes:
            return
        is_file = paths.is_data_file(name)
        if len(path) == 2 and folded(path[0]) == "recurring" and last in ctes and not is_file:
            return
        if self._is_system(path):
            raise self._refused(node, f"A view may not read {name}: it describes the server.")
        self._named(node, path)

    def _named(self, node: dict[str, Any], path: list[str]) -> None:
        """A name in FROM that is no table expression."""
        name = ".".join(path)
        if len(path) == 1 and folded(name) in self._frames:
            given, sha256 = self._frames[folded(name)]
            self._reads[Read(kind="frame", name=given, path=sha256)] = None
        elif len(path) > 1 and paths.is_database(path[0]):
            self._database(node, path)
        elif paths.is_data_file(name):
            self._file(node, name)
        elif len(path) == 2 and folded(path[0]) == "views":
            slug = folded(path[1])
            self._reads[Read(kind="view", name=slug, path=self._views.get(slug))] = None
        elif paths.looks_like_a_path(name) or (len(path) == 1 and "." in name):
            raise self._no_file(node, name)
        elif len(path) > 2 and paths.is_database(".".join(path[:2])):
            file = ".".join(path[:2])
            raise self._refused(
                node,
                f"{name} names no table: the name of a file with a dot in it must be quoted.",
                hint=f'Write "{file}".{".".join(path[2:])}.',
            )
        else:
            self._reads[Read(kind="unknown", name=name)] = None

    def _no_file(self, node: dict[str, Any], name: str) -> ViewsError:
        hint = "Name a .parquet, .csv, .tsv, .json or .ndjson file, or use read_csv('…')."
        if paths.is_database(name):
            hint = f'Name a table in it: FROM "{paths.shown(name)}".orders'
        return self._refused(
            node,
            f"{paths.shown(name)} is not a file that can be read by its name alone.",
            hint=hint,
        )

    def _database(self, node: dict[str, Any], path: list[str]) -> None:
        name, *table = path
        if len(table) > 2:
            raise self._refused(node, f"{'.'.join(table)} is not a schema and a table.")
        read = Read(
            kind="database", name=name, path=self._resolved(node, name, paths.resolve_database)
        )
        self._reads[read] = None
        self.tables.setdefault(read, {})[tuple(table)] = None

    def _is_system(self, path: list[str]) -> bool:
        if len(path) == 1:
            return folded(path[0]) in self._catalogue.system_views
        schemas = {folded(part) for part in path[:-1]}
        return bool(schemas & {"information_schema", "pg_catalog", "system"}) or (
            folded(path[-1]) in self._catalogue.system_views
        )

    def _show(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        if node.get("show_type") not in _DESCRIBES or "query" not in node:
            raise self._refused(
                node,
                "A view may not use SHOW.",
                hint="DESCRIBE and SUMMARIZE of a query or file are allowed.",
            )
        self._below(node, ctes)

    # Functions ---------------------------------------------------------------

    def _table_function(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        call = node["function"]
        name = self._function_name(call)
        if name in READERS:
            self._reader(node, call, name)
        elif name in SCANS:
            self._scan(node, call, name)
        elif name == "summary":
            self._summary(node, call)
        elif name not in GENERATORS:
            raise self._refused_function(node, name, self._catalogue.table_functions)
        self._below(call, ctes)
        self._below(node, ctes, but=("function",))

    def _summary(self, node: dict[str, Any], call: dict[str, Any]) -> None:
        """It also takes the bare name of a table, which would not show as a read."""
        given = [argument["expression"] for argument in call.get("arguments", ())]
        if any(expression.get("class") != "SUBQUERY" for expression in given):
            raise self._refused(node, "summary takes a query.", hint="Write SUMMARIZE instead.")

    def _reader(self, node: dict[str, Any], call: dict[str, Any], reader: str) -> None:
        files: list[Any] = []
        for argument in call.get("arguments", ()):
            option = option_of(argument)
            if option is None:
                files.append(argument["expression"])
            elif folded(option) in READER_OPTIONS_REFUSED:
                raise self._refused(node, f"A view may not use the option {option} of {reader}.")
        if len(files) != 1:
            raise self._refused(node, f"{reader} takes one file name, pattern or list of them.")
        for name in self._texts(files[0], node, reader):
            self._file(node, name)

    def _texts(self, expression: Any, node: dict[str, Any], function: str) -> list[str]:
        """The names that an argument stands for."""
        found = texts_of(expression, self._params)
        if found is None:
            raise self._refused(
                node,
                f"The file name of {function} must be written out or bound, not computed.",
                hint=f"Write {function}('name') or {function}($name).",
            )
        return found

    def _scan(self, node: dict[str, Any], call: dict[str, Any], function: str) -> None:
        """A Delta or Iceberg table, named by its folder and nothing else."""
        arguments = call.get("arguments", ())
        if len(arguments) != 1 or option_of(arguments[0]) or "with_ordinality" in node:
            raise self._refused(node, f"{function} takes the name of a folder and nothing else.")
        names = self._texts(arguments[0]["expression"], node, function)
        for name in names:
            read = Read(
                kind="table", name=name, path=self._resolved(node, name, paths.resolve_folder)
            )
            self._reads[read] = None
            self.scans.append(Scan(node, function, read))
        if len(names) > 1:
            raise self._refused(node, f"{function} takes one folder.")

    def _file(self, node: dict[str, Any], name: str) -> None:
        path = self._resolved(node, name, paths.resolve)
        self._reads[Read(kind="file", name=name, path=path)] = None

    def _resolved(self, node: dict[str, Any], name: str, resolve: Resolve) -> str:
        try:
            return resolve(name, self._folders)
        except ViewsError as error:
            error.line, error.column = self._place(node)
            raise

    def _expression(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        kind = node["class"]
        if kind not in _CLASSES:
            raise self._refused(node, f"A view may not use this construct ({kind}).")
        if kind == "PARAMETER":
            self.parameters[node["identifier"]] = None
        elif kind == "COLUMN_REF":
            names = node["column_names"]
            if len(names) == 1 and folded(names[0]) in VOLATILE_COLUMNS:
                self._volatile[folded(names[0])] = None
            return
        elif kind in ("FUNCTION", "WINDOW"):
            self._function(node)
        self._below(node, ctes)

    def _function_name(self, node: dict[str, Any]) -> str:
        *before, name = node["qualified_name"]["path"]
        # What stands before is a schema or, as in kind.upper(), a column.
        if any(map(paths.is_database, before)):
            raise self._refused(node, f"A view may not call {name}() of a database file.")
        return folded(name)

    def _function(self, node: dict[str, Any]) -> None:
        name = self._function_name(node)
        effect = self._catalogue.effects.get(name)
        if effect is None or effect == "denied":
            raise self._refused_function(node, name, self._catalogue.effects)
        # Of one value, which may stand before the dot: since today.
        is_since_today = name == "age" and len(node.get("arguments", ())) < 2
        if effect == "volatile" or is_since_today:
            self._volatile[name] = None

    def _refused_function(
        self, node: dict[str, Any], name: str, known: Iterable[str]
    ) -> ViewsError:
        line, column = self._place(node)
        if name in known or name in self._catalogue.table_functions:
            return NotAllowed(
                f"A view may not call {name}().",
                hint="It could change something, show the server's settings or hide what is read.",
                line=line,
                column=column,
            )
        allowed = [n for n, effect in self._catalogue.effects.items() if effect != "denied"]
        near = difflib.get_close_matches(name, [*allowed, *READERS, *GENERATORS], n=1, cutoff=0.7)
        return ParseError(
            f"There is no function named {name}.",
            hint=f"Did you mean {near[0]}?" if near else None,
            line=line,
            column=column,
        )

    def _refused(self, node: Any, message: str, *, hint: str | None = None) -> NotAllowed:
        line, column = self._place(node)
        return NotAllowed(message, hint=hint, line=line, column=column)
