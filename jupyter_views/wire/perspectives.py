"""Perspectives as JSON: the DataOS dialect."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.access import is_owner
from ..core.errors import Invalid, SlugImmutable
from ..core.model import Actor, NewView, View, ViewChange
from ..core.ports import Column, Progress
from ..core.views import Reading
from .fields import Limit, Link, Name, Offset, Pagination, People, Tags, Text, iso
from .statements import StatementError


class PerspectiveCreate(Struct, frozen=True, kw_only=True):
    """Body of a create."""

    name: Name
    statement_id: Annotated[str, Meta(min_length=1, max_length=100)]
    slug: Annotated[str, Meta(max_length=1000)] | None = None
    description: Text | None = None
    tags: Tags = ()
    auto_refresh: bool = True
    is_public: bool = False
    allowed_user_ids: People = ()
    notebook: dict[str, Any] | None = None
    note: Text | None = None


class PerspectiveUpdate(Struct, frozen=True, kw_only=True):
    """Body of an update: what is absent stays, null clears the description alone."""

    name: Name | UnsetType = UNSET
    statement_id: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    auto_refresh: bool | UnsetType = UNSET
    is_public: bool | UnsetType = UNSET
    allowed_user_ids: People | UnsetType = UNSET
    note: Text | UnsetType = UNSET


class CreateQuery(Struct, frozen=True, kw_only=True):
    """Query string of a create."""

    on_conflict: str | None = None


class PerspectivesQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: Limit = 50
    offset: Offset = 0
    is_public: bool | None = None
    owner: str | None = None
    tag: str | None = None
    q: str | None = None
    stale: bool | None = None


class ReadQuery(Struct, frozen=True, kw_only=True):
    """Query string of a read."""

    refresh: bool = False


class LastRefreshOut(Struct, frozen=True, kw_only=True):
    """How the newest refresh ended."""

    statement_id: str
    status: str
    error: StatementError | None
    at: str | None


class RefreshOut(Struct, frozen=True, kw_only=True):
    """The refresh under way."""

    statement_id: str
    status: str
    started_at: str | None
    progress: Progress | None


class PerspectiveItem(Struct, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A perspective in a list."""

    id: str
    perspective_id: str
    short_id: str
    slug: str
    name: str
    description: str | None
    tags: tuple[str, ...]
    terms: tuple[str, ...]
    owner: str
    is_public: bool
    allowed_user_ids: tuple[str, ...] | None
    auto_refresh: bool
    request_id: str
    version: int
    status: str
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    computed_at: str | None
    refreshed_at: str | None
    row_count: int | None
    created_at: str
    updated_at: str
    created_by: str
    updated_by: str
    links: dict[str, Link]


