"""Texts as literals of other languages: nothing in them ends the literal or hides in it.

Characters that cannot be seen (controls, marks of direction) are written as
escapes, so that what is copied is what is shown.
"""

from __future__ import annotations

import json


def is_plain(text: str) -> bool:
    """Whether every character of a text can be seen, or is a space."""
    return text.isprintable()


def in_shell(text: str) -> str:
    """One word of a POSIX shell; the text is plain."""
    return "'" + text.replace("'", "'\\''") + "'"


def in_python(text: str) -> str:
    """A string of Python."""
    return '"' + "".join(map(_python_character, text)) + '"'


def in_javascript(text: str) -> str:
    """A string of JavaScript, and of JSON."""
    return '"' + "".join(map(_javascript_character, text)) + '"'


def in_r(text: str) -> str:
    """A string of R; there is none with a NUL in it."""
    return '"' + "".join(map(_python_character, text)) + '"'


def in_power_query(text: str) -> str:
    """A text of Power Query's language."""
    escaped = (
        c if c.isprintable() else f"#({ord(c):04X})" if ord(c) < 0x10000 else f"#({ord(c):08X})"
        for c in text.replace('"', '""').replace("#(", "#(#)(")
    )
    return '"' + "".join(escaped) + '"'


def _python_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _javascript_character(character: str) -> str:
    if character == '"' or character == "\\" or not character.isprintable():
        return json.dumps(character)[1:-1]
    return character
