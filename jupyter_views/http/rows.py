"""Rows on the wire: one way to answer with a result, whichever door asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from ..core.errors import Invalid, Unavailable, from_dict
from ..core.freshness import Freshness, Mode
from ..core.model import SECOND, Result, Statement, View
from ..core.ports import Big
from ..core.reading import Reading, rows_of
from ..core.results import Rendering, Window
from ..wire.fields import DashboardNumber, Link, iso
from ..wire.readings import freshness_words
from ..wire.statements import statement_out
from .base import ViewsHandler
from .negotiate import (
    CONTENT_TYPES,
    cache_control,
    http_date,
    suffixed_format,
    wait_seconds,
    wanted_format,
)


class ResultQuery(Struct, frozen=True, kw_only=True):
    """Query string of a result."""

    format: str | None = None
    limit: (
        Annotated[int, Meta(ge=0, le=2**53, description="Rows; all stored ones when absent.")]
        | None
    ) = None
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0
    columns: (
        Annotated[str, Meta(description="Names, comma-separated or as a JSON list.")] | None
    ) = None
    download: bool = False
    big: Big = "number"
    bom: bool = False
    guard: bool = False


class PerspectiveResultQuery(ResultQuery, frozen=True, kw_only=True):
    """Query string of a perspective's result."""

    refresh: bool = False


class ViewResultQuery(PerspectiveResultQuery, frozen=True, kw_only=True):
    """Query string of a view's result."""

    mode: Mode | None = None
    from_dashboard: DashboardNumber | None = None


class ColumnType(Struct, frozen=True, kw_only=True):
    """A column's name and type word."""

    name: str
    type: str


class ResultOut(Struct, frozen=True, kw_only=True, rename={"links": "_links"}):
    """Rows as JSON: arrays in the order of ``cols``, for names may repeat."""

    cols: tuple[str, ...]
    rows: tuple[tuple[msgspec.Raw, ...], ...]
    types: tuple[ColumnType, ...]
    row_count: int
    total_row_count: int
    truncated: bool
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    stale_since: str | None
    max_staleness_exceeded: bool
    computed_at: str
    links: dict[str, Link]


class Source(Struct, frozen=True, kw_only=True):
    """What is answered with: rows, how fresh they are, and what they are called.

    Attributes
    ----------
    name
        For the file name of a download.
    path
        Address of the result, for links to its other pages.
    is_forced
        The reader asked for new rows, so that nobody must keep these.
    is_file
        The address ends in a format: whoever saves the answer finds a name in it.
    """

    result: Result
    freshness: Freshness
    name: str
    path: str
    is_public: bool = False
    is_forced: bool = False
    is_file: bool = False
    max_staleness_seconds: int | None = None
    refresh: Statement | None = None


def window_of(query: ResultQuery, accept: str | None) -> Window:
    """The wanted window in the core's words; a Parquet file is always whole."""
    wanted = wanted_format(query.format, accept)
    if wanted == "parquet":
        return Window(format=wanted)
    return Window(
        format=wanted,
        columns=_columns(query.columns),
        limit=query.limit,
        offset=query.offset,
        big=query.big,
        bom=query.bom,
        guard=query.guard,
    )


def _columns(text: str | None) -> tuple[str, ...] | None:
    if not text:
        return None
    if text.startswith("["):
        try:
            return tuple(msgspec.json.decode(text, type=list[str]))
        except msgspec.DecodeError:
            raise Invalid("columns is a JSON list of names.", field="columns") from None
    return tuple(name.strip() for name in text.split(","))


def mode_of(*, is_refresh: bool, has_values: bool = False) -> Mode | None:
    """The mode that ``refresh=true`` stands for; None for what the owner chose.

    Parameters
    ----------
    has_values
        The reader brings values of his own: somebody has to be the first, and
        came for their rows.
    """
    if is_refresh:
        return Mode.FORCE_ASYNC
    return Mode.ASYNC_EXCEPT_ON_CACHE_MISS if has_values else None


async def send_rows(
    handler: ViewsHandler,
    view: View,
    query: ResultQuery,
    mode: Mode | None,
    *,
    name: str,
    path: str,
    suffix: str | None = None,
    values: dict[str, Any] | None = None,
) -> None:
    """Answer with the rows of a view; ``Prefer: wait=N`` waits where its bound is exceeded.

    Parameters
    ----------
    name, path
        See :class:`Source`.
    suffix
        What the address ends in behind a dot: another ``format=``.
    values
        Of the query's parameters; None for the view's own.
    """
    query = replace(query, format=suffixed_format(suffix, query.format))
    if suffix is not None:
        path = f"{path}.{suffix}"
    patience = wait_seconds(handler.request.headers.get("Prefer"))
    bound = view.version.params if values is None else values
    reading = await handler.services.variants.read(handler.actor, view, bound, mode, wait=patience)
    _require_ended(reading)
    source = Source(
        result=rows_of(reading.view),
        freshness=reading.freshness,
        name=name,
        path=path,
        is_public=reading.view.is_public,
        is_forced=mode in {Mode.FORCE_ASYNC, Mode.FORCE_BLOCKING},
        is_file=suffix is not None,
        max_staleness_seconds=reading.view.rule.max_staleness_seconds,
        refresh=reading.refresh,
    )
    await send_result(handler, source, query)


