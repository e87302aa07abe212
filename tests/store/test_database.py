from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import literal_column, select, text

from jupyter_views.core.errors import Unavailable
from jupyter_views.core.model import Frame
from jupyter_views.store.database import Database, private_folder
from jupyter_views.store.opened import Store
from jupyter_views.store.results import EncodedCache
from jupyter_views.store.tables import metadata


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'views.sqlite'}")
    yield opened
    opened.close()


def test_the_revisions_build_exactly_the_tables_that_the_code_uses(database):
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def broken_off(opened) -> Exception:
    """The error that ended a look half way; it holds the rows that nobody fetched."""
    try:
        with opened as connection:
            rows = connection.execute(select(literal_column("n")).select_from(text("t")))
            raise ValueError(f"{rows.fetchone()} is enough")
    except ValueError as error:
        return error
    raise AssertionError("There were no rows.")


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_look_that_was_broken_off_leaves_no_connection_on_what_it_saw(tmp_path, kind):
    path = tmp_path / "views.sqlite"
    first, second = (Database(f"sqlite:///{path}") for _ in range(2))
    with first.write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1), (2), (3)")

    errors = [broken_off(getattr(first, kind)()) for _ in range(8)]
    with second.write() as connection:
        connection.exec_driver_sql("DELETE FROM t")

    with getattr(first, kind)() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, len(errors)) == (0, 8)
    first.close()
    second.close()


def test_opening_twice_is_harmless(tmp_path):
    url = f"sqlite:///{tmp_path / 'views.sqlite'}"
    Database(url).close()
    again = Database(url)

    assert again.check() == []
    again.close()


def test_it_is_wal_fully_synchronous_and_keeps_foreign_keys(database):
    with database.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_F07_a_store_from_a_newer_release_is_refused_and_kept(tmp_path):
    path = tmp_path / "views.sqlite"
    Database(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(Unavailable, match="newer release"):
        Database(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_F07_a_damaged_store_is_refused_and_kept(tmp_path):
    path = tmp_path / "views.sqlite"
    path.write_bytes(b"this is not a database" * 100)

    with pytest.raises(Unavailable, match="damaged"):
        Database(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is not")


def test_F08_a_writer_waits_for_another_writer(tmp_path, database):
    other = sqlite3.connect(
        tmp_path / "views.sqlite", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()

    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM frames")
    other.close()


def test_a_reading_connection_cannot_write(database):
    with pytest.raises(Unavailable), database.read() as connection:
        connection.exec_driver_sql("DELETE FROM frames")


def test_the_version_moves_with_every_commit_of_anybody(tmp_path, database):
    before = database.version()
    assert database.version() == before
    with sqlite3.connect(tmp_path / "views.sqlite") as other:
        other.execute("INSERT INTO frames VALUES ('x', 'ana', 1, 1)")

    assert database.version() != before


def test_A35_a_folder_that_others_may_enter_is_refused(tmp_path):
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)

    with pytest.raises(Unavailable, match="Others may enter"):
        private_folder(folder)


def test_A14_folders_are_private_and_a_dead_servers_leavings_are_swept(tmp_path):
    first = Store(tmp_path / "s", url="", cache_memory_bytes=10, cache_disk_bytes=10)
    for folder in (first.files.root, first.files.results, first.files.frames, first.files.scratch):
        assert folder.stat().st_mode & 0o077 == 0
    stale = first.files.scratch.parent / "deadserver"
    stale.mkdir(mode=0o700)
    (stale / "half.arrow").write_bytes(b"half")

    second = Store(tmp_path / "s", url="", cache_memory_bytes=10, cache_disk_bytes=10)
    second.clean(0, 0)

    assert not stale.exists()
    assert first.files.scratch.exists()
    assert second.lock.is_alive(first.files.scratch.name)
    first.close()
    assert not second.lock.is_alive(first.files.scratch.name)
    second.close()


def test_a_result_without_a_row_goes_after_an_hour_and_one_with_a_row_stays(tmp_path):
    store = Store(tmp_path / "s", url="", cache_memory_bytes=10, cache_disk_bytes=10)
    for name in ("aa1", "aa2", "aa3"):
        source = store.files.scratch / name
        source.write_bytes(b"rows")
        store.files.adopt_result(str(source), name)
    for name in ("aa1", "aa2"):
        os.utime(store.files.result(name), (1, 1))

    store.files.sweep({"aa1"}, set(), store.lock.is_alive)

    assert store.files.result("aa1").exists()
    assert not store.files.result("aa2").exists()
    assert store.files.result("aa3").exists()
    store.close()


def test_a_frame_without_a_row_goes_after_an_hour_and_one_with_a_row_stays(tmp_path):
    store = Store(tmp_path / "s", url="", cache_memory_bytes=10, cache_disk_bytes=10)
    for name in ("bb1", "bb2", "bb3"):
        source = store.files.scratch / name
        source.write_bytes(b"rows")
        store.files.adopt_frame(source, name)
    for name in ("bb1", "bb2"):
        os.utime(store.files.frame(name), (1, 1))
    now = time.time_ns() // 1000
    store.frames.save(Frame(sha256="bb1", size_bytes=4, uploaded_by="ana", uploaded_at=now))

    store.clean(now - 1, now - 1)

    assert store.files.frame("bb1").exists()
    assert not store.files.frame("bb2").exists()
    assert store.files.frame("bb3").exists()
    store.close()


def test_the_cache_drops_what_was_used_least(tmp_path):
    cache = EncodedCache(tmp_path, memory_bytes=2 * 522 + 5, disk_bytes=0)
    for key in "abc":
        cache.put(key, 1, b"0123456789", 10)
        cache.get("a")

    assert cache.get("a") is not None
    assert cache.get("b") is None
    assert cache.get("c") is not None


def test_F22_a_store_that_was_deleted_under_the_server_takes_no_more_writes(tmp_path, database):
    (tmp_path / "views.sqlite").rename(tmp_path / "elsewhere")

    with pytest.raises(Unavailable, match="moved or deleted"), database.write():
        pass

    (tmp_path / "elsewhere").rename(tmp_path / "views.sqlite")
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM frames")


def test_F04_a_full_disk_is_called_a_full_disk_and_nothing_is_half_saved(database):
    def fill(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for n in range(1000):
            connection.exec_driver_sql(f"INSERT INTO frames VALUES ('{n:064}', 'ana', 1, 1)")

    full = pytest.raises(Unavailable, match="disk that holds the store is full")
    with full, database.write() as connection:
        fill(connection)

    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM frames").scalar() == 0


def test_what_people_save_waits_for_the_disk_also_after_what_can_be_done_again(database):
    levels = []
    for is_forced in (False, True, False):
        with database.write(is_forced=is_forced) as connection:
            levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())

    normal, full = 1, 2
    assert levels == [normal, full, normal]


def test_F07_a_store_of_another_form_is_not_said_to_be_slow(database):
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE projects RENAME COLUMN name TO title")

    with pytest.raises(Unavailable, match="another form"), database.read() as connection:
        connection.execute(select(metadata.tables["projects"]))
