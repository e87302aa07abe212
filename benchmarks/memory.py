"""P12: the server's memory while ten million rows are computed, stored and sent to a client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from .figures import Figure
from .server import Server, jupyter_server

ROWS = 10_000_000
GOAL = 50
_MB = 1_000_000
_SQL = (
    "SELECT i AS id, i * 1.5::DOUBLE AS amount, 'name ' || (i % 1000) AS name "
    f"FROM range({ROWS}) t(i)"
)


def measure(folder: Path, runs: int) -> list[Figure]:
    """Growth of the resident memory, by its highest sample; once, for it depends on no luck."""
    options = (
        f"--ViewsApp.row_limit={ROWS}",
        "--ViewsApp.byte_limit=4000000000",
        "--ViewsApp.time_limit_seconds=600",
    )
    with jupyter_server(folder, *options) as server:
        slug = server.save("SELECT 1 AS one", "warm")
        server.request("GET", f"v1/perspectives/{slug}/result?format=ndjson")
        slugs: list[str] = []
        grown = {
            "computed and stored": _growth(server, lambda: slugs.append(server.save(_SQL, "ten"))),
            "sent as NDJSON": _growth(server, lambda: _stream(server, slugs[0], "ndjson")),
            "sent as Arrow": _growth(server, lambda: _stream(server, slugs[0], "arrow")),
        }
    return [
        Figure(
            name="P12", what=f"server memory, {ROWS:,} rows {what}", unit="MB",
            ours=(megabytes,), compare="value", goal=GOAL,
        )
        for what, megabytes in grown.items()
    ]  # fmt: skip


def _stream(server: Server, slug: str, format: str) -> None:
    url = f"{server.url}views/api/v1/perspectives/{slug}/result"
    headers = {"Authorization": f"token {server.token}"}
    lines = 0
    with httpx.stream(
        "GET", url, params={"format": format}, headers=headers, timeout=600
    ) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw(1 << 20):
            lines += piece.count(b"\n") if format == "ndjson" else 0
    if format == "ndjson" and lines != ROWS:
        raise RuntimeError(f"{lines} rows came, not {ROWS}.")


def _growth(server: Server, work: Callable[[], object]) -> float:
    """Megabytes that the server's process held more than before, at its highest."""
    before = highest = server.process.memory_info().rss
    over = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.is_set():
            highest = max(highest, server.process.memory_info().rss)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return (highest - before) / _MB
