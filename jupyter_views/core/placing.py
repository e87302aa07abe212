"""On which dashboards a view stands, as its owner says it."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from .access import can_open, is_owner
from .activity import Change, changes_between
from .dashboards import Dashboard
from .errors import Forbidden, Invalid
from .model import Actor


class Placed(Struct, frozen=True, kw_only=True):
    """What moves when a view is put on these dashboards and no others.

    Attributes
    ----------
    added, removed
        Keys of dashboards.
    change
        The same for the log; None where nothing moves.
    """

    added: tuple[int, ...]
    removed: tuple[int, ...]
    change: Change | None


class DashboardRows(Protocol):
    """What this needs of the store."""

    def holding(self, view_id: int) -> list[Dashboard]: ...
    def find(self, reader: str, project_id: int, dashboard_id: int) -> Dashboard | None: ...


class Placing:
    """Judges a wish; asks the store, so it is called in a thread."""

    def __init__(self, rows: DashboardRows) -> None:
        self._rows = rows

    def judge(
        self, actor: Actor, project_id: int, view_id: int, dashboard_ids: tuple[int, ...]
    ) -> Placed:
        """What has to move; dashboards that the actor may not open stay as they are.

        Parameters
        ----------
        view_id
            0 for a view that is not there yet.

        Raises
        ------
        Invalid
            When a dashboard is absent, foreign, deleted or private.
        Forbidden
            When it is another person's.
        """
        before = [each for each in self._rows.holding(view_id) if can_open(actor, each)]
        there = {each.id: each for each in before}
        after = [
            there.get(each) or self._editable(actor, project_id, each) for each in dashboard_ids
        ]
        kept = {each.id for each in after}
        for each in before:
            if each.id not in kept:
                _require_owner(actor, each)
        changes = changes_between({"dashboards": _told(before)}, {"dashboards": _told(after)})
        return Placed(
            added=tuple(each.id for each in after if each.id not in there),
            removed=tuple(each.id for each in before if each.id not in kept),
            change=changes[0] if changes else None,
        )

    def _editable(self, actor: Actor, project_id: int, dashboard_id: int) -> Dashboard:
        found = self._rows.find(actor.name, project_id, dashboard_id)
        if found is None or found.deleted or not can_open(actor, found):
            raise Invalid(f"There is no dashboard {dashboard_id} here.", field="dashboards")
        _require_owner(actor, found)
        return found


def _require_owner(actor: Actor, dashboard: Dashboard) -> None:
    if not is_owner(actor, dashboard):
        raise Forbidden(f"You may not edit the dashboard {dashboard.id}.")


def _told(dashboards: list[Dashboard]) -> list[dict[str, Any]]:
    ordered = sorted(dashboards, key=lambda each: each.id)
    return [{"id": each.id, "name": each.name} for each in ordered]
