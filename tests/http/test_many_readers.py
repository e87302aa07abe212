"""Many readers of one stale view: one run, and nobody waits for it."""

from __future__ import annotations

import asyncio

READERS = 200
# Some seconds of work once the file has two rows.
SQL = "SELECT sum(a.range * s.n % 7)::BIGINT AS c, max(s.n) AS n FROM 's.csv' s, range(400000000) a"


async def test_200_readers_of_a_stale_view_cost_one_run_and_get_rows_at_once(api, data_folder):
    (data_folder / "s.csv").write_text("n\n1\n")
    view = await api.save(SQL, "Slow")
    (data_folder / "s.csv").write_text("n\n1\n2\n")
    await asyncio.sleep(1.1)
    path = "api/v1/perspectives/slow/result"

    answers = await asyncio.gather(*(api("GET", path) for _ in range(READERS)))

    assert {answer.status for answer in answers} == {200}
    assert all(answer.json["rows"][0][1] == 1 for answer in answers), "old rows, at once"
    assert {answer.headers.get("Is-Stale") for answer in answers} == {"true"}
    runs = {answer.headers["X-Refresh-Statement-Id"] for answer in answers}
    assert len(runs) == 1
    ended = await api("GET", f"api/v1/statements/{runs.pop()}", headers={"Prefer": "wait=50"})
    assert ended.json["status"] == "SUCCESS"
    assert (await api("GET", path)).json["rows"][0][1] == 2
    history = (await api("GET", f"api/views/{view['short_id']}/history")).json
    assert sum(item["count"] for item in history["items"]) == 2
