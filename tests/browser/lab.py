"""A real JupyterLab in a process of its own, with nothing of this machine's configuration."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

START_SECONDS = 60


class Person:
    """Somebody who speaks to the server over REST.

    Parameters
    ----------
    url
        The server's address, with a trailing slash.
    authorization
        The header that says who it is.
    """

    def __init__(self, url: str, authorization: str) -> None:
        self.url = url
        self._authorization = authorization

    def save(
        self, sql: str, name: str, *, params: dict[str, Any] | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Run SQL over REST and save it as a view; relative names start at the root folder."""
        (view,) = self.save_all(sql, [name], params=params, **fields)
        return view

    def save_all(
        self, sql: str, names: list[str], *, params: dict[str, Any] | None = None, **fields: Any
    ) -> list[dict[str, Any]]:
        """Run SQL once, and save a view of it under each name."""
        asked = {"sql": sql, "params": params or {}}
        statement = self.call("POST", "views/api/v1/statements", asked, wait=50)
        assert statement["status"] == "SUCCESS", statement
        bodies = [{"name": name, "statement_id": statement["id"], **fields} for name in names]
        return [self.call("POST", "views/api/v1/perspectives", body) for body in bodies]

    def call(self, method: str, path: str, body: Any = None, *, wait: int = 0) -> Any:
        """One REST call; the decoded JSON, None for an empty answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": self._authorization,
                "Content-Type": "application/json",
                "Prefer": f"wait={wait}",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(
                    f"{method} {path} answered {refused.code}: {refused.read().decode()}"
                ) from None
        return json.loads(text) if text else None

    def refresh(self, short_id: str) -> None:
        """Refresh a view and wait for its end, good or bad."""
        statement = self.call("POST", f"views/api/views/{short_id}/refresh")
        self.call("GET", f"views/api/v1/statements/{statement['id']}", wait=50)

    def redefine(self, slug: str, sql: str, **fields: Any) -> None:
        """Give a view another query, as saving the cell again does."""
        statement = self.call("POST", "views/api/v1/statements", {"sql": sql}, wait=50)
        body = {"statement_id": statement["id"], **fields}
        self.call("PUT", f"views/api/v1/perspectives/{slug}", body)


class Lab(Person):
    """JupyterLab as a user would start it, but for its folders, port and token.

    Parameters
    ----------
    home
        An empty folder: HOME, the Jupyter folders and the notebooks live below it.
    offers_views
        False switches the server extension off, as an administrator would.
    settings
        Further server configuration, by section.
    """

    def __init__(
        self,
        home: Path,
        *,
        offers_views: bool = True,
        settings: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.root.mkdir(parents=True)
        self.offers_views = offers_views
        self.token = secrets.token_hex(16)
        self.port = _free_port()
        super().__init__(f"http://127.0.0.1:{self.port}/", f"token {self.token}")
        self._process: subprocess.Popen[bytes] | None = None
        self._write_settings(settings or {})

    @property
    def log(self) -> str:
        """Everything the server has said."""
        return (self.home / "server.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the server, or start it again on the same port; returns once it answers."""
        with (self.home / "server.log").open("ab") as log:
            # From the notebooks' folder, so that the installed package runs, not the source tree.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab"],
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        sign_of_life = "views/api/views" if self.offers_views else "api/status"
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, AssertionError):
                self.call("GET", sign_of_life)
                return
            time.sleep(0.1)
        self.stop()
        raise AssertionError(f"JupyterLab did not answer:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """End the server and its kernels; the port stays ours."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def write(self, name: str, text: str) -> None:
        """Make or replace a file of the root folder in one step: nobody sees half of it."""
        half = self.home / "half-written"
        half.write_text(text)
        half.replace(self.root / name)

    def person(self, name: str) -> Person:
        """Somebody else, with an API key of his own."""
        body = {"label": name, "user": name, "scopes": ["*"]}
        key = self.call("POST", "views/api/keys", body)["key"]
        return Person(self.url, f"Bearer {key}")

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER_VIEWS", "JPY_"))}
        return kept | {
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }

    def _write_settings(self, settings: dict[str, dict[str, Any]]) -> None:
        config: dict[str, dict[str, Any]] = {
            "ServerApp": {
                "ip": "127.0.0.1",
                "port": self.port,
                "port_retries": 0,
                "open_browser": False,
                "allow_root": True,
                "root_dir": str(self.root),
            },
            "IdentityProvider": {"token": self.token},
            "LabApp": {
                "expose_app_in_browser": True,
                "extension_manager": "readonly",
                "news_url": None,
                "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            },
        }
        if not self.offers_views:
            config["ServerApp"]["jpserver_extensions"] = {"jupyter_views": False}
        for section, values in settings.items():
            config.setdefault(section, {}).update(values)
        folder = self.home / "config"
        folder.mkdir()
        (folder / "jupyter_server_config.json").write_text(json.dumps(config))
        self.set_lab_setting(
            "@jupyterlab/apputils-extension",
            "notification",
            fetchNews="false",
            checkForUpdates=False,
        )

    def set_lab_setting(self, package: str, plugin: str, **values: Any) -> None:
        """Write what a person would choose in the settings editor."""
        folder = self.home / "config" / "lab" / "user-settings" / package
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
