"""Queries under their own keys: found again, run again, by whoever may see their SQL."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from msgspec import Struct

from .errors import NotFound
from .model import Actor, Instant, Query, Statement
from .names import query_id_of, uuid_of
from .statements import StatementService
from .submissions import Submission


class KnownQuery(Struct, frozen=True, kw_only=True):
    """A query as one reader knows it: by the runs of it that they may see.

    Attributes
    ----------
    created_by, created_at
        Of the first of these runs. Somebody else may have run the same SQL
        before, and that is nobody's business.
    latest
        The newest of them; None where it is only planned.
    """

    query: Query
    created_by: str
    created_at: Instant
    latest: Statement | None

    @property
    def id(self) -> str:
        """Its key as a UUID."""
        return uuid_of(self.query.id)

    @property
    def updated_at(self) -> Instant:
        """When its newest run came to where it stands."""
        run = self.latest
        if run is None:
            return self.created_at
        return run.completed_at or run.started_at or run.submitted_at


class QueryRows(Protocol):
    """What this service needs of the store."""

    def find(self, reader: str, query_id: str) -> KnownQuery | None: ...
    def page(self, reader: str, limit: int, below: str | None) -> list[KnownQuery]: ...
    def best_run(self, reader: str, query_id: str) -> Statement | None: ...
    def run_named(self, statement_id: str) -> Statement | None: ...


class QueryService:
    """Finds queries and runs them. A run is a statement of whoever asks, in their own name."""

    def __init__(self, *, rows: QueryRows, statements: StatementService) -> None:
        self._rows = rows
        self._statements = statements

    async def create(self, actor: Actor, asked: Submission) -> Statement:
        """Run SQL; the query is there from then on, whatever comes of the run."""
        return await self._statements.submit(actor, asked)

    async def get(self, actor: Actor, key: str) -> KnownQuery:
        """A query by its UUID, or by the id of a statement that ran it.

        Raises
        ------
        NotFound
            For one that is absent, and for one none of whose runs the actor
            may see: nobody learns SQL, or that somebody ran it.
        """
        query_id = query_id_of(key)
        if query_id is None:
            statement, _ = await self._statements.get(actor, key)
            query_id = statement.query.id
        found = await asyncio.to_thread(self._rows.find, actor.name, query_id)
        if found is None:
            raise NotFound("No such query.")
        return found

    async def best_run(self, actor: Actor, key: str) -> Statement:
        """The run that stands for a query: a statement that is named, else the newest with rows.

        Raises
        ------
        NotFound
            As :meth:`get`.
        """
        query_id = query_id_of(key)
        if query_id is None:
            statement, _ = await self._statements.get(actor, key)
            return statement
        found = await asyncio.to_thread(self._rows.best_run, actor.name, query_id)
        if found is None:
            raise NotFound("No such query.")
        return found

    async def run_named(self, statement_id: str) -> Statement | None:
        """The run with this id, whoever may see it."""
        return await asyncio.to_thread(self._rows.run_named, statement_id)

    async def page(
        self, actor: Actor, limit: int, below: str | None
    ) -> tuple[list[KnownQuery], str | None]:
        """Queries that the actor may see, newest first, and the UUID where the next page begins."""
        found = await asyncio.to_thread(
            self._rows.page, actor.name, limit + 1, below and query_id_of(below)
        )
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def run(
        self, actor: Actor, known: KnownQuery, params: dict[str, Any] | None, *, is_forced: bool
    ) -> Statement:
        """Run a query again, in the actor's name.

        Parameters
        ----------
        params
            Values by name, in the place of those of the latest run.
        is_forced
            Past every reuse and refusal; else rows that are still fresh serve.
        """
        query, latest = known.query, known.latest
        values = (latest.params if latest is not None else {}) | (params or {})
        asked = Submission(
            sql=query.sql,
            base_dir=query.base_dir,
            connection=query.connection,
            params=values,
            declared=query.declared,
            frames=query.frames,
            max_age=0 if is_forced else None,
            retry_on_recent_failure=is_forced,
        )
        return await self._statements.submit(actor, asked)
