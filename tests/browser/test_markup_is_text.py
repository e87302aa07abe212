"""Whatever people store is text wherever it is shown (abuse case A22): checked in the DOM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.abuse.markup import MARKUP

from .lab import Lab
from .screen import Screen

# Elements and attributes that nothing of ours is made of, below a root.
STRANGE = """root => [...document.querySelectorAll(`${root} *`)]
  .filter(element =>
    element.matches(
      'script, iframe, object, embed, base, meta, link, style, video, audio, math, portal, xmp, ' +
      'marquee, plaintext, template, x, [src*=evil], ' +
      '[data-commandlinker-command], [style*=evil]') ||
    (element.localName === 'a' && new URL(element.href).host !== location.host) ||
    [...element.attributes].some(({name}) => name.startsWith('on')))
  .map(element => element.outerHTML.slice(0, 200))"""
PAGE_ELEMENTS = ("header", "main", "footer")
ROOTS = {
    "panel": "#jupyter-views-panel",
    "result": ".jp-ViewsResult",
}


def packed(texts: tuple[str, ...], size: int) -> list[str]:
    """All texts in as few strings of this length as hold them; one that is longer is cut."""
    strings = [""]
    for text in texts:
        if len(strings[-1]) + len(text) + 2 > size:
            strings.append("")
        strings[-1] = f"{strings[-1]} {text}"[:size].lstrip()
    return [each for each in strings if each.strip()]


def literal(text: str, quote: str = "'") -> str:
    """SQL text, or with another quote a name, of any characters; the engine's hold no NUL.

    Two braces in quotes could be meant as a parameter, so a text has them in two parts.
    """
    known = quote + text.replace("\0", "").replace(quote, quote * 2) + quote
    return known.replace("{{", "{' || '{") if quote == "'" else known


def as_shown(text: str) -> str:
    """What HTML keeps of a text: line breaks are of one kind, and NUL is none."""
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def is_harmless(page: Page, root: str) -> bool:
    assert page.evaluate(STRANGE, root) == []
    return True


@pytest.fixture
def screen(kept: Screen) -> Screen:
    """One page for the whole file, with the whole list from its beginning."""
    kept.widen()
    return kept


class Marked:
    """Views and dashboards that are made of the corpus, and their links."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        at = ", ".join(f"({n}, {literal(text)})" for n, text in enumerate(MARKUP))
        self.cells = self._saved(f"SELECT t FROM (VALUES {at}) v(n, t) ORDER BY n", "Cells")
        # Names of one answer differ in more than their case.
        self.names = list({text.replace("\0", "").lower(): text for text in MARKUP}.values())[:100]
        columns = ", ".join(f"1 AS {literal(name or 'empty', chr(34))}" for name in self.names)
        self.heads = self._saved(f"SELECT {columns}", "Heads")
        self.insights = [self._insight(words) for words in packed(MARKUP, 400)]
        body = {"name": "Marked", "insights": [each["id"] for each in self.insights]}
        self.dashboard = self._call("POST", "dashboards", body)["id"]

    def _call(self, verb: str, path: str, body: Any) -> Any:
        return self._lab.call(verb, f"views/api/projects/1/{path}", body)

    def _saved(self, sql: str, name: str) -> str:
        short_id = self._lab.save(sql, name, auto_refresh=False)["short_id"]
        self._lab.call("POST", f"views/api/views/{short_id}/doors/insight", {})
        return short_id

    def _insight(self, words: str) -> dict[str, Any]:
        body = {
            "name": words,
            "description": words,
            "tags": [tag[:100] for tag in words.split(" ") if tag][:50],
            "_create_in_folder": words[:200],
        }
        return self._call("POST", "insights", body)

    def link(self, shared: str) -> str:
        """The address of a link, made where there is none."""
        change = {"enabled": True, "settings": {"show_sql": True, "owner_name": True}}
        token = self._call("PATCH", f"{shared}/sharing", change)["access_token"]
        return f"{self._lab.url}views/shared/{token}"

    def trace(self) -> tuple[str, list[str]]:
        """A view with the corpus in its activity and beside its passwords; their notes too."""
        short_id = self._saved("SELECT 1 AS n", "Traced")
        for words in packed(MARKUP, 400):
            change = {"description": words, "tags": [words[:100]], "_create_in_folder": words[:200]}
            self._call("PATCH", f"insights/{short_id}", change)
        shared = f"insights/{short_id}/sharing"
        self._call("PATCH", shared, {"enabled": True, "password_required": True})
        notes = packed(MARKUP, 100)[:20]
        for note in notes:
            self._call("POST", f"{shared}/passwords", {"note": note})
        return short_id, notes

    def rename(self, name: str) -> str:
        """Give the dashboard another name and description; what is kept of the name."""
        body = {"name": name, "description": name}
        return self._call("PATCH", f"dashboards/{self.dashboard}", body)["name"]


