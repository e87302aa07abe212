"""Query references: their page's five routes, who sees which, and the rows behind them."""

from __future__ import annotations

import asyncio
import io
import re
import uuid
from datetime import date, timedelta
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from abuse.injection import INJECTIONS

REFS = "api/queries/refs"
WAIT = {"Prefer": "wait=30"}
ENDLESS = "SELECT count(*) FROM range(300000) a, range(300000) b WHERE a.range + b.range < -1"
ON_THE_PAGE = {
    "id", "shortId", "title", "description", "isOptimistic", "createdBy", "createdAt",
    "updatedAt", "currentQuery",
}  # fmt: skip
VISUALIZATION = {
    "type": "line",
    "jsxConfig": "<Chart/>",
    "marginConfig": {"top": 20, "right": 30, "bottom": 40, "left": 50},
    "palette": ["#fff"],
}
PARAMETERS = [
    {
        "name": "start_date",
        "displayName": "Start Date",
        "type": "date-picker",
        "defaultValue": "2024-01-01",
        "description": "The start date for the analysis",
    }
]


async def query_id(api, sql, **fields):
    answer = await api("POST", "api/queries", {"sql": sql, **fields}, headers=WAIT)
    assert answer.status == 201, answer.body
    return answer.json["id"]


async def refer(api, sql="SELECT 1 AS a", params=None, **fields):
    body = {"queryId": await query_id(api, sql, params=params or {}), **fields}
    answer = await api("POST", REFS, body)
    assert answer.status == 201, answer.body
    return answer.json


async def follow(api, view, **fields):
    answer = await api("POST", REFS, {"view": view, **fields})
    assert answer.status == 201, answer.body
    return answer.json


async def test_create_answers_201_with_every_field_of_the_page(api):
    query = await query_id(api, "SELECT 1 AS a")

    answer = await api("POST", REFS, {"queryId": query})

    assert answer.status == 201
    made = answer.json
    assert made.keys() >= ON_THE_PAGE
    assert "visualization" not in made
    assert re.fullmatch(r"qref_\d+", made["id"])
    assert re.fullmatch(r"[0-9A-Za-z]{8}", made["shortId"])
    assert made["title"] == "Untitled Query Reference"
    assert (made["description"], made["isOptimistic"]) == (None, False)
    assert made["createdBy"] == "local"
    assert made["createdAt"] == made["updatedAt"]
    assert made["createdAt"].endswith("Z")
    assert made["currentQuery"] == {"id": query, "sql": "SELECT 1 AS a"}
    assert answer.headers["Location"].endswith(f"/{REFS}/{made['shortId']}")
    assert (await api("GET", f"{REFS}/{made['shortId']}")).headers["Etag"] == answer.headers["Etag"]


async def test_what_is_said_at_creation_is_given_back_as_it_came(api):
    said = {
        "title": "Weekly",
        "description": "By week",
        "visualization": VISUALIZATION,
        "parameters": PARAMETERS,
    }
    made = await refer(api, "SELECT $start_date AS d", {"start_date": "2023-01-01"}, **said)

    read = (await api("GET", f"{REFS}/{made['shortId']}")).json

    (declared,) = read["parameters"]
    assert declared.items() >= PARAMETERS[0].items()
    assert {name: read[name] for name in said.keys() - {"parameters"}} == {
        name: value for name, value in said.items() if name != "parameters"
    }
    assert (read["isStale"], read["staleReason"]) == (None, None) or read["isStale"] is not None
    (item,) = (await api("GET", REFS)).json["items"]
    assert not {"visualization", "parameters"} & item.keys()
    assert item.keys() >= ON_THE_PAGE
    assert {name: item[name] for name in ON_THE_PAGE} == {name: read[name] for name in ON_THE_PAGE}


async def test_a_statement_id_serves_as_a_query_id(api):
    statement = await api.run("SELECT 2 AS b")

    made = (await api("POST", REFS, {"queryId": statement["id"]})).json

    assert uuid.UUID(made["currentQuery"]["id"])
    assert (await api("GET", f"api/queries/{statement['id']}")).json["id"] == (
        made["currentQuery"]["id"]
    )


