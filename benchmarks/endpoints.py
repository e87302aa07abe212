"""P23 and P24: runs of endpoints, beside the GET of a perspective and beside bare DuckDB."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import duckdb

from .figures import Figure, alternate
from .gets import CONNECTIONS, SECONDS, SQL
from .server import Helper, Server, jupyter_server, processor_seconds

TRIVIAL = "SELECT 42 AS answer"
FROM_FILE = "SELECT count(*) AS n FROM 'numbers.csv'"
_PAUSE = 0.02


def measure(folder: Path, runs: int) -> list[Figure]:
    """The cached run of two endpoints, and one that is calculated for every request."""
    with jupyter_server(folder) as server:
        (server.root / "numbers.csv").write_text("n\n" + "\n".join(map(str, range(100))) + "\n")
        load = Helper("benchmarks.load")
        try:
            rounds = _Rounds(load, server)
            return [
                *rounds.cached("rows", SQL, "24 rows", runs),
                *rounds.cached("file", FROM_FILE, "one row, over a file", runs),
                rounds.calculated(runs),
            ]
        finally:
            load.close()


class _Rounds:
    """Requests to one server, in turn."""

    def __init__(self, load: Helper, server: Server) -> None:
        self._load = load
        self._server = server
        self._headers = {"Authorization": f"token {server.token}"}
        self._cost: dict[str, list[float]] = {}

    def cached(self, name: str, sql: str, what: str, runs: int) -> list[Figure]:
        """Time per request of a cached run and of the same rows as a perspective's."""
        ours = self._endpoint(name, sql)
        peer = f"/views/api/v1/perspectives/{self._server.save(sql, f'{name}-view')}/result"
        self._cost.clear()
        mine, theirs = alternate(runs, lambda: self._time(ours), lambda: self._time(peer))
        costs = (tuple(self._cost[path][-runs:]) for path in (ours, peer))
        return [
            Figure(
                name="P23", what=f"cached run of an endpoint, {what}", unit="µs",
                ours=mine, peers=theirs, peer_name="GET of a perspective", goal=1.3,
            ),
            Figure(
                name="", what="… processor time per request", unit="µs",
                ours=next(costs), peers=next(costs), peer_name="GET of a perspective", goal=None,
            ),
        ]  # fmt: skip

    def calculated(self, runs: int) -> Figure:
        """Milliseconds of a run that is calculated, and of the same query in this process."""
        path = f"{self._endpoint('trivial', TRIVIAL)}?refresh=force_blocking"
        connection = duckdb.connect()
        ours, peers = alternate(runs, lambda: self._latency(path), lambda: self._bare(connection))
        connection.close()
        return Figure(
            name="P24", what="run that calculates a trivial query", unit="ms", ours=ours,
            peers=peers, peer_name="bare DuckDB", compare="difference", goal=15.0,
        )  # fmt: skip

    def _endpoint(self, name: str, sql: str) -> str:
        body = {"name": name, "query": {"kind": "HogQLQuery", "query": sql}}
        self._server.request("POST", "projects/1/endpoints", json=body)
        self._server.request("GET", f"projects/1/endpoints/{name}/run")
        return f"/views/api/projects/1/endpoints/{name}/run"

    def _time(self, path: str) -> float:
        """Microseconds of a request, of several asked at once."""
        before = processor_seconds(self._server.process)
        answer = self._load.do(
            kind="rate", port=self._server.port, path=path, headers=self._headers,
            connections=CONNECTIONS, seconds=SECONDS,
        )  # fmt: skip
        _require_200(path, answer["statuses"])
        used = (processor_seconds(self._server.process) - before) / answer["count"]
        self._cost.setdefault(path, []).append(used * 1e6)
        return 1e6 / answer["per_second"]

    def _latency(self, path: str) -> float:
        answer = self._load.do(
            kind="latency", port=self._server.port, path=path, headers=self._headers,
            seconds=SECONDS, pause=_PAUSE,
        )  # fmt: skip
        _require_200(path, answer["statuses"])
        return median(answer["milliseconds"])

    def _bare(self, connection: duckdb.DuckDBPyConnection) -> float:
        found = []
        for _ in range(50):
            began = time.perf_counter()
            connection.execute(TRIVIAL).fetchall()
            found.append((time.perf_counter() - began) * 1000)
        return median(found)


def _require_200(path: str, statuses: list[int]) -> None:
    if statuses != [200]:
        raise RuntimeError(f"{path} answered {statuses}, not 200.")
