"""Running queries: reuse what is fresh, join what is in flight, refuse what just failed, or run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from .access import require_options_scope, require_scope
from .assessing import Assessor, Upstreams
from .declarations import checked
from .errors import (
    Canceled,
    EngineCrashed,
    Forbidden,
    Gone,
    Interrupted,
    Invalid,
    NotFound,
    RecentFailure,
    StatementNotSuccess,
)
from .freshness import Freshness
from .limits import RateLimit
from .model import (
    SECOND,
    Actor,
    Instant,
    Outlook,
    Page,
    Result,
    Statement,
    Status,
    Strategy,
    View,
)
from .ports import Clock, Engine, Plan
from .projects import require_project
from .running import Runner
from .submissions import Bounds, Submission, draft_of, statement_from
from .values import missing_of
from .valuing import Valuer

FAILURE_MEMORY: Instant = 300 * SECOND
_NOTHING_KNOWN = Outlook(success=None, failure=None, in_flight=None)


class StatementRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def submit(
        self,
        statement: Statement,
        *,
        queued: int | None = None,
        per_person: int | None = None,
        replaces: str | None = None,
    ) -> Statement: ...
    def plan(self, statement: Statement) -> Statement: ...
    def find(self, statement_id: str) -> Statement | None: ...
    def find_by_client_id(self, submitted_by: str, client_id: str) -> Statement | None: ...
    def outlook(self, fingerprint: str, failed_since: Instant) -> Outlook: ...
    def page(
        self, submitted_by: str, statuses: tuple[Status, ...], limit: int, offset: int
    ) -> Page: ...
    def detach(self, statement_id: str, error: dict[str, Any], at: Instant) -> list[int]: ...
    def has_followers(self, statement_id: str) -> bool: ...


class Readers(Protocol):
    """Who may see a statement through a view; asked of the view rows."""

    def readable_statement(self, reader: str, statement_id: str) -> bool: ...


class Frames(Protocol):
    """Which kernel frames somebody uploaded."""

    def has(self, sha256: str, uploaded_by: str) -> bool: ...


class Files(Protocol):
    """Where results lie."""

    def result(self, sha256: str) -> Path: ...


class StatementService:
    """Submit, watch, cancel and read statements."""

    def __init__(
        self,
        *,
        rows: StatementRows,
        readers: Readers,
        frames: Frames,
        files: Files,
        engine: Engine,
        clock: Clock,
        bounds: Bounds,
        runner: Runner,
        assessor: Assessor,
        upstreams: Upstreams,
        valuer: Valuer,
    ) -> None:
        self._rows = rows
        self._readers = readers
        self._frames = frames
        self._files = files
        self._engine = engine
        self._clock = clock
        self._bounds = bounds
        self._runner = runner
        # Below the engine's own bound, so that one person cannot close it for all.
        self._crashes = RateLimit(clock, count=3, seconds=60)
        runner.on_finished(self._note_crash)
        self._assessor = assessor
        self._upstreams = upstreams
        self._valuer = valuer

    async def check(self, actor: Actor, asked: Submission) -> Plan:
        """Everything up to running: gate, lineage, parameters, access (``dry_run``)."""
        plan, _ = await self._checked(actor, asked, await self._bound(actor, asked))
        return plan

    async def _bound(self, actor: Actor, asked: Submission) -> dict[str, Any] | None:
        await self._require_options(actor, asked)
        checked(asked.declared, self._valuer.moment())
        return await self._valuer.bound(asked.declared, asked.params, actor.name)

    async def _checked(
        self, actor: Actor, asked: Submission, bound: dict[str, Any] | None
    ) -> tuple[Plan, dict[str, str]]:
        """The plan, and the short ids of the views it reads by slug."""
        await self._check_frames(actor, asked)
        plan = await self._engine.check(draft_of(asked, bound))
        views = {}
        for read in plan.reads:
            if read.kind == "view":
                require_scope(actor, "perspective:read")
                views[read.name] = (await self._readable(actor, read.name)).short_id
        return plan, views

    async def _require_options(self, actor: Actor, asked: Submission) -> None:
        """Raise unless the actor may offer the rows that parameters take their choices from."""
        require_options_scope(actor, asked.declared)
        if actor.project_id is not None:
            for slug in {each.options_from for each in asked.declared} - {None}:
                await self._readable(actor, slug)

    async def _readable(self, actor: Actor, slug: str) -> View:
        """The view with this slug, where the actor's person may read it and the key may use it."""
        found = await asyncio.to_thread(self._upstreams.require, actor.name, slug)
        require_project(actor, found.project_id)
        return found

    async def submit(
        self, actor: Actor, asked: Submission, after: tuple[Statement, ...] = ()
    ) -> Statement:
        """Give a statement its strategy and set it going; returns at once.

        In this order: a fresh result of the same fingerprint is reused, an
        equal statement in flight is joined, one that failed in the last five
        minutes is refused with its error, anything else runs.

        Parameters
        ----------
        after
            Statements that must have succeeded before this one runs.

        Raises
        ------
        RecentFailure
            Unless ``retry_on_recent_failure``.
        TooMany
            When the queue, or the actor's share of it, is full.
        """
        if asked.max_age == 0 and asked.retry_on_recent_failure:
            # Whatever is known of it makes no difference: it runs, or joins one that does.
            statement, outlook = await self._drafted_anew(actor, asked), _NOTHING_KNOWN
        else:
            statement, outlook = await self.foresee(actor, asked)
        reused = await self._reusable(statement, asked.max_age, outlook.success)
        if reused is not None:
            return await asyncio.to_thread(self._rows.submit, reused)
        if outlook.in_flight is None:
            self._refuse(actor, asked, outlook)
        # A view's query is asked for by its readers, so its owner's share is not spent on it.
        behind = (asked.view_id, asked.variant_of, asked.reference_id)
        is_of_view = any(key is not None for key in behind)
        share = None if is_of_view else self._bounds.queued_per_person
        stored = await asyncio.to_thread(
            self._rows.submit,
            statement,
            queued=self._bounds.queued,
            per_person=share,
            replaces=asked.replaces,
        )
        if stored.id == statement.id and stored.strategy is Strategy.EXECUTE:
            self._runner.set_going(stored, after)
        return self._runner.overlaid(stored)

    async def foresee(self, actor: Actor, asked: Submission) -> tuple[Statement, Outlook]:
        """The statement that this would be, and what is known of its fingerprint; nothing runs."""
        statement = await self._drafted_anew(actor, asked)
        since = self._clock.now() - FAILURE_MEMORY
        return statement, await asyncio.to_thread(self._rows.outlook, statement.fingerprint, since)

    async def _drafted_anew(self, actor: Actor, asked: Submission) -> Statement:
        bound = await self._bound(actor, asked)
        plan, views = await self._checked(actor, asked, bound)
        return self._drafted(actor, asked, plan, views, bound)

    async def refresh(
        self, asked: Submission, owner: str, after: tuple[Statement, ...]
    ) -> Statement:
        """Run a view's query anew, in its owner's name, past every reuse and refusal."""
        forced = replace(asked, max_age=0, retry_on_recent_failure=True)
        return await self.submit(Actor(name=owner), forced, after)

    async def plan(self, actor: Actor, asked: Submission) -> Statement:
        """Check a definition and keep it, so that a view can hold it before its first run.

        Declared parameters may be without a value until then.
        """
        bound: dict[str, Any] | None
        if not missing_of(asked.declared, asked.params):
            bound = await self._bound(actor, asked)
        else:
            await self._require_options(actor, asked)
            checked(asked.declared, self._valuer.moment())
            typed = {each.name for each in asked.declared}
            bound = {name: value for name, value in asked.params.items() if name not in typed}
        plan, views = await self._checked(actor, asked, bound)
        return await self._planned(self._drafted(actor, asked, plan, views, bound))

    async def plan_nothing(self, actor: Actor) -> Statement:
        """The definition of a view that has no query yet; it cannot be run."""
        plan = Plan(normalized_sql="", reads=())
        nothing = Submission(sql="", base_dir="")
        return await self._planned(self._drafted(actor, nothing, plan, {}, None))

    async def _planned(self, drafted: Statement) -> Statement:
        planned = replace(drafted, status=Status.PLANNED, completed_at=drafted.submitted_at)
        return await asyncio.to_thread(self._rows.plan, planned)

    def _drafted(
        self,
        actor: Actor,
        asked: Submission,
        plan: Plan,
        views: dict[str, str],
        bound: dict[str, Any] | None,
    ) -> Statement:
        return statement_from(actor, asked, plan, views, self._bounds, self._clock.now(), bound)

    async def _check_frames(self, actor: Actor, asked: Submission) -> None:
        for name, sha256 in asked.frames.items():
            if not await asyncio.to_thread(self._frames.has, sha256, actor.name):
                raise Invalid(
                    f"The rows of {name} have not been uploaded.",
                    hint="PUT them to api/frames/{sha256} first.",
                    field=f"frames.{name}",
                )

    async def _reusable(
        self, statement: Statement, max_age: int | None, found: Statement | None
    ) -> Statement | None:
        if max_age == 0 or found is None or found.result is None:
            return None
        if max_age is not None and max_age > 0:
            since = statement.submitted_at - max_age * SECOND
            if found.result.computed_at < since:
                return None
        path = self._files.result(found.result.sha256)
        if not await asyncio.to_thread(path.exists):
            return None
        asked = replace(found, ttl_minutes=statement.ttl_minutes)
        if max_age is None and (await self._assessor.of_statement(asked, is_exact=True)).is_stale:
            return None
        now = self._clock.now()
        return replace(
            statement,
            status=Status.SUCCESS,
            strategy=Strategy.FROM_CACHE,
            result=found.result,
            primary_id=found.primary_id or found.id,
            completed_at=now,
        )

    def _refuse(self, actor: Actor, asked: Submission, outlook: Outlook) -> None:
        self._crashes.check(actor.name, "Your last queries crashed the engine.")
        failed = outlook.failure
        if (
            failed is not None
            and not asked.retry_on_recent_failure
            and (failed.error or {}).get("code") != Interrupted.code
        ):
            raise RecentFailure(
                "The same query failed a moment ago.",
                hint="Send retry_on_recent_failure=true to run it all the same.",
                details={"last_error": failed.error, "statement_id": failed.id},
            )

    def _note_crash(self, statement: Statement, _: list[int]) -> None:
        if (statement.error or {}).get("code") == EngineCrashed.code:
            self._crashes.note(statement.submitted_by)

    async def wait(self, statement: Statement, seconds: float) -> Statement:
        """The statement when it ends, or as it stands after ``seconds``."""
        return await self._runner.wait(statement, seconds)

    async def get(self, actor: Actor, statement_id: str) -> tuple[Statement, bool]:
        """A statement and whether the actor may see its definition.

        ``statement_id`` may be a ``client_id`` of the actor's. The submitter
        sees all; a reader of a view that points to it sees how it stands.
        """
        found = await asyncio.to_thread(self._rows.find, statement_id)
        if found is None:
            found = await asyncio.to_thread(self._rows.find_by_client_id, actor.name, statement_id)
        if found is not None and found.status is not Status.PLANNED:
            if found.submitted_by == actor.name:
                return self._runner.overlaid(found), True
            if await asyncio.to_thread(self._readers.readable_statement, actor.name, found.id):
                return self._runner.overlaid(found), False
        raise NotFound("No such statement.")

    async def list(
        self, actor: Actor, statuses: tuple[Status, ...], limit: int, offset: int
    ) -> Page:
        """The actor's own statements, newest first."""
        page = await asyncio.to_thread(self._rows.page, actor.name, statuses, limit, offset)
        return Page(tuple(self._runner.overlaid(s) for s in page.items), page.total)

    async def result(self, actor: Actor, statement_id: str) -> tuple[Statement, Result]:
        """A finished statement with its rows.

        Raises
        ------
        StatementNotSuccess
            While it runs, or when it failed.
        Gone
            When its rows have expired.
        """
        statement, _ = await self.get(actor, statement_id)
        if statement.status is not Status.SUCCESS:
            raise StatementNotSuccess(
                f"The statement is {statement.status}, so it has no rows.",
                hint="Poll it until it says SUCCESS."
                if not statement.status.is_final
                else "Mend the SQL and submit it again.",
                details={"status": statement.status, "error": statement.error},
            )
        return statement, self.stored(statement)

    def stored(self, statement: Statement) -> Result:
        """The rows of a finished statement, or Gone."""
        if statement.result is None:
            raise Gone(
                "The rows of this statement were kept for their time and are gone.",
                hint="Submit the statement again.",
                details={"rerun": "POST api/v1/statements"},
            )
        return statement.result

    async def cancel(self, actor: Actor, statement_id: str) -> Statement:
        """Ask a statement to stop; equal ones that others wait for go on."""
        statement, is_mine = await self.get(actor, statement_id)
        if not is_mine:
            raise Forbidden("Only the person who submitted a statement can cancel it.")
        if statement.status.is_final:
            return statement
        error = Canceled("Canceled.").to_dict()
        primary = statement.primary_id or statement.id
        if statement.primary_id is not None or await asyncio.to_thread(
            self._rows.has_followers, statement.id
        ):
            view_ids = await asyncio.to_thread(
                self._rows.detach, statement.id, error, self._clock.now()
            )
            ended = await asyncio.to_thread(self._rows.find, statement.id)
            self._runner.tell(ended, view_ids)
            await self._runner.stop_unwanted(primary)
            return ended or statement
        await self._runner.cancel(primary)
        return await self._runner.wait(statement, 2.5)

    async def freshness(self, statement: Statement) -> Freshness:
        """How far the rows of a finished statement can be trusted now."""
        return await self._assessor.of_statement(statement)
