"""Delta and Iceberg tables: the version that was signed is read, from this machine alone."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jupyter_views.core.errors import EngineFailed, NotAllowed
from jupyter_views.core.ports import Read, Signature
from jupyter_views.engines import lakes

from .places import Place
from .shelves import SALES, make_delta, make_iceberg
from .workbench import Workbench, a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("lakes")) as bench:
        make_delta(bench.data / "delta")
        make_iceberg(bench.data / "ice")
        yield bench


def rows(bench: Workbench, sql: str, **options) -> list:
    return bench.rows(bench.run(sql, **options))


def compared(bench: Workbench, name: str, before: Signature) -> tuple[str, ...] | None:
    read = Read(kind="table", name=name, path=str(bench.data / name))
    return bench.wait(bench.engine.compare((read,), (before,))).moved


# Reading.


def test_a_delta_table_is_read_with_its_types_and_partitions(bench):
    outcome = bench.run("SELECT id, region, amount FROM delta_scan('delta') ORDER BY id")

    assert bench.rows(outcome) == [[1, "EU", 1.5], [2, "US", None], [3, "EU", 2.5]]
    assert [c.engine_type for c in outcome.columns] == ["BIGINT", "VARCHAR", "DOUBLE"]


def test_an_iceberg_table_is_read_with_its_deletes(bench):
    table = make_iceberg(bench.data / "other", "shop")
    table.append(SALES)
    table.delete("id = 2")

    assert rows(bench, "SELECT count(*), sum(amount) FROM iceberg_scan('other/main/shop')") == [
        [4, 8.0]
    ]


@pytest.mark.parametrize("scan", ["delta_scan('delta')", "iceberg_scan('ice/main/sales')"])
def test_a_table_may_be_scanned_many_times_in_one_query(bench, scan):
    sql = f"""WITH s AS (FROM {scan}) SELECT count(*), sum(a.amount + b.amount)
              FROM s a JOIN s b USING (id) JOIN {scan} c USING (id)"""

    assert rows(bench, sql) == [[3, 8.0]]


def test_parameters_and_aliases_survive_the_rewriting(bench):
    sql = """SELECT t.r, $word AS "it's" FROM delta_scan($table) AS t(i, r) -- 'comment'
             WHERE i >= $least ORDER BY i LIMIT 1"""
    params = {"table": "delta", "word": "it's $x", "least": 2}

    assert rows(bench, sql, params=params) == [["US", "it's $x"]]


def test_a_table_and_a_file_are_joined(bench):
    (bench.data / "names.csv").write_text("id,name\n1,one\n")

    sql = "SELECT name, amount FROM 'names.csv' JOIN delta_scan('delta') USING (id)"
    assert rows(bench, sql) == [["one", 1.5]]


def test_a_table_in_a_folder_with_odd_letters_is_read(bench):
    make_delta(bench.data / "odd 100% é" / "ta'ble")

    assert rows(bench, "SELECT count(*) FROM delta_scan('odd 100% é/ta''ble')") == [[3]]


def test_partitions_with_odd_values_are_read(bench):
    table = pa.table({"id": [1, 2], "region": ["a b/ü%", "../x"]})
    write_deltalake(str(bench.data / "odd"), table, partition_by=["region"])

    assert rows(bench, "SELECT region FROM delta_scan('odd') ORDER BY id") == [["a b/ü%"], ["../x"]]


@pytest.mark.parametrize("function", ["delta_scan", "iceberg_scan"])
@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_a_table_is_said(bench, function, folder):
    (bench.data / "empty").mkdir(exist_ok=True)

    with pytest.raises(EngineFailed, match=f"{folder} is not the folder of an? "):
        bench.run(f"FROM {function}('{folder}')")


def test_a_table_of_the_other_kind_is_said(bench):
    with pytest.raises(EngineFailed, match="an Iceberg table"):
        bench.run("FROM iceberg_scan('delta')")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: next(folder.glob("region=EU/*.parquet")).unlink(),
        lambda folder: next(folder.glob("region=EU/*.parquet")).write_bytes(b"PAR1"),
        lambda folder: next(folder.glob("_delta_log/*.json")).write_text("{"),
        lambda folder: next(folder.glob("_delta_log/*.json")).write_text('{"add": {"path": 7}}'),
    ],
)
def test_a_damaged_table_is_said_without_a_path_and_the_next_run_is_fine(bench, break_it):
    folder = bench.data / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    make_delta(folder)
    break_it(folder)

    with pytest.raises(EngineFailed) as caught:
        bench.run("SELECT sum(id) FROM delta_scan('damaged') WHERE region = 'EU'")

    assert str(bench.data) not in str(caught.value.to_dict())
    assert rows(bench, "SELECT count(*) FROM delta_scan('delta')") == [[3]]


def test_nothing_stays_bound_after_a_run(bench):
    for _ in range(3):
        assert rows(bench, "SELECT count(*) FROM iceberg_scan('ice/main/sales')") == [[3]]
    with pytest.raises(EngineFailed, match="No table"):
        bench.run("FROM rows_0")


# Signatures.


def test_a_new_commit_is_a_change_and_reading_is_none(bench):
    make_delta(bench.data / "growing")
    (before,) = bench.run("FROM delta_scan('growing')").signatures

    assert (before.kind, before.strength, before.provisional) == ("table", "exact", False)
    assert compared(bench, "growing", before) == ()
    make_delta(bench.data / "growing")
    assert compared(bench, "growing", before) == ("growing",)


def test_a_checkpoint_and_a_cleaned_log_are_no_change(bench):
    folder = bench.data / "checked"
    for _ in range(3):
        make_delta(folder)
    (before,) = bench.run("FROM delta_scan('checked')").signatures
    DeltaTable(str(folder)).create_checkpoint()
    for old in (0, 1):
        (folder / "_delta_log" / f"{old:020}.json").unlink()

    assert compared(bench, "checked", before) == ()
    assert rows(bench, "SELECT count(*) FROM delta_scan('checked')") == [[9]]


def test_a_table_that_is_made_anew_at_the_same_version_has_changed(bench):
    make_delta(bench.data / "anew")
    (before,) = bench.run("FROM delta_scan('anew')").signatures
    shutil.rmtree(bench.data / "anew")
    make_delta(bench.data / "anew")

    assert compared(bench, "anew", before) == ("anew",)


def test_a_table_that_is_gone_has_changed(bench):
    make_delta(bench.data / "going")
    (before,) = bench.run("FROM delta_scan('going')").signatures
    shutil.rmtree(bench.data / "going")

    assert compared(bench, "going", before) == ("going",)


def test_a_new_snapshot_of_an_iceberg_table_is_a_change(bench):
    table = make_iceberg(bench.data / "grow", "sales")
    (before,) = bench.run("FROM iceberg_scan('grow/main/sales')").signatures

    assert compared(bench, "grow/main/sales", before) == ()
    table.append(SALES)
    assert compared(bench, "grow/main/sales", before) == ("grow/main/sales",)


def test_two_newest_metadata_files_are_not_guessed_between(bench):
    make_iceberg(bench.data / "twins", "sales")
    metadata = bench.data / "twins" / "main" / "sales" / "metadata"
    newest = max(metadata.glob("*.metadata.json"))
    shutil.copy(newest, metadata / f"{newest.name[:5]}-orphan.metadata.json")

    with pytest.raises(EngineFailed, match="two metadata files"):
        bench.run("FROM iceberg_scan('twins/main/sales')")


@pytest.mark.parametrize("name", ["v12.metadata.json", "00012-abc.metadata.json"])
def test_metadata_is_ordered_by_number_and_not_by_name(tmp_path, name):
    folder = tmp_path / "metadata"
    folder.mkdir()
    for each in (name, "v9.metadata.json", "00003-zzz.metadata.json"):
        (folder / each).write_text("{}")

    assert name in lakes.state(str(tmp_path), "t")


def test_packed_metadata_counts_and_is_read(bench):
    make_iceberg(bench.data / "packed", "sales")
    metadata = bench.data / "packed" / "main" / "sales" / "metadata"
    newest = max(metadata.glob("*.metadata.json"))
    packed = gzip.compress(newest.read_bytes())
    (metadata / "00099-abc.gz.metadata.json").write_bytes(packed)

    assert rows(bench, "SELECT count(*) FROM iceberg_scan('packed/main/sales')") == [[3]]


def test_the_version_that_was_signed_is_read_whatever_came_after(tmp_path):
    folder = tmp_path / "table"
    make_delta(folder)
    token = lakes.state(str(folder), "table")
    make_delta(folder)

    dataset = lakes.rows("delta_scan", str(folder), "table", token, os.path.realpath)

    assert dataset.count_rows() == 3


def test_a_commit_during_the_run_makes_the_rows_stale_and_not_unverifiable(bench):
    make_delta(bench.data / "during")
    sql = """SELECT count(*) FROM delta_scan('during') d, range(4000000) r(i), range(50) s(j)
             WHERE hash(d.id + i + j) % 1000003 <> 1"""
    ticks = []

    def commit(progress):
        ticks.append(progress)
        if len(ticks) == 3:
            make_delta(bench.data / "during")

    outcome = bench.wait(bench.arun(sql, commit))

    assert len(ticks) > 3
    assert outcome.signatures[0].strength == "exact"
    assert compared(bench, "during", outcome.signatures[0]) == ("during",)


# Walls.


def _forged(folder: Path, path: str) -> None:
    """A Delta table whose log says that ``path`` is one of its files."""
    make_delta(folder)
    log = next(folder.glob("_delta_log/*.json"))
    lines = log.read_text().splitlines()
    for at, line in enumerate(lines):
        action = json.loads(line)
        if "add" in action and action["add"]["partitionValues"]["region"] == "EU":
            action["add"]["path"] = path
            lines[at] = json.dumps(action)
    log.write_text("\n".join(lines))


@pytest.mark.parametrize(
    "path",
    [
        "../../outside/secret.parquet",
        "..%2F..%2Foutside%2Fsecret.parquet",
        "{outside}/secret.parquet",
        "file://{outside}/secret.parquet",
        "https://127.0.0.1:9/secret.parquet",
        "s3://bucket/secret.parquet",
        "link/secret.parquet",
        ".hidden/secret.parquet",
    ],
)
def test_a_delta_log_that_names_files_elsewhere_reads_none_of_them(bench, tmp_path, path):
    outside = bench.data.parent / "outside"
    outside.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 13 AS id, 0.5 AS amount) TO '{outside}/secret.parquet'")
    folder = bench.data / "forged"
    shutil.rmtree(folder, ignore_errors=True)
    _forged(folder, path.replace("{outside}", str(outside)))
    (folder / "link").symlink_to(outside)
    shutil.copytree(outside, folder / ".hidden")

    with pytest.raises((NotAllowed, EngineFailed)) as caught:
        bench.run("SELECT id FROM delta_scan('forged')")

    assert str(outside) not in str(caught.value.to_dict())


def test_a_delta_log_that_is_a_link_outside_is_refused(bench, tmp_path):
    make_delta(tmp_path / "real")
    folder = bench.data / "linked"
    folder.mkdir()
    (folder / "_delta_log").symlink_to(tmp_path / "real" / "_delta_log")

    with pytest.raises((NotAllowed, EngineFailed)):
        bench.run("FROM delta_scan('linked')")


def test_an_iceberg_table_with_files_outside_is_refused(bench, tmp_path):
    make_iceberg(tmp_path / "real")
    shutil.copytree(tmp_path / "real", bench.data / "moved")

    with pytest.raises(NotAllowed, match="outside") as caught:
        bench.run("FROM iceberg_scan('moved/main/sales')")
    assert str(tmp_path) not in str(caught.value.to_dict())


def _rewritten(bench: Workbench, name: str, change) -> None:
    make_iceberg(bench.data / name)
    newest = max((bench.data / name / "main" / "sales" / "metadata").glob("*.metadata.json"))
    facts = json.loads(newest.read_text())
    change(facts)
    newest.write_text(json.dumps(facts))


def test_an_iceberg_table_cannot_name_the_code_that_opens_its_files(bench):
    _rewritten(
        bench, "hostile", lambda facts: facts["properties"].update({"py-io-impl": "os.path.join"})
    )

    assert rows(bench, "SELECT count(*) FROM iceberg_scan('hostile/main/sales')") == [[3]]


def test_an_iceberg_table_with_files_on_another_machine_is_refused(bench):
    def change(facts):
        facts["snapshots"][-1]["manifest-list"] = "s3://bucket/list.avro"

    _rewritten(bench, "remote", change)

    with pytest.raises(NotAllowed, match="another machine"):
        bench.run("FROM iceberg_scan('remote/main/sales')")


# Without the packages.


@pytest.mark.parametrize(
    ("function", "package", "extra"),
    [("delta_scan", "deltalake", "delta"), ("iceberg_scan", "pyiceberg", "iceberg")],
)
def test_a_package_that_is_not_installed_is_named_with_what_to_type(
    tmp_path, monkeypatch, function, package, extra
):
    place = Place(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(NotAllowed, match=package) as caught:
        place.inspect(f"FROM {function}('lake')")

    assert caught.value.hint.endswith(f"pip install 'jupyter_views[{extra}]'")
