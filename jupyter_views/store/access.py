"""Who may read what, as conditions on rows; the decision itself is :mod:`..core.access`'s."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, or_

from .tables import grants, views


def readable_by(reader: str) -> Any:
    """The views that this person owns, is granted, or that every signed-in person may read."""
    granted = exists().where(grants.c.view_id == views.c.id, grants.c.user == reader)
    return or_(views.c.owner == reader, views.c.is_public, granted)