async def test_a_query_that_is_not_there_is_404_and_what_can_be_none_422(api):
    for absent in (str(uuid.uuid4()), "stmt_01m8nqwa3ceen8nbymn7wg8w7q"):
        answer = await api("POST", REFS, {"queryId": absent})
        assert (answer.status, answer.json["code"]) == (404, "NOT_FOUND")
    query = await query_id(api, "SELECT 1")
    for body in (
        {},
        {"queryId": None},
        {"queryId": 5},
        {"queryId": "qry_1"},
        {"queryId": "' OR 1=1 --"},
        {"queryId": query, "view": "x"},
        {"queryId": query, "version": 1},
        {"queryId": query, "title": ""},
        {"queryId": query, "title": 5},
        {"queryId": query, "visualization": []},
        {"queryId": query, "visualization": {"marginConfig": {"top": "x"}}},
        {"queryId": query, "visualization": {"jsxConfig": "x" * 70_000}},
        {"queryId": query, "parameters": {}},
        {"queryId": query, "parameters": [{"name": "no name"}]},
        {"queryId": query, "parameters": [{"name": "a", "type": "colour"}]},
        {"queryId": query, "parameters": [{"name": "a"}, {"name": "a"}]},
        {
            "queryId": query,
            "parameters": [{"name": "a", "type": "date-picker", "defaultValue": "2024-02-30"}],
        },
    ):
        answer = await api("POST", REFS, body)
        assert answer.status == 422, body
        assert answer.json.keys() == {"type", "message", "documentation_url", "code"}
        assert answer.json["type"] == "invalid_request"
    assert (await api("GET", REFS)).json == {"items": []}


async def test_many_references_may_point_to_one_query(api):
    query = await query_id(api, "SELECT 1")

    made = [(await api("POST", REFS, {"queryId": query})).json for _ in range(3)]

    assert len({each["shortId"] for each in made}) == len({each["id"] for each in made}) == 3
    assert {each["currentQuery"]["id"] for each in made} == {query}


async def test_one_idempotency_key_makes_one_reference(api):
    body = {"queryId": await query_id(api, "SELECT 1")}
    headers = {"Idempotency-Key": "k"}

    first = await api("POST", REFS, body, headers=headers)
    second = await api("POST", REFS, body, headers=headers)

    assert first.json == second.json
    assert first.headers["Etag"] == second.headers["Etag"]
    assert len((await api("GET", REFS)).json["items"]) == 1


async def test_the_list_goes_by_cursor_newest_first_also_past_deleted_ones(api):
    query = await query_id(api, "SELECT 1")
    made = [(await api("POST", REFS, {"queryId": query})).json["shortId"] for _ in range(7)]

    first = await api("GET", f"{REFS}?limit=3")
    shown = [item["shortId"] for item in first.json["items"]]
    assert shown == made[:3:-1]
    cursor = first.json["nextCursor"]
    assert f"cursor={cursor}" in first.headers["Link"]
    for gone in (*shown, made[3]):
        assert (await api("DELETE", f"{REFS}/{gone}")).status == 200
    second = await api("GET", f"{REFS}?limit=3&cursor={cursor}")

    assert [item["shortId"] for item in second.json["items"]] == made[2::-1]
    assert second.json.keys() == {"items"}
    assert "Link" not in second.headers


async def test_twenty_are_shown_unless_a_limit_says_otherwise(api):
    query = await query_id(api, "SELECT 1")
    for _ in range(21):
        await api("POST", REFS, {"queryId": query})

    assert len((await api("GET", REFS)).json["items"]) == 20
    assert len((await api("GET", f"{REFS}?limit=100")).json["items"]) == 21
    for limit in ("0", "101", "ten", "1.5"):
        assert (await api("GET", f"{REFS}?limit={limit}")).status == 422
    for cursor in ("x", "eyJpZCI6InFyZWZfOTk5OTkifQ", "eyJpZCI6IjEifQ", "%F0%9F", "e30"):
        answer = await api("GET", f"{REFS}?cursor={cursor}")
        assert (answer.status, answer.json["code"]) == (400, "BAD_REQUEST"), cursor


async def test_an_update_answers_200_and_changes_words_alone(api):
    made = await refer(api, title="Weekly", description="d", visualization=VISUALIZATION)
    path = f"{REFS}/{made['shortId']}"

    renamed = await api("PUT", path, {"title": "Monthly"})
    cleared = await api("PUT", path, {"description": None, "visualization": None})
    declared = await api("PUT", path, {"parameters": PARAMETERS})

    assert renamed.status == cleared.status == declared.status == 200
    assert (renamed.json["title"], renamed.json["description"]) == ("Monthly", "d")
    assert renamed.json["updatedAt"] > made["updatedAt"]
    assert cleared.json["description"] is None
    assert "visualization" not in cleared.json
    assert declared.json["parameters"][0].items() >= PARAMETERS[0].items()
    undeclared = await api("PUT", path, {"parameters": None})
    assert "parameters" not in undeclared.json
    assert declared.json["createdAt"] == made["createdAt"]
    fixed = {"shortId": "x", "queryId": made["currentQuery"]["id"], "view": "v", "version": 1}
    for name, value in fixed.items():
        answer = await api("PUT", path, {"title": "No", name: value})
        assert (answer.status, name in answer.json["message"]) == (422, True)
    assert (await api("PUT", path, {"title": None})).status == 422
    assert (await api("GET", path)).json["title"] == "Monthly"


