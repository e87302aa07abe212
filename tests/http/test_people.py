"""People with names, and names that become slugs."""

from __future__ import annotations

from typing import Any

import pytest
from http_api import Api
from jupyter_server.auth import IdentityProvider, User

PERSPECTIVES = "api/v1/perspectives"


class NamesFromHeader(IdentityProvider):
    """Believes what a header says, as behind a proxy that has signed people in."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Person")
        if name is None:
            return None
        handler._token_authenticated = True
        return User(username=name)


class Named(Api):
    """A person whom the proxy names."""

    def __init__(self, client: Any, base_url: str, name: str) -> None:
        super().__init__(client, base_url, None)
        self._name = name

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        headers = {"X-Person": self._name} | (options.pop("headers", None) or {})
        return await super().__call__(method, path, body, headers=headers, **options)


@pytest.fixture
def naming(jp_server_config):
    """Settings of a server that knows people by name; to be asked for before the server."""
    jp_server_config["ServerApp"]["identity_provider_class"] = NamesFromHeader
    return jp_server_config


@pytest.fixture
def named(naming, views_app, http_server_client, jp_base_url):
    """``named("ana")`` is ana's way to a server that knows people by name."""
    return lambda name: Named(http_server_client, jp_base_url, name)


async def test_people_of_a_naming_provider_own_what_they_make(named):
    ana, ben = named("ana"), named("ben")

    view = await ana.save("SELECT 1 AS a", "Hers", allowed_user_ids=["ben"])

    assert (view["owner"], view["created_by"], view["updated_by"]) == ("ana", "ana", "ana")
    assert (await ben("GET", f"{PERSPECTIVES}/hers")).json["owner"] == "ana"
    told = [(await person("GET", f"api/views/{view['short_id']}")).json for person in (ana, ben)]
    assert [each["allowed_user_ids"] for each in told] == [["ben"], None]
    assert (await ben("PUT", f"{PERSPECTIVES}/hers", {"name": "His"})).status == 403
    assert (await ben("DELETE", f"{PERSPECTIVES}/hers")).status == 403
    assert (await ben("GET", f"{PERSPECTIVES}?owner=me")).json["items"] == []
    (mine,) = (await ana("GET", f"{PERSPECTIVES}?owner=me")).json["items"]
    assert mine["slug"] == "hers"
    assert (await named("eve")("GET", f"{PERSPECTIVES}/hers")).status == 403


async def test_statements_of_named_people_are_their_own(named):
    ana, ben = named("ana"), named("ben")
    statement = await ana.run("SELECT 1 AS a")

    for tail in ("", "/result"):
        path = f"api/v1/statements/{statement['id']}{tail}"
        assert (await ana("GET", path)).status == 200
        assert (await ben("GET", path)).status == 404
    assert (await ben("GET", "api/v1/statements")).json["items"] == []


async def test_nobody_gets_in_without_a_name_or_a_key(named, http_server_client, jp_base_url):
    nobody = Api(http_server_client, jp_base_url, None)

    for authorization in (None, "token ", "token wrong", "Bearer vk_wrong"):
        headers = {"Authorization": authorization} if authorization else {}
        answer = await nobody("GET", "api/views", headers=headers)
        assert (answer.status, answer.json["error"]) == (401, "UNAUTHENTICATED")


async def test_a_named_person_makes_keys_for_nobody_else(named, http_server_client, jp_base_url):
    ana = named("ana")
    body = {"label": "bot", "scopes": ["*"]}

    for_other = await ana("POST", "api/keys", body | {"user": "ben"})
    for_her = await ana("POST", "api/keys", body | {"user": "ana"})
    unsaid = await ana("POST", "api/keys", body)

    assert (for_other.status, for_other.json["error"]) == (403, "FORBIDDEN")
    assert "key" not in for_other.json
    assert (for_her.status, for_her.json["user"]) == (201, "ana")
    assert (unsaid.status, unsaid.json["user"]) == (201, "ana")
    bearer = Api(http_server_client, jp_base_url, f"Bearer {for_her.json['key']}")
    await bearer.save("SELECT 1 AS a", "By key")
    assert (await ana("GET", f"{PERSPECTIVES}/by-key")).json["owner"] == "ana"
    assert (await named("ben")("GET", "api/keys")).json["items"] == []


async def test_on_a_plain_server_the_person_who_runs_it_makes_keys_for_anybody(api):
    answer = await api("POST", "api/keys", {"label": "x", "scopes": ["*"], "user": "ben"})

    assert (answer.status, answer.json["user"]) == (201, "ben")


@pytest.mark.parametrize("word", ["new", "search", "New", "  SEARCH!  "])
async def test_a_name_that_is_a_reserved_word_gets_a_slug_that_can_be_reached(api, word):
    view = await api.save("SELECT 1 AS a", word)

    expected = f"{word.strip(' !').lower()}-view"
    assert view["slug"] == expected
    assert view["name"] == word
    path = f"{PERSPECTIVES}/{expected}"
    assert (await api("HEAD", path)).status == 200
    assert (await api("GET", f"{path}/result")).json["rows"] == [[1]]
    assert (await api("PUT", path, {"description": "d"})).status == 201
    assert (await api("DELETE", path)).status == 204


async def test_two_views_with_a_reserved_name_have_two_slugs(api):
    first = await api.save("SELECT 1 AS a", "new")
    body = {"name": "new", "statement_id": first["request_id"]}

    taken = await api("POST", PERSPECTIVES, body)
    suffixed = await api("POST", f"{PERSPECTIVES}?on_conflict=suffix", body)

    assert (taken.status, taken.json["error"]) == (409, "SLUG_CONFLICT")
    assert len(set(taken.json["suggestions"]) - {"new", "search", "new-view"}) >= 3
    assert suffixed.status == 201
    path = f"{PERSPECTIVES}/{suffixed.json['slug']}"
    assert (await api("GET", path)).json["id"] == suffixed.json["id"]


@pytest.mark.parametrize("slug", ["MAU", "Mau", "mau!", "-mau-"])
async def test_suggestions_for_a_bad_slug_are_free_when_they_are_made(api, slug):
    view = await api.save("SELECT 1 AS a", "mau")
    body = {"name": "n", "statement_id": view["request_id"]}

    refused = await api("POST", PERSPECTIVES, body | {"slug": slug})

    assert (refused.status, refused.json["error"]) == (422, "SLUG_INVALID")
    suggestions = refused.json["suggestions"]
    assert suggestions
    assert "mau" not in suggestions
    for suggestion in suggestions:
        answer = await api("POST", PERSPECTIVES, body | {"slug": suggestion})
        assert (answer.status, answer.json["slug"]) == (201, suggestion)
