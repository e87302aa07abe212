"""Dashboards in JupyterLab: made, filled, put in order, live, restored."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .lab import Lab
from .screen import Screen

DASHBOARDS = "views/api/projects/1/dashboards"
DOORS = ["perspective", "insight"]


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file; what must be loaded in its own way loads it again."""
    return kept


def _save(lab: Lab, name: str, sql: str = "SELECT 1 AS x", **fields: Any) -> dict[str, Any]:
    return lab.save(sql, name, doors=DOORS, **fields)


def _number(lab: Lab, view: dict[str, Any]) -> int:
    return lab.call("GET", f"views/api/views/{view['short_id']}")["insight_id"]


def _make(lab: Lab, name: str, *views: dict[str, Any], **fields: Any) -> int:
    insights = [_number(lab, view) for view in views]
    return lab.call("POST", DASHBOARDS, {"name": name, "insights": insights, **fields})["id"]


def _names(lab: Lab, number: int) -> list[str]:
    tiles = lab.call("GET", f"{DASHBOARDS}/{number}")["tiles"]
    return [tile["insight"]["name"] for tile in tiles]


def _page(screen: Screen) -> Locator:
    return screen.page.locator(".jp-ViewsDashboard:visible")


def _tile(screen: Screen, name: str) -> Locator:
    return _page(screen).get_by_role("region", name=name, exact=True)


def _shown(screen: Screen) -> list[str]:
    return _page(screen).locator(".jp-ViewsTile-name").all_inner_texts()


def _open(screen: Screen, number: int) -> None:
    screen.command("views:open-dashboard", id=number)
    expect(_page(screen).locator("h2")).to_be_visible()


def _choose(screen: Screen, tile: str, action: str) -> None:
    _tile(screen, tile).get_by_role("button", name=f"More actions for {tile}").click()
    screen.page.locator(".lm-Menu-itemLabel", has_text=action).click()


@pytest.fixture(scope="module")
def animals(lab: Lab) -> list[dict[str, Any]]:
    """Three views, in the order of the alphabet."""
    return [_save(lab, name, f"SELECT '{name}' AS word") for name in ("Ants", "Bees", "Cats")]


@pytest.fixture
def three(lab: Lab, animals: list[dict[str, Any]]) -> int:
    """A dashboard of its own with these views."""
    return _make(lab, "Animals", *animals)


def test_a_dashboard_is_made_named_and_filled_by_keyboard_alone(screen: Screen) -> None:
    _save(screen.lab, "Revenue by region", "SELECT 'EU' AS region, 7 AS n")
    expect(screen.row("Revenue by region")).to_be_visible()
    keys = screen.page.keyboard
    section = screen.panel.get_by_role("region", name="Dashboards")

    section.get_by_role("button", name="New dashboard").focus()
    keys.press("Enter")
    expect(screen.page.locator(".jp-Dialog").get_by_label("Name")).to_be_focused()
    keys.type("Sales")
    keys.press("Enter")

    expect(_page(screen).locator("h2")).to_have_text("Sales")
    expect(_page(screen)).to_contain_text("No views on this dashboard.")
    expect(section.get_by_role("button", name="Sales")).to_be_visible()
    _page(screen).get_by_role("button", name="Add a view", exact=True).focus()
    keys.press("Enter")
    dialog = screen.page.locator(".jp-ViewsDialog")
    expect(dialog.get_by_label("Search views")).to_be_focused()
    keys.type("Revenue")
    expect(dialog.get_by_role("status")).to_have_text("1 view")
    dialog.get_by_label("Revenue by region").focus()
    keys.press("Space")
    keys.press("Enter")

    tile = _tile(screen, "Revenue by region")
    expect(tile.get_by_role("cell", name="EU")).to_be_visible()
    expect(tile.locator(".jp-ViewsBadge-word")).to_have_text("Fresh")
    expect(tile).to_contain_text("1 row × 2 columns")


