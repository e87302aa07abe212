"""Parameters: the declared, typed inputs of a query.

The types are the common ground of Redash's, Metabase's and Databricks', by the
notes on query references, 3.9. What values they take: :mod:`.values`.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from msgspec import UNSET, Struct

ParameterType = Literal[
    "text",
    "text-pattern",
    "number",
    "integer",
    "boolean",
    "enum",
    "multi-enum",
    "query-enum",
    "date-picker",
    "datetime-picker",
    "date-range",
    "datetime-range",
]
TYPES: tuple[ParameterType, ...] = get_args(ParameterType)
RANGES = frozenset({"date-range", "datetime-range"})
DATES = frozenset({"date-picker", "date-range"})
INSTANTS = frozenset({"datetime-picker", "datetime-range"})
BOUNDED = frozenset({"number", "integer"}) | DATES | INSTANTS
LISTED = frozenset({"enum", "multi-enum"})
MOST_CHARS = 10_000
MOST_PATTERNED = 1_000
MOST_OPTIONS = 1000


class Parameter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The declaration of one input of a query.

    Attributes
    ----------
    display_name
        What people see; None for the name.
    default
        The value where none is given; UNSET for none.
    required
        Whether a value has to be given; None for "where there is no
        default". One that is not required and has no default is NULL.
    options
        What may be chosen, of ``enum`` and ``multi-enum``.
    min, max
        Bounds, both included: numbers, or days and instants as their values
        are written, tokens such as ``today`` included.
    max_length
        Characters of a text; None for 10,000, of a ``text-pattern`` 1,000.
    pattern
        RE2 syntax, which a ``text-pattern`` must match as a whole.
    timezone
        IANA name in which ``today``, and an instant without a zone, are
        read; None for the server's.
    options_from
        Slug of the view whose first column holds the options of a ``query-enum``.
    """

    name: str
    type: ParameterType = "text"
    display_name: str | None = None
    default: Any = UNSET
    required: bool | None = None
    description: str | None = None
    options: tuple[str, ...] = ()
    min: float | str | None = None
    max: float | str | None = None
    max_length: int | None = None
    pattern: str | None = None
    timezone: str | None = None
    options_from: str | None = None

    @property
    def title(self) -> str:
        """What people see."""
        return self.display_name or self.name

    @property
    def is_required(self) -> bool:
        """Whether a run without a value for it is refused."""
        return self.default is UNSET if self.required is None else self.required

    @property
    def bound_names(self) -> tuple[str, ...]:
        """What the SQL calls it: ``$span_start`` and ``$span_end`` of a range."""
        if self.type in RANGES:
            return f"{self.name}_start", f"{self.name}_end"
        return (self.name,)


def bound_names(declared: tuple[Parameter, ...]) -> tuple[str, ...]:
    """What the SQL calls them all."""
    return tuple(name for each in declared for name in each.bound_names)
