"""People in the dialect of insights: this product knows them by name alone."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from msgspec import Struct


class PersonOut(Struct, frozen=True, kw_only=True):
    """A person; what this product does not know of people is empty."""

    id: int
    uuid: str
    distinct_id: str
    first_name: str
    last_name: str
    email: str
    is_email_verified: bool | None
    hedgehog_config: dict[str, Any] | None
    role_at_organization: str | None


def person_id(name: str) -> int:
    """A number that stands for a name wherever the page wants one: 31 bits of its hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 1


def person_out(name: str) -> PersonOut:
    """A person as this page's clients expect one."""
    return PersonOut(
        id=person_id(name),
        uuid=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        distinct_id=name,
        first_name=name,
        last_name="",
        email=name if "@" in name else "",
        is_email_verified=None,
        hedgehog_config=None,
        role_at_organization=None,
    )
