"""When a view is refreshed: the form, its errors, the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .screen import Screen


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file."""
    return kept


def _dialog(screen: Screen) -> Locator:
    return screen.page.locator(".jp-ViewsDialog")


def _open(screen: Screen, name: str, **fields: Any) -> str:
    short_id = screen.lab.save("SELECT 1 AS x, 2 AS y", name, **fields)["short_id"]
    screen.open_view(short_id)
    screen.result.get_by_role("button", name="Refresh when…").click()
    expect(_dialog(screen).get_by_label("When a source changes")).to_be_focused()
    return short_id


def _saved(screen: Screen, short_id: str) -> dict[str, Any]:
    return screen.lab.call("GET", f"views/api/views/{short_id}")


def test_every_part_of_the_rule_is_saved_and_the_header_says_it(screen: Screen) -> None:
    short_id = _open(screen, "Ruled")
    dialog = _dialog(screen)

    dialog.get_by_label("When a source changes").uncheck()
    dialog.get_by_label("On a schedule").select_option("1h")
    dialog.get_by_label("When older than", exact=True).fill("2")
    dialog.get_by_label("Unit of: When older than").select_option("h")
    dialog.get_by_label("Warn when stale for", exact=True).fill("30")
    dialog.get_by_label("Compare the content of files").check()
    dialog.get_by_label("Ask a query").fill("SELECT 42")
    dialog.get_by_label("y", exact=True).check()
    dialog.get_by_role("button", name="Save").click()

    expect(dialog).to_have_count(0)
    expect(screen.result).to_contain_text("refreshed every hour, next at ")
    saved = _saved(screen, short_id)
    assert saved["auto_refresh"] is False
    assert saved["schedule"] == "1h"
    assert saved["age_seconds"] == 7200
    assert saved["max_staleness_seconds"] == 1800
    assert saved["strict"] is True
    assert saved["changed_when"] == "SELECT 42"
    assert saved["key"] == ["y"]


def test_a_cron_expression_has_a_time_zone_and_comes_back_in_words(screen: Screen) -> None:
    short_id = _open(screen, "By the clock")
    dialog = _dialog(screen)

    dialog.get_by_label("On a schedule").select_option("other")
    dialog.get_by_label("Schedule", exact=True).fill("0 8 * * MON-FRI")
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)

    saved = _saved(screen, short_id)
    assert (saved["schedule"], saved["timezone"]) == ("0 8 * * MON-FRI", "Europe/Berlin")
    screen.result.get_by_role("button", name="Refresh when…").click()
    expect(dialog).to_contain_text(saved["schedule_text"])


def test_a_refused_field_says_why_keeps_the_form_and_takes_the_focus(screen: Screen) -> None:
    short_id = _open(screen, "Refused")
    dialog = _dialog(screen)
    dialog.get_by_label("On a schedule").select_option("other")
    field = dialog.get_by_label("Schedule", exact=True)
    field.fill("eight o'clock")

    dialog.get_by_role("button", name="Save").click()

    expect(dialog.get_by_role("alert")).to_contain_text("is not a schedule")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert _saved(screen, short_id)["schedule"] is None

    field.fill("45m")
    expect(dialog.get_by_role("alert")).to_have_count(0)
    field.press("Enter")
    expect(dialog).to_have_count(0)
    assert _saved(screen, short_id)["schedule"] == "45m"


def test_sql_that_may_not_run_is_refused_at_its_field(screen: Screen) -> None:
    short_id = _open(screen, "Probed")
    dialog = _dialog(screen)
    field = dialog.get_by_label("Ask a query")
    field.fill("DROP TABLE x")

    dialog.get_by_role("button", name="Save").click()

    expect(field).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    assert _saved(screen, short_id)["changed_when"] is None


def test_escape_changes_nothing_and_gives_the_focus_back(screen: Screen) -> None:
    short_id = _open(screen, "Escaped")
    _dialog(screen).get_by_label("When a source changes").uncheck()

    screen.page.keyboard.press("Escape")

    expect(_dialog(screen)).to_have_count(0)
    expect(screen.result.get_by_role("button", name="Refresh when…")).to_be_focused()
    assert _saved(screen, short_id)["auto_refresh"] is True


def test_the_menu_of_a_row_leads_to_the_rule_by_keyboard_alone(screen: Screen) -> None:
    screen.lab.save("SELECT 1 AS x", "From the menu")
    row = screen.row("From the menu").locator(".jp-ViewsRow-open")
    row.focus()
    expect(row).to_be_focused()

    screen.page.keyboard.press("Shift+F10")
    expect(screen.page.locator(".lm-Menu-itemLabel", has_text="Refresh when…")).to_be_visible()
    for key in ("r", "r", "Enter"):
        screen.page.keyboard.press(key)

    expect(_dialog(screen)).to_contain_text("Refresh “From the menu” when…")
    expect(_dialog(screen).get_by_label("When a source changes")).to_be_focused()
    screen.page.keyboard.press("Space")
    screen.page.keyboard.press("Enter")
    expect(_dialog(screen)).to_have_count(0)
    expect(row).to_be_focused()
    short_id = screen.short_id("From the menu")
    assert _saved(screen, short_id)["auto_refresh"] is False


def test_who_may_only_read_is_not_offered_the_rule(screen: Screen) -> None:
    ann = screen.lab.person("ann")
    ann.save("SELECT 1 AS x", "Of Ann", is_public=True)
    expect(screen.row("Of Ann")).to_contain_text("(ann)")

    screen.row("Of Ann").locator(".jp-ViewsRow-open").click()
    expect(screen.result.get_by_role("button", name="Refresh", exact=True)).to_be_visible()
    expect(screen.result.get_by_role("button", name="Refresh when…")).to_have_count(0)
    screen.result.get_by_role("tab", name="History").click()
    expect(screen.result).to_contain_text("Version 1")
