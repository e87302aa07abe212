"""What makes a method a verb: a decision about who may, and what it takes and gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import allow_unauthenticated
from msgspec import Struct

if TYPE_CHECKING:
    from .base import ViewsHandler


class Operation(Struct, frozen=True, kw_only=True):
    """What a verb of a route takes and gives; checks requests and writes the OpenAPI page."""

    summary: str
    action: str
    scope: str | None
    query: type[Struct] | None
    body: type[Struct] | None
    answer: type[Struct] | None
    status: int
    is_public: bool = False


def route(
    action: str,
    scope: str | None,
    summary: str,
    *,
    query: type[Struct] | None = None,
    body: type[Struct] | None = None,
    answer: type[Struct] | None = None,
    status: int = 200,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Make a method a verb that only authenticated, authorised, sufficiently scoped callers reach.

    Parameters
    ----------
    action
        The authorizer's word: read, write or execute.
    scope
        What a key needs, such as ``perspective:read``.
    """
    operation = Operation(
        summary=summary,
        action=action,
        scope=scope,
        query=query,
        body=body,
        answer=answer,
        status=status,
    )

    def decorate(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @wraps(method)
        async def verb(self: ViewsHandler, *args: str) -> None:
            await self.authorize(action, scope)
            self.check_body_size()
            await method(self, *args)

        verb.operation = operation  # type: ignore[attr-defined]
        setattr(verb, "__allow_unauthenticated", False)
        return verb

    return decorate


def public_route(
    summary: str,
    *,
    query: type[Struct] | None = None,
    body: type[Struct] | None = None,
    answer: type[Struct] | None = None,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Make a method a verb that strangers reach; there are very few."""
    operation = Operation(
        summary=summary,
        action="read",
        scope=None,
        query=query,
        body=body,
        answer=answer,
        status=200,
        is_public=True,
    )

    def decorate(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @wraps(method)
        async def verb(self: ViewsHandler, *args: str) -> None:
            self.check_body_size()
            await method(self, *args)

        verb.operation = operation  # type: ignore[attr-defined]
        return allow_unauthenticated(verb)

    return decorate
