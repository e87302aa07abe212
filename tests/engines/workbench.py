"""A real engine with real worker processes, driven from plain test functions."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from msgspec import structs

from jupyter_views.core.ports import (
    Draft,
    Encoding,
    Limits,
    Outcome,
    Progress,
    Read,
    Run,
)
from jupyter_views.engines.duckdb_engine import DuckDBEngine

MIB = 2**20


class Workbench:
    """An engine over ``data``, and a loop that runs while something is asked of it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.data = folder / "data"
        self.results = folder / "results"
        self.frames = folder / "frames"
        self.scratch = folder / "scratch"
        for each in (self.data, self.results, self.frames, self.scratch):
            each.mkdir(parents=True, exist_ok=True)
        self.runner = asyncio.Runner()
        settings: dict[str, Any] = {
            "readable": (str(self.data),),
            "hidden": (),
            "results_dir": str(self.results),
            "frames_dir": str(self.frames),
            "scratch_dir": str(self.scratch),
            "run_workers": 1,
            "read_workers": 1,
            "memory_bytes": 512 * MIB,
            "temp_bytes": 1024 * MIB,
            "log": logging.getLogger("workbench"),
        }
        self.engine = DuckDBEngine(**(settings | options))

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return self.runner.run(work)

    def a_run(self, sql: str, **options: Any) -> Run:
        """A run with generous limits."""
        limits = Limits(
            seconds=options.pop("seconds", 60.0),
            rows=options.pop("rows", 10**7),
            bytes=options.pop("bytes", 512 * MIB),
        )
        reads: tuple[Read, ...] = options.pop("reads", ())
        run_id = options.pop("id", None) or secrets.token_hex(4)
        state_key = options.pop("state_key", None)
        options.setdefault("base_dir", str(self.data))
        draft = Draft(sql=sql, **options)
        return Run(id=run_id, draft=draft, reads=reads, limits=limits, state_key=state_key)

    async def arun(
        self, sql: str, on_progress: Callable[[Progress], None] = lambda _: None, **options: Any
    ) -> Outcome:
        """Run SQL and put its result where stored results lie."""
        outcome = await self.engine.run(self.a_run(sql, **options), on_progress)
        kept = self.results / f"{secrets.token_hex(6)}.arrow"
        os.replace(outcome.path, kept)
        return structs.replace(outcome, path=str(kept))

    def run(self, sql: str, **options: Any) -> Outcome:
        """As :meth:`arun`, waited for."""
        return self.wait(self.arun(sql, **options))

    async def aencode(self, outcome: Outcome, form: str, **options: Any) -> tuple[int, bytes]:
        """(rows, content) of a rendering, wherever the engine put it."""
        encoded = await self.engine.encode(
            Encoding(
                path=outcome.path,
                sha256=outcome.sha256,
                columns_meta=outcome.columns,
                format=form,
                **options,
            )
        )
        if encoded.body is not None:
            assert encoded.path is None
            assert len(encoded.body) == encoded.size_bytes
            return encoded.row_count, encoded.body
        content = self._taken(encoded.path)
        assert len(content) == encoded.size_bytes
        return encoded.row_count, content

    def _taken(self, path: str) -> bytes:
        content = Path(path).read_bytes()
        os.unlink(path)
        return content

    def encode(self, outcome: Outcome, form: str, **options: Any) -> bytes:
        """The content of a rendering."""
        return self.wait(self.aencode(outcome, form, **options))[1]

    def rows(self, outcome: Outcome, **options: Any) -> list[list[Any]]:
        """The rows as a JSON reader sees them."""
        return json.loads(b"[" + self.encode(outcome, "json", **options) + b"]")

    def workers(self) -> list[psutil.Process]:
        """The live worker processes of this engine, oldest first."""
        mine = []
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                # A worker stands in its scratch folder, or in ``data`` while it runs.
                if child.cwd().startswith(str(self.scratch.parent)):
                    mine.append(child)
        return sorted(mine, key=lambda process: process.create_time())


@contextmanager
def a_workbench(folder: Path, **options: Any) -> Iterator[Workbench]:
    """A started engine, stopped at the end."""
    bench = Workbench(folder, **options)
    with bench.runner:
        bench.wait(bench.engine.start())
        try:
            yield bench
        finally:
            bench.wait(bench.engine.stop())
