"""Charts over HTTP: chosen, changed, restored, drawn, cached, and closed to strangers."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

DAILY = "SELECT DATE '2026-11-01' + i::INT AS day, 3 + i AS active FROM range(19) t(i)"
BARS = {"mark": "bar", "x": "day", "y": "active", "aggregate": "sum", "time_unit": "week"}
FIELDS = {"mark", "x", "y", "color", "aggregate", "time_unit", "stack", "sort"}


@pytest.fixture
def daily(api, jp_asyncio_loop):
    return jp_asyncio_loop.run_until_complete(saved(api, DAILY, "Daily active users"))


async def saved(api, sql, name, **fields):
    """The address of a new view."""
    view = await api.save(sql, name, **fields)
    return f"api/views/{view['short_id']}"


async def redefine(api, path, sql):
    statement = await api.run(sql)
    answer = await api("GET", path)
    slug = answer.json["slug"]
    changed = await api("PUT", f"api/v1/perspectives/{slug}", {"statement_id": statement["id"]})
    assert changed.status == 201, changed.body


async def test_a_view_has_a_chart_that_suits_it_without_anybody_choosing_one(api, daily):
    answer = await api("GET", f"{daily}/chart")

    assert answer.status == 200
    assert answer.json["chart"] == {
        **dict.fromkeys(FIELDS),
        "mark": "line",
        "x": "day",
        "y": "active",
    }
    assert answer.json["is_default"] is True
    assert answer.json["notice"] is None
    assert answer.json["summary"] == (
        "Line chart of active by day, 19 points, from 2026-11-01 to 2026-11-19;"
        " lowest 3, highest 21."
    )
    spec = answer.json["spec"]
    assert spec["$schema"] == "https://vega.github.io/schema/vega-lite/v5.json"
    assert spec["data"]["values"][0] == {"x": "2026-11-01", "y": 3}
    assert spec["description"] == answer.json["summary"]


async def test_the_owner_chooses_a_chart_and_takes_the_choice_back(api, daily):
    before = await api("GET", daily)

    chosen = await api("PUT", f"{daily}/chart", {"chart": BARS})
    read = await api("GET", f"{daily}/chart")
    after = await api("GET", daily)
    again = await api("PUT", f"{daily}/chart", {"chart": None})

    assert chosen.status == 200
    assert chosen.json == read.json
    assert chosen.headers["Etag"] == read.headers["Etag"]
    assert {name: read.json["chart"][name] for name in BARS} == BARS
    assert read.json["is_default"] is False
    assert read.json["spec"]["mark"]["type"] == "bar"
    assert after.headers["Etag"] != before.headers["Etag"]
    versions = await api("GET", f"{daily}/versions")
    assert versions.json["total"] == 1
    assert again.json["is_default"] is True
    assert again.json["chart"]["mark"] == "line"


async def test_a_choice_is_one_entry_of_activity_with_before_and_after(api, daily):
    await api("PUT", f"{daily}/chart", {"chart": BARS})

    entry = (await api("GET", f"{daily}/activity")).json["results"][0]
    (change,) = [each for each in entry["detail"]["changes"] if each["field"] == "chart"]

    assert entry["activity"] == "updated"
    assert change["before"] is None
    assert {name: change["after"][name] for name in BARS} == BARS


@pytest.mark.parametrize(
    ("chart", "field"),
    [
        ({"mark": "pie", "x": "day"}, "chart.mark"),
        ({"mark": "line", "x": "dya", "y": "active"}, "chart.x"),
        ({"mark": "line", "x": "day", "y": "day"}, "chart.y"),
        ({"mark": "line", "x": ["day"], "y": "active"}, "chart.x"),
        ({"mark": "bar", "x": "day", "y": "active", "sort": "up"}, "chart.sort"),
        ({"x": "day", "y": "active"}, "chart"),
        ({"mark": "bar", "data": {"url": "https://evil.example/"}}, "chart"),
        ("bar", "chart"),
        ([], "chart"),
    ],
)
async def test_A26_what_is_no_chart_of_this_view_is_refused_by_name(api, daily, chart, field):
    answer = await api("PUT", f"{daily}/chart", {"chart": chart})

    assert answer.status == 422, answer.body
    assert answer.json["details"]["field"] == field
    assert (await api("GET", f"{daily}/chart")).json["is_default"] is True


async def test_A26_bodies_that_are_no_body_are_refused(api, daily):
    path = f"{daily}/chart"
    deep = b'{"chart":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert (await api("PUT", path, {})).json["details"]["field"] == "chart"
    assert (await api("PUT", path, raw=b"{")).status == 400
    assert (await api("PUT", path, raw=b'{"chart": NaN}')).status == 400
    assert (await api("PUT", path, raw=deep)).status in {400, 422}
    assert (await api("PUT", path, raw=b" " * 2_000_000)).status == 413


async def test_an_unknown_mark_is_answered_with_those_there_are(api, daily):
    answer = await api("PUT", f"{daily}/chart", {"chart": {"mark": "pie"}})

    assert answer.json["hint"] == ("chart.mark is one of line, area, bar, point, histogram, value.")


async def test_another_chart_can_be_looked_at_without_choosing_it(api, daily):
    asked = f"{daily}/chart?mark=histogram&x=active"
    answer = await api("GET", asked)
    wrong = await api("GET", f"{daily}/chart?x=active")
    misfit = await api("GET", f"{daily}/chart?mark=histogram&x=no")

    assert answer.json["chart"]["mark"] == "histogram"
    assert answer.json["summary"].startswith("Histogram of active")
    assert answer.json["is_default"] is False
    assert (wrong.status, wrong.json["details"]["field"]) == (422, "mark")
    assert (misfit.status, misfit.json["details"]["field"]) == (422, "chart.x")
    assert (await api("GET", f"{daily}/chart")).json["chart"]["mark"] == "line"


async def test_a_chart_that_the_client_has_costs_it_a_304(api, daily):
    for tail in (
        "chart",
        "chart.svg",
        "chart.png",
        "chart.svg?theme=dark",
        "chart?mark=value&y=active",
    ):
        first = await api("GET", f"{daily}/{tail}")
        again = await api(
            "GET", f"{daily}/{tail}", headers={"If-None-Match": first.headers["Etag"]}
        )
        assert (first.status, again.status, again.body) == (200, 304, b"")
    tags = {
        (await api("GET", f"{daily}/{tail}")).headers["Etag"]
        for tail in ("chart", "chart.svg", "chart.png", "chart.svg?theme=dark")
    }
    assert len(tags) == 4


async def test_a_refresh_that_brings_other_rows_moves_the_tag_and_the_chart(api, data_folder):
    file = data_folder / "numbers.csv"
    file.write_text("a,b\n1.5,2\n2.5,3\n3.5,9\n")
    path = await saved(api, "SELECT * FROM 'numbers.csv'", "Numbers")
    before = await api("GET", f"{path}/chart")
    file.write_text("a,b\n1.5,2\n2.5,3\n3.5,9\n4.5,99\n")

    stale = before
    while "Is-Stale" not in stale.headers:
        stale = await api("GET", f"{path}/chart")
    await api("GET", f"{path}/result?mode=force_blocking")
    after = await api("GET", f"{path}/chart")

    assert stale.headers["X-Stale-Reason"] == "source_changed"
    assert stale.json["summary"] == before.json["summary"]
    assert "3 points" in before.json["summary"]
    assert "4 points" in after.json["summary"]
    assert before.headers["Etag"] != after.headers["Etag"]


async def test_a_conditional_write_meets_who_was_quicker(api, daily):
    read = await api("GET", f"{daily}/chart")
    mine = {"If-Match": read.headers["Etag"]}

    first = await api("PUT", f"{daily}/chart", {"chart": BARS}, headers=mine)
    second = await api("PUT", f"{daily}/chart", {"chart": None}, headers=mine)

    assert (first.status, second.status) == (200, 412)


async def test_a_chart_goes_along_to_the_next_version_and_comes_back_with_a_restored_one(
    api, daily
):
    await api("PUT", f"{daily}/chart", {"chart": BARS})
    await redefine(api, daily, f"{DAILY} WHERE i < 10")
    kept = await api("GET", f"{daily}/chart")
    await api("PUT", f"{daily}/chart", {"chart": {"mark": "histogram", "x": "active"}})

    await api("POST", f"{daily}/restore", {"version": 1})
    restored = await api("GET", f"{daily}/chart")

    assert kept.json["chart"]["mark"] == "bar"
    assert kept.json["is_default"] is False
    assert restored.json["chart"]["mark"] == "bar"
    assert "4 bars" in restored.json["summary"]


async def test_a_chart_whose_column_is_gone_falls_back_and_says_so(api, daily):
    await api("PUT", f"{daily}/chart", {"chart": BARS})
    await redefine(api, daily, "SELECT 'r' || i AS region, i AS active FROM range(5) t(i)")

    answer = await api("GET", f"{daily}/chart")

    assert answer.json["is_default"] is True
    assert answer.json["chart"]["x"] == "region"
    assert answer.json["notice"] == (
        "The chosen chart does not fit: The result has no column 'day'."
        " This is the one that suits best."
    )
    await redefine(api, daily, DAILY)
    assert (await api("GET", f"{daily}/chart")).json["is_default"] is False


async def test_pictures_are_svg_and_png_in_two_themes_with_a_name_to_save_them_by(api, daily):
    svg = await api("GET", f"{daily}/chart.svg?download=true")
    dark = await api("GET", f"{daily}/chart.svg?theme=dark")
    png = await api("GET", f"{daily}/chart.png")
    tree = ElementTree.fromstring(svg.body)

    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in svg.headers["Content-Security-Policy"]
    assert svg.headers["Content-Disposition"].startswith(
        'attachment; filename="daily-active-users_'
    )
    assert tree[0].text == "Daily active users"
    assert tree[1].text.startswith("Line chart of active by day")
    assert dark.body != svg.body
    assert png.headers["Content-Type"] == "image/png"
    assert png.body.startswith(b"\x89PNG")
    assert (await api("GET", f"{daily}/chart.svg?theme=pink")).status == 422


async def test_a_picture_of_another_chart_can_be_asked_for(api, daily):
    own = await api("GET", f"{daily}/chart.svg")
    other = await api("GET", f"{daily}/chart.svg?mark=histogram&x=active")

    assert b"Histogram of active" in other.body
    assert own.headers["Etag"] != other.headers["Etag"]


async def test_the_numbers_behind_a_chart_are_csv(api):
    path = await saved(
        api,
        """SELECT unnest(['=1+1', 'b, "c"', NULL]) AS "the k",
        unnest([9007199254740993, 2, 3]) AS n""",
        "Numbers",
    )

    plain = await api("GET", f"{path}/chart.csv?download=true")
    guarded = await api("GET", f"{path}/chart.csv?guard=true")
    bins = await api("GET", f"{path}/chart.csv?mark=histogram&x=n")
    one = await api("GET", f"{path}/chart.csv?mark=value&y=n&aggregate=sum")

    assert plain.headers["Content-Type"].startswith("text/csv")
    assert plain.headers["Content-Disposition"].endswith('.csv"')
    assert plain.body == b'the k,n\r\n=1+1,9007199254740993\r\n"b, ""c""",2\r\nNULL,3\r\n'
    assert guarded.body.startswith(b"the k,n\r\n'=1+1,")
    assert bins.body.startswith(b"n from,n to,rows\r\n")
    assert one.body == b"sum of n\r\n9007199254740998\r\n"
    assert guarded.headers["Etag"] != plain.headers["Etag"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a WHERE false",
        "SELECT NULL AS a FROM range(3)",
        "SELECT [1] AS a FROM range(3)",
    ],
)
async def test_where_there_is_nothing_to_draw_words_stand_in_the_picture(api, sql):
    path = await saved(api, sql, "Nothing")

    answer = await api("GET", f"{path}/chart")
    svg = await api("GET", f"{path}/chart.svg")

    assert answer.json["chart"] is None
    assert answer.json["is_default"] is True
    assert answer.json["summary"].encode() in svg.body
    assert answer.json["fields"] == {}
    assert (await api("GET", f"{path}/chart.csv")).body == b"\r\n"


