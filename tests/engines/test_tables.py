"""Stored rows as people read them: as texts, sorted, a page at a time."""

from __future__ import annotations

import pytest

from jupyter_views.core.errors import InvalidColumns

from .workbench import a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("tables")) as bench:
        yield bench


VALUES = [
    ("1::TINYINT", "1"),
    ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
    ("1.500::DECIMAL(38,3)", "1.500"),
    ("0.1::DOUBLE", "0.1"),
    ("'nan'::DOUBLE", "nan"),
    ("true", "true"),
    ("'x\"y,z'", 'x"y,z'),
    ("'=1+1'", "=1+1"),
    ("''", ""),
    ("NULL::VARCHAR", None),
    ("NULL::INTEGER[]", None),
    ("DATE '2024-01-02'", "2024-01-02"),
    ("'2024-01-02 03:04:05+02'::TIMESTAMPTZ", "2024-01-02T01:04:05Z"),
    ("TIMESTAMP '2024-01-02 03:04:05.5'", "2024-01-02T03:04:05.5"),
    ("'\\x00A'::BLOB", "AEE="),
    ("[1, NULL, 3]", "[1,null,3]"),
    ("{'a': 1, 'b': 'x'}", '{"a":1,"b":"x"}'),
    ("'{\"k\": 1.50}'::JSON", '{"k": 1.50}'),
    ("INTERVAL 3 DAY", "3 days"),
    ("chr(27) || '[31m' || chr(0) || 'é🐘'", "\x1b[31m\x00é🐘"),
]


def test_every_kind_of_value_is_a_text(bench):
    stored = bench.run("SELECT " + ", ".join(f"{sql} AS c{n}" for n, (sql, _) in enumerate(VALUES)))

    assert bench.rows(stored, cell_chars=100) == [[text for _, text in VALUES]]


def test_a_long_text_is_cut_where_it_is_made(bench):
    stored = bench.run("SELECT repeat('é', 5000000) AS long, range(1000000)::INTEGER[] AS listed")

    ((long, listed),) = bench.rows(stored, cell_chars=201)

    assert long == "é" * 201
    assert len(listed) == 201


def test_sorted_pages_follow_each_other_whatever_is_equal(bench):
    stored = bench.run("SELECT range AS n, range % 7 AS k FROM range(300000)")

    seen = []
    for offset in range(0, 500, 100):
        window = {"sort": "k", "limit": 100, "offset": offset, "cell_chars": 50}
        seen += [int(n) for n, _ in bench.rows(stored, **window)]

    assert seen == list(range(0, 3500, 7))


def test_rows_are_sorted_by_value_and_not_by_text_with_null_last(bench):
    stored = bench.run(
        "SELECT * FROM (VALUES (9, 'b'), (NULL, 'null'), (10, 'a'), (-1, 'c')) t(n, t)"
    )

    def texts(**window):
        return [t for _, t in bench.rows(stored, **window)]

    assert texts(sort="n") == ["c", "b", "a", "null"]
    assert texts(sort="n", is_descending=True) == ["a", "b", "c", "null"]
    assert texts(sort="n", limit=1, offset=1) == ["b"]
    assert texts(sort="t", columns=("n", "t"), limit=2) == ["a", "b"]


@pytest.mark.parametrize(
    ("expression", "order"),
    [
        ("(range - 5)::HUGEINT", [0, 1, 2, 3]),
        ("[10 - range]", [3, 2, 1, 0]),
        ("{'a': 10 - range}", [3, 2, 1, 0]),
        ("MAP {'k': 10 - range}", [3, 2, 1, 0]),
        ("DATE '2024-01-09' - range::INTEGER", [3, 2, 1, 0]),
        ("CASE range WHEN 0 THEN 'nan'::DOUBLE ELSE -range END", [3, 2, 1, 0]),
        ("to_json(range)", [0, 1, 2, 3]),
        ("to_days(range::INTEGER)", [0, 1, 2, 3]),
        ("INTERVAL (range) HOUR", [0, 1, 2, 3]),
    ],
)
def test_every_kind_of_column_can_be_sorted_by(bench, expression, order):
    stored = bench.run(f"SELECT range AS n, {expression} AS key FROM range(4)")

    assert [n for n, _ in bench.rows(stored, sort="key", limit=100)] == order


@pytest.mark.parametrize(
    "name", ['a"b', "c0", "at", "select", "*", "'; DROP TABLE x; --", "ünï", " "]
)
def test_A49_a_column_with_any_name_can_be_sorted_by(bench, name):
    quoted = '"' + name.replace('"', '""') + '"'
    stored = bench.run(f"SELECT 3 - range AS {quoted}, range FROM range(3)")

    rows = bench.rows(stored, sort=name, limit=10, cell_chars=10)

    assert [n for n, _ in rows] == ["1", "2", "3"]


def test_of_two_columns_with_one_name_the_first_sorts(bench):
    stored = bench.run("SELECT 3 - range AS a, range AS a FROM range(3)")

    assert bench.rows(stored, sort="a") == [[1, 2], [2, 1], [3, 0]]


def test_A49_what_is_no_column_is_refused(bench):
    stored = bench.run("SELECT 1 AS a")

    for name in ("b", "A", "1", "a DESC", "(SELECT 1)", "c0"):
        with pytest.raises(InvalidColumns):
            bench.rows(stored, sort=name)


def test_csv_and_ndjson_are_sorted_too(bench):
    stored = bench.run("SELECT 2 - range AS a FROM range(2)")

    assert bench.encode(stored, "csv", sort="a") == b"a\r\n1\r\n2\r\n"
    assert bench.encode(stored, "ndjson", sort="a", limit=1) == b'{"a":1}\n'
