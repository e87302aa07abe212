"""Layers 3 and 4: what the connection and the process may do, whatever the SQL says.

Layer 3 is DuckDB's own configuration, set in an order in which each step
holds for the next and locked at the end. Layer 4 is the operating system's:
limits that hold even where the engine forgets its own (``repeat('x', 4e9)``
and ``generate_series(1, 2e9)`` pass its memory limit).
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig

import duckdb

from . import landlock

if sys.platform != "win32":
    import resource

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

_OPEN_FILES = 1024
_HEADROOM_BYTES = 2 * 2**30
"""Address space beside the queries' own: Python, DuckDB, Arrow and stacks take 1.05 GiB
of it before the first query, most of it never touched; the allocator keeps freed ranges."""


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
        SQL does not write is for the gate, and for :func:`confine`.
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


def confine(
    *,
    readable: tuple[str, ...],
    writable: tuple[str, ...],
    memory_bytes: int,
    file_bytes: int,
    nice: int,
) -> tuple[str, ...]:
    """Bind this whole process, once and for good, before it sees any SQL of a user.

    Parameters
    ----------
    readable, writable
        Absolute folders. Where the kernel has landlock, nothing else opens,
        apart from what Python itself needs, and nothing is written elsewhere.
    memory_bytes
        Address space for queries, at least twice the connection's memory
        limit: after sorts, joins and aggregates at their limit the process
        held 2.7 times that limit, with 2 GiB of head-room (added here)
        counted off it 1.8 times.
    file_bytes
        Of the largest file that may be written.
    nice
        Added to the process's niceness; 0 or more.

    Returns
    -------
    tuple of str
        The layers that hold here, of ``memory_limit``, ``file_limit``,
        ``no_core``, ``open_files``, ``no_new_privs``, ``landlock``,
        ``landlock_network``. A system that lacks one gives a shorter tuple,
        never an error.
    """
    held: list[str] = []
    os.umask(0o077)
    if nice > 0 and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(nice)
    held += _limits(memory_bytes + _HEADROOM_BYTES, file_bytes)
    held += landlock.restrict(
        readable=(*_runtime_folders(), *readable, *writable), writable=writable
    )
    return tuple(held)


def _limits(address_bytes: int, file_bytes: int) -> list[str]:
    if sys.platform == "win32":
        return []
    held = []
    for name, kind, amount in (
        ("memory_limit", resource.RLIMIT_AS, address_bytes),
        ("file_limit", resource.RLIMIT_FSIZE, file_bytes),
        ("no_core", resource.RLIMIT_CORE, 0),
        ("open_files", resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            limit = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
            resource.setrlimit(kind, (limit, limit))
            held.append(name)
    return held


def _runtime_folders() -> tuple[str, ...]:
    """What Python, Arrow and time zones open after the start, and no more.

    Not the process's working folder, although it stands on ``sys.path``; nor
    ``/proc`` with the environment of this process. DuckDB 2.0 aborts when it
    sees that control groups exist but may not look at its own.
    """
    modules = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    modules |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    libraries = (os.path.join(sys.base_prefix, "lib"), "/lib", "/lib64", "/usr/lib")
    zones = ("/usr/share/zoneinfo", "/etc/localtime")
    machine = ("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices/system/cpu")
    devices = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom", *machine)
    found = {*modules, os.path.dirname(os.path.dirname(duckdb.__file__)), package}
    return tuple(sorted({*filter(None, found), *libraries, *zones, *devices}))
