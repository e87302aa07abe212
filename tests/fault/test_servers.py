"""Several servers on one store, one of them killed, stopped, locked out or late (F08, F15, F19)."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from store.shared import a_server, a_view, seen

from jupyter_views.core.model import Rule, Status

from .invariants import check_store
from .processes import Server

ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"
# Some seconds of work while its file has many rows, quick when it has one.
BY_SIZE = "SELECT sum(a.range * s.n % 7)::BIGINT AS c FROM 'size.csv' s, range(400000) a"
DAILY = Rule(schedule="1d")


def now() -> int:
    return time.time_ns() // 1000


class Process:
    """A due_server in a process of its own."""

    def __init__(self, folder: Path, lease_seconds: float) -> None:
        script = Path(__file__).with_name("due_server.py")
        self.errors = folder / f"errors-{len(list(folder.glob('errors-*')))}"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, script, folder / "store", folder / "data", str(lease_seconds)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ready(self) -> str:
        """The server's id, once it is at work."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.log()
        return line

    def log(self) -> str:
        return self.errors.read_text()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Stop it in order; returns its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def store(folder):
    opened = a_server(folder)
    yield opened
    opened.close()


@pytest.fixture
def servers(folder):
    """Start so many servers with so short a lease; whatever lives after the test is killed."""
    made: list[Process] = []

    def start(count: int, lease_seconds: float = 1.5) -> dict[str, Process]:
        begun = [Process(folder, lease_seconds) for _ in range(count)]
        made.extend(begun)
        return {process.ready(): process for process in begun}

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def set_size(folder: Path, rows: int) -> None:
    lines = "".join(f"{n}\n" for n in range(1, rows + 1))
    (folder / "data" / "size.csv").write_text(f"n\n{lines}")


def until(condition, seconds: float = 100.0):
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("It did not come to pass.")


def rows_of(store, sql: str) -> list[tuple]:
    with store.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def make_due(store, views) -> None:
    ids = ", ".join(str(view.id) for view in views)
    with store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE views SET next_due_at = {now()} WHERE id IN ({ids})")


def stop_outside_of_writes(process: Process, folder: Path) -> None:
    """SIGSTOP, but not while it holds the one write lock that SQLite has: nobody could go on."""
    while True:
        process.send(signal.SIGSTOP)
        probe = sqlite3.connect(folder / "store" / "views.sqlite", timeout=0.2)
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send(signal.SIGCONT)
            time.sleep(0.01)
        else:
            return
        finally:
            probe.close()


@pytest.mark.timeout(300)
def test_F15_200_due_views_and_a_server_that_sleeps_through_its_lease(folder, store, servers):
    set_size(folder, 2500)
    data = str(folder / "data")
    slow = a_view(store, DAILY, sql=BY_SIZE, base_dir=data)
    quick = [a_view(store, DAILY, sql=f"SELECT {n} AS n", base_dir=data) for n in range(200)]
    at_work = servers(2)

    make_due(store, [slow])
    for process in at_work.values():
        process.send(signal.SIGUSR1)
    refresh = until(lambda: seen(store, slow).refreshing)
    until(lambda: store.statements.find(refresh.id).status is Status.RUNNING)
    (owner,) = {lease.server_id for lease in store.statements.leases()}
    sleeper = at_work[owner]
    make_due(store, quick)
    for process in at_work.values():
        process.send(signal.SIGUSR1)
    until(lambda: rows_of(store, "SELECT 1 FROM statements WHERE cause IS NOT NULL LIMIT 20"))
    stop_outside_of_writes(sleeper, folder)
    set_size(folder, 1)
    interrupted = until(lambda: (s := store.statements.find(refresh.id)).status.is_final and s)
    sleeper.send(signal.SIGCONT)

    until(lambda: "ended too late, dropped" in sleeper.log())
    until(lambda: rows_of(store, "SELECT count(*) FROM views WHERE failures = 0") == [(201,)])
    until(lambda: not store.statements.leases())
    until(
        lambda: (
            not rows_of(
                store,
                "SELECT 1 FROM views v WHERE NOT EXISTS (SELECT 1 FROM statements s "
                "WHERE s.id = v.current_statement_id AND s.cause IS NOT NULL)",
            )
        )
    )
    assert interrupted.error["code"] == "INTERRUPTED"
    assert store.statements.find(refresh.id) == interrupted
    claimed = Counter(
        view_id
        for (view_id,) in rows_of(
            store, "SELECT view_id FROM statements WHERE cause LIKE '%schedule%'"
        )
    )
    assert set(claimed) == {slow.id, *(view.id for view in quick)}
    assert set(claimed.values()) == {1}
    served = Counter(
        view_id
        for (view_id,) in rows_of(
            store, "SELECT view_id FROM statements WHERE status = 'SUCCESS' AND view_id > 0"
        )
    )
    assert set(served.values()) == {1}
    assert rows_of(store, "SELECT count(*) FROM views WHERE next_due_at > refreshed_at") == [(201,)]
    assert [process.end() for process in at_work.values()] == [0, 0]
    told = rows_of(
        store, "SELECT sum(count) FROM decisions WHERE text LIKE 'due %' GROUP BY view_id"
    )
    assert told == [(1,)] * 201
    check_store(folder / "store")


def test_what_a_killed_server_ran_is_run_again_by_the_one_that_is_left(folder, store, servers):
    set_size(folder, 6000)
    view = a_view(store, DAILY, sql=BY_SIZE, base_dir=str(folder / "data"))
    at_work = servers(2)
    make_due(store, [view])
    for process in at_work.values():
        process.send(signal.SIGUSR1)
    refresh = until(lambda: seen(store, view).refreshing)
    until(lambda: store.statements.find(refresh.id).status is Status.RUNNING)
    (owner,) = {lease.server_id for lease in store.statements.leases()}

    at_work[owner].send(signal.SIGKILL)
    set_size(folder, 1)

    until(lambda: seen(store, view).failures == 1 or seen(store, view).current.cause)
    again = until(lambda: (s := seen(store, view).current).cause and s)
    assert store.statements.find(refresh.id).error["code"] == "INTERRUPTED"
    assert (again.id != refresh.id, again.cause.kind) == (True, "retry")
    after = seen(store, view)
    assert (after.failures, after.refreshing) == (0, None)
    (left,) = set(at_work) - {owner}
    assert at_work[left].end() == 0
    store.clean(0, 0)  # as the next server does at its start, and this one within a minute
    check_store(folder / "store")


def test_F19_a_server_told_to_stop_leaves_what_waits_to_the_others_at_once(folder, store, servers):
    data = str(folder / "data")
    endless = [a_view(store, DAILY, sql=f"{ENDLESS} - {n}", base_dir=data) for n in range(2)]
    waits = a_view(store, DAILY, sql="SELECT 'waited' AS w", base_dir=data)
    first = servers(1, lease_seconds=60)
    make_due(store, endless)
    (process,) = first.values()
    process.send(signal.SIGUSR1)
    until(lambda: all(seen(store, view).refreshing for view in endless))
    running = "SELECT count(*) FROM statements WHERE status = 'RUNNING'"
    until(lambda: rows_of(store, running) == [(2,)])
    make_due(store, [waits])
    process.send(signal.SIGUSR1)
    waiting = until(lambda: seen(store, waits).refreshing)

    assert process.end() == 0
    assert [seen(store, view).last_refresh.error["code"] for view in endless] == ["INTERRUPTED"] * 2
    (lease,) = store.statements.leases()
    assert (lease.statement_id, lease.is_abandoned) == (waiting.id, True)

    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE views SET next_due_at = NULL")
    (second,) = servers(1, lease_seconds=60).values()
    until(lambda: store.statements.find(waiting.id).status is Status.SUCCESS)
    assert second.end() == 0


@pytest.fixture
def whole(folder):
    """Make whole servers with one root and one store; none lives after the test."""
    made: list[Server] = []

    def make() -> Server:
        made.append(Server(folder, folder / "store", "--ViewsApp.watching=off"))
        return made[-1]

    yield make
    for each in made:
        each.leave()
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def test_F01_the_view_of_a_killed_server_is_refreshed_by_the_other_without_a_reader(
    folder, store, whole
):
    sql = BY_SIZE.replace("size.csv", "data/size.csv")
    set_size(folder, 1)
    first, second = whole(), whole()
    client, other = first.start(), second.start()
    statement = client.post(
        "v1/statements", json={"sql": sql}, headers={"Prefer": "wait=50"}
    ).json()
    saved = client.post("v1/perspectives", json={"name": "Kept", "statement_id": statement["id"]})
    assert saved.status_code == 201
    set_size(folder, 6000)
    refresh = client.post("v1/perspectives/kept/refresh").json()["id"]
    until(lambda: other.get(f"v1/statements/{refresh}").json()["status"] == "RUNNING")

    first.kill()
    set_size(folder, 2)

    ended = other.get(f"v1/statements/{refresh}", headers={"Prefer": "wait=50"}).json()
    assert (ended["status"], ended["error"]["code"]) == ("FAILED", "INTERRUPTED")
    again = "SELECT id FROM statements WHERE status = 'SUCCESS' AND view_id > 0"
    with contextlib.closing(sqlite3.connect(folder / "store" / "views.sqlite")) as connection:
        until(lambda: connection.execute(again).fetchall())
    view = other.get("v1/perspectives/kept").json()
    assert (view["status"], view["last_refresh"]["status"]) == ("fresh", "SUCCESS")
    second.stop()
    store.clean(0, 0)  # as it does within a minute
    check_store(folder / "store")


def test_F08_writes_wait_for_a_locked_store_for_a_while_and_reads_do_not_wait(folder, whole):
    server = whole()
    client = server.start()
    statement = client.post(
        "v1/statements", json={"sql": "SELECT 1 AS n"}, headers={"Prefer": "wait=50"}
    ).json()
    body = {"name": "Read", "statement_id": statement["id"]}
    assert client.post("v1/perspectives", json=body).status_code == 201
    writer = sqlite3.connect(
        folder / "store" / "views.sqlite", isolation_level=None, check_same_thread=False
    )

    writer.execute("BEGIN IMMEDIATE")
    release = threading.Timer(1.0, writer.execute, ["ROLLBACK"])
    release.start()
    assert client.post("v1/statements", json={"sql": "SELECT 2"}).status_code in {200, 202}
    release.join()

    writer.execute("BEGIN IMMEDIATE")
    refused = client.post("v1/statements", json={"sql": "SELECT 3"})
    assert (refused.status_code, refused.json()["error"]) == (503, "UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get("health").status_code == 200
    assert client.get("v1/perspectives/read/result").json()["rows"] == [[1]]
    writer.execute("ROLLBACK")
    writer.close()

    ended = client.post(
        "v1/statements", json={"sql": "SELECT 3 AS n"}, headers={"Prefer": "wait=50"}
    )
    assert ended.json()["status"] == "SUCCESS"
    server.stop()
    check_store(folder / "store")


def test_F19_a_server_told_to_stop_leaves_no_process_and_no_half_statement(folder, whole):
    server = whole()
    client = server.start()
    running = client.post("v1/statements", json={"sql": ENDLESS}).json()["id"]
    waiting = client.post("v1/statements", json={"sql": "SELECT 'waited' AS w"}).json()["id"]
    until(lambda: client.get(f"v1/statements/{running}").json()["status"] == "RUNNING")
    assert server.process is not None
    workers = psutil.Process(server.process.pid).children(recursive=True)
    assert workers

    server.stop()

    assert not any(worker.is_running() for worker in workers)
    check_store(folder / "store")
    client = server.start()
    stopped = client.get(f"v1/statements/{running}").json()
    assert (stopped["status"], stopped["error"]["code"]) == ("FAILED", "INTERRUPTED")
    ended = client.get(f"v1/statements/{waiting}", headers={"Prefer": "wait=50"}).json()
    assert ended["status"] == "SUCCESS"
    server.stop()
    check_store(folder / "store")
