from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import duckdb
import msgspec
import pytest
from msgspec import structs

from jupyter_views.core.errors import NotAllowed
from jupyter_views.core.ports import Comparison, Read, Signature
from jupyter_views.engines.sources import is_young, moved, take

from .places import Place

# Beyond this age a file's stamps are trusted; one margin for slow machines.
OLD_ENOUGH = 2.2


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """A folder whose files are old enough for their stamps to be trusted."""
    place = Place(tmp_path_factory.mktemp("settled"))
    time.sleep(OLD_ENOUGH)
    return place


def reads(place: Place, sql: str) -> tuple[Read, ...]:
    return place.inspect(sql).reads


def test_a_settled_file_is_signed_by_its_stamps_alone(settled):
    (signature,) = settled.sign(reads(settled, "FROM 'users.parquet'"))

    assert (signature.strength, signature.provisional) == ("exact", False)
    ((name, token),) = signature.entries
    assert name == "users.parquet"
    assert ";" not in token


def test_a_young_file_is_provisional_and_holds_its_content(place):
    (signature,) = place.sign(reads(place, "FROM 'events.csv'"))

    assert signature.provisional
    assert ";" in signature.entries[0][1]


def test_two_looks_at_an_unchanged_file_are_equal(settled):
    wanted = reads(settled, "FROM 'events.csv' JOIN 'daily/*.csv' USING (id)")
    before = settled.sign(wanted)

    assert moved(before, settled.sign(wanted, before)) == ()


def test_a_changed_file_is_named(place):
    wanted = reads(place, "FROM 'events.csv' JOIN 'days.csv' USING (id)")
    before = place.sign(wanted)
    (place.root / "days.csv").write_text("id,day\n1,new\n")

    assert moved(before, place.sign(wanted, before)) == ("days.csv",)


