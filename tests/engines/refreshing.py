"""Runs of one query after another, in this process, with the state of incremental refreshes."""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from msgspec import Struct, structs

from jupyter_views.core.ports import Draft, Limits, Run
from jupyter_views.engines import gate, paths, sandbox, sources
from jupyter_views.engines.governor import Governor
from jupyter_views.engines.incremental import States
from jupyter_views.engines.incremental_state import Database, Known
from jupyter_views.engines.incremental_trees import NotIncremental

MIB = 2**20
_LONG_US = 1_000_000_000


def _nothing() -> None:
    """What usually happens during a run."""


def same_rows(some: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> bool:
    """Whether rows are equal in order, values and types; floats to 1e-9 of their size."""
    return len(some) == len(others) and all(
        len(one) == len(other) and all(map(_is_same, one, other))
        for one, other in zip(some, others, strict=True)
    )


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return type(one) is type(other) and one == other


class Ran(Struct, frozen=True):
    """What one run gave: the method that it says, the columns with their types, the rows."""

    method: str
    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


class Refreshing:
    """A folder of data, a folder of states, and runs as a worker does them.

    Full runs are remembered as long ones, so that small files are worth a
    state, unless ``is_honest``.
    """

    def __init__(self, folder: Path, *, is_honest: bool = False, least_files: int = 1) -> None:
        self.data = folder / "data"
        self.states = folder / "states"
        scratch = folder / "scratch"
        for each in (self.data, self.states, scratch):
            each.mkdir(exist_ok=True)
        self._is_honest = is_honest
        with socket.socket() as unused:
            governor = Governor(unused)
        self.connection = sandbox.open_connection(
            readable=(str(self.data), str(self.states)),
            scratch=str(scratch),
            memory_bytes=256 * MIB,
            threads=2,
            temp_bytes=64 * MIB,
            seconds=60,
        )
        self._desk = self.connection.cursor()
        # Knows nothing of states, and remembers nothing of files.
        self._bare = duckdb.connect()
        self._bare.execute("SET TimeZone = 'UTC'; SET enable_external_file_cache = false")
        self._keeper = States(
            self.connection,
            self._desk,
            str(self.states),
            paths.folders("/", (str(self.data),)),
            governor,
            least_files=least_files,
            least_bytes=0,
        )

    def write(self, name: str, query: str) -> None:
        """Put the rows of a query into a file of the data folder, at once as people do it."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "parquet" if name.endswith(".parquet") else "csv, HEADER true"
        self._bare.execute(f"COPY ({query}) TO '{self.data}/.new' (FORMAT {kind})")
        os.replace(self.data / ".new", path)

    def run(
        self,
        sql: str,
        *,
        params: dict[str, Any] | None = None,
        frames: dict[str, pa.Table] | None = None,
        key: str | None = "view",
        seconds: float = 60,
        during: Callable[[], object] = _nothing,
        after: Callable[[], object] = _nothing,
    ) -> Ran:
        """Run a query as a worker does.

        ``during`` is called when the rows have been read, ``after`` when the
        state has been kept but is still open.
        """
        roots = (str(self.data),)
        frames = frames or {}
        hashes = {name: str(hash(str(table))) for name, table in frames.items()}
        draft = Draft(sql=sql, base_dir=str(self.data), params=params or {}, frames=hashes)
        limits = Limits(seconds=seconds, rows=10**6, bytes=64 * MIB)
        with contextlib.chdir(self.data), self._registered(frames):
            plan = gate.inspect(self._desk, draft, readable=roots, hidden=())
            run = Run(id="run", draft=draft, reads=plan.reads, limits=limits, state_key=key)
            before = sources.take(self._desk, plan.reads, roots=roots)
            with self._keeper.refresh(run, draft, plan, before) as refresh:
                full = self.connection.sql(sql, params=params or None)
                columns = [*zip(full.columns, map(str, full.types), strict=True)]
                rows = refresh.attempt(full, lambda relation: relation.fetchall())
                rows = full.fetchall() if rows is None else rows
                during()
                refresh.keep(sources.take(self._desk, plan.reads, previous=before, roots=roots))
                after()
        if key is not None and refresh.method.startswith("full") and not self._is_honest:
            self.change(key, full_us=_LONG_US)
        return Ran(refresh.method, columns, rows)

    @contextlib.contextmanager
    def _registered(self, frames: dict[str, pa.Table]) -> Iterator[None]:
        for name, table in frames.items():
            self.connection.register(name, table)
        yield
        for name in frames:
            self.connection.unregister(name)

    def known(self, key: str = "view") -> Known | None:
        """What the state says about itself."""
        return self._state(key, None)

    def change(self, key: str, **fields: Any) -> None:
        """Make a state, if there is one, say something else about itself."""
        self._state(key, fields)

    def state_file(self, key: str = "view") -> Path:
        """Where the state of a key lies."""
        return Path(Database(self.connection, str(self.states), key).path)

    def _state(self, key: str, fields: dict[str, Any] | None) -> Known | None:
        if not self.state_file(key).exists():
            return None
        database = Database(self.connection, str(self.states), key)
        try:
            database.attach()
        except NotIncremental:
            return None
        database.begin()
        known = database.load()
        if known is not None and fields is not None:
            database.save(structs.replace(known, **fields))
            database.commit()
        database.detach()
        return known

    def full(self, sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows by an engine that never sees a state."""
        with contextlib.chdir(self.data):
            return self._bare.execute(sql, params).fetchall()
