from __future__ import annotations

import asyncio
import os


async def test_a_finished_statement_becomes_a_perspective_and_is_read_back(api):
    view = await api.save("SELECT 1 AS a", "MAU by Region", description="d", tags=["x"])

    assert view["slug"] == "mau-by-region"
    assert view["auto_refresh"] is True
    assert view["is_public"] is False
    assert view["version"] == 1
    read = await api("GET", "api/v1/perspectives/mau-by-region")
    assert read.status == 200
    assert read.json["sql_query"] == "SELECT 1 AS a"
    assert read.json["id"] == view["id"]
    assert read.json["allowed_user_ids"] == []
    assert read.json["_links"]["result"]["href"].endswith("/perspectives/mau-by-region/result")
    rows = await api("GET", "api/v1/perspectives/mau-by-region/result?format=json")
    assert rows.json["rows"] == [[1]]
    assert rows.json["row_count"] == 1


async def test_create_answers_201_with_its_place_and_tag(api):
    statement = await api.run("SELECT 1")

    answer = await api(
        "POST", "api/v1/perspectives", {"name": "Örtliche Größen", "statement_id": statement["id"]}
    )

    assert answer.status == 201
    assert answer.json["slug"] == "ortliche-grossen"
    assert answer.headers["Location"].endswith("/api/v1/perspectives/ortliche-grossen")
    assert answer.headers["Etag"]


async def test_a_taken_slug_is_409_with_suggestions_that_work(api):
    view = await api.save("SELECT 1", "MAU")
    body = {"name": "MAU", "statement_id": view["request_id"]}

    taken = await api("POST", "api/v1/perspectives", body)

    assert taken.status == 409
    assert taken.json["error"] == "SLUG_CONFLICT"
    assert 3 <= len(taken.json["suggestions"]) <= 5
    assert taken.json["suggestions"][0] == "mau-2"
    for slug in taken.json["suggestions"]:
        answer = await api("POST", "api/v1/perspectives", body | {"slug": slug})
        assert answer.status == 201
    suffixed = await api("POST", "api/v1/perspectives?on_conflict=suffix", body)
    assert suffixed.status == 201
    assert suffixed.json["slug"] == "mau-3"


async def test_a_bad_explicit_slug_is_422_with_the_nearest_good_one(api):
    statement = await api.run("SELECT 1")
    for slug, near in (("MAU", "mau"), ("a b", "a-b"), ("-x-", "x"), ("new", None)):
        answer = await api(
            "POST",
            "api/v1/perspectives",
            {"name": "n", "statement_id": statement["id"], "slug": slug},
        )
        assert answer.status == 422
        assert answer.json["suggestions"] == ([near] if near else [])


async def test_racing_creates_of_one_slug_give_exactly_one_201(api):
    statement = await api.run("SELECT 1")
    body = {"name": "race", "statement_id": statement["id"]}

    answers = await asyncio.gather(*(api("POST", "api/v1/perspectives", body) for _ in range(8)))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_only_a_successful_readable_statement_can_be_saved(api, person):
    failed = await api.run("SELECT nope")
    mine = await api.run("SELECT 1")
    ana = await person("ana")

    unknown = await api("POST", "api/v1/perspectives", {"name": "x", "statement_id": "stmt_no"})
    unsuccessful = await api(
        "POST", "api/v1/perspectives", {"name": "x", "statement_id": failed["id"]}
    )
    foreign = await ana("POST", "api/v1/perspectives", {"name": "x", "statement_id": mine["id"]})

    assert unknown.status == 404
    assert unsuccessful.status == 400
    assert unsuccessful.json["error"] == "STATEMENT_NOT_SUCCESS"
    assert unsuccessful.json["details"]["status"] == "FAILED"
    assert foreign.status == 404


