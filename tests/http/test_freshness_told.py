"""What readers are told about freshness: the same on every surface, and nothing too much."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest

from jupyter_views.core.freshness import Freshness, State
from jupyter_views.core.model import SECOND, Result
from jupyter_views.http.negotiate import cache_control

PERSPECTIVES = "api/v1/perspectives"
FRESHNESS = ("computed_at", "is_stale", "stale_reason", "stale_sources")


async def get(call, path: str):
    answer = await call("GET", path)
    assert answer.status == 200, answer.body
    return answer.json


async def test_every_surface_shows_the_same_instant_state_and_reason(api, data_folder):
    (data_folder / "a.csv").write_text("n\n1\n")
    (data_folder / "b.csv").write_text("n\n1\n")
    view = await api.save(
        "SELECT * FROM 'a.csv' UNION ALL SELECT * FROM 'b.csv'", "Shown", auto_refresh=False
    )
    (data_folder / "b.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)
    by_slug, by_id = f"{PERSPECTIVES}/shown", f"api/views/{view['short_id']}"
    statement = f"api/v1/statements/{view['request_id']}"

    told = {
        path: await get(api, path)
        for path in (
            by_slug,
            by_id,
            statement,
            f"{by_slug}/result",
            f"{by_id}/result",
            f"{statement}/result",
        )
    }
    for path in (PERSPECTIVES, "api/views", "api/v1/statements"):
        told[path] = (await get(api, path))["items"][0]

    expected = (view["computed_at"], True, "source_changed", ["b.csv"])
    for path, body in told.items():
        assert tuple(body[name] for name in FRESHNESS) == expected, path
    for path in (by_slug, by_id, statement):
        headers = (await api("GET", path)).headers
        assert (headers["Is-Stale"], headers["X-Stale-Reason"]) == ("true", "source_changed")
    for path in (by_slug, by_id, statement):
        for name in ("json", "csv", "ndjson", "arrow", "parquet"):
            headers = (await api("GET", f"{path}/result?format={name}")).headers
            assert headers["X-Result-Computed-At"] == view["computed_at"]
            assert (headers["Is-Stale"], headers["X-Stale-Reason"]) == ("true", "source_changed")


async def test_fresh_rows_say_so_on_every_surface(api):
    view = await api.save("SELECT 1 AS n", "Shown")
    paths = [f"{PERSPECTIVES}/shown", f"api/views/{view['short_id']}"]

    for path in (*paths, *(f"{path}/result" for path in paths)):
        answer = await api("GET", path)
        body = answer.json
        assert (body["is_stale"], body["stale_reason"], body["stale_sources"]) == (False, None, [])
        assert (body["stale_since"], body["max_staleness_exceeded"]) == (None, False)
        headers = {"Is-Stale", "X-Stale-Reason", "X-Max-Staleness-Exceeded"}
        assert not headers & set(answer.headers)


async def aged(api, **fields) -> tuple[str, str]:
    """A view that changes by itself, once its age of a second has passed; its two addresses."""
    view = await api.save("SELECT random() AS r", "Aged", age_seconds=1, **fields)
    await asyncio.sleep(1.05)
    return f"{PERSPECTIVES}/aged", f"api/views/{view['short_id']}"


async def test_past_the_bound_every_answer_says_so_and_keeps_its_reason(api):
    paths = await aged(api, max_staleness_seconds=0, auto_refresh=False)

    for path in paths:
        detail = await api("GET", path)
        rows = await api("GET", f"{path}/result")
        as_csv = await api("GET", f"{path}/result?format=csv")
        for answer in (detail, rows, as_csv):
            assert answer.status == 200
            assert answer.headers["X-Stale-Reason"] == "age"
            assert answer.headers["X-Max-Staleness-Exceeded"] == "true"
        for body in (detail.json, rows.json):
            assert (body["stale_reason"], body["max_staleness_exceeded"]) == ("age", True)
            assert body["stale_since"] > body["computed_at"]
    for path in (PERSPECTIVES, "api/views"):
        assert (await get(api, path))["items"][0]["max_staleness_exceeded"] is True


async def test_within_the_bound_stale_rows_are_only_stale(api):
    for path in await aged(api, max_staleness_seconds=3600, auto_refresh=False):
        answer = await api("GET", f"{path}/result")
        assert (answer.json["is_stale"], answer.json["max_staleness_exceeded"]) == (True, False)
        assert "X-Max-Staleness-Exceeded" not in answer.headers


@pytest.mark.parametrize("door", [0, 1])
async def test_past_the_bound_a_patient_reader_gets_new_rows(api, door):
    path = (await aged(api, max_staleness_seconds=0))[door]
    old = await get(api, path)

    answer = await api("GET", f"{path}/result", headers={"Prefer": "wait=30"})

    assert answer.json["computed_at"] > old["computed_at"]
    assert "X-Max-Staleness-Exceeded" not in answer.headers


@pytest.mark.parametrize("door", [0, 1])
async def test_within_the_bound_nobody_waits(api, door):
    path = (await aged(api, max_staleness_seconds=3600))[door]

    answer = await api("GET", f"{path}/result", headers={"Prefer": "wait=30"})

    assert answer.headers["Is-Stale"] == "true"
    assert answer.headers["X-Refresh-Statement-Id"].startswith("stmt_")


async def test_patience_that_is_no_number_is_422_wherever_it_is_honoured(api):
    view = await api.save("SELECT 1 AS n", "Waited")
    before = (await get(api, "api/v1/statements"))["pagination"]["total"]
    headers = {"Prefer": "wait=abc"}

    answers = [
        await api("GET", f"{PERSPECTIVES}/waited/result", headers=headers),
        await api("GET", f"api/views/{view['short_id']}/result", headers=headers),
        await api("GET", f"api/v1/statements/{view['request_id']}", headers=headers),
        await api("POST", "api/v1/statements", {"sql": "SELECT 2"}, headers=headers),
    ]

    for answer in answers:
        assert (answer.status, answer.json["details"]["field"]) == (422, "Prefer")
        assert "'abc'" in answer.json["message"]
    assert (await get(api, "api/v1/statements"))["pagination"]["total"] == before


NOW = 1_000_000 * SECOND


def cacheability(state=State.FRESH, *, expires_in=None, is_public=True, seconds=1, **asked):
    result = Result(
        id="res",
        sha256="0",
        row_count=1,
        size_bytes=1,
        columns=(),
        truncated=None,
        computed_at=NOW - 60 * SECOND,
        duration_us=seconds * SECOND,
        saved_at=NOW,
        signatures=(),
    )
    expires_at = None if expires_in is None else NOW + expires_in * SECOND
    return cache_control(
        Freshness(state=state, expires_at=expires_at),
        result,
        NOW,
        is_public=is_public,
        is_forced=asked.get("is_forced", False),
        max_staleness_seconds=asked.get("bound"),
    )


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        ("private, no-cache", {}),
        ("private, no-cache", {"is_public": False, "expires_in": 60}),
        ("private, no-cache", {"state": State.STALE}),
        ("private, max-age=60, stale-while-revalidate=3600", {"expires_in": 60}),
        (
            "private, max-age=60, stale-while-revalidate=5000",
            {"expires_in": 60, "seconds": 500},
        ),
        ("private, max-age=60, stale-while-revalidate=30", {"expires_in": 60, "bound": 30}),
        ("private, max-age=60, stale-while-revalidate=0", {"expires_in": 60, "bound": 0}),
        (
            "private, max-age=0, stale-while-revalidate=3600",
            {"state": State.STALE, "expires_in": -60},
        ),
        (
            "private, max-age=0, stale-while-revalidate=3600",
            {"state": State.VERY_STALE, "expires_in": -600},
        ),
        (
            "private, max-age=2147483647, stale-while-revalidate=3600",
            {"expires_in": 10**12},
        ),
        ("no-store", {"expires_in": 60, "is_forced": True}),
    ],
)
def test_caches_are_promised_only_what_an_age_promises_and_within_a_bound(said, facts):
    assert cacheability(**facts) == said


async def test_public_rows_with_an_age_may_be_kept_until_it_passes(api):
    await api.save("SELECT 1 AS n", "Kept", is_public=True, age_seconds=600)
    await api.save(
        "SELECT 1 AS n", "Bounded", is_public=True, age_seconds=600, max_staleness_seconds=30
    )

    kept = (await api("GET", f"{PERSPECTIVES}/kept/result")).headers["Cache-Control"]
    bounded = (await api("GET", f"{PERSPECTIVES}/bounded/result")).headers["Cache-Control"]

    age = int(kept.split("max-age=")[1].split(",")[0])
    assert 500 < age <= 600
    assert kept.endswith("stale-while-revalidate=3600")
    assert bounded.endswith("stale-while-revalidate=30")


async def test_age_is_never_negative_when_the_clock_was_ahead(api, tmp_path):
    await api.save("SELECT 1 AS n", "Ahead", is_public=True, age_seconds=600)
    tomorrow = time.time_ns() // 1000 + 86_400 * SECOND
    with sqlite3.connect(tmp_path / "views-store" / "views.sqlite") as connection:
        connection.execute("UPDATE results SET computed_at = ?", (tomorrow,))

    answer = await api("GET", f"{PERSPECTIVES}/ahead/result")

    assert answer.headers["Age"] == "0"
    assert answer.headers["Is-Stale"] == "true"
    assert "max-age=0" in answer.headers["Cache-Control"]
