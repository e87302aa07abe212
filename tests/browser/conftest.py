"""A browser, a server and a page for every scenario.

The fixtures are per module, not per session: Playwright's synchronous side
keeps an event loop running in this thread, which no other module's
asynchronous tests would survive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

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


VIEWPORT = {"width": 1280, "height": 800}
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
def chromium() -> dict[str, Any]:
    """Which one, and how to start it."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail("No Chromium on PATH: `make test` installs one, or install it by hand.")
    expect.set_options(timeout=PATIENCE_MS)
    return {"executable_path": found, "args": list(CHROMIUM_FLAGS)}


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: dict[str, Any]) -> Iterator[Browser]:
    """For visitors: each gets a context of its own, with nothing remembered."""
    browser = playwright.chromium.launch(**chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def profile(
    playwright: Playwright, chromium: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A browser with a profile on disk, which keeps the scripts that it has compiled once.

    To compile JupyterLab anew for each page takes longer than most tests.
    """
    profile = playwright.chromium.launch_persistent_context(
        tmp_path_factory.mktemp("profile"),
        **chromium,
        viewport=VIEWPORT,
        locale="en-GB",
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield profile
    profile.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def page(profile: BrowserContext, lab: Lab) -> Iterator[Page]:
    """A page of somebody who has never been on this server."""
    page = profile.new_page()
    yield page
    page.close()
    profile.clear_cookies()
    blank = profile.new_cdp_session(profile.pages[0])
    blank.send("Storage.clearDataForOrigin", {"origin": lab.url[:-1], "storageTypes": "all"})
    blank.detach()


@pytest.fixture
def screen(page: Page, lab: Lab) -> Iterator[Screen]:
    """The page on this module's server; no request may leave it, no error of ours stay uncaught."""
    screen = Screen(page, lab)
    yield screen
    assert screen.foreign_requests == []
    assert screen.own_errors == []


@pytest.fixture(scope="module")
def loaded(profile: BrowserContext, lab: Lab) -> Iterator[Screen]:
    """One page for a whole file: to load JupyterLab takes longer than most tests."""
    page = profile.new_page()
    screen = Screen(page, lab)
    screen.open_sidebar()
    yield screen
    page.close()


@pytest.fixture
def kept(loaded: Screen) -> Iterator[Screen]:
    """The file's page with its sidebar, and nothing open: for tests that need no fresh one."""
    loaded.page.set_viewport_size(VIEWPORT)
    loaded.empty()
    yield loaded
    assert loaded.foreign_requests == []
    assert loaded.own_errors == []
