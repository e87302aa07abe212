"""Who may do what with views, dashboards, references. Every decision about people is made here.

The matrix is that of the perspectives page: the owner may all; whoever is
granted, and every signed-in person when the view is public, may read and
refresh; a stranger may not even learn the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from .errors import Forbidden
from .model import Actor, View

if TYPE_CHECKING:
    from .parameters import Parameter
    from .references import Reference


class Owned(Protocol):
    """What belongs to a person, and may be open to every signed-in one."""

    @property
    def owner(self) -> str:
        """The person."""
        ...

    @property
    def is_public(self) -> bool:
        """Whether every signed-in person may read it."""
        ...


def is_owner(actor: Actor, owned: Owned) -> bool:
    """Whether the view or dashboard belongs to the actor's person."""
    return actor.name == owned.owner


def can_read(actor: Actor, view: View) -> bool:
    """Whether the actor may see rows, definition and freshness."""
    return is_owner(actor, view) or view.is_public or actor.name in view.allowed_user_ids


def require_scope(actor: Actor, scope: str) -> None:
    """Raise Forbidden naming the scope that the actor's key lacks."""
    if not actor.has_scope(scope):
        raise Forbidden(
            f"API key missing required scope '{scope}'", details={"missing_scope": scope}
        )


def require_options_scope(actor: Actor, declared: Iterable[Parameter]) -> None:
    """Raise Forbidden where parameters offer rows of views that the actor's key may not read."""
    if any(each.options_from is not None for each in declared):
        require_scope(actor, "perspective:read")


def require_read(actor: Actor, view: View) -> None:
    """Raise Forbidden unless the actor may read the view."""
    if not can_read(actor, view):
        raise Forbidden("You may not read this view.", hint="Ask its owner for access.")


def require_owner(actor: Actor, view: View, deed: str) -> None:
    """Raise Forbidden unless the actor owns the view; ``deed`` is the verb for the message."""
    if not is_owner(actor, view):
        whose = view.owner if can_read(actor, view) else "its owner"
        raise Forbidden(f"Only {whose} can {deed} this view.")


def can_open(actor: Actor, dashboard: Owned) -> bool:
    """Whether the actor may see a dashboard; each of its views is asked for itself."""
    return is_owner(actor, dashboard) or dashboard.is_public


def require_dashboard_owner(actor: Actor, dashboard: Owned, deed: str) -> None:
    """Raise Forbidden unless the actor, who may open the dashboard, owns it."""
    if not is_owner(actor, dashboard):
        raise Forbidden(f"Only {dashboard.owner} can {deed} this dashboard.")


def is_shown_to_visitors(view: View, dashboard: Owned) -> bool:
    """Whether the link of a dashboard shows a view: its owner shares only what is his own."""
    return view.owner == dashboard.owner


def can_follow(actor: Actor, reference: Reference) -> bool:
    """Whether the actor may see a reference.

    One that follows a view is shown to whom that view is shown; another one
    says for itself who may read it. Its owner sees it in any case, so that he
    can delete it.
    """
    if is_owner(actor, reference):
        return True
    if reference.view is not None:
        return shows_target(actor, reference)
    return reference.is_public or actor.name in reference.allowed_user_ids


def shows_target(actor: Actor, reference: Reference) -> bool:
    """Whether the actor, who may see a reference, may also see what it points to."""
    view = reference.view
    return view is None or (view.is_open and can_read(actor, view))


def require_reference_owner(actor: Actor, reference: Reference, deed: str) -> None:
    """Raise Forbidden unless the actor, who may see the reference, owns it."""
    if not is_owner(actor, reference):
        raise Forbidden(f"Only {reference.owner} can {deed} this reference.")
