"""The commands of the query-references page, by the real curl, over a real https address.

Each command is run as it stands on the page, but for the address, the token
and the ids, and answers with all that the page shows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel.live import LiveServer

from .curl import Answer, Person, https_server

LIST = """
curl -G https://api.slateo.ai/api/queries/refs \\
-H "Authorization: Bearer {token}" \\
-d limit=10
"""
RETRIEVE = """
curl https://api.slateo.ai/api/queries/refs/abc123 \\
-H "Authorization: Bearer {token}"
"""
CREATE = """
curl -X POST https://api.slateo.ai/api/queries/refs \\
-H "Authorization: Bearer {token}" \\
-H "Content-Type: application/json" \\
-d '{"queryId": "550e8400-e29b-41d4-a716-446655440000"}'
"""
UPDATE = """
curl -X PUT https://api.slateo.ai/api/queries/refs/abc123 \\
-H "Authorization: Bearer {token}" \\
-H "Content-Type: application/json" \\
-d '{"title": "Monthly Active Users", "description": "Updated analysis of monthly active users"}'
"""
DELETE = """
curl -X DELETE https://api.slateo.ai/api/queries/refs/abc123 \\
-H "Authorization: Bearer {token}"
"""
ALL = (LIST, RETRIEVE, CREATE, UPDATE, DELETE)
ITEM = {
    "id", "shortId", "title", "description", "isOptimistic", "createdBy", "createdAt",
    "updatedAt", "currentQuery",
}  # fmt: skip
VISUALIZATION = {
    "type": "line",
    "jsxConfig": "...",
    "marginConfig": {"top": 20, "right": 30, "bottom": 40, "left": 50},
}
PARAMETER = {
    "name": "start_date",
    "displayName": "Start Date",
    "type": "date-picker",
    "defaultValue": "2024-01-01",
    "description": "The start date for the analysis",
}
SQL = """SELECT date_trunc('week', created_at) AS week, count(DISTINCT user_id) AS active_users
FROM 'events.csv' WHERE created_at >= {{start_date}} GROUP BY 1 ORDER BY 1"""


class Reader:
    """Somebody with the page before them, a token, and the ids of things that are there."""

    def __init__(self, folder: Path, server: LiveServer, token: str) -> None:
        address = server.url.removeprefix("https://") + "views"
        certificate = server.root.parent / "cert.pem"
        self._person = Person(folder, address, token, certificate)
        self._address = f"https://{address}"
        self._token = token

    def __call__(self, command: str, *, short_id: str = "abc123", query: str = "") -> Answer:
        for written, real in {
            "https://api.slateo.ai": self._address,
            "{token}": self._token,
            "refs/abc123": f"refs/{short_id}",
            "550e8400-e29b-41d4-a716-446655440000": query or "550e8400-e29b-41d4-a716-446655440000",
        }.items():
            command = command.replace(written, real)
        return self._person(command)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    with https_server(tmp_path_factory.mktemp("https")) as live:
        (live.root / "events.csv").write_text(
            "created_at,user_id\n2024-01-02,1\n2024-01-03,2\n2024-01-09,1\n2023-12-31,9\n"
        )
        yield live


@pytest.fixture
def reader(server, tmp_path):
    """A person with a key: ``reader("ana")``."""

    def make(name: str) -> Reader:
        body = {"label": "page", "user": name, "scopes": ["query:write"]}
        answer = server.request("POST", "views/api/keys", json=body, verify=False)
        return Reader(tmp_path / name, server, answer.json()["key"])

    return make


@pytest.fixture
def ana(reader) -> Reader:
    return reader("ana")


@pytest.fixture
def query(server, ana) -> str:
    """The UUID of a query of ana's."""
    body = {"sql": SQL, "parameters": [PARAMETER]}
    headers = {"Authorization": f"Bearer {ana._token}", "Prefer": "wait=30"}
    answer = server.request("POST", "views/api/queries", json=body, headers=headers, verify=False)
    assert answer.json()["latestRunMetadata"]["status"] == "SUCCESS", answer.text
    return answer.json()["id"]


