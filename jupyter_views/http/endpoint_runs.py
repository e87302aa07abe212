"""Running endpoints: as JSON, and as files that other tools read; their log and their usage."""

from __future__ import annotations

from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..core.endpoint_runs import Ran, require_active
from ..core.errors import Gone, ViewsError
from ..core.executions import Line
from ..core.freshness import Mode
from ..core.model import SECOND, View
from ..core.results import Rendering, Window
from ..core.run_usage import usages_of
from ..wire.endpoint_answers import (
    RunCounts,
    RunOut,
    run_error_out,
    run_out,
    run_status_of,
)
from ..wire.endpoint_logs import (
    LogLine,
    LogsQuery,
    UsageOut,
    UsageQuery,
    log_filter,
    log_line,
    usage_out,
)
from ..wire.endpoint_runs import (
    RunQuery,
    RunRequest,
    RunWords,
    plain_words,
    request_from,
    run_words,
    version_of,
    with_texts,
)
from ..wire.envelope import OffsetPage
from .negotiate import wanted_format
from .operations import route
from .projects import EnvelopeHandler
from .rows import ResultQuery, Source, rendered, send_result, set_stale_headers, window_of

# What an answer begins with; its rows go behind it.
_NO_ROWS = b'{"results":['
_DAY = 86_400 * SECOND
_PLAIN = plain_words()


class _Sent(Struct):
    """The body of an answer: rows, in memory or in an opened file; nothing for a 304."""

    rendering: Rendering | None = None
    opened: BinaryIO | None = None


class _EndpointHandler(EnvelopeHandler):
    """What all addresses of one endpoint have in common."""

    async def endpoint(self, project: str, name: str) -> View:
        """The readable endpoint that the address names."""
        number = await self.project(project)
        return await self.services.endpoints.find(self.actor, number, name)


class _RunHandler(_EndpointHandler):
    def error_status(self, error: ViewsError) -> int:
        """400 for what the query itself ran into."""
        return run_status_of(error)

    def error_out(self, error: ViewsError) -> Struct:
        """The envelope, or one bare sentence."""
        return run_error_out(error)

    async def running(self, project: str, name: str) -> View:
        """The endpoint to be run: NotFound while it is inactive; TooMany beyond the limits."""
        view = await self.endpoint(project, name)
        require_active(view)
        self.services.runs.admit(self.actor, view)
        return view

    async def ran(
        self, view: View, line: Line, query: RunQuery, *, is_lost: bool = False
    ) -> tuple[RunWords, Ran]:
        """Run what the address and the body ask for, in the documented order of checks."""
        services = self.services
        pinned, words = view, _PLAIN
        if self.request.query_arguments or self.raw_body:
            has_body = self.request.method == "POST"
            request = request_from(query, self.body(RunRequest) if has_body else RunRequest())
            pinned = await services.runs.pinned(view, version_of(request))
            line.n = pinned.version.n
            request = with_texts(request, self.request.query_arguments, pinned)
            words = run_words(request, services.clock.now())
        ask = replace(words.ask, is_lost=is_lost)
        ran = await services.runs.run(self.actor, pinned, ask, line, of=view)
        job = ran.reading.refresh or ran.reading.awaited
        if words.job_id is not None and job is not None:
            services.calculations.name(self.actor, words.job_id, job)
        return words, ran

    async def send_answer(
        self, view: View, line: Line, words: RunWords, ran: Ran, sent: _Sent
    ) -> None:
        """Answer with JSON: 202 while something that was asked for is being calculated."""
        reading = ran.reading
        result = reading.view.current.result
        counts = None
        if sent.rendering is not None and result is not None:
            counts = RunCounts(sent=sent.rendering.row_count, stored=result.row_count)
        assert view.endpoint is not None
        answer = run_out(ran, words, line.id, view.endpoint.name, counts)
        set_stale_headers(self, reading.freshness, reading.refresh)
        self.set_header("X-Execution-Id", line.id)
        if ran.is_pending:
            self.set_status(202)
            self.set_header("Retry-After", "1")
            if answer.query_status is not None:
                project = view.project_id
                # Whatever a caller called it: a name that is no path may not stand in a header.
                job = quote(answer.query_status.id, safe="")
                self.set_header("Location", f"{self.prefix}/api/projects/{project}/query/{job}")
        text = msgspec.json.encode(answer)
        if sent.rendering is None:
            self.finish(text)
            return
        at = len(_NO_ROWS)
        before, after = text[:at], text[at:]
        if sent.opened is not None:
            self.set_header("Content-Type", "application/json")
            await self.send_file(sent.opened, sent.rendering.size, before=before, after=after)
            return
        assert isinstance(sent.rendering.content, bytes)
        self.finish(before + sent.rendering.content + after)


