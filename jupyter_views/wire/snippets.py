"""A view from other programs: texts to copy by open door, the same on every surface."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from ..core.following import offered
from ..core.model import View
from ..core.parameters import RANGES, Parameter, ParameterType
from ..core.references import Reference
from .asked_values import PREFIX, text_of
from .snippet_texts import VARIABLE, Address, Door, Language, texts_of


class SnippetsQuery(Struct, frozen=True, kw_only=True):
    """Query string of the snippets of a view."""

    server: (
        Annotated[
            str,
            Meta(
                pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
                max_length=2000,
                description="The server's address as its readers know it.",
            ),
        ]
        | None
    ) = None


class Snippet(Struct, frozen=True, kw_only=True):
    """One text to copy.

    Attributes
    ----------
    note
        What it takes to run it, in one sentence; None for nothing.
    scopes
        What its key needs.
    """

    language: Language
    label: str
    text: str
    note: str | None
    scopes: tuple[str, ...]


class DoorSnippets(Struct, frozen=True, kw_only=True):
    """What there is to copy for one open door.

    Attributes
    ----------
    name
        The view at that door: a slug, or a number.
    address
        Of its rows, with nothing behind it.
    note
        What its answers say of freshness, in one sentence.
    """

    door: str
    name: str
    address: str
    note: str
    snippets: tuple[Snippet, ...]


class SnippetsOut(Struct, frozen=True, kw_only=True):
    """What there is to copy for a view, by its open doors."""

    variable: str
    doors: tuple[DoorSnippets, ...]


def snippets_of(view: View, server: str, reference: Reference | None = None) -> SnippetsOut:
    """What there is to copy for a view.

    Parameters
    ----------
    server
        The server's address as readers know it, base address included.
    reference
        One that follows the view; None for none.
    """
    server = f"{server.rstrip('/')}/"
    values = _values(view)
    doors = (
        _perspective(view, server, values),
        _insight(view, server, values),
        _endpoint(view, server, values),
        _reference(reference, view, server),
    )
    return SnippetsOut(variable=VARIABLE, doors=tuple(_out(door) for door in doors if door))


def _values(view: View) -> dict[str, Any]:
    """The view's own values, by name; where it has none of its own, one to be changed."""
    own = view.version.params
    declared = {each.name: each for each in view.version.query.declared}
    values: dict[str, Any] = {}
    for name in view.version.query.inputs:
        if name in own:
            values[name] = own[name]
        elif (parameter := declared.get(name)) is not None:
            if parameter.default is not UNSET:
                values[name] = parameter.default
            elif parameter.is_required:
                values[name] = _example(parameter)
    return values


def _example(parameter: Parameter) -> Any:
    if parameter.options:
        return parameter.options[0]
    if parameter.min is not None and parameter.type not in RANGES:
        return parameter.min
    return _EXAMPLES.get(parameter.type, "TEXT")


_EXAMPLES: dict[ParameterType, Any] = {
    "number": 0,
    "integer": 0,
    "boolean": True,
    "date-picker": "today",
    "datetime-picker": "2026-01-31T12:00:00Z",
    "date-range": "today-7d/today",
    "datetime-range": "2026-01-30T12:00:00Z/2026-01-31T12:00:00Z",
}


def _perspective(view: View, server: str, values: dict[str, Any]) -> Door | None:
    if view.perspective is None:
        return None
    slug = view.perspective.slug
    rows = f"{server}views/api/v1/perspectives/{slug}/result"
    return _of_files("perspective", slug, rows, "perspective:read", server, values)


def _of_files(
    door: str, name: str, rows: str, scope: str, server: str, values: dict[str, Any]
) -> Door:
    """A door whose rows are files in every format."""
    query = _query(values)

    def file(format: str) -> Address:
        return Address(url=f"{rows}.{format}", query=query)

    return Door(
        door=door,
        name=name,
        address=rows,
        note="Answers carry ETag (send it as If-None-Match: rows that you have cost a 304) and, "
        "when the rows are out of date, Is-Stale: true with X-Stale-Reason.",
        scope=scope,
        server=server,
        rows="rows",
        json=file("json"),
        csv=file("csv"),
        arrow=file("arrow"),
        parquet=file("parquet"),
        values=values,
    )


def _insight(view: View, server: str, values: dict[str, Any]) -> Door | None:
    if "insight" not in view.doors:
        return None
    address = f"{server}views/api/projects/{view.project_id}/insights/{view.id}"
    query = [("refresh", "blocking")]
    if values:
        query.append(("variables_override", msgspec.json.encode(values).decode()))
    return Door(
        door="insight",
        name=str(view.id),
        address=address,
        note="refresh=blocking computes rows that are out of date before it answers; the JSON "
        "says is_stale, stale_reason and last_refresh.",
        scope="insight:read",
        server=server,
        rows="result",
        json=Address(url=address, query=tuple(query)),
        csv=Address(url=address, query=(("format", "csv"), *query)),
    )


def _endpoint(view: View, server: str, values: dict[str, Any]) -> Door | None:
    if view.endpoint is None or not view.endpoint.is_active:
        return None
    run = f"{server}views/api/projects/{view.project_id}/endpoints/{view.endpoint.name}/run"
    query = _query(values)
    return Door(
        door="endpoint",
        name=view.endpoint.name,
        address=run,
        note="Rows that are out of date are computed before the answer comes; it carries ETag "
        "(send it as If-None-Match: rows that you have cost a 304).",
        scope="endpoint:read",
        server=server,
        rows="results",
        json=Address(url=run, query=query),
        csv=Address(url=f"{run}.csv", query=query),
        arrow=Address(url=f"{run}.arrow", query=query),
        parquet=Address(url=f"{run}.parquet", query=query),
    )


def _reference(reference: Reference | None, view: View, server: str) -> Door | None:
    if reference is None:
        return None
    target = view if reference.pinned is None else replace(view, version=reference.pinned)
    chosen = {each.name for each in offered(reference, target)}
    values = {name: value for name, value in _values(target).items() if name in chosen}
    rows = f"{server}views/api/queries/refs/{reference.short_id}/result"
    return _of_files("reference", reference.short_id, rows, "query:read", server, values)


def _query(values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{PREFIX}{name}", text_of(value)) for name, value in values.items())


def _out(door: Door) -> DoorSnippets:
    return DoorSnippets(
        door=door.door,
        name=door.name,
        address=door.address,
        note=door.note,
        snippets=tuple(
            Snippet(language=language, label=label, text=text, note=note, scopes=(door.scope,))
            for language, label, text, note in texts_of(door)
        ),
    )
