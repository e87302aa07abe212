"""Are stored rows still right? The sources are asked, and the answer remembered for a second."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .errors import EngineFailed, Unavailable
from .freshness import Freshness, decide
from .model import SECOND, Instant, Result, Statement
from .ports import Clock, Comparison, Engine, Signature

_MEMORY_SECONDS = 1.0
_REMEMBERED = 10_000
_FOR_EVER: Instant = 10**18


class SignatureRows(Protocol):
    """What this needs of the store."""

    def confirm(self, result_id: str, signatures: tuple[Signature, ...]) -> None: ...


class Verifier:
    """Compares sources with what was recorded before a run."""

    def __init__(self, *, rows: SignatureRows, engine: Engine, clock: Clock) -> None:
        self._rows = rows
        self._engine = engine
        self._clock = clock
        self._freshness: dict[tuple[str, int | None], tuple[float, Freshness]] = {}

    async def freshness(self, statement: Statement, *, is_exact: bool = False) -> Freshness:
        """How far the rows of a finished statement can be trusted now.

        Remembered for a second, so that any number of readers costs one
        look; ``is_exact`` looks at the sources in any case.
        """
        result = statement.result
        if result is None:
            return decide(None, now=0, moved=None, is_volatile=False)
        key = (result.id, statement.ttl_minutes)
        known = self._freshness.get(key)
        if known is not None and known[0] > self._clock.monotonic() and not is_exact:
            return known[1]
        compared = await self._compared(statement, result, is_exact=is_exact)
        if compared.confirmed is not None:
            await asyncio.to_thread(self._rows.confirm, result.id, compared.confirmed)
        decided = decide(
            result,
            now=self._clock.now(),
            moved=compared.moved,
            is_volatile=bool(statement.query.volatile),
            age=_age(statement.ttl_minutes),
        )
        if len(self._freshness) > _REMEMBERED:
            self._freshness.clear()
        until = self._clock.monotonic() + _MEMORY_SECONDS
        self._freshness[key] = (until, decided)
        return decided

    async def _compared(
        self, statement: Statement, result: Result, *, is_exact: bool
    ) -> Comparison:
        # What was computed within the memory of a freshness decision needs no
        # second look: the run itself looked, before and after.
        age = self._clock.now() - result.saved_at
        if 0 <= age < _MEMORY_SECONDS * SECOND and not is_exact:
            unsure = any(signature.strength == "none" for signature in result.signatures)
            return Comparison(moved=None if unsure else ())
        try:
            return await self._engine.compare(statement.query.reads, result.signatures)
        except (EngineFailed, Unavailable):
            # Rows that are there are served; what cannot be looked at is not verified.
            return Comparison(moved=None)


def _age(ttl_minutes: int | None) -> Instant | None:
    if ttl_minutes is None:
        return None
    return ttl_minutes * 60 * SECOND if ttl_minutes else _FOR_EVER
