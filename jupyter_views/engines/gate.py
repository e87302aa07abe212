"""May this SQL run, and what would it read: layers 1 and 2 of five.

The engine parses, we decide on its tree; no text is searched. What the
engine cannot put into a tree (everything but queries) is refused by its kind.
"""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import duckdb
import msgspec

from ..core.errors import (
    InvalidParameters,
    ManyStatements,
    MissingParameters,
    NotAllowed,
    NotReadOnly,
    ParseError,
    ViewsError,
)
from ..core.ports import Draft, Plan, Read
from . import lakes, paths, syntax
from .catalog import Catalogue, catalogue, words
from .failures import explain_failure
from .lineage import Lineage, Scan
from .syntax import Position, is_same, offset_of

__all__ = ["Judgement", "explain_failure", "inspect", "judge", "judge_probe", "walked"]

_WRITES_HINT = "Run it with your own connection, then save a SELECT over its result."
_WRITING = words(
    """INSERT UPDATE DELETE MERGE_INTO CREATE CREATE_FUNC DROP ALTER COPY COPY_DATABASE EXPORT
    VACUUM ANALYZE TRANSACTION SET VARIABLE_SET LOAD ATTACH DETACH"""
)


class Judgement(NamedTuple):
    """What the walk over an accepted statement gave.

    Attributes
    ----------
    plan
        With the probe among its reads, if the draft has one.
    statement
        The statement's tree.
    tables, scans
        See :class:`~.lineage.Lineage`.
    """

    plan: Plan
    statement: dict[str, Any]
    tables: dict[Read, dict[tuple[str, ...], None]]
    scans: list[Scan]


def inspect(
    connection: duckdb.DuckDBPyConnection,
    draft: Draft,
    *,
    readable: tuple[str, ...],
    hidden: tuple[str, ...],
) -> Plan:
    """Judge a draft without running it, and say what it would read.

    Parameters
    ----------
    connection
        A sandboxed connection; it parses and lists functions, nothing more.
    readable
        Absolute folders that files may lie in.
    hidden
        Absolute folders below them that are refused: the store.

    Raises
    ------
    ParseError
        With line and column, and a hint when one is likely.
    ManyStatements
        Not exactly one; ``details["count"]``.
    NotReadOnly, NotAllowed
        It writes, or uses a function, file or construct that views may not.
    MissingParameters, InvalidParameters
        ``details["parameters"]`` names those without a value, or not used.
    """
    return judge(connection, draft, readable=readable, hidden=hidden).plan


def judge(
    connection: duckdb.DuckDBPyConnection,
    draft: Draft,
    *,
    readable: tuple[str, ...],
    hidden: tuple[str, ...],
) -> Judgement:
    """As :func:`inspect`, with what is needed to run the statement."""
    probes: tuple[Read, ...] = ()
    if draft.changed_when is not None:
        # First, so that the statement itself is the one whose errors can be placed.
        given, base = draft.changed_when, draft.base_dir
        judge_probe(connection, given, base, readable=readable, hidden=hidden)
        probes = (Read(kind="probe", name="changed_when", path=base, sql=given),)
    sql = draft.sql
    known = catalogue(connection)
    statement, raw = _parsed(connection, sql, known)
    syntax.remember(sql, statement)
    where = Position(sql)
    lineage = Lineage(
        known,
        draft.params,
        draft.frames,
        draft.views,
        paths.folders(draft.base_dir, readable, hidden),
        lambda node: where.of(offset_of(node)),
    )
    walked(lineage, statement["node"])
    for scan in lineage.scans:
        lakes.require(scan.function)
    used = sorted(statement.get("named_param_map", ()), key=lambda entry: entry["value"])
    parameters = tuple(entry["key"] for entry in used)
    _check_parameters(parameters, draft)
    plan = Plan(
        normalized_sql=_normalized(connection, raw, statement, sql),
        reads=lineage.reads + probes,
        parameters=parameters,
        volatile=lineage.volatile,
    )
    return Judgement(plan, statement, lineage.tables, lineage.scans)


def walked(lineage: Lineage, node: Any) -> None:
    """Walk a tree; raises NotAllowed or ParseError for one that cannot be understood."""
    try:
        lineage.walk(node)
    except RecursionError:
        raise _too_deep() from None
    except (KeyError, IndexError, TypeError, AttributeError):
        # A tree of another shape than the one we know: not understood, so no.
        raise NotAllowed("This statement could not be understood well enough to run.") from None


def judge_probe(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    base_dir: str,
    *,
    readable: tuple[str, ...],
    hidden: tuple[str, ...],
) -> Judgement:
    """As :func:`judge`, for the query that says whether sources changed.

    It reads files, databases and tables alone: it is asked again later, when
    no parameters, frames or views are at hand.
    """
    try:
        draft = Draft(sql=sql, base_dir=base_dir)
        judged = judge(connection, draft, readable=readable, hidden=hidden)
        for read in judged.plan.reads:
            if read.kind == "view":
                raise NotAllowed("It may not read other views.", hint="Name their sources.")
            if read.kind == "unknown":
                raise NotAllowed(f"There is no table or file named {read.name}.")
    except MissingParameters:
        raise _of_probe(NotAllowed("It may not use parameters.")) from None
    except ViewsError as error:
        raise _of_probe(error) from None
    return judged


