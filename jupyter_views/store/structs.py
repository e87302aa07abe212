"""JSON columns whose values are structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import JSON, Dialect
from sqlalchemy.types import TypeDecorator


class Structs(TypeDecorator[Any]):
    """Structs stored as JSON, and read from its text in one step.

    The signature of a pattern may name 10,000 files: by way of plain lists and
    dictionaries it would take ten times as long.

    Parameters
    ----------
    kind
        What a value is, such as ``tuple[Signature, ...]``.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The structs as what JSON knows."""
        return msgspec.to_builtins(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Text where the driver leaves it as it is, else what the driver made of it."""

        def read(value: Any) -> Any:
            if isinstance(value, str | bytes):
                return msgspec.json.decode(value, type=self.kind)
            return None if value is None else msgspec.convert(value, self.kind)

        return read
