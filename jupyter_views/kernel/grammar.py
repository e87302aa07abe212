"""The line of a magic: words, then options. Pure: text in, values or one clear error out.

IPython's own ``magic_arguments`` keeps quotes in values, knows no ``--help``
and says only "unrecognized arguments"; a cell's first line is a form that
people fill in by hand and deserves better.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "list", "flag", "count", "choice", "word"]
_PARAM_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_DASHES = ("–", "—", "−")


class BadLine(ValueError):
    """The line cannot be read: what is wrong, and what to type instead."""

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a magic.

    Attributes
    ----------
    flag
        With its two hyphens. A ``flag`` option may be negated by ``--no-``
        when ``has_no`` is set.
    kind
        A ``word`` may stand alone: True then.
    metavar
        How help shows its value; empty for a flag.
    choices
        Allowed values of a ``choice``.
    has_parentheses
        Its value goes on over white space until its parentheses are closed.
    """

    flag: str
    kind: Kind
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    has_no: bool = False
    has_parentheses: bool = False

    @property
    def key(self) -> str:
        """Name of the value in :attr:`Line.values`."""
        return self.flag.removeprefix("--").replace("-", "_")


@dataclass(frozen=True)
class Line:
    """A read line: the words before the first option, and the options' values by key."""

    name: str
    values: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values.get(key)


OPTIONS: tuple[Option, ...] = (
    Option(flag="--conn", kind="text", metavar="NAME", help="connection to run on; default: local"),
    Option(
        flag="--param",
        kind="list",
        metavar="NAME[:TYPE][=DEFAULT]",
        has_parentheses=True,
        help="declare $NAME of the SQL: least:integer(0..100)=5, region:enum(EU,US)=EU; repeatable",
    ),
    Option(
        flag="--value",
        kind="list",
        metavar="NAME=VALUE",
        help="value of a parameter for the rows that are saved, over its default; repeatable",
    ),
    Option(flag="--tag", kind="list", metavar="TAG", help="tag of the view; repeatable"),
    Option(flag="--desc", kind="text", metavar="TEXT", help="description of the view"),
    Option(
        flag="--who",
        kind="text",
        metavar="me|team|NAME,NAME",
        help="who may read it: you, every signed-in user, or these users; default: me",
    ),
    Option(
        flag="--auto",
        kind="flag",
        has_no=True,
        help="refresh when a source changed (default); --no-auto leaves it to you",
    ),
    Option(
        flag="--every",
        kind="text",
        metavar="TIME|CRON",
        help='refresh by itself: 15m, 6h, 1d, "0 7 * * MON-FRI", or never (default)',
    ),
    Option(
        flag="--timezone",
        kind="text",
        metavar="ZONE",
        help="where a CRON of --every is read, such as Europe/Berlin; default: UTC",
    ),
    Option(
        flag="--max-age",
        kind="text",
        metavar="TIME",
        help="rows older than this are stale: 10m, 6h, or never (default)",
    ),
    Option(
        flag="--max-staleness",
        kind="text",
        metavar="TIME",
        help="how long stale rows may be shown without a mark: 1h, or never mark (default)",
    ),
    Option(
        flag="--changed-when",
        kind="text",
        metavar="SQL",
        help="one value that moves when the sources do; '' looks at the sources again",
    ),
    Option(
        flag="--strict",
        kind="flag",
        has_no=True,
        help="verify files by their content; --no-strict by their stamps (default)",
    ),
    Option(
        flag="--key",
        kind="text",
        metavar="COLUMN,COLUMN",
        help="what identifies a row when results are compared; '' guesses it (default)",
    ),
    Option(
        flag="--endpoint",
        kind="word",
        metavar="[NAME]",
        help="programs run it too, under this name or one made from the view's; the name stays",
    ),
    Option(flag="--name", kind="text", metavar="TEXT", help="give the view a new name"),
    Option(flag="--note", kind="text", metavar="TEXT", help="note for the version history"),
    Option(flag="--into", kind="text", metavar="VAR", help="also put all rows in this variable"),
    Option(
        flag="--as",
        kind="choice",
        metavar="KIND",
        choices=("pandas", "polars", "arrow"),
        help="type of that variable; default: pandas",
    ),
    Option(flag="--rows", kind="count", metavar="N", help="rows shown, 0 to 20; default: 20"),
    Option(
        flag="--dry-run",
        kind="flag",
        help="check it, list its sources and parameters, run nothing",
    ),
    Option(flag="--help", kind="flag", help="this text"),
)


def split(line: str) -> list[str]:
    """Tokens of a line. A quote opens at the start of a token, or after its ``=``.

    Elsewhere it is a letter: ``Ana's sales`` is two plain words.
    """
    tokens: list[str] = []
    at, end = 0, len(line)
    while at < end:
        if line[at].isspace():
            at += 1
            continue
        token, fresh = "", True
        while at < end and not line[at].isspace():
            char = line[at]
            if fresh and char in "\"'":
                piece, at = _quoted(line, at)
                token += piece
                fresh = False
                continue
            token += char
            fresh = char == "="
            at += 1
        tokens.append(token)
    return tokens


