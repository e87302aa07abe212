"""P3 and P4: from the stored result to a file, in our worker and by the fastest known routes."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from jupyter_views.core.ports import Draft, Encoding, Limits, Outcome, Run
from jupyter_views.engines.duckdb_engine import DuckDBEngine

from .figures import Figure, alternate
from .server import Helper
from .tables import ROWS, mixed

GOAL = 1.2
THREADS = 2
_FORMATS = {"json": "P3", "ndjson": "P3", "csv": "P4", "arrow": "P4", "parquet": "P4"}
_STEP_BACK = 5


class Bench:
    """The product's engine with one stored result, driven without a server around it."""

    def __init__(self, folder: Path) -> None:
        places = {name: folder / name for name in ("data", "results", "frames", "scratch")}
        for place in places.values():
            place.mkdir()
        self._folder = places["data"]
        self._loop = asyncio.Runner()
        self._engine = DuckDBEngine(
            readable=(str(self._folder),),
            hidden=(),
            results_dir=str(places["results"]),
            frames_dir=str(places["frames"]),
            scratch_dir=str(places["scratch"]),
            run_workers=1,
            read_workers=1,
            threads=THREADS,
            log=logging.getLogger("benchmarks"),
        )
        self._loop.run(self._engine.start())
        outcome = self._loop.run(self._stored())
        self.path = str(places["results"] / "stored.arrow")
        os.replace(outcome.path, self.path)
        self._outcome = outcome

    async def _stored(self) -> Outcome:
        draft = Draft(sql=mixed(), base_dir=str(self._folder))
        plan = await self._engine.check(draft)
        limits = Limits(seconds=300, rows=ROWS, bytes=1 << 30)
        run = Run(id="stmt_benchmark", draft=draft, reads=plan.reads, limits=limits)
        return await self._engine.run(run, lambda _: None)

    def encode(self, format: Any) -> float:
        """Seconds until a whole rendering lies in a file."""
        encoding = Encoding(
            path=self.path,
            sha256=self._outcome.sha256,
            columns_meta=self._outcome.columns,
            format=format,
        )
        begun = time.perf_counter()
        encoded = self._loop.run(self._engine.encode(encoding))
        took = time.perf_counter() - begun
        if encoded.row_count != ROWS or encoded.path is None:
            raise RuntimeError(f"{format}: {encoded.row_count} rows, not {ROWS}.")
        os.unlink(encoded.path)
        return took

    def close(self) -> None:
        """Stop the workers."""
        self._loop.run(self._engine.stop())
        self._loop.close()


def measure(folder: Path, runs: int) -> list[Figure]:
    """One line per format; the peer is the fastest of its routes in this very run."""
    bench = Bench(folder)
    peer = Helper("benchmarks.bare_encoder", bench.path, str(folder), str(THREADS))
    # Our read workers step back for interactive work. The peer steps back as
    # far, or a busy machine would measure priorities.
    peer.process.nice(psutil.Process().nice() + _STEP_BACK)
    try:
        return [_figure(bench, peer, format, runs) for format in _FORMATS]
    finally:
        peer.close()
        bench.close()


def _figure(bench: Bench, peer: Helper, format: str, runs: int) -> Figure:
    routes = peer.do(format=format)
    ours, *theirs = alternate(
        runs,
        lambda: bench.encode(format),
        *(lambda r=route: peer.do(format=format, route=r)["seconds"] for route in routes),
    )
    best = min(range(len(routes)), key=lambda at: median(theirs[at]))
    return Figure(
        name=_FORMATS[format],
        what=f"{ROWS:,} stored rows to {format}",
        unit="s",
        ours=ours,
        peers=theirs[best],
        peer_name=f"bare {routes[best]}",
        goal=GOAL,
    )
