"""Values for the parameters of a view: as Python has them, as an address says them, their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from ._transport import Transport
from .core.errors import Gone, Invalid, MissingParameters, NotFound, Unavailable, ViewsError

COMPUTING_SECONDS = 55
"""How long the server itself waits for rows that nobody asked for before."""
PREFIX = "param."
_RANGES = frozenset({"date-range", "datetime-range"})
_DAYS = frozenset({"date-picker", "date-range"})
_INSTANTS = frozenset({"datetime-picker", "datetime-range"})


def own_values(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The view's own values: those that it was saved with, over the defaults."""
    declared = facts.get("parameters") or ()
    defaults = {each["name"]: each["defaultValue"] for each in declared if "defaultValue" in each}
    return defaults | (facts.get("params") or {})


def kinds_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """Types of a view's parameters by their names, as the server calls them.

    One that nothing declares has the type that its value looks like.
    """
    found = {name: _looks_like(value) for name, value in (facts.get("params") or {}).items()}
    return found | {
        each["name"]: each.get("type", "text") for each in facts.get("parameters") or ()
    }


def address_of(facts: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters of a result's address that give these values.

    Parameters
    ----------
    facts
        The view as the server sent it.
    values
        Texts, numbers, bools, dates, datetimes, lists and tuples by the
        parameter's name; a range is a pair, or ``{"start": …, "end": …}``.

    Raises
    ------
    Invalid
        For what no address can say; whether a value suits its parameter the
        server says.
    """
    kinds = kinds_of(facts)
    return {
        f"{PREFIX}{name}": _sendable(name, _text(name, kinds.get(name, "text"), value))
        for name, value in values.items()
    }


def as_json(kind: str, value: Any) -> Any:
    """A value as JSON has it: texts in the place of dates, ``{"start", "end"}`` of a pair.

    Parameters
    ----------
    kind
        The type of its parameter, as the server calls it.
    """
    if kind in _RANGES and isinstance(value, list | tuple) and len(value) == 2:
        value = {"start": value[0], "end": value[1]}
    if isinstance(value, Mapping):
        ends = _end_of(kind)
        return {str(name): as_json(ends, each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(kind, each) for each in value]
    value = _unwrapped(value)
    if isinstance(value, str | bool | int | float) or value is None:
        return value
    return _single("A value", kind, value)


def problems_of(error: Exception) -> dict[str, str]:
    """What an error says of single parameters, by their names."""
    if not isinstance(error, ViewsError):
        return {}
    if isinstance(error, MissingParameters):
        return {name: f"{name} needs a value." for name in error.details.get("parameters") or ()}
    field = str(error.details.get("field", "")).removeprefix(PREFIX)
    return {field: error.message} if field else {}


def window_of(
    transport: Transport, path: str, limit: int, offset: int = 0, **query: Any
) -> dict[str, Any]:
    """A window of a stored result as JSON; exact numbers beyond 2**53 come as text.

    Parameters
    ----------
    **query
        More of the address, such as ``mode``.

    Returns
    -------
    dict
        ``cols``, ``types``, ``rows`` (lists), ``total_row_count``, and
        ``computed_at``: which result these rows are of; ``refresh_id``, the
        statement that makes newer ones, or None.
    """
    seconds = COMPUTING_SECONDS if query else None
    shape = {"format": "json", "limit": limit, "offset": offset, "big": "string"}
    answer = transport.request("GET", path, params=shape | query, seconds=seconds)
    return {
        "computed_at": answer.headers.get("X-Result-Computed-At"),
        "refresh_id": answer.headers.get("X-Refresh-Statement-Id"),
        **answer.json(),
    }


def window_with(
    transport: Transport,
    facts: Mapping[str, Any],
    address: Mapping[str, str],
    rows: int,
    offset: int = 0,
    mode: str = "force_cache",
) -> dict[str, Any]:
    """A window of the saved view's rows; of those of other values where an address gives some."""
    if not address:
        slug = quote(facts["slug"], safe="")
        return window_of(transport, f"v1/perspectives/{slug}/result", rows, offset)
    path = f"views/{facts['short_id']}/result"
    return window_of(transport, path, rows, offset, mode=mode, **address)


def windows(
    transport: Transport,
    facts: Mapping[str, Any],
    address: Mapping[str, str],
    rows: int,
    *,
    follow: Callable[[dict[str, Any]], Any],
    is_forced: bool = False,
) -> Iterator[dict[str, Any]]:
    """Windows of a view's rows for other values: what is there, then what is newer.

    Rows that nobody asked for before are computed first; those that are out
    of date come at once, and the newer ones after them where the view is
    refreshed by itself.

    Parameters
    ----------
    facts
        The view as the server sent it.
    address
        See :func:`address_of`.
    follow
        Brings a statement to its end, and raises where that is a bad one. It
        is the owner's; other readers than the owner only wait for the rows.
    is_forced
        Compute them anew in any case, and give those alone.
    """
    # What failed a moment ago is tried again: a person asks.
    first = "async" if facts.get("auto_refresh") else "force_cache"
    for mode in ("force_async",) if is_forced else (first, "force_async"):
        try:
            window = window_with(transport, facts, address, rows, mode=mode)
        except Gone:
            continue
        except Unavailable as error:
            running = computing(error)
            if running is None:
                raise
        else:
            running = window["refresh_id"]
            if not is_forced:
                yield window
                if running is None:
                    return
        with suppress(NotFound):
            follow(transport.request("GET", f"v1/statements/{running}").json())
        break
    yield window_with(transport, facts, address, rows, mode="async_except_on_cache_miss")


def computing(error: Unavailable) -> str | None:
    """The statement that computes rows which are not there yet; None where there is none."""
    return error.details.get("statement_id")


def facts_with(facts: Mapping[str, Any], window: Mapping[str, Any]) -> dict[str, Any]:
    """A view's facts as they are for rows of other values: their age, size and freshness."""
    status = "stale" if window["is_stale"] else "fresh"
    names = ("is_stale", "stale_reason", "stale_sources", "stale_since", "max_staleness_exceeded")
    return {
        **facts,
        **{name: window[name] for name in names},
        "status": "refreshing" if window["refresh_id"] else status,
        "refresh": None,
        "last_refresh": None,
        "computed_at": window["computed_at"],
        "row_count": window["total_row_count"],
        "columns": window["types"],
        "truncated": window["truncated"],
    }


def _looks_like(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _text(name: str, kind: str, value: Any) -> str:
    if value is None:
        hint = "Leave it out for the view's own value."
        raise Invalid(f"{name} has no value.", hint=hint, field=name)
    if kind in _RANGES:
        if isinstance(value, Mapping) and set(value) == {"start", "end"}:
            value = (value["start"], value["end"])
        if isinstance(value, list | tuple) and len(value) == 2:
            return "/".join(_text(name, _end_of(kind), end) for end in value)
    if isinstance(value, list | tuple | set | frozenset):
        return json.dumps([_text(name, kind, each) for each in value], ensure_ascii=False)
    if isinstance(value, Mapping):
        return json.dumps({str(key): _text(name, kind, each) for key, each in value.items()})
    return _single(name, kind, value)


def _end_of(kind: str) -> str:
    return "date-picker" if kind in _DAYS else "datetime-picker"


def _single(name: str, kind: str, value: Any) -> str:
    value = _unwrapped(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return (value.date() if kind in _DAYS else value).isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00" if kind in _INSTANTS else value.isoformat()
    raise Invalid(
        f"{name} cannot be of the type {type(value).__name__}.",
        hint="A value is a text, a number, a bool, a date, a datetime, or a list of them.",
        field=name,
    )


def _unwrapped(value: Any) -> Any:
    """A scalar of NumPy as Python's own; everything else as it is."""
    is_ours = isinstance(value, str | bool | int | float | date | Decimal)
    return value.item() if not is_ours and callable(getattr(value, "item", None)) else value


def _sendable(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{name} must be valid Unicode text.", field=name) from None
    return text
