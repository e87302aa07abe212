"""What is asked of a run of an endpoint, in a body or in an address."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.dates import resolved_date
from ..core.endpoint_runs import RunAsk
from ..core.errors import BadRequest, Invalid
from ..core.freshness import Mode
from ..core.model import Instant, View
from ..core.variants import Overrides
from .asked_values import PREFIX
from .changes import given
from .parameters import keys_of, value_of_texts

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_REAL = re.compile(r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})([eE][+-]?[0-9]{1,3})?")
_MAX = 2**53

RefreshWord = Literal[
    "blocking",
    "async",
    "lazy_async",
    "async_except_on_cache_miss",
    "force_blocking",
    "force_async",
    "force_cache",
    "cache",
    "force",
    "direct",
]
_SYNONYMS = {"cache": Mode.BLOCKING, "force": Mode.FORCE_BLOCKING, "direct": Mode.FORCE_BLOCKING}

VariableName = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Variables = Annotated[dict[VariableName, Any], Meta(max_length=100)]
JobId = Annotated[str, Meta(min_length=1, max_length=200)]


class RunRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a run; every field may be absent or null, unknown ones are refused.

    ``version``, ``limit`` and ``offset`` are whole numbers, checked apart:
    these answer with errors of their own.
    """

    client_query_id: JobId | UnsetType | None = UNSET
    refresh: RefreshWord | UnsetType | None = UNSET
    variables: Variables | UnsetType | None = UNSET
    variables_values: Variables | UnsetType | None = UNSET
    variables_override: (
        Annotated[
            dict[str, Any],
            Meta(
                max_length=100,
                description="By id: an object with code_name and value, or the value itself.",
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    filters_override: dict[str, Any] | UnsetType | None = UNSET
    query_override: dict[str, Any] | UnsetType | None = UNSET
    version: Any = UNSET
    limit: Any = UNSET
    offset: Any = UNSET
    debug: bool | UnsetType | None = UNSET


class RunQuery(Struct, frozen=True, kw_only=True):
    """Query string of a run: the fields of the body, objects as JSON.

    Every other name is that of a variable: ``?region=EU``. One that is called
    like a field has ``param.`` in front: ``?param.limit=EU``. The last four
    are for files.
    """

    client_query_id: JobId | None = None
    refresh: RefreshWord | None = None
    variables: str | None = None
    variables_values: str | None = None
    variables_override: str | None = None
    filters_override: str | None = None
    query_override: str | None = None
    version: str | None = None
    limit: str | None = None
    offset: str | None = None
    debug: bool | None = None
    download: bool = False
    columns: str | None = None
    bom: bool = False
    guard: bool = False


_WORDS = frozenset(RunRequest.__struct_fields__)
RESERVED = frozenset(RunQuery.__struct_fields__) | {"token"}
"""What is no variable in an address, unless :data:`~.asked_values.PREFIX` is in front."""
_OBJECTS = (
    "variables",
    "variables_values",
    "variables_override",
    "filters_override",
    "query_override",
)


class RunWords(Struct, frozen=True, kw_only=True):
    """A run in words that were checked.

    Attributes
    ----------
    limit, offset
        Window of the rows; None for all of them.
    """

    ask: RunAsk
    job_id: str | None
    limit: int | None
    offset: int | None
    debug: bool


def plain_words() -> RunWords:
    """A run of which nothing is said; most are that."""
    return RunWords(ask=RunAsk(), job_id=None, limit=None, offset=None, debug=False)


def request_from(query: RunQuery, body: RunRequest) -> RunRequest:
    """What an address and a body ask for together; what the body says wins.

    Raises
    ------
    Invalid
        When an object of the address is not JSON of its shape; it names the field.
    """
    said = {name: value for name, value in given(query).items() if name in _WORDS}
    for name in said.keys() & set(_OBJECTS):
        if said[name] is not None:
            said[name] = _object(said[name], name)
    return RunRequest(**said | {name: v for name, v in given(body).items() if v is not None})


def with_texts(request: RunRequest, arguments: dict[str, list[bytes]], view: View) -> RunRequest:
    """A run with the values that its address spells out, each read as its variable's type.

    ``variables`` wins where it has the same name.

    Parameters
    ----------
    arguments
        Everything that the address says.
    view
        With the version that is run.

    Raises
    ------
    Invalid
        When a text is no value of its type.
    """
    texts = {
        name.removeprefix(PREFIX): [value.decode("utf-8", "replace") for value in values]
        for name, values in arguments.items()
        if name not in RESERVED
    }
    if not texts:
        return request
    query, own = view.version.query, view.version.params
    spelled: dict[str, Any] = {}
    for each in query.declared:
        value = value_of_texts(each, texts.get)
        if value is not UNSET:
            spelled[each.name] = value
        for key in keys_of(each):
            texts.pop(key, None)
    # What is no variable is refused under its name, as in a body.
    spelled |= {name: _typed(name, found[-1], own.get(name)) for name, found in texts.items()}
    return msgspec.structs.replace(request, variables=spelled | (request.variables or {}))


def _object(text: str, name: str) -> dict[str, Any]:
    kind = Variables if name in {"variables", "variables_values"} else dict[str, Any]
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(f"{name} is a JSON object.", field=name) from None


def _typed(name: str, text: str, own: Any) -> Any:
    """A text of an address as the type that the query's own value has."""
    if isinstance(own, bool):
        if text.lower() not in {"true", "false"}:
            raise Invalid(f"Variable '{name}' is true or false.", field="variables")
        return text.lower() == "true"
    if isinstance(own, (int, float)):
        if _NUMBER.fullmatch(text):
            return int(text)
        if not _REAL.fullmatch(text):
            raise Invalid(f"Variable '{name}' is a number.", field="variables")
        number = float(text)
        if not math.isfinite(number):
            raise Invalid(f"Variable '{name}' is a finite number.", field="variables")
        return number
    if isinstance(own, (list, dict)):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise Invalid(f"Variable '{name}' is JSON.", field="variables") from None
    return text


def version_of(request: RunRequest) -> int | None:
    """The version that is named; None for the current one. BadRequest where it is no number."""
    named = None if request.version is UNSET else request.version
    return _whole(named, "version", least=-_MAX)


def run_words(request: RunRequest, now: Instant) -> RunWords:
    """A run in the core's words.

    Raises
    ------
    BadRequest
        When ``limit`` or ``offset`` is no such number; bare.
    Invalid
        When an override cannot be applied; it names the field.
    """
    said = {name: value for name, value in given(request).items() if value is not None}
    if said.get("query_override"):
        raise Invalid("Query override is not supported for HogQL queries", field="query_override")
    word = said.get("refresh", "blocking")
    limit = _whole(said.get("limit"), "limit", least=1)
    offset = _whole(said.get("offset"), "offset", least=0)
    if offset is not None and limit is None:
        raise _bare("offset requires limit to be set")
    return RunWords(
        ask=RunAsk(
            mode=_SYNONYMS.get(word) or Mode(word),
            given=_variables(said),
            dates=_dates(said.get("filters_override") or {}, now),
            version=version_of(request),
            is_direct=word == "direct",
        ),
        job_id=said.get("client_query_id"),
        limit=limit,
        offset=offset,
        debug=said.get("debug", False),
    )


def _whole(value: Any, name: str, *, least: int) -> int | None:
    if value is None:
        return None
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        number = int(value)
    if number is None or not least <= number <= _MAX:
        raise _bare(f"Invalid {name} parameter: {str(value)[:100]}")
    return number


def _bare(message: str) -> BadRequest:
    return BadRequest(message, details={"is_bare": True})


def _variables(said: dict[str, Any]) -> dict[str, Any]:
    """Values by name: an override by id, over it ``variables_values``, over it ``variables``."""
    found: dict[str, Any] = {}
    for key, value in said.get("variables_override", {}).items():
        if isinstance(value, dict) and ("code_name" in value or "value" in value):
            found[str(value.get("code_name", key))] = value.get("value")
        else:
            found[key] = value
    return found | said.get("variables_values", {}) | said.get("variables", {})


def _dates(filters: dict[str, Any], now: Instant) -> Overrides:
    dates = {}
    for name, value in filters.items():
        if value in (None, [], {}, ""):
            continue
        if name not in {"date_from", "date_to"} or not isinstance(value, str):
            raise Invalid(
                "filters_override can set date_from and date_to of an SQL query, as text.",
                field="filters_override",
            )
        resolved_date(value, now, field="filters_override")
        dates[name] = value
    return Overrides(filters=dates)
