"""What stands in an attached database file: tables as they are, views only if harmless.

A file may come from anybody. Its tables may have columns that are computed
when they are read, its views and macros may do anything that SQL can, other
files and the clock included. So what a query names there is walked like the
query itself, and may lead to tables of the same file and nowhere else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import duckdb

from ..core.errors import EngineFailed, NotAllowed, ParseError, ViewsError
from . import gate, paths, syntax
from .catalog import catalogue
from .lineage import Lineage
from .syntax import folded

_MOST_NAMES = 12

Name = tuple[str, str]
"""Schema and name of a table or view, folded."""


class Objects(NamedTuple):
    """The catalogue of one attached database.

    Attributes
    ----------
    tables
        Expressions of the computed columns, by name.
    views
        The statement that made it, by name.
    macros
        Names that a call inside may mean in place of the engine's own.
    """

    tables: dict[Name, list[str]]
    views: dict[Name, str]
    macros: frozenset[str]


def objects(connection: duckdb.DuckDBPyConnection, alias: str) -> Objects:
    """What the database attached as ``alias`` holds."""
    tables: dict[Name, list[str]] = {}
    for schema, name in _rows(
        connection,
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1",
        alias,
    ):
        tables[folded(schema), folded(name)] = []
    for schema, name, expression in _rows(
        connection,
        "SELECT schema_name, table_name, generation_expression FROM duckdb_columns() "
        "WHERE database_name = $1 AND is_generated",
        alias,
    ):
        tables.setdefault((folded(schema), folded(name)), []).append(expression)
    views = {
        (folded(schema), folded(name)): sql
        for schema, name, sql in _rows(
            connection,
            "SELECT schema_name, view_name, sql FROM duckdb_views() "
            "WHERE database_name = $1 AND NOT internal",
            alias,
        )
    }
    macros = _rows(
        connection,
        "SELECT function_name FROM duckdb_functions() WHERE database_name = $1",
        alias,
    )
    return Objects(tables, views, frozenset(folded(name) for (name,) in macros))


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, alias: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql, [alias]).fetchall()


class Inside(Lineage):
    """A walk over a view or an expression of a database file.

    Attributes
    ----------
    named
        Tables and views that it names; all are in the same database.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, alias: str, schema: str, known: Objects
    ) -> None:
        nowhere = paths.Folders("/", ())
        super().__init__(catalogue(connection), {}, {}, {}, nowhere, lambda node: (None, None))
        self._alias = folded(alias)
        self._schema = schema
        self._objects = known
        self.named: list[Name] = []

    def _named(self, node: dict[str, Any], path: list[str]) -> None:
        parts = [folded(part) for part in path]
        if len(parts) == 3 and parts[0] == self._alias:
            parts = parts[1:]
        for name in self._meant(parts):
            if name in self._objects.tables or name in self._objects.views:
                self.named.append(name)
                return
        raise NotAllowed(f"It reads {paths.shown('.'.join(path))}, which is not in the file.")

    def _meant(self, parts: list[str]) -> list[Name]:
        if len(parts) == 1:
            return [(self._schema, parts[0]), ("main", parts[0])]
        return [(parts[0], parts[1])] if len(parts) == 2 else []

    def _table_function(self, node: dict[str, Any], ctes: frozenset[str]) -> None:
        self._refuse_macro(node["function"])
        super()._table_function(node, ctes)

    def _function(self, node: dict[str, Any]) -> None:
        self._refuse_macro(node)
        super()._function(node)

    def _refuse_macro(self, call: dict[str, Any]) -> None:
        name = call["qualified_name"]["path"][-1]
        if folded(name) in self._objects.macros:
            raise NotAllowed(f"It calls {name}(), which the file defines itself.")

    def _resolved(self, node: dict[str, Any], name: str, resolve: Any) -> str:
        raise NotAllowed(f"It reads {paths.shown(name)}, which is not in the file.")


def check(
    connection: duckdb.DuckDBPyConnection,
    alias: str,
    shown: str,
    wanted: list[tuple[str, ...]],
) -> bool:
    """Whether what is named in a database changes by itself; raises when it may not be read.

    Parameters
    ----------
    connection
        A cursor of the one that the database is attached to.
    alias, shown
        The database's name in SQL, and the one for messages.
    wanted
        Schema and name of tables and views, or the name alone.

    Raises
    ------
    EngineFailed
        There is no such table.
    NotAllowed
        A view or computed column reaches outside the file, or cannot be
        understood.
    """
    known = objects(connection, alias)
    waiting = [_found(parts, known, shown) for parts in wanted]
    seen: set[Name] = set()
    is_volatile = False
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for sql in _texts(name, known):
            inside = Inside(connection, alias, name[0], known)
            try:
                _walk(connection, inside, sql)
            except ViewsError as error:
                raise _refused(name, known, shown, error) from None
            waiting += inside.named
            is_volatile = is_volatile or bool(inside.volatile)
    return is_volatile


def _texts(name: Name, known: Objects) -> list[str]:
    if name in known.views:
        return [_body(known.views[name])]
    return [f"SELECT {expression}" for expression in known.tables[name]]


def _walk(connection: duckdb.DuckDBPyConnection, inside: Inside, sql: str) -> None:
    answer, _ = syntax.parse(connection, sql)
    if answer["error"] or len(answer["statements"]) != 1:
        raise ParseError("It could not be understood.")
    gate.walked(inside, answer["statements"][0]["node"])


def _body(sql: str) -> str:
    """The query of ``CREATE VIEW name (columns) AS query;``, found by the engine's own tokens."""
    text = sql.encode()
    for at, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.keyword and text[at : at + 2].upper() == b"AS":
            return text[at + 2 :].decode().rstrip().removesuffix(";")
    return ""


def _found(parts: tuple[str, ...], known: Objects, shown: str) -> Name:
    schema, name = parts if len(parts) == 2 else ("main", *parts)
    wanted = folded(schema), folded(name)
    if wanted in known.tables or wanted in known.views:
        return wanted
    raise no_table(".".join(parts), shown, [*known.tables, *known.views])


def no_table(name: str, shown: str, names: list[Name]) -> EngineFailed:
    """The error for a table that a database does not have, with those that it has."""
    there = sorted(each if schema == "main" else f"{schema}.{each}" for schema, each in names)
    listed = ", ".join(there[:_MOST_NAMES])
    return EngineFailed(
        f"There is no table {name} in {shown}.",
        hint=f"Tables there: {listed}." if there else "It has no tables.",
    )


def _refused(name: Name, known: Objects, shown: str, error: ViewsError) -> NotAllowed:
    what = "view" if name in known.views else "table with a computed column"
    return NotAllowed(
        f"{name[1]} in {shown} is a {what} that may not be read. {error.message}",
        hint="Read the tables of the file instead; a view there may use only them.",
    )
