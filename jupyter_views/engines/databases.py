"""Database files under their own names: DuckDB attached for reading, SQLite loaded."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack, closing

import duckdb

from ..core.errors import EngineFailed, NotAllowed
from ..core.ports import Read
from . import inside, paths, sqlite_file
from .columns import literal, quoted
from .failures import explain_failure
from .finding import unreadable
from .sqlite_table import Table
from .syntax import folded

_DUCKDB_AT, _DUCKDB_MAGIC = 8, b"DUCK"
_SQLITE_MAGIC = b"SQLite format 3\0"

_ABOUT_THE_RUN = (
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.InternalException,
    duckdb.FatalException,
)

Wanted = list[tuple[str, ...]]


class Databases:
    """Attaches the databases of one run.

    Parameters
    ----------
    connection, desk
        Runs the query; and a cursor of it for what is not a run.
    stack
        Takes what undoes each step.
    scratch
        Folder for a copy of a SQLite file, where one is needed.
    is_stopped
        Whether somebody has stopped the run.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        desk: duckdb.DuckDBPyConnection,
        stack: ExitStack,
        scratch: str,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._stack = stack
        self._scratch = scratch
        self._is_stopped = is_stopped
        self._names: set[str] = set()
        self._paths: set[str] = set()

    def attach(self, read: Read, wanted: Wanted) -> bool:
        """Make ``wanted`` tables of a database readable; whether they change by themselves.

        Parameters
        ----------
        wanted
            Schema and name of tables, or the name alone.

        Raises
        ------
        SourceLocked
            Another process holds the file.
        NotAllowed, EngineFailed
            It is no database, holds no such table, or one that may not be read.
        """
        path, shown = read.path or "", paths.shown(read.name)
        if path in self._paths or folded(read.name) in self._names:
            raise NotAllowed(
                f"{shown} is named in two ways, or two files by one name.",
                hint="Write its name alike everywhere.",
            )
        self._paths.add(path)
        self._names.add(folded(read.name))
        if _is_sqlite(path, read.name):
            return self._load(read, wanted)
        try:
            self._attach(path, read.name, "(TYPE duckdb, READ_ONLY)")
        except _ABOUT_THE_RUN:
            raise
        except duckdb.Error as error:
            raise _unusable(error, read.name) from None
        return inside.check(self._desk, read.name, shown, wanted)

    def _attach(self, path: str, name: str, options: str = "") -> None:
        self._connection.execute(f"ATTACH {literal(path)} AS {quoted(name)} {options}")
        self._stack.callback(self._connection.execute, f"DETACH {quoted(name)}")

    def _load(self, read: Read, wanted: Wanted) -> bool:
        self._attach(":memory:", read.name)
        tables: list[Table] = []

        def use(connection: sqlite_file.Connection) -> None:
            tables[:] = [
                self._copy(connection, name, read.name)
                for name in _names(connection, wanted, paths.shown(read.name))
            ]

        sqlite_file.read(read.path or "", read.name, self._scratch, self._is_stopped, use)
        return any(table.is_volatile for table in tables)

    def _copy(self, connection: sqlite_file.Connection, name: str, database: str) -> Table:
        table = Table(connection, name)
        columns = ", ".join(
            f"#{at}" if cast is None else f"CAST(#{at} AS {cast}) AS {quoted(column)}"
            for at, (column, cast) in enumerate(zip(table.names, table.casts, strict=True), 1)
        )
        target = f"{quoted(database)}.main.{quoted(name)}"
        given = f"rows_{secrets.token_hex(8)}"
        with closing(table.reader()) as reader:
            self._connection.register(given, reader)
            try:
                query = f"SELECT {columns} FROM {given}"  # noqa: S608 - quoted names
                self._connection.execute(f"CREATE OR REPLACE TABLE {target} AS {query}")
            except duckdb.Error:
                if table.error is not None:
                    raise table.error from None
                raise
            finally:
                self._connection.unregister(given)
        return table


def _unusable(error: duckdb.Error, name: str) -> EngineFailed:
    if "Could not set lock" in str(error):
        return sqlite_file.locked(name)
    why = explain_failure(error, "").message
    return EngineFailed(f"{paths.shown(name)} cannot be opened. {why}")


def _is_sqlite(path: str, name: str) -> bool:
    """Whether a file is of SQLite; no for one of DuckDB."""
    try:
        with open(path, "rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        raise EngineFailed(
            f"There is no file {paths.shown(name)}.",
            hint="File names start from the notebook's folder.",
        ) from None
    except OSError as error:
        raise unreadable(name, error) from None
    if header == _SQLITE_MAGIC:
        return True
    if header[_DUCKDB_AT:].startswith(_DUCKDB_MAGIC):
        return False
    raise EngineFailed(
        f"{paths.shown(name)} is not a database of DuckDB or SQLite.",
        hint="Name a file that one of them has written.",
    )


def _names(connection: sqlite_file.Connection, wanted: Wanted, shown: str) -> list[str]:
    """The wanted tables and views as SQLite spells them, each once."""
    there = {
        folded(name): name
        for (name,) in connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
    }
    found: dict[str, None] = {}
    for parts in wanted:
        *schema, name = map(folded, parts)
        if schema not in ([], ["main"]) or name not in there:
            raise inside.no_table(
                ".".join(parts), shown, [("main", each) for each in there.values()]
            )
        found[there[name]] = None
    return list(found)
