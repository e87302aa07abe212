"""Calculations in the background: statements under the names that readers gave them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from .errors import NotFound
from .model import SECOND, Actor, Instant, Statement, View
from .ports import Clock
from .statements import StatementService

KEPT: Instant = 1200 * SECOND
"""How long a calculation answers after its end, by the insight page."""
_NAMES = 10_000


class Calculations:
    """Finds and cancels statements by id, or by a name that their reader chose.

    Names are kept in memory for twenty minutes: a name helps to follow a
    calculation that one waits for, and is no key to anything else.

    Parameters
    ----------
    find_view
        The view with an internal key; called in a thread.
    """

    def __init__(
        self,
        *,
        statements: StatementService,
        find_view: Callable[[int], View | None],
        clock: Clock,
    ) -> None:
        self._statements = statements
        self._find_view = find_view
        self._clock = clock
        self._named: OrderedDict[tuple[str, str], str] = OrderedDict()

    def name(self, actor: Actor, job_id: str, statement: Statement) -> None:
        """Remember a reader's own name for a statement."""
        self._named[actor.name, job_id] = statement.id
        self._named.move_to_end((actor.name, job_id))
        while len(self._named) > _NAMES:
            self._named.popitem(last=False)

    async def find(self, actor: Actor, job_id: str) -> Statement:
        """The statement behind a name or an id.

        Raises
        ------
        NotFound
            When there is none that the actor may see, it ended more than
            twenty minutes ago, or it is of no view of the one project that
            the actor's key is bound to.
        """
        statement_id = self._named.get((actor.name, job_id), job_id)
        statement, _ = await self._statements.get(actor, statement_id)
        ended = statement.completed_at
        if ended is not None and self._clock.now() - ended > KEPT:
            raise NotFound("There is no such calculation any more.")
        if actor.project_id is not None:
            await self._require_project(actor.project_id, statement)
        return statement

    async def _require_project(self, project_id: int, statement: Statement) -> None:
        of = statement.variant_of if statement.view_id is None else statement.view_id
        view = None if of is None else await asyncio.to_thread(self._find_view, of)
        if view is None or view.project_id != project_id:
            raise NotFound("There is no such calculation in this project.")

    async def cancel(self, actor: Actor, job_id: str) -> tuple[Statement, bool]:
        """Stop a calculation; whether it was still going.

        Raises
        ------
        NotFound
            When there is none.
        Forbidden
            When it runs in another person's name.
        """
        found = await self.find(actor, job_id)
        if found.status.is_final:
            return found, False
        return await self._statements.cancel(actor, found.id), True

    def forget(self, actor: Actor, job_id: str) -> None:
        """Let go of a name."""
        self._named.pop((actor.name, job_id), None)
