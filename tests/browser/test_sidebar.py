"""The list of views: freshness, search, keys, and names that are only text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Route, expect

from .screen import Screen

HOSTILE = "<img src=x onerror=alert(1)>"
SLOW_SQL = """
SELECT count(*) AS pairs
FROM (SELECT unnest(range(n)) AS a FROM 'size.csv') x,
     (SELECT unnest(range(n)) AS b FROM 'size.csv') y
WHERE a::DOUBLE + b < 0
"""


SCROLLED_TO = """name => {
  const list = document.querySelector('.jp-ViewsList');
  list.scrollTop = list.scrollHeight;
  return list.innerText.includes(name);
}"""


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file, with the whole list from its beginning."""
    kept.widen()
    return kept


def test_a_changed_file_is_named_and_a_refresh_makes_the_view_fresh(screen: Screen) -> None:
    sales = screen.lab.root / "sales.csv"
    sales.write_text("region,amount\nnorth,1\nsouth,2\n")
    screen.lab.save("SELECT * FROM 'sales.csv'", "Sales", auto_refresh=False)
    expect(screen.badge("Sales")).to_have_text("Fresh")

    sales.write_text("region,amount\nnorth,1\nsouth,2\nwest,3\n")
    expect(screen.badge("Sales")).to_have_text("Stale")
    expect(screen.row("Sales").locator(".jp-ViewsRow-detail")).to_contain_text("sales.csv changed")

    screen.row("Sales").get_by_role("button", name="Refresh Sales").click()
    expect(screen.badge("Sales")).to_have_text("Fresh")
    expect(screen.said).to_have_text("Sales: refreshed, 3 rows")


def test_a_failed_refresh_says_why_and_keeps_the_old_rows(screen: Screen) -> None:
    source = screen.lab.root / "gone.csv"
    source.write_text("name\nkept\n")
    screen.lab.save("SELECT * FROM 'gone.csv'", "Fragile", auto_refresh=False)
    screen.row("Fragile").locator(".jp-ViewsRow-open").click()
    expect(screen.result.get_by_role("cell", name="kept")).to_be_attached()

    source.unlink()
    screen.result.get_by_role("button", name="Refresh", exact=True).click()

    expect(screen.badge("Fragile")).to_have_text("Failed")
    expect(screen.result.locator(".jp-ViewsBanner")).to_contain_text("gone.csv")
    expect(screen.result.locator(".jp-ViewsBanner")).to_contain_text("the last good ones")
    expect(screen.result.get_by_role("cell", name="kept")).to_be_attached()
    expect(screen.called_out).to_contain_text("Fragile: refresh failed")


def test_a_long_refresh_is_cancelled_within_two_seconds(screen: Screen) -> None:
    size = screen.lab.root / "size.csv"
    size.write_text("n\n10\n")
    short_id = screen.lab.save(SLOW_SQL, "Slow", auto_refresh=False)["short_id"]
    size.write_text("n\n1000000\n")

    screen.row("Slow").get_by_role("button", name="Refresh Slow").click()
    expect(screen.badge("Slow")).to_have_text("Refreshing")
    asked = datetime.now(UTC)
    screen.row("Slow").get_by_role("button", name="Cancel Slow").click()

    expect(screen.badge("Slow")).not_to_have_text("Refreshing")
    expect(screen.said).to_have_text("Slow: cancelled")
    ended = screen.lab.call("GET", f"views/api/views/{short_id}")["last_refresh"]["at"]
    assert datetime.fromisoformat(ended) - asked < timedelta(seconds=4)


def test_a_hostile_name_is_text_everywhere(screen: Screen) -> None:
    screen.lab.save(f"SELECT '{HOSTILE}' AS \"{HOSTILE}\"", HOSTILE)

    expect(screen.row(HOSTILE).locator(".jp-ViewsRow-name")).to_have_text(HOSTILE)
    screen.row(HOSTILE).locator(".jp-ViewsRow-open").click()
    expect(screen.result.locator("h2")).to_have_text(HOSTILE)
    expect(screen.result.get_by_role("cell", name=HOSTILE)).to_be_attached()
    screen.page.keyboard.press("t")
    expect(screen.result.locator("caption")).to_contain_text(HOSTILE)
    screen.begin("views:delete", id=screen.short_id(HOSTILE))
    expect(screen.page.locator(".jp-Dialog-body")).to_contain_text(HOSTILE)
    screen.page.keyboard.press("Escape")

    assert screen.page.locator("img[src=x]").count() == 0
    assert screen.dialogs == []


