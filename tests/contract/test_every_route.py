"""Rules that hold for every address and every verb of the table."""

from __future__ import annotations

import warnings
from typing import ClassVar

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning

from jupyter_views.http.base import ViewsHandler
from jupyter_views.http.routes import ROUTES

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
SAMPLES = {
    "{id}": "stmt_x",
    "{slug}": "a-slug",
    "{short_id}": "Abcd1234",
    "{sha256}": "0" * 64,
    "{n}": "1",
    "{format}": "csv",
    "{project}": "1",
    "{insight}": "1",
    "{door}": "insight",
    "{name}": "a_name",
    "{number}": "1",
    "{token}": "vs_x",
}
# What strangers are answered: that the server is well, and that a link is none.
PUBLIC = {
    **dict.fromkeys((("GET", "api/health"), ("HEAD", "api/health")), 200),
    **{
        (verb, address): 404
        for address, verbs in {
            "shared/vs_x": ("GET", "HEAD", "POST"),
            "shared/vs_x.json": ("GET", "HEAD"),
            "shared/vs_x.csv": ("GET", "HEAD"),
            "shared/vs_x.svg": ("GET", "HEAD"),
            "shared/vs_x.png": ("GET", "HEAD"),
            "embedded/vs_x": ("GET", "HEAD", "POST"),
        }.items()
        for verb in verbs
    },
}


def _address(path: str) -> str:
    for name, sample in SAMPLES.items():
        path = path.replace(name, sample)
    return path


ADDRESSES = [_address(route.path) for route in ROUTES]


@pytest.mark.parametrize("authorization", [None, "token wrong", "Bearer vk_wrong", "Basic eDp5"])
async def test_A01_nobody_gets_anything_without_credentials(
    api, stranger, http_server_client, authorization
):
    headers = {"Authorization": authorization} if authorization else {}
    for address in [*ADDRESSES, "", "api", "api/nothing", "shared"]:
        for verb in VERBS:
            answer = await stranger(verb, address, headers=headers)
            if (verb, address) in PUBLIC:
                assert answer.status == PUBLIC[verb, address], (verb, address)
            else:
                assert answer.status in {401, 405}, (verb, address, answer.status)
                assert b"stmt_" not in answer.body


async def test_a_public_route_ignores_credentials_and_tells_only_health(stranger):
    answer = await stranger("GET", "api/health")

    assert set(answer.json) == {"status", "version"}


class DenyAll(Authorizer):
    asked: ClassVar[list] = []

    def is_authorized(self, handler, user, action, resource):
        self.asked.append((handler.request.method, action, resource))
        return False


async def test_A03_a_denying_authorizer_closes_every_verb_and_is_asked_the_right_words(
    api, views_app
):
    views_app.serverapp.authorizer.__class__ = DenyAll
    views_app.serverapp.web_app.settings["authorizer"] = denying = DenyAll(
        config=views_app.serverapp.config, identity_provider=views_app.serverapp.identity_provider
    )
    denying.asked.clear()
    for route, address in zip(ROUTES, ADDRESSES, strict=True):
        for verb in VERBS[:6]:
            method = getattr(route.handler, verb.lower())
            if (verb, address) in PUBLIC or not hasattr(method, "operation"):
                continue
            answer = await api(verb, address, {} if verb in {"POST", "PUT"} else None)
            assert answer.status == 403, (verb, address)
    words = {(verb, action) for verb, action, _ in denying.asked}
    assert {resource for *_, resource in denying.asked} == {"jupyter_views"}
    assert all(action == "read" for verb, action in words if verb in {"GET", "HEAD"})
    assert all(
        action in {"write", "execute"} for verb, action in words if verb not in {"GET", "HEAD"}
    )


