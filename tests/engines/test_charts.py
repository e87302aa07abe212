"""The marks of a chart are those of all rows; a picture holds nothing but shapes and text."""

from __future__ import annotations

import asyncio
import json
import re
import time
from xml.etree import ElementTree

import msgspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import vl_convert

from jupyter_views.core.chart_choice import choose, with_unit
from jupyter_views.core.chart_words import summary_of
from jupyter_views.core.charts import Chart, check, kind_of, place_of
from jupyter_views.core.errors import EngineFailed, Gone, TimedOut
from jupyter_views.core.ports import Stored
from jupyter_views.core.vegalite import empty, spec_of, themed
from tests.abuse.markup import MARKUP

from .workbench import a_workbench

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {f"{SVG}{name}" for name in ("svg", "g", "path", "line", "rect", "text", "title", "desc")}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with a_workbench(tmp_path_factory.mktemp("charts")) as bench:
        yield bench


class Drawn:
    """A result with its chart: the chosen one, unless one is given."""

    def __init__(self, bench, sql, chart=None):
        self.bench = bench
        outcome = bench.run(sql)
        self.stored = Stored(path=outcome.path, sha256=outcome.sha256, columns=outcome.columns)
        self.columns = outcome.columns
        names = tuple(column.name for column in outcome.columns)
        self.profile = bench.wait(bench.engine.profile(self.stored, outcome.row_count, names))
        self.chart = chart or choose(self.profile)
        if isinstance(self.chart, Chart):
            check(self.chart, self.columns)
            self.chart = with_unit(self.chart, self.profile)
            points = bench.engine.points(self.stored, outcome.row_count, self.chart)
            self.points = bench.wait(points)
            self.rows = json.loads(self.points.rows)

    @property
    def words(self):
        return summary_of(self.chart, self.points, self.columns, is_cut=False)

    @property
    def spec(self):
        if isinstance(self.chart, str):
            return empty(self.chart)
        kinds = {
            field: kind_of(self.columns[place_of(name, self.columns)])
            for field in ("x", "y", "color")
            if (name := getattr(self.chart, field)) is not None
        }
        return spec_of(self.chart, self.points, kinds, self.words)

    def picture(self, form="svg", title="A title"):
        spec = msgspec.json.encode(self.spec | {"config": themed("light")})
        return self.bench.wait(self.bench.engine.draw(spec, title, form))


def test_all_rows_are_aggregated_exactly(bench):
    drawn = Drawn(
        bench,
        "SELECT DATE '2026-11-01' + (i // 3)::INT AS day, 'r' || i % 3 AS region,"
        " 9007199254740993 + i AS n FROM range(30) t(i)",
    )

    assert drawn.chart == Chart(
        mark="line", x="day", y="n", color="region", aggregate="sum", time_unit=None
    )
    assert len(drawn.rows) == drawn.points.total == 30
    assert drawn.rows[1] == {"x": "2026-11-01", "y": 9007199254740994, "c": "r1", "s": 2}
    assert drawn.points.is_plain
    assert drawn.points.high == "9007199254741022"


def test_decimals_and_every_aggregate_are_exact(bench):
    sql = "SELECT 'a' AS k, v::DECIMAL(9,2) AS v FROM (VALUES (1.10), (2.20), (2.20), (9)) t(v)"
    found = {
        each: Drawn(bench, sql, Chart(mark="bar", x="k", y="v", aggregate=each)).rows[0]["y"]
        for each in ("sum", "mean", "median", "min", "max", "distinct")
    }
    counted = Drawn(bench, sql, Chart(mark="bar", x="k", aggregate="count")).rows

    assert found == {
        "sum": 14.5,
        "mean": 3.625,
        "median": 2.2,
        "min": 1.1,
        "max": 9,
        "distinct": 3,
    }
    assert counted == [{"x": "a", "y": 4}]


