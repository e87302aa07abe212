"""Verbs of ``%views`` about the link of a view."""

from __future__ import annotations

from IPython.display import display

from .. import _sharing
from .._output import plain
from . import grammar, output
from .context import Session
from .finding import find
from .grammar import Option

TIMES = ("1d", _sharing.EXPIRES, "30d", _sharing.NEVER)
"""What completion offers where the life of a link is expected."""
SHARE_OPTIONS = (
    Option(
        flag="--expires",
        kind="text",
        metavar="TIME",
        help=f"how long the link works: 12h, {_sharing.EXPIRES} (default), or {_sharing.NEVER}",
    ),
    Option(flag="--password", kind="flag", help="make a password that visitors are asked for"),
)


def share(session: Session, text: str) -> None:
    """``%views share NAME [--expires TIME] [--password]``."""
    line = grammar.parse(text, SHARE_OPTIONS)
    view = find(session, line.name)
    made = view.share(line.values.get("expires", _sharing.EXPIRES), line["password"])
    lines = [f"{plain(view.name)}: {_sharing.told(made)}"]
    if made.url:
        lines.append(made.url)
    if made.password:
        lines.append(f"Password, shown this once: {made.password}")
    lines.append(f"%views revoke {view.slug} ends it.")
    display(output.note("\n".join(lines)), raw=True)


def revoke(session: Session, text: str) -> None:
    """``%views revoke NAME``."""
    view = find(session, grammar.parse(text, ()).name)
    found = view.link
    words = "It has no link."
    if found is not None:
        view.revoke()
        words = f"Its link ({_sharing.opened_words(found)}) is revoked."
    display(output.note(f"{plain(view.name)}: {words}"), raw=True)
