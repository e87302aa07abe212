from __future__ import annotations

import time

import pytest


@pytest.fixture
def answer(kernel):
    kernel.run("%%perspective The answer --param n:integer=42\nSELECT $n AS answer")
    return kernel


def test_a_saved_view_is_shown_once_and_returned(answer):
    last = answer.run("%perspective The answer")
    assigned = answer.run("v = %perspective the-answer")

    for ran in (last, assigned):
        assert len(ran.shown) == 1
        assert not ran.results
        assert "Fresh" in ran.shown[0]["text/plain"]
    assert answer.value("v.slug, v.status, v.df().shape") == "('the-answer', 'fresh', (1, 1))"


def test_the_returned_view_shows_itself_in_a_later_cell(answer):
    answer.run("v = %perspective the-answer")

    ran = answer.run("v")

    assert "42" in ran.shown[0]["text/plain"]


def test_other_parameter_values_show_other_rows_and_change_nothing(answer, server):
    ran = answer.run("%perspective the-answer --n=7")

    assert ran.error is None, ran.error
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "7"
    view = server.request("GET", "views/api/v1/perspectives/the-answer").json()
    assert (view["parameters"][0]["defaultValue"], view["version"]) == (42, 1)


def test_a_wrong_parameter_value_is_refused_by_name(answer):
    assert answer.run("%perspective the-answer --n=seven").error == [
        "n must be a whole number.",
        "  %perspective the-answer --n 5",
    ]
    assert answer.run("%perspective the-answer --m=7").error[0] == (
        "the-answer has no parameter m."
    )


def test_an_unknown_name_suggests_the_nearest(answer):
    ran = answer.run("%perspective the-anwser")

    assert ran.error[0] == "No view named 'the-anwser'. Did you mean the-answer?"


def test_the_list_shows_name_status_and_rows(answer):
    ran = answer.run("%views")

    head, row = ran.shown[0]["text/plain"].splitlines()
    assert head.split() == ["Status", "Name", "Slug", "Owner", "Rows", "Computed"]
    assert row.split()[:4] == ["Fresh", "The", "answer", "the-answer"]


def test_an_empty_list_says_how_to_begin(kernel):
    assert "%%perspective My first view" in kernel.run("%views").shown[0]["text/plain"]


def test_a_view_can_be_deleted_by_name(answer, server):
    ran = answer.run("%views delete The answer")

    assert "Deleted The answer (the-answer)." in ran.shown[0]["text/plain"]
    assert server.request("GET", "views/api/v1/perspectives/the-answer").status_code == 404


def test_snippets_name_the_key_and_never_show_one(answer, server):
    text = answer.run("%views api the-answer").shown[0]["text/plain"]

    assert "$JUPYTER_VIEWS_TOKEN" in text
    assert server.token not in text
    assert answer.value("__import__('os').environ['JUPYTER_VIEWS_KEY']").strip("'") not in text


def test_snippets_are_those_of_the_server_by_language_and_door(answer, server):
    short_id = server.request("GET", "views/api/views").json()["items"][0]["short_id"]
    doors = server.request("GET", f"views/api/views/{short_id}/snippets").json()["doors"]
    texts = {(d["door"], s["language"]): s["text"] for d in doors for s in d["snippets"]}

    usual = answer.run("%views api The answer").shown[0]["text/plain"]
    one = answer.run("%views api the-answer --in r --door insight").shown[0]["text/plain"]

    for language in ("curl", "client", "pandas"):
        assert texts["perspective", language] in usual
    assert "%views api the-answer also takes --in python, --in polars" in usual
    assert "--door insight" in usual
    assert texts["insight", "r"] in one
    assert "curl" not in one
    assert answer.run("%views api the-answer --in pandsa").error == [
        "There is no language pandsa here.",
        "Did you mean pandas?",
    ]
    assert answer.run("%views api the-answer --door endpoint").error == [
        "There is no door endpoint here.",
        "There are perspective, insight.",
    ]


def test_an_unknown_verb_suggests_the_nearest(kernel):
    assert kernel.run("%views refesh x").error == [
        "Unknown verb refesh.",
        "Did you mean %views refresh?",
    ]


