"""``jupyter views doctor``: what a person would otherwise have to guess, checked.

The store is looked at from outside, without a server and without writing;
what only the server knows is asked of it. Findings hold no secret and no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import _checks
from ._checks import Finding
from ._machine import release
from ._transport import NAMING
from .client import NoAnswer, NoServer, Views, connect
from .core.errors import Forbidden, ViewsError
from .store.inspecting import inspect

LIBRARIES = ("deltalake", "pyiceberg")
_ELSEWHERE = Finding(
    about="store",
    state="note",
    text="The metadata are in a database of their own, which checks itself.",
)


@dataclass(frozen=True)
class Report:
    """All findings in the order in which they were looked for."""

    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether there is no problem."""
        return all(finding.state != "problem" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For machines: ``healthy``, and ``findings`` as :class:`Finding` has them."""
        return {"healthy": self.is_healthy, "findings": [asdict(each) for each in self.findings]}


def examine(url: str | None, token: str | None, store: Path | None) -> Report:
    """Look at the server, the store, the machine and every view.

    Parameters
    ----------
    url, token
        As for :func:`~.client.connect`.
    store
        Folder of the store; None asks the server, or else the settings.
    """
    try:
        with connect(url, token) as views:
            return Report(tuple(_with_server(views, store)))
    except (NoServer, NoAnswer, ViewsError) as error:
        hint = getattr(error, "hint", None) or "Next: jupyter lab"
        unreached = Finding(
            about="server",
            state="problem",
            text=str(getattr(error, "message", error)),
            next=hint.removeprefix("Next: ").replace(
                NAMING, "jupyter views --url http://localhost:8888 doctor"
            ),
        )
        return Report((unreached, *_without_server(store)))


def _with_server(views: Views, store: Path | None) -> Iterator[Finding]:
    now = datetime.now(UTC)
    try:
        facts = views._transport.request("GET", "doctor").json()
    except Forbidden as error:
        # Somebody else runs it: their own views are what a person can mend.
        yield Finding(about="server", state="note", text=error.message, next=error.hint)
        yield from _served(views, now)
        return
    yield _checks.server(views.url, facts)
    yield _checks.engine(facts["engine_version"], facts["engine_reason"])
    yield from _checks.libraries(facts["libraries"])
    yield _checks.clock(now, datetime.fromisoformat(facts["now"]))
    folder = store or Path(facts["store_dir"])
    is_here, lost = folder.is_dir(), frozenset[str]()
    yield from _checks.watching(facts["watching"], tuple(facts["folders"] if is_here else ()))
    if not facts["has_metadata"]:
        yield _ELSEWHERE
    elif not is_here:
        yield Finding(
            about="store",
            state="note",
            text="The store is on the server's machine; its files were not checked from here.",
            next="jupyter views doctor, on that machine",
        )
    else:
        found = inspect(folder)
        yield from _checks.store(folder, found)
        lost = frozenset(view.key for view in found.views if not view.has_rows)
    if is_here:
        yield from _checks.disk(folder)
    yield from _served(views, now, lost)


def _served(views: Views, now: datetime, lost: frozenset[str] = frozenset()) -> Iterator[Finding]:
    for view in views.list():
        facts = view._facts
        # The server knows that a file is gone only when it has to read it.
        gone = {"row_count": None} if facts["slug"] in lost else {}
        if found := _checks.served({**facts, **gone}, now):
            yield found


def _without_server(store: Path | None) -> Iterator[Finding]:
    yield _checks.engine(release("duckdb"), None)
    yield from _checks.libraries({name: release(name) for name in LIBRARIES})
    folder, has_metadata = (store, True) if store else _configured()
    yield from _checks.disk(folder)
    if not has_metadata:
        yield _ELSEWHERE
        return
    found, now = inspect(folder), datetime.now(UTC)
    yield from _checks.store(folder, found)
    for view in found.views:
        if wrong := _checks.stored(view, now):
            yield wrong


def _configured() -> tuple[Path, bool]:
    """The store's folder as configuration files set it, and whether the metadata are in it."""
    from .app import ViewsApp

    app = ViewsApp()
    for name in ("jupyter_server_config", "jupyter_views_config"):
        app.config_file_name = name
        app.load_config_file()
    return Path(app.store_dir), not app.store_url