@pytest.fixture(scope="module")
def marked(lab: Lab) -> Marked:
    return Marked(lab)


@pytest.fixture
def visited(browser: Browser, lab: Lab) -> Iterator[Page]:
    """A visitor's page; it asks nobody else, and shows no dialog."""
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        dialogs: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        yield page
        schemes = {url for url in asked if urlsplit(url).scheme != "data"}
        assert {urlsplit(url).port for url in schemes} == {lab.port}
        assert dialogs == []


def pages(page: Page, address: str) -> Iterator[Page]:
    """A page and those that follow it."""
    page.goto(address)
    while True:
        assert is_harmless(page, "body")
        assert page.evaluate("[...document.body.children].map(e => e.localName)") == [
            *PAGE_ELEMENTS
        ]
        yield page
        onward = page.get_by_role("link", name="Next page")
        if not onward.count():
            return
        onward.click()


def test_A22_cells_columns_and_sql_of_a_link_are_text(visited: Page, marked: Marked) -> None:
    cells: list[str] = []
    for page in pages(visited, marked.link(f"insights/{marked.cells}")):
        cells += page.locator("td").all_text_contents()
        assert as_shown(literal(MARKUP[0])) in (page.locator("pre").text_content() or "")
    assert cells == [as_shown(text) for text in MARKUP]

    visited.goto(marked.link(f"insights/{marked.heads}"))
    assert is_harmless(visited, "body")
    named = visited.locator("th").all_text_contents()
    assert named == [
        as_shown(name) if name.strip() else "(no name)"
        for name in (n or "empty" for n in marked.names)
    ]
    for href in visited.locator("th a").evaluate_all("all => all.map(a => a.href)"):
        assert urlsplit(href).path == urlsplit(visited.url).path


def test_A22_names_and_descriptions_of_tiles_are_text(visited: Page, marked: Marked) -> None:
    names: list[str] = []
    told: list[str] = []
    for page in pages(visited, marked.link(f"dashboards/{marked.dashboard}")):
        names += page.locator("h2").all_text_contents()
        told += page.locator(".tile p.description").all_text_contents()

    assert names == [as_shown(each["name"]) for each in marked.insights]
    assert told == [as_shown(each["description"]) for each in marked.insights]


def test_A22_name_and_description_of_a_dashboard_are_text(visited: Page, marked: Marked) -> None:
    address = marked.link(f"dashboards/{marked.dashboard}")
    for words in packed(MARKUP, 200):
        name = marked.rename(words)

        visited.goto(f"{address}?page=99")

        assert visited.locator("h1").text_content() == as_shown(name)
        assert visited.locator("header p.description").text_content() == as_shown(words)
        assert is_harmless(visited, "body")


def test_A22_names_and_descriptions_in_the_sidebar_are_text(screen: Screen, marked: Marked) -> None:
    rows = screen.panel.locator(".jp-ViewsRow")
    expect(rows.first).to_be_visible()
    found: dict[str, tuple[str, str]] = {}
    scroller = screen.panel.locator(".jp-ViewsList")
    while not {each["short_id"] for each in marked.insights} <= found.keys():
        for key, name, title in rows.evaluate_all(
            """rows => rows.map(row => [
              row.dataset.shortId,
              row.querySelector('.jp-ViewsRow-name').textContent,
              row.querySelector('.jp-ViewsRow-open').title,
            ])"""
        ):
            found[key] = (name, title)
        assert is_harmless(screen.page, ROOTS["panel"])
        scroller.evaluate("list => list.scrollBy(0, list.clientHeight / 2)")
        screen.page.evaluate("() => new Promise(requestAnimationFrame)")

    for each in marked.insights:
        name, title = found[each["short_id"]]
        assert name == each["name"]
        assert each["description"] in title
    assert screen.dialogs == []