def test_the_name_of_a_dashboard_changes_everywhere(
    screen: Screen, animals: list[dict[str, Any]]
) -> None:
    number = _make(screen.lab, "Pets", *animals)
    # Dashboards that were made elsewhere are read when somebody turns to the sidebar.
    screen.command("filebrowser:activate")
    screen.command("views:show")
    screen.panel.get_by_role("button", name="Pets").click()
    _page(screen).get_by_role("button", name="Rename…").click()
    dialog = screen.page.locator(".jp-Dialog")
    dialog.get_by_label("Name", exact=True).fill("Zoo")
    dialog.get_by_role("button", name="Rename").click()

    expect(_page(screen).locator("h2")).to_have_text("Zoo")
    expect(screen.panel.get_by_role("button", name="Zoo")).to_be_visible()
    expect(screen.page.locator(".lm-TabBar-tab.lm-mod-current", has_text="Zoo")).to_be_visible()
    assert screen.lab.call("GET", f"{DASHBOARDS}/{number}")["name"] == "Zoo"


def test_alt_and_arrows_move_a_tile_and_keep_the_focus_on_it(screen: Screen, three: int) -> None:
    _open(screen, three)
    name = _tile(screen, "Ants").locator(".jp-ViewsTile-name")
    name.focus()

    screen.page.keyboard.press("Alt+ArrowRight")

    expect(_page(screen).locator(".jp-ViewsTile-name").first).to_have_text("Bees")
    expect(name).to_be_focused()
    screen.page.keyboard.press("Alt+ArrowDown")
    expect(_page(screen).locator(".jp-ViewsTile-name").last).to_have_text("Ants")
    expect(name).to_be_focused()
    screen.page.keyboard.press("Alt+ArrowDown")
    screen.page.keyboard.press("Alt+ArrowLeft")
    expect(_page(screen).locator(".jp-ViewsTile-name").last).to_have_text("Cats")
    assert _names(screen.lab, three) == ["Bees", "Ants", "Cats"]


def test_the_menu_of_a_tile_moves_it_and_takes_it_off(screen: Screen, three: int) -> None:
    _open(screen, three)

    _choose(screen, "Cats", "Move earlier")
    expect(_page(screen).locator(".jp-ViewsTile-name").last).to_have_text("Bees")
    _choose(screen, "Ants", "Take off the dashboard")
    expect(_tile(screen, "Ants")).to_have_count(0)

    assert _shown(screen) == _names(screen.lab, three) == ["Cats", "Bees"]
    assert screen.lab.call("GET", "views/api/views?search=Ants")["total"] >= 1


def test_a_tile_is_dragged_to_another_place(screen: Screen, three: int) -> None:
    _open(screen, three)

    _tile(screen, "Cats").locator(".jp-ViewsTile-head").drag_to(_tile(screen, "Ants"))

    expect(_page(screen).locator(".jp-ViewsTile-name").first).to_have_text("Cats")
    assert _names(screen.lab, three) == ["Cats", "Ants", "Bees"]


def test_tiles_follow_their_sources(screen: Screen) -> None:
    lab = screen.lab
    lab.write("live.csv", "n\n1\n")
    number = _make(lab, "Live", _save(lab, "Moving", "SELECT n FROM 'live.csv'"))
    _open(screen, number)
    tile = _tile(screen, "Moving")
    expect(tile.get_by_role("cell")).to_have_text("1")

    lab.write("live.csv", "n\n1\n2\n3\n")

    expect(tile.get_by_role("cell")).to_have_text(["1", "2", "3"], timeout=20_000)
    expect(tile).to_contain_text("3 rows × 1 column")


def test_what_is_stale_is_refreshed_in_one_go_and_failures_keep_their_rows(screen: Screen) -> None:
    lab = screen.lab
    for name in ("good", "bad"):
        lab.write(f"{name}.csv", "n\n1\n")
    views = [
        _save(lab, name, f"SELECT n FROM '{name}.csv'", auto_refresh=False)
        for name in ("good", "bad")
    ]
    number = _make(lab, "Behind", *views)
    lab.write("good.csv", "n\n5\n")
    (lab.root / "bad.csv").unlink()
    _open(screen, number)
    expect(_tile(screen, "good").locator(".jp-ViewsBadge-word")).to_have_text("Stale")

    _page(screen).get_by_role("button", name="Refresh stale").click()

    expect(_tile(screen, "good").get_by_role("cell")).to_have_text("5", timeout=20_000)
    bad = _tile(screen, "bad")
    expect(bad.locator(".jp-ViewsBadge-word")).to_have_text("Failed", timeout=20_000)
    expect(bad).to_contain_text("The rows below are the last good ones.")
    expect(bad.get_by_role("cell")).to_have_text("1")


