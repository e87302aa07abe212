"""A pool of worker processes of one kind: first come, first served, replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine

from msgspec import structs

from ..core.errors import EngineCrashed, Interrupted, Unavailable
from .process import WorkerProcess
from .protocol import Setup

CRASHES_ALLOWED = 5
CRASH_WINDOW_SECONDS = 60.0


class Breaker:
    """Opens after five crashes within a minute, so that a broken engine is not started for ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes: deque[float] = deque(maxlen=CRASHES_ALLOWED)

    def record(self) -> None:
        """Note a crash."""
        self._crashes.append(self._clock())

    def seconds_open(self) -> float:
        """Seconds until it closes; 0 when closed."""
        if len(self._crashes) < CRASHES_ALLOWED:
            return 0.0
        return max(0.0, self._crashes[0] + CRASH_WINDOW_SECONDS - self._clock())

    def raise_if_open(self) -> None:
        """Raise Unavailable with the time to wait while open."""
        if (seconds := self.seconds_open()) > 0:
            raise Unavailable(
                "The engine crashed several times within a minute and is given a rest.",
                retry_after_seconds=int(seconds) + 1,
            )


class Pool:
    """Workers of one kind.

    One is kept warm; more start when tasks wait, up to ``size``. Heavy tasks
    never take the last place, so that a short one finds a worker (when
    ``size`` is 1 they have to share it).
    """

    def __init__(
        self, setup: Setup, *, size: int, breaker: Breaker, recycle_bytes: int, log: logging.Logger
    ) -> None:
        self._setup = setup
        self._size = max(1, size)
        self._breaker = breaker
        self._recycle_bytes = recycle_bytes
        self._log = log
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._waiting: deque[tuple[asyncio.Future[WorkerProcess], bool]] = deque()
        self._heavy = 0
        self._starting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._burials: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._has_served = False
        self._reason = "The engine has not started yet."

    @property
    def workers(self) -> list[WorkerProcess]:
        """All live workers."""
        return [*self._idle, *self._busy]

    def health(self) -> str | None:
        """None when a worker lives or is being replaced, else why none does."""
        if self._is_closed:
            return "The engine is stopped."
        return None if self.workers or (self._starting and self._has_served) else self._reason

    async def start(self) -> None:
        """Start the warm worker; raises Unavailable when it cannot."""
        self._is_closed = False
        self._starting += 1
        try:
            await self._spawn()
        except EngineCrashed as error:
            raise Unavailable(f"The engine cannot start: {error.message}") from None

    @contextlib.asynccontextmanager
    async def worker(self, *, is_heavy: bool = False) -> AsyncIterator[WorkerProcess]:
        """A worker for one task, in order of asking."""
        worker = await self.acquire(is_heavy=is_heavy)
        try:
            yield worker
        finally:
            self.release(worker, is_heavy=is_heavy)

    async def close(self) -> None:
        """Terminate every worker, then kill; waiting tasks fail with Interrupted."""
        self._is_closed = True
        for future, _ in self._waiting:
            if not future.done():
                future.set_exception(Interrupted("The server stopped."))
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(worker.end(grace=0.5) for worker in self.workers))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Only now: a start that was cut short has its worker buried.
        await asyncio.gather(*self._burials, return_exceptions=True)
        self._idle.clear()
        self._starting = 0

    async def acquire(self, *, is_heavy: bool = False) -> WorkerProcess:
        """A worker to be given back by :meth:`release`; raises Unavailable while none can be."""
        self._breaker.raise_if_open()
        if self._is_closed:
            raise Unavailable("The engine is stopped.")
        future: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, is_heavy))
        self._serve()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(future.result(), is_heavy=is_heavy)
            raise

    def _serve(self) -> None:
        """Hand idle workers to those who wait; start more where that is allowed."""
        self._drop_the_dead()
        heavy_allowed = max(1, self._size - 1)
        kept: deque[tuple[asyncio.Future[WorkerProcess], bool]] = deque()
        wanted = 0
        while self._waiting:
            future, is_heavy = self._waiting.popleft()
            if future.done():
                continue
            if is_heavy and self._heavy >= heavy_allowed:
                kept.append((future, is_heavy))
            elif self._idle:
                worker = self._idle.pop()
                self._busy.add(worker)
                self._heavy += is_heavy
                future.set_result(worker)
            else:
                kept.append((future, is_heavy))
                wanted += 1
        self._waiting = kept
        self._grow(wanted)

    def _grow(self, wanted: int) -> None:
        if self._is_closed or self._breaker.seconds_open() > 0:
            return
        alive = len(self._idle) + len(self._busy) + self._starting
        missing = min(self._size - alive, max(wanted - self._starting, 1 - alive))
        for _ in range(missing):
            # Counted here and not when the task begins: whoever asks in the
            # same turn of the loop must see it.
            self._starting += 1
            self._later(self._tasks, self._spawn_quietly())

    def _drop_the_dead(self) -> None:
        for worker in [each for each in self._idle if each.has_ended]:
            self._idle.remove(worker)
            worker.is_spent = True
            self._crashed()
            self._later(self._burials, self._bury(worker))

    def release(self, worker: WorkerProcess, *, is_heavy: bool = False) -> None:
        """Take a worker back, or replace it when it is spent."""
        self._busy.discard(worker)
        self._heavy -= is_heavy
        if worker.has_crashed:
            self._crashed()
        if not worker.is_spent and worker.rss_bytes() > self._recycle_bytes:
            worker.is_spent = True
        if worker.is_spent or self._is_closed:
            self._later(self._burials, self._bury(worker))
        else:
            self._idle.append(worker)
        self._serve()

    def _crashed(self) -> None:
        self._breaker.record()
        if (seconds := self._breaker.seconds_open()) > 0:
            self._reason = "The engine crashed several times within a minute."
            self._log.error("engine: %s Next try in %.0f s.", self._reason, seconds)
            for future, _ in self._waiting:
                if not future.done():
                    future.set_exception(
                        Unavailable(self._reason, retry_after_seconds=int(seconds) + 1)
                    )
            asyncio.get_running_loop().call_later(seconds + 0.05, self._serve)

    async def _spawn(self) -> None:
        """Start a worker that the caller has counted in ``_starting``."""
        folder = f"{self._setup.scratch}-{secrets.token_hex(4)}"
        worker = WorkerProcess(structs.replace(self._setup, scratch=folder), self._log)
        try:
            await worker.start()
        except (EngineCrashed, OSError):
            self._starting -= 1
            self._reason, self._has_served = "A worker of the engine could not start.", False
            await self._bury(worker)
            self._crashed()
            raise EngineCrashed(self._reason) from None
        except asyncio.CancelledError:
            self._starting -= 1
            self._later(self._burials, self._bury(worker))
            raise
        self._starting -= 1
        self._idle.append(worker)
        self._has_served = True
        self._later(self._tasks, self._watch(worker))
        self._serve()

    async def _spawn_quietly(self) -> None:
        try:
            await self._spawn()
        except EngineCrashed:
            self._serve()

    async def _watch(self, worker: WorkerProcess) -> None:
        """Notice the death of an idle worker, which nobody asks anything."""
        await worker.gone()
        if not self._is_closed:
            self._serve()

    async def _bury(self, worker: WorkerProcess) -> None:
        await worker.end()
        await asyncio.to_thread(shutil.rmtree, worker.folder, ignore_errors=True)

    def _later(self, group: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        group.add(task)
        task.add_done_callback(group.discard)


def sweep(folder: str) -> None:
    """Remove what engines of servers that no longer run have left in ``folder``."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            name, _, rest = entry.name.partition("-")
            pid = rest.partition("-")[0]
            if name == "engine" and pid.isdigit() and not _is_alive(int(pid)):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
