"""Tables that are folders: Delta and Iceberg, as they stand on this machine.

What identifies a table is the newest entry of its own log: the number of the
last commit (Delta) or the newest metadata file (Iceberg), with a hash of its
content. It is read without the libraries, which are needed only to read rows,
and then exactly that version is read. No address of another machine is
followed, and no file outside the folders that may be read.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from pyarrow import fs

from ..core.errors import EngineFailed, NotAllowed
from . import paths
from .failures import without_paths
from .finding import unreadable

SCANS = {"delta_scan": "deltalake", "iceberg_scan": "pyiceberg"}
"""The functions of SQL that name such tables, and the package that each needs."""

_EXTRAS = {"deltalake": "delta", "pyiceberg": "iceberg"}
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\..*parquet")
_METADATA = re.compile(r"v?(\d+)[-\w]*(\.gz)?\.metadata\.json(\.gz)?")

Rows = Any
"""What the engine can scan: a dataset, or a reader that gives its rows once."""
Check = Callable[[str], str]
"""Takes a path, gives its real path or raises NotAllowed."""


def require(function: str) -> None:
    """Raise NotAllowed when the package that reads such tables is not installed."""
    package = SCANS[function]
    if importlib.util.find_spec(package) is None:
        raise NotAllowed(
            f"This server cannot read what {function} names: {package} is not installed.",
            hint=f"An administrator can add it: pip install 'jupyter_views[{_EXTRAS[package]}]'",
        )


def state(folder: str, name: str) -> str | None:
    """What identifies the content of a table now; None when no table is there.

    A folder may be both (a Delta table that keeps Iceberg metadata too).

    Raises
    ------
    EngineFailed
        The log cannot be read, or does not say which entry is the newest.
    """
    try:
        found = [_delta_state(folder), _iceberg_state(folder, name)]
    except OSError as error:
        raise unreadable(name, error) from None
    return " ".join(filter(None, found)) or None


def _delta_state(folder: str) -> str | None:
    log = os.path.join(folder, "_delta_log")
    newest, last = -1, ""
    for name in _names(log):
        found = _COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name)
        # Of a commit and its checkpoint, the commit: it is small, and never written again.
        if found is not None and (int(found[1]), name.endswith(".json")) > (
            newest,
            last.endswith(".json"),
        ):
            newest, last = int(found[1]), name
    return f"delta:{newest}:{_hash(os.path.join(log, last))}" if last else None


def _iceberg_state(folder: str, name: str) -> str | None:
    newest, last = -1, []
    for each in _names(os.path.join(folder, "metadata")):
        if (found := _METADATA.fullmatch(each)) is None:
            continue
        if int(found[1]) > newest:
            newest, last = int(found[1]), [each]
        elif int(found[1]) == newest:
            last.append(each)
    if len(last) > 1:
        raise EngineFailed(
            f"{paths.shown(name)} holds two metadata files of the same number.",
            hint="Remove the one that was never committed.",
        )
    if not last:
        return None
    return f"iceberg:{last[0]}:{_hash(os.path.join(folder, 'metadata', last[0]))}"


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows(function: str, folder: str, name: str, token: str, check: Check) -> Rows:
    """The rows of a table at the version that a signature names.

    Parameters
    ----------
    function
        One of :data:`SCANS`.
    token
        From the signature: what :func:`state` gave.
    check
        Applied to every file before it is opened.

    Raises
    ------
    NotAllowed
        The package is not installed, or a file lies outside.
    EngineFailed
        No such table, or one that the package cannot read.
    """
    require(function)
    wanted = function.removesuffix("_scan")
    parts = [part.split(":") for part in token.split(" ")]
    found = next((part for part in parts if part[0] == wanted), None)
    if found is None:
        raise EngineFailed(
            f"{paths.shown(name)} is not the folder of {_A[function]} table.",
            hint="Name the folder that holds the table's log.",
        )
    try:
        read = _delta_rows if function == "delta_scan" else _iceberg_rows
        return read(folder, found[1], found[2], check)
    except (NotAllowed, EngineFailed):
        raise
    # The packages raise what their authors thought of, down to bare ValueErrors.
    except Exception as error:
        why = without_paths(" ".join(str(error).split())[:200]) or type(error).__name__
        raise EngineFailed(
            f"{paths.shown(name)} cannot be read as {_A[function]} table: {why.rstrip('.')}.",
            hint="It may be damaged, or use a feature that this server's packages do not know.",
        ) from error


_A = {"delta_scan": "a Delta", "iceberg_scan": "an Iceberg"}


def _delta_rows(folder: str, version: str, _digest: str, check: Check) -> Rows:
    from deltalake import DeltaTable  # noqa: PLC0415 - optional

    check(os.path.join(folder, "_delta_log"))
    table = DeltaTable(folder, version=int(version))
    here = fs.SubTreeFileSystem(folder, fs.LocalFileSystem())
    dataset = table.to_pyarrow_dataset(filesystem=here)
    for path in dataset.files:
        check(os.path.join(folder, path))
    return dataset


def _iceberg_rows(folder: str, metadata: str, digest: str, check: Check) -> Rows:
    from pyiceberg.catalog.noop import NoopCatalog  # noqa: PLC0415 - optional
    from pyiceberg.table import StaticTable  # noqa: PLC0415 - optional
    from pyiceberg.table.metadata import TableMetadataUtil  # noqa: PLC0415 - optional

    from .iceberg_files import LocalFiles  # noqa: PLC0415 - imports the optional package

    path = check(os.path.join(folder, "metadata", metadata))
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise EngineFailed("The table was rewritten while it was opened.", hint="Run it again.")
    if ".gz" in metadata:
        content = gzip.decompress(content)
    # Not StaticTable.from_metadata: it lets the table itself name the class that opens files.
    table = StaticTable(
        identifier=("table",),
        metadata_location=path,
        metadata=TableMetadataUtil.parse_raw(content.decode()),
        io=LocalFiles(lambda location: _local(location, check)),
        catalog=NoopCatalog("table"),
    )
    scan = table.scan()
    for task in scan.plan_files():
        for file in (task.file, *task.delete_files):
            _local(file.file_path, check)
    return scan.to_arrow_batch_reader()


def _local(location: str, check: Check) -> str:
    """The real path of a file that a log names by path or ``file:`` address."""
    parsed = urlparse(location)
    if parsed.scheme == "file" and parsed.netloc in ("", "localhost"):
        return check(unquote(parsed.path))
    if "://" in location or not os.path.isabs(location):
        raise NotAllowed(
            "The table has files on another machine, or where no path leads.",
            hint="Copy the table as a whole below the folders of this server.",
        )
    return check(location)


def is_reader(rows: Rows) -> bool:
    """Whether these rows can be read only once."""
    return isinstance(rows, pa.RecordBatchReader)
