"""The one handler that all routes share: who asks, may they, what they sent, what went wrong.

Written on the host's handler, so that its host check, cross-site checks,
identity provider and authorizer all hold. Two things are done before the
identity provider is asked, because it would invent a new anonymous person,
and a cookie, for every request with a token: our own keys are recognised,
and so is the server's token.
"""

from __future__ import annotations

import errno
import hmac
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlencode

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import (
    IdentityProvider,
    LegacyIdentityProvider,
    PasswordIdentityProvider,
    User,
)
from jupyter_server.base.handlers import APIHandler
from msgspec import Struct
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, stream_request_body

from ..core import errors
from ..core.access import require_scope
from ..core.errors import (
    Forbidden,
    MethodNotAllowed,
    StaleWrite,
    TooLarge,
    Unauthenticated,
    ViewsError,
)
from ..core.model import Actor
from ..core.projects import require_unbound
from ..wire.errors import error_body
from ..wire.fields import decode_body, decode_query
from .operations import route

if TYPE_CHECKING:
    from .services import Services

RESOURCE = "jupyter_views"
BODY_BYTES = 1024 * 1024
CHUNK_BYTES = 512 * 1024
T = TypeVar("T")
_CREDENTIAL = re.compile(r"(?:token|bearer)\s+(\S+)\s*$", re.IGNORECASE)
_UNNAMING = {IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider}
_BY_STATUS = {
    400: errors.BadRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
}
_OF_THE_DISK = {
    errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EPERM,
    errno.EROFS,
}  # fmt: skip
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Cookie, Accept",
}


