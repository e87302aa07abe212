"""Completion of names, options and values; never in the way of typing.

What the server knows is asked for in a thread and kept for a while: a
completion waits 150 ms at most, then it offers what it has.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._view import path_of
from ..core.errors import ViewsError
from . import frames, grammar, params, past, programs, rules, sharing
from .context import Session
from .showing import SHOW_OPTIONS, VERBS

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

PATIENCE_SECONDS = 0.15
FRESH_SECONDS = 5.0
_VERB_OPTIONS = {
    "api": programs.API_OPTIONS,
    "diff": past.DIFF_OPTIONS,
    "schedule": past.SCHEDULE_OPTIONS,
    "share": sharing.SHARE_OPTIONS,
}
_CELL = re.compile(r"\s*%%perspective\b")
_SLUG = re.compile(r'\bviews\.("?)([^\s"()]*)$', re.IGNORECASE)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Lists:
    """Names from the server, as old as :data:`FRESH_SECONDS` at most once they are there."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: dict[str, tuple[float, list[Any]]] = {}
        self._asking: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def slugs(self) -> list[str]:
        """Slugs of the views that the person may read."""
        return self._get("slugs", self._ask_slugs)

    def connections(self) -> list[str]:
        """Names of the configured connections."""
        return self._get("connections", self._ask_connections)

    def parameters(self, name: str) -> list[dict[str, Any]]:
        """What there is to choose for a view, by its name or slug."""
        from ..core.names import slug_from

        slug = slug_from(name)
        return self._get(f"parameters of {slug}", lambda: self._ask_parameters(slug))

    def _ask_parameters(self, slug: str) -> list[dict[str, Any]]:
        transport = self._session.views._transport
        short_id = transport.request("GET", path_of(slug)).json()["short_id"]
        return transport.request("GET", f"views/{short_id}/parameters").json()["items"]

    def _ask_slugs(self) -> list[str]:
        return [view.slug for view in self._session.views.list(limit=500)]

    def _ask_connections(self) -> list[str]:
        answer = self._session.views._transport.request("GET", "connections").json()
        return [row["name"] for row in answer["items"]]

    def _get(self, key: str, ask: Callable[[], list[Any]]) -> list[Any]:
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < FRESH_SECONDS:
            return kept[1]
        with self._lock:
            thread = self._asking.get(key)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._fill, args=(key, ask), daemon=True)
                self._asking[key] = thread
                thread.start()
        thread.join(PATIENCE_SECONDS)
        kept = self._kept.get(key)
        return kept[1] if kept is not None else []

    def _fill(self, key: str, ask: Callable[[], list[Any]]) -> None:
        try:
            names = ask()
        except (ViewsError, ConnectionError):
            # No names then; the magic itself says why when it is run.
            return
        self._kept[key] = (time.monotonic(), names)


def complete(session: Session, lists: Lists, text: str) -> list[str]:
    """What may follow.

    Parameters
    ----------
    text
        The line up to the cursor, with its magic.
    """
    magic, _, rest = text.lstrip().partition(" ")
    before, _, word = rest.rpartition(" ")
    if magic == "%views":
        return _after_views(session, lists, before.split(), word)
    options = grammar.OPTIONS if magic == "%%perspective" else SHOW_OPTIONS
    previous = before.split()[-1] if before.split() else ""
    if previous == "--param":
        return _types(word)
    values = _values(session, lists, previous)
    if values is not None:
        return values
    if magic == "%perspective" and "--" in rest:
        found = lists.parameters(before.partition("--")[0].strip())
        chosen = _choices(found, previous)
        if chosen:
            return chosen
        return [*grammar.flags(options), *(f"--{each['name']}" for each in found)]
    if word.startswith("-") or "--" in before:
        return grammar.flags(options)
    return lists.slugs()


