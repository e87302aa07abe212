"""The nouns of the product, one frozen struct each.

Instants are integer microseconds UTC. Nothing here knows a wire format, a
table or an engine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from .charts import Chart
from .parameters import Parameter, bound_names
from .ports import Column, Progress, Read, Signature

Instant = int
SECOND: Instant = 1_000_000


class Status(StrEnum):
    """Where a statement stands. SUCCESS, FAILED and CANCELED are final.

    PLANNED is what a view holds before its first run: a definition that was
    checked, and that nobody has asked to run.
    """

    PLANNED = "PLANNED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether the statement will never change again."""
        return self not in {Status.QUEUED, Status.RUNNING}


class Strategy(StrEnum):
    """How a statement gets its result."""

    EXECUTE = "execute"
    FROM_CACHE = "from_cache"
    AWAIT_PRIMARY = "await_primary"


class Actor(Struct, frozen=True, kw_only=True):
    """Who asks.

    Attributes
    ----------
    name
        The person; owner of what this actor creates.
    scopes
        ``{"*"}`` for a signed-in person; a key's scopes otherwise.
    may_name_others
        True for the one person of a server whose identity provider names
        nobody: there keys are the people.
    project_id
        The one project that a key may be used in; None for all.
    key_id
        The key that this request came with; None for a signed-in person.
    """

    name: str
    scopes: frozenset[str] = frozenset({"*"})
    may_name_others: bool = False
    project_id: int | None = None
    key_id: str | None = None

    def has_scope(self, scope: str) -> bool:
        """Whether ``noun:read`` or ``noun:write`` is granted; write implies read, ``*`` all."""
        noun, _, verb = scope.partition(":")
        wanted = {"*", scope} | ({f"{noun}:write"} if verb == "read" else set())
        return not wanted.isdisjoint(self.scopes)


