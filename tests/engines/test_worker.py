"""What a worker does with one task: rows, limits, errors, progress, cancel."""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import psutil
import pyarrow as pa
import pytest

from jupyter_views.core.errors import (
    EngineFailed,
    InvalidParameters,
    MissingParameters,
    NotAllowed,
    NotReadOnly,
    OutOfMemory,
    ParseError,
    ViewsError,
)
from jupyter_views.core.ports import Read

from .workbench import MIB, a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("worker")) as bench:
        duckdb.connect().execute(
            f"COPY (SELECT i AS id, CASE WHEN i % 3 = 0 THEN i END AS third, 'n' || i AS name"
            f" FROM range(100000) t(i)) TO '{bench.data}/numbers.parquet'"
        )
        yield bench


def test_a_run_tells_what_it_stored(bench):
    outcome = bench.run("SELECT 42 AS answer, 'x' AS letter")

    content = Path(outcome.path).read_bytes()
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    assert outcome.size_bytes == len(content)
    assert (outcome.row_count, outcome.truncated) == (1, None)
    assert [(each.name, each.type, each.engine_type) for each in outcome.columns] == [
        ("answer", "integer", "INTEGER"),
        ("letter", "string", "VARCHAR"),
    ]
    assert 0 < outcome.duration_us < 30_000_000
    assert bench.rows(outcome) == [[42, "x"]]


NULLED = [
    "CASE WHEN id % 3 = 0 THEN id END",
    "CASE WHEN id % 3 = 0 THEN id::DECIMAL(20, 2) END",
    "CASE WHEN id % 3 = 0 THEN id::HUGEINT END",
    "CASE WHEN id % 3 = 0 THEN id % 2 = 0 END",
    "CASE WHEN id % 3 = 0 THEN to_days(id::INT) END",
    "CASE WHEN id % 3 = 0 THEN 'x'::ENUM('x', 'y') END",
    "CASE WHEN id % 3 = 0 THEN {'a': id, 'b': name} END",
    "CASE WHEN id % 3 = 0 THEN [third, NULL, id] END",
    "CASE WHEN id % 3 = 0 THEN [id, third]::BIGINT[2] END",
    "CASE WHEN id % 3 = 0 THEN map([id], [third]) END",
    "CASE WHEN id % 3 = 0 THEN union_value(k := id) END",
    "nullif(name, 'n7')",
    "TRY_CAST(name AS INT)",
]


@pytest.mark.parametrize("expression", NULLED)
def test_equal_rows_give_equal_hashes_whatever_lay_in_memory(bench, expression):
    hashes = set()
    for shift in range(3):
        bench.run(f"SELECT hash(id + {shift}), name || {shift} FROM numbers.parquet LIMIT 9000")
        outcome = bench.run(f"SELECT {expression} AS v FROM numbers.parquet WHERE id % 7 <> 0")
        hashes.add(outcome.sha256)

    assert len(hashes) == 1


def test_the_row_limit_is_exact_and_said_only_when_rows_were_left_out(bench):
    sql = "SELECT * FROM range(20000)"

    cut = bench.run(sql, rows=10001)
    whole = bench.run(sql, rows=20000)
    none = bench.run(sql, rows=0)

    assert (cut.row_count, cut.truncated) == (10001, "rows")
    assert bench.rows(cut)[-1] == [10000]
    assert (whole.row_count, whole.truncated) == (20000, None)
    assert (none.row_count, none.truncated) == (0, "rows")


def test_the_byte_limit_cuts_the_result_near_it(bench):
    outcome = bench.run("SELECT hash(i) AS h FROM range(4000000) t(i)", bytes=MIB)

    assert outcome.truncated == "bytes"
    assert MIB <= outcome.size_bytes < 3 * MIB
    assert 0 < outcome.row_count < 4_000_000
    assert len(bench.rows(outcome)) == outcome.row_count


def test_wide_rows_are_stored_in_small_batches_and_cut_by_bytes(bench):
    sql = "SELECT md5(i::VARCHAR) || repeat('xy', 25000) AS v FROM range(4000) t(i)"

    outcome = bench.run(sql)

    assert outcome.row_count == 4000
    stored = pa.ipc.open_file(outcome.path)
    assert stored.num_record_batches > 10
    assert bench.rows(outcome, offset=3999)[0][0].endswith("xyxy")


