"""API keys: made for a named person, shown once, forgotten at once when revoked."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import Struct

from .access import require_scope
from .errors import Forbidden, NotFound, Unauthenticated
from .model import SECOND, Actor, Instant
from .names import hash_key, new_id, new_key
from .ports import Clock
from .projects import require_project

_DAY: Instant = 86_400 * SECOND
KERNEL_SCOPES = frozenset(
    f"{noun}:write"
    for noun in ("statement", "perspective", "endpoint", "query", "sharing_configuration")
)
"""What the key that kernels inherit may do."""


class ApiKey(Struct, frozen=True, kw_only=True):
    """A secret with scopes, made for a named person; only its hash is kept."""

    id: str
    prefix: str
    user: str
    label: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: Instant
    project_id: int | None = None
    expires_at: Instant | None = None
    last_used_at: Instant | None = None


class KeyRows(Protocol):
    """What this service needs of the store."""

    def create(self, key: ApiKey, token_hash: str) -> None: ...
    def known(self, token_hash: str) -> ApiKey | None: ...
    def find(self, token_hash: str) -> ApiKey | None: ...
    def list(self, person: str) -> list[ApiKey]: ...
    def touch(self, key_id: str, at: Instant) -> None: ...
    def delete(self, key_id: str, person: str) -> bool: ...


class KeyService:
    """Create, list, revoke and recognise keys."""

    def __init__(self, *, rows: KeyRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    async def create(
        self,
        actor: Actor,
        *,
        label: str,
        scopes: tuple[str, ...],
        user: str | None,
        expires_in_days: int | None,
        project_id: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret.

        A person mints any scope for themselves, and for others where the
        server itself names nobody; a key only with ``key:write``, and only
        scopes that it has itself.
        """
        require_scope(actor, "key:write")
        if user not in {None, actor.name} and not actor.may_name_others:
            raise Forbidden("You can make keys for yourself only.")
        if actor.project_id is not None:
            require_project(actor, project_id)
        lacking = [scope for scope in scopes if not actor.has_scope(scope)]
        if lacking:
            raise Forbidden(
                "A key cannot make a key that may more than itself.",
                details={"lacking": lacking},
            )
        secret, prefix, token_hash = new_key()
        now = self._clock.now()
        key = ApiKey(
            id=new_id("key"),
            prefix=prefix,
            user=user or actor.name,
            label=label,
            scopes=scopes,
            project_id=project_id,
            created_by=actor.name,
            created_at=now,
            expires_at=now + expires_in_days * _DAY if expires_in_days else None,
        )
        await asyncio.to_thread(self._rows.create, key, token_hash)
        return key, secret

    async def list(self, actor: Actor) -> list[ApiKey]:
        """Keys that the actor made or holds."""
        return await asyncio.to_thread(self._rows.list, actor.name)

    async def revoke(self, actor: Actor, key_id: str) -> None:
        """End a key; the next request with it is refused."""
        if not await asyncio.to_thread(self._rows.delete, key_id, actor.name):
            raise NotFound("No such key.")

    async def recognise(self, secret: str) -> Actor:
        """Who a key speaks for; Unauthenticated for unknown, revoked and expired alike."""
        token_hash = hash_key(secret)
        key = self._rows.known(token_hash) or await asyncio.to_thread(self._rows.find, token_hash)
        now = self._clock.now()
        if key is None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthenticated("This API key is unknown, revoked or expired.")
        if key.last_used_at is None or now - key.last_used_at > _DAY:
            await asyncio.to_thread(self._rows.touch, key.id, now)
        return Actor(
            name=key.user,
            scopes=frozenset(key.scopes),
            project_id=key.project_id,
            key_id=key.id,
        )
