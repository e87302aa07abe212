"""Which views read which: an edge per slug, and no way round in a circle."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from ..core.errors import Cycle
from .tables import perspectives, upstreams


def replace_upstreams(connection: Connection, view_id: int, slugs: set[str]) -> None:
    """Write down what a view reads, in the transaction that saves its query.

    Raises
    ------
    Cycle
        If the view would read itself, directly or through others.
    """
    connection.execute(delete(upstreams).where(upstreams.c.view_id == view_id))
    if slugs:
        connection.execute(
            insert(upstreams), [{"view_id": view_id, "slug": slug} for slug in sorted(slugs)]
        )
        _refuse_cycle(connection, view_id)


def _refuse_cycle(connection: Connection, view_id: int) -> None:
    own = connection.execute(
        select(perspectives.c.slug).where(perspectives.c.view_id == view_id)
    ).scalar()
    paths = [(slug,) for slug in _read_by(connection, view_id)]
    seen: set[str] = set()
    while paths:
        path = paths.pop()
        if path[-1] == own:
            raise Cycle(
                f"The view would read itself: {' → '.join((own, *path))}.",
                hint="Let it read the sources instead, or leave the other view as it is.",
                details={"cycle": [own, *path]},
            )
        if path[-1] in seen:
            continue
        seen.add(path[-1])
        upstream = connection.execute(
            select(perspectives.c.view_id).where(perspectives.c.slug == path[-1])
        ).scalar()
        if upstream is not None:
            paths += [(*path, slug) for slug in _read_by(connection, upstream)]


def _read_by(connection: Connection, view_id: int) -> Sequence[str]:
    return connection.scalars(
        select(upstreams.c.slug).where(upstreams.c.view_id == view_id).order_by(upstreams.c.slug)
    ).all()
