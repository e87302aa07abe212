from __future__ import annotations

import asyncio
import json


async def test_a_statement_runs_and_its_rows_come_back_as_json(api):
    statement = await api.run("SELECT 42 AS answer, 'x' AS letter")

    assert statement["status"] == "SUCCESS"
    assert statement["strategy"] == "execute"
    assert statement["row_count"] == 1
    answer = await api("GET", f"api/v1/statements/{statement['id']}/result?format=json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["cols"] == ["answer", "letter"]
    assert answer.json["rows"] == [[42, "x"]]
    assert [column["type"] for column in answer.json["types"]] == ["integer", "string"]
    assert answer.json["row_count"] == answer.json["total_row_count"] == 1
    assert answer.json["truncated"] is False


async def test_submit_without_patience_answers_202_with_its_place(api):
    answer = await api("POST", "api/v1/statements", {"sql": "SELECT 1"})

    assert answer.status == 202
    assert answer.json["status"] in {"QUEUED", "RUNNING"}
    assert answer.headers["Location"].endswith(f"/views/api/v1/statements/{answer.json['id']}")
    assert answer.headers["Retry-After"] == "1"
    polled = await api(
        "GET", f"api/v1/statements/{answer.json['id']}", headers={"Prefer": "wait=30"}
    )
    assert polled.status == 200
    assert polled.json["status"] == "SUCCESS"


async def test_the_vendors_address_is_the_same_resource(api):
    answer = await api(
        "POST", "api/v1/query/statement", {"sql": "SELECT 7"}, headers={"Prefer": "wait=30"}
    )

    assert answer.json["status"] == "SUCCESS"
    again = await api("GET", f"api/v1/query/statement/{answer.json['id']}/")
    assert again.json["id"] == answer.json["id"]


async def test_sql_that_fails_is_a_200_with_the_error_inside(api):
    statement = await api.run("SELECT nothere FROM (SELECT 1 AS here)")

    assert statement["status"] == "FAILED"
    assert statement["error"]["line"] == 1
    assert statement["error"]["column"] == 8
    assert "nothere" in statement["error"]["message"]


async def test_a_syntax_error_is_refused_with_line_and_column(api):
    answer = await api("POST", "api/v1/statements", {"sql": "SELECT 1,\n  FROM FROM x"})

    assert answer.status == 400
    assert answer.json["error"] == "PARSE_ERROR"
    assert answer.json["line"] == 2
    assert answer.json["message"]


async def test_an_equal_query_reuses_the_fresh_result_whatever_its_white_space(api):
    first = await api.run("SELECT 1 AS a")

    second = await api.run("select   1  as a -- again")

    assert second["strategy"] == "from_cache"
    assert second["status"] == "SUCCESS"
    assert second["fingerprint"] == first["fingerprint"]
    assert second["id"] != first["id"]
    forced = await api(
        "POST",
        "api/v1/statements?max_age=0",
        {"sql": "SELECT 1 AS a"},
        headers={"Prefer": "wait=30"},
    )
    assert forced.json["strategy"] == "execute"


async def test_equal_queries_in_flight_run_once(api):
    sql = "SELECT sum(a.range * b.range % 7) AS s FROM range(20000) a, range(8000) b"
    submitted = await asyncio.gather(
        *(api("POST", "api/v1/statements", {"sql": sql}) for _ in range(4))
    )

    strategies = sorted(answer.json["strategy"] for answer in submitted)
    assert strategies == ["await_primary"] * 3 + ["execute"]
    ended = await asyncio.gather(
        *(
            api("GET", f"api/v1/statements/{a.json['id']}", headers={"Prefer": "wait=50"})
            for a in submitted
        )
    )
    assert {answer.json["status"] for answer in ended} == {"SUCCESS"}
    assert len({answer.json["computed_at"] for answer in ended}) == 1


async def test_a_query_that_just_failed_is_refused_until_retry_is_asked_for(api, data_folder):
    sql = "SELECT * FROM 'later.csv'"
    failed = await api.run(sql)
    assert failed["status"] == "FAILED"

    refused = await api("POST", "api/v1/statements", {"sql": sql})

    assert refused.status == 400
    assert refused.json["error"] == "RECENT_FAILURE"
    assert refused.json["details"]["last_error"]["message"] == failed["error"]["message"]
    (data_folder / "later.csv").write_text("a\n1\n")
    retried = await api(
        "POST",
        "api/v1/statements?retry_on_recent_failure=true",
        {"sql": sql},
        headers={"Prefer": "wait=30"},
    )
    assert retried.json["status"] == "SUCCESS"


async def test_parameters_are_bound_and_never_spliced(api):
    hostile = "'; DROP TABLE x; --"

    statement = await api.run(
        "SELECT $name AS n, $number + 1 AS k", params={"name": hostile, "number": 4}
    )

    rows = await api("GET", f"api/v1/statements/{statement['id']}/result")
    assert rows.json["rows"] == [[hostile, 5]]


async def test_a_missing_and_an_unused_parameter_are_refused_by_name(api):
    missing = await api("POST", "api/v1/statements", {"sql": "SELECT $region AS r"})
    unused = await api("POST", "api/v1/statements", {"sql": "SELECT 1", "params": {"x": 1}})

    assert (missing.status, missing.json["error"]) == (400, "MISSING_PARAMETERS")
    assert "region" in missing.json["message"]
    assert (unused.status, unused.json["error"]) == (400, "INVALID_PARAMETERS")


async def test_cancel_stops_the_run_and_the_next_statement_is_fine(api):
    endless = (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT sum(n) FROM t"
    )
    submitted = await api("POST", "api/v1/statements", {"sql": endless, "client_id": "mine-1"})
    await asyncio.sleep(0.3)

    canceled = await api("POST", "api/v1/statements/mine-1/cancel")

    assert canceled.status == 200
    assert canceled.json["id"] == submitted.json["id"]
    assert canceled.json["status"] == "CANCELED"
    assert (await api.run("SELECT 'next'"))["status"] == "SUCCESS"


async def test_a_follower_that_cancels_leaves_the_primary_running(api):
    sql = "SELECT sum(a.range * b.range % 11) AS s FROM range(20000) a, range(15000) b"
    primary = (await api("POST", "api/v1/statements", {"sql": sql})).json
    follower = (await api("POST", "api/v1/statements", {"sql": sql})).json
    assert follower["strategy"] == "await_primary"

    canceled = await api("POST", f"api/v1/statements/{follower['id']}/cancel")

    assert canceled.json["status"] == "CANCELED"
    ended = await api("GET", f"api/v1/statements/{primary['id']}", headers={"Prefer": "wait=50"})
    assert ended.json["status"] == "SUCCESS"


async def test_row_limit_cuts_the_result_and_says_so(api):
    statement = await api.run("SELECT range AS n FROM range(1000)", row_limit=10)

    assert statement["row_count"] == 10
    assert statement["truncated"] is True
    rows = await api("GET", f"api/v1/statements/{statement['id']}/result")
    assert rows.headers["X-Truncated"] == "true"
    assert rows.headers["X-Total-Row-Count"] == "10"


async def test_a_truncated_result_is_not_reused_where_more_rows_are_asked_for(api):
    await api.run("SELECT range AS n FROM range(1000)", row_limit=10)

    whole = await api.run("SELECT range AS n FROM range(1000)")

    assert whole["row_count"] == 1000


async def test_a_dry_run_tells_what_would_be_read_and_runs_nothing(api, data_folder):
    (data_folder / "events.csv").write_text("day,n\n2026-11-01,3\n")

    answer = await api(
        "POST",
        "api/v1/statements?dry_run=true",
        {
            "sql": "SELECT *, now() FROM 'events.csv' JOIN df USING (day) WHERE n > $least",
            "params": {"least": 1},
        },
    )

    assert answer.status == 200
    assert answer.json["parameters"] == ["least"]
    assert {"kind": "file", "name": "events.csv"} in answer.json["reads"]
    assert {"kind": "unknown", "name": "df"} in answer.json["reads"]
    assert answer.json["volatile"]
    listed = await api("GET", "api/v1/statements")
    assert listed.json["items"] == []


async def test_the_list_is_newest_first_filtered_and_paged(api):
    ids = [(await api.run(f"SELECT {n} AS n"))["id"] for n in range(3)]
    await api.run("SELECT nope")

    page = await api("GET", "api/v1/statements?limit=2&status=SUCCEEDED")

    assert [item["id"] for item in page.json["items"]] == ids[:0:-1]
    assert page.json["pagination"]["has_more"] is True
    assert page.json["pagination"]["total"] == 3
    assert 'rel="next"' in page.headers["Link"]
    failed = await api("GET", "api/v1/statements?status=FAILED")
    assert len(failed.json["items"]) == 1


async def test_out_of_range_paging_names_the_parameter(api):
    for query, name in (("limit=0", "limit"), ("limit=101", "limit"), ("offset=-1", "offset")):
        answer = await api("GET", f"api/v1/statements?{query}")
        assert answer.status == 422
        assert answer.json["details"]["field"] == name


async def test_hostile_bodies_get_4xx_and_name_the_fault(api):
    cases = {
        b"[]": 422,
        b"null": 422,
        b'"text"': 422,
        b'{"sql": NaN}': 400,
        b'{"sql": "SELECT 1"': 400,
        b'{"sql": "\xff\xfe"}': 400,
        b'{"sql": 5}': 422,
        b'{"sql": ""}': 422,
        b"{}": 422,
        b'{"sql": "SELECT 1", "ttl": 3}': 422,
        b'{"sql": "SELECT 1", "params": 5}': 422,
        b'{"sql": "SELECT 1", "connection": "elsewhere"}': 422,
        b"[" * 100_000: 422,
        b"x" * (10 * 1024 * 1024): 413,
    }
    for raw, status in cases.items():
        answer = await api("POST", "api/v1/statements", raw=raw)
        assert answer.status == status, (raw[:60], answer.status, answer.body[:200])
        assert answer.json["message"]


async def test_unknown_ids_and_addresses_are_404_in_our_shape(api):
    for path in ("api/v1/statements/stmt_none", "api/v1/nothing", "api/v1/statements/a/b/c"):
        answer = await api("GET", path)
        assert answer.status == 404
        assert answer.json["error"] == "NOT_FOUND"
        assert answer.json["request_id"]


async def test_a_result_is_served_in_windows_with_links(api):
    statement = await api.run("SELECT range AS n, 'v' || range AS v FROM range(1000)")
    path = f"api/v1/statements/{statement['id']}/result"

    window = await api("GET", f"{path}?limit=2&offset=997&columns=v")

    assert window.json["cols"] == ["v"]
    assert window.json["rows"] == [["v997"], ["v998"]]
    assert window.json["row_count"] == 2
    assert window.json["total_row_count"] == 1000
    assert 'rel="next"' in window.headers["Link"]
    unknown = await api("GET", f"{path}?columns=v,w")
    assert (unknown.status, unknown.json["error"]) == (400, "INVALID_COLUMNS")


async def test_every_format_has_its_type_and_the_same_rows(api):
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    statement = await api.run("SELECT * FROM (VALUES (1, 'a,\"b\"'), (2, NULL)) t(n, s)")
    path = f"api/v1/statements/{statement['id']}/result"

    ndjson = await api("GET", f"{path}?format=ndjson")
    assert ndjson.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in ndjson.body.splitlines()] == [
        {"n": 1, "s": 'a,"b"'},
        {"n": 2, "s": None},
    ]
    csv = await api("GET", path, headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert csv.body == b'n,s\r\n1,"a,""b"""\r\n2,\r\n'
    arrow = await api("GET", f"{path}?format=arrow")
    assert arrow.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert pa.ipc.open_stream(arrow.body).read_all().to_pylist()[0] == {"n": 1, "s": 'a,"b"'}
    parquet = await api("GET", f"{path}?format=parquet&limit=1")
    assert parquet.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(parquet.body)).num_rows == 2
    unknown = await api("GET", f"{path}?format=xlsx")
    assert unknown.status == 406
    assert "parquet" in unknown.json["details"]["supported"]