def _of_probe(error: ViewsError) -> ViewsError:
    error.message = f"The changed_when query: {error.message}"
    error.details["field"] = "changed_when"
    return error


def _parsed(
    connection: duckdb.DuckDBPyConnection, sql: str, known: Catalogue
) -> tuple[dict[str, Any], str]:
    """The one statement's tree, and the whole answer as text."""
    if "\0" in sql:
        raise ParseError("SQL may not hold a zero byte.")
    try:
        sql.encode()
        answer, raw = syntax.parse(connection, sql)
    except (RecursionError, msgspec.DecodeError):
        raise _too_deep() from None
    except UnicodeEncodeError:
        raise ParseError("SQL must be valid Unicode text.") from None
    except duckdb.Error as error:
        raise explain_failure(error, sql) from None
    if answer["error"]:
        raise _not_a_query(connection, sql, answer, known)
    statements = answer["statements"]
    if len(statements) != 1:
        raise _many(len(statements))
    return statements[0], raw


def _not_a_query(
    connection: duckdb.DuckDBPyConnection, sql: str, answer: dict[str, Any], known: Catalogue
) -> ViewsError:
    message = answer["error_message"]
    if answer.get("error_type") == "parser":
        return _parse_error(sql, message, answer, known)
    if "named and positional" in message:
        return ParseError(
            "Parameters with and without names cannot be mixed.", hint="Name each: $region."
        )
    try:
        kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    # Also ValueError, for statements that the client does not know (CONNECT).
    except (duckdb.Error, ValueError, RuntimeError):
        return NotAllowed("A view holds a query: SELECT, WITH, FROM or VALUES.")
    if len(kinds) != 1:
        return _many(len(kinds))
    return _other_statement(kinds[0])


def _other_statement(kind: str) -> ViewsError:
    word = {"LOAD": "LOAD or INSTALL", "TRANSACTION": "a transaction"}.get(kind)
    word = word or kind.removesuffix("_FUNC").replace("_", " ")
    if kind in _WRITING:
        verb = "changes settings" if kind in ("SET", "VARIABLE_SET") else "writes"
        if kind in ("LOAD", "ATTACH", "DETACH", "TRANSACTION"):
            verb = "changes the connection"
        return NotReadOnly(
            f"A view may only read. This statement {verb} ({word}).", hint=_WRITES_HINT
        )
    if kind == "MULTI":
        return NotAllowed(
            "A PIVOT must name its values: they would be read before the query is known.",
            hint="Write PIVOT … ON column IN (value, value).",
        )
    return NotAllowed(
        f"A view holds a query; {word} is not one.",
        hint="Start with SELECT, WITH, FROM, VALUES, DESCRIBE or SUMMARIZE.",
    )


def _parse_error(sql: str, message: str, answer: dict[str, Any], known: Catalogue) -> ParseError:
    position = answer.get("position")
    line, column = Position(sql).of(int(position) if position else None)
    if "expression depth" in message:
        return _too_deep()
    hint = None
    word = message.rpartition('near "')[2].removesuffix('"') if 'near "' in message else ""
    if word.isidentifier() and word.lower() not in known.keywords:
        near = difflib.get_close_matches(word.lower(), known.keywords, n=1, cutoff=0.75)
        hint = f"Did you mean {near[0].upper()}?" if near else None
    elif word == "$":
        hint = "A parameter stands for a value, never for the name of a table or a column."
    text = message[:1].upper() + message[1:].splitlines()[0].rstrip(".")
    return ParseError(f"{text}.", hint=hint, line=line, column=column)


def _many(count: int) -> ManyStatements:
    if count == 0:
        return ManyStatements(
            "A view holds one statement; this cell has none.",
            hint="Write a SELECT.",
            details={"count": 0},
        )
    return ManyStatements(
        f"A view holds one statement; this cell has {count}.",
        hint="Keep the last SELECT here; put the others in a cell of their own.",
        details={"count": count},
    )


def _too_deep() -> ParseError:
    return ParseError(
        "The statement is nested too deeply.", hint="Split it by WITH, or write fewer brackets."
    )


def _check_parameters(used: tuple[str, ...], draft: Draft) -> None:
    known = draft.params.keys() | set(draft.declared)
    if missing := [name for name in used if name not in known]:
        raise MissingParameters(
            f"This view needs a value for {', '.join(missing)}.",
            hint="Send params with a value for each of them.",
            details={"parameters": missing},
        )
    if extra := sorted(draft.params.keys() - set(used) - set(draft.declared)):
        raise InvalidParameters(
            f"The SQL does not use {', '.join(extra)}.",
            hint=f"Write ${extra[0]} where the value belongs, or leave it out.",
            details={"parameters": extra},
        )


def _normalized(
    connection: duckdb.DuckDBPyConnection, raw: str, tree: dict[str, Any], sql: str
) -> str:
    """The engine's rendering, if it says all that the statement says; else the text itself.

    Two statements with one rendering share results, so a rendering that loses
    something would serve wrong rows: it is parsed again and compared.
    """
    try:
        rendered = syntax.render(connection, raw)
        statements = syntax.parse(connection, rendered)[0]["statements"]
        same = len(statements) == 1 and is_same(statements[0]["node"], tree["node"])
    except (duckdb.Error, KeyError, RecursionError, msgspec.DecodeError):
        return sql.strip()
    return rendered if same else sql.strip()
