"""The data of the benchmarks: a million mixed rows, the same ones every time."""

from __future__ import annotations

from pathlib import Path

import duckdb

ROWS = 1_000_000

MIXED = """
SELECT i::BIGINT AS id,
       (hash(i) % 1000)::INTEGER AS small,
       (hash(i + 1) % 1000000) / 7.0::DOUBLE AS ratio,
       ((hash(i + 2) % 100000000)::DECIMAL(18, 2) / 100)::DECIMAL(18, 2) AS price,
       'customer ' || (hash(i + 3) % 50000) AS name,
       TIMESTAMP '2013-01-01' + INTERVAL (i * 31) SECOND AS at,
       DATE '2013-01-01' + (i % 365)::INTEGER AS day,
       CASE WHEN i % 10 = 0 THEN NULL ELSE i % 3 = 0 END AS flag
FROM range({rows}) t(i)
"""


def mixed(rows: int = ROWS) -> str:
    """SQL for this many rows of eight mixed columns, one of them with NULLs."""
    return MIXED.format(rows=rows)


def write_parquet(path: Path, rows: int = ROWS) -> Path:
    """The rows as a Parquet file."""
    duckdb.sql(f"COPY ({mixed(rows)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return path
