from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_views.kernel import grammar
from jupyter_views.kernel.grammar import BadLine, parse, split


def test_the_name_is_all_words_before_the_first_option():
    line = parse("Daily active users --tag growth --tag web --rows 5")

    assert line.name == "Daily active users"
    assert line["tag"] == ["growth", "web"]
    assert line["rows"] == 5


def test_quotes_group_words_and_do_not_reach_the_value():
    line = parse('"My view" --desc \'two words\' --note="said \\"so\\""')

    assert line.name == "My view"
    assert line["desc"] == "two words"
    assert line["note"] == 'said "so"'


def test_an_apostrophe_inside_a_word_is_a_letter():
    assert parse("Ana's sales --tag x").name == "Ana's sales"


def test_a_quote_that_never_closes_is_named():
    with pytest.raises(BadLine, match="not closed"):
        parse('Sales --desc "two words')


def test_options_take_their_value_after_a_space_or_an_equals_sign():
    assert parse("x --conn=local").values == parse("x --conn local").values


def test_an_empty_value_can_be_given():
    assert parse("x --desc ''")["desc"] == ""


@pytest.mark.parametrize(
    ("line", "message", "next_step"),
    [
        ("x --desk a", "Unknown option --desk.", "Did you mean --desc?  %views help"),
        ("x --zzzzz", "Unknown option --zzzzz.", "%views help"),
        ("x --tag", "--tag needs a value.", "--tag TAG"),
        ("x --tag --auto", "--tag needs a value.", "--tag TAG"),
        ("x --auto=1", "--auto takes no value.", "Write --auto alone."),
        ("x --rows many", "--rows needs a whole number; got 'many'.", None),
        ("x --as panda", "--as knows pandas, polars, arrow; got 'panda'.", "Did you mean pandas?"),
        ("x --desc a --desc b", "--desc is given twice.", "Keep one of them."),
        ("x —tag a", "—tag begins with a long dash.", "Type two hyphens: --tag"),
        (
            "x --tag a b",
            "'b' stands after the options.",
            "Put the name first, and quotes around a value of several words.",
        ),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_what_to_type(line, message, next_step):
    with pytest.raises(BadLine) as caught:
        parse(line)

    assert (caught.value.message, caught.value.next_step) == (message, next_step)


def test_an_endpoint_may_have_a_name_of_its_own():
    assert parse("x --endpoint")["endpoint"] is True
    assert parse("x --endpoint --auto")["endpoint"] is True
    assert parse("x --endpoint sales")["endpoint"] == "sales"
    assert parse("x --endpoint=sales")["endpoint"] == "sales"
    assert parse("x")["endpoint"] is None


def test_auto_can_be_negated_and_says_nothing_when_absent():
    assert parse("x --no-auto")["auto"] is False
    assert parse("x --auto")["auto"] is True
    assert parse("x")["auto"] is None


def test_showing_a_view_takes_parameters_as_options():
    line = parse("sales --region=EU --year 2026 --rows 3", SHOW, free=True)

    assert line.name == "sales"
    assert line["params"] == {"region": "EU", "year": "2026"}
    assert line["rows"] == 3


SHOW = (grammar.Option(flag="--rows", kind="count", metavar="N", help="rows"),)


def test_help_lists_every_option_once():
    text = grammar.usage(grammar.OPTIONS)

    for flag in grammar.flags(grammar.OPTIONS):
        assert sum(flag in line.split("  ")[1] for line in text.splitlines()) == 1


@given(st.text())
def test_any_line_is_read_or_refused_with_a_message(line):
    try:
        found = parse(line, free=True)
    except BadLine as error:
        assert error.message
    else:
        assert isinstance(found.name, str)


@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\"'\\"), min_size=1), min_size=1)
)
def test_quoted_words_come_back_as_they_were(words):
    assert split(" ".join(f'"{word}"' for word in words)) == words
