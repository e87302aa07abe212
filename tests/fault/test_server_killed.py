"""A server that is killed loses no acknowledged write and leaves nothing half done (F01, F02)."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from .invariants import check_store


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
        check_store(server.store, is_stopped=False)
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
