"""Opening the metadata store: one file, two engines, numbered revisions.

SQLite waits for a lock only when the transaction says from its first word
that it will write; a read that turns into a write fails at once. So writes go
through one connection that begins IMMEDIATE, reads through others that
cannot write at all.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import make_url

from ..core.errors import Unavailable

HEAD = "0003"
T = TypeVar("T")
_MIGRATIONS = Path(__file__).parent / "migrations"
_CURSORS = "cursors"
_UNWRITABLE = ("disk I/O error", "readonly database", "unable to open database file")


class Database:
    """The metadata store, open.

    Parameters
    ----------
    url
        A SQLAlchemy URL; ``sqlite:///…`` by default, PostgreSQL works too.

    Raises
    ------
    Unavailable
        If the store was written by a newer release, is damaged, or is held
        by another writer for longer than 5 s.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        if self._is_sqlite:
            _make_private(str(self._url.database))
            self._writer = self._sqlite_engine(
                begin="BEGIN IMMEDIATE", pool_size=1, reads_only=False
            )
            self._reader = self._sqlite_engine(begin="BEGIN", pool_size=8, reads_only=True)
        else:
            self._writer = self._reader = create_engine(self._url)
        self._migrate()
        self._file = _identity(str(self._url.database)) if self._is_sqlite else None
        self._watcher = (
            sqlite3.connect(str(self._url.database), check_same_thread=False, timeout=0)
            if self._is_sqlite
            else None
        )

    def _sqlite_engine(self, *, begin: str, pool_size: int, reads_only: bool) -> Engine:
        engine = create_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=0,
            connect_args={"check_same_thread": False, "timeout": 5.0},
        )

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _: Any) -> None:
            connection.isolation_level = None
            for pragma in (
                "busy_timeout=5000",
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                f"query_only={'ON' if reads_only else 'OFF'}",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        @event.listens_for(engine, "after_cursor_execute")
        def _remember(connection: Connection, cursor: Any, *_: Any) -> None:
            connection.info.setdefault(_CURSORS, []).append(cursor)

        return engine

    def _migrate(self) -> None:
        # Alembic takes 100 ms to import, so it is asked only when there is work.
        try:
            with self._writer.connect() as connection:
                found = self._revision(connection)
        except exc.DatabaseError as error:
            raise Unavailable(
                "The store cannot be opened: its file is damaged or held by another writer.",
                hint="The file was left as it is: bring back a copy of it, or move it away.",
                retry_after_seconds=5,
            ) from error
        if found == HEAD:
            return
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        try:
            with self._writer.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise Unavailable(
                "The store was written by a newer release of Jupyter Views.",
                hint="Upgrade this server; the store was left as it is.",
                retry_after_seconds=30,
            ) from error

    def _revision(self, connection: Connection) -> str | None:
        if not connection.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look; whatever it sees, it saw at one instant."""
        with self._translated(), self._reader.begin() as connection:
            try:
                yield connection
            finally:
                _let_go(connection)

    @contextmanager
    def write(self, *, is_forced: bool = True) -> Iterator[Connection]:
        """One transaction, committed whole on exit or rolled back whole.

        Parameters
        ----------
        is_forced
            Whether it is on the disk when this returns. Else it outlives the
            server's end at any moment, and the machine's loss of power within
            seconds may take the last of them back, in order and each whole:
            for what can be done again, such as a run.
        """
        self._require_file()
        with self._translated(), self._writer.connect() as connection:
            if self._is_sqlite:
                level = "FULL" if is_forced else "NORMAL"
                raw: Any = connection.connection.driver_connection
                raw.execute(f"PRAGMA synchronous={level}")
            with connection.begin():
                try:
                    yield connection
                finally:
                    _let_go(connection)

    def _require_file(self) -> None:
        # SQLite goes on writing to a file that was removed, and nobody would ever read it.
        if self._is_sqlite and _identity(str(self._url.database)) != self._file:
            raise Unavailable(
                "The store's file was moved or deleted while the server ran.",
                hint="Bring it back, or restart the server to begin anew.",
                retry_after_seconds=30,
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (exc.OperationalError, exc.TimeoutError) as error:
            if "disk is full" in str(error):
                raise Unavailable(
                    "The disk that holds the store is full.",
                    hint="Make room and try again; nothing was half saved.",
                    retry_after_seconds=30,
                ) from error
            if any(words in str(error) for words in _UNWRITABLE):
                raise Unavailable(
                    "The store's file cannot be written or read.",
                    hint="Look whether its disk is read-only or broken; nothing was half saved.",
                    retry_after_seconds=30,
                ) from error
            if "no such column" in str(error) or "no such table" in str(error):
                raise Unavailable(
                    "The store has another form than this release expects.",
                    hint="Move its file away to begin anew, or install the release that made it.",
                    retry_after_seconds=30,
                ) from error
            raise Unavailable(
                "The store did not answer in time.",
                hint="Another server may be writing; try again.",
                retry_after_seconds=2,
            ) from error

    def version(self) -> int | None:
        """A number that changes with every commit of anybody; None where none is cheap.

        SQLite reads it from memory that its processes share: a few
        microseconds, no lock, no disk. So it may be asked on the event loop.
        """
        if self._watcher is None:
            return None
        try:
            return self._watcher.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:
            return None

    def check(self) -> list[str]:
        """Damage found by the database itself; an empty list is health."""
        if not self._is_sqlite:
            return []
        with self.read() as connection:
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [line for line in found if line != "ok"] + [f"orphan row {row}" for row in orphans]

    def close(self) -> None:
        """Close every connection."""
        if self._watcher is not None:
            self._watcher.close()
        self._writer.dispose()
        self._reader.dispose()


def _let_go(connection: Connection) -> None:
    """Close what was not read to its end.

    SQLite keeps the snapshot of a transaction that has ended for as long as
    a cursor of it is open, and the connection's next transaction would still
    see that.
    """
    for cursor in connection.info.pop(_CURSORS, ()):
        cursor.close()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: str) -> None:
    # SQLite gives its journal files the permissions of the main one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


class Memo(Generic[T]):
    """Rows remembered for as long as nobody commits anything, here or in another process.

    So a reader of the same view a thousand times a second costs no thread and
    no SQL, and a revoked key or grant still bites on the very next request.
    """

    def __init__(self, database: Database, size: int = 1000) -> None:
        self._database = database
        self._size = size
        # Each with the version that it was read at, for several threads fill this at once.
        self._rows: dict[str, tuple[int, T]] = {}
        self._version: int | None = None

    def get(self, key: str) -> T | None:
        """What was put under this key, if the store is still as it was then."""
        found = self._rows.get(key)
        if found is None or found[0] != self._database.version():
            return None
        return found[1]

    def put(self, key: str, row: T, version: int | None) -> None:
        """Remember a row that was read when the store was at this version."""
        if version is None:
            return
        if version != self._version or len(self._rows) >= self._size:
            self._rows.clear()
            self._version = version
        self._rows[key] = version, row


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter.

    Raises
    ------
    Unavailable
        If it exists and others may read it, or it belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if os.name == "posix" and (stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid()):
        raise Unavailable(
            f"Others may enter the store's folder {path.name}.",
            hint="Make it private: chmod 700, owned by the user who runs the server.",
            retry_after_seconds=30,
        )
    return path
