"""P1 and P2: a stored result over HTTP, whole and as 304, beside bare tornado."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .figures import Figure, alternate
from .server import Helper, Server, free_port, jupyter_server, processor_seconds

CONNECTIONS = 8
SECONDS = 1.5
# About 1 KB of JSON.
SQL = "SELECT i AS id, 'name ' || i AS name, i * 1.5 AS amount FROM range(24) t(i)"


def measure(folder: Path, runs: int) -> list[Figure]:
    """P1 and P2, each with a key of ours and with the server's token."""
    with jupyter_server(folder) as server:
        path = f"/views/api/v1/perspectives/{server.save(SQL, 'small')}/result"
        answer = server.request("GET", path.removeprefix("/views/api/"))
        (folder / "body").write_bytes(answer.content)
        tag = answer.headers["Etag"].strip('"')
        port = free_port()
        load = Helper("benchmarks.load")
        bare = Helper("benchmarks.bare_tornado", str(port), str(folder / "body"), tag)
        try:
            bare.found()
            rounds = _Rounds(load, server, path, bare, port, tag)
            return rounds.figures(runs, len(answer.content))
        finally:
            load.close()
            bare.close()


class _Rounds:
    """The same requests to both servers; also the processor time that each of them cost."""

    def __init__(
        self, load: Helper, server: Server, path: str, bare: Helper, bare_port: int, tag: str
    ) -> None:
        self._load = load
        self._ours = {"port": server.port, "path": path}
        self._theirs = {"port": bare_port, "path": "/"}
        self._processes = {server.port: server.process, bare_port: bare.process}
        self._tag = tag
        self._credentials = {
            "an API key": f"Bearer {server.key()}",
            "the server's token": f"token {server.token}",
        }
        self._cost: dict[int, list[float]] = {}

    def figures(self, runs: int, size: int) -> list[Figure]:
        """Requests per second against the goals, processor time beside them."""
        found = []
        for name, goal, status in (("P1", 0.80, 200), ("P2", 0.85, 304)):
            for who, authorization in self._credentials.items():
                self._cost.clear()
                headers = {"Authorization": authorization}
                if status == 304:
                    headers["If-None-Match"] = f'"{self._tag}"'
                ours, theirs = alternate(
                    runs,
                    lambda h=headers, s=status: self._rate(self._ours, h, s),
                    lambda h=headers, s=status: self._rate(self._theirs, h, s),
                )
                what = f"GET of a {size:,}-byte result" if status == 200 else "the same, 304"
                found.append(
                    Figure(
                        name=name, what=f"{what}, {who}", unit="/s", ours=ours, peers=theirs,
                        peer_name="bare tornado", goal=goal, wants_more=True,
                    )
                )  # fmt: skip
                found.append(self._processor_time(runs))
        return found

    def _rate(self, target: dict[str, Any], headers: dict[str, str], status: int) -> float:
        process = self._processes[target["port"]]
        before = processor_seconds(process)
        answer = self._load.do(
            kind="rate", headers=headers, connections=CONNECTIONS, seconds=SECONDS, **target
        )
        if answer["statuses"] != [status]:
            raise RuntimeError(f"{target['path']} answered {answer['statuses']}, not {status}.")
        used = (processor_seconds(process) - before) / answer["count"] * 1e6
        self._cost.setdefault(target["port"], []).append(used)
        return answer["per_second"]

    def _processor_time(self, runs: int) -> Figure:
        ours, theirs = (tuple(costs[-runs:]) for costs in self._in_order())
        return Figure(
            name="", what="… processor time per request", unit="µs", ours=ours, peers=theirs,
            peer_name="bare tornado", goal=None,
        )  # fmt: skip

    def _in_order(self) -> list[list[float]]:
        return [self._cost[self._ours["port"]], self._cost[self._theirs["port"]]]
