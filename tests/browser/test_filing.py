"""Views found again: favourites, folders, tags, the filter and the details of a view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .lab import Lab
from .screen import Screen
from .themes import assert_no_violations

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file, with the whole list."""
    kept.widen()
    return kept


@pytest.fixture(scope="module", autouse=True)
def shelf(lab: Lab) -> None:
    """Views of two folders, two tags, two owners and two states."""
    lab.save("SELECT 1 AS x", "Alpha", tags=["money"], folder="Sales")
    lab.save("SELECT 2 AS x", "Beta", tags=["money", "weekly"])
    lab.write("gone.csv", "x\n1\n")
    lab.save("SELECT * FROM 'gone.csv'", "Gamma", folder="Old", auto_refresh=False)
    lab.write("gone.csv", "x\n1\n2\n")
    ann = lab.person("ann")
    theirs = ann.save("SELECT 3 AS x", "Of Ann", is_public=True, doors=["perspective", "insight"])
    ann.call("PATCH", f"views/api/views/{theirs['short_id']}", {"favorited": True})


def facts(screen: Screen, name: str) -> Any:
    return screen.lab.call("GET", f"views/api/views/{screen.short_id(name)}")


def names(screen: Screen) -> Locator:
    return screen.panel.locator(".jp-ViewsRow-name")


def section(screen: Screen, title: str) -> Locator:
    """The names below a heading."""
    return screen.panel.get_by_role("region", name=title, exact=True).locator(".jp-ViewsRow-name")


def choose(screen: Screen, *labels: str) -> None:
    """Take an entry of the filter's menu, through its submenus."""
    screen.panel.get_by_role("button", name="Filter views").click()
    for label in labels:
        item = screen.page.locator(".lm-Menu-item", has_text=label).last
        item.hover()
        if label != labels[-1]:
            expect(screen.page.locator(".lm-Menu")).to_have_count(2)
    item.click()


