"""A real server in a process of its own, to be killed, stopped and started again."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """What the condition gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not come to pass.")


class Server:
    """A server process.

    Parameters
    ----------
    home
        Its root folder, with configuration and data below it.
    store
        ``store_dir``; several servers may share one.
    settings
        More command-line settings, such as ``--ViewsApp.watching=off``.
    """

    def __init__(self, home: Path, store: Path, *settings: str) -> None:
        self.home, self.store, self.settings = home, store, settings
        self.token = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None
        self.client: httpx.Client | None = None

    def start(self) -> httpx.Client:
        """Begin, and wait until it is healthy."""
        client = self.launch()
        self._await_health(client)
        return client

    def launch(self) -> httpx.Client:
        """Begin, and do not wait."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            # Without the other extensions of this machine, which take longer to start than ours.
            "JUPYTER_NO_CONFIG": "1",
        }
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter_server",
                    "--ServerApp.ip=127.0.0.1",
                    f"--ServerApp.port={port}",
                    "--ServerApp.port_retries=0",
                    "--ServerApp.open_browser=False",
                    "--ServerApp.allow_root=True",
                    f"--IdentityProvider.token={self.token}",
                    "--ServerApp.jpserver_extensions={'jupyter_views': True}",
                    f"--ServerApp.root_dir={self.home}",
                    f"--ViewsApp.store_dir={self.store}",
                    "--ViewsApp.run_workers=1",
                    "--ViewsApp.read_workers=1",
                    *self.settings,
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.leave()
        self.client = client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/views/api",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        return client

    def log(self) -> str:
        """What it has said since the first start."""
        return (self.home / "server.log").read_text(errors="replace")

    def _await_health(self, client: httpx.Client) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if client.get("health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"The server did not come up: {self.log()[-2000:]}")

    def save(self, sql: str, name: str, **fields: Any) -> dict[str, Any]:
        """Run SQL and save it as a perspective."""
        assert self.client is not None
        statement = self.client.post(
            "v1/statements", json={"sql": sql}, headers={"Prefer": "wait=50"}
        ).json()
        body = {"name": name, "statement_id": statement["id"], **fields}
        answer = self.client.post("v1/perspectives", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def stored(self, view: dict[str, Any]) -> httpx.Response:
        """The rows of a view as they are; asking for them starts nothing."""
        assert self.client is not None
        return self.client.get(f"views/{view['short_id']}/result", params={"mode": "force_cache"})

    def rows(self, view: dict[str, Any]) -> list[list[Any]]:
        """Those rows, which must be there."""
        answer = self.stored(view)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def workers(self) -> list[psutil.Process]:
        """Its child processes."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def leave(self) -> None:
        """Close the way to it."""
        if self.client is not None:
            self.client.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30)
