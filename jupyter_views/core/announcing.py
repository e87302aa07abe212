"""What happens to views, told to whoever listens: the event bus, the log, the watcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct, field

from .model import View

Action = Literal[
    "created", "edited", "stale", "refreshing", "refreshed", "changed", "failed", "deleted"
]


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened to a view.

    Attributes
    ----------
    action
        ``edited`` is what a person did to words, access or definition;
        ``stale`` a change of the sources that was noticed; ``refreshed`` a
        run that ended well; ``changed`` only one whose rows differ from
        those before.
    facts
        What the event's schema has beside the view's key.
    """

    action: Action
    view: View
    facts: dict[str, Any] = field(default_factory=dict)


class Announcer:
    """Calls every listener for every event, in order, on the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener(event)`` from now on; it must not block."""
        self._listeners.append(listener)

    def tell(self, action: Action, view: View, **facts: Any) -> None:
        """Something happened to a view."""
        event = Event(action=action, view=view, facts=facts)
        for listener in self._listeners:
            listener(event)
