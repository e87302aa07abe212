"""Odd places, signals at odd moments, kernels that die (F12, F18, F19)."""

from __future__ import annotations

import random
import signal
import time

import psutil
import pytest

from .invariants import check_store
from .processes import Server, until

PLACES = {
    "spaces and quotes": "my 'own' \"data\"",
    "unicode": "Übersicht 数据 🦆",
    "marks of addresses": "50% a?b=c#d&e",
    "marks of patterns": "a[1-9]*{x}",
    # SQLite opens no path beyond 512 bytes.
    "long": "/".join("long-" + "x" * 95 for _ in range(3)),
}
RESTARTS = 6
SEED = 19


@pytest.mark.parametrize("place", PLACES)
def test_F18_views_work_in_odd_places_and_outlive_the_server(tmp_path, place):
    home = tmp_path / PLACES[place]
    home.mkdir(parents=True)
    (home / "n.csv").write_text("n\n1\n")
    server = Server(home, home / "store of views")
    try:
        server.start()
        view = server.save("SELECT sum(n)::BIGINT AS n FROM 'n.csv'", "Odd")
        above = server.save('SELECT n + 1 AS n FROM views."odd"', "Above")
        (home / "n.csv").write_text("n\n1\n2\n")
        until(lambda: server.rows(above) == [[4]])
        server.stop()
        check_store(server.store)
        server.start()
        assert (server.rows(view), server.rows(above)) == ([[3]], [[4]])
        server.stop()
        check_store(server.store)
    finally:
        server.leave()
        if server.process.poll() is None:
            server.kill()


def test_F19_a_server_stopped_at_any_moment_of_its_start_leaves_no_process_and_a_whole_store(
    server,
):
    """Six restarts, each told to stop before or soon after it is ready."""
    chance = random.Random(SEED)
    began = time.monotonic()
    server.start()
    takes = time.monotonic() - began
    view = server.save("SELECT 1 AS n", "Kept")
    for _ in range(RESTARTS):
        workers = server.workers()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=30)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert not alive
        check_store(server.store)
        server.launch()
        time.sleep(chance.uniform(0, takes))

    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=30)
    server.start()
    assert server.rows(view) == [[1]]
    server.stop()
    check_store(server.store)


def test_F01_a_server_killed_while_it_makes_its_store_leaves_one_that_opens(server):
    """Six kills, each a moment later than the last, until the store is made."""
    began = time.monotonic()
    server.start()
    takes = time.monotonic() - began
    server.stop()
    for path in sorted(server.store.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    for share in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        server.launch()
        time.sleep(takes * share)
        workers = server.workers()
        server.kill()
        psutil.wait_procs(workers, timeout=20)

    server.start()
    view = server.save("SELECT 1 AS n", "New")
    assert server.rows(view) == [[1]]
    server.stop()
    check_store(server.store)
