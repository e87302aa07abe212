"""A view as text and as HTML: header with its freshness, first rows, notes.

Pure functions over what the server sent. Every name and every cell is text:
escaped for HTML, and without control characters for a terminal. The HTML has
no script, no style sheet and no outside address, so that it survives
nbconvert, GitHub and editors; its colours follow the surroundings.
"""

from __future__ import annotations

import html
import json
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

MOST_ROWS = 20
MOST_COLUMNS = 20
MOST_CHARACTERS = 200
_TEXT_WIDTH = 40
_SHAPES = {"fresh": "●", "stale": "◐", "refreshing": "⟳", "failed": "▲", "never_run": "○"}
_WORDS = {
    "fresh": "Fresh",
    "stale": "Stale",
    "refreshing": "Refreshing",
    "failed": "Failed",
    "never_run": "Never run",
}
_REASONS = {
    "source_changed": "a source changed",
    "definition_changed": "the definition changed",
    "age": "older than its limit",
    "ttl": "older than its limit",
    "upstream_view": "a view that it reads changed",
    "unverifiable": "its sources cannot be checked",
    "unknown": "its sources cannot be checked",
    "never_run": "it never ran",
    "bound_exceeded": "much older than its limit",
}
_NOTICED = frozenset({"source_changed", "definition_changed", "upstream_view"})
_NUMBERS = frozenset({"integer", "decimal", "double"})
_LINE = "1px solid var(--jp-border-color2, rgba(128,128,128,.35))"
_CELL = f"padding:2px 8px;border-bottom:{_LINE};white-space:pre-wrap;vertical-align:top"
_COMMAND = "margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere"
_DIM = "opacity:.65"


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is shown of one view.

    Attributes
    ----------
    facts
        The perspective object, or a row of the list of views.
    window
        JSON result: ``cols``, ``types``, ``rows``, ``total_row_count``; None hides the table.
    seconds
        How long the run took that this card shows.
    notes
        Sentences under the table.
    command
        What to type in a shell, lines as they are.
    links
        (word, address) pairs under the notes.
    """

    facts: dict[str, Any]
    window: dict[str, Any] | None = None
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    command: str = ""
    links: tuple[tuple[str, str], ...] = ()
    most_rows: int = MOST_ROWS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def moment(text: str | None) -> datetime | None:
    """An instant of the wire (ISO 8601 with Z)."""
    return datetime.fromisoformat(text) if text else None


def age(then: datetime, now: datetime) -> str:
    """How long ago, in the one wording of all surfaces."""
    seconds = (now - then).total_seconds()
    if seconds < 5:
        return "just now"
    for size, word, bound in ((1, "s", 60), (60, "min", 3600), (3600, "h", 86400)):
        if seconds < bound:
            return f"{int(seconds // size)} {word} ago"
    return then.astimezone().strftime("%Y-%m-%d")


def exact(then: datetime) -> str:
    """An instant in UTC and in local time, to the second."""
    local = then.astimezone()
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {local:%Y-%m-%d %H:%M:%S} {local:%Z}"


def duration(seconds: float) -> str:
    """A duration as people read it: 8 ms, 0.3 s, 12 s, 2 min 5 s, 3 h 20 min, 2 d 4 h."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = int(seconds)
    for size, word, lesser, lesser_word in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
    ):
        if whole >= size:
            return f"{whole // size} {word} {whole % size // lesser} {lesser_word}"
    return f"{whole // 60} min {whole % 60} s"


def why_stale(facts: dict[str, Any]) -> str:
    """The reason as a phrase: "events.parquet changed"."""
    names = [plain(str(name)) for name in facts.get("stale_sources") or ()]
    reason = facts.get("stale_reason") or "unknown"
    if not names:
        return _REASONS.get(reason, reason.replace("_", " "))
    what = "the view " if reason == "upstream_view" else ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{what}{(', ' if more else ' and ').join(names[:2])}{more} changed"


