"""Sharing, the visitors' side: who has a link's address, and maybe its password, may read."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Protocol
from weakref import WeakValueDictionary

from .activity import Activity, Change
from .batches import Batches
from .errors import NotFound, TooMany, Unauthenticated
from .freshness import Mode
from .limits import RateLimit
from .links import LinkSecret, Share, SharePassword, Subject, Visit
from .model import SECOND, Instant, View
from .names import hash_key
from .passwords import is_password
from .ports import Clock
from .sharing import LONGEST_PASSWORD, link_deed

TICKET: Instant = 86_400 * SECOND
"""How long a password that was given need not be given again."""
_WINDOW: Instant = 600 * SECOND
_TRIES = 10
# Of all addresses together: else a password of a few letters falls to many guessers.
_TRIES_OF_ALL = 100
_TOLD_AFTER = 5
# Words of ``refresh`` that make a visitor wait for new rows where the old are not fresh.
_WAITING = frozenset({"", "true", "1", "yes", "blocking", "force_blocking", "force_async"})


class VisitorRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def known(self, token_hash: str) -> Share | None: ...
    def find(self, token_hash: str) -> Share | None: ...
    def hashes(self, share_id: str) -> list[tuple[SharePassword, str]]: ...
    def refusals(self, share_id: str, since: Instant, limit: int) -> list[tuple[str, Instant]]: ...
    def note_attempt(self, visit: Visit, activity: Activity) -> None: ...


class VisitingService:
    """Opens links for those who have their address; nobody here is signed in.

    Parameters
    ----------
    find
        The view with a key.
    is_allowed, max_days
        As in :class:`~.sharing.SharingService`.
    """

    def __init__(
        self,
        *,
        rows: VisitorRows,
        find: Callable[[int], View | None],
        secret: LinkSecret,
        visits: Batches[Visit],
        clock: Clock,
        is_allowed: bool,
        max_days: int,
    ) -> None:
        self._rows = rows
        self._find = find
        self._secret = secret
        self._visits = visits
        self._clock = clock
        self._is_allowed = is_allowed
        self._max_days = max_days
        self._rate = RateLimit(clock, count=120, seconds=60)
        self._strays = RateLimit(clock, count=120, seconds=60)
        self._waits = RateLimit(clock, count=6, seconds=60)
        self._choices = RateLimit(clock, count=30, seconds=60)
        self._unlocking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self, token: str, address: str) -> Share:
        """The link with this token, if it answers.

        Raises
        ------
        NotFound
            For one that is unknown, expired, replaced, revoked or switched
            off, and where its object is deleted: nobody can tell which.
        TooMany
            Beyond 120 requests a minute for a link, or for links that are
            not there, from one address.
        """
        network = _network(address)
        token_hash = hash_key(token)
        share = self._rows.known(token_hash) or await asyncio.to_thread(self._rows.find, token_hash)
        if (
            share is None
            or not self._is_allowed
            or not share.is_open(self._clock.now(), self._max_days)
        ):
            self._strays.take(network, "Too many requests.")
            raise NotFound("This link does not exist or is no longer shared.")
        self._rate.take(f"{share.id}\n{network}", "Too many requests.")
        return share

    def is_unlocked(self, share: Share, tickets: tuple[str, ...]) -> bool:
        """Whether one of these was given for a password of this link that is still good."""
        if not share.password_required:
            return True
        active = {(share.id, password.id) for password in share.passwords}
        now = self._clock.now()
        return any(self._secret.read_ticket(ticket, now) in active for ticket in tickets)

    async def view(self, share: Share) -> View:
        """The view behind a link; NotFound where it was deleted a moment ago, and behind others."""
        found = None
        if share.scope == "view":
            found = await asyncio.to_thread(self._find, share.item_id)
        if found is None:
            raise NotFound("This link does not exist or is no longer shared.")
        return found

    async def unlock(self, share: Share, subject: Subject, password: str, address: str) -> str:
        """A ticket for the right password.

        Attempts on one link are made one after the other, so that fifty at
        once are no more than fifty.

        Raises
        ------
        Unauthenticated
            For a wrong one.
        TooMany
            After ten wrong ones from an address within ten minutes, or a
            hundred from all.
        """
        lock = self._unlocking.setdefault(share.id, asyncio.Lock())
        async with lock:
            await self._require_tries(share, address)
            opened = await asyncio.to_thread(self._opened_by, share, password)
            now = self._clock.now()
            visit = Visit(
                share_id=share.id,
                kind="refused" if opened is None else "unlocked",
                address=address,
                at=now,
            )
            await asyncio.to_thread(
                self._rows.note_attempt, visit, _login(share, subject, opened, visit)
            )
        if opened is None:
            raise Unauthenticated("Incorrect password", hint=await self._warning(share, address))
        return self._secret.ticket(share.id, opened.id, now + TICKET)

    def _opened_by(self, share: Share, password: str) -> SharePassword | None:
        if not password or len(password) > LONGEST_PASSWORD:
            return None
        for kept, password_hash in self._rows.hashes(share.id):
            if is_password(password, password_hash):
                return kept
        return None

    async def _require_tries(self, share: Share, address: str) -> None:
        mine, all_of_them = await self._refusals(share, address)
        for times, most in ((mine, _TRIES), (all_of_them, _TRIES_OF_ALL)):
            if len(times) >= most:
                wait = self._wait(times[most - 1])
                raise TooMany(
                    "Too many wrong passwords.",
                    hint=f"Try again in {wait} s.",
                    retry_after_seconds=wait,
                )

    async def _warning(self, share: Share, address: str) -> str | None:
        """What somebody who goes on guessing has to expect; nothing before the fifth time."""
        mine, _ = await self._refusals(share, address)
        if len(mine) < _TOLD_AFTER:
            return None
        left = _TRIES - len(mine)
        wait = self._wait(mine[-1])
        if left <= 0:
            return f"You can try again in {wait} s."
        return f"After {left} more you have to wait {wait} s."

    async def _refusals(self, share: Share, address: str) -> tuple[list[Instant], list[Instant]]:
        """Instants of wrong passwords, newest first: of this address, of all."""
        since = self._clock.now() - _WINDOW
        found = await asyncio.to_thread(self._rows.refusals, share.id, since, _TRIES_OF_ALL)
        network = _network(address)
        mine = [at for where, at in found if _network(where) == network]
        return mine, [at for _, at in found]

    def _wait(self, at: Instant) -> int:
        return max(1, -(-(at + _WINDOW - self._clock.now()) // SECOND))

    def mode(self, share: Share, asked: str | None) -> Mode:
        """What a visitor's ``refresh`` comes to: anonymous demand must not force work.

        Whoever asks for new rows waits for them only where the old ones are
        not fresh, and six times a minute of all visitors.
        """
        if asked == Mode.ASYNC:
            return Mode.ASYNC
        if asked in _WAITING:
            try:
                self._waits.take(f"{share.scope} {share.item_id}", "")
            except TooMany:
                return Mode.LAZY_ASYNC
            return Mode.BLOCKING
        return Mode.LAZY_ASYNC

    def take_choice(self, share: Share) -> None:
        """Count that somebody chose values of his own, which may have the query run.

        Raises
        ------
        TooMany
            Beyond thirty a minute of all visitors of a link: the owner's
            machine pays for them.
        """
        self._choices.take(f"{share.scope} {share.item_id}", "Too many other values were tried.")

    def note(self, share: Share, kind: str, address: str) -> None:
        """Write in the access log that somebody got something; back at once."""
        self._visits.add(Visit(share_id=share.id, kind=kind, address=address, at=self._clock.now()))


def _network(address: str) -> str:
    """The address, or the 64 bits of an IPv6 one that belong to one household."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _login(share: Share, subject: Subject, opened: SharePassword | None, visit: Visit) -> Activity:
    after = {
        "access_token_suffix": share.hint,
        "client_ip": visit.address,
        "success": opened is not None,
        "resource_type": "insight" if share.scope == "view" else share.scope,
    }
    if opened is not None:
        after |= {"password_id": opened.id, "password_note": opened.note}
    word = "share_login_failed" if opened is None else "share_login_success"
    change = Change(field="authentication_attempt", after=after)
    return link_deed(None, subject, word, visit.at, (change,))
