"""Permalinks: for people who are signed in, a page without a script where JupyterLab is not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from abuse.markup import MARKUP

HTML = {"Accept": "text/html,application/xhtml+xml"}
REFS = "api/queries/refs"
WAIT = {"Prefer": "wait=30"}
ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"


class Seen(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, answer) -> None:
        super().__init__()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(answer.body.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input", "img", "source"}:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, text):
        for tag in set(self._open):
            self.texts[tag][-1] += text

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def extensions():
    """What runs on the server."""
    return {"jupyter_views": True}


@pytest.fixture
def jp_server_config(jp_server_config, extensions):
    jp_server_config["ServerApp"]["jpserver_extensions"] = extensions
    return jp_server_config


@pytest.fixture
def refer(api):
    async def make(sql="SELECT 1 AS a", caller=api, **fields):
        params = fields.pop("params", {})
        body = {"sql": sql, "params": params, "parameters": fields.pop("declared", [])}
        query = await caller("POST", "api/queries", body, headers=WAIT)
        assert query.status == 201, query.body
        made = await caller("POST", REFS, {"queryId": query.json["id"], **fields})
        assert made.status == 201, made.body
        return made.json["shortId"]

    return make


async def test_a_reference_has_a_page_with_title_rows_chart_and_sql(api, refer):
    sql = "SELECT range AS n, range * 2 AS m FROM range(1, 4) ORDER BY n"
    short_id = await refer(
        sql, title="Weekly", description="By <week>", visualization={"type": "bar"}
    )

    answer = await api("GET", f"q/{short_id}", headers=HTML)

    assert answer.status == 200
    page = Seen(answer)
    assert page.texts["h1"] == page.texts["title"] == ["Weekly"]
    assert "By <week>" in page.texts["p"]
    assert page.texts["td"] == ["1", "2", "2", "4", "3", "6"]
    assert page.texts["caption"] == ["3 rows"]
    assert page.texts["pre"] == [sql]
    assert any("By local." in text for text in page.texts["p"])
    assert any(re.match("Data from .* UTC, ", text) for text in page.texts["p"])
    assert page.texts["figcaption"][0].startswith("Bar chart")
    assert page.all("script") == []
    downloads = [a["href"] for a in page.all("a") if a["href"].endswith((".csv", ".json"))]
    assert downloads == [f"/a%40b/views/q/{short_id}.csv", f"/a%40b/views/q/{short_id}.json"]
    csv = await api("GET", f"q/{short_id}.csv", headers=HTML)
    assert csv.body == b"n,m\r\n1,2\r\n2,4\r\n3,6\r\n"
    assert csv.headers["Content-Disposition"].startswith(f'attachment; filename="{short_id}_')
    svg = await api("GET", f"q/{short_id}.svg", headers=HTML)
    assert svg.headers["Content-Type"] == "image/svg+xml"
    parquet = await api("GET", f"q/{short_id}.parquet", headers=HTML)
    assert parquet.body.startswith(b"PAR1")
    assert (await api("GET", f"q/{short_id}.exe", headers=HTML)).status == 406


async def test_the_page_has_the_security_headers_of_a_link(api, refer):
    answer = await api("GET", f"q/{await refer()}", headers=HTML)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("sandbox allow-downloads allow-forms")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_pages_of_rows_and_their_order_go_by_address(api, refer):
    short_id = await refer("SELECT range AS n FROM range(250) ORDER BY n")

    second = Seen(await api("GET", f"q/{short_id}?page=2", headers=HTML))
    sorted_page = Seen(await api("GET", f"q/{short_id}?sort=n&desc=1", headers=HTML))

    assert second.texts["caption"] == ["Rows 101 to 200 of 250"]
    assert {a["rel"]: a["href"] for a in second.all("a") if "rel" in a} == {
        "prev": "?", "next": "?page=3",
    }  # fmt: skip
    assert second.texts.get("figure") is None
    assert sorted_page.texts["td"][0] == "249"


async def test_a_form_offers_the_parameters_and_each_set_of_values_has_its_rows(api, refer):
    day = {"name": "day", "type": "date-picker", "displayName": "The day"}
    kind = {"name": "kind", "type": "enum", "options": ["x", "y"], "defaultValue": "x"}
    declared = [{**day, "defaultValue": "2024-01-01"}, kind]
    short_id = await refer("SELECT $day AS d, $kind AS k", declared=declared)

    first = Seen(await api("GET", f"q/{short_id}", headers=HTML))
    chosen = Seen(await api("GET", f"q/{short_id}?p.day=2024-02-29&p.kind=y", headers=HTML))
    wrong = await api("GET", f"q/{short_id}?p.day=2024-02-30", headers=HTML)

    assert first.texts["label"] == ["The day", "kind"]
    (field,) = first.all("input")
    assert (field["type"], field["name"], field["value"]) == ("date", "p.day", "2024-01-01")
    assert first.texts["option"] == ["x", "y"]
    assert first.texts["td"] == ["2024-01-01", "x"]
    assert chosen.texts["td"] == ["2024-02-29", "y"]
    (csv, _) = [a["href"] for a in chosen.all("a") if "json?" in a["href"] or "csv?" in a["href"]]
    rows = await api("GET", csv.split("/views/")[1], headers=HTML)
    assert rows.body == b"d,k\r\n2024-02-29,y\r\n"
    assert wrong.status == 400
    page = Seen(wrong)
    assert "td" not in page.texts
    assert page.all("input")[0]["value"] == "2024-02-30"
    assert page.all("input")[0]["aria-invalid"] == "true"


async def test_a_parameter_without_a_first_value_is_asked_for(api, refer):
    needed = [{"name": "n", "type": "integer"}]
    short_id = await refer("SELECT $n AS n", params={"n": 1}, parameters=needed)

    asked = await api("GET", f"q/{short_id}", headers=HTML)
    rows = Seen(await api("GET", f"q/{short_id}?p.n=5", headers=HTML))

    assert asked.status == 200
    page = Seen(asked)
    assert page.texts["label"] == ["n"]
    assert any("needs a value for n" in text for text in page.texts["p"])
    assert rows.texts["td"] == ["5"]


async def test_a_view_has_a_permalink_too(api, person):
    await api.save("SELECT $n AS n", "Daily users", params={"n": 1}, description="All of them")
    sam = await person("sam")

    page = Seen(await api("GET", "p/daily-users", headers=HTML))
    chosen = Seen(await api("GET", "p/Daily-Users?p.n=2", headers=HTML))
    hidden = await sam("GET", "p/daily-users", headers=HTML)

    assert page.texts["h1"] == ["Daily users"]
    assert page.texts["td"] == ["1"]
    assert chosen.texts["td"] == ["2"]
    assert (await api("GET", "p/daily-users.csv?p.n=3")).body == b"n\r\n3\r\n"
    assert hidden.status == 403
    assert Seen(hidden).texts["h1"] == ["You may not read this view."]
    for absent in ("p/nothing", "p/nothing.csv", "p/nothing.svg"):
        missing = await api("GET", absent, headers=HTML)
        assert missing.status == 404
        Seen(missing)


@pytest.mark.parametrize("extensions", [{"jupyter_views": True, "jupyterlab": True}])
async def test_where_jupyterlab_runs_it_opens_on_the_view(api, refer):
    view = await api.save("SELECT 1 AS a", "Daily users")
    plain = await refer()

    async def leads(path):
        answer = await api("GET", path, headers=HTML)
        return answer.headers.get("Location") if answer.status == 302 else answer.status

    async def made(**body):
        return (await api("POST", REFS, {"view": "daily-users", **body})).json["shortId"]

    lab = "/a%40b/lab?view=daily-users"
    assert await leads("p/daily-users") == lab
    assert await leads(f"q/{await made()}") == lab
    for path in (
        f"q/{plain}",
        f"q/{await made()}?plain=true",
        "p/daily-users?plain=true",
        f"q/{await made(parameters=[{'name': 'a'}])}",
    ):
        assert await leads(path) in {200, 400}, path
    pinned = await made(version=1)
    other = await api.run("SELECT 2 AS a")
    await api("PUT", "api/v1/perspectives/daily-users", {"statement_id": other["id"]})
    assert await leads(f"q/{pinned}") == 200
    page = Seen(await api("GET", "p/daily-users?plain=true", headers=HTML))
    assert lab in [a["href"] for a in page.all("a")]
    assert view["slug"] == "daily-users"


async def test_who_is_not_signed_in_is_sent_to_the_login_and_back(stranger, refer):
    short_id = await refer()

    for address in (f"q/{short_id}?page=2", f"q/{short_id}.csv", "p/nothing"):
        answer = await stranger("GET", address, headers=HTML)
        assert answer.status == 302, address
        place = urlsplit(answer.headers["Location"])
        assert place.path == "/a%40b/login"
        assert parse_qs(place.query)["next"] == [f"/a%40b/views/{address}"]
        assert answer.body == b""
        program = await stranger("GET", address)
        assert program.status == 401
        assert program.json["error"] == "UNAUTHENTICATED"


async def test_unknown_deleted_and_hidden_references_are_one_404_page(api, person, refer):
    ana, sam = await person("ana"), await person("sam")
    hers, deleted = await refer(caller=ana), await refer()
    await api("DELETE", f"{REFS}/{deleted}")

    pages = [
        await call("GET", f"q/{key}{ending}", headers=HTML)
        for call, key in ((api, "nothing0"), (api, deleted), (sam, hers))
        for ending in ("", ".csv", ".svg")
    ]

    assert {page.status for page in pages} == {404}
    assert len({page.body for page in pages}) == 1
    assert Seen(pages[0]).texts["h1"] == ["No such query reference."]
    assert (await ana("GET", f"q/{hers}", headers=HTML)).status == 200
    assert (await api("GET", f"q/{deleted}")).json["error"] == "NOT_FOUND"


async def test_a_reference_whose_query_runs_says_so_and_one_that_failed_is_a_409_page(api):
    running = (await api("POST", "api/v1/statements", {"sql": ENDLESS})).json["id"]
    made = await api("POST", REFS, {"queryId": running})
    path = f"q/{made.json['shortId']}"

    pending = await api("GET", path, headers=HTML)
    await api("POST", f"api/v1/statements/{running}/cancel")
    failed = await api("GET", path, headers=HTML)

    assert pending.status == 200
    assert any(text.startswith("Refreshing:") for text in Seen(pending).texts["p"])
    assert failed.status == 409
    assert "The query was canceled." in Seen(failed).texts["h1"][0]


async def test_a_pinned_version_is_shown_as_it_was(api):
    await api.save("SELECT 1 AS a", "V")
    pinned = (await api("POST", REFS, {"view": "v", "version": 1})).json["shortId"]
    follows = (await api("POST", REFS, {"view": "v", "title": "Mine"})).json["shortId"]
    other = await api.run("SELECT 2 AS a")
    await api("PUT", "api/v1/perspectives/v", {"statement_id": other["id"]})

    assert Seen(await api("GET", f"q/{pinned}", headers=HTML)).texts["td"] == ["1"]
    page = Seen(await api("GET", f"q/{follows}", headers=HTML))
    assert (page.texts["h1"], page.texts["td"]) == (["Mine"], ["2"])


async def test_another_site_may_lead_here_but_not_read_or_frame(
    stranger, refer, http_server_client, jp_base_url, jp_auth_header
):
    short_id = await refer()
    # The host signs in whoever comes to an address of its own with a token.
    signed_in = await http_server_client.fetch(f"{jp_base_url}api/status", headers=jp_auth_header)
    cookies = [each.partition(";")[0] for each in signed_in.headers.get_list("Set-Cookie")]

    async def status(path, site, mode, dest):
        fetch = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        headers = {**HTML, "Cookie": "; ".join(cookies), **fetch}
        return (await stranger("GET", path, headers=headers)).status

    for path in (f"q/{short_id}", f"q/{short_id}.csv"):
        assert await status(path, "cross-site", "navigate", "document") == 200
        assert await status(path, "same-origin", "navigate", "document") == 200
        assert await status(path, "cross-site", "navigate", "iframe") == 403
        assert await status(path, "cross-site", "no-cors", "image") == 403
        assert await status(path, "cross-site", "cors", "empty") == 403
    assert await status(f"{REFS}/{short_id}", "cross-site", "navigate", "document") == 403


async def test_scopes_of_keys(person, refer):
    olga = await person("olga")
    short_id = await refer(caller=olga)
    await olga.save("SELECT 1", "V")
    queries, views = await person("olga", "query:read"), await person("olga", "perspective:read")

    assert (await queries("GET", f"q/{short_id}", headers=HTML)).status == 200
    assert (await views("GET", f"q/{short_id}", headers=HTML)).status == 403
    assert (await views("GET", "p/v", headers=HTML)).status == 200
    assert (await queries("GET", "p/v", headers=HTML)).status == 403


async def test_A22_markup_in_words_stays_text(api, refer):
    short_id = await refer()
    tags = {tag for tag, _ in Seen(await api("GET", f"q/{short_id}", headers=HTML)).tags}
    for at in range(0, len(MARKUP), 12):
        text = MARKUP[at]
        words = {
            "title": text[:200] or "x",
            "description": "\n".join(MARKUP[at : at + 12])[:10_000],
        }
        changed = await api("PUT", f"{REFS}/{short_id}", words)
        assert changed.status == 200, text
        page = Seen(await api("GET", f"q/{short_id}", headers=HTML))
        assert {tag for tag, _ in page.tags} <= tags | {"bdi"}, text
        for _, attrs in page.tags:
            assert not any(name.startswith("on") for name in attrs), text
        for attrs in page.all("a"):
            assert attrs["href"].startswith(("?", "/a%40b/views/q/")), text


async def test_A22_markup_in_values_and_columns_stays_text(api, refer):
    short_id = await refer('SELECT $a AS a, $a AS "<b onclick=x>"', params={"a": "x"})
    for text in MARKUP[5::24]:
        answer = await api("GET", f"q/{short_id}?{urlencode({'p.a': text})}", headers=HTML)
        assert answer.status in {200, 400}, text
        page = Seen(answer)
        assert not {"script", "b", "svg", "iframe"} & {tag for tag, _ in page.tags}, text
        if answer.status == 200 and text.strip():
            assert page.all("input")[0]["value"] == text
