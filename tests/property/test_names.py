from __future__ import annotations

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from jupyter_views.core.errors import BadSlug
from jupyter_views.core.names import (
    SLUG_PATTERN,
    checked_slug,
    new_id,
    new_key,
    new_query_id,
    query_id_of,
    slug_from,
    suggest_slugs,
    uuid_of,
)

slugs = st.from_regex(SLUG_PATTERN, fullmatch=True).filter(lambda s: len(s) <= 100)


@given(st.text(max_size=300))
def test_every_name_gives_a_valid_slug(name):
    slug = slug_from(name)

    assert SLUG_PATTERN.fullmatch(slug)
    assert 1 <= len(slug) <= 100


@given(st.text(max_size=150))
def test_a_slug_is_taken_as_it_is_or_refused_with_a_valid_one(text):
    try:
        assert checked_slug(text) == text
    except BadSlug as error:
        for suggestion in error.suggestions:
            assert checked_slug(suggestion) == suggestion


@given(slugs, st.text(max_size=120), st.sets(slugs, max_size=5))
def test_suggestions_are_valid_distinct_free_and_never_the_taken_one(slug, owner, taken):
    taken = taken | {slug, f"{slug}-2"}

    found = suggest_slugs(slug, owner, "2026-11", lambda s: s not in taken)

    assert len(found) == len(set(found)) == 3
    assert not taken & set(found)
    assert all(SLUG_PATTERN.fullmatch(s) and len(s) <= 100 for s in found)


def test_a_numbered_slug_counts_on():
    assert suggest_slugs("mau-2", "ana", "2026-11", lambda _: True)[0] == "mau-3"


def test_ids_sort_by_age_and_keys_are_long_and_hashed():
    first, second = new_id("stmt"), new_id("stmt")
    key, prefix, token_hash = new_key()

    assert re.fullmatch(r"stmt_[0-9a-z]{26}", first)
    assert first[:12] <= second[:12]
    assert len(key) >= 43
    assert key.startswith(prefix)
    assert key not in token_hash


@given(st.uuids())
def test_every_uuid_stands_for_one_key_of_a_query(key):
    query_id = query_id_of(str(key))

    assert uuid_of(query_id) == str(key)
    assert query_id_of(str(key).upper()) == query_id


@given(st.text(max_size=60))
def test_what_is_no_uuid_stands_for_no_query(text):
    if not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        assert query_id_of(text) is None


def test_keys_of_queries_are_uuids_of_version_7_and_sort_by_age():
    made = [UUID(uuid_of(new_query_id())) for _ in range(200)]

    assert {(key.version, key.variant) for key in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 200
    times = [key.int >> 80 for key in made]
    assert times == sorted(times)
