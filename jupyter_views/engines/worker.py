"""A worker process: one connection to the engine, one task at a time.

Started as ``python -m jupyter_views.engines.worker FD`` where FD is its end
of a socket pair. It leaves when the socket closes, so a killed server leaves
no worker behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
import traceback

import pyarrow as pa
from msgspec import structs

from ..core.errors import EngineFailed
from ..core.ports import Column, Draft, Encoded, Limits, Outcome, Plan, Run, Signature
from . import gate, sandbox, sources
from .columns import storing_casts, to_column
from .encode import Encoder, Verified
from .governor import Governor
from .protocol import (
    Check,
    Encode,
    Execute,
    Failed,
    Planned,
    Ran,
    Ready,
    Rendered,
    Reply,
    Request,
    Setup,
    Sign,
    Signed,
    read_frame,
    to_request,
    unpack_draft,
)
from .storing import BATCH_ROWS, Stored, store
from .task_errors import is_poison, to_error

_PR_SET_PDEATHSIG = 1
# The engine's own clock is fixed when the connection opens and the limit comes
# with each run, so this one is only the last resort behind the governor's.
_ENGINE_SECONDS = 24 * 3600
# Read by the engine when it opens; it aborts the process when they are denied
# (they may be absent).
_ENGINE_FILES = ("/proc/self/cgroup", "/sys/fs/cgroup")


class Worker:
    """The tasks that the server may ask for."""

    def __init__(self, setup: Setup, governor: Governor) -> None:
        self._setup = setup
        self._governor = governor
        self._connection = sandbox.open_connection(
            readable=setup.readable,
            scratch=setup.scratch,
            memory_bytes=setup.memory_bytes,
            threads=setup.threads,
            temp_bytes=setup.temp_bytes,
            seconds=_ENGINE_SECONDS,
        )
        # For gate and sources: their reading must not stand in the way of a run.
        self._desk = self._connection.cursor()
        self._verified = Verified()
        self._encoder = Encoder(setup) if setup.kind == "read" else None

    def warm_up(self) -> None:
        """Load what the first task would otherwise wait for: catalogue, planner, JSON writer."""
        folder = self._setup.scratch
        draft = Draft(sql="SELECT 1", base_dir=folder)
        gate.inspect(self._desk, draft, readable=(folder,), hidden=())
        self._connection.sql("SELECT CAST(json_array(1) AS VARCHAR)").to_arrow_reader(1).read_all()

    def answer(self, request: Request) -> Reply:
        """Do one task; every failure is a reply, never an exception."""
        sql = ""
        try:
            if isinstance(request, Check):
                sql = request.draft.sql
                return Planned(self._check(request))
            if isinstance(request, Execute):
                sql = request.run.draft.sql
                return Ran(self._run(request.run))
            if isinstance(request, Sign):
                return Signed(self._sign(request))
            if isinstance(request, Encode):
                return Rendered(self._encode(request))
            raise EngineFailed("The worker was asked for something that it does not know.")
        # The one place where a worker may catch all: what the engine, Arrow or
        # Python raise must become a reply, or the server would see a crash.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            reason = self._governor.why_stopped() or to_error(error, sql)
            return Failed(
                reason.to_dict(), is_poisoned=is_poison(error), trace=traceback.format_exc()[-4000:]
            )

    def _check(self, request: Check) -> Plan:
        return gate.inspect(
            self._desk,
            unpack_draft(request.draft),
            readable=self._setup.readable,
            hidden=self._setup.hidden,
        )

    def _sign(self, request: Sign) -> tuple[Signature, ...]:
        return sources.take(
            self._desk,
            request.reads,
            previous=request.previous,
            roots=self._setup.readable,
            hidden=self._setup.hidden,
        )

    def _encode(self, request: Encode) -> Encoded:
        if self._encoder is None:
            raise EngineFailed("This worker does not encode.")
        return self._encoder.encode(request.encoding)

    def _run(self, run: Run) -> Outcome:
        # Run on the connection itself and not on a cursor: progress is a
        # setting of one connection, and the sandbox has locked the settings.
        draft = unpack_draft(run.draft)
        roots, hidden = self._setup.readable, self._setup.hidden
        started = time.monotonic_ns()
        _enter(draft.base_dir)
        self._governor.watch(self._connection)
        path = os.path.join(self._setup.scratch, "result.arrow")
        try:
            # Looked at anew, for a link may have moved while the run waited.
            reads = gate.inspect(self._desk, draft, readable=roots, hidden=hidden).reads
            before = sources.take(self._desk, reads, roots=roots, hidden=hidden)
            computed_at = time.time_ns() // 1000
            self._bind_frames(draft.frames)
            columns, stored = self._store(draft, run.limits, path)
            after = sources.take(self._desk, reads, previous=before, roots=roots, hidden=hidden)
            self._governor.raise_if_stopped()
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        finally:
            for name in draft.frames:
                self._connection.unregister(name)
            os.chdir(self._setup.scratch)
        return Outcome(
            path=path,
            sha256=stored.sha256,
            row_count=stored.rows,
            size_bytes=stored.size,
            columns=columns,
            truncated=stored.truncated,
            computed_at=computed_at,
            duration_us=(time.monotonic_ns() - started) // 1000,
            signatures=_never_fresh_if_moved(before, after),
        )

    def _bind_frames(self, frames: dict[str, str]) -> None:
        for name, sha256 in frames.items():
            path = os.path.join(self._setup.frames_dir, f"{sha256}.arrow")
            if not (sha256.isalnum() and os.path.isfile(path)):
                raise EngineFailed(
                    f"The frame {name!r} is no longer stored.",
                    hint="Run the cell again: it sends the frame.",
                )
            self._connection.register(name, self._frame(name, path, sha256))

    def _frame(self, name: str, path: str, sha256: str) -> pa.Table:
        """An uploaded frame, proved to be what was uploaded and to hold what it claims.

        Arrow trusts offsets and lengths: a hostile stream would read this
        process's memory into somebody's rows, so every buffer is looked at.
        """
        is_whole = self._verified.is_whole(path, sha256)
        try:
            with pa.memory_map(path) as source:
                table = pa.ipc.open_stream(source).read_all()
            table.validate(full=True)
        except (pa.ArrowException, ValueError, OSError):
            is_whole = False
        if not is_whole:
            raise EngineFailed(
                f"The rows sent as {name} are damaged, or no Arrow stream.",
                hint="Run the cell again: it sends the frame.",
            )
        return table

    def _store(self, draft: Draft, limits: Limits, path: str) -> tuple[tuple[Column, ...], Stored]:
        self._governor.raise_if_stopped()
        relation = self._connection.sql(draft.sql, params=draft.params or None)
        if relation is None:
            raise EngineFailed("The statement gives no rows.")
        names, types = list(relation.columns), list(relation.types)
        if (casts := storing_casts(names, types)) is not None:
            relation = relation.project(casts)
        self._governor.raise_if_stopped()
        reader = relation.to_arrow_reader(BATCH_ROWS)
        try:
            stored = store(
                reader,
                path,
                max_rows=limits.rows,
                max_bytes=limits.bytes,
                on_rows=self._wrote,
            )
        finally:
            reader.close()
        return tuple(map(to_column, names, types)), stored

    def _wrote(self, rows: int) -> None:
        self._governor.rows, self._governor.stage = rows, "writing"
        self._governor.raise_if_stopped()


def _never_fresh_if_moved(
    before: tuple[Signature, ...], after: tuple[Signature, ...]
) -> tuple[Signature, ...]:
    """The signatures before, those of sources that changed under the query made worthless."""
    marked = []
    for old, new in zip(before, after, strict=True):
        changed = sources.moved((old,), (new,))
        marked.append(structs.replace(old, strength="none") if changed else old)
    return tuple(marked)


def _enter(base_dir: str) -> None:
    try:
        os.chdir(base_dir)
    except OSError:
        raise EngineFailed(
            "The folder that file names start from cannot be opened.",
            hint="Save the notebook again in a folder that exists.",
        ) from None


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(descriptor: int) -> None:
    """Serve requests until the socket closes."""
    _die_with_parent()
    sock = socket.socket(fileno=descriptor)
    setup = to_request(read_frame(sock))
    if not isinstance(setup, Setup):
        raise SystemExit(2)
    own = (setup.results_dir,) if setup.kind == "read" else (setup.frames_dir,)
    confined = sandbox.confine(
        readable=(*setup.readable, *own, *_ENGINE_FILES),
        writable=(setup.scratch,),
        memory_bytes=setup.address_bytes,
        file_bytes=setup.file_bytes,
        nice=setup.nice,
    )
    governor = Governor(sock)
    worker = Worker(setup, governor)
    governor.start()
    governor.send(Ready(tuple(confined)))
    worker.warm_up()
    while True:
        request = governor.requests.get()
        reply = worker.answer(request)
        governor.done()
        governor.send(reply)


if __name__ == "__main__":
    main(int(sys.argv[1]))
