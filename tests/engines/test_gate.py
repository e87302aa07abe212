from __future__ import annotations

import contextlib
import statistics
import threading
import time

import duckdb
import pytest

from jupyter_views.core.errors import (
    Canceled,
    EngineFailed,
    InvalidParameters,
    ManyStatements,
    MissingParameters,
    NotAllowed,
    NotReadOnly,
    OutOfMemory,
    ParseError,
    TimedOut,
    ViewsError,
)
from jupyter_views.core.ports import Draft
from jupyter_views.engines import gate

from .places import MIB, Place


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("gate"))


def refused(place: Place, sql: str, **given) -> ViewsError:
    with pytest.raises(ViewsError) as caught:
        place.inspect(sql, **given)
    return caught.value


def failed(place: Place, sql: str, *, seconds: float = 30) -> ViewsError:
    """The explained failure of a query that passes the gate and then fails."""
    place.inspect(sql)
    with contextlib.chdir(place.root), place.open(seconds=seconds) as connection:
        try:
            connection.sql(sql).fetchall()
        except duckdb.Error as error:
            return gate.explain_failure(error, sql)
    raise AssertionError(f"this query runs: {sql}")


# Places and hints of wrong SQL.


def test_a_typing_error_points_at_line_and_column_and_guesses_the_word(place):
    error = refused(place, "SELECT 1\n  UNION\n  SELEC 2")

    assert isinstance(error, ParseError)
    assert (error.line, error.column) == (3, 3)
    assert error.hint == "Did you mean SELECT?"


def test_columns_are_counted_in_characters_not_bytes(place):
    error = refused(place, "SELECT '💩é', FROM FROM x")

    assert error.column == len("SELECT '💩é', FROM ") + 1


def test_an_unknown_function_is_placed_and_a_near_one_offered(place):
    error = refused(place, "SELECT id,\n  lenght(kind) FROM 'events.csv'")

    assert isinstance(error, ParseError)
    assert (error.line, error.column, error.hint) == (2, 3, "Did you mean length?")


def test_a_missing_column_names_the_columns_there(place):
    error = failed(place, "SELECT id,\n  amuont\nFROM 'events.csv'")

    assert isinstance(error, EngineFailed)
    assert error.message == "No column named amuont."
    assert (error.line, error.column) == (2, 3)
    assert "amount" in error.hint.split("Did you mean")[0]
    assert error.hint.endswith("Did you mean amount?")


def test_a_missing_column_of_an_alias_is_placed_too(place):
    error = failed(place, "SELECT e.amuont FROM 'events.csv' e")

    assert error.message == "No column named amuont in e."
    assert (error.line, error.column) == (1, 8)


def test_a_missing_table_is_placed_and_no_table_of_the_engine_is_offered(place):
    error = failed(place, "SELECT *\nFROM orders")

    assert error.message == "No table or file named orders."
    assert (error.line, error.column) == (2, 6)
    assert "duckdb" not in str(error.to_dict()) and "pg_" not in str(error.to_dict())


def test_a_missing_file_is_named_without_its_folder(place):
    absolute = place.root / "gone.csv"
    error = failed(place, f"SELECT * FROM '{absolute}'")

    assert error.message == "There is no file gone.csv."
    assert str(place.root) not in str(error.to_dict())


def test_a_value_that_does_not_convert_is_placed(place):
    error = failed(place, "SELECT 1,\n       'x'::INTEGER")

    assert (error.line, error.column) == (2, 11)


def test_a_wrong_argument_says_which_types_were_given(place):
    error = failed(place, "SELECT sum(kind) FROM (SELECT 'a' AS kind)")

    assert error.message == "sum does not take (VARCHAR)."


def test_a_column_outside_group_by_says_what_to_write(place):
    error = failed(place, "SELECT kind, count(*) FROM (SELECT 'a' AS kind)")

    assert error.hint == "Add it to GROUP BY, or write any_value(kind)."