async def test_a_client_that_has_the_rows_gets_304_without_a_body(api):
    statement = await api.run("SELECT 1 AS a")
    path = f"api/v1/statements/{statement['id']}/result"
    first = await api("GET", path)

    again = await api("GET", path, headers={"If-None-Match": first.headers["Etag"]})

    assert again.status == 304
    assert again.body == b""
    assert again.headers["Etag"] == first.headers["Etag"]
    assert "Content-Type" not in again.headers
    forced = await api(
        "POST",
        "api/v1/statements?max_age=0",
        {"sql": "SELECT 1 AS a"},
        headers={"Prefer": "wait=9"},
    )
    other = await api("GET", f"api/v1/statements/{forced.json['id']}/result")
    assert other.headers["Etag"] == first.headers["Etag"]


async def test_an_idempotency_key_repeats_the_answer_and_not_the_deed(api):
    headers = {"Idempotency-Key": "k1", "Prefer": "wait=30"}
    first = await api("POST", "api/v1/statements", {"sql": "SELECT 5"}, headers=headers)

    again = await api("POST", "api/v1/statements", {"sql": "SELECT 5"}, headers=headers)

    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await api("POST", "api/v1/statements", {"sql": "SELECT 6"}, headers=headers)
    assert other.status == 422
    assert len((await api("GET", "api/v1/statements")).json["items"]) == 1


