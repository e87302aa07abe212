"""File names in SQL: where they point to, and whether a view may read there.

The rule is decided on real paths, part by part, never on text prefixes: a
folder ``data`` does not open its neighbour ``data-secret``, and a link that
leads out of a folder is out (CVE-2026-35397 was a prefix comparison).
"""

from __future__ import annotations

import os
import stat
from typing import NoReturn

from msgspec import Struct

from ..core.errors import NotAllowed

_ENDINGS = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".geojson")
_PACKED = (".gz", ".zst")
_DATABASES = (".duckdb", ".ddb", ".db", ".sqlite", ".sqlite3")
_GLOB = frozenset("*?[")
_OUTSIDE_HINT = (
    "Allowed: the notebook folder and what lies below the server's root. "
    "An administrator can add folders in ViewsApp.data_dirs."
)


class Folders(Struct, frozen=True):
    """Where file names start from, and the real folders that they must stay in.

    Attributes
    ----------
    base
        Absolute folder for relative names.
    readable
        Real paths of the roots.
    hidden
        Real paths of folders below them that are nobody's data (the store).
    """

    base: str
    readable: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def folders(base: str, readable: tuple[str, ...], hidden: tuple[str, ...] = ()) -> Folders:
    """Folders with their links followed."""
    return Folders(
        base, tuple(map(os.path.realpath, readable)), tuple(map(os.path.realpath, hidden))
    )


def is_data_file(name: str) -> bool:
    """Whether the engine reads a name in FROM as a file that this product supports."""
    low = name.lower()
    for packed in _PACKED:
        low = low.removesuffix(packed)
    return low.endswith(_ENDINGS)


def is_database(name: str) -> bool:
    """Whether a name before a dot in FROM is that of a database file."""
    return name.lower().endswith(_DATABASES)


def looks_like_a_path(name: str) -> bool:
    """Whether somebody who writes this name means a file."""
    return any(mark in name for mark in "/\\*?") or name.lower().endswith(
        (*_DATABASES, ".xlsx", ".txt", ".arrow", ".feather", ".avro", ".orc")
    )


def has_pattern(name: str) -> bool:
    """Whether a name is a pattern for the engine rather than one file."""
    return not _GLOB.isdisjoint(name)


def escaped(path: str) -> str:
    """A path as a pattern that matches itself alone."""
    if not has_pattern(path):
        return path
    return "".join(f"[{letter}]" if letter in _GLOB else letter for letter in path)


def unescaped(pattern: str) -> str:
    """The path that :func:`escaped` was given."""
    for letter in "*?[":
        pattern = pattern.replace(f"[{letter}]", letter)
    return pattern


def shown(name: str) -> str:
    """A name for a message: as written, but never an absolute path."""
    is_elsewhere = os.path.isabs(name) or name.startswith(("~", "\\")) or "://" in name
    if is_elsewhere or ".." in name.split("/"):
        return name.replace("\\", "/").rstrip("/").rpartition("/")[2] or "That folder"
    return name


def resolve(name: str, where: Folders) -> str:
    """The absolute path or pattern of a file name in SQL.

    Parameters
    ----------
    name
        As written: a file or a pattern, relative to ``where.base`` or absolute.

    Returns
    -------
    str
        The fixed part with links followed, the pattern behind it. A bracket
        or star in the path of a single file is escaped, so that the whole is
        a pattern in both cases.

    Raises
    ------
    NotAllowed
        An address, a hidden name, a folder, a device, or outside the roots.
    """
    parts = _parts(name)
    at = next((i for i, part in enumerate(parts) if has_pattern(part)), len(parts))
    fixed, pattern = parts[:at], parts[at:]
    if ".." in pattern:
        raise NotAllowed(f"{shown(name)}: '..' may not follow a pattern.")
    real = _real(name, fixed, pattern, where)
    if not pattern:
        _refuse_no_file(real, name)
    if pattern and has_pattern(real):
        # The engine's own check of folders does not understand an escaped one.
        raise NotAllowed(
            f"{shown(name)}: a pattern cannot be used in a folder with *, ? or [ in its name.",
            hint="Name the files one by one: read_csv(['a.csv', 'b.csv']).",
        )
    return "/".join([real.rstrip("/"), *pattern]) if pattern else escaped(real)


