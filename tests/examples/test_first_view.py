"""The example notebook, run by a kernel of a real server, and the command that opens it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from kernel.live import PACKAGE_PARENT, LiveKernel, LiveServer, Ran, a_server

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_view.ipynb"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def run_whole(server: LiveServer) -> tuple[dict[str, Ran], str]:
    """Run every cell in a kernel of its own; what each did, and the key that the kernel held."""
    kernel = LiveKernel(server)
    try:
        ran = {}
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
            if cell.cell_type == "code":
                ran[cell.id] = kernel.run(cell.source)
        return ran, kernel.value("__import__('os').environ['JUPYTER_VIEWS_KEY']").strip("'")
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[LiveServer]:
    with a_server(tmp_path_factory.mktemp("example")) as live:
        yield live


@pytest.fixture(scope="module")
def runs(server) -> list[tuple[dict[str, Ran], str]]:
    """The notebook run twice, as by somebody who comes back the next day."""
    return [run_whole(server), run_whole(server)]


@pytest.fixture(params=[0, 1], ids=["first run", "second run"])
def ran(runs, request) -> dict[str, Ran]:
    return runs[request.param][0]


def rows_of(ran: Ran) -> list[list[str]]:
    """The cells of the HTML table that stands in the output."""
    bodies = re.findall(r"<tbody>(.*?)</tbody>", ran.html, re.DOTALL)
    return [
        [
            re.sub(r"<[^>]+>", "", cell).strip()
            for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", bodies[0], re.DOTALL)
    ]


def text_of(ran: Ran) -> str:
    return "\n".join(data["text/plain"] for data in (*ran.shown, *ran.updates, *ran.results))


def test_every_cell_runs(ran):
    assert {name: each.error for name, each in ran.items() if each.error} == {}


def test_the_data_are_the_336776_flights_of_2013(ran):
    assert text_of(ran["data"]) == "(336776, 19)"


def test_a_view_is_saved_from_a_file(ran):
    assert rows_of(ran["from-file"]) == [
        ["EWR", "120835", "15.1"],
        ["JFK", "111279", "12.1"],
        ["LGA", "104662", "10.3"],
    ]


def test_a_view_is_saved_from_a_frame_of_the_kernel(ran):
    first, *others = rows_of(ran["from-frame"])

    assert first == ["Frontier Airlines Inc.", "685", "20.2"]
    assert len(others) == 4


def test_a_view_is_saved_with_a_parameter_and_shown_with_another_value(ran):
    july, february = rows_of(ran["with-parameter"]), rows_of(ran["other-value"])

    assert july[0] == ["19", "46.4"]
    assert february[0] == ["19", "19.7"]
    assert "The saved view is unchanged." in text_of(ran["other-value"])


def test_the_client_and_curl_read_the_same_rows(ran):
    frame, csv = text_of(ran["client"]), ran["from-curl"].text.split()

    assert csv[0] == "origin,flights,minutes_late"
    assert csv[1:] == ["EWR,120835,15.1", "JFK,111279,12.1", "LGA,104662,10.3"]
    for line in csv:
        for value in line.split(","):
            assert value in frame


def test_a_changed_file_is_noticed_with_no_reader_and_the_log_names_it(ran):
    assert "EWR" in text_of(ran["changed"])
    assert "LGA" not in text_of(ran["changed"])
    assert "flights.parquet changed" in ran["log"].text + text_of(ran["log"])


def test_no_output_holds_a_key(runs, server):
    for ran, key in runs:
        said = "".join(
            each.text + json.dumps([*each.shown, *each.updates, *each.results])
            for each in ran.values()
        )
        assert len(key) > 20
        assert key not in said
        assert server.token not in said


def test_running_it_twice_makes_no_second_version(runs, server):
    listed = server.request("GET", "views/api/views").json()["items"]

    assert {item["slug"]: item["version"] for item in listed} == {
        "delays-by-airport": 1,
        "delays-by-airline": 1,
        "delays-by-hour": 1,
    }
    assert "Saved as delays-by-airport" in text_of(runs[0][0]["from-file"])
    assert "Refreshed delays-by-airport" in text_of(runs[1][0]["from-file"])


def test_the_file_of_the_notebook_is_valid_and_stores_no_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


class Demo:
    """``jupyter views demo`` in a process of its own, with nothing of this machine's settings."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "demo"
        config = home / "config"
        config.mkdir(parents=True)
        enabled = {"ServerApp": {"jpserver_extensions": {"jupyter_views": True}}}
        (config / "jupyter_server_config.json").write_text(json.dumps(enabled))
        self._log = home / "log"
        self._runtime = home / "runtime"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-c", "from jupyter_views.cli import main; main()",
                    "demo", "--no-browser", "--port=0", f"--folder={self.folder}",
                ],
                env=kept | {
                    "HOME": str(home),
                    "PYTHONPATH": PACKAGE_PARENT,
                    "JUPYTER_CONFIG_DIR": str(config),
                    "JUPYTER_DATA_DIR": str(home / "data"),
                    "JUPYTER_RUNTIME_DIR": str(self._runtime),
                },
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home,
            )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What the server says of itself, once its views answer."""
        path = self._runtime / f"jpserver-{self.process.pid}.json"
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                facts = json.loads(path.read_text())
                health = httpx.get(facts["url"] + "views/api/health", trust_env=False)
                if health.status_code == 200:
                    return facts
            except (OSError, ValueError, httpx.TransportError):
                pass
            time.sleep(0.2)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        return ESCAPE.sub("", self._log.read_text(errors="replace"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    started = Demo(tmp_path_factory.mktemp("demo-home"))
    yield started
    started.stop()


def test_jupyter_views_demo_opens_lab_on_this_notebook_and_prints_the_address(demo):
    facts = demo.facts()

    assert (demo.folder / "first_view.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    assert facts["root_dir"] == str(demo.folder)
    page = httpx.get(
        facts["url"],
        headers={"Authorization": f"token {facts['token']}"},
        trust_env=False,
        follow_redirects=False,
    )
    assert page.headers["Location"].startswith("/lab/tree/first_view.ipynb")
    assert f"{facts['url']}lab/tree/first_view.ipynb?token={facts['token']}" in demo.log
