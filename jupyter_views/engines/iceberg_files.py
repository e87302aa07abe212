"""How pyiceberg opens files here: local ones that may be read, for reading only."""

from __future__ import annotations

from collections.abc import Callable

from pyiceberg.io import InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ..core.errors import NotAllowed


class LocalFiles(PyArrowFileIO):
    """Every location that a table names passes ``check`` before it is opened.

    Parameters
    ----------
    check
        Takes a location, gives the real path of a file or raises NotAllowed.
    """

    def __init__(self, check: Callable[[str], str]) -> None:
        super().__init__({})
        self._check = check

    def new_input(self, location: str) -> PyArrowFile:  # noqa: D102 - the base class says it
        return super().new_input(self._check(location))

    def new_output(self, location: str) -> PyArrowFile:  # noqa: D102 - the base class says it
        raise NotAllowed("Views do not write tables.")

    def delete(self, location: str | InputFile | OutputFile) -> None:  # noqa: D102
        raise NotAllowed("Views do not write tables.")
