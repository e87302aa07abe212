"""Stored results come out exactly, whole and in windows, in every format."""

from __future__ import annotations

import csv
import io
import json
import random
import struct
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jupyter_views.core.errors import EngineFailed, Gone, InvalidColumns
from jupyter_views.core.ports import Encoding

from .workbench import a_workbench

HUGE = "170141183460469231731687303715884105727"
UHUGE = "340282366920938463463374607431768211455"
BIG = "123456789012345678901234567890123456789012345678901234567890"
STAMP = datetime(2024, 1, 2, 3, 4, 5, 123456)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("encode")) as bench:
        yield bench


# expression, our word, JSON text, CSV cell, Arrow value, Parquet value
VALUES = [
    ("1::TINYINT", "integer", "1", "1", 1, 1),
    ("9007199254740993", "integer", "9007199254740993", "9007199254740993", 2**53 + 1, 2**53 + 1),
    ("18446744073709551615::UBIGINT", "integer", str(2**64 - 1), str(2**64 - 1), *[2**64 - 1] * 2),
    (f"{HUGE}::HUGEINT", "integer", HUGE, HUGE, Decimal(HUGE), Decimal(HUGE)),
    (f"{UHUGE}::UHUGEINT", "integer", UHUGE, UHUGE, UHUGE, UHUGE),
    (f"'{BIG}'::BIGNUM", "integer", BIG, BIG, BIG, BIG),
    ("1.500::DECIMAL(38,3)", "decimal", "1.500", "1.500", Decimal("1.500"), Decimal("1.500")),
    ("0.1::DOUBLE", "double", "0.1", "0.1", 0.1, 0.1),
    ("-0.0::DOUBLE", "double", "-0.0", "-0.0", -0.0, -0.0),
    ("'inf'::DOUBLE", "double", "null", "inf", float("inf"), float("inf")),
    ("true", "boolean", "true", "true", True, True),
    ("'x\"y'", "string", r'"x\"y"', '"x""y"', 'x"y', 'x"y'),
    ("'x'::ENUM('x', 'y')", "string", '"x"', "x", "x", "x"),
    ("'101010'::BIT", "string", '"101010"', "101010", "101010", "101010"),
    (
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
        "string",
        '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"',
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        *["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2,
    ),
    ("DATE '2024-01-02'", "date", '"2024-01-02"', "2024-01-02", *[date(2024, 1, 2)] * 2),
    ("'12:34:56.5+05:30'::TIMETZ", "time", '"12:34:56.5+05:30"', *["12:34:56.5+05:30"] * 3),
    (
        "TIMESTAMP '2024-01-02 03:04:05.123456'",
        "timestamp",
        '"2024-01-02T03:04:05.123456"',
        "2024-01-02T03:04:05.123456",
        STAMP,
        STAMP,
    ),
    ("'2024-01-02 03:04:05'::TIMESTAMP_S", "timestamp", '"2024-01-02T03:04:05"', *[...] * 3),
    ("'2024-01-02 03:04:05.1'::TIMESTAMP_MS", "timestamp", '"2024-01-02T03:04:05.1"', *[...] * 3),
    (
        "'2024-01-02 03:04:05.123456789'::TIMESTAMP_NS",
        "timestamp",
        '"2024-01-02T03:04:05.123456789"',
        "2024-01-02T03:04:05.123456789",
        ...,
        ...,
    ),
    (
        "'2024-01-02 03:04:05+02'::TIMESTAMPTZ",
        "timestamptz",
        '"2024-01-02T01:04:05Z"',
        "2024-01-02T01:04:05Z",
        ...,
        ...,
    ),
    ("'infinity'::TIMESTAMPTZ", "timestamptz", '"infinity"', "infinity", ..., ...),
    ("'-infinity'::TIMESTAMP", "timestamp", '"-infinity"', "-infinity", ..., ...),
    (
        "INTERVAL '1 month 2 days 3.000004 seconds'",
        "duration",
        '"1 month 2 days 00:00:03.000004"',
        "1 month 2 days 00:00:03.000004",
        ...,
        "1 month 2 days 00:00:03.000004",
    ),
    (r"'\xAA\x00'::BLOB", "binary", '"qgA="', "qgA=", b"\xaa\x00", b"\xaa\x00"),
    (
        '\'{"a": 1.50, "b": 123456789012345678901234567890}\'::JSON',
        "json",
        '{"a": 1.50, "b": 123456789012345678901234567890}',
        '"{""a"": 1.50, ""b"": 123456789012345678901234567890}"',
        *['{"a": 1.50, "b": 123456789012345678901234567890}'] * 2,
    ),
    ("'[NaN]'::JSON", "json", '"[NaN]"', "[NaN]", "[NaN]", "[NaN]"),
    ("""'["NaN"]'::JSON""", "json", '["NaN"]', '"[""NaN""]"', '["NaN"]', '["NaN"]'),
    ("{'a': 42}::VARIANT", "json", '{"a":42}', '"{""a"":42}"', '{"a":42}', '{"a":42}'),
    ("[1, NULL]", "list", "[1,null]", '"[1,null]"', [1, None], [1, None]),
    ("['nan'::DOUBLE, 1.5]::DOUBLE[2]", "list", "[null,1.5]", '"[null,1.5]"', ..., ...),
    ("{'a': 1, 'b': 'x'}", "struct", '{"a":1,"b":"x"}', ..., *[{"a": 1, "b": "x"}] * 2),
    ("NULL::STRUCT(a DOUBLE)", "struct", "null", "", None, None),
    ("row(1, 'nan'::DOUBLE)", "struct", "[1,null]", '"[1,null]"', ..., ...),
    ("map([1], ['a'])", "map", '{"1":"a"}', ..., [(1, "a")], [(1, "a")]),
    (
        "map([TIMESTAMP '2024-01-02 03:04:05'], ['inf'::DOUBLE])",
        "map",
        '{"2024-01-02T03:04:05":null}',
        ...,
        [(datetime(2024, 1, 2, 3, 4, 5), float("inf"))],
        ...,
    ),
    (
        "union_value(number := 2)::UNION(number INTEGER, word VARCHAR)",
        "struct",
        '{"number":2}',
        '"{""number"":2}"',
        2,
        '{"number":2}',
    ),
    (
        f"[{{'h': {HUGE}::HUGEINT, 'u': {UHUGE}::UHUGEINT, 'b': '\\xAA'::BLOB, 'z': 'nan'::FLOAT,"
        " 't': '2024-01-02 03:04:05+02'::TIMESTAMPTZ, 'j': '[1]'::JSON, 's': '01'::BIT}]",
        "list",
        f'[{{"h":{HUGE},"u":{UHUGE},"b":"qg==","z":null,'
        '"t":"2024-01-02T01:04:05Z","j":[1],"s":"01"}]',
        ...,
        ...,
        ...,
    ),
    ("NULL", "string", "null", "", None, None),
    ("''", "string", '""', '""', "", ""),
]


@pytest.mark.parametrize(
    ("expression", "word", "as_json", "cell", "in_arrow", "in_parquet"),
    VALUES,
    ids=[each[0][:40] for each in VALUES],
)
def test_a_value_survives_every_format(
    bench, expression, word, as_json, cell, in_arrow, in_parquet
):
    outcome = bench.run(f"SELECT {expression} AS v")

    assert outcome.columns[0].type == word
    assert bench.encode(outcome, "json").decode() == f"[{as_json}]"
    assert bench.encode(outcome, "ndjson").decode() == f'{{"v":{as_json}}}\n'
    if cell is not ...:
        assert bench.encode(outcome, "csv").decode() == f"v\r\n{cell}\r\n"
    table = pa.ipc.open_stream(bench.encode(outcome, "arrow")).read_all()
    if in_arrow is not ...:
        assert repr(table.column(0).to_pylist()) == repr([in_arrow])
    parquet = pq.read_table(io.BytesIO(bench.encode(outcome, "parquet")))
    assert parquet.num_rows == 1
    if in_parquet is not ...:
        assert repr(parquet.column(0).to_pylist()) == repr([in_parquet])


def test_big_numbers_become_strings_only_where_a_double_would_round_them(bench):
    outcome = bench.run(
        "SELECT 9007199254740991 AS fits, 9007199254740992 AS no, -9007199254740992 AS low,"
        f" {HUGE}::HUGEINT AS huge, 5::HUGEINT AS small, 18446744073709551615::UBIGINT AS u,"
        " 1.10::DECIMAL(5,2) AS money, 3::INTEGER AS i, [9007199254740993] AS nested,"
        " NULL::BIGINT AS none"
    )

    assert bench.encode(outcome, "json", big="string").decode() == (
        '[9007199254740991,"9007199254740992","-9007199254740992",'
        f'"{HUGE}",5,"18446744073709551615","1.10",3,["9007199254740993"],null]'
    )


def test_every_double_comes_back_bit_for_bit(bench):
    rng = random.Random(7)
    bits = [rng.getrandbits(64) for _ in range(3000)]
    numbers = [struct.unpack("d", struct.pack("Q", each))[0] for each in bits]
    numbers = [each for each in numbers if each == each and abs(each) != float("inf")]
    listed = ", ".join(f"({each!r}::DOUBLE)" for each in numbers)
    outcome = bench.run(f"SELECT v FROM (VALUES {listed}) t(v)")

    assert [row[0].hex() for row in bench.rows(outcome)] == [each.hex() for each in numbers]
    cells = list(csv.reader(io.StringIO(bench.encode(outcome, "csv").decode(), newline="")))
    assert [float(row[0]).hex() for row in cells[1:]] == [each.hex() for each in numbers]


NASTY = [
    "plain", "", " ", '"', '""', ",", "a,b", "\n", "\r\n", "\r", "a\nb", "\t", "\x01", "\x00",
    "\x7f", "\u2028", "é", "😀", "\\", "\\n", "'", "NULL", "null", "[1]", "]", "},{", "=1+1",
    "+1", "-1", "@x", "\ufeff", "</script>", '","', '"\r\n"', "a" * 70000,
]  # fmt: skip


def stored_texts(bench):
    listed = ", ".join(f"({at}, $t{at})" for at in range(len(NASTY)))
    params = {f"t{at}": text for at, text in enumerate(NASTY)}
    return bench.run(f"SELECT v FROM (VALUES {listed}) t(i, v) ORDER BY i", params=params)


def test_no_text_can_break_out_of_its_cell_in_any_format(bench):
    outcome = stored_texts(bench)

    assert [row[0] for row in bench.rows(outcome)] == NASTY
    lines = bench.encode(outcome, "ndjson").decode().split("\n")
    assert [json.loads(line)["v"] for line in lines[:-1]] == NASTY
    assert lines[-1] == ""
    text = bench.encode(outcome, "csv").decode()
    cells = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row[0] for row in cells[1:]] == NASTY
    arrow = pa.ipc.open_stream(bench.encode(outcome, "arrow")).read_all()
    assert arrow.column(0).to_pylist() == NASTY
    parquet = pq.read_table(io.BytesIO(bench.encode(outcome, "parquet")))
    assert parquet.column(0).to_pylist() == NASTY


