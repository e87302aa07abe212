"""The OpenAPI document of one endpoint: valid, true to what a run takes, and made into a client."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

ENDPOINTS = "api/projects/1/endpoints"
DECLARED = [
    {"name": "region", "type": "enum", "options": ["EU", "US"], "defaultValue": "EU"},
    {"name": "regions", "type": "multi-enum", "options": ["a", "b"], "defaultValue": ["a"]},
    {"name": "since", "type": "date-picker", "min": "2020-01-01"},
    {"name": "at", "type": "datetime-picker", "defaultValue": "2024-01-31T12:00:00Z"},
    {"name": "span", "type": "date-range", "defaultValue": {"start": "today-7d", "end": "today"}},
    {"name": "least", "type": "integer", "defaultValue": 1, "min": 0, "max": 10},
    {"name": "share", "type": "number", "defaultValue": 0.5, "description": "Of all."},
    {"name": "is_new", "type": "boolean", "defaultValue": True},
    {"name": "code", "type": "text-pattern", "pattern": "[A-Z]{2}", "defaultValue": "AB"},
    {"name": "word", "type": "text-pattern", "pattern": "(?i)x+", "defaultValue": "X"},
    {"name": "limit", "type": "text", "required": False},
]
SQL = """
SELECT {{region}} AS region, {{since}} AS since, {{least}} AS least, {{share}} AS share,
  {{is_new}} AS is_new, {{at}} AS at, {{span.start}} <= {{span.end}} AS is_span,
  {{code}} || {{word}} AS words, {{limit}} AS most, len({{regions}}) AS regions, {{free}} AS free
