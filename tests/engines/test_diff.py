"""Two stored results, compared row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from jupyter_views.core.errors import EngineFailed, Gone, Invalid
from jupyter_views.core.ports import Comparing, Difference, Outcome, Stored

from .test_encode import VALUES
from .workbench import Workbench, a_workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("diff")) as bench:
        yield bench


def stored(outcome: Outcome) -> Stored:
    return Stored(path=outcome.path, sha256=outcome.sha256, columns=outcome.columns)


def difference(bench: Workbench, before: str, after: str, **options: Any) -> Difference:
    sides = {"before": stored(bench.run(before)), "after": stored(bench.run(after))}
    return bench.wait(bench.engine.diff(Comparing(**sides, **options)))


def rows(found: Difference) -> list[tuple[str, Any, Any]]:
    return [(each["change"], each["before"], each["after"]) for each in json.loads(found.rows)]


def counts(found: Difference) -> tuple[int, int, int]:
    return found.added, found.removed, found.changed


def values(*lines: str, names: str = "id, name") -> str:
    return f"SELECT * FROM (VALUES {', '.join(lines)}) t({names})"


def test_rows_match_by_key_and_are_added_removed_or_changed(bench):
    found = difference(
        bench,
        values("(1, 'a')", "(2, 'b')", "(3, 'c')"),
        values("(3, 'c')", "(4, 'd')", "(2, 'B')"),
    )

    assert (found.key, found.is_key_guessed) == (("id",), True)
    assert counts(found) == (1, 1, 1)
    assert found.columns == ("id", "name")
    assert rows(found) == [
        ("removed", [1, "a"], None),
        ("added", None, [4, "d"]),
        ("changed", [2, "b"], [2, "B"]),
    ]


def test_another_order_of_the_same_rows_is_no_difference(bench):
    for before in ("SELECT range AS id FROM range(9000)", "SELECT range % 7 AS n FROM range(9000)"):
        found = difference(bench, before, f"SELECT * FROM ({before}) ORDER BY 1 DESC")

        assert found.is_empty
        assert found.rows == b"[]"


def test_equal_hashes_are_equal_without_a_look_at_the_files(bench):
    outcome = bench.run("SELECT 1 AS id")
    side = structs.replace(stored(outcome), path="/nowhere")

    found = bench.wait(bench.engine.diff(Comparing(before=side, after=side)))

    assert found.is_empty
    assert found.columns == ("id",)
    assert found.key == ()


def test_without_a_key_whole_rows_are_counted_with_their_duplicates(bench):
    found = difference(
        bench,
        values("('x', 1)", "('x', 1)", "('y', 2)", "('z', NULL)", names="word, n"),
        values("('y', 2)", "('y', 2)", "('y', 2)", "('x', 1)", "('z', NULL)", names="word, n"),
    )

    assert (found.key, found.is_key_guessed) == ((), False)
    assert counts(found) == (2, 1, 0)
    assert rows(found) == [
        ("removed", ["x", 1], None),
        ("added", None, ["y", 2]),
        ("added", None, ["y", 2]),
    ]


def test_null_equals_null_and_nan_equals_nan_and_neither_equals_a_value(bench):
    same = "(1, NULL, 'nan'::DOUBLE, [NULL, 1])"
    before = values(same, "(2, NULL, 'nan', NULL)", "(3, 0, 0, [])", names="id, a, b, c")
    after = values(same, "(2, 0, 0, [NULL])", "(3, NULL, 'nan', NULL)", names="id, a, b, c")

    found = difference(bench, before, after)

    assert counts(found) == (0, 0, 2)
    assert counts(difference(bench, f"{before} UNION ALL {before}", after)) == (2, 5, 0)


@pytest.mark.parametrize("each", VALUES, ids=[each[0][:40] for each in VALUES])
def test_values_of_every_type_are_compared_and_shown_as_the_rows_show_them(bench, each):
    expression, text = each[0], each[2]
    alone = f"SELECT {expression} AS v FROM range"
    keyed = f"SELECT range AS id, {expression} AS v FROM range"

    counted = difference(bench, f"{alone}(3)", f"{alone}(5)", limit=1)
    matched = difference(bench, f"{keyed}(2)", f"{keyed}(3)")
    emptied = difference(
        bench, f"{keyed}(2)", f"SELECT range AS id, NULL::{_type(bench, keyed)} AS v FROM range(2)"
    )

    assert (counted.key, counts(counted)) == ((), (2, 0, 0))
    assert counted.rows.decode() == f'[{{"change":"added","before":null,"after":[{text}]}}]'
    assert (matched.key, counts(matched)) == (("id",), (1, 0, 0))
    assert matched.rows.decode() == f'[{{"change":"added","before":null,"after":[2,{text}]}}]'
    is_null = expression.startswith("NULL")
    assert emptied.columns_changed == ()
    assert counts(emptied) == (0, 0, 0 if is_null else 2)


def test_numbers_that_a_double_cannot_hold_are_text_for_those_who_ask(bench):
    names = "id, wide, huge, price, nested"
    wide, huge = 2**53 + 1, 2**120 + 1
    after = values(
        f"(1, {wide}, {huge}, 0.10::DECIMAL(30, 2), [{wide}, 7])",
        "(2, 7, 7, 1.5::DECIMAL(30, 2), [7])",
        names=names,
    )
    before = after + " LIMIT 0"

    numbers = difference(bench, before, after, key=("id",))
    texts = difference(bench, before, after, key=("id",), big="string")

    assert texts.types == ("integer", "integer", "integer", "decimal", "list")
    assert [row[2] for row in rows(numbers)] == [
        [1, wide, huge, 0.1, [wide, 7]],
        [2, 7, 7, 1.5, [7]],
    ]
    assert [row[2] for row in rows(texts)] == [
        [1, str(wide), str(huge), "0.10", [str(wide), 7]],
        [2, 7, 7, "1.50", [7]],
    ]


def _type(bench: Workbench, keyed: str) -> str:
    return bench.run(f"{keyed}(1)").columns[1].engine_type


def test_a_month_and_thirty_days_differ(bench):
    span = "SELECT 1 AS id, INTERVAL '{}' AS span, [INTERVAL '{}'] AS spans"

    found = difference(bench, span.format("1 month", "1 day"), span.format("30 days", "1 day"))
    nested = difference(bench, span.format("1 day", "1 month"), span.format("1 day", "30 days"))

    assert found.changed == nested.changed == 1


def test_columns_that_came_went_or_changed_their_type_are_told_and_not_compared(bench):
    found = difference(
        bench,
        "SELECT 1 AS id, 'x' AS gone, 5 AS retyped, 'a' AS name",
        "SELECT 'a' AS name, 5.0::DOUBLE AS retyped, 1 AS id, 'y' AS came",
    )

    assert counts(found) == (0, 0, 0)
    assert not found.is_empty
    assert found.columns == ("name", "id")
    assert found.columns_added == ("came",)
    assert found.columns_removed == ("gone",)
    assert found.columns_changed == ("retyped",)


def test_repeated_column_names_are_paired_in_their_order(bench):
    found = difference(
        bench, "SELECT 1 AS a, 2 AS a, 3 AS id", "SELECT 1 AS a, 9 AS a, 3 AS id, 4 AS a"
    )

    assert found.columns == ("a", "a", "id")
    assert found.columns_added == ("a",)
    assert rows(found) == [("changed", [1, 2, 3], [1, 9, 3])]


def test_results_without_a_common_column_differ_by_their_number_of_rows(bench):
    found = difference(bench, "SELECT 1 AS a", "SELECT 2 AS b FROM range(3)")

    assert counts(found) == (2, 0, 0)
    assert (found.columns, rows(found)[0]) == ((), ("added", None, []))


def test_an_empty_result_lost_or_gained_every_row(bench):
    full, empty = values("(1, 'a')", "(2, 'b')"), values("(1, 'a')") + " WHERE false"

    assert counts(difference(bench, empty, full)) == (2, 0, 0)
    assert counts(difference(bench, full, empty)) == (0, 2, 0)


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ("range AS n, range AS user_id", ("user_id",)),
        ("range AS name, range AS id", ("id",)),
        ('range AS name, range AS "key"', ("key",)),
        ("range / 7 AS id, range::VARCHAR AS word", ("word",)),
        ("[range] AS id, range AS n", ("n",)),
        ("range::DECIMAL(9, 2) AS price, DATE '2020-01-01' + range::INTEGER AS day", ("day",)),
        ("'r' || range AS region, range AS users", ("region",)),
        ("range % 2 AS id, range // 2 AS name, 'x' AS z", ("id", "name")),
        ("CASE WHEN range > 0 THEN range END AS id, range AS n", ("n",)),
        ("range % 3 AS a, range % 2 AS b, 1.5::DOUBLE * range AS c", ()),
        ("range / 7.0::DOUBLE AS id", ()),
    ],
)
def test_the_likeliest_columns_that_identify_a_row_are_guessed(bench, columns, key):
    before, after = (f"SELECT {columns} FROM range({n})" for n in (20, 21))

    assert difference(bench, before, after).key == key
    assert difference(bench, after, before).key == key


def test_a_guessed_key_identifies_all_rows_and_not_only_the_first(bench):
    unique_at_first = "SELECT least(range, 20000) AS id, range AS n FROM range({})"

    found = difference(bench, unique_at_first.format(30000), unique_at_first.format(30001))

    assert found.key == ("n",)


def test_a_key_that_is_named_is_taken_even_where_another_would_be_guessed(bench):
    found = difference(
        bench,
        values("(1, 'a', 1.5)", "(2, 'b', 2.5)", names="id, name, price"),
        values("(2, 'a', 1.5)", "(1, 'b', 2.5)", names="id, name, price"),
        key=("price", "name"),
    )

    assert (found.key, found.is_key_guessed) == (("price", "name"), False)
    assert counts(found) == (0, 0, 2)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("nothing",), "There is no column 'nothing' with one type in both results."),
        (("retyped",), "There is no column 'retyped' with one type in both results."),
        (("twice",), "The key twice does not identify a row of the older result"),
        (("part",), "The key part does not identify a row of the newer result"),
        (("twice", "part"), "The key twice, part does not identify a row of the newer result"),
    ],
)
def test_a_key_that_identifies_nothing_is_refused_by_name(bench, key, words):
    before = "(VALUES (1, 1, 'a', 5), (2, 1, 'b', 5)) t(id, twice, part, retyped)"
    after = "(VALUES (1, 1, 'a', '5'), (2, 2, NULL, '5')) t(id, twice, part, retyped)"

    with pytest.raises(Invalid) as caught:
        difference(bench, f"SELECT * FROM {before}", f"SELECT * FROM {after}", key=key)

    assert words in caught.value.message
    assert caught.value.details["field"] == "key"
    assert caught.value.details["key"] == list(key)
    assert "id" in caught.value.details["columns"]


def test_windows_of_the_differing_rows_join_to_all_of_them(bench):
    before = "SELECT range AS id, range % 5 AS n FROM range(20000)"
    after = (
        "SELECT id + (CASE WHEN id % 1000 = 0 THEN 50000 ELSE 0 END) AS id,"
        f" n + (id % 999 = 0)::INTEGER AS n FROM ({before}) ORDER BY id DESC"
    )
    sides = {"before": stored(bench.run(before)), "after": stored(bench.run(after))}

    def window(limit: int, offset: int) -> list[tuple[str, Any, Any]]:
        comparing = Comparing(**sides, limit=limit, offset=offset)
        return rows(bench.wait(bench.engine.diff(comparing)))

    whole = window(1000, 0)
    assert len(whole) == 20 + 20 + 20
    assert [row for at in range(0, 70, 7) for row in window(7, at)] == whole
    assert window(0, 0) == []
    assert window(10, 60) == []


def test_a_million_rows_are_compared_within_the_memory_of_a_worker(bench):
    before = "SELECT range AS id, 'name ' || range AS name, range % 100 AS n FROM range(1000000)"
    after = f"SELECT id, name, n + (id % 1000 = 0)::INTEGER AS n FROM ({before}) WHERE id % 7 > 0"
    sides = {"before": stored(bench.run(before)), "after": stored(bench.run(after))}
    (reader,) = (w for w in bench.engine._reads.workers)

    found = bench.wait(bench.engine.diff(Comparing(**sides, limit=5, offset=100_000)))
    whole = {
        name: stored(bench.run(f"SELECT n, n % 3 AS m FROM ({sql})"))
        for name, sql in (("before", before), ("after", after))
    }
    counted = bench.wait(bench.engine.diff(Comparing(**whole, limit=5)))

    assert (found.key, counts(found)) == (("id",), (0, 142858, 857))
    assert len(rows(found)) == 5
    assert counted.key == ()
    assert counted.removed - counted.added == 142858
    assert bench.engine._reads.workers == [reader]


def test_rows_of_large_cells_end_the_window_early_and_the_next_goes_on(bench):
    large = "SELECT range AS id, repeat('x', 1500000 + range) AS cell FROM range({})"
    sides = {
        "before": stored(bench.run(large.format(1))),
        "after": stored(bench.run(large.format(6))),
    }

    first = bench.wait(bench.engine.diff(Comparing(**sides)))
    rest = bench.wait(bench.engine.diff(Comparing(**sides, offset=len(rows(first)))))

    assert [row[2][0] for row in rows(first)] == [1, 2]
    assert [row[2][0] for row in rows(rest)] == [3, 4]
    assert first.added == 5


def test_a_row_that_is_too_large_to_be_shown_is_refused_and_counts_are_not(bench):
    huge = "SELECT range AS id, repeat('x', 20000000 * range) AS cell FROM range({})"
    sides = {
        "before": stored(bench.run(huge.format(1))),
        "after": stored(bench.run(huge.format(2))),
    }

    with pytest.raises(EngineFailed, match="too large to be shown"):
        bench.wait(bench.engine.diff(Comparing(**sides)))
    assert bench.wait(bench.engine.diff(Comparing(**sides, limit=0))).added == 1


@pytest.mark.parametrize("side", ["before", "after"])
def test_F06_a_damaged_file_is_gone_and_never_compared_wrongly(bench, side):
    outcomes = {
        "before": bench.run("SELECT range AS id FROM range(1000)"),
        "after": bench.run("SELECT range AS id FROM range(1001)"),
    }
    path = Path(outcomes[side].path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 4
    comparing = Comparing(**{name: stored(outcome) for name, outcome in outcomes.items()})

    for broken in (bytes(flipped), whole[: len(whole) // 2], b"", None):
        path.unlink(missing_ok=True)
        if broken is not None:
            path.write_bytes(broken)
        with pytest.raises(Gone):
            bench.wait(bench.engine.diff(comparing))


def test_names_and_values_cannot_become_sql(bench):
    nasty = 'SELECT 1 AS id, \'a\'\';--\' AS "x""; DROP TABLE found; --", ? AS "c0"'

    found = difference(bench, nasty.replace("?", "1"), nasty.replace("?", "2"))

    assert found.columns == ("id", 'x"; DROP TABLE found; --', "c0")
    assert rows(found) == [("changed", [1, "a';--", 1], [1, "a';--", 2])]
