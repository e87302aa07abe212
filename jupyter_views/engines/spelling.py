"""Three spellings of a parameter, made one: ``{{x}}`` and ``{variables.x}`` become ``$x``.

The engine's own tokens tell what is code: a marker in a comment is nothing, a
marker in quotes is refused, for there it would be text. What is put in its
place is as long as it was, so that errors still point into what was written.
"""

from __future__ import annotations

import bisect
import re

import duckdb

from ..core.errors import ParseError

_MARK = re.compile(
    rb"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)(?:\.(start|end))?\s*\}\}"
    rb"|\{\s*variables\.([A-Za-z_][A-Za-z0-9_]*)(?:\.(start|end))?\s*\}"
)

_WORD = re.compile(rb"[\w$\x80-\xff]")


def spelled(sql: str) -> str:
    """SQL with every marker written as the engine writes parameters.

    ``{{span.start}}`` of a range becomes ``$span_start``. SQL that the engine
    cannot take apart comes back as it is, for its parser to explain.

    Raises
    ------
    ParseError
        At a marker that stands inside quotes.
    """
    if "{" not in sql:
        return sql
    text = sql.encode(errors="surrogatepass")
    if not _MARK.search(text):
        return sql
    try:
        tokens = duckdb.tokenize(sql)
    except (duckdb.Error, UnicodeError, RuntimeError):
        return sql
    starts = [offset for offset, _ in tokens]
    parts: list[bytes] = []
    done = 0
    for mark in _MARK.finditer(text):
        at = bisect.bisect_right(starts, mark.start()) - 1
        kind = tokens[at][1] if at >= 0 else duckdb.token_type.comment
        if kind == duckdb.token_type.comment:
            continue
        if starts[at] != mark.start():
            raise _in_quotes(text, mark)
        glued = text[mark.start() - 1 : mark.start()] if mark.start() else b""
        parts += [
            text[done : mark.start()],
            _parameter(mark, is_glued=_WORD.match(glued) is not None),
        ]
        done = mark.end()
    return b"".join([*parts, text[done:]]).decode(errors="surrogatepass")


def _parameter(mark: re.Match[bytes], *, is_glued: bool) -> bytes:
    name = mark[1] or mark[3]
    side = mark[2] or mark[4]
    # Behind a letter the engine would read the sign as part of a name.
    written = (b" $" if is_glued else b"$") + name + (b"_" + side if side else b"")
    return written.ljust(mark.end() - mark.start())


def _in_quotes(text: bytes, mark: re.Match[bytes]) -> ParseError:
    before = text[: mark.start()].decode(errors="replace")
    shown = mark[0].decode()
    return ParseError(
        f"{shown} stands inside quotes, where it is text and no parameter.",
        hint=f"Write {shown} without quotes: it stands for a whole value. "
        f"Where text is meant, write it in two parts: '{{' || '{shown[1:]}'.",
        line=before.count("\n") + 1,
        column=len(before) - (before.rfind("\n") + 1) + 1,
    )