class Query(Struct, frozen=True, kw_only=True):
    """An immutable definition: what is run, where its file names start, what it reads.

    Attributes
    ----------
    parameters
        Names that its SQL uses, in order of first use.
    declared
        The parameters that have a type; others take any JSON value.
    """

    id: str
    sql: str
    normalized_sql: str
    connection: str
    base_dir: str
    parameters: tuple[str, ...]
    frames: dict[str, str]
    reads: tuple[Read, ...]
    volatile: tuple[str, ...]
    definition_hash: str
    created_at: Instant
    declared: tuple[Parameter, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names that values may be given for; a range is one of them, not its two ends."""
        return (*(each.name for each in self.declared), *self.undeclared)

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Names that its SQL uses and that have no type."""
        bound = bound_names(self.declared)
        return tuple(name for name in self.parameters if name not in bound)


class Result(Struct, frozen=True, kw_only=True):
    """Stored rows: immutable, named by the hash of their file.

    Attributes
    ----------
    computed_at
        When the run began, before the query read anything.
    """

    id: str
    sha256: str
    row_count: int
    size_bytes: int
    columns: tuple[Column, ...]
    truncated: str | None
    computed_at: Instant
    duration_us: int
    saved_at: Instant
    signatures: tuple[Signature, ...]
    method: str = "full"


CauseKind = Literal[
    "asked", "saved", "read", "source_changed", "upstream", "schedule", "retry", "restored"
]


class Cause(Struct, frozen=True, kw_only=True):
    """Why a view's query was run.

    Attributes
    ----------
    sources
        Names of what changed, where that is the reason.
    by
        The person who asked, where one did.
    """

    kind: CauseKind
    sources: tuple[str, ...] = ()
    by: str | None = None


class Changes(Struct, frozen=True, kw_only=True):
    """What a refresh changed in the rows that it replaced; numbers of rows."""

    added: int
    removed: int
    changed: int


NO_CHANGES = Changes(added=0, removed=0, changed=0)


class Statement(Struct, frozen=True, kw_only=True):
    """One request to run a query with given parameter values.

    Attributes
    ----------
    changed_when, is_strict
        How its sources are verified; see :class:`~.ports.Draft`.
    cause
        Why it ran; None for one that belongs to no view.
    changes
        Against the rows that it replaced; None where nothing was compared.
    fence
        The number of the lease under which it runs: it grows when another
        server takes the statement over, and a result that comes with an
        older number is refused.
    variant_of
        The view whose query it runs with other values than the view's own.
    bound
        What is bound for its ``params``, where the query declares any: checked
        values, ``today`` as the day that it was.
    reference_id
        The reference whose query it runs, where that is no view's current one.
    """

    id: str
    query: Query
    params: dict[str, Any]
    fingerprint: str
    status: Status
    strategy: Strategy
    submitted_by: str
    submitted_at: Instant
    row_limit: int
    byte_limit: int
    primary_id: str | None = None
    view_id: int | None = None
    client_id: str | None = None
    ttl_minutes: int | None = None
    format_hint: str | None = None
    meta: dict[str, Any] | None = None
    started_at: Instant | None = None
    completed_at: Instant | None = None
    error: dict[str, Any] | None = None
    result: Result | None = None
    progress: Progress | None = None
    changed_when: str | None = None
    is_strict: bool = False
    cause: Cause | None = None
    changes: Changes | None = None
    fence: int = 0
    variant_of: int | None = None
    bound: dict[str, Any] | None = None
    reference_id: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        """What the SQL's own names are bound to, as JSON."""
        return self.params if self.bound is None else self.bound


class Outlook(Struct, frozen=True, kw_only=True):
    """What the store knows about a query that is about to run.

    Attributes
    ----------
    success, failure
        The last statement of the fingerprint that ended so; a failure only
        when it is recent.
    in_flight
        An equal statement that waits or runs.
    """

    success: Statement | None
    failure: Statement | None
    in_flight: Statement | None


class Version(Struct, frozen=True, kw_only=True):
    """A numbered definition of a view; never deleted while the view lives.

    Attributes
    ----------
    query_object
        The definition as a client of the insight door wrote it, given back
        as it came; None where it came through another door.
    chart
        How its rows are drawn; None for the chart that suits them best.
    """

    n: int
    query: Query
    params: dict[str, Any]
    statement_id: str
    note: str | None
    author: str
    created_at: Instant
    query_object: dict[str, Any] | None = None
    chart: Chart | None = None


class PerspectiveDoor(Struct, frozen=True, kw_only=True):
    """The DataOS door of a view."""

    id: str
    slug: str


class InsightDoor(Struct, frozen=True, kw_only=True):
    """The insight door of a view.

    Attributes
    ----------
    derived_name
        What a client made of the query, shown where the view has no name.
    order
        Key by which people sort by hand.
    saved
        Not a draft.
    deleted
        Closed, but to be opened again: a deleted insight is nowhere to be found.
    last_modified_at, last_modified_by
        The last change of name, description or query.
    """

    derived_name: str | None = None
    order: int | None = None
    favorited: bool = False
    saved: bool = True
    deleted: bool = False
    last_modified_at: Instant = 0
    last_modified_by: str = ""


class EndpointDoor(Struct, frozen=True, kw_only=True):
    """The endpoint door of a view.

    Its age and its schedule are those of the view's :class:`Rule`.

    Attributes
    ----------
    id
        UUID as text.
    name
        What its address is made of, unique within the project; never changed.
    is_active
        Whether it may be run; one that is not is still listed.
    is_materialized
        Rows are kept ready and served without a calculation.
    derived_from_insight
        Short id of the insight that it was made from.
    paused_schedule
        The schedule that goes on once it is active again.
    """

    id: str
    name: str
    is_active: bool = True
    is_materialized: bool = False
    derived_from_insight: str | None = None
    paused_schedule: str | None = None


class LastRefresh(Struct, frozen=True, kw_only=True):
    """How the newest attempt to replace the current result ended."""

    statement_id: str
    status: Status
    error: dict[str, Any] | None
    at: Instant | None


class Rule(Struct, frozen=True, kw_only=True):
    """What its owner says about the freshness of a view.

    Attributes
    ----------
    age_seconds
        Rows older than this are stale; None to go by the sources.
    schedule
        When the server refreshes by itself: a duration (``15m``, ``1h``) or
        a cron expression of five fields.
    timezone
        IANA name in which a cron expression is read.
    max_staleness_seconds
        How long stale rows may be served before answers say that the bound
        is exceeded; None for no bound.
    changed_when
        SQL of one scalar that decides whether the sources changed.
    is_strict
        Files are verified by content.
    key
        Columns that identify a row when results are compared.
    """

    age_seconds: int | None = None
    schedule: str | None = None
    timezone: str = "UTC"
    max_staleness_seconds: int | None = None
    changed_when: str | None = None
    is_strict: bool = False
    key: tuple[str, ...] | None = None


class View(Struct, frozen=True, kw_only=True):
    """A saved query with its current result, its owner and who may read it.

    Attributes
    ----------
    revision
        Counts changes that people make; a refresh is none, so it never
        defeats a conditional write.
    name
        Empty where nobody gave one; :attr:`title` is what people see.
    current
        The statement whose result is served now: SUCCESS, or PLANNED before
        the first run.
    refreshing
        The statement that will replace it, while one is queued or running.
    failures
        Refreshes that failed since the last good one.
    retry_at
        No refresh by a reader or a change before this instant.
    changed_at
        When it was first seen that the current rows are out of date; None
        while they are not known to be.
    next_due_at
        When the server will look at the view by itself, for its schedule or
        to try again after a failure; None for never.
    reference_id
        The reference that this stands for: a query with its rows, but no
        view that anybody saved. None of a view.
    """

    id: int
    short_id: str
    name: str
    owner: str
    is_public: bool
    auto_refresh: bool
    revision: int
    version: Version
    current: Statement
    created_at: Instant
    updated_at: Instant
    created_by: str
    updated_by: str
    refreshed_at: Instant
    description: str | None = None
    tags: tuple[str, ...] = ()
    allowed_user_ids: tuple[str, ...] = ()
    project_id: int = 1
    folder: str | None = None
    perspective: PerspectiveDoor | None = None
    insight: InsightDoor | None = None
    endpoint: EndpointDoor | None = None
    notebook: dict[str, Any] | None = None
    refreshing: Statement | None = None
    last_refresh: LastRefresh | None = None
    failures: int = 0
    retry_at: Instant = 0
    rule: Rule = Rule()
    changed_at: Instant | None = None
    next_due_at: Instant | None = None
    reference_id: int | None = None

    @property
    def title(self) -> str:
        """What people see: the name, else what was derived from the query."""
        derived = self.insight.derived_name if self.insight else None
        return self.name or derived or f"Untitled {self.short_id}"

    @property
    def doors(self) -> tuple[str, ...]:
        """Through what it is published now."""
        has_insight = self.insight is not None and not self.insight.deleted
        doors = {
            "perspective": self.perspective is not None,
            "insight": has_insight,
            "endpoint": self.endpoint is not None,
        }
        return tuple(name for name, is_open in doors.items() if is_open)

    @property
    def is_open(self) -> bool:
        """Whether any door leads to it; behind a deleted insight alone there is nothing."""
        return bool(self.doors)

    @property
    def has_query(self) -> bool:
        """Whether there is anything to run; an insight may be made before its query."""
        return bool(self.version.query.sql)

    @property
    def has_current_rows(self) -> bool:
        """Whether the rows served now are of the newest definition."""
        current, version = self.current, self.version
        is_same = (current.query.id, current.params) == (version.query.id, version.params)
        return is_same and current.result is not None

    @property
    def upstreams(self) -> tuple[str, ...]:
        """Slugs of the views that its query reads."""
        return tuple(read.name for read in self.version.query.reads if read.kind == "view")


class Decision(Struct, frozen=True, kw_only=True):
    """A line of a view's decision log: what was noticed, and what was done about it.

    Attributes
    ----------
    kind
        A word for machines: changed, due, started, skipped, refreshed,
        failed, edited, created, postponed.
    text
        One sentence for people.
    count, last_at
        Equal lines in a row are one, with how often and until when.
    """

    view_id: int
    at: Instant
    kind: str
    text: str
    count: int = 1
    last_at: Instant = 0


class Frame(Struct, frozen=True, kw_only=True):
    """An uploaded copy of a kernel's DataFrame."""

    sha256: str
    size_bytes: int
    uploaded_by: str
    uploaded_at: Instant


class Page(Struct, frozen=True):
    """A window of a list, and how many there are in all."""

    items: tuple[Any, ...]
    total: int
    next_cursor: str | None = None
