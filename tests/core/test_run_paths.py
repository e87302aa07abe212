"""Whether a run is served from the query or from its table: each reason, in its order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_views.core.freshness import SKEW, Mode
from jupyter_views.core.model import SECOND
from jupyter_views.core.run_paths import Asked, Table, path_of

NOW = 1_000_000 * SECOND
HOUR = 3600 * SECOND
PLAIN = Asked(mode=Mode.BLOCKING)
BUILT = Table(built_at=NOW - HOUR, frequency=HOUR)
WORST = Table(built_at=None, frequency=0, failure="no file", has_moved=True)
LOST = replace(PLAIN, is_lost=True)
EVERYTHING = Asked(
    mode=Mode.FORCE_BLOCKING,
    has_own_values=True,
    has_filters=True,
    is_pinned=True,
    is_direct=True,
)


@pytest.mark.parametrize(
    ("asked", "table", "path", "reason"),
    [
        (PLAIN, None, "inline", "not_materialized"),
        (EVERYTHING, None, "inline", "not_materialized"),
        (EVERYTHING, BUILT, "inline", "version_pinned"),
        (replace(EVERYTHING, is_pinned=False), BUILT, "inline", "bypassed"),
        (replace(PLAIN, is_direct=True), BUILT, "inline", "bypassed"),
        (replace(PLAIN, mode=Mode.FORCE_ASYNC), BUILT, "inline", "bypassed"),
        (replace(PLAIN, is_pinned=True), BUILT, "inline", "version_pinned"),
        (replace(PLAIN, has_filters=True, has_own_values=True), BUILT, "inline", "filters_given"),
        (replace(PLAIN, has_own_values=True), BUILT, "inline", "values_given"),
        (replace(PLAIN, has_own_values=True), WORST, "inline", "values_given"),
        (PLAIN, WORST, "inline", "values_moved"),
        (PLAIN, replace(WORST, has_moved=False), "inline", "build_failed"),
        (PLAIN, replace(BUILT, failure="no file"), "inline", "build_failed"),
        (PLAIN, Table(built_at=None, frequency=HOUR), "inline", "build_running"),
        (
            replace(PLAIN, is_lost=True),
            Table(built_at=None, frequency=0),
            "inline",
            "build_running",
        ),
        (replace(PLAIN, is_lost=True), replace(BUILT, frequency=0), "inline", "table_missing"),
        (PLAIN, replace(BUILT, frequency=HOUR - 1), "inline", "table_outdated"),
        (PLAIN, replace(BUILT, built_at=NOW + 2 * SKEW), "inline", "table_outdated"),
        (PLAIN, replace(BUILT, built_at=NOW + SKEW), "materialized", "table_current"),
        (PLAIN, BUILT, "materialized", "table_current"),
        *(
            (replace(PLAIN, mode=mode), BUILT, "materialized", "table_current")
            for mode in set(Mode) - {Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC}
        ),
    ],
)
def test_the_first_line_that_fits_decides(asked, table, path, reason):
    taken = path_of(asked, table, NOW)

    assert (taken.path, taken.reason) == (path, reason)


def test_only_a_failed_build_says_what_it_ran_into():
    failed = replace(BUILT, failure="no file")

    assert path_of(PLAIN, failed, NOW).error == "no file"
    assert path_of(replace(PLAIN, has_own_values=True), failed, NOW).error is None
