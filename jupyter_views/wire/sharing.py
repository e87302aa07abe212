"""How something is shared, as JSON: the sharing pages' dialect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.errors import Invalid
from ..core.links import LinkSettings, SharePassword, Visit
from ..core.model import SECOND, Instant
from ..core.sharing import Configuration, ShareChange
from .fields import iso


class SharingUpdate(Struct, frozen=True, kw_only=True):
    """Body of a change: what is absent stays."""

    enabled: bool | UnsetType = UNSET
    settings: Any = UNSET
    password_required: bool | UnsetType = UNSET
    expires_at: (
        Annotated[datetime, Meta(description="ISO 8601; UTC where it has no zone.")]
        | UnsetType
        | None
    ) = UNSET


class PasswordCreate(Struct, frozen=True, kw_only=True):
    """Body of a new password; one is made where none is given."""

    raw_password: str | None = None
    note: Annotated[str, Meta(max_length=100)] | None = None


class PasswordOut(Struct, frozen=True, kw_only=True):
    """A password that opens a link, without itself."""

    id: str
    created_at: str
    note: str | None
    created_by_email: str
    is_active: bool = True


class PasswordCreated(Struct, frozen=True, kw_only=True):
    """A new password; it is in this answer alone."""

    id: str
    password: str
    note: str | None
    created_at: str
    created_by_email: str


class SharingOut(Struct, frozen=True, kw_only=True):
    """How something is shared.

    ``access_token``, ``url`` and ``old_url_until`` are the owner's to see,
    and null while there is no link.
    """

    created_at: str | None
    enabled: bool
    access_token: str | None
    settings: LinkSettings | None
    password_required: bool
    share_passwords: tuple[PasswordOut, ...]
    expires_at: str | None
    url: str | None
    old_url_until: str | None
    opened_count: int
    last_opened_at: str | None
    is_allowed: bool


class VisitsQuery(Struct, frozen=True, kw_only=True):
    """Query string of an access log."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Entries on a page.")] = 10
    page: Annotated[int, Meta(ge=1, le=2**31, description="1 for the newest.")] = 1


class VisitOut(Struct, frozen=True, kw_only=True):
    """Somebody opened a link, or tried to."""

    at: str
    kind: str
    address: str
    link: str


class VisitsOut(Struct, frozen=True, kw_only=True):
    """A page of the access log, newest first."""

    results: tuple[VisitOut, ...]
    next: str | None
    previous: str | None
    total_count: int


def share_change(body: SharingUpdate) -> ShareChange:
    """A change in the core's words."""
    ends_at = body.expires_at
    return ShareChange(
        enabled=body.enabled,
        settings=_settings(body.settings),
        password_required=body.password_required,
        expires_at=_instant(ends_at) if isinstance(ends_at, datetime) else ends_at,
    )


def _settings(raw: Any) -> LinkSettings | None | UnsetType:
    """What is known of the settings; unknown keys are dropped."""
    if raw is UNSET or raw is None:
        return raw
    try:
        return msgspec.convert(raw, LinkSettings)
    except msgspec.ValidationError as error:
        raise Invalid(
            "Invalid settings format", hint=f"{error}.".replace("`", ""), field="settings"
        ) from None


def _instant(moment: datetime) -> Instant:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return int(zoned.timestamp()) * SECOND
    except OverflowError:
        raise Invalid("expires_at is no instant.", field="expires_at") from None


def sharing_out(found: Configuration, rooms: str) -> SharingOut:
    """A configuration as this page's clients expect it.

    Parameters
    ----------
    rooms
        Path below which the pages of links lie.
    """
    share = found.share
    return SharingOut(
        created_at=iso(share.created_at) if share else None,
        enabled=share is not None and share.enabled,
        access_token=found.token,
        settings=share.settings if share else None,
        password_required=share is not None and share.password_required,
        share_passwords=tuple(map(_password_out, share.passwords)) if share else (),
        expires_at=iso(found.ends_at),
        url=f"{rooms}/{found.token}" if found.token else None,
        old_url_until=iso(found.old_until),
        opened_count=share.opened_count if share else 0,
        last_opened_at=iso(share.last_opened_at) if share else None,
        is_allowed=found.is_allowed,
    )


def _password_out(password: SharePassword) -> PasswordOut:
    return PasswordOut(
        id=password.id,
        created_at=iso(password.created_at) or "",
        note=password.note,
        created_by_email=password.created_by,
    )


def password_created(made: SharePassword, password: str) -> PasswordCreated:
    """A new password with itself."""
    return PasswordCreated(
        id=made.id,
        password=password,
        note=made.note,
        created_at=iso(made.created_at) or "",
        created_by_email=made.created_by,
    )


def visit_out(visit: Visit) -> VisitOut:
    """A line of the access log."""
    return VisitOut(at=iso(visit.at) or "", kind=visit.kind, address=visit.address, link=visit.hint)
