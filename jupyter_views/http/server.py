"""The server's own routes: health, keys, connections, and the page that describes them all."""

from __future__ import annotations

import html

import msgspec

from .._version import __version__
from ..core.errors import ViewsError
from ..wire.openapi import document
from ..wire.views import (
    ConnectionList,
    ConnectionOut,
    Health,
    KeyCreate,
    KeyCreated,
    KeyList,
    key_created,
    key_out,
)
from .base import ViewsHandler
from .operations import public_route, route


class HealthHandler(ViewsHandler):
    """``api/health``."""

    @public_route("Liveness and readiness", answer=Health)
    async def get(self) -> None:
        """200 once the store is open and a worker answers, 503 with the reason otherwise."""
        try:
            reason = self.services.engine.health()
        except ViewsError as error:
            reason = error.message
        status = "ok" if reason is None else "unavailable"
        self.send(
            Health(status=status, version=__version__, reason=reason),
            status=200 if reason is None else 503,
        )

    head = get


class KeysHandler(ViewsHandler):
    """``api/keys``."""

    @route("write", "key:write", "Make an API key", body=KeyCreate, answer=KeyCreated, status=201)
    async def post(self) -> None:
        """A key for oneself or for a named person; the secret is in this answer alone."""
        body = self.body(KeyCreate)
        if body.project is not None:
            await self.services.projects.require(self.actor, body.project)
        key, secret = await self.services.keys.create(
            self.actor,
            label=body.label,
            scopes=body.scopes,
            user=body.user,
            expires_in_days=body.expires_in_days,
            project_id=body.project,
        )
        self.set_header("Cache-Control", "no-store")
        self.send(key_created(key, secret), status=201)

    @route("read", "key:read", "List API keys", answer=KeyList)
    async def get(self) -> None:
        """The caller's keys without their secrets, and for whom more can be made."""
        keys = await self.services.keys.list(self.actor)
        self.send(
            KeyList(
                items=tuple(key_out(key) for key in keys),
                user=self.actor.name,
                can_name_others=self.actor.may_name_others,
            )
        )

    head = get


class KeyHandler(ViewsHandler):
    """``api/keys/{id}``."""

    @route("write", "key:write", "Revoke an API key", status=204)
    async def delete(self, key_id: str) -> None:
        """End a key; the next request with it is refused."""
        await self.services.keys.revoke(self.actor, key_id)
        self.send_nothing(204)


class ConnectionsHandler(ViewsHandler):
    """``api/connections``."""

    @route("read", "statement:read", "List connections", answer=ConnectionList)
    async def get(self) -> None:
        """Names and health; never an address or a secret."""
        reason = self.services.engine.health()
        local = ConnectionOut(
            name="local", engine="duckdb", status="ok" if reason is None else "unavailable"
        )
        self.send(ConnectionList(items=(local,)))

    head = get


class OpenApiHandler(ViewsHandler):
    """``api/openapi.json``."""

    @route("read", None, "The whole surface as OpenAPI 3.1")
    async def get(self) -> None:
        """Generated from the types that check the requests."""
        self.finish(
            msgspec.json.encode(document(self.settings["jupyter_views_routes"], self.prefix))
        )

    head = get


class DocsHandler(ViewsHandler):
    """``api/docs``: the same for people, without a script."""

    @route("read", None, "The whole surface as a page")
    async def get(self) -> None:
        """One table of every route."""
        spec = document(self.settings["jupyter_views_routes"], self.prefix)
        rows = "".join(
            f"<tr><td><code>{verb.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
            f"<td>{html.escape(operation['summary'])}</td></tr>"
            for path, operations in spec["paths"].items()
            for verb, operation in operations.items()
            if verb != "parameters"
        )
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
        )
        self.finish(
            _PAGE.format(version=__version__, prefix=html.escape(self.prefix), rows=rows),
            set_content_type="text/html; charset=utf-8",
        )

    head = get


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Jupyter Views API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; }}
body {{ max-width: 60rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #8886; padding: .35rem .5rem; text-align: left; }}
td:nth-child(2) {{ overflow-wrap: anywhere; }}
</style></head><body>
<h1>Jupyter Views API</h1>
<p>Version {version}. Machine-readable: <code>{prefix}/api/openapi.json</code>.
Authenticate with <code>Authorization: Bearer</code> and an API key or the server's token.</p>
<table><thead><tr><th scope="col">Verb</th><th scope="col">Address</th>
<th scope="col">What it does</th></tr></thead><tbody>{rows}</tbody></table>
</body></html>
"""
