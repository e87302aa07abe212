"""``%perspective`` and ``%views``: saved views shown, listed, refreshed, deleted, fed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from IPython.display import display

from .. import _transport, _values
from .._output import Card
from .._rule import kept_fresh
from ..core.errors import BadRequest, Invalid, ViewsError
from . import frames, grammar, output, params, past, programs, sharing
from .context import Session
from .errors import KEPT, from_views_error
from .finding import find
from .grammar import BadLine, Line
from .noting import links
from .running import Live, finish, refresh
from .saving import read_wish, save
from .shown import ShownView

SHOW_OPTIONS = (
    grammar.Option(flag="--rows", kind="count", metavar="N", help="rows shown, 0 to 20"),
    grammar.Option(flag="--help", kind="flag", help="this text"),
)
VERBS: dict[str, tuple[str, str]] = {
    "list": ("%views list [WORDS]", "views that you may read, or those with these words"),
    "open": ("%views open NAME", "link to a view in JupyterLab"),
    "refresh": ("%views refresh NAME", "compute its rows anew, and show them"),
    "history": ("%views history NAME", "its refreshes and its versions"),
    "diff": (
        "%views diff NAME [--before ID --after ID] [--key COLUMN,COLUMN]",
        "what the last change of its rows was; or between two refreshes, or two versions",
    ),
    "log": ("%views log NAME", "what was noticed about it, and what was done"),
    "restore": ("%views restore NAME VERSION", "bring an earlier version back as a new one"),
    "schedule": (
        "%views schedule NAME TIME|CRON|never [--timezone ZONE]",
        "refresh it by itself, as --every of its cell",
    ),
    "share": (
        "%views share NAME [--expires TIME] [--password]",
        "a link that anyone may open who has its address, for 7 days or as you say",
    ),
    "revoke": ("%views revoke NAME", "end its link, at once"),
    "delete": ("%views delete NAME", "delete a view"),
    "api": (
        "%views api NAME [--in LANGUAGE] [--door DOOR]",
        "the view in curl, Python, pandas and other programs",
    ),
    "put": ("%views put FRAME NAME", "store a frame of this kernel as a view"),
    "help": ("%views help [VERB]", "this text"),
}


def show(session: Session, line: Line) -> ShownView | None:
    """Show a saved view; with parameters, its rows for those values."""
    from ..core.names import slug_from

    try:
        view = find(session, line.name)
        return _show(session, view, line)
    except (_transport.NoAnswer, _transport.NoServer) as error:
        seen = session.seen.get(slug_from(line.name))
        if seen is None:
            raise
        words = f"{error} Showing the last rows this kernel saw ({seen.clock})."
        card = Card(facts=seen.facts, window=seen.window, notes=(words.replace("\n", " "),))
        display(output.bundle_of(card), raw=True)
        return None


def _show(session: Session, view: ShownView, line: Line) -> ShownView:
    facts = view._facts
    rows = 20 if line["rows"] is None else min(20, line["rows"])
    values = line["params"]
    if values:
        window, notes = _with_values(session, view, values, rows)
        facts = _values.facts_with(facts, window)
    else:
        window, notes = view.window(rows), tuple(filter(None, (kept_fresh(facts),)))
        session.remember(facts, window)
    card = Card(
        facts=facts, window=window, most_rows=rows, notes=notes, links=links(session, view.slug)
    )
    display(output.bundle_of(card), raw=True)
    view.mark_shown()
    return view


def _with_values(
    session: Session, view: ShownView, texts: dict[str, str], rows: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The view's rows for these values, and what is said of them."""
    transport, facts = session.views._transport, view._facts
    kinds = _values.kinds_of(facts)
    for name in texts:
        if name not in kinds:
            known = f"It has {', '.join(kinds)}." if kinds else "It has no parameters."
            near = difflib.get_close_matches(name, kinds, n=1)
            raise BadLine(
                f"{view.slug} has no parameter {name}.",
                f"Did you mean --{near[0]}?" if near else known,
            )
    typed = {name: params.value_of(kinds[name], text) for name, text in texts.items()}
    try:
        found = _values.windows(
            transport,
            facts,
            _values.address_of(facts, typed),
            rows,
            follow=lambda statement: finish(
                transport, Live(session, view.name), lambda _: statement, outcome=KEPT
            ),
        )
        window = next(found)
    except (BadRequest, Invalid) as error:
        error.hint = error.hint or _example(view, error, kinds)
        raise from_views_error(error) from None
    except ViewsError as error:
        raise from_views_error(error, sql=view.sql, outcome=KEPT) from None
    words = ", ".join(f"{name} = {params.shown(value)}" for name, value in typed.items())
    return window, (f"With {words}. The saved view is unchanged.",)


