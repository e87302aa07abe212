"""Fixtures for every test: a real server, a real store, a real engine, in temporary folders."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from msgspec import Struct
from tornado.httpclient import HTTPResponse

# A busy machine is no failure of the code; tests have a time limit of their own.
hypothesis.settings.register_profile("views", deadline=None)
hypothesis.settings.load_profile("views")
pytest_plugins = ("pytest_jupyter.jupyter_server",)


class Answer(Struct):
    """What the server answered, ready to be looked at."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Api:
    """One person's way to the server under test."""

    def __init__(self, client: Any, base_url: str, authorization: str | None) -> None:
        self._client = client
        self._base_url = base_url
        self._authorization = authorization

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request below ``views/`` and return whatever comes back."""
        sent = dict(headers or {})
        if self._authorization:
            sent.setdefault("Authorization", self._authorization)
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        answer: HTTPResponse = await self._client.fetch(
            f"{self._base_url}views/{path}",
            method=method,
            headers=sent,
            body=content,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            raise_error=False,
            request_timeout=60,
        )
        return Answer(status=answer.code, headers=answer.headers, body=answer.body or b"")

    async def run(self, sql: str, **fields: Any) -> dict[str, Any]:
        """Run SQL to its end and return the statement."""
        wait = {"Prefer": "wait=50"}
        answer = await self("POST", "api/v1/statements", {"sql": sql, **fields}, headers=wait)
        assert answer.status == 200, answer.body
        return answer.json

    async def save(self, sql: str, name: str, **fields: Any) -> dict[str, Any]:
        """Run SQL and save it as a perspective."""
        statement = await self.run(sql, params=fields.pop("params", None))
        assert statement["status"] == "SUCCESS", statement["error"]
        answer = await self(
            "POST",
            "api/v1/perspectives",
            {"name": name, "statement_id": statement["id"], **fields},
        )
        assert answer.status == 201, answer.body
        return answer.json


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
def views_app(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Any:
    """The extension, started; its workers are gone after the test."""
    manager = jp_serverapp.extension_manager
    (app,) = manager.extension_apps["jupyter_views"]

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