@pytest.fixture
def made(ana, query) -> dict[str, Any]:
    answer = ana(CREATE, query=query)
    assert answer.status == 201, answer.text
    return answer.json


def test_create_answers_201_with_a_short_id_and_the_title_of_the_page(ana, made, query):
    assert made.keys() >= ITEM
    assert made["title"] == "Untitled Query Reference"
    assert (made["description"], made["isOptimistic"], made["createdBy"]) == (None, False, "ana")
    assert made["currentQuery"] == {"id": query, "sql": SQL}
    assert made["shortId"] not in {None, "", "abc123"}


def test_the_list_has_items_without_visualization_and_a_cursor_as_the_page_makes_it(ana, query):
    for _ in range(11):
        assert ana(CREATE, query=query).status == 201

    first = ana(LIST)
    cursor = first.json["nextCursor"]
    rest = ana(LIST.replace("limit=10", f"limit=100 -d cursor={cursor}"))

    assert first.status == rest.status == 200
    assert len(first.json["items"]) == 10
    for item in first.json["items"]:
        assert item.keys() >= ITEM
        assert not {"visualization", "parameters"} & item.keys()
    place = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert place == {"id": first.json["items"][-1]["id"]}
    assert "nextCursor" not in rest.json
    assert not {item["id"] for item in rest.json["items"]} & {
        item["id"] for item in first.json["items"]
    }


def test_retrieve_has_the_current_query_the_visualization_and_the_parameters(ana, made):
    words = json.dumps({"visualization": VISUALIZATION})
    pictured = UPDATE.split("-d '")[0] + f"-d '{words}'"
    assert ana(pictured, short_id=made["shortId"]).status == 200

    answer = ana(RETRIEVE, short_id=made["shortId"])

    assert answer.status == 200
    assert answer.json.keys() >= ITEM
    assert answer.json["visualization"] == VISUALIZATION
    (parameter,) = answer.json["parameters"]
    assert parameter.items() >= PARAMETER.items()


def test_update_answers_200_with_the_new_words_and_the_same_short_id(reader, ana, made):
    answer = ana(UPDATE, short_id=made["shortId"])

    assert answer.status == 200
    assert answer.json["title"] == "Monthly Active Users"
    assert answer.json["description"] == "Updated analysis of monthly active users"
    for name in ("id", "shortId", "createdAt", "currentQuery"):
        assert answer.json[name] == made[name]
    assert answer.json["updatedAt"] > made["updatedAt"]
    assert reader("sam")(UPDATE, short_id=made["shortId"]).status == 404


def test_delete_answers_200_with_a_tombstone_and_404_from_then_on(ana, made, query):
    answer = ana(DELETE, short_id=made["shortId"])

    assert answer.status == 200
    assert answer.json.keys() == {
        "id", "shortId", "title", "description", "queryId", "createdAt", "updatedAt", "deletedAt",
    }  # fmt: skip
    assert (answer.json["id"], answer.json["queryId"]) == (made["id"], query)
    for command in (RETRIEVE, UPDATE, DELETE):
        assert ana(command, short_id=made["shortId"]).status == 404
    assert ana(CREATE, query=query).status == 201


def test_the_rows_come_by_the_same_address(ana, made):
    rows = RETRIEVE.replace("abc123", "abc123/result?param.start_date=2024-01-08")

    answer = ana(rows, short_id=made["shortId"])

    assert answer.json["rows"] == [["2024-01-08T00:00:00", 1]]


@pytest.mark.parametrize("command", ALL)
def test_no_command_works_without_a_token(command, ana):
    answer = ana(command.replace("{token}", "nothing"))

    assert answer.status == 401
    assert answer.json.keys() == {"type", "message", "documentation_url", "code"}
    assert answer.json["type"] == "invalid_request"
