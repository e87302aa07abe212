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
def test_anything_but_the_three_commands_is_answered_with_an_error(big, content):
    answer = FrontEnd(big, "w").ask(**content)

    assert set(answer) == {"id", "error"}


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
    kernel.run("%%perspective Quick --param n:number=1\nSELECT $n AS n")
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'quick')).widget()")
    kernel.run(
        "import threading\nfrom jupyter_views import _statements\n"
        f"draft = {{'sql': {SLOW!r}}}\n"
        "begin = lambda key: _statements.submit(\n"
        "    w._transport, {**draft, 'client_id': key}, wait_seconds=1)\n"
        "w._start(begin, lambda s: '', wait=False)"
    )
    wait_until(kernel, "w.is_running")
    time.sleep(1.5)

    FrontEnd(kernel, "w").ask(command="cancel")

    wait_until(kernel, "not w.is_running", seconds=5)
    assert kernel.value("w.error") == "'Cancelled. The last good result is kept.'"
    assert kernel.value("w.rows") == "[[1]]"
    newest = server.request("GET", "views/api/v1/statements?limit=1").json()["items"][0]
    assert newest["status"] == "CANCELED"


def test_setting_parameters_shows_their_rows_and_leaves_the_view(kernel, server):
    kernel.run("%%perspective Param --param n:number=1\nSELECT $n + 1 AS next")
    kernel.run("w = (v := get_ipython().run_line_magic('perspective', 'param')).widget()")
    kernel.run("w.params = {'n': 41}")

    assert kernel.value("w.rows") == "[[42]]"
    view = server.request("GET", "views/api/v1/perspectives/param").json()
    assert (view["params"], view["version"]) == ({"n": 1}, 1)


def test_what_describes_the_view_cannot_be_set_from_python(big):
    ran = big.run("w.slug = 'other'")

    assert "read-only" in "".join(ran.error)
