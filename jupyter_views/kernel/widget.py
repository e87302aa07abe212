"""A view as a widget: freshness, refresh, cancel, and all rows, a window at a time.

While its page is visible it follows its view: new rows appear by themselves.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from traitlets import Bool, Dict, Int, List, Unicode

from .. import _statements
from .._output import Card, headline, status_words, to_html
from .._past import changes_words
from .._view import View, path_of, window_of
from ..core.errors import Canceled, NotFound, ViewsError
from .following import Follower

WINDOW_ROWS = 200
PREVIEW_ROWS = 20
PAUSE_SECONDS = 3.0
SHORT_PAUSE_SECONDS = 1.0
_UNTOLD_LOOKS = 3
_HERE = Path(__file__).parent


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
    params : dict
        Parameter values. Setting it runs the definition with these values
        and shows those rows; the saved view stays as it is.
    is_running : bool
        Whether a statement of this widget runs now.
    """

    _esm = _HERE / "widget.js"
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
    params = Dict().tag(sync=True)
    is_running = Bool(False, read_only=True).tag(sync=True)
    result_id = Int(0, read_only=True).tag(sync=True)

    def __init__(self, view: View, **options: Any) -> None:
        super().__init__(**options)
        self._view = view
        self._transport = view._transport
        self._result_path = self._own_path
        self._statement_key: str | None = None
        self._busy = threading.Lock()
        self._etag: str | None = None
        self._untold = 0
        self._is_lost = False
        self._follower = Follower(self._look)
        self._take(view.facts)
        self._preview()
        with self.hold_trait_notifications():
            self.params = dict(view.facts.get("params") or {})
        self.observe(self._on_params, "params")
        self.on_msg(self._on_message)

    @property
    def _own_path(self) -> str:
        """Where the rows of the saved view are, and not those of other parameter values."""
        return f"{path_of(self._view.slug)}/result"

    def refresh(self, wait: bool = True) -> None:
        """Compute the view's rows anew.

        Parameters
        ----------
        wait
            False returns at once; the traits change when it is done.
        """
        path = path_of(self._view.slug)
        self._start(
            lambda _key: self._transport.request("POST", f"{path}/refresh").json(),
            lambda _statement: f"{path}/result",
            wait,
        )

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
            self._show_news(answer.json())
        self._tell_changes()
        return SHORT_PAUSE_SECONDS if self.status == "refreshing" else PAUSE_SECONDS

    def _show_news(self, facts: dict[str, Any]) -> None:
        is_new = facts.get("computed_at") != self._view._facts.get("computed_at")
        self._view._take(facts)
        # Rows of other parameter values stay: nobody computed them anew.
        if is_new and self._result_path == self._own_path:
            self._untold = _UNTOLD_LOOKS
            self._preview()
        self._take(facts)

    def _tell_changes(self) -> None:
        """Say what new rows changed; it is counted behind them, so it may not be known at once."""
        if not self._untold:
            return
        self._untold -= 1
        newest = self._view.history(limit=1)
        if newest and (words := changes_words(newest[0].get("changes"))):
            self._untold = 0
            self._set(changes=words)

    def _on_params(self, change: Any) -> None:
        draft = self._view.draft(dict(change["new"]))

        def begin(key: str) -> dict[str, Any]:
            return _statements.submit(
                self._transport,
                {**draft, "client_id": key},
                wait_seconds=1,
                retry_on_recent_failure="true",
            )

        self._start(begin, lambda statement: f"v1/statements/{statement['id']}/result", wait=True)

    def _start(self, begin: Any, place: Any, wait: bool) -> None:
        if not self._busy.acquire(blocking=False):
            return
        self._set(
            is_running=True, status="refreshing", status_text="Refreshing", error="", changes=""
        )
        if wait:
            self._run(begin, place)
        else:
            threading.Thread(target=self._run, args=(begin, place), daemon=True).start()

    def _run(self, begin: Any, place: Any) -> None:
        """Run to the end; every outcome ends in the traits, for nobody waits in a thread."""
        try:
            self._statement_key = _statements.new_client_id()
            statement = begin(self._statement_key)
            self._statement_key = statement["id"]
            ended = _statements.follow(self._transport, statement)
            failure = _statements.failure_of(ended)
            if failure is not None:
                raise failure
            self._result_path = place(ended)
            self._untold = _UNTOLD_LOOKS
        except Canceled:
            self._set(error="Cancelled. The last good result is kept.")
        except (ViewsError, ConnectionError) as error:
            self._set(error=str(error))
        finally:
            self._statement_key = None
            self._settle()
            self._busy.release()

    def _settle(self) -> None:
        try:
            self._view._take(self._transport.request("GET", path_of(self._view.slug)).json())
            self._take(self._view._facts)
            self._preview()
        except (ViewsError, ConnectionError) as error:
            self._set(error=str(error))
        self._set(is_running=False)

    def _take(self, facts: dict[str, Any]) -> None:
        card = Card(facts=facts)
        self._set(
            slug=facts["slug"],
            name=facts["name"],
            status=facts["status"],
            status_text=status_words(facts, card.now),
            is_truncated=bool(facts.get("truncated")),
        )

    def _preview(self) -> None:
        window = window_of(self._transport, self._result_path, PREVIEW_ROWS)
        names, types = window["cols"], window.get("types") or [{}] * len(window["cols"])
        self._set(
            computed_at=window.get("computed_at") or self._view._facts.get("computed_at") or "",
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
            window = window_of(self._transport, self._result_path, WINDOW_ROWS, offset)
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
        if self._result_path != self._own_path:
            return {
                "error": "The chart is drawn of the saved view. "
                "Set params back to its own values to see it."
            }
        path = f"views/{self._view.facts['short_id']}/chart.svg"
        answer = self._transport.request("GET", path, params={"theme": theme})
        return {"svg": answer.text, "result_id": self.result_id}

    def __repr__(self) -> str:
        return f"<ViewWidget {self.slug}: {headline(self._view._facts)}>"

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
        parts["text/html"] = to_html(Card(facts=self._view._facts, window=window))
        return parts, metadata
