from __future__ import annotations

import os
import time

import pytest

from jupyter_views.core.errors import NotAllowed
from jupyter_views.core.ports import Read, Signature
from jupyter_views.engines.sources import moved

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
