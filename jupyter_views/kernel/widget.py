"""A view as a widget: freshness, refresh, cancel, and all rows, a window at a time.

While its page is visible it follows its view: new rows appear by themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from traitlets import Bool, Dict, Int, List, Unicode

from .. import _statements, _values
from .._output import Card, headline, status_words, to_html
from .._past import changes_words
from .._view import View, path_of
from ..core.errors import Canceled, NotFound, ViewsError
from .following import Follower

WINDOW_ROWS = 200
PREVIEW_ROWS = 20
PAUSE_SECONDS = 3.0
SHORT_PAUSE_SECONDS = 1.0
_UNTOLD_LOOKS = 3
_HERE = Path(__file__).parent
_SCRIPTS = ("table.js", "controls.js", "widget.js")
"""One after the other they are the page's script, which can import nothing."""


class _Overtaken(Exception):
    """Something newer was asked for."""


class ViewWidget(anywidget.AnyWidget):
    """One view in a cell: its header, a refresh and a cancel button, its table or its chart.

    Rows come from the server through this kernel, at most 200 a message; the
    browser sends a number, a command of a fixed set and plain numbers, never
    SQL and never an address.

    Attributes
    ----------
    slug, name : str
        Of the view.
    status : str
        fresh, stale, refreshing, failed or never_run.
    status_text : str
        The same with its reason, as every surface words it.
    computed_at : str
        ISO 8601, UTC; empty while there are no rows.
    row_count : int
        Rows of the whole result.
    columns : list of dict
        ``name`` and ``type`` of each column.
    rows : list of list
        The first 20 rows; the preview of scripts and of the first paint.
    changes : str
        What the newest rows changed: "12 rows added, 3 changed"; empty while
        nothing was refreshed, or where nobody counted.
    error : str
        What the last refresh or run failed with; empty after a good one.
    parameters : list of dict
        What there is to choose: ``name``, ``type``, ``displayName``,
        ``options``, bounds, and the view's own ``value``.
    values : dict
        Values of parameters over the view's own; empty for those. Setting it
        shows the rows for them, once they are there; the view stays as it is.
    problems : dict
        What is wrong with values, by the names of their parameters.
    is_running : bool
        Whether a statement of this widget runs now.
    """

    _esm = "\n".join((_HERE / name).read_text() for name in _SCRIPTS)
    _css = _HERE / "widget.css"

    slug = Unicode(read_only=True).tag(sync=True)
    name = Unicode(read_only=True).tag(sync=True)
    status = Unicode("never_run", read_only=True).tag(sync=True)
    status_text = Unicode(read_only=True).tag(sync=True)
    computed_at = Unicode(read_only=True).tag(sync=True)
    row_count = Int(0, read_only=True).tag(sync=True)
    is_truncated = Bool(False, read_only=True).tag(sync=True)
    columns = List(Dict(), read_only=True).tag(sync=True)
    rows = List(List(), read_only=True).tag(sync=True)
    changes = Unicode(read_only=True).tag(sync=True)
    error = Unicode(read_only=True).tag(sync=True)
    parameters = List(Dict(), read_only=True).tag(sync=True)
    values = Dict().tag(sync=True)
    problems = Dict(read_only=True).tag(sync=True)
    is_running = Bool(False, read_only=True).tag(sync=True)
    result_id = Int(0, read_only=True).tag(sync=True)

    def __init__(self, view: View, **options: Any) -> None:
        self._view = view
        super().__init__(**options)
        self._transport = view._transport
        self._window = partial(_values.window_with, view._transport, view.facts)
        self._address: dict[str, str] = {}
        self._shown = view.facts
        self._statement_key: str | None = None
        self._turn = 0
        self._turning = threading.RLock()
        self._is_from_page = False
        self._etag: str | None = None
        self._untold = 0
        self._is_lost = False
        self._follower = Follower(self._look)
        self._load_parameters()
        self._show(self._window({}, PREVIEW_ROWS), view.facts, {})
        self.observe(self._on_values, "values")
        self.on_msg(self._on_message)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page says; it waits for nothing, and the kernel stays free."""
        self._is_from_page = True
        try:
            super().set_state(sync_data)
        finally:
            self._is_from_page = False

    def refresh(self, wait: bool = True) -> None:
        """Compute the view's rows anew.

        Parameters
        ----------
        wait
            False returns at once; the traits change when it is done.
        """
        self._begin(self._renewed, wait)

    def cancel(self) -> None:
        """Stop what this widget runs; the rows shown stay."""
        key = self._statement_key
        if key is not None:
            _statements.cancel(self._transport, key)

    def close(self) -> None:
        """Take the widget out of every page, and stop following the view."""
        self._follower.rest()
        super().close()

    def _look(self) -> float:
        """See whether the view has news and show them; seconds until the next look."""
        if self.is_running:
            return PAUSE_SECONDS
        turn = self._turn
        headers = {"If-None-Match": self._etag} if self._etag else None
        try:
            answer = self._transport.request("GET", path_of(self._view.slug), headers=headers)
        except NotFound as error:
            self._follower.rest()
            self._set(error=str(error))
            raise
        except (ViewsError, ConnectionError) as error:
            self._is_lost = True
            self._set(error=f"{error} The rows shown stay.")
            raise
        if self._is_lost:
            self._is_lost = False
            self._set(error="")
        if answer.status_code != 304 and not self.is_running:
            self._etag = answer.headers.get("ETag")
            self._show_news(turn, answer.json())
        if self._address and not self.is_running:
            self._follow_values(turn)
        self._tell_changes()
        return SHORT_PAUSE_SECONDS if self.status == "refreshing" else PAUSE_SECONDS

    def _show_news(self, turn: int, facts: dict[str, Any]) -> None:
        before = self._view._facts
        self._view._take(facts)
        if facts.get("version") != before.get("version"):
            self._load_parameters()
        if self._address:
            return
        if facts.get("computed_at") != before.get("computed_at"):
            self._untold = _UNTOLD_LOOKS
            self._follow_rows(turn, self._window({}, PREVIEW_ROWS), facts)
        elif turn == self._turn:
            self._take(facts)

    def _follow_values(self, turn: int) -> None:
        """Rows for other values follow their sources as the view's own do."""
        facts = self._view._facts
        mode = "async" if facts.get("auto_refresh") else "force_cache"
        window = self._window(self._address, PREVIEW_ROWS, mode=mode)
        self._follow_rows(turn, window, _values.facts_with(facts, window))

    def _follow_rows(self, turn: int, window: dict[str, Any], facts: dict[str, Any]) -> None:
        with self._turning:
            if turn != self._turn:
                return
            if window["computed_at"] != self.computed_at:
                self._show(window, facts, self._address)
            else:
                self._take(facts)

    def _tell_changes(self) -> None:
        """Say what new rows changed; it is counted behind them, so it may not be known at once."""
        if not self._untold or self._address:
            return
        self._untold -= 1
        newest = self._view.history(limit=1)
        if newest and (words := changes_words(newest[0].get("changes"))):
            self._untold = 0
            self._set(changes=words)

    @traitlets.validate("values")
    def _as_json(self, proposal: Any) -> dict[str, Any]:
        given, kinds = proposal["value"].items(), _values.kinds_of(self._view._facts)
        return {name: _values.as_json(kinds.get(name, "text"), value) for name, value in given}

    def _on_values(self, _change: Any) -> None:
        self._begin(self._computed, wait=not self._is_from_page)

    def _begin(self, work: Callable[[int], None], wait: bool) -> None:
        """Start a piece of work; what was begun before shows nothing any more."""
        with self._turning:
            self._turn += 1
            turn = self._turn
            self._set(is_running=True, error="", problems={}, changes="")
            self._set(status="refreshing", status_text="Refreshing")
        if wait:
            self._run(turn, work)
        else:
            threading.Thread(target=self._run, args=(turn, work), daemon=True).start()

    def _run(self, turn: int, work: Callable[[int], None]) -> None:
        """Run to the end; every outcome ends in the traits, for nobody waits in a thread."""
        problem: dict[str, Any] = {}
        try:
            work(turn)
        except _Overtaken:
            return
        except Canceled:
            problem = {"error": "Cancelled. The last good result is kept."}
        except (ViewsError, ConnectionError) as error:
            problem = {"error": str(error), "problems": _values.problems_of(error)}
        finally:
            with self._turning:
                if turn == self._turn:
                    self._statement_key = None
                    self._take(self._shown)
                    self._set(is_running=False, **problem)

    def _renewed(self, turn: int) -> None:
        """Compute what is shown anew."""
        if self.values:
            self._computed(turn, is_forced=True)
            return
        path = f"{path_of(self._view.slug)}/refresh"
        try:
            self._follow(turn, self._transport.request("POST", path).json())
            self._untold = _UNTOLD_LOOKS
        finally:
            self._show_own(turn)

    def _show_own(self, turn: int) -> None:
        self._view._take(self._transport.request("GET", path_of(self._view.slug)).json())
        self._finish(turn, self._window({}, PREVIEW_ROWS), self._view._facts, {})

    def _computed(self, turn: int, *, is_forced: bool = False) -> None:
        """Show the rows for the values."""
        facts = self._view._facts
        address = _values.address_of(facts, self.values)
        if not address:
            self._show_own(turn)
            return
        follow = partial(self._follow, turn)
        for window in _values.windows(
            self._transport, facts, address, PREVIEW_ROWS, follow=follow, is_forced=is_forced
        ):
            self._finish(turn, window, _values.facts_with(facts, window), address)

    def _follow(self, turn: int, statement: dict[str, Any]) -> None:
        def still_wanted(_: dict[str, Any]) -> None:
            if turn != self._turn:
                raise _Overtaken

        with self._turning:
            still_wanted(statement)
            self._statement_key = statement["id"]
        ended = _statements.follow(self._transport, statement, on_progress=still_wanted)
        failure = _statements.failure_of(ended)
        if failure is not None:
            raise failure

    def _finish(
        self, turn: int, window: dict[str, Any], facts: dict[str, Any], address: dict[str, str]
    ) -> None:
        with self._turning:
            if turn != self._turn:
                raise _Overtaken
            self._show(window, facts, address)

    def _take(self, facts: dict[str, Any]) -> None:
        self._shown = facts
        self._set(
            slug=facts["slug"],
            name=facts["name"],
            status=facts["status"],
            status_text=status_words(facts, datetime.now(UTC)),
            is_truncated=bool(facts.get("truncated")),
        )

    def _load_parameters(self) -> None:
        facts, found = self._view.facts, []
        if facts.get("parameters") or facts.get("params"):
            answer = self._transport.request("GET", f"{self._view._path}/parameters")
            found = answer.json()["items"]
        self._set(parameters=found)

    def _show(self, window: dict[str, Any], facts: dict[str, Any], address: dict[str, str]) -> None:
        """Rows, their freshness and the address of the others, all at once."""
        names, types = window["cols"], window.get("types") or [{}] * len(window["cols"])
        with self.hold_sync():
            self._address = address
            self._take(facts)
            self._set(
                computed_at=window.get("computed_at") or facts.get("computed_at") or "",
                row_count=window["total_row_count"],
                columns=[
                    {"name": name, "type": kind.get("type", "string")}
                    for name, kind in zip(names, types, strict=True)
                ],
                rows=window["rows"],
                result_id=self.result_id + 1,
            )

    def _set(self, **values: Any) -> None:
        with self.hold_sync():
            for name, value in values.items():
                self.set_trait(name, value)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict) or not isinstance(content.get("id"), int):
            return
        answer: dict[str, Any] = {"id": content["id"]}
        try:
            answer |= self._obey(content)
        except (ViewsError, ConnectionError, traitlets.TraitError) as error:
            answer["error"] = str(error)
        self.send(answer)

    def _obey(self, content: dict[str, Any]) -> dict[str, Any]:
        command = content.get("command")
        if command == "window":
            offset = content.get("offset")
            if type(offset) is not int or offset < 0:
                return {"error": "offset is a whole number, 0 or more."}
            window = self._window(self._address, WINDOW_ROWS, offset)
            return {"offset": offset, "rows": window["rows"], "result_id": self.result_id}
        if command == "chart":
            return self._chart("dark" if content.get("dark") is True else "light")
        if command == "refresh":
            self.refresh(wait=False)
            return {"ok": True}
        if command == "cancel":
            self.cancel()
            return {"ok": True}
        if command == "follow":
            self._follower.watch() if content.get("on") is True else self._follower.rest()
            return {"ok": True}
        return {"error": "This widget knows window, chart, refresh, cancel and follow."}

    def _chart(self, theme: str) -> dict[str, Any]:
        """The picture of the rows shown, drawn by the server as everywhere else."""
        path = f"{self._view._path}/chart.svg"
        asked = {"theme": theme} | self._address
        answer = self._transport.request("GET", path, params=asked)
        return {"svg": answer.text, "result_id": self.result_id}

    def __repr__(self) -> str:
        return f"<ViewWidget {self.slug}: {headline(self._shown)}>"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        parts, metadata = bundle
        window = {
            "cols": [column["name"] for column in self.columns],
            "types": self.columns,
            "rows": self.rows,
            "total_row_count": self.row_count,
        }
        # Where no kernel answers (a static page, an e-mail), the first rows are still there.
        parts["text/html"] = to_html(Card(facts=self._shown, window=window))
        return parts, metadata
