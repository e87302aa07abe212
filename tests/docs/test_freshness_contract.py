"""The contract of freshness on its page: one screen, and what the code decides."""

from __future__ import annotations

import pytest

from jupyter_views.core.freshness import (
    CHANGE_REASONS,
    DEFAULT_AGE,
    LAZY_FACTOR,
    Action,
    Evidence,
    Mode,
    State,
    act,
    decide,
)
from jupyter_views.core.model import SECOND, Result

from .pages import HOME

SCREEN_LINES = 45
WORDS = {
    Action.CACHED: "rows",
    Action.CACHED_AND_START: "rows + start",
    Action.COMPUTE: "wait",
}


def contract() -> list[str]:
    page = (HOME / "docs" / "freshness.md").read_text("utf-8")
    _, _, after = page.partition("## The contract on one screen\n")
    return after.partition("\n## ")[0].strip().splitlines()


def cells(start: str) -> list[list[str]]:
    """The rows below the head of a table that begins with these words."""
    lines = contract()
    first = next(at for at, line in enumerate(lines) if line.startswith(start)) + 2
    found = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_contract_fits_one_screen():
    assert len(contract()) <= SCREEN_LINES
    assert max(map(len, contract())) <= 115


def test_every_cell_of_the_modes_is_what_is_done():
    said = {row[0].strip("`"): row[1:] for row in cells("| Mode |")}

    assert said.keys() == set(Mode)
    for mode in Mode:
        done = [WORDS[act(mode, state)] for state in State]
        missing = {"rows": "nothing", "rows + start": "start", "wait": "wait"}[done[0]]
        assert said[mode] == [missing, *done[1:]], mode


AGE = 600 * SECOND
EVIDENCE = {
    "there are no rows": (None, Evidence(), None),
    "the rows are of an earlier query of the view": (
        0,
        Evidence(is_redefined=True, moved=("a.csv",)),
        None,
    ),
    "a source differs from what was recorded": (
        0,
        Evidence(moved=("a.csv",), moved_views=("up",)),
        AGE,
    ),
    "a view that it reads has other rows, is stale or is gone": (
        0,
        Evidence(moved=None, moved_views=("up",), is_volatile=True),
        AGE,
    ),
    "all sources verified equal, nothing changes by itself, no age or schedule": (
        10**6 * SECOND,
        Evidence(),
        None,
    ),
    "an age or schedule was set, and its time has not passed": (
        AGE - 1,
        Evidence(moved=None, is_volatile=True),
        AGE,
    ),
    "an age or schedule was set, and its time has passed": (AGE, Evidence(), AGE),
    "a source cannot be verified, or the query changes by itself": (
        DEFAULT_AGE,
        Evidence(moved=None),
        None,
    ),
}
"""By what is known: the age of the rows, the evidence, the age that was set."""


@pytest.mark.parametrize("row", cells("| What is known |"), ids=lambda row: row[0])
def test_every_line_of_the_states_is_what_is_decided(row):
    known, state, reason = row
    elapsed, evidence, age = EVIDENCE[known]

    found = decide(_rows(elapsed), evidence, now=NOW, age=age)

    assert found.state == state.strip("*").split(" ")[0] or state.endswith(f"then {found.state}")
    assert (found.reason or "") == reason.partition(",")[0].strip("`")


def test_the_lines_of_the_states_say_every_reason():
    said = {row[2].partition(",")[0].strip("`") for row in cells("| What is known |")}

    assert said - {""} == CHANGE_REASONS | {"never_run", "age", "unverifiable"}
    assert [row[0] for row in cells("| What is known |")] == list(EVIDENCE)
    assert (DEFAULT_AGE, LAZY_FACTOR) == (300 * SECOND, 3)


NOW = 10**9 * SECOND


def _rows(elapsed: int | None) -> Result | None:
    if elapsed is None:
        return None
    return Result(
        id="result",
        sha256="0" * 64,
        row_count=1,
        size_bytes=1,
        columns=(),
        truncated=None,
        computed_at=NOW - elapsed,
        duration_us=1,
        saved_at=NOW - elapsed,
        signatures=(),
    )