def test_an_option_with_a_typing_error_is_explained(place):
    absolute = place.root / "events.csv"
    error = failed(place, f"FROM read_csv('{absolute}', heder = true)")

    assert error.hint == "Did you mean header?"


def test_a_damaged_file_is_explained_without_its_folder(place):
    path = place.root / "damaged.parquet"
    path.write_bytes(b"PAR1" + b"x" * 64 + b"PAR1")
    error = failed(place, f"FROM read_parquet('{path}')")

    assert "damaged.parquet" in error.message
    assert str(place.root) not in str(error.to_dict())


def test_too_much_memory_too_long_and_stopped_are_told_apart(place):
    assert isinstance(failed(place, "SELECT list(x) FROM range(100_000_000) t(x)"), OutOfMemory)
    endless = "SELECT count(*) FROM range(1_000_000) a, range(1_000_000) b WHERE a.range > b.range"
    assert isinstance(failed(place, endless, seconds=0.3), TimedOut)
    with place.open() as connection:
        timer = threading.Timer(0.3, connection.interrupt)
        timer.start()
        with pytest.raises(duckdb.InterruptException) as caught:
            connection.execute(endless).fetchall()
        timer.join()
    assert isinstance(gate.explain_failure(caught.value, endless), Canceled)


def test_an_error_of_our_own_passes_unchanged():
    error = NotAllowed("no")

    assert gate.explain_failure(error, "") is error


@pytest.mark.parametrize(
    "text",
    [
        'IO Error: Could not open file "/home/ana/secret/x.csv": no',
        "IO Error: Cannot open file '/home/ana/secret/x.csv'",
        "Invalid Input Error: in /home/ana/secret/x.csv, line 3",
        'IO Error: bad "C:\\home\\secret\\x.csv"',
    ],
)
def test_no_absolute_path_leaves_with_an_engine_error(text):
    message = gate.explain_failure(duckdb.IOException(text), "SELECT 1").message

    assert "x.csv" in message
    assert "secret" not in message and "home" not in message


# What may not run, in the words that people read.


def test_writing_inside_with_is_named(place):
    error = refused(place, "WITH x AS (INSERT INTO k VALUES (1) RETURNING a) FROM x")

    assert isinstance(error, NotReadOnly)
    assert error.message == "A view may only read. This statement writes (INSERT inside WITH)."
    assert error.hint == "Run it with your own connection, then save a SELECT over its result."


def test_statements_are_counted(place):
    error = refused(place, "SELECT 1; SELECT 2; DROP TABLE k")

    assert isinstance(error, ManyStatements)
    assert error.message == "A view holds one statement; this cell has 3."
    assert error.details == {"count": 3}


def test_nothing_at_all_is_not_one_statement_either(place):
    assert refused(place, "  -- only a comment").details == {"count": 0}


def test_a_file_outside_is_named_without_its_folder_and_the_setting_is_named(place):
    for sql in (
        f"FROM '{place.outside / 'salaries.csv'}'",
        "FROM '../root-secret/salaries.csv'",
    ):
        error = refused(place, sql)

        assert isinstance(error, NotAllowed)
        assert error.message == "salaries.csv is outside the folders this server may read."
        assert "ViewsApp.data_dirs" in error.hint
        assert "root-secret" not in str(error.to_dict())
        assert (error.line, error.column) == (1, 6)


def test_a_sibling_folder_that_begins_alike_is_outside(place):
    assert isinstance(refused(place, f"FROM '{place.root}-secret/salaries.csv'"), NotAllowed)


def test_the_store_looks_like_any_place_outside(place):
    inside = refused(place, "FROM 'store/result.csv'").message
    absent = refused(place, "FROM 'store/absent.csv'").message

    assert "outside" in inside
    assert inside.replace("result", "absent") == absent


