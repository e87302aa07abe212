"""What must hold of a store after any fault, looked at from outside: SQLite and files alone.

The numbers are those of the list of invariants that the fault tests share.
I9 belongs to the audit log; I6 and half of I5 are constraints of the tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import time
from pathlib import Path

import pyarrow as pa

_STATES = {"PLANNED", "QUEUED", "RUNNING", "SUCCESS", "FAILED", "CANCELED"}
_FINAL = {"PLANNED", "SUCCESS", "FAILED", "CANCELED"}
_SKEW = 60 * 1_000_000
# A file's stamps go by the system's tick, which may lie this far behind the clock.
_STAMP = 50_000
_BURIAL_SECONDS = 10.0
_SECRET = re.compile(rb"vk_[A-Za-z0-9_-]{20,}")


def check_store(folder: Path, *, is_stopped: bool = True) -> None:
    """Raise AssertionError naming the first invariant that a store breaks.

    Parameters
    ----------
    folder
        ``store_dir`` of the server.
    is_stopped
        No server runs on it: then nothing may be left in flight by a server
        that was told to stop, and files can be counted. While one runs, what
        its workers write must belong to a statement in flight.
    """
    connection = sqlite3.connect(f"file:{folder / 'views.sqlite'}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        _database_is_whole(connection)
        _rows_have_files(connection, folder)
        if is_stopped:
            _files_have_rows(connection, folder)
            _no_server_has_left_anything(folder)
        else:
            _no_temporary_file_outlives_its_statement(connection, folder)
        _states_are_legal(connection)
        _leases_are_single(connection)
        _versions_have_no_holes(connection)
        _instants_are_in_order(connection)
        _deleted_things_are_gone(connection)
    finally:
        connection.close()
    _no_secret_is_in_clear(folder)


def _database_is_whole(connection: sqlite3.Connection) -> None:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    assert found == ["ok"], f"I1: {found}"
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    assert not orphans, f"I1: {[tuple(row) for row in orphans]}"


def _rows_have_files(connection: sqlite3.Connection, folder: Path) -> None:
    served = connection.execute(
        "SELECT v.short_id, r.sha256, r.row_count FROM views v "
        "JOIN statements s ON s.id = v.current_statement_id "
        "LEFT JOIN results r ON r.id = s.result_id"
    ).fetchall()
    for view in served:
        assert view["sha256"], f"I2: view {view['short_id']} serves a statement without rows"
        sha256 = view["sha256"]
        path = folder / "results" / sha256[:2] / f"{sha256}.arrow"
        assert path.is_file(), f"I2: the rows of view {view['short_id']} have no file"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        assert digest == view["sha256"], f"I2: the rows of view {view['short_id']} are damaged"
        with pa.memory_map(str(path)) as source:
            rows = pa.ipc.open_file(source).read_all().num_rows
        assert rows == view["row_count"], f"I2: view {view['short_id']} counts {rows} rows"


def _files_have_rows(connection: sqlite3.Connection, folder: Path) -> None:
    old = time.time() - 3600
    for place in ("results", "frames"):
        named = {row[0] for row in connection.execute(f"SELECT sha256 FROM {place}")}
        for path in (folder / place).rglob("*"):
            if path.is_dir() or path.stem in named:
                continue
            assert path.stat().st_mtime > old, f"I3: no row of {place} names {path.name}"


def _no_server_has_left_anything(folder: Path) -> None:
    for place in ("scratch", "encoded"):
        left = [str(path.relative_to(folder)) for path in (folder / place).glob("*/**/*")]
        assert not left, f"I3: {left[:5]}"


def _no_temporary_file_outlives_its_statement(connection: sqlite3.Connection, folder: Path) -> None:
    """While servers run; a worker that died is buried in the background, so not at once."""
    deadline = time.monotonic() + _BURIAL_SECONDS
    while late := _late_files(connection, folder):
        assert time.monotonic() < deadline, f"I3: {late[:5]}"
        time.sleep(0.1)


def _late_files(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """What workers have written for a statement that is over; a server writes for its own."""
    began = dict(
        connection.execute(
            "SELECT server_id, min(submitted_at) FROM statements "
            "WHERE completed_at IS NULL GROUP BY server_id"
        ).fetchall()
    )
    late = []
    for path in (folder / "scratch").glob("*/engine-*/run-*/**/*"):
        since = began.get(path.relative_to(folder / "scratch").parts[0])
        with contextlib.suppress(FileNotFoundError):
            is_older = since is None or path.stat().st_mtime * 1e6 < since - _STAMP
            if is_older and path.is_file() and path.name != "stderr":
                late.append(str(path.relative_to(folder)))
    return late


def _states_are_legal(connection: sqlite3.Connection) -> None:
    for row in connection.execute("SELECT id, status, result_id, completed_at FROM statements"):
        assert row["status"] in _STATES, f"I4: {row['id']} is {row['status']}"
        is_final = row["status"] in _FINAL
        assert is_final == (row["completed_at"] is not None), f"I4: {row['id']} {row['status']}"
        assert row["status"] == "SUCCESS" or row["result_id"] is None, f"I4: {row['id']}"


def _leases_are_single(connection: sqlite3.Connection) -> None:
    twice = connection.execute(
        "SELECT fingerprint FROM statements WHERE status IN ('QUEUED', 'RUNNING') "
        "AND strategy = 'execute' GROUP BY fingerprint HAVING count(*) > 1"
    ).fetchall()
    assert not twice, f"I5: {[row[0] for row in twice]}"
    lost = connection.execute(
        "SELECT v.short_id FROM views v JOIN statements s ON s.id = v.refreshing_statement_id "
        "WHERE s.status NOT IN ('QUEUED', 'RUNNING')"
    ).fetchall()
    assert not lost, f"I5: a refresh that ended still holds {[row[0] for row in lost]}"


def _versions_have_no_holes(connection: sqlite3.Connection) -> None:
    for row in connection.execute(
        "SELECT v.short_id, v.current_version AS n, count(*) AS versions, max(n.n) AS newest "
        "FROM views v LEFT JOIN versions n ON n.view_id = v.id GROUP BY v.id"
    ):
        assert row["versions"] == row["newest"] == row["n"], f"I7: {dict(row)}"


def _instants_are_in_order(connection: sqlite3.Connection) -> None:
    latest = time.time_ns() // 1000 + _SKEW
    for row in connection.execute("SELECT id, computed_at, saved_at FROM results"):
        assert row["computed_at"] <= row["saved_at"] <= latest, f"I8: {dict(row)}"


def _deleted_things_are_gone(connection: sqlite3.Connection) -> None:
    for table in ("versions", "grants", "perspectives", "upstreams", "decisions"):
        left = connection.execute(
            f"SELECT count(*) FROM {table} WHERE view_id NOT IN (SELECT id FROM views)"
        ).fetchone()[0]
        assert left == 0, f"I10: {left} rows of {table} outlive their view"


def _no_secret_is_in_clear(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in {".arrow"}:
            assert not _SECRET.search(path.read_bytes()), f"I11: a key is readable in {path.name}"
