"""What the magics print beside a view: progress, the list. Pure."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

from .._output import Card, age, moment, plain, status_words, to_html, to_text

_DIM = "opacity:.65"


def bundle_of(card: Card) -> dict[str, str]:
    """A view for the notebook and for the terminal."""
    return {"text/html": to_html(card), "text/plain": to_text(card)}


def note(text: str) -> dict[str, str]:
    """Plain lines."""
    return {
        "text/html": f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>',
        "text/plain": "\n".join(map(plain, text.split("\n"))),
    }


def link(name: str, address: str) -> dict[str, str]:
    """One link with its name."""
    where = html.escape(address)
    return {
        "text/html": f'<a href="{where}" target="_blank" rel="noopener noreferrer">'
        f"<bdi>{html.escape(name)}</bdi></a>",
        "text/plain": f"{plain(name)}: {plain(address)}",
    }


def progress(name: str, words: str) -> dict[str, str]:
    """The line shown while a statement runs."""
    hint = "interrupt the kernel to cancel"
    return {
        "text/html": f"<div><b><bdi>{html.escape(name)}</bdi></b> "
        f'<span aria-hidden="true">⟳</span> {html.escape(words)} '
        f'<span style="{_DIM}">({hint})</span></div>',
        "text/plain": f"{plain(name)} • {words} ({hint})",
    }


def access_words(facts: dict[str, Any]) -> str:
    """Who can see it: "only you", "every signed-in user", or names."""
    if facts.get("is_public"):
        return "every signed-in user"
    names = [str(name) for name in facts.get("allowed_user_ids") or ()]
    return f"you, {', '.join(names)}" if names else "only you"


def view_list(rows: list[dict[str, Any]], now: datetime | None = None) -> dict[str, str]:
    """The table of ``%views``."""
    now = now or datetime.now(UTC)
    if not rows:
        return note(
            "No views yet. Run this in a cell:\n\n%%perspective My first view\nSELECT 42 AS answer"
        )
    head: tuple[str, ...] = ("Status", "Name", "Slug", "Owner", "Rows", "Computed")
    table = [_list_row(row, now) for row in rows]
    if any(row.get("endpoint_name") for row in rows):
        head = (*head, "Endpoint")
        names = (str(row.get("endpoint_name") or "") for row in rows)
        table = [(*cells, name) for cells, name in zip(table, names, strict=True)]
    return {"text/html": _list_html(head, table), "text/plain": _list_text(head, table)}


def _list_row(row: dict[str, Any], now: datetime) -> tuple[str, ...]:
    computed = moment(row.get("computed_at"))
    count = row.get("row_count")
    return (
        status_words(row, now),
        str(row.get("name", "")),
        str(row.get("slug", "")),
        "you" if row.get("is_mine") else str(row.get("owner", "")),
        "" if count is None else f"{count:,}",
        age(computed, now) if computed else "",
    )


def _list_html(head: tuple[str, ...], table: list[tuple[str, ...]]) -> str:
    style = "padding:2px 8px;text-align:left"
    top = "".join(f'<th scope="col" style="{style}">{word}</th>' for word in head)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{style}"><bdi>{html.escape(cell)}</bdi></td>' for cell in row)
        + "</tr>"
        for row in table
    )
    return (
        '<table style="border-collapse:collapse;margin:0">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def _list_text(head: tuple[str, ...], table: list[tuple[str, ...]]) -> str:
    rows = [head, *(tuple(map(plain, row)) for row in table)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def plan_words(name: str, plan: dict[str, Any], frames: list[str], parameters: list[str]) -> str:
    """What a dry run found out."""
    reads = [
        f"{read['name']} (frame of this kernel)"
        if read["name"] in frames
        else f"{read['name']} ({read['kind']})"
        for read in plan.get("reads", ())
    ]
    lines = [f"{name} was checked. Nothing was run."]
    lines.append(f"  Reads: {', '.join(reads) if reads else 'nothing'}")
    if parameters:
        lines.append(f"  Parameters: {', '.join(parameters)}")
    if plan.get("volatile"):
        lines.append(f"  Changes by itself: {', '.join(plan['volatile'])}; it becomes stale by age")
    return "\n".join(lines)
