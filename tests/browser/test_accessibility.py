"""Both themes, narrow and wide: readable, and nothing that axe objects to."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from .lab import Lab
from .screen import Screen
from .themes import assert_fits, assert_no_violations, each_theme

STATUS_CONTRAST = """() => Array.from(document.querySelectorAll('.jp-ViewsBadge')).map(badge => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return Array.from(paint.getImageData(0, 0, 1, 1).data).slice(0, 3);
  };
  const light = colour => rgb(colour)
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const style = getComputedStyle(badge);
  const behind = getComputedStyle(document.body).getPropertyValue('--jp-layout-color2');
  const [a, b] = [light(style.color), light(behind)].sort((x, y) => y - x);
  return [badge.dataset.status, (a + 0.05) / (b + 0.05)];
})"""


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file; what must be loaded in its own way loads it again."""
    return kept


@pytest.fixture(scope="module", autouse=True)
def one_of_each(lab: Lab) -> None:
    """A view in each state that lasts."""
    lab.save("SELECT 1 AS x", "Fresh one")
    for name in ("stale", "broken"):
        (lab.root / f"{name}.csv").write_text("x\n1\n")
        lab.save(f"SELECT * FROM '{name}.csv'", f"A {name} one", auto_refresh=False)
    (lab.root / "stale.csv").write_text("x\n1\n2\n")
    (lab.root / "broken.csv").unlink()
    broken = lab.call("GET", "views/api/views?search=broken")["items"][0]["short_id"]
    lab.call("POST", f"views/api/views/{broken}/refresh")
    _save_one_with_a_past(lab)


def _save_one_with_a_past(lab: Lab) -> None:
    source = lab.root / "past.csv"
    source.write_text("k,n\na,1\nb,2\n")
    sql = "SELECT k, n\nFROM 'past.csv'"
    short_id = lab.save(sql, "Past", auto_refresh=False)["short_id"]
    lab.refresh(short_id)
    source.write_text("k,n\na,5\nc,\n")
    lab.refresh(short_id)
    source.rename(lab.root / "away.csv")
    lab.refresh(short_id)
    (lab.root / "away.csv").rename(source)
    lab.redefine("past", f"{sql}\nORDER BY k", note="In order")


def test_every_status_word_has_a_contrast_of_four_and_a_half(screen: Screen) -> None:
    expect(screen.badge("A broken one")).to_have_text("Failed")
    expect(screen.badge("A stale one")).to_have_text("Stale")

    for _ in each_theme(screen):
        contrast = dict(screen.page.evaluate(STATUS_CONTRAST))

        assert set(contrast) == {"fresh", "stale", "failed"}
        assert {status: ratio for status, ratio in contrast.items() if ratio < 4.5} == {}


def test_axe_finds_nothing_in_sidebar_and_result(screen: Screen) -> None:
    expect(screen.badge("A broken one")).to_have_text("Failed")
    assert_no_violations(screen, "#jupyter-views-panel")

    screen.row("A broken one").locator(".jp-ViewsRow-open").click()
    expect(screen.result.get_by_role("cell")).not_to_have_count(0)
    assert_no_violations(screen, ".jp-ViewsResult")
    screen.page.keyboard.press("t")
    expect(screen.result.locator(".jp-ViewsGrid")).to_be_hidden()
    assert_no_violations(screen, ".jp-ViewsResult")


