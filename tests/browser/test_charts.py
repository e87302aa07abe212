"""The chart of a view in JupyterLab: drawn by its own renderer, changed, saved, exported."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Locator, expect

from tests.abuse.markup import MARKUP

from .lab import Lab
from .screen import Screen
from .themes import assert_no_violations

DAILY = "SELECT DATE '2026-11-01' + i::INT AS day, 'r' || i % 3 AS region, 3 + i AS active"
DRAWN_MS = 30_000


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file; what must be loaded in its own way loads it again."""
    return kept


@pytest.fixture
def daily(lab: Lab) -> str:
    name = f"Daily {len(lab.call('GET', 'views/api/views?limit=100')['items'])}"
    return lab.save(f"{DAILY} FROM range(19) t(i)", name)["short_id"]


def open_chart(screen: Screen, short_id: str) -> Locator:
    return show_chart(screen, short_id)


def show_chart(screen: Screen, short_id: str) -> Locator:
    screen.open_view(short_id, "chart")
    expect(picture(screen)).to_be_visible(timeout=DRAWN_MS)
    return screen.result


def picture(screen: Screen) -> Locator:
    return screen.result.locator(".jp-ViewsChart-picture svg").first


def control(screen: Screen, name: str) -> Locator:
    return screen.result.get_by_role("combobox", name=name, exact=True)


def words(screen: Screen) -> Locator:
    return screen.result.locator(".jp-ViewsChart-numbers > p")


def saved(lab: Lab, short_id: str) -> Any:
    return lab.call("GET", f"views/api/views/{short_id}/chart")


def test_a_view_is_drawn_told_and_its_numbers_stand_behind_the_picture(
    screen: Screen, daily: str
) -> None:
    result = open_chart(screen, daily)

    expect(words(screen)).to_contain_text("Line chart of active by day, 19 points")
    expect(picture(screen)).to_contain_text("active")
    expect(result.get_by_role("img", name="Line chart of active by day")).to_be_visible()
    result.get_by_text("Numbers behind the chart (19)").click()
    expect(result.get_by_role("columnheader")).to_have_text(["day", "active"])
    expect(result.get_by_role("cell").first).to_have_text("2026-11-01")


def test_a_change_is_drawn_at_once_and_kept_when_it_is_saved(
    screen: Screen, lab: Lab, daily: str
) -> None:
    result = open_chart(screen, daily)

    control(screen, "Mark").select_option("bar")
    control(screen, "Aggregate").select_option("sum")
    control(screen, "X").select_option("region")
    expect(words(screen)).to_contain_text("Bar chart of sum of active by region, 3 bars")
    expect(result.get_by_text("Not saved")).to_be_visible()
    assert saved(lab, daily)["is_default"] is True

    result.get_by_role("button", name="Save").click()
    expect(result.get_by_text("Saved with this version")).to_be_visible()
    assert saved(lab, daily)["chart"]["x"] == "region"

    result.get_by_role("button", name="Use default").click()
    expect(words(screen)).to_contain_text("Line chart")
    assert saved(lab, daily)["is_default"] is True


def test_a_change_can_be_discarded(screen: Screen, daily: str) -> None:
    result = open_chart(screen, daily)

    control(screen, "Mark").select_option("histogram")
    expect(words(screen)).to_contain_text("Histogram of active")
    result.get_by_role("button", name="Discard").click()

    expect(words(screen)).to_contain_text("Line chart of active by day")
    expect(control(screen, "Mark")).to_have_value("line")


@pytest.mark.parametrize("kind", ["svg", "png", "csv"])
def test_what_is_seen_can_be_downloaded(screen: Screen, daily: str, kind: str) -> None:
    result = open_chart(screen, daily)
    control(screen, "Mark").select_option("histogram")
    expect(words(screen)).to_contain_text("Histogram of active")

    with screen.page.expect_download(timeout=DRAWN_MS) as awaited:
        result.get_by_role("group", name="Download").get_by_text(kind.upper()).click()

    file = awaited.value.path().read_bytes()
    assert awaited.value.suggested_filename.endswith(f".{kind}")
    sign = {"svg": b"Histogram of active", "png": b"\x89PNG", "csv": b"active from,active to,rows"}
    assert sign[kind] in file


