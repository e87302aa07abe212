"""The link of a view from Python, and what a visitor gets of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

import jupyter_views as jv
from jupyter_views._sharing import Share, end_of, opened_words, told
from jupyter_views.core.errors import Forbidden, Invalid, NotFound

AT = datetime(2026, 12, 7, 2, 40, 30, tzinfo=UTC)


def visit(url: str, **options) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=60, **options)


def unlock(url: str, password: str) -> int:
    answer = httpx.post(url, json={"password": password}, trust_env=False, timeout=60)
    return answer.status_code


def a_share(**changes) -> Share:
    facts = {
        "url": "/views/shared/vs_x",
        "expires_at": AT.isoformat(),
        "opened_count": 0,
        "last_opened_at": None,
        "enabled": True,
        "password_required": False,
        **changes,
    }
    return Share.from_facts(facts, "http://localhost:8888/")


@pytest.fixture
def view(views):
    return views.save("Shared", "SELECT 4711 AS n")


def test_a_shared_view_is_open_to_anyone_until_it_is_revoked(view, server):
    share = view.share()

    assert share.url.startswith(f"{server.url}views/shared/vs_")
    assert "4711" in visit(share.url).text
    assert abs(share.expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)

    view.revoke()

    assert visit(share.url).status_code == 404
    assert view.link is None
    view.revoke()


def test_the_link_tells_how_often_it_was_opened(view):
    assert view.link is None
    share = view.share(expires=None)

    visit(share.url)

    link = view.link
    assert (link.url, link.expires_at, link.opened_count) == (share.url, None, 1)
    assert abs(datetime.now(UTC) - link.last_opened_at) < timedelta(minutes=1)
    assert repr(link) == f"<Share {share.url}: until it is revoked, opened once>"


def test_sharing_again_keeps_the_address_and_what_it_shows(view):
    first = view.share(downloads=True)

    again = view.share("1d", show_sql=True)

    assert again.url == first.url
    assert again.expires_at < first.expires_at
    assert "SELECT 4711" in visit(again.url).text
    assert visit(f"{again.url}.csv").text == "n\r\n4711\r\n"


def test_a_view_that_is_no_insight_yet_becomes_one(views, server):
    view = views.save("Closed", "SELECT 4711 AS n")
    path = f"views/api/views/{view.facts['short_id']}"
    assert server.request("DELETE", f"{path}/doors/insight").status_code == 200
    assert view.link is None
    view.revoke()

    share = view.share()

    assert "4711" in visit(share.url).text
    assert server.request("GET", path).json()["doors"] == ["perspective", "insight"]


def test_a_made_password_is_told_once_and_opens_the_link(view):
    share = view.share(password=True)

    assert "4711" not in visit(share.url).text
    assert unlock(share.url, share.password) == 200
    assert unlock(share.url, "wrong-password") == 401
    assert f"password {share.password}" in repr(share)
    assert (view.link.password, view.link.password_required) == (None, True)
    assert "with a password" in repr(view.link)


def test_a_password_of_ones_own_is_added_to_those_that_are_there(view):
    made = view.share(password=True)

    own = view.share(password="correct horse")

    assert own.password == "correct horse"
    assert [unlock(own.url, each) for each in (made.password, own.password)] == [200, 200]


def test_a_protected_link_stays_so_until_the_owner_says_no(view):
    view.share(password=True)

    share = view.share()
    assert (share.password, share.password_required) == (None, True)
    assert "4711" not in visit(share.url).text

    assert view.share(password=False).password_required is False
    assert "4711" in visit(share.url).text


def test_a_short_password_is_refused_and_opens_nothing(view):
    with pytest.raises(Invalid, match="at least 8 characters") as caught:
        view.share(password="short")

    assert caught.value.details["field"] == "raw_password"
    assert "4711" not in visit(view.link.url).text


def test_another_address_shows_the_same(view):
    old = view.share(expires="12h", downloads=True)

    new = view.rotate_link()

    assert new.url != old.url
    assert new.expires_at == old.expires_at
    assert visit(f"{new.url}.csv").status_code == 200
    assert view.link.url == new.url


def test_without_a_link_there_is_no_other_address(view):
    with pytest.raises(NotFound, match="no link"):
        view.rotate_link()

    assert view.link is None


@pytest.mark.parametrize("expires", ["soon", "7", "0d", "1s", "400d", ""])
def test_what_is_no_time_is_refused_before_anything_is_changed(view, expires):
    with pytest.raises(Invalid) as caught:
        view.share(expires)

    assert caught.value.hint == "Type a time such as 12h or 7d, at most 366d, or never."
    assert view.link is None


def test_a_mistyped_setting_is_refused_before_anything_is_changed(view):
    with pytest.raises(Invalid, match="no setting tabel") as caught:
        view.share(tabel=False)

    assert caught.value.hint == "Did you mean table?"
    assert view.link is None


def test_a_setting_with_a_wrong_value_is_refused_by_the_server_in_words(view):
    with pytest.raises(Invalid, match="Invalid settings format"):
        view.share(table="no")

    assert view.link is None


def test_who_may_read_a_view_learns_no_address_and_shares_nothing(view, server):
    view.set(is_public=True)
    share = view.share()
    key = server.key_for("ben")

    with jv.connect(server.url, key) as bens:
        theirs = bens["shared"]
        assert theirs.link.url is None
        assert share.url not in repr(theirs.link)
        for forbidden in (theirs.share, theirs.rotate_link, theirs.revoke):
            with pytest.raises(Forbidden, match=f"Only {view.owner} can"):
                forbidden()

    assert visit(share.url).status_code == 200


def test_a_key_without_the_scope_shares_nothing_and_is_told_which(view, server):
    key = server.key_for(view.owner, "perspective:write")

    with jv.connect(server.url, key) as views, pytest.raises(Forbidden) as caught:
        views["shared"].share()

    assert "sharing_configuration:write" in str(caught.value)


def test_the_addresses_of_a_deleted_view_open_nothing(view):
    share = view.share()

    view.delete()

    assert visit(share.url).status_code == 404
    with pytest.raises(NotFound):
        view.share()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Anyone with this address can read it until 2026-12-07 02:40 UTC."),
        ({"expires_at": None}, "Anyone with this address can read it until it is revoked."),
        (
            {"password_required": True},
            "Anyone with this address and a password can read it until 2026-12-07 02:40 UTC.",
        ),
        (
            {"url": None},
            "Its address cannot be shown any more. Revoke it and share again for another.",
        ),
    ],
)
def test_who_can_read_and_until_when_is_one_sentence(changes, words):
    assert told(a_share(**changes)) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "never opened"), (1, "opened once"), (2, "opened 2 times"), (1_200, "opened 1,200 times")],
)
def test_how_often_it_was_opened_is_told_in_words(count, words):
    assert opened_words(a_share(opened_count=count)) == words


def test_a_link_that_is_switched_off_says_so():
    assert repr(a_share(enabled=False)) == (
        "<Share http://localhost:8888/views/shared/vs_x: switched off, never opened>"
    )


def test_never_has_no_end():
    assert end_of("never") is None
    assert end_of(None) is None
