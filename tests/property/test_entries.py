"""Any past of a view, told in entries."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_views.core.history import NO_CHANGES, Refresh, collapsed
from jupyter_views.core.model import Cause, Changes, Status

refreshes = st.lists(
    st.tuples(
        st.sampled_from([Status.SUCCESS, Status.SUCCESS, Status.FAILED, Status.CANCELED]),
        st.sampled_from(["schedule", "asked"]),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, None, NO_CHANGES, Changes(added=1, removed=0, changed=0)]),
    ),
    max_size=30,
)


def past(facts) -> list[Refresh]:
    made = []
    for at, (status, kind, rows, changes) in enumerate(reversed(facts)):
        has_rows = status is Status.SUCCESS and rows is not None
        made.append(
            Refresh(
                id=f"stmt_{len(facts) - at}",
                status=status,
                cause=Cause(kind=kind),
                version=1,
                submitted_at=len(facts) - at,
                started_at=None,
                completed_at=None,
                error=None,
                changes=changes if status is Status.SUCCESS else None,
                sha256=rows if has_rows else None,
                row_count=None,
                size_bytes=None,
                method=None,
            )
        )
    return made


def expected_unchanged(past, at) -> bool | None:
    refresh = past[at]
    if refresh.status is not Status.SUCCESS:
        return None
    if refresh.changes is not None:
        return refresh.changes == NO_CHANGES
    before = next((each for each in past[at + 1 :] if each.status is Status.SUCCESS), None)
    if before is None or None in (before.sha256, refresh.sha256):
        return None
    return before.sha256 == refresh.sha256


@settings(max_examples=200, deadline=None)
@given(refreshes)
def test_entries_are_the_runs_of_equal_refreshes_in_their_order(facts):
    told = past(facts)
    judged = [(each, expected_unchanged(told, at)) for at, each in enumerate(told)]

    def run(item):
        refresh, is_unchanged = item
        is_plain = is_unchanged or refresh.status is not Status.SUCCESS
        return refresh.status, refresh.cause.kind, None if is_plain else refresh.id

    expected = [list(group) for _, group in groupby(judged, run)]
    found = list(collapsed(told))

    assert [entry.refresh for entry in found] == [group[0][0] for group in expected]
    assert [entry.is_unchanged for entry in found] == [group[0][1] for group in expected]
    assert [entry.count for entry in found] == [len(group) for group in expected]
    assert [entry.first[1] for entry in found] == [group[-1][0].id for group in expected]


@settings(max_examples=200, deadline=None)
@given(refreshes, st.integers(1, 5))
def test_pages_begun_where_an_entry_ended_join_to_the_whole(facts, limit):
    told = past(facts)
    pages, left = [], told
    while left:
        page = list(collapsed(left))[:limit]
        pages += page
        left = [each for each in told if each.submitted_at < page[-1].first[0]]

    assert pages == list(collapsed(told))
