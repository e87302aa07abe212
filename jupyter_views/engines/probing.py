"""The query by which a person says whether sources changed: one scalar, within seconds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator

import duckdb

from ..core.errors import EngineFailed, TimedOut, ViewsError
from ..core.ports import Draft, Read
from . import gate, sources
from .bindings import Bindings
from .columns import children_of
from .finding import Finder
from .paths import Folders

_SECONDS = 5.0
_AGAIN_SECONDS = 0.05
_LONGEST = 256


class Prober:
    """Answers reads of kind ``probe`` on a worker that may run user SQL.

    Parameters
    ----------
    connection, desk
        Runs the query; and a cursor of it that judges it.
    bindings
        Of the same connection.
    where
        Folders that files may lie in.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        desk: duckdb.DuckDBPyConnection,
        *,
        bindings: Bindings,
        where: Folders,
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._bindings = bindings
        self._where = where

    def answer(self, read: Read) -> str:
        """The scalar as text, with its type: equal texts are equal answers.

        Raises
        ------
        ViewsError
            It may not run, takes longer than five seconds, fails, or gives
            anything but one plain value.
        """
        sql, folder = read.sql or "", read.path or ""
        roots = {"readable": self._where.readable, "hidden": self._where.hidden}
        judged = gate.judge_probe(self._desk, sql, folder, **roots)
        self._refuse_what_may_not_be_read(judged.plan.reads)
        tables = tuple(each for each in judged.plan.reads if each.kind == "table")
        signatures = sources.take(
            self._desk, tables, roots=self._where.readable, hidden=self._where.hidden
        )
        draft = Draft(sql=sql, base_dir=folder)
        before = os.getcwd()
        try:
            os.chdir(folder)
            with (
                self._limited() as release,
                self._bindings.held(judged, draft, signatures) as bound,
            ):
                try:
                    return self._scalar(bound.draft.sql)
                finally:
                    release()
        except (duckdb.Error, ViewsError) as error:
            if self._bindings.is_late:
                raise _failed(f"it took longer than {_SECONDS:g} s", TimedOut) from None
            if isinstance(error, ViewsError):
                raise
            explained = gate.explain_failure(error, sql)
            raise _failed(explained.message.rstrip("."), type(explained)) from None
        except OSError:
            raise _failed("its folder cannot be opened", EngineFailed) from None
        finally:
            os.chdir(before)
            self._bindings.is_late = False

    def _refuse_what_may_not_be_read(self, reads: tuple[Read, ...]) -> None:
        finder = Finder(self._desk, self._where)
        for read in reads:
            if read.kind == "file":
                list(finder.files(read))
            elif read.kind == "database":
                finder.one(read.path or "", read.name)

    def _scalar(self, sql: str) -> str:
        relation = self._connection.sql(sql)
        if relation is None or len(relation.columns) != 1:
            count = 0 if relation is None else len(relation.columns)
            raise _failed(f"it must give one column and gave {count}", EngineFailed)
        kind = relation.types[0]
        if children_of(kind):
            raise _failed(f"it must give one plain value, no {kind.id.upper()}", EngineFailed)
        rows = relation.project("CAST(#1 AS VARCHAR)").limit(2).fetchall()
        if len(rows) != 1:
            found = "none" if not rows else "more"
            raise _failed(f"it must give one row and gave {found}", EngineFailed)
        text = rows[0][0]
        if text is None:
            return f"{kind}: null"
        if len(text) > _LONGEST:
            text = "sha256 " + hashlib.sha256(text.encode()).hexdigest()
        return f"{kind}: {text!r}"

    @contextlib.contextmanager
    def _limited(self) -> Iterator[Callable[[], None]]:
        """Interrupt what runs after five seconds, and until the block or its release ends it.

        Again and again, because the engine forgets an interrupt that comes
        between two statements.
        """
        is_over = threading.Event()

        def interrupt() -> None:
            if is_over.wait(_SECONDS):
                return
            self._bindings.is_late = True
            while not is_over.wait(_AGAIN_SECONDS):
                self._connection.interrupt()

        thread = threading.Thread(target=interrupt, name="probe limit", daemon=True)

        def release() -> None:
            is_over.set()
            thread.join()

        thread.start()
        try:
            yield release
        finally:
            release()


def _failed(why: str, kind: type[ViewsError]) -> ViewsError:
    return kind(
        f"The changed_when query: {why}.",
        hint="Let it give one value that is another one whenever the sources changed.",
        details={"field": "changed_when"},
    )
