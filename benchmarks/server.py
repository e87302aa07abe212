"""A real Jupyter server with the extension, in a process and folders of its own; kernels on it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from jupyter_client.blocking import BlockingKernelClient

import jupyter_views

_PACKAGE_PARENT = str(Path(jupyter_views.__file__).resolve().parents[1])
_START_SECONDS = 90


@dataclass(frozen=True)
class Server:
    """Where a running server is, and how to speak to it as its owner.

    Attributes
    ----------
    started_in, start_cost
        Seconds until its port answered, by the clock and of processor time.
    """

    folder: Path
    port: int
    token: str
    process: psutil.Process
    started_in: float
    start_cost: float

    @property
    def root(self) -> Path:
        """The folder that SQL may read."""
        return self.folder / "root"

    @property
    def url(self) -> str:
        """Address with a trailing slash."""
        return f"http://127.0.0.1:{self.port}/"

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask below ``views/api/``; raises for every answer of 400 and above."""
        headers = {"Authorization": f"token {self.token}", **options.pop("headers", {})}
        answer = httpx.request(
            method,
            f"{self.url}views/api/{path}",
            headers=headers,
            timeout=600,
            trust_env=False,
            **options,
        )
        answer.raise_for_status()
        return answer

    def key(self) -> str:
        """A new API key of the server's own person."""
        body = {"label": "benchmark", "scopes": ["*"]}
        return self.request("POST", "keys", json=body).json()["key"]

    def run(self, sql: str) -> dict[str, Any]:
        """Run SQL to its end, however long it takes; raises if it fails."""
        wait = {"Prefer": "wait=50"}
        statement = self.request("POST", "v1/statements", json={"sql": sql}, headers=wait).json()
        while statement["status"] in {"QUEUED", "RUNNING"}:
            path = f"v1/statements/{statement['id']}"
            statement = self.request("GET", path, headers=wait).json()
        if statement["status"] != "SUCCESS":
            raise RuntimeError(f"{sql[:200]}: {statement['error']}")
        return statement

    def save(self, sql: str, name: str) -> str:
        """Run SQL and keep it as a view; returns its slug."""
        body = {"name": name, "statement_id": self.run(sql)["id"], "auto_refresh": False}
        return self.request("POST", "v1/perspectives", json=body).json()["slug"]


def processor_seconds(process: psutil.Process) -> float:
    """Processor time of a process so far, without its children."""
    times = process.cpu_times()
    return times.user + times.system


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path) -> dict[str, str]:
    """Our own environment without a trace of other servers, and with folders below ``folder``."""
    own = {name: folder / name for name in ("home", "config", "data", "runtime", "ipython")}
    for path in (*own.values(), folder / "root"):
        path.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
    return kept | {
        "HOME": str(own["home"]),
        "JUPYTER_CONFIG_DIR": str(own["config"]),
        "JUPYTER_DATA_DIR": str(own["data"]),
        "JUPYTER_RUNTIME_DIR": str(own["runtime"]),
        "IPYTHONDIR": str(own["ipython"]),
        "PYTHONPATH": _PACKAGE_PARENT,
        # The peer would otherwise tell its makers that it was called.
        "PLOOMBER_STATS_ENABLED": "false",
    }


@contextmanager
def jupyter_server(folder: Path, *options: str, with_extension: bool = True) -> Iterator[Server]:
    """Start ``jupyter server``; ``started_in`` says after how many seconds its port answered."""
    port, token = free_port(), secrets.token_hex(16)
    env = environment(folder)
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root",
        f"--ServerApp.root_dir={folder / 'root'}",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.jpserver_extensions={{'jupyter_views': {with_extension}}}",
        f"--ViewsApp.store_dir={folder / 'store'}",
        *options,
    ]  # fmt: skip
    begun = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder / "root")
    try:
        _await(process, port, "/api", folder / "log")
        took = time.perf_counter() - begun
        running = psutil.Process(process.pid)
        cost = processor_seconds(running)
        if with_extension:
            _await(process, port, "/views/api/health", folder / "log")
        yield Server(folder, port, token, running, took, cost)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Wait for a 200; asks over a raw socket, for a busy client would slow the start itself."""
    until = time.monotonic() + _START_SECONDS
    ask = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()
    said = b""
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
                asking.sendall(ask)
                said = asking.recv(4096)
        except OSError:
            said = b""
        if said[9:12] == b"200":
            return
        if said[9:12] == b"404":
            break
        time.sleep(0.01)
    raise RuntimeError(f"{path} answered {said[:200]!r}:\n{log.read_text()[:6000]}")


class Kernel:
    """A kernel that the server started, driven and timed as a front end does."""

    def __init__(self, server: Server) -> None:
        answer = httpx.post(
            f"{server.url}api/kernels",
            json={"name": "python3", "path": ""},
            headers={"Authorization": f"token {server.token}"},
            timeout=60,
            trust_env=False,
        )
        answer.raise_for_status()
        kernel_id = answer.json()["id"]
        self._client = BlockingKernelClient()
        connection = server.folder / "runtime" / f"kernel-{kernel_id}.json"
        self._client.load_connection_file(str(connection))
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, code: str) -> float:
        """Seconds from sending a cell until the kernel is idle again; raises its error."""
        begun = time.perf_counter()
        message_id = self._client.execute(code)
        error = None
        while True:
            message = self._client.get_iopub_msg(timeout=300)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["msg_type"] == "error":
                error = message["content"]["traceback"]
            is_status = message["msg_type"] == "status"
            if is_status and message["content"]["execution_state"] == "idle":
                break
        took = time.perf_counter() - begun
        if error is not None:
            raise RuntimeError("\n".join(error))
        return took

    def close(self) -> None:
        """Let go of the kernel; its server ends it."""
        self._client.stop_channels()


class Helper:
    """A process of our own that does jobs, one JSON line each, and tells what it found."""

    def __init__(self, module: str, *arguments: str) -> None:
        env = os.environ | {"PYTHONPATH": _PACKAGE_PARENT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            cwd=_PACKAGE_PARENT,
        )
        self.process = psutil.Process(self._process.pid)

    def do(self, **job: Any) -> Any:
        """Send a job and wait for what was found."""
        self.send(**job)
        return self.found()

    def send(self, **job: Any) -> None:
        """Send a job and do not wait."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()

    def found(self) -> Any:
        """What the helper says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A helper process ended; its error stands above.")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.communicate()


def serve_jobs(do: Any) -> None:
    """The helper's side: call ``do(**job)`` for each line and answer with its result as JSON."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(do(**json.loads(line))) + "\n")
        sys.stdout.flush()
