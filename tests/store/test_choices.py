"""Which values views are read with: counted, bounded, forgotten with their view."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from jupyter_views.core.warming import Choice
from jupyter_views.store.tables import choices

from .past import DAY, START, Past


@pytest.fixture
def past(tmp_path):
    past = Past(tmp_path)
    yield past
    past.close()


def chosen(view_id: int, value: object, at: int = 0, query: str = "q") -> Choice:
    return Choice(view_id=view_id, query_id=query, params={"x": value}, at=START + at)


def most_used(past, view_id: int, query: str = "q", **narrowed: int) -> list:
    asked = {"times": 1, "since": 0, "limit": 10} | narrowed
    return [params["x"] for params in past.store.choices.most_used(view_id, query, **asked)]


def test_the_most_used_come_first(past):
    view_id, other = past.view(), past.view()
    past.store.choices.write(tuple(chosen(view_id, value) for value in "abcbcc"))
    past.store.choices.write((chosen(view_id, "b"), chosen(view_id, "b"), chosen(other, "z")))

    assert most_used(past, view_id) == ["b", "c", "a"]
    assert most_used(past, view_id, times=2) == ["b", "c"]
    assert most_used(past, view_id, limit=1) == ["b"]
    assert most_used(past, other) == ["z"]


def test_values_of_an_earlier_query_and_of_last_month_do_not_count(past):
    view_id = past.view()
    past.store.choices.write((chosen(view_id, "old"), chosen(view_id, "new", at=DAY)))
    past.store.choices.write((chosen(view_id, "other", query="p"),))

    assert most_used(past, view_id, since=START + 1) == ["new"]
    assert most_used(past, view_id, query="p") == ["other"]


def test_a_thousand_sets_are_kept_and_none_of_a_view_that_is_gone(past):
    view_id = past.view()
    past.store.choices.write(tuple(chosen(view_id, n, at=n) for n in range(1001)))
    past.store.choices.write((chosen(12345, "nobody's"),))

    with past.store.database.read() as connection:
        kept = connection.execute(select(func.count()).select_from(choices)).scalar()
    assert kept == 1000
    assert 0 not in most_used(past, view_id, limit=2000)
