"""What stands under the rows of a view: what was saved, what keeps it fresh, where to go next."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from .. import _transport
from .._rule import kept_fresh
from .._view import path_of
from . import output

if TYPE_CHECKING:
    from .context import Session
    from .saving import Wish


def notes_of(wish: Wish, known: dict[str, Any] | None, detail: dict[str, Any]) -> tuple[str, ...]:
    """Sentences under a saved view.

    Parameters
    ----------
    known
        The view before; None for a new one.
    """
    version, access = detail.get("version"), output.access_words(detail)
    notes = [f"Saved as {detail['slug']} (version {version}, {access})."]
    if known is not None:
        before = known.get("version")
        if before == version:
            notes = [f"Refreshed {detail['slug']} (version {version}, {access})."]
        else:
            count = _changed_lines(str(known.get("sql_query", "")), wish.draft["sql"])
            what = (
                f"{count} line{'' if count == 1 else 's'} changed"
                if count
                else ("same SQL, other inputs")
            )
            notes.append(f"Version {version} (was {before}): {what}.")
    if fresh := kept_fresh(detail):
        notes.append(fresh)
    if wish.into:
        notes.append(f"All rows are in {wish.into} ({wish.kind}).")
    if detail.get("truncated"):
        notes.append(
            "The result passed its limit: stored rows are complete up to there. "
            "Add LIMIT or aggregate to remove the mark."
        )
    return tuple(notes)


def _changed_lines(before: str, after: str) -> int:
    matcher = difflib.SequenceMatcher(None, before.strip().split("\n"), after.strip().split("\n"))
    return sum(
        max(a2 - a1, b2 - b1) for tag, a1, a2, b1, b2 in matcher.get_opcodes() if tag != "equal"
    )


def links(session: Session, slug: str) -> tuple[tuple[str, str], ...]:
    """Where a person goes next: the view in JupyterLab, and its rows for programs."""
    url = session.views.url
    return (
        ("Open", f"{url}lab?view={slug}"),
        ("API", f"{url}{_transport.PREFIX}{path_of(slug)}/result?format=json"),
    )
