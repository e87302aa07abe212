"""``FROM views."slug"`` in a cell."""

from __future__ import annotations

import pytest


@pytest.fixture
def daily(kernel):
    kernel.run("%%perspective Daily users\nSELECT 1 AS day, 40 AS users")
    kernel.run("%%perspective Stock\nSELECT 3 AS pieces")
    return kernel


def complete(kernel, cell):
    reply = kernel.client.complete(cell, reply=True, timeout=20)["content"]
    start, end = reply["cursor_start"], reply["cursor_end"]
    return [cell[:start] + match + cell[end:] for match in reply["matches"]]


def test_a_view_reads_another(daily):
    ran = daily.run('%%perspective Twice\nSELECT users * 2 AS twice FROM views."daily-users"')

    assert ran.error is None, ran.error
    lines = ran.shown[0]["text/plain"].splitlines()
    assert lines[3].strip() == "80"
    assert lines[-1] == "Refreshes by itself when daily-users changes."


def test_slugs_are_completed_in_the_sql_with_quotes_where_they_need_them(daily):
    head = "%%perspective X\nSELECT * FROM "

    assert set(complete(daily, f"{head}views.")) == {
        f'{head}views."daily-users"',
        f"{head}views.stock",
    }
    assert complete(daily, f"{head}views.da") == [f'{head}views."daily-users"']
    assert complete(daily, f'{head}views."daily-u') == [f'{head}views."daily-users']


def test_python_is_not_completed_with_slugs(daily):
    daily.run("class Thing: size = 1\nviews = Thing()")

    found = complete(daily, "views.si")

    assert "views.stock" not in found
    assert found == ["views.size"]


def test_an_unknown_slug_is_pointed_at_with_the_nearest(daily):
    ran = daily.run('%%perspective X\nSELECT *\nFROM views."daily-usres"')

    assert ran.error[1:] == [
        '  line 2:  FROM views."daily-usres"',
        "                      ^^^^^^^^^^^^^",
        '  Did you mean views."daily-users"?  %views lists those that you may read.',
        "Nothing was saved.",
    ]


def test_a_slug_without_its_quotes_is_told_to_have_them(daily):
    ran = daily.run("%%perspective X\nSELECT * FROM views.daily-users")

    assert ran.error[-2].strip() == ('A slug with hyphens stands in quotes: views."daily-users"')


def test_a_frame_named_views_does_not_hide_the_views(daily):
    daily.run("import pandas as pd\nviews = pd.DataFrame({'users': [7]})")

    read = daily.run('%%perspective Read\nSELECT users FROM views."daily-users"')
    frame = daily.run("%%perspective Frame\nSELECT users FROM views")

    assert read.shown[0]["text/plain"].splitlines()[3].strip() == "40"
    assert frame.shown[0]["text/plain"].splitlines()[3].strip() == "7"


def test_a_cycle_is_refused_and_nothing_changes(daily):
    daily.run('%%perspective Above\nSELECT * FROM views."daily-users"')

    ran = daily.run("%%perspective Daily users\nSELECT * FROM views.above")

    assert ran.error
    assert ran.error[-1] in {"Nothing was saved.", "The last good result is kept."}
