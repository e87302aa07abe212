"""Errors of the server in the words of a cell: its options, its variables, the views it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .._output import age, moment, plain
from .._view import path_of
from ..core.errors import MissingParameters, NotFound, ParseError, ViewsError
from . import frames, params
from .context import Session
from .errors import NOTHING_SAVED, MagicError, word_at

_UPSTREAM = re.compile(r'\bviews\s*\.\s*(?:"([^"]+)"|([A-Za-z0-9_]+))', re.IGNORECASE)
_UNQUOTED = re.compile(r"\bviews\s*\.\s*([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)", re.IGNORECASE)


def for_the_cell(error: ViewsError, draft: dict[str, Any], session: Session) -> ViewsError:
    """The error with the next step that a cell offers.

    Parameters
    ----------
    draft
        Body of the statement that failed.
    """
    sql = draft["sql"]
    if example := _declaration(error, draft.get("parameters") or ()):
        error.hint = example
    elif isinstance(error, MissingParameters):
        names = error.details.get("parameters") or ("NAME",)
        error.hint = "  ".join(f"--param {name}=VALUE" for name in names)
    elif isinstance(error, NotFound):
        _point_at_view(error, sql, session)
    elif isinstance(error, ParseError) and (found := _UNQUOTED.search(sql)):
        error.hint = f'A slug with hyphens stands in quotes: views."{found[1]}"'
    else:
        _explain_variable(error, sql, session)
    return error


def _declaration(error: ViewsError, declared: Iterable[dict[str, Any]]) -> str | None:
    """What to type for the parameter whose declaration, or whose value, the server refused."""
    field = str(error.details.get("field", ""))
    for each in declared:
        if field == each["name"]:
            return f"--value {each['name']}={params.sample_of(each['type'])}"
        if field.startswith(f"parameters.{each['name']}."):
            return params.example_of(each["name"], each["type"])
    return None


def _point_at_view(error: ViewsError, sql: str, session: Session) -> None:
    """A view that is read but not there: where it stands, and what was meant."""
    for found in _UPSTREAM.finditer(sql):
        slug = found[1] or found[2]
        if f'"{slug}"' not in error.message:
            continue
        start = found.start(1) - 1 if found[1] else found.start(2)
        error.line = sql.count("\n", 0, start) + 1
        error.column = start - sql.rfind("\n", 0, start)
        near = session.views.nearest(slug)
        if near:
            error.hint = f'Did you mean views."{near[0]}"?  %views lists those that you may read.'
        return


def _explain_variable(error: ViewsError, sql: str, session: Session) -> None:
    word = (word_at(sql, error.line, error.column) or "").strip('"')
    value = session.shell.user_ns.get(word)
    if value is not None and frames.kind_of(value) is None and "table" in error.message:
        error.hint = (
            f"{word} in this kernel is of type {type(value).__name__}; "
            "a query reads pandas, polars and Arrow tables."
        )


def changed_elsewhere(session: Session, slug: str, cause: ViewsError) -> MagicError:
    """Somebody saved the view while the cell ran: nothing was overwritten, and what to do."""
    lines = [f"{plain(slug)} was changed elsewhere while this cell ran."]
    try:
        facts = session.views._transport.request("GET", path_of(slug)).json()
    except (ViewsError, ConnectionError):
        facts = {}
    if updated := moment(facts.get("updated_at")):
        when = age(updated, datetime.now(UTC))
        lines.append(f"  It is version {facts.get('version')} now, saved {when}.")
    lines.append(f"  %views history {slug} shows it; run this cell again to save over it.")
    return MagicError(*lines, NOTHING_SAVED, cause=cause)
