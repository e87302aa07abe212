"""The page of a link: what it says, to whom, and what it never says."""

from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from jupyter_views.core.links import LinkSettings

# A look at a source is good for a second.
LOOK_SECONDS = 1.1
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
JSON = {"Content-Type": "application/json"}


class Link:
    """A view's link, as its owner handles it."""

    def __init__(self, api: Any, view: dict[str, Any]) -> None:
        self._api = api
        self.view = view
        self.token = ""

    async def __call__(self, verb: str, tail: str = "", body: Any = None) -> Any:
        address = f"api/projects/@current/insights/{self.view['short_id']}/sharing{tail}"
        answer = await self._api(verb, address, body)
        assert answer.status < 300, answer.body
        return answer.json if answer.body else None

    async def change(self, settings: dict[str, Any] | None = None, **values: Any) -> None:
        if settings is not None:
            values["settings"] = settings
        self.token = (await self("PATCH", "", values))["access_token"]

    async def protect(self, password: str = "correct horse") -> str:
        await self.change(password_required=True)
        return (await self("POST", "/passwords", {"raw_password": password}))["id"]


@pytest.fixture
def link(api):
    """Save SQL and share it: ``await link("SELECT 1", "A view", downloads=True)``."""

    async def make(sql: str, name: str = "A view", **settings: Any) -> Link:
        made = Link(api, await api.save(sql, name, auto_refresh=False))
        await api("POST", f"api/views/{made.view['short_id']}/doors/insight", {})
        await made.change(settings, enabled=True)
        return made

    return make


