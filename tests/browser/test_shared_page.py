"""The page of a link in a real browser: readable by everybody, harmless whatever it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from .lab import Lab

CORPUS: list[str] = json.loads((Path(__file__).parents[1] / "abuse/xss_corpus.json").read_text())
PASSWORD = "correct horse"
# What a script in the page would try: who am I, what do I know, what may I do?
PROBE = """async () => {
  const tried = {origin: self.origin};
  for (const [name, act] of Object.entries({
    cookie: () => document.cookie,
    storage: () => localStorage.length,
    session: () => sessionStorage.length,
    api: async () => (await fetch(API, {credentials: 'include'})).status,
    kernel: async () => (await fetch(API, {method: 'POST', credentials: 'include'})).status,
    image: () => new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve('loaded');
      image.onerror = () => reject(new Error('refused'));
      image.src = PICTURE;
    }),
    worker: () => new Worker('data:text/javascript,1') && 'started',
  })) {
    try { tried[name] = await act(); } catch (error) { tried[name] = error.name; }
  }
  return tried;
}"""
SCRIPT = """<script>window.ran = 1;</script>
<img src="x" onerror="window.ran = 2"><iframe srcdoc="<script>parent.ran = 3</script>"></iframe>"""


class Shared:
    """A view with a link, on a server of its own."""

    def __init__(self, lab: Lab, sql: str, name: str, **settings: Any) -> None:
        self._lab = lab
        view = lab.save(sql, name, auto_refresh=False)
        lab.call("POST", f"views/api/views/{view['short_id']}/doors/insight", {})
        self._sharing = f"views/api/projects/1/insights/{view['short_id']}/sharing"
        found = self.change(enabled=True, settings=settings)
        self.token = found["access_token"]
        self.url = f"{lab.url}views/shared/{self.token}"

    def change(self, **values: Any) -> Any:
        return self._lab.call("PATCH", self._sharing, values)

    def protect(self) -> None:
        self.change(password_required=True)
        self._lab.call("POST", f"{self._sharing}/passwords", {"raw_password": PASSWORD})


class Visitor:
    """Somebody with a browser, and what it asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._note_dialog)

    def _note_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def cells(self) -> list[str]:
        return self.page.locator("td").all_text_contents()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def visitor(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visitor]:
    """Nobody that the server knows."""
    with browser.new_context(java_script_enabled=request.param) as context:
        visitor = Visitor(context)
        yield visitor
        assert visitor.dialogs == []


@pytest.fixture
def signed_in(browser: Browser, lab: Lab) -> Iterator[Visitor]:
    """The person who runs the server, whose browser may do everything."""
    with browser.new_context() as context:
        visitor = Visitor(context)
        visitor.page.goto(f"{lab.url}api/me?token={lab.token}")
        visitor.requests.clear()
        yield visitor


def literal(text: str) -> str:
    """SQL text with any characters; the engine's strings hold no NUL."""
    quoted = text.replace("'", "''").replace("\0", "")
    return f"'{quoted}'"


def quoted(name: str) -> str:
    """A column's name in SQL."""
    doubled = name.replace('"', '""').replace("\0", "")
    return f'"{doubled}"'


