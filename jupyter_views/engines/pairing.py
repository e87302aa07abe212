"""Which columns of two results belong together, and which of them may identify a row."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from ..core.ports import Column

_CANDIDATES = 8
_KEY_NAMES = ("id", "key", "name", "date")
_KEY_TYPES = frozenset({"integer", "string", "date"})
_LESSER_KEY_TYPES = frozenset({"timestamp", "timestamptz", "time", "decimal", "boolean"})


class Common(Struct, frozen=True):
    """A column of both results, and where it stands in each."""

    column: Column
    before: int
    after: int


class Paired(Struct, frozen=True):
    """The columns of two results; those in common in the order of the newer one.

    Attributes
    ----------
    added, removed, changed
        Names of columns that came, went or changed the engine's type.
    """

    common: tuple[Common, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def pair(before: tuple[Column, ...], after: tuple[Column, ...]) -> Paired:
    """Pair columns by name; of repeated names the nth with the nth."""
    older, newer = _places(before), _places(after)
    shared = [name for name in newer if name in older]
    alike = [n for n in shared if before[older[n]].engine_type == after[newer[n]].engine_type]
    return Paired(
        common=tuple(Common(after[newer[n]], older[n], newer[n]) for n in alike),
        added=tuple(name for name, nth in newer if (name, nth) not in older),
        removed=tuple(name for name, nth in older if (name, nth) not in newer),
        changed=tuple(n[0] for n in shared if n not in alike),
    )


def _places(columns: tuple[Column, ...]) -> dict[tuple[str, int], int]:
    """Position by name and by how many columns of that name stand before."""
    seen: Counter[str] = Counter()
    places: dict[tuple[str, int], int] = {}
    for at, column in enumerate(columns):
        places[column.name, seen[column.name]] = at
        seen[column.name] += 1
    return places


def key_candidates(common: tuple[Common, ...]) -> list[int]:
    """Positions of the columns that may identify a row, the likeliest first, eight at most.

    By name first; then whole numbers, texts and dates before other types,
    and floats never. What stands earlier wins: a query names what it groups
    by before what it measures.
    """
    ranked = sorted(
        (rank, at) for at, each in enumerate(common) if (rank := _rank(each.column)) is not None
    )
    return [at for _, at in ranked[:_CANDIDATES]]


def _rank(column: Column) -> tuple[int, bool] | None:
    if column.type not in _KEY_TYPES | _LESSER_KEY_TYPES:
        return None
    name = column.name.lower()
    named = [at for at, word in enumerate(_KEY_NAMES) if name == word or name.endswith(f"_{word}")]
    return min(named, default=len(_KEY_NAMES)), column.type not in _KEY_TYPES
