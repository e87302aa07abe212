"""``%views api``: the view in other programs, as the server writes it for them."""

from __future__ import annotations

import difflib
from typing import Any

from IPython.display import display

from . import grammar, output
from .context import Session
from .finding import find
from .grammar import BadLine, Option

USUAL = ("curl", "client", "pandas")
"""What is printed where no language is named."""
API_OPTIONS = (
    Option(
        flag="--in",
        kind="text",
        metavar="LANGUAGE",
        help="curl, client, python, pandas, polars, duckdb, javascript, r or spreadsheet",
    ),
    Option(
        flag="--door",
        kind="text",
        metavar="DOOR",
        help="perspective, insight, endpoint or reference; default: the first that there is",
    ),
)


def api(session: Session, text: str) -> None:
    """``%views api NAME [--in LANGUAGE] [--door DOOR]``."""
    line = grammar.parse(text, API_OPTIONS)
    view = find(session, line.name)
    doors = {door["door"]: door for door in view.snippets()}
    door = _chosen("door", line["door"] or next(iter(doors)), doors)
    snippets = {snippet["language"]: snippet for snippet in door["snippets"]}
    if line["in"]:
        shown = [_chosen("language", line["in"].lower(), snippets)]
    else:
        shown = [snippets[language] for language in USUAL if language in snippets]
    parts = [_headed(snippet) for snippet in shown]
    parts.append(
        "JUPYTER_VIEWS_TOKEN holds an API key; API keys in the menu of the Views sidebar makes "
        f"one with {' and '.join(_scopes(shown))}.\n{door['note']}"
    )
    if not line["in"]:
        others = [f"--in {language}" for language in snippets if language not in USUAL]
        others += [f"--door {name}" for name in doors if name != door["door"]]
        parts.append(f"%views api {view.slug} also takes {', '.join(others)}.")
    display(output.note("\n\n".join(parts)), raw=True)


def _headed(snippet: dict[str, Any]) -> str:
    needs = f". {snippet['note']}" if snippet["note"] else ""
    return f"# {snippet['label']}{needs}\n{snippet['text']}"


def _scopes(shown: list[dict[str, Any]]) -> list[str]:
    return sorted({scope for snippet in shown for scope in snippet["scopes"]})


def _chosen(what: str, word: str, known: dict[str, Any]) -> dict[str, Any]:
    if word in known:
        return known[word]
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    meant = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
    raise BadLine(f"There is no {what} {word} here.", meant)
