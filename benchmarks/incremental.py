"""P18: a refresh after one of a hundred files changed, by parts and in full."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from jupyter_views.core.ports import Draft, Limits, Run
from jupyter_views.engines.duckdb_engine import DuckDBEngine

from .figures import Figure, alternate

FILES = 100
ROWS = 1_000_000
THREADS = 2
GOAL = 0.066
"""One fifteenth."""

_RACY_SECONDS = 2.1
_ROWS = """
SELECT i AS id,
       (hash(i) % 1000)::INTEGER AS shop,
       (hash(i + 1) % 1000000) / 7.0 AS ratio,
       ((hash(i + {change}) % 100000000)::DECIMAL(18, 2) / 100)::DECIMAL(18, 2) AS price,
       DATE '2013-01-01' + (i % 365)::INTEGER AS day
FROM range({first}, {last}) t(i)
"""
_QUERIES = {
    "five aggregates by 1,000 groups": """
        SELECT shop, sum(price) AS total, count(*) AS n, min(ratio) AS low, max(day) AS last,
               avg(price) AS mean
        FROM 'sales/*.parquet' GROUP BY shop ORDER BY shop""",
    "a filter and one row": """
        SELECT count(*) AS n, sum(price) AS total, avg(ratio) AS mean, stddev(ratio) AS spread
        FROM 'sales/*.parquet' WHERE ratio > 1000""",
    "a join and 120 groups": """
        SELECT region, date_trunc('month', day) AS month, sum(price) AS total, max(ratio) AS high
        FROM 'sales/*.parquet' s JOIN 'shops.csv' USING (shop)
        GROUP BY region, month ORDER BY region, month""",
}


class Bench:
    """A hundred files, and the product's engine over them, without a server around it."""

    def __init__(self, folder: Path) -> None:
        places = {name: folder / name for name in ("data", "results", "frames", "scratch")}
        for place in places.values():
            place.mkdir()
        self._data = places["data"]
        self._changes = 0
        (self._data / "sales").mkdir()
        for number in range(FILES):
            self._write(number)
        duckdb.sql(
            "COPY (SELECT i AS shop, 'region ' || (i % 10) AS region FROM range(1000) t(i))"
            f" TO '{self._data}/shops.csv'"
        )
        self._loop = asyncio.Runner()
        self._engine = DuckDBEngine(
            readable=(str(self._data),),
            hidden=(),
            results_dir=str(places["results"]),
            frames_dir=str(places["frames"]),
            states_dir=str(folder / "states"),
            scratch_dir=str(places["scratch"]),
            run_workers=1,
            read_workers=1,
            threads=THREADS,
            log=logging.getLogger("benchmarks"),
        )
        self._loop.run(self._engine.start())

    def _write(self, number: int) -> None:
        first = number * ROWS
        rows = _ROWS.format(first=first, last=first + ROWS, change=2 + self._changes)
        new = self._data / ".new"
        duckdb.sql(f"COPY ({rows}) TO '{new}' (FORMAT parquet)")
        os.replace(new, self._data / "sales" / f"{number:02}.parquet")

    def change(self) -> None:
        """Replace one file, and wait until its stamps can be trusted."""
        self._changes += 1
        self._write(self._changes % FILES)
        time.sleep(_RACY_SECONDS)

    def run(self, sql: str, key: str | None) -> tuple[float, str, pa.Table]:
        """Seconds until the rows are stored; the method; the rows."""
        draft = Draft(sql=sql, base_dir=str(self._data))
        limits = Limits(seconds=600, rows=10**6, bytes=1 << 30)
        run = Run(id=os.urandom(8).hex(), draft=draft, reads=(), limits=limits, state_key=key)
        begun = time.perf_counter()
        outcome = self._loop.run(self._engine.run(run, lambda _: None))
        took = time.perf_counter() - begun
        with pa.ipc.open_file(outcome.path) as file:
            rows = file.read_all()
        os.unlink(outcome.path)
        return took, outcome.method, rows

    def close(self) -> None:
        """Stop the workers."""
        self._loop.run(self._engine.stop())
        self._loop.close()


class Pair:
    """Runs of one query in turn by parts and in full, over the same files in each round."""

    def __init__(self, bench: Bench, sql: str) -> None:
        self._bench = bench
        self._sql = sql
        self._rows: dict[bool, pa.Table] = {}
        for _ in range(2):
            bench.run(sql, sql)

    def take(self, *, by_parts: bool) -> float:
        """Seconds of one run; the first of a round comes after a change."""
        if not self._rows:
            self._bench.change()
        took, method, rows = self._bench.run(self._sql, self._sql if by_parts else None)
        if method != (f"incremental: 1 of {FILES} files" if by_parts else "full"):
            raise RuntimeError(f"The run was {method}.")
        self._rows[by_parts] = rows
        if len(self._rows) == 2:
            _check_equal(self._rows[True], self._rows[False])
            self._rows.clear()
        return took


def _check_equal(some: pa.Table, others: pa.Table) -> None:
    if some.schema != others.schema or some.num_rows != others.num_rows:
        raise RuntimeError("The runs gave other columns, or not as many rows.")
    for name in some.column_names:
        for one, other in zip(some[name].to_pylist(), others[name].to_pylist(), strict=True):
            is_near = isinstance(one, float) and abs(one - other) <= 1e-9 * abs(other)
            if not (one == other or is_near):
                raise RuntimeError(f"{name} is {one} by parts and {other} in full.")


def measure(folder: Path, runs: int) -> list[Figure]:
    """One line per query; each round compares the rows of its two runs."""
    bench = Bench(folder)
    try:
        return [_figure(Pair(bench, sql), what, runs) for what, sql in _QUERIES.items()]
    finally:
        bench.close()


def _figure(pair: Pair, what: str, runs: int) -> Figure:
    ours, full = alternate(
        runs, lambda: pair.take(by_parts=True), lambda: pair.take(by_parts=False)
    )
    return Figure(
        name="P18",
        what=f"refresh, 1 of {FILES} files of {ROWS:,} rows changed: {what}",
        unit="s",
        ours=ours,
        peers=full,
        peer_name="in full",
        goal=GOAL,
    )