def test_axe_finds_nothing_in_history_comparison_versions_and_log(screen: Screen) -> None:
    screen.open_view(_short_id(screen, "Past"), "history")
    expect(screen.result.locator("[data-mark=failed]")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsResult")

    screen.result.get_by_role("button", name="Compare").first.click()
    expect(screen.result.locator("[data-change=changed]").first).to_be_visible()
    screen.result.get_by_role("button", name="Change key").click()
    assert_no_violations(screen, ".jp-ViewsResult")

    screen.result.get_by_role("button", name="SQL changes of version 2").click()
    expect(screen.result.locator(".jp-ViewsSqlDiff [data-kind=added]")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsResult")

    screen.page.keyboard.press("Alt+5")
    expect(screen.result.locator(".jp-ViewsLog-line").first).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsResult")


def test_axe_finds_nothing_in_the_rule_and_its_errors(screen: Screen) -> None:
    screen.begin("views:freshness", id=_short_id(screen, "Past"))
    dialog = screen.page.locator(".jp-ViewsDialog")
    dialog.get_by_label("On a schedule").select_option("other")
    dialog.get_by_label("Schedule", exact=True).fill("1 2 3 4 never")
    assert_no_violations(screen, ".jp-ViewsDialog")

    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsDialog")


def test_axe_finds_nothing_in_the_share_dialog_with_and_without_a_link(screen: Screen) -> None:
    short_id = screen.lab.save("SELECT 'a@b.example' AS email", "Shared")["short_id"]
    screen.begin("views:share", id=short_id)
    dialog = screen.page.locator(".jp-ViewsShareDialog")
    dialog.get_by_label("Anyone who has the address").check()
    dialog.get_by_text("Colours and frames").click()
    dialog.get_by_label("Ask for a password").check()
    dialog.get_by_label("Password", exact=True).fill("short")
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsShareDialog")

    dialog.get_by_label("Password", exact=True).fill("correct horse")
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_label("The new password")).to_be_visible()
    dialog.get_by_role("button", name="New address").click()
    expect(dialog).to_contain_text("The address before this one works until")
    page = screen.page.request.get(dialog.get_by_label("Address of the link").input_value())
    assert page.ok
    screen.page.request.post(page.url, form={"password": "wrong horse"})
    dialog.get_by_role("button", name="Access log").click()
    expect(dialog.locator(".jp-ViewsShare-visits li").first).to_be_visible()
    dialog.get_by_role("button", name="Revoke…").click()
    assert_no_violations(screen, ".jp-ViewsShareDialog")

    screen.page.set_viewport_size({"width": 420, "height": 700})
    form = dialog.locator(".jp-ViewsShare")
    assert_fits(screen, form)


def test_axe_finds_nothing_in_the_activity(screen: Screen) -> None:
    short_id = screen.lab.save("SELECT 1 AS x", "Done with")["short_id"]
    change = {"tags": ["a"], "schedule": "1h", "description": "w" * 200}
    screen.lab.call("PATCH", f"views/api/views/{short_id}", change)
    screen.lab.redefine("done-with", "SELECT 2 AS y")
    screen.open_view(short_id, "activity")
    expect(screen.result.locator(".jp-ViewsDeed")).to_have_count(3)
    assert_no_violations(screen, ".jp-ViewsResult")

    screen.page.set_viewport_size({"width": 640, "height": 700})
    part = screen.result.locator(".jp-ViewsPast")
    assert_fits(screen, part)


def test_axe_finds_nothing_in_the_keys_their_form_and_a_new_secret(screen: Screen) -> None:
    screen.lab.call("POST", "views/api/keys", {"label": "Old", "scopes": ["*"], "user": "ana"})
    screen.command("views:keys")
    tab = screen.page.locator(".jp-ViewsKeys")
    expect(tab.get_by_role("heading", name="Old").first).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsKeys")

    tab.get_by_role("button", name="New key…").click()
    tab.get_by_role("button", name="Make key").click()
    expect(tab.get_by_role("alert")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsKeys")

    tab.get_by_label("Label").fill("New")
    tab.get_by_role("button", name="Make key").click()
    expect(tab.get_by_label("The new key")).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsKeys")


def test_axe_finds_nothing_in_a_dashboard_and_its_choice_of_views(screen: Screen) -> None:
    number = _dashboard_of(screen, "A broken one", "A stale one", "Past")
    screen.command("views:open-dashboard", id=number)
    page = screen.page.locator(".jp-ViewsDashboard")
    expect(page.get_by_role("cell").first).to_be_visible()
    assert_no_violations(screen, ".jp-ViewsDashboard")
    assert_no_violations(screen, "#jupyter-views-panel")

    page.get_by_role("button", name="Add a view…").click()
    expect(screen.page.locator(".jp-ViewsPicker").get_by_role("checkbox")).not_to_have_count(0)
    assert_no_violations(screen, ".jp-ViewsDialog")


def _dashboard_of(screen: Screen, *names: str) -> int:
    lab, insights = screen.lab, []
    for name in names:
        address = f"views/api/views/{_short_id(screen, name)}"
        lab.call("POST", f"{address}/doors/insight", {})
        insights.append(lab.call("GET", address)["insight_id"])
    body = {"name": "All of them", "insights": insights, "description": "What there is"}
    return lab.call("POST", "views/api/projects/1/dashboards", body)["id"]


def test_nothing_is_wider_than_a_narrow_window(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 640, "height": 700})
    screen.open_sidebar()
    screen.open_view(_short_id(screen, "Past"), "history")
    screen.result.get_by_role("button", name="Compare").first.click()
    expect(screen.result.locator("[data-change=changed]").first).to_be_visible()
    assert_fits(screen, screen.result.locator(".jp-ViewsPast"))

    number = _dashboard_of(screen, "A broken one", "A stale one", "Past")
    screen.command("views:open-dashboard", id=number)
    page = screen.page.locator(".jp-ViewsDashboard")
    expect(page.get_by_role("cell").first).to_be_visible()
    assert_fits(screen, page)


def test_nothing_is_cut_off_at_the_narrowest_sidebar_and_twice_the_size(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 640, "height": 400})
    screen.open_sidebar()
    expect(screen.badge("A stale one")).to_be_visible()

    for _ in each_theme(screen):
        row = screen.row("A stale one").bounding_box()
        action = screen.row("A stale one").get_by_role("button", name="Refresh").bounding_box()
        assert row is not None and action is not None
        assert action["width"] >= 24 and action["height"] >= 24
        assert action["x"] + action["width"] <= row["x"] + row["width"]
    assert_fits(screen, screen.panel)


def _short_id(screen: Screen, search: str) -> str:
    found = screen.lab.call("GET", f"views/api/views?search={quote(search)}")["items"]
    return next(view["short_id"] for view in found if view["name"] == search)
