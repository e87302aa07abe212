"""A store looked at from outside: nothing is opened for writing, nothing is made or mended.

For the doctor, who is asked when a server does not run, or does not run well.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from ..core.model import Instant
from .database import HEAD

_DAMAGE_SHOWN = 5
_LOCK_SECONDS = 2.0


class StoredView(Struct, frozen=True, kw_only=True):
    """What the rows say of a view without looking at its sources.

    Attributes
    ----------
    key
        Its slug, or its short_id where it has none.
    failures
        Refreshes that failed since the last good one.
    error
        Message of the last one.
    has_rows
        Whether a result is named and its file is there.
    is_unverifiable
        A source of the current rows could not be identified.
    """

    key: str
    auto_refresh: bool
    failures: int
    error: str | None
    has_rows: bool
    changed_at: Instant | None
    is_unverifiable: bool


class Inspection(Struct, frozen=True, kw_only=True):
    """What was found in a store's folder.

    Attributes
    ----------
    is_private
        Nobody else may enter the folder.
    problem
        Why the metadata cannot be read; None when they can.
    revision
        Of the schema; None where there is none.
    damage
        What the database itself calls broken.
    missing
        Files of results that a row names and that are absent or of another size.
    orphan_bytes
        Size of result files that no row names.
    newest
        When the youngest rows were computed; None without rows.
    """

    is_there: bool
    is_private: bool = True
    problem: str | None = None
    revision: str | None = None
    damage: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    orphan_count: int = 0
    orphan_bytes: int = 0
    result_count: int = 0
    newest: Instant | None = None
    views: tuple[StoredView, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether this release reads the schema as it is."""
        return self.revision == HEAD

    @property
    def is_newer(self) -> bool:
        """Whether a newer release wrote the schema."""
        return self.revision is not None and self.revision > HEAD


def inspect(folder: Path) -> Inspection:
    """Look at the store in a folder; takes as long as reading its metadata once."""
    if not folder.is_dir():
        return Inspection(is_there=False)
    found = folder.stat()
    is_private = os.name != "posix" or not stat.S_IMODE(found.st_mode) & 0o077
    path = folder / "views.sqlite"
    if not path.is_file():
        return Inspection(is_there=False, is_private=is_private)
    # Whoever has the store open has a log beside it. Without one it is read as a
    # file that nobody writes to: SQLite would make a log, and leave it there.
    is_open = _log_of(path).exists()
    found = _looked(path, folder, is_private, is_open=is_open)
    if not is_open and _log_of(path).exists():
        return _looked(path, folder, is_private, is_open=True)
    return found


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _looked(path: Path, folder: Path, is_private: bool, *, is_open: bool) -> Inspection:
    try:
        with closing(_opened(path, is_open=is_open)) as connection:
            return _inspected(connection, folder, is_private)
    except sqlite3.Error as error:
        return Inspection(is_there=True, is_private=is_private, problem=_words(error))


def _opened(path: Path, *, is_open: bool) -> sqlite3.Connection:
    how = "mode=ro" if is_open else "mode=ro&immutable=1"
    address = f"file:{quote(str(path.resolve()))}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only=ON")
    return connection


def _words(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return "another program holds its file locked"
    if "unable to open" in text:
        return "its file cannot be opened"
    return "its file is damaged"


def _inspected(connection: sqlite3.Connection, folder: Path, is_private: bool) -> Inspection:
    damage = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    damage += [f"a row of {row[0]} names a row that is not there" for row in orphans]
    facts: dict[str, Any] = {
        "is_there": True,
        "is_private": is_private,
        "revision": _revision(connection),
        "damage": tuple(damage[:_DAMAGE_SHOWN]),
    }
    if facts["revision"] != HEAD:
        return Inspection(**facts)
    sizes = dict(_results(connection))
    files = {path.stem: path.stat().st_size for path in _files(folder)}
    missing = {sha256 for sha256, size in sizes.items() if files.get(sha256) != size}
    unnamed = files.keys() - sizes.keys()
    newest = connection.execute("SELECT max(computed_at) FROM results").fetchone()[0]
    return Inspection(
        **facts,
        missing=tuple(sorted(missing)),
        orphan_count=len(unnamed),
        orphan_bytes=sum(files[name] for name in unnamed),
        result_count=len(sizes),
        newest=newest,
        views=tuple(_views(connection, missing)),
    )


def _revision(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return row[0] if row else None


def _results(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    for row in connection.execute("SELECT sha256, size_bytes FROM results"):
        yield row["sha256"], row["size_bytes"]


def _files(folder: Path) -> Iterator[Path]:
    yield from (folder / "results").glob("*/*.arrow")


_VIEWS = """
SELECT v.short_id, p.slug, v.auto_refresh, v.failures, v.changed_at,
       r.sha256, r.signatures, last.error
FROM views v
LEFT JOIN perspectives p ON p.view_id = v.id
LEFT JOIN statements s ON s.id = v.current_statement_id
LEFT JOIN results r ON r.id = s.result_id
LEFT JOIN statements last ON last.id = v.last_refresh_statement_id AND last.status = 'FAILED'
ORDER BY v.id
"""


def _views(connection: sqlite3.Connection, missing: set[str]) -> Iterator[StoredView]:
    for row in connection.execute(_VIEWS):
        error = json.loads(row["error"]) if row["error"] else None
        signatures = json.loads(row["signatures"]) if row["signatures"] else []
        yield StoredView(
            key=row["slug"] or row["short_id"],
            auto_refresh=bool(row["auto_refresh"]),
            failures=row["failures"],
            error=str(error.get("message")) if error else None,
            has_rows=row["sha256"] is not None and row["sha256"] not in missing,
            changed_at=row["changed_at"],
            is_unverifiable=any(each.get("strength") == "none" for each in signatures),
        )
