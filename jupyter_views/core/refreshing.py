"""Refreshes: one at a time per view, whoever asks, in its owner's name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .access import is_owner
from .errors import NotFound, StaleWrite, ViewsError
from .limits import RateLimit
from .model import Actor, Statement, View
from .ports import Clock
from .statements import StatementService, Submission


class Refresher:
    """Starts the statements that replace the current results of views."""

    def __init__(
        self,
        *,
        statements: StatementService,
        find: Callable[[int], View | None],
        clock: Clock,
        on_start: Callable[[View], None],
        log: logging.Logger,
    ) -> None:
        self._statements = statements
        self._find = find
        self._on_start = on_start
        self._log = log
        self._starting: dict[int, asyncio.Task[Statement]] = {}
        self._forced = RateLimit(clock, count=6, seconds=60)

    async def asked(self, actor: Actor, view: View) -> Statement:
        """A refresh that somebody asked for; joins one under way.

        Raises
        ------
        TooMany
            When a reader who is not the owner asks more than six times a
            minute: the owner's machine pays for it.
        """
        if not is_owner(actor, view):
            self._forced.take(f"{actor.name}\n{view.id}", "You refreshed this view too often.")
        return await self._one(view)

    async def behind(self, view: View) -> Statement | None:
        """A refresh behind a read; None when it cannot be started now.

        A reader gets the rows that are there, whatever keeps new ones from
        being made.
        """
        try:
            return await self._one(view)
        except ViewsError as error:
            self._log.warning("view %s is not refreshed: %s", view.short_id, error.message)
            return None

    async def _one(self, view: View) -> Statement:
        starting = self._starting.get(view.id)
        if starting is None:
            starting = asyncio.create_task(self._start(view))
            self._starting[view.id] = starting
            starting.add_done_callback(lambda _: self._starting.pop(view.id, None))
        return await asyncio.shield(starting)

    async def _start(self, view: View) -> Statement:
        try:
            return await self._submit(view)
        except StaleWrite:
            # Somebody changed the definition while this was on its way.
            changed = await asyncio.to_thread(self._find, view.id)
            if changed is None:
                raise NotFound("The view was deleted.") from None
            return await self._submit(changed)

    async def _submit(self, view: View) -> Statement:
        query = view.version.query
        statement = await self._statements.refresh(
            Submission(
                sql=query.sql,
                base_dir=query.base_dir,
                connection=query.connection,
                params=view.version.params,
                frames=query.frames,
                row_limit=view.current.row_limit,
                byte_limit=view.current.byte_limit,
                ttl_minutes=view.current.ttl_minutes,
                format_hint=view.current.format_hint,
                meta=view.current.meta,
                view_id=view.id,
            ),
            view.owner,
        )
        self._on_start(view)
        return statement