class PerspectiveDetail(PerspectiveItem, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A perspective with its definition."""

    sql_query: str
    base_dir: str | None
    frames: dict[str, str] | None
    normalized_sql: str
    params: dict[str, Any]
    depends_on: tuple[str, ...]
    sources: tuple[str, ...]
    gateway: str
    query_type: str
    meta: dict[str, Any] | None
    notebook: dict[str, Any] | None
    refreshable: bool
    max_staleness_seconds: int | None
    columns: tuple[Column, ...] | None
    truncated: bool
    size_bytes: int | None
    refresh: RefreshOut | None
    last_refresh: LastRefreshOut | None


class PerspectivePage(Struct, frozen=True, kw_only=True):
    """A list of perspectives."""

    items: tuple[PerspectiveItem, ...]
    pagination: Pagination


def new_view(body: PerspectiveCreate) -> NewView:
    """A create in the core's words."""
    return msgspec.convert(msgspec.structs.asdict(body), NewView)


def view_change(body: PerspectiveUpdate, slug: str) -> ViewChange:
    """An update in the core's words.

    Raises
    ------
    SlugImmutable
        When the body carries another slug than the address.
    """
    given = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    if given.pop("slug", slug) != slug:
        raise SlugImmutable("A slug is chosen once and stays.", field="slug")
    note = given.pop("note", None)
    return ViewChange(fields=given, statement_id=given.pop("statement_id", None), note=note)


def owner_filter(owner: str | None, actor: Actor) -> str | None:
    """``owner=me`` means the actor."""
    return actor.name if owner == "me" else owner


def suffix_if_taken(on_conflict: str | None) -> bool:
    """``on_conflict=suffix`` takes the first free slug instead of a 409."""
    if on_conflict not in {None, "suffix", "error"}:
        raise Invalid("on_conflict is suffix or error.", field="on_conflict")
    return on_conflict == "suffix"


def _links(view: View, prefix: str, reading: Reading) -> dict[str, Link]:
    assert view.perspective is not None
    here = f"{prefix}/perspectives/{view.perspective.slug}"
    links = {
        "self": Link(href=here),
        "result": Link(href=f"{here}/result"),
        "refresh": Link(href=f"{here}/refresh", method="POST"),
        "statement_detail": Link(href=f"{prefix}/statements/{view.current.id}"),
    }
    if reading.refresh is not None:
        links["refresh_statement"] = Link(href=f"{prefix}/statements/{reading.refresh.id}")
    return links


def _common(reading: Reading, actor: Actor, prefix: str) -> dict[str, Any]:
    view = reading.view
    assert view.perspective is not None
    result = view.current.result
    return {
        "id": view.perspective.id,
        "perspective_id": view.perspective.id,
        "short_id": view.short_id,
        "slug": view.perspective.slug,
        "name": view.name,
        "description": view.description,
        "tags": view.tags,
        "terms": (),
        "owner": view.owner,
        "is_public": view.is_public,
        "allowed_user_ids": view.allowed_user_ids if is_owner(actor, view) else None,
        "auto_refresh": view.auto_refresh,
        "request_id": view.current.id,
        "version": view.version.n,
        "status": reading.status,
        "is_stale": reading.freshness.is_stale,
        "stale_reason": reading.freshness.reason,
        "stale_sources": reading.freshness.sources,
        "computed_at": iso(result.computed_at) if result else None,
        "refreshed_at": iso(view.refreshed_at),
        "row_count": result.row_count if result else None,
        "created_at": iso(view.created_at) or "",
        "updated_at": iso(view.updated_at) or "",
        "created_by": view.created_by,
        "updated_by": view.updated_by,
        "links": _links(view, prefix, reading),
    }


def item_out(reading: Reading, actor: Actor, prefix: str) -> PerspectiveItem:
    """A perspective in a list, as this actor sees it."""
    return PerspectiveItem(**_common(reading, actor, prefix))


def detail_out(
    reading: Reading, actor: Actor, prefix: str, base_dir: str | None
) -> PerspectiveDetail:
    """A perspective whole, as this actor sees it.

    Whom it is shared with, and what running it again takes (the folder that
    its file names start from, its frames), only its owner learns.
    """
    view = reading.view
    query = view.version.query
    result = view.current.result
    sources = tuple(read.name for read in query.reads)
    return PerspectiveDetail(
        **_common(reading, actor, prefix),
        sql_query=query.sql,
        base_dir=base_dir if is_owner(actor, view) else None,
        frames=query.frames if is_owner(actor, view) else None,
        normalized_sql=query.normalized_sql,
        params=view.version.params,
        depends_on=sources,
        sources=sources,
        gateway=query.connection,
        query_type="sql",
        meta=view.current.meta if is_owner(actor, view) else None,
        notebook=view.notebook,
        refreshable=True,
        max_staleness_seconds=None,
        columns=result.columns if result else None,
        truncated=bool(result and result.truncated),
        size_bytes=result.size_bytes if result else None,
        refresh=refresh_out(reading),
        last_refresh=last_refresh_out(view),
    )


def refresh_out(reading: Reading) -> RefreshOut | None:
    """The refresh under way, if one is."""
    running = reading.refresh
    if running is None:
        return None
    return RefreshOut(
        statement_id=running.id,
        status=running.status,
        started_at=iso(running.started_at),
        progress=running.progress,
    )


def last_refresh_out(view: View) -> LastRefreshOut | None:
    """How the newest refresh ended, if there was one."""
    last = view.last_refresh
    if last is None:
        return None
    return LastRefreshOut(
        statement_id=last.statement_id,
        status=last.status,
        error=msgspec.convert(last.error, StatementError) if last.error else None,
        at=iso(last.at),
    )