class Seen(HTMLParser):
    """What a browser makes of a page, as far as these tests ask."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input", "img", "source"}:
            self._open.append(tag)
            if tag in {"td", "th", "h1", "caption", "p", "title", "pre", "span", "nav"}:
                self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, text: str) -> None:
        for tag in set(self._open) & self.texts.keys():
            self.texts[tag][-1] += text

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def links(self, rel: str) -> list[str | None]:
        return [a["href"] for a in self.all("a") if a.get("rel") == rel]


def seen(answer: Any) -> Seen:
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Seen(answer.body.decode())


async def test_the_page_shows_name_rows_and_age_without_a_script(stranger, link):
    made = await link("SELECT 1 AS n, 'é🐘' AS t, NULL AS nothing, 0.5 AS d", "Daily users")

    answer = await stranger("GET", f"shared/{made.token}")

    assert answer.status == 200
    page = seen(answer)
    assert page.texts["h1"] == ["Daily users"]
    assert page.texts["title"] == ["Daily users"]
    assert page.texts["td"] == ["1", "é🐘", "NULL", "0.5"]
    assert page.texts["caption"] == ["1 row"]
    assert [head["scope"] for head in page.all("th")] == ["col"] * 4
    assert re.match(
        r"Data from \d+ \w{3} 20\d\d \d\d:\d\d UTC, (.* ago|just now)", page.texts["p"][0]
    )
    assert "Shared view, read only." in page.texts["p"][0]
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert {"name": "robots", "content": "noindex, nofollow"} in page.all("meta")
    assert len(answer.body) < 100_000


async def test_A20_the_page_has_the_headers_that_make_it_harmless(stranger, link):
    made = await link("SELECT 1 AS n")

    for verb in ("GET", "HEAD"):
        headers = (await stranger(verb, f"shared/{made.token}")).headers
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in headers["Content-Security-Policy"].split(";")
        )
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy.pop("style-src"))
        assert policy == {
            "default-src": "'none'",
            "img-src": "data:",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
            "sandbox": "allow-downloads allow-forms",
        }
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "private, no-store"
        assert not {"Set-Cookie", "Etag", "Access-Control-Allow-Origin"} & set(headers)


async def test_a_hundred_rows_a_page_with_ways_to_the_next_and_back(stranger, link):
    made = await link("SELECT range AS n FROM range(250)")

    first = seen(await stranger("GET", f"shared/{made.token}"))
    second = seen(await stranger("GET", f"shared/{made.token}?page=2"))
    last = seen(await stranger("GET", f"shared/{made.token}/?page=99"))

    assert first.texts["td"] == [str(n) for n in range(100)]
    assert first.texts["caption"] == ["Rows 1 to 100 of 250"]
    assert (first.links("prev"), first.links("next")) == ([], ["?page=2"])
    assert second.texts["caption"] == ["Rows 101 to 200 of 250"]
    assert (second.links("prev"), second.links("next")) == (["?"], ["?page=3"])
    assert "Page 2 of 3" in second.texts["span"]
    assert last.texts["td"] == [str(n) for n in range(200, 250)]
    assert (last.links("prev"), last.links("next")) == (["?page=2"], [])
    for odd in ("0", "-1", "x", "1e9", "٣", "9" * 400, ""):
        again = seen(await stranger("GET", f"shared/{made.token}?{urlencode({'page': odd})}"))
        assert again.texts["td"] == first.texts["td"]


async def test_headers_sort_and_say_how_the_rows_are_sorted(stranger, link):
    made = await link("SELECT range AS n, 'row ' || range AS \"t & <b>\" FROM range(120)")

    plain = seen(await stranger("GET", f"shared/{made.token}"))
    by_text = plain.all("a")[1]["href"]
    up = seen(await stranger("GET", f"shared/{made.token}{by_text}"))
    down = seen(await stranger("GET", f"shared/{made.token}{up.all('a')[1]['href']}"))
    onward = seen(await stranger("GET", f"shared/{made.token}{down.links('next')[0]}"))

    assert [head.get("aria-sort") for head in plain.all("th")] == [None, None]
    assert by_text == "?" + urlencode({"sort": "t & <b>"})
    assert up.texts["td"][1::2][:3] == ["row 0", "row 1", "row 10"]
    assert [head.get("aria-sort") for head in up.all("th")] == [None, "ascending"]
    assert down.texts["td"][1::2][:2] == ["row 99", "row 98"]
    assert [head.get("aria-sort") for head in down.all("th")] == [None, "descending"]
    assert onward.texts["td"][1::2][-1] == "row 0"


@pytest.mark.parametrize("sort", ["nope", "N", "1", "n DESC", "(SELECT 1)", '"n"', "n;", "c0"])
async def test_A49_what_is_no_column_does_not_sort(stranger, link, sort):
    made = await link("SELECT 3 - range AS n FROM range(3)")

    page = seen(await stranger("GET", f"shared/{made.token}?{urlencode({'sort': sort})}"))

    assert page.texts["td"] == ["3", "2", "1"]
    assert not any(head.get("aria-sort") for head in page.all("th"))


async def test_columns_without_a_name_or_with_one_name_are_shown(stranger, link):
    made = await link('SELECT 1 AS a, 2 AS a, 3 AS " "')

    page = seen(await stranger("GET", f"shared/{made.token}"))

    assert page.texts["th"] == ["a", "a", "(no name)"]
    assert page.texts["td"] == ["1", "2", "3"]


async def test_wide_and_long_rows_stay_a_page(stranger, link):
    wide = ", ".join(f"repeat('x', 20000) AS c{n}" for n in range(150))
    made = await link(f"SELECT {wide} FROM range(120)")

    answer = await stranger("GET", f"shared/{made.token}")

    page = seen(answer)
    assert len(page.all("th")) == 100
    assert "50 more columns are not shown." in page.texts["p"]
    assert {len(text) for text in page.texts["td"]} == {201}
    assert page.texts["td"][0].endswith("x…")
    assert len(answer.body) < 4_000_000


async def test_an_empty_result_is_a_page(stranger, link):
    made = await link("SELECT 1 AS n WHERE false")

    page = seen(await stranger("GET", f"shared/{made.token}"))

    assert page.texts["caption"] == ["No rows"]
    assert page.texts["th"] == ["n"]


CHARTED = "SELECT DATE '2026-01-01' + i::INTEGER AS day, i * i AS squares FROM range(9) t(i)"


async def test_the_chart_stands_above_the_first_rows_as_a_picture_within_the_page(stranger, link):
    shared = await link(CHARTED, "Squares <img src=x onerror=alert(1)>")

    page = await stranger("GET", f"shared/{shared.token}")

    html = page.body.decode()
    assert html.count("data:image/svg+xml;base64,") == 2
    assert "Line chart of squares by day" in html
    assert "prefers-color-scheme: dark" in html
    assert "onerror=alert" not in html.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert len(page.body) < 100_000


async def test_a_page_of_one_theme_has_one_picture_and_a_hidden_chart_none(stranger, link):
    shared = await link(CHARTED, theme="dark")
    themed = await stranger("GET", f"shared/{shared.token}")
    assert themed.body.count(b"data:image") == 1

    await shared.change({"chart": False})
    hidden = await stranger("GET", f"shared/{shared.token}")
    assert b"data:image" not in hidden.body
    assert (await stranger("GET", f"shared/{shared.token}.svg")).status == 403


async def test_what_cannot_be_drawn_is_a_page_without_a_picture(stranger, link):
    shared = await link("SELECT 1 AS n WHERE false")

    page = await stranger("GET", f"shared/{shared.token}")

    assert page.status == 200
    assert b"<figure>" not in page.body


@pytest.mark.parametrize(
    ("ending", "kind", "begins"),
    [("svg", "image/svg+xml", b"<svg"), ("png", "image/png", b"\x89PNG")],
)
async def test_the_chart_alone_is_a_picture(stranger, link, ending, kind, begins):
    shared = await link(CHARTED)

    picture = await stranger("GET", f"shared/{shared.token}.{ending}?theme=dark")

    assert picture.status == 200
    assert picture.headers["Content-Type"].startswith(kind)
    assert picture.body.startswith(begins)
    assert picture.headers["Cache-Control"] == "private, no-store"
    assert b"<script" not in picture.body


async def test_what_the_owner_does_not_show_is_not_there(stranger, link):
    sql = "SELECT 40 + 2 AS secret_column"
    made = await link(sql, "Numbers")
    owner = made.view["owner"]

    default = await stranger("GET", f"shared/{made.token}")
    await made.change({"show_sql": True, "owner_name": True, "downloads": True})
    open_one = seen(await stranger("GET", f"shared/{made.token}"))
    await made.change({"table": False, "whitelabel": True, "noHeader": True, "theme": "dark"})
    bare = seen(await stranger("GET", f"shared/{made.token}"))

    assert b"40 + 2" not in default.body
    assert owner.encode() not in default.body
    assert b".csv" not in default.body
    assert b"Made with Jupyter Views" in default.body
    assert open_one.texts["pre"] == [sql]
    assert f"Shared by {owner}." in open_one.texts["p"][0]
    assert [a["href"].rpartition(".")[2] for a in open_one.all("a")][-2:] == ["csv", "json"]
    assert "h1" not in bare.texts
    assert not bare.all("td")
    assert not bare.all("footer")
    assert bare.all("html")[0]["data-theme"] == "dark"
    assert bare.texts["title"] == ["Numbers"]


async def test_downloads_are_for_those_to_whom_they_are_offered(stranger, link):
    made = await link("SELECT '=1+1' AS f, 'x' AS t")

    refused = await stranger("GET", f"shared/{made.token}.csv")
    await made.change({"downloads": True})
    guarded = await stranger("GET", f"shared/{made.token}.csv")
    plain = await stranger("GET", f"shared/{made.token}.csv?guard=false")

    assert refused.status == 403
    assert b"not offered for download" in refused.body
    assert guarded.body == b"f,t\r\n'=1+1,x\r\n"
    assert plain.body == b"f,t\r\n=1+1,x\r\n"
    assert re.match(
        r'attachment; filename="a-view_\d{8}\.csv"', guarded.headers["Content-Disposition"]
    )
    assert guarded.headers["Content-Type"].startswith("text/csv")
    assert "sandbox" in guarded.headers["Content-Security-Policy"]


async def test_A36_what_a_cache_holds_is_not_good_any_more_once_the_link_is_closed(stranger, link):
    made = await link("SELECT 1 AS n", downloads=True)
    answer = await stranger("GET", f"shared/{made.token}.csv")
    again = {"If-None-Match": answer.headers["Etag"]}
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (await stranger("GET", f"shared/{made.token}.csv", headers=again)).status == 304

    await made.change(enabled=False)

    assert (await stranger("GET", f"shared/{made.token}.csv", headers=again)).status == 404
    assert (await stranger("GET", f"shared/{made.token}", headers=again)).status == 404


async def test_whatever_closed_it_the_answer_is_the_same(api, stranger, link):
    """Unknown, mangled, switched off, revoked, deleted: nobody can tell which."""
    closed = [await link(f"SELECT {n} AS n", f"View {n}") for n in range(3)]
    tokens = [each.token for each in closed]
    await closed[0].change(enabled=False)
    await closed[1]("DELETE")
    assert (await api("DELETE", f"api/views/{closed[2].view['short_id']}")).status == 204
    tokens += ["vs_" + "x" * 43, "x", tokens[0][:-1]]

    def told(answer: Any) -> Any:
        return answer.status, answer.body, {k: v for k, v in answer.headers.items() if k != "Date"}

    for accept in ("text/html", "application/json"):
        for ending in ("", ".csv"):
            answers = [
                await stranger("GET", f"shared/{token}{ending}", headers={"Accept": accept})
                for token in tokens
            ]
            assert all(told(answer) == told(answers[0]) for answer in answers)
            assert answers[0].status == 404
    assert answers[0].json == {"error": "This link does not exist or is no longer shared."}
    embedded = await stranger("GET", f"embedded/{tokens[0]}")
    assert embedded.status == 404
    assert b"This link does not exist or is no longer shared." in embedded.body


async def test_A09_a_link_opens_nothing_else(api, stranger, link):
    made = await link("SELECT 1 AS n")
    await api.save("SELECT 2 AS n", "Other")

    for headers in (
        {"Authorization": f"Bearer {made.token}"},
        {"Authorization": f"token {made.token}"},
    ):
        for path in (
            "api/views",
            f"api/views/{made.view['short_id']}",
            "api/v1/perspectives/other/result",
            f"api/views/{made.view['short_id']}/history",
            "api/keys",
        ):
            assert (await stranger("GET", path, headers=headers)).status == 401
            assert (await stranger("GET", f"{path}?token={made.token}")).status == 401
    for verb in ("PUT", "PATCH", "DELETE"):
        assert (await stranger(verb, f"shared/{made.token}", {})).status in {401, 405}


async def test_who_is_signed_in_is_nobody_here(api, stranger, link):
    made = await link("SELECT 1 AS n")
    await made.protect()

    owner = await api("GET", f"shared/{made.token}")

    assert b"This view needs a password" in owner.body
    assert owner.body == (await stranger("GET", f"shared/{made.token}")).body


async def test_a_link_with_a_password_tells_nothing_before_it_is_given(stranger, link):
    made = await link("SELECT 1 AS n", "Secret plans", downloads=True)
    await made.protect()

    page = await stranger("GET", f"shared/{made.token}")
    rows = await stranger("GET", f"shared/{made.token}.csv")
    program = await stranger("GET", f"shared/{made.token}", headers={"Accept": "application/json"})

    assert page.status == 200
    assert b"Secret plans" not in page.body
    assert made.token.encode() not in page.body
    form = seen(page)
    assert form.all("form") == [{"method": "post"}]
    assert [(field["name"], field["type"]) for field in form.all("input")] == [
        ("password", "password")
    ]
    assert rows.status == program.status == 401
    assert program.json == {"error": "This link needs its password."}


async def test_a_browser_gives_the_password_in_a_form_and_keeps_a_cookie(stranger, link):
    made = await link("SELECT 1 AS n", downloads=True)
    await made.protect()

    form = urlencode({"password": "correct horse"}).encode()
    answer = await stranger("POST", f"shared/{made.token}", raw=form, headers=FORM)

    assert answer.status == 303
    assert answer.headers["Location"].endswith(f"/views/shared/{made.token}")
    cookies = answer.headers.get_list("Set-Cookie")
    assert len(cookies) == 6
    for cookie in cookies:
        assert re.search(r"; HttpOnly; Max-Age=86400; Path=[^;]+; SameSite=Lax$", cookie)
        assert f"/{made.token}" in cookie.partition("Path=")[2]
    paths = {
        cookie.partition("Path=")[2].partition(";")[0].rpartition("/")[2] for cookie in cookies
    }
    assert paths == {made.token + end for end in ("", ".json", ".csv", ".png", ".svg")}
    given = {"Cookie": cookies[0].partition(";")[0]}
    page = await stranger("GET", f"shared/{made.token}", headers=given)
    assert seen(page).texts["td"] == ["1"]
    assert (await stranger("GET", f"shared/{made.token}.csv", headers=given)).status == 200


async def test_a_program_gives_the_password_as_json_and_gets_a_bearer(stranger, link):
    made = await link("SELECT 1 AS n", downloads=True)
    password_id = await made.protect()

    wrong = await stranger(
        "POST", f"shared/{made.token}", {"password": "wrong horse"}, headers=JSON
    )
    none = await stranger("POST", f"shared/{made.token}", {}, headers=JSON)
    right = await stranger(
        "POST", f"shared/{made.token}", {"password": "correct horse"}, headers=JSON
    )

    assert (wrong.status, wrong.json) == (401, {"error": "Incorrect password"})
    assert (none.status, none.json) == (401, {"error": "Incorrect password"})
    assert right.status == 200
    assert list(right.json) == ["shareToken"]
    bearer = {"Authorization": f"Bearer {right.json['shareToken']}"}
    assert seen(await stranger("GET", f"shared/{made.token}", headers=bearer)).texts["td"] == ["1"]
    assert (await stranger("GET", f"shared/{made.token}.csv", headers=bearer)).status == 200
    await made("DELETE", f"/passwords/{password_id}")
    assert (await stranger("GET", f"shared/{made.token}.csv", headers=bearer)).status == 401


async def test_A36_a_ticket_ends_with_what_it_hangs_on(stranger, link):
    made, other = await link("SELECT 1 AS n"), await link("SELECT 2 AS n", "Other")
    await made.protect()
    await other.protect()
    right = {"password": "correct horse"}
    ticket = (await stranger("POST", f"shared/{made.token}", right, headers=JSON)).json[
        "shareToken"
    ]
    bearer = {"Authorization": f"Bearer {ticket}", "Accept": "application/json"}

    async def opens(token: str) -> int:
        return (await stranger("GET", f"shared/{token}.csv", headers=bearer)).status

    assert await opens(made.token) == 403  # open, and not offered for download
    assert await opens(other.token) == 401
    new = await made("POST", "/refresh")
    assert await opens(new["access_token"]) == 401
    assert await opens(made.token) == 403
    await made.change(enabled=False)
    assert await opens(made.token) == 404


async def test_A46_ten_wrong_passwords_close_the_form_for_one_address(stranger, link):
    made = await link("SELECT 1 AS n")
    await made.protect()
    body = b"password="
    answers = [
        await stranger("POST", f"shared/{made.token}", raw=body, headers=FORM) for _ in range(11)
    ]

    assert [answer.status for answer in answers] == [401] * 10 + [429]
    said = [seen(answer).texts["p"][0] for answer in answers]
    assert said[:4] == ["Incorrect password"] * 4
    assert re.fullmatch(r"Incorrect password\. After 5 more you have to wait \d+ s\.", said[4])
    assert re.fullmatch(r"Too many wrong passwords\. Try again in \d+ s\.", said[10])
    assert 0 < int(answers[10].headers["Retry-After"]) <= 600
    assert all(form["method"] == "post" for answer in answers for form in seen(answer).all("form"))
    assert seen(answers[0]).all("input")[0]["aria-invalid"] == "true"


async def test_A45_a_body_that_is_no_form_is_refused_quickly(stranger, link):
    made = await link("SELECT 1 AS n")
    await made.protect()

    large = await stranger("POST", f"shared/{made.token}", raw=b"x" * 10_000, headers=FORM)
    many = await stranger("POST", f"shared/{made.token}", raw=b"a=b&" * 1000, headers=FORM)
    odd = await stranger("POST", f"shared/{made.token}", raw=b"password=\xff", headers=FORM)
    json_body = await stranger("POST", f"shared/{made.token}", raw=b"{", headers=JSON)
    typed = await stranger("POST", f"shared/{made.token}", {"password": 5}, headers=JSON)

    assert [each.status for each in (large, many, odd, json_body, typed)] == [413, *[400] * 4]


async def test_a_password_for_a_link_that_wants_none_is_just_a_way_in(stranger, link):
    made = await link("SELECT 1 AS n")

    answer = await stranger("POST", f"shared/{made.token}", raw=b"password=x", headers=FORM)

    assert answer.status == 303
    assert "Set-Cookie" not in answer.headers


async def test_A46_a_link_takes_so_many_requests_a_minute(stranger, link):
    made = await link("SELECT 1 AS n")
    statuses = [(await stranger("HEAD", f"shared/{made.token}")).status for _ in range(121)]

    assert statuses == [200] * 120 + [429]
    answer = await stranger("GET", f"shared/{made.token}")
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) <= 60
    assert b"Too many requests." in answer.body


async def test_frames_are_for_the_sites_that_the_owner_names(stranger, link):
    made = await link("SELECT 1 AS n")

    async def ancestors(path: str) -> str:
        policy = (await stranger("GET", path)).headers["Content-Security-Policy"]
        return re.search("frame-ancestors ([^;]+);", policy)[1]

    assert await ancestors(f"shared/{made.token}") == "'none'"
    assert await ancestors(f"embedded/{made.token}") == "'self'"
    await made.change({"embed_origins": ["https://wiki.example", "http://localhost:3000"]})
    assert await ancestors(f"shared/{made.token}") == "'none'"
    assert await ancestors(f"embedded/{made.token}") == "https://wiki.example http://localhost:3000"
    await made.protect()
    assert await ancestors(f"embedded/{made.token}") == "https://wiki.example http://localhost:3000"


async def test_a_stale_view_says_so_without_the_names_of_its_sources(stranger, link, data_folder):
    (data_folder / "customers.csv").write_text("n\n1\n")
    made = await link("SELECT n FROM 'customers.csv'")
    (data_folder / "customers.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(LOOK_SECONDS)

    page = await stranger("GET", f"shared/{made.token}")

    assert b"Stale: what it reads has changed since." in page.body
    assert b"customers" not in page.body
    assert seen(page).texts["td"] == ["1"]


async def test_a_visitor_who_asks_for_new_rows_waits_for_them_in_the_owners_name(
    api, stranger, link, data_folder
):
    (data_folder / "numbers.csv").write_text("n\n1\n")
    made = await link("SELECT n FROM 'numbers.csv'")
    (data_folder / "numbers.csv").write_text("n\n1\n2\n")

    page = seen(await stranger("GET", f"shared/{made.token}?refresh=force_blocking"))

    assert page.texts["td"] == ["1", "2"]
    history = (await api("GET", f"api/views/{made.view['short_id']}/history")).json["items"]
    assert history[0]["cause"]["kind"] == "read"


async def test_a_failed_refresh_is_told_without_its_message(api, stranger, link, data_folder):
    (data_folder / "numbers.csv").write_text("n\n1\n")
    made = await link("SELECT n FROM 'numbers.csv'")
    (data_folder / "numbers.csv").unlink()
    await stranger("GET", f"shared/{made.token}?refresh=blocking")

    page = await stranger("GET", f"shared/{made.token}")

    assert b"Failed: the last refresh did not succeed." in page.body
    assert b"numbers" not in page.body
    assert seen(page).texts["td"] == ["1"]


async def test_visits_are_in_the_access_log(stranger, link):
    made = await link("SELECT 1 AS n", downloads=True)
    await stranger("GET", f"shared/{made.token}")
    await stranger("GET", f"embedded/{made.token}")
    await stranger("GET", f"shared/{made.token}.csv")
    await made.protect()
    await stranger("GET", f"shared/{made.token}")

    log = await made("GET", "/visits")

    assert [visit["kind"] for visit in log["results"]] == ["csv", "embedded", "page"]
    assert {visit["address"] for visit in log["results"]} == {"127.0.0.1"}


async def test_A33_no_log_line_holds_a_token_or_a_password(stranger, link, caplog):
    caplog.set_level("DEBUG")
    made = await link("SELECT 1 AS n")
    await made.protect()
    right = {"password": "correct horse"}
    ticket = (await stranger("POST", f"shared/{made.token}", right, headers=JSON)).json[
        "shareToken"
    ]
    await stranger("POST", f"shared/{made.token}", raw=b"password=correct+horse", headers=FORM)
    await stranger("POST", f"shared/{made.token}", raw=b"password=wrong+horse", headers=FORM)
    await stranger("GET", f"shared/{made.token}?x={ticket}")
    await stranger("GET", f"shared/{made.token}.csv")
    await stranger("PUT", f"shared/{made.token}", {})
    await made.change(enabled=False)
    await stranger("GET", f"shared/{made.token}")
    await asyncio.sleep(0)

    assert f"(a link …{made.token[-6:]})" in caplog.text
    for secret in (made.token, ticket, "correct horse", "correct+horse", "wrong+horse"):
        assert secret not in caplog.text


async def test_the_servers_own_people_go_on_while_a_link_is_read(api, stranger, link):
    made = await link("SELECT range AS n FROM range(100)")
    pages = [stranger("GET", f"shared/{made.token}") for _ in range(50)]

    answers = await asyncio.gather(*pages, api("GET", "api/views"))

    assert {answer.status for answer in answers} == {200}


async def test_the_administrators_switch_closes_every_page(views_app, stranger, link):
    made = await link("SELECT 1 AS n")
    assert (await stranger("GET", f"shared/{made.token}")).status == 200
    await views_app.stop_extension()
    views_app.allow_public_links = False
    await views_app._start_jupyter_server_extension(views_app.serverapp)
    await views_app.opened()

    assert (await stranger("GET", f"shared/{made.token}")).status == 404


def test_settings_that_could_leave_their_header_are_refused():
    for origin in (
        "https://a.example; script-src *",
        "https://a.example script-src",
        "https://a.example\n",
        "https://*",
        "*",
        "'self'",
        "javascript:x",
        "https://a.example/path",
        "https://",
        "https://-a.example-",
        "https://a.example:99999999",
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"embed_origins": [origin]}, LinkSettings)
    kept = msgspec.convert({"embed_origins": ["https://[::1]:8080"], "unknown": 1}, LinkSettings)
    assert json.loads(msgspec.json.encode(kept)) == {"embed_origins": ["https://[::1]:8080"]}


@pytest.mark.parametrize(("points", "pictures"), [(800, 1), (4000, 0)])
async def test_a_large_chart_leaves_the_page_small(stranger, link, points, pictures):
    scattered = "SELECT hash(i) / 1e18 AS x, hash(i * i) / 1e18 AS y"
    shared = await link(f"{scattered} FROM range({points}) t(i)")

    page = await stranger("GET", f"shared/{shared.token}")

    assert len(page.body) < 100_000
    assert page.body.count(b"data:image/svg+xml;base64,") == pictures
    assert (b'class="paper"' in page.body) is bool(pictures)
    assert (f'href="/a%40b/views/shared/{shared.token}.svg"'.encode() in page.body) is not pictures
