"""What the page of a link says: words, table, ways to the next page. No markup is made here."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct, field
from msgspec.structs import asdict, replace

from ..core.links import LinkSettings
from ..core.model import Instant, Result
from ..core.ports import Column
from ..core.reading import Reading
from ..core.results import Table
from .fields import iso
from .insights import InsightOut
from .linked_words import age, banner, date_words, day_and_time
from .visitor_values import InputOut

PAGE_ROWS = 100
NO_NAME = "(no name)"
_COLLABORATORS_EDIT = 37
FLAGS = (
    "whitelabel", "no_header", "show_inspector", "legend", "detailed", "hide_extra_details",
)  # fmt: skip
_NUMBERS = frozenset({"integer", "decimal", "double"})
TileKey = Annotated[
    int, Meta(ge=1, lt=2**31, description="One tile of a dashboard; not needed elsewhere.")
]


class PageQuery(Struct, frozen=True, kw_only=True):
    """Query string of a link's page."""

    page: Annotated[str, Meta(description="Counts from 1; of rows a hundred, of tiles six.")] = "1"
    sort: Annotated[str, Meta(description="Name of the column that orders the rows.")] | None = None
    desc: Annotated[str, Meta(description="`1` for the greatest first.")] = ""
    refresh: (
        Annotated[str, Meta(description="`async` or `blocking`; nothing else forces work.")] | None
    ) = None
    tile: TileKey | None = None

    @property
    def kept(self) -> dict[str, str]:
        """What every other address of this page says too."""
        return {} if self.tile is None else {"tile": str(self.tile)}

    def with_values(self, values: dict[str, str]) -> ChosenQuery:
        """The same page with values that its visitor chose."""
        return ChosenQuery(**asdict(self), values=values)

    @property
    def number(self) -> int:
        """The wanted page; the first where none that could be is named."""
        is_number = self.page.isascii() and self.page.isdecimal() and len(self.page) < 10
        return max(1, int(self.page)) if is_number else 1


class ChosenQuery(PageQuery, frozen=True, kw_only=True):
    """The query string of a page whose visitor chose values, as other addresses say them."""

    values: dict[str, str]

    @property
    def kept(self) -> dict[str, str]:
        """The values too."""
        return super().kept | self.values


class LinkQuery(Struct, frozen=True, kw_only=True):
    """Query string of a link's JSON."""

    refresh: str | None = None
    tile: TileKey | None = None


class LinkPictureQuery(LinkQuery, frozen=True, kw_only=True):
    """Query string of a link's chart alone."""

    theme: Literal["light", "dark"] = "light"


class LinkRowsQuery(LinkQuery, frozen=True, kw_only=True):
    """Query string of a link's rows as a file."""

    guard: bool = True
    bom: bool = False


class Unlock(Struct, frozen=True, kw_only=True):
    """What opens a link that asks for a password."""

    password: str = ""


class Unlocked(Struct, frozen=True, kw_only=True, rename="camel"):
    """A proof of the password for a day, to be sent as ``Authorization: Bearer``."""

    share_token: str


class SharedOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The page of a link for programs. ``insight`` comes first, for the sake of its rows."""

    insight: InsightOut
    type: str
    access_token: str = field(name="accessToken")
    themes: tuple[str, ...]
    whitelabel: bool = False
    no_header: bool = field(default=False, name="noHeader")
    show_inspector: bool = field(default=False, name="showInspector")
    legend: bool = False
    detailed: bool = False
    hide_extra_details: bool = field(default=False, name="hideExtraDetails")


class HeaderOut(Struct, frozen=True, kw_only=True):
    """A column's header; its link sorts by it, the other way round where it does already."""

    name: str
    is_number: bool
    sorted: str | None
    href: str


class TableOut(Struct, frozen=True, kw_only=True):
    """A page of rows with the ways to its neighbours."""

    caption: str
    headers: tuple[HeaderOut, ...]
    rows: list[list[str | None]]
    notes: tuple[str, ...]
    pages: str
    previous: str | None
    next: str | None


class PictureOut(Struct, frozen=True, kw_only=True):
    """The chart as pictures within the page: addresses that hold them, and what they show.

    Attributes
    ----------
    light
        None where it is too large for a page.
    dark
        For dark pages; None where one picture serves both.
    is_on_paper
        It serves dark pages too, so that it needs a light ground.
    href
        The picture alone.
    """

    light: str | None
    dark: str | None
    is_on_paper: bool
    href: str
    summary: str


class PageOut(Struct, frozen=True, kw_only=True):
    """Everything that the page of a link says.

    Attributes
    ----------
    parent
        Name of the dashboard of which it is a tile.
    dates
        The date range that its dashboard sets.
    inputs
        The values that the visitor may choose.
    is_chosen
        Some are other than the owner's.
    """

    parent: str | None
    dates: str | None
    inputs: tuple[InputOut, ...]
    is_chosen: bool
    name: str
    description: str | None
    status: str
    banner: str | None
    computed_at: str | None
    computed: str | None
    age: str | None
    owner: str | None
    sql: str | None
    picture: PictureOut | None
    table: TableOut | None
    downloads: tuple[tuple[str, str], ...]
    theme: str
    has_header: bool
    has_footer: bool


