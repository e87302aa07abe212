"""What keeps rows of an endpoint ready, and what every change of it does to the schedule."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_views.core.errors import Invalid
from jupyter_views.core.materializing import (
    consequences,
    materialization_of,
    obstacle,
    require_eligible,
)
from jupyter_views.core.model import (
    EndpointDoor,
    LastRefresh,
    PerspectiveDoor,
    Query,
    Result,
    Rule,
    Statement,
    Status,
    Strategy,
    Version,
    View,
)
from jupyter_views.core.parameters import Parameter
from jupyter_views.core.ports import Read

NOW = 1_000_000_000_000
SOON = NOW + 1
HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
QUERY = Query(
    id="qry_1",
    sql="SELECT 1",
    normalized_sql="SELECT 1",
    connection="local",
    base_dir="/",
    parameters=(),
    frames={},
    reads=(),
    volatile=(),
    definition_hash="1",
    created_at=0,
)
STATEMENT = Statement(
    id="stmt_1",
    query=QUERY,
    params={},
    fingerprint="f",
    status=Status.PLANNED,
    strategy=Strategy.EXECUTE,
    submitted_by="ana",
    submitted_at=0,
    row_limit=1,
    byte_limit=1,
)
ROWS = Result(
    id="r",
    sha256="0",
    row_count=1,
    size_bytes=1,
    columns=(),
    truncated=None,
    computed_at=NOW - HOUR,
    duration_us=1,
    saved_at=NOW,
    signatures=(),
)
VERSION = Version(
    n=1, query=QUERY, params={}, statement_id="stmt_1", note=None, author="ana", created_at=0
)
OTHER = replace(VERSION, n=2, query=replace(QUERY, id="qry_2"))
DOOR = EndpointDoor(id="e", name="daily")
PLAIN = View(
    id=1,
    short_id="abc",
    name="daily",
    owner="ana",
    is_public=False,
    auto_refresh=False,
    revision=1,
    version=VERSION,
    current=STATEMENT,
    created_at=0,
    updated_at=0,
    created_by="ana",
    updated_by="ana",
    refreshed_at=0,
    endpoint=DOOR,
)
KEPT = replace(
    PLAIN, endpoint=replace(DOOR, is_materialized=True), rule=Rule(schedule="1h"), next_due_at=1
)
RESTING = replace(
    PLAIN,
    endpoint=replace(DOOR, is_materialized=True, is_active=False, paused_schedule="1h"),
)


def settled(view, marks=None, rule=None, version=None):
    """The view after a change, and when it is due; None for never, 0 for as before."""
    marks, fields = consequences(view, version or view.version, marks or {}, rule or {}, NOW)
    door = replace(view.endpoint, **marks)
    return door, fields.get("rule", view.rule).schedule, fields.get("next_due_at", 0)


@pytest.mark.parametrize(
    ("view", "marks", "rule", "is_kept", "schedule", "paused", "due"),
    [
        # It begins: with a schedule of its own, its view's, or one of a day; and at once.
        (PLAIN, {"is_materialized": True}, {}, True, "24h", None, SOON),
        (PLAIN, {"is_materialized": True}, {"schedule": "7d"}, True, "7d", None, SOON),
        (
            replace(PLAIN, rule=Rule(schedule="2h")),
            {"is_materialized": True},
            {},
            True,
            "2h",
            None,
            SOON,
        ),
        # Saying so again, or another word, builds nothing.
        (KEPT, {"is_materialized": True}, {}, True, "1h", None, 0),
        (KEPT, {}, {"age_seconds": 600}, True, "1h", None, 0),
        (KEPT, {}, {"schedule": "24h"}, True, "24h", None, NOW + DAY),
        # It ends with either of the two.
        (KEPT, {"is_materialized": False}, {}, False, None, None, None),
        (KEPT, {}, {"schedule": None}, False, None, None, None),
        (RESTING, {"is_materialized": False}, {}, False, None, None, 0),
        # A schedule of the view alone is not the endpoint's to end.
        (
            replace(PLAIN, rule=Rule(schedule="2h")),
            {"is_materialized": False},
            {},
            False,
            "2h",
            None,
            0,
        ),
        # It rests and goes on.
        (KEPT, {"is_active": False}, {}, True, None, "1h", None),
        (RESTING, {"is_active": True}, {}, True, "1h", None, SOON),
        (RESTING, {"is_active": True}, {"schedule": "24h"}, True, "24h", None, SOON),
        (RESTING, {}, {"schedule": "24h"}, True, None, "24h", 0),
        (
            replace(PLAIN, rule=Rule(schedule="2h")),
            {"is_active": False},
            {},
            False,
            None,
            "2h",
            None,
        ),
        (
            replace(
                PLAIN,
                rule=Rule(schedule="2h"),
                perspective=PerspectiveDoor(id="p", slug="p"),
            ),
            {"is_active": False},
            {},
            False,
            "2h",
            None,
            0,
        ),
        (PLAIN, {"is_active": False}, {}, False, None, None, 0),
    ],
)
def test_each_change_and_what_follows(view, marks, rule, is_kept, schedule, paused, due):
    door, its_schedule, next_due = settled(view, marks, rule)

    assert (door.is_materialized, its_schedule, door.paused_schedule) == (
        is_kept,
        schedule,
        paused,
    )
    assert next_due == due


def test_another_query_keeps_the_schedule_and_is_built_at_once():
    assert settled(KEPT, version=OTHER) == (KEPT.endpoint, "1h", SOON)
    assert settled(PLAIN, version=OTHER) == (PLAIN.endpoint, None, 0)
    assert settled(RESTING, version=OTHER) == (RESTING.endpoint, None, 0)


def test_a_query_that_cannot_be_kept_ready_ends_it():
    framed = replace(OTHER, query=replace(OTHER.query, frames={"df": "0" * 64}))

    door, schedule, due = settled(KEPT, version=framed)

    assert (door.is_materialized, schedule, due) == (False, None, None)


def test_a_view_without_an_endpoint_has_its_rule_alone():
    view = replace(PLAIN, endpoint=None)

    assert consequences(view, VERSION, {}, {}, NOW) == ({}, {})
    _, found = consequences(view, VERSION, {}, {"schedule": "1h"}, NOW)
    assert (found["rule"].schedule, found["next_due_at"]) == ("1h", NOW + HOUR)


REGION = Parameter(name="region")
SPAN = Parameter(name="span", type="date-range")


@pytest.mark.parametrize(
    ("changes", "params", "reason"),
    [
        ({}, {}, None),
        ({"volatile": ("now",)}, {}, None),
        ({"reads": (Read(kind="unknown", name="x"),)}, {}, None),
        ({"sql": ""}, {}, "Query is empty or invalid."),
        (
            {"frames": {"df": "0" * 64}},
            {},
            "The query reads df from the memory of a kernel, which no schedule can read anew.",
        ),
        (
            {"declared": (REGION, SPAN), "parameters": ("span_start", "region", "span_end")},
            {},
            "No default value for region, span.",
        ),
        ({"declared": (REGION,), "parameters": ("region",)}, {"region": "EU"}, None),
        (
            {"declared": (replace(REGION, default="EU"),), "parameters": ("region",)},
            {},
            None,
        ),
        ({"declared": (replace(REGION, required=False),), "parameters": ("region",)}, {}, None),
        ({"parameters": ("n",)}, {}, "No default value for n."),
    ],
)
def test_what_can_be_kept_ready(changes, params, reason):
    query = replace(QUERY, **changes)

    assert obstacle(query, params) == reason
    if reason is None:
        require_eligible(query, params)
    else:
        with pytest.raises(Invalid, match="Cannot materialize endpoint: "):
            require_eligible(query, params)


FAILED = LastRefresh(
    statement_id="stmt_2", status=Status.FAILED, error={"message": "no file"}, at=NOW
)
BUILT = replace(KEPT, current=replace(STATEMENT, status=Status.SUCCESS, result=ROWS))


@pytest.mark.parametrize(
    ("view", "status", "error", "at"),
    [
        (PLAIN, None, None, None),
        (KEPT, "Unknown", None, None),
        (replace(KEPT, refreshing=STATEMENT), "Running", None, None),
        (BUILT, "Completed", None, ROWS.computed_at),
        (replace(BUILT, refreshing=STATEMENT), "Running", None, ROWS.computed_at),
        (replace(BUILT, failures=2, last_refresh=FAILED), "Failed", "no file", ROWS.computed_at),
        (
            replace(BUILT, failures=2, last_refresh=FAILED, refreshing=STATEMENT),
            "Running",
            "no file",
            ROWS.computed_at,
        ),
        (replace(BUILT, version=OTHER), "Unknown", None, None),
        (
            replace(KEPT, last_refresh=replace(FAILED, status=Status.CANCELED)),
            "Cancelled",
            None,
            None,
        ),
    ],
)
def test_how_a_table_stands(view, status, error, at):
    found = materialization_of(view)

    assert (found.status, found.error, found.last_materialized_at) == (status, error, at)
    assert (found.can_materialize, found.reason) == (True, None)
