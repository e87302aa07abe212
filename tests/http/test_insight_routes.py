"""Every route of the insight page: its scope, and both formats that it may be asked for."""

from __future__ import annotations

INSIGHTS = "api/projects/1/insights"
QUERY = {"kind": "HogQLQuery", "query": "SELECT 1 AS one"}
# Part D of the notes: method, address, body, scope, status.
ROUTES = [
    ("GET", "", None, "insight:read", 200),
    ("POST", "", {"name": "x", "query": QUERY}, "insight:write", 201),
    ("GET", "/{id}", None, "insight:read", 200),
    ("PATCH", "/{id}", {"description": "d"}, "insight:write", 200),
    ("PUT", "/{id}", {"description": "e"}, "insight:write", 200),
    ("DELETE", "/{id}", None, "insight:write", 405),
    ("GET", "/{id}/activity", None, "activity_log:read", 200),
    ("GET", "/activity", None, "activity_log:read", 200),
    ("POST", "/cancel", {"client_query_id": "x"}, "insight:write", 200),
    ("GET", "/my_last_viewed", None, "insight:read", 200),
    ("POST", "/viewed", {"insight_ids": [1]}, "insight:read", 201),
    ("GET", "/trending", None, "insight:read", 200),
]


async def _made(api):
    return (await api("POST", INSIGHTS, {"name": "x", "query": QUERY})).json


async def test_every_route_wants_its_scope_and_write_implies_read(api, person):
    insight = await _made(api)
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    told = {}
    for scope in ("insight:read", "insight:write", "activity_log:read", "activity_log:write", "*"):
        caller = await person("local", scope)
        for method, tail, body, wanted, status in ROUTES:
            answer = await caller(method, INSIGHTS + tail.format(**insight), body)
            noun, verb = wanted.split(":")
            may = scope in {"*", wanted, f"{noun}:write"}
            told[scope, method, tail] = answer.status == (status if may else 403)
            if not may:
                assert answer.json["detail"] == f"API key missing required scope '{wanted}'", verb

    assert [route for route, is_right in told.items() if not is_right] == []


async def test_every_route_takes_both_formats(api):
    insight = await _made(api)
    wrong = []
    for method, tail, body, _, status in ROUTES:
        address = INSIGHTS + tail.format(**insight)
        for name, kind in (("json", "application/json"), ("csv", "text/csv")):
            answer = await api(method, f"{address}?format={name}", body)
            has_type = answer.headers.get("Content-Type", "").startswith(kind)
            if answer.status != status or (answer.body and not has_type):
                wrong.append((method, tail, name, answer.status))

    assert wrong == []


async def test_every_route_is_closed_in_another_project(api):
    insight = await _made(api)
    for method, tail, body, _, _ in ROUTES:
        tail = tail.format(**insight)
        answer = await api(method, f"api/projects/99/insights{tail}", body)
        assert answer.status == 404, (method, tail)