async def test_a_reused_client_id_is_a_conflict(api):
    await api.run("SELECT 1", client_id="same")

    answer = await api("POST", "api/v1/statements", {"sql": "SELECT 2", "client_id": "same"})

    assert answer.status == 409


async def test_an_uploaded_frame_can_be_read_by_its_name(api):
    import hashlib

    import pyarrow as pa

    table = pa.table({"k": [1, 2, 3], "v": ["a", "b", "c"]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(content).hexdigest()

    assert (await api("HEAD", f"api/frames/{sha256}")).status == 404
    wrong = await api("PUT", f"api/frames/{'0' * 64}", raw=content)
    assert wrong.status == 422
    assert (await api("PUT", f"api/frames/{sha256}", raw=content)).status == 201
    assert (await api("PUT", f"api/frames/{sha256}", raw=content)).status == 200
    assert (await api("HEAD", f"api/frames/{sha256}")).status == 200

    statement = await api.run("SELECT max(k) AS k FROM df", frames={"df": sha256})

    assert statement["status"] == "SUCCESS", statement
    rows = await api("GET", f"api/v1/statements/{statement['id']}/result")
    assert rows.json["rows"] == [[3]]


async def test_a_file_written_after_the_run_is_never_answered_from_the_cache(api, data_folder):
    source = data_folder / "quick.csv"
    source.write_text("n\n1\n")
    await api.run("SELECT sum(n) AS s FROM 'quick.csv'")
    source.write_text("n\n2\n")

    again = await api.run("SELECT sum(n) AS s FROM 'quick.csv'")

    assert again["strategy"] == "execute"
    rows = await api("GET", f"api/v1/statements/{again['id']}/result")
    assert rows.json["rows"] == [[2]]


async def test_parameters_may_come_in_an_array(api):
    for sql in ("SELECT $1 AS a, $2 AS b", "SELECT ? AS a, ? AS b"):
        statement = await api.run(sql, params=[1, "two"])
        assert statement["status"] == "SUCCESS", statement
        rows = await api("GET", f"api/v1/statements/{statement['id']}/result")
        assert rows.json["rows"] == [[1, "two"]]


async def test_what_is_nested_too_deeply_is_refused_by_name(api):
    deep: object = 1
    for _ in range(40):
        deep = [deep]

    answer = await api("POST", "api/v1/statements", {"sql": "SELECT $v", "params": {"v": deep}})

    assert answer.status == 422
    assert answer.json["details"]["field"] == "params"


async def test_a_rendering_that_was_taken_away_is_made_again(api, views_app):
    statement = await api.run("SELECT range AS n, repeat('x', 100) AS x FROM range(10000)")
    path = f"api/v1/statements/{statement['id']}/result?format=csv"
    first = await api("GET", path)
    assert first.status == 200
    for file in views_app._parts.store.files.encoded.iterdir():
        file.unlink()

    again = await api("GET", path)

    assert (again.status, again.body) == (200, first.body)
