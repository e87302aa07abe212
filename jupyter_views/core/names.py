"""Names, slugs, ids and secrets: how each is made and checked."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
import uuid
from collections.abc import Callable, Iterable
from itertools import islice

from slugify import slugify

from .errors import BadSlug, Invalid

SLUG_PATTERN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_LENGTH = 100
RESERVED_SLUGS = frozenset({"new", "search"})
ENDPOINT_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
ENDPOINT_LENGTH = 128
# What stands beside the names in addresses.
RESERVED_ENDPOINTS = frozenset({"last_execution_times", "materialization_conditions"})
_BASE62 = string.digits + string.ascii_letters
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_QUERY = "qry_"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def new_id(prefix: str) -> str:
    """A key such as ``stmt_01hz…``: 48 bits of milliseconds, 80 random ones; sorts by age."""
    return f"{prefix}_{_in_crockford(_aged_bits())}"


def new_query_id() -> str:
    """A key of a query; its bits are those of a UUID of version 7, see :func:`uuid_of`."""
    number = _aged_bits() & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return f"{_QUERY}{_in_crockford(number)}"


def uuid_of(query_id: str) -> str:
    """A query's key as the UUID that it is to programs of the query-reference page."""
    number = 0
    for digit in query_id.removeprefix(_QUERY):
        number = number * 32 + _CROCKFORD.index(digit)
    return str(uuid.UUID(int=number))


def query_id_of(text: str) -> str | None:
    """The key of the query that a UUID stands for; None where the text is no UUID."""
    if not _UUID.fullmatch(text):
        return None
    return f"{_QUERY}{_in_crockford(uuid.UUID(text).int)}"


def _aged_bits() -> int:
    return (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)


def _in_crockford(number: int) -> str:
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_CROCKFORD[digit])
    return "".join(reversed(digits))


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


def checked_endpoint_name(name: str) -> str:
    """The name itself, or Invalid that says which form it has."""
    if name in RESERVED_ENDPOINTS:
        raise Invalid(f"The name {name} is reserved.", hint="Choose another one.", field="name")
    if ENDPOINT_PATTERN.fullmatch(name):
        return name
    raise Invalid(
        "Endpoint name must start with a letter and contain only letters, digits, "
        f"hyphens and underscores, 1-{ENDPOINT_LENGTH} characters.",
        hint=f"Use {endpoint_name_from(name)}.",
        field="name",
    )


def endpoint_name_from(title: str) -> str:
    """The name of an endpoint that is made from a human name; ``endpoint`` where nothing is left.

    Case and underscores stay, as they may stand in a name.
    """
    name = slugify(
        title, lowercase=False, regex_pattern=r"[^A-Za-z0-9_-]+", max_length=SLUG_LENGTH
    ).strip("-_")
    if not name or name in RESERVED_ENDPOINTS:
        return f"endpoint-{name}".rstrip("-")
    return name if name[0].isalpha() else f"endpoint-{name}"


def suggest_endpoint_names(name: str, is_free: Callable[[str], bool]) -> tuple[str, ...]:
    """A free alternative to a taken name: numbered, at random where the first fifty are taken."""
    tail = re.search(r"-(\d{1,6})$", name)
    stem, first = (name[: tail.start()], int(tail.group(1)) + 1) if tail else (name, 2)
    candidates = [
        *(f"{stem[: ENDPOINT_LENGTH - 8]}-{number}" for number in range(first, first + 50)),
        f"{stem[: ENDPOINT_LENGTH - 8]}-{secrets.token_hex(3)}",
    ]
    return tuple(islice((each for each in candidates if is_free(each)), 1))
