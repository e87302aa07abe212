"""``%views share`` and ``%views revoke`` in a cell, and what a visitor gets."""

from __future__ import annotations

import httpx
import pytest


def text(ran):
    assert ran.error is None, ran.error
    return ran.shown[-1]["text/plain"]


def visit(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=60)


@pytest.fixture
def stock(kernel):
    kernel.run("%%perspective Stock\nSELECT 4711 AS pieces")
    return kernel


def test_a_view_is_shared_and_revoked_by_its_name(stock, server):
    told, url, end = text(stock.run("%views share Stock")).splitlines()

    assert told.startswith("Stock: Anyone with this address can read it until 20")
    assert told.endswith(" UTC.")
    assert url.startswith(f"{server.url}views/shared/vs_")
    assert end == "%views revoke stock ends it."
    assert "4711" in visit(url).text

    assert text(stock.run("%views revoke Stock")) == "Stock: Its link (opened once) is revoked."
    assert visit(url).status_code == 404
    assert text(stock.run("%views revoke stock")) == "Stock: It has no link."


def test_a_password_is_made_and_shown_beside_the_address(stock):
    told, url, password, _ = text(
        stock.run("%views share stock --expires never --password")
    ).splitlines()

    assert told == "Stock: Anyone with this address and a password can read it until it is revoked."
    words, _, made = password.partition(": ")
    assert words == "Password, shown this once"
    assert "4711" not in visit(url).text
    answer = httpx.post(url, json={"password": made}, trust_env=False, timeout=60)
    assert answer.status_code == 200
    assert made not in text(stock.run("%views share stock --expires never"))


def test_what_cannot_be_done_says_what_to_type(stock):
    assert stock.run("%views share stock --expires soon").error == [
        'A link cannot work for "soon".',
        "  Type a time such as 12h or 7d, at most 366d, or never.",
    ]
    assert stock.run("%views share").error == ["Which view?", "%views lists them."]
    assert stock.run("%views revoke stokc").error[0] == (
        "No view named 'stokc'. Did you mean stock?"
    )
    assert text(stock.run("%views revoke stock")) == "Stock: It has no link."


def test_the_view_of_a_magic_has_the_same_link(stock):
    stock.run("v = %perspective stock")

    url = stock.value("v.share('1h').url").strip("'")

    assert visit(url).status_code == 200
    assert url in text(stock.run("%views share stock"))


def test_verb_option_and_time_are_completed(stock):
    def complete(line):
        reply = stock.client.complete(line, reply=True, timeout=20)
        return reply["content"]["matches"]

    assert complete("%views sha") == ["share"]
    assert complete("%views revoke sto") == ["stock"]
    assert complete("%views share stock --pa") == ["--password"]
    assert complete("%views share stock --expires 3") == ["30d"]