async def test_a_deleted_reference_is_a_tombstone_then_404_and_its_query_stays(api):
    made = await refer(api, title="Weekly", description="d")
    path = f"{REFS}/{made['shortId']}"

    gone = await api("DELETE", path)

    assert gone.status == 200
    assert gone.json == {
        "id": made["id"],
        "shortId": made["shortId"],
        "title": "Weekly",
        "description": "d",
        "queryId": made["currentQuery"]["id"],
        "createdAt": made["createdAt"],
        "updatedAt": gone.json["updatedAt"],
        "deletedAt": gone.json["deletedAt"],
    }
    assert gone.json["deletedAt"] > made["createdAt"]
    for method, body in (("GET", None), ("PUT", {"title": "x"}), ("DELETE", None)):
        assert (await api(method, path, body)).status == 404
    assert (await api("GET", f"{path}/result")).status == 404
    query = await api("GET", f"api/queries/{gone.json['queryId']}")
    assert query.status == 200
    assert (
        await api("GET", f"api/v1/statements/{query.json['latestRun']['id']}/result")
    ).status == (200)


async def test_short_ids_are_case_sensitive(api):
    made = await refer(api)
    swapped = made["shortId"].swapcase()

    if swapped != made["shortId"]:
        assert (await api("GET", f"{REFS}/{swapped}")).status == 404
    assert (await api("GET", f"{REFS}/none")).status == 404


async def test_tags_of_objects_guard_writes_and_spare_reads(api):
    made = await refer(api)
    path = f"{REFS}/{made['shortId']}"
    tag = (await api("GET", path)).headers["Etag"]

    assert (await api("GET", path, headers={"If-None-Match": tag})).status == 304
    assert (await api("PUT", path, {"title": "A"}, headers={"If-Match": tag})).status == 200
    late = await api("PUT", path, {"title": "B"}, headers={"If-Match": tag})
    assert (late.status, late.json["code"]) == (412, "PRECONDITION_FAILED")
    assert (await api("DELETE", path, headers={"If-Match": tag})).status == 412
    assert (await api("GET", path, headers={"If-None-Match": tag})).json["title"] == "A"


async def test_racing_updates_all_land(api):
    made = await refer(api)
    path = f"{REFS}/{made['shortId']}"

    bodies = [{"title": f"T{n}"} if n % 2 else {"description": f"D{n}"} for n in range(8)]
    answers = await asyncio.gather(*(api("PUT", path, body) for body in bodies))

    assert {answer.status for answer in answers} == {200}
    read = (await api("GET", path)).json
    assert read["title"].startswith("T")
    assert read["description"].startswith("D")


@pytest.fixture
def people(person):
    async def make():
        return [await person(name) for name in ("olga", "ana", "paul", "sam")]

    return make


async def assert_matrix(olga, granted, paul, sam, stranger, private, public):
    callers = {
        "O": (olga, private),
        "A": (granted, private),
        "P": (paul, public),
        "S": (sam, private),
        "X": (stranger, private),
    }
    expected = {
        ("GET", ""): {"O": 200, "A": 200, "P": 200, "S": 404, "X": 401},
        ("GET", "/result"): {"O": 200, "A": 200, "P": 200, "S": 404, "X": 401},
        ("GET", "/result.csv"): {"O": 200, "A": 200, "P": 200, "S": 404, "X": 401},
        ("GET", "/versions"): {"O": 200, "A": 200, "P": 200, "S": 404, "X": 401},
        ("PUT", ""): {"O": 200, "A": 403, "P": 403, "S": 404, "X": 401},
        ("DELETE", ""): {"X": 401, "S": 404, "P": 403, "A": 403, "O": 200},
    }
    for (method, tail), statuses in expected.items():
        for principal, status in statuses.items():
            call, short_id = callers[principal]
            body = {"title": "new"} if method == "PUT" else None
            answer = await call(method, f"{REFS}/{short_id}{tail}", body)
            assert answer.status == status, (method, tail, principal, answer.body)


