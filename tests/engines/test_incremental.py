"""What is refreshed by parts, what is not and why, and what happens to the state."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from jupyter_views.core.errors import Canceled, EngineCrashed, NotAllowed, ViewsError
from jupyter_views.engines.states import sweep_states

from .refreshing import Refreshing, same_rows
from .workbench import a_workbench

FILES = 4
ROWS = (
    "SELECT (i % 5)::INTEGER AS shop, i AS id, (i % 97)::DECIMAL(18, 2) AS price, i / 7.0 AS ratio,"
    " nullif('n' || (i % 6), 'n0') AS name, DATE '2026-01-01' + (i % 9)::INTEGER AS day,"
    " {{'kind': 'k' || (i % 2)}} AS event, i % 3 = 0 AS flag FROM range({first}, {last}) t(i)"
)
JOINED = (
    "SELECT town, sum(price) FROM 'sales/*.parquet' s JOIN 'shops.csv' c ON s.shop = c.shop"
    " GROUP BY town ORDER BY town"
)
TOTALS = "SELECT shop, sum(price) AS total FROM 'sales/*.parquet' GROUP BY shop ORDER BY shop"


def fill(world: Refreshing, number: int, *, more: int = 0) -> None:
    """Write one of the files, with rows of its own."""
    first = number * 1000 + more
    world.write(f"sales/{number:02}.parquet", ROWS.format(first=first, last=first + 100))


@pytest.fixture(scope="module")
def aged(request, tmp_path_factory):
    """Folders with equal files, one for each test, all old enough to be known by their stamps."""
    pool = tmp_path_factory.mktemp("aged")
    (pool / "first").mkdir()
    first = Refreshing(pool / "first")
    for number in range(FILES):
        fill(first, number)
    first.write("shops.csv", "SELECT i AS shop, 'town ' || (i % 2) AS town FROM range(5) t(i)")
    tests = sum(item.path == request.node.path for item in request.session.items)
    folders = [pool / str(at) for at in range(tests)]
    for folder in folders:
        shutil.copytree(first.data, folder)
    _wait_until_aged(folders[-1] / "shops.csv")
    return folders


def _wait_until_aged(path: Path) -> None:
    """Wait until stamps are trusted."""
    while time.time() - os.stat(path).st_ctime < 2.2:
        time.sleep(0.05)


@pytest.fixture
def world(aged, tmp_path):
    os.rename(aged.pop(), tmp_path / "data")
    return Refreshing(tmp_path)


def built(world, sql=TOTALS, **options):
    """Run twice, so that there are parts."""
    assert world.run(sql, **options).method == "full"
    assert world.run(sql, **options).method == f"incremental: {FILES} of {FILES} files"


BY_PARTS = [
    "SELECT count(*) FROM 'sales/*.parquet'",
    "SELECT COUNT(ratio), count(1), sum(1) FROM read_parquet('sales/*.parquet')",
    "FROM 'sales/*.parquet' SELECT sum(id), min(day), max(name) WHERE flag",
    "SELECT sum(price) + 1 AS p, {'n': count(*)} AS s, [max(id)] FROM 'sales/*.parquet'",
    "SELECT shop, sum(price) AS price FROM 'sales/*.parquet' GROUP BY shop ORDER BY price DESC",
    "SELECT shop, sum(id) FROM 'sales/*.parquet' GROUP BY ALL ORDER BY ALL DESC",
    "SELECT Shop, sum(id) FROM 'sales/*.parquet' s GROUP BY S.shop ORDER BY 2, 1",
    "SELECT shop % 2 AS odd, odd + 1 AS next, sum(odd) AS odds, odds * 2 AS twice"
    " FROM 'sales/*.parquet' GROUP BY ALL ORDER BY odd",
    "SELECT \"sales/*.parquet\".shop, sum(id) FROM 'sales/*.parquet' GROUP BY shop ORDER BY 1",
    "SELECT sum(id) FROM read_parquet(['sales/0*.parquet'])",
    "SELECT sum(read_parquet.id) FROM read_parquet('sales/*.parquet')",
    "SELECT event.kind, count(*) FROM 'sales/*.parquet' GROUP BY event.kind ORDER BY 1",
    "SELECT name, count(*) FILTER (WHERE ratio > 20) AS n FROM 'sales/*.parquet'"
    " GROUP BY name ORDER BY name NULLS FIRST",
    "SELECT name FROM 'sales/*.parquet' GROUP BY name HAVING sum(id) > 1000 ORDER BY max(id)",
    "SELECT shop, sum(id) AS ids FROM 'sales/*.parquet' GROUP BY shop HAVING ids > 9 ORDER BY ids",
    "SELECT extract('year' FROM day) AS y, date_trunc('week', day) AS w, avg(ratio)"
    " FROM 'sales/*.parquet' GROUP BY y, w ORDER BY y, w",
    JOINED,
    "SELECT town, count(*) FROM 'sales/*.parquet' NATURAL JOIN read_csv('shops.csv')"
    " GROUP BY town ORDER BY town",
    "SELECT sum(a.id) FROM 'sales/*.parquet' AS a, 'shops.csv' AS b WHERE a.shop = b.shop",
    "SELECT a, sum(b) FROM 'sales/*.parquet' AS t(a, b) GROUP BY a ORDER BY a",
    "SELECT shop, sum(price) AS p FROM 'sales/*.parquet' GROUP BY shop ORDER BY p LIMIT 2 OFFSET 1",
    "SELECT CASE WHEN sum(id) > 5 THEN 'many' ELSE name END, name FROM 'sales/*.parquet'"
    " GROUP BY name ORDER BY name",
    "SELECT split_part(name, 'n', 2) AS tail, bool_or(flag), bit_xor(id), arg_max(name, id)"
    " FROM 'sales/*.parquet' GROUP BY tail ORDER BY tail",
    "SELECT stddev(ratio), var_pop(id), avg(price), approx_count_distinct(name)"
    " FROM 'sales/*.parquet'",
    "SELECT shop FROM read_parquet('sales/*.parquet', hive_partitioning = false)"
    " GROUP BY shop HAVING count(*) > 1 ORDER BY shop",
    "SELECT count(*), sum(id) FROM 'sales/*.parquet' WHERE id < 0",
    "SELECT shop, sum(id) FROM 'sales/*.parquet' WHERE id < 0 GROUP BY shop",
    "SELECT 'all' AS what, count(*) FROM 'sales/*.parquet' GROUP BY 1",
    "SELECT shop AS id, max(id) AS shop FROM 'sales/*.parquet' GROUP BY 1 ORDER BY 1",
]


@pytest.mark.parametrize("sql", BY_PARTS)
def test_a_query_of_the_class_gives_the_same_rows_and_columns_by_parts(world, sql):
    first = world.run(sql)
    second = world.run(sql)
    fill(world, 1, more=7)
    (world.data / "sales" / "02.parquet").unlink()
    third = world.run(sql)
    wanted = world.full(sql)

    assert first.method == "full"
    assert second.method == "incremental: 4 of 4 files"
    assert third.method == "incremental: 1 of 3 files"
    assert first.columns == second.columns == third.columns
    assert same_rows(first.rows, second.rows)
    assert same_rows(third.rows, wanted)


AGGREGATES = [
    *("sum(id)", "sum(ratio)", "fsum(ratio)", "kahan_sum(ratio)", "sumkahan(ratio)"),
    *("avg(price)", "avg(ratio)", "mean(id)", "favg(ratio)", "min(name)", "max(event)"),
    *("min(ratio)", "max(day)", "count(name)", "count(*)", "approx_count_distinct(name)"),
    *("var_pop(id)", "var_samp(ratio)", "variance(ratio)", "stddev(id)", "stddev_pop(ratio)"),
    *("stddev_samp(ratio)", "bool_and(flag)", "bool_or(flag)", "bit_and(id)", "bit_or(id)"),
    *("bit_xor(shop)", "count_if(flag)", "countif(NOT flag)", "arg_min(name, id)"),
    *("arg_max(event, id)", "argmin(price, id)", "argmax(day, id)", "min_by(name, ratio)"),
    *("max_by(flag, ratio)", "arg_min_null(name, id)", "arg_max_null(name, id)"),
]


@pytest.mark.parametrize("call", AGGREGATES)
def test_every_aggregate_of_the_class_can_be_combined(world, call):
    sql = f"SELECT name, {call} FROM 'sales/*.parquet' GROUP BY name ORDER BY name"
    world.write("sales/empty.parquet", ROWS.format(first=0, last=0))
    full = world.run(sql)
    world.run(sql)
    by_parts = world.run(sql)

    assert by_parts.method == "incremental: 0 of 5 files"
    assert by_parts.columns == full.columns
    assert same_rows(by_parts.rows, full.rows)


def test_files_may_have_odd_names(world):
    for at, name in enumerate(["it's", "a [1]", "b*c", "what?", "naïve", 'q"q', "$x", "-- y"]):
        world.write(f"odd/{name}.parquet", f"SELECT {at} AS x")
    sql = "SELECT sum(x), count(*) FROM 'odd/*.parquet'"
    world.run(sql)

    ran = world.run(sql)

    assert (ran.method, ran.rows) == ("incremental: 8 of 8 files", [(28, 8)])


FROM = "FROM 'sales/*.parquet'"
IN_FULL = {
    f"SELECT median(id) {FROM}": "uses median",
    f"SELECT quantile_cont(id, 0.5), sum(id) {FROM}": "uses quantile_cont",
    f"SELECT list(id) {FROM}": "uses list",
    f"SELECT any_value(id) {FROM}": "uses any_value",
    f"SELECT first(id) {FROM}": "uses first",
    f"SELECT string_agg(name) {FROM}": "uses string_agg",
    f"SELECT weighted_avg(id, ratio) {FROM}": "uses weighted_avg",
    f"SELECT count(DISTINCT id) {FROM}": "uses count(DISTINCT …)",
    f"SELECT sum(DISTINCT id) {FROM}": "uses sum(DISTINCT …)",
    f"SELECT max(id, 3) {FROM}": "uses max with 2 arguments",
    f"SELECT sum(id ORDER BY day) {FROM}": "uses sum(… ORDER BY …)",
    f"SELECT sum(id) OVER () {FROM}": "has a window function",
    f"SELECT sum(id) {FROM} QUALIFY row_number() OVER () = 1": "has a QUALIFY",
    f"SELECT sum(id) {FROM} WHERE shop IN (SELECT 1)": "has a subquery",
    f"SELECT sum(id) FROM (SELECT id {FROM})": "has a subquery",
    f"WITH a AS (SELECT 1) SELECT sum(id) {FROM}": "has a WITH",
    f"SELECT sum(id) {FROM} UNION ALL SELECT 1": "is not one SELECT",
    f"SELECT DISTINCT sum(id) {FROM} GROUP BY shop": "has a DISTINCT",
    f"SELECT shop, sum(id) {FROM} GROUP BY ROLLUP (shop)": "has grouping sets",
    f"SELECT shop, sum(id) {FROM} GROUP BY GROUPING SETS ((shop), ())": "has grouping sets",
    f"SELECT shop, sum(id) {FROM} GROUP BY shop LIMIT 2": "has a LIMIT without ORDER BY",
    f"SELECT shop {FROM} GROUP BY shop": "has no aggregate",
    f"SELECT id {FROM}": "uses id as it is not grouped",
    f"SELECT * {FROM}": "uses *",
    f"SELECT sum(COLUMNS('id')) {FROM}": "uses *",
    f"SELECT sum(list_sum(list_transform([id], lambda x: x + 1))) {FROM}": "has a lambda",
    f"SELECT name COLLATE nocase AS n, count(*) {FROM} GROUP BY ALL": "uses COLLATE",
    f"SELECT 1 AS one, shop, sum(id) {FROM} GROUP BY ALL": "groups by ALL beside a constant",
    f"SELECT sum(id) AS id {FROM} HAVING id > 1": "uses the name id for two things",
    f"SELECT sum(id), random() AS r {FROM} GROUP BY ALL": "uses random",
    f"SELECT count(*) {FROM} WHERE day < current_date": "uses current_date",
    f"SELECT filename, count(*) {FROM} GROUP BY 1": (
        "uses filename, which is no column of its files"
    ),
    f"SELECT s.file_row_number, count(*) {FROM} s GROUP BY 1": "uses file_row_number",
    f"SELECT sum(id) AS _jv_whole {FROM}": "uses a name that starts with _jv_",
    f"SELECT sum(id) {FROM} TABLESAMPLE 50%": "uses sample",
    f"SELECT sum(id) {FROM} s LEFT JOIN 'shops.csv' c USING (shop)": "has a LEFT JOIN",
    f"SELECT sum(id) {FROM} s POSITIONAL JOIN 'shops.csv' c": "has a POSITIONAL JOIN",
    f"SELECT sum(id) {FROM} SEMI JOIN 'shops.csv' USING (shop)": "has a SEMI JOIN",
    f"SELECT sum(s.id) {FROM} s JOIN 'sales/*.parquet' t USING (id)": (
        "reads its files twice, or by a list"
    ),
    f"SELECT sum(id) {FROM} s JOIN 'shop*.csv' c USING (shop)": "reads more than one pattern",
    "SELECT sum(shop) FROM 'shop*.csv'": "reads CSV, not Parquet",
    "SELECT sum(shop) FROM read_csv('shop*.csv')": "reads CSV, not Parquet",
    "SELECT sum(shop) FROM 'shops.csv'": "reads no pattern of Parquet files",
    "SELECT sum(id) FROM 'sales/00.parquet'": "reads no pattern of Parquet files",
    "SELECT sum(x) FROM (VALUES (1)) t(x)": "has a subquery",
    "SELECT sum(id) FROM read_parquet(['sales/0*.parquet', 'sales/00.parquet'])": (
        "reads its files twice, or by a list"
    ),
    "SELECT sum(id) FROM read_parquet('sales/*.parquet', union_by_name = true)": (
        "uses read_parquet with union_by_name"
    ),
    "SELECT sum(id) FROM read_parquet('sales/*.parquet', filename = true)": (
        "uses read_parquet with filename"
    ),
}


@pytest.mark.parametrize("sql", IN_FULL)
def test_any_other_query_is_run_in_full_and_says_why(world, sql):
    ran = world.run(sql)

    assert ran.method == f"full: {IN_FULL[sql]}"
    assert len(ran.rows) > 0
    assert not any(world.states.iterdir())


def test_a_run_that_nobody_repeats_keeps_nothing(world):
    assert [world.run(TOTALS, key=None).method for _ in range(2)] == ["full", "full"]
    assert not any(world.states.iterdir())


def test_few_files_are_not_worth_a_state(tmp_path):
    world = Refreshing(tmp_path, least_files=FILES + 1)
    for number in range(FILES):
        fill(world, number)

    assert [world.run(TOTALS).method for _ in range(3)] == ["full", "full", "full"]
    assert not any(world.states.iterdir())


def test_only_files_that_changed_are_read_again(world):
    built(world)

    assert world.run(TOTALS).method == "incremental: 0 of 4 files"
    fill(world, 2, more=3)
    assert world.run(TOTALS).method == "incremental: 1 of 4 files"
    fill(world, 7)
    (world.data / "sales/00.parquet").unlink()
    assert world.run(TOTALS).method == "incremental: 1 of 4 files"
    (world.data / "sales/01.parquet").unlink()
    ran = world.run(TOTALS)

    assert ran.method == "incremental: 0 of 3 files"
    assert ran.rows == world.full(TOTALS)


def test_a_young_file_that_was_only_touched_is_known_by_its_content(world):
    fill(world, 1)
    built(world)
    os.utime(world.data / "sales/01.parquet")

    assert world.run(TOTALS).method == "incremental: 0 of 4 files"


def test_files_of_some_age_are_known_by_their_stamps_and_young_ones_by_content(world):
    built(world)
    fill(world, 2, more=3)
    world.run(TOTALS)

    known = world.known()

    assert known is not None
    by_content = {path for path, part in known.files.items() if part.token.startswith(";")}
    assert by_content == {"sales/02.parquet"}
    assert all(known.files.values())


def test_other_parameters_make_all_parts_anew(world):
    sql = "SELECT count(*) FROM 'sales/*.parquet' WHERE id > $least"
    built(world, sql, params={"least": 5})

    ran = world.run(sql, params={"least": 1050})

    assert ran.method == "incremental: 4 of 4 files"
    assert ran.rows == world.full(sql, {"least": 1050})


def test_a_parameter_that_only_shapes_the_result_leaves_the_parts_alone(world):
    sql = "SELECT shop, sum(id) FROM read_parquet($files) GROUP BY 1 ORDER BY 1 LIMIT $most"
    built(world, sql, params={"files": "sales/*.parquet", "most": 2})

    ran = world.run(sql, params={"files": "sales/*.parquet", "most": 1})

    assert ran.method == "incremental: 0 of 4 files"
    assert len(ran.rows) == 1


def test_a_changed_input_beside_the_files_makes_all_parts_anew(world):
    sql = JOINED
    built(world, sql)
    world.write("shops.csv", "SELECT i AS shop, 'village' AS town FROM range(3) t(i)")

    ran = world.run(sql)

    assert ran.method == "incremental: 4 of 4 files"
    assert ran.rows == world.full(sql)
    assert world.run(sql).method == "incremental: 0 of 4 files"


def test_a_changed_frame_makes_all_parts_anew(world):
    sql = "SELECT sum(id * weight) FROM 'sales/*.parquet' JOIN weights USING (shop)"
    weights = pa.table({"shop": [0, 1], "weight": [1, 1]})
    built(world, sql, frames={"weights": weights})

    same = world.run(sql, frames={"weights": weights})
    other = world.run(sql, frames={"weights": pa.table({"shop": [0, 1], "weight": [2, 2]})})

    assert (same.method, other.method) == (
        "incremental: 0 of 4 files",
        "incremental: 4 of 4 files",
    )
    assert other.rows[0][0] == 2 * same.rows[0][0]


def test_files_with_different_columns_are_run_in_full(world):
    built(world)
    world.write("sales/01.parquet", "SELECT 1::BIGINT AS shop, 2 AS id, 3::DECIMAL(18, 2) AS price")

    ran = world.run(TOTALS)

    assert ran.method == "full: has files with different columns"
    assert ran.rows == world.full(TOTALS)
    fill(world, 1)
    assert world.run(TOTALS).method.startswith("incremental: ")


def test_columns_out_of_folder_names_are_parts_of_the_files(world):
    for day in ("2026-01-01", "2026-01-02"):
        world.write(f"days/day={day}/a.parquet", "SELECT 5 AS x")
    sql = "SELECT day, sum(x) FROM 'days/*/*.parquet' GROUP BY day ORDER BY day"
    world.run(sql)

    by_parts = world.run(sql)

    assert by_parts.method == "incremental: 2 of 2 files"
    assert by_parts.rows == world.full(sql)
    world.write("days/day=unknown/a.parquet", "SELECT 5 AS x")
    assert world.run(sql).method == "full: has files with different columns"


def test_deleted_files_give_the_error_of_a_full_run(world):
    built(world)
    for path in (world.data / "sales").iterdir():
        path.unlink()

    with pytest.raises(duckdb.IOException, match="No files found"):
        world.run(TOTALS)


def test_a_file_that_fails_gives_the_error_of_a_full_run(world):
    built(world)
    (world.data / "sales/01.parquet").write_bytes(b"PAR1 this is not Parquet PAR1")

    with pytest.raises(duckdb.Error, match=r"01\.parquet"):
        world.run(TOTALS)

    fill(world, 1)
    ran = world.run(TOTALS)
    assert ran.rows == world.full(TOTALS)


def test_large_sums_stay_exact(world):
    for number in range(FILES):
        world.write(f"sales/0{number}.parquet", f"SELECT {2**62 + number}::BIGINT AS id")
    sql = "SELECT sum(id), sum(id::HUGEINT * 3), avg(id::DECIMAL(38, 0)) FROM 'sales/*.parquet'"
    built(world, sql)

    ran = world.run(sql)

    assert ran.rows[0][:2] == (4 * 2**62 + 6, 12 * 2**62 + 18)
    assert ran.rows == world.full(sql)


def test_a_file_that_moves_while_it_is_read_is_read_again(world):
    built(world)
    fill(world, 1, more=5)

    world.run(TOTALS, during=lambda: fill(world, 1, more=9))
    ran = world.run(TOTALS)

    assert ran.method == "incremental: 1 of 4 files"
    assert ran.rows == world.full(TOTALS)


def test_a_file_that_moves_and_comes_back_while_it_is_read_is_read_again(world):
    built(world)
    path = world.data / "sales/01.parquet"
    fill(world, 1, more=5)
    content = path.read_bytes()
    fill(world, 1, more=9)

    world.run(TOTALS, during=lambda: path.write_bytes(content))
    fill(world, 1, more=9)
    ran = world.run(TOTALS)

    assert ran.method == "incremental: 1 of 4 files"
    assert ran.rows == world.full(TOTALS)


def test_nothing_is_kept_when_another_input_moves_while_it_is_read(world):
    sql = JOINED
    built(world, sql)
    fill(world, 1, more=5)
    before = world.known()

    world.run(sql, during=lambda: world.write("shops.csv", "SELECT 1 AS shop, 'village' AS town"))

    assert world.known() == before
    assert world.run(sql).rows == world.full(sql)


def test_a_file_that_cannot_be_read_does_not_cost_the_other_parts(world):
    sql = "SELECT sum(CAST(name[2:] AS INTEGER)) FROM 'sales/*.parquet'"
    built(world, sql)
    world.write("sales/01.parquet", ROWS.format(first=0, last=9).replace("'n' ||", "'nn' ||"))

    with pytest.raises(duckdb.ConversionException):
        world.run(sql)

    fill(world, 1)
    assert world.run(sql).method == "incremental: 1 of 4 files"


# Choosing --------------------------------------------------------------------


def test_parts_that_are_slower_end_after_three_runs_and_are_tried_again_later(world):
    world.run(TOTALS)
    by_parts = []
    for _ in range(3):
        world.change("view", full_us=1)
        by_parts.append(world.run(TOTALS).method)
    full = []
    for _ in range(16):
        full.append(world.run(TOTALS).method)

    assert by_parts == ["incremental: 4 of 4 files", *2 * ["incremental: 0 of 4 files"]]
    assert full == 16 * ["full: faster here"]
    assert world.run(TOTALS).method == "incremental: 4 of 4 files"


def test_one_quick_run_by_parts_forgives_two_slow_ones(world):
    built(world)
    world.change("view", full_us=1)
    world.run(TOTALS)
    world.change("view", full_us=1)
    world.run(TOTALS)
    known = world.known()
    world.change("view", full_us=60_000_000)
    world.run(TOTALS)

    assert known is not None and known.losses == 2
    assert world.known().losses == 0


def test_parts_that_would_not_leave_the_time_for_a_full_run_are_given_up(world):
    world.run(TOTALS)

    assert world.run(TOTALS, seconds=0.001).method == "full: faster here"
    assert world.known().rest == 15
    assert world.run(TOTALS).method == "full: faster here"


def test_what_a_full_run_took_is_kept(tmp_path):
    world = Refreshing(tmp_path, is_honest=True)
    for number in range(FILES):
        fill(world, number)
    begun = time.monotonic()
    world.run(TOTALS)

    known = world.known()

    assert known is not None
    assert 0 < known.full_us < (time.monotonic() - begun) * 1e6
    assert (known.files, known.rest, known.losses) == ({}, 0, 0)


# The state -------------------------------------------------------------------


def _script(text: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a process of its own, where tests can be imported."""
    command = [sys.executable, "-c", textwrap.dedent(text), *arguments]
    return subprocess.run(command, cwd=Path(__file__).parents[2])


