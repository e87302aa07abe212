"""Passwords of links: hashed slowly, with a salt, and never kept."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The library's defaults are those of RFC 9106 for little memory: 64 MiB, three passes.
_HASHER = PasswordHasher()


def new_password() -> str:
    """128 random bits as text."""
    return secrets.token_urlsafe(16)


def hash_password(password: str) -> str:
    """An argon2id hash; takes about 50 ms and 64 MiB."""
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash was made from this password; takes as long as making it."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