async def test_the_access_matrix_holds_for_references_on_queries(people, stranger):
    olga, ana, _, sam = everybody = await people()
    private = await refer(olga, allowedUserIds=["ana"])
    public = await refer(olga, isPublic=True)

    assert (private["allowedUserIds"], private["isPublic"]) == (["ana"], False)
    seen = await ana("GET", f"{REFS}/{private['shortId']}")
    assert "allowedUserIds" not in seen.json
    assert seen.json["currentQuery"]["sql"] == "SELECT 1 AS a"
    assert [len((await each("GET", REFS)).json["items"]) for each in everybody] == [2, 2, 1, 1]
    assert (await sam("GET", f"api/queries/{private['currentQuery']['id']}")).status == 200
    await assert_matrix(*everybody, stranger, private["shortId"], public["shortId"])


async def test_the_access_matrix_holds_for_references_that_follow_views(people, stranger):
    olga, *_ = everybody = await people()
    await olga.save("SELECT 1 AS a", "Private", allowed_user_ids=["ana"])
    await olga.save("SELECT 2 AS a", "Public", is_public=True)
    private, public = await follow(olga, "private"), await follow(olga, "public")

    assert (private["isPublic"], public["isPublic"]) == (False, True)
    assert [len((await each("GET", REFS)).json["items"]) for each in everybody] == [2, 2, 1, 1]
    await assert_matrix(*everybody, stranger, private["shortId"], public["shortId"])


async def test_a_reference_shows_what_its_view_shows_to_its_reader(people):
    olga, ana, paul, _ = await people()
    await olga.save("SELECT 41 AS secret", "V", allowed_user_ids=["ana", "paul"])
    hers = await follow(ana, "v", title="Ana's")
    path = f"{REFS}/{hers['shortId']}"
    assert (await paul("GET", path)).json["createdBy"] == "ana"
    assert (await paul("POST", REFS, {"view": "nothing"})).status == 404

    await olga("PUT", "api/v1/perspectives/v", {"allowed_user_ids": ["paul"]})

    kept = await ana("GET", path)
    assert (kept.status, kept.json["currentQuery"], kept.json["view"]) == (200, None, None)
    for tail in ("/result", "/versions"):
        assert (await ana("GET", path + tail)).status == 404
    assert (await paul("GET", f"{path}/result")).json["rows"] == [[41]]
    assert (await ana("POST", REFS, {"view": "v"})).status == 404
    assert (await ana("POST", REFS, {"queryId": kept.json["id"]})).status == 422
    assert (await ana("DELETE", path)).status == 200
    own = await olga("POST", REFS, {"view": "v", "isPublic": True})
    assert (own.status, "view" in own.json["message"]) == (422, True)


async def test_a_granted_reader_loses_a_reference_on_the_next_request(people):
    olga, ana, *_ = await people()
    made = await refer(olga, allowedUserIds=["ana"])
    path = f"{REFS}/{made['shortId']}"
    tag = (await ana("GET", f"{path}/result")).headers["Etag"]

    await olga("PUT", path, {"allowedUserIds": []})

    again = await ana("GET", f"{path}/result", headers={"If-None-Match": tag})
    assert again.status == 404
    assert (await ana("GET", REFS)).json == {"items": []}


async def test_scopes_of_keys(person):
    reads, writes = await person("olga", "query:read"), await person("olga", "query:write")
    made = await refer(writes)
    path = f"{REFS}/{made['shortId']}"

    for tail in ("", "/result", "/versions"):
        assert (await reads("GET", path + tail)).status == 200
    for method, body in (("PUT", {"title": "x"}), ("DELETE", None)):
        refused = await reads(method, path, body)
        assert (refused.status, "query:write" in refused.json["message"]) == (403, True)
    assert (await reads("POST", REFS, {"queryId": made["currentQuery"]["id"]})).status == 403


