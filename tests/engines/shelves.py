"""Databases, tables that are folders, and stored rows of views, made by those who make them."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

SALES = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["EU", "US", "EU"],
        "amount": [1.5, None, 2.5],
    }
)

_IN_DUCKDB = (
    "CREATE TABLE orders AS SELECT range AS id, 'n' || range AS name FROM range(5)",
    "CREATE TABLE csv AS SELECT 1 AS id",
    "CREATE SCHEMA other",
    "CREATE TABLE other.orders AS SELECT 7 AS id",
    "CREATE VIEW big AS SELECT id FROM orders WHERE id > 2",
    "CREATE VIEW bigger (n) AS FROM big WHERE id > 3",
    "CREATE VIEW other.local AS FROM other.orders",
    'CREATE VIEW "odd AS name" ("x AS (y") AS SELECT id AS "b AS é" FROM orders',
    "CREATE VIEW recent AS SELECT id, now() AS seen FROM orders",
    "CREATE MACRO twice(x) AS 2 * x",
    "CREATE MACRO latest(n) AS TABLE SELECT * FROM orders LIMIT n",
    "CREATE SEQUENCE numbers",
)
_IN_SQLITE = (
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT, paid REAL, day DATE)",
    "INSERT INTO orders VALUES (1, 'a', 1.5, '2026-01-02'), (2, NULL, NULL, NULL)",
    "CREATE VIEW paid AS SELECT id, paid FROM orders WHERE paid IS NOT NULL",
    "CREATE VIEW recent AS SELECT id, datetime('now') AS seen FROM orders",
)


def make_duckdb(path: Path, statements: tuple[str, ...] = _IN_DUCKDB) -> None:
    """A DuckDB file with tables, views, macros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def make_sqlite(path: Path, statements: tuple[str, ...] = _IN_SQLITE) -> None:
    """A SQLite file with a table and views."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def make_delta(folder: Path, *, mode: str = "append") -> None:
    """A Delta table of :data:`SALES`, or one more commit to it."""
    write_deltalake(str(folder), SALES, mode=mode, partition_by=["region"])


def make_iceberg(folder: Path, name: str = "sales") -> Table:
    """An Iceberg table of :data:`SALES`, in ``folder/main/name``."""
    catalog = SqlCatalog("test", uri="sqlite://", warehouse=f"file://{folder}")
    catalog.create_namespace("main")
    table = catalog.create_table(f"main.{name}", schema=SALES.schema)
    table.append(SALES)
    return table


def put_rows(folder: Path, table: pa.Table) -> str:
    """Rows as a worker stores them, below a results folder; gives their hash."""
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({b"batch_rows": b"8192"})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write_table(table.cast(schema), max_chunksize=8192)
    content = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / sha256[:2] / f"{sha256}.arrow"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return sha256
