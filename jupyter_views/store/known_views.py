"""Views that were read a moment ago, found again by whatever names lead to them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, bindparam

from ..core.model import View
from .database import Database, Memo
from .endpoint_tables import endpoints
from .tables import perspectives, views
from .view_rows import views_of, whole

_REMEMBERED = 10_000
_FIRST, _SECOND = bindparam("first"), bindparam("second")
_SELECTS = {
    "id": whole(views.c.id == _FIRST),
    "short_id": whole(views.c.short_id == _FIRST),
    "slug": whole(perspectives.c.slug == _FIRST),
    "endpoint": whole(and_(endpoints.c.project_id == _FIRST, endpoints.c.name == _SECOND)),
}
Name = tuple[str | int, ...]


class KnownViews:
    """Views by their names, remembered for as long as nobody commits anything.

    A name is what one of four selects takes: ``("id", 7)``, ``("short_id",
    "h3Kq…")``, ``("slug", "sales")`` or ``("endpoint", 1, "sales")`` with the
    project before it. Who finds a view by one of its names, has it found for
    those who come by another.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._views: Memo[View] = Memo(database)
        self._ids: dict[Name, int] = {}

    def known(self, *name: str | int) -> View | None:
        """The view, if it is remembered and still true; takes microseconds."""
        view_id = self._ids.get(name)
        view = None if view_id is None else self._views.get(str(view_id))
        return view if view is not None and name in _names(view) else None

    def look_at(self, *name: str | int) -> None:
        """Have a view remembered, where the store can tell for how long it is true."""
        if self._database.version() is not None:
            self.find(*name)

    def find(self, *name: str | int) -> View | None:
        """The view, from the store where it is not remembered."""
        known = self.known(*name)
        if known is not None:
            return known
        kind, *parts = name
        values = dict(zip(("first", "second"), parts, strict=False))
        version = self._database.version()
        with self._database.read() as connection:
            found = views_of(connection, _SELECTS[str(kind)], values)
        if not found:
            return None
        self._keep(found[0], version)
        return found[0]

    def _keep(self, view: View, version: int | None) -> None:
        if len(self._ids) > _REMEMBERED:
            self._ids.clear()
        self._ids |= dict.fromkeys(_names(view), view.id)
        self._views.put(str(view.id), view, version)


def _names(view: View) -> Iterator[Name]:
    yield "id", view.id
    yield "short_id", view.short_id
    if view.perspective is not None:
        yield "slug", view.perspective.slug
    if view.endpoint is not None:
        yield "endpoint", view.project_id, view.endpoint.name