@stream_request_body
class ViewsHandler(APIHandler):
    """Base of every route. Subclasses hold verbs of a few lines each."""

    actor: Actor

    def initialize(
        self, services: Callable[[], Services], *, takes_bound_keys: bool = False
    ) -> None:
        """Take the way to the services; they open after the server has started."""
        self._services = services
        self._takes_bound_keys = takes_bound_keys
        self._chunks: list[bytes] = []
        self._received = 0
        self.request_id = secrets.token_hex(8)

    @property
    def services(self) -> Services:
        """The core; Unavailable until the store is open and the engine answers."""
        return self._services()

    @property
    def prefix(self) -> str:
        """Path of the product on this server: ``{base_url}views``."""
        return f"{self.base_url}views"

    def set_default_headers(self) -> None:
        """The headers that every answer carries."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    async def prepare(self) -> None:
        """Find out who asks, before anything of the request is looked at."""
        if not self.check_host():
            raise Forbidden("This host name is not served here.")
        if self.request.method == "OPTIONS" or self._is_public():
            self.current_user = self._jupyter_current_user = None
            self._set_cors()
            return
        self.actor = await self._authenticate()
        self._set_cors()
        if not self.token_authenticated and self._is_cross_site():
            raise Forbidden("Requests from another site are not served.")
        if self.request.method not in {"GET", "HEAD"}:
            try:
                self.check_xsrf_cookie()
            except HTTPError as error:
                raise Forbidden(
                    "This request came without a token and without the page's _xsrf proof.",
                    hint="Send Authorization: token … instead of a cookie.",
                ) from error
        if not self.check_origin():
            raise Forbidden("Requests from this origin are not served.")

    def _set_cors(self) -> None:
        # Without an Origin there is nobody to tell, and the host would send an empty header.
        if "Origin" in self.request.headers:
            self.set_cors_headers()

    def _is_cross_site(self) -> bool:
        # A read may start a refresh, so even a read must not be another site's doing.
        return self.request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}

    def _is_public(self) -> bool:
        verb = getattr(self, (self.request.method or "").lower(), None)
        operation = getattr(verb, "operation", None)
        return operation is not None and operation.is_public

    async def _authenticate(self) -> Actor:
        credential = _CREDENTIAL.match(self.request.headers.get("Authorization", ""))
        if credential is not None:
            known = await self._recognise(credential[1])
            if known is not None:
                self._token_authenticated = True
                self._become(User(username=known.name))
                return known
        user = await ensure_async(self.identity_provider.get_user(self))
        if user is None:
            self.set_header("WWW-Authenticate", "Bearer")
            raise Unauthenticated(
                "Nobody is signed in.",
                hint="Send Authorization: Bearer with an API key or the server's token.",
            )
        self._become(user)
        if type(self.identity_provider) in _UNNAMING:
            return Actor(name=self.services.local_person, may_name_others=True)
        return Actor(name=user.username)

    async def _recognise(self, credential: str) -> Actor | None:
        if credential.startswith("vk_"):
            return await self.services.keys.recognise(credential)
        if hmac.compare_digest(credential.encode(), self.services.kernel_key.encode()):
            return self.services.kernel_actor
        provider = self.identity_provider
        if (
            type(provider) in _UNNAMING
            and provider.token
            and hmac.compare_digest(credential.encode(), provider.token.encode())
        ):
            return Actor(name=self.services.local_person, may_name_others=True)
        return None

    def _become(self, user: User) -> None:
        self.current_user = self._jupyter_current_user = user

    async def authorize(self, action: str, scope: str | None) -> None:
        """Ask the host's authorizer, then the key's project and scopes."""
        allowed = await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)
        )
        if not allowed:
            raise Forbidden("You are not authorized for this on this server.")
        if not self._takes_bound_keys:
            require_unbound(self.actor)
        if scope is not None:
            require_scope(self.actor, scope)

    def data_received(self, chunk: bytes) -> None:
        """Collect the body up to its limit; the rest is read and dropped, so the answer arrives."""
        self._received += len(chunk)
        if self._received <= self.body_bytes:
            self._chunks.append(chunk)

    body_bytes = BODY_BYTES

    def check_body_size(self) -> None:
        """Raise TooLarge when more came than this route reads."""
        if self._received > self.body_bytes:
            raise TooLarge(f"A body here holds {self.body_bytes:,} bytes at most.")

    @property
    def raw_body(self) -> bytes:
        """The body as it came."""
        return b"".join(self._chunks)

    def body(self, kind: type[T]) -> T:
        """The JSON body as a typed request."""
        return decode_body(self.raw_body, kind)

    def query(self, kind: type[T]) -> T:
        """The query string as a typed request."""
        return decode_query(self.request.query_arguments, kind)

    def send(self, answer: Struct, *, status: int = 200, etag: str | None = None) -> None:
        """Answer with JSON; with a tag the client already has, with 304 and nothing else."""
        if etag is not None:
            self.set_header("Etag", f'"{etag}"')
            if self.request.method in {"GET", "HEAD"} and self.has_etag(etag):
                self.send_nothing(304)
                return
        self.set_status(status)
        self.finish(msgspec.json.encode(answer))

    def send_nothing(self, status: int) -> None:
        """Answer with a status and headers alone."""
        self.set_status(status)
        self.finish(set_content_type="application/json")

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """Finish; an answer without a body says no type and no length of one."""
        if self.get_status() in {204, 304}:
            self.update_api_activity()
            self.clear_header("Content-Type")
            return super(APIHandler, self).finish()
        return super().finish(*args, **kwargs)

    def compute_etag(self) -> None:
        """Never hash a body on the event loop; tags come from the store."""
        return

    def has_etag(self, etag: str) -> bool:
        """Whether ``If-None-Match`` names this tag."""
        return _names(self.request.headers.get("If-None-Match"), etag)

    def required_revision(self, etag_base: str, revision: int) -> int | None:
        """The revision that ``If-Match`` asks for; None when it asks for nothing.

        Raises
        ------
        StaleWrite
            When it names another state of the object.
        """
        wanted = self.request.headers.get("If-Match")
        if wanted is None or wanted.strip() == "*":
            return None
        tags = (tag.strip().strip('"').split(".")[0] for tag in wanted.split(","))
        if f"{etag_base}-{revision}" not in tags:
            raise StaleWrite("It has changed since you read it.", hint="Read it again.")
        return revision

    def set_paging(self, path: str, limit: int, offset: int, total: int) -> None:
        """RFC 8288 links to the first, previous, next and last page."""
        given = {
            name: values[-1].decode("utf-8", "replace")
            for name, values in self.request.query_arguments.items()
            if name not in {"limit", "offset", "token"}
        }
        starts = {"first": 0}
        if offset + limit < total:
            starts["next"] = offset + limit
        if offset > 0:
            starts["prev"] = max(0, offset - limit)
        if total > 0:
            starts["last"] = (total - 1) // limit * limit
        links = []
        for rel, start in starts.items():
            query = urlencode(given | {"limit": str(limit), "offset": str(start)})
            links.append(f'<{path}?{query}>; rel="{rel}"')
        self.set_header("Link", ", ".join(links))

    async def send_file(self, source: BinaryIO, size: int, *, before: bytes, after: bytes) -> None:
        """Stream an open file between two short texts; memory does not grow with the file."""
        self.set_header("Content-Length", str(len(before) + size + len(after)))
        if self.request.method == "HEAD":
            source.close()
            super(APIHandler, self).finish()
            return
        loop = self.services.run_in_thread
        self.write(before)
        try:
            while chunk := await loop(source.read, CHUNK_BYTES):
                self.write(chunk)
                await self.flush()
        except StreamClosedError:  # the reader left
            return
        finally:
            source.close()
        self.write(after)
        super(APIHandler, self).finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tell what went wrong, in one shape; the caller's fault apart from ours."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if not isinstance(error, ViewsError):
            error = self._host_error(status_code, error)
        self.set_status(self.error_status(error))
        if isinstance(error, MethodNotAllowed):
            self.set_header("Allow", ", ".join(self.verbs()))
        if isinstance(error, Unauthenticated):
            self.set_header("WWW-Authenticate", "Bearer")
        retry_after = getattr(error, "retry_after_seconds", None)
        if retry_after is not None:
            self.set_header("Retry-After", str(retry_after))
        if self.request.method == "HEAD":
            self.send_nothing(self.error_status(error))
            return
        self.send_error_out(error)

    def send_error_out(self, error: ViewsError) -> None:
        """Finish with an error; status and headers are set."""
        self.finish(msgspec.json.encode(self.error_out(error)))

    def error_status(self, error: ViewsError) -> int:
        """The status of an error in this address's dialect."""
        return error.status

    def error_out(self, error: ViewsError) -> Struct:
        """An error in this address's dialect."""
        return error_body(error, self.request_id)

    def _host_error(self, status: int, error: BaseException | None) -> ViewsError:
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            return errors.Unavailable(
                "The server cannot write its files.",
                hint="Look whether its disk is full or read-only, and try again.",
                retry_after_seconds=30,
            )
        kind = _BY_STATUS.get(status)
        if kind is None:
            return ViewsError(
                "Something went wrong on the server's side.",
                hint=f"Its log has the details under {self.request_id}.",
            )
        if kind is MethodNotAllowed:
            return kind(f"{self.request.method} is not offered here.")
        reason = getattr(error, "log_message", None) or "The request was refused."
        return kind(str(reason)[:200])

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is our fault; what is the caller's needs no traceback."""
        if isinstance(value, ViewsError):
            return
        if not isinstance(value, HTTPError):
            self.log.error("request %s failed", self.request_id, exc_info=(typ, value, tb))

    def verbs(self) -> list[str]:
        """The verbs that this address offers."""
        names = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        return [n for n in names if hasattr(getattr(self, n.lower()), "operation")] + ["OPTIONS"]

    @allow_unauthenticated
    def options(self, *args: Any, **kwargs: Any) -> None:
        """Say which verbs are offered; tells nothing about the object."""
        verbs = ", ".join(self.verbs())
        self.set_header("Allow", verbs)
        self.set_header("Access-Control-Allow-Methods", verbs)
        self.set_header(
            "Access-Control-Allow-Headers",
            "accept, authorization, content-type, idempotency-key, if-match, if-none-match, "
            "prefer, x-xsrftoken",
        )
        self.send_nothing(204)


class UnknownAddress(ViewsHandler):
    """Every address below the product's that is none of its own."""

    @route("read", None, "No such address.")
    async def get(self, *_: str) -> None:
        """404 for whoever is signed in; 401 for everybody else."""
        raise errors.NotFound(
            "No such address.", hint=f"{self.prefix}/api/docs lists what there is."
        )

    head = post = put = patch = delete = get


def _names(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags
