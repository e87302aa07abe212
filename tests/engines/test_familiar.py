"""Looks that are repeated: quicker, and never another answer."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from jupyter_views.core.ports import Read, Signature
from jupyter_views.engines import paths, sources
from jupyter_views.engines.familiar import Familiar
from jupyter_views.engines.finding import Finder

from .places import Place

OLD_ENOUGH = 2.2
FILES = 12


def _rewrite(folder: Path) -> None:
    (folder / "a-3.csv").write_text("n\n4\n")


def _rewrite_and_restore(folder: Path) -> None:
    status = (folder / "a-3.csv").stat()
    _rewrite(folder)
    os.utime(folder / "a-3.csv", ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace(folder: Path) -> None:
    (folder / "new").write_text("n\n4\n")
    os.replace(folder / "new", folder / "a-3.csv")


def _make_folder(folder: Path) -> None:
    (folder / "a-3.csv").unlink()
    (folder / "a-3.csv").mkdir()


def _make_link(folder: Path) -> None:
    (folder / "a-3.csv").rename(folder / "b.txt")
    (folder / "a-3.csv").symlink_to(folder / "b.txt")


def _move_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "another file beside": lambda folder: (folder / "b.csv").write_text("n\n1\n"),
    "a file rewritten": _rewrite,
    "a file rewritten with its time put back": _rewrite_and_restore,
    "a file replaced": _replace,
    "a file touched": lambda folder: os.utime(folder / "a-3.csv"),
    "a file gone": lambda folder: (folder / "a-3.csv").unlink(),
    "a file more": lambda folder: (folder / "a-99.csv").write_text("n\n1\n"),
    "a file renamed": lambda folder: (folder / "a-3.csv").rename(folder / "a-33.csv"),
    "a folder for a file": _make_folder,
    "a link for a file": _make_link,
    "a link more": lambda folder: (folder / "a-99.csv").symlink_to(folder / "a-3.csv"),
    "a link outside": lambda folder: (folder / "a-99.csv").symlink_to("/etc/hostname"),
    "a name that looks like the pattern": lambda folder: (folder / "a-*.csv").touch(),
    "the folder gone": shutil.rmtree,
    "the folder moved behind a link": _move_folder,
}


UNCHANGED = {"nothing", "another file beside", "the folder moved behind a link"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folders with equal files, one for each change, old enough for their stamps to be trusted."""
    place = Place(tmp_path_factory.mktemp("familiar"))
    for at in range(len(CHANGES) + 5):
        folder = place.root / f"folder-{at}"
        folder.mkdir()
        for n in range(FILES):
            (folder / f"a-{n}.csv").write_text(f"n\n{n}\n")
        (folder / "other.txt").write_text("not meant")
    time.sleep(OLD_ENOUGH)
    return place


def _pattern(place: Place, at: int) -> tuple[Path, tuple[Read, ...]]:
    folder = place.root / f"folder-{at}"
    return folder, place.inspect(f"FROM '{folder.name}/a-*.csv'").reads


def _compared(
    place: Place, reads: tuple[Read, ...], recorded: tuple[Signature, ...], known: Familiar | None
) -> tuple[str, ...] | None:
    roots = (str(place.root),)
    return sources.compare(
        place.connection, reads, recorded, roots=roots, hidden=place.hidden, familiar=known
    ).moved


def _again(place: Place, read: Read, known: Familiar) -> Signature | None:
    where = paths.folders("/", (str(place.root),), place.hidden)
    return known.again(Finder(place.connection, where), read)


@pytest.mark.parametrize("change", CHANGES)
def test_a_repeated_look_sees_what_a_first_one_sees(place, change):
    folder, reads = _pattern(place, [*CHANGES].index(change))
    recorded = place.sign(reads)
    known = Familiar()
    assert _compared(place, reads, recorded, known) == ()
    assert _again(place, reads[0], known) == recorded[0]

    CHANGES[change](folder)

    first = _compared(place, reads, recorded, None)
    assert _compared(place, reads, recorded, known) == first
    assert _compared(place, reads, recorded, known) == first
    assert (first == ()) == (change in UNCHANGED)


def test_content_that_is_known_counts_in_a_repeated_look_too(place):
    folder, reads = _pattern(place, len(CHANGES))
    (folder / "a-5.csv").write_text("n\n55\n")
    young = place.sign(reads)
    time.sleep(OLD_ENOUGH)
    known = Familiar()
    recorded = place.compare(reads, young).confirmed
    assert _compared(place, reads, recorded, known) == ()
    assert _again(place, reads[0], known) is not None

    os.utime(folder / "a-5.csv")
    time.sleep(OLD_ENOUGH)

    assert [_compared(place, reads, recorded, known) for _ in range(3)] == [(), (), ()]
    by_stamps = (_without_content(recorded[0]),)
    assert _compared(place, reads, by_stamps, known) == (f"{folder.name}/a-5.csv",)
    assert _compared(place, reads, recorded, known) == ()


def _without_content(signature: Signature) -> Signature:
    entries = tuple((name, token.partition(";")[0]) for name, token in signature.entries)
    return structs.replace(signature, entries=entries)


def test_young_files_and_strict_looks_are_never_taken_from_memory(place):
    folder, reads = _pattern(place, len(CHANGES) + 1)
    strict = place.sign(reads, is_strict=True)
    known = Familiar()
    _compared(place, reads, place.sign(reads), known)
    _rewrite(folder)
    young = place.sign(reads)

    assert young[0].provisional
    assert _compared(place, reads, young, known) == ()
    assert _again(place, reads[0], known) is None
    assert _compared(place, reads, strict, known) == (f"{folder.name}/a-3.csv",)


def test_what_is_remembered_has_a_bound(place):
    known = Familiar(most_files=2 * FILES)
    wanted = [_pattern(place, len(CHANGES) + at)[1] for at in (2, 3, 4)]
    for reads in wanted[:2] * 3:
        _compared(place, reads, place.sign(reads), known)
    kept = [_again(place, reads[0], known) is not None for reads in wanted]
    _compared(place, wanted[2], place.sign(wanted[2]), known)

    assert kept == [True, True, False]
    assert _again(place, wanted[2][0], known) is not None
    assert _again(place, wanted[0][0], known) is None
