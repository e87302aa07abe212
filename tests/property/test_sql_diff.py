"""Any two texts of SQL, compared line by line."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_views.core.sql_diff import Line, diff_lines

_PLACE = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$")
texts = st.lists(
    st.sampled_from(["SELECT", "  a,", "  b", "", "-- x", "@@", "+", "\u2028", "\r"])
).map("\n".join)


def applied(before: str, lines: tuple[Line, ...]) -> str:
    """The older text with a diff applied to it, each kept line checked."""
    old, new, at = before.split("\n"), [], 0
    for line in lines:
        if line.kind == "place":
            found = _PLACE.match(line.text)
            assert found is not None
            start = int(found[1]) - (found[2] != "0")
            new += old[at:start]
            at = start
        elif line.kind == "added":
            new.append(line.text)
        else:
            assert old[at] == line.text
            new += [line.text] if line.kind == "same" else []
            at += 1
    return "\n".join(new + old[at:])


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_the_lines_turn_the_older_text_into_the_newer(before, after):
    lines = diff_lines(before, after)

    assert applied(before, lines) == after
    assert (lines == ()) is (before == after)


def test_a_change_stands_among_three_lines_on_either_side():
    before = "\n".join(map(str, range(20)))

    lines = diff_lines(before, before.replace("10", "ten"))

    assert [line.kind for line in lines].count("same") == 6
    assert lines[0] == Line("place", "@@ -8,7 +8,7 @@")


def test_texts_that_would_take_hours_are_all_removed_and_all_added():
    before, after = "\n" * 200_000, "x\n" * 100_000

    lines = diff_lines(before, after)

    assert len(lines) == 200_001 + 100_001
    assert {line.kind for line in lines} == {"removed", "added"}
