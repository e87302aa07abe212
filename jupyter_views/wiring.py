"""All parts put together: opened, started in order, stopped in the reverse."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._machine import SystemClock, release
from ._version import __version__
from .core.activity import ActivityService
from .core.announcing import Announcer, Event
from .core.assessing import Assessor, Upstreams
from .core.batches import Batches
from .core.calculations import Calculations
from .core.charting import ChartService
from .core.dashboards import DashboardService
from .core.deciding import DecisionLog
from .core.endpoint_runs import EndpointRuns
from .core.endpoints import EndpointService
from .core.executions import ExecutionLog
from .core.following import Following
from .core.history import HistoryService
from .core.housekeeping import Housekeeper
from .core.insights import InsightService
from .core.keeping import Keeper
from .core.keys import KERNEL_SCOPES, KeyService
from .core.links import LinkSecret
from .core.model import SECOND, Actor, Instant
from .core.option_lists import OptionLists
from .core.placing import Placing
from .core.projects import ProjectService
from .core.publishing import DoorService
from .core.queries import QueryService
from .core.reading import ReadingService
from .core.references import ReferenceService
from .core.refreshing import Refresher
from .core.results import ResultService
from .core.run_limits import RunLimits
from .core.running import Runner
from .core.scheduling import Scheduler
from .core.sharing import SharingService
from .core.statements import StatementService
from .core.submissions import Bounds
from .core.valuing import Valuer
from .core.variants import Variants
from .core.verifying import Verifier
from .core.views import ViewService
from .core.visiting import VisitingService
from .core.warming import Warmer
from .core.watching import Watching
from .core.writing import ViewWriter
from .engines.duckdb_engine import DuckDBEngine
from .engines.file_events import FileEvents
from .engines.states import sweep_states
from .http.services import Services
from .store.opened import Store
from .wire.doctor import ServerFacts
from .wire.events import event_data
from .wire.fields import iso

if TYPE_CHECKING:
    from .app import ViewsApp

_DAY = 86_400 * SECOND
_STATEMENT_DAYS = 90
_STATES_DAYS = 7
_STATES_BYTES = 2 << 30


class Parts:
    """Everything behind the addresses, for one server.

    Parameters
    ----------
    app
        Its settings are read once, here.
    folders
        That SQL may read; the first is the server's root.
    kernel_key
        The secret that kernels of this server inherit.
    emit
        Puts an event on the host's bus: ``emit(schema_id, data)``.
    lease_seconds
        See :class:`~.core.running.Runner`.

    Notes
    -----
    Making one opens the store, which takes the disk's time: do it in a thread.
    """

    def __init__(
        self,
        app: ViewsApp,
        *,
        folders: tuple[str, ...],
        kernel_key: str,
        emit: Callable[[str, dict[str, Any]], None],
        lease_seconds: float = 15.0,
    ) -> None:
        folders = tuple(dict.fromkeys(map(os.path.realpath, folders)))
        self._app = app
        self._log: logging.Logger = app.log
        self._emit = emit
        self._lease_seconds = lease_seconds
        self._clock = app.clock or SystemClock()
        self.store = Store(
            Path(app.store_dir),
            url=app.store_url,
            cache_memory_bytes=app.cache_memory_bytes,
            cache_disk_bytes=app.cache_disk_bytes,
            results_kept=app.results_kept,
        )
        self.engine = app.engine or self._made_engine(folders)
        self._watching = Watching(
            rows=self.store.watched,
            events=FileEvents(mode=app.watching, log=self._log),
            on_changed=self._look_again,
            clock=self._clock,
            log=self._log,
        )
        self._make_what_runs()
        self._make_what_keeps_fresh()
        self.services = self._made_services(folders, kernel_key)

    def _made_engine(self, folders: tuple[str, ...]) -> DuckDBEngine:
        app, files = self._app, self.store.files
        return DuckDBEngine(
            readable=folders,
            hidden=(os.path.realpath(files.root),),
            results_dir=str(files.results),
            frames_dir=str(files.frames),
            states_dir=str(files.states),
            scratch_dir=str(files.scratch),
            run_workers=app.run_workers,
            read_workers=app.read_workers,
            memory_bytes=app.memory_limit_bytes,
            temp_bytes=app.temp_limit_bytes,
            threads=app.threads,
            log=self._log,
        )

    def _make_what_runs(self) -> None:
        """Statements and refreshes, and how far their rows can be trusted."""
        app, store, clock = self._app, self.store, self._clock
        self._upstreams = Upstreams(store.views)
        verifier = Verifier(
            rows=store.statements,
            engine=self.engine,
            clock=clock,
            quiet_since=self._watching.quiet_since,
        )
        self._results = ResultService(engine=self.engine, files=store.files, cache=store.cache)
        offered = OptionLists(upstreams=self._upstreams, results=self._results)
        self._valuer = Valuer(clock=clock, zone=app.timezone, offered=offered.of)
        self._assessor = Assessor(
            verifier=verifier, upstreams=self._upstreams, valuer=self._valuer, clock=clock
        )
        self._runner = Runner(
            rows=store.statements,
            files=store.files,
            engine=self.engine,
            clock=clock,
            seconds=app.time_limit_seconds,
            concurrent=app.run_workers,
            bind=self._upstreams.bind,
            look_at=store.views.look_at,
            log=self._log,
            lease_seconds=self._lease_seconds,
        )
        self._statements = StatementService(
            rows=store.statements,
            readers=store.readers,
            frames=store.frames,
            files=store.files,
            engine=self.engine,
            clock=clock,
            bounds=Bounds(
                rows=app.row_limit,
                bytes=app.byte_limit,
                queued=app.queued_limit,
                queued_per_person=app.queued_per_person,
            ),
            runner=self._runner,
            assessor=self._assessor,
            upstreams=self._upstreams,
            valuer=self._valuer,
        )
        self._announcer = Announcer()
        self._announcer.on_event(self._heard)
        self._refresher = Refresher(
            statements=self._statements,
            assessor=self._assessor,
            upstreams=self._upstreams,
            find=store.views.find,
            clock=clock,
            announcer=self._announcer,
            log=self._log,
        )

    def _make_what_keeps_fresh(self) -> None:
        """What looks after views while nobody does, and writes down what it did."""
        app, store, clock = self._app, self.store, self._clock
        self._decisions = DecisionLog(rows=store.history, clock=clock, log=self._log)
        self._visits = Batches(
            write=store.shares.write_visits, name="the access log of links", log=self._log
        )
        self._executions = ExecutionLog(rows=store.executions, clock=clock, log=self._log)
        self._choices = Batches(
            write=store.choices.write, name="the values that views are read with", log=self._log
        )
        self._history = HistoryService(
            rows=store.history,
            engine=self.engine,
            files=store.files,
            cache=store.cache,
            log=self._log,
        )
        self._reading = ReadingService(
            rows=store.views,
            statements=self._statements,
            assessor=self._assessor,
            refresher=self._refresher,
            runner=self._runner,
            announcer=self._announcer,
            clock=clock,
        )
        self._variants = Variants(
            reading=self._reading,
            statements=self._statements,
            assessor=self._assessor,
            refresher=self._refresher,
            valuer=self._valuer,
            noted=self._choices.add,
            clock=clock,
        )
        self._keeper = Keeper(
            rows=store.views,
            refreshes=store.history,
            assessor=self._assessor,
            refresher=self._refresher,
            runner=self._runner,
            announcer=self._announcer,
            decisions=self._decisions,
            compare=self._history.changes_between,
            clock=clock,
            concurrent=2 * app.run_workers,
            log=self._log,
        )
        self._warmer = Warmer(
            rows=store.choices, recompute=self._variants.recompute, clock=clock, log=self._log
        )
        self._announcer.on_event(self._warmer.heard)
        self._scheduler = Scheduler(
            rows=store.due,
            on_due=self._keeper.on_due,
            clock=clock,
            log=self._log,
            concurrent=2 * app.run_workers,
        )
        self._housekeeper = Housekeeper(
            chores=(self._clean, store.executions.trim),
            recover=self._runner.recover,
            clock=clock,
            log=self._log,
        )

    def _made_services(self, folders: tuple[str, ...], kernel_key: str) -> Services:
        """What the addresses answer from."""
        app, store, clock = self._app, self.store, self._clock
        statements, announcer = self._statements, self._announcer
        person = os.environ.get("JUPYTERHUB_USER") or "local"
        linking = {
            "rows": store.shares,
            "secret": LinkSecret(store.link_secret),
            "visits": self._visits,
            "clock": clock,
            "is_allowed": app.allow_public_links,
            "max_days": app.max_share_days,
        }
        placing = Placing(store.dashboards)
        writer = ViewWriter(store.views)
        views = ViewService(
            rows=store.views,
            writer=writer,
            versions=store.history,
            statements=statements,
            refresher=self._refresher,
            announcer=announcer,
            placing=placing,
            clock=clock,
        )
        doors = DoorService(
            rows=store.views, writer=writer, views=views, announcer=announcer, clock=clock
        )
        making = {
            "created": store.views,
            "views": views,
            "statements": statements,
            "announcer": announcer,
            "clock": clock,
            "folder": folders[0],
        }
        queries = QueryService(rows=store.queries, statements=statements)
        references = ReferenceService(
            rows=store.references,
            versions=store.history,
            queries=queries,
            reading=self._reading,
            valuer=self._valuer,
            clock=clock,
        )
        valuing = {"valuer": self._valuer, "variants": self._variants}
        return Services(
            statements=statements,
            reading=self._reading,
            views=views,
            history=self._history,
            decisions=self._decisions,
            results=self._results,
            charts=ChartService(
                plotter=self.engine, views=views, files=store.files, cache=store.cache
            ),
            keys=KeyService(rows=store.keys, clock=clock),
            doors=doors,
            endpoints=EndpointService(**making, rows=store.endpoints, doors=doors),
            insights=InsightService(**making, rows=store.insights, placing=placing),
            calculations=Calculations(
                statements=statements, find_view=store.views.find, clock=clock
            ),
            projects=ProjectService(rows=store.projects, clock=clock),
            activity=ActivityService(rows=store.activities),
            sharing=SharingService(**linking),
            visiting=VisitingService(**linking, find=store.views.find),
            dashboards=DashboardService(rows=store.dashboards, views=store.views, clock=clock),
            queries=queries,
            references=references,
            following=Following(
                rows=store.references,
                references=references,
                statements=statements,
                variants=self._variants,
            ),
            **valuing,
            runs=EndpointRuns(**valuing, history=self._history, limits=RunLimits(clock)),
            executions=self._executions,
            engine=self.engine,
            clock=clock,
            frames=store.frames,
            frame_files=store.files,
            idempotency=store.idempotency,
            folders=folders,
            local_person=person,
            kernel_key=kernel_key,
            kernel_actor=Actor(name=person, scopes=KERNEL_SCOPES),
            frame_bytes=app.frame_limit_bytes,
            facts=self._facts,
            run_in_thread=asyncio.to_thread,
        )

    def _facts(self) -> ServerFacts:
        app = self._app
        return ServerFacts(
            version=__version__,
            engine_version=release("duckdb") or "",
            engine_reason=self.engine.health(),
            libraries={name: release(name) for name in ("deltalake", "pyiceberg")},
            watching=app.watching,
            now=iso(self._clock.now()) or "",
            store_dir=str(self.store.files.root),
            has_metadata=not app.store_url,
            folders=self.services.folders,
        )

    def _heard(self, event: Event) -> None:
        """An event of a view: onto the bus, to the watcher, to the scheduler."""
        self._emit(*event_data(event, self._clock.now()))
        view = event.view
        if event.action in ("created", "edited"):
            self._watching.note(view.id, view.version.query.reads)
        elif event.action == "deleted":
            self._watching.note(view.id, None)
        if event.action in ("created", "edited", "failed"):
            self._scheduler.wake()

    async def _look_again(self, view_ids: frozenset[int]) -> None:
        await self._keeper.look_again(view_ids)

    async def start(self) -> None:
        """Start the engine, take up what dead servers left, then watch, schedule and keep house."""
        await self.engine.start()
        for log in (self._decisions, self._visits, self._choices, self._executions):
            await log.start()
        await self._runner.start()
        if self._app.watching != "off":
            await self._watching.start()
        await self._scheduler.start()
        await self._housekeeper.start()

    async def stop(self) -> None:
        """Begin nothing new, end what runs, stop every worker, let go of the store."""
        await self._housekeeper.stop()
        await self._scheduler.stop()
        await self._watching.stop()
        await self._keeper.stop()
        await self._warmer.stop()
        await self._runner.stop()
        for log in (self._decisions, self._visits, self._choices, self._executions):
            await log.stop()
        await self.engine.stop()
        await asyncio.to_thread(self.store.close)

    def _clean(self, now: Instant) -> None:
        rows_before = now - int(self._app.result_days * _DAY)
        self.store.clean(rows_before, rows_before - _STATEMENT_DAYS * _DAY)
        folder = str(self.store.files.states)
        sweep_states(folder, keep_bytes=_STATES_BYTES, before=now - _STATES_DAYS * _DAY)