async def test_repeated_names_and_names_of_parts_of_objects_are_columns_like_others(api):
    names = ["a", "a", "__proto__", "constructor", "length", "image", "a.b", "[0]", "\\", "'", ""]
    columns = ", ".join(f'i + {at} AS "{name}"' for at, name in enumerate(names) if name)
    path = await saved(api, f"SELECT {columns} FROM range(9) t(i)", "Odd names")
    for at, name in enumerate(names[:-1]):
        chart = {"mark": "line", "x": "a", "y": name}
        answer = await api("PUT", f"{path}/chart", {"chart": chart})
        assert answer.status == 200, answer.body
        values = answer.json["spec"]["data"]["values"]
        assert values[0] == {"x": 0, "y": 0 if name == "a" else at}


@pytest.mark.parametrize("word", ["constructor", "__proto__", "toString"])
async def test_what_every_object_of_javascript_has_is_drawn_like_other_words(api, word):
    """Vega keeps titles and the groups of a stack in plain objects."""
    sql = f"""SELECT k AS "{word}", n AS "valueOf", c FROM (VALUES
        ('{word}', 1, 'one'), ('other', 2, 'one'), ('{word}', 3, 'two')) t(k, n, c)"""
    path = await saved(api, sql, "Words of objects")
    chart = {"mark": "bar", "x": word, "y": "valueOf", "color": "c", "stack": "zero"}
    await api("PUT", f"{path}/chart", {"chart": chart})

    stacked = (await api("GET", f"{path}/chart.svg")).body.decode()
    number = await api("GET", f"{path}/chart.svg?mark=value&y=valueOf&aggregate=sum")

    # Two bars and the symbol of the legend.
    assert stacked.count('fill="#4c78a8"') == 3
    assert stacked.count(word) >= 2
    assert number.status == 200
    lines = (await api("GET", f"{path}/chart.csv")).body.decode().split("\r\n")
    assert sorted(lines[1:3]) == [f"{word},1,one", f"{word},3,two"]


