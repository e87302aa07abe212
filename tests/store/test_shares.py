"""Links: switched, rotated, protected, ended; opened by those who may."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from jupyter_views.core.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from jupyter_views.core.freshness import Mode
from jupyter_views.core.links import DAY, LinkSettings
from jupyter_views.core.model import SECOND
from jupyter_views.store.opened import Store

from .shared import remove
from .sharing import ANA, BEN, HERE, THERE, Bench


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.past.close()


async def test_what_was_never_shared_has_no_link(bench):
    found = await bench.sharing.configuration(ANA, bench.subject)

    assert (found.share, found.token, found.is_allowed) == (None, None, True)


async def test_switching_off_and_on_keeps_the_address(bench):
    token = await bench.shared()
    assert (await bench.visiting.open(token, HERE)).item_id == bench.subject.item_id

    bench.clock.pass_seconds(1)
    await bench.change(enabled=False)
    with pytest.raises(NotFound):
        await bench.visiting.open(token, HERE)

    bench.clock.pass_seconds(1)
    assert await bench.shared() == token
    await bench.visiting.open(token, HERE)
    assert await bench.deeds() == ["sharing enabled", "sharing disabled", "sharing enabled"]


async def test_A33_the_store_holds_the_hash_of_a_token_and_never_the_token(bench, tmp_path):
    token = await bench.shared(password_required=True)
    _, password = await bench.sharing.add_password(ANA, bench.subject, None, None)

    again = await bench.sharing.configuration(ANA, bench.subject)

    assert again.token == token
    assert (len(token), token[:3], token[-6:]) == (46, "vs_", again.share.hint)
    for path in (tmp_path / "store").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert token.encode() not in content
        assert password.encode() not in content


async def test_only_the_owner_shares_and_sees_the_address(bench):
    await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", "for ben")

    seen = await bench.sharing.configuration(BEN, bench.subject)
    assert seen.share.enabled
    assert (seen.token, seen.share.passwords) == (None, ())
    deeds = [
        bench.sharing.rotate(BEN, bench.subject),
        bench.sharing.revoke(BEN, bench.subject),
        bench.sharing.add_password(BEN, bench.subject, None, None),
        bench.sharing.remove_password(BEN, bench.subject, "pass_x"),
        bench.sharing.visits(BEN, bench.subject, 10, 0),
    ]
    for deed in deeds:
        with pytest.raises(Forbidden, match="Only ana"):
            await deed


async def test_rotation_keeps_everything_but_the_address(bench):
    settings = LinkSettings(theme="dark", downloads=True)
    end = bench.clock.now() + DAY
    old = await bench.shared(settings=settings, password_required=True, expires_at=end)
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", "note")

    new = await bench.sharing.rotate(ANA, bench.subject)

    assert new.token != old
    share = new.share
    assert (share.enabled, share.settings, share.password_required) == (True, settings, True)
    assert share.expires_at == end
    assert [password.note for password in share.passwords] == ["note"]
    opened = await bench.visiting.open(new.token, HERE)
    assert await bench.visiting.unlock(opened, bench.subject, "correct horse", HERE)
    assert "access token refreshed" in await bench.deeds()


async def test_the_old_address_works_for_five_minutes(bench):
    old = await bench.shared()
    new = (await bench.sharing.rotate(ANA, bench.subject)).token

    bench.clock.pass_seconds(240)
    await bench.visiting.open(old, HERE)
    left = (await bench.sharing.configuration(ANA, bench.subject)).old_until
    assert left == bench.clock.now() + 60 * SECOND
    assert (await bench.sharing.configuration(BEN, bench.subject)).old_until is None
    bench.clock.pass_seconds(120)
    assert (await bench.sharing.configuration(ANA, bench.subject)).old_until is None
    with pytest.raises(NotFound):
        await bench.visiting.open(old, HERE)
    await bench.visiting.open(new, HERE)


async def test_A36_the_old_address_is_no_way_round_what_its_owner_does_then(bench):
    old = await bench.shared()
    await bench.sharing.rotate(ANA, bench.subject)

    await bench.change(enabled=False)
    with pytest.raises(NotFound):
        await bench.visiting.open(old, HERE)
    await bench.change(enabled=True, password_required=True)
    assert (await bench.visiting.open(old, HERE)).password_required
    await bench.sharing.revoke(ANA, bench.subject)
    with pytest.raises(NotFound):
        await bench.visiting.open(old, HERE)


async def test_A51_of_two_rotations_at_once_one_wins(bench):
    await bench.shared()

    ended = await asyncio.gather(
        *(bench.sharing.rotate(ANA, bench.subject) for _ in range(8)), return_exceptions=True
    )

    won = [each for each in ended if not isinstance(each, BaseException)]
    assert won
    assert all(isinstance(each, Conflict) for each in ended if each not in won)
    shown = await bench.sharing.configuration(ANA, bench.subject)
    assert shown.token in {each.token for each in won}


async def test_A51_sharing_at_once_makes_one_link(bench):
    made = await asyncio.gather(*(bench.change(enabled=True) for _ in range(8)))

    assert len({each.token for each in made}) == 1


async def test_a_revoked_link_never_works_again(bench):
    old = await bench.shared()
    await bench.sharing.revoke(ANA, bench.subject)
    assert (await bench.sharing.configuration(ANA, bench.subject)).share is None

    assert await bench.shared() != old
    with pytest.raises(NotFound):
        await bench.visiting.open(old, HERE)
    await bench.sharing.revoke(ANA, bench.subject)
    await bench.sharing.revoke(ANA, bench.subject)


async def test_a_link_ends_when_it_expires(bench):
    token = await bench.shared(expires_at=bench.clock.now() + 60 * SECOND)
    await bench.visiting.open(token, HERE)

    bench.clock.pass_seconds(60)
    with pytest.raises(NotFound):
        await bench.visiting.open(token, HERE)
    await bench.change(enabled=False)
    with pytest.raises(Invalid, match="expired"):
        await bench.change(enabled=True)
    await bench.change(enabled=True, expires_at=None)
    await bench.visiting.open(token, HERE)


async def test_an_end_in_the_past_is_refused(bench):
    with pytest.raises(Invalid) as refused:
        await bench.change(enabled=True, expires_at=bench.clock.now())

    assert refused.value.details["field"] == "expires_at"
    assert (await bench.sharing.configuration(ANA, bench.subject)).share is None


async def test_the_administrators_bound_holds_for_new_links_and_for_old_ones(bench):
    token = await bench.shared()
    bench.serve(max_days=7)
    now = bench.clock.now()
    assert (await bench.sharing.configuration(ANA, bench.subject)).ends_at == now + 7 * DAY
    with pytest.raises(Invalid, match="7 days"):
        await bench.change(expires_at=now + 8 * DAY)

    assert (await bench.change(expires_at=None)).share.expires_at == now + 7 * DAY
    bench.clock.pass_seconds(8 * 86_400)
    with pytest.raises(NotFound):
        await bench.visiting.open(token, HERE)


async def test_the_administrators_switch_closes_every_link_at_once(bench):
    token = await bench.shared()
    bench.serve(is_allowed=False)

    with pytest.raises(NotFound):
        await bench.visiting.open(token, HERE)
    with pytest.raises(Forbidden, match="switched off"):
        await bench.change(enabled=True)
    assert not (await bench.change(enabled=False)).is_allowed


async def test_a_deleted_view_takes_its_link_along(bench):
    token = await bench.shared()
    await bench.visiting.open(token, HERE)
    view = bench.past.store.views.find(bench.subject.item_id)

    remove(bench.past.store.views, view.id)

    with pytest.raises(NotFound):
        await bench.visiting.open(token, HERE)


async def test_any_active_password_opens_and_a_removed_one_ends_what_it_opened(bench):
    token = await bench.shared(password_required=True)
    first, given = await bench.sharing.add_password(ANA, bench.subject, " ", "made")
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", None)
    share = await bench.visiting.open(token, HERE)
    assert not bench.visiting.is_unlocked(share, ())

    tickets = [
        await bench.visiting.unlock(share, bench.subject, password, HERE)
        for password in (given, "correct horse")
    ]
    assert all(bench.visiting.is_unlocked(share, (ticket,)) for ticket in tickets)
    await bench.sharing.remove_password(ANA, bench.subject, first.id)

    share = await bench.visiting.open(token, HERE)
    assert [bench.visiting.is_unlocked(share, (each,)) for each in tickets] == [False, True]
    with pytest.raises(NotFound, match="Password not found"):
        await bench.sharing.remove_password(ANA, bench.subject, first.id)
    deeds = await bench.deeds()
    assert deeds.count("share_login_success") == deeds.count("share password created") == 2
    assert deeds.count("share password deleted") == 1


async def test_A36_a_password_removed_after_a_rotation_ends_at_the_old_address_too(bench):
    old = await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", None)
    share = await bench.visiting.open(old, HERE)
    ticket = await bench.visiting.unlock(share, bench.subject, "correct horse", HERE)
    new = await bench.sharing.rotate(ANA, bench.subject)
    assert bench.visiting.is_unlocked(await bench.visiting.open(old, HERE), (ticket,))
    assert not bench.visiting.is_unlocked(await bench.visiting.open(new.token, HERE), (ticket,))

    await bench.sharing.remove_password(ANA, bench.subject, new.share.passwords[0].id)

    assert not bench.visiting.is_unlocked(await bench.visiting.open(old, HERE), (ticket,))


async def test_a_ticket_is_good_for_one_link_and_one_day(bench):
    token = await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", None)
    share = await bench.visiting.open(token, HERE)
    ticket = await bench.visiting.unlock(share, bench.subject, "correct horse", HERE)
    bench.subject, other = bench.a_subject(at=1), bench.subject
    elsewhere = await bench.visiting.open(await bench.shared(password_required=True), HERE)
    await bench.sharing.add_password(ANA, bench.subject, "correct horse", None)

    assert not bench.visiting.is_unlocked(elsewhere, (ticket,))
    forged = ("", "x", "=", "\u00e9", ticket[:-2], "A" + ticket[1:], ticket + "AAAA")
    assert not any(bench.visiting.is_unlocked(share, (each,)) for each in forged if each != ticket)
    bench.clock.pass_seconds(86_399)
    assert bench.visiting.is_unlocked(share, (ticket,))
    bench.clock.pass_seconds(1)
    assert not bench.visiting.is_unlocked(share, (ticket,))
    assert other != bench.subject


async def test_a_password_needs_protection_and_eight_characters(bench):
    with pytest.raises(BadRequest, match="must be enabled before"):
        await bench.sharing.add_password(ANA, bench.subject, None, None)
    await bench.shared(password_required=True)

    for password in ("seven77", "x" * 1001):
        with pytest.raises(Invalid) as refused:
            await bench.sharing.add_password(ANA, bench.subject, password, None)
        assert refused.value.details["field"] == "raw_password"


async def test_A46_ten_wrong_passwords_lock_one_address_out_for_ten_minutes(bench):
    token = await bench.shared(password_required=True)
    _, password = await bench.sharing.add_password(ANA, bench.subject, None, None)
    share = await bench.visiting.open(token, HERE)
    told = []
    for _ in range(10):
        with pytest.raises(Unauthenticated, match="Incorrect password") as refused:
            await bench.visiting.unlock(share, bench.subject, "", HERE)
        told.append(refused.value.hint)
        bench.clock.pass_seconds(1)

    assert told == [
        *[None] * 4,
        "After 5 more you have to wait 596 s.",
        "After 4 more you have to wait 595 s.",
        "After 3 more you have to wait 594 s.",
        "After 2 more you have to wait 593 s.",
        "After 1 more you have to wait 592 s.",
        "You can try again in 591 s.",
    ]
    with pytest.raises(TooMany) as locked:
        await bench.visiting.unlock(share, bench.subject, password, HERE)
    assert locked.value.retry_after_seconds == 590
    assert await bench.visiting.unlock(share, bench.subject, password, THERE)
    bench.clock.pass_seconds(591)
    assert await bench.visiting.unlock(share, bench.subject, password, HERE)


async def test_A46_many_addresses_together_are_locked_out_after_a_hundred(bench):
    token = await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, None, None)
    share = await bench.visiting.open(token, HERE)
    for n in range(100):
        with pytest.raises(Unauthenticated):
            await bench.visiting.unlock(share, bench.subject, "", f"192.0.2.{n}")

    with pytest.raises(TooMany):
        await bench.visiting.unlock(share, bench.subject, "", THERE)


async def test_a_household_of_ipv6_is_one_address(bench):
    token = await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, None, None)
    share = await bench.visiting.open(token, HERE)
    for n in range(10):
        with pytest.raises(Unauthenticated):
            await bench.visiting.unlock(share, bench.subject, "", f"2001:db8:0:1::{n:x}")

    with pytest.raises(TooMany):
        await bench.visiting.unlock(share, bench.subject, "", "2001:db8:0:1:ffff::1")
    with pytest.raises(Unauthenticated):
        await bench.visiting.unlock(share, bench.subject, "", "2001:db8:0:2::1")


async def test_A51_fifty_guesses_at_once_are_counted_one_by_one(bench):
    token = await bench.shared(password_required=True)
    await bench.sharing.add_password(ANA, bench.subject, None, None)
    share = await bench.visiting.open(token, HERE)

    ended = await asyncio.gather(
        *(bench.visiting.unlock(share, bench.subject, "", HERE) for _ in range(50)),
        return_exceptions=True,
    )

    kinds = [type(each) for each in ended]
    assert (kinds.count(Unauthenticated), kinds.count(TooMany)) == (10, 40)


async def test_A46_a_link_takes_120_requests_a_minute_from_an_address(bench):
    token = await bench.shared()
    for _ in range(120):
        await bench.visiting.open(token, HERE)
        with pytest.raises(NotFound):
            await bench.visiting.open("vs_unknown", HERE)

    for tried in (token, "vs_unknown"):
        with pytest.raises(TooMany):
            await bench.visiting.open(tried, HERE)
    await bench.visiting.open(token, THERE)
    bench.clock.pass_seconds(61)
    await bench.visiting.open(token, HERE)


async def test_visitors_force_no_work(bench):
    share = await bench.visiting.open(await bench.shared(), HERE)

    modes = {word: bench.visiting.mode(share, word) for word in (None, "force_cache", "x", "0")}
    assert set(modes.values()) == {Mode.LAZY_ASYNC}
    assert bench.visiting.mode(share, "async") is Mode.ASYNC
    waiting = ["true", "", "blocking", "force_blocking", "force_async", "1"]
    assert {bench.visiting.mode(share, word) for word in waiting} == {Mode.BLOCKING}
    assert bench.visiting.mode(share, "true") is Mode.LAZY_ASYNC
    bench.clock.pass_seconds(61)
    assert bench.visiting.mode(share, "true") is Mode.BLOCKING


async def test_visits_are_counted_and_listed_newest_first(bench):
    token = await bench.shared()
    share = await bench.visiting.open(token, HERE)
    for kind, address in (("page", HERE), ("page", THERE), ("csv", THERE)):
        bench.clock.pass_seconds(1)
        bench.visiting.note(share, kind, address)

    page = await bench.sharing.visits(ANA, bench.subject, 2, 0)

    assert [(visit.kind, visit.address, visit.hint) for visit in page.items] == [
        ("csv", THERE, share.hint),
        ("page", THERE, share.hint),
    ]
    assert page.total == 3
    shown = await bench.sharing.configuration(ANA, bench.subject)
    assert (shown.share.opened_count, shown.share.last_opened_at) == (3, bench.clock.now())
    with bench.past.store.database.read() as connection:
        seen = connection.exec_driver_sql("SELECT view_id, person, at FROM viewings").all()
    assert seen == [(bench.subject.item_id, "", bench.clock.now())]


async def test_visits_of_a_deleted_view_are_dropped_and_those_of_others_are_not(bench):
    gone = await bench.visiting.open(await bench.shared(), HERE)
    view = bench.past.store.views.find(bench.subject.item_id)
    bench.subject = bench.a_subject(at=1)
    there = await bench.visiting.open(await bench.shared(), HERE)
    remove(bench.past.store.views, view.id)
    bench.visiting.note(gone, "page", HERE)
    bench.visiting.note(there, "page", HERE)

    assert (await bench.sharing.visits(ANA, bench.subject, 10, 0)).total == 1
    assert bench.past.store.database.check() == []


async def test_old_visits_and_ended_links_are_forgotten_and_a_thousand_are_kept(bench):
    token = await bench.shared()
    share = await bench.visiting.open(token, HERE)
    for n in range(1200):
        bench.visiting.note(share, "page", f"192.0.2.{n % 250}")
    await bench.visits.flush()
    bench.rows.trim(bench.clock.now())
    assert (await bench.sharing.visits(ANA, bench.subject, 10, 0)).total == 1000

    await bench.sharing.revoke(ANA, bench.subject)
    bench.rows.trim(bench.clock.now())
    assert (await bench.sharing.visits(ANA, bench.subject, 10, 0)).total == 1000
    bench.rows.trim(bench.clock.now() + 1)

    assert (await bench.sharing.visits(ANA, bench.subject, 10, 0)).total == 0
    with sqlite3.connect(bench.past.store.files.root / "views.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM shares").fetchone() == (0,)


async def test_a_link_made_with_another_secret_works_and_is_not_shown(bench, tmp_path):
    token = await bench.shared()
    (tmp_path / "store" / "link.secret").unlink()
    bench.past.close()
    bench.past.store = Store(tmp_path / "store", url="", cache_memory_bytes=10, cache_disk_bytes=10)
    bench.rows = bench.past.store.shares
    bench.serve()

    await bench.visiting.open(token, HERE)
    assert (await bench.sharing.configuration(ANA, bench.subject)).token is None
    assert (await bench.sharing.rotate(ANA, bench.subject)).token is not None


def test_A35_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    first = Store(tmp_path, url="", cache_memory_bytes=10, cache_disk_bytes=10)
    second = Store(tmp_path, url="", cache_memory_bytes=10, cache_disk_bytes=10)
    first.close()
    second.close()

    assert first.link_secret == second.link_secret
    assert len(first.link_secret) == 32
    assert (tmp_path / "link.secret").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("link.secret.*")) == []


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (bytes(range(32)), 0o644, "Others may read link.secret"),
        (bytes(range(32)), 0o640, "Others may read link.secret"),
        (bytes(range(31)), 0o600, "is damaged"),
        (bytes(range(33)), 0o600, "is damaged"),
        (bytes(32), 0o600, "is damaged"),
        (b"", 0o600, "is damaged"),
    ],
)
def test_A35_a_secret_that_is_none_is_refused(tmp_path, content, mode, words):
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    path = folder / "link.secret"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(Unavailable, match=words):
        Store(folder, url="", cache_memory_bytes=10, cache_disk_bytes=10)
    assert path.read_bytes() == content
