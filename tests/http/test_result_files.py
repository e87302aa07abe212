"""Rows as files: an address that ends in a format, and values for parameters in it."""

from __future__ import annotations

import io
from itertools import product
from urllib.parse import quote, urlencode

import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("json", "ndjson", "csv", "arrow", "parquet")
BY_REGION = (
    "SELECT region, n FROM (VALUES ('EU', 1), ('US', 2), ('a b&c=d+%/?#', 3)) t(region, n) "
    "WHERE region = $region AND n >= $least"
)


async def _save(api, sql="SELECT 2 AS b, 'x' AS a", name="Some Rows", **fields):
    view = await api.save(sql, name, **fields)
    return f"api/v1/perspectives/{view['slug']}/result", f"api/views/{view['short_id']}/result"


async def test_a_suffix_is_the_format_at_both_addresses(api):
    for address, format in product(await _save(api), FORMATS):
        asked = await api("GET", f"{address}?format={format}")
        named = await api("GET", f"{address}.{format}")
        headed = await api("HEAD", f"{address}.{format}")

        assert named.status == headed.status == 200
        assert named.body.replace(f"result.{format}".encode(), b"result") == asked.body
        for header in ("Content-Type", "Etag", "X-Row-Count", "Cache-Control", "Last-Modified"):
            assert named.headers[header] == asked.headers[header] == headed.headers[header]


async def test_a_file_has_a_name_and_is_shown_unless_a_download_is_asked_for(api):
    for address in await _save(api):
        shown = await api("GET", f"{address}.csv")
        saved = await api("GET", f"{address}.csv?download=true")

        day = shown.headers["X-Result-Computed-At"][:10].replace("-", "")
        name = f'filename="some-rows_{day}.csv"'
        assert shown.headers["Content-Disposition"] == f"inline; {name}"
        assert saved.headers["Content-Disposition"] == f"attachment; {name}"


async def test_what_the_client_has_costs_a_304_also_after_equal_rows_were_computed_anew(api):
    address, _ = await _save(api)
    first = await api("GET", f"{address}.parquet")
    refreshed = await api("POST", address.replace("/result", "/refresh"))
    await api("GET", f"api/v1/statements/{refreshed.json['id']}", headers={"Prefer": "wait=20"})

    again = await api("GET", f"{address}.parquet", headers={"If-None-Match": first.headers["Etag"]})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["X-Result-Computed-At"] > first.headers["X-Result-Computed-At"]


async def test_columns_stand_in_the_order_of_the_query_in_every_format(api):
    address, _ = await _save(api)

    files = {format: (await api("GET", f"{address}.{format}")) for format in FORMATS}

    assert files["csv"].body == b"b,a\r\n2,x\r\n"
    assert files["json"].json["cols"] == ["b", "a"]
    assert files["ndjson"].body == b'{"b":2,"a":"x"}\n'
    assert pa.ipc.open_stream(files["arrow"].body).read_all().column_names == ["b", "a"]
    assert pq.read_table(io.BytesIO(files["parquet"].body)).column_names == ["b", "a"]


async def test_the_suffix_wins_over_accept_and_takes_a_window(api):
    address, _ = await _save(api, "SELECT range AS n FROM range(9)")

    answer = await api(
        "GET", f"{address}.CSV?limit=2&offset=4", headers={"Accept": "application/json"}
    )

    assert answer.body == b"n\r\n4\r\n5\r\n"
    assert "/result.CSV?limit=2&offset=6" in answer.headers["Link"]


async def test_a_contradiction_and_an_unknown_suffix_are_406_with_what_there_is(api):
    for address in await _save(api):
        same = await api("GET", f"{address}.csv?format=csv")
        other = await api("GET", f"{address}.csv?format=json")
        unknown = await api("GET", f"{address}.xlsx")

        assert same.status == 200
        assert (other.status, unknown.status) == (406, 406)
        assert other.json["message"] == "This address ends in .csv, and format= says 'json'."
        assert other.json["details"]["supported"] == unknown.json["details"]["supported"]
        assert (await api("GET", f"{address}.")).status == 404
        assert (await api("GET", f"{address}.c/sv")).status == 404


