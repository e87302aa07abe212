"""What the doctor finds out about each thing, as findings with the next thing to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _machine
from ._machine import size_words
from ._output import age, duration, failed_words, moment, plain, stale_words
from ._version import __version__

if TYPE_CHECKING:
    from .store.inspecting import Inspection, StoredView

State = Literal["ok", "note", "problem"]
LOW_DISK_BYTES = 1 << 30
SPARE_DISK_BYTES = 4 << 30
LONG_STALE_SECONDS = 3600
SKEW_SECONDS = 60
CROWDED = 0.8
_ENGINE = "2.0"
_LOCAL_FOLDER = 'c.ViewsApp.store_dir = "/a/folder/on/a/local/disk"'


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    about
        server, engine, watching, libraries, clock, store, disk, rows, or
        ``view`` and its slug.
    state
        ``ok``; ``note``, which is good to know; ``problem``, which somebody
        should mend.
    next
        What to type or to set; None where there is nothing to do.
    """

    about: str
    state: State
    text: str
    next: str | None = None


def server(url: str, facts: dict[str, Any]) -> Finding:
    """Whether the server that answers is of this release."""
    version = plain(str(facts["version"]))
    if version != __version__:
        return Finding(
            about="server",
            state="note",
            text=f"{url} runs release {version}; this shell has {__version__}.",
            next="Install one release in both, then restart the server.",
        )
    return Finding(about="server", state="ok", text=f"{url} answers, release {version}.")


def engine(version: str | None, reason: str | None) -> Finding:
    """Whether the engine answers, and is of the line that was tested."""
    if version is None:
        return Finding(
            about="engine",
            state="problem",
            text="DuckDB is not installed here.",
            next=f'pip install "duckdb>={_ENGINE},<2.1"',
        )
    if reason is not None:
        return Finding(
            about="engine",
            state="problem",
            text=f"DuckDB {version} does not answer: {plain(reason)}",
            next="Restart the server; its log says why.",
        )
    if not version.startswith(f"{_ENGINE}."):
        return Finding(
            about="engine",
            state="problem",
            text=f"DuckDB {version} was not tested with this release; {_ENGINE} was.",
            next=f'pip install "duckdb>={_ENGINE},<2.1"',
        )
    return Finding(about="engine", state="ok", text=f"DuckDB {version}.")


def libraries(versions: dict[str, str | None]) -> Iterator[Finding]:
    """Which optional libraries are there; a table of a missing one's kind is unverifiable."""
    for name, kind in (("deltalake", "Delta"), ("pyiceberg", "Iceberg")):
        version = versions.get(name)
        if version is None:
            yield Finding(
                about="libraries",
                state="note",
                text=f"{name} is not installed: {kind} tables are read, but not verified.",
                next=f"pip install {name}",
            )
        else:
            yield Finding(about="libraries", state="ok", text=f"{name} {version}.")


def watching(mode: str, folders: tuple[str, ...]) -> Iterator[Finding]:
    """How changed files are noticed with no reader, and whether the system's limits allow it.

    Parameters
    ----------
    mode
        As the server is set.
    folders
        What SQL may read, where that is on this machine.
    """
    if mode != "events":
        text = "Files are polled every two seconds" if mode == "polling" else "Nothing is watched"
        yield Finding(
            about="watching",
            state="note",
            text=f"{text}, because c.ViewsApp.watching says so.",
            next='c.ViewsApp.watching = "events"',
        )
        return
    for folder in folders:
        kind = _machine.file_system(Path(folder))
        if kind in _machine.NETWORK:
            yield Finding(
                about="watching",
                state="note",
                text=f"{folder} is polled every two seconds: a network file system ({kind}) "
                "tells nobody what others write.",
            )
    queues, folders_watched = _machine.watches_used()
    used = {"max_user_instances": queues, "max_user_watches": folders_watched}
    yield watches(used, {name: _machine.watch_limit(name) for name in used})


def watches(used: dict[str, int], limits: dict[str, int | None]) -> Finding:
    """Whether this user's programs come near to what the system allows, by name of the limit."""
    for name, count in used.items():
        limit = limits[name]
        if limit is not None and count >= CROWDED * limit:
            return Finding(
                about="watching",
                state="problem",
                text=f"{count:,} of {limit:,} file watches of this user are taken ({name}); "
                "what is beyond the limit is polled.",
                next=f"sudo sysctl fs.inotify.{name}={2 * limit}",
            )
    return Finding(
        about="watching",
        state="ok",
        text=f"The system tells of changed files; {used['max_user_watches']:,} folders of this "
        "user's programs are watched.",
    )


def clock(now: datetime, told: datetime) -> Finding:
    """Whether the server's clock and this one agree."""
    apart = abs((now - told).total_seconds())
    if apart > SKEW_SECONDS:
        return Finding(
            about="clock",
            state="problem",
            text=f"The server's clock and this one are {duration(apart)} apart.",
            next="Set both by the network: timedatectl set-ntp true",
        )
    return Finding(about="clock", state="ok", text="The server's clock and this one agree.")


def store(folder: Path, found: Inspection) -> Iterator[Finding]:
    """Whether the store is whole, private, and where its log can be relied on."""
    if not found.is_private:
        yield Finding(
            about="store",
            state="problem",
            text="Others may enter the store's folder; a server will not open it.",
            next=f"chmod 700 {folder}",
        )
    if not found.is_there:
        yield Finding(
            about="store",
            state="note",
            text="There is no store yet; a server makes it when it starts.",
            next="jupyter lab",
        )
        return
    kind = _machine.file_system(folder)
    if kind in _machine.NETWORK:
        yield Finding(
            about="store",
            state="problem",
            text=f"The store is on a network file system ({kind}), where SQLite can lose data.",
            next=_LOCAL_FOLDER,
        )
    yield from _metadata(folder, found)
    yield from _results(found)
    yield from _future(found, datetime.now(UTC))


