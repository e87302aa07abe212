"""The activity of a view in its result tab: who did what, when, with before and after."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .screen import Screen

OURS = "**/views/api/**"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file."""
    return kept


def _save(screen: Screen, name: str, **fields: Any) -> str:
    return screen.lab.save("SELECT 1 AS x", name, **fields)["short_id"]


def _open(screen: Screen, short_id: str) -> Locator:
    """The deeds, newest first."""
    screen.open_view(short_id, "activity")
    deeds = screen.result.locator(".jp-ViewsDeed")
    expect(deeds.first).to_be_visible()
    return deeds


def _change(screen: Screen, short_id: str, **fields: Any) -> None:
    screen.lab.call("PATCH", f"views/api/views/{short_id}", fields)


def _cells(deed: Locator, field: str) -> list[str]:
    row = deed.get_by_role("row").filter(has=deed.page.get_by_role("rowheader", name=field))
    return row.get_by_role("cell").all_inner_texts()


def test_deeds_have_who_what_before_and_after_in_words(screen: Screen) -> None:
    short_id = _save(screen, "Before", tags=["a", "b"])
    me = screen.lab.call("GET", f"views/api/views/{short_id}")["owner"]
    _change(
        screen,
        short_id,
        name="After",
        tags=["b", "c"],
        schedule="1h",
        max_staleness_seconds=5400,
        is_public=True,
    )
    screen.lab.redefine("before", "SELECT 2 AS y", name="After")

    deeds = _open(screen, short_id)

    expect(deeds).to_have_count(3)
    expect(deeds.nth(2)).to_contain_text(f"{me} made the view")
    expect(deeds.nth(1)).to_contain_text(f"{me} changed the view")
    expect(deeds.nth(1).get_by_role("columnheader")).to_have_text(["What", "Before", "After"])
    assert _cells(deeds.nth(1), "Name") == ["Before", "After"]
    assert _cells(deeds.nth(1), "Tags") == ["a, b", "b, c"]
    assert _cells(deeds.nth(1), "Schedule") == ["nothing", "1h"]
    assert _cells(deeds.nth(1), "Warn when stale for") == ["nothing", "90 min"]
    assert _cells(deeds.nth(1), "Everyone signed in can read it") == ["no", "yes"]
    assert _cells(deeds.nth(0), "Query") == ["SELECT 1 AS x", "SELECT 2 AS y"]
    expect(screen.result.get_by_role("heading", name="Today")).to_be_visible()


def test_what_was_done_with_the_link_is_told_part_by_part(screen: Screen) -> None:
    short_id = _save(screen, "Shared")
    door = screen.lab.call("POST", f"views/api/views/{short_id}/doors/insight", {})
    address = f"views/api/projects/{door['project_id']}/insights/{door['insight_id']}/sharing"
    change = {"enabled": True, "password_required": True, "settings": {"show_sql": True}}
    screen.lab.call("PATCH", address, change)
    screen.lab.call("POST", f"{address}/passwords", {"note": HOSTILE})
    screen.lab.call("POST", f"{address}/refresh", {})
    screen.lab.call("DELETE", address)
    screen.lab.call("DELETE", f"views/api/views/{short_id}/doors/insight")

    deeds = _open(screen, short_id)

    said = deeds.locator("p").all_inner_texts()
    assert [line.split(" ", 1)[1] for line in said[:4]] == [
        "changed the view",
        "revoked the link",
        "gave the link another address",
        "added a password to the link",
    ]
    assert {line.split(" ", 1)[1] for line in said[4:6]} == {
        "switched the link on",
        "changed the link",
    }
    changed = deeds.filter(has_text="changed the link")
    assert _cells(changed, "Page shows the SQL") == ["nothing", "yes"]
    assert _cells(changed, "Asks for a password") == ["no", "yes"]
    assert _cells(deeds.nth(0), "Offered as") == ["insight", "nothing"]
    assert _cells(deeds.nth(6), "Offered as") == ["nothing", "insight"]