async def test_values_in_the_address_give_their_own_rows_and_leave_the_view_alone(api):
    addresses = await _save(api, BY_REGION, params={"region": "EU", "least": 1})
    for address in addresses:
        for region, least, body in (
            ("US", "2", b"region,n\r\nUS,2\r\n"),
            ("US", "3", b"region,n\r\n"),
            ("a b&c=d+%/?#", "0", b"region,n\r\na b&c=d+%/?#,3\r\n"),
        ):
            query = urlencode({"param.region": region, "param.least": least})
            answer = await api("GET", f"{address}.csv?{query}")
            assert (answer.status, answer.body) == (200, body)
        only = await api("GET", f"{address}.csv?param.region=US")
        assert only.body == b"region,n\r\nUS,2\r\n"
        own = await api("GET", f"{address}.csv")
        assert own.body == b"region,n\r\nEU,1\r\n"


async def test_a_value_keeps_the_type_of_the_views_own(api):
    for own, good, bad in (
        (4, {"5": 5, "-3": -3}, ["", "x", "4.5", "true", "null", "[4]", "0x10", "+4", "1 2"]),
        (0.5, {"2": 2.0, "-0.25": -0.25}, ["", "x", "NaN", "Infinity", "true", '"2"']),
        (True, {"false": False, "true": True}, ["", "1", "yes", "False", "null"]),
        ("t", {"": "", "null": "null", " 4": " 4", "'": "'", "ü": "ü", "🐦": "🐦"}, []),
        ([1, 2], {"[3]": [3]}, ["", "3", "{}", "["]),
    ):
        name = f"Of {type(own).__name__}"
        address, _ = await _save(api, "SELECT $v AS v", name, params={"v": own})
        for text, value in good.items():
            answer = await api("GET", f"{address}.json?param.v={quote(text)}")
            assert answer.status == 200, answer.body
            assert answer.json["rows"] == [[value]], text
        for text in bad:
            answer = await api("GET", f"{address}.json?param.v={quote(text)}")
            assert (answer.status, answer.json["details"].get("field")) == (422, "param.v"), text
            assert answer.json["message"].startswith("param.v is ")


async def test_a_parameter_that_the_view_does_not_have_is_422_naming_those_it_has(api):
    address, _ = await _save(api, "SELECT $least AS v", params={"least": 1})
    plain, _ = await _save(api, name="Plain")

    wrong = await api("GET", f"{address}.csv?param.leest=2")
    none = await api("GET", f"{plain}.csv?param.=2")

    assert (wrong.status, wrong.json["details"]["field"]) == (422, "param.leest")
    assert wrong.json["hint"] == "It has param.least."
    assert (none.status, none.json["hint"]) == (422, "It has no parameters.")
    assert (await api("GET", f"{address}.csv?param.least=%ff")).status == 400


async def test_values_that_the_query_cannot_take_say_what_went_wrong(api):
    address, _ = await _save(api, "SELECT CAST($day AS DATE) AS day", params={"day": "2026-11-30"})

    answer = await api("GET", f"{address}.csv?param.day=2024-02-30")

    assert answer.status == 502
    assert answer.json["error"] == "ENGINE_ERROR"
    assert "2024-02-30" in answer.json["message"]
    assert (await api("GET", f"{address}.csv")).body == b"day\r\n2026-11-30\r\n"


async def test_who_may_not_read_the_view_gets_no_rows_with_values_either(api, person):
    addresses = await _save(api, "SELECT $v AS v", params={"v": 1})
    ana = await person("ana")
    for address in addresses:
        for tail in (".csv", ".csv?param.v=2", ".csv?param.w=2"):
            assert (await ana("GET", address + tail)).status in {403, 404}, tail


async def test_the_document_lists_the_addresses_of_files(api):
    paths = (await api("GET", "api/openapi.json")).json["paths"]

    for path in (
        "/api/v1/perspectives/{slug}/result.{format}",
        "/api/views/{short_id}/result.{format}",
    ):
        named = {each["name"]: each["schema"] for each in paths[path]["parameters"]}
        assert named["format"] == {"type": "string", "enum": list(FORMATS)}
