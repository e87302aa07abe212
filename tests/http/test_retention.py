from __future__ import annotations

import hashlib
import os

import pyarrow as pa


async def _upload(api) -> str:
    table = pa.table({"k": [1, 2, 3]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    sha256 = hashlib.sha256(content).hexdigest()
    await api("PUT", f"api/frames/{sha256}", raw=content)
    return sha256


async def test_what_a_view_serves_stays_and_the_rest_is_forgotten_with_its_files(
    api, views_app, tmp_path
):
    sha256 = await _upload(api)
    kept = await api.save("SELECT 1 AS kept", "Kept")
    lost = await api.run("SELECT max(k) AS lost FROM df", frames={"df": sha256})
    store = tmp_path / "views-store"
    files = [*(store / "results").glob("*/*"), *(store / "frames").iterdir()]
    assert len(files) == 3
    for path in files:
        os.utime(path, (1, 1))

    now = views_app._services.clock.now()
    views_app._parts.store.clean(now, 0)

    assert len(list((store / "results").glob("*/*"))) == 1
    assert (await api("GET", f"api/v1/statements/{lost['id']}")).json["status"] == "SUCCESS"
    gone = await api("GET", f"api/v1/statements/{lost['id']}/result")
    assert (gone.status, gone.json["error"]) == (410, "GONE")
    assert gone.json["details"]["rerun"]
    saving = {"name": "Too late", "statement_id": lost["id"]}
    late = await api("POST", "api/v1/perspectives", saving)
    assert (late.status, late.json["error"]) == (400, "STATEMENT_NO_RESULT")

    views_app._parts.store.clean(now, now)

    assert list((store / "frames").iterdir()) == []
    assert (await api("GET", f"api/v1/statements/{lost['id']}")).status == 404
    assert (await api("GET", f"api/v1/statements/{kept['request_id']}/result")).status == 200
    assert (await api("GET", "api/v1/perspectives/kept/result")).json["rows"] == [[1]]
    assert views_app._parts.store.database.check() == []


async def test_a_frame_that_a_view_reads_stays(api, views_app, tmp_path):
    sha256 = await _upload(api)
    statement = await api.run("SELECT max(k) AS k FROM df", frames={"df": sha256})
    body = {"name": "Framed", "statement_id": statement["id"]}
    assert (await api("POST", "api/v1/perspectives", body)).status == 201

    now = views_app._services.clock.now()
    views_app._parts.store.clean(now, now)

    refresh = (await api("POST", "api/v1/perspectives/framed/refresh")).json
    ended = await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})
    assert ended.json["status"] == "SUCCESS"


async def test_a_result_whose_file_is_lost_is_410_and_a_refresh_brings_it_back(api, tmp_path):
    await api.save("SELECT 5 AS n", "Lost file")
    for path in (tmp_path / "views-store" / "results").glob("*/*"):
        path.unlink()

    gone = await api("GET", "api/v1/perspectives/lost-file/result?format=csv")

    assert (gone.status, gone.json["error"]) == (410, "GONE")
    refresh = (await api("POST", "api/v1/perspectives/lost-file/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})
    again = await api("GET", "api/v1/perspectives/lost-file/result?format=csv")
    assert again.body == b"n\r\n5\r\n"


async def test_F06_a_damaged_file_gives_410_and_never_wrong_rows(api, tmp_path):
    await api.save("SELECT range AS n FROM range(1000)", "Damaged")
    (path,) = (tmp_path / "views-store" / "results").glob("*/*")
    content = path.read_bytes()

    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 4
    path_of_result = "api/v1/perspectives/damaged/result"
    for broken in (bytes(flipped), content[: len(content) // 2], b"", b"junk" * 1000):
        path.write_bytes(broken)
        answer = await api("GET", f"api/v1/perspectives/damaged/result?offset={len(broken)}")
        assert answer.status == 410, answer.body
    refresh = (await api("POST", "api/v1/perspectives/damaged/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})
    assert (await api("GET", path_of_result)).json["row_count"] == 1000


async def test_rows_of_a_reference_stay_as_long_as_it_does_and_its_query_for_ever(api, views_app):
    statement = await api.run("SELECT random() AS r")
    made = (await api("POST", "api/queries/refs", {"queryId": statement["id"]})).json
    path = f"api/queries/refs/{made['shortId']}"
    refreshed = await api("GET", f"{path}/result?refresh=true")
    newest = refreshed.headers["X-Refresh-Statement-Id"]
    await api("GET", f"api/v1/statements/{newest}", headers={"Prefer": "wait=30"})
    rows = (await api("GET", f"{path}/result?big=string")).json["rows"]

    now = views_app._services.clock.now()
    views_app._parts.store.clean(now, now)

    assert (await api("GET", f"{path}/result?format=json")).json["rows"] == rows
    assert (await api("GET", f"api/v1/statements/{newest}/result")).json["rows"] == rows
    assert (await api("GET", f"api/v1/statements/{statement['id']}")).status == 404
    await api("DELETE", path)
    views_app._parts.store.clean(now, now)
    assert (await api("GET", f"api/v1/statements/{newest}")).status == 404
    assert views_app._parts.store.database.check() == []
    again = await api("POST", "api/queries", {"sql": "SELECT random() AS r"})
    assert again.json["id"] == made["currentQuery"]["id"]