"""
QUERY = {"kind": "HogQLQuery", "query": SQL, "parameters": DECLARED, "values": {"free": 3}}


async def make(api, name="new-users", query=QUERY, **more) -> None:
    body = {"name": name, "query": query, **more}
    answer = await api("POST", ENDPOINTS, body)
    assert answer.status == 201, answer.body


async def document(api, name="new-users", tail="") -> dict:
    answer = await api("GET", f"{ENDPOINTS}/{name}/openapi.json{tail}")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"].startswith("application/json")
    validate(answer.json)
    return answer.json


async def test_it_is_valid_and_says_what_a_run_takes(api):
    await make(api, description="Who is new")

    told = await document(api)

    assert told["openapi"] == "3.1.0"
    assert told["info"] == {"title": "new-users", "description": "Who is new", "version": "1"}
    endpoint = (await api("GET", f"{ENDPOINTS}/new-users")).json
    ((path, verbs),) = told["paths"].items()
    (server,) = told["servers"]
    url = f"{server['url']}{path}"
    assert url == endpoint["url"].replace("/environments/", "/projects/")
    assert (verbs["post"]["operationId"], verbs["get"]["operationId"]) == (
        "run_new_users",
        "read_new_users",
    )
    assert told["security"] == [{"PersonalAPIKey": []}]
    assert set(verbs["post"]["responses"]) == {"200", "202", "400", "401", "404", "429"}
    schemas = told["components"]["schemas"]
    variables = schemas["Variables"]
    properties = variables["properties"]
    assert list(properties) == [*(each["name"] for each in DECLARED), "free"]
    assert variables["additionalProperties"] is False
    # What has no value of its own is needed, and so is all that it stands in.
    assert variables["required"] == ["since"]
    assert schemas["EndpointRunRequest"]["required"] == ["variables"]
    assert schemas["EndpointRunRequest"]["additionalProperties"] is False
    assert verbs["post"]["requestBody"]["required"] is True
    assert properties["since"] == {
        "type": "string",
        "format": "date",
        "description": "Takes today and today-7d too. From 2020-01-01.",
    }
    assert properties["region"] == {
        "anyOf": [{"type": "string", "enum": ["EU", "US"]}, {"type": "null"}],
        "example": "EU",
    }
    least = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 10}
    assert properties["least"] == {"anyOf": [least, {"type": "null"}], "example": 1}
    assert properties["share"]["description"] == "Of all."
    assert properties["at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert properties["span"]["anyOf"][0]["required"] == ["start", "end"]
    assert properties["code"]["anyOf"][0]["pattern"] == "^(?:[A-Z]{2})$"
    assert "pattern" not in properties["word"]["anyOf"][0]
    assert properties["word"]["description"] == "It must match (?i)x+."
    assert properties["free"]["anyOf"][0] == {"type": "number"}
    in_address = {each["name"]: each for each in verbs["get"]["parameters"]}
    assert in_address["since"]["required"] is True
    # A variable that is called like a field of a run has another name there.
    assert in_address["param.limit"]["schema"]["anyOf"][0]["type"] == "string"
    assert in_address["limit"]["schema"] == {"type": "integer", "minimum": 1}


async def test_answers_fit_their_schemas_and_bodies_too(api):
    await make(api)
    body = {"variables": {"since": "2024-01-31", "region": "US", "limit": None}, "limit": 5}
    rows = [await api("POST", f"{ENDPOINTS}/new-users/run", body) for _ in range(2)]
    assert [each.status for each in rows] == [200, 200]
    assert (await api("POST", f"{ENDPOINTS}/new-users/run", {"variables": {}})).status == 400
    # The view's own rows, which tell the columns, need a value of its own.
    values = {"free": 3, "since": "2024-01-31"}
    query = {**QUERY, "values": values}
    assert (await api("PATCH", f"{ENDPOINTS}/new-users", {"query": query})).status == 200
    assert (await api("POST", f"{ENDPOINTS}/new-users/run", {})).status == 200

    told = await document(api)

    def check(name: str, value) -> list:
        schema = {"$ref": f"#/components/schemas/{name}", "components": told["components"]}
        return list(Draft202012Validator(schema).iter_errors(value))

    assert "required" not in told["components"]["schemas"]["EndpointRunRequest"]
    assert not check("EndpointRunRequest", body)
    assert check("EndpointRunRequest", {"variables": {"least": 11}})
    assert check("EndpointRunRequest", {"variables": {"nobody": 1}})
    answer = (await api("POST", f"{ENDPOINTS}/new-users/run", {})).json
    assert not check("EndpointRunResponse", answer)
    row = told["components"]["schemas"]["EndpointRunResponse"]["properties"]["results"]
    cells = row["anyOf"][0]["items"]["prefixItems"]
    assert [cell["title"] for cell in cells][:3] == ["region", "since", "least"]
    assert check("EndpointRunResponse", answer | {"results": [[1]]})
    wrong = await api("POST", f"{ENDPOINTS}/new-users/run", {"variables": {"least": 11}})
    assert (wrong.status, check("ErrorOut", wrong.json)) == (400, [])
    bare = await api("POST", f"{ENDPOINTS}/new-users/run", {"offset": 1})
    assert (bare.status, check("BareError", bare.json)) == (400, [])


async def test_a_version_has_a_document_of_its_own(api):
    plain = {"kind": "HogQLQuery", "query": "SELECT 1 AS one"}
    await make(api, query=plain)
    await api("PATCH", f"{ENDPOINTS}/new-users", {"query": QUERY})

    first = await document(api, tail="?version=1")

    assert first["info"]["version"] == "1"
    request = first["components"]["schemas"]["EndpointRunRequest"]
    assert request["properties"]["version"] == {"type": "integer", "default": 1}
    assert "variables" not in request["properties"]
    ((_, verbs),) = first["paths"].items()
    assert verbs["post"]["requestBody"]["required"] is False
    assert "Variables" not in first["components"]["schemas"]
    assert (await document(api))["info"]["version"] == "2"
    path = f"{ENDPOINTS}/new-users/openapi.json"
    missing = await api("GET", f"{path}?version=9")
    assert (missing.status, missing.json) == (404, {"error": "Version 9 not found"})
    bad = await api("GET", f"{path}?version=x")
    assert (bad.status, bad.json) == (400, {"error": "Invalid version parameter: x"})
    unknown = await api("GET", f"{ENDPOINTS}/nobody/openapi.json")
    assert (unknown.status, unknown.json["type"]) == (404, "invalid_request")


@pytest.fixture
def generated(tmp_path_factory, monkeypatch):
    """Make a client of a document, as its users do, and import it."""

    def generate(told: dict, package: str):
        folder = tmp_path_factory.mktemp("clients")
        (folder / "openapi.json").write_text(json.dumps(told))
        # The generator would tidy its output with a tool that it looks for on the path.
        (folder / "config.yml").write_text("post_hooks: []\n")
        command = [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", "openapi.json", "--output-path", package, "--config", "config.yml"),
            "--fail-on-warning",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        monkeypatch.syspath_prepend(folder)
        return lambda name: importlib.import_module(f"{package}.{name}")

    return generate


async def test_a_generator_makes_a_client_of_it_that_runs_the_endpoint(api, generated):
    await make(api)
    key = await api("POST", "api/keys", {"label": "client", "scopes": ["endpoint:read"]})
    told = await document(api)
    part = await asyncio.to_thread(generated, told, "new_users")
    base_url, token = told["servers"][0]["url"], key.json["key"]
    models = part("models")
    assert set(models.Variables.__annotations__) == {*(d["name"] for d in DECLARED), "free"}
    variables = models.Variables.from_dict(
        {"since": "2024-01-31", "region": "US", "regions": ["a", "b"], "least": 2, "limit": "x"}
    )
    assert (variables.since.year, variables.region.name) == (2024, "US")

    run, read = part("api.endpoints.run_new_users"), part("api.endpoints.read_new_users")
    since, bad = variables.since, models.Variables(since=variables.since, least=99)
    async with part("client").AuthenticatedClient(base_url=base_url, token=token) as client:
        body = models.EndpointRunRequest(variables=variables)
        answer = await run.asyncio(client=client, body=body)
        got = await read.asyncio(client=client, since=since, param_limit="y", limit=1)
        refused = await run.asyncio(client=client, body=models.EndpointRunRequest(variables=bad))

    assert type(answer) is models.EndpointRunResponse
    (row,) = answer.results
    assert row[:3] == ["US", "2024-01-31", 2]
    assert row[-3:] == ["x", 2, 3]
    assert answer.is_stale is False
    assert got.results[0][-3:] == ["y", 1, 3]
    assert type(refused) is models.ErrorOut
    assert "least" in refused.detail
