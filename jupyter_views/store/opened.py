"""The store, open: rows and files under one roof."""

from __future__ import annotations

from pathlib import Path

from ..core.model import Instant
from .activities import ActivityStore
from .choices import ChoiceStore
from .dashboards import DashboardStore
from .database import Database, private_folder
from .due import DueStore
from .endpoints import EndpointStore
from .executions import ExecutionStore
from .history import HistoryStore
from .insights import InsightStore
from .keys import FrameStore, IdempotencyStore, KeyStore
from .known_views import KnownViews
from .projects import ProjectStore
from .queries import QueryStore
from .readers import StatementReaders
from .references import ReferenceStore
from .results import EncodedCache, ResultFiles
from .retention import Retention
from .secrets import link_secret
from .servers import ServerLock
from .shares import ShareStore
from .statements import StatementStore
from .views import ViewStore
from .watched import WatchedStore


class Store:
    """Everything that outlives the server.

    Parameters
    ----------
    folder
        Made if absent; private to its owner.
    url
        SQLAlchemy address of the metadata; empty for SQLite in the folder.
    results_kept
        Distinct results of each view that are kept, however old.
    """

    def __init__(
        self,
        folder: Path,
        *,
        url: str,
        cache_memory_bytes: int,
        cache_disk_bytes: int,
        results_kept: int = 10,
    ) -> None:
        self.lock = ServerLock(private_folder(private_folder(folder) / "servers"))
        server_id = self.lock.server_id
        self.files = ResultFiles(folder, server_id)
        self.link_secret = link_secret(folder)
        self.database = Database(url or f"sqlite:///{folder / 'views.sqlite'}")
        self.statements = StatementStore(self.database, server_id, self.lock.is_alive)
        self.due = DueStore(self.database)
        known = KnownViews(self.database)
        self.views = ViewStore(self.database, known)
        self.watched = WatchedStore(self.database)
        self.history = HistoryStore(self.database)
        self.executions = ExecutionStore(self.database)
        self.retention = Retention(self.database, results_kept)
        self.insights = InsightStore(self.database)
        self.endpoints = EndpointStore(self.database, known)
        self.activities = ActivityStore(self.database)
        self.readers = StatementReaders(self.database)
        self.queries = QueryStore(self.database)
        self.references = ReferenceStore(self.database)
        self.dashboards = DashboardStore(self.database)
        self.projects = ProjectStore(self.database)
        self.shares = ShareStore(self.database)
        self.choices = ChoiceStore(self.database)
        self.keys = KeyStore(self.database)
        self.frames = FrameStore(self.database)
        self.idempotency = IdempotencyStore(self.database)
        self.cache = EncodedCache(
            self.files.encoded, memory_bytes=cache_memory_bytes, disk_bytes=cache_disk_bytes
        )

    def clean(self, rows_before: Instant, statements_before: Instant) -> None:
        """Forget what is older and nothing pins, and files that nothing names."""
        self.shares.trim(statements_before)
        forgotten = self.retention.forget(rows_before, statements_before)
        self.files.remove(forgotten.results, forgotten.frames)
        self.files.sweep(self.retention.result_hashes(), self.frames.hashes(), self.lock.is_alive)

    def close(self) -> None:
        """Let go of everything; other servers may take over."""
        self.database.close()
        self.files.close()
        self.lock.release()