async def test_a_result_comes_in_every_format_by_name_by_header_and_by_suffix(api):
    made = await refer(api, "SELECT range AS n, 'é' AS t FROM range(3) ORDER BY n")
    path = f"{REFS}/{made['shortId']}/result"

    rows = await api("GET", path)
    assert rows.json["rows"] == [[0, "é"], [1, "é"], [2, "é"]]
    assert rows.json["cols"] == ["n", "t"]
    assert rows.json["row_count"] == rows.json["total_row_count"] == 3
    assert rows.json["_links"]["self"]["href"].endswith(path)
    for name, kind in {
        "json": "application/json",
        "ndjson": "application/x-ndjson",
        "csv": "text/csv; charset=utf-8; header=present",
        "arrow": "application/vnd.apache.arrow.stream",
        "parquet": "application/vnd.apache.parquet",
    }.items():
        by_name = await api("GET", f"{path}?format={name}")
        by_header = await api("GET", path, headers={"Accept": kind.split(";")[0]})
        by_suffix = await api("GET", f"{path}.{name}")
        assert by_name.status == by_header.status == by_suffix.status == 200
        assert by_suffix.headers["Content-Type"] == kind
        assert by_suffix.headers["Etag"] == by_name.headers["Etag"] == by_header.headers["Etag"]
        if name != "json":
            assert by_suffix.body == by_name.body == by_header.body
        known = {"If-None-Match": by_suffix.headers["Etag"]}
        assert (await api("GET", f"{path}.{name}", headers=known)).status == 304
    assert (await api("GET", f"{path}.csv")).body == "n,t\r\n0,é\r\n1,é\r\n2,é\r\n".encode()
    table = pa.ipc.open_stream((await api("GET", f"{path}.arrow")).body).read_all()
    assert table.column("n").to_pylist() == [0, 1, 2]
    parquet = pq.read_table(io.BytesIO((await api("GET", f"{path}.parquet")).body))
    assert parquet.column_names == ["n", "t"]
    assert (await api("GET", f"{path}?format=xlsx")).status == 406
    assert (await api("GET", f"{path}.xlsx")).status == 406


async def test_a_result_has_the_windows_and_headers_of_a_perspectives(api):
    made = await refer(api, "SELECT range AS n, range AS m FROM range(10) ORDER BY n")
    path = f"{REFS}/{made['shortId']}/result"

    window = await api("GET", f"{path}?limit=2&offset=4&columns=m")
    download = await api("GET", f"{path}.csv?download=true&bom=true")

    assert window.json["rows"] == [[4], [5]]
    assert window.headers["X-Row-Count"] == "2"
    assert window.headers["X-Total-Row-Count"] == "10"
    assert {'rel="next"', 'rel="prev"'} <= set(re.findall(r'rel="\w+"', window.headers["Link"]))
    assert window.headers["Cache-Control"] == "private, no-cache"
    assert {"Age", "Last-Modified", "X-Result-Computed-At"} <= window.headers.keys()
    assert re.fullmatch(
        rf'attachment; filename="{made["shortId"]}_\d{{8}}.csv"',
        download.headers["Content-Disposition"],
    )
    assert download.body.startswith(b"\xef\xbb\xbf")
    missing = await api("GET", f"{path}?columns=x")
    assert (missing.status, missing.json["code"]) == (400, "INVALID_COLUMNS")
    assert (await api("HEAD", f"{path}.csv")).headers["X-Total-Row-Count"] == "10"


async def test_a_changed_source_gives_old_rows_with_the_reason_and_new_ones_behind(
    api, data_folder
):
    source = data_folder / "n.csv"
    source.write_text("n\n1\n2\n")
    made = await refer(api, "SELECT sum(n) AS s FROM 'n.csv'")
    path = f"{REFS}/{made['shortId']}"
    source.write_text("n\n1\n2\n3\n")
    await asyncio.sleep(1.2)

    told = (await api("GET", path)).json
    stale = await api("GET", f"{path}/result")

    assert (told["isStale"], told["staleReason"], told["staleSources"]) == (
        True, "source_changed", ["n.csv"],
    )  # fmt: skip
    assert stale.json["rows"] == [[3]]
    assert stale.headers["X-Stale-Reason"] == "source_changed"
    refresh = stale.headers["X-Refresh-Statement-Id"]
    await api("GET", f"api/v1/statements/{refresh}", headers=WAIT)
    fresh = await api("GET", f"{path}/result")
    assert fresh.json["rows"] == [[6]]
    assert "Is-Stale" not in fresh.headers


async def test_refresh_true_computes_anew_behind_in_the_owners_name(people, data_folder):
    olga, ana, *_ = await people()
    made = await refer(olga, "SELECT random() AS r", isPublic=True)
    path = f"{REFS}/{made['shortId']}/result"
    first = (await ana("GET", path)).json["rows"]

    forced = await ana("GET", f"{path}?refresh=true")

    refresh = forced.headers["X-Refresh-Statement-Id"]
    assert forced.headers["Cache-Control"] == "no-store"
    assert (await ana("GET", f"api/v1/statements/{refresh}", headers=WAIT)).json["sql"] is None
    assert (await olga("GET", f"api/v1/statements/{refresh}")).json["sql"]
    assert (await ana("GET", path)).json["rows"] != first
    statuses = [(await ana("GET", f"{path}?refresh=true")).status for _ in range(6)]
    assert statuses[-1] == 429