def _spoiled(content: bytes, how: str) -> bytes:
    spoiled = bytearray(content)
    match how:
        case "empty":
            return b""
        case "noise":
            return os.urandom(len(content))
        case "cut":
            return content[: len(content) // 2]
        case "head":
            spoiled[:4096] = os.urandom(4096)
        case "body":
            for at in range(12288, len(content), 997):
                spoiled[at] ^= 255
        case "text":
            return b"This is no database.\n" * 1000
    return bytes(spoiled)


@pytest.mark.parametrize("how", ["empty", "noise", "cut", "head", "body", "text"])
def test_a_damaged_state_is_deleted_and_made_anew(world, how):
    built(world)
    path = world.state_file()
    path.write_bytes(_spoiled(path.read_bytes(), how))
    fill(world, 1, more=5)

    damaged = world.run(TOTALS)
    healed = [world.run(TOTALS).method for _ in range(3)]

    assert damaged.rows == world.full(TOTALS)
    assert damaged.method in ("full", "full: its state could not be used")
    assert healed[-1] == "incremental: 0 of 4 files"


def test_a_state_whose_words_are_not_understood_is_made_anew(world):
    built(world)
    with duckdb.connect(str(world.state_file())) as state:
        state.execute("""UPDATE about SET body = '{"full_us": "long"}'""")

    damaged = world.run(TOTALS)

    assert damaged.method == "full: its state could not be used"
    assert damaged.rows == world.full(TOTALS)
    assert world.run(TOTALS).method == "incremental: 4 of 4 files"


def test_the_log_of_a_state_that_is_gone_is_not_believed(world):
    built(world)
    path = world.state_file()
    path.with_name(path.name + ".wal").write_bytes(b"left over")
    path.unlink()

    assert world.run(TOTALS).method == "full"
    assert world.run(TOTALS).rows == world.full(TOTALS)


def test_a_folder_of_states_that_is_gone_costs_nothing_but_time(world):
    built(world)
    world.state_file().unlink()
    world.states.rmdir()

    ran = world.run(TOTALS)

    assert (ran.method, ran.rows) == ("full: its state could not be used", world.full(TOTALS))


_FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from tests.engines.refreshing import Refreshing
    world = Refreshing(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    for _ in range(3):
        assert world.run(sys.argv[2]).rows == world.full(sys.argv[2])
"""


@pytest.mark.parametrize("most", [10_000, 40_000, 100_000])
def test_a_full_disk_costs_the_state_and_never_the_rows(world, most):
    sql = "SELECT id, name, sum(price), max(name) FROM 'sales/*.parquet' GROUP BY ALL ORDER BY id"
    world.run(sql)
    done = _script(_FULL_DISK, str(world.data.parent), sql, str(most))

    assert done.returncode == 0
    assert world.run(sql).rows == world.full(sql)


_HOLDER = """
    import sys, duckdb
    held = duckdb.connect(sys.argv[1])
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_state_that_another_process_holds_is_left_to_it(world):
    built(world)
    fill(world, 1, more=5)
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_HOLDER), str(world.state_file())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        meanwhile = world.run(TOTALS)
        holder.stdin.close()

    assert meanwhile.method == "full: another run uses its state"
    assert meanwhile.rows == world.full(TOTALS)
    assert world.run(TOTALS).method == "incremental: 1 of 4 files"


_VICTIM = """
    import os, signal, sys
    from pathlib import Path
    from tests.engines.refreshing import Refreshing
    world = Refreshing(Path(sys.argv[1]))
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    world.run(sys.argv[2], **{sys.argv[3]: die})
"""


@pytest.mark.parametrize("moment", ["during", "after"])
@pytest.mark.parametrize("has_parts", [False, True])
def test_a_run_killed_around_its_commit_leaves_a_good_state(world, moment, has_parts):
    world.run(TOTALS)
    if has_parts:
        world.run(TOTALS)
    fill(world, 1, more=5)
    died = _script(_VICTIM, str(world.data.parent), TOTALS, moment)

    ran = world.run(TOTALS)

    assert died.returncode == -9
    assert ran.rows == world.full(TOTALS)
    # What was committed counts: only the young file may have to be read again.
    expected = (0, 1) if moment == "after" else (1,) if has_parts else (4,)
    assert ran.method in {f"incremental: {count} of 4 files" for count in expected}


def test_nothing_of_a_state_stays_attached(world):
    built(world)

    names = world.connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()

    assert "_jv_state" not in {name for (name,) in names}
    with pytest.raises(duckdb.Error):
        world.run("SELECT * FROM _jv_state.main.parts")


def test_states_are_swept_by_age_and_by_size(tmp_path):
    now = time.time()
    for name, age, size in (("old", 100, 10), ("big", 50, 80), ("mid", 30, 30), ("new", 1, 60)):
        path = tmp_path / f"{name}.duckdb"
        path.write_bytes(b"x" * size)
        os.utime(path, (now - age, now - age))

    sweep_states(str(tmp_path), keep_bytes=100, before=int((now - 90) * 1e6))
    left = sorted(path.stem for path in tmp_path.iterdir())
    sweep_states(str(tmp_path), keep_bytes=10**9, before=int((now - 20) * 1e6))

    assert left == ["mid", "new"]
    assert [path.stem for path in tmp_path.iterdir()] == ["new"]
    sweep_states(str(tmp_path / "nowhere"), keep_bytes=0, before=0)


# In real workers -------------------------------------------------------------


MANY = 20


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("incremental")
    with a_workbench(folder, states_dir=str(folder / "states")) as bench:
        (bench.data / "big").mkdir()
        for number in range(MANY):
            _fill_big(bench, number)
        _wait_until_aged(bench.data / "big" / f"{MANY - 1}.parquet")
        yield bench


def _fill_big(bench, number, more=0):
    query = f"SELECT i % 10 AS k, hash(i + {more}) AS h FROM range(30000) t(i)"
    new = bench.data / ".new"
    duckdb.sql(f"COPY ({query}) TO '{new}' (FORMAT parquet)")
    os.replace(new, bench.data / "big" / f"{number:02}.parquet")


BIG = "SELECT k, sum(h) AS h, count(*) AS n FROM 'big/*.parquet' GROUP BY k ORDER BY k"


def test_workers_refresh_by_parts_behind_all_their_walls(bench):
    runs = [bench.run(BIG, state_key="walls") for _ in range(2)]
    _fill_big(bench, 3, more=1)
    runs.append(bench.run(BIG, state_key="walls"))
    full = bench.run(BIG)

    assert [run.method for run in runs] == [
        "full",
        "incremental: 20 of 20 files",
        "incremental: 1 of 20 files",
    ]
    assert runs[0].columns == runs[1].columns == runs[2].columns == full.columns
    assert bench.rows(runs[0]) == bench.rows(runs[1])
    assert bench.rows(runs[2]) == bench.rows(full)
    assert runs[2].sha256 == full.sha256
    assert full.method == "full"


def test_rows_of_a_view_may_stand_beside_the_files(bench):
    sql = (
        "SELECT town, count(*) AS n FROM 'big/*.parquet' JOIN views.towns USING (k)"
        " GROUP BY town ORDER BY town"
    )

    def towns(count):
        rows = bench.run(f"SELECT i AS k, 'town ' || (i % {count}) AS town FROM range(10) t(i)")
        place = bench.results / rows.sha256[:2]
        place.mkdir(exist_ok=True)
        shutil.copy(rows.path, place / f"{rows.sha256}.arrow")
        return {"towns": rows.sha256}

    runs = [bench.run(sql, state_key="view", views=towns(2)) for _ in range(3)]
    runs.append(bench.run(sql, state_key="view", views=towns(5)))

    assert [run.method for run in runs] == [
        "full",
        "incremental: 20 of 20 files",
        "incremental: 0 of 20 files",
        "incremental: 20 of 20 files",
    ]
    assert bench.rows(runs[2]) == bench.rows(runs[0])
    assert bench.rows(runs[3]) == [[f"town {at}", 120_000] for at in range(5)]


def test_the_row_limit_holds_by_parts(bench):
    bench.run(BIG, state_key="limit")
    cut = bench.run(BIG, state_key="limit", rows=3)

    assert cut.method == "incremental: 20 of 20 files"
    assert (cut.row_count, cut.truncated) == (3, "rows")


async def _until_busy(bench, task):
    """The worker that runs: it stands in the folder of the data while it does; no event tells."""
    while not task.done():
        for worker in bench.workers():
            if worker.cwd() == str(bench.data):
                return worker
        await asyncio.sleep(0.001)
    return None


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1])
def test_a_run_canceled_at_any_moment_leaves_the_state_as_it_was(bench, delay):
    key = f"canceled after {delay}"
    sql = BIG.replace("sum(h)", "sum(length(repeat('x', (h % 1000)::INTEGER)))")
    first = bench.run(sql, state_key=key)
    workers = bench.workers()

    async def canceled():
        run = bench.a_run(sql, state_key=key)
        task = asyncio.ensure_future(bench.engine.run(run, lambda _: None))
        await _until_busy(bench, task)
        await asyncio.sleep(delay)
        await bench.engine.cancel(run.id)
        with pytest.raises(Canceled):
            await task

    bench.wait(canceled())
    again = bench.run(sql, state_key=key)

    assert again.method == "incremental: 20 of 20 files"
    assert bench.rows(again) == bench.rows(first)
    assert bench.workers() == workers


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.09])
def test_a_worker_killed_at_any_moment_leaves_a_state_that_serves(bench, delay):
    key = f"killed after {delay}"
    first = bench.run(BIG, state_key=key)

    async def killed():
        run = bench.a_run(BIG, state_key=key)
        task = asyncio.ensure_future(bench.engine.run(run, lambda _: None))
        worker = await _until_busy(bench, task)
        await asyncio.sleep(delay)
        if worker is not None and not task.done():
            worker.kill()
        with suppress(EngineCrashed):
            await task

    bench.wait(killed())
    again = bench.run(BIG, state_key=key)

    assert again.method.startswith("incremental: ")
    assert bench.rows(again) == bench.rows(first)


def test_user_sql_cannot_read_the_folder_of_states(bench):
    bench.run(BIG, state_key="secret")
    (state, *_) = (bench.scratch.parent / "states").iterdir()

    with pytest.raises(NotAllowed):
        bench.run(f"SELECT * FROM read_parquet('{state}')")
    with pytest.raises(ViewsError):
        bench.run("SELECT * FROM _jv_state.main.parts", state_key="secret")
