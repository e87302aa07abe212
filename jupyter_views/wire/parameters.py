"""Parameters as clients declare them, and the values that addresses give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any
from urllib.parse import parse_qsl

from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.errors import BadRequest
from ..core.model import Query
from ..core.parameters import RANGES, Parameter, ParameterType
from ..core.values import value_from

_Word = Annotated[str, Meta(min_length=1, max_length=200)]


class ParameterBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """One parameter of a query, as the page of query references writes it; more than that is ours.

    Attributes
    ----------
    default_value
        Absent for a parameter that needs a value.
    required
        By default, whether there is no default value.
    min, max
        Numbers, days (``2024-01-31``, ``today-1y``) or instants, by the type.
    options_from
        Slug of the view whose first column holds the options of a ``query-enum``.
    """

    name: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")]
    display_name: _Word | UnsetType | None = UNSET
    type: ParameterType = "text"
    default_value: Any = UNSET
    description: Annotated[str, Meta(max_length=2000)] | UnsetType | None = UNSET
    required: bool | UnsetType | None = UNSET
    options: Annotated[tuple[_Word, ...], Meta(max_length=1000)] | UnsetType = UNSET
    min: float | Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    max: float | Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    max_length: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType | None = UNSET
    pattern: Annotated[str, Meta(max_length=500)] | UnsetType | None = UNSET
    timezone: Annotated[str, Meta(max_length=100)] | UnsetType | None = UNSET
    options_from: _Word | UnsetType | None = UNSET


Parameters = Annotated[tuple[ParameterBody, ...], Meta(max_length=100)]


def declared_from(bodies: Iterable[ParameterBody]) -> tuple[Parameter, ...]:
    """Declarations in the core's words; whether they make sense it judges itself."""
    return tuple(
        Parameter(
            default=body.default_value,
            **{
                name: value
                for name in ParameterBody.__struct_fields__
                if name != "default_value" and (value := getattr(body, name)) is not UNSET
            },
        )
        for body in bodies
    )


def parameter_out(parameter: Parameter) -> ParameterBody:
    """A declaration as clients read it: what it does not say is left out."""

    def said(value: Any) -> Any:
        return UNSET if value is None or value == () else value

    return ParameterBody(
        name=parameter.name,
        display_name=parameter.title,
        type=parameter.type,
        default_value=parameter.default,
        description=said(parameter.description),
        required=parameter.is_required,
        options=said(parameter.options),
        min=said(parameter.min),
        max=said(parameter.max),
        max_length=said(parameter.max_length),
        pattern=said(parameter.pattern),
        timezone=said(parameter.timezone),
        options_from=said(parameter.options_from),
    )


def parameters_out(query: Query) -> tuple[ParameterBody, ...]:
    """What a query declares."""
    return tuple(map(parameter_out, query.declared))


def texts_of_address(query: str, prefix: str, *, keep_blank: bool = False) -> dict[str, list[str]]:
    """What an address says under names with this prefix; the names without it.

    Parameters
    ----------
    keep_blank
        Whether ``name=`` says an empty text; an empty field of a form says
        nothing.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=keep_blank, max_num_fields=1000, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The address is not UTF-8.") from None
    except ValueError:
        raise BadRequest("This address has too many values.") from None
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        if name.startswith(prefix):
            found.setdefault(name.removeprefix(prefix), []).append(text)
    return found


def value_of_texts(parameter: Parameter, texts: Callable[[str], list[str] | None]) -> Any:
    """The value that an address gives a parameter; UNSET where it gives none.

    Parameters
    ----------
    texts
        What stands under a name. The ends of a range may stand under
        ``span.start`` and ``span.end``, options of a ``multi-enum`` under
        one name several times.
    """
    if parameter.type in RANGES:
        ends = {side: texts(f"{parameter.name}.{side}") for side in ("start", "end")}
        if any(ends.values()):
            return {side: found[-1] for side, found in ends.items() if found}
    found = texts(parameter.name)
    if not found:
        return UNSET
    if parameter.type == "multi-enum" and len(found) > 1:
        return found
    return value_from(parameter, found[-1])


def keys_of(parameter: Parameter) -> tuple[str, ...]:
    """The names under which an address may give a parameter its value, or a part of it."""
    if parameter.type in RANGES:
        return f"{parameter.name}.start", f"{parameter.name}.end", parameter.name
    return (parameter.name,)
