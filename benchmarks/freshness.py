"""P13 to P15, P19: from a changed file to fresh rows, what watching and looking at sources cost."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from jupyter_views.core.ports import Draft, Limits, Progress, Run
from jupyter_views.engines.duckdb_engine import DuckDBEngine

from .figures import Figure, alternate
from .server import Helper, Server, jupyter_server, processor_seconds

_FILES, _VIEWS = 10_000, 1_000
_LOOKED_AT = 1_000
_IDLE_SECONDS = 60.0
_READERS = 200
_SLOW = (
    "SELECT sum(a.range * s.n % 7)::BIGINT AS c, max(s.n) AS n FROM 's.csv' s, range(400000000) a"
)
_STEP_BACK = 5
"""Of our read workers; see Priority in docs/performance.md."""


def measure(folder: Path, runs: int) -> list[Figure]:
    """All of it on one server; the look at many sources on an engine of its own."""
    with jupyter_server(folder / "server") as server:
        _write_files(server.root, _FILES)
        alone = _save(server, "file-0.csv", "alone")
        first = tuple(_change_and_wait(server, alone, "file-0.csv", n) for n in range(runs))
        # Each reads ten files by a pattern, so that all files are watched.
        for at in range(1, _VIEWS):
            _save(server, f"file-{at}[0-9].csv", f"view {at}")
        last = f"file-{_VIEWS - 1}5.csv"
        among_many = _save(server, last, "last")
        among = tuple(_change_and_wait(server, among_many, last, n) for n in range(runs))
        idle = _idle(server)
        few, all_of_them = _reads(server, runs)
        slowest, queries = _crowds(server, runs)
    looks, passes = asyncio.run(_looks(folder / "looks", runs))
    return [
        Figure(
            name="P13", what="file changed → view fresh, no reader, 1 view", unit="ms",
            ours=first, compare="value", goal=2000,
        ),
        Figure(
            name="P13", what=f"… among {_VIEWS:,} views on {_FILES:,} files", unit="ms",
            ours=among, compare="value", goal=2000,
        ),
        Figure(
            name="P14", what=f"idle: {_VIEWS:,} views on {_FILES:,} files, share of a core",
            unit="%", ours=(idle,), compare="value", goal=1,
        ),
        Figure(
            name="P15", what=f"look at {_LOOKED_AT:,} sources of a view", unit="ms", ours=looks,
            peers=passes, peer_name="os.scandir with stats", goal=2,
        ),
        Figure(
            name="P15", what=f"read of a view of {_FILES:,} watched files", unit="ms",
            ours=all_of_them, peers=few, peer_name="of one watched file", goal=1.5,
        ),
        Figure(
            name="P19", what=f"{_READERS} readers at once of a stale view, the last has rows",
            unit="ms", ours=slowest, peers=queries, peer_name="its query, run once", goal=0.5,
        ),
    ]  # fmt: skip


def _name(at: int) -> str:
    return f"file-{at}.csv"


def _write_files(folder: Path, count: int) -> None:
    for at in range(count):
        (folder / _name(at)).write_text("n\n1\n")
    # Files as young as this are read by content; a person's are older.
    old = time.time() - 3600
    for at in range(count):
        os.utime(folder / _name(at), (old, old))
    time.sleep(2.5)


def _save(server: Server, files: str, name: str) -> str:
    """Save a view that keeps itself fresh; returns its short id."""
    statement = server.run(f"SELECT sum(n)::BIGINT AS s FROM read_csv('{files}')")
    body = {"name": name, "statement_id": statement["id"]}
    return server.request("POST", "v1/perspectives", json=body).json()["short_id"]


def _change_and_wait(server: Server, short_id: str, name: str, value: int) -> float:
    """Milliseconds from a write until new rows of the view were stored."""
    path = server.root / name
    before = _newest(server, short_id)
    time.sleep(2.5)
    began = time.time()
    path.write_text(f"n\n{value + 2}\n")
    while (found := _newest(server, short_id)) == before:
        time.sleep(0.05)
    return (datetime.fromisoformat(found).timestamp() - began) * 1000


def _newest(server: Server, short_id: str) -> str:
    """When the last good refresh ended; asked of the history, which starts nothing."""
    items = server.request("GET", f"views/{short_id}/history").json()["items"]
    return max(item["completed_at"] for item in items if item["status"] == "SUCCESS")


def _idle(server: Server) -> float:
    """Percent of a core that the server takes while nothing happens."""
    time.sleep(5)
    before = processor_seconds(server.process)
    time.sleep(_IDLE_SECONDS)
    return (processor_seconds(server.process) - before) / _IDLE_SECONDS * 100


def _reads(server: Server, runs: int) -> list[tuple[float, ...]]:
    """Milliseconds of a read of a view of one file, and of one of all files."""
    one, every = _save(server, _name(1), "one"), _save(server, "file-*.csv", "every")
    time.sleep(2)

    def read(client: httpx.Client, short_id: str) -> float:
        began = time.perf_counter()
        for _ in range(20):
            client.get(f"views/{short_id}").raise_for_status()
        return (time.perf_counter() - began) * 1000 / 20

    with httpx.Client(**_options(server)) as client:
        return alternate(runs, lambda: read(client, one), lambda: read(client, every))


def _options(server: Server) -> dict[str, Any]:
    headers = {"Authorization": f"token {server.token}"}
    return {"base_url": f"{server.url}views/api/", "headers": headers, "trust_env": False}


def _crowds(server: Server, runs: int) -> list[tuple[float, ...]]:
    """Milliseconds until the last of many readers had rows, and what the one query took."""
    file = server.root / "s.csv"
    file.write_text("n\n1\n")
    body = {"name": "slow", "statement_id": server.run(_SLOW)["id"], "auto_refresh": False}
    short_id = server.request("POST", "v1/perspectives", json=body).json()["short_id"]
    load = Helper("benchmarks.load")
    found = []
    try:
        for turn in range(runs):
            file.write_text(f"n\n{turn + 2}\n")
            time.sleep(2.5)
            told = load.do(
                kind="crowd",
                port=server.port,
                path=f"/views/api/views/{short_id}/result?mode=async",
                headers={"Authorization": f"token {server.token}"},
                readers=_READERS,
                header="X-Refresh-Statement-Id",
            )
            if told["statuses"] != [200] or len(told["values"]) != 1:
                raise RuntimeError(f"{_READERS} readers: {told['statuses']}, {told['values']}.")
            found.append((max(told["milliseconds"]), _took(server, told["values"][0])))
    finally:
        load.close()
    return list(zip(*found, strict=True))


def _took(server: Server, statement_id: str) -> float:
    """Milliseconds that a statement took, once it has ended."""
    while True:
        wait = {"Prefer": "wait=50"}
        path = f"v1/statements/{statement_id}"
        statement = server.request("GET", path, headers=wait).json()
        if statement["status"] not in {"QUEUED", "RUNNING"}:
            began, ended = (statement[name] for name in ("started_at", "completed_at"))
            took = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
            return took.total_seconds() * 1000


async def _looks(folder: Path, runs: int) -> list[tuple[float, ...]]:
    """Milliseconds of a look at a thousand sources in a worker, and of a bare pass over them."""
    data = folder / "data"
    data.mkdir(parents=True)
    _write_files(data, _LOOKED_AT)
    engine = _engine(folder, data)
    await engine.start()
    peer = Helper("benchmarks.bare_pass", str(data))
    peer.process.nice(psutil.Process().nice() + _STEP_BACK)
    try:
        draft = Draft(sql="SELECT count(*) FROM 'file-*.csv'", base_dir=str(data))
        plan = await engine.check(draft)
        run = Run(
            id="look", draft=draft, reads=plan.reads,
            limits=Limits(seconds=60, rows=10, bytes=1 << 20),
        )  # fmt: skip
        outcome = await engine.run(run, _ignore)
        loop = asyncio.get_running_loop()

        async def look() -> float:
            began = time.perf_counter()
            compared = await engine.compare(plan.reads, outcome.signatures)
            took = (time.perf_counter() - began) * 1000
            if compared.moved != ():
                raise RuntimeError(f"nothing changed, and yet: {compared.moved}")
            return took

        def look_from_thread() -> float:
            return asyncio.run_coroutine_threadsafe(look(), loop).result()

        return await asyncio.to_thread(alternate, runs * 5, look_from_thread, peer.do)
    finally:
        peer.close()
        await engine.stop()


def _engine(folder: Path, data: Path) -> DuckDBEngine:
    places = {name: folder / name for name in ("results", "frames", "scratch")}
    for place in places.values():
        place.mkdir(mode=0o700)
    return DuckDBEngine(
        readable=(os.path.realpath(data),),
        hidden=(),
        results_dir=str(places["results"]),
        frames_dir=str(places["frames"]),
        scratch_dir=str(places["scratch"]),
        run_workers=1,
        read_workers=1,
        log=logging.getLogger("benchmarks"),
    )


def _ignore(_: Progress) -> None:
    return
