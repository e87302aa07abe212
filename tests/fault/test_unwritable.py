"""F05: the store's file, or a folder of the store, can be read and not be written any more."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from .invariants import check_store
from .processes import Server, until
from .test_no_room import itself, limited

WAIT = {"Prefer": "wait=50"}


@contextlib.contextmanager
def unwritable(*paths: Path) -> Iterator[None]:
    """Have the system refuse every write to these files, and below these folders.

    Root is above permissions, but not above the mark of immutable files.
    """
    every = [each for path in paths for each in (path, *path.rglob("*"))]
    modes = {path: path.stat().st_mode for path in every}
    if os.geteuid() == 0:
        subprocess.run(["chattr", "+i", *every], check=True)
    else:
        for path in reversed(every):
            path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "-i", *every], check=True)
        else:
            for path in every:
                path.chmod(modes[path])


def a_store_without_writes(server: Server) -> contextlib.AbstractContextManager[None]:
    """Have the system refuse every write to the metadata, which the server has open."""
    if os.geteuid() == 0:
        return unwritable(*(server.store / f"views.sqlite{end}" for end in ("", "-wal")))
    return limited([itself(server)], resource.RLIMIT_FSIZE, 4096)


def stream() -> bytes:
    """A frame, as kernels send them."""
    sink = pa.BufferOutputStream()
    table = pa.table({"n": [1, 2, 3]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def is_refused(answer) -> bool:
    """Said in words, with a time to come back, and without the place on the disk."""
    assert answer.status_code == 503, answer.text
    assert answer.json()["error"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
    return "/" not in answer.json()["message"]


def test_F05_a_store_whose_file_cannot_be_written_acknowledges_nothing_and_recovers(server):
    client = server.start()
    view = server.save("SELECT 1 AS n", "Kept")
    changes = (
        ("POST", "v1/statements", {"sql": "SELECT 2 AS n"}),
        ("PUT", "v1/perspectives/kept", {"name": "X"}),
        ("PATCH", f"views/{view['short_id']}", {"name": "X"}),
        ("POST", "v1/perspectives/kept/refresh", None),
        ("DELETE", "v1/perspectives/kept", None),
    )

    with a_store_without_writes(server):
        for verb, path, body in changes:
            assert is_refused(client.request(verb, path, json=body)), path
            assert server.rows(view) == [[1]]
        assert client.get("v1/perspectives/kept").json()["name"] == "Kept"
        assert client.get("health").status_code == 200

    assert server.rows(server.save("SELECT 3 AS n", "After")) == [[3]]
    server.stop()
    check_store(server.store)
    server.start()
    assert server.rows(view) == [[1]]
    server.stop()


@pytest.mark.parametrize("folder", ["results", "scratch"])
def test_F05_rows_that_cannot_be_written_fail_their_refresh_which_heals_by_itself(
    server: Server, folder
):
    (server.home / "n.csv").write_text("n\n1\n")
    client = server.start()
    view = server.save("SELECT n FROM 'n.csv'", "Kept")
    path = f"views/{view['short_id']}"

    with unwritable(server.store / folder):
        (server.home / "n.csv").write_text("n\n2\n")
        until(lambda: client.get(path).json()["status"] == "failed")
        failed = client.get(path).json()
        assert str(server.home) not in str(failed["last_refresh"]["error"])
        assert failed["next_refresh_at"] is not None
        assert server.rows(view) == [[1]]
        statement = client.post("v1/statements", json={"sql": "SELECT 5 AS n"}, headers=WAIT)
        assert (statement.json()["status"], statement.json()["row_count"]) == ("FAILED", None)
        check_store(server.store, is_stopped=False)

    until(lambda: server.rows(view) == [[2]])
    assert client.get(path).json()["status"] == "fresh"
    server.stop()
    check_store(server.store)


def test_F05_a_frame_that_cannot_be_written_is_not_acknowledged(server):
    client = server.start()
    content = stream()
    path = f"frames/{hashlib.sha256(content).hexdigest()}"

    for folder in ("frames", "scratch"):
        with unwritable(server.store / folder):
            assert is_refused(client.put(path, content=content))
            # The server hangs up on who still sends what it refused.
            with httpx.Client(base_url=client.base_url, headers=client.headers) as other:
                assert other.head(path).status_code == 404

    with httpx.Client(base_url=client.base_url, headers=client.headers) as other:
        assert other.put(path, content=content).status_code == 201
    server.stop()
    check_store(server.store)
