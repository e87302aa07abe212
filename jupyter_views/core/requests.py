"""What people ask of views, in the core's words."""

from __future__ import annotations

from typing import Any, Literal, get_args

from msgspec import Struct, field

from .model import Instant, Rule, Statement

Door = Literal["perspective", "insight", "endpoint"]
ViewStatus = Literal["fresh", "stale", "refreshing", "failed", "never_run"]
DOORS: tuple[Door, ...] = get_args(Door)


class ViewFilter(Struct, frozen=True, kw_only=True):
    """What a list of views is narrowed to; None or empty means no condition."""

    search: str | None = None
    is_public: bool | None = None
    owner: str | None = None
    tag: str | None = None
    door: str | None = None
    folder: str | None = None
    is_favorited: bool | None = None
    status: ViewStatus | None = None


class NewView(Struct, frozen=True, kw_only=True):
    """What a person says about a view when saving it."""

    name: str
    statement_id: str
    slug: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    auto_refresh: bool = True
    is_public: bool = False
    allowed_user_ids: tuple[str, ...] = ()
    notebook: dict[str, Any] | None = None
    note: str | None = None
    rule: Rule = Rule()
    folder: str | None = None
    doors: tuple[Door, ...] = ("perspective",)


class ViewChange(Struct, frozen=True, kw_only=True):
    """New values by field name; what is absent stays.

    ``fields`` may hold name, description, tags, folder, is_public,
    auto_refresh, allowed_user_ids and chart, ``rule`` the fields of the view's
    :class:`~.model.Rule`, ``insight`` those of its insight door, ``endpoint``
    those of its endpoint door.

    Attributes
    ----------
    statement_id
        Swaps definition and result for those of a finished statement.
    planned
        Swaps the definition alone, for one that nobody has run.
    query_object
        The definition as the client wrote it, where it has words of its own.
    dashboards
        The dashboards that it is on from now on; None leaves them.
    through
        The door that it came through, where the log tells of that door.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    rule: dict[str, Any] = field(default_factory=dict)
    insight: dict[str, Any] = field(default_factory=dict)
    endpoint: dict[str, Any] = field(default_factory=dict)
    through: Door | None = None
    statement_id: str | None = None
    planned: Statement | None = None
    query_object: dict[str, Any] | None = None
    note: str | None = None
    dashboards: tuple[int, ...] | None = None


class NewInsight(Struct, frozen=True, kw_only=True):
    """What a person says about an insight when making it; a query may come later.

    Attributes
    ----------
    planned
        The checked definition; None without a query.
    query_object
        The definition as the client wrote it.
    dashboards
        The dashboards that it is put on.
    """

    name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    folder: str | None = None
    derived_name: str | None = None
    order: int | None = None
    favorited: bool = False
    saved: bool = True
    planned: Statement | None = None
    query_object: dict[str, Any] | None = None
    dashboards: tuple[int, ...] = ()


class NewEndpoint(Struct, frozen=True, kw_only=True):
    """What a person says about an endpoint when making it.

    Attributes
    ----------
    name
        Checked; see :func:`~.names.checked_endpoint_name`.
    planned
        The checked definition.
    query_object
        The definition as the client wrote it.
    """

    name: str
    planned: Statement
    query_object: dict[str, Any]
    description: str | None = None
    tags: tuple[str, ...] = ()
    is_active: bool = True
    is_materialized: bool = False
    derived_from_insight: str | None = None
    rule: Rule = Rule()


class EndpointFilter(Struct, frozen=True, kw_only=True):
    """What a list of endpoints is narrowed to; None is no condition."""

    project_id: int
    is_active: bool | None = None
    created_by: tuple[str, ...] | None = None


class InsightFilter(Struct, frozen=True, kw_only=True):
    """What a list of insights is narrowed to, and its order; None or empty is no condition.

    Attributes
    ----------
    reader
        Who asks: dashboards that they may not open do not count.
    tags
        Any of them.
    dashboards
        All of them.
    wrapped
        True for those whose query object wraps its SQL in a node, False for
        bare ones.
    modified, created, viewed
        Instants after the first and before the second; None for an open end.
    order
        Column, and whether the greatest comes first.
    """

    project_id: int
    reader: str = ""
    short_id: str | None = None
    search: str | None = None
    created_by: tuple[str, ...] | None = None
    is_favorited: bool = False
    is_saved: bool | None = None
    tags: tuple[str, ...] = ()
    dashboards: tuple[int, ...] = ()
    wrapped: bool | None = None
    modified: tuple[Instant | None, Instant | None] = (None, None)
    created: tuple[Instant | None, Instant | None] = (None, None)
    viewed: tuple[Instant | None, Instant | None] = (None, None)
    order: tuple[str, bool] = ("order", False)
