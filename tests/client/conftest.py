from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernel.live import LiveServer, a_server

import jupyter_views as jv
from jupyter_views.client import Views


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


@pytest.fixture
def server(server_process) -> LiveServer:
    server_process.forget_views()
    return server_process


@pytest.fixture
def views(server) -> Iterator[Views]:
    connected = jv.connect(server.url, server.token)
    yield connected
    connected.close()
