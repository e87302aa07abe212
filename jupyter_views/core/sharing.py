"""Sharing, the owner's side: switch a link on and off, protect, rotate and end it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from .activity import Activity, Scope, changes_between, new_activity_id
from .batches import Batches
from .errors import BadRequest, Conflict, Forbidden, Invalid, NotFound
from .links import DAY, HINT_LENGTH, LinkSecret, LinkSettings, Share, SharePassword, Subject, Visit
from .model import SECOND, Actor, Instant, Page
from .names import hash_key, new_id
from .passwords import hash_password, new_password
from .ports import Clock

GRACE: Instant = 300 * SECOND
"""How long the old address of a rotated link goes on working."""
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1000
MOST_PASSWORDS = 20
_TRIES = 3


class ShareChange(Struct, frozen=True, kw_only=True):
    """New values of a link; what is absent stays."""

    enabled: bool | UnsetType = UNSET
    settings: LinkSettings | None | UnsetType = UNSET
    password_required: bool | UnsetType = UNSET
    expires_at: Instant | None | UnsetType = UNSET


class Configuration(Struct, frozen=True, kw_only=True):
    """How something is shared, for one reader.

    Attributes
    ----------
    share
        None while it never was.
    token
        Of its link, for its owner alone; None too where the store's secret
        is no longer the one that it was made with.
    ends_at
        When the link expires; None for never.
    old_until
        Until when the address before this one works too; None where none
        does.
    is_allowed
        The administrator lets this server have links.
    """

    share: Share | None
    token: str | None
    ends_at: Instant | None
    old_until: Instant | None
    is_allowed: bool


class OwnerRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def shown(self, scope: Scope, item_id: int) -> Share | None: ...
    def old_until(self, scope: Scope, item_id: int, at: Instant) -> Instant | None: ...
    def create(self, share: Share, activities: Iterable[Activity]) -> None: ...
    def change(
        self, share: Share, values: dict[str, Any], at: Instant, activities: Iterable[Activity]
    ) -> None: ...
    def rotate(self, old: Share, new: Share, until: Instant, activity: Activity) -> None: ...
    def revoke(self, share: Share, at: Instant, activity: Activity) -> None: ...
    def add_password(
        self, share_id: str, password: SharePassword, password_hash: str, activity: Activity
    ) -> None: ...
    def remove_password(self, share: Share, password_id: str, activity: Activity) -> bool: ...
    def visits(self, scope: Scope, item_id: int, limit: int, offset: int) -> Page: ...


class SharingService:
    """What an owner does with the link of a view or a dashboard.

    Parameters
    ----------
    is_allowed
        False closes every link of the server at once.
    max_days
        How long a link lives at most; 0 for no bound.
    """

    def __init__(
        self,
        *,
        rows: OwnerRows,
        secret: LinkSecret,
        visits: Batches[Visit],
        clock: Clock,
        is_allowed: bool,
        max_days: int,
    ) -> None:
        self._rows = rows
        self._secret = secret
        self._visits = visits
        self._clock = clock
        self._is_allowed = is_allowed
        self._max_days = max_days

    async def configuration(self, actor: Actor, subject: Subject) -> Configuration:
        """How it is shared; a reader who is not its owner learns no token and no passwords."""
        await self._visits.flush()
        share = await self._shown(subject)
        if share is None:
            return self._configuration(None, None, None)
        if actor.name != subject.owner:
            return self._configuration(replace(share, passwords=()), None, None)
        old_until = await asyncio.to_thread(
            self._rows.old_until, subject.scope, subject.item_id, self._clock.now()
        )
        return self._configuration(share, self._secret.token_of(share), old_until)

    def _configuration(
        self, share: Share | None, token: str | None, old_until: Instant | None
    ) -> Configuration:
        return Configuration(
            share=share,
            token=token,
            ends_at=share.ends_at(self._max_days) if share else None,
            old_until=old_until,
            is_allowed=self._is_allowed,
        )

    def require_owner(self, actor: Actor, subject: Subject) -> None:
        """Raise Forbidden unless the actor owns it; asked before a body is looked at."""
        if actor.name != subject.owner:
            raise Forbidden(f"Only {subject.owner} can share this.")

    async def change(self, actor: Actor, subject: Subject, change: ShareChange) -> Configuration:
        """Switch a link on or off, or change what its page shows; its address stays.

        Raises
        ------
        Forbidden
            When the actor is not the owner, or the administrator allows no links.
        Invalid
            When it would expire in the past, or later than is allowed.
        """
        self.require_owner(actor, subject)
        if change.enabled is True and not self._is_allowed:
            raise Forbidden(
                "Links for everybody are switched off on this server.",
                hint="Its administrator can allow them.",
            )
        for _ in range(_TRIES):
            share = await self._shown(subject)
            try:
                await self._write(actor, subject, share, change)
                break
            except Conflict:  # somebody shared it first: change that one
                continue
        return await self.configuration(actor, subject)

    async def _write(
        self, actor: Actor, subject: Subject, share: Share | None, change: ShareChange
    ) -> None:
        now = self._clock.now()
        before = share or self._new_share(actor, subject, now)
        values = {
            name: value
            for name in change.__struct_fields__
            if (value := getattr(change, name)) is not UNSET
        }
        if "expires_at" in values:
            values["expires_at"] = self._end(values["expires_at"], now)
        if values.get("enabled") and not before.enabled:
            values["enabled_by"] = actor.name
        after = replace(before, **values)
        ends_at = after.ends_at(self._max_days)
        if after.enabled and not before.enabled and ends_at is not None and ends_at <= now:
            raise Invalid(
                f"This link expired at {_iso(ends_at)}.",
                hint="Send a new expires_at.",
                field="expires_at",
            )
        activities = _changes(actor, subject, before, after, now)
        if share is None:
            await asyncio.to_thread(self._rows.create, after, activities)
        elif values:
            await asyncio.to_thread(self._rows.change, share, values, now, activities)

    def _end(self, wanted: Instant | None, now: Instant) -> Instant | None:
        latest = now + self._max_days * DAY if self._max_days else None
        if wanted is None:
            return latest
        if wanted <= now:
            raise Invalid("expires_at is in the past.", field="expires_at")
        if latest is not None and wanted > latest:
            raise Invalid(
                f"A link of this server lives {self._max_days} days at most.", field="expires_at"
            )
        return wanted

    async def rotate(self, actor: Actor, subject: Subject) -> Configuration:
        """Give the link another address; the old one works for five more minutes.

        Settings, expiry and passwords stay.

        Raises
        ------
        Conflict
            When somebody replaced it at the same moment.
        """
        self.require_owner(actor, subject)
        now = self._clock.now()
        old = await self._shown(subject)
        new = self._new_share(actor, subject, now)
        activity = link_deed(actor.name, subject, "access token refreshed", now)
        if old is None:
            await asyncio.to_thread(self._rows.create, new, (activity,))
        else:
            kept = ("enabled", "enabled_by", "settings", "password_required", "expires_at")
            new = replace(new, **{name: getattr(old, name) for name in kept})
            await asyncio.to_thread(self._rows.rotate, old, new, now + GRACE, activity)
        return await self.configuration(actor, subject)

    async def revoke(self, actor: Actor, subject: Subject) -> None:
        """End the link at once and for good; the next one has another address."""
        self.require_owner(actor, subject)
        share = await self._shown(subject)
        if share is not None:
            now = self._clock.now()
            activity = link_deed(actor.name, subject, "sharing revoked", now)
            await asyncio.to_thread(self._rows.revoke, share, now, activity)

    async def add_password(
        self, actor: Actor, subject: Subject, password: str | None, note: str | None
    ) -> tuple[SharePassword, str]:
        """Add a password, a made one where none is given: (what is kept, the password).

        Raises
        ------
        BadRequest
            When the link asks for no password.
        Invalid
            When it is too short, or there are too many.
        """
        self.require_owner(actor, subject)
        share = await self._shown(subject)
        if share is None or not share.password_required:
            raise BadRequest(
                "Password protection must be enabled before creating passwords",
                details={"field": "password_required"},
            )
        if len(share.passwords) >= MOST_PASSWORDS:
            raise Invalid(f"A link has {MOST_PASSWORDS} passwords at most.", field="raw_password")
        chosen = _checked(password) if password and password.strip() else new_password()
        now = self._clock.now()
        made = SharePassword(id=new_id("pass"), note=note, created_at=now, created_by=actor.name)
        activity = link_deed(actor.name, subject, "share password created", now)
        password_hash = await asyncio.to_thread(hash_password, chosen)
        await asyncio.to_thread(self._rows.add_password, share.id, made, password_hash, activity)
        return made, chosen

    async def remove_password(self, actor: Actor, subject: Subject, password_id: str) -> None:
        """End a password, and with it whatever it opened."""
        self.require_owner(actor, subject)
        share = await self._shown(subject)
        activity = link_deed(actor.name, subject, "share password deleted", self._clock.now())
        if share is None or not await asyncio.to_thread(
            self._rows.remove_password, share, password_id, activity
        ):
            raise NotFound("Password not found")

    async def visits(self, actor: Actor, subject: Subject, limit: int, offset: int) -> Page:
        """Who opened the link, newest first; for its owner alone."""
        self.require_owner(actor, subject)
        await self._visits.flush()
        return await asyncio.to_thread(
            self._rows.visits, subject.scope, subject.item_id, limit, offset
        )

    async def _shown(self, subject: Subject) -> Share | None:
        return await asyncio.to_thread(self._rows.shown, subject.scope, subject.item_id)

    def _new_share(self, actor: Actor, subject: Subject, now: Instant) -> Share:
        share_id = new_id("share")
        token = self._secret.token(share_id)
        return Share(
            id=share_id,
            scope=subject.scope,
            item_id=subject.item_id,
            token_hash=hash_key(token),
            hint=token[-HINT_LENGTH:],
            enabled=False,
            enabled_by=None,
            settings=None,
            password_required=False,
            created_at=now,
            created_by=actor.name,
            expires_at=self._end(None, now),
        )


def _checked(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(
            f"A password has at least {SHORTEST_PASSWORD} characters.", field="raw_password"
        )
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(
            f"A password has {LONGEST_PASSWORD:,} characters at most.", field="raw_password"
        )
    return password


def _changes(
    actor: Actor, subject: Subject, before: Share, after: Share, now: Instant
) -> list[Activity]:
    """What a change did: the switch is a deed of its own."""
    old, new = _said(before), _said(after)
    deeds = []
    if before.enabled != after.enabled:
        word = "sharing enabled" if after.enabled else "sharing disabled"
        deeds.append(link_deed(actor.name, subject, word, now))
    changes = changes_between(old, new)
    if changes:
        deeds.append(link_deed(actor.name, subject, "sharing changed", now, changes))
    return deeds


def _said(share: Share) -> dict[str, Any]:
    """The fields of a link that its owner chooses, as they are called on the wire."""
    return {
        "expires_at": _iso(share.expires_at),
        "password_required": share.password_required,
        "settings": msgspec.to_builtins(share.settings),
    }


def link_deed(
    person: str | None, subject: Subject, word: str, now: Instant, changes: Any = None
) -> Activity:
    """What somebody did to a link, for the log of its object; None is a visitor."""
    return Activity(
        id=new_activity_id(),
        project_id=subject.project_id,
        scope=subject.scope,
        item_id=subject.item_id,
        short_id=subject.short_id,
        name=subject.name,
        person=person,
        activity=word,
        at=now,
        changes=changes,
    )


def _iso(at: Instant | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / SECOND, UTC).isoformat()
