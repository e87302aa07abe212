"""Which chart is chosen for which columns, which settings fit, and what is said of it."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec.structs import replace

from jupyter_views.core.chart_choice import choose, unit_for, with_unit
from jupyter_views.core.chart_words import number_text, summary_of
from jupyter_views.core.charts import Chart, ColumnFacts, Points, Profile, check
from jupyter_views.core.errors import Invalid
from jupyter_views.core.ports import Column
from jupyter_views.core.vegalite import empty, spec_of, themed

DAY = 86_400.0
WORDS = {"string", "boolean", "time"}
TIMES = {"date", "timestamp", "timestamptz"}


def a_column(name, kind, distinct, rows=100, **facts):
    kinds = "category" if kind in WORDS else "time" if kind in TIMES else "number"
    facts = {"values": rows, "is_unique": distinct == facts.get("values", rows)} | facts
    span = None if kinds == "category" else facts.pop("span", 30 * DAY)
    return ColumnFacts(name=name, type=kind, kind=kinds, distinct=distinct, span=span, **facts)


def chosen(*columns, rows=100):
    return choose(Profile(row_count=rows, columns=columns))


def test_a_number_over_time_is_a_line():
    chart = chosen(a_column("day", "date", 100), a_column("active", "integer", 40))

    assert chart == Chart(mark="line", x="day", y="active")


def test_several_rows_of_one_time_are_aggregated_and_told_apart_by_a_few_words():
    day, region = a_column("day", "date", 20), a_column("region", "string", 5)

    amounts = chosen(day, region, a_column("sales", "integer", 90))
    measured = chosen(day, a_column("degrees", "double", 90))

    assert amounts == Chart(mark="line", x="day", y="sales", color="region", aggregate="sum")
    assert measured == Chart(mark="line", x="day", y="degrees", aggregate="mean")


def test_a_number_for_each_of_a_few_words_is_a_bar_in_the_order_of_the_result():
    chart = chosen(a_column("region", "string", 5, 5), a_column("sales", "integer", 5, 5), rows=5)

    assert chart == Chart(mark="bar", x="region", y="sales")


def test_many_words_become_the_bars_of_the_largest():
    chart = chosen(a_column("customer", "string", 100), a_column("sales", "integer", 90))

    assert chart == Chart(mark="bar", x="customer", y="sales", sort="-y")


def test_two_words_and_an_amount_are_stacked_bars():
    region, product = a_column("region", "string", 5), a_column("product", "string", 3)

    chart = chosen(region, product, a_column("sales", "decimal", 90))

    assert (chart.x, chart.color, chart.stack, chart.sort) == ("region", "product", "zero", "-y")


def test_two_numbers_are_points_and_one_is_a_histogram_or_in_one_row_a_value():
    a, b = a_column("a", "double", 99), a_column("b", "double", 98)

    assert chosen(a, b) == Chart(mark="point", x="a", y="b")
    assert chosen(a) == Chart(mark="histogram", x="a")
    assert chosen(replace(a, values=1), rows=1) == Chart(mark="value", y="a")


def test_a_key_is_no_amount_and_a_year_is_a_place_in_time():
    key = a_column("customer_id", "integer", 100)
    year = a_column("year", "integer", 100, span=99.0)
    paid = a_column("paid", "integer", 80)

    assert chosen(key, paid) == Chart(mark="histogram", x="paid")
    assert chosen(year, paid) == Chart(mark="line", x="year", y="paid")


def test_without_a_number_rows_are_counted():
    at = a_column("at", "timestamp", 100, span=29 * DAY)
    kind = a_column("kind", "string", 4)

    assert chosen(at) == Chart(mark="bar", x="at", aggregate="count", time_unit="day")
    assert chosen(kind) == Chart(mark="bar", x="kind", aggregate="count", sort="-y")


def test_one_time_for_all_rows_and_one_word_for_all_rows_are_nothing_to_draw_along():
    day, word = a_column("day", "date", 1), a_column("word", "string", 1)

    assert chosen(day, word, a_column("n", "integer", 9)) == Chart(mark="histogram", x="n")


@pytest.mark.parametrize(
    ("columns", "rows", "word"),
    [
        ((), 0, "no rows"),
        ((), 3, "No column"),
        ((a_column("a", "integer", 0, values=0),), 3, "no value"),
        ((a_column("name", "string", 100),), 100, "repeats"),
        ((a_column("name", "string", 1, 1),), 1, "one row"),
    ],
)
def test_where_there_is_nothing_to_draw_the_reason_is_a_sentence(columns, rows, word):
    reason = chosen(*columns, rows=rows)

    assert word in reason
    assert reason.endswith(("draw.", "drawn."))


def test_the_finest_unit_of_time_that_is_not_too_many_is_taken():
    assert unit_for(30 * DAY, 60) == "day"
    assert unit_for(300 * DAY, 60) == "week"
    assert unit_for(5e9, 10) == "year"
    assert unit_for(0, 60) == "second"
    daily = Chart(mark="line", x="day", y="n", aggregate="sum")
    long_ago = a_column("day", "date", 5000, 9000, span=5000 * DAY)

    assert with_unit(daily, Profile(row_count=9000, columns=(long_ago,))).time_unit == "week"
    assert with_unit(daily, Profile(row_count=9, columns=())).time_unit is None


COLUMNS = tuple(
    Column(name=name, type=kind, engine_type="")
    for name, kind in {
        "day": "date",
        "n": "integer",
        "x": "double",
        "word": "string",
        "things": "list",
    }.items()
)


@pytest.mark.parametrize(
    "chart",
    [
        Chart(mark="line", x="day", y="n"),
        Chart(mark="line", x="n", y="x"),
        Chart(mark="area", x="day", y="n", color="word", stack="normalize"),
        Chart(mark="bar", x="word", aggregate="count", sort="-y"),
        Chart(mark="bar", x="n", y="word", aggregate="distinct", sort="x"),
        Chart(mark="bar", x="day", y="n", aggregate="sum", time_unit="month"),
        Chart(mark="point", x="day", y="x", color="word"),
        Chart(mark="histogram", x="x"),
        Chart(mark="value", aggregate="count"),
        Chart(mark="value", y="n"),
    ],
)
def test_what_can_be_drawn_is_taken(chart):
    check(chart, COLUMNS)


@pytest.mark.parametrize(
    ("chart", "field"),
    [
        (Chart(mark="line", y="n"), "x"),
        (Chart(mark="line", x="day"), "y"),
        (Chart(mark="line", x="days", y="n"), "x"),
        (Chart(mark="line", x="day", y="word"), "y"),
        (Chart(mark="line", x="day", y="things"), "y"),
        (Chart(mark="line", x="day", y="n", aggregate="count"), "y"),
        (Chart(mark="line", x="day", aggregate="distinct"), "y"),
        (Chart(mark="line", x="day", y="n", color="no"), "color"),
        (Chart(mark="line", x="n", y="n", aggregate="sum", time_unit="day"), "time_unit"),
        (Chart(mark="line", x="day", y="n", time_unit="day"), "aggregate"),
        (Chart(mark="line", x="day", y="n", sort="x"), "sort"),
        (Chart(mark="line", x="day", y="n", color="word", stack="zero"), "stack"),
        (Chart(mark="bar", x="day", y="n", stack="zero"), "stack"),
        (Chart(mark="point", x="word", y="n"), "x"),
        (Chart(mark="point", x="n", y="x", aggregate="sum"), "aggregate"),
        (Chart(mark="histogram", x="word"), "x"),
        (Chart(mark="histogram", x="x", y="n"), "y"),
        (Chart(mark="value", x="day", y="n"), "x"),
        (Chart(mark="value"), "y"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_the_name_of_its_field(chart, field):
    with pytest.raises(Invalid) as refused:
        check(chart, COLUMNS)

    assert refused.value.details["field"] == f"chart.{field}"


def test_a_column_that_is_not_there_is_answered_with_near_ones():
    with pytest.raises(Invalid) as refused:
        check(Chart(mark="line", x="dya", y="n"), COLUMNS)

    assert refused.value.hint == "Did you mean 'day'?"


@pytest.mark.parametrize(
    "text",
    [
        '{"mark": "bar", "data": {"url": "https://evil.example/"}}',
        '{"mark": "bar", "transform": [{"calculate": "alert(1)", "as": "x"}]}',
        '{"mark": {"type": "bar", "href": "javascript:alert(1)"}}',
        '{"mark": "image"}',
        '{"mark": "bar", "x": {"expr": "alert(1)"}}',
        '{"mark": "bar", "aggregate": "sum(x)"}',
    ],
)
def test_A26_only_our_eight_words_are_a_chart(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Chart)


def test_a_chart_has_at_most_eight_fields():
    assert len(Chart.__struct_fields__) <= 8


A_LINE = Points(
    rows=b'[{"x":"2026-11-01","y":3},{"x":"2026-11-19","y":41}]',
    drawn=19,
    total=19,
    places=19,
    low="3",
    high="41",
    low_at='"2026-11-01"',
    high_at='"2026-11-19"',
    first='"2026-11-01"',
    last='"2026-11-19"',
    is_plain=True,
)


def test_a_line_is_told_in_one_sentence():
    told = summary_of(Chart(mark="line", x="day", y="n"), A_LINE, COLUMNS, is_cut=False)

    assert told == (
        "Line chart of n by day, 19 points, from 2026-11-01 to 2026-11-19; lowest 3, highest 41."
    )


def test_what_the_picture_leaves_out_is_told_in_a_second_sentence():
    many = replace(
        A_LINE, total=1_000_000, picked="extremes", left_out=1, series=("a",), series_total=40
    )
    chart = Chart(mark="line", x="day", y="n", color="word")

    told = summary_of(chart, many, COLUMNS, is_cut=True)

    assert told.startswith(
        "Line chart of n by day, 1,000,000 points in 40 series of word (a and 35"
    )
    assert told.endswith(
        " 19 are drawn, the extremes of each stretch among them; only the 1 largest series are"
        " drawn; 1 row without a value left out; the result was cut at a limit before it was"
        " drawn."
    )


def test_an_instant_without_a_zone_is_told_without_one():
    columns = (Column(name="at", type="timestamp", engine_type=""), COLUMNS[1])
    points = replace(A_LINE, first='"2026-11-01T00:00:00Z"', last='"2026-11-02T13:30:00.5Z"')

    told = summary_of(Chart(mark="line", x="at", y="n"), points, columns, is_cut=False)
    columns = (replace(columns[0], type="timestamptz"), COLUMNS[1])
    zoned = summary_of(Chart(mark="line", x="at", y="n"), points, columns, is_cut=False)

    assert "from 2026-11-01 to 2026-11-02 13:30;" in told
    assert "to 2026-11-02 13:30 UTC;" in zoned


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (41, "41"),
        (1.5, "1.5"),
        (-1234.56, "-1,235"),
        (1234567, "1,234,567"),
        (0.0005, "0.0005"),
        (1e-9, "1.000e-9"),
        (1e20, "1.000e+20"),
    ],
)
def test_numbers_are_told_as_people_write_them(value, text):
    assert number_text(value) == text


def test_names_of_columns_are_titles_and_never_fields():
    evil = "a.b[0]\\c');alert(1)//"
    columns = (Column(name=evil, type="date", engine_type=""), COLUMNS[1])
    chart = Chart(mark="line", x=evil, y="n", color=evil)
    points = replace(A_LINE, series=("one",), series_total=1)

    spec = spec_of(chart, points, {"x": "time", "y": "number", "color": "time"}, "told")
    told = json.loads(msgspec.json.encode(spec))

    assert {each["field"] for each in told["encoding"]["tooltip"]} == {"x", "y", "c"}
    assert told["encoding"]["x"]["axis"]["title"] == evil
    assert told["encoding"]["x"]["field"] == "x"
    assert told["data"]["values"][0] == {"x": "2026-11-01", "y": 3}
    assert check(chart, columns) is None


@pytest.mark.parametrize(("kind", "stack"), [("time", "zero"), ("category", None)])
def test_bars_of_several_series_over_a_time_never_hide_each_other(kind, stack):
    chart = Chart(mark="bar", x="day", y="n", color="region")
    points = replace(A_LINE, series=("one", "two"), series_total=2)

    spec = spec_of(chart, points, {"x": kind, "y": "number", "color": "category"}, "told")

    across = spec["encoding"]
    measured = next(across[channel] for channel in "xy" if across[channel]["field"] == "y")
    assert measured["stack"] == stack
    assert bool({"xOffset", "yOffset"} & across.keys()) is (stack is None)


@pytest.mark.parametrize("name", ["image", "title"])
def test_a_column_named_as_a_part_of_a_tooltip_is_text_in_it(name):
    """Vega's tooltip would load ``image`` from the address that a row holds."""
    chart = Chart(mark="line", x=name, y="n")

    spec = spec_of(chart, A_LINE, {"x": "time", "y": "number"}, "told")

    assert spec["encoding"]["tooltip"][0]["title"] == f"{name} "


