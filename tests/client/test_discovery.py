from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jupyter_views._discovery import candidates, given

DEAD_PID = 2**22 + 12345


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
    return folder


def a_server_file(folder: Path, pid: int, *, name: int | None = None, **facts) -> None:
    text = json.dumps(
        {"url": "http://localhost:8888/", "token": "abc", "pid": pid, "root_dir": "/", **facts}
    )
    (folder / f"jpserver-{name or pid}.json").write_text(text)


def test_the_environment_comes_first_with_its_own_key(runtime):
    a_server_file(runtime, os.getpid())
    env = {
        "JUPYTER_VIEWS_URL": "http://127.0.0.1:9999/base",
        "JUPYTER_VIEWS_KEY": "secret",
        "JPY_PARENT_PID": str(os.getpid()),
    }

    first, second = candidates(env=env)

    assert (first.url, first.authorization) == ("http://127.0.0.1:9999/base/", "Bearer secret")
    assert (second.url, second.authorization) == ("http://localhost:8888/", "token abc")


def test_the_parent_server_is_found_by_its_process_id_before_the_others(runtime):
    a_server_file(runtime, os.getpid(), url="http://localhost:1/")
    a_server_file(runtime, os.getpid(), name=os.getpid() + 1, url="http://localhost:2/")

    found = [server.url for server in candidates(env={"JPY_PARENT_PID": str(os.getpid())})]

    assert found == ["http://localhost:1/", "http://localhost:2/"]


def test_a_dead_server_and_a_broken_file_are_passed_over(runtime):
    a_server_file(runtime, DEAD_PID)
    (runtime / "jpserver-7.json").write_text("{")
    (runtime / "jpserver-8.json").write_text("[]")

    assert list(candidates(env={"JPY_PARENT_PID": str(DEAD_PID)})) == []


def test_a_server_whose_folder_holds_this_one_comes_before_a_younger_one(
    runtime, tmp_path, monkeypatch
):
    here = tmp_path / "work" / "notebooks"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    a_server_file(runtime, os.getpid(), name=1, url="http://near/", root_dir=str(tmp_path / "work"))
    a_server_file(runtime, os.getpid(), name=2, url="http://far/", root_dir=str(runtime))
    os.utime(runtime / "jpserver-1.json", (1, 1))

    assert [server.url for server in candidates(env={})] == ["http://near/", "http://far/"]


def test_a_password_server_without_a_token_is_offered_without_credentials(runtime):
    a_server_file(runtime, os.getpid(), token="", password=True)

    (server,) = candidates(env={})

    assert server.authorization is None


def test_a_unix_socket_is_read_from_the_runtime_file(runtime):
    a_server_file(
        runtime,
        os.getpid(),
        url="http+unix://%2Frun%2Fjupyter.sock/base/",
        sock="/run/jupyter.sock",
    )

    (server,) = candidates(env={})

    assert (server.url, server.socket) == ("http://localhost/base/", "/run/jupyter.sock")
    assert server.is_loopback


def test_the_hub_gives_address_and_token(runtime):
    env = {
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:5555/user/ana/",
        "JUPYTERHUB_API_TOKEN": "hubtoken",
    }

    (server,) = candidates(env=env)

    assert (server.url, server.authorization) == (
        "http://127.0.0.1:5555/user/ana/",
        "token hubtoken",
    )


@pytest.mark.parametrize(
    ("token", "header"), [("vk_abc", "Bearer vk_abc"), ("abc", "token abc"), (None, None)]
)
def test_a_key_of_ours_travels_as_bearer_and_others_as_the_hosts_token(token, header):
    assert given("http://h", token, {}).authorization == header


def test_a_token_in_the_address_is_dropped_and_never_printed():
    server = given("http://localhost:8888/lab?token=secret#x", "alsosecret", {})

    assert server.url == "http://localhost:8888/lab/"
    assert "secret" not in repr(server)