def test_A22_name_columns_and_cells_of_a_result_are_text(screen: Screen, marked: Marked) -> None:
    for each in (marked.insights[0], marked.insights[-1]):
        screen.command("views:open", id=each["short_id"])
        expect(screen.result.locator("h2")).to_have_js_property("textContent", each["name"])
        expect(screen.result.locator("h2")).to_have_attribute("title", each["description"])
        assert is_harmless(screen.page, ROOTS["result"])

    screen.open_view(marked.cells)
    screen.page.keyboard.press("t")
    cells: list[str] = []
    for first in range(0, len(MARKUP), 100):
        span = f"Rows {first + 1:,} to {min(first + 100, len(MARKUP)):,} of {len(MARKUP):,}"
        expect(screen.result.get_by_role("status").filter(has_text=span)).to_be_visible()
        shown = screen.result.locator("tbody td")
        expect(shown).to_have_count(min(100, len(MARKUP) - first))
        cells += shown.all_text_contents()
        assert is_harmless(screen.page, ROOTS["result"])
        if first + 100 < len(MARKUP):
            screen.result.get_by_role("button", name="Next").click()
    # Line breaks and the like are shown by signs of their own, and long texts are cut.
    plain = [text for text in MARKUP if text.isprintable() and len(text) < 200]
    shown_so = [cell for cell, text in zip(cells, MARKUP, strict=True) if text in set(plain)]
    assert shown_so == plain

    screen.open_view(marked.heads)
    screen.page.keyboard.press("t")
    # The first column counts the rows.
    expect(screen.result.locator("thead th")).to_have_count(1 + len(marked.names))
    assert is_harmless(screen.page, ROOTS["result"])
    assert screen.dialogs == []


def test_A22_the_activity_dialogs_and_menus_are_text(screen: Screen, marked: Marked) -> None:
    short_id, notes = marked.trace()

    screen.open_view(short_id, "activity")
    more = screen.result.get_by_role("button", name="Show older ones")
    while more.count() and more.is_visible():
        more.click()
        screen.page.wait_for_load_state("networkidle")
    expect(screen.result).to_contain_text("alert(1)")
    assert is_harmless(screen.page, ROOTS["result"])

    dialog = screen.page.locator(".jp-Dialog")
    screen.begin("views:share", id=short_id)
    expect(dialog.get_by_text(notes[0], exact=True)).to_be_visible()
    assert is_harmless(screen.page, ".jp-Dialog")
    dialog.get_by_role("button", name="Close").click()
    screen.begin("views:details", id=short_id)
    expect(dialog.get_by_label("Description")).not_to_be_empty()
    assert is_harmless(screen.page, ".jp-Dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)

    screen.panel.get_by_role("button", name="Filter views").click()
    for title in ("Folder", "Tag"):
        screen.page.locator(".lm-Menu-item", has_text=title).last.hover()
        expect(screen.page.locator(".lm-Menu")).to_have_count(2)
        assert is_harmless(screen.page, ".lm-Menu")
    assert screen.dialogs == []


def test_A22_the_text_of_an_error_is_text(screen: Screen, lab: Lab) -> None:
    short = tuple(text for text in MARKUP if len(text) < 80)
    views = []
    for at, words in enumerate(packed(short, 2000)):
        lab.write("switch.csv", "n\n0\n")
        fault = f"CASE WHEN n > 0 THEN ({literal(words)} || n)::INTEGER ELSE 0 END AS e"
        views.append(lab.save(f"SELECT {fault} FROM 'switch.csv'", f"Fault {at}"))
    lab.write("switch.csv", "n\n1\n")
    for view in views:
        lab.refresh(view["short_id"])
    # The list is longer than what is drawn of it.
    screen.panel.get_by_label("Search views").fill("Fault")
    for view in views:
        expect(screen.badge(view["name"])).to_have_text("Failed")
        screen.command("views:open", id=view["short_id"])
        expect(screen.result).to_contain_text("Failed")
        assert is_harmless(screen.page, ROOTS["result"])
        assert is_harmless(screen.page, ROOTS["panel"])
    expect(screen.result).to_contain_text("alert(1)")
    assert screen.dialogs == []
