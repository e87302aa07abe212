"""P10: what the extension adds to the server's start, and what ``%load_ext`` takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from .figures import Figure, alternate
from .server import environment, jupyter_server

_LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
begun = time.perf_counter()
shell.run_line_magic("load_ext", "{name}")
print(time.perf_counter() - begun)
"""


def measure(folder: Path, runs: int) -> list[Figure]:
    """Server start with and without; until the first statement could run; ``%load_ext``."""
    ready: list[float] = []
    costs: dict[bool, list[float]] = {True: [], False: []}

    def start(with_extension: bool) -> float:
        # The store outlives the start, as it does for a person: only the very
        # first start of all makes its tables.
        place = folder / ("with" if with_extension else "without")
        begun = time.perf_counter()
        with jupyter_server(place, with_extension=with_extension) as server:
            if with_extension:
                ready.append((time.perf_counter() - begun) * 1000)
            costs[with_extension].append(server.start_cost * 1000)
            return server.started_in * 1000

    with_it, without = alternate(runs, lambda: start(True), lambda: start(False))
    env = environment(folder / "shell")

    def load(name: str) -> float:
        code = _LOAD.format(name=name)
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
        )
        return float(done.stdout.split()[-1]) * 1000

    ours, theirs = alternate(runs, lambda: load("jupyter_views"), lambda: load("sql"))
    return [
        Figure(
            name="P10", what="server start until its port answers", unit="ms", ours=with_it,
            peers=without, peer_name="without the extension", compare="difference", goal=150,
        ),
        Figure(
            name="", what="… processor time of that", unit="ms", ours=tuple(costs[True][-runs:]),
            peers=tuple(costs[False][-runs:]), peer_name="without the extension",
            compare="difference", goal=None,
        ),
        Figure(
            name="", what="server start until the engine answers too", unit="ms",
            ours=tuple(ready[-runs:]), compare="value", goal=None,
        ),
        Figure(
            name="P10", what="%load_ext jupyter_views", unit="ms", ours=ours, peers=theirs,
            peer_name="%load_ext sql (JupySQL)", compare="value", goal=300,
        ),
    ]  # fmt: skip