async def test_values_are_chosen_in_the_address_and_each_has_rows_of_its_own(people):
    olga, ana, *_ = await people()
    made = await refer(
        olga,
        "SELECT $n AS n, $t AS t, $on AS o, $r AS r",
        {"n": 1, "t": "a", "on": True, "r": 0.5},
        isPublic=True,
    )
    path = f"{REFS}/{made['shortId']}/result"

    assert (await ana("GET", path)).json["rows"] == [[1, "a", True, 0.5]]
    chosen = await ana("GET", f"{path}?param.n=2&param.t=%C3%A9%20%26&param.on=false&param.r=2")
    assert chosen.json["rows"] == [[2, "é &", False, 2.0]]
    assert (await ana("GET", path)).json["rows"] == [[1, "a", True, 0.5]]
    csv = await ana("GET", f"{path}.csv?param.n=3")
    assert csv.body.split(b"\r\n")[1].startswith(b"3,a,")


async def test_declared_parameters_alone_may_be_chosen_and_have_types(api):
    made = await refer(
        api,
        "SELECT $start_date AS d, $limit_to AS l, $kind AS k",
        {"start_date": "2023-01-01", "limit_to": 5, "kind": "x"},
        parameters=[
            *PARAMETERS,
            {"name": "kind", "type": "enum", "options": ["x", "y"]},
        ],
    )
    path = f"{REFS}/{made['shortId']}/result"

    missing = await api("GET", path)
    assert (missing.status, missing.json["code"]) == (400, "MISSING_PARAMETERS")
    assert "kind" in missing.json["message"]
    assert (await api("GET", f"{path}?param.kind=y")).json["rows"] == [["2024-01-01", 5, "y"]]
    undeclared = await api("GET", f"{path}?param.kind=y&param.limit_to=6")
    assert (undeclared.status, undeclared.json["code"]) == (422, "VALIDATION")
    assert "limit_to" in undeclared.json["message"]
    for text, name in (
        ("param.kind=z", "kind"),
        ("param.kind=y&param.start_date=2024-02-30", "start_date"),
        ("param.kind=y&param.start_date=tomorrow", "start_date"),
    ):
        wrong = await api("GET", f"{path}?{text}")
        assert (wrong.status, wrong.json["code"]) == (400, "INVALID_PARAMETERS"), text
        assert name in wrong.json["message"]


async def test_wrong_types_are_400_naming_the_parameter(api):
    made = await refer(api, "SELECT $n AS n, $on AS o, $r AS r", {"n": 1, "on": True, "r": 0.5})
    path = f"{REFS}/{made['shortId']}/result"

    for name, text in (
        ("n", "x"), ("n", "1.5"), ("n", "1e3"), ("n", ""), ("on", "yes"), ("r", "NaN"),
        ("r", "1_0"), ("r", "inf"),
    ):  # fmt: skip
        answer = await api("GET", f"{path}?param.{name}={text}")
        assert (answer.status, answer.json["code"]) == (400, "INVALID_PARAMETERS"), (name, text)
        assert name in answer.json["message"]


async def test_sql_in_a_value_stays_a_value(api):
    made = await refer(
        api, "SELECT $a AS a", parameters=[{"name": "a", "type": "text"}], params={"a": "x"}
    )
    path = f"{REFS}/{made['shortId']}/result"

    for text in INJECTIONS[::25]:
        answer = await api("GET", f"{path}?param.a={quote(text, safe='')}")
        assert (answer.status, answer.json["rows"]) == (200, [[text]]), text


async def test_a_declared_range_and_today_are_bound_as_days(api):
    span = {"name": "span", "type": "date-range"}
    sql = "SELECT {{span.start}} AS a, {{span.end}} - {{span.start}} AS d, $until AS u"
    until = {"name": "until", "type": "date-picker", "defaultValue": "today"}
    values = {"span": {"start": "2024-01-01", "end": "2024-01-31"}}
    query = await query_id(api, sql, params=values, parameters=[span, until])
    made = (await api("POST", REFS, {"queryId": query})).json
    path = f"{REFS}/{made['shortId']}/result"

    assert [each["name"] for each in made["parameters"]] == ["span", "until"]
    for text in (
        "param.span=2024-02-01/2024-02-03&param.until=2024-05-05",
        "param.span.start=2024-02-01&param.span.end=2024-02-03&param.until=2024-05-05",
    ):
        rows = (await api("GET", f"{path}?{text}")).json["rows"]
        assert rows == [["2024-02-01", 2, "2024-05-05"]]
    today = (await api("GET", path)).json["rows"][0]
    assert today[:2] == ["2024-01-01", 30]
    assert date.fromisoformat(today[2]) - date.today() <= timedelta(1)
    late = await api("GET", f"{path}?param.span=2024-02-03/2024-02-01")
    assert (late.status, late.json["code"]) == (400, "INVALID_PARAMETERS")
    own = {"name": "until", "type": "date-picker", "defaultValue": "2020-02-02"}
    await api("PUT", f"{REFS}/{made['shortId']}", {"parameters": [own]})
    assert (await api("GET", path)).json["rows"][0][2] == "2020-02-02"
    assert (await api("GET", f"{path}?param.span=2024-02-01/2024-02-03")).status == 422
    assert (await api("GET", f"{REFS}/{made['shortId']}")).json["currentQuery"]["id"] == query


