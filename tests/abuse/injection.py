"""500 strings that would do harm, or betray themselves, if they became part of a statement."""

from __future__ import annotations

from itertools import product

_OPENINGS = (
    "",
    "'",
    '"',
    "')",
    "';",
    "$$",
    "*/",
    "\\'",
    "''",
    "%27",
    "ʼ",
    "1",
    "NULL",
    "{{",
    "}}",
    "$x",
)
_BODIES = (
    " OR 1=1",
    " OR 'a'='a",
    "; DROP TABLE intact",
    "; DELETE FROM intact",
    " UNION SELECT * FROM intact",
    " UNION ALL SELECT getenv('HOME')",
    "; COPY intact TO 'stolen.csv'",
    "; ATTACH 'other.db'",
    "; INSTALL httpfs",
    "; SET memory_limit='1TB'",
    " || (SELECT max(i) FROM intact)",
    "{{x}}",
    "{variables.x}",
    "$x",
    "::INTEGER",
    "; PRAGMA database_list",
)
_ENDINGS = ("", " --", " /*", "\0")

INJECTIONS: tuple[str, ...] = tuple(
    opening + body + ending for opening, body, ending in product(_OPENINGS, _BODIES, _ENDINGS)
)[:500]
