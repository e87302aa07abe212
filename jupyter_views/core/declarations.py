"""Which declarations of parameters make sense."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from msgspec import UNSET

from .errors import Invalid, InvalidParameters
from .parameters import BOUNDED, LISTED, MOST_CHARS, MOST_OPTIONS, MOST_PATTERNED, Parameter
from .values import Moment, bound_one, compiled, limit_of

_MOST_PARAMETERS = 100
_MOST_PATTERNS = 16
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


def checked(declared: Iterable[Parameter], moment: Moment) -> tuple[Parameter, ...]:
    """Declarations that make sense, as they came.

    Raises
    ------
    Invalid
        ``field`` names the one at fault, as ``parameters.start_date.min``.
    """
    found = tuple(declared)
    if len(found) > _MOST_PARAMETERS:
        raise Invalid(f"A query has {_MOST_PARAMETERS} parameters at most.", field="parameters")
    if sum(each.pattern is not None for each in found) > _MOST_PATTERNS:
        raise Invalid(f"A query has {_MOST_PATTERNS} patterns at most.", field="parameters")
    taken: set[str] = set()
    for each in found:
        if not _NAME.fullmatch(each.name):
            raise Invalid(
                f"A parameter cannot be called {each.name[:80]!r}.",
                hint="Use lower case letters, digits and _, and begin with a letter.",
                field="parameters.name",
            )
        for name in each.bound_names:
            if name in taken:
                raise Invalid(f"Two parameters are called {name}.", field=f"parameters.{each.name}")
            taken.add(name)
        _check_one(each, moment)
    return found


def _check_one(each: Parameter, moment: Moment) -> None:
    def wrong(attribute: str, message: str) -> Invalid:
        return Invalid(message, field=f"parameters.{each.name}.{attribute}")

    kind = each.type
    if each.options and kind not in LISTED:
        raise wrong("options", f"{each.name} is of the type {kind}, which has no options.")
    if kind in LISTED and not 1 <= len(set(each.options)) == len(each.options) <= MOST_OPTIONS:
        raise wrong("options", f"{each.name} needs 1 to {MOST_OPTIONS:,} options, each once.")
    if kind == "multi-enum" and any("," in option for option in each.options):
        raise wrong("options", f"{each.name}: options that go together have no comma.")
    if (kind == "text-pattern") != (each.pattern is not None):
        raise wrong("pattern", f"{each.name}: a pattern belongs to the type text-pattern.")
    if each.pattern is not None and compiled(each.pattern) is None:
        raise wrong("pattern", f"{each.name}: the pattern is no RE2 expression, or too large.")
    if (kind == "query-enum") != (each.options_from is not None):
        raise wrong("options_from", f"{each.name}: a query-enum names a view, others do not.")
    most = MOST_CHARS if each.pattern is None else MOST_PATTERNED
    if each.max_length is not None and not 1 <= each.max_length <= most:
        raise wrong("max_length", f"{each.name} may have 1 to {most:,} characters.")
    if each.timezone is not None:
        try:
            ZoneInfo(each.timezone)
        except (KeyError, ValueError, OSError):
            raise wrong("timezone", f"{each.timezone[:80]!r} is no time zone.") from None
    _check_bounds(each, moment, wrong)
    if each.default is not UNSET and each.default is not None:
        try:
            bound_one(each, each.default, moment)
        except InvalidParameters as error:
            raise wrong("default", f"The default of {error.message}") from None


def _check_bounds(each: Parameter, moment: Moment, wrong: Callable[[str, str], Invalid]) -> None:
    if each.type not in BOUNDED:
        for attribute in ("min", "max"):
            if getattr(each, attribute) is not None:
                raise wrong(attribute, f"{each.name} is of the type {each.type}, without bounds.")
        return
    try:
        low, high = limit_of(each, each.min, moment), limit_of(each, each.max, moment)
    except InvalidParameters as error:
        raise wrong("min", f"A bound of {error.message}") from None
    if low is not None and high is not None and low > high:
        raise wrong("min", f"{each.name} has a smallest value above its largest.")
