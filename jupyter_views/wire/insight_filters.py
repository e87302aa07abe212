"""The query string of an insight list, in the core's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from dateutil.relativedelta import relativedelta
from msgspec import Meta, Struct

from ..core.errors import Invalid
from ..core.freshness import Mode
from ..core.model import SECOND, Instant
from ..core.requests import InsightFilter
from .fields import DashboardNumber
from .people import person_id

_RELATIVE = re.compile(r"-([0-9]{1,4})([hdwmqy])")
_UNITS: dict[str, Callable[[int], Any]] = {
    "h": lambda n: timedelta(hours=n),
    "d": lambda n: timedelta(days=n),
    "w": lambda n: timedelta(weeks=n),
    "m": lambda n: relativedelta(months=n),
    "q": lambda n: relativedelta(months=3 * n),
    "y": lambda n: relativedelta(years=n),
}
_YES = frozenset({"y", "yes", "t", "true", "on", "1", ""})
_NO = frozenset({"n", "no", "f", "false", "off", "0"})
_KINDS = ("TRENDS", "FUNNELS", "RETENTION", "PATHS", "STICKINESS", "LIFECYCLE", "JSON", "SQL")


class InsightQuery(Struct, frozen=True, kw_only=True):
    """Query string of one insight."""

    format: str | None = None
    refresh: str | None = None
    basic: str | None = None
    client_query_id: Annotated[str, Meta(max_length=200)] | None = None


class InsightReadQuery(InsightQuery, frozen=True, kw_only=True):
    """Query string of a read: in which surroundings, with which values."""

    from_dashboard: DashboardNumber | None = None
    filters_override: str | None = None
    variables_override: str | None = None


class InsightsQuery(InsightQuery, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="Items on a page.")] = 100
    offset: Annotated[int, Meta(ge=0, le=2**53, description="Items to skip.")] = 0
    short_id: str | None = None
    created_by: str | None = None
    search: Annotated[str, Meta(max_length=200)] | None = None
    user: str | None = None
    favorited: str | None = None
    saved: str | None = None
    tags: str | None = None
    dashboards: str | None = None
    insight: str | None = None
    date_from: str | None = None
    date_to: str | None = None
    created_date_from: str | None = None
    created_date_to: str | None = None
    last_viewed_date_from: str | None = None
    last_viewed_date_to: str | None = None
    order: str | None = None


def truth(text: str | None, name: str) -> bool | None:
    """The page's many spellings of yes and no; None where nothing was said."""
    if text is None:
        return None
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise Invalid(f"{name} is true or false; got {text[:40]!r}.", field=name)


def refresh_mode(*asked: Any) -> Mode:
    """How much work a reader wants, by the page's rules.

    Parameters
    ----------
    asked
        What was said in the address, then in the body: the first that says
        anything counts. True, or present without a value, is
        ``force_blocking``; an unknown word is ``force_cache``.
    """
    said = next((each for each in asked if each is not None), "force_cache")
    if isinstance(said, bool):
        return Mode.FORCE_BLOCKING if said else Mode.FORCE_CACHE
    word = str(said).lower()
    if word in {"true", "1", "yes", ""}:
        return Mode.FORCE_BLOCKING
    return Mode(word) if word in set(Mode) else Mode.FORCE_CACHE


def unasked_mode(query: InsightReadQuery) -> str | None:
    """What a reader gets who names no mode: values of their own are worth a calculation."""
    has_values = query.filters_override or query.variables_override
    return Mode.ASYNC_EXCEPT_ON_CACHE_MISS if has_values else None


def insight_filter(
    query: InsightsQuery, project_id: int, caller: str, now: Instant, people: list[str]
) -> InsightFilter:
    """A list's query string in the core's words.

    Parameters
    ----------
    people
        Everybody who made an insight: ``created_by`` names them by number.

    Raises
    ------
    Invalid
        When a filter cannot be read; it names the parameter.
    """
    created_by = people_named(query.created_by, people)
    if query.user is not None:
        created_by = tuple({caller} & set(created_by)) if created_by is not None else (caller,)
    tags = _json_list(query.tags, "tags", str)
    return InsightFilter(
        project_id=project_id,
        reader=caller,
        short_id=query.short_id,
        search=query.search,
        created_by=created_by,
        is_favorited=query.favorited is not None,
        is_saved=truth(query.saved, "saved"),
        tags=tuple(tags),
        dashboards=tuple(_json_list(query.dashboards, "dashboards", int)),
        wrapped=_wrapped(query.insight),
        modified=_between(query.date_from, query.date_to, "date", now),
        created=_between(query.created_date_from, query.created_date_to, "created_date", now),
        viewed=_between(
            query.last_viewed_date_from, query.last_viewed_date_to, "last_viewed_date", now
        ),
        order=_order(query.order),
    )


def _json_list(text: str | None, name: str, kind: type) -> list[Any]:
    if not text:
        return []
    try:
        return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(f"{name} is a JSON list such as {_EXAMPLES[kind]}.", field=name) from None


_EXAMPLES = {str: '["finance"]', int: "[1, 42]"}


def people_named(text: str | None, people: list[str]) -> tuple[str, ...] | None:
    """Names of the people with these numbers; the page has one number, its code a list."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        text = f"[{text}]"
    wanted = set(_json_list(text, "created_by", int))
    return tuple(name for name in people if person_id(name) in wanted)


def _wrapped(kind: str | None) -> bool | None:
    """Which query objects a kind means; those that this product has not mean none."""
    if kind is None:
        return None
    if kind.upper() not in _KINDS:
        raise Invalid(f"insight is one of {', '.join(_KINDS)}.", field="insight")
    return {"SQL": True, "JSON": False}.get(kind.upper())


def is_unknown_kind(kind: str | None) -> bool:
    """Whether a kind is the page's, but none that can be made here."""
    return kind is not None and kind.upper() in set(_KINDS) - {"SQL", "JSON"}


def _between(
    after: str | None, before: str | None, name: str, now: Instant
) -> tuple[Instant | None, Instant | None]:
    return instant_from(after, f"{name}_from", now), instant_from(before, f"{name}_to", now)


def instant_from(text: str | None, name: str, now: Instant) -> Instant | None:
    """A date or a span back from now, as an instant; Invalid names the parameter."""
    if not text or text == "all":
        return None
    relative = _RELATIVE.fullmatch(text)
    try:
        if relative:
            at = datetime.fromtimestamp(now / SECOND, UTC) - _UNITS[relative[2]](int(relative[1]))
        else:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return int(at.timestamp() * SECOND)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{name} is a date such as 2026-11-20 or a span such as -7d.", field=name
        ) from None


def _order(text: str | None) -> tuple[str, bool]:
    if not text:
        return "order", False
    return text.removeprefix("-"), text.startswith("-")