def test_the_formula_guard_puts_an_apostrophe_before_what_a_spreadsheet_would_run(bench):
    outcome = bench.run(
        "SELECT unnest(['=1+1', '+1', '-1', '@x', chr(9) || 'x', 'a=1', '']) AS \"=name\", -5 AS n"
    )

    text = bench.encode(outcome, "csv", guard=True).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["'=name", "n"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "a=1", ""]
    assert {row[1] for row in rows[1:]} == {"-5"}


def test_the_byte_order_mark_comes_once_and_only_when_asked_for(bench):
    outcome = bench.run("SELECT 1 AS a")

    assert bench.encode(outcome, "csv", bom=True) == b"\xef\xbb\xbfa\r\n1\r\n"
    assert bench.encode(outcome, "csv") == b"a\r\n1\r\n"


def test_null_and_the_empty_text_differ_in_csv(bench):
    outcome = bench.run("SELECT NULL::VARCHAR AS a, '' AS b, NULL::INT AS c, '' AS d")

    assert bench.encode(outcome, "csv") == b'a,b,c,d\r\n,"",,""\r\n'


def test_repeated_column_names_survive(bench):
    outcome = bench.run("SELECT 1 AS a, 2 AS a, 3 AS A, 4 AS a_2")

    assert [column.name for column in outcome.columns] == ["a", "a", "A", "a_2"]
    assert bench.encode(outcome, "json") == b"[1,2,3,4]"
    assert bench.encode(outcome, "csv") == b"a,a,A,a_2\r\n1,2,3,4\r\n"
    assert bench.encode(outcome, "ndjson") == b'{"a":1,"a_3":2,"A":3,"a_2":4}\n'
    arrow = pa.ipc.open_stream(bench.encode(outcome, "arrow")).read_all()
    assert arrow.column_names == ["a", "a", "A", "a_2"]
    parquet = pq.read_table(io.BytesIO(bench.encode(outcome, "parquet")))
    assert [column.to_pylist() for column in parquet.columns] == [[1], [2], [3], [4]]
    assert len({name.lower() for name in parquet.column_names}) == 4


