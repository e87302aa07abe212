"""A run as the cell sees it: progress after a second, the stop button, one output that changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from IPython.display import display, update_display

from .. import _statements
from .._output import duration, plain
from .._transport import Transport
from .._view import path_of
from ..core.errors import NotFound, ViewsError
from . import output
from .context import Session
from .errors import Cancelled

QUIET_SECONDS = 0.9
_STOP_PAUSES = (0.0, 0.1, 0.2, 0.4, 0.4)
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
    refreshed: str | None = None,
) -> dict[str, Any]:
    """Begin a statement and follow it to its end.

    Parameters
    ----------
    begin
        Submits; gets the client_id under which an interrupt can find the
        statement before it has an id.
    outcome
        What to say of the view when the person stops it.
    refreshed
        Slug of the view whose refresh this is: that has no client_id, and an
        interrupt finds it at the view.

    Raises
    ------
    Cancelled
        After the stop button, once the server has been told.
    ViewsError
        If it failed.
    """
    key, statement_id = _statements.new_client_id(), None
    try:
        statement = begin(key)
        statement_id = statement["id"]
        ended = _statements.follow(transport, statement, on_progress=live.progress)
    except KeyboardInterrupt:
        if statement_id is None and refreshed is not None:
            _stop(transport, lambda: _refresh_of(transport, refreshed))
        else:
            _stop(transport, lambda: statement_id or key)
        words = f"Cancelled after {duration(round(live.seconds))}. {outcome}"
        raise Cancelled(plain(words)) from None
    failure = _statements.failure_of(ended)
    if failure is not None:
        raise failure
    return ended


def refresh(transport: Transport, live: Live, slug: str, *, outcome: str) -> dict[str, Any]:
    """Refresh a view and follow that to its end; see :func:`finish`."""
    path = f"{path_of(slug)}/refresh"
    return finish(
        transport,
        live,
        lambda _: transport.request("POST", path).json(),
        outcome=outcome,
        refreshed=slug,
    )


def _stop(transport: Transport, key: Callable[[], str | None]) -> None:
    """Cancel a statement that the server may have been sent and not have begun yet."""
    for pause in _STOP_PAUSES:
        time.sleep(pause)
        try:
            if (found := key()) is not None:
                _statements.cancel(transport, found)
                return
        except NotFound:
            continue
        except (ViewsError, ConnectionError):
            # It ended by itself, or the server is gone: nothing is left to stop.
            return


def _refresh_of(transport: Transport, slug: str) -> str | None:
    under_way = transport.request("GET", path_of(slug)).json().get("refresh")
    return under_way["statement_id"] if under_way else None
