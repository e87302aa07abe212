"""The API of a view in its result tab: a door, a language, and the text to copy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from .lab import Lab
from .screen import Screen
from .themes import assert_fits, assert_no_violations

OURS = "**/views/api/**"
HOSTILE = "<img src=x onerror=alert(1)> '\"`$(id)\\ \u202egnp"


@pytest.fixture(scope="module")
def loaded(browser: Browser, lab: Lab) -> Iterator[Screen]:
    """One page for the whole file: to load JupyterLab takes longer than any of these tests."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    screen = Screen(context.new_page(), lab)
    screen.open_sidebar()
    yield screen
    context.close()


@pytest.fixture
def screen(loaded: Screen) -> Iterator[Screen]:
    """That page with nothing open in it, and no language remembered."""
    loaded.command("application:close-all")
    loaded.page.evaluate("() => localStorage.removeItem('jupyter-views:language')")
    yield loaded
    assert loaded.foreign_requests == []
    assert loaded.own_errors == []


def _save(screen: Screen, name: str, sql: str = "SELECT 42 AS answer", **fields: Any) -> str:
    return screen.lab.save(sql, name, **fields)["short_id"]


def _open(screen: Screen, short_id: str) -> Locator:
    """The text to copy."""
    screen.open_view(short_id, "api")
    text = screen.result.locator(".jp-ViewsApi pre")
    expect(text).to_be_visible()
    return text


def _texts(screen: Screen, short_id: str) -> dict[tuple[str, str], str]:
    path = f"views/api/views/{short_id}/snippets?server={screen.lab.url}"
    doors = screen.lab.call("GET", path)["doors"]
    return {(d["door"], s["label"]): s["text"] for d in doors for s in d["snippets"]}


def _copied(screen: Screen) -> str:
    return screen.page.evaluate("() => navigator.clipboard.readText()")


def test_each_text_is_that_of_the_server_and_is_copied_whole(screen: Screen) -> None:
    short_id = _save(
        screen, "Copied", "SELECT $least AS n, $who AS who", params={"least": 4, "who": HOSTILE}
    )
    texts = _texts(screen, short_id)
    text = _open(screen, short_id)

    for (_, label), expected in texts.items():
        screen.result.get_by_role("radio", name=label, exact=True).check()
        expect(text).to_have_text(expected, use_inner_text=True)
        screen.result.get_by_role("button", name="Copy", exact=True).click()
        said = screen.result.get_by_role("status")
        expect(said).to_have_text(f"Copied: the text for {label}.")
        assert _copied(screen) == expected
    assert len(texts) == 9
    assert screen.lab.url in texts["perspective", "curl"]
    assert "--data-urlencode 'param.least=4'" in texts["perspective", "curl"]
    assert screen.lab.token not in screen.result.inner_text()
    assert screen.page.locator("img[src=x]").count() == 0
    assert screen.dialogs == []