def test_odd_column_names_are_only_text(bench):
    names = ["<img src=x onerror=alert(1)>", 'say "hi"', "it's", "a,b", "x\ny", "c0", "source"]
    listed = ", ".join('1 AS "' + name.replace('"', '""') + '"' for name in names)
    outcome = bench.run(f"SELECT {listed}")

    assert list(json.loads(bench.encode(outcome, "ndjson"))) == names
    header = next(csv.reader(io.StringIO(bench.encode(outcome, "csv").decode(), newline="")))
    assert header == names
    parquet = pq.read_table(io.BytesIO(bench.encode(outcome, "parquet")))
    assert parquet.column_names == names


@pytest.fixture(scope="module")
def numbered(bench):
    return bench.run("SELECT i AS id, i * 2 AS twice, 'n' || i AS name FROM range(50000) t(i)")


@pytest.mark.parametrize(
    ("offset", "limit"),
    [(0, 1), (0, 0), (1, 5), (8191, 2), (8192, 8192), (8190, 20000), (49999, 10), (50000, 5),
     (10**9, 5), (0, None), (49000, None)],
)  # fmt: skip
def test_a_window_holds_exactly_its_rows(bench, numbered, offset, limit):
    stop = 50000 if limit is None else min(offset + limit, 50000)
    expected = [[i, 2 * i, f"n{i}"] for i in range(offset, stop)]

    count, content = bench.wait(bench.aencode(numbered, "json", offset=offset, limit=limit))

    assert json.loads(b"[" + content + b"]") == expected
    assert count == len(expected)
    arrow = bench.encode(numbered, "arrow", offset=offset, limit=limit)
    assert pa.ipc.open_stream(arrow).read_all().num_rows == len(expected)
    lines = bench.encode(numbered, "csv", offset=offset, limit=limit).count(b"\r\n")
    assert lines == len(expected) + 1


