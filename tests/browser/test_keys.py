"""API keys in a tab: made, shown once, listed in words, revoked."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from jupyter_views.wire.views import SCOPE_NOUNS

from .lab import Person
from .screen import Screen

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file; what must be loaded in its own way loads it again."""
    return kept


def _open(screen: Screen) -> Locator:
    screen.command("views:keys")
    tab = screen.page.locator(".jp-ViewsKeys")
    expect(tab.get_by_role("button", name="New key…")).to_be_visible()
    return tab


def _key(tab: Locator, label: str) -> Locator:
    return tab.locator(".jp-ViewsKey").filter(has=tab.page.get_by_role("heading", name=label))


def _make(screen: Screen, label: str, **fields: Any) -> dict[str, Any]:
    body = {"label": label, "scopes": ["perspective:read"], **fields}
    return screen.lab.call("POST", "views/api/keys", body)


def test_a_key_is_made_in_the_form_shown_once_and_opens_what_its_scopes_say(
    screen: Screen,
) -> None:
    tab = _open(screen)
    tab.get_by_role("button", name="New key…").click()
    expect(tab.get_by_label("Label")).to_be_focused()
    screen.page.keyboard.type("Weekly report")
    tab.get_by_role("group", name="SQL statements").get_by_label("change").check()
    tab.get_by_label("For whom").fill("ana")
    tab.get_by_label("Expires").select_option("7")
    tab.get_by_role("button", name="Make key").click()

    secret = tab.get_by_label("The new key")
    expect(secret).to_be_focused()
    expect(tab.get_by_role("status")).to_contain_text("“Weekly report” is made.")
    tab.get_by_role("button", name="Copy").click()
    copied = screen.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == secret.input_value()
    ana = Person(screen.lab.url, f"Bearer {copied}")
    assert ana.call("GET", "views/api/views")["items"] == []
    facts = _key(tab, "Weekly report")
    expect(facts).to_contain_text("may read views; may read and change SQL statements")
    expect(facts).to_contain_text("for ana")
    expect(facts).to_contain_text(re.compile(r"expires on \d+ \w+ \d{4}"))
    expect(facts).to_contain_text(f"{copied[:6]}")

    tab.get_by_role("button", name="Done").click()
    expect(tab.get_by_role("button", name="New key…")).to_be_focused()
    assert copied not in screen.page.content()
    toasts = screen.page.locator(".Toastify")
    expect(toasts).to_contain_text("Key copied.")
    expect(toasts).not_to_contain_text(copied)


def test_escape_leaves_the_form_without_a_key(screen: Screen) -> None:
    tab = _open(screen)
    tab.get_by_role("button", name="New key…").click()
    tab.get_by_label("Label").fill("Never made")

    screen.page.keyboard.press("Escape")

    expect(tab.get_by_role("button", name="New key…")).to_be_focused()
    expect(_key(tab, "Never made")).to_have_count(0)


def test_a_key_without_a_label_or_a_right_says_what_is_missing(screen: Screen) -> None:
    tab = _open(screen)
    tab.get_by_role("button", name="New key…").click()

    tab.get_by_role("button", name="Make key").click()
    expect(tab.get_by_label("Label")).to_be_focused()
    expect(tab.get_by_role("alert")).to_contain_text("A label tells this key from the others")

    tab.get_by_label("Label").fill("Rights of none")
    tab.get_by_role("group", name="views").get_by_label("read").uncheck()
    tab.get_by_role("button", name="Make key").click()
    expect(tab.get_by_role("alert")).to_contain_text("Choose at least one thing")
    expect(tab.get_by_label("Everything")).to_be_focused()

    screen.page.keyboard.press("Space")
    tab.get_by_role("button", name="Make key").click()
    expect(_key(tab, "Rights of none")).to_contain_text("may do everything")


def test_the_form_offers_every_scope_of_the_server(screen: Screen) -> None:
    tab = _open(screen)
    tab.get_by_role("button", name="New key…").click()
    rights = tab.get_by_label("change")
    tab.get_by_role("group", name="views").get_by_label("read").uncheck()
    for place in range(rights.count()):
        rights.nth(place).check()
    tab.get_by_label("Label").fill("Every scope")
    tab.get_by_role("button", name="Make key").click()
    expect(_key(tab, "Every scope")).to_be_visible()

    listed = screen.lab.call("GET", "views/api/keys")["items"]
    made = next(key for key in listed if key["label"] == "Every scope")
    assert set(made["scopes"]) == {f"{noun}:write" for noun in SCOPE_NOUNS}


def test_revoking_asks_and_the_next_request_with_the_key_is_refused(screen: Screen) -> None:
    made = _make(screen, "Doomed", expires_in_days=None)
    bearer = {"Authorization": f"Bearer {made['key']}"}
    request = urllib.request.Request(f"{screen.lab.url}views/api/views", headers=bearer)
    urllib.request.urlopen(request, timeout=60).close()
    tab = _open(screen)
    expect(_key(tab, "Doomed")).to_contain_text("never expires")
    expect(_key(tab, "Doomed")).to_contain_text(re.compile("last used (just now|.* ago)"))

    tab.get_by_role("button", name="Revoke Doomed").click()
    dialog = screen.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Whatever uses “Doomed” is refused")
    dialog.get_by_role("button", name="Revoke").click()

    expect(_key(tab, "Doomed")).to_have_count(0)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=60)


def test_a_label_is_text_and_a_key_made_elsewhere_is_listed(screen: Screen) -> None:
    _make(screen, HOSTILE, user="ben")

    tab = _open(screen)

    expect(_key(tab, HOSTILE)).to_contain_text("for ben")
    expect(_key(tab, HOSTILE)).to_contain_text("never used")
    assert screen.page.locator("img[src=x]").count() == 0


def test_the_menu_of_the_sidebar_leads_to_the_keys(screen: Screen) -> None:
    screen.panel.get_by_role("button", name="More of views").click()
    screen.page.locator(".lm-Menu-itemLabel", has_text="API keys").click()

    expect(
        screen.page.locator(".jp-ViewsKeys").get_by_role("button", name="New key…")
    ).to_be_visible()
