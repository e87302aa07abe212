"""Tables of SQLite files: every value as it is, one state of the file, nothing written there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_views.core.errors import Canceled, EngineFailed, SourceLocked
from jupyter_views.core.ports import Read, Signature

from .shelves import make_sqlite
from .workbench import MIB, Workbench, a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("sqlite")) as bench:
        make_sqlite(bench.data / "shop.sqlite")
        yield bench


@pytest.fixture
def make(bench):
    def _make(*statements: str) -> str:
        name = f"made{len(list(bench.data.glob('made*')))}.db"
        make_sqlite(bench.data / name, statements)
        return name

    return _make


def rows(bench: Workbench, sql: str, **options) -> list:
    return bench.rows(bench.run(sql, **options))


def compared(bench: Workbench, name: str, before: Signature) -> tuple[str, ...] | None:
    read = Read(kind="database", name=name, path=str(bench.data / name))
    return bench.wait(bench.engine.compare((read,), (before,))).moved


def beside(path: Path) -> dict[str, str]:
    """Names and hashes of a database and all that lies beside it."""
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(path.parent.glob(path.name + "*"))
    }


def abandoned(path: Path, code: str) -> None:
    """What a process leaves behind that was killed after this code, with ``c`` the connection."""
    script = (
        f"import os, sqlite3\nc = sqlite3.connect({str(path)!r}, isolation_level=None)\n{code}\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


# Values and types.

TYPES = [
    ("INTEGER", ["1", "NULL", "9223372036854775807"], "BIGINT", [1, None, 2**63 - 1]),
    ("BOOLEAN", ["1", "0", "NULL"], "BOOLEAN", [True, False, None]),
    ("BOOLEAN", ["1", "2"], "BIGINT", [1, 2]),
    ("REAL", ["1.5", "NULL", "2"], "DOUBLE", [1.5, None, 2.0]),
    ("INTEGER", ["1", "2.5"], "DOUBLE", [1.0, 2.5]),
    ("NUMERIC(10, 2)", ["1.25", "3"], "DOUBLE", [1.25, 3.0]),
    ("TEXT", ["'a'", "NULL", "'é'"], "VARCHAR", ["a", None, "é"]),
    ("INTEGER", ["1", "'late'"], "VARCHAR", ["1", "late"]),
    ("REAL", ["0.1", "'late'"], "VARCHAR", ["0.1", "late"]),
    ("BLOB", ["x'00ff'", "NULL"], "BLOB", ["AP8=", None]),
    ("BLOB", ["x'00ff'", "'a'"], "BLOB", ["AP8=", "YQ=="]),
    ("DATE", ["'2024-02-29'", "NULL"], "DATE", ["2024-02-29", None]),
    ("DATE", ["'2024-02-29'", "'2024-02-30'"], "VARCHAR", ["2024-02-29", "2024-02-30"]),
    ("DATE", ["'2024-02-29'", "'soon'"], "VARCHAR", ["2024-02-29", "soon"]),
    ("DATE", ["'2024-02-29'", "20240229"], "VARCHAR", ["2024-02-29", "20240229"]),
    (
        "DATETIME",
        ["'2024-01-02 03:04:05'", "'2024-01-02T03:04:05.5'", "NULL"],
        "TIMESTAMP",
        ["2024-01-02T03:04:05", "2024-01-02T03:04:05.5", None],
    ),
    ("TIMESTAMP", ["'2024-01-02 03:04:05.123456'"], "TIMESTAMP", ["2024-01-02T03:04:05.123456"]),
    ("TIMESTAMP", ["'2024-01-02 03:04:05+02:00'"], "VARCHAR", ["2024-01-02 03:04:05+02:00"]),
    ("TIMESTAMP", ["'2024-01-02 03:04:05.1234567'"], "VARCHAR", ["2024-01-02 03:04:05.1234567"]),
    ("TIMESTAMP", ["'2024-02-30 10:00:00'"], "VARCHAR", ["2024-02-30 10:00:00"]),
    ("TIMESTAMP", ["'2024-01-02 25:04:05'"], "VARCHAR", ["2024-01-02 25:04:05"]),
    ("", ["1"], "BIGINT", [1]),
    ("", ["NULL"], "VARCHAR", [None]),
    ("INT", ["NULL"], "BIGINT", [None]),
    ("VARCHAR(9)", ["NULL"], "VARCHAR", [None]),
    ("DATE", ["NULL"], "DATE", [None]),
    ("TIMESTAMP", [], "TIMESTAMP", []),
    ("DECIMAL(9,2)", [], "DOUBLE", []),
]


@pytest.mark.parametrize(("declared", "given", "engine_type", "shown"), TYPES)
def test_a_column_has_the_type_that_all_its_values_fit(
    bench, make, declared, given, engine_type, shown
):
    inserts = [f"INSERT INTO t VALUES ({value})" for value in given]
    outcome = bench.run(f'FROM "{make(f"CREATE TABLE t (a {declared})", *inserts)}".t')

    assert outcome.columns[0].engine_type == engine_type
    assert [row[0] for row in bench.rows(outcome)] == shown


def test_a_value_of_another_type_in_the_last_row_fails_no_query(bench, make):
    name = make(
        "CREATE TABLE t (a INTEGER)",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 50000) "
        "INSERT INTO t SELECT n FROM r",
        "INSERT INTO t VALUES ('late')",
    )

    assert rows(bench, f'SELECT count(*), max(try_cast(a AS INT)) FROM "{name}".t') == [
        [50001, 50000]
    ]


def test_names_of_columns_are_kept_and_told_apart(bench, make):
    name = make(
        'CREATE TABLE t ("a b" INTEGER, "quote""d" INTEGER, "select" INTEGER)',
        "INSERT INTO t VALUES (1, 2, 3)",
        'CREATE VIEW v AS SELECT "a b", "a b", 4 AS "A B" FROM t',
    )

    assert [c.name for c in bench.run(f'FROM "{name}".t').columns] == ["a b", 'quote"d', "select"]
    assert rows(bench, f'FROM "{name}".v') == [[1, 1, 4]]


def test_a_table_named_like_a_word_of_sql_is_read(bench, make):
    name = make('CREATE TABLE "group" (a)', 'INSERT INTO "group" VALUES (1)', "CREATE TABLE t (a)")

    assert rows(bench, f'FROM "{name}"."GROUP"') == [[1]]
    assert rows(bench, f'FROM "{name}".t') == []


def test_generated_columns_and_full_text_tables_are_read(bench, make):
    name = make(
        "CREATE TABLE t (a INTEGER, b INTEGER AS (a * 2), c INTEGER AS (a * 3) STORED)",
        "INSERT INTO t VALUES (2)",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
        "INSERT INTO words VALUES ('hello')",
    )

    assert rows(bench, f'FROM "{name}".t') == [[2, 4, 6]]
    assert rows(bench, f'FROM "{name}".words') == [["hello"]]


def test_a_table_that_is_not_there_is_said_with_those_that_are(bench):
    for sql in ('FROM "shop.sqlite".gone', 'FROM "shop.sqlite".temp.orders'):
        with pytest.raises(EngineFailed, match=r"in shop\.sqlite") as caught:
            bench.run(sql)
        assert caught.value.hint == "Tables there: orders, paid, recent."


def test_the_catalogue_of_sqlite_is_no_table(bench):
    with pytest.raises(Exception, match="sqlite_master"):
        bench.run('FROM "shop.sqlite".sqlite_master')


def test_text_that_is_not_utf8_is_said_and_never_read_wrongly(bench, make):
    name = make("CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES (CAST(x'ff' AS TEXT))")

    with pytest.raises(EngineFailed, match="UTF-8") as caught:
        bench.run(f'FROM "{name}".t')
    assert name in caught.value.message


def test_a_damaged_file_is_said_and_the_next_run_is_fine(bench, make):
    name = make("CREATE TABLE t (a TEXT)", *["INSERT INTO t VALUES (hex(randomblob(900)))"] * 40)
    content = bytearray((bench.data / name).read_bytes())
    content[4096:20000] = b"\xff" * (20000 - 4096)
    (bench.data / name).write_bytes(content)

    with pytest.raises(EngineFailed, match=name):
        bench.run(f'SELECT sum(length(a)) FROM "{name}".t')
    assert rows(bench, 'SELECT count(*) FROM "shop.sqlite".orders') == [[2]]


def test_a_view_of_a_file_attaches_nothing_and_lists_no_server(bench, make, tmp_path):
    name = make("CREATE VIEW v AS SELECT * FROM pragma_database_list")

    with pytest.raises(EngineFailed, match="unsafe"):
        bench.run(f'FROM "{name}".v')


def test_a_table_larger_than_the_memory_of_a_query_is_spilled(tmp_path):
    with a_workbench(tmp_path, memory_bytes=128 * MIB) as bench:
        make_sqlite(
            bench.data / "large.db",
            (
                "CREATE TABLE t (a INTEGER, b TEXT)",
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 600000)"
                " INSERT INTO t SELECT n, hex(randomblob(200)) FROM r",
            ),
        )

        assert rows(bench, 'SELECT count(*), sum(length(b)) FROM "large.db".t') == [
            [600000, 240_000_000]
        ]


# What changes, and what does not.


@pytest.mark.parametrize(
    ("view", "strength"),
    [
        ("SELECT a, upper(b), coalesce(b, '-'), printf('%d', a), count(*) OVER () FROM t", "exact"),
        ("SELECT datetime('now') AS d FROM t", "none"),
        ("SELECT current_timestamp AS d FROM t", "none"),
        ("SELECT random() AS d FROM t", "none"),
        ("SELECT a FROM t WHERE a > abs(random()) % 2", "none"),
    ],
)
def test_a_view_that_changes_by_itself_is_never_verified(bench, make, view, strength):
    name = make("CREATE TABLE t (a INTEGER, b TEXT)", f"CREATE VIEW v AS {view}")

    assert bench.run(f'FROM "{name}".v').signatures[0].strength == strength


def test_reading_is_no_change_and_a_commit_is(bench, make):
    name = make("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    (before,) = bench.run(f'FROM "{name}".t').signatures

    assert compared(bench, name, before) == ()
    make_sqlite(bench.data / name, ("UPDATE t SET a = 2",))
    assert compared(bench, name, before) == (name,)


def test_a_commit_that_is_only_in_the_log_is_read_and_is_a_change(bench, make):
    name = make("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(bench.data / name, isolation_level=None)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        first = bench.run(f'SELECT count(*) FROM "{name}".t')
        writer.execute("INSERT INTO t VALUES (3)")

        assert bench.rows(first) == [[2]]
        assert compared(bench, name, first.signatures[0]) == (f"{name}-wal",)
        assert rows(bench, f'SELECT count(*) FROM "{name}".t') == [[3]]


def test_our_own_reading_of_an_old_log_is_no_change(bench, make):
    """As root, SQLite changes the ctime of the log that it reads."""
    name = make("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(bench.data / name, isolation_level=None)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        time.sleep(2.2)
        outcomes = [bench.run(f'FROM "{name}".t') for _ in range(2)]

        assert [each.signatures[0].provisional for each in outcomes] == [False, False]
        assert compared(bench, name, outcomes[0].signatures[0]) == ()


def test_readers_of_a_database_with_a_log_are_no_change(bench, make):
    """They touch ``-shm`` alone."""
    name = make("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(bench.data / name)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
        (before,) = bench.run(f'FROM "{name}".t').signatures
        with closing(sqlite3.connect(bench.data / name)) as reader:
            reader.execute("SELECT * FROM t").fetchall()
            os.utime(bench.data / f"{name}-shm")

            assert compared(bench, name, before) == ()


WAYS = {
    "in place": "c.execute('CREATE TABLE t (a)'); c.execute('INSERT INTO t VALUES (1)')",
    "log that was closed": (
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE t (a)');"
        " c.execute('INSERT INTO t VALUES (1)'); c.close()"
    ),
    "log that was left behind": (
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE t (a)');"
        " c.execute('INSERT INTO t VALUES (1)')"
    ),
    "transaction that was left behind": (
        "c.execute('PRAGMA cache_size = 1'); c.execute('CREATE TABLE t (a, b)');"
        " c.execute('INSERT INTO t VALUES (1, zeroblob(90000))'); c.execute('BEGIN');"
        " c.execute('UPDATE t SET a = 2, b = randomblob(90000)');"
        " c.executemany('INSERT INTO t VALUES (3, randomblob(9000))', [()] * 50)"
    ),
}


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("keeps_shm", [True, False])
def test_however_a_writer_left_the_file_the_committed_rows_are_read_and_nothing_is_written(
    bench, code, keeps_shm
):
    name = f"made{len(list(bench.data.glob('made*')))}.db"
    path = bench.data / name
    abandoned(path, code)
    if not keeps_shm:
        Path(f"{path}-shm").unlink(missing_ok=True)
    before = beside(path)

    outcome = bench.run(f'SELECT a FROM "{name}".t')

    assert bench.rows(outcome) == [[1]]
    assert beside(path) == before
    assert compared(bench, name, outcome.signatures[0]) == ()
    assert not list(bench.scratch.glob("*/run-*/copy*"))


def test_a_hot_journal_really_was_left_behind(bench):
    path = bench.data / "journal.db"
    abandoned(path, WAYS["transaction that was left behind"])

    assert Path(f"{path}-journal").stat().st_size > 512


# Locks and stops.


def test_a_file_locked_by_a_writer_is_named_and_read_once_it_is_free(bench, make):
    name = make("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(bench.data / name, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceLocked, match=name):
            bench.run(f'FROM "{name}".t')
        writer.execute("ROLLBACK")

    assert rows(bench, f'FROM "{name}".t') == [[1]]


def test_a_read_that_takes_for_ever_can_be_canceled_and_the_worker_lives_on(bench, make):
    name = make(
        "CREATE VIEW t AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
        " SELECT count(*) AS a FROM r"
    )
    worker = {process.pid for process in bench.workers()}

    async def canceled():
        task = asyncio.create_task(bench.arun(f'FROM "{name}".t', id="doomed"))
        await asyncio.sleep(0.7)
        assert await bench.engine.cancel("doomed")
        with pytest.raises(Canceled):
            await task

    bench.wait(canceled())

    assert rows(bench, 'SELECT count(*) FROM "shop.sqlite".orders') == [[2]]
    assert {process.pid for process in bench.workers()} == worker
