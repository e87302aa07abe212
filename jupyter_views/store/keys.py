"""API keys, uploaded frames and answers kept for repeated requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, delete, exc, insert, or_, select, update

from ..core.keys import ApiKey
from ..core.model import SECOND, Frame, Instant
from .database import Database, Memo
from .rows import plain
from .tables import api_keys, frames, idempotency

_UNANSWERED: Instant = 300 * SECOND


class KeyStore:
    """API keys by the hash of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_hash: Memo[ApiKey] = Memo(database)

    def create(self, key: ApiKey, token_hash: str) -> None:
        """Keep a new key."""
        with self._database.write() as connection:
            connection.execute(insert(api_keys).values(**plain(key), token_hash=token_hash))

    def known(self, token_hash: str) -> ApiKey | None:
        """The key with this hash, if it is remembered and still true; takes microseconds."""
        return self._by_hash.get(token_hash)

    def find(self, token_hash: str) -> ApiKey | None:
        """The key whose secret has this hash, expired or not."""
        version = self._database.version()
        found = next(iter(self._where(api_keys.c.token_hash == token_hash)), None)
        if found is not None:
            self._by_hash.put(token_hash, found, version)
        return found

    def list(self, person: str) -> list[ApiKey]:
        """Keys that this person made, or that speak for this person."""
        return self._where(or_(api_keys.c.created_by == person, api_keys.c.user == person))

    def _where(self, condition: Any) -> list[ApiKey]:
        columns = [c for c in api_keys.c if c.name != "token_hash"]
        with self._database.read() as connection:
            found = connection.execute(
                select(*columns).where(condition).order_by(api_keys.c.created_at, api_keys.c.id)
            ).mappings()
            return [ApiKey(**dict(row) | {"scopes": tuple(row["scopes"])}) for row in found]

    def touch(self, key_id: str, at: Instant) -> None:
        """Note that a key was used."""
        with self._database.write() as connection:
            connection.execute(
                update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=at)
            )

    def delete(self, key_id: str, person: str) -> bool:
        """Revoke a key that the person made or holds; False if there is none."""
        with self._database.write() as connection:
            gone = connection.execute(
                delete(api_keys).where(
                    api_keys.c.id == key_id,
                    or_(api_keys.c.created_by == person, api_keys.c.user == person),
                )
            )
            return gone.rowcount > 0


class FrameStore:
    """Which frames were uploaded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, frame: Frame) -> bool:
        """Keep the row of an uploaded frame; False if it was there."""
        with self._database.write() as connection:
            known = connection.execute(
                select(frames.c.sha256).where(
                    frames.c.sha256 == frame.sha256, frames.c.uploaded_by == frame.uploaded_by
                )
            ).first()
            if known is None:
                connection.execute(insert(frames).values(**plain(frame)))
            return known is None

    def hashes(self) -> set[str]:
        """Hashes of all frames that a row names."""
        with self._database.read() as connection:
            return set(connection.scalars(select(frames.c.sha256)).all())

    def has(self, sha256: str, uploaded_by: str) -> bool:
        """Whether this person uploaded this frame: a hash alone is no permission to read it."""
        with self._database.read() as connection:
            return (
                connection.execute(
                    select(frames.c.sha256).where(
                        frames.c.sha256 == sha256, frames.c.uploaded_by == uploaded_by
                    )
                ).first()
                is not None
            )


class IdempotencyStore:
    """Answers by (actor, route, key): a repeated POST repeats its answer and not its deed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, actor: str, route: str, key: str, body_hash: str, now: Instant, keep: Instant
    ) -> tuple[str, dict[str, Any] | None] | None:
        """Reserve a key; returns None when it is ours now, else (body hash, answer or None).

        A key without an answer after five minutes belongs to a request that
        died with its server: nothing waits longer than one.
        """
        mine = _row(actor, route, key)
        with self._database.write() as connection:
            connection.execute(
                delete(idempotency).where(
                    or_(
                        idempotency.c.created_at < now - keep,
                        and_(
                            idempotency.c.answer.is_(None),
                            idempotency.c.created_at < now - _UNANSWERED,
                        ),
                    )
                )
            )
            found = connection.execute(select(idempotency).where(mine)).first()
            if found is not None:
                return found.body_hash, found.answer
            try:
                connection.execute(
                    insert(idempotency).values(
                        actor=actor, route=route, key=key, body_hash=body_hash, created_at=now
                    )
                )
            except exc.IntegrityError:
                return body_hash, None
        return None

    def keep(self, actor: str, route: str, key: str, answer: dict[str, Any]) -> None:
        """Keep the answer for repetitions."""
        with self._database.write() as connection:
            connection.execute(
                update(idempotency).where(_row(actor, route, key)).values(answer=answer)
            )

    def release(self, actor: str, route: str, key: str) -> None:
        """Forget a key whose request failed, so that it can be tried again."""
        with self._database.write() as connection:
            connection.execute(delete(idempotency).where(_row(actor, route, key)))


def _row(actor: str, route: str, key: str) -> Any:
    return and_(
        idempotency.c.actor == actor, idempotency.c.route == route, idempotency.c.key == key
    )
