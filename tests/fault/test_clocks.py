"""F14: somebody sets the clock of the machine a day forth, a day back, to 1970 and right again.

Behind the front door are the parts of a whole server with a clock of the
test's own. Sources, files and workers go by the machine's.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from .invariants import check_store
from .own_clock import DAY, HOUR, Door, OwnClock, until

SCHEDULED = {"Hourly": "1h", "Daily": "1d", "By the clock": "0 * * * *"}
READERS = 20


@pytest.fixture(autouse=True)
def clock(jp_serverapp):
    """Some days slow, so that no leap of a test ends in a future that the machine does not know.

    And far from the full hour, which would bring slots of its own.
    """
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_views"]
    clock = app.clock = OwnClock(-3 * DAY)
    clock.set(clock.date().replace(minute=20))
    return clock


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ViewsApp"] |= {"watching": "events", "run_workers": 2}
    return jp_server_config


class Scene:
    """Views of every kind, and what has to hold of them whatever the clock says."""

    def __init__(self, api, clock, folder) -> None:
        self._api, self._clock, self._folder = api, clock, folder
        self._lines = 1
        self.scheduled: dict[str, Door] = {}

    async def save(self) -> Scene:
        for name in ("n.csv", "aged.csv"):
            (self._folder / name).write_text("n\n1\n")
        save = self._api.save
        self.file = Door(self._api, await save("SELECT count(*) AS n FROM 'n.csv'", "File"))
        self.aged = Door(self._api, await save("FROM 'aged.csv'", "Aged", age_seconds=600))
        self.now = Door(self._api, await save("SELECT now()::VARCHAR AS n", "Now"))
        for name, schedule in SCHEDULED.items():
            made = await save(f"SELECT '{name}' AS n", name, schedule=schedule)
            self.scheduled[name] = Door(self._api, made)
        return self

    @property
    def all(self) -> list[Door]:
        return [self.file, self.aged, self.now, *self.scheduled.values()]

    async def look(self) -> None:
        """Have the server see the clock, and give it time to do too much."""
        for _ in range(3):
            await self.now.ring()
            await asyncio.sleep(0.1)

    async def runs(self) -> dict[str, int]:
        return {name: await door.runs() for name, door in self.scheduled.items()}

    async def have_run(self, more: dict[str, int]) -> None:
        """Wait until each has run so often, and see that none runs more."""
        await until(lambda: self._have_run(more))
        await self.look()
        assert await self.runs() == more

    async def _have_run(self, expected: dict[str, int]) -> bool:
        return all(n >= expected[name] for name, n in (await self.runs()).items())

    async def a_change_is_noticed(self) -> None:
        """Events do not go by the clock."""
        self._lines += 1
        with (self._folder / "n.csv").open("a") as file:
            file.write("1\n")
        await until(self._has_the_change)

    async def _has_the_change(self) -> bool:
        return (await self.file.answer()).json["rows"] == [[self._lines]]

    async def ages_are_right(self) -> None:
        """No age is negative, nothing lies in the future, no slot is too far away."""
        for door in self.all:
            facts, answer = await door.facts(), await door.answer()
            assert int(answer.headers["Age"]) >= 0
            if facts["stale_since"] is not None:
                assert self._clock.seconds_to(facts["stale_since"]) <= 0, door.slug
            for refresh in await door.history():
                assert (refresh["duration_us"] or 0) >= 0
        for name, door in self.scheduled.items():
            left = self._clock.seconds_to((await door.facts())["next_refresh_at"])
            assert left <= (DAY if name == "Daily" else HOUR), name

    async def readers_cause_one_run(self) -> None:
        """However many come to rows whose age has passed, or is not known."""
        for door in (self.aged, self.now):
            before = await door.runs()
            assert (await door.facts())["is_stale"]
            await asyncio.gather(*(door.answer("blocking") for _ in range(READERS)))
            assert await door.runs() == before + 1
            facts = await door.facts()
            assert (facts["is_stale"], facts["status"]) == (False, "fresh")
            assert -10 < self._clock.seconds_to(facts["computed_at"]) <= 0


@pytest.fixture
def scene(api, clock, data_folder, jp_asyncio_loop):
    return jp_asyncio_loop.run_until_complete(Scene(api, clock, data_folder).save())


async def test_F14_a_clock_that_jumps_a_day_forth_and_back_causes_one_run_each_and_no_storm(
    scene, clock, tmp_path
):
    clock.jump(DAY)
    await scene.look()
    await scene.have_run({"Hourly": 1, "Daily": 1, "By the clock": 1})
    await scene.ages_are_right()
    await scene.readers_cause_one_run()
    await scene.a_change_is_noticed()

    clock.jump(-DAY)
    await scene.look()
    assert await scene.runs() == {"Hourly": 1, "Daily": 1, "By the clock": 1}
    await scene.ages_are_right()
    assert (await scene.scheduled["Hourly"].facts())["stale_reason"] == "age"
    await scene.readers_cause_one_run()
    await scene.a_change_is_noticed()
    clock.let_pass(HOUR)
    await scene.look()
    await scene.have_run({"Hourly": 2, "Daily": 1, "By the clock": 2})
    await scene.ages_are_right()
    check_store(tmp_path / "views-store", is_stopped=False)


async def test_F14_a_clock_that_was_in_1970_and_is_right_again_loses_no_slot_and_no_rows(
    scene, clock, tmp_path
):
    right = clock.date()
    clock.set(datetime(1970, 1, 1, 6, 30, tzinfo=UTC))
    await scene.look()
    assert await scene.runs() == {"Hourly": 0, "Daily": 0, "By the clock": 0}
    await scene.ages_are_right()
    await scene.readers_cause_one_run()
    await scene.a_change_is_noticed()
    clock.let_pass(HOUR)
    await scene.look()
    await scene.have_run({"Hourly": 1, "Daily": 0, "By the clock": 1})
    await scene.ages_are_right()

    clock.set(right)
    await scene.look()
    await scene.have_run({"Hourly": 2, "Daily": 1, "By the clock": 2})
    await scene.ages_are_right()
    await scene.readers_cause_one_run()
    await scene.a_change_is_noticed()
    for name, door in scene.scheduled.items():
        facts = await door.facts()
        assert (facts["status"], facts["stale_reason"]) == ("fresh", None), name
        assert (await door.answer()).json["rows"] == [[name]]
    check_store(tmp_path / "views-store", is_stopped=False)
