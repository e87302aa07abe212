"""Errors as a person reads them in a cell: what happened, where, what to type next.

IPython prints what ``_render_traceback_`` returns and nothing else, in a
notebook and in a terminal alike (a subclass of its UsageError would print a
whole traceback).
"""

from __future__ import annotations

import re

from .._output import plain
from ..core.errors import SlugTaken, ViewsError
from .grammar import BadLine

NOTHING_SAVED = "Nothing was saved."
KEPT = "The last good result is kept."
_LINE_WIDTH = 88
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|.")


class MagicError(Exception):
    """A message of a magic; the cell ends, and cells after it in "run all" do not run.

    Parameters
    ----------
    lines
        First what happened, then where, last what to do.
    cause
        The error underneath, for programs.
    """

    def __init__(self, *lines: str, cause: Exception | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.cause = cause

    def _render_traceback_(self) -> list[str]:
        return [plain_line for line in self.lines for plain_line in line.split("\n")]


class Cancelled(MagicError):
    """The stop button was pressed; the server stopped too."""


def from_bad_line(error: BadLine) -> MagicError:
    """A line that could not be read."""
    lines = (error.message, error.next_step) if error.next_step else (error.message,)
    return MagicError(*map(plain, lines), cause=error)


def from_views_error(
    error: ViewsError, *, sql: str | None = None, outcome: str | None = None
) -> MagicError:
    """An error of the server, pointing into the cell's own SQL.

    Parameters
    ----------
    outcome
        Last line: what became of the view.
    """
    lines = [plain(line) for line in error.message.split("\n")]
    if sql is not None and error.line is not None:
        lines += pointer(sql, error.line, error.column)
    if error.hint:
        lines.append(f"  {plain(error.hint)}")
    suggestions = getattr(error, "suggestions", ())
    if isinstance(error, SlugTaken) and suggestions:
        lines.append(f"Free now: {', '.join(map(plain, suggestions))}.")
    if outcome:
        lines.append(outcome)
    return MagicError(*lines, cause=error)


def word_at(sql: str, line: int | None, column: int | None) -> str | None:
    """The word, quoted text or sign that starts at a 1-based place of the SQL."""
    rows = sql.split("\n")
    if line is None or column is None or not 1 <= line <= len(rows) or column < 1:
        return None
    found = _WORD.match(rows[line - 1], column - 1)
    return found.group() if found else None


def pointer(sql: str, line: int, column: int | None) -> list[str]:
    """The line of the SQL with carets under the word that starts at the column.

    Parameters
    ----------
    line, column
        1-based, counted in characters of ``sql``.
    """
    rows = sql.split("\n")
    if not 1 <= line <= len(rows):
        return []
    text = "".join(c if c.isprintable() else " " for c in rows[line - 1])
    head = f"  line {line}:  "
    if column is None or not 1 <= column <= len(text) + 1:
        return [head + text[:_LINE_WIDTH]]
    start = max(0, column - 1 - _LINE_WIDTH * 2 // 3)
    shown = text[start : start + _LINE_WIDTH]
    length = min(len(word_at(text, 1, column) or " "), _LINE_WIDTH - (column - 1 - start))
    return [head + shown, " " * (len(head) + column - 1 - start) + "^" * max(1, length)]
