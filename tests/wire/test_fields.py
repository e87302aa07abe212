from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from jupyter_views.core.errors import BadRequest, Invalid
from jupyter_views.http.negotiate import header_text, wait_seconds, wanted_format
from jupyter_views.http.rows import ResultQuery, ViewResultQuery
from jupyter_views.wire.fields import decode_body, decode_query, iso
from jupyter_views.wire.perspectives import PerspectiveCreate, PerspectivesQuery


def test_a_query_string_becomes_typed_values():
    found = decode_query(
        {"limit": [b"5"], "is_public": [b"TRUE"], "q": [b"a%b"], "unknown": [b"x"]},
        PerspectivesQuery,
    )

    assert (found.limit, found.is_public, found.q) == (5, True, "a%b")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"limit": [b"many"]}, "limit"),
        ({"limit": [b"1e3"]}, "limit"),
        ({"is_public": [b"maybe"]}, "is_public"),
        ({"offset": [b"-1"]}, "offset"),
    ],
)
def test_a_bad_parameter_is_named(arguments, field):
    with pytest.raises(Invalid) as caught:
        decode_query(arguments, PerspectivesQuery)

    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (
            {"mode": [b"soon"]},
            "mode is one of force_cache, blocking, async, lazy_async, "
            "async_except_on_cache_miss, force_blocking, force_async.",
        ),
        ({"big": [b"text"]}, "big is one of number, string."),
        ({"limit": [b"-1"]}, None),
    ],
)
def test_where_only_some_words_are_taken_the_error_lists_them(arguments, hint):
    with pytest.raises(Invalid) as caught:
        decode_query(arguments, ViewResultQuery)

    assert caught.value.hint == hint
    assert caught.value.details["field"] in arguments


def test_an_address_that_is_not_utf8_is_a_bad_request():
    with pytest.raises(BadRequest):
        decode_query({"q": [b"\xff"]}, PerspectivesQuery)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "n"}', "statement_id"),
        (b'{"name": "", "statement_id": "s"}', "name"),
        (b'{"name": "n", "statement_id": "s", "tags": [1]}', "tags[0]"),
        (b'{"name": "n", "statement_id": "s", "auto_refresh": "yes"}', "auto_refresh"),
        (b'{"name": "n", "statement_id": "s", "auto_refresh": null}', "auto_refresh"),
    ],
)
def test_a_bad_field_is_named(body, field):
    with pytest.raises(Invalid) as caught:
        decode_body(body, PerspectiveCreate)

    assert caught.value.details["field"] == field


def test_A05_fields_that_nobody_asked_for_are_ignored():
    found = decode_body(
        b'{"name": "n", "statement_id": "s", "owner": "mallory", "id": 1, "version": 9}',
        PerspectiveCreate,
    )

    assert not hasattr(found, "owner")


def test_instants_are_utc_with_z():
    assert iso(0) == "1970-01-01T00:00:00.000000Z"
    assert iso(None) is None


@pytest.mark.parametrize(
    ("asked", "accept", "wanted"),
    [
        (None, None, "json"),
        (None, "*/*", "json"),
        ("csv", "application/json", "csv"),
        (None, "text/csv;q=0.5, application/x-ndjson", "ndjson"),
        (None, "image/png, application/vnd.apache.parquet", "parquet"),
        (None, "text/csv;q=0, */*;q=0.1", "json"),
    ],
)
def test_the_format_is_the_one_asked_for(asked, accept, wanted):
    assert wanted_format(asked, accept) == wanted


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("respond-async", 0),
        ("wait=0", 0),
        ("wait=5", 5),
        ('Wait = "5"', 5),
        ("respond-async, wait=10", 10),
        ("wait=10;strict, respond-async", 10),
        ("wait=900", 55),
        ("waiting=3", 0),
        ("await=3", 0),
    ],
)
def test_patience_is_bounded(prefer, seconds):
    assert wait_seconds(prefer) == seconds


@pytest.mark.parametrize(
    "prefer",
    ["wait=abc", "wait=", "wait=-1", "wait=1.5", "wait=²", "wait=5s", "wait=" + "9" * 5000],
)
def test_patience_that_is_no_number_of_seconds_is_refused(prefer):
    with pytest.raises(Invalid) as caught:
        wait_seconds(prefer)

    assert caught.value.details["field"] == "Prefer"
    assert len(caught.value.message) < 120


def test_header_texts_hold_no_control_and_no_other_alphabet():
    assert header_text("plain name") == "plain name"
    assert header_text("a\r\nX: 1") == "a%0D%0AX: 1".replace(":", "%3A")
    assert header_text("日") == "%E6%97%A5"


def test_a_result_window_takes_no_negative_numbers():
    with pytest.raises(Invalid):
        decode_query({"limit": [b"-1"]}, ResultQuery)


def test_a_key_that_is_refused_names_the_field_that_holds_it():
    kind = msgspec.defstruct(
        "Kind", [("values", dict[Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], int])]
    )

    with pytest.raises(Invalid) as caught:
        decode_body(b'{"values": {"A b": 1}}', kind)

    assert caught.value.details["field"] == "values"
