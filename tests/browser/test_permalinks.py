"""Permalinks in a real browser: the login and back, JupyterLab on the view, the page on its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .lab import Lab


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    """Somebody who has not signed in yet."""
    context = browser.new_context(viewport={"width": 1000, "height": 700}, locale="en-GB")
    yield context.new_page()
    context.close()


def sign_in(page: Page, lab: Lab) -> None:
    page.get_by_label("Password or token:").fill(lab.token)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_permalink_leads_through_the_login_to_jupyterlab_on_the_view(reader: Page, lab: Lab):
    lab.save("SELECT 7 AS lucky", "Lucky number", auto_refresh=False)

    reader.goto(f"{lab.url}views/p/lucky-number")
    sign_in(reader, lab)

    expect(reader.get_by_role("tab", name="Lucky number")).to_be_visible()


def test_the_page_of_a_reference_can_be_leafed_through_asked_and_saved(reader: Page, lab: Lab):
    body = {"sql": "SELECT range AS n FROM range($upto) ORDER BY n", "params": {"upto": 250}}
    query = lab.call("POST", "views/api/queries", body, wait=30)
    made = {"queryId": query["id"], "title": "All numbers"}
    short_id = lab.call("POST", "views/api/queries/refs", made)["shortId"]

    reader.goto(f"{lab.url}views/q/{short_id}")
    sign_in(reader, lab)
    expect(reader.get_by_role("heading", name="All numbers")).to_be_visible()
    expect(reader.locator("caption")).to_have_text("Rows 1 to 100 of 250")
    # The page's origin is its own, and yet its links are followed in the reader's name.
    reader.get_by_role("link", name="Next page").click()
    expect(reader.locator("caption")).to_have_text("Rows 101 to 200 of 250")
    reader.get_by_label("upto").fill("3")
    reader.get_by_role("button", name="Show").click()
    expect(reader.locator("td")).to_have_text(["0", "1", "2"])
    with reader.expect_download() as saved:
        reader.get_by_role("link", name="CSV").click()
    assert saved.value.path().read_text() == "n\n0\n1\n2\n"
    reader.get_by_role("link", name="Back to the first values").click()
    expect(reader.locator("caption")).to_have_text("Rows 1 to 100 of 250")


def test_the_plain_page_of_a_view_leads_to_jupyterlab(reader: Page, lab: Lab):
    lab.save("SELECT 8 AS n", "Plain eight", auto_refresh=False)

    reader.goto(f"{lab.url}views/p/plain-eight?plain=true")
    sign_in(reader, lab)
    expect(reader.locator("td")).to_have_text(["8"])
    reader.get_by_role("link", name="Open in JupyterLab").click()

    expect(reader.get_by_role("tab", name="Plain eight")).to_be_visible()
