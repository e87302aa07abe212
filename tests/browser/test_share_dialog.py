"""A view is shared in a dialog: who can see it, its link, the passwords, an end."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .lab import Lab
from .screen import Screen

OURS = "**/views/api/**"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file."""
    return kept


@pytest.fixture(scope="module")
def closed_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server whose administrator allows no links."""
    closed = Lab(
        tmp_path_factory.mktemp("closed-lab"),
        settings={"ViewsApp": {"allow_public_links": False}},
    )
    closed.start()
    yield closed
    closed.stop()


def _dialog(screen: Screen) -> Locator:
    return screen.page.locator(".jp-ViewsShareDialog")


def _save(screen: Screen, name: str, sql: str = "SELECT 1 AS x, 2 AS y", **fields: Any) -> str:
    return screen.lab.save(sql, name, **fields)["short_id"]


def _open(screen: Screen, short_id: str) -> Locator:
    screen.begin("views:share", id=short_id)
    expect(_dialog(screen)).to_be_visible()
    return _dialog(screen)


def _sharing(screen: Screen, short_id: str) -> dict[str, Any]:
    return screen.lab.call("GET", f"views/api/views/{short_id}/sharing")


def _share(screen: Screen, short_id: str, **change: Any) -> str:
    """Share over REST, as another window would; below which address that is."""
    door = screen.lab.call("POST", f"views/api/views/{short_id}/doors/insight", {})
    address = f"views/api/projects/{door['project_id']}/insights/{door['insight_id']}/sharing"
    screen.lab.call("PATCH", address, {"enabled": True, **change})
    return address


def _visit(url: str, password: str | None = None) -> tuple[int, str]:
    """What somebody without an account gets."""
    body = None if password is None else urllib.parse.urlencode({"password": password}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_the_owner_says_which_values_visitors_choose(screen: Screen) -> None:
    sql, own = "SELECT $region AS region, $least AS n", {"region": "EU", "least": 1}
    short_id = screen.lab.save(sql, "With values", params=own)["short_id"]
    _share(screen, short_id, settings={"parameters": ["least"], "legend": True})
    dialog = _open(screen, short_id)
    choices = dialog.get_by_role("group", name="Visitors choose")
    expect(choices.get_by_label("least")).to_be_checked()

    choices.get_by_label("region").check()
    choices.get_by_label("least").uncheck()
    dialog.get_by_role("button", name="Save changes").click()

    expect(dialog.get_by_role("button", name="Save changes")).to_have_count(0)
    sharing = _sharing(screen, short_id)
    assert sharing["settings"] == {"parameters": ["region"], "legend": True}
    assert 'name="p.region"' in _visit(urllib.parse.urljoin(screen.lab.url, sharing["url"]))[1]
    dialog.get_by_role("button", name="Close").click()


def test_a_link_is_made_in_two_steps_and_opens_what_its_fields_say(screen: Screen) -> None:
    short_id = _save(screen, "For all")
    screen.open_view(short_id)
    screen.result.get_by_role("button", name="Share…").click()
    dialog = _dialog(screen)
    expect(dialog).to_contain_text("Only you can read it.")
    expect(dialog.get_by_label("Everyone who is signed in")).to_be_focused()

    dialog.get_by_label("Anyone who has the address").check()
    assert _sharing(screen, short_id)["created_at"] is None
    expect(dialog.get_by_label("Expires")).to_have_value("7")
    dialog.get_by_label("Expires").select_option("1")
    dialog.get_by_label("the SQL").check()
    dialog.get_by_text("Colours and frames").click()
    dialog.get_by_label("Colours").select_option("dark")
    dialog.get_by_role("button", name="Create link").click()

    address = dialog.get_by_label("Address of the link")
    expect(address).to_be_focused()
    expect(dialog).to_contain_text("So can anyone who has the address of its link, until ")
    expect(dialog.get_by_role("status")).to_have_text("The link is made.")
    dialog.get_by_role("button", name="Copy address").click()
    copied = screen.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == address.input_value()
    status, page = _visit(copied)
    assert status == 200
    assert "SELECT 1 AS x" in page
    settings = _sharing(screen, short_id)["settings"]
    assert settings == {"show_sql": True, "theme": "dark"}


def test_what_a_link_shows_is_changed_and_what_is_not_in_the_form_stays(screen: Screen) -> None:
    short_id = _save(screen, "Changed later")
    _share(screen, short_id, settings={"whitelabel": True, "downloads": True, "noHeader": True})
    dialog = _open(screen, short_id)
    expect(dialog.get_by_label("downloads")).to_be_checked()
    expect(dialog.get_by_label("name and description")).not_to_be_checked()
    expect(dialog.get_by_role("button", name="Save changes")).to_have_count(0)

    dialog.get_by_label("downloads").uncheck()
    dialog.get_by_label("name and description").check()
    dialog.get_by_text("Colours and frames").click()
    dialog.get_by_label("Sites with a frame").fill("https://wiki.example https://a.example")
    dialog.get_by_label("Expires").select_option("never")
    expect(dialog).to_contain_text("It stays open until somebody revokes it.")
    dialog.get_by_role("button", name="Save changes").click()

    expect(dialog.get_by_role("button", name="Save changes")).to_have_count(0)
    found = _sharing(screen, short_id)
    assert found["settings"] == {
        "whitelabel": True,
        "downloads": False,
        "noHeader": False,
        "embed_origins": ["https://wiki.example", "https://a.example"],
    }
    assert found["expires_at"] is None


def test_a_refused_field_says_why_and_nothing_typed_is_lost(screen: Screen) -> None:
    short_id = _save(screen, "Refused fields")
    _share(screen, short_id)
    dialog = _open(screen, short_id)
    dialog.get_by_text("Colours and frames").click()
    sites = dialog.get_by_label("Sites with a frame")
    sites.fill("not a site")
    dialog.get_by_role("button", name="Save changes").click()

    expect(sites).to_be_focused()
    expect(sites).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("alert")).to_contain_text("settings")
    expect(sites).to_have_value("not a site")
    assert _sharing(screen, short_id)["settings"] is None

    sites.fill("")
    dialog.get_by_label("Expires").select_option("date")
    date = dialog.get_by_label("Day and time")
    date.fill("2020-01-01T12:00")
    dialog.get_by_label("the SQL").check()
    dialog.get_by_role("button", name="Save changes").click()
    expect(date).to_be_focused()
    expect(dialog.get_by_role("alert")).to_contain_text("still to come")

    date.fill("2099-01-01T12:00")
    dialog.get_by_role("button", name="Save changes").click()
    expect(dialog.get_by_role("button", name="Save changes")).to_have_count(0)
    found = _sharing(screen, short_id)
    assert found["expires_at"].startswith("2099-01-01T")
    assert found["settings"] == {"show_sql": True}


def test_passwords_are_added_shown_once_labelled_and_removed(screen: Screen) -> None:
    short_id = _save(screen, "With passwords")
    dialog = _open(screen, short_id)
    dialog.get_by_label("Anyone who has the address").check()
    dialog.get_by_label("Ask for a password").check()
    dialog.get_by_label("Label").fill("For Ben")
    dialog.get_by_label("Password", exact=True).fill("short")
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_role("alert")).to_contain_text("At least 8 characters")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    assert _sharing(screen, short_id)["created_at"] is None

    dialog.get_by_label("Password", exact=True).fill("")
    dialog.get_by_role("button", name="Create link").click()
    made = dialog.get_by_label("The new password")
    expect(made).to_be_focused()
    expect(dialog).to_contain_text("Copy the password “For Ben” now")
    first = made.input_value()
    url = dialog.get_by_label("Address of the link").input_value()
    assert 'type="password"' in _visit(url)[1]
    assert _visit(url, first)[0] == 200
    dialog.get_by_role("button", name="Done").click()
    assert first not in screen.page.content()

    dialog.get_by_label("Label").fill(HOSTILE)
    dialog.get_by_label("Password", exact=True).fill("correct horse")
    dialog.get_by_label("Password", exact=True).press("Enter")
    expect(made).to_have_value("correct horse")
    listed = dialog.get_by_role("list", name="Passwords").get_by_role("listitem")
    expect(listed).to_have_count(2)
    expect(listed.first).to_contain_text(HOSTILE)
    assert screen.page.locator("img[src=x]").count() == 0

    dialog.get_by_role("button", name="Remove the password For Ben").click()
    expect(listed).to_have_count(1)
    expect(dialog.get_by_role("button", name=f"Remove the password {HOSTILE}")).to_be_focused()
    assert _visit(url, first)[0] == 401
    assert _visit(url, "correct horse")[0] == 200

    dialog.get_by_label("Ask for a password").click()
    expect(listed).to_have_count(0)
    expect(dialog).to_contain_text("So can anyone who has the address of its link, until ")
    assert 'type="password"' not in _visit(url)[1]


def test_a_new_address_leaves_the_old_one_for_five_minutes_and_says_so(screen: Screen) -> None:
    short_id = _save(screen, "Rotated")
    _share(screen, short_id)
    dialog = _open(screen, short_id)
    address = dialog.get_by_label("Address of the link")
    old = address.input_value()

    dialog.get_by_role("button", name="New address").click()

    expect(address).not_to_have_value(old)
    expect(address).to_be_focused()
    expect(dialog).to_contain_text(re.compile(r"The address before this one works until \d\d:\d\d"))
    new = address.input_value()
    assert [_visit(url)[0] for url in (old, new)] == [200, 200]
    dialog.get_by_role("button", name="Close").click()
    screen.begin("views:share", id=short_id)
    expect(dialog).to_contain_text("The address before this one works until ")


def test_a_link_is_switched_off_and_on_and_revoked_after_a_question(screen: Screen) -> None:
    short_id = _save(screen, "Ended")
    _share(screen, short_id)
    dialog = _open(screen, short_id)
    url = dialog.get_by_label("Address of the link").input_value()
    switch = dialog.get_by_label("Anyone who has the address")

    switch.click()
    expect(dialog).to_contain_text("Switched off: it opens for nobody.")
    assert _visit(url)[0] == 404
    switch.click()
    expect(dialog).not_to_contain_text("Switched off")
    assert _visit(url)[0] == 200

    dialog.get_by_role("button", name="Revoke…").click()
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    screen.page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Revoke…")).to_be_focused()
    assert _visit(url)[0] == 200
    dialog.get_by_role("button", name="Revoke…").click()
    dialog.get_by_role("button", name="Revoke", exact=True).click()

    expect(dialog).to_contain_text("Only you can read it.")
    expect(switch).to_be_focused()
    expect(switch).not_to_be_checked()
    assert _visit(url)[0] == 404
    assert _sharing(screen, short_id)["created_at"] is None


def test_the_access_log_tells_who_looked_and_when_page_by_page(screen: Screen) -> None:
    short_id = _save(screen, "Looked at")
    _share(screen, short_id)
    dialog = _open(screen, short_id)
    log = dialog.get_by_role("button", name="Access log")
    log.click()
    expect(dialog).to_contain_text("Nobody has opened it yet.")
    log.click()
    expect(log).to_have_attribute("aria-expanded", "false")

    url = dialog.get_by_label("Address of the link").input_value()
    for _ in range(21):
        _visit(url)
    log.click()

    lines = dialog.locator(".jp-ViewsShare-visits li")
    expect(lines).to_have_count(20)
    expect(lines.first).to_contain_text("opened the page")
    expect(lines.first).to_contain_text(f"from 127.0.0.1link …{url[-6:]}")
    dialog.get_by_role("button", name="Show older visits").click()
    expect(lines).to_have_count(21)
    expect(dialog.get_by_role("button", name="Show older visits")).to_have_count(0)


def test_people_are_named_and_the_first_sentence_says_who(screen: Screen) -> None:
    short_id = _save(screen, "For people")
    dialog = _open(screen, short_id)
    dialog.get_by_label("People by name").fill("ana, ben")
    dialog.get_by_role("button", name="Save people").click()
    expect(dialog).to_contain_text("You and ana, ben can read it.")
    view = screen.lab.person("ana").call("GET", f"views/api/views/{short_id}")
    assert view["name"] == "For people"

    dialog.get_by_label("Everyone who is signed in").check()
    dialog.get_by_role("button", name="Save people").click()
    expect(dialog).to_contain_text("Everyone who is signed in to this server can read it.")
    seen = screen.lab.person("carl").call("GET", f"views/api/views/{short_id}")
    assert seen["is_public"] is True


def test_what_is_not_saved_is_asked_about_before_the_dialog_goes(screen: Screen) -> None:
    short_id = _save(screen, "Half done")
    _share(screen, short_id)
    screen.open_view(short_id)
    screen.result.get_by_role("button", name="Share…").click()
    dialog = _dialog(screen)
    dialog.get_by_label("the SQL").check()

    screen.page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Go on")).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(dialog.get_by_label("the SQL")).to_be_checked()
    dialog.get_by_role("button", name="Close").click()
    dialog.get_by_role("button", name="Discard and close").click()

    expect(dialog).to_have_count(0)
    expect(screen.result.get_by_role("button", name="Share…")).to_be_focused()
    assert _sharing(screen, short_id)["settings"] is None


def test_from_a_row_to_a_revoked_link_by_keyboard_alone(screen: Screen) -> None:
    _save(screen, "By keyboard")
    row = screen.row("By keyboard").locator(".jp-ViewsRow-open")
    row.focus()
    expect(row).to_be_focused()
    keyboard = screen.page.keyboard
    dialog = _dialog(screen)

    keyboard.press("s")
    expect(dialog.get_by_label("Everyone who is signed in")).to_be_focused()
    # Both ends of the dialog lead to each other, whatever stands in it.
    keyboard.press("Shift+Tab")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    keyboard.press("Tab")
    for _ in range(2):
        keyboard.press("Tab")
    expect(dialog.get_by_label("Anyone who has the address")).to_be_focused()
    keyboard.press("Space")
    keyboard.press("Tab")
    expect(dialog.get_by_label("Expires")).to_be_focused()
    for _ in range(9):
        keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Create link")).to_be_focused()
    keyboard.press("Enter")
    expect(dialog.get_by_label("Address of the link")).to_be_focused()
    url = dialog.get_by_label("Address of the link").input_value()

    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(dialog.get_by_role("button", name="Revoke…")).to_be_focused()
    keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(dialog.get_by_label("Anyone who has the address")).to_be_focused()
    assert _visit(url)[0] == 404
    keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row).to_be_focused()


def test_columns_that_sound_private_are_pointed_out_before_there_is_a_link(screen: Screen) -> None:
    dialog = _open(screen, _save(screen, "Private", "SELECT 'a@b.example' AS email, 1 AS n"))
    warning = "Look twice before you share: there are columns called email."
    expect(dialog).not_to_contain_text(warning)

    dialog.get_by_label("Anyone who has the address").check()

    expect(dialog).to_contain_text(warning)


def test_a_reader_sees_how_it_is_shared_and_who_can_change_it(screen: Screen) -> None:
    ann = screen.lab.person("ann")
    short_id = ann.save("SELECT 1 AS x", "Of Ann", is_public=True)["short_id"]
    door = ann.call("POST", f"views/api/views/{short_id}/doors/insight", {})
    address = f"views/api/projects/{door['project_id']}/insights/{door['insight_id']}/sharing"
    url = ann.call("PATCH", address, {"enabled": True})["url"]

    dialog = _open(screen, short_id)

    expect(dialog).to_contain_text("Everyone who is signed in to this server can read it.")
    expect(dialog).to_contain_text("So can anyone who has the address of its link.")
    expect(dialog).to_contain_text("Only ann can change that.")
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    assert url.rpartition("/")[2] not in screen.page.content()


def test_an_administrator_who_allows_no_links_is_named_and_nothing_fails(
    page: Page, closed_lab: Lab
) -> None:
    screen = Screen(page, closed_lab)
    short_id = _save(screen, "Not for all")
    screen.open()
    dialog = _open(screen, short_id)

    expect(dialog).to_contain_text("Links are switched off by the administrator of this server")
    expect(dialog.get_by_label("Anyone who has the address")).to_have_count(0)
    expect(dialog.get_by_label("Everyone who is signed in")).to_be_visible()
    view = closed_lab.call("GET", f"views/api/views/{short_id}")
    assert view["doors"] == ["perspective"]


def test_a_server_that_is_gone_is_told_where_it_was_asked_and_the_form_stays(
    screen: Screen,
) -> None:
    short_id = _save(screen, "Offline")
    dialog = _open(screen, short_id)
    dialog.get_by_label("Anyone who has the address").check()
    dialog.get_by_label("the SQL").check()
    screen.page.route(OURS, lambda route: route.abort())

    dialog.get_by_role("button", name="Create link").click()

    expect(dialog.get_by_role("alert")).to_have_text("The server does not answer.")
    screen.page.unroute(OURS)
    expect(dialog.get_by_label("the SQL")).to_be_checked()
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_label("Address of the link")).to_be_focused()
    assert _sharing(screen, short_id)["settings"] == {"show_sql": True}
