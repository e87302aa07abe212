from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from playwright.sync_api import Page, sync_playwright

from .front_end import STYLE
from .live import LiveKernel, LiveServer, a_server


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """A fresh shell without history on disk."""
    InteractiveShell.clear_instance()
    fresh = InteractiveShell.instance()
    fresh.history_manager.enabled = False
    yield fresh
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """No loop of the host's own fixtures: these servers and kernels are other processes."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing of the host's own fixtures to clean up."""


@pytest.fixture(scope="session")
def server_process(tmp_path_factory) -> Iterator[LiveServer]:
    with a_server(tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture(scope="session")
def kernel_process(server_process) -> Iterator[LiveKernel]:
    kernel = LiveKernel(server_process)
    kernel.run("%load_ext jupyter_views")
    yield kernel
    kernel.close()


@pytest.fixture
def server(server_process) -> LiveServer:
    server_process.forget_views()
    return server_process


@pytest.fixture
def kernel(server, kernel_process) -> LiveKernel:
    kernel_process.run("%reset -f")
    return kernel_process


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.fail("No Chromium on PATH: `make test` installs one, or install it by hand.")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_content("<div id=here></div>")
    page.add_style_tag(path=STYLE)
    yield page
    page.close()
