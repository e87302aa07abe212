from __future__ import annotations

import asyncio
import errno
import logging
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jupyter_views.core.ports import Read
from jupyter_views.core.watch_index import Extent, WatchIndex
from jupyter_views.engines.file_events import FileEvents, system_events
from jupyter_views.engines.inotify import Inotify
from jupyter_views.engines.scanning import Mounts
from jupyter_views.engines.watchfiles_events import WatchfilesEvents

LOG = logging.getLogger("test")
ALL = Extent()
DEEP = Extent(depth=64)
LONGEST_QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


def only(*names: str) -> Extent:
    return Extent(names=frozenset(names))


class Follower:
    """File events, and what they told."""

    def __init__(self, *, mode: Any = "events", native=system_events) -> None:
        self.events = FileEvents(mode=mode, log=LOG, native=native)
        self.told: list[dict[str, set[str] | None] | None] = []
        self.begun: list[dict[str, set[str] | None]] = []

    async def start(self) -> None:
        await self.events.start(self.told.append, self.begun.append)

    async def follow(self, folder: Path | str, extent: Extent = ALL) -> None:
        """Want a folder, and wait until it is followed."""
        self.events.want(str(folder), extent)
        await until(lambda: any(str(folder) in each for each in self.begun), self.begun)
        self.told.clear()

    def has_told(self, folder: Path | str, name: str | None) -> bool:
        for changes in self.told:
            if changes is not None and str(folder) in changes:
                names = changes[str(folder)]
                if names is None or name in names:
                    return True
        return False

    async def hears(self, folder: Path | str, name: str | None = None) -> None:
        """Wait until this file, or anything in this folder, was told to have changed."""
        await until(lambda: self.has_told(folder, name), self.told)
        self.told.clear()

    async def covers(self, folder: Path | str, name: str | None = None) -> float:
        """Wait until events tell every change; returns since when."""
        await until(lambda: self.events.covered_since(str(folder), name) is not None)
        since = self.events.covered_since(str(folder), name)
        assert since is not None
        return since


async def until(is_so, shown=None) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.01)


KINDS = {
    "the kernel": {"native": Inotify},
    "watchfiles": {"native": WatchfilesEvents},
    "polling": {"mode": "polling"},
}


@pytest.fixture(params=KINDS)
def follower(request, jp_asyncio_loop):
    """One for each way to hear of changes."""
    made = Follower(**KINDS[request.param])
    jp_asyncio_loop.run_until_complete(made.start())
    yield made
    jp_asyncio_loop.run_until_complete(made.events.stop())


@pytest.fixture
def kernel(jp_asyncio_loop):
    made = Follower()
    jp_asyncio_loop.run_until_complete(made.start())
    yield made
    jp_asyncio_loop.run_until_complete(made.events.stop())


