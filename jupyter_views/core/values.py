"""What is bound for the parameters of a query, made of what somebody gives.

A value is checked against its declaration and becomes one or two *bound*
values: JSON, in one canonical form, so that two ways to write a value share
one stored result. Text never becomes SQL: the engine is given the bound values
beside the statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import re2
from msgspec import UNSET, Struct

from .dates import day_of, instant_of, midnight, moved_day
from .errors import InvalidParameters, MissingParameters
from .model import SECOND, Instant, Version
from .parameters import (
    BOUNDED,
    DATES,
    INSTANTS,
    MOST_CHARS,
    MOST_PATTERNED,
    RANGES,
    Parameter,
    ParameterType,
)

_MOST_PATTERN = 500
_PATTERN_BYTES = 2**20
_COMPOUND = RANGES | {"multi-enum"}
_FALSE_TRUE = {"false": False, "true": True}
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_TOKEN = re.compile(r"today(?:([+-])([0-9]{1,4})([dwmqy]))?", re.ASCII)

Options = Mapping[str, tuple[str, ...]]
"""What the views of query-enums offer now, by the name of the parameter."""


class Moment(Struct, frozen=True, kw_only=True):
    """When, and in which time zone, values are read.

    Attributes
    ----------
    zone
        The server's; a parameter may have its own.
    options
        See :data:`Options`; a parameter that is missing there takes any text.
    """

    now: Instant
    zone: str = "UTC"
    options: Options = {}


def bound_values(
    declared: tuple[Parameter, ...], given: Mapping[str, Any], moment: Moment
) -> dict[str, Any]:
    """What is bound, by the names that the SQL uses.

    Values of names that are not declared are passed on as they are: whether
    the SQL uses them the engine says.

    Returns
    -------
    dict
        JSON: days as ``2024-01-31``, instants as ISO text in UTC, a
        ``multi-enum`` as a list in the order of its options.

    Raises
    ------
    MissingParameters
        ``details["parameters"]`` names every one that needs a value.
    InvalidParameters
        ``details["parameters"]`` names the first one at fault,
        ``details["field"]`` too.
    """
    if missing := missing_of(declared, given):
        raise MissingParameters(
            f"This view needs a value for {', '.join(missing)}.",
            hint="Send params with a value for each of them.",
            details={"parameters": missing},
        )
    values = dict(given)
    for each in declared:
        value = values.pop(each.name, each.default)
        values |= bound_one(each, None if value is UNSET else value, moment)
    return values


def missing_of(declared: Iterable[Parameter], given: Mapping[str, Any]) -> list[str]:
    """Names of the parameters that need a value and get none; null is none."""
    return [
        each.name
        for each in declared
        if each.is_required and _is_nothing(given.get(each.name, each.default))
    ]


def typed(declared: Iterable[Parameter], bound: Mapping[str, Any]) -> dict[str, Any]:
    """Bound values as the engine takes them: days and instants are no texts there."""
    values = dict(bound)
    for each in declared:
        if each.type not in DATES | INSTANTS:
            continue
        kind: Any = date if each.type in DATES else datetime
        for name in each.bound_names:
            if values.get(name) is not None:
                values[name] = kind.fromisoformat(values[name])
    return values


def value_from(parameter: Parameter, text: str) -> Any:
    """The value that an address or a form means by a text.

    Several options stand between commas, a range is ``start/end``, a boolean
    ``true`` or ``false``; several options and a range may also be JSON. What is
    none of that is left for the check to refuse.
    """
    if parameter.type in _COMPOUND and text[:1] in {"[", "{"}:
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
    match parameter.type:
        case "boolean":
            return _FALSE_TRUE.get(text, text)
        case "integer":
            return int(text) if _WHOLE.fullmatch(text) else text
        case "number":
            return _number_from(text)
        case "multi-enum":
            return [each for each in text.split(",") if each]
        case "date-range" | "datetime-range":
            start, has_end, end = text.partition("/")
            return {"start": start, "end": end} if has_end else text
    return text


def text_of(parameter: Parameter, value: Any) -> str:
    """The text that :func:`value_from` reads as this value; empty for none."""
    if value is None or value is UNSET:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return f"{value.get('start', '')}/{value.get('end', '')}"
    return str(value)


def derived(name: str, value: Any) -> Parameter:
    """The declaration that a value without one suggests."""
    kind: ParameterType = "text"
    if isinstance(value, bool):
        kind = "boolean"
    elif isinstance(value, int):
        kind = "integer"
    elif isinstance(value, float):
        kind = "number"
    elif isinstance(value, str) and day_of(value) is not None:
        kind = "date-picker"
    return Parameter(name=name, type=kind, default=value)


def choosable(version: Version) -> tuple[Parameter, ...]:
    """What readers of a view may choose, where nobody says otherwise, in the order of the query.

    That is what it declares, and of other names those whose own value can be
    written in a field; it then stands for the default.
    """
    declared = {each.name: each for each in version.query.declared}
    own = version.params
    return tuple(
        declared.get(name) or derived(name, own[name])
        for name in version.query.inputs
        if name in declared or isinstance(own.get(name), (str, int, float))
    )


def _number_from(text: str) -> Any:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text


def bound_one(each: Parameter, value: Any, moment: Moment) -> dict[str, Any]:
    """What is bound for one parameter; None is NULL."""
    if each.type not in RANGES:
        return {each.name: None if value is None else _single(each, value, moment)}
    start_name, end_name = each.bound_names
    if value is None:
        return {start_name: None, end_name: None}
    if not isinstance(value, dict) or set(value) != {"start", "end"}:
        raise _wrong(each, 'must be a range such as {"start": "2024-01-01", "end": "2024-01-31"}')
    start, end = (_single(each, value[side], moment) for side in ("start", "end"))
    if start > end:
        raise _wrong(each, "must not start after it ends")
    return {start_name: start, end_name: end}


def _single(each: Parameter, value: Any, moment: Moment) -> Any:
    found = _READ[each.type](each, value, moment)
    if each.type in BOUNDED:
        low, high = limit_of(each, each.min, moment), limit_of(each, each.max, moment)
        if (low is not None and found < low) or (high is not None and found > high):
            least = "" if each.min is None else f" from {_plain(each.min)}"
            most = "" if each.max is None else f" up to {_plain(each.max)}"
            raise _wrong(each, f"must be a value{least}{most}")
    return found


def limit_of(each: Parameter, limit: float | str | None, moment: Moment) -> Any:
    """A bound as a value of its parameter; None for none."""
    return None if limit is None else _READ[each.type](each, limit, moment)


def _text(each: Parameter, value: Any, _: Moment) -> str:
    if not isinstance(value, str):
        raise _wrong(each, "must be a text")
    most = each.max_length or (MOST_CHARS if each.pattern is None else MOST_PATTERNED)
    if len(value) > most:
        raise _wrong(each, f"must have {most:,} characters at most")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong(each, "must be valid Unicode text") from None
    return value


def _patterned(each: Parameter, value: Any, moment: Moment) -> str:
    text = _text(each, value, moment)
    pattern = compiled(each.pattern or "")
    if pattern is None or pattern.fullmatch(text) is None:
        raise _wrong(each, f"must match {each.pattern}")
    return text


def _number(each: Parameter, value: Any, _: Moment) -> float:
    if not _is_number(value):
        raise _wrong(each, "must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(each, "must be a finite number")
    return number + 0.0  # -0.0 is 0.0


def _integer(each: Parameter, value: Any, _: Moment) -> int:
    is_whole = _is_number(value) and (isinstance(value, int) or value.is_integer())
    if not is_whole or not -(2**63) <= value < 2**63:
        raise _wrong(each, "must be a whole number")
    return int(value)


def _boolean(each: Parameter, value: Any, _: Moment) -> bool:
    if not isinstance(value, bool):
        raise _wrong(each, "must be true or false")
    return value


def _option(each: Parameter, value: Any, moment: Moment) -> str:
    offered = each.options
    if each.type == "query-enum":
        if each.name not in moment.options:
            return _text(each, value, moment)
        offered = moment.options[each.name]
    if not isinstance(value, str) or value not in offered:
        raise _wrong(each, f"must be one of {_shown(offered)}")
    return value


def _several(each: Parameter, value: Any, _: Moment) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _wrong(each, f"must be a list of {_shown(each.options)}")
    chosen = set(value)
    if not chosen <= set(each.options):
        raise _wrong(each, f"must be a list of {_shown(each.options)}")
    return [one for one in each.options if one in chosen]


def _day(each: Parameter, value: Any, moment: Moment) -> str:
    found = _token(each, value, moment)
    if found is None and isinstance(value, str):
        found = day_of(value)
    if found is None:
        raise _wrong(each, "must be a day such as 2024-01-31, or today-7d")
    return found.isoformat()


def _instant(each: Parameter, value: Any, moment: Moment) -> str:
    zone = ZoneInfo(each.timezone or moment.zone)
    day = _token(each, value, moment)
    found = midnight(day, zone) if day is not None else None
    if found is None and isinstance(value, str):
        found = instant_of(value, zone)
    if found is None:
        raise _wrong(each, "must be an instant such as 2024-01-31T12:00:00Z, or today-7d")
    return found.astimezone(UTC).isoformat()


def _token(each: Parameter, value: Any, moment: Moment) -> date | None:
    """The day that ``today`` or ``today-7d`` means now; None for what is no token."""
    found = _TOKEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    zone = ZoneInfo(each.timezone or moment.zone)
    today = datetime.fromtimestamp(moment.now / SECOND, zone).date()
    if found[1] is None:
        return today
    return moved_day(today, int(found[1] + found[2]), found[3])


_READ: dict[str, Callable[[Parameter, Any, Moment], Any]] = {
    "text": _text,
    "text-pattern": _patterned,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "enum": _option,
    "multi-enum": _several,
    "query-enum": _option,
    "date-picker": _day,
    "datetime-picker": _instant,
    "date-range": _day,
    "datetime-range": _instant,
}


def _is_nothing(value: Any) -> bool:
    return value is None or value is UNSET


def _plain(limit: float | str) -> str:
    return limit if isinstance(limit, str) else f"{limit:g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Any:
    """RE2, whose time grows with the text alone: a pattern comes from a person.

    None for what is no pattern, and for one that takes long to make: 8 MB, which
    RE2 would take, are a third of a second in which nobody else is served.
    """
    if len(pattern) > _MOST_PATTERN:
        return None
    quiet = re2.Options()
    quiet.log_errors = False
    quiet.max_mem = _PATTERN_BYTES
    try:
        return re2.compile(pattern, options=quiet)
    except re2.error:
        return None


def _shown(options: tuple[str, ...]) -> str:
    first = ", ".join(options[:5])
    return first if len(options) <= 5 else f"{first} and {len(options) - 5} more"


def _wrong(each: Parameter, what: str) -> InvalidParameters:
    facts = {"parameters": [each.name], "field": each.name}
    return InvalidParameters(f"{each.name} {what}.", details=facts)
