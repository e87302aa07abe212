"""Dashboards: their list, and one of them."""

from __future__ import annotations

from ..core.dashboards import Dashboard
from ..core.errors import MethodNotAllowed
from ..wire.dashboards import (
    DashboardChanges,
    DashboardCreate,
    DashboardOut,
    DashboardPut,
    DashboardsQuery,
    dashboard_change,
    dashboard_item,
    dashboard_out,
    new_dashboard,
)
from ..wire.envelope import OffsetPage
from .doors import object_tag
from .idempotency import Answer, answer_once
from .insights import InsightsBase
from .operations import route


class _DashboardHandler(InsightsBase):
    async def dashboard(
        self, project: str, number: str, *, even_deleted: bool = False
    ) -> Dashboard:
        return await self.services.dashboards.get(
            self.actor, await self.project(project), int(number), even_deleted=even_deleted
        )

    async def told(self, dashboard: Dashboard) -> DashboardOut:
        views = await self.services.dashboards.views(dashboard)
        return dashboard_out(dashboard, await self.basics(views), self.actor)

    async def send_dashboard(self, dashboard: Dashboard) -> None:
        told = await self.told(dashboard)
        self.send(told, etag=object_tag(_key(dashboard), dashboard, told))


class DashboardsHandler(_DashboardHandler):
    """``api/projects/{project}/dashboards``."""

    @route("read", "dashboard:read", "List dashboards", query=DashboardsQuery, answer=OffsetPage)
    async def get(self, project: str) -> None:
        """Own and public ones by name, without their tiles."""
        query = self.query(DashboardsQuery)
        page = await self.services.dashboards.list(
            self.actor, await self.project(project), query.limit, query.offset
        )
        items = tuple(dashboard_item(each, self.actor) for each in page.items)
        self.send(self.page(query.limit, query.offset, items, page.total))

    head = get

    @route(
        "write",
        "dashboard:write",
        "Make a dashboard",
        body=DashboardCreate,
        answer=DashboardOut,
        status=201,
    )
    async def post(self, project: str) -> None:
        """A dashboard of the caller's, with a tile for each insight that is named."""
        number = await self.project(project)
        new = new_dashboard(self.body(DashboardCreate))

        async def work() -> Answer:
            made = await self.services.dashboards.create(self.actor, number, new)
            told = await self.told(made)
            here = f"{self.prefix}/api/projects/{number}/dashboards/{made.id}"
            tag = object_tag(_key(made), made, told)
            return Answer(status=201, body=told, headers={"Location": here, "Etag": f'"{tag}"'})

        await answer_once(self, f"projects/{number}/dashboards", work)


class DashboardHandler(_DashboardHandler):
    """``api/projects/{project}/dashboards/{n}``."""

    @route("read", "dashboard:read", "Get a dashboard", answer=DashboardOut)
    async def get(self, project: str, number: str) -> None:
        """With those tiles whose insight the caller may read; starts no refresh."""
        await self.send_dashboard(await self.dashboard(project, number))

    head = get

    @route(
        "write",
        "dashboard:write",
        "Change a dashboard",
        body=DashboardChanges,
        answer=DashboardOut,
    )
    async def patch(self, project: str, number: str) -> None:
        """Change any subset of its fields; the owner only. ``deleted`` takes it away or back."""
        await self._change(project, number, DashboardChanges)

    @route("write", "dashboard:write", "Change a dashboard", body=DashboardPut, answer=DashboardOut)
    async def put(self, project: str, number: str) -> None:
        """The same, with a name."""
        await self._change(project, number, DashboardPut)

    async def _change(self, project: str, number: str, kind: type[DashboardChanges]) -> None:
        # Who may not change it learns nothing of what its body should be.
        found = await self.dashboard(project, number, even_deleted=True)
        self.services.dashboards.require_owner(self.actor, found)
        change = dashboard_change(self.body(kind))
        if found.deleted and change.fields.get("deleted") is not False:
            found = await self.dashboard(project, number)
        if_match = self.required_revision(_key(found), found.revision)
        await self.send_dashboard(
            await self.services.dashboards.change(self.actor, found, change, if_match=if_match)
        )

    @route("write", "dashboard:write", "Refused: a dashboard is deleted by PATCH", status=405)
    async def delete(self, project: str, number: str) -> None:
        """Nothing is deleted for good, as with insights."""
        await self.dashboard(project, number)
        raise MethodNotAllowed(
            "A dashboard is not deleted for good.", hint='Send PATCH {"deleted": true}.'
        )


def _key(dashboard: Dashboard) -> str:
    return f"dashboard-{dashboard.id}"