async def test_the_access_matrix_holds_for_owner_granted_reader_stranger_and_nobody(
    person, stranger
):
    owner, granted, other = await person("olga"), await person("ana"), await person("sam")
    private = await owner.save("SELECT 1", "Private", allowed_user_ids=["ana"])
    await owner.save("SELECT 2", "Public", is_public=True)
    private_path, public_path = "api/v1/perspectives/private", "api/v1/perspectives/public"

    expected = {
        ("GET", ""): {"O": 200, "A": 200, "P": 200, "S": 403, "X": 401},
        ("GET", "/result"): {"O": 200, "A": 200, "P": 200, "S": 403, "X": 401},
        ("GET", "?refresh=true"): {"O": 200, "A": 200, "P": 200, "S": 403, "X": 401},
        ("POST", "/refresh"): {"O": 202, "A": 202, "P": 202, "S": 403, "X": 401},
        ("PUT", ""): {"O": 201, "A": 403, "P": 403, "S": 403, "X": 401},
        ("HEAD", ""): {"O": 200, "A": 200, "P": 200, "S": 200, "X": 401},
    }
    callers = {
        "O": (owner, private_path),
        "A": (granted, private_path),
        "P": (other, public_path),
        "S": (other, private_path),
        "X": (stranger, private_path),
    }
    for (method, tail), statuses in expected.items():
        for principal, status in statuses.items():
            call, path = callers[principal]
            body = {"description": "new"} if method == "PUT" else None
            answer = await call(method, path + tail, body)
            assert answer.status == status, (method, tail, principal, answer.body)
    for principal, status in {"X": 401, "S": 403, "P": 403, "A": 403, "O": 204}.items():
        call, path = callers[principal]
        assert (await call("DELETE", path)).status == status, principal
    assert (await owner("GET", private_path)).status == 404
    assert (await other("PUT", "api/v1/perspectives/none", {})).status == 404
    assert private["owner"] == "olga"


async def test_head_tells_names_only_to_readers(person):
    owner, other = await person("olga"), await person("sam")
    view = await owner.save("SELECT 1", "Größe", slug="groesse")

    mine = await owner("HEAD", "api/v1/perspectives/groesse")
    theirs = await other("HEAD", "api/v1/perspectives/groesse")
    free = await other("HEAD", "api/v1/perspectives/free-one")
    bad = await other("HEAD", "api/v1/perspectives/bad_one")

    assert mine.headers["X-Perspective-Id"] == theirs.headers["X-Perspective-Id"] == view["id"]
    assert mine.headers["X-Perspective-Name"] == "Gr%C3%B6%C3%9Fe"
    assert mine.headers["X-Perspective-Owner"] == "olga"
    assert "X-Perspective-Name" not in theirs.headers
    assert "X-Perspective-Owner" not in theirs.headers
    assert (mine.body, free.status, bad.status) == (b"", 404, 422)


async def test_lists_show_own_granted_and_public_and_nothing_else(person):
    olga, ana, sam = await person("olga"), await person("ana"), await person("sam")
    await olga.save("SELECT 1", "Secret")
    await olga.save("SELECT 1", "For Ana", allowed_user_ids=["ana"], tags=["fin_ance"])
    await olga.save("SELECT 1", "For all", is_public=True)

    async def names(call, query=""):
        page = await call("GET", f"api/v1/perspectives{query}")
        assert page.status == 200
        return {item["name"] for item in page.json["items"]}

    assert await names(olga) == {"Secret", "For Ana", "For all"}
    assert await names(ana) == {"For Ana", "For all"}
    assert await names(sam) == {"For all"}
    assert await names(olga, "?is_public=true") == {"For all"}
    assert await names(ana, "?owner=me") == set()
    assert await names(olga, "?tag=fin_ance") == {"For Ana"}
    assert await names(olga, "?q=%25") == set()
    assert await names(sam, "?q=secret") == set()
    assert await names(olga, "?q=SECRET") == {"Secret"}