async def test_a_reference_on_a_view_follows_it_and_a_pinned_one_stays(api):
    view = await api.save("SELECT 1 AS a", "V")
    other = await api.run("SELECT 2 AS a")
    follows, by_key = await follow(api, "v"), await follow(api, view["short_id"])
    pinned = await follow(api, "v", version=1)
    immutable = (await api("POST", REFS, {"queryId": view["request_id"]})).json

    await api("PUT", "api/v1/perspectives/v", {"statement_id": other["id"], "note": "two"})

    async def stands(reference):
        path = f"{REFS}/{reference['shortId']}"
        read, rows = await api("GET", path), await api("GET", f"{path}/result")
        return (
            read.json["currentQuery"]["sql"][-6:], rows.json["rows"][0][0], read.json["view"],
            read.json["version"],
        )  # fmt: skip

    assert await stands(follows) == await stands(by_key) == ("2 AS a", 2, "v", None)
    assert await stands(pinned) == ("1 AS a", 1, "v", 1)
    assert await stands(immutable) == ("1 AS a", 1, None, None)
    path = f"{REFS}/{follows['shortId']}"
    assert (await api("GET", f"{path}/result?version=1")).json["rows"] == [[1]]
    assert (await api("GET", f"{path}/result?version=2")).json["rows"] == [[2]]
    assert (await api("GET", f"{path}/result?version=3")).status == 404
    assert (await api("GET", f"{path}/result?version=0")).status == 422
    assert (await api("POST", REFS, {"view": "v", "version": 9})).status == 404
    versions = await api("GET", f"{path}/versions")
    assert [(v["version"], v["isCurrent"], v["note"]) for v in versions.json["items"]] == [
        (2, True, "two"),
        (1, False, None),
    ]
    first = await api("GET", f"{path}/versions?limit=1")
    rest = await api("GET", f"{path}/versions?limit=1&cursor={first.json['nextCursor']}")
    assert ([v["version"] for v in rest.json["items"]], rest.json.keys()) == ([1], {"items"})
    old = await api("GET", f"{REFS}/{pinned['shortId']}/versions")
    assert [v["isCurrent"] for v in old.json["items"]] == [False, True]
    alone = await api("GET", f"{REFS}/{immutable['shortId']}/versions")
    assert [v["version"] for v in alone.json["items"]] == [1]
    assert (await api("GET", f"{REFS}/{immutable['shortId']}/result?version=2")).status == 404


async def test_a_reference_outlives_its_view_with_the_query_it_was_made_with(person):
    olga, ana = await person("olga"), await person("ana")
    await olga.save("SELECT 1 AS a", "V", is_public=True)
    hers = await follow(ana, "v")
    path = f"{REFS}/{hers['shortId']}"

    assert (await olga("DELETE", "api/v1/perspectives/v")).status == 204

    assert (await ana("GET", f"{path}/result")).json["rows"] == [[1]]
    assert (await ana("GET", path)).json["view"] is None
    assert (await olga("GET", path)).status == 404


async def test_values_of_a_followed_view_run_in_its_owners_name(people):
    olga, ana, _, sam = await people()
    await olga.save("SELECT $n AS n", "V", params={"n": 1}, is_public=True)
    made = await follow(ana, "v")
    path = f"{REFS}/{made['shortId']}/result"

    assert (await sam("GET", path)).json["rows"] == [[1]]
    assert (await sam("GET", f"{path}?param.n=7")).json["rows"] == [[7]]
    statements = (await olga("GET", "api/v1/statements")).json["items"]
    assert {"n": 7} in [each["params"] for each in statements]
    assert (await olga("GET", "api/v1/perspectives/v/result")).json["rows"] == [[1]]


