"""Perspectives as JSON: the DataOS dialect."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from ..core.access import is_owner
from ..core.errors import Invalid, SlugImmutable
from ..core.model import Actor, Rule, View
from ..core.ports import Column
from ..core.reading import Reading
from ..core.requests import Door, NewView, ViewChange
from .changes import RuleFields, ViewUpdate, given, rule_from, view_change
from .fields import Limit, Link, Name, Offset, Pagination, People, Tags, Text, iso
from .parameters import ParameterBody, parameters_out
from .readings import (
    LastRefreshOut,
    ReadingItem,
    RefreshOut,
    detail_words,
    item_words,
    refresh_words,
)


class PerspectiveCreate(RuleFields, frozen=True, kw_only=True):
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
    folder: Name | None = None
    doors: Annotated[tuple[Door, ...], Meta(max_length=3)] = ("perspective",)


class PerspectiveUpdate(ViewUpdate, frozen=True, kw_only=True):
    """Body of an update: what is absent stays, null clears the description and rule fields."""

    statement_id: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    slug: str | UnsetType = UNSET
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


class PerspectiveItem(ReadingItem, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A perspective in a list."""

    id: str
    perspective_id: str
    slug: str
    terms: tuple[str, ...]
    allowed_user_ids: tuple[str, ...] | None
    request_id: str
    refreshed_at: str | None
    created_by: str
    updated_by: str
    links: dict[str, Link]


class PerspectiveDetail(PerspectiveItem, frozen=True, kw_only=True, rename={"links": "_links"}):
    """A perspective with its definition and its freshness rule."""

    sql_query: str
    base_dir: str | None
    frames: dict[str, str] | None
    normalized_sql: str
    params: dict[str, Any]
    parameters: tuple[ParameterBody, ...]
    depends_on: tuple[str, ...]
    sources: tuple[str, ...]
    upstreams: tuple[str, ...]
    gateway: str
    query_type: str
    meta: dict[str, Any] | None
    notebook: dict[str, Any] | None
    refreshable: bool
    age_seconds: int | None
    timezone: str
    max_staleness_seconds: int | None
    changed_when: str | None
    strict: bool
    key: tuple[str, ...] | None
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
    return replace(msgspec.convert(given(body), NewView), rule=rule_from(body, Rule()))


def perspective_change(body: PerspectiveUpdate, view: View) -> ViewChange:
    """An update in the core's words.

    Raises
    ------
    SlugImmutable
        When the body carries another slug than the perspective has.
    """
    assert view.perspective is not None
    if body.slug not in {UNSET, view.perspective.slug}:
        raise SlugImmutable("A slug is chosen once and stays.", field="slug")
    said = given(body)
    return replace(
        view_change(body, view), statement_id=said.get("statement_id"), note=said.get("note")
    )


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


def _item(reading: Reading, actor: Actor, prefix: str) -> dict[str, Any]:
    view = reading.view
    assert view.perspective is not None
    return {
        **item_words(reading),
        "id": view.perspective.id,
        "perspective_id": view.perspective.id,
        "terms": (),
        "allowed_user_ids": view.allowed_user_ids if is_owner(actor, view) else None,
        "request_id": view.current.id,
        "refreshed_at": iso(view.refreshed_at),
        "created_by": view.created_by,
        "updated_by": view.updated_by,
        "links": _links(view, prefix, reading),
    }


def item_out(reading: Reading, actor: Actor, prefix: str) -> PerspectiveItem:
    """A perspective in a list, as this actor sees it."""
    return PerspectiveItem(**_item(reading, actor, prefix))


def detail_out(
    reading: Reading, actor: Actor, prefix: str, base_dir: str | None
) -> PerspectiveDetail:
    """A perspective whole, as this actor sees it.

    Whom it is shared with, and what running it again takes (the folder that
    its file names start from, its frames), only its owner learns.
    """
    view = reading.view
    query = view.version.query
    is_mine = is_owner(actor, view)
    return PerspectiveDetail(
        **_item(reading, actor, prefix),
        **detail_words(view),
        **refresh_words(reading),
        sql_query=query.sql,
        base_dir=base_dir if is_mine else None,
        frames=query.frames if is_mine else None,
        normalized_sql=query.normalized_sql,
        params=view.version.params,
        parameters=parameters_out(query),
        depends_on=tuple(read.name for read in query.reads),
        gateway=query.connection,
        query_type="sql",
        meta=view.current.meta if is_mine else None,
        notebook=view.notebook,
        refreshable=True,
    )
