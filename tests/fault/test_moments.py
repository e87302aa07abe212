"""The store as it lies on disk at random moments, and copies of it made while it is written to.

A server is frozen between two system calls and its folder copied: what a
loss of power would leave of what has been handed to the system (F03). A copy
made with SQLite's own backup needs no frozen server (F22).
"""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from jupyter_views.store.opened import Store

from .invariants import check_store
from .processes import Server, until

MOMENTS = 20
SEED = 3


class Writers:
    """Keep a server busy: views are made and deleted, files change and views follow."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.kept: dict[str, int] = {}

    def __enter__(self) -> Writers:
        (self._server.home / "n.csv").write_text("n\n0\n")
        self._server.save("SELECT n FROM 'n.csv'", "Follows")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _write(self) -> None:
        assert self._server.client is not None
        number = 0
        while not self._stopped.is_set():
            number += 1
            (self._server.home / "n.csv").write_text(f"n\n{number}\n")
            view = self._server.save(f"SELECT {number} AS n", f"View {number}")
            self.kept[view["slug"]] = number
            if number % 3 == 0:
                self._server.client.delete(f"v1/perspectives/{view['slug']}").raise_for_status()


@contextlib.contextmanager
def frozen(server: Server):
    """Stop every process of a server between two system calls."""
    assert server.process is not None
    processes = [psutil.Process(server.process.pid), *server.workers()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        until(lambda process=process: process.status() == psutil.STATUS_STOPPED)
    try:
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGCONT)


def check_opens(folder: Path) -> None:
    """A server finds the store in order, with rows for all that views serve."""
    store = Store(folder, url="", cache_memory_bytes=1, cache_disk_bytes=1)
    try:
        assert store.database.check() == []
        # As every server does at its start; here the dead one had another folder, and it is
        # not known whether who has another folder lives.
        store.files.sweep(
            store.retention.result_hashes(),
            store.frames.hashes(),
            lambda server_id: server_id == store.lock.server_id,
        )
        for lease in store.statements.leases():
            assert lease.is_abandoned or lease.server_id, lease
    finally:
        store.close()
    check_store(folder)


def test_F03_the_store_is_whole_at_every_moment(server, tmp_path):
    """At twenty moments of a server that writes all the time."""
    chance = random.Random(SEED)
    server.start()
    with Writers(server) as writers:
        for moment in range(MOMENTS):
            time.sleep(chance.uniform(0.01, 0.4))
            copy = tmp_path / f"copy-{moment}"
            acknowledged = dict(writers.kept)
            with frozen(server):
                shutil.copytree(server.store, copy)
            check_opens(copy)
            with contextlib.closing(sqlite3.connect(copy / "views.sqlite")) as connection:
                slugs = {slug for (slug,) in connection.execute("SELECT slug FROM perspectives")}
            lost = {slug for slug, n in acknowledged.items() if n % 3 and slug not in slugs}
            assert not lost, f"I12: {lost}"
            shutil.rmtree(copy)
    server.stop()
    check_store(server.store)


def test_F22_a_backup_made_while_the_server_writes_serves_the_same_rows_elsewhere(tmp_path):
    (tmp_path / "first").mkdir()
    first = Server(tmp_path / "first", tmp_path / "first" / "store")
    first.start()
    copy = tmp_path / "second" / "store"
    copy.mkdir(parents=True, mode=0o700)
    with Writers(first) as writers:
        until(lambda: len(writers.kept) > 3)
        acknowledged = dict(writers.kept)
        # The rows after the metadata: what these name is never changed, only added to.
        with (
            contextlib.closing(sqlite3.connect(first.store / "views.sqlite")) as source,
            contextlib.closing(sqlite3.connect(copy / "views.sqlite")) as target,
        ):
            source.backup(target)
        for folder in ("results", "frames"):
            shutil.copytree(first.store / folder, copy / folder)
    first.stop()
    first.leave()
    check_store(first.store)

    second = Server(tmp_path / "second", copy)
    client = second.start()
    try:
        for slug, number in acknowledged.items():
            if number % 3:
                answer = client.get(f"v1/perspectives/{slug}/result")
                assert answer.json()["rows"] == [[number]]
        second.stop()
    finally:
        second.leave()
        if second.process.poll() is None:
            second.kill()
    check_store(copy)


def test_F22_a_store_deleted_under_the_server_is_said_and_a_restart_begins_anew(server):
    client = server.start()
    view = server.save("SELECT 1 AS n", "Lost")

    shutil.rmtree(server.store)

    refused = client.post("v1/statements", json={"sql": "SELECT 2 AS n"})
    assert (refused.status_code, refused.json()["error"]) == (503, "UNAVAILABLE")
    assert "deleted" in refused.json()["message"]
    assert int(refused.headers["Retry-After"]) > 0
    assert not (server.store / "views.sqlite").exists()
    with pytest.raises(httpx.HTTPStatusError):
        server.stored(view).raise_for_status()
    server.stop()

    server.start()
    assert server.rows(server.save("SELECT 3 AS n", "New")) == [[3]]
    server.stop()
    check_store(server.store)
