from __future__ import annotations

from collections.abc import Iterator

import pytest

from .processes import Server


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """A server that is not started yet; gone after the test, however it ended."""
    made = Server(tmp_path, tmp_path / "views-store")
    yield made
    made.leave()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
