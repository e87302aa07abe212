"""Every address of the product, in one table.

Patterns take only the characters that ids and slugs are made of: a pattern
such as ``[^/]+`` would also match ``..%2f..%2fetc``, already decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from .base import UnknownAddress, ViewsHandler
from .charts import ChartCsvHandler, ChartHandler, ChartPngHandler, ChartSvgHandler
from .dashboards import DashboardHandler, DashboardsHandler
from .doctor import DoctorHandler
from .endpoint_runs import (
    EndpointLogsHandler,
    EndpointRunHandler,
    EndpointUsageHandler,
)
from .endpoints import (
    EndpointHandler,
    EndpointOpenApiHandler,
    EndpointsHandler,
    EndpointVersionHandler,
    EndpointVersionsHandler,
    ExecutionTimesHandler,
    MaterializationHandler,
)
from .frames import FrameHandler
from .history import (
    DiffHandler,
    HistoryHandler,
    LogHandler,
    RestoreHandler,
    VersionDiffHandler,
    VersionHandler,
    VersionsHandler,
)
from .insight_readers import (
    CancelInsightHandler,
    InsightActivityHandler,
    InsightsActivityHandler,
    LastViewedHandler,
    QueryHandler,
    TrendingHandler,
    ViewActivityHandler,
    ViewedHandler,
)
from .permalinks import (
    ReferenceFileHandler,
    ReferencePageHandler,
    ReferencePictureHandler,
    ViewFileHandler,
    ViewPageHandler,
    ViewPictureHandler,
)
from .perspectives import (
    PerspectiveHandler,
    PerspectiveRefreshHandler,
    PerspectiveResultHandler,
    PerspectivesHandler,
)
from .projects import ProjectsHandler
from .queries import (
    ExecuteQueryHandler,
    OneQueryHandler,
    QueriesHandler,
    RefreshQueryHandler,
)
from .references import (
    ReferenceHandler,
    ReferenceResultHandler,
    ReferencesHandler,
    ReferenceVersionsHandler,
)
from .server import (
    ConnectionsHandler,
    DocsHandler,
    HealthHandler,
    KeyHandler,
    KeysHandler,
    OpenApiHandler,
)
from .services import Services
from .shared import (
    EmbeddedHandler,
    SharedCsvHandler,
    SharedHandler,
    SharedJsonHandler,
    SharedPngHandler,
    SharedSvgHandler,
)
from .sharing import (
    DashboardPasswordHandler,
    DashboardPasswordsHandler,
    DashboardSharingHandler,
    DashboardSharingRefreshHandler,
    DashboardVisitsHandler,
    SharePasswordHandler,
    SharePasswordsHandler,
    SharingHandler,
    SharingRefreshHandler,
    ViewSharingHandler,
    VisitsHandler,
)
from .statements import (
    CancelHandler,
    StatementHandler,
    StatementResultHandler,
    StatementsHandler,
)
from .views import (
    DoorHandler,
    ViewHandler,
    ViewParametersHandler,
    ViewRefreshHandler,
    ViewResultHandler,
    ViewsListHandler,
    ViewSnippetsHandler,
)
from .visitors import VisitedInsightHandler, VisitedInsightsHandler

_PARTS = {
    "{id}": r"([A-Za-z0-9_-]{1,100})",
    "{slug}": r"([A-Za-z0-9_-]{1,200})",
    "{short_id}": r"([A-Za-z0-9]{1,32})",
    "{sha256}": r"([0-9a-f]{64})",
    # Wider than formats are: a wrong one is told which there are.
    "{format}": r"([A-Za-z0-9]{1,16})",
    "{n}": r"([1-9][0-9]{0,8})",
    "{project}": r"(@current|[1-9][0-9]{0,8})",
    "{door}": r"(perspective|insight|endpoint)",
    "{name}": r"([A-Za-z][A-Za-z0-9_-]{0,127})",
    # Wider than versions are: one that cannot be is told of in the page's words.
    "{number}": r"([0-9]{1,9})",
    "{insight}": r"([A-Za-z0-9]{1,32})",
    # Wider than tokens are: a link that was cut when it was copied is told of on a page.
    "{token}": r"([A-Za-z0-9_-]{1,200})",
}


_FOR_BOUND_KEYS = frozenset(
    {"api/health", "api/docs", "api/openapi.json", "api/projects", "api/keys", "api/keys/{id}"}
)
"""What a key that is bound to a project may ask for outside of it: nothing that shows rows."""


class Route(Struct, frozen=True):
    """An address below ``{base_url}views/`` and who answers it."""

    path: str
    handler: type[ViewsHandler]

    @property
    def takes_bound_keys(self) -> bool:
        """Whether a key that is bound to a project is good here: elsewhere there is none to ask."""
        return "{project}" in self.path or self.path in _FOR_BOUND_KEYS

    @property
    def pattern(self) -> str:
        """The address as a regular expression; a trailing slash is optional."""
        pattern = self.path.replace(".", r"\.")
        for name, part in _PARTS.items():
            pattern = pattern.replace(name, part)
        return f"{pattern}/?"


def _of_projects(*tails: tuple[str, type[ViewsHandler]]) -> tuple[Route, ...]:
    """Addresses below a project; an environment is another word for it."""
    return tuple(
        Route(f"api/{noun}/{{project}}/{tail}", handler)
        for noun in ("projects", "environments")
        for tail, handler in tails
    )


ROUTES: tuple[Route, ...] = (
    # The host tries addresses one by one: first those that programs ask for all day.
    *_of_projects(
        ("endpoints/{name}/run", EndpointRunHandler),
        ("endpoints/{name}/run.{format}", EndpointRunHandler),
    ),
    Route("api/v1/perspectives/{slug}/result", PerspectiveResultHandler),
    Route("api/v1/perspectives/{slug}/result.{format}", PerspectiveResultHandler),
    Route("api/health", HealthHandler),
    Route("api/docs", DocsHandler),
    Route("api/openapi.json", OpenApiHandler),
    Route("api/v1/statements", StatementsHandler),
    Route("api/v1/statements/{id}", StatementHandler),
    Route("api/v1/statements/{id}/result", StatementResultHandler),
    Route("api/v1/statements/{id}/cancel", CancelHandler),
    Route("api/v1/query/statement", StatementsHandler),
    Route("api/v1/query/statement/{id}", StatementHandler),
    Route("api/v1/query/statement/{id}/result", StatementResultHandler),
    Route("api/v1/query/statement/{id}/cancel", CancelHandler),
    Route("api/v1/perspectives", PerspectivesHandler),
    Route("api/v1/perspectives/{slug}", PerspectiveHandler),
    Route("api/v1/perspectives/{slug}/refresh", PerspectiveRefreshHandler),
    Route("api/views", ViewsListHandler),
    Route("api/views/{short_id}", ViewHandler),
    Route("api/views/{short_id}/result", ViewResultHandler),
    Route("api/views/{short_id}/result.{format}", ViewResultHandler),
    Route("api/views/{short_id}/parameters", ViewParametersHandler),
    Route("api/views/{short_id}/snippets", ViewSnippetsHandler),
    Route("api/views/{short_id}/refresh", ViewRefreshHandler),
    Route("api/views/{short_id}/chart", ChartHandler),
    Route("api/views/{short_id}/chart.csv", ChartCsvHandler),
    Route("api/views/{short_id}/chart.svg", ChartSvgHandler),
    Route("api/views/{short_id}/chart.png", ChartPngHandler),
    Route("api/views/{short_id}/doors/{door}", DoorHandler),
    Route("api/views/{short_id}/history", HistoryHandler),
    Route("api/views/{short_id}/versions", VersionsHandler),
    Route("api/views/{short_id}/versions/{n}", VersionHandler),
    Route("api/views/{short_id}/versions/{n}/diff", VersionDiffHandler),
    Route("api/views/{short_id}/restore", RestoreHandler),
    Route("api/views/{short_id}/diff", DiffHandler),
    Route("api/views/{short_id}/log", LogHandler),
    Route("api/views/{short_id}/activity", ViewActivityHandler),
    Route("api/views/{short_id}/sharing", ViewSharingHandler),
    Route("api/projects", ProjectsHandler),
    *_of_projects(
        ("insights", VisitedInsightsHandler),
        ("insights/activity", InsightsActivityHandler),
        ("insights/cancel", CancelInsightHandler),
        ("insights/my_last_viewed", LastViewedHandler),
        ("insights/trending", TrendingHandler),
        ("insights/viewed", ViewedHandler),
        ("insights/{insight}", VisitedInsightHandler),
        ("insights/{insight}/activity", InsightActivityHandler),
        ("insights/{insight}/sharing", SharingHandler),
        ("insights/{insight}/sharing/refresh", SharingRefreshHandler),
        ("insights/{insight}/sharing/passwords", SharePasswordsHandler),
        ("insights/{insight}/sharing/passwords/{id}", SharePasswordHandler),
        ("insights/{insight}/sharing/visits", VisitsHandler),
        ("endpoints", EndpointsHandler),
        ("endpoints/last_execution_times", ExecutionTimesHandler),
        ("endpoints/{name}", EndpointHandler),
        ("endpoints/{name}/logs", EndpointLogsHandler),
        ("endpoints/{name}/usage", EndpointUsageHandler),
        ("endpoints/{name}/materialization_status", MaterializationHandler),
        ("endpoints/{name}/openapi.json", EndpointOpenApiHandler),
        ("endpoints/{name}/versions", EndpointVersionsHandler),
        ("endpoints/{name}/versions/{number}", EndpointVersionHandler),
        ("query/{id}", QueryHandler),
        ("dashboards", DashboardsHandler),
        ("dashboards/{n}", DashboardHandler),
        ("dashboards/{n}/sharing", DashboardSharingHandler),
        ("dashboards/{n}/sharing/refresh", DashboardSharingRefreshHandler),
        ("dashboards/{n}/sharing/passwords", DashboardPasswordsHandler),
        ("dashboards/{n}/sharing/passwords/{id}", DashboardPasswordHandler),
        ("dashboards/{n}/sharing/visits", DashboardVisitsHandler),
    ),
    Route("api/queries", QueriesHandler),
    # Before the keys of queries, which "refs" could be.
    Route("api/queries/refs", ReferencesHandler),
    Route("api/queries/refs/{short_id}", ReferenceHandler),
    Route("api/queries/refs/{short_id}/result", ReferenceResultHandler),
    Route("api/queries/refs/{short_id}/result.{format}", ReferenceResultHandler),
    Route("api/queries/refs/{short_id}/versions", ReferenceVersionsHandler),
    Route("api/queries/{id}", OneQueryHandler),
    Route("api/queries/{id}/execute", ExecuteQueryHandler),
    Route("api/queries/{id}/refresh", RefreshQueryHandler),
    Route("api/frames/{sha256}", FrameHandler),
    Route("api/keys", KeysHandler),
    Route("api/keys/{id}", KeyHandler),
    Route("api/connections", ConnectionsHandler),
    Route("api/doctor", DoctorHandler),
    Route("q/{short_id}", ReferencePageHandler),
    Route("q/{short_id}.svg", ReferencePictureHandler),
    Route("q/{short_id}.{format}", ReferenceFileHandler),
    Route("p/{slug}", ViewPageHandler),
    Route("p/{slug}.svg", ViewPictureHandler),
    Route("p/{slug}.{format}", ViewFileHandler),
    Route("shared/{token}", SharedHandler),
    Route("shared/{token}.json", SharedJsonHandler),
    Route("shared/{token}.csv", SharedCsvHandler),
    Route("shared/{token}.svg", SharedSvgHandler),
    Route("shared/{token}.png", SharedPngHandler),
    Route("embedded/{token}", EmbeddedHandler),
)


def handlers(services: Callable[[], Services]) -> list[tuple[Any, ...]]:
    """The table as tornado wants it, relative to the server's base address."""
    settings = {"services": services}
    table = [
        (
            f"/views/{route.pattern}",
            route.handler,
            settings | {"takes_bound_keys": route.takes_bound_keys},
        )
        for route in ROUTES
    ]
    nowhere = settings | {"takes_bound_keys": True}
    return [*table, (r"/views(?:/.*)?", UnknownAddress, nowhere)]
