"""Dashboards behind a link: shared like an insight, shown to visitors as far as is the owner's."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

INSIGHTS = "api/projects/1/insights"
DASHBOARDS = "api/projects/1/dashboards"
SALES = "region,day,n\nEU,2024-01-01,1\nEU,2024-03-01,2\nUS,2024-02-01,3\nUS,2024-04-01,4\n"
BY_REGION = "SELECT region, n FROM 'sales.csv' WHERE region = $region AND day >= $date_from"
CHARTED = """SELECT DATE '2024-01-01' + range::INTEGER AS day, range * range AS squares
FROM range(40)"""
VALUES = {"region": "EU", "date_from": "2024-01-01"}
JSON = {"Content-Type": "application/json"}


async def insight(call: Any, name: str, sql: str, values: dict | None = None, **fields: Any) -> int:
    query = {"kind": "HogQLQuery", "query": sql, "values": values or {}}
    body = {"name": name, "query": query, **fields}
    answer = await call("POST", f"{INSIGHTS}?refresh=blocking", body)
    assert answer.status == 201, answer.body
    return answer.json["id"]


class Shared:
    """A dashboard with its link, as its owner handles it."""

    def __init__(self, call: Any, number: int) -> None:
        self._call = call
        self.number = number
        self.sharing = f"{DASHBOARDS}/{number}/sharing"
        self.token = ""

    async def change(self, **values: Any) -> dict:
        answer = await self._call("PATCH", self.sharing, values)
        assert answer.status == 200, answer.body
        self.token = answer.json["access_token"]
        return answer.json

    async def tiles(self) -> list[dict]:
        return (await self._call("GET", f"{DASHBOARDS}/{self.number}")).json["tiles"]


async def shared(call: Any, insights: list[int], settings: Any = None, **fields: Any) -> Shared:
    body = {"name": "Sales", "insights": insights, **fields}
    answer = await call("POST", DASHBOARDS, body)
    assert answer.status == 201, answer.body
    made = Shared(call, answer.json["id"])
    await made.change(enabled=True, **({} if settings is None else {"settings": settings}))
    return made


class Seen(HTMLParser):
    """What a browser makes of a page, as far as these tests ask."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        assert answer.status == 200, answer.body
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "input", "img", "source"}:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, text: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += text

    def told(self, tag: str) -> list[str]:
        return [text.strip() for text in self.texts.get(tag, [])]

    def links(self, rel: str) -> list[str | None]:
        return [a["href"] for name, a in self.tags if name == "a" and a.get("rel") == rel]


async def page(call: Any, made: Shared, query: str = "") -> Seen:
    return Seen(await call("GET", f"shared/{made.token}{query}"))


async def test_the_page_shows_each_tile_with_its_first_rows_and_leads_to_the_rest(api, stranger):
    many = await insight(api, "Many", "SELECT range AS n, 'row ' || range AS t FROM range(250)")
    few = await insight(api, "Few", "SELECT 42 AS n")
    made = await shared(api, [many, few], description="What was sold")
    first, _ = await made.tiles()

    found = await page(stranger, made)
    whole = await page(stranger, made, f"?tile={first['id']}")
    sorted_page = await page(stranger, made, f"?tile={first['id']}&sort=n&desc=1&page=2")

    assert found.told("h1") == ["Sales"]
    assert found.told("h2") == ["Many", "Few"]
    assert "What was sold" in found.told("p")
    assert found.told("caption") == ["Rows 1 to 10 of 250", "1 row"]
    assert found.told("td") == [
        *(cell for n in range(10) for cell in (str(n), f"row {n}")),
        "42",
    ]
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in found.tags}
    hrefs = [a["href"] for tag, a in found.tags if tag == "a"]
    assert hrefs.count(f"?tile={first['id']}") == 2
    assert f"?tile={first['id']}&sort=n" in hrefs
    assert whole.told("h1") == ["Many"]
    assert whole.told("caption") == ["Rows 1 to 100 of 250"]
    assert whole.links("next") == [f"?tile={first['id']}&page=2"]
    assert ("a", {"href": "?"}) in whole.tags
    assert "Back to Sales" in whole.told("a")
    assert sorted_page.told("td")[::2][:2] == ["149", "148"]
    assert sorted_page.links("prev") == [f"?tile={first['id']}&sort=n&desc=1"]


