"""Fixtures for every test: a real server, a real store, a real engine, in temporary folders."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from http_api import Api

# A busy machine is no failure of the code; tests have a time limit of their own.
hypothesis.settings.register_profile("views", deadline=None)
hypothesis.settings.load_profile("views")
pytest_plugins = ("pytest_jupyter.jupyter_server",)


def pytest_xdist_auto_num_workers() -> int:
    """Three for two cores: half of the time a test waits for what it started."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    """Settings of the server: our extension, nothing open to strangers."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_views": True},
            "allow_unauthenticated_access": False,
        },
        "ViewsApp": {
            "store_dir": str(tmp_path / "views-store"),
            "run_workers": 1,
            "read_workers": 1,
            # What readers meet is tested without a watcher that is quicker than they are.
            "watching": "off",
        },
    }


@pytest.fixture
def engine() -> None:
    """The server starts one of its own."""
    return


@pytest.fixture
def views_app(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop, engine: Any) -> Any:
    """The extension, started; stopped after the test."""
    manager = jp_serverapp.extension_manager
    (app,) = manager.extension_apps["jupyter_views"]
    app.engine = engine

    async def start() -> None:
        await manager.start_all_extensions()
        await app.opened()

    jp_asyncio_loop.run_until_complete(start())
    yield app
    jp_asyncio_loop.run_until_complete(app.stop_extension())


@pytest.fixture
def data_folder(jp_root_dir: Path) -> Path:
    """The folder that SQL may read; relative names start here."""
    return jp_root_dir


@pytest.fixture
def api(views_app: Any, http_server_client: Any, jp_base_url: str, jp_auth_header: Any) -> Api:
    """The person who runs the server."""
    return Api(http_server_client, jp_base_url, jp_auth_header["Authorization"])


@pytest.fixture
def stranger(views_app: Any, http_server_client: Any, jp_base_url: str) -> Api:
    """Somebody without credentials."""
    return Api(http_server_client, jp_base_url, None)


@pytest.fixture
def person(api: Api, http_server_client: Any, jp_base_url: str) -> Any:
    """Make somebody: ``await person("ana")`` is ana's way to the server."""

    async def make(name: str, *scopes: str, project: int | None = None) -> Api:
        body = {"label": f"{name}'s", "user": name, "scopes": list(scopes) or ["*"]}
        body["project"] = project
        answer = await api("POST", "api/keys", body)
        assert answer.status == 201, answer.body
        return Api(http_server_client, jp_base_url, f"Bearer {answer.json['key']}")

    return make