def test_search_filters_at_once_announces_the_count_and_esc_clears_it(screen: Screen) -> None:
    screen.lab.save("SELECT 1 AS x", "Churn by month", tags=["retention"])
    screen.lab.save("SELECT 2 AS x", "Weekly signups")
    expect(screen.row("Weekly signups")).to_be_visible()

    asked: list[Route] = []
    screen.page.route("**/views/api/views?*search=*", lambda route: asked.append(route))
    screen.panel.get_by_label("Search views").fill("retention")
    # At once: the server has not answered yet.
    expect(screen.row("Weekly signups")).to_have_count(0)
    expect(screen.row("Churn by month")).to_be_visible()
    screen.page.unroute_all()
    for route in asked:
        route.continue_()
    expect(screen.said).to_have_text("1 view")

    screen.panel.get_by_label("Search views").press("Escape")
    expect(screen.row("Weekly signups")).to_be_visible()
    expect(screen.panel.get_by_label("Search views")).to_have_value("")


def test_a_search_without_a_match_offers_to_clear_it(screen: Screen) -> None:
    screen.lab.save("SELECT 3 AS x", "Something")

    screen.panel.get_by_label("Search views").fill("no such thing at all")
    expect(screen.panel).to_contain_text("No view matches “no such thing at all”.")

    screen.panel.get_by_role("button", name="Clear the search").last.click()
    expect(screen.row("Something")).to_be_visible()


def test_the_keyboard_alone_finds_refreshes_and_opens_a_view(screen: Screen) -> None:
    screen.lab.save("SELECT 'reached' AS goal", "Keyboard path")
    screen.command("filebrowser:activate")
    expect(screen.panel).to_be_hidden()
    screen.command("views:show")
    keys = screen.page.keyboard
    expect(screen.panel.get_by_label("Search views")).to_be_focused()

    keys.type("keyboard")
    expect(screen.said).to_have_text("1 view")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    row = screen.row("Keyboard path").locator(".jp-ViewsRow-open")
    expect(row).to_be_focused()

    keys.press("r")
    expect(screen.said).to_have_text("Keyboard path: refreshed, 1 row")
    for name in ("Favourite: Keyboard path", "Refresh Keyboard path"):
        keys.press("ArrowRight")
        expect(screen.row("Keyboard path").get_by_role("button", name=name)).to_be_focused()
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    keys.press("Shift+F10")
    expect(screen.page.locator(".lm-Menu-itemLabel", has_text="Copy link")).to_be_visible()
    keys.press("Escape")
    expect(row).to_be_focused()
    keys.press("/")
    expect(screen.panel.get_by_label("Search views")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("End")
    keys.press("Enter")
    expect(screen.result.locator(".jp-ViewsGrid")).to_be_focused()
    keys.press("t")
    expect(screen.result.get_by_role("cell", name="reached")).to_be_visible()


def test_the_list_has_one_tab_stop(screen: Screen) -> None:
    for name in ("First stop", "Second stop"):
        screen.lab.save("SELECT 1 AS x", name)
    expect(screen.row("Second stop")).to_be_visible()

    assert screen.panel.locator(".jp-ViewsList [tabindex='0']").count() == 1


def test_deleting_asks_with_the_name_and_then_the_row_is_gone(screen: Screen) -> None:
    screen.lab.save("SELECT 1 AS x", "Short-lived")

    screen.row("Short-lived").get_by_role("button", name="More actions for Short-lived").click()
    screen.page.locator(".lm-Menu-itemLabel", has_text="Delete…").click()
    expect(screen.page.locator(".jp-Dialog-body")).to_contain_text("Short-lived")
    screen.page.locator(".jp-Dialog-button.jp-mod-warn").click()

    expect(screen.row("Short-lived")).to_have_count(0)
    listed = screen.lab.call("GET", "views/api/views?search=Short-lived")
    assert listed["items"] == []


def test_a_view_saved_elsewhere_appears_by_itself(screen: Screen) -> None:
    screen.lab.save("SELECT 1 AS x", "From a script")

    expect(screen.badge("From a script")).to_have_text("Fresh")


def test_a_long_list_keeps_few_rows_in_the_page_and_reaches_its_end(screen: Screen) -> None:
    screen.lab.save_all("SELECT 1 AS x", [f"Many {number:03}" for number in range(120)])
    # A page that was open when they were saved has them all.
    screen.open_sidebar()
    expect(screen.row("Many 119")).to_be_visible()

    screen.page.wait_for_function(SCROLLED_TO, arg="Many 000")

    assert screen.panel.locator(".jp-ViewsRow").count() < 60
