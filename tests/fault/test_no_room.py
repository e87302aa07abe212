"""No room on the disk, no descriptors left, folders that go away (F04, F05).

The limits of the operating system are set on the running processes: every
write beyond a size fails, every further file cannot be opened. So each fault
is one of the system, whichever call meets it.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
from collections.abc import Iterator

import psutil

from .invariants import check_store
from .processes import Server, until

WAIT = {"Prefer": "wait=50"}
LARGE = "SELECT md5(n::VARCHAR || i::VARCHAR) AS a FROM 'n.csv', range(300000) t(i)"


@contextlib.contextmanager
def limited(processes: list[psutil.Process], what: int, most: int) -> Iterator[None]:
    """Let these processes have so much of a thing and no more."""
    before = {process.pid: resource.prlimit(process.pid, what) for process in processes}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, what, limits)


def itself(server: Server) -> psutil.Process:
    assert server.process is not None
    return psutil.Process(server.process.pid)


def test_F04_a_store_that_cannot_grow_refuses_writes_serves_reads_and_recovers(server):
    client = server.start()
    view = server.save("SELECT 1 AS n", "Kept")
    slugs = set()

    with limited([itself(server)], resource.RLIMIT_FSIZE, 4096):
        statement = client.post("v1/statements", json={"sql": "SELECT 2 AS n"}, headers=WAIT)
        assert (statement.status_code, statement.json()["error"]) == (503, "UNAVAILABLE")
        assert int(statement.headers["Retry-After"]) > 0
        changes = (("PUT", "v1/perspectives/kept"), ("PATCH", f"views/{view['short_id']}"))
        for verb, path in changes:
            refused = client.request(verb, path, json={"name": "X"})
            assert (refused.status_code, refused.json()["error"]) == (503, "UNAVAILABLE")
        assert client.delete("v1/perspectives/kept").status_code == 503
        assert server.rows(view) == [[1]]
        assert client.get("v1/perspectives/kept").json()["name"] == "Kept"
        assert client.get("health").status_code == 200

    for number in range(5):
        slugs.add(server.save(f"SELECT {number} AS n", f"After {number}")["slug"])
    server.stop()
    check_store(server.store)
    client = server.start()
    assert server.rows(view) == [[1]]
    assert all(client.get(f"v1/perspectives/{slug}").status_code == 200 for slug in slugs)
    server.stop()


def test_F04_rows_without_room_fail_the_refresh_which_heals_by_itself(server):
    (server.home / "n.csv").write_text("n\n1\n")
    client = server.start()
    view = server.save(LARGE, "Large")
    before = server.stored(view).json()["rows"][0]
    path = f"views/{view['short_id']}"

    with limited(server.workers(), resource.RLIMIT_FSIZE, 1 << 20):
        (server.home / "n.csv").write_text("n\n2\n")
        until(lambda: client.get(path).json()["status"] == "failed")
        failed = client.get(path).json()
        assert "disk" in failed["last_refresh"]["error"]["message"]
        assert failed["next_refresh_at"] is not None
        window = client.get(f"{path}/result", params={"mode": "force_cache", "limit": 1})
        assert window.json()["rows"] == [before]

    until(lambda: client.get(path).json()["status"] == "fresh")
    assert server.stored(view).json()["rows"][0] != before
    server.stop()
    check_store(server.store)


def test_F05_without_descriptors_nothing_is_acknowledged_and_lost_and_none_leaks(server):
    client = server.start()
    view = server.save("SELECT 1 AS n", "Kept")
    process = itself(server)
    server.rows(view)
    # The connection of the client exists, so that what lacks one is the work itself.
    room = process.num_fds()
    acknowledged: dict[str, int] = {}

    with limited([process], resource.RLIMIT_NOFILE, room):
        for number in range(30):
            made = client.post("v1/statements", json={"sql": f"SELECT {number} AS n"}, headers=WAIT)
            assert made.status_code in {200, 202, 500, 503}, made.text
            if made.status_code == 200 and made.json()["status"] == "SUCCESS":
                acknowledged[made.json()["id"]] = number
            assert client.get("health").status_code in {200, 503}

    for statement, number in acknowledged.items():
        rows = client.get(f"v1/statements/{statement}/result").json()["rows"]
        assert rows == [[number]]
    ended = client.post("v1/statements", json={"sql": "SELECT 'after' AS n"}, headers=WAIT)
    assert ended.json()["status"] == "SUCCESS"
    assert server.rows(view) == [[1]]
    until(lambda: process.num_fds() <= room + 10)
    server.stop()
    check_store(server.store)


def test_F05_folders_that_go_away_cost_what_was_in_them_and_no_more(server):
    (server.home / "n.csv").write_text("n\n1\n")
    client = server.start()
    view = server.save("SELECT n FROM 'n.csv'", "Kept")

    shutil.rmtree(server.store / "results")
    gone = server.stored(view)
    assert (gone.status_code, gone.json()["error"]) == (410, "GONE")
    refresh = client.post("v1/perspectives/kept/refresh").json()["id"]
    ended = client.get(f"v1/statements/{refresh}", headers=WAIT).json()
    assert ended["status"] == "SUCCESS", ended["error"]
    assert server.rows(view) == [[1]]

    for folder in ("encoded", "states"):
        shutil.rmtree(server.store / folder)
    other = server.save("SELECT i FROM range(200000) t(i)", "Other")
    assert client.get(f"views/{other['short_id']}/result?format=csv").status_code == 200
    assert server.rows(view) == [[1]]
    server.stop()
    check_store(server.store)
