"""A run as the cell sees it: progress after a second, the stop button, one output that changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from IPython.display import display, update_display

from .. import _statements
from .._output import duration, plain
from .._transport import Transport
from ..core.errors import ViewsError
from . import output
from .context import Session
from .errors import Cancelled

QUIET_SECONDS = 0.9
_STAGES = {"QUEUED": "Queued", "RUNNING": "Running", "writing": "Writing"}


class Live:
    """One place in the cell's output: first progress, then the result.

    A terminal cannot replace what it printed, so it gets the result only.
    """

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name
        self._display_id: str | None = None
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the cell began."""
        return time.monotonic() - self.started

    def progress(self, statement: dict[str, Any]) -> None:
        """Show stage and elapsed time; a fraction only where the engine measured one."""
        if not self._session.has_front_end or self.seconds < QUIET_SECONDS:
            return
        words = f"{stage_of(statement)} {duration(round(self.seconds))}"
        progress = statement.get("progress") or {}
        fraction = progress.get("fraction")
        if fraction is not None and 0 < fraction <= 1:
            words += f", {fraction:.0%}"
        if progress.get("rows"):
            words += f", {progress['rows']:,} rows written"
        self.show(output.progress(self._name, words))

    def show(self, bundle: dict[str, str]) -> None:
        """Put this at the place, instead of what stands there."""
        if self._display_id is not None:
            update_display(bundle, raw=True, display_id=self._display_id)
        elif self._session.has_front_end:
            handle = display(bundle, raw=True, display_id=True)
            self._display_id = handle.display_id if handle is not None else None
        else:
            display(bundle, raw=True)


def stage_of(statement: dict[str, Any]) -> str:
    """Queued, Running or Writing."""
    stage = (statement.get("progress") or {}).get("stage")
    return _STAGES.get(str(stage), _STAGES.get(statement["status"], "Running"))


def finish(
    transport: Transport,
    live: Live,
    begin: Callable[[str], dict[str, Any]],
    *,
    outcome: str,
) -> dict[str, Any]:
    """Begin a statement and follow it to its end.

    Parameters
    ----------
    begin
        Submits; gets the client_id under which an interrupt can find the
        statement before it has an id.
    outcome
        What to say of the view when the person stops it.

    Raises
    ------
    Cancelled
        After the stop button, once the server has been told.
    ViewsError
        If it failed.
    """
    key = _statements.new_client_id()
    try:
        statement = begin(key)
        key = statement["id"]
        ended = _statements.follow(transport, statement, on_progress=live.progress)
    except KeyboardInterrupt:
        _stop(transport, key)
        words = f"Cancelled after {duration(round(live.seconds))}. {outcome}"
        raise Cancelled(plain(words)) from None
    failure = _statements.failure_of(ended)
    if failure is not None:
        raise failure
    return ended


def _stop(transport: Transport, key: str) -> None:
    try:
        _statements.cancel(transport, key)
    except (ViewsError, ConnectionError):
        # It ended by itself, it never began, or the server is gone: nothing is left to stop.
        return
