"""Markdown pages as a test sees them: their blocks, links, headings and tables."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(HOME).as_posix(): path
    for path in (HOME / "README.md", *sorted((HOME / "docs").glob("*.md")))
    if path.name != "performance.md"
}
_FENCE = re.compile(r"^```(.*)$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind its backticks, its text, its first line's number."""

    kind: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    found: list[Block] = []
    kind, start, lines = None, 0, []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif kind is None:
            kind, start, lines = fence[1].strip(), number + 1, []
        else:
            found.append(Block(kind, "\n".join(lines), start))
            kind = None
    assert kind is None, f"{path.name}: the block at line {start - 1} is not closed"
    return found


def prose(path: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def links(path: Path) -> list[str]:
    return _LINK.findall(prose(path))


def anchors(path: Path) -> set[str]:
    """What a link may name behind ``#``: headings, spelled as GitHub spells them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def in_code(path: Path) -> set[str]:
    """Everything of the page that stands between single backticks."""
    return set(re.findall(r"`([^`\n]+)`", prose(path)))


def assert_text(expected: str, printed: str) -> None:
    """Compare output with a page; ``…`` stands for anything, a line of it alone for any lines."""

    def lines(text: str) -> list[str]:
        return [line.rstrip() for line in text.strip("\n").split("\n")]

    pattern = ""
    for line in lines(expected):
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
    seen = "\n".join(lines(printed)) + "\n"
    assert re.fullmatch(pattern, seen), f"expected:\n{expected}\n\nprinted:\n{seen}"


def assert_json(expected: Any, seen: Any, where: str = "$") -> None:
    """Compare JSON with a page; fields that are not written are not compared."""
    if isinstance(expected, dict):
        assert isinstance(seen, dict), f"{where}: {seen!r}"
        for name, value in expected.items():
            assert name in seen, f"{where} has no {name}, but {sorted(seen)}"
            assert_json(value, seen[name], f"{where}.{name}")
    elif isinstance(expected, list):
        assert isinstance(seen, list) and len(seen) == len(expected), f"{where}: {seen!r}"
        for at, (value, other) in enumerate(zip(expected, seen, strict=True)):
            assert_json(value, other, f"{where}[{at}]")
    elif isinstance(expected, str) and "…" in expected:
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        assert isinstance(seen, str) and re.fullmatch(pattern, seen), f"{where}: {seen!r}"
    else:
        assert seen == expected, f"{where}: {seen!r} is not {expected!r}"


def assert_output(block: Block, printed: str) -> None:
    if block.kind == "json":
        assert_json(json.loads(block.text), json.loads(printed))
    else:
        assert_text(block.text, printed)
