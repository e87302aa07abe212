"""Declared parameters: ``name:type(…)=default`` as the server takes them. Pure.

What is read here is the form alone; whether a default, a bound or an option
makes sense the server says, in the words that it has for every door.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .grammar import BadLine, checked_name, meant

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_WORDS = {
    **dict.fromkeys(("yes", "on", "1", "true"), True),
    **dict.fromkeys(("no", "off", "0", "false"), False),
}
_KEPT = ("displayName", "description", "timezone")
"""What a cell cannot say of a parameter, and therefore never takes away."""


@dataclass(frozen=True)
class Kind:
    """A type as a cell names it.

    Attributes
    ----------
    type
        What the server calls it.
    takes
        What stands in parentheses behind it: ``options``, ``bounds``,
        ``view``, ``pattern``, ``length`` or nothing.
    example
        A whole declaration, behind the name of the parameter.
    """

    type: str
    takes: str
    example: str


KINDS: dict[str, Kind] = {
    "text": Kind("text", "length", "text=EU"),
    "number": Kind("number", "bounds", "number=0.5"),
    "integer": Kind("integer", "bounds", "integer=5"),
    "bool": Kind("boolean", "", "bool=true"),
    "date": Kind("date-picker", "bounds", "date=today-7d"),
    "datetime": Kind("datetime-picker", "bounds", "datetime=2024-01-31T12:00"),
    "date-range": Kind("date-range", "bounds", "date-range=2024-01-01/today"),
    "datetime-range": Kind("datetime-range", "bounds", "datetime-range=today-1d/today"),
    "enum": Kind("enum", "options", "enum(EU,US)=EU"),
    "multi-enum": Kind("multi-enum", "options", "multi-enum(EU,US)=EU,US"),
    "options-of": Kind("query-enum", "view", "options-of(regions)=EU"),
    "pattern": Kind("text-pattern", "pattern", "pattern([A-Z]{2})=EU"),
}
"""Types by the short name that help and completion offer."""
_NEEDED = {
    "options": "needs its options",
    "view": "needs the view whose first column holds the options",
    "pattern": "needs its pattern",
}
_SYNONYMS = {
    **{kind.type: word for word, kind in KINDS.items()},
    "string": "text",
    "str": "text",
    "int": "integer",
    "float": "number",
}


def parse_param(text: str) -> dict[str, Any]:
    """The declaration that ``name``, ``name=default`` or ``name:type(…)=default`` is.

    A ``?`` behind the type makes a parameter optional: without a value it is
    NULL. One that is not optional and has no default needs a value.

    Raises
    ------
    BadLine
        For a name or a type that there is none of, and for parentheses that
        do not hold what the type needs.
    """
    head, inside, default = _parts(text)
    name, _, word = (part.strip() for part in head.partition(":"))
    name = declared_name(name.removeprefix("$"))
    is_optional = word.endswith("?") or (inside or "").endswith("?")
    word = word.removesuffix("?") or "text"
    word = _SYNONYMS.get(word, word)
    kind = KINDS.get(word)
    if kind is None:
        raise BadLine(
            f"{name} has the unknown type {word!r}; there are {', '.join(KINDS)}.",
            meant(word, KINDS) or f"--param {name}:{KINDS['text'].example}",
        )
    found = {"name": name, "type": kind.type} | _inside(name, word, kind, inside)
    if is_optional:
        found["required"] = False
    if default is not None:
        found["defaultValue"] = value_of(kind.type, default)
    return found


def declared_name(name: str) -> str:
    """The name of a parameter that a cell declares, or BadLine."""
    if not _NAME.fullmatch(name):
        raise BadLine(
            f"{name!r} is no parameter name.",
            "Use lower-case letters, digits and _, as in --param since:date=today-7d",
        )
    return name


def value_of(kind: str, text: str) -> Any:
    """The JSON that a text means for this type; what it cannot mean stays a text.

    Parameters
    ----------
    kind
        As the server calls it.
    """
    if kind in {"number", "integer"}:
        return _number(text)
    if kind == "boolean":
        return _WORDS.get(text.strip().lower(), text)
    if kind == "multi-enum":
        return list(_listed(text))
    if kind in {"date-range", "datetime-range"}:
        start, has_end, end = text.partition("/")
        return {"start": start.strip(), "end": end.strip()} if has_end else text
    return text


def given_values(declared: Iterable[Mapping[str, Any]], texts: Iterable[str]) -> dict[str, Any]:
    """The values that ``--value NAME=VALUE`` gives to what the cell declares.

    Raises
    ------
    BadLine
        For a name that is not declared.
    """
    kinds = {each["name"]: each["type"] for each in declared}
    values = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        name = checked_name(name.strip().removeprefix("$"))
        if not has_value:
            raise BadLine(f"--value {name} has no value.", f"--value {name}=VALUE")
        if name not in kinds:
            raise BadLine(
                f"{name} is not declared in this cell.",
                meant(name, kinds) or f"--param {name}={value}",
            )
        values[name] = value_of(kinds[name], value)
    return values


def require_values(declared: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> None:
    """Raise BadLine where the cell cannot be run, naming every value that is missing."""
    missing = [
        each
        for each in declared
        if each.get("required", "defaultValue" not in each) and each["name"] not in values
    ]
    if missing:
        words = ", ".join(f"{each['name']} ({word_of(each['type'])})" for each in missing)
        raise BadLine(
            f"This view needs a value for {words}.",
            "  ".join(f"--value {each['name']}=VALUE" for each in missing)
            + " gives one for this run; a default stands behind =, as in "
            + f"--param {missing[0]['name']}:{KINDS[word_of(missing[0]['type'])].example}",
        )


def word_of(kind: str) -> str:
    """The short name of a type of the server's."""
    return _SYNONYMS.get(kind, kind)


