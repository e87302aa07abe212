"""Calculations in the background: statements under the names that readers gave them."""

from __future__ import annotations

from collections import OrderedDict

from .errors import NotFound
from .model import SECOND, Actor, Instant, Statement
from .ports import Clock
from .statements import StatementService

KEPT: Instant = 1200 * SECOND
"""How long a calculation answers after its end, by the insight page."""
_NAMES = 10_000


class Calculations:
    """Finds and cancels statements by id, or by a name that their reader chose.

    Names are kept in memory for twenty minutes: a name helps to follow a
    calculation that one waits for, and is no key to anything else.
    """

    def __init__(self, *, statements: StatementService, clock: Clock) -> None:
        self._statements = statements
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
            When there is none that the actor may see, or it ended more than
            twenty minutes ago.
        """
        statement_id = self._named.get((actor.name, job_id), job_id)
        statement, _ = await self._statements.get(actor, statement_id)
        ended = statement.completed_at
        if ended is not None and self._clock.now() - ended > KEPT:
            raise NotFound("There is no such calculation any more.")
        return statement

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
