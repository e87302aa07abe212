"""Names, slugs, ids and secrets: how each is made and checked."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
from collections.abc import Callable, Iterable
from itertools import islice

from slugify import slugify

from .errors import BadSlug

SLUG_PATTERN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 100
RESERVED_SLUGS = frozenset({"new", "search"})
_BASE62 = string.digits + string.ascii_letters
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A key such as ``stmt_01hz…``: 48 bits of milliseconds, 80 random ones; sorts by age."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_CROCKFORD[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def new_short_id() -> str:
    """Eight characters of base 62 from the system's generator."""
    return "".join(secrets.choice(_BASE62) for _ in range(8))


def new_key() -> tuple[str, str, str]:
    """A fresh API key of 256 bits: (the key, shown once; its first characters; its hash)."""
    key = "vk_" + secrets.token_urlsafe(32)
    return key, key[:7], hash_key(key)


def hash_key(key: str) -> str:
    """SHA-256 of a key; enough for 256 random bits, where a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def slug_from(name: str) -> str:
    """The slug of a human name; ``view`` when nothing of it can be kept."""
    slug = slugify(name, max_length=SLUG_LENGTH).strip("-") or "view"
    return f"{slug}-view" if slug in RESERVED_SLUGS else slug


def checked_slug(slug: str) -> str:
    """The slug itself, or BadSlug that suggests the nearest valid one."""
    if len(slug) <= SLUG_LENGTH and SLUG_PATTERN.fullmatch(slug) and slug not in RESERVED_SLUGS:
        return slug
    if slug in RESERVED_SLUGS:
        raise BadSlug(f"The slug {slug} is reserved.", hint="Choose another one.")
    near = slug_from(slug)
    raise BadSlug(
        f"A slug is lower-case words joined by hyphens, {SLUG_LENGTH} characters at most.",
        hint=f"Use {near}." if near not in RESERVED_SLUGS else None,
        suggestions=(near,) if near not in RESERVED_SLUGS else (),
    )


def _joined(base: str, suffix: str) -> str:
    return f"{base[: SLUG_LENGTH - len(suffix) - 1].rstrip('-')}-{suffix}"


def suggest_slugs(
    slug: str, owner: str, month: str, is_free: Callable[[str], bool], count: int = 3
) -> tuple[str, ...]:
    """Free alternatives to a taken slug, most natural first.

    One numbered, one with the owner's name, one with the month
    (``yyyy-mm``), random ones where those are taken. Each is valid, at most
    100 characters (the base is cut, never the suffix) and free now.
    """
    tail = re.search(r"-(\d{1,6})$", slug)
    stem, first = (slug[: tail.start()], int(tail.group(1)) + 1) if tail else (slug, 2)
    families: list[Iterable[str]] = [
        (_joined(stem, str(number)) for number in range(first, first + 50)),
        (_joined(slug, slug_from(owner)),),
        (_joined(slug, month),),
        *((_joined(slug, secrets.token_hex(3)),) for _ in range(count)),
    ]
    free = (
        next((s for s in family if SLUG_PATTERN.fullmatch(s) and is_free(s)), None)
        for family in families
    )
    found = dict.fromkeys(s for s in free if s is not None)
    return tuple(islice(found, count))
