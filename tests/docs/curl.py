"""The real curl, over a real https address, as somebody at a shell has it.

A ``.curlrc`` outside the command writes status and headers to a file, and an
environment variable names the certificate.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any

from kernel.live import LiveServer, a_server


@dataclass
class Answer:
    """What curl got: status, headers, and what it printed."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Person:
    """Somebody with a shell, curl, and the two variables of the page."""

    def __init__(self, folder: Path, base_url: str, token: str, certificate: Path) -> None:
        self._headers = folder / "headers"
        folder.mkdir()
        (folder / ".curlrc").write_text(f'dump-header = "{self._headers}"\n')
        self._environment = {
            "PATH": os.environ["PATH"],
            "CURL_HOME": str(folder),
            "CURL_CA_BUNDLE": str(certificate),
            "NO_PROXY": "*",
            "BASE_URL": base_url,
            "TOKEN": token,
        }

    def __call__(self, command: str, statement_id: str = "") -> Answer:
        if statement_id:
            command = command.replace("stmt_abc123", statement_id)
        done = subprocess.run(
            ["bash", "-c", command],
            env=self._environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (done.returncode, done.stderr)
        first, _, rest = self._headers.read_text().partition("\n")
        return Answer(int(first.split()[1]), Parser().parsestr(rest), done.stdout.decode())


@contextmanager
def https_server(folder: Path) -> Iterator[LiveServer]:
    """A server behind a certificate of its own, ``cert.pem`` in the folder."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    with a_server(
        folder, f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"
    ) as live:
        yield live
