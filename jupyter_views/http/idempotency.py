"""POSTs that may be sent twice and happen once."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct, field

from ..core.errors import IdempotencyInFlight, Invalid
from ..core.model import SECOND, Instant
from .base import ViewsHandler

_KEEP: Instant = 86_400 * SECOND


class Answer(Struct, frozen=True, kw_only=True):
    """What a POST gives: status, JSON body, headers."""

    status: int
    body: Struct
    headers: dict[str, str] = field(default_factory=dict)


async def answer_once(
    handler: ViewsHandler, route: str, work: Callable[[], Awaitable[Answer]]
) -> None:
    """Do the work and answer; repeat the answer, not the work, for an equal ``Idempotency-Key``.

    Answers are kept for 24 hours by person, route and key. A request that
    fails keeps nothing, so that it can be tried again.

    Raises
    ------
    IdempotencyInFlight
        While the first request with the key runs.
    Invalid
        When the key came with another body before.
    """
    key = handler.request.headers.get("Idempotency-Key")
    if key is None:
        _finish(handler, await work())
        return
    if not 1 <= len(key) <= 255:
        raise Invalid("Idempotency-Key holds 1 to 255 characters.", field="Idempotency-Key")
    services = handler.services
    rows = services.idempotency
    person = handler.actor.name
    body_hash = hashlib.sha256(handler.raw_body + handler.request.query.encode()).hexdigest()
    known = await services.run_in_thread(
        rows.claim, person, route, key, body_hash, services.clock.now(), _KEEP
    )
    if known is not None:
        _repeat(handler, *known, body_hash=body_hash)
        return
    try:
        answer = await work()
    except BaseException:
        await services.run_in_thread(rows.release, person, route, key)
        raise
    kept = {
        "status": answer.status,
        "headers": answer.headers,
        "body": msgspec.json.encode(answer.body).decode(),
    }
    await services.run_in_thread(rows.keep, person, route, key, kept)
    _finish(handler, answer)


def _repeat(
    handler: ViewsHandler, known_hash: str, kept: dict[str, object] | None, *, body_hash: str
) -> None:
    if known_hash != body_hash:
        raise Invalid(
            "This Idempotency-Key came with another request before.",
            hint="Use a new key for a new request.",
            field="Idempotency-Key",
        )
    if kept is None:
        raise IdempotencyInFlight("The first request with this Idempotency-Key still runs.")
    handler.set_header("Idempotency-Replayed", "true")
    answer = msgspec.convert(kept, _Kept)
    _set_headers(handler, answer.headers)
    handler.set_status(answer.status)
    handler.finish(answer.body)


class _Kept(Struct):
    status: int
    headers: dict[str, str]
    body: str


def _finish(handler: ViewsHandler, answer: Answer) -> None:
    _set_headers(handler, answer.headers)
    handler.send(answer.body, status=answer.status)


def _set_headers(handler: ViewsHandler, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        handler.set_header(name, value)
