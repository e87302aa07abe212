"""The file in which one state lives: parts of a query's result, and what they were made of."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping

import duckdb
import msgspec
from msgspec import Struct

from ..core.ports import Signature
from .columns import literal
from .incremental_trees import NotIncremental, Sql

STATE = "_jv_state"
"""The name under which the database of a state is attached; SQL of users may not say it."""

PART = "_jv_part"
"""The column, and the parameter, with the number of a part."""

PARTS = f"{STATE}.main.parts"
_ABOUT = f"{STATE}.main.about"
_ENDING = ".duckdb"
_LOG = ".wal"
# The smallest that there is: most states are small, and written at every run.
_BLOCK_BYTES = 16384


class Part(Struct, frozen=True, array_like=True):
    """What one file added: its number in the table of parts, and the token of the file.

    An empty token proves nothing; one that begins with a semicolon counts by
    its content alone.
    """

    number: int
    token: str


class Known(Struct, frozen=True, kw_only=True):
    """What a state says about itself.

    Attributes
    ----------
    full_us
        Microseconds that the last full run took.
    losses
        Incremental runs in a row that took longer.
    rest
        Full runs that are still to be done before the next attempt.
    identity
        Of all that every part depends on; empty without parts.
    statics
        Signatures of the inputs that must not move.
    files
        By path, those that have a part.
    next_number
        Of the next part.
    """

    full_us: int = 0
    losses: int = 0
    rest: int = 0
    identity: str = ""
    statics: tuple[Signature, ...] = ()
    files: dict[str, Part] = {}
    next_number: int = 0


class Database:
    """One state's database, attached to a connection only while it is used.

    Parameters
    ----------
    connection
        Of the run. No other statement may begin a transaction on it while
        the database is attached.
    folder
        Absolute; must exist.
    key
        Any text; equal for runs that may share their parts.

    Attributes
    ----------
    path
        Absolute, of the file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: str, key: str) -> None:
        self._connection = connection
        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        self.path = os.path.join(folder, name + _ENDING)
        self._is_attached = False
        self._is_changing = False

    def attach(self) -> None:
        """Open the file, or make it.

        Raises
        ------
        NotIncremental
            Another process has it open.
        duckdb.Error
            The file is damaged, or of another engine.
        """
        if not os.path.exists(self.path):
            # A log of another file, which the engine would believe.
            self._delete()
        self._is_attached = True
        try:
            self._connection.execute(
                f"ATTACH {literal(self.path)} AS {STATE} (BLOCK_SIZE {_BLOCK_BYTES})"
            )
        except duckdb.IOException as error:
            if "lock" in str(error):
                raise NotIncremental("another run uses its state") from None
            raise

    def detach(self) -> None:
        """Close the file; what was not committed is forgotten.

        What was committed may be lost as well, when the disk is full.
        """
        if self._is_changing:
            self._is_changing = False
            with contextlib.suppress(duckdb.TransactionException):
                self._connection.rollback()
        if self._is_attached:
            try:
                self._connection.execute(f"DETACH DATABASE IF EXISTS {STATE}")
            except duckdb.IOException:
                # It is detached, but could not be written to the end: a full disk.
                self._delete()
            self._is_attached = False

    def discard(self) -> None:
        """Delete the file; the next run begins anew."""
        with contextlib.suppress(duckdb.Error):
            self.detach()
        self._delete()

    def _delete(self) -> None:
        for path in (self.path, self.path + _LOG):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def begin(self) -> None:
        """Begin the one transaction of this use."""
        self._connection.begin()
        self._is_changing = True

    def commit(self) -> None:
        """Keep what was changed since :meth:`begin`."""
        self._is_changing = False
        self._connection.commit()

    def load(self) -> Known | None:
        """What was saved; None in a new file."""
        try:
            rows = self._connection.execute(f"SELECT body FROM {_ABOUT}").fetchall()  # noqa: S608
        except duckdb.CatalogException:
            return None
        return msgspec.json.decode(rows[0][0], type=Known) if rows else None

    def save(self, known: Known) -> None:
        """Replace what the state says about itself."""
        self._connection.execute(f"CREATE OR REPLACE TABLE {_ABOUT} (body VARCHAR)")
        body = msgspec.json.encode(known).decode()
        self._connection.execute(f"INSERT INTO {_ABOUT} VALUES ($1)", [body])  # noqa: S608

    def make(self, part: Sql, values: Mapping[str, object] | None) -> None:
        """Begin with an empty table of parts.

        Parameters
        ----------
        part
            SQL of one part; its first column is the part's number.
        values
            Of its parameters; the file may be any.
        """
        self.drop()
        self._connection.execute(f"CREATE TABLE {PARTS} AS {part.text} LIMIT 0", values)

    def drop(self) -> None:
        """Forget every part."""
        self._connection.execute(f"DROP TABLE IF EXISTS {PARTS}")

    def remove(self, parts: Iterable[Part]) -> None:
        """Delete the rows of some parts."""
        if numbers := [part.number for part in parts]:
            sql = f"DELETE FROM {PARTS} WHERE {PART} IN (SELECT unnest($1))"  # noqa: S608
            self._connection.execute(sql, [numbers])

    def add(self, part: Sql, values: Mapping[str, object] | None) -> int:
        """Insert the rows of one part; returns how many."""
        rows = self._connection.execute(f"INSERT INTO {PARTS} {part.text}", values).fetchall()
        return int(rows[0][0])