def test_names_and_values_are_text_and_never_markup(screen: Screen) -> None:
    ann = screen.lab.person(HOSTILE)
    short_id = ann.save("SELECT 1 AS x", HOSTILE, is_public=True)["short_id"]
    ann.call("PATCH", f"views/api/views/{short_id}", {"description": HOSTILE, "tags": [HOSTILE]})

    deeds = _open(screen, short_id)

    expect(deeds.last).to_contain_text(f"{HOSTILE} made the view")
    assert _cells(deeds.first, "Description") == ["nothing", HOSTILE]
    assert _cells(deeds.first, "Tags")[-1] == HOSTILE
    assert screen.page.locator("img[src=x]").count() == 0
    assert screen.dialogs == []


def test_a_deed_is_there_at_once_whoever_does_it(screen: Screen) -> None:
    short_id = _save(screen, "Live")
    deeds = _open(screen, short_id)
    expect(deeds).to_have_count(1)

    _change(screen, short_id, description="Done elsewhere")
    expect(deeds).to_have_count(2, timeout=3000)

    screen.result.get_by_role("button", name="Share…").click()
    dialog = screen.page.locator(".jp-ViewsShareDialog")
    dialog.get_by_label("Everyone who is signed in").check()
    dialog.get_by_role("button", name="Save people").click()
    expect(deeds).to_have_count(3, timeout=3000)
    dialog.get_by_label("Anyone who has the address").check()
    dialog.get_by_role("button", name="Create link").click()
    expect(deeds.filter(has_text="switched the link on")).to_have_count(1, timeout=3000)
    dialog.get_by_role("button", name="Close").click()


def test_older_deeds_come_when_they_are_wanted_and_stay_when_new_ones_come(
    screen: Screen,
) -> None:
    short_id = _save(screen, "Long")
    for number in range(55):
        _change(screen, short_id, description=f"Number {number}")
    deeds = _open(screen, short_id)
    expect(deeds).to_have_count(50)
    _change(screen, short_id, description="One more")
    expect(deeds.first).to_contain_text("One more")
    expect(deeds).to_have_count(51)

    screen.result.get_by_role("button", name="Show older ones (51 of 57)").click()

    expect(deeds).to_have_count(57)
    expect(deeds.last).to_contain_text("made the view")
    expect(screen.result.get_by_role("button", name="Show older")).to_have_count(0)
    _change(screen, short_id, description="And another")
    expect(deeds).to_have_count(58)
    numbers = deeds.locator("tbody tr:first-child td:last-child").all_inner_texts()
    assert numbers == ["And another", "One more", *(f"Number {n}" for n in range(54, -1, -1))]


def test_a_view_from_before_there_was_activity_says_what_will_be_here(screen: Screen) -> None:
    short_id = _save(screen, "Silent")
    (store,) = screen.lab.home.rglob("views.sqlite")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DELETE FROM activities WHERE short_id = ?", (short_id,))
    screen.open_view(short_id, "activity")

    expect(screen.result).to_contain_text("Nobody has done anything with this view yet.")


def test_a_server_that_is_gone_is_told_and_what_was_read_stays(screen: Screen) -> None:
    short_id = _save(screen, "Cut off")
    deeds = _open(screen, short_id)
    screen.page.route(OURS, lambda route: route.abort())
    screen.page.keyboard.press("Alt+1")
    screen.page.keyboard.press("Alt+4")

    alert = screen.result.get_by_role("alert")
    expect(alert).to_contain_text("The server does not answer.")
    expect(deeds).to_have_count(1)
    expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    screen.page.unroute(OURS)
    screen.page.keyboard.press("Alt+1")
    screen.page.keyboard.press("Alt+4")
    expect(alert).to_have_count(0)


def test_the_tab_is_reached_by_keyboard_menu_and_address(screen: Screen) -> None:
    short_id = _save(screen, "Found")
    screen.open_view(short_id)
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        screen.result.get_by_role("tab", selected=True).press(key)
    expect(screen.result.get_by_role("tab", selected=True)).to_have_text("Activity")
    expect(screen.result.get_by_role("tabpanel", name="Activity")).to_contain_text("made the view")

    screen.command("application:close-all")
    screen.open("view=found&tab=activity")
    expect(screen.result.get_by_role("tab", selected=True)).to_have_text("Activity")
    expect(screen.result.get_by_role("tabpanel", name="Activity")).to_contain_text("made the view")