def status_words(facts: dict[str, Any], now: datetime) -> str:
    """One of the five words, with what a reader wants to know about it."""
    status = str(facts.get("status") or "never_run")
    word = _WORDS.get(status, status.capitalize())
    if status == "stale":
        return f"{word}: {stale_words(facts, now)}"
    if status == "refreshing":
        started = moment((facts.get("refresh") or {}).get("started_at"))
        seconds = max(0, int((now - started).total_seconds())) if started else None
        return word if seconds is None else f"{word} {seconds} s"
    if status == "failed":
        words, computed = failed_words(facts, now), moment(facts.get("computed_at"))
        return f"{words}. Rows below are from {computed.astimezone():%H:%M}" if computed else words
    return word


def stale_words(facts: dict[str, Any], now: datetime) -> str:
    """Why it is stale and since when: "events.parquet changed 4 min ago"."""
    words, since = why_stale(facts), moment(facts.get("stale_since"))
    # A change that nobody noticed before this very look is not known to be new.
    if facts.get("stale_reason") in _NOTICED and since and (now - since).total_seconds() >= 5:
        words += f" {age(since, now)}"
    return f"{words}, longer than allowed" if facts.get("max_staleness_exceeded") else words


def failed_words(facts: dict[str, Any], now: datetime) -> str:
    """When the last refresh failed, and how: "Failed 2 min ago: There is no file orders.csv"."""
    last = facts.get("last_refresh") or {}
    at, error = moment(last.get("at")), last.get("error") or {}
    message = plain(str(error.get("message") or "")).split("\n", 1)[0].rstrip(".")
    words = f"{_WORDS['failed']} {age(at, now)}" if at else _WORDS["failed"]
    return f"{words}: {message}" if message else words


def size_words(facts: dict[str, Any], window: dict[str, Any] | None = None) -> str:
    """ "336,776 rows × 19 columns", with the mark of a cut result."""
    rows = facts.get("row_count")
    columns = facts.get("columns") or (window or {}).get("cols")
    if rows is None and window is not None:
        rows = window.get("total_row_count")
    if rows is None:
        return ""
    words = f"{rows:,} row{'' if rows == 1 else 's'}"
    if columns is not None:
        words += f" × {len(columns)} column{'' if len(columns) == 1 else 's'}"
    truncated = facts.get("truncated") or (window or {}).get("truncated")
    return words + (", Truncated" if truncated else "")


def headline(facts: dict[str, Any], now: datetime | None = None) -> str:
    """Status, size and age on one line."""
    now = now or datetime.now(UTC)
    computed = moment(facts.get("computed_at"))
    parts = [status_words(facts, now), size_words(facts)]
    if computed is not None:
        parts.append(age(computed, now))
    return ", ".join(part for part in parts if part)