def test_a_file_rewritten_with_the_same_stamps_within_the_racy_time_is_seen(place):
    path = place.root / "events.csv"
    path.write_text("id\n1\n")
    wanted = reads(place, "FROM 'events.csv'")
    before = place.sign(wanted)
    status = path.stat()

    with path.open("r+") as file:
        file.write("id\n2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = place.sign(wanted, before)

    assert status.st_size == path.stat().st_size
    assert moved(before, after) == ("events.csv",)


def test_equal_stamps_prove_nothing_when_the_first_look_was_provisional():
    stamps = "1-2-3-4-5"
    young = Signature(
        name="a.csv", kind="file", strength="exact", entries=(("a.csv", stamps),), provisional=True
    )
    later = Signature(name="a.csv", kind="file", strength="exact", entries=(("a.csv", stamps),))

    assert moved((young,), (later,)) is None


def test_a_provisional_signature_is_confirmed_by_content_later(place):
    wanted = reads(place, "FROM 'events.csv'")
    before = place.sign(wanted)
    time.sleep(OLD_ENOUGH)
    after = place.sign(wanted, before)

    assert before[0].provisional
    assert not after[0].provisional
    assert moved(before, after) == ()
    # What was confirmed may take its place, and needs no hashing any more.
    third = place.sign(wanted, after)
    assert ";" not in third[0].entries[0][1]
    assert moved(after, third) == ()


def test_a_young_file_too_large_to_hash_is_never_called_unchanged(place):
    with (place.root / "huge.csv").open("wb") as file:
        file.truncate(3 * 2**30)
    wanted = reads(place, "FROM 'huge.csv'")
    before = place.sign(wanted)

    assert before[0].provisional
    assert ";" not in before[0].entries[0][1]
    assert moved(before, place.sign(wanted, before)) is None


def test_touching_a_file_whose_content_is_known_is_no_change(place):
    wanted = reads(place, "FROM 'events.csv'")
    before = place.sign(wanted)
    os.utime(place.root / "events.csv")

    assert moved(before, place.sign(wanted, before)) == ()


def test_a_restored_mtime_does_not_hide_a_rewrite(settled):
    path = settled.root / "lines.ndjson"
    wanted = reads(settled, "FROM 'lines.ndjson'")
    before = settled.sign(wanted)
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"2", b"3"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert not before[0].provisional
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert moved(before, settled.sign(wanted, before)) == ("lines.ndjson",)


def test_a_file_replaced_by_another_of_the_same_size_is_seen(settled):
    path = settled.root / "list.json"
    wanted = reads(settled, "FROM 'list.json'")
    before = settled.sign(wanted)
    status = path.stat()
    other = path.with_name("other.tmp")
    other.write_bytes(path.read_bytes().replace(b"2", b"3"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)

    assert moved(before, settled.sign(wanted, before)) == ("list.json",)


def test_a_pattern_names_the_file_that_came_went_or_changed(place):
    wanted = reads(place, "FROM 'daily/*.csv'")
    before = place.sign(wanted)
    assert [name for name, _ in before[0].entries] == ["daily/2026-01.csv", "daily/2026-02.csv"]

    (place.root / "daily/2026-03.csv").write_text("id,amount\n3,7\n")
    assert moved(before, place.sign(wanted, before)) == ("daily/2026-03.csv",)

    (place.root / "daily/2026-03.csv").unlink()
    (place.root / "daily/2026-01.csv").unlink()
    (place.root / "daily/2026-02.csv").write_text("id,amount\n2,8\n")
    assert moved(before, place.sign(wanted, before)) == ("daily/2026-01.csv", "daily/2026-02.csv")


def test_a_pattern_that_matches_nothing_is_equal_until_something_matches(place):
    wanted = reads(place, "FROM 'later/*.csv'")
    before = place.sign(wanted)
    assert moved(before, place.sign(wanted, before)) == ()

    (place.root / "later").mkdir()
    (place.root / "later/one.csv").write_text("id\n1\n")

    assert moved(before, place.sign(wanted, before)) == ("later/one.csv",)


def test_an_absent_file_is_signed_as_absent_and_seen_when_it_comes(place):
    wanted = reads(place, "FROM 'coming.csv'")
    before = place.sign(wanted)
    assert before[0].entries == (("coming.csv", "absent"),)
    assert moved(before, place.sign(wanted, before)) == ()

    (place.root / "coming.csv").write_text("id\n1\n")

    assert moved(before, place.sign(wanted, before)) == ("coming.csv",)


def test_a_frame_is_signed_by_its_hash(place):
    one = place.sign((Read(kind="frame", name="df", path="a" * 64),))
    other = place.sign((Read(kind="frame", name="df", path="b" * 64),))

    assert one[0].strength == "exact"
    assert moved(one, one) == ()
    assert moved(one, other) == ("df",)


def test_what_is_unknown_can_never_be_called_unchanged(place):
    wanted = (Read(kind="unknown", name="orders"), *reads(place, "FROM 'events.csv'"))
    before = place.sign(wanted)

    assert before[0].strength == "none"
    assert moved(before, before) is None
    (place.root / "events.csv").write_text("id\n9\n")
    assert moved(before, place.sign(wanted, before)) == ("events.csv",)


def test_other_reads_than_before_are_a_change(place):
    one = place.sign(reads(place, "FROM 'events.csv'"))
    other = place.sign(reads(place, "FROM 'days.csv'"))

    assert moved(one, other) == ("days.csv", "events.csv")


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv", "leads*.csv", "s*/*.csv"])
def test_a_pattern_that_also_matches_what_may_not_be_read_is_refused(place, pattern):
    wanted = reads(place, f"FROM '{pattern}'")

    with pytest.raises(NotAllowed) as caught:
        place.sign(wanted)

    assert str(place.root) not in str(caught.value.to_dict())


def test_a_pattern_that_reaches_the_store_is_refused_before_anything_is_read(place):
    (place.root / "store" / "result.csv").unlink()
    wanted = reads(place, "FROM 's*/*.csv'")
    assert [name for name, _ in place.sign(wanted)[0].entries] == ["sub/here.csv"]

    (place.root / "store" / "other.csv").write_text("id\n1\n")

    with pytest.raises(NotAllowed, match="outside"):
        place.sign(wanted)


def test_a_link_that_turned_outside_after_the_check_is_refused(place):
    wanted = reads(place, "FROM 'leads-in.csv'")
    (place.root / "events.csv").unlink()
    (place.root / "events.csv").symlink_to(place.outside / "salaries.csv")

    with pytest.raises(NotAllowed):
        place.sign(wanted)


def test_a_named_pipe_is_refused_and_nobody_waits_for_it(place):
    wanted = reads(place, "FROM 'pipe.csv'")
    os.mkfifo(place.root / "pipe.csv")
    started = time.monotonic()

    with pytest.raises(NotAllowed):
        place.sign(wanted)
    with pytest.raises(NotAllowed):
        place.inspect("FROM 'pipe.csv'")

    assert time.monotonic() - started < 1


def test_brackets_in_the_folder_above_are_not_a_pattern(tmp_path):
    folder = tmp_path / "my [data]"
    folder.mkdir()
    place = Place(folder)
    for name in ("events.csv", "missing.csv"):
        (signature,) = place.sign(reads(place, f"FROM '{name}'"))
        assert [entry for entry, _ in signature.entries] == [name]

    with pytest.raises(NotAllowed, match="pattern"):
        reads(place, "FROM 'daily/*.csv'")


def test_a_file_with_brackets_in_its_name_is_signed_with_those_that_it_matches(place):
    (place.root / "odd1.csv").write_text("id\n1\n")

    (signature,) = place.sign(reads(place, "FROM 'odd[1].csv'"))

    assert [name for name, _ in signature.entries] == ["odd1.csv", "odd[1].csv"]


def test_five_thousand_files_are_signed_quickly(tmp_path):
    place = Place(tmp_path)
    many = place.root / "many"
    many.mkdir()
    for number in range(5_000):
        (many / f"{number}.csv").touch()
    wanted = reads(place, "FROM 'many/*.csv'")
    time.sleep(OLD_ENOUGH)
    started = time.monotonic()

    (signature,) = place.sign(wanted)

    assert len(signature.entries) == 5_000
    assert time.monotonic() - started < 2


# One young file among old ones.


@pytest.fixture(scope="module")
def shelves(tmp_path_factory):
    """Folders of files that are old enough, one for each test that puts a young one into it."""
    place = Place(tmp_path_factory.mktemp("shelves"))
    names = [f"shelf-{at}" for at in range(5)]
    for name in names:
        (place.root / name).mkdir()
        for at in range(50):
            (place.root / name / f"{at:02}.csv").write_text(f"id\n{at}\n")
    time.sleep(OLD_ENOUGH)
    return place, names


@pytest.fixture
def shelf(shelves):
    place, names = shelves
    (place.root / names.pop()).rename(place.root / "shelf")
    yield place
    shutil.rmtree(place.root / "shelf")


def _put_young(place: Place) -> tuple[Path, tuple[Read, ...], tuple[Signature, ...]]:
    path = place.root / "shelf" / "07.csv"
    wanted = reads(place, "FROM 'shelf/*.csv'")
    place.sign(wanted)
    path.write_text("id\n1\n")
    return path, wanted, place.sign(wanted)


def _read_in_full(signature: Signature) -> list[str]:
    return [name for name, token in signature.entries if ";" in token]


def test_only_the_young_files_of_a_pattern_are_read_to_be_sure_of_them(shelf):
    _, wanted, before = _put_young(shelf)
    after = shelf.sign(wanted, before)
    time.sleep(OLD_ENOUGH)
    later = shelf.sign(wanted, before)

    assert before[0].provisional
    assert not later[0].provisional
    for look in (before, after, later):
        assert _read_in_full(look[0]) == ["shelf/07.csv"]
        assert moved(before, look) == ()


def test_a_pattern_with_one_young_file_is_confirmed_as_a_whole(shelf):
    _, wanted, recorded = _put_young(shelf)

    assert shelf.compare(wanted, recorded) == Comparison(moved=())
    time.sleep(OLD_ENOUGH)
    compared_once = shelf.compare(wanted, recorded)

    assert compared_once.moved == ()
    assert shelf.compare(wanted, compared_once.confirmed) == Comparison(moved=())


def test_a_young_file_rewritten_behind_its_stamps_is_named_among_old_ones(shelf):
    path, wanted, before = _put_young(shelf)
    status = path.stat()
    path.write_text("id\n2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    # As a file system with coarse stamps would show it.
    (after,) = shelf.sign(wanted, before)
    stamps = dict(before[0].entries)["shelf/07.csv"].partition(";")[0]
    digest = dict(after.entries)["shelf/07.csv"].partition(";")[2]
    shown = dict(after.entries) | {"shelf/07.csv": f"{stamps};{digest}"}

    assert moved(before, (after,)) == ("shelf/07.csv",)
    assert moved(before, (_with(after, shown),)) == ("shelf/07.csv",)


def test_an_old_file_changed_beside_a_young_one_is_named(shelf):
    _, wanted, before = _put_young(shelf)
    (shelf.root / "shelf" / "31.csv").write_text("id\n99\n")

    assert moved(before, shelf.sign(wanted, before)) == ("shelf/31.csv",)


def test_signatures_stored_before_each_file_had_its_mark_doubt_every_file(shelf):
    _, wanted, (now,) = _put_young(shelf)
    unmarked = _with(now, {name: token.rstrip("?") for name, token in now.entries})
    old = msgspec.json.decode(msgspec.json.encode(unmarked), type=Signature)
    hashed = _with(now, {name: f"{token.partition(';')[0]};{0:064}" for name, token in old.entries})

    assert old.provisional
    assert "?" not in str(old.entries)
    assert moved((old,), shelf.sign(wanted, (old,))) is None
    assert _read_in_full(shelf.sign(wanted, (hashed,))[0]) == [name for name, _ in now.entries]
    assert len(moved((hashed,), shelf.sign(wanted, (hashed,)))) == len(now.entries)


def _with(signature: Signature, tokens: dict[str, str]) -> Signature:
    return structs.replace(signature, entries=tuple(sorted(tokens.items())))


# Strict views: content and nothing else.


def test_a_strict_signature_is_of_the_content(settled):
    wanted = reads(settled, "FROM 'users.parquet'")
    (signature,) = settled.sign(wanted, is_strict=True)

    assert (signature.strength, signature.provisional) == ("content", False)
    assert ";" in signature.entries[0][1]
    assert settled.compare(wanted, (signature,)).moved == ()


def test_touching_a_file_is_no_change_to_a_strict_view(place):
    time.sleep(OLD_ENOUGH)
    wanted = reads(place, "FROM 'events.csv'")
    strict, lax = place.sign(wanted, is_strict=True), place.sign(wanted)
    os.utime(place.root / "events.csv")

    assert place.compare(wanted, strict).moved == ()
    assert place.compare(wanted, lax).moved == ("events.csv",)


def test_a_strict_view_sees_a_change_of_content(place):
    wanted = reads(place, "FROM 'events.csv'")
    strict = place.sign(wanted, is_strict=True)
    (place.root / "events.csv").write_text("id,kind,amount\n1,a,11\n2,b,20\n")

    assert place.compare(wanted, strict).moved == ("events.csv",)


def test_a_strict_view_over_more_than_can_be_hashed_is_never_called_unchanged(place):
    with (place.root / "huge.csv").open("wb") as file:
        file.truncate(3 * 2**30)
    time.sleep(OLD_ENOUGH)
    wanted = reads(place, "FROM 'huge.csv'")
    strict = place.sign(wanted, is_strict=True)

    assert strict[0].provisional
    assert place.compare(wanted, strict).moved is None


def test_content_that_cannot_be_hashed_again_proves_nothing():
    stamps = "1-2-3-4-5"
    kept = f"{stamps};{'a' * 64}"
    old = Signature(name="a.csv", kind="file", strength="content", entries=(("a.csv", kept),))
    new = Signature(name="a.csv", kind="file", strength="content", entries=(("a.csv", stamps),))

    assert moved((old,), (new,)) is None
    assert moved((old,), (old,)) == ()


# Stamps of whole seconds.


@pytest.mark.parametrize(
    ("age_ns", "is_fine", "expected"),
    [
        (1_900_000_000, True, True),
        (2_100_000_000, True, False),
        (2_100_000_000, False, True),
        (3_900_000_000, False, True),
        (4_100_000_000, False, False),
    ],
)
def test_stamps_of_whole_seconds_are_distrusted_for_two_seconds_more(age_ns, is_fine, expected):
    stamp = 1_700_000_000 * 10**9 + (1 if is_fine else 0)

    assert is_young(stamp, stamp, stamp + age_ns) is expected


def test_one_stamp_of_whole_seconds_says_nothing_about_the_file_system():
    second = 1_700_000_000 * 10**9

    assert not is_young(second, second + 1, second + 2_100_000_000)


def test_a_stamp_from_the_future_is_never_old_enough():
    now = 1_700_000_000 * 10**9

    assert is_young(now + 86_400 * 10**9 + 1, now - 10**12, now)


# What becomes of a source: compared with what a run recorded.


def compared(place: Place, sql: str, change) -> tuple[str, ...] | None:
    wanted = reads(place, sql)
    before = place.sign(wanted)
    change(place.root)
    return place.compare(wanted, before).moved


def _replace_by_folder(root):
    (root / "events.csv").unlink()
    (root / "events.csv").mkdir()


def _replace_by_pipe(root):
    (root / "events.csv").unlink()
    os.mkfifo(root / "events.csv")


def _replace_by_loop(root):
    (root / "events.csv").unlink()
    (root / "events.csv").symlink_to(root / "events.csv")


def _replace_by_link_outside(root):
    (root / "events.csv").unlink()
    (root / "events.csv").symlink_to(root.parent / "root-secret" / "salaries.csv")


CHANGES = {
    "deleted": lambda root: (root / "events.csv").unlink(),
    "a folder": _replace_by_folder,
    "a pipe": _replace_by_pipe,
    "a loop": _replace_by_loop,
    "a link outside": _replace_by_link_outside,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_source_that_is_gone_or_may_not_be_read_any_more_has_changed(place, change):
    assert compared(place, "FROM 'events.csv'", change) == ("events.csv",)


def test_a_folder_above_a_source_that_became_a_file_is_a_change(place):
    def change(root):
        (root / "sub" / "here.csv").unlink()
        (root / "sub").rmdir()
        (root / "sub").touch()

    assert compared(place, "FROM 'sub/here.csv'", change) == ("sub/here.csv",)


def test_a_pattern_that_now_reaches_a_hidden_file_has_changed(place):
    moved_names = compared(
        place, "FROM 'daily/*.csv'", lambda root: (root / "daily" / ".x.csv").touch()
    )

    assert moved_names == ("daily/*.csv",)


def test_a_folder_that_is_replaced_by_a_loop_changes_what_its_pattern_means(place):
    def change(root):
        (root / "daily" / "2026-01.csv").unlink()
        (root / "daily" / "2026-02.csv").unlink()
        (root / "daily").rmdir()
        (root / "daily").symlink_to(root / "daily")

    assert compared(place, "FROM 'daily/*.csv'", change) == ("daily/*.csv",)


def test_a_pattern_tells_which_files_came_and_went(place):
    def change(root):
        (root / "daily" / "2026-01.csv").unlink()
        (root / "daily" / "2026-03.csv").write_text("id,amount\n3,7\n")

    assert compared(place, "FROM 'daily/*.csv'", change) == (
        "daily/2026-01.csv",
        "daily/2026-03.csv",
    )


def test_a_comparison_confirms_what_was_provisional_once_it_is_old_enough(place):
    wanted = reads(place, "FROM 'events.csv'")
    recorded = place.sign(wanted)
    assert recorded[0].provisional

    assert place.compare(wanted, recorded).confirmed is None
    time.sleep(OLD_ENOUGH)
    compared_once = place.compare(wanted, recorded)

    assert compared_once.moved == ()
    assert [each.provisional for each in compared_once.confirmed] == [False]
    assert place.compare(wanted, compared_once.confirmed) == Comparison(moved=())


# A person's own probe.


def probe(token: str, strength: str = "coarse") -> Signature:
    return Signature(
        name="changed_when", kind="probe", strength=strength, entries=(("changed_when", token),)
    )


def _file(stamps: str) -> Signature:
    return Signature(name="a.csv", kind="file", strength="exact", entries=(("a.csv", stamps),))


def test_where_a_probe_was_recorded_it_alone_decides():
    old = (_file("1-2-3-4-5"), probe("INTEGER: '1'"))

    assert moved(old, (_file("9-9-9-9-9"), probe("INTEGER: '1'"))) == ()
    assert moved(old, (_file("1-2-3-4-5"), probe("INTEGER: '2'"))) == ("changed_when",)
    assert moved(old, (_file("1-2-3-4-5"),)) == ("changed_when",)
    assert moved((_file("1-2-3-4-5"),), old) == ("changed_when",)


def test_a_probe_without_an_answer_proves_nothing():
    silent = probe("", "none")

    assert moved((probe("INTEGER: '1'"),), (silent,)) is None
    assert moved((silent,), (probe("INTEGER: '1'"),)) is None


def test_a_probe_is_never_asked_where_queries_of_people_may_not_run(place):
    wanted = place.inspect("FROM 'events.csv'", changed_when="SELECT 1").reads
    recorded = (_file("1-2-3-4-5"), probe("INTEGER: '1'"))

    assert [each.strength for each in place.sign(wanted)] == ["exact", "none"]
    assert place.compare(wanted, recorded).moved is None


# Other kinds.


def test_a_view_is_signed_by_the_hash_of_its_rows():
    one = Read(kind="view", name="daily", path="a" * 64)
    unknown = Read(kind="view", name="daily")
    (signed,) = take_of(one)

    assert (signed.strength, signed.entries) == ("exact", (("daily", "a" * 64),))
    assert take_of(unknown)[0].entries == (("daily", "absent"),)
    assert moved((signed,), take_of(unknown)) == ("daily",)


def take_of(*wanted: Read) -> tuple[Signature, ...]:
    with duckdb.connect() as connection:
        return take(connection, wanted, roots=())


def test_ten_thousand_files_are_compared_quickly(tmp_path):
    place = Place(tmp_path)
    many = place.root / "many"
    many.mkdir()
    for number in range(10_000):
        (many / f"{number}.csv").touch()
    wanted = reads(place, "FROM 'many/*.csv'")
    time.sleep(OLD_ENOUGH)
    recorded = place.sign(wanted)

    (many / "77.csv").write_text("a\n1\n")
    (many / "78.csv").unlink()

    assert place.compare(wanted, recorded).moved == ("many/77.csv", "many/78.csv")
