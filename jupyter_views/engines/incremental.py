"""Incremental refresh: a run over many Parquet files reads the changed ones only.

What one file adds to a query's result, its *part*, is kept between runs as
states of the engine's aggregates: one row per group of the file, in a DuckDB
file of its own for every ``Run.state_key``. A refresh replaces the parts of
files that came, went or changed, and combines all parts. Which queries can be
taken apart like this is decided in :mod:`.incremental_plan`; every other
query, and every doubt, is a full run.

**When.** By measurement, for every state key:

1. The first run is full, and what it took is kept.
2. The second run makes a part of every file; later ones of changed files.
3. Three incremental runs in a row that took longer than the last full one, or
   one that was given up because it would take much longer, end this: the
   parts are thrown away and 16 full runs follow ("full: faster here"). Then
   it goes on at 2.

Less than 16 files, or 4 MB, are not worth a state.

**Equal to a full run.** A part is used again only while its file is *proved*
to be the one that it was made of: by equal stamps of a file that was two
seconds old at least, or by equal content. All parts are worthless when the
engine, the SQL over one file, its parameters, another input, or the columns
of the files are different. Integers and decimals are exact. Sums and means of
floats depend on the order of addition, from one full run to the next as well:
they agree to 1e-9 of their size. Among equal candidates of ``arg_max``, or at
the edge of a LIMIT, either may be returned, as by a full run.

**Safe.** A state is changed in one transaction, committed only after the
sources were looked at again; a killed worker leaves the state as it was. A
damaged one is deleted. Two runs with one key exclude each other by the
engine's lock on the file: the later one is full. The database is attached
only while statements made here run, under a name that SQL of users may not
say.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Set
from typing import Any, TypeVar

import duckdb
from msgspec import structs

from ..core.errors import ViewsError
from ..core.ports import Draft, Plan, Run, Signature
from . import paths, syntax
from .finding import Finder
from .governor import Governor
from .incremental_inputs import Inputs, inputs_of
from .incremental_plan import FILE, Rewritten, looks_of, rewrite
from .incremental_state import PART, Database, Known, Part
from .incremental_trees import NotIncremental, Sql
from .task_errors import is_poison

LEAST_FILES = 16
LEAST_BYTES = 4_000_000
_LOSSES = 3
_REST = 16
# Parts are given up when making them takes so many full runs, and 2 s; or when
# there are so many rows that combining them takes longer than a full run.
_PATIENCE = 8
_LEAST_PATIENCE_US = 2_000_000
_GROUPS = 5_000_000

_Stored = TypeVar("_Stored")
_Write = Callable[[duckdb.DuckDBPyRelation], _Stored]


class States:
    """The states that one worker may use.

    Parameters
    ----------
    connection
        Runs the queries; states are attached to it.
    desk
        A cursor of it for what is not a run: results that were not read to
        their end do not stand in the way there.
    folder
        Absolute folder of the states; None keeps none: every run is full.
    where
        Folders that files of queries may lie in.
    governor
        Stops runs, and watches over ``connection`` while they go on.
    least_files, least_bytes
        Inputs that are smaller are not worth a state.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        desk: duckdb.DuckDBPyConnection,
        folder: str | None,
        where: paths.Folders,
        governor: Governor,
        *,
        least_files: int = LEAST_FILES,
        least_bytes: int = LEAST_BYTES,
    ) -> None:
        self.connection = connection
        self.desk = desk
        self.where = where
        self.governor = governor
        self._folder = folder
        self._least_files = least_files
        self._least_bytes = least_bytes

    @contextlib.contextmanager
    def refresh(
        self, run: Run, draft: Draft, plan: Plan, before: tuple[Signature, ...]
    ) -> Iterator[Refresh]:
        """One run's use of its state; at the end nothing is attached.

        Parameters
        ----------
        draft
            The run's, with its parameter values as they are bound. The
            process stands in its ``base_dir``.
        before
            Signatures of the plan's reads, taken before anything is read.
        """
        database = None
        if self._folder is not None and run.state_key is not None:
            database = Database(self.connection, self._folder, run.state_key)
        refresh = Refresh(self, database, draft, plan, before, seconds=run.limits.seconds)
        try:
            yield refresh
        finally:
            if database is not None:
                self.let_go(database)

    def let_go(self, database: Database, *, is_worthless: bool = False) -> None:
        """Detach a state; what was not committed is forgotten, all of a worthless one."""
        # What was stopped stays stopped, but it must not stay attached.
        self.governor.watch(None)
        try:
            database.discard() if is_worthless else database.detach()
        finally:
            self.governor.watch(self.connection)

    def is_small(self, inputs: Inputs) -> bool:
        """Whether reading everything takes no longer than finding out what changed."""
        return len(inputs.names) < self._least_files or inputs.size < self._least_bytes


