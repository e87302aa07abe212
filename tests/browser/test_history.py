"""What a view was: its refreshes, its versions, the rows and lines that differ."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .lab import Lab
from .screen import Screen

HOSTILE = "<img src=x onerror=alert(1)>"
STOCK = "item,pieces\nnails,10\nscrews,20\nglue,3\n"
NEW_STOCK = "item,pieces\nnails,12\nscrews,20\ntape,5\npaint,1\n"


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file; what must be loaded in its own way loads it again."""
    return kept


def _stock(lab: Lab, name: str, **fields: Any) -> str:
    """A view over a file of its own; its short id."""
    file = f"{name.lower().replace(' ', '-')}.csv"
    lab.write(file, STOCK)
    return lab.save(f"SELECT * FROM '{file}'", name, **fields)["short_id"]


def _entry(screen: Screen, text: str) -> Locator:
    return screen.result.locator(".jp-ViewsTimeline-entry", has_text=text)


def test_a_refresh_is_told_with_its_cause_its_cost_and_what_it_changed(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Told")
    screen.open_view(short_id, "history")
    expect(_entry(screen, "saved by")).to_contain_text("3 rows")

    screen.lab.write("told.csv", NEW_STOCK)

    entry = _entry(screen, "told.csv changed")
    expect(entry).to_be_visible()
    expect(entry.get_by_role("img", name="2 added, 1 removed, 1 changed")).to_have_text(
        re.compile(r"\+2\s*−1\s*~1")
    )
    expect(entry.locator(".jp-ViewsTimeline-cost")).to_contain_text("4 rows")
    expect(entry.locator(".jp-ViewsTimeline-cost")).to_contain_text("computed in full")


def test_a_comparison_counts_first_and_marks_the_cells_that_changed(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Compared", auto_refresh=False)
    screen.lab.write("compared.csv", NEW_STOCK)
    screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")

    _entry(screen, "asked by").get_by_role("button", name="Compare").click()

    opened = screen.result.locator(".jp-ViewsCompare")
    expect(opened.get_by_role("status")).to_have_text("2 added, 1 removed, 1 changed")
    expect(opened).to_contain_text("Matched by item (guessed)")
    changed = opened.locator("tr[data-change=changed]")
    expect(changed).to_have_count(1)
    expect(changed.locator("td[data-moved=true]")).to_have_text("10 12")
    expect(changed.locator("del")).to_have_text("10")
    expect(opened.get_by_role("row", name="+ added tape 5")).to_be_visible()
    expect(opened.get_by_role("row", name="− removed glue 3")).to_be_visible()


def test_a_comparison_shows_every_digit_of_numbers(screen: Screen) -> None:
    screen.lab.write("digits.csv", "item,cents\nnails,9007199254740993\n")
    sql = "SELECT item, cents, cents::DECIMAL(20, 2) AS price FROM 'digits.csv'"
    short_id = screen.lab.save(sql, "Digits", auto_refresh=False)["short_id"]
    screen.lab.write("digits.csv", "item,cents\nnails,9007199254740995\n")
    screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")

    _entry(screen, "asked by").get_by_role("button", name="Compare").click()

    cells = screen.result.locator(".jp-ViewsCompare tr[data-change=changed] td")
    expect(cells.nth(1)).to_have_text("9007199254740993 9007199254740995")
    expect(cells.nth(2)).to_have_text("9007199254740993.00 9007199254740995.00")
    expect(cells.nth(1)).to_have_attribute("data-numeric", "true")


def test_another_key_gives_another_comparison(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Keyed", auto_refresh=False)
    screen.lab.write("keyed.csv", NEW_STOCK)
    screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")
    _entry(screen, "asked by").get_by_role("button", name="Compare").click()
    opened = screen.result.locator(".jp-ViewsCompare")

    opened.get_by_role("button", name="Change key").click()
    opened.get_by_label("item").uncheck()
    opened.get_by_label("pieces").check()
    opened.get_by_role("button", name="Compare").click()

    expect(opened).to_contain_text("Matched by pieces")
    expect(opened).not_to_contain_text("guessed")
    expect(opened.get_by_role("status")).to_have_text("3 added, 2 removed")


def test_any_two_results_can_be_compared(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Any two", auto_refresh=False)
    for content in (NEW_STOCK, NEW_STOCK + "rope,9\n"):
        screen.lab.write("any-two.csv", content)
        screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")
    screen.result.get_by_role("button", name="Compare").first.click()
    opened = screen.result.locator(".jp-ViewsCompare")
    expect(opened.get_by_role("status")).to_have_text("1 added")

    opened.get_by_label("Before").select_option(index=2)

    expect(opened.get_by_role("status")).to_have_text("3 added, 1 removed, 1 changed")


def test_refreshes_without_a_change_are_one_line(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Calm", auto_refresh=False)
    for _ in range(3):
        screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")

    expect(_entry(screen, "3 refreshes without a change")).to_have_count(1)
    expect(screen.result.locator(".jp-ViewsTimeline-entry[data-mark=unchanged]")).to_have_count(1)


def test_a_failure_is_told_with_its_message(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Failing", auto_refresh=False)
    (screen.lab.root / "failing.csv").unlink()
    screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")

    expect(_entry(screen, "failed: ")).to_contain_text("failing.csv")


def test_a_version_shows_its_author_its_note_and_its_lines(screen: Screen) -> None:
    short_id = screen.lab.save("SELECT 1 AS one,\n  2 AS two", "Versioned")["short_id"]
    screen.lab.redefine("versioned", "SELECT 1 AS one,\n  3 AS three", note=f"Why {HOSTILE}")
    screen.open_view(short_id, "history")
    version = _entry(screen, "Version 2")
    expect(version).to_contain_text("by ")
    expect(version).to_contain_text(f"Why {HOSTILE}")

    version.get_by_role("button", name="SQL changes of version 2").click()

    difference = version.locator(".jp-ViewsSqlDiff")
    expect(difference).to_contain_text("1 line added, 1 line removed")
    expect(difference.locator("[data-kind=added]")).to_have_text("+  3 AS three")
    expect(difference.locator("[data-kind=removed]")).to_have_text("−  2 AS two")
    assert screen.page.locator("img[src=x]").count() == 0


def test_restoring_asks_and_makes_a_new_version(screen: Screen) -> None:
    short_id = screen.lab.save("SELECT 'first' AS word", "Restored")["short_id"]
    screen.lab.redefine("restored", "SELECT 'second' AS word")
    screen.open_view(short_id)
    expect(screen.result.get_by_role("cell", name="second")).to_be_attached()
    screen.result.get_by_role("tab", name="History").click()

    _entry(screen, "Version 1").get_by_role("button", name="Restore version 1").click()
    dialog = screen.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its query becomes version 3 of “Restored”.")
    dialog.get_by_role("button", name="Restore").click()

    expect(_entry(screen, "Version 3")).to_be_visible()
    expect(_entry(screen, "restored by")).to_contain_text("1 row")
    screen.result.get_by_role("tab", name="Table").click()
    expect(screen.result.get_by_role("cell", name="first")).to_be_attached()
    expect(screen.result.locator(".jp-ViewsBadge-word")).to_have_text("Fresh")
    # The refresh that a restore starts is part of it, and is not told a second time.
    expect(screen.said).to_have_text("Restored: version 1 restored as version 3")


def test_versions_alone_can_be_shown(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Crowded", auto_refresh=False)
    screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")
    expect(_entry(screen, "asked by")).to_be_visible()

    screen.result.get_by_label("Versions only").check()

    expect(screen.result.locator(".jp-ViewsTimeline-entry")).to_have_count(1)
    expect(_entry(screen, "Version 1")).to_be_visible()


def test_a_long_history_comes_in_pages(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Paged", auto_refresh=False)
    for number in range(52):
        screen.lab.write("paged.csv", STOCK + f"item {number},{number}\n")
        screen.lab.refresh(short_id)
    screen.open_view(short_id, "history")
    expect(screen.result.locator("[data-mark=changed]")).to_have_count(50)

    screen.result.get_by_role("button", name="Show older refreshes").click()

    expect(screen.result.locator("[data-mark=changed]")).to_have_count(53)
    expect(_entry(screen, "Version 1")).to_be_visible()
    expect(screen.result.get_by_role("button", name="Show older refreshes")).to_have_count(0)


@pytest.mark.parametrize(("tab", "sign"), [("history", "saved by"), ("log", "Today")])
def test_a_link_opens_the_part_that_it_names(screen: Screen, tab: str, sign: str) -> None:
    short_id = _stock(screen.lab, f"Linked {tab}", auto_refresh=False)
    screen.lab.refresh(short_id)

    screen.open(f"view=linked-{tab}&tab={tab}")

    expect(screen.result.get_by_role("tab", selected=True)).to_have_text(tab.capitalize())
    expect(screen.result).to_contain_text(sign)


def test_the_part_in_front_is_there_again_after_a_reload(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Reloaded", auto_refresh=False)
    screen.open()
    screen.open_view(short_id)
    screen.result.get_by_role("tab", name="History").click()
    expect(_entry(screen, "Version 1")).to_be_visible()
    screen.wait_until_remembered(short_id, "history")

    screen.page.goto(f"{screen.lab.url}lab")

    expect(_entry(screen, "Version 1")).to_be_visible(timeout=30_000)


def test_the_log_tells_what_was_noticed_and_done_while_one_looks(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Logged")
    screen.open_view(short_id, "log")

    screen.lab.write("logged.csv", NEW_STOCK)

    started = screen.result.locator(
        ".jp-ViewsLog-line", has_text="logged.csv changed → refresh started"
    )
    expect(started).to_be_visible()
    expect(started.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    expect(screen.result.locator(".jp-ViewsLog-line").first).to_contain_text(
        "4 rows, 2 added, 1 removed, 1 changed"
    )


def test_the_button_of_a_seen_change_leads_to_its_rows(screen: Screen) -> None:
    short_id = _stock(screen.lab, "Seen")
    screen.open_view(short_id)
    expect(screen.result.get_by_role("cell", name="glue")).to_be_attached()

    screen.lab.write("seen.csv", NEW_STOCK)
    screen.result.get_by_role("button", name="2 added, 1 removed, 1 changed at").click()

    expect(screen.result.get_by_role("tab", selected=True)).to_have_text("History")
    expect(screen.result.get_by_role("row", name="+ added tape 5")).to_be_visible()
