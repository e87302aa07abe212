"""Verbs of ``%views`` about the past of a view, and its schedule."""

from __future__ import annotations

from itertools import takewhile

from IPython.display import display

from .. import _past
from .._output import Card, plain
from .._rule import kept_fresh
from ..core.errors import ViewsError
from . import grammar, output
from .context import Session
from .errors import from_views_error
from .finding import find
from .grammar import BadLine, Option
from .noting import links
from .rules import NEVER, columns_of, rule_fields
from .shown import ShownView

SHOWN_ENTRIES = 20
_CRON_FIELDS = 5
DIFF_OPTIONS = (
    Option(flag="--before", kind="text", metavar="ID", help="the earlier refresh, or version"),
    Option(flag="--after", kind="text", metavar="ID", help="the later one; default: the current"),
    Option(
        flag="--key",
        kind="text",
        metavar="COLUMN,COLUMN",
        help="what identifies a row; default: as its cell says, or guessed",
    ),
)
SCHEDULE_OPTIONS = tuple(option for option in grammar.OPTIONS if option.flag == "--timezone")


def history(session: Session, text: str) -> None:
    """``%views history NAME``."""
    view = find(session, _words(text))
    entries, versions = view.history(SHOWN_ENTRIES), view.versions(SHOWN_ENTRIES)
    parts = [
        f"{plain(view.name)}, newest first",
        _past.history_text(entries) if entries else "It was not refreshed since it was saved.",
        _past.versions_text(versions),
        f"%views diff {view.slug} shows the last change of its rows.",
    ]
    if len(versions) > 1:
        parts[-1] += f"  %views restore {view.slug} {versions[1]['n']} brings a version back."
    _print("\n\n".join(parts))


def diff(session: Session, text: str) -> None:
    """``%views diff NAME [--before ID --after ID] [--key COLUMN,COLUMN]``."""
    line = grammar.parse(text, DIFF_OPTIONS)
    view = find(session, line.name)
    before, after = line["before"], line["after"]
    try:
        versions = _past.version_numbers(before, after)
    except ValueError as error:
        raise BadLine(str(error), f"%views history {view.slug} lists both.") from None
    if versions is not None:
        _print(_past.sql_diff_text(view.sql_diff(*versions)))
        return
    key = columns_of(line["key"] or "")
    _print(f"{plain(view.name)}: {_past.diff_text(view.diff(before, after, key=key))}")


def log(session: Session, text: str) -> None:
    """``%views log NAME``."""
    view = find(session, _words(text))
    lines = view.log()
    _print(_past.log_text(lines) if lines else f"Nothing was noticed about {plain(view.name)} yet.")


def restore(session: Session, text: str) -> ShownView:
    """``%views restore NAME VERSION``."""
    name, _, number = _words(text).rpartition(" ")
    if not name or not number.isdecimal():
        raise BadLine("Which version?", "%views restore NAME 1; %views history NAME lists them.")
    view = find(session, name)
    view.restore(int(number))
    note = f"Restored version {number} as version {view.version}."
    _show(session, view, note)
    return view


def schedule(session: Session, text: str) -> None:
    """``%views schedule NAME TIME|CRON|never [--timezone ZONE]``."""
    words = list(takewhile(lambda word: not word.startswith("--"), grammar.split(text)))
    given = grammar.parse(text, SCHEDULE_OPTIONS).values
    name, when = _name_and_time(words)
    if not name:
        raise BadLine("Which view, and when?", f"%views schedule NAME 1h, or {NEVER}")
    fields = rule_fields(grammar.Line(name, {**given, "every": when}))
    view = find(session, name)
    try:
        view.set(**fields)
    except ViewsError as error:
        raise from_views_error(error, outcome="Nothing was changed.") from None
    _print(f"{plain(view.name)}: {kept_fresh(view.facts) or 'Its rows can never be others.'}")


def _name_and_time(words: list[str]) -> tuple[str, str]:
    """A cron expression may stand without quotes: a name has no field of one."""
    fields = words[-_CRON_FIELDS:]
    is_cron = len(words) > _CRON_FIELDS and any("*" in field for field in fields)
    count = _CRON_FIELDS if is_cron and " " not in words[-1] else 1
    return " ".join(words[:-count]), " ".join(words[-count:])


def _words(text: str) -> str:
    return " ".join(grammar.split(text))


def _print(text: str) -> None:
    display(output.note(text), raw=True)


def _show(session: Session, view: ShownView, note: str) -> None:
    window = view.window(SHOWN_ENTRIES)
    card = Card(facts=view._facts, window=window, notes=(note,), links=links(session, view.slug))
    display(output.bundle_of(card), raw=True)
    session.remember(view._facts, window)
    view.mark_shown()