def plain(text: str) -> str:
    """Text without control and direction characters, which a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        c
        if c.isprintable() or unicodedata.category(c) in {"Zs", "Mn", "Mc"}
        else c.encode("unicode_escape").decode()
        for c in text
    )


def cell_text(value: Any) -> str | None:
    """A JSON value as it stands in a cell, cut at 200 characters; None for NULL."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (dict, list)):
        text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    elif isinstance(value, Decimal):
        text = f"{value:f}"
    else:
        text = str(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _head_parts(card: Card) -> list[str]:
    parts = [status_words(card.facts, card.now), size_words(card.facts, card.window)]
    computed = moment(card.facts.get("computed_at"))
    if card.seconds is not None:
        parts.append(duration(card.seconds))
    elif computed is not None:
        parts.append(age(computed, card.now))
    return [part for part in parts if part]


def _visible(card: Card) -> tuple[list[str], list[bool], list[list[Any]], str]:
    """Shown column names, which are numbers, shown rows, and what is left out in words."""
    window = card.window or {}
    names = [str(name) for name in window.get("cols") or ()]
    types = [str(each.get("type")) for each in window.get("types") or ()]
    numeric = [kind in _NUMBERS for kind in types] or [False] * len(names)
    rows = list[list[Any]](window.get("rows") or ())[: min(card.most_rows, MOST_ROWS)]
    total = window.get("total_row_count")
    total = card.facts.get("row_count") if total is None else total
    left = []
    if total is not None and total > len(rows):
        left.append(f"{total - len(rows):,} more row{'' if total - len(rows) == 1 else 's'}")
    if len(names) > MOST_COLUMNS:
        left.append(f"{len(names) - MOST_COLUMNS} more columns")
    shown = [row[:MOST_COLUMNS] for row in rows]
    return names[:MOST_COLUMNS], numeric[:MOST_COLUMNS], shown, " and ".join(left)


def to_html(card: Card) -> str:
    """The card as HTML without script."""
    status = str(card.facts.get("status") or "never_run")
    computed = moment(card.facts.get("computed_at"))
    title = f' title="Computed {html.escape(exact(computed))}"' if computed else ""
    first, *others = _head_parts(card)
    pieces = [f"<b><bdi>{html.escape(str(card.facts.get('name', '')))}</bdi></b>"]
    pieces.append(
        f'<span{title}><span aria-hidden="true">{_SHAPES.get(status, "○")}</span> '
        f"<bdi>{html.escape(first)}</bdi></span>"
    )
    pieces += [f'<span style="{_DIM}">{html.escape(part)}</span>' for part in others]
    dot = f'<span style="{_DIM}" aria-hidden="true"> • </span>'
    parts = [f'<div style="margin:2px 0 6px">{dot.join(pieces)}</div>']
    if card.window is not None:
        parts.append(_table_html(card))
    parts += [
        f'<div style="margin-top:4px"><bdi>{html.escape(note)}</bdi></div>' for note in card.notes
    ]
    if card.command:
        parts.append(f'<pre style="{_COMMAND}">{html.escape(card.command)}</pre>')
    if card.links:
        parts.append('<div style="margin-top:2px">' + " · ".join(map(_link, card.links)) + "</div>")
    return f'<div style="font-family:var(--jp-ui-font-family, sans-serif)">{"".join(parts)}</div>'


def _link(link: tuple[str, str]) -> str:
    word, address = link
    return (
        f'<a href="{html.escape(address)}" target="_blank" rel="noopener noreferrer">'
        f"{html.escape(word)}</a>"
    )


def _table_html(card: Card) -> str:
    names, numeric, rows, left_out = _visible(card)
    align = [f"{_CELL};text-align:{'right' if is_number else 'left'}" for is_number in numeric]
    head = "".join(
        f'<th scope="col" style="{style};font-weight:600"><bdi>{html.escape(name)}</bdi></th>'
        for name, style in zip(names, align, strict=True)
    )
    body = "".join("<tr>" + "".join(map(_cell_html, row, align)) + "</tr>" for row in rows)
    rest = f'<div style="{_DIM};margin-top:2px">… {left_out}</div>' if left_out else ""
    return (
        '<div style="overflow:auto;max-width:100%">'
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums;margin:0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}"
    )


def _cell_html(value: Any, style: str) -> str:
    text = cell_text(value)
    inner = '<span style="opacity:.5">NULL</span>' if text is None else html.escape(text)
    return f'<td style="{style}"><bdi>{inner}</bdi></td>'


def to_text(card: Card) -> str:
    """The card for a terminal."""
    lines = [" • ".join([plain(str(card.facts.get("name", ""))), *_head_parts(card)])]
    if card.window is not None:
        lines += _table_text(card)
    lines += [plain(note) for note in card.notes]
    lines += [f"  {plain(line)}" for line in card.command.split("\n") if line]
    return "\n".join(lines)


def _table_text(card: Card) -> list[str]:
    names, numeric, rows, left_out = _visible(card)
    table = [[short(name) for name in names]]
    table += [[short("NULL" if (t := cell_text(v)) is None else t) for v in row] for row in rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(names))]
    lines = [
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in table
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines + ([f"… {left_out}"] if left_out else [])


def short(text: str, width: int = _TEXT_WIDTH) -> str:
    """Printable text, cut where it is wider than a column of a terminal should be."""
    text = plain(text)
    return text if len(text) <= width else text[: width - 1] + "…"
