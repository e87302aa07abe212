"""The screen follows what happens on the server, with nobody pressing anything."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .lab import Lab
from .screen import Screen

FLOOD = """async ([ids, count]) => {
  const stream = window.jupyterapp.serviceManager.events.stream;
  const at = new Date().toISOString();
  for (let n = 0; n < count; n++) {
    const word = ['stale', 'refreshing', 'refreshed', 'edited'][n % 4];
    stream.emit({
      schema_id: `https://events.jupyter.org/jupyter_views/${word}/v1`,
      schema_version: '1', metadata_version: 1, short_id: ids[n % ids.length], at,
      reason: 'source_changed', cause: 'source_changed', computed_at: at, row_count: 1
    });
  }
}"""
# Its age in words may move on; any other change of the row is one too many.
COUNT_NEEDLESS_CHANGES = """row => {
  window.needlessChanges = 0;
  let before = row.innerText;
  new MutationObserver(() => {
    window.needlessChanges += row.innerText === before ? 1 : 0;
    before = row.innerText;
  }).observe(row, {attributes: true, childList: true, subtree: true, characterData: true});
}"""


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file."""
    return kept


def _numbers(lab: Lab, name: str, count: int) -> None:
    rows = "".join(f"{n},row {n}\n" for n in range(count))
    lab.write(name, f"n,label\n{rows}")


def test_a_changed_file_renews_the_open_rows_and_says_how_many(screen: Screen) -> None:
    _numbers(screen.lab, "growing.csv", 3)
    saved = screen.lab.save("SELECT * FROM 'growing.csv'", "Growing by itself")
    screen.open_view(saved["short_id"])
    expect(screen.result.get_by_role("cell", name="row 2", exact=True)).to_be_attached()

    _numbers(screen.lab, "growing.csv", 5)

    expect(screen.result.get_by_role("cell", name="row 4", exact=True)).to_be_attached()
    expect(screen.result.get_by_role("button", name="2 added at")).to_be_visible()
    expect(screen.result.locator(".jp-ViewsBadge-word")).to_have_text("Fresh")
    expect(screen.result).to_contain_text("5 rows × 2 columns")


def test_a_result_that_becomes_empty_says_so_and_fills_again(screen: Screen) -> None:
    _numbers(screen.lab, "emptied.csv", 2)
    saved = screen.lab.save("SELECT * FROM 'emptied.csv' WHERE n > 0", "Emptied")
    screen.open_view(saved["short_id"])
    expect(screen.result.get_by_role("cell", name="row 1", exact=True)).to_be_attached()

    _numbers(screen.lab, "emptied.csv", 1)
    expect(screen.result).to_contain_text("The query returned no rows.")
    expect(screen.result.get_by_role("cell", name="row 1", exact=True)).to_have_count(0)

    _numbers(screen.lab, "emptied.csv", 2)
    expect(screen.result.get_by_role("cell", name="row 1", exact=True)).to_be_attached()


def test_new_rows_leave_scroll_and_selection_where_they_are(screen: Screen) -> None:
    _numbers(screen.lab, "long.csv", 3000)
    saved = screen.lab.save("SELECT * FROM 'long.csv'", "Long")
    screen.open_view(saved["short_id"])
    grid = screen.result.locator(".jp-ViewsGrid")
    expect(grid).to_be_focused()
    screen.page.keyboard.press("ArrowDown")
    screen.page.keyboard.press("ArrowRight")
    grid.hover()
    screen.page.mouse.wheel(0, 24 * 2000)
    expect(screen.result.get_by_role("cell", name="row 2000", exact=True)).to_be_attached()

    _numbers(screen.lab, "long.csv", 3002)

    expect(screen.result.get_by_role("button", name="2 added at")).to_be_visible()
    expect(screen.result).to_contain_text("3,002 rows × 2 columns")
    expect(screen.result.get_by_role("cell", name="row 2000", exact=True)).to_be_attached()
    expect(grid).to_be_focused()
    screen.page.keyboard.press("Control+c")
    screen.page.wait_for_function("async () => (await navigator.clipboard.readText()) === 'row 0'")