def _types(word: str) -> list[str]:
    """Types behind the colon of a declaration; the host completes what follows it."""
    if ":" not in word or "(" in word or "=" in word:
        return []
    needed = {"options", "view", "pattern"}
    return [f"{name}(" if kind.takes in needed else name for name, kind in params.KINDS.items()]


def _choices(found: list[dict[str, Any]], option: str) -> list[str]:
    """Values of a parameter that has few."""
    for each in found:
        if option == f"--{each['name']}":
            return ["true", "false"] if each["type"] == "boolean" else each.get("options", [])
    return []


def complete_sql(lists: Lists, context: CompletionContext) -> SimpleMatcherResult:
    """Slugs after ``views.`` in the SQL of a cell, in quotes where SQL wants them."""
    from IPython.core.completer import SimpleCompletion

    found = None
    if context.cursor_line and _CELL.match(context.full_text):
        found = _SLUG.search(context.text_until_cursor)
    if found is None:
        return {"completions": []}
    quote, begun = found.groups()
    slugs = [slug for slug in lists.slugs() if slug.startswith(begun.lower())]
    # The host's token begins behind a quote, but in front of "views." where there is none.
    is_whole = context.token.lower().startswith("views.")
    head = context.token[: len("views.")] if is_whole else ""
    words = [head + (slug if quote or _PLAIN.fullmatch(slug) else f'"{slug}"') for slug in slugs]
    return {
        "completions": [SimpleCompletion(text=word, type="view") for word in words],
        "suppress": True,
    }


def _values(session: Session, lists: Lists, option: str) -> list[str] | None:
    """Values after an option; None when none is expected here."""
    if option == "--conn":
        return lists.connections()
    if option == "--who":
        return ["me", "team"]
    if option in {"--every", "--max-age", "--max-staleness"}:
        return list(rules.TIMES)
    if option == "--timezone":
        from zoneinfo import available_timezones

        return sorted(available_timezones())
    if option == "--as":
        from importlib.util import find_spec

        return [
            k
            for k in ("pandas", "polars", "arrow")
            if find_spec({"arrow": "pyarrow"}.get(k, k)) is not None
        ]
    if option == "--into":
        return [
            key
            for key in session.shell.user_ns
            if not key.startswith("_") and frames.kind_of(session.shell.user_ns[key]) is not None
        ]
    known = {each.flag: each for each in grammar.OPTIONS}.get(option)
    return [] if known is not None and known.kind != "flag" else None


def _after_views(session: Session, lists: Lists, before: list[str], word: str) -> list[str]:
    if not before:
        return list(VERBS)
    if before[0] == "help":
        return list(VERBS)
    if before[0] == "put":
        namespace = session.shell.user_ns
        if len(before) > 1:
            return grammar.flags(grammar.OPTIONS) if word.startswith("-") else []
        return [
            k
            for k, v in namespace.items()
            if not k.startswith("_") and frames.kind_of(v) is not None
        ]
    if word.startswith("-"):
        return grammar.flags(_VERB_OPTIONS.get(before[0], ()))
    if before[-1] == "--expires":
        return list(sharing.TIMES)
    if before[0] == "schedule" and len(before) > 1:
        return list(rules.TIMES)
    return lists.slugs() if before[0] in VERBS else []


def install(session: Session) -> None:
    """Hook completion of the three magics, and of slugs in SQL, into the shell."""
    from IPython.core.completer import context_matcher

    lists = Lists(session)

    def hook(_shell: Any, event: Any) -> list[str]:
        return complete(session, lists, event.text_until_cursor)

    for magic in ("%%perspective", "%perspective", "%views"):
        session.shell.set_hook("complete_command", hook, str_key=magic)

    @context_matcher(identifier="jupyter_views.slugs", priority=100)
    def slugs(context: CompletionContext) -> SimpleMatcherResult:
        return complete_sql(lists, context)

    completer = session.shell.Completer
    if completer is not None:
        completer.custom_matchers.append(slugs)