def test_null_nan_and_infinity_are_left_out_and_counted(bench):
    drawn = Drawn(
        bench,
        "SELECT DATE '2026-11-01' + i::INT AS day, CASE i WHEN 0 THEN 'nan' WHEN 1 THEN 'inf'"
        " WHEN 2 THEN '-inf' WHEN 3 THEN NULL ELSE '1.5' END::DOUBLE AS v FROM range(10) t(i)"
        " UNION ALL SELECT 'infinity'::DATE, 1 UNION ALL SELECT NULL, 1",
    )

    assert len(drawn.rows) == 6
    assert {row["y"] for row in drawn.rows} == {1.5}
    assert drawn.points.left_out == 6
    assert "all 1.5" in drawn.words
    assert drawn.words.endswith("6 rows without a value left out.")


def test_a_sum_beyond_all_numbers_is_left_out(bench):
    sql = "SELECT 'a' AS k, 1.7e308::DOUBLE AS v FROM range(3) UNION ALL SELECT 'b', 1"
    drawn = Drawn(bench, sql, Chart(mark="bar", x="k", y="v", aggregate="sum"))

    assert drawn.rows == [{"x": "b", "y": 1.0}]


def test_null_is_a_word_among_words_and_no_other_word_is_taken_for_it(bench):
    sql = "SELECT unnest([NULL, 'NULL', '', NULL]) AS k, 1 AS v"
    drawn = Drawn(bench, sql, Chart(mark="bar", x="k", y="v", aggregate="sum"))

    assert drawn.rows == [{"x": "NULL", "y": 2}, {"x": "NULL (2)", "y": 1}, {"x": "", "y": 1}]


def test_long_words_are_cut_and_stay_apart(bench):
    sql = "SELECT repeat('x', 200) || i AS k, i AS v FROM range(3) t(i)"
    drawn = Drawn(bench, sql, Chart(mark="bar", x="k", y="v"))

    cut = "x" * 99 + "…"
    assert [row["x"] for row in drawn.rows] == [cut, f"{cut} (2)", f"{cut} (3)"]


@pytest.mark.parametrize(
    ("sort", "first", "last", "told"),
    [
        (None, "k1233", "k1204", "largest"),
        ("-y", "k1233", "k1204", "largest"),
        ("y", "k0", "k29", "smallest"),
        ("x", "k0", "k1023", "first"),
    ],
)
def test_of_many_words_the_wanted_thirty_are_drawn(bench, sort, first, last, told):
    sql = "SELECT 'k' || i AS k, i AS v FROM range(1234) t(i)"
    drawn = Drawn(bench, sql, Chart(mark="bar", x="k", y="v", sort=sort))

    assert (drawn.rows[0]["x"], drawn.rows[-1]["x"]) == (first, last)
    assert len(drawn.rows) == 30
    assert drawn.points.total == 1234
    assert f"Only the 30 {told} are drawn." in drawn.words


def test_few_words_stand_in_the_order_of_the_result(bench):
    drawn = Drawn(bench, "SELECT * FROM (VALUES ('Mon', 3), ('Tue', 7), ('Sat', 1)) t(day, n)")

    assert [row["x"] for row in drawn.rows] == ["Mon", "Tue", "Sat"]


def test_series_beyond_thirty_are_left_out_the_smallest_first(bench):
    sql = "SELECT i // 50 AS x, 's' || i % 50 AS s, i % 50 AS v FROM range(500) t(i)"
    drawn = Drawn(bench, sql, Chart(mark="line", x="x", y="v", color="s"))

    assert len(drawn.points.series) == 30
    assert drawn.points.series_total == 50
    assert drawn.points.series[0] == "s49"
    assert {row["c"] for row in drawn.rows} == {f"s{at}" for at in range(20, 50)}
    assert "Only the 30 largest series are drawn" in drawn.words


