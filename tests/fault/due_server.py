"""The parts of a whole server without its HTTP surface, with a short lease.

Run as ``python due_server.py STORE DATA LEASE_SECONDS``. It prints its id when
it is ready, looks for due views at SIGUSR1, for abandoned leases twice a
second, and stops in order at SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from jupyter_views.app import ViewsApp
from jupyter_views.core.errors import Unavailable
from jupyter_views.wiring import Parts

LOG = logging.getLogger("server")


class DueServer:
    """The parts, put together as a server does."""

    def __init__(self, store_dir: Path, data: Path, lease_seconds: float) -> None:
        app = ViewsApp(store_dir=str(store_dir), watching="off", run_workers=2, read_workers=1)
        app.log = LOG
        self.parts = Parts(
            app,
            folders=(str(data),),
            kernel_key="",
            emit=lambda schema_id, facts: None,
            lease_seconds=lease_seconds,
        )
        self.store, self.engine, self.runner = (
            self.parts.store, self.parts.engine, self.parts._runner,
        )  # fmt: skip

    async def recover(self) -> None:
        """What the housekeeping of a server does each minute."""
        while True:
            await asyncio.sleep(0.5)
            try:
                await self.runner.recover()
            except Unavailable as error:
                LOG.warning("%s", error.message)

    async def serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_signal_handler(signal.SIGUSR1, self.parts._scheduler.wake)
        await self.parts.start()
        recovering = asyncio.create_task(self.recover())
        print(self.store.lock.server_id, flush=True)  # noqa: T201
        await stopped.wait()
        recovering.cancel()
        await asyncio.gather(recovering, return_exceptions=True)
        await self.parts.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(DueServer(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])).serve())
