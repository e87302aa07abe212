"""What is served, and what is refused, while the engine is not there."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

PERSPECTIVES = "api/v1/perspectives"


@pytest.fixture
def engine() -> None:
    """The server's own, which these stop."""
    return


async def test_what_was_computed_is_served_while_the_engine_is_away(api, views_app, data_folder):
    (data_folder / "e.csv").write_text("n\n1\n2\n")
    view = await api.save("SELECT n FROM 'e.csv'", "Served")
    constant = await api.save("SELECT 7 AS n", "Constant")
    paths = [
        f"{PERSPECTIVES}/served/result",
        f"{PERSPECTIVES}/constant/result",
        f"api/views/{view['short_id']}/result",
        f"api/v1/statements/{constant['request_id']}/result",
    ]
    before = [await api("GET", path) for path in paths]

    await views_app._services.engine.stop()
    after = [await api("GET", path) for path in paths]

    assert [answer.status for answer in after] == [200] * 4, [a.body for a in after]
    assert [a.json["rows"] for a in after] == [a.json["rows"] for a in before]
    for path in (
        f"{PERSPECTIVES}/served",
        f"{PERSPECTIVES}/constant",
        PERSPECTIVES,
        f"{PERSPECTIVES}?stale=false",
        "api/views",
        f"api/views/{view['short_id']}",
        "api/v1/statements",
        f"api/v1/statements/{view['request_id']}",
        "api/keys",
        "api/connections",
    ):
        answer = await api("GET", path)
        assert answer.status == 200, (path, answer.body)
    assert (await api("GET", "api/health")).status == 503
    assert (await api("PUT", f"{PERSPECTIVES}/served", {"name": "Still"})).status == 201
    assert (await api("DELETE", f"{PERSPECTIVES}/constant")).status == 204


async def test_rows_that_cannot_be_compared_any_more_are_served_and_not_called_fresh_for_ever(
    api, views_app, data_folder, tmp_path
):
    (data_folder / "u.csv").write_text("n\n1\n")
    await api.save("SELECT n FROM 'u.csv'", "Unsure")
    await api("GET", f"{PERSPECTIVES}/unsure/result")
    await views_app._services.engine.stop()
    with sqlite3.connect(tmp_path / "views-store" / "views.sqlite") as connection:
        connection.execute("UPDATE results SET computed_at = computed_at - 600000000")
    await asyncio.sleep(1.2)

    rows = await api("GET", f"{PERSPECTIVES}/unsure/result")

    assert (rows.status, rows.json["rows"]) == (200, [[1]])
    assert rows.headers["Is-Stale"] == "true"
    assert rows.headers["X-Stale-Reason"] == "unverifiable"


async def test_what_needs_the_engine_says_that_it_is_away(api, views_app):
    await views_app._services.engine.stop()

    answer = await api("POST", "api/v1/statements", {"sql": "SELECT 1"})

    assert (answer.status, answer.json["error"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1
