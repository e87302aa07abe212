"""Statements on their way: who runs what, how far it is, who waits for it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from .errors import Canceled, Interrupted, Unavailable, ViewsError
from .model import Instant, Result, Statement, Status
from .names import new_id
from .ports import Clock, Draft, Engine, Limits, Outcome, Progress, Run

_NOTE_START_AFTER_SECONDS = 0.2
_POLL_SECONDS = 0.25

Finished = Callable[[Statement, list[int]], None]
Ended = tuple[Statement | None, list[int]]


class RunRows(Protocol):
    """What this needs of the store; every call is one transaction."""

    def find(self, statement_id: str) -> Statement | None: ...
    def start(self, statement_id: str, at: Instant) -> bool: ...
    def succeed(
        self, statement_id: str, result: Result, *, started_at: Instant, at: Instant
    ) -> list[int]: ...
    def fail(
        self, statement_id: str, status: Status, error: dict[str, Any], at: Instant
    ) -> list[int]: ...
    def has_followers(self, statement_id: str) -> bool: ...
    def recover(
        self, is_alive: Callable[[str], bool], error: dict[str, Any], at: Instant
    ) -> list[Statement]: ...


class ResultFiles(Protocol):
    """Where results lie."""

    def adopt_result(self, path: str, sha256: str) -> Path: ...
    def result(self, sha256: str) -> Path: ...


class _Live:
    """A statement that runs in this server: its task, its progress, who waits for it."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.started_at: Instant | None = None
        self.ended: Statement | None = None
        self.progress: Progress | None = None
        self.task: asyncio.Task[None] | None = None


class Runner:
    """Runs statements in this server, as many at once as the engine has workers."""

    def __init__(
        self,
        *,
        rows: RunRows,
        files: ResultFiles,
        engine: Engine,
        clock: Clock,
        seconds: float,
        concurrent: int,
        log: logging.Logger,
    ) -> None:
        self._rows = rows
        self._files = files
        self._engine = engine
        self._clock = clock
        self._seconds = seconds
        self._log = log
        self._live: dict[str, _Live] = {}
        self._slots = asyncio.Semaphore(concurrent)
        self._listeners: list[Finished] = []

    def on_finished(self, listener: Finished) -> None:
        """Call ``listener(statement, view_ids)`` after each statement that ended here."""
        self._listeners.append(listener)

    def set_going(self, statement: Statement) -> None:
        """Run a queued statement in the background."""
        live = self._live[statement.id] = _Live()
        live.task = asyncio.create_task(self._execute(statement, live))

    async def _execute(self, statement: Statement, live: _Live) -> None:
        noting: asyncio.Task[None] | None = None
        ended: Ended = (None, [])
        try:
            async with self._slots:
                live.started_at = self._clock.now()
                noting = asyncio.create_task(self._note_start(statement.id, live.started_at))
                outcome = await self._engine.run(
                    self._run(statement), lambda progress: setattr(live, "progress", progress)
                )
            ended = await self._insist(self._store, statement.id, outcome, live.started_at)
        except Canceled as error:
            ended = await self._settle(statement.id, Status.CANCELED, error)
        except ViewsError as error:
            ended = await self._settle(statement.id, Status.FAILED, error)
        except Exception:
            self._log.exception("statement %s", statement.id)
            error = Interrupted("The result could not be stored.", hint="Run it again.")
            ended = await self._settle(statement.id, Status.FAILED, error)
        finally:
            if noting is not None:
                noting.cancel()
            self._live.pop(statement.id, None)
            live.ended = ended[0]
            live.done.set()
        self.tell(*ended)

    def _run(self, statement: Statement) -> Run:
        query = statement.query
        return Run(
            id=statement.id,
            draft=Draft(
                sql=query.sql,
                base_dir=query.base_dir,
                connection=query.connection,
                params=statement.params,
                frames=query.frames,
            ),
            reads=query.reads,
            limits=Limits(
                seconds=self._seconds, rows=statement.row_limit, bytes=statement.byte_limit
            ),
        )

    async def _note_start(self, statement_id: str, at: Instant) -> None:
        # A quick statement is over before its start is worth a disk write.
        await asyncio.sleep(_NOTE_START_AFTER_SECONDS)
        await asyncio.to_thread(self._rows.start, statement_id, at)

    def _store(self, statement_id: str, outcome: Outcome, started_at: Instant) -> Ended:
        if os.path.exists(outcome.path):  # else an earlier try has adopted it
            self._files.adopt_result(outcome.path, outcome.sha256)
        now = self._clock.now()
        facts = msgspec.structs.asdict(outcome)
        del facts["path"]
        result = Result(id=new_id("res"), saved_at=now, **facts)
        view_ids = self._rows.succeed(statement_id, result, started_at=started_at, at=now)
        return self._rows.find(statement_id), view_ids

    async def _settle(self, statement_id: str, status: Status, error: ViewsError) -> Ended:
        return await self._insist(self._end, statement_id, status, error)

    async def _insist(self, write: Callable[..., Ended], statement_id: str, *facts: Any) -> Ended:
        """Write the end of a statement, however long the store cannot be written to."""
        for attempt in count():
            try:
                return await asyncio.to_thread(write, statement_id, *facts)
            except Unavailable as unavailable:
                self._log.warning("statement %s: %s", statement_id, unavailable.message)
                await asyncio.sleep(min(2**attempt, 30))
        raise AssertionError("count() does not end")

    def _end(self, statement_id: str, status: Status, error: ViewsError) -> Ended:
        view_ids = self._rows.fail(statement_id, status, error.to_dict(), self._clock.now())
        return self._rows.find(statement_id), view_ids

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
                    await asyncio.wait_for(live.done.wait(), left)
                except TimeoutError:
                    break
                if live.ended is not None and live.ended.id == statement.id:
                    return live.ended
            found = await asyncio.to_thread(self._rows.find, statement.id)
            if found is None or found.status.is_final:
                return found or statement
            if live is None:  # it runs in another server, which cannot call us
                await asyncio.sleep(min(_POLL_SECONDS, left))
        found = await asyncio.to_thread(self._rows.find, statement.id)
        return self.overlaid(found or statement)

    def overlaid(self, statement: Statement) -> Statement:
        """The statement with what only this server knows: that it runs, and how far it is."""
        live = self._live.get(statement.primary_id or statement.id)
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
        """Interrupt a run, or take it out of the queue."""
        live = self._live.get(statement_id)
        if live is not None and live.started_at is not None:
            await self._engine.cancel(statement_id)
            return
        if live is not None and live.task is not None:
            live.task.cancel()
        self.tell(
            *await asyncio.to_thread(
                self._end, statement_id, Status.CANCELED, Canceled("Canceled.")
            )
        )

    async def recover(self, is_alive: Callable[[str], bool]) -> None:
        """Take up what dead servers left: what ran has failed, what waited runs here."""
        error = Interrupted("The server stopped while this ran.", hint="Run it again.")
        queued = await asyncio.to_thread(
            self._rows.recover, is_alive, error.to_dict(), self._clock.now()
        )
        for statement in queued:
            self.set_going(statement)

    async def stop(self) -> None:
        """End what runs here as INTERRUPTED; what waits runs after the restart."""
        error = Interrupted("The server stopped while this ran.", hint="Run it again.")
        for statement_id, live in list(self._live.items()):
            if live.task is not None:
                live.task.cancel()
            if live.started_at is None:
                continue  # it waits on disk for the next server
            try:
                await asyncio.to_thread(self._end, statement_id, Status.FAILED, error)
            except Unavailable as unavailable:
                self._log.warning("statement %s: %s", statement_id, unavailable.message)