def _quoted(line: str, start: int) -> tuple[str, int]:
    quote, piece, at = line[start], "", start + 1
    while at < len(line):
        char = line[at]
        if char == "\\" and line[at + 1 : at + 2] in {quote, "\\"}:
            piece += line[at + 1]
            at += 2
        elif char == quote:
            return piece, at + 1
        else:
            piece += char
            at += 1
    raise BadLine(
        f"The quote that opens at {line[start : start + 12].strip()} is not closed.",
        f"Add {quote} at the end of the value.",
    )


def parse(line: str, options: Sequence[Option] = OPTIONS, *, free: bool = False) -> Line:
    """Read a line.

    Parameters
    ----------
    free
        Options that are not known are kept under their name, as values of
        parameters (``--region=EU``).

    Raises
    ------
    BadLine
        Naming the option, with the nearest one that exists.
    """
    tokens = split(line)
    first = next((i for i, token in enumerate(tokens) if _is_option(token)), len(tokens))
    values: dict[str, Any] = {}
    at = first
    while at < len(tokens):
        token = tokens[at]
        flag, has_value, given = token.partition("=")
        at += 1
        if token.startswith(_DASHES) or not token.startswith("--"):
            raise _stray(token)
        option, is_on = _find(flag, options)
        if option is None:
            if not free:
                raise _unknown(flag, options)
            value, at = (given, at) if has_value else _next(tokens, at, flag, "VALUE")
            values.setdefault("params", {})[checked_name(flag.removeprefix("--"))] = value
        elif option.kind == "flag":
            if has_value:
                raise BadLine(f"{flag} takes no value.", f"Write {flag} alone.")
            values[option.key] = is_on
        elif option.kind == "word" and not has_value and _ends(tokens, at):
            _put(values, option, True)
        else:
            value, at = (given, at) if has_value else _next(tokens, at, flag, option.metavar)
            if option.has_parentheses:
                value, at = _whole(tokens, at, value)
            _put(values, option, value)
    return Line(" ".join(tokens[:first]), values)


def _is_option(token: str) -> bool:
    return token.startswith("--") or (
        token.startswith(_DASHES) and token.lstrip("".join(_DASHES))[:1].isalpha()
    )


def _stray(token: str) -> BadLine:
    if token.startswith(_DASHES):
        return BadLine(
            f"{token} begins with a long dash.", f"Type two hyphens: --{token.lstrip('–—−-')}"
        )
    return BadLine(
        f"{token!r} stands after the options.",
        "Put the name first, and quotes around a value of several words.",
    )


def _find(flag: str, options: Iterable[Option]) -> tuple[Option | None, bool]:
    for option in options:
        if flag == option.flag:
            return option, True
        if option.has_no and flag == f"--no-{option.flag.removeprefix('--')}":
            return option, False
    return None, True


def flags(options: Iterable[Option]) -> list[str]:
    """Every spelling of the options, negated ones too."""
    found = []
    for option in options:
        found.append(option.flag)
        if option.has_no:
            found.append(f"--no-{option.flag.removeprefix('--')}")
    return found


def _unknown(flag: str, options: Sequence[Option]) -> BadLine:
    near = difflib.get_close_matches(flag, flags(options), n=1, cutoff=0.6)
    meant = f"Did you mean {near[0]}?  " if near else ""
    return BadLine(f"Unknown option {flag}.", f"{meant}%views help")


def _next(tokens: list[str], at: int, flag: str, metavar: str) -> tuple[str, int]:
    if _ends(tokens, at):
        raise BadLine(f"{flag} needs a value.", f"{flag} {metavar}")
    return tokens[at], at + 1


def _ends(tokens: list[str], at: int) -> bool:
    return at >= len(tokens) or _is_option(tokens[at])


def _whole(tokens: list[str], at: int, value: str) -> tuple[str, int]:
    """A value with the tokens that its open parentheses still hold."""
    while value.count("(") > value.count(")") and not _ends(tokens, at):
        value, at = f"{value} {tokens[at]}", at + 1
    return value, at


def _put(values: dict[str, Any], option: Option, text: str | Literal[True]) -> None:
    if option.kind == "list":
        values.setdefault(option.key, []).append(text)
        return
    if option.key in values:
        raise BadLine(f"{option.flag} is given twice.", "Keep one of them.")
    if text is True:
        values[option.key] = True
    elif option.kind == "count":
        if not text.isdecimal():
            raise BadLine(f"{option.flag} needs a whole number; got {text!r}.")
        values[option.key] = int(text)
    elif option.kind == "choice":
        if text not in option.choices:
            raise BadLine(
                f"{option.flag} knows {', '.join(option.choices)}; got {text!r}.",
                meant(text, option.choices),
            )
        values[option.key] = text
    else:
        values[option.key] = text


def meant(text: str, known: Iterable[str]) -> str | None:
    """The nearest of the known words, as a question; None when none is near."""
    near = difflib.get_close_matches(text, list(known), n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else None


def checked_name(name: str) -> str:
    """A parameter's name, or BadLine."""
    if not _PARAM_NAME.fullmatch(name):
        raise BadLine(
            f"{name!r} is no parameter name.", "Use letters, digits and _, as in --param since=…"
        )
    return name


def usage(options: Iterable[Option]) -> str:
    """The options, one per line, for help."""
    rows = []
    for option in options:
        head = option.flag if not option.has_no else f"{option.flag} / --no-{option.key}"
        rows.append((f"{head} {option.metavar}".rstrip(), option.help))
    width = max(len(head) for head, _ in rows)
    return "\n".join(f"  {head.ljust(width)}  {words}" for head, words in rows)
