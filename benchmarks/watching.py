"""P16 and P17: what watching costs while nothing happens, and how soon it tells of a change.

From the write of a file to the call that looks at its views; the query itself
is not part of it. The peer is ``watchfiles`` alone on the same folders, which
knows no views.
"""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from .figures import Figure, alternate
from .follower import SHARED
from .server import Helper, processor_seconds

VIEWS = 1000
FILES = 10
IDLE_SECONDS = 10.0
IDLE_GOAL = 1
TOLD_GOAL = 500
_QUIET_SECONDS = 1.5


def measure(folder: Path, runs: int) -> list[Figure]:
    """Idle share of a core; write to call in a small and in a large installation."""
    few, many = folder / "few", folder / "many"
    for place, views in ((few, 1), (many, VIEWS)):
        _fill(place, views)
    small = Helper("benchmarks.follower", "ours", str(few), "1")
    large = Helper("benchmarks.follower", "ours", str(many), str(VIEWS))
    peer = Helper("benchmarks.follower", "watchfiles", str(many), str(VIEWS))
    helpers = (small, large, peer)
    try:
        for helper in helpers:
            helper.found()
        time.sleep(_QUIET_SECONDS)
        idle = _idle(large, peer, runs)
        one = alternate(runs, lambda: _told(small, few, 1))[0]
        ours, theirs = alternate(
            runs, lambda: _told(large, many, VIEWS), lambda: _told(peer, many, VIEWS)
        )
        shared = alternate(runs, lambda: _all_told(large, many))[0]
    finally:
        for helper in helpers:
            helper.close()
    return [
        Figure(
            name="P16", what=f"watching {VIEWS:,} views on {VIEWS * FILES:,} files, idle",
            unit="% of a core", ours=idle[0], peers=idle[1], peer_name="watchfiles alone",
            compare="value", goal=IDLE_GOAL,
        ),
        Figure(
            name="P17", what="write of a file to the call for its view, 1 view", unit="ms",
            ours=one, compare="value", goal=TOLD_GOAL,
        ),
        Figure(
            name="P17", what=f"the same, {VIEWS:,} views on {VIEWS * FILES:,} files", unit="ms",
            ours=ours, peers=theirs, peer_name="watchfiles alone", compare="value", goal=TOLD_GOAL,
        ),
        Figure(
            name="P17", what=f"write of one file to the last call of its {VIEWS:,} views",
            unit="ms", ours=shared, compare="value", goal=TOLD_GOAL,
        ),
    ]  # fmt: skip


def _fill(place: Path, views: int) -> None:
    for i in range(1, views + 1):
        (place / str(i)).mkdir(parents=True)
        for j in range(FILES):
            (place / str(i) / f"{j}.csv").write_text("n\n1\n")
    (place / "shared").mkdir()
    (place / "shared" / "a.csv").write_text("n\n1\n")


def _idle(ours: Helper, peer: Helper, runs: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Percent of a core of both over the same stretches of time."""
    found: list[tuple[float, float]] = []
    for _ in range(runs):
        before = processor_seconds(ours.process), processor_seconds(peer.process)
        began = time.monotonic()
        time.sleep(IDLE_SECONDS)
        took = time.monotonic() - began
        after = processor_seconds(ours.process), processor_seconds(peer.process)
        found.append((100 * (after[0] - before[0]) / took, 100 * (after[1] - before[1]) / took))
    return tuple(each[0] for each in found), tuple(each[1] for each in found)


_turn = count(1)


def _told(helper: Helper, place: Path, views: int) -> float:
    """Milliseconds from a write until the view on that folder is called for."""
    view = next(_turn) * 37 % views + 1
    return _written(helper, place / str(view) / "3.csv", [view])


def _all_told(helper: Helper, place: Path) -> float:
    """Milliseconds from a write until all views on the shared file were called for."""
    return _written(helper, place / "shared" / "a.csv", [SHARED + i for i in range(VIEWS)])


def _written(helper: Helper, path: Path, views: list[int]) -> float:
    began = time.monotonic()
    path.write_text(f"n\n{began}\n")
    told = helper.do(views=views, after=began)
    # Within a second of its last look a view rests.
    time.sleep(_QUIET_SECONDS)
    return (told - began) * 1000
