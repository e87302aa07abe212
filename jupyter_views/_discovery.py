"""Which Jupyter servers could answer, most likely first.

A kernel of the server finds its address and a key of its own in the
environment. Where that fails (an older kernel, a plain ipykernel, a script)
the host's runtime files say which servers run for this user, and with which
token. Nothing here opens a connection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Server:
    """One place where Jupyter Views may answer.

    Attributes
    ----------
    url
        Address including the base address, with a trailing slash.
    authorization
        Value of the Authorization header; None where no credentials are known.
    socket
        Path of a unix socket that replaces host and port.
    ca_file
        Certificate file to trust beside the system's.
    found_in
        Where this came from, for people: "the environment", "a runtime file".
    """

    url: str
    authorization: str | None = field(default=None, repr=False)
    socket: str | None = None
    ca_file: str | None = None
    found_in: str = "the call"

    @property
    def is_loopback(self) -> bool:
        """Whether the bytes stay on this machine."""
        return self.socket is not None or urlsplit(self.url).hostname in LOOPBACK


def given(url: str, token: str | None, env: Mapping[str, str]) -> Server:
    """The server that the caller named.

    A key of ours (``vk_…``) travels as Bearer, anything else as the host's
    own token.
    """
    token = token or env.get("JUPYTER_VIEWS_TOKEN") or None
    return _server(
        url,
        authorization=_authorization(token),
        ca_file=env.get("JUPYTER_VIEWS_CA"),
        found_in="the call",
    )


def candidates(token: str | None = None, env: Mapping[str, str] = os.environ) -> Iterator[Server]:
    """Servers in the order in which they should be tried.

    1. the address in the environment with the key there, 2. the server that
    started this kernel, by its process id, 3. the single-user server of a
    JupyterHub, 4. every other server that runs for this user: those whose
    folder holds the working folder first, then the youngest.

    Parameters
    ----------
    token
        Overrides the credentials of every candidate.
    """
    token = token or env.get("JUPYTER_VIEWS_TOKEN") or None
    url = env.get("JUPYTER_VIEWS_URL")
    if url:
        key = env.get("JUPYTER_VIEWS_KEY")
        yield _server(
            url,
            authorization=_authorization(token) or (f"Bearer {key}" if key else None),
            socket=env.get("JUPYTER_VIEWS_SOCK") or None,
            ca_file=env.get("JUPYTER_VIEWS_CA") or None,
            found_in="the environment",
        )
    folder = runtime_folder()
    parent = env.get("JPY_PARENT_PID", "")
    if parent.isdigit():
        own = _from_file(folder / f"jpserver-{parent}.json", token, env)
        if own is not None:
            yield own
    hub_url, hub_token = env.get("JUPYTERHUB_SERVICE_URL"), env.get("JUPYTERHUB_API_TOKEN")
    if hub_url and hub_token:
        yield _server(
            hub_url,
            authorization=_authorization(token) or f"token {hub_token}",
            found_in="JupyterHub's environment",
        )
    for path in _running(folder, skip=f"jpserver-{parent}.json"):
        other = _from_file(path, token, env)
        if other is not None:
            yield other


def runtime_folder() -> Path:
    """The folder in which running servers leave their files."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def _authorization(token: str | None) -> str | None:
    if not token:
        return None
    return f"Bearer {token}" if token.startswith("vk_") else f"token {token}"


def _server(url: str, *, socket: str | None = None, **facts: str | None) -> Server:
    parts = urlsplit(url)
    if parts.scheme == "http+unix":
        # The host writes the socket's path, percent-encoded, where the host name stands.
        socket = socket or unquote(parts.netloc)
        url = f"http://localhost{parts.path}"
    url = url.split("?", 1)[0].split("#", 1)[0]
    return Server(url=url.rstrip("/") + "/", socket=socket, **facts)  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, object] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("url"), str) else None


def _from_file(path: Path, token: str | None, env: Mapping[str, str]) -> Server | None:
    facts = _read(path)
    if facts is None or not _is_alive(facts.get("pid")):
        return None
    own = facts.get("token")
    sock = facts.get("sock")
    return _server(
        str(facts["url"]),
        authorization=_authorization(token) or _authorization(str(own) if own else None),
        socket=str(sock) if sock else None,
        ca_file=env.get("JUPYTER_VIEWS_CA") or None,
        found_in="a runtime file",
    )


def _running(folder: Path, skip: str) -> list[Path]:
    here = Path.cwd()

    def rank(path: Path) -> tuple[bool, float]:
        facts = _read(path) or {}
        root = Path(str(facts.get("root_dir") or "/nowhere"))
        try:
            age = -path.stat().st_mtime
        except OSError:
            age = 0.0
        return (not here.is_relative_to(root), age)

    try:
        found = [path for path in folder.glob("jpserver-*.json") if path.name != skip]
    except OSError:
        return []
    return sorted(found, key=rank)


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    if os.name == "nt":
        # Signal 0 would end the process there; a dead server simply refuses the connection.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
