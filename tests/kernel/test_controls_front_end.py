"""The controls of a widget in a real browser: one for each parameter, by keyboard and mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .front_end import EVIL, open_widget

pytestmark = pytest.mark.browser

PARAMETERS = [
    {"name": "region", "type": "enum", "displayName": "Region", "options": ["EU", "US"],
     "description": "Where it was sold", "required": False, "value": "EU"},
    {"name": "city", "type": "query-enum", "displayName": "City", "options": ["Rome", "Oslo"],
     "required": False, "value": None},
    {"name": "several", "type": "multi-enum", "displayName": "Kinds", "options": ["a", "b", "c"],
     "required": False, "value": ["a"]},
    {"name": "least", "type": "integer", "displayName": "Least", "min": 0, "max": 9,
     "required": False, "value": 5},
    {"name": "rate", "type": "number", "displayName": "Rate", "required": False, "value": 0.5},
    {"name": "on", "type": "boolean", "displayName": "Only new", "required": False, "value": False},
    {"name": "day", "type": "date-picker", "displayName": "Day", "required": False,
     "defaultValue": "today-7d", "value": "2026-11-23", "max": "2026-11-30"},
    {"name": "at", "type": "datetime-picker", "displayName": "At", "required": False,
     "timezone": "Europe/Berlin", "value": "2026-11-23T12:00:00"},
    {"name": "span", "type": "date-range", "displayName": "Days", "required": False,
     "value": {"start": "2026-01-01", "end": "2026-11-30"}},
    {"name": "who", "type": "text", "displayName": "Who", "required": False, "value": "ana"},
]  # fmt: skip


def saved(page: Page) -> list[dict]:
    return page.evaluate("saved")


def stop_the_clock(page: Page) -> None:
    """Time goes on only where a test says so."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)


def settled(page: Page, count: int) -> dict:
    """The last values, once so many were sent."""
    page.wait_for_function("(count) => saved.length >= count", arg=count)
    found = saved(page)
    assert len(found) == count
    return found[-1]


def test_each_parameter_has_a_control_with_label_help_and_bounds(page):
    open_widget(page, parameters=PARAMETERS)

    form = page.get_by_role("form", name="Parameters")
    region = form.get_by_role("combobox", name="Region")
    assert region.locator("option:checked").inner_text() == "EU"
    assert region.evaluate(
        "(n) => n.getAttribute('aria-describedby').split(' ').map("
        "(id) => document.getElementById(id).textContent)"
    ) == ["Where it was sold", ""]
    assert form.get_by_role("combobox", name="City").locator("option").all_inner_texts() == [
        "—", "Rome", "Oslo",
    ]  # fmt: skip
    kinds = form.get_by_role("group", name="Kinds").get_by_role("checkbox")
    assert [each.is_checked() for each in kinds.all()] == [True, False, False]
    least = form.get_by_role("spinbutton", name="Least")
    assert [least.get_attribute(a) for a in ("step", "min", "max")] == ["1", "0", "9"]
    assert form.get_by_role("spinbutton", name="Rate").get_attribute("step") == "any"
    assert not form.get_by_role("checkbox", name="Only new").is_checked()
    day = form.get_by_label("Day", exact=True)
    assert (day.get_attribute("type"), day.input_value()) == ("date", "2026-11-23")
    assert day.get_attribute("max") == "2026-11-30"
    at = form.get_by_label("At", exact=True)
    assert (at.get_attribute("type"), at.input_value()) == ("datetime-local", "2026-11-23T12:00")
    assert "Europe/Berlin" in form.inner_text()
    ends = [form.get_by_label(f"Days, {word}") for word in ("from", "to")]
    assert [end.input_value() for end in ends] == ["2026-01-01", "2026-11-30"]
    assert form.get_by_role("textbox", name="Who").input_value() == "ana"
    assert form.get_by_role("button", name="Reset").count() == 0
    assert saved(page) == []


def test_without_parameters_there_is_no_form(page):
    open_widget(page)

    assert not page.locator(".jv-controls").is_visible()


def test_every_kind_of_value_is_sent_as_the_json_of_its_type(page):
    open_widget(page, parameters=PARAMETERS)

    page.get_by_label("Region").select_option(label="US")
    page.get_by_label("City").select_option(label="Oslo")
    page.get_by_role("group", name="Kinds").get_by_label("c").check()
    page.get_by_label("Least").fill("7")
    page.get_by_label("Rate").fill("0.25")
    page.get_by_label("Only new").check()
    page.get_by_label("Day", exact=True).fill("2026-11-01")
    page.get_by_label("At", exact=True).fill("2026-11-01T08:30:00")
    page.get_by_label("Days, from").fill("2026-02-01")
    page.get_by_label("Who").fill("it's; DROP")
    page.get_by_label("Who").press("Enter")

    assert settled(page, len(saved(page)) or 1) == {
        "region": "US", "city": "Oslo", "several": ["a", "c"], "least": 7, "rate": 0.25,
        "on": True, "day": "2026-11-01", "at": "2026-11-01T08:30:00",
        "span": {"start": "2026-02-01", "end": "2026-11-30"}, "who": "it's; DROP",
    }  # fmt: skip


