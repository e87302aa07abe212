"""P22: the page of a link, as a visitor's browser loads it, once its rows are there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from .figures import Figure, alternate
from .server import Server, jupyter_server, processor_seconds

ROWS = 100
# Fewer than a visitor may load in a minute, with all rounds of a usual run.
LOADS = 8
SQL = f"""SELECT DATE '2024-01-01' + i::INTEGER AS day, i * 7 % 23 AS orders,
i * 1.5 AS amount, 'name ' || i AS name, i % 3 = 0 AS is_new FROM range({ROWS}) t(i)"""
GOAL_MS = 100


def measure(folder: Path, runs: int) -> list[Figure]:
    """The page of a view with its chart, and that of a dashboard of six, in turn."""
    with jupyter_server(folder) as server, httpx.Client(trust_env=False, timeout=60) as browser:
        insights = [_insight(server, at) for at in range(6)]
        body = {"name": "Numbers", "insights": insights}
        board = server.request("POST", "projects/1/dashboards", json=body).json()["id"]
        pages = {
            f"page of {ROWS} cached rows with their chart": f"insights/{insights[0]}",
            "page of six cached tiles with their charts": f"dashboards/{board}",
        }
        loads = [_Page(server, browser, shared) for shared in pages.values()]
        found = alternate(runs, *loads)
        figures = []
        for what, load, took in zip(pages, loads, found, strict=True):
            figures += [
                Figure(
                    name="P22", what=f"{what}, {load.kilobytes:.0f} kB", unit="ms", ours=took,
                    goal=GOAL_MS, compare="value",
                ),
                Figure(
                    name="", what="… processor time of the server", unit="ms",
                    ours=tuple(load.costs[1:]), goal=None, compare="value",
                ),
            ]  # fmt: skip
        return figures


def _insight(server: Server, at: int) -> int:
    query: dict[str, Any] = {"kind": "HogQLQuery", "query": SQL.replace("7", str(7 + at))}
    body = {"name": f"Numbers {at}", "query": query}
    return server.request("POST", "projects/1/insights?refresh=blocking", json=body).json()["id"]


class _Page:
    """Milliseconds of one load, of several one after the other on one connection."""

    def __init__(self, server: Server, browser: httpx.Client, shared: str) -> None:
        sharing = f"projects/1/{shared}/sharing"
        link = server.request("PATCH", sharing, json={"enabled": True}).json()
        self._address = f"{server.url}views/shared/{link['access_token']}"
        self._server = server
        self._browser = browser
        self.kilobytes = 0.0
        self.costs: list[float] = []

    def __call__(self) -> float:
        cost = processor_seconds(self._server.process)
        began = time.perf_counter()
        for _ in range(LOADS):
            answer = self._browser.get(self._address)
            answer.raise_for_status()
        took = (time.perf_counter() - began) * 1000 / LOADS
        self.costs.append((processor_seconds(self._server.process) - cost) * 1000 / LOADS)
        self.kilobytes = len(answer.content) / 1000
        if b"<td" not in answer.content or b"data:image" not in answer.content:
            raise RuntimeError("The page has no rows or no chart.")
        return took
