"""Sharing over REST: the routes of the page, for owners, readers and programs of visitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

INSIGHTS = "api/projects/@current/insights"
JSON = {"Content-Type": "application/json"}
UNKNOWN = "vs_" + "x" * 43
EMPTY = {
    "created_at": None,
    "enabled": False,
    "access_token": None,
    "settings": None,
    "password_required": False,
    "share_passwords": [],
    "expires_at": None,
    "url": None,
    "old_url_until": None,
    "opened_count": 0,
    "last_opened_at": None,
    "is_allowed": True,
}


async def saved(api, sql: str, name: str) -> dict:
    """A view with rows, as an insight."""
    view = await api.save(sql, name, auto_refresh=False)
    await api("POST", f"api/views/{view['short_id']}/doors/insight", {})
    return (await api("GET", f"{INSIGHTS}/{view['short_id']}")).json


@pytest.fixture
def insight(api, jp_asyncio_loop):
    return jp_asyncio_loop.run_until_complete(
        saved(api, "SELECT range AS n FROM range(3)", "Numbers")
    )


@pytest.fixture
def sharing(insight):
    return f"{INSIGHTS}/{insight['id']}/sharing"


async def shared(api, sharing, **body) -> dict:
    answer = await api("PATCH", sharing, {"enabled": True, **body})
    assert answer.status == 200, answer.body
    return answer.json


async def test_what_was_never_shared_is_told_and_nothing_is_written(api, sharing):
    answer = await api("GET", sharing)

    assert (answer.status, answer.json) == (200, EMPTY)
    assert (await api("GET", sharing)).json == EMPTY


async def test_a_view_that_is_no_insight_tells_how_it_is_shared_and_stays_none(api, sharing):
    view = await api.save("SELECT 1 AS n", "No insight yet")
    address = f"api/views/{view['short_id']}"

    answer = await api("GET", f"{address}/sharing")

    assert (answer.status, answer.json) == (200, EMPTY)
    assert (await api("GET", address)).json["doors"] == ["perspective"]


async def test_a_shared_view_tells_the_same_under_its_short_id(api, insight, sharing):
    found = await shared(api, sharing)

    answer = await api("GET", f"api/views/{insight['short_id']}/sharing")

    assert answer.json == found
    assert answer.headers["Cache-Control"] == "private, no-store"


async def test_sharing_makes_a_link_that_opens_the_page(api, stranger, sharing):
    answer = await api("PATCH", sharing, {"enabled": True})

    token = answer.json["access_token"]
    assert token.startswith("vs_")
    assert answer.json["url"].endswith(f"/views/shared/{token}")
    assert answer.json["created_at"] is not None
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert (await stranger("GET", f"shared/{token}")).status == 200
    assert (await api("GET", sharing)).json["access_token"] == token


@pytest.mark.parametrize("prefix", ["projects", "environments"])
async def test_every_address_answers_under_both_names(api, insight, prefix):
    sharing = f"api/{prefix}/1/insights/{insight['short_id']}/sharing"

    await shared(api, sharing, password_required=True)
    password = await api("POST", f"{sharing}/passwords", {})
    statuses = [
        (await api("GET", f"{sharing}/")).status,
        password.status,
        (await api("DELETE", f"{sharing}/passwords/{password.json['id']}")).status,
        (await api("POST", f"{sharing}/refresh", {})).status,
        (await api("GET", f"{sharing}/visits")).status,
        (await api("DELETE", sharing)).status,
    ]

    assert statuses == [200, 200, 204, 200, 200, 204]


async def test_switching_off_and_on_keeps_the_token(api, sharing):
    token = (await shared(api, sharing))["access_token"]

    off = await api("PATCH", sharing, {"enabled": False})
    on = await api("PATCH", sharing, {"enabled": True})

    assert (off.json["enabled"], off.json["access_token"]) == (False, token)
    assert (on.json["enabled"], on.json["access_token"]) == (True, token)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, None),
        ({}, {}),
        ({"whitelabel": True, "unknown": 1}, {"whitelabel": True}),
        (
            {"noHeader": True, "showInspector": False, "legend": True, "detailed": True},
            {"noHeader": True, "showInspector": False, "legend": True, "detailed": True},
        ),
        ({"hideExtraDetails": True, "theme": "dark"}, {"hideExtraDetails": True, "theme": "dark"}),
        ({"show_sql": True, "downloads": True}, {"show_sql": True, "downloads": True}),
        (
            {"owner_name": True, "chart": False, "table": True},
            {"owner_name": True, "chart": False, "table": True},
        ),
        ({"embed_origins": ["https://a.example"]}, {"embed_origins": ["https://a.example"]}),
    ],
)
async def test_settings_are_kept_as_far_as_they_are_known(api, sharing, sent, kept):
    answer = await api("PATCH", sharing, {"settings": sent})

    assert (answer.status, answer.json["settings"]) == (200, kept)
    assert (await api("GET", sharing)).json["settings"] == kept


@pytest.mark.parametrize(
    "settings",
    [
        [], "x", 5, True, {"whitelabel": "yes"}, {"theme": "pink"}, {"chart": None},
        {"embed_origins": "https://a.example"}, {"embed_origins": ["*"]},
        {"embed_origins": ["https://a.example; script-src *"]},
        {"embed_origins": ["https://a.example"] * 21},
    ],
)  # fmt: skip
async def test_settings_that_are_none_are_refused_by_name(api, sharing, settings):
    answer = await api("PATCH", sharing, {"settings": settings})

    assert answer.status == 400
    assert (answer.json["type"], answer.json["attr"]) == ("validation_error", "settings")
    assert answer.json["detail"].startswith("Invalid settings format")
    assert (await api("GET", sharing)).json == EMPTY


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": None}, "enabled"),
        ({"password_required": 1}, "password_required"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": 5}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_refused_by_name(api, sharing, body, attr):
    answer = await api("PATCH", sharing, body)

    assert (answer.status, answer.json["attr"]) == (400, attr)


async def test_a_link_has_no_end_unless_it_is_given_one(api, sharing):
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)

    assert (await shared(api, sharing))["expires_at"] is None
    given = await api("PATCH", sharing, {"expires_at": end.isoformat()})
    naive = await api("PATCH", sharing, {"expires_at": end.replace(tzinfo=None).isoformat()})
    cleared = await api("PATCH", sharing, {"expires_at": None})

    assert datetime.fromisoformat(given.json["expires_at"]) == end
    assert naive.json["expires_at"] == given.json["expires_at"]
    assert cleared.json["expires_at"] is None


async def test_A05_no_body_chooses_token_owner_or_counts(api, sharing):
    body = {
        "access_token": UNKNOWN, "id": "share_x", "opened_count": 99, "created_at": None,
        "owner": "eve", "is_allowed": False, "share_passwords": [{"id": "x"}],
    }  # fmt: skip

    found = await shared(api, sharing, **body)

    assert found["access_token"] != UNKNOWN
    assert (found["opened_count"], found["is_allowed"], found["share_passwords"]) == (0, True, [])


async def test_a_new_address_keeps_the_rest_and_the_old_one_for_a_while(api, stranger, sharing):
    old = await shared(api, sharing, settings={"downloads": True}, password_required=True)
    await api("POST", f"{sharing}/passwords", {"raw_password": "correct horse", "note": "ben"})

    new = await api("POST", f"{sharing}/refresh")

    assert new.status == 200
    assert new.json["access_token"] != old["access_token"]
    assert new.json["settings"] == {"downloads": True}
    assert new.json["password_required"] is True
    grace = datetime.fromisoformat(new.json["old_url_until"]) - datetime.now(UTC)
    assert timedelta(minutes=4) < grace <= timedelta(minutes=5)
    assert (await api("GET", sharing)).json["old_url_until"] == new.json["old_url_until"]
    assert [password["note"] for password in new.json["share_passwords"]] == ["ben"]
    for token in (old["access_token"], new.json["access_token"]):
        right = {"password": "correct horse"}
        assert (await stranger("POST", f"shared/{token}", right, headers=JSON)).status == 200


async def test_a_revoked_link_is_dead_at_once_and_the_next_one_is_another(api, stranger, sharing):
    old = (await shared(api, sharing))["access_token"]

    assert (await api("DELETE", sharing)).status == 204

    assert (await stranger("GET", f"shared/{old}")).status == 404
    assert (await api("GET", sharing)).json == EMPTY
    assert (await api("DELETE", sharing)).status == 204
    assert (await shared(api, sharing))["access_token"] != old
    assert (await stranger("GET", f"shared/{old}")).status == 404


async def test_a_password_is_told_once_and_never_its_hash(api, sharing):
    await shared(api, sharing, password_required=True)

    made = await api("POST", f"{sharing}/passwords", {"note": "for ben"})
    own = await api("POST", f"{sharing}/passwords", {"raw_password": "correct horse"})

    assert made.status == own.status == 200
    assert set(made.json) == {"id", "password", "note", "created_at", "created_by_email"}
    assert len(made.json["password"]) == 22
    assert own.json["password"] == "correct horse"
    listed = await api("GET", sharing)
    assert [(each["note"], each["is_active"]) for each in listed.json["share_passwords"]] == [
        (None, True),
        ("for ben", True),
    ]
    assert set(listed.json["share_passwords"][0]) == {
        "id", "created_at", "note", "created_by_email", "is_active",
    }  # fmt: skip
    assert made.json["password"] not in listed.body.decode()
    assert "argon2" not in listed.body.decode()


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"raw_password": "seven77"}, "raw_password"),
        ({"raw_password": "x" * 1001}, "raw_password"),
        ({"raw_password": 12345678}, "raw_password"),
        ({"note": "x" * 101}, "note"),
    ],
)
async def test_a_password_that_cannot_be_is_refused_by_name(api, sharing, body, attr):
    await shared(api, sharing, password_required=True)

    answer = await api("POST", f"{sharing}/passwords", body)

    assert (answer.status, answer.json["attr"]) == (400, attr)


async def test_a_password_needs_a_link_that_asks_for_one(api, sharing):
    sentence = "Password protection must be enabled before creating passwords"
    before = await api("POST", f"{sharing}/passwords", {})
    await shared(api, sharing)
    after = await api("POST", f"{sharing}/passwords", {})

    assert (before.status, before.json) == (400, {"error": sentence})
    assert (after.status, after.json) == (400, {"error": sentence})


async def test_a_password_that_is_none_cannot_be_removed(api, sharing):
    await shared(api, sharing, password_required=True)
    made = (await api("POST", f"{sharing}/passwords", {})).json["id"]
    assert (await api("DELETE", f"{sharing}/passwords/{made}")).status == 204

    for password_id in (made, "pass_x", "0", "-1"):
        answer = await api("DELETE", f"{sharing}/passwords/{password_id}")
        assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_A04_a_password_of_one_link_is_not_removed_through_another(api, sharing):
    await shared(api, sharing, password_required=True)
    made = (await api("POST", f"{sharing}/passwords", {})).json["id"]
    other = await saved(api, "SELECT 1", "Other")
    elsewhere = f"{INSIGHTS}/{other['short_id']}/sharing"
    await shared(api, elsewhere, password_required=True)

    assert (await api("DELETE", f"{elsewhere}/passwords/{made}")).status == 404
    assert len((await api("GET", sharing)).json["share_passwords"]) == 1


async def test_readers_see_how_it_is_shared_and_change_nothing(api, person, insight, sharing):
    await api("PATCH", f"api/views/{insight['short_id']}", {"is_public": True})
    mine = await shared(api, sharing, password_required=True)
    await api("POST", f"{sharing}/passwords", {"note": "secret note"})
    reader = await person("ben")

    seen = await reader("GET", sharing)

    assert seen.json["enabled"] is True
    assert (seen.json["access_token"], seen.json["url"], seen.json["share_passwords"]) == (
        None, None, [],
    )  # fmt: skip
    assert mine["access_token"] not in seen.body.decode()
    password_id = (await api("GET", sharing)).json["share_passwords"][0]["id"]
    for verb, address, body in (
        ("PATCH", sharing, {"enabled": False}),
        ("PATCH", sharing, {"enabled": "odd"}),
        ("DELETE", sharing, None),
        ("POST", f"{sharing}/refresh", {}),
        ("POST", f"{sharing}/passwords", {}),
        ("DELETE", f"{sharing}/passwords/{password_id}", None),
        ("GET", f"{sharing}/visits", None),
    ):
        answer = await reader(verb, address, body)
        assert (answer.status, answer.json["code"]) == (403, "permission_denied"), (verb, address)
    assert (await api("GET", sharing)).json["enabled"] is True


async def test_A04_strangers_and_the_deleted_and_foreign_are_absent(api, person, insight, sharing):
    await shared(api, sharing)
    stranger = await person("eve")
    addresses = [
        (stranger, sharing),
        (api, f"{INSIGHTS}/999/sharing"),
        (api, f"{INSIGHTS}/nope/sharing"),
        (api, f"api/projects/2/insights/{insight['id']}/sharing"),
    ]
    assert (await api("POST", "api/projects", {"name": "Two"})).status == 201
    for who, address in addresses:
        for verb, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/refresh")):
            answer = await who(verb, f"{address}{tail}", {} if verb in {"PATCH", "POST"} else None)
            assert (answer.status, answer.json["code"]) == (404, "not_found"), (verb, address)


async def test_a_deleted_insight_closes_its_link_until_it_is_back(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    own = f"{INSIGHTS}/{insight['id']}"

    await api("PATCH", own, {"deleted": True})
    assert (await stranger("GET", f"shared/{token}")).status == 404
    assert (await api("GET", sharing)).status == 404
    await api("PATCH", own, {"deleted": False})

    assert (await stranger("GET", f"shared/{token}")).status == 200


async def test_a_view_that_is_no_insight_any_more_is_not_shared(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]

    closed = await api("DELETE", f"api/views/{insight['short_id']}/doors/insight")

    assert closed.status == 200
    assert (await stranger("GET", f"shared/{token}")).status == 404


async def test_who_opened_it_is_listed_page_by_page(api, stranger, sharing):
    token = (await shared(api, sharing))["access_token"]
    for _ in range(3):
        await stranger("GET", f"shared/{token}")

    first = (await api("GET", f"{sharing}/visits?limit=2")).json
    second = (await api("GET", f"{sharing}/visits?limit=2&page=2")).json

    assert first["total_count"] == 3
    assert len(first["results"]) == 2
    assert set(first["results"][0]) == {"at", "kind", "address", "link"}
    assert first["results"][0]["link"] == token[-6:]
    assert "page=2" in first["next"] and "limit=2" in first["next"]
    assert (first["previous"], second["next"]) == (None, None)
    assert "page=1" in second["previous"]
    seen = (await api("GET", sharing)).json
    assert seen["opened_count"] == 3
    assert seen["last_opened_at"] == first["results"][0]["at"]


async def test_a_visit_is_an_anonymous_viewing(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    await stranger("GET", f"shared/{token}")
    await api("GET", sharing)

    trending = (await api("GET", f"{INSIGHTS}/trending")).json["results"]
    viewed = (await api("GET", f"{INSIGHTS}/{insight['id']}")).json["last_viewed_at"]

    assert viewed is not None
    assert all(person["first_name"] for item in trending for person in item["viewers"])


async def test_every_deed_is_in_the_activity(api, stranger, insight, sharing):
    token = (await shared(api, sharing, settings={"theme": "dark"}, password_required=True))[
        "access_token"
    ]
    password = (await api("POST", f"{sharing}/passwords", {"note": "ben"})).json
    await stranger("POST", f"shared/{token}", {"password": "wrong"}, headers=JSON)
    await stranger("POST", f"shared/{token}", {"password": password["password"]}, headers=JSON)
    await api("DELETE", f"{sharing}/passwords/{password['id']}")
    await api("POST", f"{sharing}/refresh")
    await api("PATCH", sharing, {"enabled": False})
    await api("DELETE", sharing)

    log = await api("GET", f"{INSIGHTS}/{insight['id']}/activity?limit=50")

    entries = {entry["activity"]: entry for entry in log.json["results"]}
    assert set(entries) >= {
        "sharing enabled", "sharing disabled", "sharing changed", "access token refreshed",
        "sharing revoked", "share password created", "share password deleted",
        "share_login_success", "share_login_failed",
    }  # fmt: skip
    changed = {each["field"]: each for each in entries["sharing changed"]["detail"]["changes"]}
    assert changed["settings"]["after"] == {"theme": "dark"}
    assert (changed["password_required"]["before"], changed["password_required"]["after"]) == (
        False, True,
    )  # fmt: skip
    login = entries["share_login_success"]
    assert login["user"] == {"first_name": "System", "email": None, "is_system": True}
    (change,) = login["detail"]["changes"]
    assert change["field"] == "authentication_attempt"
    assert change["after"] == {
        "access_token_suffix": token[-6:],
        "client_ip": "127.0.0.1",
        "success": True,
        "resource_type": "insight",
        "password_id": password["id"],
        "password_note": "ben",
    }
    for secret in (token, password["password"]):
        assert secret not in log.body.decode()


async def test_the_pages_json_has_the_insight_less_what_is_hidden(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]

    answer = await stranger("GET", f"shared/{token}.json")
    accepted = await stranger("GET", f"shared/{token}", headers={"Accept": "application/json"})

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"insight", "type", "accessToken", "themes"}
    assert (answer.json["type"], answer.json["accessToken"]) == ("scene", token)
    shown = answer.json["insight"]
    assert shown["id"] == insight["id"]
    assert shown["name"] == "Numbers"
    assert shown["result"] == [[0], [1], [2]]
    assert shown["columns"] == ["n"]
    hidden = (
        "query", "hogql", "filters_hash", "created_by", "last_modified_by", "query_status",
        "folder",
    )  # fmt: skip
    assert [shown[name] for name in hidden] == [None] * len(hidden)
    assert (shown["effective_restriction_level"], shown["effective_privilege_level"]) == (37, 21)
    assert shown["user_access_level"] == "viewer"
    assert accepted.json == answer.json


async def test_the_pages_json_follows_the_settings(api, stranger, sharing):
    settings = {"show_sql": True, "owner_name": True, "whitelabel": True, "legend": False}
    token = (await shared(api, sharing, settings=settings))["access_token"]
    address = f"shared/{token}.json"

    open_one = (await stranger("GET", address)).json
    embedded = await stranger("GET", f"embedded/{token}", headers={"Accept": "application/json"})
    await api("PATCH", sharing, {"settings": {**settings, "hideExtraDetails": True}})
    bare = (await stranger("GET", address)).json
    await api("PATCH", sharing, {"settings": {"table": False}})
    empty = (await stranger("GET", address)).json

    assert open_one["whitelabel"] is True
    assert "legend" not in open_one
    assert open_one["insight"]["hogql"] is not None
    assert open_one["insight"]["created_by"]["first_name"]
    assert embedded.json["type"] == "embed"
    assert bare["hideExtraDetails"] is True
    gone = ("created_by", "last_modified_by", "created_at", "last_modified_at")
    assert [bare["insight"][name] for name in gone] == [None] * 4
    assert (empty["insight"]["result"], empty["insight"]["columns"]) == (None, None)


async def test_more_rows_than_the_page_shows_are_for_those_who_may_download(api, stranger):
    view = await saved(api, "SELECT range AS n, repeat('x', 100) AS t FROM range(5000)", "Many")
    sharing = f"{INSIGHTS}/{view['short_id']}/sharing"
    token = (await shared(api, sharing))["access_token"]

    some = (await stranger("GET", f"shared/{token}.json")).json["insight"]
    await api("PATCH", sharing, {"settings": {"downloads": True}})
    everything = (await stranger("GET", f"shared/{token}.json")).json["insight"]

    assert (len(some["result"]), some["hasMore"]) == (100, True)
    assert (len(everything["result"]), everything["hasMore"]) == (5000, False)


async def test_a_program_reads_the_insight_with_the_links_token(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    query = f"sharing_access_token={token}"

    by_number = await stranger("GET", f"{INSIGHTS}/{insight['id']}?{query}")
    by_short_id = await stranger(
        "GET", f"api/environments/1/insights/{insight['short_id']}?{query}&refresh=true"
    )
    listed = await stranger("GET", f"{INSIGHTS}?{query}")

    assert by_number.status == 200
    assert by_number.json["result"] == by_short_id.json["result"] == [[0], [1], [2]]
    assert by_number.json["query"] is None
    assert by_number.headers["Cache-Control"] == "private, no-store"
    assert listed.json["count"] == 1
    assert [each["id"] for each in listed.json["results"]] == [insight["id"]]
    assert (await stranger("HEAD", f"{INSIGHTS}/{insight['id']}?{query}")).status == 200
    assert (await api("GET", f"{sharing}/visits")).json["results"][0]["kind"] == "api"


async def test_A09_a_links_token_opens_one_insight_and_reads_only(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    other = await saved(api, "SELECT 2", "Other")
    await api("POST", "api/projects", {"name": "Two"})
    query = f"?sharing_access_token={token}"

    elsewhere = await stranger("GET", f"{INSIGHTS}/{other['short_id']}{query}")
    foreign = await stranger("GET", f"api/projects/2/insights/{insight['id']}{query}")
    none_of_two = await stranger("GET", f"api/projects/2/insights{query}")

    assert (elsewhere.status, elsewhere.json["code"]) == (404, "not_found")
    assert foreign.status == 404
    assert none_of_two.json["results"] == []
    own = f"{INSIGHTS}/{insight['id']}"
    for verb in ("PATCH", "PUT", "POST", "DELETE"):
        answer = await stranger(verb, f"{own}{query}", {} if verb != "DELETE" else None)
        assert answer.status == 401
        assert answer.json["code"] == "authentication_failed"
    for address in (
        f"{sharing}{query}", f"{own}/activity{query}", f"{INSIGHTS}/trending{query}",
        f"api/views{query}", f"api/keys{query}", f"api/projects{query}",
        f"api/views/{insight['short_id']}/result{query}",
    ):  # fmt: skip
        assert (await stranger("GET", address)).status == 401, address


async def test_a_token_that_opens_nothing_is_no_credential(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    own = f"{INSIGHTS}/{insight['id']}?sharing_access_token="
    refused = {
        "type": "authentication_error",
        "code": "authentication_failed",
        "detail": "Sharing access token is invalid.",
        "attr": None,
    }
    for wrong in (UNKNOWN, "", "x", token[:-1], "vk_x"):
        answer = await stranger("GET", own + wrong)
        assert (answer.status, answer.json) == (401, refused)
        assert (await api("GET", own + wrong)).status == 401

    await api("PATCH", sharing, {"enabled": False})

    assert (await stranger("GET", own + token)).json == refused


async def test_a_token_is_not_enough_where_there_is_a_password(api, stranger, insight, sharing):
    token = (await shared(api, sharing, password_required=True))["access_token"]
    await api("POST", f"{sharing}/passwords", {"raw_password": "correct horse"})
    own = f"{INSIGHTS}/{insight['id']}?sharing_access_token={token}"
    right = {"password": "correct horse"}
    ticket = (await stranger("POST", f"shared/{token}", right, headers=JSON)).json["shareToken"]

    assert (await stranger("GET", own)).status == 401
    bearer = {"Authorization": f"Bearer {ticket}"}
    assert (await stranger("GET", own, headers=bearer)).status == 200
    assert (await stranger("GET", own, headers={"Authorization": "Bearer x"})).status == 401


async def test_A50_what_one_visitor_gets_is_no_answer_for_another(api, stranger, insight, sharing):
    token = (await shared(api, sharing))["access_token"]
    own = f"{INSIGHTS}/{insight['id']}"

    visitor = await stranger("GET", f"{own}?sharing_access_token={token}")
    owner = await api("GET", own)

    assert visitor.json["created_by"] is None
    assert owner.json["created_by"]["first_name"]
    assert "no-store" in visitor.headers["Cache-Control"]
    assert "Etag" not in visitor.headers


class TestAnAdministratorWhoAllowsNoLinks:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ViewsApp"] |= {"allow_public_links": False}
        return jp_server_config

    async def test_nobody_can_switch_one_on(self, api, stranger, sharing):
        answer = await api("PATCH", sharing, {"enabled": True})

        assert (answer.status, answer.json["code"]) == (403, "permission_denied")
        off = (await api("PATCH", sharing, {"enabled": False})).json
        assert (off["is_allowed"], off["enabled"]) == (False, False)
        assert (await stranger("GET", f"shared/{off['access_token']}")).status == 404


class TestAnAdministratorWhoBoundsTheDays:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ViewsApp"] |= {"max_share_days": 7}
        return jp_server_config

    async def test_a_link_ends_within_them(self, api, sharing):
        now = datetime.now(UTC)

        default = (await shared(api, sharing))["expires_at"]
        later = await api("PATCH", sharing, {"expires_at": (now + timedelta(days=8)).isoformat()})
        cleared = (await api("PATCH", sharing, {"expires_at": None})).json["expires_at"]

        for end in (default, cleared):
            assert abs(datetime.fromisoformat(end) - now - timedelta(days=7)) < timedelta(minutes=5)
        assert (later.status, later.json["attr"]) == (400, "expires_at")