async def test_put_takes_any_subset_and_nulls_only_the_description(api):
    view = await api.save("SELECT 1", "A", description="old", tags=["t"])
    path = f"api/v1/perspectives/{view['slug']}"

    described = await api("PUT", path, {"description": "new", "auto_refresh": False})
    cleared = await api("PUT", path, {"description": None})
    granted = await api("PUT", path, {"allowed_user_ids": ["ana"]})
    null_name = await api("PUT", path, {"name": None})
    renamed_slug = await api("PUT", path, {"slug": "other"})
    same_slug = await api("PUT", path, {"slug": view["slug"], "name": "B"})

    assert described.status == 201
    assert (described.json["description"], described.json["auto_refresh"]) == ("new", False)
    assert described.json["tags"] == ["t"]
    assert cleared.json["description"] is None
    assert granted.json["allowed_user_ids"] == ["ana"]
    assert granted.json["is_public"] is False
    assert null_name.status == 422
    assert (renamed_slug.status, renamed_slug.json["error"]) == (422, "SLUG_IMMUTABLE")
    assert same_slug.json["name"] == "B"
    assert same_slug.json["version"] == 1


async def test_a_new_statement_makes_the_next_version_and_an_equal_one_does_not(api):
    view = await api.save("SELECT 1 AS a", "V")
    path = "api/v1/perspectives/v"
    same = await api.run("select 1 as a")
    other = await api.run("SELECT 2 AS a")

    kept = await api("PUT", path, {"statement_id": same["id"]})
    moved = await api("PUT", path, {"statement_id": other["id"], "note": "two"})

    assert kept.json["version"] == view["version"] == 1
    assert moved.json["version"] == 2
    assert moved.json["sql_query"] == "SELECT 2 AS a"
    assert (await api("GET", f"{path}/result")).json["rows"] == [[2]]


async def test_a_write_with_an_old_tag_gets_412_and_changes_nothing(api):
    await api.save("SELECT 1", "T")
    path = "api/v1/perspectives/t"
    tag = (await api("GET", path)).headers["Etag"]
    assert (await api("PUT", path, {"name": "first"}, headers={"If-Match": tag})).status == 201

    second = await api("PUT", path, {"name": "second"}, headers={"If-Match": tag})
    deleted = await api("DELETE", path, headers={"If-Match": tag})

    assert second.status == deleted.status == 412
    assert (await api("GET", path)).json["name"] == "first"