def as_shown(text: str) -> str:
    """What HTML keeps of a text: line breaks are of one kind, and NUL is none."""
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def test_it_is_read_paged_and_sorted_by_links_alone(visitor, lab):
    shared = Shared(lab, "SELECT range AS n, 'row ' || range AS t FROM range(250)", "Paged")
    page = visitor.page

    page.goto(shared.url)
    expect(page.get_by_role("heading", name="Paged")).to_be_visible()
    page.get_by_role("link", name="Next page").click()
    assert visitor.cells()[0] == "100"
    page.get_by_role("link", name="n", exact=True).click()
    page.get_by_role("link", name="n", exact=True).click()
    assert visitor.cells()[0] == "249"
    expect(page.get_by_role("columnheader", name="n", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("link", name="Next page").click()
    assert visitor.cells()[0] == "149"


def test_it_asks_for_nothing_but_itself(visitor, lab):
    shared = Shared(lab, "SELECT 1 AS n", "Alone", downloads=True, show_sql=True)

    answer = visitor.page.goto(shared.url)
    visitor.page.wait_for_load_state("networkidle")

    assert visitor.requests == [shared.url]
    assert len(answer.body()) < 100_000
    assert visitor.page.context.cookies() == []


def test_a_password_opens_it_and_every_page_and_file_of_it(visitor, lab):
    shared = Shared(lab, "SELECT range AS n FROM range(150)", "Guarded", downloads=True)
    shared.protect()
    page = visitor.page

    page.goto(shared.url)
    field = page.get_by_label("Password")
    expect(field).to_be_focused()
    field.fill("wrong horse")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("Incorrect password")
    expect(field).to_be_focused()
    field.fill(PASSWORD)
    field.press("Enter")

    expect(page.get_by_role("heading", name="Guarded")).to_be_visible()
    assert page.url == shared.url
    page.get_by_role("link", name="Next page").click()
    assert visitor.cells()[0] == "100"
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("guarded_")
    assert Path(download.value.path()).read_text().startswith("n\n0\n1\n")
    page.get_by_role("link", name="JSON").click()
    assert PASSWORD not in page.content()
    assert "Guarded" in page.content()


def test_a_link_that_is_none_says_so(visitor, lab):
    visitor.page.goto(f"{lab.url}views/shared/vs_nothing")

    expect(visitor.page.get_by_role("heading")).to_have_text(
        "This link does not exist or is no longer shared."
    )


def test_A22_every_payload_of_the_corpus_is_text_in_cells_headers_and_sql(visitor, lab):
    cells = ", ".join(f"({at}, {literal(text)})" for at, text in enumerate(CORPUS))
    columns = ", ".join(f"1 AS {quoted(text)}" for text in CORPUS)
    in_order = f"SELECT t FROM (VALUES {cells}) v(at, t) ORDER BY at"
    rows = Shared(lab, in_order, "Cells", show_sql=True)
    heads = Shared(lab, f"SELECT {columns}", "Heads")
    page = visitor.page

    shown = []
    page.goto(rows.url)
    while True:
        shown += visitor.cells()
        if not page.get_by_role("link", name="Next page").count():
            break
        page.get_by_role("link", name="Next page").click()
    assert shown == [as_shown(text) for text in CORPUS]
    page.goto(heads.url)
    named = page.locator("th").all_text_contents()
    assert named == [as_shown(text) if text.strip() else "(no name)" for text in CORPUS][:100]
    for each in page.locator("th a").all()[:100:9]:
        assert urlsplit(each.get_attribute("href") or "").path == ""
    assert page.locator("main, header, footer").locator("script, img, svg, style").count() == 0
    foreign = [url for url in visitor.requests if urlsplit(url).port != lab.port]
    assert foreign == []


def test_A22_every_payload_is_text_as_name_and_description(visitor, lab):
    shared = Shared(lab, "SELECT 1 AS n", "Names", owner_name=True)
    slug = "names"
    for at in range(0, len(CORPUS), 6):
        some = CORPUS[at : at + 6]
        name = " ".join(some)[:200].strip() or "x"
        body = {"name": name, "description": "\n".join(some)}
        lab.call("PUT", f"views/api/v1/perspectives/{slug}", body)

        visitor.page.goto(shared.url)

        heading = visitor.page.get_by_role("heading", level=1)
        assert heading.text_content() == as_shown(name)
        assert visitor.page.locator("body > *").count() == 3
        assert visitor.page.locator("script, img, iframe, form, link[href*=evil]").count() == 0
    assert {urlsplit(url).port for url in visitor.requests} == {lab.port}


def test_A20_a_script_in_the_page_would_be_nobodys(signed_in, lab):
    """Even for the person who runs the server, and may do everything."""
    shared = Shared(lab, "SELECT 1 AS n", "Probed")
    probe = PROBE.replace("API", json.dumps(f"{lab.url}api/kernels")).replace(
        "PICTURE", json.dumps(f"{lab.url}favicon.ico")
    )

    signed_in.page.goto(shared.url)
    tried = signed_in.page.evaluate(probe)

    assert tried == {
        "origin": "null",
        "cookie": "SecurityError",
        "storage": "SecurityError",
        "session": "SecurityError",
        "api": "TypeError",
        "kernel": "TypeError",
        "image": "Error",
        "worker": "SecurityError",
    }
    assert lab.call("GET", "api/kernels") == []


@pytest.mark.parametrize("has_headers", [True, False])
def test_A20_markup_that_got_in_does_not_run(signed_in, lab, has_headers):
    """The page as it is sent, with a script put into it on the way; without its headers it runs."""
    shared = Shared(lab, "SELECT 1 AS n", f"Injected {has_headers}")

    def inject(route: Route) -> None:
        answer = route.fetch()
        headers = dict(answer.headers)
        if not has_headers:
            del headers["content-security-policy"]
        body = answer.text().replace("</main>", f"{SCRIPT}</main>")
        assert SCRIPT in body
        route.fulfill(status=200, headers=headers, body=body)

    signed_in.page.route(shared.url, inject)
    signed_in.page.goto(shared.url)
    signed_in.page.wait_for_timeout(500)

    assert (signed_in.page.evaluate("() => window.ran ?? null") is None) is has_headers


def test_A20_without_its_headers_the_page_would_reach_the_api(signed_in, lab):
    """What the probe above is worth: the same browser, the same address, no headers."""
    shared = Shared(lab, "SELECT 1 AS n", "Bare")

    def strip(route: Route) -> None:
        answer = route.fetch()
        headers = {k: v for k, v in answer.headers.items() if k != "content-security-policy"}
        route.fulfill(status=200, headers=headers, body=answer.text())

    signed_in.page.route(shared.url, strip)
    signed_in.page.goto(shared.url)

    status = signed_in.page.evaluate(
        "async url => (await fetch(url, {credentials: 'include'})).status", f"{lab.url}api/kernels"
    )
    assert status == 200


@pytest.mark.parametrize("room", ["shared", "embedded"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_frames_are_for_the_sites_that_the_owner_names(browser, lab, room, host):
    shared = Shared(lab, "SELECT 42 AS n", f"Framed {room} {host}")
    if host == "localhost":
        shared.change(settings={"embed_origins": [f"http://localhost:{lab.port}"]})
    inner = shared.url.replace("/shared/", f"/{room}/")
    with browser.new_context() as context:
        page = context.new_page()
        outer = f"http://{host}:{lab.port}/outer.html"
        page.route(
            outer,
            lambda route: route.fulfill(
                content_type="text/html", body=f'<iframe src="{inner}" width="600"></iframe>'
            ),
        )
        page.goto(outer)
        page.wait_for_load_state("networkidle")

        texts = page.frame_locator("iframe").locator("td").all_text_contents()

    assert texts == (["42"] if room == "embedded" else [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280, 3840])
def test_axe_objects_to_nothing(browser, lab, scheme, width):
    sql = "SELECT range AS n, NULL AS nothing, repeat('long text ', 40) AS t FROM range(150)"
    settings = {"downloads": True, "show_sql": True, "owner_name": True}
    shared = Shared(lab, sql, f"Looked at {scheme} {width}", **settings)
    guarded = Shared(lab, sql, f"Guarded {scheme} {width}")
    guarded.protect()
    with browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as context:
        page = context.new_page()
        for url in (f"{shared.url}?sort=n", guarded.url, f"{lab.url}views/shared/vs_nothing"):
            page.goto(url)
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            overflow = "() => document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(overflow) <= 0


def test_the_owner_may_choose_the_colours(browser, lab):
    shared = Shared(lab, "SELECT 1 AS n", "Dark", theme="dark")
    with browser.new_context(color_scheme="light") as context:
        page = context.new_page()
        page.goto(shared.url)
        colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    assert colour == "rgb(15, 20, 26)"
