"""What went wrong in a task of a worker, in the words of the error tree."""

from __future__ import annotations

import errno

import duckdb
import pyarrow as pa

from ..core.errors import EngineFailed, OutOfMemory, ViewsError
from . import gate

_POISON = ("INTERNAL Error", "FATAL Error")


def is_poison(error: BaseException) -> bool:
    """Whether the engine's instance must not be used again after this error.

    After an internal error every later query on the same instance fails with
    a fatal one (spec: the fuzzing of damaged Parquet files showed it).
    """
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return True
    return any(mark in str(error) for mark in _POISON)


def to_error(error: BaseException, sql: str) -> ViewsError:
    """The error of our tree for whatever was raised while ``sql`` ran."""
    if isinstance(error, ViewsError):
        return error
    text = str(error)
    if isinstance(error, MemoryError | pa.ArrowMemoryError | duckdb.OutOfMemoryException) or (
        "Out of Memory Error" in text or "bad_alloc" in text
    ):
        return OutOfMemory(
            "The query needs more memory than it may have.",
            hint="Aggregate or filter earlier, or select fewer columns.",
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return _no_room()
    if "No space left on device" in text or "File too large" in text:
        return _no_room()
    if isinstance(error, duckdb.Error):
        return gate.explain_failure(error, sql)
    if isinstance(error, pa.ArrowException | OSError) and "Error" in text:
        return gate.explain_failure(duckdb.Error(_without_prefix(text)), sql)
    if isinstance(error, pa.ArrowInvalid | pa.ArrowNotImplementedError):
        return EngineFailed(
            "The result has a type that cannot be stored.", hint="CAST the column to VARCHAR."
        )
    return EngineFailed("The engine failed in a way that it could not explain.")


def _no_room() -> EngineFailed:
    return EngineFailed(
        "There is not enough disk space for the result.",
        hint="Free some space, or write fewer rows.",
    )


def _without_prefix(text: str) -> str:
    """An engine error as Arrow passes it on, without Arrow's own words around it."""
    return text.split("\nDetail:")[0].strip()