def test_a_million_points_of_a_line_keep_its_extremes(bench):
    sql = (
        "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND AS at, CASE i WHEN 777777 THEN 99"
        " WHEN 333333 THEN -99 ELSE sin(i / 1e4) END AS v FROM range(1000000) t(i)"
    )
    started = time.monotonic()
    drawn = Drawn(bench, sql)

    assert drawn.chart == Chart(mark="line", x="at", y="v")
    assert drawn.points.total == 1_000_000
    assert len(drawn.rows) <= 2000
    ys = [row["y"] for row in drawn.rows]
    assert (min(ys), max(ys)) == (-99, 99)
    assert drawn.rows[0]["x"] == "2026-01-01T00:00:00Z"
    assert drawn.rows[-1]["x"] == "2026-01-12T13:46:39Z"
    assert "the extremes of each stretch among them" in drawn.words
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "chart",
    [
        Chart(mark="point", x="a", y="b"),
        Chart(mark="bar", x="a", y="b"),
        Chart(mark="bar", x="k", y="b"),
        Chart(mark="area", x="a", y="b", color="s", aggregate="sum", stack="zero"),
        Chart(mark="line", x="a", y="b", color="s"),
        Chart(mark="bar", x="day", y="b"),
        Chart(mark="histogram", x="b"),
        Chart(mark="value", y="b", aggregate="mean"),
    ],
    ids=lambda chart: f"{chart.mark}-{chart.x}",
)
def test_no_chart_has_more_than_two_thousand_marks(bench, chart):
    drawn = Drawn(
        bench,
        "SELECT i AS a, i % 977 AS b, 'k' || i % 9 AS k, 's' || i % 5 AS s,"
        " DATE '2020-01-01' + (i % 3000)::INT AS day FROM range(100000) t(i)",
        chart,
    )

    assert 0 < len(drawn.rows) <= 2000
    assert len(drawn.picture()) < 700_000
    if len(drawn.rows) < drawn.points.total:
        assert "drawn" in drawn.words


def test_a_unit_of_time_cuts_dates_and_instants_to_its_beginning(bench):
    sql = "SELECT TIMESTAMP '2026-02-27 11:00' + INTERVAL (i) DAY AS at, 1 AS v FROM range(9) t(i)"
    month = Drawn(
        bench, sql, Chart(mark="bar", x="at", y="v", aggregate="sum", time_unit="month")
    ).rows
    hour = Drawn(
        bench, sql, Chart(mark="line", x="at", y="v", aggregate="sum", time_unit="hour")
    ).rows

    assert [(row["x"], row["y"]) for row in month] == [("2026-02-01", 2), ("2026-03-01", 7)]
    assert month[0]["x2"] == "2026-03-01T00:00:00Z"
    assert hour[0]["x"] == "2026-02-27T11:00:00Z"


def test_instants_with_a_zone_are_drawn_in_utc_and_odd_years_left_out(bench):
    sql = (
        "SELECT unnest([TIMESTAMPTZ '2026-11-01 00:00:00+05', 'infinity', '0044-03-15 (BC)',"
        " '20000-01-01', '2026-11-02 00:00:00+00']::TIMESTAMPTZ[]) AS at, 1 AS v"
    )
    drawn = Drawn(bench, sql, Chart(mark="line", x="at", y="v"))

    assert [row["x"] for row in drawn.rows] == ["2026-10-31T19:00:00Z", "2026-11-02T00:00:00Z"]
    assert drawn.points.left_out == 3


@pytest.mark.parametrize("kind", ["HUGEINT", "UHUGEINT", "BIGNUM", "UBIGINT", "FLOAT", "TINYINT"])
def test_every_kind_of_number_is_drawn(bench, kind):
    drawn = Drawn(bench, f"SELECT i::{kind} AS a, (i * 2)::{kind} AS b FROM range(9) t(i)")

    assert drawn.rows[4] == {"x": 4, "y": 8}


@pytest.mark.parametrize(
    "kind", ["DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMPTZ"]
)
def test_every_kind_of_time_is_drawn(bench, kind):
    sql = f"SELECT (DATE '2026-11-01' + i::INT)::{kind} AS d, i AS n FROM range(9) t(i)"
    drawn = Drawn(bench, sql)

    assert drawn.chart == Chart(mark="line", x="d", y="n")
    assert drawn.rows[0]["x"].rstrip("Z").removesuffix("T00:00:00") == "2026-11-01"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a, 'x' AS b WHERE false",
        "SELECT NULL::INT AS a, NULL::DATE AS d, NULL::VARCHAR AS s FROM range(5)",
        "SELECT 'nan'::DOUBLE AS a, 'inf'::DOUBLE AS b FROM range(5)",
        "SELECT [1, 2] AS l, {'a': 1} AS s, '\\x00'::BLOB AS b FROM range(5)",
        "SELECT NULL AS nothing",
    ],
)
def test_where_there_is_nothing_the_picture_says_so(bench, sql):
    drawn = Drawn(bench, sql)

    assert isinstance(drawn.chart, str)
    assert drawn.chart in texts_of(drawn.picture())