def open_details(screen: Screen, name: str) -> Locator:
    screen.row(name).click(button="right")
    screen.page.locator(".lm-Menu-itemLabel", has_text="Details…").click()
    dialog = screen.page.locator(".jp-ViewsDialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    return dialog


def test_a_key_makes_a_favourite_that_stands_on_top(screen: Screen) -> None:
    expect(section(screen, "Favourites")).to_have_text(["Of Ann"])
    screen.row("Beta").locator(".jp-ViewsRow-open").focus()

    screen.page.keyboard.press("f")

    expect(section(screen, "Favourites")).to_contain_text(["Beta"])
    expect(screen.row("Beta").locator(".jp-ViewsRow-open")).to_be_focused()
    expect(screen.said).to_have_text("Beta: a favourite")
    told = facts(screen, "Beta")
    assert (told["favorited"], told["doors"]) == (True, ["perspective", "insight"])
    screen.row("Beta").get_by_role("button", name="Favourite: Beta").click()
    expect(section(screen, "Favourites")).to_have_text(["Of Ann"])
    assert facts(screen, "Beta")["favorited"] is False


def test_whoever_may_only_read_sees_the_star_and_cannot_move_it(screen: Screen) -> None:
    expect(screen.row("Of Ann").locator(".jp-ViewsStar")).to_be_visible()
    expect(screen.row("Of Ann").get_by_role("button", name="Favourite: Of Ann")).to_have_count(0)
    screen.row("Of Ann").click(button="right")
    entry = screen.page.locator(".lm-Menu-item", has_text="Remove from favourites")
    expect(entry).to_have_attribute("aria-disabled", "true")


def test_the_details_of_a_view_are_changed_and_kept(screen: Screen) -> None:
    screen.lab.save("SELECT 4 AS x", "Delta")
    dialog = open_details(screen, "Delta")

    dialog.get_by_label("Name").fill("Delta of the year")
    dialog.get_by_label("Description").fill("What is left")
    dialog.get_by_label("Folder").fill("Sales")
    dialog.get_by_label("Tags").fill("yearly, money , yearly,")
    screen.page.keyboard.press("Enter")

    expect(dialog).to_have_count(0)
    expect(section(screen, "Sales")).to_have_text(["Delta of the year", "Alpha"])
    told = facts(screen, "Delta of the year")
    assert (told["folder"], told["tags"]) == ("Sales", ["yearly", "money"])
    assert (told["description"], told["slug"]) == ("What is left", "delta")
    screen.lab.call("DELETE", f"views/api/views/{told['short_id']}")


def test_what_the_server_refuses_is_told_at_its_field_and_nothing_is_lost(screen: Screen) -> None:
    dialog = open_details(screen, "Alpha")

    dialog.get_by_label("Description").fill("Kept while the name is mended")
    dialog.get_by_label("Name").fill("x" * 201)
    dialog.get_by_role("button", name="Save").click()

    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Description")).to_have_value("Kept while the name is mended")
    screen.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert not facts(screen, "Alpha")["description"]


def test_the_filter_narrows_the_list_and_its_chips_widen_it_again(screen: Screen) -> None:
    expect(names(screen)).to_have_count(4)

    choose(screen, "Tag", "money")
    expect(names(screen)).to_have_text(["Alpha", "Beta"])
    expect(screen.said).to_have_text("2 views")
    choose(screen, "Folder", "Sales")
    expect(names(screen)).to_have_text(["Alpha"])
    chips = screen.panel.get_by_role("list", name="Active filters").get_by_role("button")
    expect(chips).to_have_text(["Tag: money", "Folder: Sales"])

    chips.first.click()
    expect(chips).to_have_text(["Folder: Sales"])
    expect(screen.panel.get_by_role("button", name="Filter views")).to_be_focused()
    chips.first.click()
    expect(names(screen)).to_have_count(4)
    choose(screen, "Stale")
    expect(names(screen)).to_have_text(["Gamma"])
    choose(screen, "Stale")
    choose(screen, "Owner", "ann")
    expect(names(screen)).to_have_text(["Of Ann"])


def test_a_filter_that_nothing_passes_says_so_and_is_cleared(screen: Screen) -> None:
    expect(names(screen)).to_have_count(4)
    choose(screen, "Folder", "Old")
    expect(names(screen)).to_have_text(["Gamma"])

    choose(screen, "Fresh")
    expect(screen.panel).to_contain_text("No view passes the filter.")
    screen.panel.get_by_role("button", name="Clear the filter").click()

    expect(names(screen)).to_have_count(4)
    expect(screen.panel.get_by_label("Search views")).to_be_focused()


def test_A22_folders_and_tags_are_text(screen: Screen) -> None:
    view = screen.lab.save("SELECT 5 AS x", "Evil", tags=[HOSTILE], folder=HOSTILE)

    expect(section(screen, HOSTILE)).to_have_text(["Evil"])
    choose(screen, "Tag", HOSTILE)
    expect(names(screen)).to_have_text(["Evil"])
    expect(screen.panel.get_by_text(f"Tag: {HOSTILE}")).to_be_visible()
    expect(open_details(screen, "Evil").get_by_label("Folder")).to_have_value(HOSTILE)

    assert screen.panel.locator("img").count() == 0
    assert screen.dialogs == []
    screen.lab.call("DELETE", f"views/api/views/{view['short_id']}")


def test_axe_finds_nothing_in_sections_chips_and_details(screen: Screen) -> None:
    expect(names(screen)).to_have_count(4)
    choose(screen, "Tag", "money")
    expect(names(screen)).to_have_count(2)
    assert_no_violations(screen, "#jupyter-views-panel")

    open_details(screen, "Alpha")
    assert_no_violations(screen, ".jp-ViewsDialog")


def test_the_narrowest_sidebar_cuts_nothing_off(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 640, "height": 500})
    screen.open_sidebar()
    expect(names(screen)).to_have_count(4)
    choose(screen, "Tag", "money")
    choose(screen, "Folder", "Sales")
    expect(names(screen)).to_have_text(["Alpha"])

    assert screen.panel.evaluate("node => node.scrollWidth <= node.clientWidth")


@pytest.fixture
def many(lab: Lab) -> Iterator[None]:
    """A favourite that is older than a page of others."""
    last = lab.save("SELECT 6 AS x", "Far away", doors=["perspective", "insight"])
    lab.call("PATCH", f"views/api/views/{last['short_id']}", {"favorited": True})
    fillers = lab.save_all("SELECT 7 AS x", [f"Filler {number:02}" for number in range(52)])
    yield
    for view in (last, *fillers):
        lab.call("DELETE", f"views/api/views/{view['short_id']}")


@pytest.mark.usefixtures("many")
def test_favourites_of_later_pages_stand_on_top_too(screen: Screen) -> None:
    # A page that was open when they were saved knows them all.
    screen.open_sidebar()

    expect(section(screen, "Favourites")).to_contain_text(["Far away"])
