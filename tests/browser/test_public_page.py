"""The page of a link in a real browser: readable by everybody, harmless whatever it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from .lab import Lab

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
    image: async () => {
      const image = new Image();
      image.src = PICTURE;
      await image.decode();
      return 'loaded';
    },
  })) {
    try { tried[name] = await act(); } catch (error) { tried[name] = error.name; }
  }
  return tried;
}"""
SCRIPT = """<script>window.ran = 1;</script>
<img src="x" onerror="window.ran = 2"><iframe srcdoc="<script>parent.ran = 3</script>"></iframe>"""

# Views of one server have names of their own.
_NUMBERS = count(1)


class Shared:
    """A view with a link, on a server of its own."""

    def __init__(
        self, lab: Lab, sql: str, name: str, params: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        self._lab = lab
        self.name = f"{name} {next(_NUMBERS)}"
        view = lab.save(sql, self.name, params=params, auto_refresh=False)
        lab.call("POST", f"views/api/views/{view['short_id']}/doors/insight", {})
        self.short_id = view["short_id"]
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


def test_it_is_read_paged_and_sorted_by_links_alone(visitor, lab):
    shared = Shared(lab, "SELECT range AS n, 'row ' || range AS t FROM range(250)", "Paged")
    page = visitor.page

    page.goto(shared.url)
    expect(page.get_by_role("heading", name=shared.name, exact=True)).to_be_visible()
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


def test_values_are_chosen_in_a_form_that_needs_no_script(visitor, lab):
    sql = "SELECT $region AS region, $least + n AS n FROM range(150) t(n)"
    own = {"region": "EU", "least": 10}
    shared = Shared(lab, sql, "Chosen", own, parameters=list(own))
    page = visitor.page

    page.goto(shared.url)
    page.get_by_label("region").fill("US & <b>")
    page.get_by_label("least").fill("20")
    page.get_by_role("button", name="Show").click()

    assert visitor.cells()[:2] == ["US & <b>", "20"]
    page.get_by_role("link", name="Next page").click()
    assert visitor.cells()[:2] == ["US & <b>", "120"]
    expect(page.get_by_label("region")).to_have_value("US & <b>")
    page.get_by_role("link", name="Back to the first values").click()
    assert visitor.cells()[:2] == ["EU", "10"]
    page.goto(f"{shared.url}?p.least=many")
    expect(page.get_by_label("least")).to_have_value("many")
    expect(page.get_by_label("least")).to_have_accessible_description(
        "least must be a whole number."
    )


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
    field.fill("wrong horse")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("Incorrect password")
    field.fill(PASSWORD)
    field.press("Enter")

    expect(page.get_by_role("heading", name=shared.name, exact=True)).to_be_visible()
    assert page.url == shared.url
    page.get_by_role("link", name="Next page").click()
    assert visitor.cells()[0] == "100"
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("guarded-")
    assert Path(download.value.path()).read_text().startswith("n\n0\n1\n")
    page.get_by_role("link", name="JSON").click()
    assert PASSWORD not in page.content()
    assert "Guarded" in page.content()


def test_a_link_that_is_none_says_so(visitor, lab):
    visitor.page.goto(f"{lab.url}views/shared/vs_nothing")

    expect(visitor.page.get_by_role("heading")).to_have_text(
        "This link does not exist or is no longer shared."
    )


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
        "image": "EncodingError",
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

    assert (signed_in.page.evaluate("() => window.ran ?? null") is None) is has_headers


def test_A20_without_its_headers_the_page_would_reach_the_api(signed_in, lab):
    """What the probe above is worth: the same browser, the same address, no headers."""
    shared = Shared(lab, "SELECT 1 AS n", "Bare")

    signed_in.page.route(shared.url, without_policy)
    signed_in.page.goto(shared.url)

    status = signed_in.page.evaluate(
        "async url => (await fetch(url, {credentials: 'include'})).status", f"{lab.url}api/kernels"
    )
    assert status == 200


def without_policy(route: Route) -> None:
    """The page as it is sent, without the header that keeps even the timers of a tool from it."""
    answer = route.fetch()
    headers = {k: v for k, v in answer.headers.items() if k != "content-security-policy"}
    route.fulfill(status=answer.status, headers=headers, body=answer.text())


class OtherSite:
    """Another site on this machine, all of whose pages frame the address behind the mark."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                inner = self.path.partition("?")[2]
                body = f'<!doctype html><title>x</title><iframe src="{inner}"></iframe>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def other_site() -> Iterator[OtherSite]:
    site = OtherSite()
    thread = Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def test_frames_are_for_the_sites_that_the_owner_names(browser, lab, other_site):
    shared = Shared(lab, "SELECT 42 AS n", "Framed")
    embedded = shared.url.replace("/shared/", "/embedded/")
    with browser.new_context() as context:
        page = context.new_page()
        refusals: list[str] = []
        page.on("console", lambda said: refusals.append(said.text))
        cells = page.frame_locator("iframe").locator("td")

        def framed(inner: str) -> None:
            refusals.clear()
            page.goto(f"{other_site.origin}/?{inner}")

        def is_refused() -> None:
            page.wait_for_load_state("networkidle")
            expect(cells).to_have_count(0)
            assert any("frame-ancestors" in text for text in refusals), refusals

        framed(embedded)
        is_refused()
        shared.change(settings={"embed_origins": [other_site.origin]})
        framed(embedded)
        expect(cells).to_have_text(["42"])
        framed(shared.url)
        is_refused()


@pytest.fixture(scope="module")
def looked_at(lab: Lab) -> list[str]:
    """Addresses of every kind of page that visitors meet."""
    sql = (
        "SELECT DATE '2024-01-01' + range::INTEGER AS day, range AS n, NULL AS nothing, "
        "repeat('long text ', 40) AS t FROM range(104)"
    )
    settings = {"downloads": True, "show_sql": True, "owner_name": True}
    shared = Shared(lab, sql, "Looked at", **settings)
    own = {"a_region": "EU", "least": 10, "day": "2026-11-30", "whole": True}
    chosen = Shared(
        lab,
        "SELECT $a_region, $least, $day, $whole",
        "Chosen from",
        own,
        parameters=list(own),
        **settings,
    )
    guarded = Shared(lab, sql, "Guarded")
    guarded.protect()
    insights = [
        lab.call("GET", f"views/api/projects/1/insights/{each.short_id}")["id"]
        for each in (shared, guarded, Shared(lab, "SELECT 42 AS answer", "One"))
    ]
    body = {"name": "Board", "description": "Of some views", "insights": insights}
    board = lab.call("POST", "views/api/projects/1/dashboards", body)
    link = lab.call(
        "PATCH",
        f"views/api/projects/1/dashboards/{board['id']}/sharing",
        {"enabled": True, "settings": settings},
    )
    dashboard = f"{lab.url}views/shared/{link['access_token']}"
    tile = f"{dashboard}?tile={board['tiles'][2]['id']}"
    nothing = f"{lab.url}views/shared/vs_nothing"
    # A last page, for its few cells are as many kinds as a hundred rows are.
    mistaken = f"{chosen.url}?p.least=many"
    return [
        f"{shared.url}?page=2&sort=n",
        chosen.url,
        mistaken,
        guarded.url,
        nothing,
        dashboard,
        tile,
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 2560])
def test_axe_objects_to_nothing(browser, looked_at, scheme, width):
    with browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as context:
        page = context.new_page()
        page.route("**/shared/**", without_policy)
        for url in looked_at:
            answer = page.goto(url)
            assert answer is not None
            assert len(answer.body()) < 100_000
            found = Axe().run(page)
            assert found.violations_count == 0, (url, found.generate_report())
            overflow = "() => document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(overflow) <= 0


def test_the_owner_may_choose_the_colours(browser, lab):
    shared = Shared(lab, "SELECT 1 AS n", "Dark", theme="dark")
    with browser.new_context(color_scheme="light") as context:
        page = context.new_page()
        page.goto(shared.url)
        colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    assert colour == "rgb(15, 20, 26)"
