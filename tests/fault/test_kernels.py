"""F12: kernels die, restart, are closed or interrupted while the server works for them."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kernel.live import LiveKernel, LiveServer, a_server

from .invariants import check_store
from .processes import until

# A second of work while its file has many rows, quick when it has one.
BY_SIZE = "SELECT sum(a.range * s.n % 7)::BIGINT AS c FROM 'size.csv' s, range(400000) a"
ENDLESS = "SELECT count(*) AS c FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"
STOPS = 6
SEED = 12


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """No loop of the host's own fixtures: servers and kernels are other processes."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Nothing of the host's own fixtures to clean up."""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("kernels")
    with a_server(folder, "--ViewsApp.watching=off") as live:
        yield live
    check_store(folder / "store")


@pytest.fixture
def kernel(server) -> Iterator[LiveKernel]:
    server.forget_views()
    live = LiveKernel(server)
    live.run("%load_ext jupyter_views")
    yield live
    live.close()


def set_size(server: LiveServer, rows: int) -> None:
    lines = "".join(f"{n}\n" for n in range(1, rows + 1))
    (server.root / "size.csv").write_text(f"n\n{lines}")


def asked(server: LiveServer, path: str, **options: Any) -> Any:
    answer = server.request("GET", f"views/api/{path}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows_of(server: LiveServer, slug: str) -> list[list[Any]]:
    """Those that the view has; asking for them starts nothing."""
    (view,) = asked(server, f"views?search={slug}")["items"]
    return asked(server, f"views/{view['short_id']}/result?mode=force_cache")["rows"]


def settles_as(server: LiveServer, status: str) -> None:
    """The first version has this status, once the memory of the last look, a second, is over."""

    def view() -> dict[str, Any]:
        (found,) = asked(server, "views?search=kept")["items"]
        return found

    until(lambda: view()["status"] == status, seconds=4)
    assert view()["version"] == 1


def at_work(server: LiveServer) -> list[dict[str, Any]]:
    """Statements that wait or run."""
    newest = asked(server, "v1/statements?limit=20")["items"]
    return [each for each in newest if each["status"] in {"QUEUED", "RUNNING"}]


def the_one_that_runs(server: LiveServer) -> str:
    """Its id, once the engine has begun."""
    running = until(lambda: [each for each in at_work(server) if each["status"] == "RUNNING"])
    (statement,) = running
    return statement["id"]


def kill(server: LiveServer, kernel: LiveKernel, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def restart(server: LiveServer, kernel: LiveKernel, pid: int) -> None:
    answer = server.request("POST", f"api/kernels/{kernel.id}/restart")
    assert answer.status_code == 200


def close(server: LiveServer, kernel: LiveKernel, pid: int) -> None:
    assert server.request("DELETE", f"api/kernels/{kernel.id}").status_code == 204


# What dies says nothing; what is restarted or closed is interrupted first, which stops the run.
Fault = Callable[[LiveServer, LiveKernel, int], None]


def outcome_of(server: LiveServer, statement: str, fault: Fault) -> str:
    """How a statement ended, which has to be one of the ways that this fault allows."""
    ended = asked(server, f"v1/statements/{statement}", headers={"Prefer": "wait=50"})
    assert ended["status"] in ({"SUCCESS"} if fault is kill else {"SUCCESS", "CANCELED"}), ended
    return ended["status"]


@pytest.mark.parametrize("fault", [kill, close])
def test_F12_a_kernel_gone_while_a_changed_perspective_runs_leaves_the_view_as_it_was(
    server, kernel, fault: Fault
):
    set_size(server, 800)
    kernel.run("%%perspective Kept\nSELECT count(*) AS c FROM 'size.csv'")
    pid = int(kernel.value("__import__('os').getpid()"))
    cell = f"%%perspective Kept\n{BY_SIZE} WHERE '{fault.__name__}' > ''"
    kernel.start(cell)
    statement = the_one_that_runs(server)

    fault(server, kernel, pid)

    outcome_of(server, statement, fault)
    assert rows_of(server, "kept") == [[800]]
    view = asked(server, "v1/perspectives/kept")
    assert (view["version"], view["status"]) == (1, "fresh")
    set_size(server, 2)
    again = LiveKernel(server)
    again.run("%load_ext jupyter_views")
    assert again.run(cell).error is None
    again.close()
    view = asked(server, "v1/perspectives/kept")
    assert (view["version"], view["row_count"]) == (2, 1)
    assert at_work(server) == []


@pytest.mark.parametrize("fault", [kill, restart])
def test_F12_a_kernel_gone_while_it_refreshes_a_view_leaves_old_rows_or_new_ones(
    server, kernel, fault: Fault
):
    set_size(server, 1)
    kernel.run(f"%%perspective Kept\n{BY_SIZE}")
    before = rows_of(server, "kept")
    set_size(server, 800)
    pid = int(kernel.value("__import__('os').getpid()"))
    kernel.start("%views refresh kept")
    statement = the_one_that_runs(server)
    assert rows_of(server, "kept") == before

    fault(server, kernel, pid)

    is_done = outcome_of(server, statement, fault) == "SUCCESS"
    assert (rows_of(server, "kept") != before) is is_done
    settles_as(server, "fresh" if is_done else "stale")


def stop(kernel: LiveKernel, message_id: str) -> list[str] | None:
    """Press the stop button, again if need be: a kernel that has not begun does not hear it."""
    for _ in range(10):
        kernel.interrupt()
        try:
            return kernel.finish(message_id, timeout=3).error
        except Exception as error:
            if type(error).__name__ != "Empty":
                raise
    raise AssertionError("The cell does not end.")


def test_F12_a_refresh_that_is_interrupted_is_canceled_and_the_old_rows_stay(server, kernel):
    set_size(server, 1)
    kernel.run(f"%%perspective Kept\n{BY_SIZE}")
    before = rows_of(server, "kept")
    set_size(server, 200_000)
    message_id = kernel.start("%views refresh kept")
    statement = the_one_that_runs(server)

    error = stop(kernel, message_id)

    assert error[-1].startswith("Cancelled after ")
    assert asked(server, f"v1/statements/{statement}")["status"] == "CANCELED"
    assert rows_of(server, "kept") == before
    settles_as(server, "stale")
    assert asked(server, "v1/perspectives/kept")["refresh"] is None
    set_size(server, 2)
    assert kernel.run("%views refresh kept").error is None
    assert rows_of(server, "kept") != before


@pytest.mark.parametrize(
    "what",
    [f"%%perspective Kept\n{ENDLESS} - 0", "%views refresh kept"],
    ids=["cell", "refresh"],
)
def test_F12_an_interrupt_at_any_moment_leaves_nothing_running_and_the_view_whole(
    server, kernel, what
):
    chance = random.Random(SEED)
    set_size(server, 1)
    # Else the server itself refreshes it, for the first who asks for it.
    kernel.run(f"%%perspective Kept --no-auto\n{BY_SIZE}")
    before = rows_of(server, "kept")
    set_size(server, 200_000)

    for number in range(STOPS):
        message_id = kernel.start(what.replace("- 0", f"- {number}"))
        time.sleep(chance.uniform(0.0, 0.25))
        error = stop(kernel, message_id)

        assert error is not None
        assert not any("Traceback" in line for line in error), error
        until(lambda: not at_work(server), seconds=4)
        assert rows_of(server, "kept") == before
    view = asked(server, "v1/perspectives/kept")
    assert (view["version"], view["refresh"]) == (1, None)
