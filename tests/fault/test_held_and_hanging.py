"""Sources held by others, a store held by others, workers that hang (F08, F09, F11)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import duckdb
import psutil
import pytest

from .invariants import check_store

PERSPECTIVE = "api/v1/perspectives"
WAIT = {"Prefer": "wait=50"}
# Some seconds of work while its file has many rows, quick when it has one.
BY_SIZE = "SELECT sum(a.range * s.n % 7)::BIGINT AS c FROM 'size.csv' s, range(400000) a"
HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("UPDATE t SET n = 2")
print("held", flush=True)
sys.stdin.read()
connection.close()
"""


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"time_limit_seconds": 4.0, "watching": "events"}
    return jp_server_config


@pytest.fixture
def store(tmp_path):
    return tmp_path / "views-store"


def set_size(folder, rows: int) -> None:
    (folder / "size.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(1, rows + 1)))


def hold(path) -> subprocess.Popen[bytes]:
    """Another process that has a database open until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def until(ask, seconds: float = 40.0):
    """What the question gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await ask():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("It did not come to pass.")


async def busy_worker(folder) -> psutil.Process:
    """The worker that runs a query now: it stands in the folder of the data."""

    standing = os.path.realpath(folder)  # noqa: ASYNC240 - a name, asked for once

    async def find():
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if child.cwd() == standing:
                    return child
        return None

    return await until(find)


async def test_F08_a_refresh_outlasts_ten_seconds_of_a_locked_store_and_readers_notice_nothing(
    api, data_folder, store
):
    set_size(data_folder, 1)
    await api.save(BY_SIZE, "Kept", auto_refresh=False)
    before = (await api("GET", f"{PERSPECTIVE}/kept/result")).json["rows"]
    set_size(data_folder, 50)
    refresh = (await api("POST", f"{PERSPECTIVE}/kept/refresh")).json["id"]
    writer = sqlite3.connect(store / "views.sqlite", isolation_level=None)

    writer.execute("BEGIN IMMEDIATE")
    locked_until = time.monotonic() + 10
    answers = 0
    while time.monotonic() < locked_until:
        assert (await api("GET", "api/health")).status == 200
        shown = await api("GET", f"{PERSPECTIVE}/kept/result")
        assert (shown.status, shown.json["rows"]) == (200, before)
        answers += 1
        await asyncio.sleep(0.05)
    writer.execute("ROLLBACK")
    writer.close()

    assert answers > 20
    ended = (await api("GET", f"api/v1/statements/{refresh}", headers=WAIT)).json
    assert ended["status"] == "SUCCESS", ended["error"]
    assert (await api("GET", f"{PERSPECTIVE}/kept/result")).json["rows"] != before
    check_store(store, is_stopped=False)


async def test_F09_a_database_that_another_process_holds_keeps_the_rows_and_heals(
    api, data_folder, store
):
    path = data_folder / "held.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    view = await api.save('SELECT n FROM "held.duckdb".t', "Held")
    holder = hold(path)
    try:
        assert holder.stdout.readline() == b"held\n"

        refresh = (await api("POST", f"{PERSPECTIVE}/held/refresh")).json["id"]
        ended = (await api("GET", f"api/v1/statements/{refresh}", headers=WAIT)).json
        assert (ended["status"], ended["error"]["code"]) == ("FAILED", "SOURCE_LOCKED")
        assert "held.duckdb" in ended["error"]["message"]
        assert (await api("GET", f"{PERSPECTIVE}/held/result")).json["rows"] == [[1]]
        detail = (await api("GET", f"api/views/{view['short_id']}")).json
        assert detail["next_refresh_at"] is not None
    finally:
        holder.communicate()

    async def healed():
        path = f"api/views/{view['short_id']}/result?mode=force_cache"
        return (await api("GET", path)).json["rows"] == [[2]]

    await until(healed)
    check_store(store, is_stopped=False)


async def test_F11_a_worker_that_was_stopped_is_killed_and_its_view_tries_again(
    api, data_folder, store
):
    set_size(data_folder, 1)
    view = await api.save(BY_SIZE, "Hangs")
    before = (await api("GET", f"{PERSPECTIVE}/hangs/result")).json["rows"]
    set_size(data_folder, 3000)
    worker = await busy_worker(data_folder)
    worker.send_signal(signal.SIGSTOP)
    path = f"api/views/{view['short_id']}"
    refresh = (await until(lambda: _refreshing(api, path)))["statement_id"]
    set_size(data_folder, 2)

    ended = (await api("GET", f"api/v1/statements/{refresh}", headers=WAIT)).json
    assert (ended["status"], ended["error"]["code"]) == ("FAILED", "TIMED_OUT")
    await until(lambda: _is_gone(worker))
    shown = await api("GET", f"{path}/result?mode=force_cache")
    assert (shown.status, shown.json["rows"]) == (200, before)
    assert (await api.run("SELECT 1"))["status"] == "SUCCESS"

    async def healed():
        shown = (await api("GET", path)).json
        return shown["status"] == "fresh" and shown["last_refresh"]["status"] == "SUCCESS"

    await until(healed)
    assert (await api("GET", f"{path}/result?mode=force_cache")).json["rows"] != before
    check_store(store, is_stopped=False)


async def _is_gone(worker: psutil.Process) -> bool:
    try:
        return worker.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _refreshing(api, path):
    return (await api("GET", path)).json["refresh"]
