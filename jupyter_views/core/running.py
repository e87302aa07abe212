"""Statements on their way: who runs what, how far it is, who waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from .errors import Canceled, Interrupted, Unavailable, UpstreamFailed, ViewsError
from .leases import LeaseKeeper, LeaseLost, LeaseRows, interrupted
from .model import Instant, Result, Statement, Status
from .names import new_id
from .parameters import bound_names
from .ports import Clock, Draft, Engine, Limits, Outcome, Progress, Run
from .values import typed

_NOTE_START_AFTER_SECONDS = 0.2
_POLL_SECONDS = 0.25

_UPSTREAM_SECONDS = 3600.0

Finished = Callable[[Statement, list[int]], None]
Bind = Callable[[Statement], dict[str, str]]
Ended = tuple[Statement | None, list[int]]


class RunRows(LeaseRows, Protocol):
    """What this needs of the store; every call is one transaction.

    ``start``, ``succeed`` and ``fail`` come from whoever runs the statement:
    they raise LeaseLost unless this server holds it under ``fence``.
    ``cancel`` comes from a person, and takes the statement from its holder.
    """

    def find(self, statement_id: str) -> Statement | None: ...
    def start(self, statement_id: str, fence: int, at: Instant) -> None: ...
    def succeed(
        self, statement_id: str, fence: int, result: Result, *, started_at: Instant, at: Instant
    ) -> tuple[bool, list[int]]: ...
    def fail(
        self, statement_id: str, fence: int, status: Status, error: dict[str, Any], at: Instant
    ) -> list[int]: ...
    def cancel(self, statement_id: str, error: dict[str, Any], at: Instant) -> list[int]: ...
    def has_followers(self, statement_id: str) -> bool: ...


class ResultFiles(Protocol):
    """Where results lie."""

    def adopt_result(self, path: str, sha256: str) -> Path: ...
    def result(self, sha256: str) -> Path: ...


class _Live:
    """A statement that runs in this server: its task, its progress, who waits for it."""

    def __init__(self, fence: int) -> None:
        self.fence = fence
        self.done = asyncio.Event()
        self.started_at: Instant | None = None
        self.ended: Statement | None = None
        self.progress: Progress | None = None
        self.task: asyncio.Task[None] | None = None


class Runner:
    """Runs statements in this server, as many at once as the engine has workers.

    Parameters
    ----------
    bind
        Gives the sha256 of the current rows of each view that a statement
        reads, by slug; called in a thread when the run begins.
    look_at
        Called in a thread for each view that has just got new rows, so that
        those who wait for them find it remembered.
    lease_seconds
        A server that gives no sign of life for so long loses what it runs.
    """

    def __init__(
        self,
        *,
        rows: RunRows,
        files: ResultFiles,
        engine: Engine,
        clock: Clock,
        seconds: float,
        concurrent: int,
        bind: Bind,
        look_at: Callable[[int], object],
        log: logging.Logger,
        lease_seconds: float,
    ) -> None:
        self._bind = bind
        self._look_at = look_at
        self._rows = rows
        self._files = files
        self._engine = engine
        self._clock = clock
        self._seconds = seconds
        self._log = log
        self._live: dict[str, _Live] = {}
        self._slots = asyncio.Semaphore(concurrent)
        self._listeners: list[Finished] = []
        self._leases = LeaseKeeper(
            rows=rows,
            held=lambda: {name: live.fence for name, live in self._live.items()},
            on_lost=self._interrupt,
            on_taken=self._take_up,
            clock=clock,
            seconds=lease_seconds,
            log=log,
        )

    async def start(self) -> None:
        """Take up what dead servers left, and look after leases from now on."""
        await self._leases.start()

    async def recover(self) -> None:
        """Take up what servers have left since: what ran has failed, what waited runs here."""
        await self._leases.look()

    def _take_up(self, statement: Statement, view_ids: list[int]) -> None:
        if statement.status.is_final:
            self.tell(statement, view_ids)
        else:
            self.set_going(statement)

    def on_finished(self, listener: Finished) -> None:
        """Call ``listener(statement, view_ids)`` after each statement that ended here."""
        self._listeners.append(listener)

    def set_going(self, statement: Statement, after: tuple[Statement, ...] = ()) -> None:
        """Run a queued statement in the background, once those before it have succeeded."""
        live = self._live[statement.id] = _Live(statement.fence)
        live.task = asyncio.create_task(self._execute(statement, live, after))
        self._leases.note_held()

    async def _execute(
        self, statement: Statement, live: _Live, after: tuple[Statement, ...]
    ) -> None:
        noting: asyncio.Task[None] | None = None
        ended: Ended = (None, [])
        try:
            await self._await_success(after)
            async with self._slots:
                reads_views = any(read.kind == "view" for read in statement.query.reads)
                views = await asyncio.to_thread(self._bind, statement) if reads_views else {}
                # Nothing is awaited between this and the engine: what is said to run can be
                # canceled there.
                live.started_at = self._clock.now()
                noting = asyncio.create_task(self._note_start(statement, live.started_at))
                outcome = await self._engine.run(
                    self._run(statement, views),
                    lambda progress: setattr(live, "progress", progress),
                )
            ended = await self._insist(self._store, statement, outcome, live.started_at)
        except Canceled as error:
            ended = await self._insist(self._fail, statement, Status.CANCELED, error)
        except ViewsError as error:
            ended = await self._insist(self._fail, statement, Status.FAILED, error)
        except Exception:
            self._log.exception("statement %s", statement.id)
            error = Interrupted("The result could not be stored.", hint="Run it again.")
            ended = await self._insist(self._fail, statement, Status.FAILED, error)
        finally:
            if noting is not None:
                noting.cancel()
            self._live.pop(statement.id, None)
            live.ended = ended[0]
            live.done.set()
        self.tell(*ended)

    async def _await_success(self, upstream: tuple[Statement, ...]) -> None:
        """Wait for the refreshes of the views that a query reads; they take no slot meanwhile."""
        for statement in upstream:
            ended = await self.wait(statement, _UPSTREAM_SECONDS)
            if ended.status is not Status.SUCCESS:
                why = (ended.error or {}).get("message", "It did not end in time.")
                raise UpstreamFailed(
                    f"A view that this one reads could not be refreshed: {why}",
                    hint="Mend that view; this one is refreshed after it.",
                    details={"statement_id": ended.id},
                )

    def _run(self, statement: Statement, views: dict[str, str]) -> Run:
        query = statement.query
        return Run(
            id=statement.id,
            draft=Draft(
                sql=query.sql,
                base_dir=query.base_dir,
                connection=query.connection,
                params=typed(query.declared, statement.values),
                declared=bound_names(query.declared),
                frames=query.frames,
                views=views,
                changed_when=statement.changed_when,
                is_strict=statement.is_strict,
            ),
            reads=query.reads,
            limits=Limits(
                seconds=self._seconds, rows=statement.row_limit, bytes=statement.byte_limit
            ),
            state_key=statement.fingerprint if statement.view_id is not None else None,
        )

    async def _note_start(self, statement: Statement, at: Instant) -> None:
        # A quick statement is over before its start is worth a disk write; and the start is
        # only news: whatever keeps it from being written is met again at the end.
        await asyncio.sleep(_NOTE_START_AFTER_SECONDS)
        with contextlib.suppress(LeaseLost, Unavailable):
            await asyncio.to_thread(self._rows.start, statement.id, statement.fence, at)

    def _store(self, statement: Statement, outcome: Outcome, started_at: Instant) -> Ended:
        if os.path.exists(outcome.path):  # else an earlier try has adopted it
            try:
                self._files.adopt_result(outcome.path, outcome.sha256)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(outcome.path)
                raise
        now = self._clock.now()
        facts = msgspec.structs.asdict(outcome)
        del facts["path"]
        # By the clock that will reckon its age; one that was set back meanwhile says it was now.
        computed_at = min(started_at, now)
        result = Result(id=new_id("res"), computed_at=computed_at, saved_at=now, **facts)
        is_wanted, view_ids = self._rows.succeed(
            statement.id, statement.fence, result, started_at=started_at, at=now
        )
        self._look_at_all(view_ids)
        if not is_wanted:
            return self._rows.find(statement.id), view_ids
        ended = replace(
            statement,
            status=Status.SUCCESS,
            result=result,
            started_at=statement.started_at or started_at,
            completed_at=now,
        )
        return ended, view_ids

    def _look_at_all(self, view_ids: list[int]) -> None:
        try:
            for view_id in view_ids:
                self._look_at(view_id)
        except Exception:
            # The rows are stored: whatever this is, whoever reads the view meets it.
            self._log.exception("a view with new rows could not be read")

    def _fail(self, statement: Statement, status: Status, error: ViewsError) -> Ended:
        view_ids = self._rows.fail(
            statement.id, statement.fence, status, error.to_dict(), self._clock.now()
        )
        return self._rows.find(statement.id), view_ids

    async def _insist(
        self, write: Callable[..., Ended], statement: Statement, *facts: Any
    ) -> Ended:
        """Write the end of a statement, however long the store cannot be written to.

        What comes after the lease was lost is dropped; the file of its rows
        has no row and is swept.
        """
        for attempt in count():
            try:
                return await asyncio.to_thread(write, statement, *facts)
            except LeaseLost:
                self._log.warning("statement %s: ended too late, dropped", statement.id)
                return None, []
            except Unavailable as unavailable:
                self._log.warning("statement %s: %s", statement.id, unavailable.message)
                await asyncio.sleep(min(2**attempt, 30))
        raise AssertionError("count() does not end")

    def tell(self, statement: Statement | None, view_ids: list[int]) -> None:
        """Tell the listeners that a statement ended."""
        if statement is not None:
            for listener in self._listeners:
                listener(statement, view_ids)

    async def wait(self, statement: Statement, seconds: float) -> Statement:
        """The statement when it ends, or as it stands after ``seconds``."""
        until = self._clock.monotonic() + seconds
        while not statement.status.is_final and (left := until - self._clock.monotonic()) > 0:
            live = self._live.get(statement.primary_id or statement.id)
            if live is not None:
                try:
                    async with asyncio.timeout(left):
                        await live.done.wait()
                except TimeoutError:
                    break
                if live.ended is not None and live.ended.id == statement.id:
                    return live.ended
            found = await asyncio.to_thread(self._rows.find, statement.id)
            if found is None or found.status.is_final:
                return found or statement
            if live is None:  # it runs in another server, which cannot call us
                self._leases.note_others()
                await asyncio.sleep(min(_POLL_SECONDS, left))
        found = await asyncio.to_thread(self._rows.find, statement.id)
        return self.overlaid(found or statement)

    def overlaid(self, statement: Statement) -> Statement:
        """The statement with what only this server knows: that it runs, and how far it is."""
        live = self._live.get(statement.primary_id or statement.id)
        if live is None and not statement.status.is_final:
            self._leases.note_others()
        if live is None or statement.status.is_final or live.started_at is None:
            return statement
        return replace(
            statement, status=Status.RUNNING, started_at=live.started_at, progress=live.progress
        )

    async def stop_unwanted(self, primary_id: str) -> None:
        """Stop a run that was canceled once its last waiter has gone."""
        primary = await asyncio.to_thread(self._rows.find, primary_id)
        wanted = primary is not None and not primary.status.is_final
        if not wanted and not await asyncio.to_thread(self._rows.has_followers, primary_id):
            await self.cancel(primary_id)

    async def cancel(self, statement_id: str) -> None:
        """Interrupt a run, or take it out of the queue, wherever it is."""
        live = self._live.get(statement_id)
        await self._interrupt(statement_id)
        if live is None or live.started_at is None:
            self.tell(*await asyncio.to_thread(self._cancel, statement_id))

    def _cancel(self, statement_id: str) -> Ended:
        error = Canceled("Canceled.").to_dict()
        view_ids = self._rows.cancel(statement_id, error, self._clock.now())
        return self._rows.find(statement_id), view_ids

    async def _interrupt(self, statement_id: str) -> None:
        """Stop what this server does for a statement; how it ends is written by whom it may."""
        live = self._live.get(statement_id)
        if live is not None and live.started_at is not None:
            await self._engine.cancel(statement_id)
        elif live is not None and live.task is not None:
            live.task.cancel()

    async def stop(self) -> None:
        """End what runs here as INTERRUPTED; what waits is left to the next server."""
        await self._leases.stop()
        going = dict(self._live)
        for live in going.values():  # all at once, so that none gets the place of another
            if live.task is not None:
                live.task.cancel()
        error, now = interrupted().to_dict(), self._clock.now()
        for statement_id, live in going.items():
            if live.started_at is not None:
                await self._try(
                    self._rows.fail, statement_id, live.fence, Status.FAILED, error, now
                )
        await self._try(self._rows.let_go)

    async def _try(self, write: Callable[..., Any], *facts: Any) -> None:
        """Write once; what could not be written is found by whoever looks for dead servers."""
        try:
            await asyncio.to_thread(write, *facts)
        except (LeaseLost, Unavailable) as error:
            self._log.warning("at the stop: %s", error)
