"""A server without its HTTP surface: real store, engine, runner and scheduler, with a short lease.

Run as ``python due_server.py STORE DATA LEASE_SECONDS``. It prints its id when
it is ready, looks for due views and abandoned leases at SIGUSR1, and stops in
order at SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

from jupyter_views.core.errors import Unavailable
from jupyter_views.core.model import Cause, Statement, Status, Strategy
from jupyter_views.core.names import new_id
from jupyter_views.core.running import Runner
from jupyter_views.core.scheduling import Scheduler
from jupyter_views.engines.duckdb_engine import DuckDBEngine
from jupyter_views.store.opened import Store

MIB = 1 << 20


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class DueServer:
    """The parts, put together."""

    def __init__(self, store_dir: Path, data: Path, lease_seconds: float) -> None:
        log = logging.getLogger("server")
        self.clock = SystemClock()
        self.store = Store(store_dir, url="", cache_memory_bytes=MIB, cache_disk_bytes=0)
        files = self.store.files
        self.engine = DuckDBEngine(
            readable=(str(data),),
            hidden=(),
            results_dir=str(files.results),
            frames_dir=str(files.frames),
            scratch_dir=str(files.scratch),
            run_workers=2,
            read_workers=1,
            memory_bytes=512 * MIB,
            temp_bytes=1024 * MIB,
            log=log,
        )
        self.runner = Runner(
            rows=self.store.statements,
            files=files,
            engine=self.engine,
            clock=self.clock,
            seconds=60,
            concurrent=2,
            bind=lambda statement: {},
            log=log,
            lease_seconds=lease_seconds,
        )
        self.scheduler = Scheduler(
            rows=self.store.due, on_due=self.on_due, clock=self.clock, log=log, concurrent=4
        )
        self.runner.on_finished(lambda statement, view_ids: self.scheduler.wake())

    async def on_due(self, view_id: int, is_scheduled: bool) -> None:
        view = await asyncio.to_thread(self.store.views.find, view_id)
        if view is None or view.refreshing is not None:
            return
        query = view.version.query
        asked = Statement(
            id=new_id("stmt"),
            query=query,
            params={},
            fingerprint=query.definition_hash,
            status=Status.QUEUED,
            strategy=Strategy.EXECUTE,
            submitted_by=view.owner,
            submitted_at=self.clock.now(),
            row_limit=1000,
            byte_limit=MIB,
            view_id=view.id,
            cause=Cause(kind="schedule" if is_scheduled else "retry"),
        )
        stored = await asyncio.to_thread(self.store.statements.submit, asked)
        if stored.id == asked.id:
            self.runner.set_going(stored)
        await self.runner.wait(stored, 60)

    async def recover(self) -> None:
        """What the housekeeping of a whole server does each minute."""
        while True:
            await asyncio.sleep(0.5)
            try:
                await self.runner.recover()
            except Unavailable as error:
                logging.getLogger("server").warning("%s", error.message)

    async def serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_signal_handler(signal.SIGUSR1, self.scheduler.wake)
        await self.engine.start()
        await self.runner.start()
        await self.scheduler.start()
        housekeeping = asyncio.create_task(self.recover())
        print(self.store.lock.server_id, flush=True)  # noqa: T201
        await stopped.wait()
        housekeeping.cancel()
        await asyncio.gather(housekeeping, return_exceptions=True)
        await self.scheduler.stop()
        await self.runner.stop()
        await self.engine.stop()
        await asyncio.to_thread(self.store.close)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(DueServer(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])).serve())
