"""Layer 3: what the connection may do, whatever the SQL says.

DuckDB's own configuration, set in an order in which each step holds for the
next and locked at the end.
"""

from __future__ import annotations

import os

import duckdb

_Value = bool | int | str | list[str]

_CLOSED: dict[str, _Value] = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
_ORDINARY: dict[str, _Value] = {
    "max_expression_depth": 250,
    # A file rewritten within one stamp must be read again.
    "enable_external_file_cache": False,
    # Without it there is no progress to ask for; nothing is printed.
    "enable_progress_bar": True,
    "enable_progress_bar_print": False,
    "progress_bar_time": 0,
    "TimeZone": "UTC",
}
_LAST: dict[str, _Value] = {"enable_external_access": False, "lock_configuration": True}
_FOR_EVERY_CURSOR = frozenset({"max_execution_time", "max_expression_depth", "TimeZone"})
"""Settings of one connection, which its cursors would not inherit."""


def open_connection(
    *,
    readable: tuple[str, ...],
    scratch: str,
    memory_bytes: int,
    threads: int,
    temp_bytes: int,
    seconds: float,
    log_files: bool = False,
) -> duckdb.DuckDBPyConnection:
    """An empty in-memory database that can read some folders and nothing else.

    Parameters
    ----------
    readable
        Absolute folders. DuckDB grants reading *and writing* in them: that
        SQL does not write is for the gate, and for :mod:`.confining`.
    scratch
        Absolute folder of this worker, for spilling.
    memory_bytes, temp_bytes
        Of the buffer manager and of spilled rows.
    seconds
        Per statement, checked between operators only.
    log_files
        Record every opened file in ``duckdb_logs_parsed('FileSystem')``; the
        oracle of the lineage tests.

    Raises
    ------
    duckdb.Error
        The engine refused a setting: it is not the version we know.
    """
    spill = os.path.join(scratch, "spill")
    os.makedirs(spill, mode=0o700, exist_ok=True)
    # Must be known before the first statement: else a name in FROM finds a
    # Python variable of the process.
    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    if log_files:
        connection.execute("CALL enable_logging('FileSystem')")
    folders = [*dict.fromkeys(map(os.path.realpath, (*readable, scratch)))]
    limits: dict[str, _Value] = {
        "memory_limit": f"{memory_bytes}B",
        "threads": threads,
        "max_temp_directory_size": f"{temp_bytes}B",
        "max_execution_time": max(1, round(seconds * 1000)),
    }
    places: dict[str, _Value] = {"temp_directory": spill, "allowed_directories": folders}
    for name, value in {**_CLOSED, **limits, **_ORDINARY, **places, **_LAST}.items():
        scope = "GLOBAL " if name in _FOR_EVERY_CURSOR else ""
        connection.execute(f"SET {scope}{name} = {_literal(value)}")
    return connection


def _literal(value: _Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
