"""A person's way to the server under test, over HTTP."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct
from tornado.httpclient import HTTPResponse


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
