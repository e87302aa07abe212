"""What the host's event bus is told: enough to ask, nothing that is private."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import ValidationError
from jupyter_events.schema import EventSchema
from msgspec.structs import replace

import jupyter_views
from jupyter_views.core.announcing import Action, Event
from jupyter_views.core.model import (
    SECOND,
    Cause,
    CauseKind,
    Changes,
    PerspectiveDoor,
    Query,
    Result,
    Statement,
    Status,
    Strategy,
    Version,
    View,
)
from jupyter_views.core.ports import Read, Signature
from jupyter_views.wire.events import event_data, schema_id

ACTIONS = get_args(Action)
FILES = sorted((Path(jupyter_views.__file__).parent / "events").glob("*.yaml"))
SCHEMAS = {path.stem: EventSchema(path) for path in FILES}
AT = 1_800_000_000 * SECOND
SECRET = "hush"

QUERY = Query(
    id="qry_1",
    sql=f"SELECT * FROM '{SECRET}.csv'",
    normalized_sql=f"SELECT * FROM '{SECRET}.csv'",
    connection="local",
    base_dir=f"/{SECRET}",
    parameters=(),
    frames={},
    reads=(Read(kind="file", name=f"{SECRET}.csv", path=f"/{SECRET}/{SECRET}.csv"),),
    volatile=(),
    definition_hash="0",
    created_at=AT,
)
RESULT = Result(
    id="res_1",
    sha256="0",
    row_count=340,
    size_bytes=1,
    columns=(),
    truncated=None,
    computed_at=AT - SECOND,
    duration_us=1234,
    saved_at=AT,
    signatures=(Signature(name=f"{SECRET}.csv", kind="file", strength="exact"),),
)
STATEMENT = Statement(
    id="stmt_1",
    query=QUERY,
    params={SECRET: SECRET},
    fingerprint="0",
    status=Status.SUCCESS,
    strategy=Strategy.EXECUTE,
    submitted_by=SECRET,
    submitted_at=AT,
    row_limit=1,
    byte_limit=1,
    result=RESULT,
)
VIEW = View(
    id=1,
    short_id="Abcd1234",
    name=SECRET,
    description=SECRET,
    tags=(SECRET,),
    owner=SECRET,
    is_public=False,
    auto_refresh=True,
    revision=1,
    version=Version(
        n=1,
        query=QUERY,
        params={},
        statement_id="stmt_1",
        note=SECRET,
        author=SECRET,
        created_at=AT,
    ),
    current=STATEMENT,
    created_at=AT,
    updated_at=AT,
    created_by=SECRET,
    updated_by=SECRET,
    refreshed_at=AT,
    perspective=PerspectiveDoor(id="persp_1", slug=SECRET),
    retry_at=AT + 5 * SECOND,
)
FACTS = {
    "created": {"by": SECRET},
    "edited": {"by": SECRET},
    "stale": {"reason": "source_changed", "sources": (f"{SECRET}.csv",)},
    "refreshing": {"cause": Cause(kind="asked", by=SECRET, sources=(SECRET,))},
    "refreshed": {"changes": Changes(added=12, removed=0, changed=3)},
    "changed": {"changes": Changes(added=12, removed=0, changed=3)},
    "failed": {"error": {"code": "ENGINE_ERROR", "message": f"There is no {SECRET}."}},
    "deleted": {"by": SECRET},
}


def told(action, view=VIEW, **facts):
    return event_data(Event(action=action, view=view, facts=FACTS[action] | facts), AT)


def test_there_is_one_schema_for_each_action_and_none_besides():
    assert set(SCHEMAS) == set(ACTIONS)
    for action in ACTIONS:
        assert SCHEMAS[action].id == schema_id(action)
        assert SCHEMAS[action].id == f"https://events.jupyter.org/jupyter_views/{action}/v1"
        assert SCHEMAS[action].version == "1"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_event_is_what_its_schema_says(action):
    schema, data = told(action)

    assert schema == SCHEMAS[action].id
    SCHEMAS[action].validate(data)
    assert set(data) == set(SCHEMAS[action].properties)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_event_says_which_view_and_when(action):
    _, data = told(action)

    assert data["short_id"] == "Abcd1234"
    assert data["at"] == "2027-01-15T08:00:00.000000Z"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_event_names_nothing_that_is_private(action):
    _, data = told(action)

    assert SECRET not in json.dumps(data)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_schema_takes_no_word_that_it_does_not_name(action):
    _, data = told(action)

    with pytest.raises(ValidationError):
        SCHEMAS[action].validate(data | {"name": SECRET})


def test_a_refresh_tells_its_rows_its_time_and_its_way():
    _, full = told("refreshed")
    current = replace(STATEMENT, result=replace(RESULT, method="incremental: 1 of 100 files"))
    _, incremental = told("refreshed", replace(VIEW, current=current))

    assert (full["row_count"], full["duration_us"]) == (340, 1234)
    assert full["computed_at"] == "2027-01-15T07:59:59.000000Z"
    assert (full["is_incremental"], incremental["is_incremental"]) == (False, True)


def test_a_change_tells_how_many_rows_or_that_nobody_counted():
    _, counted = told("changed")
    _, unknown = told("changed", changes=None)

    assert [counted[word] for word in ("added", "removed", "changed")] == [12, 0, 3]
    assert [unknown[word] for word in ("added", "removed", "changed")] == [None] * 3
    SCHEMAS["changed"].validate(unknown)


def test_a_failure_tells_its_code_and_the_next_try_if_one_is_set():
    _, tried_again = told("failed")
    _, given_up = told("failed", replace(VIEW, retry_at=0))

    assert (tried_again["code"], tried_again["retry_at"]) == (
        "ENGINE_ERROR",
        "2027-01-15T08:00:05.000000Z",
    )
    assert given_up["retry_at"] is None
    SCHEMAS["failed"].validate(given_up)


@pytest.mark.parametrize("kind", get_args(CauseKind))
def test_every_cause_of_a_refresh_has_its_word(kind):
    _, data = told("refreshing", cause=Cause(kind=kind))

    assert data["cause"] == kind
    SCHEMAS["refreshing"].validate(data)
