"""What the core needs from the outside, and the shapes that cross the border.

The shapes are msgspec structs, so that they travel to a worker process and
back as MessagePack: nothing is ever pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct, field

Format = Literal["json", "ndjson", "csv", "arrow", "parquet"]
ReadKind = Literal["file", "database", "table", "view", "frame", "probe", "external", "unknown"]
Strength = Literal["exact", "coarse", "content", "none"]
Big = Literal["number", "string"]
"""How JSON writes integers beyond 2**53-1 and decimals, which a double would round."""

TORN = "torn"
"""The token of a file that changed under the query: nobody knows which bytes were read."""


class Read(Struct, frozen=True, kw_only=True):
    """One thing that a query reads.

    Attributes
    ----------
    kind
        ``file`` (one file or a glob), ``database`` (a DuckDB or SQLite
        file), ``table`` (the folder of a Delta or Iceberg table), ``view``
        (the current result of another view, by slug), ``frame`` (a kernel
        frame bound by name), ``probe`` (a scalar query that a person trusts
        to move when the sources do), ``external`` (known, but outside the
        allowed kinds) or ``unknown`` (could not be determined: the view is
        unverifiable).
    name
        As the user wrote it; what people are shown.
    path
        Absolute path or glob pattern of a file, database or table; for a
        frame and for a view the sha256 of the rows (None while a view's are
        not known); for a probe the folder that its file names start from.
    sql
        Of a probe.
    """

    kind: ReadKind
    name: str
    path: str | None = None
    sql: str | None = None


class Signature(Struct, frozen=True, kw_only=True):
    """What identified a source at one moment.

    Attributes
    ----------
    name
        The read's name.
    strength
        How much equality proves: ``exact`` by stamps or version numbers that
        no write leaves alone, ``content`` by a hash of every byte,
        ``coarse`` as far as a person's own probe goes, ``none`` nothing.
    entries
        Sorted (display name, token) pairs, one per file behind the read, so
        that a change can name the file that moved. An absent file has the
        token ``"absent"``, one that changed while it was read :data:`TORN`.
    provisional
        Some file was so young when it was looked at that a later write could
        carry the same stamps (the racy rule of git's index). The tokens of
        these are marked: equality must then be confirmed by content.
    """

    name: str
    kind: ReadKind
    strength: Strength
    entries: tuple[tuple[str, str], ...] = ()
    provisional: bool = False


class Draft(Struct, frozen=True, kw_only=True):
    """SQL that somebody wants to run.

    Attributes
    ----------
    base_dir
        Absolute folder that relative file names start from.
    params
        Values by parameter name.
    declared
        Names of parameters that need not be used, and that may be without a
        value while the draft is only checked.
    frames
        sha256 of the uploaded Arrow stream by the name used in FROM.
    views
        sha256 of the stored rows by slug of the view that FROM names; filled
        in when the run begins, empty while the draft is only checked.
    changed_when
        SQL of one scalar whose value decides whether the sources changed, in
        place of their signatures.
    is_strict
        Signatures of files are hashes of their content.
    """

    sql: str
    base_dir: str
    connection: str = "local"
    params: dict[str, Any] = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    frames: dict[str, str] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    changed_when: str | None = None
    is_strict: bool = False


class Plan(Struct, frozen=True, kw_only=True):
    """What the gate found out about a draft without running it.

    Attributes
    ----------
    normalized_sql
        The engine's own rendering of the parsed statement: white space,
        keyword case and comments do not change it.
    parameters
        Names of the parameters used, in order of first use.
    volatile
        Names of functions whose value changes by themselves (``now``,
        ``random``); empty when the same sources always give the same rows.
    """

    normalized_sql: str
    reads: tuple[Read, ...]
    parameters: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one run: wall-clock seconds, stored rows, stored bytes."""

    seconds: float
    rows: int
    bytes: int


class Run(Struct, frozen=True, kw_only=True):
    """An accepted draft with its plan's reads and its limits.

    Attributes
    ----------
    state_key
        Names what an incremental refresh may keep between runs of equal
        definition and parameters; None for runs that nobody will repeat.
    """

    id: str
    draft: Draft
    reads: tuple[Read, ...]
    limits: Limits
    state_key: str | None = None


class Column(Struct, frozen=True, kw_only=True):
    """A result column: name, our type word, the engine's own type name.

    ``type`` is one of integer, decimal, double, boolean, string, date, time,
    timestamp, timestamptz, duration, binary, json, list, struct, map.
    """

    name: str
    type: str
    engine_type: str


class Outcome(Struct, frozen=True, kw_only=True):
    """A finished run: an Arrow IPC file, complete and fsynced, to be adopted by the store.

    Attributes
    ----------
    path
        The file in the worker's scratch folder.
    sha256
        Of the file's content; equal rows in equal order give equal hashes.
    truncated
        None, ``"rows"`` or ``"bytes"``: the limit that cut the result.
    signatures
        Taken before the run. A source that moved while the query read it is
        marked with strength ``none``: never fresh for bytes not read.
    method
        How the rows were computed, as people read it: ``full``,
        ``full: uses median`` or ``incremental: 1 of 100 files``.
    """

    path: str
    sha256: str
    row_count: int
    size_bytes: int
    columns: tuple[Column, ...]
    truncated: Literal["rows", "bytes"] | None
    duration_us: int
    signatures: tuple[Signature, ...]
    method: str = "full"


class Comparison(Struct, frozen=True, kw_only=True):
    """What moved since a run.

    Attributes
    ----------
    moved
        Names of the sources that differ; ``()`` when all are verified equal,
        None when one cannot be verified and none is known to differ.
    confirmed
        Signatures to record from now on: equal to the recorded ones, but
        proved by content where those were provisional, so that the next
        comparison need not read the files again. None when there are none.
    """

    moved: tuple[str, ...] | None
    confirmed: tuple[Signature, ...] | None = None


class Progress(Struct, frozen=True, kw_only=True):
    """How far a run is: stage, fraction 0..1 when the engine knows it, rows written."""

    stage: Literal["running", "writing"]
    fraction: float | None = None
    rows: int = 0


class Encoding(Struct, frozen=True, kw_only=True):
    """A wanted rendering of a stored result.

    Attributes
    ----------
    path, sha256
        The stored Arrow IPC file and what its content must hash to: a file
        that was damaged on disk is refused, never rendered wrongly.
    columns
        Names to keep, in the wanted order; None for all.
    limit
        Rows at most; None for all after ``offset``.
    big
        JSON only; see :data:`Big`.
    bom, guard
        CSV only: UTF-8 byte order mark; apostrophe before cells that a
        spreadsheet would take for a formula.
    sort
        Formats of text only: name of the column that orders the rows before
        the window is cut out, NULL last; None for the order of the query.
    cell_chars
        JSON only: cells are the texts that people read, NULL stays null, and
        no text is longer than this many characters.
    """

    path: str
    sha256: str
    columns_meta: tuple[Column, ...]
    format: Format
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int = 0
    big: Big = "number"
    bom: bool = False
    guard: bool = False
    sort: str | None = None
    is_descending: bool = False
    cell_chars: int | None = None


class Encoded(Struct, frozen=True, kw_only=True):
    """A rendering: ``body`` when small (at most 256 KiB), else a file to be adopted.

    For ``json`` the content is the text between the brackets of ``rows[][]``:
    ``[1,"a"],[2,"b"]``; the envelope is added by the dialect. ``row_count``
    is the number of rows in this window.
    """

    row_count: int
    size_bytes: int
    body: bytes | None = None
    path: str | None = None


class Stored(Struct, frozen=True, kw_only=True):
    """A stored result as an engine finds it: the Arrow IPC file, its hash, its columns."""

    path: str
    sha256: str
    columns: tuple[Column, ...]


class Comparing(Struct, frozen=True, kw_only=True):
    """Two results to be compared row by row.

    Attributes
    ----------
    key
        Columns that identify a row; None to guess them.
    limit, offset
        Window of the differing rows that are returned; counts are of all.
    big
        As of :class:`Encoding`.
    """

    before: Stored
    after: Stored
    key: tuple[str, ...] | None = None
    limit: int = 100
    offset: int = 0
    big: Big = "number"


class Difference(Struct, frozen=True, kw_only=True):
    """What is different between two results.

    Attributes
    ----------
    key
        Columns by which rows were matched; empty when whole rows were
        counted, because no column or pair of columns identifies a row.
    added, removed, changed
        Numbers of rows; ``changed`` is 0 without a key.
    columns_added, columns_removed, columns_changed
        Names of columns that came, went or changed their type.
    rows
        JSON text of the window: ``[{"change": "added" | "removed" |
        "changed", "before": […] | null, "after": […] | null}, …]``, values in
        the order of ``columns`` as the JSON rendering writes them.
    columns, types
        Names and type words of the columns of ``rows``: those of both results.
    """

    key: tuple[str, ...]
    is_key_guessed: bool
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_changed: tuple[str, ...] = ()
    rows: bytes = b"[]"

    @property
    def is_empty(self) -> bool:
        """Whether both results say the same."""
        columns = self.columns_added or self.columns_removed or self.columns_changed
        return not (self.added or self.removed or self.changed or columns)


class Engine(Protocol):
    """Runs SQL somewhere else than on the event loop.

    Every method raises errors of :mod:`jupyter_views.core.errors` only.
    """

    async def check(self, draft: Draft) -> Plan:
        """Gate and lineage without running anything (layers 1 and 2)."""
        ...

    async def compare(self, reads: tuple[Read, ...], recorded: tuple[Signature, ...]) -> Comparison:
        """How the sources stand now against what was recorded before a run."""
        ...

    async def run(self, run: Run, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run to the end, to a limit or to :meth:`cancel`; raises TimedOut, Canceled, …"""
        ...

    async def cancel(self, run_id: str) -> bool:
        """Ask a run to stop: interrupt, then kill after 2 s. False when it is not running."""
        ...

    async def encode(self, encoding: Encoding) -> Encoded:
        """Render a stored result, or a window of it."""
        ...

    async def diff(self, comparing: Comparing) -> Difference:
        """Compare two stored results row by row."""
        ...

    async def start(self) -> None:
        """Start the warm workers; returns once one of each kind answers."""
        ...

    async def stop(self) -> None:
        """Stop every worker; no process is left behind."""
        ...

    def health(self) -> str | None:
        """None when a worker answers, else the reason in one sentence."""
        ...


class Clock(Protocol):
    """The time, so that tests can own it."""

    def now(self) -> int:
        """Microseconds UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