async def test_a_file_that_is_written_made_renamed_over_or_deleted_is_told(follower, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    await follower.follow(tmp_path)

    with (tmp_path / "a.csv").open("a") as file:
        file.write("2")
    await follower.hears(tmp_path, "a.csv")
    (tmp_path / "b.csv").write_text("1")
    await follower.hears(tmp_path, "b.csv")
    os.replace(tmp_path / "b.csv", tmp_path / "a.csv")
    await follower.hears(tmp_path, "a.csv")
    (tmp_path / "a.csv").unlink()
    await follower.hears(tmp_path, "a.csv")


async def test_a_restored_modification_time_hides_nothing(follower, tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("1")
    os.utime(source, (1_600_000_000, 1_600_000_000))
    await follower.follow(tmp_path, only("a.csv"))

    source.write_text("2")
    os.utime(source, (1_600_000_000, 1_600_000_000))

    await follower.hears(tmp_path, "a.csv")


async def test_a_folder_that_is_not_there_yet_is_followed_once_it_comes(follower, tmp_path):
    folder = tmp_path / "x" / "y"
    await follower.follow(folder, only("a.csv"))

    folder.mkdir(parents=True)
    await follower.hears(folder)
    (folder / "a.csv").write_text("1")
    await follower.hears(folder, "a.csv")


async def test_a_folder_that_is_deleted_and_made_again_is_followed(follower, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    await follower.follow(folder, only("a.csv"))

    (folder / "a.csv").unlink()
    folder.rmdir()
    await follower.hears(folder)
    folder.mkdir()
    await follower.hears(folder)
    (folder / "a.csv").write_text("1")
    await follower.hears(folder, "a.csv")


async def test_a_folder_above_that_is_exchanged_for_another_is_told(follower, tmp_path):
    folder, other = tmp_path / "x" / "data", tmp_path / "z" / "data"
    for place in (folder, other):
        place.mkdir(parents=True)
        (place / "a.csv").write_text("1")
    await follower.follow(folder, only("a.csv"))

    (tmp_path / "x").rename(tmp_path / "y")
    (tmp_path / "z").rename(tmp_path / "x")
    await follower.hears(folder)
    await asyncio.sleep(0.2)
    follower.told.clear()
    (folder / "a.csv").write_text("22")
    await follower.hears(folder, "a.csv")


async def test_folders_below_are_followed_as_far_as_they_matter(follower, tmp_path):
    await follower.follow(tmp_path, Extent(depth=2))

    (tmp_path / "x" / "y" / "z").mkdir(parents=True)
    await follower.hears(tmp_path / "x" / "y")
    (tmp_path / "x" / "y" / "z" / "a.csv").write_text("1")
    (tmp_path / "x" / "y" / "a.csv").write_text("1")
    await follower.hears(tmp_path / "x" / "y", "a.csv")
    assert not follower.has_told(tmp_path / "x" / "y" / "z", "a.csv")


async def test_a_folder_that_comes_with_all_that_is_in_it_is_told(follower, tmp_path):
    deep = tmp_path / "elsewhere" / "x" / "y"
    deep.mkdir(parents=True)
    (deep / "a.csv").write_text("1")
    (tmp_path / "data").mkdir()
    await follower.follow(tmp_path / "data", DEEP)

    (tmp_path / "elsewhere" / "x").rename(tmp_path / "data" / "x")
    await follower.hears(tmp_path / "data" / "x" / "y", "a.csv")
    await asyncio.sleep(0.2)
    (tmp_path / "data" / "x" / "y" / "a.csv").write_text("22")
    await follower.hears(tmp_path / "data" / "x" / "y", "a.csv")


async def test_what_a_link_leads_to_is_followed_and_so_is_where_it_leads(follower, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text("1")
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "a.csv").symlink_to(tmp_path / "one")
    await follower.follow(folder, only("a.csv"))

    (tmp_path / "one").write_text("22")
    await follower.hears(folder, "a.csv")
    (folder / "new").symlink_to(tmp_path / "two")
    os.replace(folder / "new", folder / "a.csv")
    await follower.hears(folder, "a.csv")
    await asyncio.sleep(2.2)
    follower.told.clear()
    (tmp_path / "two").write_text("22")
    await follower.hears(folder, "a.csv")


@pytest.mark.parametrize(
    "name",
    [
        'we\'ird "name" [1].csv',
        "naïve 日本.csv",
        "new\nline\ttab\x1b[31m.csv",
        "-rf $(x) `y`.csv",
        "\udcff not utf-8.csv",
        "x" * 255,
    ],
)
async def test_odd_names_of_folders_and_files_break_nothing(kernel, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    await kernel.follow(folder)

    (folder / name).write_text("1")
    await kernel.hears(folder, name)
    assert await kernel.covers(folder)


async def test_a_path_as_long_as_paths_may_be_breaks_nothing(kernel, tmp_path):
    folder = tmp_path
    while len(str(folder)) < 3700:
        folder = folder / ("x" * 200)
    folder.mkdir(parents=True)
    too_long = "/" + "/".join(["y" * 250] * 20)
    await kernel.follow(too_long, only("a.csv"))
    await kernel.follow(folder, DEEP)

    (folder / "a.csv").write_text("1")
    await kernel.hears(folder, "a.csv")


async def test_a_write_is_told_by_the_time_that_it_has_returned(kernel, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    await kernel.follow(tmp_path)

    for text in ("22", "333", "4444"):
        (tmp_path / "a.csv").write_text(text)
        kernel.events.receive()
        assert kernel.has_told(tmp_path, "a.csv")
        kernel.told.clear()


async def test_coverage_begins_when_the_folder_is_watched_and_not_before(kernel, tmp_path):
    before = time.monotonic()
    assert kernel.events.covered_since(str(tmp_path)) is None
    kernel.events.want(str(tmp_path), ALL)
    assert kernel.events.covered_since(str(tmp_path)) is None

    assert before <= await kernel.covers(tmp_path) <= time.monotonic()


async def test_coverage_lasts_while_files_change_and_begins_anew_with_the_folder(kernel, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    await kernel.follow(folder)
    since = await kernel.covers(folder)

    (folder / "a.csv").write_text("1")
    await kernel.hears(folder, "a.csv")
    assert await kernel.covers(folder) == since

    (folder / "a.csv").unlink()
    folder.rmdir()
    folder.mkdir()
    kernel.events.receive()
    assert kernel.events.covered_since(str(folder)) is None
    assert await kernel.covers(folder) > since


async def test_a_link_is_not_covered_but_its_neighbours_are(kernel, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    await kernel.follow(folder, only("a.csv", "b.csv"))
    await kernel.covers(folder)

    (folder / "a.csv").symlink_to(tmp_path)
    kernel.events.receive()
    assert kernel.events.covered_since(str(folder), "a.csv") is None
    await kernel.covers(folder, "b.csv")
    assert kernel.events.covered_since(str(folder), "a.csv") is None
    assert kernel.events.covered_since(str(folder)) is None

    (folder / "a.csv").unlink()
    await kernel.covers(folder)


async def test_a_file_with_several_names_is_polled_and_not_covered(kernel, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    (tmp_path / "other").write_text("1")
    os.link(tmp_path / "other", folder / "a.csv")
    await kernel.follow(folder, only("a.csv", "b.csv"))
    await kernel.covers(folder, "b.csv")
    assert kernel.events.covered_since(str(folder), "a.csv") is None

    (tmp_path / "other").write_text("22")
    await kernel.hears(folder, "a.csv")


async def test_a_name_that_no_file_can_have_breaks_nothing(kernel, tmp_path):
    await kernel.follow("/data/\0", only("a.csv"))
    await kernel.follow("/data", only("\ud800.csv"))
    await kernel.follow(tmp_path)

    (tmp_path / "a.csv").write_text("1")
    await kernel.hears(tmp_path, "a.csv")


async def test_what_leads_through_a_link_is_polled_and_not_covered(kernel, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    await kernel.follow(tmp_path / "link")

    (tmp_path / "real" / "a.csv").write_text("1")
    await kernel.hears(tmp_path / "link", "a.csv")
    assert kernel.events.covered_since(str(tmp_path / "link")) is None


async def test_links_in_a_circle_end(kernel, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    await kernel.follow(tmp_path, DEEP)

    (tmp_path / "x" / "a.csv").write_text("1")
    await kernel.hears(tmp_path / "x", "a.csv")


async def test_a_file_system_that_does_not_tell_its_changes_is_polled(kernel):
    await kernel.follow("/proc/sys/kernel", only("hostname"))

    assert kernel.events.covered_since("/proc/sys/kernel") is None


async def test_a_queue_that_ran_over_leaves_everything_in_doubt(kernel, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("1")
    await kernel.follow(tmp_path)

    # Equal neighbours in the queue are one: two files take turns.
    for _ in range(LONGEST_QUEUE // 2 + 1):
        os.utime(tmp_path / "a.csv")
        os.utime(tmp_path / "b.csv")
    kernel.events.receive()

    assert None in kernel.told
    assert kernel.events.covered_since(str(tmp_path)) is None
    await kernel.covers(tmp_path)
    kernel.told.clear()
    (tmp_path / "a.csv").write_text("22")
    await kernel.hears(tmp_path, "a.csv")


async def test_many_files_of_one_folder_are_told_as_the_folder(kernel, tmp_path):
    await kernel.follow(tmp_path)

    for i in range(1000):
        (tmp_path / f"{i}.csv").touch()
    kernel.events.receive()

    assert {str(tmp_path): None} in kernel.told


async def test_a_folder_is_left_alone_once_nobody_wants_it(kernel, tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        await kernel.follow(tmp_path / name)

    kernel.events.want(str(tmp_path / "x"), None)
    (tmp_path / "x" / "a.csv").write_text("1")
    (tmp_path / "y" / "a.csv").write_text("1")

    await until(lambda: kernel.has_told(tmp_path / "y", "a.csv"))
    assert not kernel.has_told(tmp_path / "x", "a.csv")
    assert kernel.events.covered_since(str(tmp_path / "x")) is None


async def test_a_name_that_comes_to_matter_is_covered_only_after_a_look(kernel, tmp_path):
    await kernel.follow(tmp_path, only("a.csv"))
    since = await kernel.covers(tmp_path)

    kernel.events.want(str(tmp_path), only("a.csv", "b.csv"))
    assert kernel.events.covered_since(str(tmp_path), "b.csv") is None

    assert await kernel.covers(tmp_path, "b.csv") == since


class Scarce(Inotify):
    """A system that lets us watch ten folders."""

    def __init__(self) -> None:
        super().__init__()
        self.folders: set[str] = set()

    def add(self, folder: str, *, is_guard: bool = False) -> int:
        if not is_guard and len(self.folders | {folder}) > 10:
            raise OSError(errno.ENOSPC, "no space left on device")
        number = super().add(folder, is_guard=is_guard)
        if not is_guard:
            self.folders.add(folder)
        return number


async def test_where_the_system_watches_no_more_folders_the_others_are_polled(tmp_path, caplog):
    follower = Follower(native=Scarce)
    await follower.start()
    folders = [tmp_path / str(i) for i in range(20)]
    for folder in folders:
        folder.mkdir()
        await follower.follow(folder)

    covered = [f for f in folders if follower.events.covered_since(str(f)) is not None]
    assert len(covered) == 10
    for folder in folders:
        (folder / "a.csv").write_text("1")
    await until(lambda: all(follower.has_told(folder, "a.csv") for folder in folders))
    assert caplog.text.count("max_user_watches") == 1
    await follower.events.stop()


async def test_where_the_system_has_no_events_all_is_polled(tmp_path, caplog):
    def nothing() -> Inotify:
        raise OSError(errno.EMFILE, "too many open files")

    follower = Follower(native=nothing)
    await follower.start()
    await follower.follow(tmp_path)

    (tmp_path / "a.csv").write_text("1")
    await follower.hears(tmp_path, "a.csv")
    assert "so files are polled" in caplog.text
    await follower.events.stop()


async def test_a_tree_with_too_many_folders_is_polled(kernel, tmp_path):
    for i in range(5_001):
        (tmp_path / str(i)).mkdir()
    await kernel.follow(tmp_path, DEEP)

    (tmp_path / "7" / "a.csv").write_text("1")
    await kernel.hears(tmp_path / "7", "a.csv")
    assert kernel.events.covered_since(str(tmp_path)) is None


class Hanging(Inotify):
    """A system where whoever touches one of the disks waits for ever."""

    disk = ""
    let_go = threading.Event()

    def add(self, folder: str, *, is_guard: bool = False) -> int:
        if folder.startswith(self.disk):
            self.let_go.wait(30)
        return super().add(folder, is_guard=is_guard)


async def test_a_disk_that_hangs_stops_neither_the_others_nor_the_end(tmp_path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        Hanging.disk = disk
        follower = Follower(native=Hanging)
        await follower.start()
        follower.events.want(disk, ALL)
        await follower.follow(tmp_path)

        (tmp_path / "a.csv").write_text("1")
        await follower.hears(tmp_path, "a.csv")
        await asyncio.wait_for(follower.events.stop(), 10)
        Hanging.let_go.set()


async def test_nothing_stays_open_and_no_file_of_the_user_ever_was(kernel, tmp_path):
    def opened() -> list[str]:
        return [
            os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if entry.is_symlink()
        ]

    before = opened().count("anon_inode:inotify")
    for i in range(20):
        (tmp_path / f"{i}.csv").write_text("1")
    await kernel.follow(tmp_path)

    assert not [path for path in opened() if path.startswith(str(tmp_path))]
    await kernel.events.stop()
    assert opened().count("anon_inode:inotify") == before - 1


async def test_folders_wanted_before_the_start_are_followed_after_it(tmp_path):
    follower = Follower()
    follower.events.want(str(tmp_path), ALL)
    follower.events.want(str(tmp_path / "x"), ALL)
    follower.events.want(str(tmp_path / "x"), None)
    await follower.start()

    await follower.covers(tmp_path)
    assert all(str(tmp_path / "x") not in each for each in follower.begun)
    await follower.events.stop()


def test_mounts_are_known_by_their_longest_path(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "30 22 0:30 / /home rw - nfs4 server:/home rw\n"
        "31 30 0:31 / /home/ana/my\\040data rw shared:1 - tmpfs tmpfs rw\n"
        "nonsense\n"
    )
    mounts = Mounts.read(str(table))

    assert mounts.at("/srv/data") == ("/", True)
    assert mounts.at("/home") == ("/home", False)
    assert mounts.at("/home/ana/my") == ("/home", False)
    assert mounts.at("/homework") == ("/", True)
    assert mounts.at("/home/ana/my data/x") == ("/home/ana/my data", True)
    assert mounts.remote_beneath("/") == {"/home"}
    assert mounts.remote_beneath("/srv") == set()
    assert Mounts.read(str(tmp_path / "absent")).at("/x") == ("", True)


PATTERNS = (
    "*.csv", "?.csv", "[ab].csv", "[!a].csv", "[^a].csv", "[]a].csv", "a*", "*", "**", "**/*.csv",
    "*/*.csv", "*/**/*.csv", "x/*.csv", "x/**", "x/**/*.csv", "x*/y/*", "*/y/c.csv", "[x]/*/*.csv",
    "**/y/*.csv", "a-[0-9][0-9].csv", "é*.csv", "?é.csv", "* b.csv", "x/y*/c.*",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_file_that_the_engine_reads_by_a_pattern_is_found(tmp_path, pattern):
    for name in (
        "a.csv", "b.csv", "].csv", "a-01.csv", "é1.csv", "aé.csv", "a b.csv", "x/a.csv",
        "x/y/c.csv", "x/y/z/d.csv", "x1/y/c.csv", "y/c.csv",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    index = WatchIndex()
    index.put(1, (Read(kind="file", name=pattern, path=f"{tmp_path}/{pattern}"),), 0.0)
    ((folder, extent),) = index.take_folders()
    assert extent is not None

    with duckdb.connect() as connection:
        rows = connection.execute("SELECT file FROM glob($1)", [f"{tmp_path}/{pattern}"]).fetchall()

    for (path,) in rows:
        where, name = os.path.split(path)
        assert index.matching({where: {name}}), path
        assert where.startswith(folder)
        assert where[len(folder) :].count("/") <= extent.depth
