"""What an owner says about the freshness of a view, on every door that takes it."""

from __future__ import annotations

import asyncio
import time

import pytest

PERSPECTIVES = "api/v1/perspectives"
RULE = {
    "age_seconds": 600,
    "schedule": "0 7 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "max_staleness_seconds": 3600,
    "changed_when": "SELECT 42",
    "strict": True,
    "key": ["n"],
}
NO_RULE = {
    "age_seconds": None,
    "schedule": None,
    "timezone": "UTC",
    "max_staleness_seconds": None,
    "changed_when": None,
    "strict": False,
    "key": None,
}


async def get(call, path: str):
    answer = await call("GET", path)
    assert answer.status == 200, answer.body
    return answer.json


async def refreshed(call, path: str) -> dict:
    """Refresh a view and return the statement when it has ended."""
    statement = (await call("POST", f"{path}/refresh")).json
    path = f"api/v1/statements/{statement['id']}"
    return (await call("GET", path, headers={"Prefer": "wait=50"})).json


async def reaches(call, path: str, **facts) -> dict:
    """The object once it says these facts."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        found = await get(call, path)
        if {name: found[name] for name in facts} == facts:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


def rule_of(body: dict) -> dict:
    return {name: body[name] for name in RULE}


async def test_a_rule_given_at_the_start_is_told_by_both_doors(api):
    created = await api.save("SELECT 1 AS n", "Ruled", **RULE)

    perspective = await get(api, f"{PERSPECTIVES}/ruled")
    view = await get(api, f"api/views/{created['short_id']}")

    assert rule_of(created) == rule_of(perspective) == rule_of(view) == RULE


async def test_without_a_word_there_is_no_rule(api):
    view = await api.save("SELECT 1 AS n", "Plain")

    assert rule_of(view) == NO_RULE
    assert (view["schedule_text"], view["next_refresh_at"]) == (None, None)
    assert (view["method"], view["upstreams"]) == ("full", [])


async def test_lists_tell_the_schedule_and_not_the_rest_of_the_rule(api):
    await api.save("SELECT 1 AS n", "Ruled", **RULE)

    for path in (PERSPECTIVES, "api/views"):
        (item,) = (await get(api, path))["items"]
        assert item["schedule"] == RULE["schedule"]
        assert item["schedule_text"]
        assert item["next_refresh_at"]
        assert not item.keys() & (RULE.keys() - {"schedule"})


@pytest.mark.parametrize("field", RULE)
async def test_each_field_changes_alone_on_both_doors_and_null_clears_it(api, field):
    view = await api.save("SELECT 1 AS n", "Ruled")
    doors = [
        ("PUT", f"{PERSPECTIVES}/ruled", 201),
        ("PATCH", f"api/views/{view['short_id']}", 200),
    ]
    for verb, path, status in doors:
        changed = await api(verb, path, {field: RULE[field]})
        cleared = await api(verb, path, {field: NO_RULE[field]})

        assert changed.status == cleared.status == status
        assert rule_of(changed.json) == NO_RULE | {field: RULE[field]}
        assert rule_of(cleared.json) == NO_RULE


async def test_what_a_change_does_not_name_stays(api):
    view = await api.save("SELECT 1 AS n", "Ruled", description="d", tags=["t"], **RULE)

    changed = await api("PATCH", f"api/views/{view['short_id']}", {"age_seconds": 5})
    renamed = await api("PATCH", f"api/views/{view['short_id']}", {"name": "Other"})

    assert rule_of(changed.json) == rule_of(renamed.json) == RULE | {"age_seconds": 5}
    assert (renamed.json["name"], renamed.json["description"]) == ("Other", "d")
    assert (renamed.json["tags"], renamed.json["version"]) == (["t"], 1)


async def test_patch_changes_words_and_access_by_the_short_id(api, person):
    view = await api.save("SELECT 1 AS n", "Words")
    path = f"api/views/{view['short_id']}"
    ana = await person("ana")
    assert (await ana("GET", path)).status == 404

    changed = await api(
        "PATCH",
        path,
        {
            "name": "New words",
            "description": "why",
            "tags": ["weekly"],
            "auto_refresh": False,
            "allowed_user_ids": ["ana"],
        },
    )

    assert changed.status == 200
    assert changed.json["slug"] == "words"
    assert (changed.json["name"], changed.json["description"]) == ("New words", "why")
    assert (changed.json["tags"], changed.json["auto_refresh"]) == (["weekly"], False)
    assert (await ana("GET", path)).status == 200
    cleared = await api("PATCH", path, {"description": None, "is_public": True})
    assert (cleared.json["description"], cleared.json["is_public"]) == (None, True)


async def test_only_the_owner_patches(person, stranger):
    owner, granted, other = await person("olga"), await person("ana"), await person("sam")
    view = await owner.save("SELECT 1 AS n", "Mine", allowed_user_ids=["ana"])
    path = f"api/views/{view['short_id']}"

    statuses = [
        (await call("PATCH", path, {"schedule": "1h"})).status
        for call in (granted, other, stranger, owner)
    ]

    assert statuses == [403, 404, 401, 200]


async def test_a_schedule_is_told_in_words_with_the_next_time(api):
    view = await api.save("SELECT 1 AS n", "Timed")
    path = f"api/views/{view['short_id']}"

    hourly = (await api("PATCH", path, {"schedule": "1h"})).json
    daily = (await api("PATCH", path, {"schedule": "0 7 * * *", "timezone": "Asia/Tokyo"})).json
    none = (await api("PATCH", path, {"schedule": None})).json

    assert hourly["schedule_text"] == "every hour"
    assert hourly["next_refresh_at"] > hourly["computed_at"]
    assert "Asia/Tokyo" in daily["schedule_text"]
    assert daily["next_refresh_at"].endswith("T22:00:00.000000Z")
    assert (none["schedule_text"], none["next_refresh_at"]) == (None, None)


BAD = [
    ({"schedule": "every day"}, 422, "schedule"),
    ({"schedule": "0 25 * * *"}, 422, "schedule"),
    ({"schedule": "0 0 31 2 *"}, 422, "schedule"),
    ({"schedule": "* * * *"}, 422, "schedule"),
    ({"schedule": "1s"}, 422, "schedule"),
    ({"schedule": ""}, 422, "schedule"),
    ({"schedule": 60}, 422, "schedule"),
    ({"timezone": "Mars/X"}, 422, "timezone"),
    ({"timezone": "../../etc/passwd"}, 422, "timezone"),
    ({"schedule": "0 7 * * *", "timezone": "Mars/X"}, 422, "timezone"),
    ({"timezone": None}, 422, "timezone"),
    ({"age_seconds": 0}, 422, "age_seconds"),
    ({"age_seconds": -1}, 422, "age_seconds"),
    ({"age_seconds": 2**31}, 422, "age_seconds"),
    ({"age_seconds": 1.5}, 422, "age_seconds"),
    ({"max_staleness_seconds": -1}, 422, "max_staleness_seconds"),
    ({"max_staleness_seconds": "1h"}, 422, "max_staleness_seconds"),
    ({"strict": "yes"}, 422, "strict"),
    ({"strict": None}, 422, "strict"),
    ({"key": []}, 422, "key"),
    ({"key": ["n", ""]}, 422, "key[1]"),
    ({"key": "n"}, 422, "key"),
    ({"changed_when": ""}, 422, "changed_when"),
    ({"changed_when": "SELECT FROM FROM x"}, 400, "changed_when"),
    ({"changed_when": "COPY (SELECT 1) TO 'out.csv'"}, 400, "changed_when"),
    ({"changed_when": "SELECT 1; SELECT 2"}, 400, "changed_when"),
    ({"changed_when": "SELECT * FROM range(2)"}, 422, "changed_when"),
    ({"changed_when": "SELECT 1, 2"}, 422, "changed_when"),
    ({"changed_when": "SELECT * FROM read_text('/etc/passwd')"}, 400, "changed_when"),
]


@pytest.mark.parametrize(("fields", "status", "field"), BAD, ids=[str(bad[0]) for bad in BAD])
async def test_a_rule_that_cannot_be_kept_is_refused_by_every_door_and_changes_nothing(
    api, data_folder, fields, status, field
):
    view = await api.save("SELECT 1 AS n", "Good")
    path = f"api/views/{view['short_id']}"
    tag = (await api("GET", path)).headers["Etag"]
    body = {"name": "Bad", "statement_id": view["request_id"]}

    answers = [
        await api("POST", PERSPECTIVES, body | fields),
        await api("PUT", f"{PERSPECTIVES}/good", {"name": "Bad"} | fields),
        await api("PATCH", path, {"name": "Bad"} | fields),
    ]

    for answer in answers:
        assert answer.status == status, answer.body
        assert answer.json["details"]["field"] == field, answer.body
        assert answer.json["message"]
    assert (await api("GET", path)).headers["Etag"] == tag
    assert (await api("HEAD", f"{PERSPECTIVES}/bad")).status == 404
    assert not (data_folder / "out.csv").exists()


async def test_a_patch_with_an_old_tag_is_412_and_changes_nothing(api):
    view = await api.save("SELECT 1 AS n", "Tagged")
    path = f"api/views/{view['short_id']}"
    tag = (await api("GET", path)).headers["Etag"]
    first = await api("PATCH", path, {"name": "first"}, headers={"If-Match": tag})

    second = await api("PATCH", path, {"name": "second"}, headers={"If-Match": tag})
    deleted = await api("DELETE", path, headers={"If-Match": tag})
    third = await api("PATCH", path, {"tags": ["x"]}, headers={"If-Match": first.headers["Etag"]})

    assert (first.status, second.status, deleted.status, third.status) == (200, 412, 412, 200)
    assert (await get(api, path))["name"] == "first"


async def test_a_refresh_in_between_does_not_defeat_a_conditional_patch(api):
    view = await api.save("SELECT random() AS n", "Tagged")
    path = f"api/views/{view['short_id']}"
    tag = (await api("GET", path)).headers["Etag"]
    await refreshed(api, path)

    answer = await api("PATCH", path, {"schedule": "1h"}, headers={"If-Match": tag})

    assert answer.status == 200


@pytest.mark.parametrize("door", ["api/views/{short_id}", "api/v1/perspectives/{slug}"])
async def test_the_tag_of_a_view_changes_with_all_that_is_told_and_with_nothing_else(
    api, data_folder, door
):
    (data_folder / "a.csv").write_text("n\n1\n")
    view = await api.save("SELECT n FROM 'a.csv'", "Told", auto_refresh=False, age_seconds=3600)
    path = door.format(**view)

    async def tag(**headers) -> tuple[int, str]:
        answer = await api("GET", path, headers=headers)
        return answer.status, answer.headers["Etag"]

    fresh = await tag()
    unchanged = await tag(**{"If-None-Match": fresh[1]})
    await api("PATCH", f"api/views/{view['short_id']}", {"schedule": "1d"})
    ruled = await tag()
    (data_folder / "a.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)
    stale = await tag(**{"If-None-Match": ruled[1]})

    assert (fresh[0], unchanged, ruled[0]) == (200, (304, fresh[1]), 200)
    assert stale[0] == 200
    assert len({fresh[1], ruled[1], stale[1]}) == 3


async def test_a_new_rule_holds_at_once_for_the_rows_that_are_there(api):
    view = await api.save("SELECT 1 AS n", "Held", auto_refresh=False)
    path = f"api/views/{view['short_id']}"
    await api("PATCH", path, {"age_seconds": 1})

    aged = await reaches(api, path, is_stale=True)
    kept = await api("PATCH", path, {"age_seconds": None})

    assert aged["stale_reason"] == "age"
    assert kept.json["is_stale"] is False


async def test_a_probe_decides_in_place_of_the_files(api, data_folder):
    (data_folder / "data.csv").write_text("n\n1\n")
    (data_folder / "stamp.csv").write_text("day\n1\n")
    view = await api.save(
        "SELECT sum(n)::BIGINT AS s FROM 'data.csv'",
        "Probed",
        auto_refresh=False,
        changed_when="SELECT max(day) FROM 'stamp.csv'",
    )
    path = f"api/views/{view['short_id']}"
    assert (await refreshed(api, path))["status"] == "SUCCESS"
    (data_folder / "data.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)
    untouched = await get(api, path)
    (data_folder / "stamp.csv").write_text("day\n2\n")

    told = await reaches(api, path, is_stale=True)

    assert untouched["is_stale"] is False
    assert told["stale_reason"] == "source_changed"


async def test_two_who_change_different_fields_of_a_rule_both_succeed(api):
    view = await api.save("SELECT 1 AS n", "Shared")
    path = f"api/views/{view['short_id']}"

    answers = await asyncio.gather(
        *(api("PATCH", path, {name: value}) for name, value in RULE.items())
    )

    assert {answer.status for answer in answers} == {200}
    assert rule_of(await get(api, path)) == RULE
