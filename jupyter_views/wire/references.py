"""Query references as JSON: the dialect of their page."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.access import is_owner, shows_target
from ..core.errors import BadRequest, Invalid
from ..core.model import Actor, Version, View
from ..core.names import query_id_of, uuid_of
from ..core.parameters import Parameter
from ..core.reading import Reading
from ..core.references import NewReference, Reference, require_access_fits
from ..core.values import Moment, bound_one
from .asked_values import PREFIX
from .changes import given
from .fields import Name, People, Text, iso
from .parameters import (
    ParameterBody,
    Parameters,
    declared_from,
    keys_of,
    parameter_out,
    texts_of_address,
    value_of_texts,
)
from .queries import Cursor, PageLimit, place_in

Target = Annotated[str, Meta(min_length=1, max_length=100)]
VersionNumber = Annotated[int, Meta(ge=1, lt=2**31)]
_JSON_BYTES = 64 * 1024
_QREF = "qref_"
_NOT_TO_CHANGE = ("shortId", "queryId", "view", "version")
_WORDS = {"title", "description", "visualization", "is_public", "allowed_user_ids"}


class Margins(Struct, frozen=True, kw_only=True):
    """Room around a chart, in pixels."""

    top: float = 0
    right: float = 0
    bottom: float = 0
    left: float = 0


class Visualization(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a page shows the rows; what it says beside that is kept too.

    A ``type`` of line, bar, area or point is the mark of the chart on the
    permalink's page.
    """

    type: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    jsx_config: str | None | UnsetType = UNSET
    margin_config: Margins | None | UnsetType = UNSET


class ReferenceWords(Struct, frozen=True, kw_only=True, rename="camel"):
    """What may be said of a reference; what is absent stays."""

    title: Name | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    visualization: dict[str, Any] | None | UnsetType = UNSET
    parameters: Parameters | None | UnsetType = UNSET
    is_public: bool | UnsetType = UNSET
    allowed_user_ids: People | UnsetType = UNSET


class ReferenceCreate(ReferenceWords, frozen=True, kw_only=True, rename="camel"):
    """Body of a create: a query, or a view to follow."""

    query_id: Target | UnsetType = UNSET
    view: Target | UnsetType = UNSET
    version: VersionNumber | UnsetType = UNSET


class ReferenceUpdate(ReferenceWords, frozen=True, kw_only=True, rename="camel"):
    """Body of an update; what a reference points to, and its short id, cannot be changed."""

    short_id: Any = UNSET
    query_id: Any = UNSET
    view: Any = UNSET
    version: Any = UNSET


class ReferencesQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: PageLimit = 20
    cursor: Cursor | None = None


class CurrentQuery(Struct, frozen=True, kw_only=True):
    """What a reference points to now."""

    id: str
    sql: str


class ReferenceItem(Struct, frozen=True, kw_only=True, rename="camel"):
    """A reference in a list; ``currentQuery`` is null where it is no longer shown to its owner."""

    id: str
    short_id: str
    title: str
    description: str | None
    is_optimistic: bool
    created_by: str
    created_at: str
    updated_at: str
    current_query: CurrentQuery | None
    view: str | None
    version: int | None
    is_public: bool
    permalink: str


class ReferenceOut(ReferenceItem, frozen=True, kw_only=True, rename="camel"):
    """A reference whole."""

    visualization: dict[str, Any] | UnsetType = UNSET
    parameters: tuple[ParameterBody, ...] | UnsetType = UNSET
    allowed_user_ids: tuple[str, ...] | UnsetType = UNSET
    is_stale: bool | None = None
    stale_reason: str | None = None
    stale_sources: tuple[str, ...] = ()
    computed_at: str | None = None


class ReferencePage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of references, newest first; the last one has no ``nextCursor``."""

    items: tuple[ReferenceItem, ...]
    next_cursor: str | UnsetType = UNSET


class Tombstone(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is left of a reference that was deleted."""

    id: str
    short_id: str
    title: str
    description: str | None
    query_id: str
    created_at: str
    updated_at: str
    deleted_at: str | None


class ReferenceVersion(Struct, frozen=True, kw_only=True, rename="camel"):
    """One definition of what a reference points to."""

    version: int
    query_id: str
    sql: str
    note: str | None
    created_by: str
    created_at: str
    is_current: bool