def test_the_values_of_a_dashboard_are_in_its_tiles_and_in_words(screen: Screen) -> None:
    lab = screen.lab
    lab.write("sales.csv", "region,n\nEU,1\nUS,2\n")
    query = {
        "kind": "HogQLQuery",
        "query": "SELECT n FROM 'sales.csv' WHERE region = $region",
        "values": {"region": "EU"},
    }
    insight = lab.call("POST", "views/api/projects/1/insights", {"name": "Part", "query": query})
    body = {"name": "American", "insights": [insight["id"]], "variables": {"region": "US"}}
    number = lab.call("POST", DASHBOARDS, body)["id"]

    _open(screen, number)

    expect(_page(screen)).to_contain_text('with region = "US"')
    tile = _tile(screen, "Part")
    expect(tile.get_by_role("cell")).to_have_text("2", timeout=20_000)
    lab.write("sales.csv", "region,n\nEU,1\nUS,22\n")
    tile.get_by_role("button", name="Refresh Part").click()
    expect(tile.get_by_role("cell")).to_have_text("22", timeout=20_000)
    expect(tile.locator(".jp-ViewsBadge-word")).to_have_text("Fresh")


def test_a_chosen_chart_is_drawn_in_the_tile_and_turned_to_its_rows(screen: Screen) -> None:
    lab = screen.lab
    lab.write("grown.csv", "day,n\n2026-11-01,3\n2026-11-02,5\n")
    views = [_save(lab, name, "SELECT day, n FROM 'grown.csv'") for name in ("Drawn", "Told")]
    number = _make(lab, "Charts", *views)
    _open(screen, number)
    drawn = _tile(screen, "Drawn")
    expect(drawn.get_by_role("cell", name="2026-11-02")).to_be_visible()

    chart = {"mark": "bar", "x": "day", "y": "n"}
    lab.call("PUT", f"views/api/views/{views[0]['short_id']}/chart", {"chart": chart})

    bars = drawn.locator(".mark-rect.marks path")
    expect(bars).to_have_count(2)
    expect(drawn.get_by_role("img", name="Bar chart of n by day")).to_be_visible()
    part = drawn.locator(".jp-ViewsTile-chart")
    assert part.evaluate("node => node.scrollHeight <= node.clientHeight")
    picture = part.locator(".jp-ViewsChart-picture")
    assert picture.evaluate("node => node.scrollHeight <= node.clientHeight")
    expect(_tile(screen, "Told").get_by_role("cell", name="2026-11-02")).to_be_visible()
    lab.write("grown.csv", "day,n\n2026-11-01,3\n2026-11-02,5\n2026-11-03,4\n")
    expect(bars).to_have_count(3)
    _choose(screen, "Drawn", "Show the rows")
    expect(drawn.get_by_role("cell", name="2026-11-03")).to_be_visible()
    _choose(screen, "Drawn", "Show the chart")
    expect(bars).to_have_count(3)


def test_the_chart_in_a_tile_has_the_values_of_its_dashboard(screen: Screen) -> None:
    lab = screen.lab
    sql = "SELECT unnest(range($count::INT)) AS n"
    query = {"kind": "HogQLQuery", "query": sql, "values": {"count": "2"}}
    insight = lab.call("POST", "views/api/projects/1/insights", {"name": "Few", "query": query})
    view = f"views/api/views/{insight['short_id']}"
    lab.refresh(insight["short_id"])
    chart = {"mark": "bar", "x": "n", "y": "n", "aggregate": "count"}
    lab.call("PUT", f"{view}/chart", {"chart": {**chart, "y": None}})
    body = {"name": "More", "insights": [insight["id"]], "variables": {"count": "5"}}
    number = lab.call("POST", DASHBOARDS, body)["id"]

    _open(screen, number)

    expect(_tile(screen, "Few").locator(".mark-rect.marks path")).to_have_count(5)


