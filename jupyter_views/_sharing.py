"""The link of a view: made, looked at, given another address, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from urllib.parse import urljoin

from ._output import moment
from ._rule import seconds_of
from ._transport import Transport
from .core.errors import Invalid, NotFound

EXPIRES = "7d"
"""How long a link works where nobody says anything else."""
NEVER = "never"


@dataclass(frozen=True)
class Share:
    """A link to a view: whoever has its address reads the view, without an account.

    Attributes
    ----------
    url
        Its address, beginning as this client reaches the server. None for
        people who do not own the view, and where the server cannot tell it
        any more; ``rotate_link()`` makes another.
    password
        The one that was made with this answer, and that no other will tell.
    expires_at
        Aware, UTC; None for never.
    opened_count, last_opened_at
        How often the link was opened, and when last.
    enabled
        Whether it is switched on.
    password_required
        Whether it asks for a password.
    """

    url: str | None
    password: str | None
    expires_at: datetime | None
    opened_count: int
    last_opened_at: datetime | None
    enabled: bool
    password_required: bool

    @classmethod
    def from_facts(cls, facts: dict[str, Any], server: str, password: str | None = None) -> Share:
        """The link as the server at this address sent it."""
        return cls(
            url=urljoin(server, facts["url"]) if facts["url"] else None,
            password=password,
            expires_at=moment(facts["expires_at"]),
            opened_count=facts["opened_count"],
            last_opened_at=moment(facts["last_opened_at"]),
            enabled=facts["enabled"],
            password_required=facts["password_required"],
        )

    def __repr__(self) -> str:
        words = [_until(self) if self.enabled else "switched off"]
        if self.password_required:
            words.append(f"password {self.password}" if self.password else "with a password")
        words.append(opened_words(self))
        return f"<Share {self.url or 'whose address cannot be shown'}: {', '.join(words)}>"


class Shareable:
    """What the owner of a view does with its link."""

    _transport: Transport
    _facts: dict[str, Any]

    @property
    def _path(self) -> str:
        return f"views/{self._facts['short_id']}"

    def share(
        self,
        expires: str | None = EXPIRES,
        password: bool | str | None = None,
        **settings: Any,
    ) -> Share:
        """Make the view's link, which anyone may open who has its address, or change it.

        The address of a link that is there already stays.

        Parameters
        ----------
        expires
            How long it works from now on, such as ``"12h"`` or ``"7d"``;
            None for as long as the server's administrator allows.
        password
            True makes one, a text is one of your own; others stay, and each
            of them opens the link. False asks for none. When absent, a link
            that asks goes on asking.
        **settings
            What its page shows, such as ``downloads=True`` or
            ``show_sql=True``; what is absent stays.

        Raises
        ------
        Forbidden
            When you do not own the view, or the administrator allows no links.
        Invalid
            Naming the field. After a refused password nobody can open the link.
        """
        change: dict[str, Any] = {"enabled": True, "expires_at": end_of(expires)}
        if password is not None:
            change["password_required"] = password is not False
        named = _checked(settings)
        path = self._link_path() or self._opened_path()
        if named:
            shown = self._transport.request("GET", path).json()["settings"]
            change["settings"] = {**(shown or {}), **named}
        facts = self._transport.request("PATCH", path, body=change).json()
        made = None
        if password is not None and password is not False:
            body = {"raw_password": password} if isinstance(password, str) else {}
            answer = self._transport.request("POST", f"{path}/passwords", body=body)
            made = answer.json()["password"]
        return Share.from_facts(facts, self._transport.url, made)

    @property
    def link(self) -> Share | None:
        """The link that the view has now; None where it has none."""
        path = self._link_path()
        if path is None:
            return None
        facts = self._transport.request("GET", path).json()
        return Share.from_facts(facts, self._transport.url) if facts["created_at"] else None

    def rotate_link(self) -> Share:
        """Give the link another address; the old one works for five more minutes.

        What it shows, its end and its passwords stay.

        Raises
        ------
        NotFound
            When the view has no link.
        """
        if self.link is None:
            raise NotFound("This view has no link.", hint="share() makes one.")
        facts = self._transport.request("POST", f"{self._link_path()}/refresh", body={}).json()
        return Share.from_facts(facts, self._transport.url)

    def revoke(self) -> None:
        """End the link at once and for good; the next one has another address."""
        path = self._link_path()
        if path is not None:
            self._transport.request("DELETE", path)

    def _link_path(self) -> str | None:
        """Where the server keeps the link; None while the view is no insight."""
        return _path_in(self._transport.request("GET", self._path).json())

    def _opened_path(self) -> str | None:
        opened = self._transport.request("POST", f"{self._path}/doors/insight", body={})
        return _path_in(opened.json())


def _path_in(facts: dict[str, Any]) -> str | None:
    number = facts["insight_id"]
    return number and f"projects/{facts['project_id']}/insights/{number}/sharing"


def end_of(expires: str | None) -> str | None:
    """When a link ends that works for so long from now on, as the wire says it; None for never.

    Raises
    ------
    Invalid
        When the text is no span of time.
    """
    if expires is None or expires.lower() == NEVER:
        return None
    seconds = seconds_of(expires)
    if seconds is None:
        raise Invalid(
            f'A link cannot work for "{expires}".',
            hint=f"Type a time such as 12h or 7d, at most 366d, or {NEVER}.",
            field="expires",
        )
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, where a link has them all: the server would drop a mistyped one."""
    from msgspec.structs import fields

    from .core.links import LinkSettings

    known = [field.encode_name for field in fields(LinkSettings)]
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise Invalid(
                f"A link has no setting {name}.",
                hint=f"Did you mean {near[0]}?" if near else f"It has {', '.join(known)}.",
                field="settings",
            )
    return settings


def told(share: Share) -> str:
    """Who can read the view through its link, and until when, as one sentence."""
    if share.url is None:
        return "Its address cannot be shown any more. Revoke it and share again for another."
    what = "this address and a password" if share.password_required else "this address"
    return f"Anyone with {what} can read it {_until(share)}."


def _until(share: Share) -> str:
    if share.expires_at is None:
        return "until it is revoked"
    return f"until {share.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def opened_words(share: Share) -> str:
    """ "never opened", "opened once", "opened 12 times"."""
    if share.opened_count < 2:
        return "opened once" if share.opened_count else "never opened"
    return f"opened {share.opened_count:,} times"