def page_window(query: PageQuery, result: Result) -> dict[str, Any]:
    """Which rows are wanted: only a column that is there sorts, and only a page that is there."""
    last = max(1, -(-result.row_count // PAGE_ROWS))
    is_known = any(column.name == query.sort for column in result.columns)
    return {
        "limit": PAGE_ROWS,
        "offset": (min(query.number, last) - 1) * PAGE_ROWS,
        "sort": query.sort if is_known else None,
        "is_descending": is_known and query.desc == "1",
    }


def visitors_insight(insight: InsightOut, settings: LinkSettings) -> InsightOut:
    """An insight as its owner lets visitors see it: no SQL and no names unless they are shown."""
    hidden: dict[str, Any] = {
        "query_status": None,
        "stale_sources": (),
        "folder": None,
        "dashboards": (),
        "dashboard_tiles": (),
        "last_viewed_at": None,
        "effective_restriction_level": _COLLABORATORS_EDIT,
    }
    if settings.show_sql is not True:
        hidden |= dict.fromkeys(("query", "hogql", "filters_hash"))
    if settings.owner_name is not True or settings.hide_extra_details is True:
        hidden |= dict.fromkeys(("created_by", "last_modified_by"))
    if settings.hide_extra_details is True:
        hidden |= dict.fromkeys(("created_at", "last_modified_at"))
    if settings.table is False and settings.downloads is not True:
        hidden |= dict.fromkeys(("result", "columns", "types", "has_more"))
    return replace(insight, **hidden)


def shared_out(
    insight: InsightOut, settings: LinkSettings, token: str, *, is_embedded: bool
) -> SharedOut:
    """The page of a link for programs."""
    return SharedOut(
        insight=insight,
        type="embed" if is_embedded else "scene",
        access_token=token,
        themes=(),
        **{name: True for name in FLAGS if getattr(settings, name) is True},
    )


def page_out(
    reading: Reading,
    settings: LinkSettings,
    query: PageQuery,
    table: Table | None,
    picture: PictureOut | None,
    *,
    path: str,
    now: Instant,
    parent: str | None = None,
    dates: dict[str, str | None] | None = None,
    inputs: tuple[InputOut, ...] = (),
) -> PageOut:
    """The page of a view as its owner lets visitors see it.

    Parameters
    ----------
    table, picture
        None where the settings hide it, or where there are no rows.
    path
        Of the link, for its downloads.
    parent, dates
        The dashboard of which it is a tile, and its date range.
    inputs
        The form of values that the visitor may choose.
    """
    view, result = reading.view, reading.view.current.result
    computed_at = result.computed_at if result is not None else None
    formats = [("CSV", "csv"), ("JSON", "json")] if settings.downloads is True else []
    return PageOut(
        parent=parent,
        dates=date_words(dates),
        inputs=inputs,
        is_chosen=isinstance(query, ChosenQuery) and bool(query.values),
        name=view.title,
        description=view.description,
        status=reading.status,
        banner=banner(reading),
        computed_at=iso(computed_at),
        computed=None if computed_at is None else day_and_time(computed_at),
        age=None if computed_at is None else age(computed_at, now),
        owner=view.owner if settings.owner_name is True else None,
        sql=view.version.query.sql if settings.show_sql is True else None,
        picture=picture,
        table=None
        if table is None
        else table_out(table, query, is_truncated=bool(result and result.truncated)),
        downloads=tuple((word, f"{path}.{kind}{suffix(query)}") for word, kind in formats),
        theme=settings.theme if isinstance(settings.theme, str) else "system",
        has_header=settings.no_header is not True,
        has_footer=settings.whitelabel is not True,
    )


def suffix(query: PageQuery) -> str:
    """What the addresses of the files of this page end with."""
    return address(query.kept) if query.kept else ""


def table_out(table: Table, query: PageQuery, *, is_truncated: bool) -> TableOut:
    """A page of rows, with the ways from it."""
    number = table.offset // PAGE_ROWS + 1
    last = max(1, -(-table.total // PAGE_ROWS))
    is_sorted = any(column.name == query.sort for column in table.columns)
    ordered = {"sort": query.sort or "", "desc": query.desc} if is_sorted else {}

    def page(at: int) -> str:
        return address(query.kept | ordered | {"page": str(at) if at > 1 else ""})

    return TableOut(
        caption=_caption(table),
        headers=_headers(table.columns, query),
        rows=[[_cut(text, table.cell_chars) for text in row] for row in table.rows],
        notes=tuple(_notes(table, is_truncated)),
        pages=f"Page {number:,} of {last:,}",
        previous=page(number - 1) if number > 1 else None,
        next=page(number + 1) if number < last else None,
    )


def _headers(columns: tuple[Column, ...], query: PageQuery) -> tuple[HeaderOut, ...]:
    made, seen = [], set()
    for column in columns:
        # Of several columns with one name the first one sorts.
        is_key = column.name == query.sort and column.name not in seen
        seen.add(column.name)
        is_down = is_key and query.desc == "1"
        turned = "1" if is_key and not is_down else ""
        made.append(
            HeaderOut(
                name=column.name if column.name.strip() else NO_NAME,
                is_number=column.type in _NUMBERS,
                sorted=("descending" if is_down else "ascending") if is_key else None,
                href=address(query.kept | {"sort": column.name, "desc": turned}),
            )
        )
    return tuple(made)


def address(values: dict[str, str]) -> str:
    """Another address of the same page; what is empty is left out."""
    return "?" + urlencode({name: value for name, value in values.items() if value})


def _caption(table: Table) -> str:
    if not table.rows:
        return "No rows"
    first, last = table.offset + 1, table.offset + len(table.rows)
    if (first, last) == (1, table.total):
        return "1 row" if table.total == 1 else f"{table.total:,} rows"
    return f"Rows {first:,} to {last:,} of {table.total:,}"


def _notes(table: Table, is_truncated: bool) -> list[str]:
    notes = []
    if is_truncated:
        notes.append("Truncated: the query gives more rows than are kept.")
    if table.hidden_columns:
        notes.append(f"{table.hidden_columns:,} more columns are not shown.")
    return notes


def _cut(text: str | None, chars: int) -> str | None:
    return text if text is None or len(text) <= chars else text[:chars] + "…"