def test_a_view_goes_to_a_dashboard_from_its_row(screen: Screen) -> None:
    lab = screen.lab
    view = lab.save("SELECT 3 AS three", "Only a perspective")
    number = _make(lab, "From the row")
    row = screen.row("Only a perspective")
    row.click(button="right")
    screen.page.locator(".lm-Menu-itemLabel", has_text="Add to a dashboard…").click()
    dialog = screen.page.locator(".jp-Dialog")
    dialog.get_by_role("combobox").select_option("From the row")
    dialog.get_by_role("button", name="Add").click()

    expect(_tile(screen, "Only a perspective").get_by_role("cell")).to_have_text("3")
    assert _names(lab, number) == ["Only a perspective"]
    assert lab.call("GET", f"views/api/views/{view['short_id']}")["doors"] == DOORS


def test_an_open_dashboard_is_there_again_after_a_reload(screen: Screen, three: int) -> None:
    _open(screen, three)
    expect(_tile(screen, "Bees").get_by_role("cell")).to_have_text("Bees")
    screen.wait_until_saved(f"jupyter-views-dashboards:{three}")

    screen.open(reset=False)

    expect(_tile(screen, "Bees").get_by_role("cell")).to_have_text("Bees", timeout=20_000)


def test_an_address_opens_a_dashboard(screen: Screen, three: int) -> None:
    screen.open(f"dashboard={three}")

    expect(_tile(screen, "Cats")).to_be_visible(timeout=20_000)


def test_a_deleted_dashboard_says_so_and_comes_back(screen: Screen, three: int) -> None:
    _open(screen, three)
    _page(screen).get_by_role("button", name="Delete…").click()
    dialog = screen.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("“Animals”. Its views stay.")
    dialog.get_by_role("button", name="Delete").click()

    expect(_page(screen)).to_contain_text("This dashboard was deleted.")
    screen.page.get_by_role("button", name="Bring back").click()
    expect(_tile(screen, "Ants")).to_be_visible()
    assert _names(screen.lab, three) == ["Ants", "Bees", "Cats"]


def test_who_was_overtaken_sees_what_there_is_now(screen: Screen, three: int) -> None:
    _open(screen, three)
    expect(_tile(screen, "Cats")).to_be_visible()
    screen.lab.call("PATCH", f"{DASHBOARDS}/{three}", {"name": "Fewer", "insights": []})

    _choose(screen, "Cats", "Move earlier")

    expect(screen.page.locator(".Toastify")).to_contain_text("changed elsewhere")
    expect(_page(screen).locator("h2")).to_have_text("Fewer")
    assert _names(screen.lab, three) == []


def test_a_reader_sees_what_he_may_and_is_offered_no_change(screen: Screen) -> None:
    ann = screen.lab.person("ann")
    views = [
        ann.save("SELECT 1 AS x", name, doors=DOORS, is_public=name == "Open to all")
        for name in ("Open to all", "Of Ann alone")
    ]
    numbers = [
        ann.call("GET", f"views/api/views/{view['short_id']}")["insight_id"] for view in views
    ]
    body = {"name": "Of Ann", "insights": numbers, "is_public": True}
    number = ann.call("POST", DASHBOARDS, body)["id"]

    _open(screen, number)

    expect(_tile(screen, "Open to all").get_by_role("cell")).to_have_text("1")
    assert _shown(screen) == ["Open to all"]
    expect(_page(screen)).to_contain_text("owned by ann")
    for label in ("Add a view…", "Rename…", "Delete…"):
        expect(_page(screen).get_by_role("button", name=label)).to_have_count(0)
    _tile(screen, "Open to all").get_by_role("button", name="More actions").click()
    labels = screen.page.locator(".lm-Menu-itemLabel").all_inner_texts()
    assert [label for label in labels if label] == ["Open", "Refresh"]


def test_A22_names_and_values_of_a_dashboard_are_text(screen: Screen) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    view = _save(screen.lab, hostile, f"SELECT '{hostile}' AS x")
    number = _make(screen.lab, hostile, view, description=hostile, variables={"nobody": hostile})

    _open(screen, number)

    expect(_page(screen).locator("h2")).to_have_text(hostile)
    expect(_tile(screen, hostile).get_by_role("cell")).to_have_text(hostile, timeout=20_000)
    assert _page(screen).locator("img").count() == 0
    assert screen.dialogs == []
