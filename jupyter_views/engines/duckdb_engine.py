"""DuckDB behind the Engine protocol: warm worker processes, limits, cancel, encodings."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec
from msgspec import structs

from ..core.charts import Chart, Points, Profile
from ..core.errors import Canceled, EngineFailed, Unavailable
from ..core.ports import (
    Comparing,
    Comparison,
    Difference,
    Draft,
    Encoded,
    Encoding,
    Outcome,
    Plan,
    Progress,
    Read,
    Run,
    Signature,
    Stored,
)
from .inputs import lend, take_back
from .pool import Breaker, Pool, sweep
from .process import WorkerProcess
from .protocol import (
    Check,
    Compared,
    Diff,
    Draw,
    Drawn,
    Encode,
    Execute,
    Look,
    Looked,
    Planned,
    Plot,
    Plotted,
    Ran,
    Rendered,
    Reply,
    Request,
    Setup,
    Survey,
    Surveyed,
    pack_draft,
)

GIB = 1 << 30
_CHECK_SECONDS = 15.0
_LOOK_SECONDS = 120.0
_PROBE_SECONDS = 15.0
_ENCODE_SECONDS = 600.0
_DIFF_SECONDS = 120.0
_PLOT_SECONDS = 60.0
_DRAW_SECONDS = 30.0
_HEAVY_ROWS = 50_000
_WATCH_SECONDS = 0.1
_PLANS = 2_000
_PLAN_CHARS = 10_000
"""A longer one is not remembered: SQL of 256 KB comes from anybody."""
# V8 maps 0.6 GiB that it writes to, and holds 100 MB of it.
_DRAWING_BYTES = GIB
_Kind = TypeVar("_Kind", Planned, Looked, Ran, Rendered, Compared, Surveyed, Plotted, Drawn)


class DuckDBEngine:
    """The local engine.

    Two kinds of workers, so that a short question never waits behind a long
    query: *run* workers execute what users wrote, *read* workers check SQL,
    look at sources and render stored results. A third kind, *draw*, makes
    pictures of charts; it starts when it is first needed.

    Parameters
    ----------
    readable, hidden
        Folders that SQL may read, and folders inside them that it may not.
    results_dir, frames_dir
        Where stored results and uploaded frames lie.
    states_dir
        Where run workers keep what incremental refreshes need; None keeps
        nothing, and every run is full.
    scratch_dir
        Where this engine makes a folder of its own, on the same file system
        as the results; removed by :meth:`stop`.
    run_workers, read_workers
        At most so many processes; one of each is kept warm.
    memory_bytes
        What one query may hold. The process may have half as much again
        before it is killed from outside.
    temp_bytes
        What one query may spill to disk.
    """

    def __init__(
        self,
        *,
        readable: tuple[str, ...],
        hidden: tuple[str, ...],
        results_dir: str,
        frames_dir: str,
        scratch_dir: str,
        states_dir: str | None = None,
        run_workers: int = 2,
        read_workers: int = 2,
        memory_bytes: int = GIB,
        threads: int = 2,
        temp_bytes: int = 10 * GIB,
        log: logging.Logger,
    ) -> None:
        self._home = scratch_dir
        self._folder = os.path.join(scratch_dir, f"engine-{os.getpid()}-{secrets.token_hex(4)}")
        self._done = os.path.join(self._folder, "done")
        self._inputs = os.path.join(self._folder, "inputs")
        self._results_dir = results_dir
        self._states_dir = states_dir
        self._rss_limit = memory_bytes + memory_bytes // 2 + GIB // 4
        # Where a run is: waiting for a worker, being given its inputs (None), or at one.
        self._running: dict[str, asyncio.Task[WorkerProcess] | WorkerProcess | None] = {}
        self._canceled: set[str] = set()
        self._plans: dict[bytes, Plan] = {}
        self._watcher: asyncio.Task[None] | None = None
        # One for each kind: what user SQL crashes must not close the way to stored rows.
        self._breakers = (Breaker(), Breaker())
        pictures = Breaker()
        setup = Setup(
            kind="run",
            readable=readable,
            hidden=hidden,
            results_dir=results_dir,
            frames_dir=frames_dir,
            inputs_dir=self._inputs,
            scratch=os.path.join(self._folder, "run"),
            states_dir=states_dir,
            memory_bytes=memory_bytes,
            address_bytes=2 * memory_bytes,
            file_bytes=max(temp_bytes, 2 * GIB),
            temp_bytes=temp_bytes,
            threads=threads,
            nice=10,
        )
        scratch = os.path.join(self._folder, "read")
        reading = structs.replace(setup, kind="read", scratch=scratch, states_dir=None, nice=5)
        drawing = structs.replace(
            reading,
            kind="draw",
            scratch=os.path.join(self._folder, "draw"),
            readable=(),
            address_bytes=_DRAWING_BYTES,
        )
        limits = {"recycle_bytes": memory_bytes // 2 + GIB // 2, "log": log}
        self._runs = Pool(setup, size=run_workers, breaker=self._breakers[0], **limits)
        self._reads = Pool(reading, size=read_workers, breaker=self._breakers[1], **limits)
        self._drawings = Pool(
            drawing, size=1, breaker=pictures, recycle_bytes=_DRAWING_BYTES // 2, log=log
        )

    async def start(self) -> None:
        """Start one worker of each kind; raises Unavailable when they do not answer."""
        await asyncio.to_thread(sweep, self._home)
        for folder in filter(None, (self._done, self._inputs, self._states_dir)):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._runs.start())
                group.create_task(self._reads.start())
        except* Unavailable as group_error:
            await self.stop()
            raise group_error.exceptions[0] from None
        self._watcher = asyncio.create_task(self._watch_memory())

    async def stop(self) -> None:
        """Stop every worker and remove the scratch folder; what runs fails with Interrupted."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = None
        await asyncio.gather(self._runs.close(), self._reads.close(), self._drawings.close())
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def health(self) -> str | None:
        """None while one worker of each kind lives and the engine does not keep crashing."""
        if any(breaker.seconds_open() > 0 for breaker in self._breakers):
            return "The engine crashed several times within a minute."
        return self._runs.health() or self._reads.health()

    async def check(self, draft: Draft) -> Plan:
        """Gate and lineage, without running anything.

        The plan of SQL that reads nothing is the same for ever, so it is remembered.
        """
        packed = pack_draft(draft)
        key = hashlib.sha256(msgspec.msgpack.encode(packed)).digest()
        known = self._plans.get(key)
        if known is not None:
            return known
        plan = (await self._read(Check(packed), Planned, _CHECK_SECONDS)).plan
        if not plan.reads and len(plan.normalized_sql) <= _PLAN_CHARS:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    async def compare(self, reads: tuple[Read, ...], recorded: tuple[Signature, ...]) -> Comparison:
        """How the sources stand now against what was recorded before a run.

        A probe is user SQL: it is asked by a worker for runs.
        """
        if not reads and not recorded:
            return Comparison(moved=())
        has_probe = any(read.kind == "probe" for read in reads)
        pool, seconds = (self._runs, _PROBE_SECONDS) if has_probe else (self._reads, _LOOK_SECONDS)
        async with pool.worker() as worker:
            reply = await worker.ask(Look(reads, recorded), seconds=seconds)
            return _expect(reply, Looked).comparison

    async def encode(self, encoding: Encoding) -> Encoded:
        """Render a stored result; a file, if there is one, belongs to the caller.

        The stored file must lie in ``results_dir``: where the system can wall
        workers in, a reader sees nothing else of the store.
        """
        is_heavy = encoding.limit is None or encoding.limit > _HEAVY_ROWS
        async with self._reads.worker(is_heavy=is_heavy) as worker:
            reply = await worker.ask(Encode(encoding), seconds=_ENCODE_SECONDS)
            encoded = _expect(reply, Rendered).encoded
            if encoded.path is None:
                return encoded
            return structs.replace(encoded, path=self._take_out(encoded.path))

    async def diff(self, comparing: Comparing) -> Difference:
        """Compare two stored results row by row; both files lie in ``results_dir``."""
        async with self._reads.worker(is_heavy=True) as worker:
            reply = await worker.ask(Diff(comparing), seconds=_DIFF_SECONDS)
            return _expect(reply, Compared).difference

    async def profile(self, stored: Stored, rows: int, names: tuple[str, ...]) -> Profile:
        """What some columns of a stored result hold, over all of its rows."""
        async with self._reads.worker(is_heavy=rows > _HEAVY_ROWS) as worker:
            reply = await worker.ask(Survey(stored, rows, names), seconds=_PLOT_SECONDS)
            return _expect(reply, Surveyed).profile

    async def points(self, stored: Stored, rows: int, chart: Chart) -> Points:
        """The marks of a chart, computed over all rows and bounded in number."""
        async with self._reads.worker(is_heavy=rows > _HEAVY_ROWS) as worker:
            reply = await worker.ask(Plot(stored, chart), seconds=_PLOT_SECONDS)
            return _expect(reply, Plotted).points

    async def draw(self, spec: bytes, title: str, form: Literal["svg", "png"]) -> bytes:
        """The picture of a Vega-Lite spec of ours."""
        async with self._drawings.worker() as worker:
            reply = await worker.ask(Draw(spec, title, form), seconds=_DRAW_SECONDS)
            return _expect(reply, Drawn).picture

    async def run(self, run: Run, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run to the end, to a limit or to :meth:`cancel`; the file belongs to the caller."""
        packed = structs.replace(run, draft=pack_draft(run.draft))
        worker = await self._worker_for(run.id)
        inputs = ""
        try:
            if run.draft.views:
                inputs = await self._lent(run, worker)
            seconds = run.limits.seconds
            request = Execute(packed, inputs)
            reply = await worker.ask(request, seconds=seconds, on_progress=on_progress)
            outcome = _expect(reply, Ran).outcome
            return structs.replace(outcome, path=self._take_out(outcome.path))
        finally:
            del self._running[run.id]
            self._runs.release(worker)
            if inputs:
                await asyncio.to_thread(take_back, inputs)

    async def _lent(self, run: Run, worker: WorkerProcess) -> str:
        """The folder with the rows of the views that a run reads."""
        self._running[run.id] = None
        try:
            folder = await asyncio.to_thread(lend, self._results_dir, self._inputs, run.draft.views)
        finally:
            is_canceled = run.id in self._canceled
            self._canceled.discard(run.id)
        self._running[run.id] = worker
        if is_canceled:
            await asyncio.to_thread(take_back, folder)
            raise Canceled("The query was canceled before it began.")
        return folder

    async def cancel(self, run_id: str) -> bool:
        """Stop a run: taken out of the queue, interrupted, or after 2 s killed."""
        if run_id not in self._running:
            return False
        place = self._running[run_id]
        if isinstance(place, WorkerProcess):
            place.cancel(run_id)
            return True
        self._canceled.add(run_id)
        if place is not None:
            place.cancel()
        return True

    async def _worker_for(self, run_id: str) -> WorkerProcess:
        """A run worker in turn; the run can be canceled while it waits."""
        waiting = asyncio.ensure_future(self._runs.acquire())
        self._running[run_id] = waiting
        try:
            worker = await waiting
        except BaseException as error:
            del self._running[run_id]
            if isinstance(error, asyncio.CancelledError) and run_id in self._canceled:
                raise Canceled("The query was canceled before it began.") from None
            raise
        finally:
            is_canceled = run_id in self._canceled
            self._canceled.discard(run_id)
        self._running[run_id] = worker
        if is_canceled:
            del self._running[run_id]
            self._runs.release(worker)
            raise Canceled("The query was canceled before it began.")
        return worker

    async def _read(self, request: Request, kind: type[_Kind], seconds: float) -> _Kind:
        async with self._reads.worker() as worker:
            return _expect(await worker.ask(request, seconds=seconds), kind)

    def _take_out(self, path: str) -> str:
        """Move a worker's file to where the worker's end does not remove it."""
        target = os.path.join(self._done, secrets.token_hex(8) + os.path.splitext(path)[1])
        os.replace(path, target)
        return target

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for worker in (*self._runs.workers, *self._reads.workers):
                worker.kill_if_bigger(self._rss_limit)
            for worker in self._drawings.workers:
                worker.kill_if_bigger(_DRAWING_BYTES)


def _expect(reply: Reply, kind: type[_Kind]) -> _Kind:
    if not isinstance(reply, kind):
        raise EngineFailed("The engine's worker gave an answer that does not fit.")
    return reply
