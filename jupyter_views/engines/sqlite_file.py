"""Opening a SQLite file so that it is one state, and nothing is written beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import quote

from ..core.errors import Canceled, EngineFailed, SourceLocked, ViewsError
from . import paths
from .finding import unreadable

_BUSY_SECONDS = 2.0
_STEPS = 20_000
_TRIES = 3
_BESIDE = ("", "-wal", "-journal")
_WAL = 2
_UNRECOVERED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
Connection = sqlite3.Connection
IsStopped = Callable[[], bool]


def read(
    path: str,
    name: str,
    scratch: str,
    is_stopped: IsStopped,
    use: Callable[[sqlite3.Connection], None],
) -> None:
    """Call ``use`` with a connection that sees one state of a SQLite file.

    The file is never written, nor is anything beside it. Where SQLite's own
    locks cannot guard that, the state is proved by the stamps of the files
    before and after, and ``use`` is called again when they moved.

    Parameters
    ----------
    name
        As people know it.
    scratch
        A folder for a copy, where only a copy can be opened.
    is_stopped
        Asked every few thousand steps; True ends the reading.

    Raises
    ------
    SourceLocked
        Another process holds or keeps changing the file.
    EngineFailed
        It is damaged, or holds text that is not UTF-8.
    """
    try:
        for _ in range(_TRIES):
            before = _stamps(path)
            with _opened(path, scratch, is_stopped) as (connection, is_guarded):
                use(connection)
            if is_guarded or _stamps(path) == before:
                return
    except sqlite3.Error as error:
        raise _explained(name, error) from None
    except OSError as error:
        raise unreadable(name, error) from None
    raise locked(name)


@contextmanager
def _opened(
    path: str, scratch: str, is_stopped: IsStopped
) -> Iterator[tuple[sqlite3.Connection, bool]]:
    """A connection, and whether SQLite's locks keep its state from changing."""
    copy = os.path.join(scratch, "copy.sqlite")
    ways = {
        "in place": f"file:{quote(path)}?mode=ro",
        "still": f"file:{quote(path)}?mode=ro&immutable=1",
        "copy": f"file:{quote(copy)}?mode=rw",
    }
    with ExitStack() as stack:
        stack.callback(_remove, copy)
        for way in _ways(path):
            if way == "copy":
                _copy(path, copy)
            connection = stack.enter_context(closing(_connected(ways[way], is_stopped)))
            try:
                # One transaction: the types that were found hold for the rows that are read.
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except sqlite3.OperationalError as error:
                if way == "copy" or _code(error) not in _UNRECOVERED:
                    raise
            else:
                yield connection, way == "in place"
                return


def _ways(path: str) -> tuple[str, ...]:
    """How to open a file so that nothing is written beside it, in the order of trying.

    ``in place`` under SQLite's locks; ``still``, without locks, where the log
    is empty and SQLite would make one; ``copy`` where what another process
    left behind must be recovered first, or may have to be.
    """
    with open(path, "rb") as file:
        header = file.read(20)
    if len(header) < 20 or header[18] != _WAL:
        return ("copy",) if _size(path + "-journal") else ("in place", "copy")
    if not _size(path + "-wal"):
        return ("still",)
    return ("in place", "copy") if os.path.exists(path + "-shm") else ("copy",)


def _connected(address: str, is_stopped: IsStopped) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address,
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        # The engine reads the rows on a thread of its own.
        check_same_thread=False,
        cached_statements=0,
    )
    connection.set_progress_handler(is_stopped, _STEPS)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _copy(path: str, copy: str) -> None:
    for ending in _BESIDE:
        if os.path.exists(path + ending):
            shutil.copyfile(path + ending, copy + ending)


def _remove(copy: str) -> None:
    for ending in (*_BESIDE, "-shm"):
        if os.path.exists(copy + ending):
            os.unlink(copy + ending)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _stamps(path: str) -> list[tuple[int, ...] | None]:
    found: list[tuple[int, ...] | None] = []
    for ending in _BESIDE:
        try:
            status = os.stat(path + ending)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
    return found


def locked(name: str) -> SourceLocked:
    """The error for a database that another process holds."""
    return SourceLocked(
        f"{paths.shown(name)} is open for writing in another process.",
        hint="Close it there, or wait: it is tried again by itself.",
        details={"source": paths.shown(name)},
    )


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _explained(name: str, error: sqlite3.Error) -> ViewsError:
    if _code(error) == sqlite3.SQLITE_INTERRUPT:
        return Canceled("The query was stopped.")
    if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return locked(name)
    why = str(error).split(" with text ")[0]
    return EngineFailed(
        f"{paths.shown(name)} cannot be read by SQLite: {why}.",
        hint="PRAGMA integrity_check says whether the file is damaged.",
    )
