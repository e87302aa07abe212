"""Literals of other languages, read back by what reads those languages."""

from __future__ import annotations

import ast
import json
import re
import shlex

from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_views.wire.quoting import (
    in_javascript,
    in_power_query,
    in_python,
    in_r,
    in_shell,
    is_plain,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS.filter(is_plain))
@example("'")
@example("a'b\"$(id)`id`\\")
def test_a_shell_reads_one_word(text):
    assert shlex.split(f"x {in_shell(text)} y") == ["x", text, "y"]


@given(TEXTS)
@example('"\\\n\r\t\0\x85\u2028\u202e🐦')
def test_python_reads_the_text(text):
    assert ast.literal_eval(in_python(text)) == text


@given(TEXTS)
@example('"\\\n\r\t\0\x85\u2028\u202e🐦\x7f')
def test_javascript_reads_the_text(text):
    assert json.loads(in_javascript(text)) == text


@given(TEXTS)
@example('"#(lf)#(#)')
def test_power_query_reads_the_text(text):
    inside = in_power_query(text)[1:-1]
    assert '"' not in inside.replace('""', "")
    read = re.sub(
        r'""|#\(([0-9A-F]+|#)\)',
        lambda found: '"' if not found[1] else "#" if found[1] == "#" else chr(int(found[1], 16)),
        inside,
    )
    assert read == text


@given(TEXTS)
def test_what_is_copied_is_what_is_seen(text):
    for quoted in (in_python, in_javascript, in_power_query, in_r):
        assert is_plain(quoted(text))
