"""Links that anyone may open who has their address, and the secrets that they hang on."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from .activity import Scope
from .dashboards import Dashboard
from .model import SECOND, Instant, View
from .names import hash_key

DAY: Instant = 86_400 * SECOND
HINT_LENGTH = 6
TOKEN_PREFIX = "vs_"  # noqa: S105 - what tokens begin with
_MAC_BYTES = 32

Switch = bool | UnsetType
ParameterName = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
# These stand in a header of the page, so they are hosts and nothing else, not even a line break.
Origin = Annotated[
    str,
    Meta(
        pattern=r"^https?://(\[[0-9a-f:]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(:[0-9]{1,5})?$(?!\n)",
        max_length=300,
    ),
]


class LinkSettings(Struct, frozen=True, kw_only=True):
    """What a page shows; what nobody set is absent.

    ``downloads``, ``show_sql`` and ``owner_name`` are off unless switched on,
    ``table`` and ``chart`` on unless switched off. ``embed_origins`` are the
    sites that may show the page in a frame; this server alone when absent.
    ``parameters`` are those for which visitors may choose values; none when
    absent.
    """

    whitelabel: Switch = UNSET
    no_header: Switch = field(default=UNSET, name="noHeader")
    show_inspector: Switch = field(default=UNSET, name="showInspector")
    legend: Switch = UNSET
    detailed: Switch = UNSET
    hide_extra_details: Switch = field(default=UNSET, name="hideExtraDetails")
    theme: Literal["light", "dark", "system"] | UnsetType = UNSET
    show_sql: Switch = UNSET
    downloads: Switch = UNSET
    owner_name: Switch = UNSET
    chart: Switch = UNSET
    table: Switch = UNSET
    embed_origins: Annotated[tuple[Origin, ...], Meta(max_length=20)] | UnsetType = UNSET
    parameters: Annotated[tuple[ParameterName, ...], Meta(max_length=20)] | UnsetType = UNSET


class SharePassword(Struct, frozen=True, kw_only=True):
    """One of the passwords that open a link; only its hash is kept, and not here."""

    id: str
    note: str | None
    created_at: Instant
    created_by: str


class Share(Struct, frozen=True, kw_only=True):
    """A link to one view or dashboard.

    Attributes
    ----------
    scope, item_id
        What it opens.
    hint
        The last characters of its token, by which people tell links apart.
    expires_at
        None for never.
    replaced_until
        A link that was rotated or revoked answers until then; None for the
        one that is shown.
    passwords
        The active ones, newest first.
    """

    id: str
    scope: Scope
    item_id: int
    token_hash: str
    hint: str
    enabled: bool
    enabled_by: str | None
    settings: LinkSettings | None
    password_required: bool
    created_at: Instant
    created_by: str
    expires_at: Instant | None = None
    replaced_until: Instant | None = None
    opened_count: int = 0
    last_opened_at: Instant | None = None
    passwords: tuple[SharePassword, ...] = ()

    def is_open(self, now: Instant, max_days: int) -> bool:
        """Whether the link answers; ``max_days`` as in :meth:`ends_at`."""
        ends = (self.ends_at(max_days), self.replaced_until)
        return self.enabled and all(end is None or now < end for end in ends)

    def ends_at(self, max_days: int) -> Instant | None:
        """When it expires: as its owner said, else after the days that the administrator allows.

        Parameters
        ----------
        max_days
            0 for no bound.
        """
        if self.expires_at is not None or not max_days:
            return self.expires_at
        return self.created_at + max_days * DAY


class Visit(Struct, frozen=True, kw_only=True):
    """A line of a link's access log.

    Attributes
    ----------
    kind
        What was asked for: page, embedded, json, csv, png, svg, api,
        unlocked, or refused for a wrong password.
    address
        Of the visitor, as far as the server knows it.
    hint
        Of the link, which may have been replaced since.
    """

    share_id: str
    kind: str
    address: str
    at: Instant
    hint: str = ""


class Subject(Struct, frozen=True, kw_only=True):
    """A view or a dashboard, as far as sharing is concerned."""

    scope: Scope
    item_id: int
    project_id: int
    short_id: str | None
    name: str
    owner: str


def subject_of(view: View) -> Subject:
    """The view as something to be shared."""
    return Subject(
        scope="view",
        item_id=view.id,
        project_id=view.project_id,
        short_id=view.short_id,
        name=view.title,
        owner=view.owner,
    )


def subject_of_dashboard(dashboard: Dashboard) -> Subject:
    """The dashboard as something to be shared."""
    return Subject(
        scope="dashboard",
        item_id=dashboard.id,
        project_id=dashboard.project_id,
        short_id=None,
        name=dashboard.name,
        owner=dashboard.owner,
    )


class LinkSecret:
    """Makes tokens and tickets from random bytes that never leave the store's folder.

    A link's token is made from its id, so that its owner can see it again
    while the store keeps nothing but its hash. A ticket is what a visitor
    gets for the right password: it names the link and the password, so that
    it ends with either.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, share_id: str) -> str:
        """The token of a link: 256 bits, safe in an address."""
        return TOKEN_PREFIX + _text(self._mac("link", share_id.encode()))

    def token_of(self, share: Share) -> str | None:
        """The token again; None where it was made with another secret."""
        token = self.token(share.id)
        return token if hmac.compare_digest(hash_key(token), share.token_hash) else None

    def ticket(self, share_id: str, password_id: str, until: Instant) -> str:
        """A proof that the password was known, good until then."""
        content = msgspec.json.encode((share_id, password_id, until))
        return _text(self._mac("ticket", content) + content)

    def read_ticket(self, ticket: str, now: Instant) -> tuple[str, str] | None:
        """(link, password) of a ticket; None for one that is forged, damaged or over."""
        try:
            raw = base64.b64decode(ticket + "=" * (-len(ticket) % 4), b"-_", validate=True)
        except ValueError:
            return None
        mac, content = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac("ticket", content)):
            return None
        share_id, password_id, until = msgspec.json.decode(content, type=tuple[str, str, int])
        return (share_id, password_id) if now < until else None

    def _mac(self, purpose: str, content: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\n" + content, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