@pytest.mark.parametrize(
    "name", ['"+alert(1)+"', '\\"+alert(1)+\\"', "a\\", "a\nb", "a\u2028b", "a\rb", '\x00"']
)
def test_a_name_never_ends_a_string_of_the_code_that_vega_lite_makes(name):
    """It pastes titles of encodings and tooltips between quotes and escapes neither."""
    chart = Chart(mark="line", x=name, y=name, color=name, aggregate="sum")
    kinds = {"x": "time", "y": "number", "color": "category"}

    encoding = spec_of(chart, A_LINE, kinds, "told")["encoding"]

    tips = [each["title"] for each in encoding["tooltip"]]
    assert len(tips) == 3
    for tip in tips:
        assert not {'"', "\\", "\n", "\r", "\u2028", "\x00"} & set(tip)
    assert not any("title" in encoding[channel] for channel in ("x", "y", "color"))


def test_a_long_name_is_cut_and_a_reason_is_a_picture():
    chart = Chart(mark="line", x="x" * 500, y="n")

    spec = spec_of(chart, A_LINE, {"x": "time", "y": "number"}, "told")

    assert len(spec["encoding"]["x"]["axis"]["title"]) == 80
    assert empty("No rows.")["mark"]["text"] == "No rows."
    assert themed("light") != themed("dark")