def test_by_keyboard_alone_from_the_rows_to_a_key_with_which_the_text_works(
    screen: Screen,
) -> None:
    short_id = _save(screen, "By keyboard")
    screen.open_view(short_id)
    keys = screen.page.keyboard
    keys.press("Alt+6")
    expect(screen.result.get_by_role("region", name="API")).to_be_focused()
    expect(screen.result.locator(".jp-ViewsApi pre")).to_be_visible()
    keys.press("Tab")
    expect(screen.result.get_by_role("radio", name="Perspective")).to_be_focused()
    keys.press("Tab")
    expect(screen.result.get_by_role("radio", name="curl")).to_be_focused()
    for _ in range(3):
        keys.press("ArrowRight")
    expect(screen.result.get_by_role("radio", name="pandas")).to_be_checked()
    for _ in range(3):
        keys.press("ArrowLeft")
    keys.press("Tab")
    expect(screen.result.get_by_role("button", name="Copy", exact=True)).to_be_focused()
    keys.press("Enter")
    expect(screen.result.get_by_role("status")).to_have_text("Copied: the text for curl.")
    command = _copied(screen)
    keys.press("Tab")
    expect(screen.result.locator(".jp-ViewsApi pre")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")

    tab = screen.page.locator(".jp-ViewsKeys")
    expect(tab.get_by_label("Label")).to_be_focused()
    expect(tab.get_by_label("Label")).to_have_value("By keyboard")
    keys.press("Enter")
    secret = tab.get_by_label("The new key")
    expect(secret).to_be_focused()
    made = next(k for k in screen.lab.call("GET", "views/api/keys")["items"])
    assert (made["label"], made["scopes"]) == ("By keyboard", ["perspective:read"])
    done = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": os.environ["PATH"], "JUPYTER_VIEWS_TOKEN": secret.input_value()},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"answer\r\n42\r\n"
    tab.get_by_role("button", name="Done").click()


def test_the_language_is_remembered_for_the_next_view_and_the_next_visit(screen: Screen) -> None:
    first, second = _save(screen, "First"), _save(screen, "Second")
    _open(screen, first)
    screen.result.get_by_role("radio", name="R", exact=True).check()

    text = _open(screen, second)
    expect(screen.result.get_by_role("radio", name="R", exact=True)).to_be_checked()
    expect(text).to_contain_text("/perspectives/second/result.csv")
    screen.open("view=second&tab=api")
    expect(screen.result.get_by_role("radio", name="R", exact=True)).to_be_checked()


def test_a_door_that_is_opened_elsewhere_is_offered_at_once(screen: Screen) -> None:
    short_id = _save(screen, "Two doors")
    text = _open(screen, short_id)
    expect(screen.result.get_by_role("group", name="Door").get_by_role("radio")).to_have_count(1)
    screen.result.get_by_role("radio", name="Python client").check()

    screen.lab.call("POST", f"views/api/views/{short_id}/doors/insight", {})
    screen.result.get_by_role("radio", name="Insight").check()

    # The client knows perspectives alone: the first of the others stands in for it.
    expect(screen.result.get_by_role("radio", name="curl")).to_be_checked()
    expect(text).to_contain_text("/insights/")
    expect(screen.result.locator(".jp-ViewsApi")).to_contain_text("may read insights")
    screen.result.get_by_role("radio", name="Perspective").check()
    expect(screen.result.get_by_role("radio", name="Python client")).to_be_checked()


def test_a_view_whose_only_door_cannot_be_used_says_so(screen: Screen) -> None:
    short_id = _save(screen, "Idle")
    path = f"views/api/views/{short_id}/doors"
    screen.lab.call("POST", f"{path}/endpoint", {"name": "idle"})
    screen.lab.call("PATCH", "views/api/projects/1/endpoints/idle", {"is_active": False})
    screen.lab.call("DELETE", f"{path}/perspective")

    screen.open_view(short_id, "api")

    expect(screen.result).to_contain_text("No door of this view is open to other programs.")


def test_a_server_that_is_gone_is_told_and_the_text_stays(screen: Screen) -> None:
    text = _open(screen, _save(screen, "Cut off"))
    screen.page.route(OURS, lambda route: route.abort())
    screen.page.keyboard.press("Alt+1")
    screen.page.keyboard.press("Alt+6")

    alert = screen.result.get_by_role("alert")
    expect(alert).to_contain_text("The server does not answer.")
    expect(text).to_be_visible()
    screen.page.unroute(OURS)
    alert.get_by_role("button", name="Try again").click()
    expect(alert).to_have_count(0)


def test_axe_finds_nothing_and_nothing_is_wider_than_a_narrow_tab(screen: Screen) -> None:
    short_id = _save(screen, "Looked at", "SELECT $v AS v", params={"v": "w" * 300})
    _open(screen, short_id)
    screen.result.get_by_role("radio", name="Excel").check()
    screen.result.get_by_role("button", name="Copy", exact=True).click()
    expect(screen.result.get_by_role("status")).to_contain_text("Excel")

    assert_no_violations(screen, ".jp-ViewsResult")
    screen.page.set_viewport_size({"width": 640, "height": 700})
    assert_fits(screen, screen.result.locator(".jp-ViewsPast"))
    screen.page.set_viewport_size({"width": 1280, "height": 800})