def test_a_chosen_chart_of_columns_without_values_says_so(bench):
    sql = "SELECT NULL::DATE AS d, NULL::INT AS n, NULL::VARCHAR AS s FROM range(5)"
    for chart in (
        Chart(mark="line", x="d", y="n"),
        Chart(mark="bar", x="s", y="n", color="s"),
        Chart(mark="point", x="n", y="n"),
        Chart(mark="histogram", x="n"),
        Chart(mark="value", y="n", aggregate="sum"),
        Chart(mark="value", y="n"),
    ):
        drawn = Drawn(bench, sql, chart)
        assert drawn.rows == []
        assert "no value" in drawn.words
        assert drawn.picture()


def test_of_columns_with_one_name_the_first_is_drawn(bench):
    drawn = Drawn(bench, "SELECT i AS a, 100 + i AS b, 200 + i AS a, 'x' AS b FROM range(9) t(i)")

    assert drawn.chart == Chart(mark="point", x="a", y="b")
    assert drawn.rows[0] == {"x": 0, "y": 100}


def test_bins_have_round_edges_and_hold_every_value(bench):
    whole = Drawn(
        bench, "SELECT 1 + i % 6 AS n FROM range(600) t(i)", Chart(mark="histogram", x="n")
    )
    broken = Drawn(bench, "SELECT i / 7 AS v FROM range(700) t(i)", Chart(mark="histogram", x="v"))

    assert [(row["x"], row["y"]) for row in whole.rows] == [(at, 100) for at in range(1, 7)]
    assert sum(row["y"] for row in broken.rows) == 700
    assert {row["x2"] - row["x"] for row in broken.rows} == {5}


@pytest.mark.parametrize(
    "values", ["[-1.7e308, 1.7e308]", "[5e-324, 1e-323]", "[1e300, 1.0000000000000002e300]", "[7]"]
)
def test_bins_of_extreme_numbers_are_made(bench, values):
    sql = f"SELECT unnest({values}::DOUBLE[]) AS v"
    drawn = Drawn(bench, sql, Chart(mark="histogram", x="v"))

    assert sum(row["y"] for row in drawn.rows) == values.count(",") + 1


def test_a_damaged_file_is_refused(bench):
    drawn = Drawn(bench, "SELECT i AS a, i AS b FROM range(9) t(i)")
    bench.results.joinpath(drawn.stored.path).write_bytes(b"other bytes")

    with pytest.raises(Gone):
        bench.wait(bench.engine.points(drawn.stored, 9, drawn.chart))
    with pytest.raises(Gone):
        bench.wait(bench.engine.profile(drawn.stored, 9, ("a",)))


def parsed(svg):
    """The picture as a tree, after a look at what may be in it."""
    tree = ElementTree.fromstring(svg)
    for node in tree.iter():
        assert node.tag in SHAPES, node.tag
        for name, value in node.attrib.items():
            assert not name.lower().startswith("on"), name
            assert name.rpartition("}")[2] not in {"href", "style", "src"}, name
            assert "url(" not in value, value
            assert "javascript:" not in value.lower(), value
    return tree


def texts_of(svg):
    return [node.text for node in parsed(svg).iter() if node.text]


def printable(text):
    return NOT_XML.sub("\ufffd", text)


def test_a_picture_has_its_title_and_its_words_for_those_who_cannot_see_it(bench):
    drawn = Drawn(bench, "SELECT DATE '2026-11-01' + i::INT AS day, i AS n FROM range(9) t(i)")
    tree = parsed(drawn.picture(title="Daily <active> users"))

    assert tree.get("role") == "img"
    assert tree[0].tag == f"{SVG}title"
    assert tree[0].text == "Daily <active> users"
    assert tree[1].tag == f"{SVG}desc"
    assert tree[1].text == drawn.words


def test_a_png_is_twice_as_large_as_its_picture(bench):
    drawn = Drawn(bench, "SELECT i AS a, i AS b FROM range(9) t(i)")
    png = drawn.picture("png")

    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(png[16:20], "big") == 2 * int(parsed(drawn.picture()).get("width"))


