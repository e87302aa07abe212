"""A browser, a server and a page for every scenario.

The fixtures are per module, not per session: Playwright's synchronous side
keeps an event loop running in this thread, which no other module's
asynchronous tests would survive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from .lab import Lab
from .screen import Screen

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# How long a busy machine may take for what has no budget of its own.
PATIENCE_MS = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """No loop of the server's own test fixtures beside Playwright's."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing to clean up: these servers are other processes."""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail("No Chromium on PATH: `make test` installs one, or install it by hand.")
    expect.set_options(timeout=PATIENCE_MS)
    browser = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_FLAGS))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def screen(page: Page, lab: Lab) -> Iterator[Screen]:
    """The page on this module's server; no request may leave it, no error of ours stay uncaught."""
    screen = Screen(page, lab)
    yield screen
    assert screen.foreign_requests == []
    assert screen.own_errors == []
