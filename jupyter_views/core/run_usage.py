"""How an endpoint is used: its runs counted and timed, by version and by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from .executions import Execution
from .model import SECOND


class Usage(Struct, frozen=True, kw_only=True):
    """What some runs were like.

    Attributes
    ----------
    n, day
        Of which version, on which day (``2026-11-30``, UTC); None for all.
    errors
        Runs that failed or were refused.
    cached_share
        Of the runs that sent rows, 0 to 1; None where none did.
    p50_ms, p95_ms
        Half of these runs, and 95 of 100, took at most so long; None where none sent rows.
    rows
        How many were sent in all.
    """

    n: int | None
    day: str | None
    runs: int
    errors: int
    cached_share: float | None
    p50_ms: float | None
    p95_ms: float | None
    rows: int


def usages_of(lines: Sequence[Execution]) -> list[Usage]:
    """Of all lines together, of each version, of each version on each day; newest first."""
    groups: dict[tuple[int | None, str | None], list[Execution]] = defaultdict(list)
    groups[None, None] = list(lines)
    for line in lines:
        groups[line.n, None].append(line)
        groups[line.n, _day(line)].append(line)
    return [_usage(n, day, groups[n, day]) for n, day in sorted(groups, key=_newest, reverse=True)]


def _newest(key: tuple[int | None, str | None]) -> tuple[str, int]:
    n, day = key
    return day or "", n or 0


def _day(line: Execution) -> str:
    return datetime.fromtimestamp(line.at / SECOND, UTC).date().isoformat()


def _usage(n: int | None, day: str | None, lines: Iterable[Execution]) -> Usage:
    lines = tuple(lines)
    sent = [line for line in lines if line.cache != "none"]
    times = sorted(line.duration_us for line in sent)
    hits = sum(line.cache == "hit" for line in sent)
    return Usage(
        n=n,
        day=day,
        runs=len(lines),
        errors=sum(line.status != "success" for line in lines),
        cached_share=hits / len(sent) if sent else None,
        p50_ms=_part(times, 0.50),
        p95_ms=_part(times, 0.95),
        rows=sum(line.rows or 0 for line in sent),
    )


def _part(ordered: list[int], part: float) -> float | None:
    """The nearest-rank percentile, in milliseconds."""
    if not ordered:
        return None
    rank = max(1, -(-int(part * 100) * len(ordered) // 100))
    return ordered[rank - 1] / 1000
