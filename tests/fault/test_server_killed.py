"""A server that is killed loses no acknowledged write and leaves nothing half done (F01, F02)."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_views.store.database import Database


class Server:
    """A real server process on a store of its own."""

    def __init__(self, home: Path, store: Path) -> None:
        self.home, self.store = home, store
        self.token = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None
        self.client: httpx.Client | None = None

    def start(self) -> httpx.Client:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                "--ServerApp.open_browser=False",
                "--ServerApp.allow_root=True",
                f"--IdentityProvider.token={self.token}",
                "--ServerApp.jpserver_extensions={'jupyter_views': True}",
                f"--ServerApp.root_dir={self.home}",
                f"--ViewsApp.store_dir={self.store}",
                "--ViewsApp.run_workers=1",
                "--ViewsApp.read_workers=1",
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.leave()
        self.client = client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/views/api",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        self._await_health(client)
        return client

    def _await_health(self, client: httpx.Client) -> None:
        for _ in range(300):
            try:
                if client.get("health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("The server did not come up.")

    def leave(self) -> None:
        if self.client is not None:
            self.client.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path, tmp_path / "views-store")
    yield made
    made.leave()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def check_store(folder: Path) -> None:
    """Invariants of a store that nobody uses at the moment."""
    database = Database(f"sqlite:///{folder / 'views.sqlite'}")
    assert database.check() == []
    database.close()
    with sqlite3.connect(folder / "views.sqlite") as connection:
        connection.row_factory = sqlite3.Row
        words = {"QUEUED", "RUNNING", "SUCCESS", "FAILED", "CANCELED"}
        found = {row["status"] for row in connection.execute("SELECT status FROM statements")}
        assert found <= words
        for row in connection.execute("SELECT sha256, size_bytes FROM results"):
            path = folder / "results" / row["sha256"][:2] / f"{row['sha256']}.arrow"
            assert path.stat().st_size == row["size_bytes"]
        holes = connection.execute(
            "SELECT view_id FROM versions GROUP BY view_id HAVING max(n) <> count(*)"
        )
        assert holes.fetchall() == []


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


def _save(client: httpx.Client, number: int) -> str:
    statement = client.post(
        "v1/statements", json={"sql": f"SELECT {number} AS n"}, headers={"Prefer": "wait=30"}
    ).json()
    answer = client.post(
        "v1/perspectives", json={"name": f"View {number}", "statement_id": statement["id"]}
    )
    assert answer.status_code == 201
    return answer.json()["slug"]


def _try_saving(client: httpx.Client, kept: dict[str, int], number: int) -> None:
    try:
        kept[_save(client, number)] = number
    except (httpx.TransportError, KeyError, json.JSONDecodeError, AssertionError):
        return


def test_F01_a_server_killed_at_random_keeps_every_acknowledged_view(server):
    chance = random.Random(7)
    kept: dict[str, int] = {}
    for round_ in range(4):
        client = server.start()
        workers = _children(server.process.pid)
        assert workers
        deadline = time.monotonic() + chance.uniform(0.3, 1.5)
        number = round_ * 1000
        while time.monotonic() < deadline:
            number += 1
            _try_saving(client, kept, number)
        server.kill()
        check_store(server.store)
        for _ in range(50):
            if not any(Path(f"/proc/{pid}").exists() for pid in workers):
                break
            time.sleep(0.1)
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)

    client = server.start()
    for slug, number in kept.items():
        assert client.get(f"v1/perspectives/{slug}/result").json()["rows"] == [[number]]
    assert kept
    server.stop()


def test_F01_what_ran_has_failed_and_what_waited_runs_after_the_restart(server):
    client = server.start()
    endless = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM t) SELECT sum(n) FROM t"
    running = client.post("v1/statements", json={"sql": endless}).json()["id"]
    waiting = client.post("v1/statements", json={"sql": "SELECT 'waited' AS w"}).json()["id"]
    time.sleep(1)
    assert client.get(f"v1/statements/{running}").json()["status"] == "RUNNING"
    server.kill()

    client = server.start()
    after: dict[str, Any] = client.get(f"v1/statements/{running}").json()
    assert after["status"] == "FAILED"
    assert after["error"]["code"] == "INTERRUPTED"
    ended = client.get(f"v1/statements/{waiting}", headers={"Prefer": "wait=30"}).json()
    assert ended["status"] == "SUCCESS"
    assert client.get(f"v1/statements/{waiting}/result").json()["rows"] == [["waited"]]
    server.stop()
    check_store(server.store)


def test_F02_a_killed_worker_fails_one_statement_and_the_next_one_runs(server):
    client = server.start()
    workers = _children(server.process.pid)
    endless = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM t) SELECT sum(n) FROM t"
    running = client.post("v1/statements", json={"sql": endless}).json()["id"]
    time.sleep(1)
    busiest = max(
        workers, key=lambda pid: sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15]))
    )
    os.kill(busiest, signal.SIGKILL)

    ended = client.get(f"v1/statements/{running}", headers={"Prefer": "wait=30"}).json()
    assert ended["status"] == "FAILED"
    assert ended["error"]["code"] == "ENGINE_CRASHED"
    assert _save(client, 1) == "view-1"
    server.stop()
    check_store(server.store)
