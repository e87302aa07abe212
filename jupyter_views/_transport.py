"""HTTP to one Jupyter server: which one, errors as our tree.

One client with kept-open connections serves a whole kernel. httpx is loaded
with the first request, so that importing this costs nothing.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._discovery import Server
from .core.errors import (
    BY_CODE,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooMany,
    Unauthenticated,
    ViewsError,
    from_dict,
)

if TYPE_CHECKING:
    import httpx

PREFIX = "views/api/"
TIMEOUT_SECONDS = 10.0
STARTING_SECONDS = 15.0
RENDERING_SECONDS = 110.0
NAMING = 'connect("http://localhost:8888", token="…")'
"""How a server is named in Python; a shell has words of its own for it."""
_KINDS: dict[int, type[ViewsError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooMany,
}
"""What an answer of projects and insights is, whose words do not name the class."""


class NoServer(ConnectionError):
    """No running Jupyter server offers Jupyter Views to this caller.

    ``hint`` says what to type next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"


class NoAnswer(ConnectionError):
    """The server that was there does not answer any more, or not in time."""


class Transport:
    """Requests to the first candidate that accepts us.

    Parameters
    ----------
    find
        Called for candidates, again whenever the chosen one refuses us or is
        gone: a restarted server has new keys, and often a new port.
    timeout_seconds
        Bound of every read and write that is not a wait the caller asked for.
    """

    def __init__(
        self, find: Callable[[], Iterable[Server]], *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._find = find
        self._timeout_seconds = timeout_seconds
        self._client: httpx.Client | None = None
        self._server: Server | None = None
        self._choosing = threading.RLock()

    @property
    def url(self) -> str:
        """Address of the server in use, with a trailing slash."""
        if self._server is None:
            self._choose()
        assert self._server is not None
        return self._server.url

    def close(self) -> None:
        """Close the kept-open connections; the next request opens new ones."""
        client, self._client, self._server = self._client, None, None
        if client is not None:
            client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """Send and return the whole answer.

        Parameters
        ----------
        path
            Below ``{server}/views/api/``.
        seconds
            Extra time the server was asked to wait for us.

        Raises
        ------
        ViewsError
            The class of the answer's error code.
        NoServer, NoAnswer
            Nobody offers the product; the server went away.
        """
        content = _encoded(body) if body is not None else None
        call = _Call(method, path, content, params, dict(headers or {}), seconds)
        with self._answered(call) as response:
            response.read()
            return response

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """A GET whose body is read piece by piece inside the ``with`` block."""
        call = _Call("GET", path, None, params, dict(headers or {}), RENDERING_SECONDS)
        with self._answered(call) as response:
            yield response

    def upload(self, path: str, pieces: Callable[[], Iterator[bytes]]) -> httpx.Response:
        """PUT an Arrow stream in pieces; ``pieces`` is called anew if it must be sent again."""
        kind = {"Content-Type": "application/vnd.apache.arrow.stream"}
        with self._answered(_Call("PUT", path, pieces, None, kind, RENDERING_SECONDS)) as response:
            response.read()
            return response

    @contextmanager
    def _answered(self, call: _Call) -> Iterator[httpx.Response]:
        import httpx

        if self._client is None:
            self._choose()
        try:
            response = self._sent(call)
            with closing(response):
                if response.status_code >= 400 and call.method != "HEAD":
                    response.read()
                    raise error_of(response)
                yield response
        except httpx.TimeoutException as error:
            seconds = self._timeout_seconds + (call.seconds or 0)
            raise NoAnswer(f"The server did not answer in {seconds:.0f} s.") from error
        except httpx.TransportError as error:
            raise NoAnswer(f"The connection to {self.url} broke: {error}.") from error

    def _sent(self, call: _Call) -> httpx.Response:
        import httpx

        used = self._client
        try:
            response = self._send(call)
            if not _is_refusal(response):
                return response
            response.close()
        except httpx.ConnectError:
            pass
        # Nothing was run: the server is gone, or does not know our key any more.
        self._choose(instead_of=used)
        return self._send(call)

    def _send(self, call: _Call) -> httpx.Response:
        assert self._client is not None
        content = call.content() if callable(call.content) else call.content
        headers = dict(call.headers)
        if isinstance(content, bytes):
            headers.setdefault("Content-Type", "application/json")
        request = self._client.build_request(
            call.method,
            PREFIX + call.path,
            content=content,
            params=call.params,
            headers=headers,
            timeout=self._timeout_seconds + (call.seconds or 0),
        )
        return self._client.send(request, stream=True)

    def _choose(self, instead_of: httpx.Client | None = None) -> None:
        with self._choosing:
            if self._client is not None and self._client is not instead_of:
                # Another thread has found a server in the meantime.
                return
            self.close()
            self._client, self._server = self._accepted()
            # A script that forgets to close must not leave sockets to the collector.
            weakref.finalize(self, self._client.close)

    def _accepted(self) -> tuple[httpx.Client, Server]:
        import httpx

        tried: list[tuple[Server, str]] = []
        for server in self._find():
            client = _client(server, self._timeout_seconds)
            try:
                answer = _probe(client)
            except httpx.TransportError as error:
                tried.append((server, f"does not answer ({error})"))
                client.close()
                continue
            if _is_ours(answer):
                return client, server
            client.close()
            tried.append((server, _why_not(answer)))
        raise _nobody(tried)


@dataclass(frozen=True)
class _Call:
    """A request that can be sent again; ``content`` is bytes or makes pieces of bytes."""

    method: str
    path: str
    content: bytes | Callable[[], Iterator[bytes]] | None
    params: dict[str, Any] | None
    headers: dict[str, str]
    seconds: float | None = None


def _encoded(body: Any) -> bytes:
    return json.dumps(body, allow_nan=False, ensure_ascii=False).encode()


def _client(server: Server, timeout_seconds: float) -> httpx.Client:
    import httpx

    headers = {"Accept": "application/json"}
    if server.authorization:
        headers["Authorization"] = server.authorization
    verify = _tls(server) if server.url.startswith("https") else False
    return httpx.Client(
        base_url=server.url,
        headers=headers,
        timeout=httpx.Timeout(timeout_seconds, connect=5.0),
        transport=httpx.HTTPTransport(uds=server.socket, verify=verify) if server.socket else None,
        verify=verify,
        follow_redirects=False,
        # A proxy from the environment could not reach this machine's own address.
        trust_env=not server.is_loopback,
    )


def _tls(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.ca_file:
        context.load_verify_locations(cafile=server.ca_file)
        # The file holds the server's own certificate, often self-signed: trusting it must
        # not need the root above it nor every extension that a strict reading asks for.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if server.is_loopback:
            # Such certificates seldom name 127.0.0.1, and nobody stands in between.
            context.check_hostname = False
    return context


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        facts = response.json()
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _probe(client: httpx.Client) -> httpx.Response:
    """Ask for something that needs credentials; a server that is starting gets its time."""
    until = time.monotonic() + STARTING_SECONDS
    while True:
        answer = client.get(PREFIX + "connections")
        is_starting = answer.status_code == 503 and _body(answer).get("error") == "UNAVAILABLE"
        if not is_starting or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def _is_ours(response: httpx.Response) -> bool:
    facts = _body(response)
    if response.status_code == 200:
        return "items" in facts
    # A key may lack the right to list connections: the server knows us nevertheless.
    return response.status_code == 403 and facts.get("error") == "FORBIDDEN"


def _is_refusal(response: httpx.Response) -> bool:
    if response.status_code not in {401, 403}:
        return False
    if response.status_code == 401:
        return True
    response.read()
    return not {"error", "detail"} & _body(response).keys()


def _why_not(response: httpx.Response) -> str:
    if response.status_code in {401, 403}:
        return "refuses the credentials"
    if response.status_code == 404:
        return "does not offer Jupyter Views"
    return str(_body(response).get("message") or f"answers {response.status_code}").rstrip(".")


def _nobody(tried: list[tuple[Server, str]]) -> NoServer:
    if not tried:
        return NoServer(
            "No running Jupyter server was found.",
            f'Next: start one with "jupyter lab", or name it: {NAMING}.',
        )
    server, reason = tried[0]
    if reason == "does not offer Jupyter Views":
        return NoServer(
            "Jupyter Views is installed here, but the server at "
            f"{server.url.rstrip('/')} does not offer it.",
            "Next: jupyter server extension enable jupyter_views, then restart the server.",
        )
    words = "; ".join(f"{each.url} ({each.found_in}) {why}" for each, why in tried[:4])
    return NoServer(
        f"No Jupyter server could be used: {words}.",
        f"Next: {NAMING}, or set JUPYTER_VIEWS_TOKEN.",
    )


def error_of(response: httpx.Response) -> ViewsError:
    """The error tree's class for an answer of 400 and above."""
    facts = _body(response)
    code = str(facts.get("error") or "")
    if code not in BY_CODE:
        error = _unnamed(response.status_code, facts)
    else:
        error = from_dict({**facts, "code": code})
    if facts.get("suggestions"):
        error.suggestions = tuple(map(str, facts["suggestions"]))  # type: ignore[attr-defined]
    after = response.headers.get("Retry-After", "")
    if after.isdigit():
        error.retry_after_seconds = int(after)  # type: ignore[attr-defined]
    return error


def _unnamed(status: int, facts: dict[str, Any]) -> ViewsError:
    """The error of an answer that has no code of ours: another dialect, the host, a proxy."""
    details: dict[str, Any] = {"status": status}
    if facts.get("attr"):
        details["field"] = facts["attr"]
    kind = NotFound if status == 404 else ViewsError
    if "detail" in facts:
        kind = _KINDS.get(status, ViewsError)
    words = facts.get("message") or facts.get("detail") or f"The server answered {status}."
    return kind(str(words), details=details)