async def test_six_tiles_a_page_with_ways_to_the_next_and_back(api, stranger):
    insights = [await insight(api, f"Nr {n}", f"SELECT {n} AS n") for n in range(8)]
    made = await shared(api, insights)

    first, last = await page(stranger, made), await page(stranger, made, "?page=99")

    assert first.told("h2") == [f"Nr {n}" for n in range(6)]
    assert (first.links("prev"), first.links("next")) == ([], ["?page=2"])
    assert last.told("h2") == ["Nr 6", "Nr 7"]
    assert (last.links("prev"), last.links("next")) == (["?"], [])


async def test_a_wide_and_long_tile_stays_small(api, stranger):
    columns = ", ".join(f"repeat('x', 5000) AS c{n}" for n in range(40))
    made = await shared(api, [await insight(api, "Wide", f"SELECT {columns} FROM range(50)")])

    answer = await stranger("GET", f"shared/{made.token}")

    assert len(answer.body) < 60_000
    assert "32 more columns are not shown." in Seen(answer).told("p")


async def test_tiles_have_the_dashboards_date_range_and_values(api, stranger, data_folder):
    (data_folder / "sales.csv").write_text(SALES)
    sales = await insight(api, "By region", BY_REGION, VALUES)
    plain = await insight(api, "Plain", "SELECT 7 AS n")
    made = await shared(
        api, [sales, plain], variables={"region": "US"}, filters={"date_from": "2024-03-01"}
    )
    tile, _ = await made.tiles()

    waited = await page(stranger, made, "?refresh=blocking")
    alone = await page(stranger, made, f"?tile={tile['id']}")
    told = (await stranger("GET", f"shared/{made.token}.json")).json["dashboard"]

    assert waited.told("td") == ["US", "4", "7"]
    assert "From 2024-03-01. Shared dashboard, read only." in waited.told("p")
    assert alone.told("td") == ["US", "4"]
    assert any("From 2024-03-01. Shared view" in text for text in alone.told("p"))
    assert [each["insight"]["result"] for each in told["tiles"]] == [[["US", 4]], [[7]]]
    dates = {"date_from": "2024-03-01", "date_to": None}
    assert told["tiles"][0]["insight"]["resolved_date_range"] == dates


async def test_a_tile_that_the_dashboards_values_do_not_fit_breaks_no_other(api, stranger):
    odd = await insight(api, "Odd", "SELECT $n::INTEGER AS n", {"n": 1})
    good = await insight(api, "Good", "SELECT 7 AS m")
    made = await shared(api, [odd, good], variables={"n": {"no": ["number"]}})

    found = await page(stranger, made, "?refresh=blocking")
    told = (await stranger("GET", f"shared/{made.token}.json")).json["dashboard"]["tiles"]

    assert found.told("h2") == ["Odd", "Good"]
    assert found.told("td") == ["7"]
    assert [tile["insight"]["result"] for tile in told] == [None, [[7]]]


async def test_A04_only_tiles_of_the_dashboards_owner_are_shown(api, person, stranger):
    ana = await person("ana")
    theirs = await insight(api, "Theirs", "SELECT 'secret' AS s")
    short_id = (await api("GET", f"{INSIGHTS}/{theirs}")).json["short_id"]
    opened = await api("PATCH", f"api/views/{short_id}", {"is_public": True})
    assert opened.status == 200, opened.body
    own = await insight(ana, "Own", "SELECT 'mine' AS s")
    made = await shared(ana, [theirs, own], {"downloads": True})
    foreign, _ = await made.tiles()
    assert foreign["insight"]["name"] == "Theirs"

    found = await page(stranger, made)
    whole = await stranger("GET", f"shared/{made.token}.json")
    answers = [
        await stranger("GET", f"shared/{made.token}{tail}?tile={foreign['id']}")
        for tail in ("", ".json", ".csv", ".svg")
    ]
    listed = await stranger("GET", f"{INSIGHTS}?sharing_access_token={made.token}")
    asked = await stranger("GET", f"{INSIGHTS}/{theirs}?sharing_access_token={made.token}")

    assert found.told("h2") == ["Own"]
    assert [each["insight"]["name"] for each in whole.json["dashboard"]["tiles"]] == ["Own"]
    assert [answer.status for answer in answers] == [404] * 4
    assert [each["name"] for each in listed.json["results"]] == ["Own"]
    assert asked.status == 404
    for answer in (*answers, whole, listed, asked):
        assert b"Theirs" not in answer.body
        assert b"secret" not in answer.body