class ReferenceVersions(Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of definitions, newest first."""

    items: tuple[ReferenceVersion, ...]
    next_cursor: str | UnsetType = UNSET


def new_reference(body: ReferenceCreate) -> NewReference:
    """A create in the core's words.

    Raises
    ------
    Invalid
        When it names neither a query nor a view, or both, or what cannot be one.
    """
    target = None if body.query_id is UNSET else body.query_id
    view = None if body.view is UNSET else body.view
    version = None if body.version is UNSET else body.version
    if target is None and view is None:
        raise Invalid(
            "queryId is required.", hint="Or name a view to follow: view.", field="queryId"
        )
    if target is not None and view is not None:
        raise Invalid("queryId or view, not both.", field="view")
    if target is not None and version is not None:
        raise Invalid("Only a view has versions.", hint="Send view with version.", field="version")
    if target is not None and query_id_of(target) is None and not target.startswith("stmt_"):
        raise Invalid("queryId is a UUID or the id of a statement.", field="queryId")
    words = reference_words(body)
    require_access_fits(view is not None, words)
    return NewReference(target=target, view=view, version=version, words=words)


def reference_change(body: ReferenceUpdate) -> dict[str, Any]:
    """An update in the core's words.

    Raises
    ------
    Invalid
        When it would change what cannot be changed.
    """
    said = msgspec.structs.asdict(body)
    for field in msgspec.structs.fields(ReferenceUpdate):
        if field.encode_name in _NOT_TO_CHANGE and said[field.name] is not UNSET:
            raise Invalid(
                f"{field.encode_name} is chosen once and stays.",
                hint="Make a new reference instead.",
                field=field.encode_name,
            )
    return reference_words(body)


def reference_words(body: ReferenceWords) -> dict[str, Any]:
    """What a body says of title, description, chart, parameters and readers."""
    words = {name: value for name, value in given(body).items() if name in _WORDS}
    if words.get("visualization") is not None:
        _check_visualization(words["visualization"])
    if body.parameters is not UNSET:
        declared = body.parameters
        words["declared"] = None if declared is None else declared_from(declared)
    return words


def _check_visualization(value: dict[str, Any]) -> None:
    _check_size(value, "visualization")
    try:
        msgspec.convert(value, Visualization)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise Invalid(f"{what}.", field=f"visualization{path.rstrip('`')}") from None


def _check_size(value: Any, field: str) -> None:
    if len(msgspec.json.encode(value)) > _JSON_BYTES:
        raise Invalid(f"{field} holds 64 KB at most.", field=field)


def place_of(cursor: str | None) -> int | None:
    """The number of the reference behind which a page begins."""
    place = place_in(cursor)
    if place is None:
        return None
    number = place.removeprefix(_QREF)
    if number == place or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise BadRequest("This cursor was not made here.")
    return int(number)


def version_in(cursor: str | None) -> int | None:
    """The number below which a page of versions begins."""
    place = place_in(cursor)
    if place is None:
        return None
    if not (place.isascii() and place.isdecimal()) or len(place) > 9:
        raise BadRequest("This cursor was not made here.")
    return int(place)


def wire_id(reference_id: int) -> str:
    """The key of a reference beside its short id."""
    return f"{_QREF}{reference_id}"


def values_asked(
    query: str, offered: tuple[Parameter, ...], target: View, moment: Moment
) -> dict[str, Any]:
    """The values of what a reference points to, with those that an address asks for.

    Raises
    ------
    Invalid
        When a name is not offered.
    InvalidParameters
        When a value is not what its parameter takes.
    """
    texts = texts_of_address(query, PREFIX, keep_blank=True)
    known = {key for each in offered for key in keys_of(each)}
    unknown = next((name for name in texts if name not in known), None)
    if unknown is not None:
        names = ", ".join(f"{PREFIX}{each.name}" for each in offered)
        raise Invalid(
            f"This reference has no parameter {unknown[:63]!r}.",
            hint=f"It has {names}." if names else "It has none that may be chosen.",
            field=f"{PREFIX}{unknown[:63]}",
        )
    values = dict(target.version.params)
    declared = {each.name for each in target.version.query.declared}
    for each in offered:
        value = value_of_texts(each, texts.get)
        if value is not UNSET:
            bound = bound_one(each, value, moment)
            values |= {each.name: value} if each.name in declared else bound
    return values


def item_out(reference: Reference, actor: Actor, prefix: str) -> ReferenceItem:
    """A reference in a list, as this actor sees it."""
    return ReferenceItem(**_item(reference, actor, prefix))


def reference_out(
    reference: Reference, actor: Actor, prefix: str, reading: Reading | None
) -> ReferenceOut:
    """A reference whole, as this actor sees it.

    Parameters
    ----------
    reading
        How fresh its rows are; None where that cannot be said.
    """
    told: dict[str, Any] = _item(reference, actor, prefix)
    if reference.visualization is not None:
        told["visualization"] = reference.visualization
    declared = reference.declared
    if declared is None and told["current_query"] is not None:
        declared = reference.query.declared
    if declared:
        told["parameters"] = tuple(map(parameter_out, declared))
    if is_owner(actor, reference) and reference.view is None:
        told["allowed_user_ids"] = reference.allowed_user_ids
    if reading is not None:
        result = reading.view.current.result
        told |= {
            "is_stale": reading.freshness.is_stale,
            "stale_reason": reading.freshness.reason,
            "stale_sources": reading.freshness.sources,
            "computed_at": iso(result.computed_at) if result else None,
        }
    return ReferenceOut(**told)


def _item(reference: Reference, actor: Actor, prefix: str) -> dict[str, Any]:
    view, current = reference.view, None
    if shows_target(actor, reference):
        query = reference.query
        current = CurrentQuery(id=uuid_of(query.id), sql=query.sql)
    followed = None
    if view is not None and current is not None:
        followed = view.perspective.slug if view.perspective else view.short_id
    return {
        "id": wire_id(reference.id),
        "short_id": reference.short_id,
        "title": reference.title,
        "description": reference.description,
        "is_optimistic": reference.is_optimistic,
        "created_by": reference.owner,
        "created_at": iso(reference.created_at) or "",
        "updated_at": iso(reference.updated_at) or "",
        "current_query": current,
        "view": followed,
        "version": reference.version,
        "is_public": view.is_public if view is not None else reference.is_public,
        "permalink": f"{prefix}/q/{reference.short_id}",
    }


def tombstone(reference: Reference) -> Tombstone:
    """What is left of a reference that was deleted."""
    return Tombstone(
        id=wire_id(reference.id),
        short_id=reference.short_id,
        title=reference.title,
        description=reference.description,
        query_id=uuid_of(reference.own.id),
        created_at=iso(reference.created_at) or "",
        updated_at=iso(reference.updated_at) or "",
        deleted_at=iso(reference.deleted_at),
    )


def version_out(version: Version, current: int) -> ReferenceVersion:
    """One definition of what a reference points to."""
    return ReferenceVersion(
        version=version.n,
        query_id=uuid_of(version.query.id),
        sql=version.query.sql,
        note=version.note,
        created_by=version.author,
        created_at=iso(version.created_at) or "",
        is_current=version.n == current,
    )
