"""The commands of the perspectives page, by the real curl, over a real https address.

Each command is run as it stands on the page: the shell fills in BASE_URL and
TOKEN, and the page's statement id gives way to a real one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from kernel.live import LiveServer

from .curl import Person, https_server

SUBMIT = """
curl -s -X POST https://$BASE_URL/api/v1/query/statement \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"sql": "SELECT region, sum(users) AS mau FROM '"'users.csv'"' GROUP BY ALL ORDER BY ALL"}'
"""
STATUS = """
curl -s https://$BASE_URL/api/v1/query/statement/stmt_abc123 \\
  -H "Authorization: Bearer $TOKEN"
"""
CREATE = """
curl -s -X POST https://$BASE_URL/api/v1/perspectives \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "MAU by Region",
    "statement_id": "stmt_abc123",
    "slug": "mau-by-region",
    "auto_refresh": true,
    "is_public": false
  }'
"""
LIST = """
curl -s "https://$BASE_URL/api/v1/perspectives?limit=50&offset=0" \\
  -H "Authorization: Bearer $TOKEN"
"""
HEAD = """
curl -sI https://$BASE_URL/api/v1/perspectives/mau-by-region \\
  -X HEAD \\
  -H "Authorization: Bearer $TOKEN"
"""
DETAIL = """
curl -s https://$BASE_URL/api/v1/perspectives/mau-by-region \\
  -H "Authorization: Bearer $TOKEN"
"""
RESULT = """
curl -s "https://$BASE_URL/api/v1/perspectives/mau-by-region/result?format=json" \\
  -H "Authorization: Bearer $TOKEN"
"""
UPDATE = """
curl -s -X PUT https://$BASE_URL/api/v1/perspectives/mau-by-region \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"description": "Updated description", "auto_refresh": true}'
"""
DELETE = """
curl -s -X DELETE https://$BASE_URL/api/v1/perspectives/mau-by-region \\
  -H "Authorization: Bearer $TOKEN"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    with https_server(tmp_path_factory.mktemp("https")) as live:
        yield live


@pytest.fixture
def make(server, tmp_path):
    """Somebody with a token: the server's own, or a key for a named person.

    What they leave behind is deleted, so that the next test finds the slug free.
    """
    certificate = server.root.parent / "cert.pem"
    (server.root / "users.csv").write_text("region,users\nEU,3\nUS,4\nEU,5\n")
    made: list[Person] = []

    def person(name: str | None) -> Person:
        token = server.token
        if name is not None:
            body = {
                "label": "page",
                "user": name,
                "scopes": ["statement:write", "perspective:write"],
            }
            answer = server.request("POST", "views/api/keys", json=body, verify=False)
            token = answer.json()["key"]
        base_url = server.url.removeprefix("https://") + "views"
        made.append(Person(tmp_path / (name or "owner"), base_url, token, certificate))
        return made[-1]

    yield person
    for each in made:
        each(DELETE)


@pytest.fixture
def ana(make) -> Person:
    """The owner on the page."""
    return make("ana")


@pytest.fixture
def saved(ana) -> dict[str, Any]:
    answer = ana(CREATE, submitted(ana))
    assert answer.status == 201, answer.text
    return answer.json


def submitted(person: Person, command: str = SUBMIT) -> str:
    """Submit a query, poll it to SUCCESS, as the page's first step says."""
    statement = person(command).json
    for _ in range(200):
        if statement["status"] == "SUCCESS":
            return statement["id"]
        assert statement["status"] in {"QUEUED", "RUNNING"}, statement
        time.sleep(0.05)
        statement = person(STATUS, statement["id"]).json
    raise AssertionError(statement)


def test_create_answers_201_with_the_perspective(saved):
    assert saved["slug"] == "mau-by-region"
    assert saved["name"] == "MAU by Region"
    assert saved["owner"] == "ana"
    assert (saved["auto_refresh"], saved["is_public"]) == (True, False)


def test_a_taken_slug_answers_409_with_suggestions_that_are_free(ana, saved):
    taken = ana(CREATE, saved["request_id"])

    assert taken.status == 409
    assert len(taken.json["suggestions"]) >= 3
    for slug in taken.json["suggestions"]:
        assert ana(HEAD.replace("mau-by-region", slug)).status == 404


def test_only_a_statement_that_succeeded_can_be_saved(ana):
    failing = SUBMIT.replace("sum(users)", "sum(missing)")
    statement = ana(failing).json
    while statement["status"] in {"QUEUED", "RUNNING"}:
        statement = ana(STATUS, statement["id"]).json
    assert statement["status"] == "FAILED"

    assert ana(CREATE, statement["id"]).status == 400


