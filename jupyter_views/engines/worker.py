"""A worker process: one connection to the engine, one task at a time.

Started by :mod:`.serving`. It leaves when its socket closes, so a killed
server leaves no worker behind.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback

import duckdb
from msgspec import structs

from ..core.errors import EngineFailed
from ..core.ports import (
    Column,
    Comparison,
    Draft,
    Encoded,
    Limits,
    Outcome,
    Plan,
    Read,
    Run,
    Signature,
)
from . import diff, gate, paths, plotting, sandbox, sources
from .bindings import Bindings
from .columns import storing_casts, to_column
from .confining import confine
from .encode import Encoder, Verified
from .familiar import Familiar
from .governor import Governor
from .incremental import Refresh, States
from .probing import Prober
from .protocol import (
    Check,
    Compared,
    Diff,
    Encode,
    Execute,
    Failed,
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
    unpack_draft,
)
from .storing import BATCH_ROWS, Stored, store
from .task_errors import is_poison, to_error

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
            readable=(*setup.readable, *_states_of(setup)),
            scratch=setup.scratch,
            memory_bytes=setup.memory_bytes,
            threads=setup.threads,
            temp_bytes=setup.temp_bytes,
            seconds=_ENGINE_SECONDS,
        )
        # For gate and sources: their reading must not stand in the way of a run.
        self._desk = self._connection.cursor()
        self._verified = Verified()
        self._familiar = Familiar()
        self._encoder = Encoder(setup) if setup.kind == "read" else None
        where = paths.folders("/", setup.readable, setup.hidden)
        self._states = States(self._connection, self._desk, setup.states_dir, where, governor)
        self._bindings = Bindings(
            self._connection,
            self._desk,
            frames_dir=setup.frames_dir,
            scratch=setup.scratch,
            where=where,
            verified=self._verified,
            governor=governor,
        )
        self._prober = (
            Prober(self._connection, self._desk, bindings=self._bindings, where=where)
            if setup.kind == "run"
            else None
        )

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
                draft = unpack_draft(request.draft)
                sql = draft.sql
                return Planned(self._check(draft))
            if isinstance(request, Execute):
                run = structs.replace(request.run, draft=unpack_draft(request.run.draft))
                sql = run.draft.sql
                return Ran(self._run(run, request.inputs))
            if isinstance(request, Look):
                return Looked(self._look(request))
            if isinstance(request, Encode):
                return Rendered(self._encode(request))
            if isinstance(request, Diff):
                return Compared(diff.compare(self._connection, self._verified, request.comparing))
            if isinstance(request, Survey):
                return Surveyed(plotting.profile(self._connection, self._verified, request))
            if isinstance(request, Plot):
                return Plotted(plotting.points(self._connection, self._verified, request))
            raise EngineFailed("The worker was asked for something that it does not know.")
        # The one place where a worker may catch all: what the engine, Arrow or
        # Python raise must become a reply, or the server would see a crash.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            reason = self._governor.why_stopped() or to_error(error, sql)
            return Failed(
                reason.to_dict(),
                is_poisoned=is_poison(error) or not self._bindings.is_clean,
                trace=traceback.format_exc()[-4000:],
            )

    def _check(self, draft: Draft) -> Plan:
        return gate.inspect(
            self._desk,
            draft,
            readable=self._setup.readable,
            hidden=self._setup.hidden,
        )

    def _look(self, request: Look) -> Comparison:
        return sources.compare(
            self._desk,
            request.reads,
            request.recorded,
            roots=self._setup.readable,
            hidden=self._setup.hidden,
            probe=self._prober.answer if self._prober else None,
            familiar=self._familiar,
        )

    def _take(
        self, reads: tuple[Read, ...], draft: Draft, previous: tuple[Signature, ...] = ()
    ) -> tuple[Signature, ...]:
        return sources.take(
            self._desk,
            reads,
            previous=previous,
            roots=self._setup.readable,
            hidden=self._setup.hidden,
            is_strict=draft.is_strict,
            probe=self._prober.answer if self._prober else None,
        )

    def _encode(self, request: Encode) -> Encoded:
        if self._encoder is None:
            raise EngineFailed("This worker does not encode.")
        return self._encoder.encode(request.encoding)

    def _run(self, run: Run, inputs: str) -> Outcome:
        # Run on the connection itself and not on a cursor: progress is a
        # setting of one connection, and the sandbox has locked the settings.
        draft = run.draft
        started = time.monotonic_ns()
        _enter(draft.base_dir)
        self._governor.watch(self._connection)
        path = os.path.join(self._setup.scratch, "result.arrow")
        try:
            # Looked at anew, for a link may have moved while the run waited.
            judged = gate.judge(
                self._desk, draft, readable=self._setup.readable, hidden=self._setup.hidden
            )
            used = {name: draft.params[name] for name in judged.plan.parameters}
            draft = structs.replace(draft, params=used)
            probes = tuple(read for read in judged.plan.reads if read.kind == "probe")
            reads = judged.plan.reads[: len(judged.plan.reads) - len(probes)]
            plan = structs.replace(judged.plan, reads=reads)
            asked = self._take(probes, draft)
            before = self._take(reads, draft)
            with self._bindings.held(judged, draft, before, inputs) as bound:
                before = _unverifiable(before, bound.volatile)
                with self._states.refresh(run, bound.draft, plan, before) as refresh:
                    columns, stored = self._store(bound.draft, run.limits, path, refresh)
                    after = self._take(reads, draft, before)
                    self._governor.raise_if_stopped()
                    refresh.keep(after)
            answered = self._take(probes, draft)
            self._governor.raise_if_stopped()
            if not self._bindings.is_clean:
                raise EngineFailed("The engine could not let go of what it had read.")
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.chdir(self._setup.scratch)
        return Outcome(
            path=path,
            sha256=stored.sha256,
            row_count=stored.rows,
            size_bytes=stored.size,
            columns=columns,
            truncated=stored.truncated,
            duration_us=(time.monotonic_ns() - started) // 1000,
            signatures=tuple(map(sources.torn, (*before, *asked), (*after, *answered))),
            method=refresh.method,
        )

    def _store(
        self, draft: Draft, limits: Limits, path: str, refresh: Refresh
    ) -> tuple[tuple[Column, ...], Stored]:
        self._governor.raise_if_stopped()
        relation = self._connection.sql(draft.sql, params=draft.params or None)
        if relation is None:
            raise EngineFailed("The statement gives no rows.")
        names, types = list(relation.columns), list(relation.types)
        casts = storing_casts(names, types)

        def write(rows: duckdb.DuckDBPyRelation) -> Stored:
            return self._write(rows if casts is None else rows.project(casts), limits, path)

        stored = refresh.attempt(relation, write) or write(relation)
        return tuple(map(to_column, names, types)), stored

    def _write(self, relation: duckdb.DuckDBPyRelation, limits: Limits, path: str) -> Stored:
        self._governor.raise_if_stopped()
        reader = relation.to_arrow_reader(BATCH_ROWS)
        try:
            return store(
                reader,
                path,
                max_rows=limits.rows,
                max_bytes=limits.bytes,
                on_rows=self._wrote,
            )
        finally:
            reader.close()

    def _wrote(self, rows: int) -> None:
        self._governor.rows, self._governor.stage = rows, "writing"
        self._governor.raise_if_stopped()


def _unverifiable(
    signatures: tuple[Signature, ...], volatile: frozenset[str]
) -> tuple[Signature, ...]:
    """The signatures, those of databases that change by themselves made worthless."""
    return tuple(
        structs.replace(each, strength="none")
        if each.kind == "database" and each.name in volatile
        else each
        for each in signatures
    )


def _states_of(setup: Setup) -> tuple[str, ...]:
    """The folder of states, where this worker may use it."""
    return (setup.states_dir,) if setup.states_dir else ()


def _enter(base_dir: str) -> None:
    try:
        os.chdir(base_dir)
    except OSError:
        raise EngineFailed(
            "The folder that file names start from cannot be opened.",
            hint="Save the notebook again in a folder that exists.",
        ) from None


def give_up_rights(setup: Setup) -> tuple[str, ...]:
    """Confine this process to what workers of its kind need; which walls hold."""
    is_reader = setup.kind == "read"
    own = (setup.results_dir,) if is_reader else (setup.frames_dir, setup.inputs_dir)
    return confine(
        readable=(*setup.readable, *own, *_ENGINE_FILES),
        writable=(setup.scratch, *_states_of(setup)),
        memory_bytes=setup.address_bytes,
        file_bytes=setup.file_bytes,
        nice=setup.nice,
    )


open_servant = Worker
