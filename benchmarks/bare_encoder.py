"""The peer of every encoding: the fastest known routes in a process with nothing else in it.

Run as ``python -m benchmarks.bare_encoder STORED_FILE FOLDER THREADS``. It
reads the same stored file as the product, writes a whole file and says how
many seconds that took. There is no check, no exactness rule and no window:
these routes are the limit, not an alternative.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from .server import serve_jobs

_NO_QUOTES = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"
_WRITES = {
    "json": f"COPY (SELECT json_array(COLUMNS(*)) FROM source) TO '{{to}}' ({_NO_QUOTES})",
    "ndjson": "COPY source TO '{to}' (FORMAT json)",
    "csv": "COPY source TO '{to}' (FORMAT csv, HEADER)",
    "parquet": "COPY source TO '{to}' (FORMAT parquet, COMPRESSION zstd)",
}
_EXTRA = {"csv": ("duckdb", "polars"), "ndjson": ("duckdb", "polars")}


class Routes:
    """All routes over one stored file."""

    def __init__(self, stored: str, folder: str, threads: int) -> None:
        self._stored = stored
        self._to = os.path.join(folder, "bare.out")
        self._connection = duckdb.connect(config={"threads": threads})
        self._connection.execute("SET preserve_insertion_order = true")

    def names(self, format: str) -> list[str]:
        """Routes that can write a format."""
        if format == "arrow":
            return ["pyarrow"]
        try:
            import polars  # noqa: F401
        except ImportError:
            return ["duckdb"]
        return list(_EXTRA.get(format, ("duckdb",)))

    def do(self, format: str, route: str = "") -> object:
        """Seconds of one rendering, or the names of the routes when none is named."""
        if not route:
            return self.names(format)
        way: Callable[[str], None] = getattr(self, f"_by_{route}")
        begun = time.perf_counter()
        way(format)
        took = time.perf_counter() - begun
        size = Path(self._to).stat().st_size
        os.unlink(self._to)
        return {"seconds": took, "size": size}

    def _table(self) -> pa.Table:
        with pa.memory_map(self._stored) as source:
            return pa.ipc.open_file(source).read_all()

    def _by_duckdb(self, format: str) -> None:
        source = self._table()
        sql = _WRITES[format].format(to=self._to)
        if format == "json":
            names = ", ".join(f'"{name}"' for name in source.column_names)
            sql = sql.replace("COLUMNS(*)", names)
        self._connection.register("source", source)
        self._connection.execute(sql)
        self._connection.unregister("source")

    def _by_polars(self, format: str) -> None:
        import polars

        frame = polars.from_arrow(self._table(), rechunk=False)
        frame.write_csv(self._to) if format == "csv" else frame.write_ndjson(self._to)

    def _by_pyarrow(self, format: str) -> None:
        table = self._table()
        with pa.OSFile(self._to, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)


if __name__ == "__main__":
    serve_jobs(Routes(sys.argv[1], sys.argv[2], int(sys.argv[3])).do)