def test_the_hosts_own_audit_finds_no_undecorated_verb(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        app = ServerApp(
            allow_unauthenticated_access=False,
            jpserver_extensions={"jupyter_views": True},
            reraise_server_extension_failures=True,
        )
        app.initialize(argv=[], find_extensions=False, new_httpserver=False)
    found = [str(w.message) for w in caught if issubclass(w.category, JupyterServerAuthWarning)]
    assert not [text for text in found if "jupyter_views" in text]
    ServerApp.clear_instance()


async def test_every_answer_carries_the_headers_that_keep_browsers_honest(api):
    for address in [*ADDRESSES, "api/nothing"]:
        answer = await api("GET", address)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"].startswith("private")
        assert "Server" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_trailing_slash_is_the_same_address(api):
    for address in ADDRESSES:
        plain, slashed = await api("GET", address), await api("GET", f"{address}/")
        assert plain.status == slashed.status, address


async def test_options_tells_the_verbs_and_nothing_else(stranger):
    for route, address in zip(ROUTES, ADDRESSES, strict=True):
        answer = await stranger("OPTIONS", address)
        assert answer.status == 204
        assert answer.body == b""
        offered = answer.headers["Allow"].split(", ")
        for verb in VERBS[:6]:
            has = hasattr(getattr(route.handler, verb.lower()), "operation")
            assert (verb in offered) is has


async def test_a_verb_that_is_not_offered_is_405_with_those_that_are(api):
    answer = await api("PATCH", "api/v1/perspectives", {})

    assert answer.status == 405
    assert answer.json["error"] == "METHOD_NOT_ALLOWED"
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "tail",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "a%00b",
        "a%0d%0aX-Evil:%201",
        "a%5cb",
        ":slug",
        "{slug}",
        "*",
        "%25",
        "a;x",
        "x" * 300,
    ],
)
async def test_A11_A12_odd_addresses_match_nothing(api, tail):
    for stem in ("api/v1/perspectives", "api/v1/statements", "api/views", "api/keys"):
        answer = await api("GET", f"{stem}/{tail}")
        assert answer.status in {404, 405, 422, 400}, (stem, tail, answer.status)


@pytest.mark.parametrize("scopes", [("insight:read",), ("perspective:read",)])
async def test_A10_a_key_without_the_scope_gets_403_naming_it(api, person, scopes):
    limited = await person("ana", *scopes)

    answer = await limited("POST", "api/v1/statements", {"sql": "SELECT 1"})

    assert answer.status == 403
    assert answer.json["details"]["missing_scope"] == "statement:write"


async def test_every_verb_of_every_route_wants_a_scope_of_a_key(person):
    limited = await person("ana", "endpoint:read")
    useless = await person("ben", "dashboard:read")
    for route, address in zip(ROUTES, ADDRESSES, strict=True):
        for verb in VERBS[:6]:
            operation = getattr(getattr(route.handler, verb.lower()), "operation", None)
            if (
                operation is None
                or operation.is_public
                or address in {"api/docs", "api/openapi.json"}
            ):
                continue
            is_theirs = (operation.scope or "").startswith("endpoint:")
            caller = useless if is_theirs else limited
            answer = await caller(verb, address, {} if verb in {"POST", "PUT"} else None)
            assert answer.status == 403, (verb, address, answer.status)


def test_no_verb_is_open_to_strangers_but_those_that_are_listed():
    open_ones = {
        (verb, address)
        for route, address in zip(ROUTES, ADDRESSES, strict=True)
        for verb in VERBS[:6]
        if getattr(getattr(getattr(route.handler, verb.lower()), "operation", None), "is_public", 0)
    }
    assert open_ones == set(PUBLIC)


def test_every_route_has_a_handler_of_ours():
    assert all(issubclass(route.handler, ViewsHandler) for route in ROUTES)


async def test_A15_a_cookie_needs_the_pages_proof_to_write(api, http_server_client, jp_base_url):
    signed_in = await http_server_client.fetch(
        f"{jp_base_url}api/me", headers={"Authorization": api._authorization}
    )
    cookie = signed_in.headers.get("Set-Cookie", "").split(";")[0]
    assert cookie

    from http_api import Api

    browser = Api(http_server_client, jp_base_url, None)
    read = await browser("GET", "api/views", headers={"Cookie": cookie})
    written = await browser(
        "POST", "api/v1/statements", {"sql": "SELECT 1"}, headers={"Cookie": cookie}
    )
    crossed = await browser(
        "GET", "api/views", headers={"Cookie": cookie, "Origin": "https://evil.example"}
    )
    assert read.status == 200
    assert written.status == 403
    elsewhere = await browser(
        "GET",
        "api/views",
        headers={"Cookie": cookie, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    )
    assert crossed.status == elsewhere.status == 403
    assert "Access-Control-Allow-Origin" not in crossed.headers
