"""P5: how long a small request waits while a heavy query and a large encoding run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from .figures import Figure, percentile
from .server import Helper, Server, free_port, jupyter_server
from .tables import mixed

SECONDS = 5.0
PAUSE = 0.004
GOAL = 10
# Rows whose JSON is a little more than 100 MB.
ENCODED_ROWS = 1_200_000
_HEAVY = (
    "SELECT sum(hash(i + {n})) AS s, count(DISTINCT hash(i) % 100000) AS d "
    "FROM range(40000000) t(i)"
)


def measure(folder: Path, runs: int) -> list[Figure]:
    """Ping of the same server quiet and busy in turn, and of bare tornado beside the busy one."""
    options = ("--ViewsApp.row_limit=2000000", "--ViewsApp.byte_limit=1000000000")
    with jupyter_server(folder, *options) as server:
        small = f"/views/api/v1/perspectives/{server.save('SELECT 42 AS answer', 'small')}/result"
        large = server.run(mixed(ENCODED_ROWS))["id"]
        headers = {"Authorization": f"Bearer {server.key()}"}
        (folder / "body").write_bytes(b"pong")
        port = free_port()
        pings = [Helper("benchmarks.load") for _ in range(3)]
        bare = Helper("benchmarks.bare_tornado", str(port), str(folder / "body"), "tag")
        try:
            bare.found()
            targets = (
                (server.port, "/views/api/health", headers),
                (server.port, small, headers),
                (port, "/", {}),
            )
            return _figures(server, large, list(zip(pings, targets, strict=True)), runs)
        finally:
            for helper in (*pings, bare):
                helper.close()


def _figures(server: Server, large: str, targets: list[Any], runs: int) -> list[Figure]:
    names = ("api/health", "a cached result", "bare tornado beside it")
    found: dict[tuple[str, bool, float], list[float]] = {}
    for _ in range(runs):
        for is_busy in (False, True):
            with _work(server, large, is_busy):
                for helper, (port, path, headers) in targets:
                    helper.send(
                        kind="latency", port=port, path=path, headers=headers, seconds=SECONDS,
                        pause=PAUSE,
                    )  # fmt: skip
                for name, (helper, _) in zip(names, targets, strict=True):
                    samples = helper.found()["milliseconds"]
                    for part in (0.5, 0.99):
                        key = (name, is_busy, part)
                        found.setdefault(key, []).append(percentile(samples, part))
    figures = []
    for name in names:
        for part, word in ((0.99, "p99"), (0.5, "p50")):
            has_goal = part == 0.99 and name != names[2]
            figures.append(
                Figure(
                    name="P5" if has_goal else "", what=f"ping of {name}, {word}, busy",
                    unit="ms", ours=tuple(found[name, True, part]),
                    peers=tuple(found[name, False, part]), peer_name="when quiet",
                    compare="value", goal=GOAL if has_goal else None,
                )
            )  # fmt: skip
    return figures


@contextmanager
def _work(server: Server, large: str, is_busy: bool) -> Iterator[None]:
    """Heavy queries and large encodings one after the other until the block ends."""
    if not is_busy:
        time.sleep(0.5)
        yield
        return
    over = threading.Event()
    failures: list[Exception] = []

    def repeat(job: object) -> None:
        numbers = count(int(time.time()))
        while not over.is_set():
            try:
                job(next(numbers))  # type: ignore[operator]
            except (httpx.HTTPError, RuntimeError) as error:
                failures.append(error)
                return

    def query(n: int) -> None:
        server.run(_HEAVY.format(n=n))

    def encode(n: int) -> None:
        # Another offset each time, so that no earlier rendering can be sent.
        url = f"{server.url}views/api/v1/statements/{large}/result"
        headers = {"Authorization": f"token {server.token}"}
        query = {"format": "json", "offset": n % 1000}
        with httpx.stream("GET", url, params=query, headers=headers, timeout=600) as answer:
            answer.raise_for_status()
            for _ in answer.iter_raw(1 << 20):
                if over.is_set():
                    return

    threads = [threading.Thread(target=repeat, args=(job,)) for job in (query, encode)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
