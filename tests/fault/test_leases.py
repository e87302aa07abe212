"""Leases at work: two runners, two real engines and one store in one process."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import pytest
from store.shared import a_server, a_statement

from jupyter_views.core.model import Status

from .due_server import DueServer

ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path


@contextlib.asynccontextmanager
async def at_work(folder: Path, lease_seconds: float = 0.6):
    """A server of this process."""
    server = DueServer(folder / "store", folder / "data", lease_seconds)
    await server.engine.start()
    await server.runner.start()
    try:
        yield server
    finally:
        await server.runner.stop()
        await server.engine.stop()
        server.store.close()


async def running(server: DueServer, sql: str):
    """A statement that this server runs, once the store says so too."""
    statement = server.store.statements.submit(
        a_statement(sql, base_dir=str(server.store.files.root.parent / "data"))
    )
    server.runner.set_going(statement)
    await until(lambda: server.store.statements.find(statement.id).status is Status.RUNNING)
    return statement


async def until(condition):
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("It did not come to pass.")


async def test_a_lease_is_kept_for_as_long_as_the_run_takes(folder):
    async with at_work(folder, 3.0) as first, at_work(folder, 3.0) as second:
        statement = await running(first, ENDLESS)

        stands = await second.runner.wait(statement, 4.5)
        (lease,) = second.store.statements.leases()

        assert stands.status is Status.RUNNING
        assert lease.server_id == first.store.lock.server_id
        assert lease.beat > 0


async def test_a_server_with_nothing_to_do_writes_nothing(folder):
    async with at_work(folder, lease_seconds=0.15) as first, at_work(folder) as second:
        before = second.store.database.version()
        await asyncio.sleep(0.5)
        assert second.store.database.version() == before

        statement = first.store.statements.submit(a_statement("SELECT 1"))
        first.runner.set_going(statement)
        assert (await first.runner.wait(statement, 30)).status is Status.SUCCESS
        await asyncio.sleep(0.2)
        before = second.store.database.version()
        await asyncio.sleep(0.5)
        assert second.store.database.version() == before


async def test_a_run_canceled_through_another_server_is_stopped_where_it_runs(folder, caplog):
    async with at_work(folder) as first, at_work(folder) as second:
        statement = await running(first, ENDLESS)

        await second.runner.cancel(statement.id)

        assert second.store.statements.find(statement.id).status is Status.CANCELED
        await until(lambda: "ended too late, dropped" in caplog.text)
        other = first.store.statements.submit(a_statement("SELECT 1"))
        first.runner.set_going(other)
        assert (await first.runner.wait(other, 30)).status is Status.SUCCESS


async def test_who_waits_here_for_a_server_that_died_is_told_soon(folder):
    async with at_work(folder) as second:
        dead = a_server(folder)
        statement = dead.statements.submit(a_statement(ENDLESS))
        dead.statements.start(statement.id, statement.fence, time.time_ns() // 1000)
        dead.close()

        ended = await second.runner.wait(statement, 30)

        assert (ended.status, ended.error["code"]) == (Status.FAILED, "INTERRUPTED")


async def test_what_waited_in_a_server_that_gave_no_sign_of_life_runs_here(folder):
    async with at_work(folder) as second:
        silent = a_server(folder)
        statement = silent.statements.submit(a_statement("SELECT 7 AS n"))

        ended = await second.runner.wait(statement, 30)

        assert (ended.status, ended.fence) == (Status.SUCCESS, 1)
        silent.close()


async def test_a_statement_that_was_stored_but_never_set_going_is_not_stuck(folder):
    async with at_work(folder) as server:
        forgotten = server.store.statements.submit(a_statement("SELECT 8 AS n"))

        ended = await server.runner.wait(forgotten, 30)

        assert (ended.status, ended.fence) == (Status.SUCCESS, 1)


async def test_F08_a_store_that_is_locked_for_long_delays_the_end_and_loses_nothing(folder):
    async with at_work(folder, lease_seconds=30) as server:
        statement = await running(server, "SELECT sum(range % 7) FROM range(100000000)")
        writer = sqlite3.connect(folder / "store" / "views.sqlite", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        stands = await server.runner.wait(statement, 7.0)
        assert stands.status is Status.RUNNING
        writer.execute("ROLLBACK")
        writer.close()

        assert (await server.runner.wait(statement, 30)).status is Status.SUCCESS