PARAMETERS = [
    (True, "BOOLEAN", True),
    (5, "INTEGER", 5),
    (2**63, "UBIGINT", 2**63),
    (10**30, "HUGEINT", 10**30),
    (1.5, "DOUBLE", 1.5),
    ("it's $x; --", "VARCHAR", "it's $x; --"),
    (b"\x00\xff", "BLOB", "AP8="),
    (date(2024, 1, 2), "DATE", "2024-01-02"),
    (datetime(2024, 1, 2, 3, 4, 5, 6), "TIMESTAMP", "2024-01-02T03:04:05.000006"),
    (datetime(2024, 1, 2, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE", "2024-01-02T00:00:00Z"),
    (timedelta(days=1, seconds=2), "INTERVAL", "1 day 00:00:02"),
    (Decimal("1.50"), "DECIMAL(3,2)", 1.5),
    (UUID(int=7), "UUID", "00000000-0000-0000-0000-000000000007"),
    ([1, 2], "INTEGER[]", [1, 2]),
]


@pytest.mark.parametrize(("value", "engine_type", "shown"), PARAMETERS, ids=repr)
def test_a_parameter_is_bound_with_its_own_type(bench, value, engine_type, shown):
    outcome = bench.run("SELECT $p AS p, typeof($p) AS kind", params={"p": value})

    assert bench.rows(outcome) == [[shown, engine_type]]


def test_null_and_nested_parameters_are_bound(bench):
    outcome = bench.run("SELECT $n IS NULL, $s.a", params={"n": None, "s": {"a": date(2024, 1, 2)}})

    assert bench.rows(outcome) == [[True, "2024-01-02"]]


def test_a_parameter_of_a_strange_type_is_refused(bench):
    with pytest.raises(InvalidParameters):
        bench.run("SELECT $p", params={"p": object()})


def test_a_kernel_frame_is_read_by_its_name_for_one_run_only(bench):
    table = pa.table({"a": [1, None, 3]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(content).hexdigest()
    (bench.frames / f"{sha256}.arrow").write_bytes(content)

    outcome = bench.run("SELECT a, a * 2 FROM df", frames={"df": sha256})

    assert bench.rows(outcome) == [[1, 2], [None, None], [3, 6]]
    with pytest.raises(ViewsError):
        bench.run("SELECT a FROM df")
    for worker in bench.workers():  # pandas would double what one takes to start
        assert not [each.path for each in worker.memory_maps() if "/pandas/" in each.path]


def test_a_frame_that_was_swept_is_named(bench):
    with pytest.raises(EngineFailed, match="'df'") as caught:
        bench.run("SELECT * FROM df", frames={"df": "0" * 64})

    assert "cell" in caught.value.hint


def test_relative_names_start_from_the_base_folder(bench):
    folder = bench.data / "deeper"
    folder.mkdir()
    (folder / "here.csv").write_text("a\n7\n")

    assert bench.rows(bench.run("SELECT * FROM 'here.csv'", base_dir=str(folder))) == [[7]]
    with pytest.raises(ViewsError):
        bench.run("SELECT * FROM 'here.csv'")


def test_a_base_folder_that_is_gone_is_said(bench):
    with pytest.raises(EngineFailed, match="folder"):
        bench.run("SELECT 1", base_dir=str(bench.data / "never"))


def test_texts_of_zoned_stamps_are_in_utc_whatever_the_server_lives_in(bench, monkeypatch):
    outcome = bench.run("SELECT '2024-01-02 03:04:05+02'::TIMESTAMPTZ::VARCHAR")

    assert bench.rows(outcome) == [["2024-01-02 01:04:05+00"]]


def test_a_source_that_moves_while_it_is_read_is_never_fresh(bench):
    path = bench.data / "moving.csv"
    path.write_text("a\n" + "1\n" * 400000)
    still = bench.data / "still.csv"
    still.write_text("b\n1\n")
    for each in (path, still):
        os.utime(each, (1e9, 1e9))
    reads = tuple(Read(kind="file", name=each.name, path=str(each)) for each in (path, still))
    sql = (
        "SELECT count(*) FROM 'moving.csv', 'still.csv', range(3000) t(i)"
        " WHERE hash(a + i) % 1000003 <> 1"
    )

    async def both():
        async def touch():
            await asyncio.sleep(0.4)
            with path.open("a") as file:
                file.write("2\n")

        moved, _ = await asyncio.gather(bench.arun(sql, reads=reads), touch())
        return moved

    outcome = bench.wait(both())

    assert outcome.duration_us > 500_000
    now = bench.wait(bench.engine.compare(reads, outcome.signatures))
    assert now.moved == ("moving.csv",)


REFUSED = [
    ("SELEC 1", ParseError),
    ("SELECT 1; SELECT 2", ViewsError),
    ("WITH x AS (COPY (SELECT 1) TO 'out.csv') SELECT * FROM x", ViewsError),
    ("COPY (SELECT 1) TO 'out.csv'", NotReadOnly),
    ("SELECT $missing", MissingParameters),
    ("SELECT * FROM read_text('/etc/passwd')", NotAllowed),
    ("SELECT * FROM duckdb_settings()", NotAllowed),
    ("SELECT * FROM nowhere", ViewsError),
    ("SELECT nope FROM 'numbers.parquet'", EngineFailed),
    ("SELECT CAST(name AS INT) FROM 'numbers.parquet'", EngineFailed),
    ("SELECT range(1000000000000)", EngineFailed),
    ("SELECT repeat('x', 4000000000)", OutOfMemory),
    ("SELECT generate_series(1, 2000000000)", OutOfMemory),
    ("SELECT list_transform(range(1000), lambda x: repeat('y', 2000000))", OutOfMemory),
    ("SELECT string_agg(repeat('x', 1000), '') FROM range(3000000)", OutOfMemory),
    ("SELECT printf('%1000000000d', 1)", OutOfMemory),
    ("", ViewsError),
    ("\x00", ViewsError),
    ("SELECT '\udc80'", ViewsError),
]


@pytest.mark.parametrize(("sql", "kind"), REFUSED, ids=[each[0][:40] for each in REFUSED])
def test_what_cannot_run_is_told_in_our_errors_and_the_next_run_is_fine(bench, sql, kind):
    with pytest.raises(kind) as caught:
        bench.run(sql, seconds=10)

    assert str(bench.data) not in str(caught.value.to_dict())
    assert bench.rows(bench.run("SELECT 1")) == [[1]]
    assert list(bench.scratch.glob("*/run-*/*.arrow")) == []


def test_a_worker_knows_nothing_of_the_servers_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "s3cret-token")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    with a_workbench(tmp_path) as bench:
        for worker in bench.workers():
            assert not {"JUPYTER_TOKEN", "HTTPS_PROXY", "HOME", "PATH"} & worker.environ().keys()
            assert "s3cret-token" not in " ".join(worker.cmdline())
            assert os.getsid(worker.pid) == worker.pid


def test_the_servers_memory_stays_flat_while_ten_million_rows_pass_by(bench):
    server = psutil.Process()
    before = server.memory_info().rss
    peak = before

    async def work():
        outcome = await bench.arun(
            "SELECT i AS id, 'name ' || (i % 1000) AS name FROM range(10000000) t(i)"
        )
        from jupyter_views.core.ports import Encoding

        for form in ("json", "csv", "arrow", "parquet"):
            encoded = await bench.engine.encode(
                Encoding(
                    path=outcome.path,
                    sha256=outcome.sha256,
                    columns_meta=outcome.columns,
                    format=form,
                )
            )
            assert encoded.row_count == 10_000_000
            os.unlink(encoded.path)

    async def watched():
        nonlocal peak
        task = asyncio.create_task(work())
        while not task.done():
            peak = max(peak, server.memory_info().rss)
            await asyncio.sleep(0.02)
        await task

    bench.wait(watched())
    assert peak - before < 50 * MIB