def test_help_and_the_option_say_the_same(kernel):
    assert (
        kernel.run("%views help").shown[0]["text/plain"]
        == kernel.run("%perspective --help").shown[0]["text/plain"]
    )


def test_completion_knows_names_options_and_values(answer):
    def complete(text):
        reply = answer.client.complete(text, reply=True, timeout=20)
        return reply["content"]["matches"]

    assert "the-answer" in complete("%perspective the")
    assert "the-answer" in complete("%views refresh the")
    assert complete("%%perspective x --para") == ["--param"]
    assert complete("%%perspective x --conn lo") == ["local"]
    assert complete("%%perspective x --as pol") == ["polars"]
    assert complete("%views ref") == ["refresh"]


def test_a_stale_view_names_the_file_that_changed(kernel, server):
    (server.root / "events.csv").write_text("a\n1\n")
    kernel.run("%%perspective Events --no-auto\nSELECT sum(a) AS a FROM 'events.csv'")

    (server.root / "events.csv").write_text("a\n1\n22\n")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        text = kernel.run("%perspective events").shown[0]["text/plain"]
        if "Stale" in text:
            break
        time.sleep(0.3)

    assert "Stale: events.csv changed" in text


def test_a_kernel_without_a_server_keeps_the_rows_it_saw(kernel, server):
    kernel.run("%%perspective Offline\nSELECT 5 AS five")
    kernel.run(
        "from jupyter_views._discovery import Server\n"
        "session = get_ipython().magics_manager.registry['ViewsMagics'].session\n"
        "transport = session.views._transport\n"
        "find, transport._find = transport._find, lambda: [Server(url='http://127.0.0.1:9/')]\n"
        "transport.close()"
    )

    ran = kernel.run("%perspective offline")
    kernel.run("transport._find = find")

    assert "Showing the last rows this kernel saw" in ran.shown[0]["text/plain"]
    assert "5" in ran.shown[0]["text/plain"]


def test_loading_the_extension_loads_no_heavy_library(server):
    import subprocess
    import sys

    from .live import PACKAGE_PARENT

    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
        "import sys; before = set(sys.modules); s.run_line_magic('load_ext', 'jupyter_views');"
        "new = {n.split('.')[0] for n in set(sys.modules) - before};"
        "print(sorted(new & {'pandas','pyarrow','polars','httpx','duckdb','sqlalchemy',"
        "'jupyter_server','tornado','ipywidgets','anywidget','msgspec'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": PACKAGE_PARENT},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_other_values_for_a_view_over_a_file_read_that_file(kernel, server):
    (server.root / "levels.csv").write_text("a\n1\n2\n3\n")
    kernel.run(
        "%%perspective Levels --param n:number=2\n"
        "SELECT sum(a) AS s FROM 'levels.csv' WHERE a >= $n"
    )

    ran = kernel.run("%perspective levels --n=3")

    assert ran.error is None, ran.error
    assert ran.shown[0]["text/plain"].splitlines()[3].strip() == "3"


def test_without_any_server_the_magic_says_what_to_do(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    for name in ("JUPYTER_VIEWS_URL", "JUPYTER_VIEWS_TOKEN", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    shell.run_line_magic("load_ext", "jupyter_views")

    shell.run_cell("%%perspective Alone\nSELECT 1")

    printed = capsys.readouterr()
    assert "No running Jupyter server was found.\nNext: " in printed.out + printed.err
    assert "Traceback" not in printed.out + printed.err


def test_a_terminal_gets_the_same_view_as_text(shell, server, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
    for name in ("JUPYTER_VIEWS_URL", "JUPYTER_VIEWS_TOKEN", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(server.root)
    shell.run_line_magic("load_ext", "jupyter_views")

    shell.run_cell("%%perspective In a terminal\nSELECT 42 AS answer")

    printed = capsys.readouterr().out
    assert "42\nSaved as in-a-terminal (version 1, only you)." in printed
    shell.magics_manager.registry["ViewsMagics"].session.views.close()
