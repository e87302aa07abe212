"""The widget's script in a real browser, with a host that keeps what was sent to the kernel."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .front_end import EVIL, first_row, open_widget

pytestmark = pytest.mark.browser


def test_the_first_rows_stand_there_without_asking_the_kernel(page):
    open_widget(page)

    assert first_row(page) == ["1", "0", "row 0"]
    assert page.evaluate("sent") == []
    assert "Fresh" in page.locator(".jv-badge").inner_text()
    assert page.locator(".jv-size").inner_text() == "1,000,000 rows × 2 columns"


def test_the_end_of_a_million_rows_is_one_key_away_and_one_request(page):
    open_widget(page)
    page.locator(".jv-scroll").focus()

    page.keyboard.press("End")

    rows = page.locator("tbody tr").last.locator("td").all_inner_texts()
    assert rows == ["1,000,000", "999999", "row 999999"]
    asked = page.evaluate("sent")
    assert {message["command"] for message in asked} == {"window"}
    assert [message["offset"] for message in asked] == [999_800]


def test_arrow_keys_move_by_one_row_even_where_a_pixel_is_many_rows(page):
    open_widget(page)
    page.locator(".jv-scroll").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(100)

    assert page.locator("tbody tr").last.locator("td").all_inner_texts()[1] == "999998"

    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    assert first_row(page)[1] == "12"


def test_scrolling_shows_the_rows_at_that_place(page):
    open_widget(page, row_count=1000)

    page.locator(".jv-scroll").evaluate("(node) => { node.scrollTop = 24 * 500; }")
    page.wait_for_timeout(100)

    assert first_row(page)[1] == "500"


def test_a_late_answer_to_an_older_result_is_dropped(page):
    open_widget(page, row_count=1000)
    page.evaluate("window.isPrompt = false")
    page.locator(".jv-scroll").focus()
    page.keyboard.press("End")
    late = page.evaluate("sent.at(-1)")

    page.evaluate("set({rows: [], result_id: 2})")
    page.evaluate("(message) => answer(message, 'late')", late)
    assert "late" not in page.locator("tbody").inner_text()

    page.evaluate("sent.slice(1).forEach((message) => answer(message, 'new'))")
    assert page.locator("tbody tr").last.locator("td").all_inner_texts()[2] == "new 999"


def test_names_cells_and_errors_are_text(page):
    open_widget(
        page, name=EVIL, status_text=EVIL, error=EVIL, row_count=1,
        columns=[{"name": EVIL, "type": EVIL}], rows=[[EVIL]],
    )  # fmt: skip
    page.wait_for_timeout(200)

    assert page.evaluate("window.hacked") is None
    assert page.locator("#here img").count() == 0
    assert first_row(page)[1] == EVIL
    assert page.locator(".jv-name").inner_text() == EVIL
    assert page.locator(".jv-error").inner_text() == EVIL


def test_refresh_and_cancel_send_their_command_and_nothing_else(page):
    open_widget(page)
    assert page.get_by_role("button", name="Cancel").count() == 0

    page.get_by_role("button", name="Refresh").click()
    page.evaluate("set({is_running: true})")
    page.get_by_role("button", name="Cancel").click()

    assert [sorted(m) for m in page.evaluate("sent")] == [["command", "id"], ["command", "id"]]
    assert [m["command"] for m in page.evaluate("sent")] == ["refresh", "cancel"]
    assert page.get_by_role("button", name="Refresh").is_disabled()
    assert "Refreshing 0 s" in page.locator(".jv-badge").inner_text()


def test_a_finished_refresh_is_announced_once_and_keeps_the_focus(page):
    open_widget(page, is_running=True)
    page.get_by_role("button", name="Cancel").focus()

    page.evaluate("set({is_running: false})")

    assert page.locator("[aria-live=polite]").text_content() == (
        "Big one: refreshed, 1,000,000 rows × 2 columns"
    )
    assert page.evaluate("document.activeElement.textContent") == "Refresh"


def test_null_is_dim_and_numbers_stand_right(page):
    open_widget(page, row_count=1, rows=[[None, "NULL"]])

    cells = page.locator("tbody td")
    assert cells.nth(1).locator(".jv-null").inner_text() == "NULL"
    assert cells.nth(2).locator(".jv-null").count() == 0
    assert cells.nth(1).evaluate("(node) => getComputedStyle(node).textAlign") == "right"


def test_a_silent_kernel_is_said_and_the_rows_stay(page):
    open_widget(page, row_count=1000)
    page.clock.install()
    page.evaluate("window.isPrompt = false")
    page.locator(".jv-scroll").focus()
    page.keyboard.press("End")

    page.clock.fast_forward(11_000)

    assert "kernel does not answer" in page.locator(".jv-error").inner_text()


def test_a_removed_widget_listens_to_nothing_any_more(page):
    open_widget(page)

    page.evaluate("cleanUp(); set({name: 'changed'})")

    assert page.locator(".jv-name").inner_text() == "Big one"


def hide(page: Page, is_hidden: bool) -> None:
    page.evaluate(
        """(isHidden) => {
          Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def followed(page: Page) -> list[bool]:
    return [message["on"] for message in page.evaluate("followed")]


def test_a_visible_widget_asks_to_follow_at_once_and_again_and_again(page):
    page.clock.install()
    open_widget(page)
    assert followed(page) == [True]

    page.clock.run_for(61_000)

    assert followed(page) == [True] * 4
    assert page.evaluate("sent") == []


def test_a_hidden_page_ends_it_and_a_visible_one_takes_it_up_again(page):
    page.clock.install()
    open_widget(page)

    hide(page, True)
    page.clock.run_for(120_000)
    assert followed(page) == [True, False]

    hide(page, False)
    assert followed(page) == [True, False, True]


def test_a_busy_kernel_is_asked_once_and_not_called_silent(page):
    page.clock.install()
    page.evaluate("window.isPrompt = false")
    open_widget(page)
    page.evaluate("window.isPrompt = false")
    page.clock.run_for(21_000)
    waiting = len(followed(page))

    page.clock.run_for(120_000)

    assert len(followed(page)) == waiting
    assert page.locator(".jv-error").inner_text() == ""


def test_a_removed_widget_follows_nothing_any_more(page):
    page.clock.install()
    open_widget(page)

    page.evaluate("cleanUp()")
    page.clock.run_for(61_000)
    hide(page, True)

    assert followed(page) == [True]


def test_what_new_rows_changed_is_shown_and_announced(page):
    open_widget(page)

    page.evaluate("set({changes: '12 rows added, 3 changed'})")

    assert page.locator(".jv-changes").inner_text() == "12 rows added, 3 changed"
    assert page.locator("[aria-live=polite]").text_content() == (
        "Big one: 12 rows added, 3 changed"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_surroundings_with_enough_contrast(page, scheme):
    page.emulate_media(color_scheme=scheme)
    open_widget(page)

    colours = page.locator(".jv-widget").evaluate(
        "(node) => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
    )

    dark, light = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
    text, ground = colours
    assert text == (dark if scheme == "light" else light)
    assert (ground == light) is (scheme == "light")


PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    "<script>parent.hacked = 1</script>"
    "<title>T</title><desc>Line chart of a by b</desc><rect width='9' height='9'/></svg>"
)


def test_the_chart_stands_in_the_place_of_the_table_as_an_image(page):
    open_widget(page)
    page.evaluate("window.isPrompt = false")

    page.get_by_role("button", name="Chart").click()

    (asked,) = page.evaluate("sent")
    assert (asked["command"], asked["dark"]) == ("chart", False)
    assert page.locator(".jv-chart").inner_text() == "Drawing …"
    assert not page.locator(".jv-scroll").is_visible()
    page.evaluate(
        "(svg) => fire('msg:custom', {id: sent[0].id, svg, result_id: 1})",
        PICTURE,
    )
    image = page.get_by_role("img", name="Line chart of a by b")
    assert image.evaluate("(node) => node.decode().then(() => node.naturalWidth)") == 40
    assert page.evaluate("window.hacked") is None
    assert page.get_by_role("button", name="Chart").get_attribute("aria-pressed") == "true"
    page.evaluate("set({result_id: 2})")
    assert [each["command"] for each in page.evaluate("sent")] == ["chart", "chart"]
    page.get_by_role("button", name="Table").click()
    assert first_row(page)[2] == "row 0"
    assert not page.locator(".jv-chart").is_visible()


def test_why_there_is_no_chart_is_said_in_its_place(page):
    open_widget(page)
    page.evaluate("window.isPrompt = false")
    page.get_by_role("button", name="Chart").click()

    page.evaluate("(error) => fire('msg:custom', {id: sent[0].id, error})", EVIL)

    assert page.locator(".jv-chart").inner_text() == EVIL
    assert page.locator("#here img").count() == 0
