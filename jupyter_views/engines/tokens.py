"""What the token of one file says: its stamps, the hash of its content, and whether to doubt them.

``stamps``, ``stamps;content``, and either with a question mark behind it when
the file was so young that a later write could leave its stamps as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..core.ports import Signature

ABSENT = "absent"
LOST = "lost"
"""Of a source that was read before and may not, or cannot, be read now."""

_CONTENT = ";"
_DOUBT = "?"


class Token(NamedTuple):
    """A token taken apart; what it does not have is empty."""

    stamps: str
    content: str
    is_doubted: bool


def parse(text: str) -> Token:
    """Take a token apart."""
    stamps, _, content = text.removesuffix(_DOUBT).partition(_CONTENT)
    return Token(stamps, content, is_doubted(text))


def written(stamps: str, content: str = "", *, is_doubted: bool = False) -> str:
    """The text of a token."""
    known = f"{stamps}{_CONTENT}{content}" if content else stamps
    return known + _DOUBT if is_doubted else known


def is_doubted(text: str) -> bool:
    """Whether equal stamps prove nothing about this file."""
    return text.endswith(_DOUBT)


def of(signature: Signature) -> dict[str, Token]:
    """The tokens by name."""
    return _parsed(signature, signature.entries)


def with_content(signature: Signature) -> dict[str, Token]:
    """Those that hold a hash, by name."""
    known = [entry for entry in signature.entries if _CONTENT in entry[1]]
    return _parsed(signature, known) if known else {}


def _parsed(signature: Signature, entries: Iterable[tuple[str, str]]) -> dict[str, Token]:
    tokens = {name: parse(text) for name, text in entries}
    if signature.provisional and not any(is_doubted(text) for _, text in signature.entries):
        # Stored before each token had a mark of its own: any of them may be meant.
        return {name: token._replace(is_doubted=True) for name, token in tokens.items()}
    return tokens