def test_columns_come_in_the_wanted_order_without_the_others(bench, numbered):
    content = bench.encode(numbered, "json", columns=("name", "id"), offset=7, limit=2)

    assert content == b'["n7",7],["n8",8]'
    arrow = bench.encode(numbered, "arrow", columns=("name", "id"), limit=1)
    assert pa.ipc.open_stream(arrow).read_all().to_pylist() == [{"name": "n0", "id": 0}]


def test_an_unknown_column_is_refused_with_near_names(bench, numbered):
    with pytest.raises(InvalidColumns) as caught:
        bench.encode(numbered, "json", columns=("id", "nmae"))

    assert "nmae" in caught.value.message
    assert "'name'" in caught.value.hint
    assert caught.value.details["columns"] == ["id", "twice", "name"]


def test_small_renderings_come_inline_and_large_ones_as_a_file(bench, numbered):
    async def encoded(**options):
        return await bench.engine.encode(
            Encoding(
                path=numbered.path,
                sha256=numbered.sha256,
                columns_meta=numbered.columns,
                format="json",
                **options,
            )
        )

    small, large = bench.wait(encoded(limit=10)), bench.wait(encoded())

    assert small.path is None
    assert small.size_bytes == len(small.body)
    assert large.body is None
    assert Path(large.path).stat().st_size == large.size_bytes > 256 * 1024


