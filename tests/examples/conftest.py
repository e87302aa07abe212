from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """No loop of the host's own fixtures: these servers and kernels are other processes."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing of the host's own fixtures to clean up."""
