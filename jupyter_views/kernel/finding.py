"""A view by the name or slug that a person typed."""

from __future__ import annotations

from .._output import plain
from .._view import path_of
from ..client import NoSuchView
from ..core.errors import Forbidden, NotFound
from .context import Session
from .errors import MagicError
from .grammar import BadLine
from .shown import ShownView


def find(session: Session, name: str) -> ShownView:
    """The view of that name or slug.

    Raises
    ------
    MagicError
        With what the person may have meant.
    """
    from ..core.names import slug_from

    if not name.strip():
        raise BadLine("Which view?", "%views lists them.")
    slug = slug_from(name)
    try:
        facts = session.views._transport.request("GET", path_of(slug)).json()
    except (NotFound, Forbidden):
        missing = NoSuchView(name, session.views.nearest(slug))
        raise MagicError(
            plain(str(missing)), "%views lists those that you may read.", cause=missing
        ) from None
    return ShownView(session, facts)