async def test_the_chart_of_a_large_result_is_bounded_and_says_so(api):
    path = await saved(
        api, "SELECT i AS a, i % 1000 / 7 AS b FROM range(1000000) t(i)", "A million rows"
    )
    answer = await api("GET", f"{path}/chart")
    svg = await api("GET", f"{path}/chart.svg")

    assert len(answer.json["spec"]["data"]["values"]) <= 2000
    assert "1,000,000 points" in answer.json["summary"]
    assert "2,000 are drawn" in answer.json["summary"]
    assert len(svg.body) < 700_000


async def test_only_who_may_read_the_view_sees_its_chart_and_only_the_owner_chooses(
    api, person, stranger
):
    ana, ben = await person("ana"), await person("ben")
    path = await saved(ana, DAILY, "Ana's", allowed_user_ids=["ben"])
    eve = await person("eve")
    tails = ("chart", "chart.svg", "chart.png")

    for tail in tails:
        assert (await ben("GET", f"{path}/{tail}")).status == 200
        assert (await eve("GET", f"{path}/{tail}")).status == 404
        assert (await stranger("GET", f"{path}/{tail}")).status == 401
    assert (await ben("PUT", f"{path}/chart", {"chart": BARS})).status == 403
    assert (await eve("PUT", f"{path}/chart", {"chart": BARS})).status == 404
    assert (await ana("PUT", f"{path}/chart", {"chart": BARS})).status == 200