def resolve_database(name: str, where: Folders) -> str:
    """The real path of a database file; nothing in its name is a pattern.

    Raises
    ------
    NotAllowed
        As :func:`resolve`.
    """
    real = _real(name, _parts(name), [], where)
    _refuse_no_file(real, name, hint=f'Name a table in a file: FROM "{shown(name)}/shop.duckdb".t')
    return real


def resolve_folder(name: str, where: Folders) -> str:
    """The real path of the folder of a table; nothing in its name is a pattern.

    Raises
    ------
    NotAllowed
        As :func:`resolve`, and for what is there but no folder.
    """
    real = _real(name, _parts(name), [], where)
    if os.path.lexists(real) and not os.path.isdir(real):
        raise NotAllowed(f"{shown(name)} is not a folder.", hint="Name the folder of the table.")
    return real


def _parts(name: str) -> list[str]:
    _refuse_odd(name)
    return (name if os.sep == "/" else name.replace(os.sep, "/")).split("/")


def _real(name: str, fixed: list[str], pattern: list[str], where: Folders) -> str:
    """The fixed parts with links followed, where a view may read all the parts."""
    real = os.path.realpath(os.path.join(where.base, "/".join(fixed) or _start(name)))
    refuse_hidden([part for part in fixed if part not in (".", "..")], name)
    root = root_of(real, where.readable) or _outside(name)
    refuse_hidden([*os.path.relpath(real, root).split(os.sep), *pattern], name)
    refuse_inside_hidden(real, where, name)
    return real


def root_of(real: str, roots: tuple[str, ...]) -> str | None:
    """The root that a real path lies in: the deepest, or None."""
    inside = [root for root in roots if is_beneath(real, root)]
    return max(inside, key=len, default=None)


def is_beneath(real: str, root: str) -> bool:
    """Whether a real path is a folder or lies in it."""
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def refuse_hidden(parts: list[str], name: str) -> None:
    """Raise NotAllowed if a part of a path below its root starts with a dot."""
    if any(part.startswith(".") and part != "." for part in parts):
        raise NotAllowed(f"{shown(name)} is hidden: views do not read names that start with a dot.")


def refuse_inside_hidden(real: str, where: Folders, name: str) -> None:
    """Raise NotAllowed for the store's own files; the words do not say what is there.

    Folders are compared by identity too: a file system that ignores case
    opens ``STORE`` where ``store`` is hidden.
    """
    if any(is_beneath(real, folder) for folder in where.hidden):
        _outside(name)
    hidden = {_identity(folder) for folder in where.hidden} - {None}
    here = real if hidden else ""
    while here and os.path.dirname(here) != here:
        if _identity(here) in hidden:
            _outside(name)
        here = os.path.dirname(here)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _outside(name: str) -> NoReturn:
    raise NotAllowed(
        f"{shown(name)} is outside the folders this server may read.", hint=_OUTSIDE_HINT
    )


def _start(name: str) -> str:
    return "/" if name.startswith("/") else "."


def _refuse_odd(name: str) -> None:
    if "://" in name or name.lower().startswith("file:"):
        raise NotAllowed(
            "A view reads files by their path, not by an address.",
            hint="Write a path that starts from the notebook's folder.",
        )
    if not name or "\0" in name:
        raise NotAllowed("A file name may not be empty or hold a zero byte.")
    if name.startswith(("~", "//", "\\\\")) or ("\\" in name and os.sep == "/"):
        raise NotAllowed(
            f"{shown(name)} is not a path that starts from the notebook's folder.",
            hint="Write it from there, with / between folders.",
        )


def _refuse_no_file(
    real: str, name: str, hint: str = "Name the files in it by a pattern, such as 'folder/*.csv'."
) -> None:
    try:
        mode = os.stat(real).st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        raise NotAllowed(f"{shown(name)} is a folder.", hint=hint)
    if not stat.S_ISREG(mode):
        raise NotAllowed(f"{shown(name)} is not an ordinary file.")
