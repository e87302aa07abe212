"""Sharing, for owners: the link of an insight or a dashboard, its passwords, who opened it."""

from __future__ import annotations

from msgspec import Struct

from ..core.errors import BadRequest, ViewsError
from ..core.links import Subject, subject_of, subject_of_dashboard
from ..core.sharing import Configuration
from ..wire.envelope import BareError
from ..wire.sharing import (
    PasswordCreate,
    PasswordCreated,
    SharingOut,
    SharingUpdate,
    VisitsOut,
    VisitsQuery,
    password_created,
    share_change,
    sharing_out,
    visit_out,
)
from .operations import route
from .projects import EnvelopeHandler

_READ, _WRITE = "sharing_configuration:read", "sharing_configuration:write"


class SharingBase(EnvelopeHandler):
    """What these addresses have in common; the answer may hold a secret."""

    async def subject(self, project: str, key: str) -> Subject:
        """The readable insight that the address names."""
        number = await self.project(project)
        return subject_of(await self.services.insights.find(self.actor, number, key))

    def send_configuration(self, found: Configuration) -> None:
        """Answer with how it is shared now."""
        self.set_header("Cache-Control", "private, no-store")
        self.send(sharing_out(found, f"{self.prefix}/shared"))

    def error_out(self, error: ViewsError) -> Struct:
        """One bare sentence where a field of the link, not of the body, is at fault."""
        if isinstance(error, BadRequest) and "field" in error.details:
            return BareError(error=error.message)
        return super().error_out(error)


class SharingHandler(SharingBase):
    """``…/insights/{insight}/sharing``."""

    @route("read", _READ, "How it is shared", answer=SharingOut)
    async def get(self, project: str, key: str) -> None:
        """Whether there is a link and what it shows; the address only for the owner."""
        subject = await self.subject(project, key)
        self.send_configuration(await self.services.sharing.configuration(self.actor, subject))

    head = get

    @route("write", _WRITE, "Share it", body=SharingUpdate, answer=SharingOut)
    async def patch(self, project: str, key: str) -> None:
        """Switch the link on or off, or change what it shows; its address stays."""
        subject = await self.subject(project, key)
        self.services.sharing.require_owner(self.actor, subject)
        change = share_change(self.body(SharingUpdate))
        self.send_configuration(await self.services.sharing.change(self.actor, subject, change))

    @route("write", _WRITE, "Revoke its link", status=204)
    async def delete(self, project: str, key: str) -> None:
        """End the link at once and for good; the next one has another address."""
        await self.services.sharing.revoke(self.actor, await self.subject(project, key))
        self.send_nothing(204)


class ViewSharingHandler(SharingBase):
    """``api/views/{short_id}/sharing``."""

    @route("read", _READ, "How a view is shared", answer=SharingOut)
    async def get(self, short_id: str) -> None:
        """The same for a view that may be no insight: what is to be known before it is shared."""
        view = await self.services.reading.by_short_id(self.actor, short_id)
        found = await self.services.sharing.configuration(self.actor, subject_of(view))
        self.send_configuration(found)

    head = get


class SharingRefreshHandler(SharingBase):
    """``…/sharing/refresh``."""

    @route("write", _WRITE, "Give its link another address", answer=SharingOut)
    async def post(self, project: str, key: str) -> None:
        """The old address works for five more minutes; passwords and settings stay."""
        subject = await self.subject(project, key)
        self.send_configuration(await self.services.sharing.rotate(self.actor, subject))


class SharePasswordsHandler(SharingBase):
    """``…/sharing/passwords``."""

    @route("write", _WRITE, "Add a password", body=PasswordCreate, answer=PasswordCreated)
    async def post(self, project: str, key: str) -> None:
        """A password that opens the link; it is in this answer alone."""
        subject = await self.subject(project, key)
        self.services.sharing.require_owner(self.actor, subject)
        body = self.body(PasswordCreate)
        made, password = await self.services.sharing.add_password(
            self.actor, subject, body.raw_password, body.note
        )
        self.set_header("Cache-Control", "private, no-store")
        self.send(password_created(made, password))


class SharePasswordHandler(SharingBase):
    """``…/sharing/passwords/{id}``."""

    @route("write", _WRITE, "Remove a password", status=204)
    async def delete(self, project: str, key: str, password_id: str) -> None:
        """End a password, and with it whatever it opened."""
        subject = await self.subject(project, key)
        await self.services.sharing.remove_password(self.actor, subject, password_id)
        self.send_nothing(204)


class VisitsHandler(SharingBase):
    """``…/sharing/visits``."""

    @route("read", _READ, "Who opened its link", query=VisitsQuery, answer=VisitsOut)
    async def get(self, project: str, key: str) -> None:
        """The access log, newest first; for the owner alone."""
        subject = await self.subject(project, key)
        query = self.query(VisitsQuery)
        start = (query.page - 1) * query.limit
        found = await self.services.sharing.visits(self.actor, subject, query.limit, start)

        def address(page: int) -> str:
            return self.page_address(query.limit, page, "page")

        self.send(
            VisitsOut(
                results=tuple(map(visit_out, found.items)),
                next=address(query.page + 1) if start + query.limit < found.total else None,
                previous=address(query.page - 1) if query.page > 1 else None,
                total_count=found.total,
            )
        )

    head = get


class DashboardSharingBase(SharingBase):
    """The same for a dashboard."""

    async def subject(self, project: str, key: str) -> Subject:
        """The dashboard that the address names, where the caller may open it."""
        number = await self.project(project)
        return subject_of_dashboard(
            await self.services.dashboards.get(self.actor, number, int(key))
        )


class DashboardSharingHandler(DashboardSharingBase, SharingHandler):
    """``…/dashboards/{n}/sharing``."""


class DashboardSharingRefreshHandler(DashboardSharingBase, SharingRefreshHandler):
    """``…/dashboards/{n}/sharing/refresh``."""


class DashboardPasswordsHandler(DashboardSharingBase, SharePasswordsHandler):
    """``…/dashboards/{n}/sharing/passwords``."""


class DashboardPasswordHandler(DashboardSharingBase, SharePasswordHandler):
    """``…/dashboards/{n}/sharing/passwords/{id}``."""


class DashboardVisitsHandler(DashboardSharingBase, VisitsHandler):
    """``…/dashboards/{n}/sharing/visits``."""
