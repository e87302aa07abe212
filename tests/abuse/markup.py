"""Texts that would be markup, code, paths or control characters somewhere (abuse case A22)."""

from __future__ import annotations

import json
from pathlib import Path

MARKUP: tuple[str, ...] = tuple(
    json.loads(line)
    for line in (Path(__file__).parent / "markup_corpus.txt").read_text("ascii").splitlines()
)
