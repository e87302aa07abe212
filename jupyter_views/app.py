"""The server extension: its settings, and the one place where all parts are put together."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Enum, Float, Integer, List, TraitError, Unicode, default, validate

from .core.errors import Unavailable, ViewsError
from .core.ports import Clock
from .http.routes import ROUTES, handlers
from .http.services import Services

if TYPE_CHECKING:
    from .engines.duckdb_engine import DuckDBEngine
    from .wiring import Parts

_MIB = 1024 * 1024
_KERNEL_VARIABLES = (
    "JUPYTER_VIEWS_URL",
    "JUPYTER_VIEWS_KEY",
    "JUPYTER_VIEWS_SOCK",
    "JUPYTER_VIEWS_CA",
)


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
    results_kept = Integer(
        10, help="Results of a view that are kept for its history and for comparing, however old."
    ).tag(config=True)
    watching = Enum(
        ("events", "polling", "off"),
        "events",
        help="How changed files are noticed with no reader: by the system's file events, "
        "by polling every two seconds (for network file systems), or not at all.",
    ).tag(config=True)
    allow_public_links = Bool(
        True,
        help="Owners may share views by links that work without an account. "
        "False closes every link at once.",
    ).tag(config=True)
    max_share_days = Integer(0, help="Days for which a link lives at most; 0 for no bound.").tag(
        config=True
    )
    timezone = Unicode(
        "UTC",
        help="IANA name of the time zone in which parameters read today and instants without "
        "a zone, unless they name their own.",
    ).tag(config=True)
    cache_memory_bytes = Integer(
        64 * _MIB, help="Memory for renderings of results that are asked for often."
    ).tag(config=True)
    cache_disk_bytes = Integer(
        1024 * _MIB, help="Disk for renderings of results that are asked for often."
    ).tag(config=True)

    clock: Clock | None = None
    """The machine's when None; a test may own the time."""
    engine: DuckDBEngine | None = None
    """One of its own when None; tests may have several servers use one, whose workers are warm."""

    _opening: asyncio.Task[None] | None = None
    _parts: Parts | None = None
    _services: Services | None = None
    _why_not: str = "The store is being opened."

    @validate("timezone")
    def _known_timezone(self, proposal: dict[str, Any]) -> str:
        try:
            ZoneInfo(proposal["value"])
        except (KeyError, ValueError, OSError):
            raise TraitError(
                f"{proposal['value']!r} is no time zone such as Europe/Rome."
            ) from None
        return str(proposal["value"])

    @default("store_dir")
    def _default_store_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "jupyter_views")

    def initialize_settings(self) -> None:
        """Tell the host our events, before anybody subscribes."""
        assert self.serverapp is not None
        self.settings["jupyter_views_routes"] = ROUTES
        for schema in sorted((Path(__file__).parent / "events").glob("*.yaml")):
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
        # Store and engine take long to import, and the port is open by now.
        from .wiring import Parts

        assert self.serverapp is not None
        logger = self.serverapp.event_logger
        parts = self._parts = await asyncio.to_thread(
            Parts,
            self,
            folders=(self.serverapp.root_dir, *self.data_dirs),
            kernel_key=self._kernel_key,
            emit=lambda schema_id, data: logger.emit(schema_id=schema_id, data=data),
        )
        await parts.start()
        self._services = parts.services

    async def stop_extension(self) -> None:
        """End what runs, stop every worker, let go of the store."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._services, self._why_not = None, "The server is stopping."
        if self._parts is not None:
            await self._parts.stop()
            self._parts = None
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
