"""P6 and P7: the magic in a real kernel, beside JupySQL's magic and beside bare DuckDB.

Timed as a front end would: from sending the cell until the kernel is idle.
"""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from .figures import Figure, alternate
from .server import Kernel, Server, jupyter_server
from .tables import ROWS, write_parquet

# Run workers step back for interactive work; for the long cells the kernel steps
# back as far, or a busy machine would measure priorities.
_STEP_BACK = 10
_PREPARE = """
import duckdb
import pandas
c = duckdb.connect()
c.sql("SET threads = 2")
%load_ext jupyter_views
%load_ext sql
%config SqlMagic.displaycon = False
%config SqlMagic.feedback = 0
%sql c --alias duckdb
"""
_BARE = "df = c.sql(\"SELECT * FROM 'mixed.parquet'\").df(); df"
# Whoever reads a million rows again makes room for them first: the frame of
# the cell before is released outside the measured time, on both sides.
_RELEASE = "df = _ = None; Out.clear(); import gc; _collected = gc.collect()"


def measure(folder: Path, runs: int) -> list[Figure]:
    """P6 for a first save and for the same cell again; P7 with and without ``--into``."""
    with jupyter_server(folder, "--ViewsApp.byte_limit=1000000000") as server:
        write_parquet(server.root / "mixed.parquet")
        kernel = Kernel(server)
        try:
            kernel.run(_PREPARE)
            return [*_trivial(kernel, runs), *_million(kernel, server, runs)]
        finally:
            kernel.close()


def _trivial(kernel: Kernel, runs: int) -> list[Figure]:
    numbers = count(1)

    def first() -> float:
        n = next(numbers)
        return kernel.run(f"%%perspective First {n}\nSELECT {n} AS answer") * 1000

    def again() -> float:
        return kernel.run("%%perspective Again\nSELECT 42 AS answer") * 1000

    def jupysql() -> float:
        return kernel.run(f"%%sql\nSELECT {next(numbers)} AS answer") * 1000

    again()
    saved, repeated, theirs = alternate(max(runs, 15), first, again, jupysql)
    shared = {
        "name": "P6",
        "unit": "ms",
        "peers": theirs,
        "peer_name": "JupySQL, nothing saved",
        "compare": "difference",
        "goal": 25,
    }
    return [
        Figure(what="%%perspective, trivial, first save", ours=saved, **shared),
        Figure(what="%%perspective, trivial, same cell again", ours=repeated, **shared),
    ]


def _million(kernel: Kernel, server: Server, runs: int) -> list[Figure]:
    cell = "SELECT * FROM 'mixed.parquet'"

    def released(code: str) -> float:
        kernel.run(_RELEASE)
        took = kernel.run(code)
        time.sleep(0.2)
        return took

    kernel.run(f"import os; _nice = os.nice({_STEP_BACK})")
    shown, loaded, arrow, bare = alternate(
        runs,
        lambda: released(f"%%perspective Million\n{cell}"),
        lambda: released(f"%%perspective Million --into df\n{cell}"),
        lambda: released(f"%%perspective Million --into df --as arrow\n{cell}"),
        lambda: released(_BARE),
    )
    rows = server.request("GET", "v1/perspectives/million").json()["row_count"]
    if rows != ROWS:
        raise RuntimeError(f"The view holds {rows} rows, not {ROWS}.")
    shared = {"unit": "s", "peers": bare, "peer_name": "bare sql().df()"}
    what = f"%%perspective over {ROWS:,} mixed rows, saved and shown"
    return [
        Figure(name="P7", what=what, ours=shown, goal=1.0, **shared),
        Figure(name="P7", what="… and as a DataFrame with --into", ours=loaded, goal=1.3, **shared),
        Figure(name="", what="… and as Arrow with --into", ours=arrow, goal=None, **shared),
    ]
