"""From an empty server to a first view, as a newcomer walks it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .screen import Screen

EXAMPLE = "%%perspective Squares\nSELECT n, n * n AS squared\nFROM range(10) AS t(n)"


def test_the_example_of_the_empty_sidebar_makes_the_first_view(screen: Screen) -> None:
    screen.open_sidebar()
    expect(screen.panel).to_contain_text("No views yet.")

    screen.panel.get_by_role("button", name="Copy the example").click()
    assert screen.page.evaluate("() => navigator.clipboard.readText()") == EXAMPLE

    screen.panel.get_by_role("button", name="Try the example").click()
    screen.run_all_cells()

    expect(screen.badge("Squares")).to_have_text("Fresh")
    expect(screen.panel).not_to_contain_text("No views yet.")
    output = screen.page.locator(".jp-OutputArea-output").last
    expect(output).to_contain_text("Saved as squares")

    screen.row("Squares").locator(".jp-ViewsRow-open").click()
    expect(screen.result.locator("h2")).to_have_text("Squares")
    expect(screen.result).to_contain_text(re.compile("10 rows × 2 columns"))
    expect(screen.result.get_by_role("cell", name="81")).to_be_attached()


def test_an_address_with_an_unknown_view_says_so(screen: Screen) -> None:
    screen.open("view=nobody-made-this")

    expect(screen.page.locator(".Toastify")).to_contain_text("nobody-made-this")
    expect(screen.page.locator(".jp-ViewsResult")).to_have_count(0)