def _metadata(folder: Path, found: Inspection) -> Iterator[Finding]:
    if found.problem is not None or found.damage:
        what = found.problem or f"its database is damaged: {plain(found.damage[0])}"
        yield Finding(
            about="store",
            state="problem",
            text=f"The store cannot be relied on: {what}.",
            next=f"Stop the server, keep a copy of {folder}, then bring back a good one.",
        )
    elif found.is_newer:
        yield Finding(
            about="store",
            state="problem",
            text="The store was written by a newer release of Jupyter Views.",
            next="pip install --upgrade jupyter_views",
        )
    elif not found.is_current:
        yield Finding(
            about="store",
            state="note",
            text="The store is of an earlier release; a server brings it up to date.",
            next="jupyter lab",
        )
    else:
        count = f"{len(found.views):,} view{'' if len(found.views) == 1 else 's'}"
        yield Finding(about="store", state="ok", text=f"{folder} is whole, with {count}.")


def _results(found: Inspection) -> Iterator[Finding]:
    total, lost = found.result_count, len(found.missing)
    if lost:
        has = "has lost its file" if lost == 1 else "have lost their files"
        yield Finding(
            about="rows",
            state="problem",
            text=f"{lost:,} of {total:,} results {has}.",
            next="Refresh the views without rows, which are listed below.",
        )
    elif total:
        all_of_them = "The 1 result has its file." if total == 1 else ""
        yield Finding(
            about="rows",
            state="ok",
            text=all_of_them or f"All {total:,} results have their files.",
        )
    if found.orphan_count:
        files = f"{found.orphan_count:,} result file{'' if found.orphan_count == 1 else 's'}"
        verb = "belongs" if found.orphan_count == 1 else "belong"
        yield Finding(
            about="rows",
            state="note",
            text=f"{files} ({size_words(found.orphan_bytes)}) {verb} to nothing; "
            "a running server removes them after an hour.",
        )


def _future(found: Inspection, now: datetime) -> Iterator[Finding]:
    if found.newest is None:
        return
    newest = datetime.fromtimestamp(found.newest / 1_000_000, UTC)
    if (newest - now).total_seconds() > SKEW_SECONDS:
        yield Finding(
            about="clock",
            state="problem",
            text=f"Rows were computed in the future ({newest:%Y-%m-%d %H:%M} UTC): "
            "a clock has jumped.",
            next="Set it by the network: timedatectl set-ntp true",
        )


def disk(folder: Path) -> Iterator[Finding]:
    """Whether there is room for results, and for what statements spill while they run."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    free = _machine.free_bytes(there)
    if free is None:
        return
    if free < SPARE_DISK_BYTES:
        yield Finding(
            about="disk",
            state="problem" if free < LOW_DISK_BYTES else "note",
            text=f"Only {size_words(free)} are free for results and for what statements spill.",
            next="Make room there, or set c.ViewsApp.result_days lower.",
        )
    else:
        yield Finding(
            about="disk",
            state="ok",
            text=f"{size_words(free)} are free for results and for what statements spill.",
        )


def served(facts: dict[str, Any], now: datetime) -> Finding | None:
    """What is wrong with a view as the server tells it; None for a view in order."""
    slug = plain(str(facts["slug"] or facts["short_id"]))
    status, reason = facts["status"], facts.get("stale_reason")
    since = moment(facts.get("stale_since"))
    if facts.get("row_count") is None:
        return _no_rows(slug)
    if status == "failed":
        return _failed(slug, failed_words(facts, now))
    if reason == "unverifiable":
        return _unverifiable(slug)
    if since is not None and (now - since).total_seconds() > LONG_STALE_SECONDS:
        return _long_stale(slug, stale_words(facts, now), facts["auto_refresh"])
    return None


def stored(view: StoredView, now: datetime) -> Finding | None:
    """What is wrong with a view as far as its rows in the store tell."""
    slug = plain(view.key)
    if not view.has_rows:
        return _no_rows(slug)
    if view.failures:
        message = plain(view.error or "nobody knows why").rstrip(".")
        return _failed(slug, f"{view.failures:,} refreshes failed in a row: {message}")
    if view.is_unverifiable:
        return _unverifiable(slug)
    if view.changed_at is not None:
        since = datetime.fromtimestamp(view.changed_at / 1_000_000, UTC)
        if (now - since).total_seconds() > LONG_STALE_SECONDS:
            words = f"a source changed {age(since, now)}"
            return _long_stale(slug, words, view.auto_refresh)
    return None


def _no_rows(slug: str) -> Finding:
    return Finding(
        about=f"view {slug}",
        state="problem",
        text="It has no rows.",
        next=f"jupyter views refresh {slug}",
    )


def _failed(slug: str, words: str) -> Finding:
    return Finding(
        about=f"view {slug}",
        state="problem",
        text=f"{words[0].upper()}{words[1:]}.",
        next=f"jupyter views log {slug}",
    )


def _unverifiable(slug: str) -> Finding:
    return Finding(
        about=f"view {slug}",
        state="note",
        text="Its sources cannot be checked, so it counts as stale five minutes after a refresh.",
        next="Give its cell --max-age 1h, or --changed-when with a query of one value.",
    )


def _long_stale(slug: str, why: str, is_auto: bool) -> Finding:
    return Finding(
        about=f"view {slug}",
        state="problem" if is_auto else "note",
        text=f"Stale: {why}." + ("" if is_auto else " It does not refresh by itself (--no-auto)."),
        next=f"jupyter views {'log' if is_auto else 'refresh'} {slug}",
    )