async def test_json_follows_the_settings(api, stranger):
    number = await insight(api, "N", "SELECT 1 AS n")
    made = await shared(api, [number], variables={"n": "secret"}, description="Words")

    bare = (await stranger("GET", f"shared/{made.token}.json")).json
    await made.change(settings={"show_sql": True, "owner_name": True, "whitelabel": True})
    open_ = (
        await stranger("GET", f"shared/{made.token}", headers={"Accept": JSON["Content-Type"]})
    ).json

    assert set(bare) == {"dashboard", "type", "accessToken", "themes"}
    assert (bare["type"], bare["accessToken"]) == ("scene", made.token)
    dashboard = bare["dashboard"]
    assert (dashboard["name"], dashboard["description"]) == ("Sales", "Words")
    assert (dashboard["created_by"], dashboard["variables"]) == (None, None)
    (tile,) = dashboard["tiles"]
    assert set(tile) == {"id", "order", "color", "layouts", "insight"}
    assert (tile["insight"]["query"], tile["insight"]["created_by"]) == (None, None)
    assert open_["whitelabel"] is True
    assert open_["dashboard"]["variables"] == {"n": "secret"}
    assert open_["dashboard"]["created_by"]["first_name"] == "local"
    assert open_["dashboard"]["tiles"][0]["insight"]["query"] is not None


async def test_files_are_those_of_one_tile(api, stranger):
    number = await insight(api, "N", "SELECT range AS n, range * 2 AS m FROM range(3)")
    made = await shared(api, [number], {"downloads": True})
    (tile,) = await made.tiles()

    rows = await stranger("GET", f"shared/{made.token}.csv?tile={tile['id']}")
    picture = await stranger("GET", f"shared/{made.token}.svg?tile={tile['id']}")
    without = await stranger("GET", f"shared/{made.token}.csv")
    alone = await page(stranger, made, f"?tile={tile['id']}")

    assert rows.body.decode() == "n,m\r\n0,0\r\n1,2\r\n2,4\r\n"
    assert picture.body.startswith(b"<svg")
    assert without.status == 404
    assert f"{made.token}.csv?tile={tile['id']}" in str(alone.tags)


async def test_it_is_shared_as_an_insight_is(api, stranger):
    made = await shared(api, [await insight(api, "N", "SELECT 1 AS n")])
    old = made.token

    asked = await made.change(password_required=True)
    password = await api("POST", f"{made.sharing}/passwords", {"raw_password": "correct horse"})
    locked = await stranger("GET", f"shared/{old}.json")
    opened = await stranger("POST", f"shared/{old}", {"password": "correct horse"}, headers=JSON)
    bearer = {"Authorization": f"Bearer {opened.json['shareToken']}"}
    unlocked = await stranger("GET", f"shared/{old}.json", headers=bearer)
    removed = await api("DELETE", f"{made.sharing}/passwords/{password.json['id']}")
    rotated = await api("POST", f"{made.sharing}/refresh", {})
    visits = (await api("GET", f"{made.sharing}/visits")).json
    ended = await api("DELETE", made.sharing)

    assert asked["password_required"] is True
    assert (locked.status, unlocked.status) == (401, 200)
    assert rotated.json["access_token"] != old
    assert (removed.status, ended.status) == (204, 204)
    assert [visit["kind"] for visit in visits["results"]] == ["json", "unlocked"]
    for token in (old, rotated.json["access_token"]):
        assert (await stranger("GET", f"shared/{token}")).status == 404


@pytest.mark.parametrize("prefix", ["projects", "environments"])
async def test_every_address_answers_under_both_names(api, prefix):
    made = await shared(api, [])
    sharing = f"api/{prefix}/1/dashboards/{made.number}/sharing"
    await made.change(password_required=True)

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


