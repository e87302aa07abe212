"""The values that a view is read with most are computed anew with it, before anybody asks."""

from __future__ import annotations

from fault.own_clock import until

SQL = "SELECT sum(n)::INTEGER AS n FROM 'sales.csv' WHERE region = {{region}}"
REGION = {"name": "region", "defaultValue": "EU"}


async def saved(api, data_folder):
    (data_folder / "sales.csv").write_text("region,n\nEU,1\nUS,2\nAPAC,3\n")
    statement = await api.run(SQL, parameters=[REGION])
    body = {"name": "Sales", "statement_id": statement["id"], "auto_refresh": True}
    answer = await api("POST", "api/v1/perspectives", body)
    assert answer.status == 201, answer.body
    return answer.json


async def read(api, view, region: str, mode: str = "blocking"):
    path = f"api/views/{view['short_id']}/result?mode={mode}&param.region={region}"
    return await api("GET", path)


async def runs(api, region: str) -> int:
    """How often the query has run with this region."""
    items = (await api("GET", "api/v1/statements?limit=100")).json["items"]
    done = [each for each in items if (each["status"], each["strategy"]) == ("SUCCESS", "execute")]
    return sum(each["values"] == {"region": region} for each in done)


async def test_what_was_read_twice_is_fresh_again_before_it_is_read(api, data_folder, views_app):
    view = await saved(api, data_folder)
    for region in ("US", "US", "APAC"):
        assert (await read(api, view, region)).status == 200
    await views_app._parts._choices.flush()
    (data_folder / "sales.csv").write_text("region,n\nEU,10\nUS,20\nAPAC,30\n")

    answer = await api("GET", f"api/views/{view['short_id']}/result?mode=blocking")
    assert answer.json["rows"] == [[10]]

    async def is_run_again() -> bool:
        return await runs(api, "US") == 2

    await until(is_run_again)
    assert (await read(api, view, "US", "force_cache")).json["rows"] == [[20]]
    assert await runs(api, "APAC") == 1
    assert (await read(api, view, "APAC", "force_cache")).json["rows"] == [[3]]
