"""One view from Python: its rows, its freshness, its rule, its past, its link."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import _statements, _transport, _values
from ._arrow import convert, read_batches, read_table
from ._output import Card, headline, to_html
from ._past import Difference
from ._publishing import Publishable
from ._transport import Transport
from ._values import window_of
from .core.errors import EngineFailed, Unavailable

if TYPE_CHECKING:
    import httpx
    import pandas as pd
    import polars as pl
    import pyarrow as pa

WAIT_SECONDS = 60.0
_REREAD_SECONDS = 1.0
_COMPARING_SECONDS = 60.0
_PAGE = 100


def path_of(slug: str) -> str:
    """Path of a perspective below the API."""
    return f"v1/perspectives/{quote(slug, safe='')}"


class View(Publishable):
    """One view: its rows, and what is known of their freshness.

    Everything about freshness is asked of the server, at most once a second.
    """

    def __init__(self, transport: Transport, facts: dict[str, Any]) -> None:
        self._transport = transport
        self._facts = facts
        self._read_at = time.monotonic()
        self._rows: tuple[str, pa.Table] | None = None

    @property
    def slug(self) -> str:
        """The readable key that never changes."""
        return self._facts["slug"]

    @property
    def name(self) -> str:
        """The human title."""
        return self._facts["name"]

    @property
    def owner(self) -> str:
        """Whose connection a refresh uses."""
        return self._facts["owner"]

    @property
    def url(self) -> str:
        """Address of the view's result, for other programs."""
        return f"{self._transport.url}{_transport.PREFIX}{path_of(self.slug)}/result"

    @property
    def facts(self) -> dict[str, Any]:
        """The whole object as the server sent it, one second old at most."""
        if "sql_query" not in self._facts or time.monotonic() - self._read_at > _REREAD_SECONDS:
            self._take(self._transport.request("GET", path_of(self.slug)).json())
        return self._facts

    def _take(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self._read_at = time.monotonic()

    @property
    def status(self) -> str:
        """fresh, stale, refreshing, failed or never_run."""
        return self.facts["status"]

    @property
    def is_stale(self) -> bool:
        """Whether a known reason says that the rows may be out of date."""
        return bool(self.facts["is_stale"])

    @property
    def reason(self) -> str | None:
        """Why it is stale: source_changed, age, …; None while fresh."""
        return self.facts.get("stale_reason")

    @property
    def stale_sources(self) -> tuple[str, ...]:
        """Names of the sources that changed."""
        return tuple(self.facts.get("stale_sources") or ())

    @property
    def computed_at(self) -> datetime | None:
        """When the query of these rows began to read; aware, UTC."""
        text = self.facts.get("computed_at")
        return datetime.fromisoformat(text) if text else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in their order; names may repeat."""
        return tuple(column["name"] for column in self.facts.get("columns") or ())

    @property
    def sql(self) -> str:
        """The definition."""
        return self.facts["sql_query"]

    @property
    def version(self) -> int:
        """Number of the definition; 1 at first."""
        return self.facts["version"]

    def arrow(self, **params: Any) -> pa.Table:
        """The rows as an Arrow table.

        Unchanged rows are not sent twice: the table of the last call is
        returned again when the server says so.

        Parameters
        ----------
        **params
            Other values for the view's parameters than its own: texts,
            numbers, bools, dates, datetimes, lists; a pair for a range. Rows
            that nobody asked for before are computed, in a minute at most.

        Raises
        ------
        InvalidParameters, Invalid
            In one sentence, what is wrong with a value or a name.
        RefreshFailed
            If running it with these values fails.
        StillRunning
            If it takes longer; ask again later.
        """
        known = None if params else self._rows
        headers = {"If-None-Match": known[0]} if known else {}
        with self._arrow_stream(params, headers) as response:
            if response.status_code == 304 and known:
                return known[1]
            table = read_table(response)
            tag = response.headers.get("ETag")
        if tag and not params:
            self._rows = (tag, table)
        return table

    def df(self, **params: Any) -> pd.DataFrame:
        """The rows as a pandas DataFrame; parameters as in :meth:`arrow`."""
        return convert(self.arrow(**params), "pandas")

    def polars(self, **params: Any) -> pl.DataFrame:
        """The rows as a polars DataFrame; parameters as in :meth:`arrow`."""
        return convert(self.arrow(**params), "polars")

    def rows(self, limit: int | None = None, **params: Any) -> list[tuple[Any, ...]]:
        """The rows as tuples, because column names may repeat."""
        table = self.arrow(**params)
        columns = [column.to_pylist() for column in table.slice(0, limit).columns]
        return list(zip(*columns, strict=True))

    def batches(self, **params: Any) -> Iterator[pa.RecordBatch]:
        """Record batches as they arrive; memory holds one of them."""
        with self._arrow_stream(params, {}) as response:
            yield from read_batches(response)

    def to_csv(self, path: str | os.PathLike[str], **params: Any) -> None:
        """Write all rows to a file, as the server renders them (RFC 4180)."""
        with open(path, "wb") as target:
            for piece in self.text("csv", **params):
                target.write(piece)

    def text(self, format: str, *, limit: int | None = None, **params: Any) -> Iterator[bytes]:
        """The rows as ``csv`` or ``ndjson``, digit for digit as the server stores them."""
        asked = {"format": format} if limit is None else {"format": format, "limit": limit}
        with self._stream(params, asked, {}) as response:
            yield from response.iter_bytes()

    def _arrow_stream(
        self, params: dict[str, Any], headers: dict[str, str]
    ) -> AbstractContextManager[httpx.Response]:
        # Content coding would hide the length and cost a second copy.
        return self._stream(params, {"format": "arrow"}, {"Accept-Encoding": "identity", **headers})

    @contextmanager
    def _stream(
        self, params: dict[str, Any], asked: dict[str, Any], headers: dict[str, str]
    ) -> Iterator[httpx.Response]:
        if params:
            asked = asked | _values.address_of(self.facts, params)
        with ExitStack() as stack:
            yield self._opened(stack, asked, headers)

    def _opened(
        self, stack: ExitStack, asked: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        """The rows that an address asks for; what has to be computed first is waited for."""
        path = f"{path_of(self.slug)}/result"
        until = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self._transport.stream(path, params=asked, headers=headers)
            try:
                return stack.enter_context(answer)
            except Unavailable as error:
                running = _values.computing(error)
                if running is None:
                    raise
                if time.monotonic() > until:
                    raise _statements.StillRunning(running, WAIT_SECONDS) from None
            except EngineFailed as error:
                raise _statements.RefreshFailed(error) from None

    def refresh(
        self,
        wait: float = WAIT_SECONDS,
        *,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> View:
        """Compute the rows anew on the server.

        Parameters
        ----------
        wait
            Seconds to wait for the end; 0 only starts it.

        Raises
        ------
        RefreshFailed
            With line and hint; the old rows stay.
        StillRunning
            If it takes longer; it goes on.
        """
        until = time.monotonic() + wait
        statement = self._transport.request("POST", f"{path_of(self.slug)}/refresh").json()
        if wait > 0:
            ended = _statements.follow(
                self._transport, statement, until=until, on_progress=on_progress
            )
            _statements.settled(ended, wait)
        self._take(self._transport.request("GET", path_of(self.slug)).json())
        return self

    def set(self, **fields: Any) -> View:
        """Change words, access or the freshness rule; the query stays.

        Parameters
        ----------
        **fields
            ``name``, ``description``, ``tags``, ``is_public``,
            ``allowed_user_ids``, ``auto_refresh``; ``schedule`` (``"1h"`` or
            a cron expression), ``timezone``, ``age_seconds``,
            ``max_staleness_seconds``, ``changed_when``, ``strict``, ``key``.
            What is absent stays; None clears.

        Raises
        ------
        Invalid
            Naming the field; nothing is changed then.
        """
        self._transport.request("PATCH", self._path, body=fields)
        self._take(self._transport.request("GET", path_of(self.slug)).json())
        return self

    def history(self, limit: int = 50) -> list[dict[str, Any]]:
        """Refreshes, newest first: why each ran, what it changed, what it cost.

        Equal ones in a row are one entry with their ``count``. ``id`` of an
        entry with ``has_rows`` can be compared by :meth:`diff`.
        """
        return self._items("history", limit)

    def versions(self, limit: int = 50) -> list[dict[str, Any]]:
        """Definitions, newest first: ``n``, ``sql``, ``note``, ``author``, ``created_at``."""
        return self._items("versions", limit)

    def log(self) -> list[dict[str, Any]]:
        """What was noticed about the view and what was done about it, newest first."""
        return self._transport.request("GET", f"{self._path}/log").json()["items"]

    def diff(
        self,
        before: str | None = None,
        after: str | None = None,
        *,
        key: Sequence[str] | None = None,
        limit: int = 100,
    ) -> Difference:
        """What differs between the rows of two refreshes.

        Parameters
        ----------
        before, after
            ``id`` of entries of :meth:`history`; the current rows against
            the last that were different when absent.
        key
            Columns that identify a row; None takes those of the view's
            rule, or guesses.
        limit
            Differing rows to return, 1,000 at most; all are counted.

        Raises
        ------
        NotFound, Gone
            When there is nothing to compare with.
        """
        asked = {"before": before, "after": after, "limit": limit, "big": "string"}
        asked["key"] = json.dumps(list(key)) if key else None
        answer = self._transport.request(
            "GET",
            f"{self._path}/diff",
            params={name: value for name, value in asked.items() if value is not None},
            seconds=_COMPARING_SECONDS,
        )
        return Difference.from_facts(answer.json())

    def snippets(self) -> list[dict[str, Any]]:
        """What other programs read the view with, by its open doors; no text holds a key.

        Returns
        -------
        list of dict
            ``door``, ``name``, ``address``, ``note``, and ``snippets``: each
            with ``language``, ``label``, ``text``, ``note`` and ``scopes``.
        """
        return self._transport.request("GET", f"{self._path}/snippets").json()["doors"]

    def sql_diff(self, before: int, after: int | None = None) -> list[dict[str, str]]:
        """Lines that changed from one version's SQL to another's, the current when absent.

        Returns
        -------
        list of dict
            ``kind`` (same, added, removed, place) and ``text`` of each line.
        """
        asked = {} if after is None else {"to": after}
        path = f"{self._path}/versions/{before}/diff"
        return self._transport.request("GET", path, params=asked).json()["lines"]

    def restore(self, version: int, note: str | None = None) -> View:
        """Bring an earlier definition back, with its rows, as a new version.

        Raises
        ------
        NotFound
            When there is no such version.
        """
        body = {"version": version} | ({"note": note} if note else {})
        self._transport.request("POST", f"{self._path}/restore", body=body)
        self._take(self._transport.request("GET", path_of(self.slug)).json())
        return self

    def _items(self, what: str, limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": min(limit, _PAGE)}
        while True:
            page = self._transport.request("GET", f"{self._path}/{what}", params=query).json()
            found += page["items"]
            if page["next_cursor"] is None or len(found) >= limit:
                return found[:limit]
            query["cursor"] = page["next_cursor"]

    def delete(self) -> None:
        """Delete the view and its door; other views are not touched."""
        self._transport.request("DELETE", path_of(self.slug))

    def window(self, limit: int, offset: int = 0) -> dict[str, Any]:
        """Some of the rows as JSON: ``cols``, ``types``, ``rows``, ``total_row_count``."""
        return window_of(self._transport, f"{path_of(self.slug)}/result", limit, offset)

    def __repr__(self) -> str:
        return f"<View {self.slug}: {headline(self._facts)}>"

    def _repr_html_(self) -> str:
        return to_html(Card(facts=self.facts, window=self.window(20)))
