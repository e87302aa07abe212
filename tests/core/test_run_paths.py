"""Whether a run is served from the query or from its table: each reason, in its order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_views.core.freshness import Mode
from jupyter_views.core.model import SECOND
from jupyter_views.core.run_paths import Asked, Table, path_of

NOW = 1_000_000 * SECOND
HOUR = 3600 * SECOND
PLAIN = Asked(mode=Mode.BLOCKING)
BUILT = Table(built_at=NOW - HOUR, frequency=HOUR)
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
        (PLAIN, Table(built_at=None, frequency=HOUR), "inline", "build_running"),
        (
            PLAIN,
            Table(built_at=None, frequency=HOUR, has_failed=True),
            "inline",
            "build_failed",
        ),
        (EVERYTHING, BUILT, "inline", "bypassed"),
        (replace(PLAIN, is_direct=True), BUILT, "inline", "bypassed"),
        (replace(PLAIN, mode=Mode.FORCE_ASYNC), BUILT, "inline", "bypassed"),
        (replace(EVERYTHING, mode=Mode.ASYNC, is_direct=False), BUILT, "inline", "version_pinned"),
        (replace(PLAIN, has_filters=True, has_own_values=True), BUILT, "inline", "filters_given"),
        (replace(PLAIN, has_own_values=True), BUILT, "inline", "values_given"),
        (PLAIN, replace(BUILT, frequency=HOUR - 1), "inline", "table_outdated"),
        (PLAIN, BUILT, "materialized", "table_current"),
        (PLAIN, replace(BUILT, has_failed=True), "materialized", "table_current"),
        *(
            (replace(PLAIN, mode=mode), BUILT, "materialized", "table_current")
            for mode in set(Mode) - {Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC}
        ),
    ],
)
def test_the_first_line_that_fits_decides(asked, table, path, reason):
    taken = path_of(asked, table, NOW)

    assert (taken.path, taken.reason) == (path, reason)
