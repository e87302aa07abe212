"""One view from Python: its rows, its freshness, a refresh."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import _statements, _transport
from ._arrow import convert, read_batches, read_table
from ._output import Card, headline, to_html
from ._transport import Transport
from .core.errors import ViewsError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

WAIT_SECONDS = 60.0
_REREAD_SECONDS = 1.0


class RefreshFailed(ViewsError):
    """A refresh, or the run of a definition, ended badly; old rows are kept.

    Attributes
    ----------
    line, column
        1-based position in the view's SQL, None when unknown.
    hint
        What to do next, None when nobody knows.
    code
        Of the failure underneath, such as ``ENGINE_ERROR`` or ``CANCELED``.
    """

    def __init__(self, cause: ViewsError) -> None:
        super().__init__(
            cause.message,
            hint=cause.hint,
            line=cause.line,
            column=cause.column,
            details=cause.details,
        )
        self.code = cause.code  # type: ignore[misc]

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.message}{where}" + (f" {self.hint}" if self.hint else "")


class StillRunning(TimeoutError):
    """The wait is over, the statement is not; it goes on on the server."""

    def __init__(self, statement_id: str, seconds: float) -> None:
        super().__init__(f"Still running after {seconds:.0f} s (statement {statement_id}).")
        self.statement_id = statement_id


def path_of(slug: str) -> str:
    """Path of a perspective below the API."""
    return f"v1/perspectives/{quote(slug, safe='')}"


def window_of(transport: Transport, path: str, limit: int, offset: int = 0) -> dict[str, Any]:
    """A window of a stored result as JSON; exact numbers beyond 2**53 come as text.

    Returns
    -------
    dict
        ``cols``, ``types``, ``rows`` (lists), ``total_row_count``, and
        ``computed_at``: which result these rows are of.
    """
    answer = transport.request(
        "GET", path, params={"format": "json", "limit": limit, "offset": offset, "big": "string"}
    )
    return {"computed_at": answer.headers.get("X-Result-Computed-At"), **answer.json()}


def run_to_end(transport: Transport, body: dict[str, Any], wait: float) -> dict[str, Any]:
    """Submit a statement and wait to its end; raises RefreshFailed or StillRunning."""
    until = time.monotonic() + wait
    statement = _statements.submit(
        transport,
        {**body, "client_id": _statements.new_client_id()},
        wait_seconds=int(min(wait, 20)),
        retry_on_recent_failure="true",
    )
    return _settled(_statements.follow(transport, statement, until=until, step_seconds=20), wait)


def _settled(statement: dict[str, Any], wait: float) -> dict[str, Any]:
    failure = _statements.failure_of(statement)
    if failure is not None:
        raise RefreshFailed(failure)
    if statement["status"] != "SUCCESS":
        raise StillRunning(statement["id"], wait)
    return statement


class View:
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
            Other parameter values than the saved ones; the query is run for them.

        Raises
        ------
        RefreshFailed
            If running it with these values fails.
        """
        path, known = self._result_path(params), None if params else self._rows
        headers = {"If-None-Match": known[0]} if known else {}
        with self._arrow_stream(path, headers) as response:
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
        with self._arrow_stream(self._result_path(params), {}) as response:
            yield from read_batches(response)

    def to_csv(self, path: str | os.PathLike[str], **params: Any) -> None:
        """Write all rows to a file, as the server renders them (RFC 4180)."""
        with open(path, "wb") as target:
            for piece in self.text("csv", **params):
                target.write(piece)

    def text(self, format: str, *, limit: int | None = None, **params: Any) -> Iterator[bytes]:
        """The rows as ``csv`` or ``ndjson``, digit for digit as the server stores them."""
        asked = {"format": format} if limit is None else {"format": format, "limit": limit}
        with self._transport.stream(self._result_path(params), params=asked) as response:
            yield from response.iter_bytes()

    def _arrow_stream(self, path: str, headers: dict[str, str]) -> Any:
        # Content coding would hide the length and cost a second copy.
        return self._transport.stream(
            path, params={"format": "arrow"}, headers={"Accept-Encoding": "identity", **headers}
        )

    def _result_path(self, params: dict[str, Any]) -> str:
        if not params:
            return f"{path_of(self.slug)}/result"
        return f"v1/statements/{self.run(params)['id']}/result"

    def run(self, params: dict[str, Any], wait: float = WAIT_SECONDS) -> dict[str, Any]:
        """Run the definition with other parameter values; the view stays as it is.

        Returns
        -------
        dict
            The finished statement.
        """
        return run_to_end(self._transport, self.draft(params), wait)

    def draft(self, params: dict[str, Any]) -> dict[str, Any]:
        """Body of a statement that runs the definition with these values over the saved ones."""
        facts = self.facts
        return {
            "sql": facts["sql_query"],
            "connection": facts.get("gateway") or "local",
            "params": {**(facts.get("params") or {}), **params},
        } | {name: facts[name] for name in ("frames", "base_dir") if facts.get(name)}

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
            _settled(ended, wait)
        self._take(self._transport.request("GET", path_of(self.slug)).json())
        return self

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
