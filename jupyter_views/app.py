"""The server extension: its settings, and the one place where all parts are put together."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Integer, List, Unicode, default

from .core.errors import Unavailable, ViewsError
from .core.model import SECOND, Actor, View
from .http.routes import ROUTES, handlers
from .http.services import Services

if TYPE_CHECKING:
    from .core.running import Runner
    from .engines.duckdb_engine import DuckDBEngine
    from .store.opened import Store

EVENT = "https://events.jupyter.org/jupyter_views/view/v1"
_HOUSEKEEPING_SECONDS = 60
_DAY = 86_400 * SECOND
_KERNEL_SCOPES = frozenset({"statement:write", "perspective:write", "query:write"})
_STATEMENT_DAYS = 90
_MIB = 1024 * 1024
_KERNEL_VARIABLES = (
    "JUPYTER_VIEWS_URL",
    "JUPYTER_VIEWS_KEY",
    "JUPYTER_VIEWS_SOCK",
    "JUPYTER_VIEWS_CA",
)


class SystemClock:
    """The machine's time."""

    def now(self) -> int:
        """Microseconds UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class ViewsApp(ExtensionApp):
    """Named, versioned, refreshable, shareable views of a notebook's queries."""

    name = "jupyter_views"
    app_name = "Jupyter Views"
    description = "Named, versioned, refreshable, shareable views of a notebook's queries."
    load_other_extensions = True
    default_url = "/lab"
    extension_url = "/lab"

    store_dir = Unicode(
        help="Folder of the store: metadata, results, frames. Private to its owner."
    ).tag(config=True)
    store_url = Unicode(
        "", help="SQLAlchemy address of the metadata; empty for SQLite in store_dir."
    ).tag(config=True)
    data_dirs = List(
        Unicode(), help="Folders that SQL may read besides the server's root folder."
    ).tag(config=True)
    time_limit_seconds = Float(60.0, help="A statement is stopped after this long.").tag(
        config=True
    )
    row_limit = Integer(1_000_000, help="Rows of a result that are stored at most.").tag(
        config=True
    )
    byte_limit = Integer(256 * _MIB, help="Bytes of a result that are stored at most.").tag(
        config=True
    )
    memory_limit_bytes = Integer(1024 * _MIB, help="Memory of one statement.").tag(config=True)
    temp_limit_bytes = Integer(
        2048 * _MIB, help="Disk that one statement may spill to while it runs."
    ).tag(config=True)
    threads = Integer(2, help="Threads of one statement.").tag(config=True)
    run_workers = Integer(2, help="Statements that run at once.").tag(config=True)
    read_workers = Integer(2, help="Results that are encoded at once.").tag(config=True)
    queued_limit = Integer(100, help="Statements that wait or run at once, of all people.").tag(
        config=True
    )
    queued_per_person = Integer(10, help="Statements that wait or run, of one person.").tag(
        config=True
    )
    frame_limit_bytes = Integer(
        1024 * _MIB, help="Size of a kernel frame that may be uploaded."
    ).tag(config=True)
    result_days = Float(
        7.0, help="Days for which rows are kept that no view serves and no version names."
    ).tag(config=True)
    cache_memory_bytes = Integer(
        64 * _MIB, help="Memory for renderings of results that are asked for often."
    ).tag(config=True)
    cache_disk_bytes = Integer(
        1024 * _MIB, help="Disk for renderings of results that are asked for often."
    ).tag(config=True)

    _opening: asyncio.Task[None] | None = None
    _store: Store | None = None
    _engine: DuckDBEngine | None = None
    _runner: Runner | None = None
    _services: Services | None = None
    _why_not: str = "The store is being opened."
    _housekeeping: asyncio.Task[None] | None = None

    @default("store_dir")
    def _default_store_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "jupyter_views")

    def initialize_settings(self) -> None:
        """Tell the host our events, before anybody subscribes."""
        assert self.serverapp is not None
        self.settings["jupyter_views_routes"] = ROUTES
        schema = Path(__file__).parent / "events" / "view.yaml"
        self.serverapp.event_logger.register_event_schema(schema)

    def initialize_handlers(self) -> None:
        """Add the table of addresses."""
        self.handlers.extend(handlers(self._opened))

    def _opened(self) -> Services:
        if self._services is None:
            raise Unavailable(self._why_not, retry_after_seconds=1)
        return self._services

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Open the store and start the engine once the port is bound, and tell kernels the way."""
        self._kernel_key = secrets.token_urlsafe(32)
        _tell_kernels(serverapp, self._kernel_key)
        self._opening = asyncio.create_task(self._open())

    async def opened(self) -> Services:
        """The services, once the store is open; raises Unavailable when it could not be."""
        assert self._opening is not None
        await self._opening
        return self._opened()

    async def _open(self) -> None:
        try:
            await self._assemble()
        except ViewsError as error:
            self._why_not = error.message
            self.log.error("Jupyter Views cannot start: %s %s", error.message, error.hint or "")
        except Exception:
            self._why_not = "The store could not be opened; the server's log says why."
            self.log.exception("Jupyter Views cannot start")

    async def _assemble(self) -> None:
        store = self._store = await asyncio.to_thread(self._open_store)
        folders = self._folders()
        engine = self._engine = self._made_engine(store, folders)
        await engine.start()
        clock = SystemClock()
        runner = self._runner = self._made_runner(store, engine, clock)
        self._services = self._made_services(store, engine, clock, folders)
        await runner.recover(store.lock.is_alive)
        self._housekeeping = asyncio.create_task(self._keep_house(store, runner))

    def _made_runner(self, store: Store, engine: DuckDBEngine, clock: SystemClock) -> Runner:
        from .core.running import Runner

        return Runner(
            rows=store.statements,
            files=store.files,
            engine=engine,
            clock=clock,
            seconds=self.time_limit_seconds,
            concurrent=self.run_workers,
            log=self.log,
        )

    def _made_services(
        self, store: Store, engine: DuckDBEngine, clock: SystemClock, folders: tuple[str, ...]
    ) -> Services:
        from .core.keys import KeyService
        from .core.results import ResultService
        from .core.statements import Bounds, StatementService
        from .core.views import ViewService

        assert self._runner is not None
        statements = StatementService(
            rows=store.statements,
            readers=store.views,
            frames=store.frames,
            files=store.files,
            engine=engine,
            clock=clock,
            bounds=Bounds(
                rows=self.row_limit,
                bytes=self.byte_limit,
                queued=self.queued_limit,
                queued_per_person=self.queued_per_person,
            ),
            runner=self._runner,
        )
        views = ViewService(
            rows=store.views, statements=statements, runner=self._runner, clock=clock, log=self.log
        )
        views.on_change(self._emit)
        person = os.environ.get("JUPYTERHUB_USER") or "local"
        return Services(
            statements=statements,
            views=views,
            results=ResultService(engine=engine, files=store.files, cache=store.cache),
            keys=KeyService(rows=store.keys, clock=clock),
            engine=engine,
            clock=clock,
            frames=store.frames,
            frame_files=store.files,
            idempotency=store.idempotency,
            folders=folders,
            local_person=person,
            kernel_key=self._kernel_key,
            kernel_actor=Actor(name=person, scopes=_KERNEL_SCOPES),
            frame_bytes=self.frame_limit_bytes,
            run_in_thread=asyncio.to_thread,
        )

    def _open_store(self) -> Store:
        from .store.opened import Store

        return Store(
            Path(self.store_dir),
            url=self.store_url,
            cache_memory_bytes=self.cache_memory_bytes,
            cache_disk_bytes=self.cache_disk_bytes,
        )

    def _folders(self) -> tuple[str, ...]:
        assert self.serverapp is not None
        named = [self.serverapp.root_dir, *self.data_dirs]
        return tuple(dict.fromkeys(os.path.realpath(folder) for folder in named))

    def _made_engine(self, store: Store, folders: tuple[str, ...]) -> DuckDBEngine:
        from .engines.duckdb_engine import DuckDBEngine

        return DuckDBEngine(
            readable=folders,
            hidden=(os.path.realpath(store.files.root),),
            results_dir=str(store.files.results),
            frames_dir=str(store.files.frames),
            scratch_dir=str(store.files.scratch),
            run_workers=self.run_workers,
            read_workers=self.read_workers,
            memory_bytes=self.memory_limit_bytes,
            temp_bytes=self.temp_limit_bytes,
            threads=self.threads,
            log=self.log,
        )

    def _emit(self, action: str, view: View) -> None:
        assert self.serverapp is not None
        self.serverapp.event_logger.emit(
            schema_id=EVENT, data={"action": action, "short_id": view.short_id}
        )

    async def _keep_house(self, store: Store, runner: Runner) -> None:
        while True:
            rows_before = SystemClock().now() - int(self.result_days * _DAY)
            try:
                await asyncio.to_thread(
                    store.clean, rows_before, rows_before - _STATEMENT_DAYS * _DAY
                )
                await runner.recover(store.lock.is_alive)
            except (ViewsError, OSError) as error:
                self.log.warning("Jupyter Views could not clean up: %s", error)
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)

    async def stop_extension(self) -> None:
        """End what runs, stop every worker, let go of the store."""
        for task in (self._opening, self._housekeeping):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._services, self._why_not = None, "The server is stopping."
        if self._runner is not None:
            await self._runner.stop()
        if self._engine is not None:
            await self._engine.stop()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)
        self._runner = self._engine = self._store = None
        for name in _KERNEL_VARIABLES:
            os.environ.pop(name, None)


def _tell_kernels(serverapp: Any, key: str) -> None:
    """Kernels inherit our environment: where the server is, and a key for it."""
    values = (
        serverapp.connection_url,
        key,
        serverapp.sock and os.path.abspath(serverapp.sock),
        serverapp.certfile and os.path.abspath(serverapp.certfile),
    )
    for name, value in zip(_KERNEL_VARIABLES, values, strict=True):
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