class Refresh:
    """How one run computes its rows: in full, or by parts.

    Attributes
    ----------
    method
        As in :class:`~jupyter_views.core.ports.Outcome`.
    """

    def __init__(
        self,
        states: States,
        database: Database | None,
        draft: Draft,
        plan: Plan,
        before: tuple[Signature, ...],
        *,
        seconds: float,
    ) -> None:
        self.method = "full"
        self._states = states
        self._database = database
        self._draft = draft
        self._plan = plan
        self._before = before
        self._limit_us = seconds * 1e6
        self._began_ns = time.monotonic_ns()
        # What is to be kept, and what its new parts were made of; of a full
        # run only the time that it took.
        self._next: Known | None = None
        self._made_of: Inputs | None = None

    def attempt(self, full: duckdb.DuckDBPyRelation, write: _Write[_Stored]) -> _Stored | None:
        """The rows by parts, written; None when the query must run in full.

        Parameters
        ----------
        full
            The query, bound but not run.
        write
            Stores the rows of a relation with the names and types of ``full``.

        Raises
        ------
        ViewsError
            The run was stopped.
        duckdb.Error
            The engine's instance broke: no query can run on it any more.
        """
        if self._database is None:
            return None
        try:
            return self._by_parts(self._database, full, write)
        except ViewsError:
            raise
        except NotIncremental as why:
            self._states.let_go(self._database)
            self.method = f"full: {why}" if str(why) else "full"
        # Whatever is wrong with a state, or with SQL that was made here: the
        # full run gives the rows, or the error that the user has to see.
        except Exception as error:
            self._states.governor.raise_if_stopped()
            self._states.let_go(self._database, is_worthless=True)
            if is_poison(error):
                raise
            self._next = Known()
            self.method = "full: its state could not be used"
        self._began_ns = time.monotonic_ns()
        return None

    def keep(self, after: tuple[Signature, ...]) -> None:
        """Keep what this run has learned, now that its rows are stored.

        Never fails; a state that cannot be kept is deleted.

        Parameters
        ----------
        after
            Signatures of the same reads, taken after all was read.
        """
        if self._database is None or self._next is None:
            return
        took_us = (time.monotonic_ns() - self._began_ns) // 1000
        try:
            if self._made_of is None:
                self._database.attach()
                self._database.begin()
                rest = max(0, self._next.rest - 1)
                known = structs.replace(self._next, full_us=took_us, rest=rest)
            else:
                known = self._made_of.trusted(self._next, after)
                known = _judged(self._database, known, took_us)
            self._database.save(known)
            self._database.commit()
        except NotIncremental:
            self._states.let_go(self._database)
        except Exception:
            self._states.let_go(self._database, is_worthless=True)

    def _by_parts(
        self, database: Database, full: duckdb.DuckDBPyRelation, write: _Write[_Stored]
    ) -> _Stored:
        query = self._rewritten(full)
        finder = Finder(self._states.desk, self._states.where)
        inputs = inputs_of(finder, query, self._draft, self._before)
        if self._states.is_small(inputs):
            raise NotIncremental
        known = self._opened(database)
        kept = inputs.usable(known)
        if kept:
            database.remove(part for path, part in known.files.items() if path not in kept)
        else:
            database.make(query.part, self._values(query.part, query.pattern.name))
        rows = self._bound(query.whole)
        if looks_of(rows) != looks_of(full):
            raise NotIncremental("has other types by parts")
        try:
            made = self._made(database, query, inputs.names.keys() - kept.keys(), known)
        except duckdb.Error as error:
            self._states.governor.raise_if_stopped()
            if is_poison(error):
                raise
            raise NotIncremental("has parts that cannot be made") from None
        stored = write(rows)
        self._made_of = inputs
        self._next = Known(
            full_us=known.full_us,
            losses=known.losses,
            identity=inputs.identity,
            statics=inputs.statics,
            files=kept | made,
            next_number=known.next_number + len(made),
        )
        self.method = f"incremental: {len(made)} of {len(inputs.names)} files"
        return stored

    def _rewritten(self, full: duckdb.DuckDBPyRelation) -> Rewritten:
        if self._plan.volatile:
            raise NotIncremental(f"uses {self._plan.volatile[0]}")
        connection, desk = self._states.connection, self._states.desk
        tree, _ = syntax.parse(desk, self._draft.sql)
        node = tree["statements"][0]["node"]
        names = list(full.columns)
        return rewrite(connection, desk, node, self._plan.reads, self._draft.params, names)

    def _opened(self, database: Database) -> Known:
        """What the state knows, when it says that parts are the way; a transaction has begun."""
        database.attach()
        known = database.load()
        self._next = known or Known()
        if known is None:
            raise NotIncremental
        if known.rest:
            raise NotIncremental("faster here")
        database.begin()
        return known

    def _made(
        self, database: Database, query: Rewritten, changed: Set[str], known: Known
    ) -> dict[str, Part]:
        """Make the parts of these files; their tokens are not known yet."""
        names = {path: paths.escaped(path) for path in sorted(changed)}
        for name in names.values():
            if looks_of(self._bound(query.file, name)) != query.looks:
                raise NotIncremental("has files with different columns")
        made: dict[str, Part] = {}
        groups = 0
        for number, (path, name) in enumerate(names.items(), known.next_number):
            self._states.governor.raise_if_stopped()
            if groups > _GROUPS or self._is_out_of_patience(known):
                self._states.let_go(database, is_worthless=True)
                self._next = Known(rest=_REST)
                raise NotIncremental("faster here")
            groups += database.add(query.part, self._values(query.part, name, number))
            made[path] = Part(number, "")
        return made

    def _is_out_of_patience(self, known: Known) -> bool:
        spent_us = (time.monotonic_ns() - self._began_ns) // 1000
        # A full run must still fit into the time that this run may take.
        room_us = max(self._limit_us - 1.5 * known.full_us, self._limit_us / 10)
        return spent_us > min(room_us, max(_LEAST_PATIENCE_US, _PATIENCE * known.full_us))

    def _values(self, sql: Sql, file: str = "", number: int = 0) -> dict[str, Any] | None:
        return sql.bound(self._draft.params, **{FILE: file, PART: number})

    def _bound(self, sql: Sql, file: str = "") -> duckdb.DuckDBPyRelation:
        return self._states.connection.sql(sql.text, params=self._values(sql, file))


def _judged(database: Database, known: Known, took_us: int) -> Known:
    """The state after a run by parts: without parts when it has lost too often."""
    losses = known.losses + 1 if took_us > known.full_us else 0
    if losses < _LOSSES:
        return structs.replace(known, losses=losses)
    database.drop()
    return Known(full_us=known.full_us, rest=_REST)
