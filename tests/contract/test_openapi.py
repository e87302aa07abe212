from __future__ import annotations

from openapi_spec_validator import validate

from jupyter_views.http.routes import ROUTES


async def test_the_document_is_valid_openapi_and_names_every_route(api):
    answer = await api("GET", "api/openapi.json")

    assert answer.status == 200
    validate(answer.json)
    assert set(answer.json["paths"]) == {f"/{route.path}" for route in ROUTES}


async def test_bodies_in_the_document_are_the_types_that_check_them(api):
    document = (await api("GET", "api/openapi.json")).json
    body = document["paths"]["/api/v1/perspectives"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]

    schema = document["components"]["schemas"][name]

    assert set(schema["required"]) == {"name", "statement_id"}


async def test_the_page_for_people_lists_the_routes_without_a_script(api):
    answer = await api("GET", "api/docs")

    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"api/v1/perspectives/{slug}/result" in answer.body
    assert b"<script" not in answer.body