async def test_a_key_needs_the_scope_to_read_and_to_write(api, person, daily):
    owner = (await api("GET", daily)).json["owner"]
    reader = await person(owner, "perspective:read")
    other = await person(owner, "insight:write")

    assert (await reader("GET", f"{daily}/chart.svg")).status == 200
    assert (await reader("PUT", f"{daily}/chart", {"chart": None})).status == 403
    assert (await other("GET", f"{daily}/chart")).status == 403


async def test_a_view_that_never_ran_has_no_chart_yet(api):
    query = {"kind": "HogQLQuery", "query": "SELECT 1 AS a"}
    made = await api("POST", "api/projects/1/insights", {"name": "New", "query": query})
    path = f"api/views/{made.json['short_id']}"

    answer = await api("GET", f"{path}/chart")
    picture = await api("GET", f"{path}/chart.svg")

    assert (answer.status, picture.status) == (410, 410)
    assert answer.json["hint"] == "Refresh it."


async def test_twenty_readers_at_once_get_one_drawing(api, daily):
    import asyncio

    answers = await asyncio.gather(*(api("GET", f"{daily}/chart.svg") for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


async def test_values_are_exact_where_json_numbers_are(api):
    path = await saved(
        api, "SELECT unnest(['a', 'b']) AS k, unnest([9007199254740993, 1]) AS n", "Big"
    )
    answer = await api("GET", f"{path}/chart")

    assert b'"y":9007199254740993' in answer.body
    assert json.loads(answer.body)["spec"]["data"]["values"][1] == {"x": "b", "y": 1}
