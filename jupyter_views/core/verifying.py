"""Did the sources of a stored result move? They are asked, and the answer kept while it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from .aside import aside
from .errors import EngineFailed, Unavailable
from .model import SECOND, Result, Statement
from .ports import TORN, Clock, Comparison, Engine, Read, Signature

_MEMORY_SECONDS = 1.0
_VOUCHED_SECONDS = 60.0
_REMEMBERED = 20_000

QuietSince = Callable[[tuple[Read, ...]], float | None]
"""The monotonic instant since which watching covers these reads and saw nothing; None where
something is not covered."""


class SignatureRows(Protocol):
    """What this needs of the store."""

    def confirm(self, result_id: str, signatures: tuple[Signature, ...]) -> None: ...


class _Looked(Struct, frozen=True):
    began: float
    moved: tuple[str, ...] | None


class Verifier:
    """Compares sources with what was recorded before a run.

    A look at the sources is good for a second, so that any number of readers
    costs one. Where watching vouches for them, a look that found all equal is
    good for a minute: then nothing is asked of the file system.

    Parameters
    ----------
    quiet_since
        See :data:`QuietSince`.
    """

    def __init__(
        self, *, rows: SignatureRows, engine: Engine, clock: Clock, quiet_since: QuietSince
    ) -> None:
        self._rows = rows
        self._engine = engine
        self._clock = clock
        self._quiet_since = quiet_since
        self._looked: dict[str, _Looked] = {}
        self._looking: dict[str, asyncio.Task[_Looked]] = {}
        self._following: dict[str, asyncio.Task[_Looked]] = {}

    async def moved(
        self, statement: Statement, *, is_exact: bool = False
    ) -> tuple[str, ...] | None:
        """Names of the sources that differ from what a finished statement read.

        Views that it reads are not looked at. ``()`` when all are verified
        equal, None when one cannot be verified and none is known to differ;
        ``is_exact`` looks in any case.
        """
        result = statement.result
        reads = sources_of(statement)
        if result is None or not reads:
            return ()
        known = self._looked.get(result.id)
        if known is not None and not is_exact and self._holds(known, reads):
            return known.moved
        return (await self._look(statement, result, reads, is_exact=is_exact)).moved

    def _holds(self, known: _Looked, reads: tuple[Read, ...]) -> bool:
        age = self._clock.monotonic() - known.began
        quiet_since = self._quiet_since(reads)
        is_quiet = quiet_since is not None and quiet_since <= known.began
        if age < _MEMORY_SECONDS:
            return is_quiet or quiet_since is None
        return is_quiet and known.moved == () and age < _VOUCHED_SECONDS

    async def _look(
        self, statement: Statement, result: Result, reads: tuple[Read, ...], *, is_exact: bool
    ) -> _Looked:
        if is_exact:
            return await self._look_from_now(statement, result, reads)
        looking = self._looking.get(result.id)
        if looking is None:
            looking = asyncio.create_task(self._compare(statement, result, reads, is_exact=False))
            self._looking[result.id] = looking
            looking.add_done_callback(lambda _: self._looking.pop(result.id, None))
        return await asyncio.shield(looking)

    async def _look_from_now(
        self, statement: Statement, result: Result, reads: tuple[Read, ...]
    ) -> _Looked:
        """A look that begins after this: one for all who ask before it begins."""
        following = self._following.get(result.id)
        if following is None:
            before = self._looking.get(result.id)
            following = asyncio.create_task(self._look_after(before, statement, result, reads))
            self._following[result.id] = following
        return await asyncio.shield(following)

    async def _look_after(
        self,
        before: asyncio.Task[_Looked] | None,
        statement: Statement,
        result: Result,
        reads: tuple[Read, ...],
    ) -> _Looked:
        if before is not None:
            await asyncio.wait([before])
        looking = self._following.pop(result.id)
        self._looking[result.id] = looking
        try:
            return await self._compare(statement, result, reads, is_exact=True)
        finally:
            if self._looking.get(result.id) is looking:
                del self._looking[result.id]

    async def _compare(
        self, statement: Statement, result: Result, reads: tuple[Read, ...], *, is_exact: bool
    ) -> _Looked:
        began, age = self._clock.monotonic(), self._clock.now() - result.saved_at
        recorded = tuple(s for s in result.signatures if s.kind != "view")
        # What was computed within the memory of a look needs no second one:
        # the run itself looked, before and after.
        is_young = 0 <= age < _MEMORY_SECONDS * SECOND
        if is_young and not is_exact and not _is_torn(recorded):
            compared = _as_the_run_saw_it(recorded)
            # What changed since the run has been seen by nobody.
            began -= max(0, self._clock.now() - result.computed_at) / SECOND
        else:
            compared = await self._compared(reads, recorded)
        if compared.confirmed is not None:
            views = tuple(s for s in result.signatures if s.kind == "view")
            confirmed = (*compared.confirmed, *views)
            await aside(asyncio.to_thread(self._rows.confirm, result.id, confirmed))
        looked = _Looked(began, compared.moved)
        if len(self._looked) > _REMEMBERED:
            self._looked.clear()
        self._looked[result.id] = looked
        return looked

    async def _compared(
        self, reads: tuple[Read, ...], recorded: tuple[Signature, ...]
    ) -> Comparison:
        try:
            return await self._engine.compare(reads, recorded)
        except (EngineFailed, Unavailable):
            # Rows that are there are served; what cannot be looked at is not verified.
            return Comparison(moved=None)


def _as_the_run_saw_it(recorded: tuple[Signature, ...]) -> Comparison:
    unsure = any(signature.strength == "none" for signature in recorded)
    return Comparison(moved=None if unsure else ())


def _is_torn(signatures: tuple[Signature, ...]) -> bool:
    return any(token == TORN for signature in signatures for _, token in signature.entries)


def sources_of(statement: Statement) -> tuple[Read, ...]:
    """What is compared for a statement: its sources without views, or with its probe."""
    query = statement.query
    reads = tuple(read for read in query.reads if read.kind != "view")
    if statement.changed_when is None:
        return reads
    probe = Read(kind="probe", name="changed_when", path=query.base_dir, sql=statement.changed_when)
    return (*reads, probe)
