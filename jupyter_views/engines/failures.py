"""The engine's errors in the words of our tree: place, next step, no absolute path.

DuckDB's errors are text. What is taken from it: the kind by the exception's
class, the place by the ``LINE n:`` excerpt with its caret, candidates by the
``Candidate`` and ``Did you mean`` lines. Anything else is cut.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

import duckdb

from ..core.errors import (
    Canceled,
    EngineFailed,
    NotAllowed,
    OutOfMemory,
    ParseError,
    TimedOut,
    ViewsError,
)
from . import syntax

_EXCERPT = re.compile(r"\nLINE (\d+): (.*)\n( *)\^")
_PREFIX = re.compile(r"^(?:[A-Z][A-Za-z]* )*(?:Error|Exception): ?|^INTERNAL Error: ?")
_QUOTED_PATH = re.compile(r"""(?P<quote>["'])(?P<path>(?:[A-Za-z]:)?[/\\][^"'\n]*)(?P=quote)""")
_ADDRESS = re.compile(r"\w+://[^\s'\"]+")
_BARE_PATH = re.compile(r"(?<![\w.:/*])/(?:[^\s\"':,/]+/)+[^\s\"':,]*")
_COLUMN = re.compile(r'Referenced column "([^"]+)" (?:was )?not found')
_IN_TABLE = re.compile(r'(?:Table|Values list) "([^"]+)" does not have a column named "([^"]+)"')
_TABLE = re.compile(r"Table with name \"?(.+?)\"? does not exist")
_FILE = re.compile(r'No files found that match the pattern "([^"]*)"')
_CANDIDATES = re.compile(r"Candidate bindings: ?:?(.*)")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_MEANT = re.compile(r'Did you mean:? "([^"\n]+)"')
_SYSTEM = ("duckdb_", "pg_", "information_schema", "sqlite_", "pragma_", "system.")
_MOST = 12
_LONGEST = 500


def explain_failure(error: Exception, sql: str) -> ViewsError:
    """What the engine's exception means to the person who wrote ``sql``.

    Parameters
    ----------
    error
        From parsing, binding or running; an error of our own tree comes back
        as it is.
    sql
        The text that the engine was given, to place the error in.

    Returns
    -------
    ViewsError
        ParseError, NotAllowed, OutOfMemory, TimedOut, Canceled or
        EngineFailed, with line and column (1-based, in characters) and a hint
        where the engine gave one.
    """
    if isinstance(error, ViewsError):
        return error
    text = str(error)
    known = _by_kind(error, text)
    if known is not None:
        return known
    line, column = _place(text, sql)
    if line is None:
        line, column = _place_of_name(text, sql)
    message, hint = _reworded(text)
    kind = ParseError if isinstance(error, duckdb.ParserException) else EngineFailed
    return kind(message, hint=hint, line=line, column=column)


def _by_kind(error: Exception, text: str) -> ViewsError | None:
    if isinstance(error, duckdb.InterruptException):
        # The engine's own clock speaks with the exception of a cancel.
        if "time" in text.lower() and "exceed" in text.lower():
            return _timed_out()
        return Canceled("The query was stopped.")
    if "max_execution_time" in text or "execution time" in text.lower():
        return _timed_out()
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or "bad_alloc" in text:
        if "max_temp_directory_size" in text or "temporary" in text.lower():
            return OutOfMemory(
                "The query needs more room for intermediate rows than it may have.",
                hint="Filter or aggregate earlier, or ask for higher limits.",
            )
        return OutOfMemory(
            "The query needs more memory than it may have.",
            hint="Filter or aggregate earlier, select fewer columns, or ask for a higher limit.",
        )
    if isinstance(error, duckdb.PermissionException) or "disabled by configuration" in text:
        return NotAllowed("The query reaches for something that this server may not read.")
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return EngineFailed(
            "The engine failed in a way that it did not expect.",
            hint="Simplify the query; the next one runs in a fresh engine.",
        )
    return None


def _timed_out() -> TimedOut:
    return TimedOut(
        "The query ran into its time limit.", hint="Narrow the query, or ask for a higher limit."
    )


def _reworded(text: str) -> tuple[str, str | None]:
    for pattern, reword in _REWORDINGS:
        if found := pattern.search(text):
            return reword(found, text)
    body = _PREFIX.sub("", text.split("\nLINE ")[0].strip()).split("\n")[0]
    body = without_paths(" ".join(body.split()))[:_LONGEST]
    body = body or "The engine failed without saying why"
    body = body[0].upper() + body[1:]
    return body if body.endswith((".", "!", "?")) else f"{body}.", _meant_hint(text)


def _no_column(found: re.Match[str], text: str) -> tuple[str, str | None]:
    return f"No column named {found[1]}.", _columns_hint(found[1], text)


def _no_column_in(found: re.Match[str], text: str) -> tuple[str, str | None]:
    return f"No column named {found[2]} in {found[1]}.", _columns_hint(found[2], text)


def _no_file(found: re.Match[str], text: str) -> tuple[str, str | None]:
    return (
        f"There is no file {_without_folders(found[1])}.",
        "File names start from the notebook's folder.",
    )


def _no_table(found: re.Match[str], text: str) -> tuple[str, str | None]:
    return f"No table or file named {_without_folders(found[1])}.", _meant_hint(text)


def _no_overload(found: re.Match[str], text: str) -> tuple[str, str | None]:
    kinds = found[2].replace("_LITERAL", "")
    return (
        f"{found[1]} does not take ({kinds}).",
        "Convert an argument, for example x::DOUBLE.",
    )


def _not_grouped(found: re.Match[str], text: str) -> tuple[str, str | None]:
    return (
        f"Column {found[1]} must stand in GROUP BY or inside an aggregate.",
        f"Add it to GROUP BY, or write any_value({found[1]}).",
    )


_Reword = Callable[[re.Match[str], str], tuple[str, str | None]]
_REWORDINGS: tuple[tuple[re.Pattern[str], _Reword], ...] = (
    (_COLUMN, _no_column),
    (_IN_TABLE, _no_column_in),
    (_FILE, _no_file),
    (_TABLE, _no_table),
    (re.compile(r"argument types '(\S+?)\((.*?)\)'"), _no_overload),
    (re.compile(r'column "([^"]+)" must appear in the GROUP BY'), _not_grouped),
)


def _columns_hint(wanted: str, text: str) -> str | None:
    found = _CANDIDATES.search(text)
    names = [name.replace('""', '"') for name in _QUOTED.findall(found[1])] if found else []
    if not names:
        return None
    listed = f"Columns there: {', '.join(names[:_MOST])}."
    near = difflib.get_close_matches(wanted.lower(), [name.lower() for name in names], n=1)
    meant = next((name for name in names if near and name.lower() == near[0]), None)
    return f"{listed}  Did you mean {meant}?" if meant else listed


def _meant_hint(text: str) -> str | None:
    found = _MEANT.search(text)
    if found is None or found[1].startswith(_SYSTEM):
        return None
    return f"Did you mean {without_paths(found[1])}?"


def _without_folders(name: str) -> str:
    if name.startswith(("/", "\\")) or name[1:3] in (":/", ":\\"):
        return name.replace("\\", "/").rpartition("/")[2]
    return name


def without_paths(text: str) -> str:
    """A message in which every absolute path and address is cut down to its last part."""
    text = _ADDRESS.sub(lambda found: found[0].rpartition("/")[2], text)
    text = _QUOTED_PATH.sub(
        lambda found: f"{found['quote']}{_without_folders(found['path'])}{found['quote']}", text
    )
    return _BARE_PATH.sub(lambda found: _without_folders(found[0]), text)


def _place(text: str, sql: str) -> tuple[int | None, int | None]:
    """1-based (line, column) of the caret under the excerpt, in the user's SQL.

    The engine cuts long lines with ``...`` on either side, so the excerpt is
    looked up in the line it names.
    """
    found = _EXCERPT.search(text)
    if found is None:
        return None, None
    number, excerpt = int(found[1]), found[2]
    caret = len(found[3]) - len(f"LINE {number}: ")
    lines = sql.split("\n")
    if not (0 < number <= len(lines)) or caret < 0:
        return None, None
    body = excerpt
    if excerpt.startswith("..."):
        body, caret = excerpt[3:], caret - 3
    body = body.removesuffix("...")
    start = lines[number - 1].find(body)
    if start < 0:
        return number, None
    return number, start + caret + 1


def _place_of_name(text: str, sql: str) -> tuple[int | None, int | None]:
    """Where the missing column, table or function stands, when the engine does not say.

    It says nothing for queries opened as a relation. The tree is the one that
    the gate looked at just before; the connection may be unusable by now.
    """
    wanted: tuple[str, str] | None = None
    for pattern, group, kind in (
        (_COLUMN, 1, "COLUMN_REF"),
        (_IN_TABLE, 2, "COLUMN_REF"),
        (_TABLE, 1, "BASE_TABLE"),
        (_FILE, 1, "BASE_TABLE"),
    ):
        if found := pattern.search(text):
            wanted = (kind, syntax.folded(found[group]))
            break
    if wanted is None:
        return None, None
    tree = syntax.recall(sql)
    for node in syntax.nodes(tree):
        if node.get("type") == wanted[0] and wanted[1] in _names(node):
            return syntax.Position(sql).of(syntax.offset_of(node))
    return None, None


def _names(node: dict[str, Any]) -> set[str]:
    if node["type"] == "COLUMN_REF":
        return set(map(syntax.folded, node["column_names"]))
    return {syntax.folded(".".join(node["qualified_name"]["path"]))}
