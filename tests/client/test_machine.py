from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_views._machine import (
    NETWORK,
    file_system,
    free_bytes,
    release,
    size_words,
    watch_limit,
    watches_used,
)

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /home rw shared:2 - nfs4 server:/home rw
31 30 0:27 / /home/ana/my\\040data rw - xfs /dev/sdb1 rw
32 22 0:28 / /mnt rw master:1 - ext4 /dev/sdc1 rw
33 22 0:29 / /mnt rw - cifs //server/mnt rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/data", "ext4"),
        ("/home/ben", "nfs4"),
        ("/home/ana/my data/sales", "xfs"),
        ("/homework", "ext4"),
        ("/mnt/x", "cifs"),
    ],
)
def test_a_folder_is_on_the_file_system_mounted_nearest_and_last(tmp_path, folder, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)

    assert file_system(Path(folder), mounts) == kind


def test_a_system_that_does_not_tell_its_mounts_gives_none(tmp_path):
    assert file_system(tmp_path, tmp_path / "absent") is None


def test_this_machine_knows_the_file_system_of_a_folder_of_its_own(tmp_path):
    assert file_system(tmp_path) not in {None, *NETWORK}


def test_free_bytes_are_those_of_the_disk(tmp_path):
    assert free_bytes(tmp_path) > 0
    assert free_bytes(tmp_path / "absent") is None


def test_watches_of_all_processes_that_can_be_read_are_counted(tmp_path):
    for process, texts in {
        "12": ("inotify wd:1 ino:2\ninotify wd:2 ino:3\n", "pos: 0\n"),
        "13": ("inotify wd:1 ino:9\n",),
        "self": ("inotify wd:1 ino:2\n",),
    }.items():
        folder = tmp_path / process / "fdinfo"
        folder.mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / str(number)).write_text(text)
    (tmp_path / "14").mkdir()

    assert watches_used(tmp_path) == (2, 3)


def test_a_limit_that_does_not_exist_is_none():
    assert watch_limit("no_such_limit") is None


@pytest.mark.parametrize(
    ("size", "words"),
    [(12, "12 bytes"), (2048, "2.0 KiB"), (512 << 20, "512 MiB"), (3 << 30, "3.0 GiB"),
     (5_000 << 30, "4.9 TiB")],
)  # fmt: skip
def test_a_size_reads_naturally(size, words):
    assert size_words(size) == words


def test_a_package_that_is_not_installed_has_no_release():
    assert release("msgspec")
    assert release("no-such-package-of-anybody") is None
