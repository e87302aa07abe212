"""A folder with data, a store inside it, secrets beside it, and a gate over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from jupyter_views.core.ports import Comparison, Draft, Plan, Read, Signature
from jupyter_views.engines import gate, sandbox, sources

MIB = 2**20

_FILES = {
    "events.csv": "SELECT * FROM (VALUES (1, 'a', 10), (2, 'b', 20)) t(id, kind, amount)",
    "days.csv": "SELECT range AS id, 'd' || range AS day FROM range(3)",
    "users.parquet": "SELECT range AS id, 'u' || range AS name, [range] AS tags FROM range(4)",
    "daily/2026-01.csv": "SELECT 1 AS id, 5 AS amount",
    "daily/2026-02.csv": "SELECT 2 AS id, 6 AS amount",
    "parts/one.parquet": "SELECT 1 AS id",
    "parts/deep/two.parquet": "SELECT 2 AS id",
    "lines.ndjson": "SELECT 1 AS id, {'a': 2} AS nested",
    "list.json": "SELECT 1 AS id, {'a': 2} AS nested",
    "we'ird name.csv": "SELECT 7 AS id",
    "odd[1].csv": "SELECT 8 AS id",
    "select.csv": "SELECT 9 AS id",
    "naïve.csv": "SELECT 10 AS id",
    ".hidden.csv": "SELECT 0 AS id",
    ".secret/inner.csv": "SELECT 0 AS id",
    "store/result.csv": "SELECT 0 AS id",
    "sub/here.csv": "SELECT 11 AS id",
}


class Place:
    """The folder ``root`` and a sandboxed connection that may read it."""

    def __init__(self, folder: Path, *, log_files: bool = False) -> None:
        self.root = folder / "root"
        self.outside = folder / "root-secret"
        self.scratch = folder / "scratch"
        for name in (self.root, self.outside, self.scratch):
            name.mkdir()
        with duckdb.connect() as writer:
            for name, query in _FILES.items():
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                quoted = str(path).replace("'", "''")
                writer.execute(f"COPY ({query}) TO '{quoted}' ({_format(name)})")
            writer.execute(f"COPY (SELECT 13 AS id) TO '{self.outside / 'salaries.csv'}'")
        (self.root / "leads-out.csv").symlink_to(self.outside / "salaries.csv")
        (self.root / "leads-in.csv").symlink_to(self.root / "events.csv")
        self.connection = self.open(log_files=log_files)

    def open(self, *, log_files: bool = False, seconds: float = 30) -> duckdb.DuckDBPyConnection:
        return sandbox.open_connection(
            readable=(str(self.root),),
            scratch=str(self.scratch),
            memory_bytes=256 * MIB,
            threads=1,
            temp_bytes=64 * MIB,
            seconds=seconds,
            log_files=log_files,
        )

    @property
    def hidden(self) -> tuple[str, ...]:
        return (str(self.root / "store"),)

    def inspect(
        self,
        sql: str,
        *,
        params: dict[str, Any] | None = None,
        frames: dict[str, str] | None = None,
        base: str = "",
        changed_when: str | None = None,
    ) -> Plan:
        draft = Draft(
            sql=sql,
            base_dir=str(self.root / base),
            params=params or {},
            frames=frames or {},
            changed_when=changed_when,
        )
        roots = (str(self.root),)
        return gate.inspect(self.connection, draft, readable=roots, hidden=self.hidden)

    def sign(
        self,
        reads: tuple[Read, ...],
        previous: tuple[Signature, ...] = (),
        *,
        is_strict: bool = False,
    ) -> tuple[Signature, ...]:
        return sources.take(
            self.connection,
            reads,
            previous=previous,
            roots=(str(self.root),),
            hidden=self.hidden,
            is_strict=is_strict,
        )

    def compare(self, reads: tuple[Read, ...], recorded: tuple[Signature, ...]) -> Comparison:
        roots = (str(self.root),)
        return sources.compare(self.connection, reads, recorded, roots=roots, hidden=self.hidden)


def _format(name: str) -> str:
    if name.endswith(".parquet"):
        return "FORMAT parquet"
    if name.endswith(".json"):
        return "FORMAT json, ARRAY true"
    return "FORMAT json" if name.endswith(".ndjson") else "FORMAT csv, HEADER true"
