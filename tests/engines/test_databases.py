"""Tables of DuckDB files: read under the file's name, signed, locked, and never more than that."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest

from jupyter_views.core.errors import (
    Canceled,
    EngineFailed,
    NotAllowed,
    SourceLocked,
    ViewsError,
)
from jupyter_views.core.ports import Read, Signature

from .shelves import make_duckdb
from .workbench import Workbench, a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("databases")) as bench:
        make_duckdb(bench.data / "shop.duckdb")
        yield bench


@pytest.fixture
def make(bench):
    """Makes a database with a name of its own; gives the name."""
    made = []

    def _make(*statements: str) -> str:
        name = f"made{len(list(bench.data.glob('made*.duckdb')))}.duckdb"
        make_duckdb(bench.data / name, statements)
        made.append(name)
        return name

    return _make


def rows(bench: Workbench, sql: str, **options) -> list:
    return bench.rows(bench.run(sql, **options))


def signed(bench: Workbench, name: str) -> Signature:
    (signature,) = bench.run(f'SELECT 1 FROM "{name}".t').signatures
    return signature


def compared(bench: Workbench, name: str, before: Signature) -> tuple[str, ...] | None:
    read = Read(kind="database", name=name, path=str(bench.data / name))
    return bench.wait(bench.engine.compare((read,), (before,))).moved


@contextmanager
def held(path: Path, statement: str) -> Iterator[subprocess.Popen]:
    """Another process that has the database open for writing and has run a statement."""
    code = (
        "import sys, duckdb\n"
        f"connection = duckdb.connect({str(path)!r})\n"
        f"connection.execute({statement!r})\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


# Reading.


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT count(*) FROM "shop.duckdb".orders', [[5]]),
        ('SELECT max(id) FROM "shop.duckdb".main.orders', [[4]]),
        ('FROM "shop.duckdb".other.orders', [[7]]),
        ('FROM "SHOP.duckdb".ORDERS LIMIT 0', ViewsError),
        ('FROM "shop.duckdb".big', [[3], [4]]),
        ('SELECT n FROM "shop.duckdb".bigger', [[4]]),
        ('FROM "shop.duckdb".other.local', [[7]]),
        ('SELECT max("x AS (y") FROM "shop.duckdb"."odd AS name"', [[4]]),
        ('SELECT lower(max(name)) FROM "shop.duckdb".orders', [["n4"]]),
    ],
)
def test_tables_and_views_of_a_file_are_read_under_its_name(bench, sql, expected):
    if expected is ViewsError:
        with pytest.raises(ViewsError):
            bench.run(sql)
    else:
        assert rows(bench, sql) == expected


def test_types_of_a_database_survive(bench, make):
    name = make(
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TABLE t AS SELECT 1.50::DECIMAL(9,2) AS d, 'glad'::mood AS m, [1, 2] AS l, "
        "TIMESTAMPTZ '2024-01-02 03:04:05+00' AS z, {'a': 1} AS s, 10::HUGEINT AS h",
    )
    outcome = bench.run(f'FROM "{name}".t')

    assert [column.engine_type for column in outcome.columns] == [
        "DECIMAL(9,2)",
        "ENUM('sad', 'glad')",
        "INTEGER[]",
        "TIMESTAMP WITH TIME ZONE",
        "STRUCT(a INTEGER)",
        "HUGEINT",
    ]


def test_two_files_are_joined(bench, make):
    name = make("CREATE TABLE t AS SELECT 3 AS id, 'three' AS word")

    assert rows(bench, f'SELECT word FROM "{name}".t JOIN "shop.duckdb".orders USING (id)') == [
        ["three"]
    ]


def test_parameters_are_bound_beside_a_database(bench):
    sql = 'SELECT name FROM "shop.duckdb".orders WHERE id = $id'

    assert rows(bench, sql, params={"id": 2}) == [["n2"]]


def test_a_table_that_is_not_there_is_said_with_those_that_are(bench):
    with pytest.raises(EngineFailed, match=r"no table oders in shop\.duckdb") as caught:
        bench.run('FROM "shop.duckdb".oders')

    assert "orders" in caught.value.hint
    assert "other.orders" in caught.value.hint


def test_a_missing_table_is_never_looked_for_in_a_file_of_that_name(bench):
    (bench.data / "shop.duckdb.gone.csv").write_text("a\nsecret\n")

    with pytest.raises(EngineFailed, match="no table"):
        bench.run('FROM "shop.duckdb"."gone.csv"')


@pytest.mark.parametrize("content", [b"", b"x" * 9000, b"\0" * 8 + b"DUCK" + b"\1" * 9000])
def test_a_file_that_is_no_database_is_said_and_the_next_run_is_fine(bench, content):
    (bench.data / "odd.duckdb").write_bytes(content)

    with pytest.raises(EngineFailed) as caught:
        bench.run('FROM "odd.duckdb".t')

    assert "odd.duckdb" in caught.value.message
    assert str(bench.data) not in str(caught.value.to_dict())
    assert rows(bench, 'SELECT count(*) FROM "shop.duckdb".orders') == [[5]]


def test_a_file_that_is_not_there_is_said(bench):
    with pytest.raises(EngineFailed, match=r"There is no file gone\.duckdb"):
        bench.run('FROM "gone.duckdb".t')


def test_one_file_under_two_names_is_refused(bench):
    with pytest.raises(NotAllowed, match="two ways"):
        bench.run('SELECT 1 FROM "shop.duckdb".orders, "./shop.duckdb".csv')


def test_two_files_whose_names_differ_in_case_alone_are_refused(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    make_duckdb(bench.data / name.upper(), ("CREATE TABLE t AS SELECT 2 AS a",))

    with pytest.raises(NotAllowed, match="two ways"):
        bench.run(f'SELECT 1 FROM "{name}".t, "{name.upper()}".t')


# What a file may hold, and may not do.


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE VIEW t AS FROM read_csv('{outside}', header = true)",),
        ("CREATE VIEW t AS FROM '{outside}'",),
        ("CREATE VIEW u AS FROM '{outside}'", "CREATE VIEW t AS FROM u"),
        (
            "CREATE MACRO lower(x) AS (SELECT max(s) FROM '{outside}')",
            "CREATE VIEW t AS SELECT lower('A') AS a",
        ),
        (
            "CREATE MACRO lower(x) AS (SELECT max(s) FROM '{outside}')",
            "CREATE VIEW t AS SELECT main.lower('A') AS a",
        ),
        ("CREATE MACRO peek() AS TABLE FROM '{outside}'", "CREATE VIEW t AS FROM peek()"),
        ("CREATE VIEW t AS SELECT current_setting('temp_directory') AS a",),
        ("CREATE VIEW t AS FROM duckdb_settings()",),
        ("CREATE VIEW t AS FROM information_schema.tables",),
        ("CREATE VIEW t AS FROM glob('/*')",),
        ("CREATE SEQUENCE s", "CREATE VIEW t AS SELECT nextval('s') AS a"),
        ("CREATE TABLE t (a INTEGER, b VARCHAR AS (current_setting('temp_directory')))",),
        (
            "CREATE TABLE u (a INTEGER, b VARCHAR AS (current_setting('temp_directory')))",
            "CREATE VIEW t AS SELECT a FROM u",
        ),
        ("CREATE VIEW t AS SELECT 1 AS a FROM (WITH x AS (FROM '{outside}') SELECT 1)",),
        (
            'CREATE VIEW t AS WITH x AS (WITH "{outside}" AS (SELECT 1) FROM "{outside}") '
            'SELECT 1 AS a FROM x, "{outside}"',
        ),
    ],
)
def test_a_view_that_reaches_outside_its_file_is_refused(bench, make, tmp_path, statements):
    outside = tmp_path / "salaries.csv"
    outside.write_text("s\n13\n")
    name = make(*(statement.replace("{outside}", str(outside)) for statement in statements))

    with pytest.raises(NotAllowed, match="may not be read") as caught:
        bench.run(f'FROM "{name}".t')

    assert str(tmp_path) not in str(caught.value.to_dict())


def test_a_view_over_a_file_that_may_be_read_is_refused_too(bench, make):
    """What a view reads elsewhere would not be among the sources of the query."""
    (bench.data / "days.csv").write_text("a\n1\n")
    name = make(f"CREATE VIEW t AS FROM '{bench.data / 'days.csv'}'")

    with pytest.raises(NotAllowed, match="not in the file"):
        bench.run(f'FROM "{name}".t')


def test_a_view_never_finds_what_the_query_has_bound(bench, make):
    name = make("CREATE TABLE df AS SELECT 1 AS a", "CREATE VIEW t AS FROM df", "DROP TABLE df")

    with pytest.raises(NotAllowed, match="not in the file"):
        bench.run(f'FROM "{name}".t')


def test_macros_of_a_file_do_not_change_what_a_query_calls(bench, make):
    name = make("CREATE MACRO lower(x) AS 'mine'", "CREATE TABLE t AS SELECT 'A' AS a")

    assert rows(bench, f'SELECT lower(a) FROM "{name}".t') == [["a"]]


@pytest.mark.parametrize(
    ("statements", "strength"),
    [
        (("CREATE TABLE t AS SELECT 1 AS a",), "exact"),
        (("CREATE TABLE t (a INTEGER, b INTEGER AS (a + 1))",), "exact"),
        (("CREATE TABLE t (a INTEGER, b DOUBLE AS (random()))",), "none"),
        (("CREATE VIEW t AS SELECT now() AS a",), "none"),
        (("CREATE VIEW u AS SELECT current_date AS a", "CREATE VIEW t AS FROM u"), "none"),
        (("CREATE TABLE u AS SELECT 1 AS a", "CREATE VIEW t AS FROM u USING SAMPLE 1"), "none"),
    ],
)
def test_what_changes_by_itself_inside_a_file_is_never_verified(bench, make, statements, strength):
    assert signed(bench, make(*statements)).strength == strength


# Signatures.


def test_a_database_is_signed_by_its_file_and_its_log(bench, make):
    signature = signed(bench, make("CREATE TABLE t AS SELECT 1 AS a"))

    tokens = dict(signature.entries)
    assert (signature.kind, signature.strength) == ("database", "exact")
    assert tokens[signature.name] != "absent"
    assert tokens[f"{signature.name}.wal"] == "absent"


def test_reading_a_database_is_no_change_and_writing_to_it_is(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    before = signed(bench, name)
    signed(bench, name)

    assert compared(bench, name, before) == ()
    with duckdb.connect(str(bench.data / name)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert name in compared(bench, name, before)


def test_rows_that_are_only_in_the_log_are_read_and_signed(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    before = signed(bench, name)
    with held(bench.data / name, "INSERT INTO t VALUES (2)"):
        pass
    assert (bench.data / f"{name}.wal").exists()

    assert compared(bench, name, before) == (f"{name}.wal",)
    assert rows(bench, f'SELECT count(*) FROM "{name}".t') == [[2]]


def test_a_database_that_is_deleted_has_changed(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    before = signed(bench, name)
    (bench.data / name).unlink()

    assert compared(bench, name, before) == (name,)


def test_a_database_that_became_a_link_outside_is_refused_and_has_changed(bench, make, tmp_path):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    before = signed(bench, name)
    os.replace(bench.data / name, tmp_path / name)
    (bench.data / name).symlink_to(tmp_path / name)

    assert compared(bench, name, before) == (name,)
    with pytest.raises(NotAllowed):
        bench.run(f'FROM "{name}".t')


def test_a_strict_view_signs_a_database_by_content(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    (before,) = bench.run(f'FROM "{name}".t', is_strict=True).signatures
    os.utime(bench.data / name)

    assert before.strength == "content"
    assert compared(bench, name, before) == ()


def test_a_database_that_is_replaced_while_it_is_read_is_never_fresh(bench, make):
    name = make("CREATE TABLE t AS SELECT range AS a FROM range(400000)")
    other = make("CREATE TABLE t AS SELECT 1 AS a")
    sql = f'SELECT count(*) FROM "{name}".t, range(800) r(i) WHERE hash(a + i) % 1000003 <> 1'
    ticks = []

    def replace(progress):
        ticks.append(progress)
        if len(ticks) == 3:
            os.replace(bench.data / name, bench.data / "kept")
            os.replace(bench.data / other, bench.data / name)

    outcome = bench.wait(bench.arun(sql, replace))

    assert len(ticks) > 3
    assert compared(bench, name, outcome.signatures[0]) == (name,)
    os.replace(bench.data / "kept", bench.data / name)
    assert compared(bench, name, outcome.signatures[0]) == (name,)


# Locks and leftovers.


def test_f09_a_database_held_by_another_process_is_named_and_read_once_it_is_free(bench, make):
    name = make("CREATE TABLE t AS SELECT 1 AS a")

    with (
        held(bench.data / name, "INSERT INTO t VALUES (2)"),
        pytest.raises(SourceLocked, match=name) as caught,
    ):
        bench.run(f'FROM "{name}".t')

    assert caught.value.details == {"source": name}
    assert "tried again" in caught.value.hint
    assert "python" not in str(caught.value.to_dict()).lower()
    assert rows(bench, f'SELECT count(*) FROM "{name}".t') == [[2]]


@pytest.mark.parametrize(
    "sql", ['FROM "{}".t', 'SELECT a // 0, error(a) FROM "{}".t', 'SELECT nope FROM "{}".t']
)
def test_after_a_run_the_database_is_free_for_writing(bench, make, sql):
    name = make("CREATE TABLE t AS SELECT 1 AS a")
    with suppress(ViewsError):
        bench.run(sql.format(name))

    with duckdb.connect(str(bench.data / name)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert rows(bench, f'SELECT count(*) FROM "{name}".t') == [[2]]


def test_after_a_cancel_nothing_stays_attached_and_the_worker_lives_on(bench, make):
    name = make("CREATE TABLE t AS SELECT range AS a FROM range(100000)")
    workers = {process.pid for process in bench.workers()}
    sql = f'SELECT count(*) FROM "{name}".t x, "{name}".t y WHERE hash(x.a + y.a) % 7 = 1'

    async def canceled():
        task = asyncio.create_task(bench.arun(sql, id="doomed"))
        await asyncio.sleep(0.7)
        assert await bench.engine.cancel("doomed")
        with pytest.raises(Canceled):
            await task

    bench.wait(canceled())

    with duckdb.connect(str(bench.data / name)) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert rows(bench, f'SELECT count(*) FROM "{name}".t') == [[100001]]
    assert workers <= {process.pid for process in bench.workers()}