def test_the_list_has_items_with_the_promised_fields(ana, saved):
    answer = ana(LIST)

    assert answer.status == 200
    (item,) = answer.json["items"]
    promised = {"slug", "name", "owner", "is_public", "auto_refresh", "created_at", "_links"}
    assert promised <= item.keys()
    assert item["slug"] == "mau-by-region"


def test_the_list_shows_private_perspectives_to_those_granted_and_to_nobody_else(make, ana, saved):
    ben, sam = make("ben"), make("sam")
    ana(UPDATE.replace('"auto_refresh": true', '"allowed_user_ids": ["ben"]'))

    assert [item["slug"] for item in ben(LIST).json["items"]] == ["mau-by-region"]
    assert sam(LIST).json["items"] == []
    ana(UPDATE.replace('"auto_refresh": true', '"is_public": true'))
    assert [item["slug"] for item in sam(LIST).json["items"]] == ["mau-by-region"]


def test_head_answers_200_with_headers_for_a_taken_slug_and_404_for_a_free_one(ana, saved):
    taken = ana(HEAD)

    assert taken.status == 200
    assert taken.headers["X-Perspective-Id"] == saved["id"]
    assert taken.headers["X-Perspective-Owner"] == "ana"
    assert taken.headers["X-Perspective-Name"] == "MAU by Region"
    ana(DELETE)
    assert ana(HEAD).status == 404


def test_detail_has_the_whole_object(ana, saved):
    answer = ana(DETAIL)

    assert answer.status == 200
    promised = {"id", "slug", "name", "sql_query", "auto_refresh", "is_public", "allowed_user_ids"}
    assert promised | {"created_at", "_links"} <= answer.json.keys()
    assert answer.json["id"] == saved["id"]
    assert answer.json["sql_query"].startswith("SELECT region")
    assert answer.json["allowed_user_ids"] == []


def test_refresh_true_forces_a_refresh(ana, saved):
    forced = ana(DETAIL.replace("mau-by-region", "mau-by-region?refresh=true"))

    assert forced.status == 200
    assert forced.headers["X-Refresh-Statement-Id"].startswith("stmt_")


def test_result_has_columns_rows_types_and_a_count(ana, saved):
    answer = ana(RESULT)

    assert answer.status == 200
    assert answer.json["cols"] == ["region", "mau"]
    assert answer.json["rows"] == [["EU", 8], ["US", 4]]
    assert len(answer.json["types"]) == 2
    assert answer.json["row_count"] == 2
    assert "Is-Stale" not in answer.headers


def test_a_changed_file_gives_the_old_rows_with_is_stale_and_a_refresh_behind(ana, server):
    source = server.root / "changing.csv"
    source.write_text("region,users\nEU,8\nUS,4\n")
    ana(CREATE, submitted(ana, SUBMIT.replace("users.csv", "changing.csv")))
    time.sleep(1.1)  # freshness is looked at once a second
    source.write_text("region,users\nEU,8\nUS,104\n")

    stale = ana(RESULT)

    assert stale.json["rows"] == [["EU", 8], ["US", 4]]
    assert stale.headers["Is-Stale"] == "true"
    refresh = stale.headers["X-Refresh-Statement-Id"]
    while ana(STATUS, refresh).json["status"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.05)
    fresh = ana(RESULT)
    assert fresh.json["rows"] == [["EU", 8], ["US", 104]]
    assert "Is-Stale" not in fresh.headers


def test_update_answers_201_with_the_new_words_and_403_to_everybody_else(make, ana, saved):
    updated = ana(UPDATE)
    assert updated.status == 201
    assert updated.json["description"] == "Updated description"
    assert updated.json["name"] == "MAU by Region"

    assert make("sam")(UPDATE).status == 403


def test_delete_answers_204_without_a_body_then_404_and_403_to_everybody_else(make, ana, saved):
    assert make("sam")(DELETE).status == 403

    gone = ana(DELETE)

    assert (gone.status, gone.text) == (204, "")
    assert ana(DELETE).status == 404


def test_the_servers_own_token_works_like_a_key(make):
    person = make(None)

    assert person(CREATE, submitted(person)).status == 201
    assert person(RESULT).json["row_count"] == 2
    assert person(DELETE).status == 204


@pytest.mark.parametrize("command", [SUBMIT, CREATE, LIST, HEAD, DETAIL, RESULT, UPDATE, DELETE])
def test_no_command_works_without_a_token(command, ana):
    nobody = command.replace("$TOKEN", "nothing")

    assert ana(nobody).status == 401
