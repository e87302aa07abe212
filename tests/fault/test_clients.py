"""Clients that read slowly, go away or ask for too much at once (F13, F16, F17)."""

from __future__ import annotations

import asyncio
import resource
import socket
from urllib.parse import urlsplit

import psutil

from .invariants import check_store
from .processes import Server, until

READERS = 200
MIB = 1 << 20
# Some 30 MB as JSON.
LARGE = "SELECT md5(i::VARCHAR) AS a, md5((-i)::VARCHAR) AS b FROM range(400000) t(i)"


def open_reader(server: Server, path: str, received: int) -> socket.socket:
    """Ask for a result, read its beginning, and read no more."""
    assert server.client is not None
    url = server.client.base_url
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(60)
    reader.connect((url.host, url.port))
    request = (
        f"GET {urlsplit(str(url)).path.rstrip('/')}/{path} HTTP/1.1\r\nHost: {url.host}\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    )
    reader.sendall(request.encode())
    begun = reader.recv(received)
    assert b" 200 " in begun.splitlines()[0], begun
    return reader


def test_F16_200_readers_that_stop_reading_cost_little_memory_and_nobody_else_waits(server):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    client = server.start()
    view = server.save(LARGE, "Large")
    path = f"views/{view['short_id']}/result"
    whole = client.get(path)
    assert len(whole.content) > 25 * MIB
    process = psutil.Process(server.process.pid)
    fds, memory = process.num_fds(), process.memory_info().rss

    readers = [open_reader(server, path, 1000) for _ in range(READERS)]

    assert process.memory_info().rss - memory < READERS * 2 * MIB
    assert client.get("health").status_code == 200
    assert client.get(path, params={"limit": 1}).json()["rows"] == [whole.json()["rows"][0]]
    other = server.save("SELECT 1 AS n", "Other")
    assert server.rows(other) == [[1]]

    for reader in readers:
        reader.close()
    until(lambda: process.num_fds() <= fds + 5, 5)
    assert client.get(path).content == whole.content
    server.stop()
    check_store(server.store)


def test_F13_readers_that_go_away_in_the_middle_leave_nothing_open(server):
    client = server.start()
    view = server.save(LARGE, "Large")
    path = f"views/{view['short_id']}/result"
    whole = client.get(path, params={"format": "csv"}).content
    process = psutil.Process(server.process.pid)
    fds = process.num_fds()

    for received in (100, 1000, 100_000) * 5:
        open_reader(server, f"{path}?format=csv", received).close()

    until(lambda: process.num_fds() <= fds + 5, 5)
    assert client.get(path, params={"format": "csv"}).content == whole
    assert "Traceback" not in server.log()
    server.stop()
    check_store(server.store)


async def test_F17_of_a_thousand_statements_few_are_taken_and_others_get_their_turn(
    api, person, tmp_path
):
    ana, bo = await person("ana"), await person("bo")
    # No more than the client of the tests has connections for.
    at_once = asyncio.Semaphore(10)
    slow = "SELECT sum(range % 7) + {} AS s FROM range(3000000000)"

    async def ask(n):
        async with at_once:
            return await ana("POST", "api/v1/statements", {"sql": slow.format(n)})

    flood = await asyncio.gather(*map(ask, range(1000)))
    asked = await bo("POST", "api/v1/statements", {"sql": "SELECT 'bo' AS n"})

    taken = [answer.json["id"] for answer in flood if answer.status in {200, 202}]
    refused = [answer for answer in flood if answer.status == 429]
    assert len(taken) + len(refused) == 1000
    assert 1 <= len(taken) < 30
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert asked.status == 202
    for statement in taken:
        await ana("POST", f"api/v1/statements/{statement}/cancel")
    path = f"api/v1/statements/{asked.json['id']}"
    ended = (await bo("GET", path, headers={"Prefer": "wait=50"})).json
    assert ended["status"] == "SUCCESS", ended["error"]
    assert (await api("GET", "api/health")).status == 200
    check_store(tmp_path / "views-store", is_stopped=False)
