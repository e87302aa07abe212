"""The past of a view as plain text: its refreshes, its versions, its log, what differs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ._output import cell_text, duration, moment, plain, short

if TYPE_CHECKING:
    import pandas as pd

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_WHY = {
    "asked": "asked",
    "saved": "saved",
    "read": "read while stale",
    "source_changed": "a source changed",
    "upstream": "a view that it reads changed",
    "schedule": "its time had come",
    "retry": "tried again",
    "restored": "restored",
}
_NAMED = frozenset({"read", "source_changed", "upstream"})
_SHOWN_SOURCES = 2
_NUMBERS: dict[str, Callable[[Any], Any]] = {"integer": int, "decimal": Decimal}


@dataclass(frozen=True)
class Difference:
    """What differs between two results of a view.

    Attributes
    ----------
    before, after
        Ids of the statements whose rows were compared.
    key
        Columns by which rows were matched; empty where whole rows were counted.
    is_key_guessed
        Whether nobody chose the key.
    added, removed, changed
        Numbers of rows, of the whole difference.
    columns
        Names of the columns of ``rows``.
    columns_added, columns_removed, columns_changed
        Names of columns that came, went, or changed their type.
    rows
        The first differing rows: (``added``, ``removed`` or ``changed``,
        values before or None, values after or None). Decimals are
        ``Decimal``; inside of lists and structs they are texts, as are
        integers beyond 2**53.
    """

    before: str
    after: str
    key: tuple[str, ...]
    is_key_guessed: bool
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_changed: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Any, ...] | None, tuple[Any, ...] | None], ...]

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Difference:
        """The difference as the server sent it."""
        return cls(
            before=facts["before"]["statement_id"],
            after=facts["after"]["statement_id"],
            key=tuple(facts["key"]),
            is_key_guessed=facts["is_key_guessed"],
            added=facts["added"],
            removed=facts["removed"],
            changed=facts["changed"],
            columns=tuple(facts["columns"]),
            columns_added=tuple(facts["columns_added"]),
            columns_removed=tuple(facts["columns_removed"]),
            columns_changed=tuple(facts["columns_changed"]),
            rows=tuple(
                (
                    row["change"],
                    _values(row["before"], facts["types"]),
                    _values(row["after"], facts["types"]),
                )
                for row in facts["rows"]
            ),
        )

    @property
    def is_empty(self) -> bool:
        """Whether both results say the same."""
        columns = self.columns_added or self.columns_removed or self.columns_changed
        return not (self.added or self.removed or self.changed or columns)

    def df(self) -> pd.DataFrame:
        """The differing rows as a DataFrame: ``change``, then the columns.

        A changed row stands there twice, as it was (``before``) and as it is
        (``after``).
        """
        import pandas as pd

        rows = []
        for change, before, after in self.rows:
            if change == "changed":
                rows += [("before", *(before or ())), ("after", *(after or ()))]
            else:
                rows.append((change, *(after or before or ())))
        return pd.DataFrame(rows, columns=["change", *self.columns])

    def __str__(self) -> str:
        return diff_text(self)

    def __repr__(self) -> str:
        words = changes_words(
            {"added": self.added, "removed": self.removed, "changed": self.changed}
        )
        return f"<Difference: {words}>"


def _values(row: Sequence[Any] | None, types: Sequence[str]) -> tuple[Any, ...] | None:
    """The values of a row; numbers that came as text, to keep every digit, are numbers again."""
    if row is None:
        return None
    return tuple(
        _NUMBERS[kind](value) if kind in _NUMBERS and value is not None else value
        for value, kind in zip(row, types, strict=True)
    )


def changes_words(changes: dict[str, int] | None) -> str:
    """ "12 rows added, 3 changed": what is not zero; empty where nobody counted."""
    if changes is None:
        return ""
    counts = _counted(changes)
    if not counts:
        return "no row changed"
    number, _, word = counts[0].partition(" ")
    return ", ".join((f"{number} row{'' if number == '1' else 's'} {word}", *counts[1:]))


def _counted(changes: dict[str, int]) -> list[str]:
    return [f"{changes[word]:,} {word}" for word in SIGNS if changes[word]]


def history_text(entries: Iterable[dict[str, Any]]) -> str:
    """Refreshes as a table, newest first."""
    head = ("When", "Why", "Result", "Took", "How", "Version", "Statement")
    return table_text(head, [_history_row(entry) for entry in entries])


def _history_row(entry: dict[str, Any]) -> tuple[str, ...]:
    took = entry.get("duration_us")
    version = entry.get("version")
    count = entry.get("count") or 1
    when = clock(entry.get("completed_at") or entry.get("submitted_at"))
    return (
        when + (f" (×{count:,})" if count > 1 else ""),
        why_words(entry.get("cause")),
        _result_words(entry),
        "" if took is None else duration(took / 1_000_000),
        plain(str(entry.get("method") or "")),
        "" if version is None else str(version),
        str(entry["id"]) if entry.get("has_rows") else "",
    )


def why_words(cause: dict[str, Any] | None) -> str:
    """Why a query ran, as a person would say it: "stock.csv changed", "ana asked"."""
    if cause is None:
        return ""
    kind = str(cause.get("kind"))
    by, sources = cause.get("by"), [plain(str(name)) for name in cause.get("sources") or ()]
    if kind in _NAMED and sources:
        more = len(sources) - _SHOWN_SOURCES
        named = ", ".join(sources[:_SHOWN_SOURCES]) + (f" and {more} more" if more > 0 else "")
        what = "the view " if kind == "upstream" else ""
        return f"{what}{named} changed" + (" (noticed by a read)" if kind == "read" else "")
    words = _WHY.get(kind, plain(kind))
    return f"{plain(str(by))} {words}" if by and kind == "asked" else words


def _result_words(entry: dict[str, Any]) -> str:
    status = str(entry["status"])
    if status == "FAILED":
        message = str((entry.get("error") or {}).get("message") or "").split("\n", 1)[0]
        return short(f"Failed: {message}".rstrip(": "), 60)
    if status != "SUCCESS":
        return {"CANCELED": "Cancelled"}.get(status, status.capitalize())
    rows = entry.get("row_count")
    words = "" if rows is None else f"{rows:,} row{'' if rows == 1 else 's'}"
    changes = entry.get("changes")
    counts = ", ".join(_counted(changes)) if changes else ""
    if entry.get("is_unchanged"):
        counts = "none changed"
    return ", ".join(filter(None, (words, counts))) or "its rows are gone"


def versions_text(versions: Iterable[dict[str, Any]]) -> str:
    """Definitions as a table, newest first."""
    head = ("Version", "Saved", "By", "Note")
    return table_text(
        head,
        [
            (
                f"{each['n']}" + (" (current)" if each.get("is_current") else ""),
                clock(each.get("created_at")),
                plain(str(each.get("author") or "")),
                plain(str(each.get("note") or "")),
            )
            for each in versions
        ],
    )


def log_text(lines: Sequence[dict[str, Any]]) -> str:
    """The decision log, oldest line first as logs are read; ``lines`` come newest first."""
    return "\n".join(_log_line(line) for line in reversed(lines))


def _log_line(line: dict[str, Any]) -> str:
    text = f"{clock(line['at'])}  {plain(line['text'])}"
    count = line.get("count") or 1
    return f"{text}  (×{count:,} until {clock(line['last_at'])})" if count > 1 else text


def diff_text(diff: Difference) -> str:
    """Counts and key, then the first differing rows with ``+``, ``-`` and ``~``."""
    lines = [_counts(diff)]
    for sign, names in (
        ("+", diff.columns_added),
        ("-", diff.columns_removed),
        ("~", diff.columns_changed),
    ):
        lines += [f"{sign} column {plain(name)}" for name in names]
    if diff.rows:
        lines += [_key_words(diff), _rows_text(diff)]
    left = diff.added + diff.removed + diff.changed - len(diff.rows)
    if left > 0:
        lines.append(f"… {left:,} more")
    return "\n".join(lines)


def version_numbers(before: str | None, after: str | None) -> tuple[int, int | None] | None:
    """The two versions that were named by number; None where refreshes were, or nothing.

    Raises
    ------
    ValueError
        For one of each kind, and for a later version without an earlier one.
    """
    named = [each for each in (before, after) if each is not None]
    numbers = [each for each in named if each.isdecimal()]
    if not numbers:
        return None
    if before is None or len(numbers) < len(named):
        raise ValueError("--before and --after name two versions, or two refreshes.")
    return int(before), None if after is None else int(after)


def sql_diff_text(lines: Sequence[dict[str, str]]) -> str:
    """Changed lines of SQL with ``+`` and ``-``, a few unchanged ones around them."""
    if not lines:
        return "Both versions have the same SQL."
    marks = {"added": "+ ", "removed": "- ", "same": "  "}
    return "\n".join(f"{marks.get(line['kind'], '')}{plain(line['text'])}" for line in lines)


def _counts(diff: Difference) -> str:
    if diff.is_empty:
        return "Both results say the same."
    words = changes_words({"added": diff.added, "removed": diff.removed, "changed": diff.changed})
    return f"{words[0].upper()}{words[1:]}."


def _key_words(diff: Difference) -> str:
    if not diff.key:
        return (
            "Whole rows were counted: no column identifies a row. --key COLUMN,COLUMN names some."
        )
    key = ", ".join(map(plain, diff.key))
    guessed = " (guessed; --key COLUMN,COLUMN chooses)" if diff.is_key_guessed else ""
    return f"Rows are matched by {key}{guessed}."


def _rows_text(diff: Difference) -> str:
    rows = [
        (SIGNS[change], *map(short, _cells(before, after))) for change, before, after in diff.rows
    ]
    return table_text(("", *map(short, diff.columns)), rows)


def _cells(before: Sequence[Any] | None, after: Sequence[Any] | None) -> list[str]:
    if before is None or after is None:
        return [_cell(value) for value in after or before or ()]
    return [
        _cell(new) if old == new else f"{_cell(old)} → {_cell(new)}"
        for old, new in zip(before, after, strict=True)
    ]


def _cell(value: Any) -> str:
    text = cell_text(value)
    return "NULL" if text is None else text


def clock(text: str | None, now: datetime | None = None) -> str:
    """An instant of the wire in local time, without the date when that is today's."""
    at = moment(text)
    if at is None:
        return ""
    today = (now or datetime.now(UTC)).astimezone().date()
    local = at.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their words, without those that are empty in every row."""
    kept = [
        at for at, word in enumerate(head) if not word or any(row[at] for row in rows) or not rows
    ]
    cells = [[line[at] for at in kept] for line in (head, *rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(kept))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