def test_the_keyboard_reaches_the_chart_and_changes_it(screen: Screen, daily: str) -> None:
    screen.open_view(daily)
    screen.page.keyboard.press("Alt+2")
    expect(picture(screen)).to_be_visible(timeout=DRAWN_MS)
    expect(screen.result.locator(".jp-ViewsChart")).to_be_focused()

    screen.page.keyboard.press("Tab")
    expect(control(screen, "Mark")).to_be_focused()
    screen.page.keyboard.press("ArrowDown")

    expect(words(screen)).to_contain_text("Area chart of active by day")


def test_axe_finds_nothing_in_the_chart(screen: Screen, daily: str) -> None:
    result = show_chart(screen, daily)
    assert_no_violations(screen, ".jp-ViewsResult")

    control(screen, "Mark").select_option("bar")
    control(screen, "Colour").select_option("region")
    result.get_by_text("Numbers behind the chart").click()
    expect(result.get_by_role("cell").first).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsResult")


def test_where_there_is_nothing_to_draw_the_reason_is_said(screen: Screen, lab: Lab) -> None:
    short_id = lab.save("SELECT 1 AS a WHERE false", "Nothing at all")["short_id"]
    screen.open_view(short_id, "chart")

    expect(words(screen)).to_have_text("The result has no rows, so there is nothing to draw.")


def test_A22_markup_in_names_and_cells_is_text_in_the_chart(screen: Screen, lab: Lab) -> None:
    shown = [text for text in MARKUP if text.isprintable() and 0 < len(text) < 80]
    for start in range(0, len(shown), 25):
        texts = shown[start : start + 25]
        table = pa.table({"k": texts, "n": range(1, len(texts) + 1)})
        pq.write_table(table, lab.root / "markup.parquet")
        name = texts[0].replace('"', '""')
        title = texts[1].replace('"', '""')
        sql = f'SELECT k AS "{name}", n AS "n{title}", k AS c FROM \'markup.parquet\''
        short_id = lab.save(sql, texts[0][:100])["short_id"]
        chart = {"mark": "bar", "x": texts[0], "y": f"n{texts[1]}", "color": "c"}
        lab.call("PUT", f"views/api/views/{short_id}/chart", {"chart": chart})

        result = show_chart(screen, short_id)
        drawn = result.locator(".jp-ViewsChart")
        result.get_by_text("Numbers behind the chart").click()
        expect(result.get_by_role("row")).to_have_count(len(texts) + 1)

        assert drawn.locator("script, iframe, object, embed, foreignObject, image, a").count() == 0
        cells = result.locator("tbody tr td:first-child").all_text_contents()
        assert set(cells) == set(texts)
    assert screen.dialogs == []


def test_a_cell_that_says_what_every_object_has_is_stacked_like_others(
    screen: Screen, lab: Lab
) -> None:
    cells = "('constructor', 1, 'one'), ('other', 2, 'one'), ('constructor', 3, 'two')"
    sql = f"SELECT * FROM (VALUES {cells}) t(k, n, c)"
    short_id = lab.save(sql, "Words of objects")["short_id"]
    chart = {"mark": "bar", "x": "k", "y": "n", "color": "c", "stack": "zero"}
    lab.call("PUT", f"views/api/views/{short_id}/chart", {"chart": chart})

    open_chart(screen, short_id)

    expect(picture(screen).locator(".mark-rect.marks path")).to_have_count(3)


def test_A26_a_name_that_ends_the_code_of_a_tooltip_runs_nothing(screen: Screen, lab: Lab) -> None:
    evil = '"+alert(1)+\\"+alert(2)+"'
    name = evil.replace('"', '""')
    sql = f'SELECT i AS "{name}", i * 2 AS "n{name}" FROM range(9) t(i)'
    short_id = lab.save(sql, "Evil names")["short_id"]

    open_chart(screen, short_id)
    mark = picture(screen).locator("path[transform]").first
    mark.hover(force=True)

    expect(screen.page.locator("#vg-tooltip-element")).to_contain_text("+alert(1)+")
    assert screen.dialogs == []


def test_a_million_rows_are_drawn_within_bounds(screen: Screen, lab: Lab) -> None:
    sql = "SELECT i AS a, i % 1000 / 7 AS b FROM range(1000000) t(i)"
    short_id = lab.save(sql, "A million rows")["short_id"]

    open_chart(screen, short_id)

    expect(words(screen)).to_contain_text("1,000,000 points")
    assert picture(screen).locator("path").count() < 2200
