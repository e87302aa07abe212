"""Which values views are read with, and how often."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select, update

from ..core.model import Instant
from ..core.submissions import hash_of
from ..core.warming import Choice
from .database import Database
from .tables import choices, views

_MOST = 1000


class ChoiceStore:
    """Counts of choices, on disk: a thousand sets of values for each view."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, found: tuple[Choice, ...]) -> None:
        """Count these; of views that are gone nothing is kept."""
        counted: dict[tuple[int, str], tuple[Choice, int]] = {}
        for choice in found:
            key = choice.view_id, hash_of([choice.query_id, choice.params])
            counted[key] = choice, counted.get(key, (choice, 0))[1] + 1
        view_ids = {view_id for view_id, _ in counted}
        with self._database.write(is_forced=False) as connection:
            there = set(connection.scalars(select(views.c.id).where(views.c.id.in_(view_ids))))
            for (view_id, hashed), (choice, times) in counted.items():
                if view_id not in there:
                    continue
                known = connection.execute(
                    update(choices)
                    .where(choices.c.view_id == view_id, choices.c.hash == hashed)
                    .values(uses=choices.c.uses + times, used_at=choice.at)
                )
                if not known.rowcount:
                    self._make_room(connection, view_id)
                    connection.execute(
                        insert(choices).values(
                            view_id=view_id,
                            hash=hashed,
                            query_id=choice.query_id,
                            params=choice.params,
                            uses=times,
                            used_at=choice.at,
                        )
                    )

    def _make_room(self, connection: Any, view_id: int) -> None:
        """Forget the one that was used longest ago, where a view has as many as are kept."""
        mine = choices.c.view_id == view_id
        kept = connection.execute(select(func.count()).select_from(choices).where(mine)).scalar()
        if kept >= _MOST:
            oldest = select(choices.c.hash).where(mine).order_by(choices.c.used_at).limit(1)
            connection.execute(
                delete(choices).where(mine, choices.c.hash == oldest.scalar_subquery())
            )

    def most_used(
        self, view_id: int, query_id: str, *, times: int, since: Instant, limit: int
    ) -> list[dict[str, Any]]:
        """The sets of values that one query of a view was read with most often.

        Parameters
        ----------
        times
            At least so often.
        since
            And at least once since then.
        """
        with self._database.read() as connection:
            found = connection.execute(
                select(choices.c.params)
                .where(
                    choices.c.view_id == view_id,
                    choices.c.query_id == query_id,
                    choices.c.uses >= times,
                    choices.c.used_at >= since,
                )
                .order_by(choices.c.uses.desc(), choices.c.used_at.desc())
                .limit(limit)
            )
            return list(found.scalars())
