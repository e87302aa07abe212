"""500 strings that would do harm in SQL, as values of every type on every door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from abuse.injection import INJECTIONS

INTACT = "i\n1\n2\n"
KINDS = {
    "text": {},
    "text-pattern": {"pattern": "[a-z]{3}"},
    "number": {},
    "integer": {},
    "boolean": {},
    "enum": {"options": ["a", "b"]},
    "multi-enum": {"options": ["a", "b"]},
    "query-enum": {"optionsFrom": "offered"},
    "date-picker": {},
    "datetime-picker": {},
    "date-range": {},
    "datetime-range": {},
}
DECLARED = [
    {"name": kind.replace("-", "_"), "type": kind, "required": False, **more}
    for kind, more in KINDS.items()
]
NAMES = [each["name"] for each in DECLARED]
BOUND = [
    name
    for each in NAMES
    for name in ((f"{each}.start", f"{each}.end") if "range" in each else (each,))
]
SQL = f"SELECT (SELECT count(*) FROM 'intact.csv') AS n, {', '.join(f'{{{{{b}}}}}' for b in BOUND)}"
AT_ONCE = 10
Ask = Callable[[str, str], Awaitable[Any]]
"""Ask a door with one value: its name, its text. Gives (status, the text that came back)."""


async def statement_door(api) -> Ask:
    async def ask(name: str, text: str) -> Any:
        body = {"sql": SQL, "parameters": DECLARED, "params": {name: text}}
        answer = await api("POST", "api/v1/statements", body, headers={"Prefer": "wait=50"})
        if answer.status != 200:
            return answer.status, None
        rows = await api("GET", f"api/v1/statements/{answer.json['id']}/result")
        return 200, rows.json["rows"][0][1]

    return ask


async def saved(api) -> dict[str, Any]:
    statement = await api.run(SQL, parameters=DECLARED)
    assert statement["status"] == "SUCCESS", statement["error"]
    body = {"name": "All", "statement_id": statement["id"], "doors": ["perspective", "insight"]}
    answer = await api("POST", "api/v1/perspectives", body)
    assert answer.status == 201, answer.body
    return answer.json


async def view_door(api) -> Ask:
    view = await saved(api)
    path = f"api/views/{view['short_id']}/result?mode=blocking&param."

    async def ask(name: str, text: str) -> Any:
        answer = await api("GET", f"{path}{name}={quote(text, safe='')}")
        return answer.status, answer.json["rows"][0][1] if answer.status == 200 else None

    return ask


async def insight_door(api) -> Ask:
    view = await saved(api)
    path = f"api/projects/1/insights/{view['short_id']}?refresh=blocking&variables_override="

    async def ask(name: str, text: str) -> Any:
        answer = await api("GET", f"{path}{quote(json.dumps({name: text}), safe='')}")
        return answer.status, answer.json["result"][0][1] if answer.status == 200 else None

    return ask


async def endpoint_door(api) -> Ask:
    query = {"kind": "HogQLQuery", "query": SQL, "parameters": DECLARED}
    made = await api("POST", "api/projects/1/endpoints", {"name": "all", "query": query})
    assert made.status == 201, made.body

    async def ask(name: str, text: str) -> Any:
        body = {"variables_values": {name: text}}
        answer = await api("POST", "api/projects/1/endpoints/all/run", body)
        return answer.status, answer.json["results"][0][1] if answer.status == 200 else None

    return ask


async def reference_door(api) -> Ask:
    view = await saved(api)
    made = await api("POST", "api/queries/refs", {"view": view["slug"]})
    assert made.status == 201, made.body
    path = f"api/queries/refs/{made.json['shortId']}/result?param."

    async def ask(name: str, text: str) -> Any:
        wait = {"Prefer": "wait=50"}
        answer = await api("GET", f"{path}{name}={quote(text, safe='')}", headers=wait)
        return answer.status, answer.json["rows"][0][1] if answer.status == 200 else None

    return ask


DOORS = [statement_door, view_door, insight_door, endpoint_door, reference_door]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
async def test_a_value_is_what_it_was_or_refused_and_nothing_moves(api, data_folder, door):
    (data_folder / "intact.csv").write_text(INTACT)
    await api.save("SELECT 'a' AS offered", "Offered")
    ask = await door(api)
    before = sorted(path.name for path in data_folder.iterdir())
    asked = [(NAMES[at % len(NAMES)], text) for at, text in enumerate(INJECTIONS)]

    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        for (name, text), found in zip(
            some, await asyncio.gather(*(ask(*each) for each in some)), strict=True
        ):
            assert found == ((200, text) if name == "text" else (400, None)), (name, text)

    assert sorted(path.name for path in data_folder.iterdir()) == before
    assert (data_folder / "intact.csv").read_text() == INTACT