async def test_an_optimistic_reference_waits_for_its_query(api):
    running = (await api("POST", "api/v1/statements", {"sql": ENDLESS})).json["id"]

    made = await api("POST", REFS, {"queryId": running})

    assert (made.status, made.json["isOptimistic"]) == (201, True)
    path = f"{REFS}/{made.json['shortId']}"
    pending = await api("GET", f"{path}/result")
    assert (pending.status, pending.json["type"]) == (503, "api_error")
    assert pending.headers["Retry-After"] == "2"
    await api("POST", f"api/v1/statements/{running}/cancel")
    failed = await api("GET", f"{path}/result")
    assert (failed.status, failed.json["code"]) == (409, "CONFLICT")
    assert "anceled" in failed.json["message"]
    assert (await api("GET", path)).json["isOptimistic"] is True


async def test_an_optimistic_reference_succeeds_with_its_query(api):
    slow = "SELECT count(*) AS n FROM range(20000) a, range(3000) b WHERE a.range + b.range >= 0"
    running = (await api("POST", "api/v1/statements", {"sql": slow})).json["id"]
    made = (await api("POST", REFS, {"queryId": running})).json
    path = f"{REFS}/{made['shortId']}"

    rows = await api("GET", f"{path}/result", headers=WAIT)

    assert made["isOptimistic"] is True
    assert rows.json["rows"] == [[60_000_000]]
    assert (await api("GET", path)).json["isOptimistic"] is False
    assert len((await api("GET", "api/v1/statements")).json["items"]) == 1


async def test_a_failed_query_answers_409_with_the_reason_until_it_is_mended(api, data_folder):
    (data_folder / "x.csv").write_text("a\nword\n")
    failed = await api.run("SELECT a::INTEGER AS a FROM 'x.csv'")
    made = (await api("POST", REFS, {"queryId": failed["id"]})).json
    path = f"{REFS}/{made['shortId']}"

    refused = await api("GET", f"{path}/result")
    (data_folder / "x.csv").write_text("a\n5\n")
    still = await api("GET", f"{path}/result")
    run = await api("POST", f"api/queries/{failed['id']}/refresh", headers=WAIT)
    mended = await api("GET", f"{path}/result")

    assert made["isOptimistic"] is True
    assert refused.status == still.status == 409
    assert "Line: 2" in refused.json["message"]
    assert run.json["latestRun"]["status"] == "SUCCESS"
    assert mended.json["rows"] == [[5]]
    assert (await api("GET", path)).json["isOptimistic"] is False


async def test_what_is_done_with_references_is_in_the_activity(person):
    olga, sam = await person("olga"), await person("sam")
    made = await refer(olga, title="First")
    path = f"{REFS}/{made['shortId']}"
    await olga("PUT", path, {"title": "Second"})
    await olga("PUT", path, {"title": "Second"})
    await olga("DELETE", path)

    log = (await olga("GET", "api/projects/1/insights/activity")).json["results"]

    assert [(each["scope"], each["activity"], each["detail"]["name"]) for each in log] == [
        ("QueryReference", "deleted", "Second"),
        ("QueryReference", "updated", "First"),
        ("QueryReference", "created", "First"),
    ]
    (change,) = log[1]["detail"]["changes"]
    assert (change["field"], change["before"], change["after"]) == ("title", "First", "Second")
    assert (await sam("GET", "api/projects/1/insights/activity")).json["results"] == []


async def test_a_short_id_that_is_taken_is_thrown_away_even_a_deleted_ones(api, views_app):
    first, second = await refer(api), await refer(api)
    await api("DELETE", f"{REFS}/{second['shortId']}")
    drawn = iter([first["shortId"], second["shortId"], first["shortId"], "Free0001"])
    views_app._services.references._make_short_id = drawn.__next__

    made = await refer(api, title="Third")

    assert (made["shortId"], made["title"]) == ("Free0001", "Third")
    assert (await api("GET", f"{REFS}/{first['shortId']}")).json["id"] == first["id"]
    log = (await api("GET", "api/projects/1/insights/activity?limit=50")).json["results"]
    assert [each["detail"]["short_id"] for each in log if each["activity"] == "created"] == [
        "Free0001",
        second["shortId"],
        first["shortId"],
    ]


async def test_literal_words_are_no_keys(api):
    await refer(api)
    for key in (":shortId", "{shortId}", "*", "%25", "_", "null", "undefined", "0", "-1", "a" * 99):
        assert (await api("GET", f"{REFS}/{key}")).status == 404, key