def test_A23_markup_in_cells_series_and_names_is_text_in_the_picture(bench):
    for start in range(0, len(MARKUP), 25):
        texts = MARKUP[start : start + 25]
        table = pa.table({"k": texts, "n": range(len(texts))})
        pq.write_table(table, bench.data / "markup.parquet")
        name = texts[0].replace("\0", "").replace('"', '""') or "x"
        sql = f"SELECT k AS \"{name}\", n, k AS c FROM 'markup.parquet'"
        shown = name.replace('""', '"')
        drawn = Drawn(bench, sql, Chart(mark="bar", x=shown, y="n", color="c"))

        tree = parsed(drawn.picture(title=texts[-1]))

        assert (tree[0].text or "") == printable(texts[-1])
        told = "".join(text for text in (node.text for node in tree.iter()) if text)
        for text in texts:
            if text.isprintable() and 0 < len(text.strip()) < 12:
                assert text.strip() in told, text
        assert len(drawn.rows) == len(texts)


def code_in(value):
    """Every text of a Vega spec that is run as an expression."""
    if isinstance(value, list):
        for each in value:
            yield from code_in(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str) and name in {"signal", "expr", "test", "update", "init"}:
                yield each
            else:
                yield from code_in(each)


def test_A26_no_name_and_no_cell_becomes_code(bench):
    evil = '"+alert(1)+\\"+alert(2)+"'
    texts = [evil, "\\", "\u2028", "datum", "']"]
    pq.write_table(pa.table({"k": texts, "n": range(5), "c": texts}), bench.data / "code.parquet")
    name = evil.replace('"', '""')
    sql = f'SELECT k AS "{name}", n AS "n{name}", c AS "c{name}" FROM \'code.parquet\''
    for mark, aggregate in (("bar", None), ("bar", "sum"), ("line", None), ("value", "sum")):
        is_value = mark == "value"
        chart = Chart(
            mark=mark,
            x=None if is_value else evil,
            y=f"n{evil}",
            color=None if is_value else f"c{evil}",
            aggregate=aggregate,
        )
        compiled = vl_convert.vegalite_to_vega(
            msgspec.json.encode(Drawn(bench, sql, chart).spec).decode(), vl_version="5.8"
        )
        code = list(code_in(compiled))

        assert code or is_value
        for each in code:
            assert "+alert" not in each.replace("\u201d+alert", "").replace("\u29f5", ""), each


def test_a_drawing_worker_stands_behind_walls_and_opens_fonts_alone(bench):
    Drawn(bench, "SELECT 1 AS a").picture()
    pid = next(
        process.pid
        for process in bench.workers()
        if "jupyter_views.engines.drawing" in process.cmdline()
    )
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        is_bound = "NoNewPrivs:\t1\n" in status.readlines()
    limits = psutil.Process(pid).rlimit(psutil.RLIMIT_DATA)

    assert is_bound
    assert limits == (3 << 30, 3 << 30)
    assert not psutil.Process(pid).net_connections("inet")


def test_a_spec_that_asks_for_an_address_gets_nothing_from_there(bench):
    server = bench.wait(asyncio.start_server(lambda *_: asked.append(1), "127.0.0.1", 0))
    asked: list[int] = []
    port = server.sockets[0].getsockname()[1]
    spec = {"data": {"url": f"http://127.0.0.1:{port}/x.json"}, "mark": "bar", "encoding": {}}

    async def draw():
        try:
            await bench.engine.draw(msgspec.json.encode(spec), "", "svg")
        except EngineFailed:
            return

    bench.wait(draw())
    server.close()

    assert asked == []


def test_a_drawing_that_does_not_end_is_ended_and_the_next_one_is_drawn(bench, monkeypatch):
    from jupyter_views.engines import duckdb_engine

    monkeypatch.setattr(duckdb_engine, "_DRAW_SECONDS", 1.0)
    endless = {
        "data": {"sequence": {"start": 0, "stop": 100_000_000, "as": "x"}},
        "mark": "point",
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }
    with pytest.raises((TimedOut, EngineFailed)):
        bench.wait(bench.engine.draw(msgspec.json.encode(endless), "", "svg"))
    monkeypatch.undo()

    assert Drawn(bench, "SELECT 1 AS a").picture()
