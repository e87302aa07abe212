"""Endpoints: made, read, changed and deleted; every field that the page documents."""

from __future__ import annotations

import re

import pytest

ENDPOINTS = "api/projects/@current/endpoints"
SELECT = {"kind": "HogQLQuery", "query": "SELECT 1 AS one, 'a' AS word"}


def sql(text: str) -> dict:
    return {"kind": "DataVisualizationNode", "source": {"kind": "HogQLQuery", "query": text}}


async def made(api, name="daily", **body):
    answer = await api("POST", ENDPOINTS, {"name": name, "query": SELECT, **body})
    assert answer.status == 201, answer.body
    return answer.json


async def test_an_endpoint_is_made_with_a_name_and_a_query(api):
    endpoint = await made(api)

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", endpoint["id"])
    assert (endpoint["name"], endpoint["description"], endpoint["tags"]) == ("daily", "", [])
    assert endpoint["query"] == SELECT
    assert endpoint["parameters"] == {}
    assert (endpoint["is_active"], endpoint["is_materialized"]) == (True, False)
    assert endpoint["cache_age_seconds"] is None
    assert endpoint["sync_frequency"] is None
    assert endpoint["endpoint_path"] == "/api/environments/1/endpoints/daily/run"
    assert endpoint["url"].startswith("http://")
    assert endpoint["url"].endswith("/views/api/environments/1/endpoints/daily/run")
    assert endpoint["created_at"] == endpoint["updated_at"]
    assert endpoint["created_by"]["first_name"]
    assert (endpoint["current_version"], endpoint["versions_count"]) == (1, 1)
    assert endpoint["derived_from_insight"] is None
    assert endpoint["last_executed_at"] is None
    assert endpoint["columns"] == []
    assert endpoint["materialization"] == {"can_materialize": True, "reason": None}
    assert (endpoint["is_stale"], endpoint["stale_reason"]) == (True, "never_run")
    assert (endpoint["stale_sources"], endpoint["computed_at"]) == ([], None)


@pytest.mark.parametrize(
    "prefix", ["api/projects/1", "api/environments/1", "api/environments/@current"]
)
async def test_both_prefixes_lead_to_the_same_endpoints(api, prefix):
    endpoint = await made(api)

    answer = await api("GET", f"{prefix}/endpoints/daily")

    assert answer.status == 200
    assert answer.json == endpoint
