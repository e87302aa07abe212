"""What changed between two texts of SQL, line by line."""

from __future__ import annotations

from difflib import unified_diff
from typing import Literal

from msgspec import Struct

_CONTEXT_LINES = 3
# Finding the shortest way from one text to the other costs their product; twice
# a thousand lines take well under a second, the longest queries would take hours.
_COMPARABLE = 1_000_000

LineKind = Literal["same", "added", "removed", "place"]


class Line(Struct, frozen=True):
    """A line of a unified diff without its mark.

    ``place`` lines stand between the parts that are shown and say where the
    next part begins: ``@@ -1,4 +1,5 @@``.
    """

    kind: LineKind
    text: str


_KINDS: dict[str, LineKind] = {" ": "same", "+": "added", "-": "removed", "@": "place"}


def diff_lines(before: str, after: str) -> tuple[Line, ...]:
    """The changed lines with three lines around them; empty for equal texts.

    Texts too long to be matched line by line are all removed and all added.
    """
    if before == after:
        return ()
    old, new = before.split("\n"), after.split("\n")
    if len(old) * len(new) > _COMPARABLE:
        gone = (Line("removed", text) for text in old)
        return (*gone, *(Line("added", text) for text in new))
    _, _, *lines = unified_diff(old, new, n=_CONTEXT_LINES, lineterm="")
    return tuple(
        Line(_KINDS[line[0]], line if line.startswith("@") else line[1:]) for line in lines
    )