class EndpointRunHandler(_RunHandler):
    """``projects/{project}/endpoints/{name}/run``, and the same with a format behind a dot."""

    @route("read", "endpoint:read", "Run an endpoint", query=RunQuery, answer=RunOut)
    async def get(self, project: str, name: str, suffix: str | None = None) -> None:
        """Its rows, calculated where those that are stored are not fresh, or as ``refresh`` says.

        Every name that is no field is a variable: ``?region=EU``.
        """
        await self._run(project, name, suffix)

    head = get

    @route(
        "execute",
        "endpoint:read",
        "Run an endpoint",
        query=RunQuery,
        body=RunRequest,
        answer=RunOut,
    )
    async def post(self, project: str, name: str, suffix: str | None = None) -> None:
        """The same, asked in a body; what it says wins over the address."""
        await self._run(project, name, suffix)

    async def _run(self, project: str, name: str, suffix: str | None) -> None:
        view = await self.running(project, name)
        query = self.query(RunQuery)
        with self.services.executions.noted(self.actor, view) as line:
            words, ran = await self.ran(view, line, query)
            try:
                sent = await self._sent(query, words, suffix, ran, line)
            except Gone:
                if ran.taken.path != "materialized":
                    raise
                words, ran = await self.ran(view, line, query, is_lost=True)
                sent = await self._sent(query, words, suffix, ran, line)
        if sent is None:
            self.send_nothing(304)
        elif isinstance(sent, ResultQuery):
            await self._send_file(view, ran, sent, line)
        else:
            await self.send_answer(view, line, words, ran, sent)

    async def _sent(
        self, query: RunQuery, words: RunWords, suffix: str | None, ran: Ran, line: Line
    ) -> _Sent | ResultQuery | None:
        """What is answered with; None where the caller has it."""
        is_file = wanted_format(suffix, None) != "json"
        if ran.has_rows and is_file:
            return await self._as_file(query, words, suffix, ran, line)
        if ran.has_rows:
            return await self._in_answer(words, ran, line)
        if is_file and not ran.is_pending:
            raise Gone(
                "Nothing is stored for this, and force_cache never calculates.",
                hint="Leave refresh away to calculate it.",
            )
        return _Sent()

    async def _in_answer(self, words: RunWords, ran: Ran, line: Line) -> _Sent | None:
        """The window of rows that is asked for; None where the caller has it."""
        result = ran.reading.view.current.result
        assert result is not None
        window = Window(limit=words.limit, offset=words.offset or 0)
        if self.request.method != "POST" and not ran.is_pending:
            # Of the rows alone: when they were calculated, and by which run, is no part of it.
            version = ran.reading.view.version.n
            tag = f"{self.services.results.etag(result, window)}-{version}"
            self.set_header("Etag", f'W/"{tag}"')
            if self.has_etag(tag):
                line.served(0, is_cached=ran.is_cached)
                set_stale_headers(self, ran.reading.freshness, ran.reading.refresh)
                return None
        rendering, opened = await rendered(self, result, window)
        line.served(rendering.row_count, is_cached=ran.is_cached)
        self.set_header("X-Row-Count", str(rendering.row_count))
        self.set_header("X-Total-Row-Count", str(result.row_count))
        return _Sent(rendering, opened)

    async def _as_file(
        self, query: RunQuery, words: RunWords, suffix: str | None, ran: Ran, line: Line
    ) -> ResultQuery:
        """What is asked of a file; its rows are rendered, for the log to know how many they are."""
        wanted = ResultQuery(
            format=suffix,
            limit=words.limit,
            offset=words.offset or 0,
            columns=query.columns,
            download=query.download,
            bom=query.bom,
            guard=query.guard,
        )
        result = ran.reading.view.current.result
        assert result is not None
        window = window_of(wanted, None)
        results = self.services.results
        is_known = self.has_etag(results.etag(result, window))
        count = 0 if is_known else (await results.render(result, window)).row_count
        line.served(count, is_cached=ran.is_cached)
        return wanted

    async def _send_file(self, view: View, ran: Ran, wanted: ResultQuery, line: Line) -> None:
        reading = ran.reading
        result = reading.view.current.result
        assert result is not None and view.endpoint is not None
        self.set_header("X-Execution-Id", line.id)
        source = Source(
            result=result,
            freshness=reading.freshness,
            name=view.endpoint.name,
            path=self.request.path,
            is_file=True,
            is_forced=ran.mode in {Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC},
            refresh=reading.refresh,
        )
        await send_result(self, source, wanted)


class EndpointLogsHandler(_EndpointHandler):
    """``projects/{project}/endpoints/{name}/logs``."""

    @route(
        "read", "endpoint:read", "The log of an endpoint's runs", query=LogsQuery, answer=OffsetPage
    )
    async def get(self, project: str, name: str) -> None:
        """A line for each run of the last 90 days, newest first; values are in none."""
        view = await self.endpoint(project, name)
        query = self.query(LogsQuery)
        wanted = log_filter(query, self.services.clock.now())
        page = await self.services.executions.page(view, wanted, query.limit, query.offset)
        after, before = query.offset + query.limit, max(0, query.offset - query.limit)
        lines: tuple[LogLine, ...] = tuple(log_line(each, view) for each in page.items)
        self.send(
            OffsetPage(
                count=page.total,
                next=self.page_address(query.limit, after) if after < page.total else None,
                previous=self.page_address(query.limit, before) if query.offset else None,
                results=lines,
            )
        )

    head = get


class EndpointUsageHandler(_EndpointHandler):
    """``projects/{project}/endpoints/{name}/usage``."""

    @route("read", "endpoint:read", "How an endpoint is used", query=UsageQuery, answer=UsageOut)
    async def get(self, project: str, name: str) -> None:
        """Runs, failures, share of cached ones and times, by version and by day."""
        view = await self.endpoint(project, name)
        since = self.services.clock.now() - self.query(UsageQuery).days * _DAY
        lines: list[Any] = await self.services.executions.since(view, since)
        usages = await self.services.run_in_thread(usages_of, lines)
        self.send(usage_out(name, since, usages))

    head = get