async def test_A04_only_its_owner_shares_it_and_others_learn_no_address(api, person):
    ana, bob = await person("ana"), await person("bob")
    made = await shared(ana, [], is_public=True)

    read = await bob("GET", made.sharing)
    refused = [
        await bob(verb, f"{made.sharing}{tail}", body)
        for verb, tail, body in (
            ("PATCH", "", {"enabled": False}),
            ("DELETE", "", None),
            ("POST", "/refresh", {}),
            ("POST", "/passwords", {}),
            ("DELETE", "/passwords/pass_x", None),
            ("GET", "/visits", None),
        )
    ]
    await ana("PATCH", f"{DASHBOARDS}/{made.number}", {"is_public": False})
    hidden = await bob("GET", made.sharing)

    assert (read.status, read.json["enabled"], read.json["access_token"]) == (200, True, None)
    assert [answer.status for answer in refused] == [403] * 6
    assert hidden.status == 404


async def test_a_deleted_dashboard_closes_its_link_until_it_is_back(api, stranger):
    made = await shared(api, [await insight(api, "N", "SELECT 1 AS n")])
    address = f"{DASHBOARDS}/{made.number}"

    await api("PATCH", address, {"deleted": True})
    gone = [
        (await stranger("GET", f"shared/{made.token}")).status,
        (await stranger("GET", f"shared/{made.token}.json")).status,
        (await api("GET", made.sharing)).status,
    ]
    await api("PATCH", address, {"deleted": False})
    back = await stranger("GET", f"shared/{made.token}")

    assert (gone, back.status) == ([404] * 3, 200)


async def test_A09_a_dashboards_link_opens_its_insights_and_nothing_else(api, stranger):
    on_it = await insight(api, "On it", "SELECT $n::INTEGER AS n", {"n": 1})
    # One whose number is that of the dashboard.
    others = [await insight(api, f"Other {n}", "SELECT 'other' AS s") for n in range(2)]
    made = await shared(api, [on_it], variables={"n": 5})
    token = f"sharing_access_token={made.token}&refresh=blocking"

    one = await stranger("GET", f"{INSIGHTS}/{on_it}?{token}")
    listed = await stranger("GET", f"{INSIGHTS}?{token}")
    elsewhere = [
        await stranger("GET", f"{INSIGHTS}/{number}?{token}")
        for number in (*others, made.number)
        if number != on_it
    ]

    assert one.json["result"] == [[5]]
    assert [each["id"] for each in listed.json["results"]] == [on_it]
    assert {answer.status for answer in elsewhere} == {404}
    assert all(b"other" not in answer.body for answer in elsewhere)


async def test_an_empty_dashboard_is_a_page(api, stranger):
    made = await shared(api, [])

    assert "No views on this dashboard are shared." in (await page(stranger, made)).told("p")
    assert (await stranger("GET", f"shared/{made.token}?tile=1")).status == 404


async def test_what_the_owner_does_not_show_is_not_there(api, stranger):
    number = await insight(api, "N", CHARTED)
    made = await shared(api, [number])

    plain = await stranger("GET", f"shared/{made.token}")
    await made.change(settings={"table": False, "chart": False, "noHeader": True})
    bare = await stranger("GET", f"shared/{made.token}")

    assert plain.body.count(b"data:image/") in {1, 2}
    assert b"Line chart of squares by day" in plain.body
    assert len(plain.body) < 100_000
    assert b"data:image" not in bare.body
    assert b"<table" not in bare.body
    assert b"<h1" not in bare.body
    assert re.search(rb"Made with Jupyter Views", bare.body)


async def test_every_deed_is_in_the_activity(api, views_app):
    made = await shared(api, [])
    await api("POST", f"{made.sharing}/refresh", {})
    await api("DELETE", made.sharing)

    services = views_app._services
    page_of = await services.activity.page(services.local_person, 1, 100, 0)

    assert [each.activity for each in page_of.items if each.scope == "dashboard"] == [
        "sharing revoked",
        "access token refreshed",
        "sharing enabled",
        "created",
    ]