def test_an_empty_result_has_its_columns_in_every_format(bench):
    outcome = bench.run("SELECT 1 AS a, 'x' AS b WHERE false")

    assert outcome.row_count == 0
    assert bench.encode(outcome, "json") == b""
    assert bench.encode(outcome, "ndjson") == b""
    assert bench.encode(outcome, "csv") == b"a,b\r\n"
    assert pa.ipc.open_stream(bench.encode(outcome, "arrow")).read_all().column_names == ["a", "b"]
    assert pq.read_table(io.BytesIO(bench.encode(outcome, "parquet"))).column_names == ["a", "b"]


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
@pytest.mark.parametrize("damage", ["absent", "cut", "scribbled", "empty", "folder"])
def test_a_damaged_stored_file_is_gone(bench, form, damage):
    outcome = bench.run("SELECT i AS id, md5(i::VARCHAR) AS name FROM range(20000) t(i)")
    path = Path(outcome.path)
    whole = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    if damage == "scribbled":
        path.write_bytes(whole[:-200] + b"\xff" * 200)
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "folder":
        path.mkdir()

    with pytest.raises(Gone):
        bench.encode(outcome, form)
    assert bench.rows(bench.run("SELECT 1")) == [[1]]


def nested(depth):
    return "[" * depth + "'nan'::DOUBLE" + "]" * depth


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_deep_nesting_is_rendered_and_never_runs_away(bench, form):
    for depth in (12, 13, 40):
        assert bench.encode(bench.run(f"SELECT {nested(depth)} AS v"), form)


def test_nesting_too_deep_for_exact_json_becomes_its_text(bench):
    edge, beyond = bench.run(f"SELECT {nested(12)} AS v"), bench.run(f"SELECT {nested(13)} AS v")

    assert bench.encode(edge, "json").decode() == "[" * 13 + "null" + "]" * 13
    assert bench.rows(beyond) == [["[" * 13 + "nan" + "]" * 13]]


def test_a_type_that_cannot_be_stored_is_told(bench):
    with pytest.raises(EngineFailed, match="cannot be stored"):
        bench.run(f"SELECT {nested(100)} AS v")


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_a_thousand_columns_are_no_trouble(bench, form):
    listed = ", ".join(f"{at} AS c{at}, 'x' AS d{at}" for at in range(500))
    outcome = bench.run(f"SELECT {listed} FROM range(3)")

    assert bench.wait(bench.aencode(outcome, form))[0] == 3


def test_a_million_rows_are_reached_at_any_offset_without_reading_the_others(bench):
    outcome = bench.run("SELECT i AS id, 'name ' || i AS name FROM range(1000000) t(i)")
    readers = bench.workers()

    content = bench.encode(outcome, "json", offset=900000, limit=2)

    assert content == b'[900000,"name 900000"],[900001,"name 900001"]'
    assert max(reader.memory_info().rss for reader in readers) < 400 * 2**20