def sample_of(kind: str) -> str:
    """A value of this type, as an example; a word in capitals where only its owner knows one."""
    word = word_of(kind)
    is_open = KINDS[word].takes in {"options", "view", "pattern", "length"}
    return "VALUE" if is_open else KINDS[word].example.partition("=")[2]


def example_of(name: str, kind: str) -> str:
    """A whole ``--param`` of this type."""
    return f"--param {name}:{KINDS[word_of(kind)].example}"


def words_of(declared: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each parameter in a few words: its name, its type, its default."""
    return [
        f"{each['name']} ({word_of(each['type'])}"
        + (f", default {shown(each['defaultValue'])})" if "defaultValue" in each else ")")
        for each in declared
    ]


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return f"{value.get('start')} to {value.get('end')}"
    return str(value)


def told(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration with what it leaves out, so that equal ones are equal."""
    return {
        "type": "text",
        "displayName": parameter["name"],
        "required": "defaultValue" not in parameter,
        **parameter,
    }


def with_known(
    declared: Iterable[Mapping[str, Any]], known: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Declarations of a cell with what the view says of the same parameters beside that."""
    before = {each["name"]: told(each) for each in known}
    return [
        {key: before[each["name"]][key] for key in _KEPT if key in before.get(each["name"], ())}
        | dict(each)
        for each in declared
    ]


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """What stands before the parentheses, in them (with a ``?`` behind them), and behind ``=``."""
    opened, equals = text.find("("), text.find("=")
    if opened < 0 or 0 <= equals < opened:
        head, has_default, default = text.partition("=")
        return head, None, default if has_default else None
    closed = _closing(text, opened)
    rest = text[closed + 1 :].lstrip()
    mark = "?" if rest.startswith("?") else ""
    rest = rest[len(mark) :]
    if rest and not rest.startswith("="):
        raise BadLine(
            f"{rest.split()[0]!r} stands behind the parentheses of {text[:opened]}.",
            f"--param {text[: closed + 1]}=VALUE",
        )
    return text[:opened], text[opened + 1 : closed] + mark, rest[1:] if rest else None


def _closing(text: str, opened: int) -> int:
    depth, quote = 0, ""
    for at in range(opened, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and text[at - 1] in "(, ":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return at
    raise BadLine(
        f"The parentheses of {text[:opened]} are not closed.",
        f"--param {text.rstrip()})=VALUE",
    )


def _inside(name: str, word: str, kind: Kind, inside: str | None) -> dict[str, Any]:
    """What the parentheses say, as fields of the declaration."""
    held = None if inside is None else inside.removesuffix("?").strip()
    if not held:
        if kind.takes in _NEEDED:
            raise BadLine(
                f"{name} of the type {word} {_NEEDED[kind.takes]} in parentheses.",
                f"--param {name}:{kind.example}",
            )
        return {}
    if kind.takes == "options":
        return {"options": list(_listed(held))}
    if kind.takes == "view":
        return {"optionsFrom": _unquoted(held)}
    if kind.takes == "pattern":
        return {"pattern": _unquoted(held)}
    if kind.takes == "length" and held.isdecimal():
        return {"maxLength": int(held)}
    if kind.takes == "bounds" and ".." in held:
        least, most = (side.strip() for side in held.split("..", 1))
        bounds = {"min": _bound(kind.type, least), "max": _bound(kind.type, most)}
        return {side: bound for side, bound in bounds.items() if bound != ""}
    wanted = {"length": "its longest length, as in text(200)", "bounds": "bounds, as in (0..100)"}
    raise BadLine(
        f"{name} of the type {word} takes {wanted.get(kind.takes, 'nothing')} in parentheses.",
        f"--param {name}:{kind.example}",
    )


def _bound(kind: str, text: str) -> Any:
    return _number(text) if kind in {"number", "integer"} else text


def _listed(text: str) -> Iterator[str]:
    """Words between commas; one that holds a comma itself stands in quotes."""
    at = 0
    while at < len(text):
        while at < len(text) and text[at].isspace():
            at += 1
        quote = text[at : at + 1]
        end = text.find(quote, at + 1) if quote and quote in "\"'" else -1
        if end > 0 and text[end + 1 :].lstrip()[:1] in {"", ","}:
            yield text[at + 1 : end]
            at = end + 1
            comma = text.find(",", at)
        else:
            comma = text.find(",", at)
            word = text[at : comma if comma >= 0 else len(text)].strip()
            if word:
                yield word
        at = comma + 1 if comma >= 0 else len(text)


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if is_quoted else text


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