def _require_ended(reading: Reading) -> None:
    """Where rows had to be computed first and there are none: say what became of that."""
    if reading.view.current.result is not None:
        return
    if reading.awaited is not None and reading.awaited.error:
        raise from_dict(reading.awaited.error)
    if reading.refresh is not None:
        raise Unavailable(
            "The rows for these values are not computed yet.",
            hint="Ask again in a moment.",
            retry_after_seconds=1,
            details={"statement_id": reading.refresh.id},
        )


async def send_result(handler: ViewsHandler, source: Source, query: ResultQuery) -> None:
    """Answer with a window of rows; rows that the client has cost it a 304."""
    window = window_of(query, handler.request.headers.get("Accept"))
    result = source.result
    etag = handler.services.results.etag(result, window)
    _set_headers(handler, source, etag)
    if handler.has_etag(etag):
        handler.send_nothing(304)
        return
    rendering, opened = await rendered(handler, result, window)
    handler.set_header("Content-Type", CONTENT_TYPES[window.format])
    handler.set_header("X-Row-Count", str(rendering.row_count))
    if query.download or source.is_file:
        named = attachment(source.name, source.result, window.format)
        if not query.download:
            named = named.replace("attachment", "inline", 1)
        handler.set_header("Content-Disposition", named)
    if query.limit:
        handler.set_paging(source.path, query.limit, query.offset, result.row_count)
    before, after = b"", b""
    if window.format == "json":
        before, after = _envelope(source, window, rendering.row_count)
    if opened is not None:
        await handler.send_file(opened, rendering.size, before=before, after=after)
    else:
        assert isinstance(rendering.content, bytes)
        handler.finish(
            before + rendering.content + after, set_content_type=CONTENT_TYPES[window.format]
        )


async def rendered(
    handler: ViewsHandler, result: Result, window: Window
) -> tuple[Rendering, BinaryIO | None]:
    """A rendering, its file opened at once: from then on nobody can take it away."""
    services = handler.services
    while True:
        rendering = await services.results.render(result, window)
        if isinstance(rendering.content, bytes):
            return rendering, None
        try:
            return rendering, await services.run_in_thread(rendering.content.open, "rb")
        except FileNotFoundError:
            services.results.forget(rendering)


def _set_headers(handler: ViewsHandler, source: Source, etag: str) -> None:
    result, freshness = source.result, source.freshness
    now = handler.services.clock.now()
    headers = {
        "Etag": f'"{etag}"',
        "Cache-Control": cache_control(
            freshness,
            result,
            now,
            is_public=source.is_public,
            is_forced=source.is_forced,
            max_staleness_seconds=source.max_staleness_seconds,
        ),
        "Age": str(max(0, now - result.computed_at) // SECOND),
        "Last-Modified": http_date(result.computed_at),
        "X-Result-Computed-At": iso(result.computed_at) or "",
        "X-Total-Row-Count": str(result.row_count),
    }
    if result.truncated:
        headers["X-Truncated"] = "true"
    for name, value in headers.items():
        handler.set_header(name, value)
    set_stale_headers(handler, freshness, source.refresh)


def set_stale_headers(
    handler: ViewsHandler, freshness: Freshness, refresh: Statement | None
) -> None:
    """Say in headers whether the rows are stale, why, and what is being done about it."""
    if freshness.is_stale:
        handler.set_header("Is-Stale", "true")
        handler.set_header("X-Stale-Reason", freshness.reason or "unverifiable")
    if freshness.is_exceeded:
        handler.set_header("X-Max-Staleness-Exceeded", "true")
    if refresh is not None:
        handler.set_header("X-Refresh-Statement-Id", refresh.id)


def send_refresh(handler: ViewsHandler, statement: Statement) -> None:
    """Answer 202 with the statement that refreshes a view, and where to watch it."""
    path = f"{handler.prefix}/api/v1/statements"
    handler.set_header("Location", f"{path}/{statement.id}")
    handler.set_header("Retry-After", "1")
    is_mine = statement.submitted_by == handler.actor.name
    handler.send(statement_out(statement, path, None, is_mine=is_mine), status=202)


def attachment(name: str, result: Result, extension: str) -> str:
    """The header of a download: whose rows, of which day, and whether a limit cut them."""
    day = datetime.fromtimestamp(result.computed_at / SECOND, UTC).strftime("%Y%m%d")
    cut = "_truncated" if result.truncated else ""
    stem = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:100]
    return f'attachment; filename="{stem}_{day}{cut}.{extension}"'


def _envelope(source: Source, window: Window, row_count: int) -> tuple[bytes, bytes]:
    result = source.result
    shown = result.columns
    if window.columns is not None:
        # Names may repeat; one that is asked for stands for all columns of that name.
        shown = tuple(c for name in window.columns for c in result.columns if c.name == name)
    envelope = ResultOut(
        cols=tuple(column.name for column in shown),
        rows=(),
        types=tuple(ColumnType(name=c.name, type=c.type) for c in shown),
        row_count=row_count,
        total_row_count=result.row_count,
        truncated=bool(result.truncated),
        **freshness_words(source.freshness, result),
        links={"self": Link(href=source.path)},
    )
    cols = msgspec.json.encode(envelope.cols)
    text = msgspec.json.encode(envelope)
    # The first key is cols and the second rows, so its brackets stand at a known place.
    at = len(b'{"cols":') + len(cols) + len(b',"rows":[')
    return text[:at], text[at:]