def test_a_file_bound_as_parameter_is_checked_like_a_written_one(place):
    for value in ("/etc/passwd", "../root-secret/salaries.csv", ".hidden.csv", "http://x/y.csv"):
        error = refused(place, "FROM read_csv($f)", params={"f": value})
        assert isinstance(error, NotAllowed), value


@pytest.mark.parametrize("value", [1, None, [], ["events.csv", 2], {"a": 1}, ""])
def test_a_file_parameter_must_be_names(place, value):
    assert isinstance(refused(place, "FROM read_csv($f)", params={"f": value}), NotAllowed)


# Parameters.


def test_missing_and_unused_parameters_are_named(place):
    missing = refused(place, "SELECT $region, $since", params={"region": "EU"})
    assert isinstance(missing, MissingParameters)
    assert missing.details == {"parameters": ["since"]}

    extra = refused(place, "SELECT $region", params={"region": "EU", "other": 1})
    assert isinstance(extra, InvalidParameters)
    assert extra.details == {"parameters": ["other"]}


def test_dollars_in_strings_and_comments_are_no_parameters(place):
    plan = place.inspect("SELECT '$a', $$ $b $$ /* $c */ -- $d\n")

    assert plan.parameters == ()


# The normalized text.


def test_layout_comments_and_keyword_case_do_not_change_the_normalized_text(place):
    one = place.inspect("SELECT id FROM 'events.csv' WHERE id > 1")
    two = place.inspect("select   id -- why\nfrom 'events.csv'\nwHeRe /* x */ id>1 ;")

    assert one.normalized_sql == two.normalized_sql


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1", "SELECT 2"),
        ("SELECT 'a'", "SELECT 'A'"),
        ("SELECT 1", "SELECT 1.0"),
        ("SELECT 1", "SELECT '1'"),
        ("SELECT NULL", "SELECT 'NULL'"),
        ("SELECT 1 AS a", "SELECT 1 AS b"),
        ("SELECT $a", "SELECT '$a'"),
        ("FROM df ORDER BY a", "FROM df ORDER BY a DESC"),
        ("FROM df ORDER BY a NULLS FIRST", "FROM df ORDER BY a NULLS LAST"),
        ("FROM df LIMIT 1", "FROM df LIMIT 1 OFFSET 1"),
        ("FROM df LIMIT 1", "FROM df LIMIT 1%"),
        ("SELECT 1 UNION SELECT 1", "SELECT 1 UNION ALL SELECT 1"),
        ("SELECT 1 UNION SELECT 1", "SELECT 1 UNION BY NAME SELECT 1"),
        ("FROM a JOIN b USING (x)", "FROM a LEFT JOIN b USING (x)"),
        ("FROM a JOIN b USING (x)", "FROM a SEMI JOIN b USING (x)"),
        ("FROM a JOIN b ON a.x >= b.x", "FROM a ASOF JOIN b ON a.x >= b.x"),
        ("SELECT sum(a) FROM df", "SELECT sum(DISTINCT a) FROM df"),
        ("SELECT sum(a) FROM df", "SELECT sum(a) FILTER (a > 1) FROM df"),
        ("SELECT list(a) FROM df", "SELECT list(a ORDER BY a) FROM df"),
        ("SELECT sum(a) OVER () FROM df", "SELECT sum(a) OVER (ORDER BY a) FROM df"),
        (
            "SELECT first(a IGNORE NULLS) OVER () FROM df",
            "SELECT first(a) OVER () FROM df",
        ),
        ("FROM df USING SAMPLE 5", "FROM df USING SAMPLE 5%"),
        ("FROM df USING SAMPLE 5 (reservoir, 1)", "FROM df USING SAMPLE 5 (reservoir, 2)"),
        ("SELECT CAST(a AS INTEGER) FROM df", "SELECT TRY_CAST(a AS INTEGER) FROM df"),
        ("SELECT a::DECIMAL(9, 2) FROM df", "SELECT a::DECIMAL(9, 3) FROM df"),
        ("SELECT a LIKE 'x' FROM df", "SELECT a ILIKE 'x' FROM df"),
        ("SELECT count(*) FROM df GROUP BY CUBE (a)", "SELECT count(*) FROM df GROUP BY a"),
        ("FROM 'events.csv'", "FROM 'days.csv'"),
        ("DESCRIBE FROM df", "SUMMARIZE FROM df"),
        ("SELECT a COLLATE NOCASE FROM df", "SELECT a FROM df"),
        ("SELECT -1", "SELECT 1"),
        ("SELECT 'a''b'", "SELECT 'a''''b'"),
        ('SELECT "a b" FROM df', "SELECT a b FROM df"),
    ],
)
def test_statements_that_mean_different_things_have_different_texts(place, one, other):
    given = {"a": 1}
    texts = {
        place.inspect(sql, params=given if "SELECT $a" in sql else None).normalized_sql
        for sql in (one, other)
    }

    assert len(texts) == 2


