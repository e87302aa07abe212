"""Our own routes as JSON: the unified list, keys, connections, health."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from ..core.access import is_owner
from ..core.charts import Chart
from ..core.errors import Invalid
from ..core.keys import ApiKey
from ..core.model import Actor
from ..core.ports import Column
from ..core.reading import Reading
from ..core.requests import Door, ViewStatus
from .endpoints import endpoint_path
from .fields import DashboardNumber, Limit, Link, iso
from .parameters import ParameterBody, parameters_out
from .readings import (
    LastRefreshOut,
    ReadingItem,
    RefreshOut,
    detail_words,
    item_words,
    refresh_words,
)

SCOPE_NOUNS = (
    "insight",
    "endpoint",
    "perspective",
    "query",
    "statement",
    "sharing_configuration",
    "activity_log",
    "dashboard",
    "key",
)
Scope = Annotated[str, Meta(pattern=rf"^(\*|({'|'.join(SCOPE_NOUNS)}):(read|write))$")]


class ViewsQuery(Struct, frozen=True, kw_only=True):
    """Query string of the unified list."""

    search: Annotated[str, Meta(max_length=200)] | None = None
    tag: str | None = None
    owner: str | None = None
    door: Door | None = None
    folder: str | None = None
    favorited: bool | None = None
    status: ViewStatus | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(pattern=r"^\d{1,20}-\d{1,20}$")] | None = None


class ViewItem(ReadingItem, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A view as the sidebar shows it, whatever its doors."""

    doors: tuple[str, ...]
    project_id: int
    folder: str | None
    insight_id: int | None
    endpoint_name: str | None
    endpoint_path: str | None
    favorited: bool
    chart: Chart | None
    is_mine: bool
    can_edit: bool
    column_count: int | None
    size_bytes: int | None
    truncated: bool
    statement_id: str
    refresh: RefreshOut | None
    last_refresh: LastRefreshOut | None
    links: dict[str, Link]


class ViewDetail(ViewItem, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A view with its definition and its freshness rule.

    ``allowed_user_ids`` is the owner's to see, and null for others.
    """

    allowed_user_ids: tuple[str, ...] | None
    sql: str
    params: dict[str, Any]
    parameters: tuple[ParameterBody, ...]
    sources: tuple[str, ...]
    upstreams: tuple[str, ...]
    columns: tuple[Column, ...] | None
    age_seconds: int | None
    timezone: str
    max_staleness_seconds: int | None
    changed_when: str | None
    strict: bool
    key: tuple[str, ...] | None


class ViewQuery(Struct, frozen=True, kw_only=True):
    """Query string of one view."""

    from_dashboard: DashboardNumber | None = None


class DoorRequest(Struct, frozen=True, kw_only=True):
    """Body of the opening of a door; a perspective may choose its slug, an endpoint its name."""

    slug: Annotated[str, Meta(max_length=1000)] | None = None
    name: Annotated[str, Meta(max_length=1000)] | None = None


class ViewPage(Struct, frozen=True, kw_only=True):
    """A page of the unified list; ``next_cursor`` null is the only end signal."""

    items: tuple[ViewItem, ...]
    total: int
    next_cursor: str | None


class KeyCreate(Struct, frozen=True, kw_only=True):
    """Body of a key's create."""

    label: Annotated[str, Meta(min_length=1, max_length=200)]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=20)]
    user: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = 90
    project: int | None = None


class KeyOut(Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: str
    prefix: str
    user: str
    label: str
    scopes: tuple[str, ...]
    project: int | None
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class KeyCreated(KeyOut, frozen=True, kw_only=True):
    """A key with its secret, shown this once."""

    key: str


class KeyList(Struct, frozen=True, kw_only=True):
    """The caller's keys.

    Attributes
    ----------
    user
        Whom a new key speaks for when its request names nobody.
    can_name_others
        Whether it may name somebody else.
    """

    items: tuple[KeyOut, ...]
    user: str
    can_name_others: bool


class ConnectionOut(Struct, frozen=True, kw_only=True):
    """A connection by name; never its address or secrets."""

    name: str
    engine: str
    status: str


class ConnectionList(Struct, frozen=True, kw_only=True):
    """The connections that statements may name."""

    items: tuple[ConnectionOut, ...]


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether store and engine answer."""

    status: str
    version: str
    reason: str | None = None


def cursor_key(cursor: str | None) -> tuple[int, int] | None:
    """The (updated_at, id) that a cursor names."""
    if cursor is None:
        return None
    at, _, view_id = cursor.partition("-")
    if int(at) >= 2**63 or int(view_id) >= 2**63:
        raise Invalid("This cursor was not made here.", field="cursor")
    return int(at), int(view_id)


def _item(reading: Reading, actor: Actor, prefix: str) -> dict[str, Any]:
    view = reading.view
    result = view.current.result
    here = f"{prefix}/views/{view.short_id}"
    return {
        **item_words(reading),
        **refresh_words(reading),
        "doors": view.doors,
        "project_id": view.project_id,
        "folder": view.folder,
        "insight_id": view.id if "insight" in view.doors else None,
        "endpoint_name": view.endpoint.name if view.endpoint else None,
        "endpoint_path": endpoint_path(view) if view.endpoint else None,
        "favorited": view.insight is not None and view.insight.favorited,
        "chart": view.version.chart,
        "is_mine": is_owner(actor, view),
        "can_edit": is_owner(actor, view),
        "column_count": len(result.columns) if result else None,
        "statement_id": view.current.id,
        "links": {
            "self": Link(href=here),
            "result": Link(href=f"{here}/result"),
            "refresh": Link(href=f"{here}/refresh", method="POST"),
        },
    }


def view_item(reading: Reading, actor: Actor, prefix: str) -> ViewItem:
    """A view in the list, as this actor sees it."""
    return ViewItem(**_item(reading, actor, prefix))


def view_detail(reading: Reading, actor: Actor, prefix: str) -> ViewDetail:
    """A view whole, as this actor sees it."""
    view = reading.view
    return ViewDetail(
        **_item(reading, actor, prefix),
        **detail_words(view),
        allowed_user_ids=view.allowed_user_ids if is_owner(actor, view) else None,
        sql=view.version.query.sql,
        params=view.version.params,
        parameters=parameters_out(view.version.query),
    )


def key_out(key: ApiKey) -> KeyOut:
    """A key as its holder and its maker see it."""
    return KeyOut(**_key(key))  # type: ignore[arg-type]


def key_created(key: ApiKey, secret: str) -> KeyCreated:
    """A key with its secret."""
    return KeyCreated(**_key(key), key=secret)  # type: ignore[arg-type]


def _key(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "prefix": key.prefix,
        "user": key.user,
        "label": key.label,
        "scopes": key.scopes,
        "project": key.project_id,
        "created_by": key.created_by,
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "last_used_at": iso(key.last_used_at),
    }
