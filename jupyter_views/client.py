"""Views from Python: a mapping of slugs to views, each with its rows and its freshness.

Works in a kernel of the server, in any other kernel, and in a plain script::

    import jupyter_views as jv

    views = jv.connect("http://localhost:8888", token="vk_…")
    views["daily-active-users"].df()

Nothing is global, every wait has an end, and the server's errors arrive as
the classes of :mod:`jupyter_views.core.errors`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._discovery import Server, candidates
from ._discovery import given as given_server
from ._past import Difference
from ._rule import VERIFYING
from ._sharing import Share
from ._statements import RefreshFailed, StillRunning, run_to_end
from ._transport import NoAnswer, NoServer, Transport
from ._view import WAIT_SECONDS, View, path_of
from .core.errors import Forbidden, NotFound

__all__ = [
    "Difference",
    "NoAnswer",
    "NoServer",
    "NoSuchView",
    "RefreshFailed",
    "Share",
    "StillRunning",
    "View",
    "Views",
    "connect",
]

_PAGE = 50


class NoSuchView(KeyError):
    """No view of that slug that you may read; ``suggestions`` look like it."""

    def __init__(self, slug: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(slug)
        self.slug = slug
        self.suggestions = suggestions

    def __str__(self) -> str:
        words = f"No view named {self.slug!r}."
        if self.suggestions:
            words += f" Did you mean {' or '.join(self.suggestions)}?"
        return words


def connect(
    url: str | None = None, token: str | None = None, *, timeout_seconds: float = 10.0
) -> Views:
    """Connect to a server that offers Jupyter Views.

    Parameters
    ----------
    url
        The server's address; None finds the server of this kernel, or else
        one that runs for this user.
    token
        An API key (``vk_…``) or the server's own token; None takes
        ``JUPYTER_VIEWS_TOKEN``, or what the running server's file says.
    timeout_seconds
        Bound of every single answer; waits that you ask for come on top.

    Raises
    ------
    NoServer
        With a hint, when no server accepts us.
    """

    def find() -> Iterable[Server]:
        return candidates(token) if url is None else (given_server(url, token, os.environ),)

    transport = Transport(find, timeout_seconds=timeout_seconds)
    _ = transport.url
    return Views(transport)


class Views(Mapping[str, "View"]):
    """Every view that you may read, by slug."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __repr__(self) -> str:
        return f"<Views at {self.url}>"

    @property
    def url(self) -> str:
        """Address of the server, with a trailing slash."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections; later calls open new ones."""
        self._transport.close()

    def __enter__(self) -> Views:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, slug: str) -> View:
        try:
            detail = self._transport.request("GET", path_of(slug)).json()
        except (NotFound, Forbidden):
            raise NoSuchView(slug, self.nearest(slug)) from None
        return View(self._transport, detail)

    def __contains__(self, slug: object) -> bool:
        try:
            self._transport.request("GET", path_of(str(slug)))
        except (NotFound, Forbidden):
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return (view.slug for view in self.list())

    def __len__(self) -> int:
        return len(self.list())

    def list(self, search: str | None = None, *, limit: int | None = None) -> list[View]:
        """Views that you may read, in the server's order.

        Parameters
        ----------
        search
            Words in name, slug, tags or description.
        limit
            At most so many; None for all.
        """
        found: list[View] = []
        query: dict[str, Any] = {"limit": min(_PAGE, limit or _PAGE)}
        if search:
            query["search"] = search
        while True:
            page = self._transport.request("GET", "views", params=query).json()
            found += [View(self._transport, row) for row in page["items"] if row.get("slug")]
            if not page.get("next_cursor") or (limit is not None and len(found) >= limit):
                return found[:limit]
            query["cursor"] = page["next_cursor"]

    def create_key(
        self,
        label: str,
        scopes: Iterable[str],
        *,
        user: str | None = None,
        expires_in_days: int | None = 90,
    ) -> dict[str, Any]:
        """Make an API key; its ``key`` is in this answer alone.

        Raises
        ------
        Forbidden
            In a kernel, and with a key that may not: sign in with the
            server's own token.
        """
        body = {
            "label": label,
            "scopes": list(scopes),
            "user": user,
            "expires_in_days": expires_in_days,
        }
        return self._transport.request("POST", "keys", body=body).json()

    def api_keys(self) -> list[dict[str, Any]]:
        """Your keys, without their secrets."""
        return self._transport.request("GET", "keys").json()["items"]

    def revoke_key(self, key_id: str) -> None:
        """End a key: the next request with it is refused."""
        self._transport.request("DELETE", f"keys/{key_id}")

    def nearest(self, slug: str) -> tuple[str, ...]:
        """At most three slugs that look like a mistyped one."""
        known = {view.slug: view.name.lower() for view in self.list(limit=500)}
        close = difflib.get_close_matches(slug.lower(), known, n=3, cutoff=0.6)
        return tuple(close)

    def save(
        self,
        name: str,
        sql: str,
        *,
        params: dict[str, Any] | None = None,
        parameters: Iterable[dict[str, Any]] = (),
        slug: str | None = None,
        connection: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        auto_refresh: bool = True,
        is_public: bool = False,
        allowed_user_ids: Iterable[str] = (),
        base_dir: str | None = None,
        wait: float = WAIT_SECONDS,
        **rule: Any,
    ) -> View:
        """Run SQL once and keep it as a new view.

        Parameters
        ----------
        parameters
            Declarations, as the server takes them: ``{"name": "least",
            "type": "integer", "defaultValue": 5}``.
        params
            Values of parameters for the rows that are saved, over defaults.
        base_dir
            Folder on the server from which relative file names start; None
            for the server's own root folder.
        **rule
            Fields of the freshness rule, such as ``schedule="1h"``; they are
            listed at :meth:`View.set`.

        Raises
        ------
        RefreshFailed
            If the SQL does not run; nothing is saved then.
        SlugTaken
            With free ``suggestions``.
        StillRunning
            After ``wait`` seconds; nothing is saved.
        """
        given: dict[str, Any] = {"connection": connection, "params": params, "base_dir": base_dir}
        given["parameters"] = list(parameters)
        given |= {name: rule.get(name) for name in VERIFYING}
        body = {"sql": sql, **{key: value for key, value in given.items() if value}}
        statement = run_to_end(self._transport, body, wait)
        facts = {
            "name": name,
            "statement_id": statement["id"],
            "slug": slug,
            "description": description,
            "tags": list(tags),
            "auto_refresh": auto_refresh,
            "is_public": is_public,
            "allowed_user_ids": list(allowed_user_ids),
            "doors": ["perspective", "insight"],
            **rule,
        }
        created = self._transport.request(
            "POST",
            "v1/perspectives",
            body={key: value for key, value in facts.items() if value is not None},
        )
        return View(self._transport, created.json())
