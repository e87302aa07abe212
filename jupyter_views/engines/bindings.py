"""What a run reads beyond files, made reachable under the names of its SQL, and let go after it.

Views, uploaded frames, tables that are folders and database files are bound
to the worker's connection just before the query and unbound just after it,
whatever happened between: the next run must find nothing of this one. Names
that SQL does not have to know are drawn at random, so that nobody can ask for
them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from msgspec import structs

from ..core.errors import EngineFailed, Gone, NotAllowed, NotFound
from ..core.ports import Draft, Read, Signature
from . import lakes, paths, syntax
from .columns import quoted
from .databases import Databases
from .encode import Verified
from .finding import Finder
from .gate import Judgement
from .governor import Governor
from .sqlite_table import distinct


class Bound(NamedTuple):
    """A draft that can be run now.

    Attributes
    ----------
    draft
        With the SQL in which every source has a name that the engine knows.
    volatile
        Names of databases that change by themselves: a view there asks for
        the time.
    """

    draft: Draft
    volatile: frozenset[str]


class Rows:
    """Stored rows under other column names; each scan reads the file anew."""

    def __init__(self, path: str, names: list[str]) -> None:
        self._path = path
        with pa.ipc.open_file(path) as file:
            fields = zip(file.schema, names, strict=True)
            self._schema = pa.schema([field.with_name(name) for field, name in fields])

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self._schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pa.memory_map(self._path) as source:
            file = pa.ipc.open_file(source)
            for at in range(file.num_record_batches):
                yield pa.RecordBatch.from_arrays(file.get_batch(at).columns, schema=self._schema)


class Bindings:
    """Binds what drafts read to one connection, one draft at a time.

    Parameters
    ----------
    connection, desk
        Runs the drafts; and a cursor of it for what is not a run.
    frames_dir
        Where uploaded frames lie.
    scratch
        The worker's own folder.
    where
        Folders that files may lie in.
    verified
        Remembers which files are what their hash says.
    governor
        Knows whether somebody has stopped the run.

    Attributes
    ----------
    is_clean
        False once something could not be unbound: the connection must not
        serve another run.
    is_late
        Set while what is bound has no more time: reading ends.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        desk: duckdb.DuckDBPyConnection,
        *,
        frames_dir: str,
        scratch: str,
        where: paths.Folders,
        verified: Verified,
        governor: Governor,
    ) -> None:
        self.is_clean = True
        self.is_late = False
        self._connection = connection
        self._desk = desk
        self._frames_dir = frames_dir
        self._scratch = scratch
        self._where = where
        self._verified = verified
        self._governor = governor

    @contextmanager
    def held(
        self,
        judged: Judgement,
        draft: Draft,
        signatures: tuple[Signature, ...] = (),
        inputs: str = "",
    ) -> Iterator[Bound]:
        """Bind all that a judged draft reads, for the time of a ``with`` block.

        Parameters
        ----------
        signatures
            Taken just before: tables are read at the version they name.
        inputs
            Folder with the rows of the views.

        Raises
        ------
        NotFound, Gone
            A view is not known, or its rows are damaged.
        SourceLocked, NotAllowed, EngineFailed
            Something cannot be opened.
        """
        stack = ExitStack()
        try:
            self._bind_frames(stack, draft.frames)
            self._bind_views(stack, judged.plan.reads, inputs)
            volatile = self._bind_databases(stack, judged)
            yield Bound(self._bind_scans(stack, judged, draft, signatures), volatile)
        finally:
            self._let_go(stack)

    def _let_go(self, stack: ExitStack) -> None:
        # What was stopped stays stopped, but its traces must still be removed.
        self._governor.watch(None)
        try:
            stack.close()
        except duckdb.Error:
            self.is_clean = False
        self._governor.watch(self._connection)

    def _register(self, stack: ExitStack, name: str, rows: object) -> None:
        self._connection.register(name, rows)
        stack.callback(self._connection.unregister, name)

    def _bind_frames(self, stack: ExitStack, frames: dict[str, str]) -> None:
        for name, sha256 in frames.items():
            path = os.path.join(self._frames_dir, f"{sha256}.arrow")
            if not (sha256.isalnum() and os.path.isfile(path)):
                raise EngineFailed(
                    f"The frame {name!r} is no longer stored.",
                    hint="Run the cell again: it sends the frame.",
                )
            self._register(stack, name, self._frame(name, path, sha256))

    def _frame(self, name: str, path: str, sha256: str) -> pa.Table:
        """An uploaded frame, proved to be what was uploaded and to hold what it claims.

        Arrow trusts offsets and lengths: a hostile stream would read this
        process's memory into somebody's rows, so every buffer is looked at.
        """
        is_whole = self._verified.is_whole(path, sha256)
        try:
            with pa.memory_map(path) as source:
                table = pa.ipc.open_stream(source).read_all()
            table.validate(full=True)
        except (pa.ArrowException, ValueError, OSError):
            table = None
        if table is None or not is_whole:
            raise EngineFailed(
                f"The rows sent as {name} are damaged, or no Arrow stream.",
                hint="Run the cell again: it sends the frame.",
            )
        return table

    def _bind_views(self, stack: ExitStack, reads: tuple[Read, ...], inputs: str) -> None:
        views = [read for read in reads if read.kind == "view"]
        if not views:
            return
        self._connection.execute("CREATE SCHEMA views")
        stack.callback(self._connection.execute, "DROP SCHEMA views CASCADE")
        for read in views:
            given = f"rows_{secrets.token_hex(8)}"
            self._register(stack, given, self._stored(read, inputs))
            self._connection.execute(f"CREATE VIEW views.{quoted(read.name)} AS FROM {given}")

    def _stored(self, read: Read, inputs: str) -> object:
        """The rows of a view: their file, proved to be what was stored."""
        if read.path is None or not read.path.isalnum():
            raise NotFound(
                f'The view "{read.name}" has no rows that could be read.',
                hint="Refresh that view first; %views lists those that there are.",
            )
        path = os.path.join(inputs, f"{read.path}.arrow")
        if not self._verified.is_whole(path, read.path):
            raise Gone(
                f'The stored rows of the view "{read.name}" are damaged.',
                hint="Refresh that view, then run this again.",
                details={"view": read.name},
            )
        with pa.ipc.open_file(path) as file:
            names = file.schema.names
        if len(set(names)) < len(names):
            return Rows(path, distinct(names))
        return ds.dataset(path, format="ipc")

    def _bind_databases(self, stack: ExitStack, judged: Judgement) -> frozenset[str]:
        databases = Databases(self._connection, self._desk, stack, self._scratch, self._is_stopped)
        return frozenset(
            read.name
            for read, tables in judged.tables.items()
            if databases.attach(read, list(tables))
        )

    def _is_stopped(self) -> bool:
        return self.is_late or self._governor.why_stopped() is not None

    def _bind_scans(
        self,
        stack: ExitStack,
        judged: Judgement,
        draft: Draft,
        signatures: tuple[Signature, ...],
    ) -> Draft:
        """The draft with each call that names a table's folder replaced by a bound name."""
        if not judged.scans:
            return draft
        tokens = {(each.kind, each.name): each.entries[0][1] for each in signatures if each.entries}
        names: dict[tuple[str, Read], str] = {}
        for scan in judged.scans:
            key = (scan.function, scan.read)
            if key not in names:
                names[key] = f"rows_{secrets.token_hex(8)}"
                token = tokens.get(("table", scan.read.name), "")
                self._bind_table(stack, names[key], scan.function, scan.read, token)
            syntax.replace_call(scan.node, names[key], scan.function)
        sql = syntax.rendered(self._desk, judged.statement)
        if sql is None:
            raise NotAllowed(
                "This statement cannot be put together again with the tables it names.",
                hint="Read the table in a view of its own, and that view here.",
            )
        used = syntax.parameters(judged.statement)
        params = {name: value for name, value in draft.params.items() if name in used}
        return structs.replace(draft, sql=sql, params=params)

    def _bind_table(
        self, stack: ExitStack, given: str, function: str, read: Read, token: str
    ) -> None:
        finder = Finder(self._desk, self._where)
        rows = lakes.rows(
            function,
            finder.folder(read.path or "", read.name),
            read.name,
            token,
            lambda path: finder.place(path, read.name),
        )
        if not lakes.is_reader(rows):
            self._register(stack, given, rows)
            return
        # What can be read only once is copied: a query may scan it many times.
        once = f"once_{given}"
        with ExitStack() as inner:
            inner.callback(rows.close)
            self._register(inner, once, rows)
            self._connection.execute(f"CREATE TABLE {given} AS FROM {once}")
        stack.callback(self._connection.execute, f"DROP TABLE {given}")
