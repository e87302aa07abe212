"""Figures and their statistics: paired samples, medians, spreads, one table for all."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Literal

Compare = Literal["ratio", "difference", "value"]
_PACKAGES = ("jupyter_server", "tornado", "duckdb", "pyarrow", "pandas", "polars", "jupysql")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    name
        Number of the goal, such as ``P1``.
    ours, peers
        One sample per round, in ``unit``; a peer's sample belongs to ours of
        the same position. No peers where a plain limit is the goal.
    compare
        What the goal speaks about: ours / peer, ours - peer, or ours alone.
    goal
        None for a figure that only helps to read another one.
    wants_more
        Whether the compared number should be above the goal, not below.
    """

    name: str
    what: str
    unit: str
    ours: tuple[float, ...]
    goal: float | None
    peers: tuple[float, ...] = ()
    peer_name: str = ""
    compare: Compare = "ratio"
    wants_more: bool = False

    @property
    def compared(self) -> tuple[float, ...]:
        """The compared number of each round."""
        if self.compare == "value":
            return self.ours
        pairs = zip(self.ours, self.peers, strict=True)
        if self.compare == "ratio":
            return tuple(a / b for a, b in pairs)
        return tuple(a - b for a, b in pairs)

    @property
    def at_best(self) -> float:
        """The compared number of the best round of each side: what a quiet machine would show.

        Other work on the machine only ever makes a round worse.
        """
        best = max if self.wants_more else min
        if self.compare == "value":
            return best(self.ours)
        ours, peers = best(self.ours), best(self.peers)
        return ours / peers if self.compare == "ratio" else ours - peers

    @property
    def verdict(self) -> str:
        """``yes`` or ``no`` by the median; empty where there is no goal."""
        if self.goal is None:
            return ""
        found = median(self.compared)
        return "yes" if (found >= self.goal if self.wants_more else found <= self.goal) else "no"

    def row(self) -> tuple[str, ...]:
        """The cells of the table's line."""
        bound = "" if self.goal is None else f"{'≥' if self.wants_more else '≤'} {self.goal:g}"
        compared = "" if self.compare == "value" else spread(self.compared)
        peer = f"{spread(self.peers)} {self.peer_name}".strip() if self.peers else self.peer_name
        if bound and self.compare != "ratio":
            bound += f" {self.unit}"
        word = "× " if self.compare == "ratio" else ""
        return (
            self.name, self.what, f"{spread(self.ours)} {self.unit}", peer,
            word + compared if compared else "", word + _short(self.at_best), bound, self.verdict,
        )  # fmt: skip


def spread(samples: Iterable[float]) -> str:
    """Median and, in brackets, the smallest and the largest sample."""
    ordered = sorted(samples)
    if not ordered:
        return ""
    if len(ordered) == 1:
        return _short(ordered[0])
    return f"{_short(median(ordered))} [{_short(ordered[0])}–{_short(ordered[-1])}]"


def _short(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}"


def percentile(samples: Iterable[float], part: float) -> float:
    """The sample below which this part (0 to 1) of all lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def alternate(runs: int, *ways: Callable[[], float]) -> list[tuple[float, ...]]:
    """Samples of several ways, taken A B A B after one unmeasured round each.

    Every second round begins with the last way: what a way leaves behind, such
    as a warm file or a busy disk, then helps and harms each as often.
    """
    for way in ways:
        way()
    rounds: list[list[float]] = []
    for turn in range(runs):
        order = range(len(ways)) if turn % 2 == 0 else range(len(ways) - 1, -1, -1)
        found = dict.fromkeys(order, 0.0)
        for at in order:
            gc.collect()
            found[at] = ways[at]()
        rounds.append([found[at] for at in range(len(ways))])
    return list(zip(*rounds, strict=True))


def table(figures: list[Figure]) -> str:
    """All figures as a Markdown table with aligned columns."""
    head = ("goal", "what", "ours", "peer", "compared", "at best", "wanted", "reached")
    rows = [head, *(figure.row() for figure in figures)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def machine() -> str:
    """What the figures were taken on, in one line."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} cores{busy}, {platform.system()}, "
        f"Python {platform.python_version()}, {', '.join(found)}"
    )
