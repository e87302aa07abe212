"""How far the rows of a view can be trusted: its sources, the views it reads, its owner's rule."""

from __future__ import annotations

import asyncio
from typing import Protocol

from .access import can_read
from .errors import NotFound
from .freshness import Evidence, Freshness, decide
from .model import SECOND, Actor, Instant, Rule, Statement, View
from .ports import Clock
from .schedules import parse
from .valuing import Valuer
from .verifying import Verifier

_FOR_EVER: Instant = 10**18


class UpstreamRows(Protocol):
    """What this needs of the store."""

    def known_by_slug(self, slug: str) -> View | None: ...
    def find_by_slug(self, slug: str) -> View | None: ...


class Upstreams:
    """The views that a query reads, found by slug with the rights of the person who reads."""

    def __init__(self, rows: UpstreamRows) -> None:
        self._rows = rows

    def known(self, person: str, slug: str) -> View | None:
        """The view if it is remembered; takes microseconds."""
        found = self._rows.known_by_slug(slug)
        return found if found is not None and can_read(Actor(name=person), found) else None

    def find(self, person: str, slug: str) -> View | None:
        """The view with this slug, or None where the person may not read it."""
        found = self._rows.find_by_slug(slug)
        return found if found is not None and can_read(Actor(name=person), found) else None

    def require(self, person: str, slug: str) -> View:
        """The same, or NotFound in the same words for absent and private."""
        found = self.find(person, slug)
        if found is None:
            raise NotFound(
                f'There is no view "{slug}", or it may not be read.',
                hint="%views lists those that can be read.",
            )
        return found

    def bind(self, statement: Statement) -> dict[str, str]:
        """The sha256 of the current rows of each view that a statement reads, by slug."""
        bound = {}
        for read in statement.query.reads:
            if read.kind == "view":
                result = self.require(statement.submitted_by, read.name).current.result
                if result is None:
                    raise NotFound(
                        f'The view "{read.name}" has no rows.', hint="Refresh that view first."
                    )
                bound[read.name] = result.sha256
        return bound


class Assessor:
    """Gathers the evidence and lets :func:`~.freshness.decide` judge."""

    def __init__(
        self, *, verifier: Verifier, upstreams: Upstreams, valuer: Valuer, clock: Clock
    ) -> None:
        self._verifier = verifier
        self._upstreams = upstreams
        self._valuer = valuer
        self._clock = clock

    async def of_statement(self, statement: Statement, *, is_exact: bool = False) -> Freshness:
        """How far the rows of a finished statement can be trusted now."""
        evidence = await self._evidence(statement, statement.submitted_by, frozenset(), is_exact)
        return decide(
            statement.result, evidence, now=self._clock.now(), age=_ttl(statement.ttl_minutes)
        )

    async def of_view(self, view: View, *, is_exact: bool = False) -> Freshness:
        """How far the current rows of a view can be trusted now."""
        return await self._of_view(view, frozenset(), is_exact)

    async def _of_view(self, view: View, above: frozenset[int], is_exact: bool) -> Freshness:
        current, version, rule = view.current, view.version, view.rule
        found = await self._evidence(current, view.owner, above | {view.id}, is_exact)
        evidence = Evidence(
            moved=self._valuer.moved(view) or found.moved,
            moved_views=found.moved_views,
            is_volatile=found.is_volatile,
            is_redefined=(current.query.id, current.params) != (version.query.id, version.params),
            changed_at=view.changed_at,
        )
        result = current.result
        age = age_of(rule, current.ttl_minutes, result.computed_at) if result else None
        bound = rule.max_staleness_seconds
        return decide(
            result,
            evidence,
            now=self._clock.now(),
            age=age,
            max_staleness=None if bound is None else bound * SECOND,
        )

    async def _evidence(
        self, statement: Statement, person: str, above: frozenset[int], is_exact: bool
    ) -> Evidence:
        moved = await self._verifier.moved(statement, is_exact=is_exact)
        return Evidence(
            moved=moved,
            moved_views=await self._moved_views(statement, person, above, is_exact),
            is_volatile=bool(statement.query.volatile),
        )

    async def _moved_views(
        self, statement: Statement, person: str, above: frozenset[int], is_exact: bool
    ) -> tuple[str, ...]:
        result = statement.result
        if result is None:
            return ()
        moved = []
        for signature in result.signatures:
            if signature.kind != "view":
                continue
            is_sure = signature.strength != "none"
            recorded = dict(signature.entries).get(signature.name) if is_sure else None
            if await self._has_moved(person, signature.name, recorded, above, is_exact):
                moved.append(signature.name)
        return tuple(sorted(moved))

    async def _has_moved(
        self, person: str, slug: str, recorded: str | None, above: frozenset[int], is_exact: bool
    ) -> bool:
        upstream = self._upstreams.known(person, slug)
        if upstream is None:
            upstream = await asyncio.to_thread(self._upstreams.find, person, slug)
        if upstream is None or upstream.id in above or upstream.current.result is None:
            return True
        if upstream.current.result.sha256 != recorded:
            return True
        return (await self._of_view(upstream, above, is_exact)).is_stale


def age_of(rule: Rule, ttl_minutes: int | None, computed_at: Instant) -> Instant | None:
    """For how many microseconds rows are fresh by what was said; None where nothing was.

    The tightest of the rule's age and its schedule, else the statement's own.
    """
    ages = []
    if rule.age_seconds is not None:
        ages.append(rule.age_seconds * SECOND)
    if rule.schedule is not None:
        ages.append(parse(rule.schedule, rule.timezone).age(computed_at))
    return min(ages) if ages else _ttl(ttl_minutes)


def _ttl(minutes: int | None) -> Instant | None:
    if minutes is None:
        return None
    return minutes * 60 * SECOND if minutes else _FOR_EVER