def test_typing_sends_nothing_until_enter_and_choices_together_once(page):
    stop_the_clock(page)
    open_widget(page, parameters=PARAMETERS)

    page.get_by_label("Who").press("End")
    page.get_by_label("Who").press_sequentially("bert")
    page.clock.run_for(1000)
    assert saved(page) == []
    page.keyboard.press("Enter")
    assert saved(page) == [{"who": "anabert"}]

    for label in ("b", "c"):
        page.get_by_role("group", name="Kinds").get_by_label(label).check()
    assert len(saved(page)) == 1
    page.clock.run_for(400)
    assert saved(page)[1:] == [{"several": ["a", "b", "c"], "who": "anabert"}]


def test_all_controls_are_reached_and_worked_by_keyboard(page):
    open_widget(page, parameters=[PARAMETERS[0], PARAMETERS[2], PARAMETERS[5]])
    page.get_by_label("Region").focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    page.wait_for_function("saved.length > 0 && saved.at(-1).on === true")
    assert saved(page)[-1] == {"region": "US", "several": ["a", "b"], "on": True}
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    page.keyboard.press("Enter")
    assert saved(page)[-1] == {}
    assert page.get_by_label("Region").evaluate("(n) => n === document.activeElement")
    assert page.get_by_role("button", name="Reset").count() == 0


def test_values_of_python_move_the_controls_and_words_for_days_stand_as_text(page):
    open_widget(page, parameters=PARAMETERS)

    page.evaluate(
        "set({values: {region: 'US', least: 2, several: [], on: true, day: 'today-1d', "
        "span: {start: '2026-05-01', end: 'today'}}})"
    )

    assert page.get_by_label("Region").locator("option:checked").inner_text() == "US"
    assert page.get_by_label("Least").input_value() == "2"
    assert page.get_by_label("Only new").is_checked()
    day = page.get_by_label("Day", exact=True)
    assert (day.get_attribute("type"), day.input_value()) == ("text", "today-1d")
    assert page.get_by_label("Days, to").input_value() == "today"
    page.get_by_role("button", name="Reset").click()
    assert (day.get_attribute("type"), day.input_value()) == ("date", "2026-11-23")
    assert saved(page) == [{}]


def test_a_problem_stands_at_its_control_and_nowhere_twice(page):
    open_widget(page, parameters=PARAMETERS)
    sentence = "least must be a value from 0 up to 9."

    page.evaluate(
        "(text) => set({values: {least: 10}, problems: {least: text}, error: text})", sentence
    )

    least = page.get_by_label("Least")
    assert least.get_attribute("aria-invalid") == "true"
    assert sentence in least.evaluate(
        "(n) => n.getAttribute('aria-describedby').split(' ').map("
        "(id) => document.getElementById(id).textContent).join('')"
    )
    assert page.get_by_text(sentence).count() == 1
    page.evaluate("set({problems: {planet: 'No such planet.'}, error: 'No such planet.'})")
    assert least.get_attribute("aria-invalid") is None
    assert page.locator(".jv-error").inner_text() == "No such planet."


def test_what_is_done_at_once_was_never_busy(page):
    stop_the_clock(page)
    open_widget(page, parameters=PARAMETERS)

    page.evaluate("set({is_running: true, status_text: 'Refreshing'})")
    page.clock.run_for(200)
    assert page.locator(".jv-badge").inner_text().endswith("Fresh")
    page.evaluate("set({is_running: false, status_text: 'Fresh'})")
    page.clock.run_for(1000)
    assert page.locator(".jv-badge").inner_text().endswith("Fresh")

    page.evaluate("set({is_running: true})")
    page.clock.run_for(300)
    assert "Refreshing 0 s" in page.locator(".jv-badge").inner_text()
    assert page.locator(".jv-widget").get_attribute("aria-busy") == "true"
    assert page.get_by_role("button", name="Cancel").is_visible()


def test_names_options_help_and_problems_are_text(page):
    evil = {
        "name": "x", "displayName": EVIL, "description": EVIL, "required": False, "value": EVIL,
    }  # fmt: skip
    open_widget(
        page,
        parameters=[
            {**evil, "type": "enum", "options": [EVIL, "b"]},
            {**evil, "name": "y", "type": "multi-enum", "options": [EVIL], "value": [EVIL]},
            {**evil, "name": "__proto__", "type": "text"},
        ],
        values={"x": EVIL}, problems={"x": EVIL, "y": EVIL}, error=EVIL,
    )  # fmt: skip
    page.wait_for_timeout(200)

    assert page.evaluate("window.hacked") is None
    assert page.locator("#here img").count() == 0
    assert page.locator(".jv-problem").first.inner_text() == EVIL


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1000])
def test_it_fits_and_can_be_read_in_both_schemes(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    open_widget(page, parameters=PARAMETERS, problems={"least": "least must be a whole number."})

    form = page.locator(".jv-controls")
    assert form.evaluate("(n) => n.scrollWidth <= n.clientWidth")
    from axe_playwright_python.sync_playwright import Axe

    violations = Axe().run(page, context=".jv-widget").response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []
