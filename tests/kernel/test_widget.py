from __future__ import annotations

import time
from typing import Any

import pytest

SLOW = (
    "SELECT count(*) AS n FROM range(1000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"
)


class FrontEnd:
    """The browser's side of a widget: messages by id, as the host delivers them."""

    def __init__(self, kernel: Any, variable: str) -> None:
        self.kernel = kernel
        self.model = kernel.value(f"{variable}.model_id").strip("'")
        self.last = 0

    def ask(self, **content: Any) -> dict[str, Any]:
        self.last += 1
        content = {"id": self.last, **content}
        client = self.kernel.client
        facts = {"comm_id": self.model, "data": {"method": "custom", "content": content}}
        client.shell_channel.send(client.session.msg("comm_msg", facts))
        until = time.monotonic() + 20
        while True:
            message = client.get_iopub_msg(timeout=until - time.monotonic())
            found = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and found.get("method") == "custom":
                return found["content"]


@pytest.fixture
def big(kernel):
    kernel.run("%%perspective Big\nSELECT i AS n, 'row ' || i AS text FROM range(1000) t(i)")
    kernel.run("v = %perspective big\nw = v.widget()")
    return kernel


def wait_until(kernel, expression, seconds=15):
    until = time.monotonic() + seconds
    while kernel.value(expression) != "True":
        assert time.monotonic() < until, expression
        time.sleep(0.1)


def test_the_traits_say_what_the_view_is(big):
    assert big.value("w.slug, w.name, w.status, w.row_count, w.error, w.is_running") == (
        "('big', 'Big', 'fresh', 1000, '', False)"
    )
    assert big.value("len(w.rows), w.rows[1], w.columns[0]") == (
        "(20, [1, 'row 1'], {'name': 'n', 'type': 'integer'})"
    )
    assert big.value("w.computed_at.startswith('20')") == "True"


def test_a_cell_shows_the_widget_with_plain_html_beside_it(big):
    ran = big.run("w")

    (bundle,) = [*ran.shown, *ran.results]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "row 19" in bundle["text/html"]
    assert "980 more rows" in bundle["text/html"]
    assert bundle["text/plain"].startswith("<ViewWidget big: Fresh, 1,000 rows × 2 columns")


def test_a_window_is_two_hundred_rows_from_its_offset(big):
    answer = FrontEnd(big, "w").ask(command="window", offset=800)

    assert (answer["id"], answer["offset"], len(answer["rows"])) == (1, 800, 200)
    assert answer["rows"][-1] == [999, "row 999"]
    assert answer["result_id"] == int(big.value("w.result_id"))


@pytest.mark.parametrize(
    "content",
    [
        {"command": "sql", "sql": "SELECT 1"},
        {"command": "window", "offset": -1},
        {"command": "window", "offset": "0"},
        {"command": "window", "offset": True},
        {"command": ["window"]},
        {},
    ],
)
def test_anything_but_the_five_commands_is_answered_with_an_error(big, content):
    answer = FrontEnd(big, "w").ask(**content)

    assert set(answer) == {"id", "error"}


def test_the_chart_is_the_picture_that_every_other_surface_shows(big):
    front_end = FrontEnd(big, "w")

    light = front_end.ask(command="chart")
    dark = front_end.ask(command="chart", dark=True)

    assert light["svg"].startswith("<svg") and "<desc>" in light["svg"]
    assert light["result_id"] == int(big.value("w.result_id"))
    assert dark["svg"] != light["svg"]


def test_a_refresh_changes_the_traits_and_never_blocks_the_kernel(big):
    before = big.value("w.computed_at")

    assert FrontEnd(big, "w").ask(command="refresh") == {"id": 1, "ok": True}

    wait_until(big, "not w.is_running")
    assert big.value("w.computed_at") > before
    assert big.value("w.error, w.status") == "('', 'fresh')"


def test_a_failed_refresh_keeps_the_rows_and_says_why(kernel, server):
    (server.root / "going.csv").write_text("a\n1\n")
    kernel.run("%%perspective Going --no-auto\nSELECT a FROM 'going.csv'")
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'going')).widget()")
    (server.root / "going.csv").unlink()

    kernel.run("w.refresh()")

    assert kernel.value("w.rows") == "[[1]]"
    assert kernel.value("w.status") == "'failed'"
    assert kernel.value("w.error != ''") == "True"


def test_cancel_stops_the_statement_on_the_server(kernel, server):
    kernel.run("%%perspective Quick --param n:integer=1\nSELECT $n AS n")
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'quick')).widget()")
    kernel.run(
        "import threading\nfrom jupyter_views import _statements\n"
        f"draft = {{'sql': {SLOW!r}}}\n"
        "def work(turn):\n"
        "    w._follow(turn, _statements.submit(w._transport, draft, wait_seconds=1))\n"
        "w._begin(work, wait=False)"
    )
    wait_until(kernel, "w.is_running")
    time.sleep(1.5)

    FrontEnd(kernel, "w").ask(command="cancel")

    wait_until(kernel, "not w.is_running", seconds=5)
    assert kernel.value("w.error") == "'Cancelled. The last good result is kept.'"
    assert kernel.value("w.rows") == "[[1]]"
    newest = server.request("GET", "views/api/v1/statements?limit=1").json()["items"][0]
    assert newest["status"] == "CANCELED"


def test_what_describes_the_view_cannot_be_set_from_python(big):
    ran = big.run("w.slug = 'other'")

    assert "read-only" in "".join(ran.error)


@pytest.fixture
def watched(kernel, server):
    """A widget of a view over a file, followed by a page."""
    source = server.root / "stock.csv"
    source.write_text("id,pieces\n1,10\n2,20\n")
    kernel.run("%%perspective Stock\nFROM 'stock.csv'")
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'stock')).widget()")
    assert FrontEnd(kernel, "w").ask(command="follow", on=True) == {"id": 1, "ok": True}
    yield kernel, source
    kernel.run("w.close()")


def test_new_rows_of_a_changed_file_appear_by_themselves_with_what_changed(watched):
    kernel, source = watched
    before = kernel.value("w.result_id")

    source.write_text("id,pieces\n1,10\n2,25\n3,30\n")

    wait_until(kernel, "len(w.rows) == 3", seconds=30)
    assert kernel.value("w.result_id") > before
    assert kernel.value("w.rows") == "[[1, 10], [2, 25], [3, 30]]"
    wait_until(kernel, "w.changes == '1 row added, 1 changed'", seconds=20)
    wait_until(kernel, "w.status == 'fresh'", seconds=20)


def test_a_failed_refresh_is_told_in_the_same_words_and_the_rows_stay(watched):
    kernel, source = watched

    source.unlink()

    wait_until(kernel, "w.status == 'failed'", seconds=30)
    assert kernel.value("w.status_text").startswith("'Failed ")
    assert "stock.csv" in kernel.value("w.status_text")
    assert kernel.value("w.rows") == "[[1, 10], [2, 20]]"


def test_a_page_that_is_hidden_follows_no_more(watched):
    kernel, _source = watched

    FrontEnd(kernel, "w").ask(command="follow", on=False)

    wait_until(kernel, "w._follower._thread is None")
    assert kernel.value("w._follower.is_following") == "False"


def test_a_closed_widget_follows_no_more(watched):
    kernel, _source = watched

    kernel.run("w.close()")

    wait_until(kernel, "w._follower._thread is None")


def test_a_deleted_view_is_said_and_not_asked_for_again(watched, server):
    kernel, _source = watched

    server.request("DELETE", "views/api/v1/perspectives/stock")

    wait_until(kernel, "w.error != ''")
    wait_until(kernel, "w._follower._thread is None")


def test_a_server_that_is_gone_is_said_and_left_alone_until_it_is_back(watched):
    kernel, _source = watched
    kernel.run(
        "from jupyter_views._discovery import Server\n"
        "find, asked = w._transport._find, []\n"
        "def nobody():\n"
        "    asked.append(1)\n"
        "    return [Server(url='http://127.0.0.1:9/')]\n"
        "w._transport._find = nobody\n"
        "w._transport.close()"
    )
    wait_until(kernel, "'The rows shown stay.' in w.error")
    time.sleep(4)
    assert int(kernel.value("len(asked)")) <= 3
    assert kernel.value("w.rows") == "[[1, 10], [2, 20]]"

    kernel.run("w._transport._find = find")

    wait_until(kernel, "w.error == ''", seconds=30)
