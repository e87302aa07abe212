"""Requests that nobody means well with, at the doors that are open to many: lists, links, pages."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import quote

import pytest

ODD_NAMES = ["__proto__", "constructor", "toString", "length", "id", "config"]
EVIL = "https://evil.example"
BIDI = "safe\u202egpj.exe"


async def shared(api, sql: str, name: str = "A view", **settings) -> tuple[dict, str]:
    """A view that anybody may read, and the token of its link."""
    view = await api.save(sql, name, auto_refresh=False)
    await api("POST", f"api/views/{view['short_id']}/doors/insight", {})
    address = f"api/projects/@current/insights/{view['short_id']}/sharing"
    answer = await api("PATCH", address, {"enabled": True, "settings": settings})
    assert answer.status == 200, answer.body
    return view, answer.json["access_token"]


async def test_A02_an_upgrade_without_credentials_is_refused(api, stranger):
    _, token = await shared(api, "SELECT 1 AS n")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }

    for path in ("api/views", "api/projects/1/insights", "api/v1/statements"):
        assert (await stranger("GET", path, headers=upgrade)).status in {401, 403}
    page = await stranger("GET", f"shared/{token}", headers=upgrade)
    assert page.status == 200
    assert "Upgrade" not in page.headers


@pytest.mark.parametrize("ending", ["", ".json", ".csv", ".svg", ".png"])
async def test_A16_A17_no_other_site_can_use_what_a_link_answers(api, stranger, ending):
    _, token = await shared(api, "SELECT 1 AS n, 2 AS m", downloads=True)

    answer = await stranger("GET", f"shared/{token}{ending}", headers={"Origin": EVIL})

    assert answer.status == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers.get("Access-Control-Allow-Origin") in {None, "*"}
    assert "Access-Control-Allow-Credentials" not in answer.headers
    if ending == ".json":
        assert isinstance(answer.json, dict)


async def test_A17_no_foreign_origin_may_bring_a_visitors_cookies(api):
    for path in ("api/projects/1/insights", "api/views", "api/projects/1/dashboards"):
        for origin in (EVIL, "null", "http://localhost.evil.example"):
            answer = await api("GET", path, headers={"Origin": origin})
            assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_A18_A19_addresses_of_lists_and_links_are_our_own(api):
    for number in range(3):
        await shared(api, f"SELECT {number} AS n", f"View {number}")

    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "javascript"}
    page = await api("GET", "api/projects/1/insights?limit=1&offset=1", headers=forwarded)
    foreign = await api("GET", "api/projects/1/insights?limit=1", headers={"Host": "evil.example"})

    for address in (page.json["next"], page.json["previous"]):
        assert address.startswith(("http://127.0.0.1:", "http://localhost:"))
        assert "evil" not in address
    assert foreign.status == 403
    assert b"next" not in foreign.body


@pytest.mark.parametrize("key", ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>'])
async def test_A21_A24_a_page_that_is_not_there_is_as_harmless_and_echoes_nothing(stranger, key):
    answer = await stranger("GET", f"shared/{quote(key, safe='')}", headers={"Accept": "text/html"})

    assert answer.status in {401, 404}
    assert answer.headers["Content-Type"].startswith("application/json")
    assert b"<img" not in answer.body and b"<script" not in answer.body
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_A21_the_page_of_a_link_that_is_none_is_as_harmless(stranger):
    answer = await stranger("GET", f"shared/vs_{'a' * 43}", headers={"Accept": "text/html"})

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_A21_the_form_for_a_password_is_as_harmless_as_the_page(api, stranger):
    view, token = await shared(api, "SELECT 1 AS n")
    address = f"api/projects/@current/insights/{view['short_id']}/sharing"
    await api("PATCH", address, {"password_required": True})
    await api("POST", f"{address}/passwords", {"raw_password": "correct horse"})

    form = await stranger("GET", f"shared/{token}", headers={"Accept": "text/html"})

    assert form.status in {200, 401}
    assert "sandbox" in form.headers["Content-Security-Policy"]
    assert form.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert form.headers["Referrer-Policy"] == "no-referrer"


async def test_A25_names_that_objects_have_are_only_names(api, stranger):
    columns = ", ".join(f'{at} AS "{name}"' for at, name in enumerate(ODD_NAMES))
    view, token = await shared(api, f"SELECT {columns}", "__proto__", downloads=True)

    insight = await api("GET", f"api/projects/1/insights/{view['short_id']}?refresh=force_cache")
    page = await stranger("GET", f"shared/{token}")
    rows = await stranger("GET", f"shared/{token}.csv")

    assert insight.json["columns"] == ODD_NAMES
    assert insight.json["result"] == [list(range(len(ODD_NAMES)))]
    assert all(name in page.body.decode() for name in ODD_NAMES)
    assert rows.body.decode().splitlines()[0] == ",".join(ODD_NAMES)


async def test_A27_files_of_a_link_are_no_formulas_unless_asked(api, stranger):
    cells = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "plain", 'a "quoted", cell\nend']
    sql = "SELECT unnest($cells) AS cell"
    view = await api.save(sql, "Formulas", params={"cells": cells}, auto_refresh=False)
    await api("POST", f"api/views/{view['short_id']}/doors/insight", {})
    address = f"api/projects/@current/insights/{view['short_id']}/sharing"
    body = {"enabled": True, "settings": {"downloads": True}}
    token = (await api("PATCH", address, body)).json["access_token"]

    answer = await stranger("GET", f"shared/{token}.csv")

    read = [row[0] for row in csv.reader(io.StringIO(answer.body.decode(), newline=""))][1:]
    assert len(read) == len(cells)
    for cell, seen in zip(cells, read, strict=True):
        assert seen == (cell if cell in cells[6:] else f"'{cell}")


async def test_A28_directions_of_writing_are_kept_within_a_cell(api, stranger):
    _, token = await shared(api, f"SELECT '{BIDI}' AS name", f"Named {BIDI}")

    page = (await stranger("GET", f"shared/{token}")).body.decode()

    assert f"<bdi>{BIDI}</bdi>" in page
    assert f"<bdi>Named {BIDI}</bdi>" in page


async def test_A34_what_a_visitor_sends_is_one_short_line_of_the_access_log(api, stranger):
    view, token = await shared(api, "SELECT 1 AS n")
    agent = "Mozilla\x1b[31m " + "x" * 5000

    await stranger("GET", f"shared/{token}", headers={"User-Agent": agent})

    address = f"api/projects/@current/insights/{view['short_id']}/sharing"
    body = json.dumps((await api("GET", address)).json)
    activity = (await api("GET", f"api/projects/1/insights/{view['short_id']}/activity")).body
    for text in (body, activity.decode()):
        assert "\x1b" not in text and "\\u001b" not in text
        assert "x" * 600 not in text
