"""Refreshes: one at a time per view, whoever asks, in its owner's name, upstream first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from .access import is_owner
from .announcing import Announcer
from .assessing import Assessor, Upstreams
from .errors import Invalid, NotFound, StaleWrite, UpstreamFailed, ViewsError
from .limits import RateLimit
from .model import Actor, Cause, Result, Statement, Status, View
from .ports import Clock
from .statements import StatementService
from .submissions import Submission

_REPLACED = 10_000


class Refresher:
    """Starts the statements that replace the current results of views."""

    def __init__(
        self,
        *,
        statements: StatementService,
        assessor: Assessor,
        upstreams: Upstreams,
        find: Callable[[int], View | None],
        clock: Clock,
        announcer: Announcer,
        log: logging.Logger,
    ) -> None:
        self._statements = statements
        self._assessor = assessor
        self._upstreams = upstreams
        self._find = find
        self._clock = clock
        self._announcer = announcer
        self._log = log
        self._starting: dict[int, asyncio.Task[Statement]] = {}
        self._replaced: dict[str, Result] = {}
        self._forced = RateLimit(clock, count=6, seconds=60)

    async def asked(self, actor: Actor, view: View, *, is_limited: bool = True) -> Statement:
        """A refresh that somebody asked for; joins one under way.

        Parameters
        ----------
        is_limited
            False where the caller counts how often somebody asks.

        Raises
        ------
        TooMany
            When a reader who is not the owner asks more than six times a
            minute: the owner's machine pays for it.
        """
        if is_limited:
            self._limit(actor, view)
        return await self._one(view, Cause(kind="asked", by=actor.name), frozenset())

    async def behind(self, view: View, cause: Cause) -> Statement | ViewsError:
        """A refresh that nobody waits for, or the reason why it cannot be started now.

        A reader gets the rows that are there, whatever keeps new ones from
        being made.
        """
        try:
            return await self._one(view, cause, frozenset())
        except ViewsError as error:
            self._log.info("view %s is not refreshed: %s", view.short_id, error.message)
            return error

    def _limit(self, actor: Actor, view: View) -> None:
        if not is_owner(actor, view):
            # Not by its number: the references that pin a view have one each.
            who = f"{actor.name}\n{view.short_id}"
            self._forced.take(who, "You refreshed this view too often.")

    async def variant(
        self,
        actor: Actor,
        view: View,
        values: dict[str, Any],
        cause: Cause,
        *,
        is_limited: bool = True,
        replaces: str | None = None,
    ) -> Statement:
        """A run of a view's query with other values, in its owner's name; the view stays as it is.

        Parameters
        ----------
        is_limited
            As in :meth:`asked`.
        replaces
            The statement whose rows it is for; None to run in any case.

        Raises
        ------
        TooMany
            When a reader who is not the owner asks too often.
        """
        if is_limited:
            self._limit(actor, view)
        first = await self._upstream(view, cause, frozenset({view.id}))
        asked = replace(variant_of(view, values), cause=cause, replaces=replaces)
        return await self._statements.refresh(asked, view.owner, first)

    def replaced_by(self, statement_id: str) -> Result | None:
        """The rows that a refresh started here replaced; told once."""
        return self._replaced.pop(statement_id, None)

    async def _one(self, view: View, cause: Cause, below: frozenset[int]) -> Statement:
        starting = self._starting.get(view.id)
        is_joined = starting is not None
        if starting is None:
            starting = asyncio.create_task(self._start(view, cause, below | {view.id}))
            self._starting[view.id] = starting
            starting.add_done_callback(lambda _: self._starting.pop(view.id, None))
        started = await asyncio.shield(starting)
        if is_joined and cause.kind == "asked" and started.status.is_final:
            # What went by itself was needless or too early; whoever asks gets a run.
            return await self._one(view, cause, below)
        return started

    async def _start(self, view: View, cause: Cause, below: frozenset[int]) -> Statement:
        first = await self._upstream(view, cause, below)
        try:
            return await self._submit(view, cause, first)
        except StaleWrite:
            # Somebody changed the definition while this was on its way.
            changed = await asyncio.to_thread(self._find, view.id)
            if changed is None:
                raise NotFound("The view was deleted.") from None
            return await self._submit(changed, cause, first)

    async def _upstream(
        self, view: View, cause: Cause, below: frozenset[int]
    ) -> tuple[Statement, ...]:
        """Refreshes of the stale views that this one reads, and of those that they read.

        Whoever asks for one view means its whole branch; what goes by itself
        leaves alone what is not to be refreshed by itself.
        """
        first = []
        for slug in view.upstreams:
            upstream = await asyncio.to_thread(self._upstreams.require, view.owner, slug)
            is_asked = cause.kind == "asked"
            if upstream.id in below or not (is_asked or upstream.auto_refresh):
                continue
            if not (await self._assessor.of_view(upstream, is_exact=True)).is_stale:
                continue
            if is_asked or not self._rests(upstream):
                started = await self._one(upstream, cause, below)
                if is_asked or started.status is not Status.FAILED:
                    first.append(started)
                    continue
                # Another try of it was quicker, and has just failed.
                upstream = await asyncio.to_thread(self._upstreams.require, view.owner, slug)
            raise UpstreamFailed(
                f'The view "{slug}", which this one reads, could not be refreshed.',
                hint="Mend that view; this one is refreshed after it.",
                until=upstream.retry_at,
            )
        return tuple(first)

    def _rests(self, view: View) -> bool:
        return view.failures > 0 and self._clock.now() < view.retry_at

    async def _submit(self, view: View, cause: Cause, first: tuple[Statement, ...]) -> Statement:
        if not view.has_query:
            raise Invalid("There is no query to run yet.", hint="Give it one.", field="query")
        # Whoever asks gets a run; what goes by itself was decided on rows that may be gone.
        replaces = None if cause.kind == "asked" else view.current.id
        asked = replace(
            submission_of(view, view.version.params),
            view_id=view.id,
            cause=cause,
            replaces=replaces,
        )
        statement = await self._statements.refresh(asked, view.owner, first)
        if statement.status.is_final:
            return statement
        if view.current.result is not None and len(self._replaced) < _REPLACED:
            self._replaced[statement.id] = view.current.result
        self._announcer.tell("refreshing", view, cause=cause)
        return statement


def submission_of(view: View, values: dict[str, Any]) -> Submission:
    """A view's query with these values for its parameters, under the view's own limits."""
    query, current = view.version.query, view.current
    return Submission(
        sql=query.sql,
        base_dir=query.base_dir,
        connection=query.connection,
        params=values,
        declared=query.declared,
        frames=query.frames,
        row_limit=current.row_limit,
        byte_limit=current.byte_limit,
        ttl_minutes=current.ttl_minutes,
        format_hint=current.format_hint,
        meta=current.meta,
        changed_when=view.rule.changed_when,
        is_strict=view.rule.is_strict,
    )


def variant_of(view: View, values: dict[str, Any]) -> Submission:
    """The same, by no refresh of the view: a run of its own, for whoever may read it."""
    if view.reference_id is not None:
        return replace(submission_of(view, values), reference_id=view.reference_id)
    return replace(submission_of(view, values), variant_of=view.id)
