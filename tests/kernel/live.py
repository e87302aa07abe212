"""A real Jupyter server in a process of its own, and real kernels on it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from jupyter_client.blocking import BlockingKernelClient

import jupyter_views

TOKEN = "server-token-of-the-tests"
PACKAGE_PARENT = str(Path(jupyter_views.__file__).resolve().parents[1])


@dataclass
class LiveServer:
    """Where a running server is, and how to speak to it as its owner."""

    root: Path
    runtime: Path
    url: str
    process: subprocess.Popen[bytes]
    token: str = TOKEN

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}", **options.pop("headers", {})}
        return httpx.request(
            method, self.url + path, headers=headers, timeout=60, trust_env=False, **options
        )

    def key_for(self, user: str, *scopes: str) -> str:
        body = {"label": user, "user": user, "scopes": list(scopes or ("*",))}
        answer = self.request("POST", "views/api/keys", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["key"]

    def forget_views(self) -> None:
        for row in self.request("GET", "views/api/views?limit=100").json()["items"]:
            self.request("DELETE", f"views/api/views/{row['short_id']}")


@contextmanager
def a_server(
    folder: Path, *options: str, token: str = TOKEN, is_plain: bool = False
) -> Iterator[LiveServer]:
    """Start ``jupyter server``, with the extension unless plain; stop it at the end."""
    root, runtime = folder / "root", folder / "runtime"
    for each in (root, runtime, folder / "config", folder / "data"):
        each.mkdir(parents=True, exist_ok=True)
    port = [] if any("ServerApp.sock" in each for each in options) else ["--ServerApp.port=0"]
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
        f"--ServerApp.root_dir={root}", *port,
        f"--IdentityProvider.token={token}",
        f"--ServerApp.jpserver_extensions={{'jupyter_views': {not is_plain}}}",
        f"--ViewsApp.store_dir={folder / 'store'}",
        *options,
    ]  # fmt: skip
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("JUPYTER_VIEWS")
    } | {
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": PACKAGE_PARENT,
        "IPYTHONDIR": str(folder / "ipython"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=root)
    try:
        yield LiveServer(
            root, runtime, _address(process, runtime, folder / "log", is_plain), process, token
        )
    finally:
        # Away from a terminal SIGINT is Python's own, which ends a server without a word.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], runtime: Path, log: Path, is_plain: bool) -> str:
    path = runtime / f"jpserver-{process.pid}.json"
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if path.exists():
            try:
                url = json.loads(path.read_text())["url"]
                if is_plain or url.startswith("http+unix") or _is_ready(url):
                    return url
            except (ValueError, httpx.TransportError):
                pass
        time.sleep(0.1)
    raise AssertionError(f"The server did not start:\n{log.read_text()[-4000:]}")


def _is_ready(url: str) -> bool:
    answer = httpx.get(url + "views/api/health", trust_env=False, verify=False)
    return answer.status_code == 200


@dataclass
class Ran:
    """What one cell did, as a front end sees it."""

    text: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    error: list[str] | None = None

    @property
    def html(self) -> str:
        """HTML of what stands in the output area at the end."""
        last = [*self.shown, *self.results][-1]
        if self.updates:
            last = self.updates[-1]
        return last["text/html"]


def a_client(server: LiveServer, kernel_id: str) -> BlockingKernelClient:
    """Channels to a kernel of the server, once it answers.

    The client's own wait counts a late heartbeat as a death, which a busy
    machine produces.
    """
    client = BlockingKernelClient()
    client.load_connection_file(str(server.runtime / f"kernel-{kernel_id}.json"))
    client.start_channels(hb=False)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        client.kernel_info()
        with suppress(queue.Empty):
            while client.get_shell_msg(timeout=2)["msg_type"] != "kernel_info_reply":
                continue
            with suppress(queue.Empty):
                while True:
                    client.get_iopub_msg(timeout=0.2)
            return client
    raise AssertionError("The kernel did not answer.")


class LiveKernel:
    """A kernel that the server itself started, reached as a front end does."""

    def __init__(self, server: LiveServer, folder: str = "") -> None:
        self._server = server
        answer = server.request("POST", "api/kernels", json={"name": "python3", "path": folder})
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]
        self.client = a_client(server, self.id)

    def start(self, code: str) -> str:
        return self.client.execute(code)

    def interrupt(self) -> None:
        self._server.request("POST", f"api/kernels/{self.id}/interrupt")

    def finish(self, message_id: str, timeout: float = 60) -> Ran:
        ran = Ran()
        until = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=until - time.monotonic())
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                ran.text += content["text"]
            elif kind == "display_data":
                ran.shown.append(content["data"])
            elif kind == "update_display_data":
                ran.updates.append(content["data"])
            elif kind == "execute_result":
                ran.results.append(content["data"])
            elif kind == "error":
                ran.error = content["traceback"]
            elif kind == "status" and content["execution_state"] == "idle":
                return ran

    def run(self, code: str, timeout: float = 60) -> Ran:
        return self.finish(self.start(code), timeout)

    def value(self, expression: str) -> str:
        reply = self.client.execute_interactive(
            "", user_expressions={"value": expression}, silent=True, timeout=30
        )
        found = reply["content"]["user_expressions"]["value"]
        assert found["status"] == "ok", found
        return found["data"]["text/plain"]

    def close(self) -> None:
        self.client.stop_channels()
        self._server.request("DELETE", f"api/kernels/{self.id}")
