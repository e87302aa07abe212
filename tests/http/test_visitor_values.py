"""Values that visitors of a link choose: only what its owner offers, of its type, bound."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

SQL = "SELECT $region AS region, $least + 1 AS more, $share AS share, $day AS day, $whole AS whole"
OWN = {"region": "EU", "least": 4, "share": 0.5, "day": "2026-11-01", "whole": True}
TEXTS = ["'; DROP TABLE x --", "<img src=x onerror=alert(1)>", "$region", "{{region}}", "é🐘"]


@pytest.fixture
def link(api):
    """Save SQL with values and share it: the path of its page below ``shared/``."""

    async def make(sql: str = SQL, own: Any = None, name: str = "Chosen", **settings: Any) -> str:
        view = await api.save(sql, name, params=OWN if own is None else own, auto_refresh=False)
        await api("POST", f"api/views/{view['short_id']}/doors/insight", {})
        address = f"api/projects/@current/insights/{view['short_id']}/sharing"
        settings = {"parameters": list(OWN), "downloads": True} | settings
        answer = await api("PATCH", address, {"enabled": True, "settings": settings})
        assert answer.status == 200, answer.body
        return answer.json["access_token"]

    return make


DECLARED = [
    {"name": "city", "displayName": "Town", "description": "Where it was sold."},
    {"name": "region", "type": "enum", "options": ["EU", "US & more"], "defaultValue": "EU"},
    {"name": "tags", "type": "multi-enum", "options": ["a", "b", "c"], "defaultValue": ["a", "c"]},
    {"name": "least", "type": "integer", "min": 1, "max": 9, "defaultValue": 4},
    {"name": "since", "type": "date-picker", "defaultValue": "2024-01-31"},
    {"name": "until", "type": "date-picker", "defaultValue": "today", "timezone": "Asia/Tokyo"},
    {
        "name": "span",
        "type": "date-range",
        "defaultValue": {"start": "2024-01-01", "end": "2024-12-31"},
    },
    {"name": "shop", "type": "query-enum", "optionsFrom": "shops", "defaultValue": "North"},
]
ALL = (
    "SELECT {{city}}, {{region}}, array_to_string({{tags}}, '+'), {{least}}, {{since}}::VARCHAR,"
    " {{span.start}}::VARCHAR, {{span.end}}::VARCHAR, {{shop}}, {{until}} >= DATE '2024-01-01'"
)


@pytest.fixture
def declared(api):
    """Save a query that declares parameters of every kind of field, and share it."""

    async def make() -> str:
        await api.save("SELECT * FROM (VALUES ('North'), ('South')) t(shop)", "Shops")
        statement = await api.run(ALL, parameters=DECLARED, params={"city": "Rome"})
        body = {"name": "All", "statement_id": statement["id"], "doors": ["perspective", "insight"]}
        view = (await api("POST", "api/v1/perspectives", body)).json
        address = f"api/projects/@current/insights/{view['short_id']}/sharing"
        names = [each["name"] for each in DECLARED]
        settings = {"parameters": names, "downloads": True}
        answer = await api("PATCH", address, {"enabled": True, "settings": settings})
        assert answer.status == 200, answer.body
        return answer.json["access_token"]

    return make


async def page(stranger, token: str, ending: str = "", **values: str) -> Any:
    chosen = urlencode({f"p.{name}": value for name, value in values.items()})
    return await stranger("GET", f"shared/{token}{ending}?{chosen}")


def cells(answer: Any) -> list[str]:
    return re.findall(r"<td[^>]*><bdi>(.*?)</bdi></td>", answer.body.decode())


def field(answer: Any, name: str) -> str:
    """The tag of a field of the form."""
    (tag,) = re.findall(rf'<(?:input|select)[^>]* id="p\.{name}"[^>]*>', answer.body.decode())
    return tag


async def test_the_form_has_a_field_of_the_right_kind_for_each_value(stranger, link):
    answer = await page(stranger, await link())

    assert answer.status == 200
    assert cells(answer) == ["EU", "5", "0.5", "2026-11-01", "true"]
    assert 'type="text"' in field(answer, "region") and 'value="EU"' in field(answer, "region")
    assert 'type="number"' in field(answer, "least") and 'step="1"' in field(answer, "least")
    assert 'step="any"' in field(answer, "share")
    assert 'type="date"' in field(answer, "day") and 'value="2026-11-01"' in field(answer, "day")
    assert field(answer, "whole").startswith("<select")
    assert "<option selected>true</option>" in answer.body.decode()
    assert "Back to the first values" not in answer.body.decode()


async def test_chosen_values_give_their_rows_on_the_page_and_in_every_file(stranger, link):
    token = await link()
    chosen = {"region": "US", "least": "41", "share": "-1.5e3", "day": "2024-02-29"}

    answer = await page(stranger, token, whole="false", **chosen)

    assert cells(answer) == ["US", "42", "-1500.0", "2024-02-29", "false"]
    assert "Back to the first values" in answer.body.decode()
    files = await page(stranger, token, ".csv", whole="false", **chosen)
    assert files.body.decode().splitlines()[1].startswith("US,42,")
    told = await page(stranger, token, ".json", region="US")
    assert told.json["insight"]["result"][0][:2] == ["US", 5]
    assert cells(await page(stranger, token)) == ["EU", "5", "0.5", "2026-11-01", "true"]


async def test_every_way_from_the_page_keeps_the_values(stranger, link):
    sql = "SELECT $region AS region, i FROM range(150) t(i)"
    token = await link(sql, {"region": "EU"})

    html = (await page(stranger, token, region="Ä & B")).body.decode()

    hrefs = re.findall(r'href="([^"]*)"', html)
    assert len(hrefs) >= 5
    assert all("p.region=%C3%84+%26+B" in href for href in hrefs if href != "?")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("least", "1.5", "least must be a whole number."),
        ("least", "٣", "least must be a whole number."),
        ("least", "9" * 19, "least must be a whole number."),
        ("share", "nan", "share must be a finite number."),
        ("share", "1e400", "share must be a finite number."),
        ("share", "1_0", "share must be a number."),
        ("day", "2024-02-30", "day must be a day such as 2024-01-31, or today-7d."),
        ("whole", "maybe", "whole must be true or false."),
        ("region", "x" * 10_001, "region must have 10,000 characters at most."),
    ],
)
async def test_a_wrong_value_is_said_at_its_field_and_kept_there(stranger, link, name, text, words):
    token = await link()

    answer = await page(stranger, token, **{name: text})

    assert answer.status == 400
    assert cells(answer) == []
    assert 'aria-invalid="true"' in field(answer, name)
    assert f'<span class="wrong" id="p.{name}-error">{words}</span>' in answer.body.decode()
    if name != "whole":
        assert f'value="{text}"' in field(answer, name)
    refused = await page(stranger, token, ".csv", **{name: text})
    assert refused.status in {400, 422}


@pytest.mark.parametrize("text", TEXTS)
async def test_A48_what_a_visitor_writes_is_a_value_and_nothing_else(stranger, link, text):
    token = await link("SELECT $region AS region", {"region": "EU"})

    answer = await page(stranger, token, ".json", region=text)
    shown = await page(stranger, token, region=text)

    assert answer.json["insight"]["result"] == [[text]]
    assert shown.status == 200
    assert b"<img src=x" not in shown.body


async def test_A49_what_is_not_offered_cannot_be_chosen(stranger, link):
    hidden = await link(parameters=["region"])
    none = await link(name="None", parameters=[])

    answer = await page(stranger, hidden, region="US", least="41", day="2024-01-01", extra="1")

    assert cells(answer)[:2] == ["US", "5"]
    assert "p.least" not in answer.body.decode()
    assert cells(await page(stranger, none, region="US"))[0] == "EU"
    assert "<form" not in (await page(stranger, none)).body.decode()


async def test_A46_a_link_takes_so_many_choices_a_minute(stranger, link):
    token = await link("SELECT $least AS n", {"least": 0})

    answers = [await page(stranger, token, ".json", least=str(n)) for n in range(1, 32)]

    assert [each.status for each in answers] == [200] * 30 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert (await page(stranger, token)).status == 200


async def test_a_value_that_the_query_fails_with_is_told_without_its_message(stranger, link):
    token = await link("SELECT CAST($region AS INTEGER) AS n", {"region": "1"})

    answer = await page(stranger, token, region="secret")

    assert answer.status == 200
    assert "Failed: the query does not run with these values." in answer.body.decode()
    assert "Conversion" not in answer.body.decode()
    assert 'value="secret"' in field(answer, "region")


async def test_settings_name_parameters_as_queries_do(api, link):
    await link()
    view = (await api("GET", "api/views")).json["items"][0]
    address = f"api/projects/@current/insights/{view['short_id']}/sharing"

    for names in (["a b"], ["x" * 200], "region", [1], ["n"] * 21):
        answer = await api("PATCH", address, {"settings": {"parameters": names}})
        assert (answer.status, answer.json["attr"]) == (400, "settings")


async def test_declared_parameters_have_fields_of_their_types(stranger, declared):
    answer = await page(stranger, await declared())

    html = answer.body.decode()
    assert cells(answer) == [
        "Rome", "EU", "a+c", "4", "2024-01-31", "2024-01-01", "2024-12-31", "North", "true",
    ]  # fmt: skip
    assert "<bdi>Town</bdi>" in html and "<bdi>Where it was sold.</bdi>" in html
    assert field(answer, "region").startswith("<select")
    assert "<option selected>EU</option><option>US &amp; more</option>" in html
    assert "multiple" in field(answer, "tags")
    assert "<option selected>a</option><option>b</option><option selected>c</option>" in html
    assert 'type="date"' in field(answer, "since")
    assert 'type="text"' in field(answer, "until") and 'value="today"' in field(answer, "until")
    assert 'type="date"' in field(answer, "span.start") and "Days" not in html
    assert 'value="2024-12-31"' in field(answer, "span.end")
    assert "<option selected>North</option><option>South</option>" in html


async def test_declared_values_are_chosen_and_kept_in_every_address(stranger, declared):
    token = await declared()
    chosen = (
        "p.city=Oslo&p.region=US+%26+more&p.tags=b&p.tags=a&p.least=9&p.since=2024-02-29"
        "&p.span.start=2024-02-01&p.span.end=2024-02-02&p.shop=South"
    )

    answer = await stranger("GET", f"shared/{token}?{chosen}")

    expected = [
        "Oslo", "US &amp; more", "a+b", "9", "2024-02-29", "2024-02-01", "2024-02-02", "South",
    ]  # fmt: skip
    assert cells(answer)[:-1] == expected
    (csv,) = re.findall(r'href="[^"]*/(shared/[^"]*\.csv[^"]*)"', answer.body.decode())
    lines = (await stranger("GET", csv.replace("&amp;", "&"))).body.decode().splitlines()
    assert lines[1].startswith("Oslo,US & more,a+b,9,2024-02-29,2024-02-01,2024-02-02,South,")


@pytest.mark.parametrize(
    ("chosen", "key", "words"),
    [
        ("p.region=Mars", "region", "region must be one of EU, US &amp; more."),
        ("p.tags=a&p.tags=z", "tags", "tags must be a list of a, b, c."),
        ("p.least=10", "least", "least must be a value from 1 up to 9."),
        ("p.since=2024-02-30", "since", "since must be a day such as 2024-01-31, or today-7d."),
        ("p.shop=West", "shop", "shop must be one of North, South."),
        (
            "p.span.start=2024-02-02&p.span.end=2024-02-01",
            "span.end",
            "span must not start after it ends.",
        ),
    ],
)
async def test_a_wrong_declared_value_is_said_at_its_field(stranger, declared, chosen, key, words):
    token = await declared()

    answer = await stranger("GET", f"shared/{token}?{chosen}")

    assert answer.status == 400
    assert cells(answer) == []
    assert f'<span class="wrong" id="p.{key}-error">{words}</span>' in answer.body.decode()
