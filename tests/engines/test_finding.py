"""Which files a pattern means: what the engine says, and what views may read of it."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_views.core.errors import EngineFailed, NotAllowed
from jupyter_views.core.ports import Read
from jupyter_views.engines import paths
from jupyter_views.engines.finding import Finder, matcher

_LETTERS = [
    "a",
    "b",
    "A",
    "0",
    "-",
    "_",
    ".",
    "é",
    "日",
    " ",
    "!",
    "^",
    "'",
    "(",
    "+",
    "$",
    "]",
    "\n",
]
_NAMES = st.lists(st.sampled_from([*_LETTERS, "[", ".csv"]), min_size=1, max_size=5).map("".join)
_WILD = ["*", "?", "[ab]", "[!a]", "[a-c0]", "[!0-9]"]
_PATTERNS = st.lists(st.sampled_from([*_LETTERS, *_WILD, ".csv"]), min_size=1, max_size=6)


@example({"aé", "ab", "日", "é日"}, ["a?", "a??", "?", "[!a]", "?[!0-9]", "*?", "é*?"])
@given(st.sets(_NAMES, min_size=1, max_size=12), st.lists(_PATTERNS.map("".join), max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_pattern_matches_the_files_that_the_engines_own_glob_finds(names, patterns):
    names -= {".", ".."}
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        for name in names:
            Path(folder, name).touch()
        for pattern in patterns:
            matches = matcher(pattern)
            if not paths.has_pattern(pattern) or matches is None:
                continue
            rows = connection.execute("SELECT file FROM glob($1)", [f"{folder}/{pattern}"])
            found = {os.path.basename(path) for (path,) in rows.fetchall()}
            assert {name for name in names if matches(os.fsencode(name))} == found, pattern


@pytest.mark.parametrize(
    "pattern",
    ["**", "a**", "[]a]", "[a", "[é]", "[-a]", "[a-]", "[^a]", "[b-a]", "[a-c-e]", "a\\*"],
)
def test_a_pattern_that_only_the_engine_knows_to_read_is_left_to_it(pattern):
    assert matcher(pattern) is None


def test_a_pattern_of_many_stars_is_matched_in_linear_time():
    matches = matcher("*a" * 60 + "*b")
    started = time.monotonic()

    assert not matches(b"a" * 250)
    assert time.monotonic() - started < 1


@pytest.fixture
def finder(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    with duckdb.connect() as connection:
        yield Finder(connection, paths.folders(str(root), (str(root),))), root


def found(finder, pattern: str) -> list[str]:
    search, root = finder
    read = Read(kind="file", name=pattern, path=f"{root}/{pattern}")
    return sorted(name for name, _, _ in search.files(read))


@pytest.mark.parametrize("pattern", ["*.csv", "[a-z]*.csv", "**/*.csv", "[!^]*.csv"])
def test_what_a_pattern_passes_over_is_what_the_engine_passes_over(finder, pattern):
    _, root = finder
    (root / "a.csv").touch()
    (root / "folder.csv").mkdir()
    (root / "dangling.csv").symlink_to(root / "nothing")
    (root / "loop.csv").symlink_to(root / "loop.csv")
    (root / "linked.csv").symlink_to(root / "a.csv")
    (root / "linked-folder.csv").symlink_to(root / "folder.csv")
    os.mkfifo(root / "pipe.csv")
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT file FROM glob($1)", [f"{root}/{pattern}"]).fetchall()

    names = sorted(os.path.basename(path) for (path,) in rows)

    assert found(finder, pattern) == names == ["a.csv", "linked.csv"]


def test_files_keep_their_status_and_the_name_below_the_root(finder):
    search, root = finder
    (root / "deep").mkdir()
    (root / "deep" / "a.csv").write_text("abc")

    read = Read(kind="file", name="deep/*.csv", path=f"{root}/deep/*.csv")
    ((name, path, status),) = search.files(read)

    assert (name, path) == ("deep/a.csv", f"{root}/deep/a.csv")
    assert status.st_size == 3
    assert stat.S_ISREG(status.st_mode)


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv", "[.ab]*.csv"])
def test_a_hidden_file_that_a_pattern_reaches_is_refused(finder, pattern):
    _, root = finder
    (root / ".secret.csv").touch()

    with pytest.raises(NotAllowed, match="hidden"):
        found(finder, pattern)


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv"])
def test_a_link_that_leads_outside_is_refused(finder, tmp_path, pattern):
    _, root = finder
    (tmp_path / "salaries.csv").touch()
    (root / "out.csv").symlink_to(tmp_path / "salaries.csv")

    with pytest.raises(NotAllowed, match="outside"):
        found(finder, pattern)


def test_a_folder_that_became_a_link_outside_is_refused(finder, tmp_path):
    _, root = finder
    (tmp_path / "elsewhere").mkdir()
    (root / "data").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotAllowed, match="outside"):
        found(finder, "data/*.csv")


def test_a_name_that_is_no_unicode_is_said(finder):
    _, root = finder
    Path(os.fsdecode(os.fsencode(root) + b"/bad\xff.csv")).touch()

    with pytest.raises(EngineFailed, match="Unicode"):
        found(finder, "*.csv")


def test_a_folder_that_is_not_there_holds_nothing(finder):
    _, root = finder
    (root / "file").touch()

    assert found(finder, "missing/*.csv") == []
    assert found(finder, "file/*.csv") == []


def test_a_link_that_turns_in_a_circle_cannot_be_read(finder):
    search, root = finder
    (root / "loop.csv").symlink_to(root / "loop.csv")

    with pytest.raises(EngineFailed, match=r"loop\.csv cannot be read"):
        list(search.files(Read(kind="file", name="loop.csv", path=f"{root}/loop.csv")))
