"""What handlers may call: the core's services, and how this server names its own people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from ..core.activity import ActivityService
from ..core.calculations import Calculations
from ..core.charting import ChartService
from ..core.dashboards import DashboardService
from ..core.deciding import DecisionLog
from ..core.endpoint_runs import EndpointRuns
from ..core.endpoints import EndpointService
from ..core.executions import ExecutionLog
from ..core.following import Following
from ..core.history import HistoryService
from ..core.insights import InsightService
from ..core.keys import KeyService
from ..core.model import Actor, Frame, Instant
from ..core.ports import Clock, Engine
from ..core.projects import ProjectService
from ..core.publishing import DoorService
from ..core.queries import QueryService
from ..core.reading import ReadingService
from ..core.references import ReferenceService
from ..core.results import ResultService
from ..core.sharing import SharingService
from ..core.statements import StatementService
from ..core.valuing import Valuer
from ..core.variants import Variants
from ..core.views import ViewService
from ..core.visiting import VisitingService
from ..wire.doctor import ServerFacts


class FrameRows(Protocol):
    """Which frames were uploaded by whom."""

    def save(self, frame: Frame) -> bool: ...
    def has(self, sha256: str, uploaded_by: str) -> bool: ...


class FrameFiles(Protocol):
    """Where uploads are collected and kept."""

    scratch: Path

    def adopt_frame(self, path: Path, sha256: str) -> Path: ...


class IdempotencyRows(Protocol):
    """Answers kept for repeated requests."""

    def claim(
        self, actor: str, route: str, key: str, body_hash: str, now: Instant, keep: Instant
    ) -> tuple[str, dict[str, Any] | None] | None: ...
    def keep(self, actor: str, route: str, key: str, answer: dict[str, Any]) -> None: ...
    def release(self, actor: str, route: str, key: str) -> None: ...


class Services(Struct, kw_only=True):
    """Everything behind the handlers, once the store is open.

    Attributes
    ----------
    folders
        Absolute folders that SQL may read; the first is the server's root.
    local_person
        Who every caller is where the identity provider names nobody.
    kernel_key, kernel_actor
        The secret that kernels of this server inherit, and for whom they speak.
    facts
        What the server knows of itself; may ask the disk.
    """

    statements: StatementService
    views: ViewService
    reading: ReadingService
    results: ResultService
    charts: ChartService
    history: HistoryService
    decisions: DecisionLog
    keys: KeyService
    projects: ProjectService
    activity: ActivityService
    sharing: SharingService
    visiting: VisitingService
    dashboards: DashboardService
    variants: Variants
    queries: QueryService
    references: ReferenceService
    following: Following
    insights: InsightService
    endpoints: EndpointService
    doors: DoorService
    calculations: Calculations
    valuer: Valuer
    runs: EndpointRuns
    executions: ExecutionLog
    engine: Engine
    clock: Clock
    frames: FrameRows
    frame_files: FrameFiles
    idempotency: IdempotencyRows
    folders: tuple[str, ...]
    local_person: str
    kernel_key: str
    kernel_actor: Actor
    frame_bytes: int
    facts: Callable[[], ServerFacts]
    run_in_thread: Callable[..., Awaitable[Any]]

    def shown_folder(self, folder: str) -> str | None:
        """A folder below the server's root as people write it; None for one elsewhere."""
        root = Path(self.folders[0])
        path = Path(folder)
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