def test_the_normalized_text_passes_the_gate_and_is_its_own_normal_form(place):
    first = place.inspect("WITH a AS (SELECT kind k FROM 'events.csv') SELECT upper(k) FROM a")
    second = place.inspect(first.normalized_sql)

    assert second == first


# Size and speed.


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '" + "x" * MIB + "'",
        "SELECT 1 /*" + " " * MIB + "*/",
        "SELECT " + ", ".join(f"{n} AS c{n}" for n in range(20_000)),
        "WITH " + ", ".join(f"c{n} AS (SELECT {n})" for n in range(1_000)) + " SELECT 1",
        " UNION ALL ".join(f"SELECT {n}" for n in range(200)),
    ],
    ids=["long string", "long comment", "many columns", "many ctes", "many unions"],
)
def test_a39_large_statements_are_judged_within_a_second_or_two(place, sql):
    started = time.monotonic()
    place.inspect(sql)

    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "[" * 5_000 + "1" + "]" * 5_000,
        "SELECT " + "(SELECT " * 400 + "1" + ")" * 400,
        "SELECT " + "+".join(["1"] * 5_000),
        "SELECT " + "NOT " * 5_000 + "true",
        "FROM " + "(FROM " * 3_000 + "x" + ")" * 3_000,
        "SELECT " + "CASE WHEN true THEN " * 2_000 + "1" + " END" * 2_000,
    ],
)
def test_a39_deep_nesting_is_refused_quickly(place, sql):
    started = time.monotonic()

    assert isinstance(refused(place, sql), ParseError)
    assert time.monotonic() - started < 1


def test_an_ordinary_query_is_judged_in_milliseconds(place):
    sql = """SELECT kind, count(*) AS n, sum(amount) FILTER (amount > 0) FROM 'events.csv' e
             JOIN 'users.parquet' u USING (id) WHERE id > $least GROUP BY ALL ORDER BY 2 LIMIT 10"""
    place.inspect(sql, params={"least": 1})
    times = []
    for _ in range(30):
        started = time.perf_counter()
        place.inspect(sql, params={"least": 1})
        times.append(time.perf_counter() - started)

    assert statistics.median(times) < 0.015


def test_layers_one_and_two_hold_on_a_connection_without_any_sandbox(place, tmp_path):
    with duckdb.connect() as connection:
        for sql in (
            f"WITH x AS (COPY (SELECT 1) TO '{tmp_path / 'q.csv'}') FROM x",
            "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
            "FROM '/etc/passwd'",
            "SELECT nextval('s')",
            "FROM duckdb_settings()",
        ):
            draft = Draft(sql=sql, base_dir=str(place.root))
            with pytest.raises((NotAllowed, NotReadOnly)):
                gate.inspect(connection, draft, readable=(str(place.root),), hidden=())
    assert not (tmp_path / "q.csv").exists()


def test_text_that_is_not_unicode_is_a_parse_error(place):
    assert isinstance(refused(place, "SELECT '\ud800'"), ParseError)