def test_a_change_turns_the_badge_and_names_the_file_without_a_refresh(screen: Screen) -> None:
    _numbers(screen.lab, "watched.csv", 1)
    screen.lab.save("SELECT * FROM 'watched.csv'", "Watched", auto_refresh=False)
    expect(screen.badge("Watched")).to_have_text("Fresh")

    _numbers(screen.lab, "watched.csv", 2)

    expect(screen.badge("Watched")).to_have_text("Stale")
    expect(screen.row("Watched").locator(".jp-ViewsRow-detail")).to_contain_text(
        "watched.csv changed"
    )
    tooltip = screen.row("Watched").locator(".jp-ViewsRow-open").get_attribute("title") or ""
    assert "Data from " in tooltip
    assert "Computed in full" in tooltip
    assert "Refreshed only when asked" in tooltip


def test_rows_that_are_stale_for_too_long_say_so(screen: Screen) -> None:
    _numbers(screen.lab, "late.csv", 1)
    saved = screen.lab.save("SELECT * FROM 'late.csv'", "Late", auto_refresh=False)
    path = f"views/api/views/{saved['short_id']}"
    screen.lab.call("PATCH", path, {"max_staleness_seconds": 0})
    screen.open_view(saved["short_id"])
    expect(screen.result.locator(".jp-ViewsBadge-word")).to_have_text("Fresh")

    _numbers(screen.lab, "late.csv", 2)

    expect(screen.result).to_contain_text("late.csv changed")
    expect(screen.result).to_contain_text("Stale for longer than the limit that its owner set.")


def test_a_source_that_is_gone_keeps_the_rows_and_says_why(screen: Screen) -> None:
    _numbers(screen.lab, "leaving.csv", 1)
    saved = screen.lab.save("SELECT * FROM 'leaving.csv'", "Left behind")
    screen.open_view(saved["short_id"])
    expect(screen.result.get_by_role("cell", name="row 0", exact=True)).to_be_attached()

    (screen.lab.root / "leaving.csv").unlink()

    expect(screen.badge("Left behind")).to_have_text("Failed")
    expect(screen.result.locator(".jp-ViewsBanner")).to_contain_text("leaving.csv")
    expect(screen.result.get_by_role("cell", name="row 0", exact=True)).to_be_attached()


def test_what_others_rename_and_delete_changes_here(screen: Screen) -> None:
    saved = screen.lab.save("SELECT 1 AS x", "Old name")
    screen.open_view(saved["short_id"])
    expect(screen.result.locator("h2")).to_have_text("Old name")

    screen.lab.call("PATCH", f"views/api/views/{saved['short_id']}", {"name": "New name"})
    expect(screen.row("New name")).to_be_visible()
    expect(screen.result.locator("h2")).to_have_text("New name")

    screen.lab.call("DELETE", f"views/api/views/{saved['short_id']}")
    expect(screen.row("New name")).to_have_count(0)
    expect(screen.result).to_contain_text("This view was deleted.")


def test_a_thousand_events_in_a_burst_become_a_few_requests(screen: Screen) -> None:
    names = [f"Busy {letter}" for letter in "ABCDEFGHIJKL"]
    ids = [screen.lab.save("SELECT 1 AS x", name)["short_id"] for name in names]
    screen.lab.save("SELECT 1 AS x", "Quiet")
    expect(screen.badge("Quiet")).to_have_text("Fresh")
    screen.row("Quiet").evaluate(COUNT_NEEDLESS_CHANGES)
    asked: list[str] = []
    screen.page.on(
        "request",
        lambda request: asked.append(request.url) if "/views/api/views" in request.url else None,
    )

    with screen.page.expect_request(lambda request: "/views/api/views" in request.url):
        screen.page.evaluate(FLOOD, [ids, 1000])
    screen.page.wait_for_timeout(1500)

    # Four rounds fit into that time; the list's own polling may add one.
    assert len(asked) <= 5
    expect(screen.badge("Busy L")).to_have_text("Fresh")
    assert screen.page.evaluate("() => window.needlessChanges") == 0
