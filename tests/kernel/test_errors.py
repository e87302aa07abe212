from __future__ import annotations

from jupyter_views.core.errors import EngineFailed, SlugTaken
from jupyter_views.kernel.errors import MagicError, from_bad_line, from_views_error, pointer
from jupyter_views.kernel.grammar import BadLine

SQL = "SELECT day, actve\nFROM 'events.parquet'"


def test_an_engine_error_points_at_the_word_in_the_cells_own_sql():
    error = EngineFailed("No column named 'actve'.", hint="Did you mean active?", line=1, column=13)

    shown = from_views_error(error, sql=SQL, outcome="Nothing was saved.")

    assert shown._render_traceback_() == [
        "No column named 'actve'.",
        "  line 1:  SELECT day, actve",
        "                       ^^^^^",
        "  Did you mean active?",
        "Nothing was saved.",
    ]


def test_a_position_outside_the_sql_is_left_out():
    assert pointer(SQL, 9, 1) == []
    assert pointer(SQL, 2, 99) == ["  line 2:  FROM 'events.parquet'"]


def test_the_caret_stays_under_its_word_in_a_long_line_with_tabs():
    sql = "SELECT\t" + "a, " * 100 + "wrong FROM t"

    head, carets = pointer(sql, 1, sql.index("wrong") + 1)

    assert head[carets.index("^") :].startswith("wrong")
    assert carets.count("^") == 5
    assert len(head) < 110


def test_a_taken_slug_lists_the_free_ones():
    error = SlugTaken("sales belongs to ana.", suggestions=("sales-2", "sales-ben"))

    assert from_views_error(error)._render_traceback_() == [
        "sales belongs to ana.",
        "Free now: sales-2, sales-ben.",
    ]


def test_messages_from_afar_cannot_move_the_terminals_cursor():
    error = EngineFailed("no \x1b[2Jtable", hint="\x07")

    assert all(line.isprintable() for line in from_views_error(error)._render_traceback_())


def test_a_line_that_cannot_be_read_keeps_its_next_step():
    assert from_bad_line(BadLine("Unknown.", "Do this."))._render_traceback_() == [
        "Unknown.",
        "Do this.",
    ]


def test_ipython_prints_our_lines_and_no_traceback(shell, capsys):
    shell.user_ns["error"] = MagicError("First line.", "Second line.")

    shell.run_cell("raise error")

    printed = capsys.readouterr()
    assert "First line.\nSecond line." in printed.out + printed.err
    assert "Traceback" not in printed.out + printed.err


def test_an_interrupt_between_two_steps_is_said_in_one_word(kernel):
    """Pressed where nothing runs yet: here while the line is looked at."""
    ran = kernel.run(
        "import sys\n"
        "def press(frame, event, arg):\n"
        "    if event == 'call' and frame.f_code.co_name == 'verb':\n"
        "        sys.setprofile(None)\n"
        "        raise KeyboardInterrupt\n"
        "sys.setprofile(press)\n"
        "get_ipython().run_line_magic('views', 'list')"
    )

    assert ran.error == ["Stopped."]