def _example(view: ShownView, error: ViewsError, kinds: dict[str, str]) -> str | None:
    """What to type for the parameters that an error names."""
    names = [name for name in error.details.get("parameters") or () if name in kinds]
    if not names:
        return None
    values = (f"--{name} {params.sample_of(kinds[name])}" for name in names)
    return f"%perspective {view.slug} {' '.join(values)}"


def verb(session: Session, text: str) -> ShownView | None:
    """Carry out ``%views VERB …``."""
    word, _, rest = text.strip().partition(" ")
    verbs: dict[str, Callable[[Session, str], ShownView | None]] = {
        "list": _list,
        "open": _open,
        "refresh": _refresh,
        "history": past.history,
        "diff": past.diff,
        "log": past.log,
        "restore": past.restore,
        "schedule": past.schedule,
        "share": sharing.share,
        "revoke": sharing.revoke,
        "delete": _delete,
        "api": programs.api,
        "put": _put,
        "help": _help,
    }
    if word in {"--help", "-h"}:
        word = "help"
    if not word:
        return _list(session, "")
    if word not in verbs:
        near = difflib.get_close_matches(word, verbs, n=1, cutoff=0.5)
        meant = f"Did you mean %views {near[0]}?" if near else f"Verbs: {', '.join(verbs)}."
        raise BadLine(f"Unknown verb {word}.", meant)
    rest = rest.strip()
    if rest in {"--help", "-h"}:
        return _help(session, word)
    return verbs[word](session, rest)


def _words(text: str) -> str:
    return " ".join(grammar.split(text))


def _list(session: Session, text: str) -> None:
    found = session.views.list(_words(text) or None, limit=200)
    display(output.view_list([view._facts for view in found]), raw=True)


def _open(session: Session, text: str) -> None:
    view = find(session, _words(text))
    address = links(session, view.slug)[0][1]
    display(output.link(view.name, address), raw=True)


def _refresh(session: Session, text: str) -> ShownView:
    view = find(session, _words(text))
    transport = session.views._transport
    live = Live(session, view.name)
    try:
        ended = refresh(transport, live, view.slug, outcome=KEPT)
    except ViewsError as error:
        raise from_views_error(error, sql=view.sql, outcome=KEPT) from None
    fresh = find(session, view.slug)
    window = fresh.window(20)
    live.show(
        output.bundle_of(
            Card(
                facts=fresh._facts,
                window=window,
                links=links(session, view.slug),
                seconds=(ended.get("execution_duration_ms") or 0) / 1000,
            )
        )
    )
    session.remember(fresh._facts, window)
    fresh.mark_shown()
    return fresh


def _delete(session: Session, text: str) -> None:
    view = find(session, _words(text))
    view.delete()
    session.seen.pop(view.slug, None)
    display(output.note(f"Deleted {view.name} ({view.slug})."), raw=True)


def _put(session: Session, text: str) -> ShownView | None:
    line = grammar.parse(text)
    variable, _, name = line.name.partition(" ")
    namespace = session.shell.user_ns
    if variable not in namespace or frames.kind_of(namespace[variable]) is None:
        known = sorted(
            key
            for key, value in namespace.items()
            if not key.startswith("_") and frames.kind_of(value) is not None
        )
        near = difflib.get_close_matches(variable, known, n=1)
        meant = (
            f"Did you mean {near[0]}?"
            if near
            else (f"Frames here: {', '.join(known)}." if known else "%views put FRAME NAME")
        )
        raise BadLine(f"{variable or 'Nothing'} is no frame of this kernel.", meant)
    named = Line(name or variable, line.values)
    return save(session, read_wish(named, f'FROM "{variable}"', session.folder))


def _help(session: Session, text: str) -> None:
    display(output.note(help_text(text)), raw=True)


def help_text(word: str = "") -> str:
    """Help of one verb, or of everything."""
    if word in VERBS and word != "help":
        usage, what = VERBS[word]
        return f"{usage}\n  {what}"
    width = max(len(usage) for usage, _ in VERBS.values())
    verbs = "\n".join(f"  {usage.ljust(width)}  {what}" for usage, what in VERBS.values())
    return (
        "%%perspective NAME [options]\n"
        "  Run the cell's SQL on the server, save it as a view, show it. The same cell again\n"
        "  refreshes the view; a changed cell makes its next version.\n\n"
        f"{grammar.usage(grammar.OPTIONS)}\n\n"
        "%perspective NAME [--PARAM=VALUE ...] [--rows N]\n"
        "  Show a saved view.\n\n"
        f"%views\n{verbs}"
    )