async def test_a_refresh_in_between_does_not_defeat_a_conditional_write(api):
    await api.save("SELECT random() AS r", "T")
    path = "api/v1/perspectives/t"
    tag = (await api("GET", path)).headers["Etag"]
    refresh = (await api("POST", f"{path}/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})

    assert (await api("PUT", path, {"name": "n"}, headers={"If-Match": tag})).status == 201


async def test_a_deleted_slug_is_free_again_and_its_statement_stays(api):
    view = await api.save("SELECT 1", "Gone")

    assert (await api("DELETE", "api/v1/perspectives/gone")).status == 204

    assert (await api("HEAD", "api/v1/perspectives/gone")).status == 404
    assert (await api("GET", f"api/v1/statements/{view['request_id']}/result")).status == 200
    again = await api.save("SELECT 1", "Gone")
    assert again["id"] != view["id"]


async def test_readers_reach_the_backing_statement_but_not_its_definition(person):
    owner, granted, other = await person("olga"), await person("ana"), await person("sam")
    view = await owner.save("SELECT 41 AS secret", "P", allowed_user_ids=["ana"])
    path = f"api/v1/statements/{view['request_id']}"

    assert (await granted("GET", f"{path}/result")).json["rows"] == [[41]]
    seen = await granted("GET", path)
    assert seen.status == 200
    assert seen.json["sql"] is None
    assert (await granted("POST", f"{path}/cancel")).status == 403
    for tail in ("", "/result"):
        assert (await other("GET", path + tail)).status == 404
    assert (await other("POST", f"{path}/cancel")).status == 404
    await owner("PUT", "api/v1/perspectives/p", {"allowed_user_ids": []})
    tag = (await owner("GET", f"{path}/result")).headers["Etag"]
    revoked = await granted("GET", f"{path}/result", headers={"If-None-Match": tag})
    assert revoked.status == 404


async def _wait_for_rows(api, path, rows):
    for _ in range(100):
        answer = await api("GET", path)
        if answer.json["rows"] == rows:
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(answer.json)


async def test_a_changed_file_makes_the_view_stale_with_its_name_and_refreshes_behind(
    api, data_folder
):
    source = data_folder / "events.csv"
    source.write_text("n\n1\n2\n")
    await api.save("SELECT sum(n) AS s FROM 'events.csv'", "Sum")
    path = "api/v1/perspectives/sum"
    await asyncio.sleep(1.2)
    assert (await api("GET", path)).json["is_stale"] is False
    source.write_text("n\n1\n2\n3\n")
    await asyncio.sleep(1.2)

    stale = await api("GET", f"{path}/result")

    assert stale.json["rows"] == [[3]]
    assert stale.headers["Is-Stale"] == "true"
    assert stale.headers["X-Stale-Reason"] == "source_changed"
    assert stale.json["stale_sources"] == ["events.csv"]
    assert stale.headers["X-Refresh-Statement-Id"].startswith("stmt_")
    fresh = await _wait_for_rows(api, f"{path}/result", [[6]])
    assert "Is-Stale" not in fresh.headers


async def test_many_readers_of_a_stale_view_start_one_refresh(api, data_folder):
    source = data_folder / "one.csv"
    source.write_text("n\n1\n")
    await api.save("SELECT sum(n) AS s FROM 'one.csv'", "One")
    source.write_text("n\n100\n")
    await asyncio.sleep(1.2)

    answers = await asyncio.gather(
        *(api("GET", "api/v1/perspectives/one/result") for _ in range(50))
    )

    refreshes = {a.headers.get("X-Refresh-Statement-Id") for a in answers} - {None}
    assert len(refreshes) == 1
    assert {a.status for a in answers} == {200}
    await _wait_for_rows(api, "api/v1/perspectives/one/result", [[100]])


async def test_a_failed_refresh_keeps_the_last_rows_and_says_why(api, data_folder):
    source = data_folder / "gone.csv"
    source.write_text("n\n1\n")
    await api.save("SELECT sum(n) AS s FROM 'gone.csv'", "Gone")
    os.unlink(source)
    await asyncio.sleep(1.2)

    refresh = (await api("POST", "api/v1/perspectives/gone/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})

    read = await api("GET", "api/v1/perspectives/gone")
    assert read.json["status"] == "failed"
    assert read.json["last_refresh"]["status"] == "FAILED"
    assert "gone.csv" in read.json["last_refresh"]["error"]["message"]
    assert read.json["is_stale"] is True
    rows = await api("GET", "api/v1/perspectives/gone/result")
    assert rows.json["rows"] == [[1]]
    assert "X-Refresh-Statement-Id" not in rows.headers


async def test_an_unchanged_refresh_still_answers_304(api, data_folder):
    (data_folder / "k.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'k.csv'", "K")
    path = "api/v1/perspectives/k/result"
    tag = (await api("GET", path)).headers["Etag"]
    refresh = (await api("POST", "api/v1/perspectives/k/refresh")).json
    await api("GET", f"api/v1/statements/{refresh['id']}", headers={"Prefer": "wait=30"})

    again = await api("GET", path, headers={"If-None-Match": tag})

    assert again.status == 304
    assert "Is-Stale" not in again.headers


async def test_the_unified_list_shows_views_by_cursor_with_their_state(api):
    for n in range(5):
        await api.save(f"SELECT {n} AS n", f"View {n}")

    first = await api("GET", "api/views?limit=2")
    second = await api("GET", f"api/views?limit=2&cursor={first.json['next_cursor']}")

    assert [i["name"] for i in first.json["items"]] == ["View 4", "View 3"]
    assert [i["name"] for i in second.json["items"]] == ["View 2", "View 1"]
    assert first.json["total"] == 5
    item = first.json["items"][0]
    assert (item["status"], item["is_mine"], item["column_count"]) == ("fresh", True, 1)
    rows = await api("GET", f"api/views/{item['short_id']}/result?limit=1")
    assert rows.json["rows"] == [[4]]
    assert (await api("DELETE", f"api/views/{item['short_id']}")).status == 204
    assert (await api("GET", f"api/views/{item['short_id']}")).status == 404
    assert (await api("GET", "api/views?cursor=zzz")).status == 422


async def test_a_name_that_is_markup_is_kept_as_text(api):
    name = "<img src=x onerror=alert(1)>"

    view = await api.save("SELECT 1", name)

    assert view["name"] == name
    assert view["slug"] == "img-src-x-onerror-alert-1"


async def test_a_reader_may_force_a_refresh_six_times_a_minute_and_the_owner_without_end(person):
    owner, reader = await person("olga"), await person("ana")
    await owner.save("SELECT 1", "Limited", is_public=True)
    path = "api/v1/perspectives/limited/refresh"

    statuses = [(await reader("POST", path)).status for _ in range(7)]
    refused = await reader("GET", "api/v1/perspectives/limited?refresh=true")

    assert statuses == [202] * 6 + [429]
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert [(await owner("POST", path)).status for _ in range(8)] == [202] * 8


async def test_the_list_can_be_narrowed_to_stale_views(api, data_folder):
    (data_folder / "s.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 's.csv'", "From a file")
    await api.save("SELECT 1", "Constant")
    (data_folder / "s.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.2)

    stale = await api("GET", "api/v1/perspectives?stale=true")
    fresh = await api("GET", "api/v1/perspectives?stale=false")

    assert [i["name"] for i in stale.json["items"]] == ["From a file"]
    assert stale.json["items"][0]["stale_sources"] == ["s.csv"]
    assert [i["name"] for i in fresh.json["items"]] == ["Constant"]


async def test_the_owner_learns_what_running_it_again_takes(person, data_folder):
    owner, reader = await person("olga"), await person("ana")
    (data_folder / "sub").mkdir()
    (data_folder / "sub" / "x.csv").write_text("n\n1\n")
    statement = await owner.run("SELECT n FROM 'x.csv'", base_dir="sub")
    assert statement["status"] == "SUCCESS"
    body = {"name": "Sub", "statement_id": statement["id"], "is_public": True}
    made = await owner("POST", "api/v1/perspectives", body)

    seen = await reader("GET", "api/v1/perspectives/sub")

    assert (made.json["base_dir"], made.json["frames"]) == ("sub", {})
    assert (seen.json["base_dir"], seen.json["frames"]) == (None, None)


async def test_a_folder_outside_is_refused(api):
    answer = await api("POST", "api/v1/statements", {"sql": "SELECT 1", "base_dir": "../.."})

    assert answer.status == 422
    assert answer.json["details"]["field"] == "base_dir"


async def test_a_young_file_is_confirmed_by_content_once_and_a_racy_rewrite_is_still_seen(
    api, data_folder, tmp_path
):
    import sqlite3

    source = data_folder / "young.csv"
    source.write_text("n\n1\n")
    await api.save("SELECT sum(n) AS s FROM 'young.csv'", "Young")
    path = "api/v1/perspectives/young"

    def provisional():
        with sqlite3.connect(tmp_path / "views-store" / "views.sqlite") as connection:
            return (
                '"provisional": true'
                in connection.execute("SELECT signatures FROM results").fetchone()[0]
            )

    assert provisional()
    await asyncio.sleep(3.2)
    assert (await api("GET", path)).json["is_stale"] is False
    assert not provisional()
    stamps = source.stat()
    source.write_text("n\n7\n")
    os.utime(source, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    await asyncio.sleep(1.2)

    assert (await api("GET", path)).json["stale_reason"] == "source_changed"
