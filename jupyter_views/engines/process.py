"""One worker process, seen from the server's event loop.

Talks over a socket pair with asyncio streams: no thread per worker, and the
end of the stream is the news of its death.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import (
    Canceled,
    EngineCrashed,
    EngineFailed,
    Interrupted,
    OutOfMemory,
    TimedOut,
    ViewsError,
    from_dict,
)
from ..core.ports import Progress
from .protocol import (
    HEAD,
    MAX_FRAME_BYTES,
    Cancel,
    Failed,
    Ready,
    Reply,
    Request,
    Setup,
    Tick,
    to_frame,
    to_reply,
)

START_SECONDS = 30.0
GRACE_SECONDS = 2.0
_SERVING = "jupyter_views.engines.serving"
_MODULES = {"draw": "jupyter_views.engines.drawing"}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])


class WorkerProcess:
    """A child process that does one task at a time.

    Attributes
    ----------
    folder
        Its scratch folder, which it may write and which dies with it.
    is_spent
        It must not be given another task: dead, poisoned or grown too big.
    """

    def __init__(self, setup: Setup, log: logging.Logger) -> None:
        self.setup = setup
        self.folder = setup.scratch
        self.is_spent = False
        self.has_crashed = False
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._killed_for: ViewsError | None = None
        self._task = 0
        self._module = _MODULES.get(setup.kind, "jupyter_views.engines.worker")
        self._stderr = os.path.join(setup.scratch, "stderr")

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def has_ended(self) -> bool:
        """Whether the process has started and is gone."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Start and wait until the engine is open; raises EngineCrashed when it cannot."""
        ours = self._launch()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._send(self.setup)
                reply = await self._receive()
        except (OSError, EOFError, TimeoutError):
            reply = None
        if not isinstance(reply, Ready):
            await self._log_death("could not start")
            await self.end()
            self.has_crashed = True
            raise EngineCrashed("A worker of the engine could not start.")
        self._log.debug("worker %s ready, confined by %s", self.pid, reply.confined)

    def _launch(self) -> socket.socket:
        """Start the process; returns our end of its socket."""
        os.makedirs(self.folder, mode=0o700)
        ours, theirs = socket.socketpair()
        number = str(theirs.fileno())
        try:
            with open(self._stderr, "wb") as errors:
                # On this thread and no other: a child that asked to die with
                # its parent dies with the *thread* that started it.
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", _SERVING, self._module, number],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=self.folder,
                    env=_environment(),
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    async def ask(
        self,
        request: Request,
        *,
        seconds: float,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Reply:
        """Do one task.

        Parameters
        ----------
        seconds
            Wall clock: two seconds after it the process is killed.

        Raises
        ------
        ViewsError
            What the worker reported, or TimedOut, Canceled, OutOfMemory,
            EngineCrashed according to why the process died.
        """
        self._task += 1
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                await self._send(request)
                while isinstance(reply := await self._receive(), Tick):
                    if on_progress is not None:
                        on_progress(reply.progress)
        except TimeoutError:
            late = TimedOut(f"The engine did not stop at its limit of {seconds:g} s.")
            self.kill(late)
            raise self._killed_for or late from None
        except asyncio.CancelledError:
            self.kill(Canceled("Nobody waits for this task any more."))
            raise
        except (OSError, EOFError):
            raise await self._cause_of_death() from None
        finally:
            self._task += 1
        if isinstance(reply, Failed):
            raise self._told(reply)
        return reply

    def _told(self, reply: Failed) -> ViewsError:
        error = from_dict(reply.error)
        # What the allocators keep after running dry would starve the next
        # query, whose limit it counts against.
        self.is_spent |= reply.is_poisoned or isinstance(error, OutOfMemory)
        if type(error) is EngineFailed and reply.trace:
            self._log.debug("worker %s: %s", self.pid, reply.trace)
        return error

    def cancel(self, run_id: str) -> None:
        """Interrupt the run, and kill the process when it has not ended 2 s later."""
        task, loop = self._task, asyncio.get_running_loop()
        if self._writer is not None:
            self._writer.write(to_frame(Cancel(run_id)))
        loop.call_later(GRACE_SECONDS, self._kill_if_still, task)

    def _kill_if_still(self, task: int) -> None:
        if self._task == task:
            self.kill(Canceled("The query was canceled."))

    def kill(self, reason: ViewsError | None = None) -> None:
        """End the process at once; its task fails with ``reason``."""
        self.is_spent = True
        self._killed_for = self._killed_for or reason
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def rss_bytes(self) -> int:
        """Resident memory by /proc; 0 where the system has none."""
        try:
            with open(f"/proc/{self.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError, ValueError):
            return 0

    def kill_if_bigger(self, limit_bytes: int) -> None:
        """The watch from outside: allocations of single functions pass the engine's own limit."""
        if self._task % 2 and self.rss_bytes() > limit_bytes:
            self.kill(
                OutOfMemory(
                    "The query needs more memory than it may have.",
                    hint="Aggregate or filter earlier, or select fewer columns.",
                )
            )

    async def end(self, *, grace: float = 0.0) -> None:
        """Terminate, then kill after ``grace`` seconds; returns when the process is gone."""
        self.is_spent = True
        self._killed_for = self._killed_for or Interrupted("The server stopped.")
        if self._writer is not None:
            self._writer.close()
        process = self._process
        if process is None:
            return
        if process.poll() is None and grace:
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone(), grace)
        if process.poll() is None:
            process.kill()
            await self.gone()

    async def gone(self) -> None:
        """Return when the process has ended, and reap it."""
        if (process := self._process) is None or process.poll() is not None:
            return
        try:
            descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            while process.poll() is None:  # noqa: ASYNC110 - no event tells where pidfd lacks
                await asyncio.sleep(0.05)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        process.wait()

    async def _cause_of_death(self) -> ViewsError:
        self.is_spent = True
        if self._killed_for is not None:
            return self._killed_for
        await self._log_death("died")
        self.has_crashed = True
        return EngineCrashed(
            "The engine's process died while it worked on this.",
            hint="Try again; if it dies again, simplify the query.",
        )

    async def _log_death(self, what: str) -> None:
        code = None
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone(), 0.5)
            code = self._process.poll()
        with contextlib.suppress(OSError), open(self._stderr, "rb") as file:  # noqa: ASYNC230
            words = file.read()[-2000:].decode(errors="replace")
            self._log.warning("a %s worker %s (%s): %s", self.setup.kind, what, code, words)

    async def _send(self, request: Request) -> None:
        if self._writer is None:
            raise EOFError
        self._writer.write(to_frame(request))
        await self._writer.drain()

    async def _receive(self) -> Reply:
        if self._reader is None:
            raise EOFError
        (size,) = HEAD.unpack(await self._reader.readexactly(HEAD.size))
        if size > MAX_FRAME_BYTES:
            raise EOFError
        return to_reply(await self._reader.readexactly(size))


def _environment() -> dict[str, str]:
    """The whole environment of a worker: no token, proxy or path of the server gets in.

    UTC makes text and dates of zoned stamps the same on every machine; two
    allocator arenas keep the address space, which is limited, for data.
    """
    kept = {"LANG": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "2", "PYTHONPATH": _PACKAGE_ROOT}
    kept |= {"PYTHONFAULTHANDLER": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    for name in ("LD_LIBRARY_PATH", "SYSTEMROOT"):
        if name in os.environ:
            kept[name] = os.environ[name]
    return kept
