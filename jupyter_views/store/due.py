"""Views whose time has come: the store hands out each slot once, to whichever server asks first."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import func, or_, select, update

from ..core.model import Instant, Rule
from ..core.scheduling import LONGEST_BACK_OFF, Claim, due_after_claim, due_after_jump
from .database import Database
from .tables import views


class DueStore:
    """When views are due, on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def earliest(self) -> Instant | None:
        """When the first view is due; None when none is."""
        with self._database.read() as connection:
            return connection.execute(select(func.min(views.c.next_due_at))).scalar()

    def claim(self, now: Instant, limit: int) -> list[Claim]:
        """Take the views that have been due for longest; nobody else gets the same slots.

        Each moves on to the slot that follows ``now``, so that what was
        missed is caught up once; without a schedule it is due no more.
        """
        with self._database.write() as connection:
            due = connection.execute(
                select(
                    views.c.id,
                    views.c.next_due_at,
                    views.c.retry_at,
                    views.c.failures,
                    views.c.rule,
                )
                .where(views.c.next_due_at <= now)
                .order_by(views.c.next_due_at, views.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            for view in due:
                connection.execute(
                    update(views)
                    .where(views.c.id == view.id)
                    .values(next_due_at=due_after_claim(_rule(view), now))
                )
        return [_claim(view) for view in due]

    def give_back(self, claims: list[Claim]) -> None:
        """Make views due again whose refresh was not begun."""
        with self._database.write() as connection:
            for claim in claims:
                connection.execute(
                    update(views)
                    .where(
                        views.c.id == claim.view_id,
                        views.c.refreshing_statement_id.is_(None),
                        views.c.refreshed_at < claim.slot,
                    )
                    .values(next_due_at=claim.slot)
                )

    def realign(self, now: Instant, after: int, limit: int) -> int | None:
        """Bring forward what is later than it can be by a clock that says ``now``.

        Parameters
        ----------
        after
            Key of the last view that was looked at; 0 to begin.
        limit
            How many views are looked at.

        Returns
        -------
        int or None
            The key to go on after; None when all have been looked at.
        """
        latest = now + LONGEST_BACK_OFF
        columns = (views.c.id, views.c.next_due_at, views.c.retry_at, views.c.rule)
        with self._database.write() as connection:
            found = connection.execute(
                select(*columns)
                .where(
                    views.c.id > after,
                    or_(views.c.next_due_at.is_not(None), views.c.retry_at > latest),
                )
                .order_by(views.c.id)
                .limit(limit)
                .with_for_update()
            ).all()
            for view in found:
                due, retry_at = view.next_due_at, min(view.retry_at, latest)
                if due is not None:
                    due = due_after_jump(_rule(view), due, retry_at=retry_at, now=now)
                if (due, retry_at) != (view.next_due_at, view.retry_at):
                    connection.execute(
                        update(views)
                        .where(views.c.id == view.id)
                        .values(next_due_at=due, retry_at=retry_at)
                    )
        return found[-1].id if len(found) == limit else None


def _claim(view: Any) -> Claim:
    is_retry = view.failures > 0 and view.next_due_at == view.retry_at
    is_scheduled = _rule(view).schedule is not None and not is_retry
    return Claim(view_id=view.id, slot=view.next_due_at, is_scheduled=is_scheduled)


def _rule(view: Any) -> Rule:
    return msgspec.convert(view.rule, Rule)
