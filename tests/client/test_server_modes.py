"""The ways in which a server may run, each with a kernel that has to find it."""

from __future__ import annotations

import subprocess

import pytest
from kernel.live import LiveKernel, LiveServer, a_client, a_server

import jupyter_views as jv
from jupyter_views.client import NoServer


def saves_a_view(server: LiveServer) -> None:
    kernel = LiveKernel(server)
    kernel.run("%load_ext jupyter_views")
    ran = kernel.run("%%perspective Mode\nSELECT 42 AS answer")
    kernel.client.stop_channels()
    assert ran.error is None, ran.error
    assert "42" in ran.shown[0]["text/plain"]


def test_a_base_address_is_found(tmp_path):
    with a_server(tmp_path, "--ServerApp.base_url=/user/ana/") as server:
        saves_a_view(server)


def test_a_password_server_without_a_token_is_found_by_its_kernels(tmp_path):
    from jupyter_server.auth import passwd

    hashed = passwd("secret", "sha1")
    with a_server(
        tmp_path, f"--PasswordIdentityProvider.hashed_password={hashed}", token=""
    ) as server:
        saves_a_view_without_token(server)


def saves_a_view_without_token(server: LiveServer) -> None:
    import httpx

    with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True) as browser:
        page = browser.get("login")
        xsrf = browser.cookies.get("_xsrf")
        assert page.status_code == 200
        browser.post("login", data={"password": "secret", "_xsrf": xsrf})
        answer = browser.post(
            "api/kernels", json={"name": "python3"}, headers={"X-XSRFToken": xsrf}
        )
        assert answer.status_code == 201, answer.text
    _save_in_kernel(server, answer.json()["id"])


def _save_in_kernel(server: LiveServer, kernel_id: str) -> None:
    client = a_client(server, kernel_id)
    texts = []

    def hear(message):
        if message["msg_type"] == "display_data":
            texts.append(message["content"]["data"]["text/plain"])

    for code in ("%load_ext jupyter_views", "%%perspective Mode\nSELECT 42 AS answer"):
        reply = client.execute_interactive(code, output_hook=hear, timeout=40)
        assert reply["content"]["status"] == "ok", reply["content"]
    client.stop_channels()
    assert "Saved as mode" in texts[0]


def test_a_server_without_any_credentials_is_found(tmp_path):
    with a_server(tmp_path, token="") as server:
        import httpx

        with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True) as browser:
            browser.get("login")
            xsrf = browser.cookies.get("_xsrf")
            answer = browser.post(
                "api/kernels", json={"name": "python3"}, headers={"X-XSRFToken": xsrf or ""}
            )
            assert answer.status_code == 201, answer.text
        _save_in_kernel(server, answer.json()["id"])


def test_a_self_signed_certificate_is_trusted_by_the_servers_own_kernels(tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=jupyter", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    with a_server(
        tmp_path, f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"
    ) as server:
        kernel_id = server.request("POST", "api/kernels", json={}, verify=False).json()["id"]
        _save_in_kernel(server, kernel_id)


def test_a_unix_socket_is_found(tmp_path, tmp_path_factory):
    import httpx

    sock = tmp_path_factory.mktemp("s") / "j.sock"
    with a_server(tmp_path, f"--ServerApp.sock={sock}") as server:
        transport = httpx.HTTPTransport(uds=str(sock))
        with httpx.Client(transport=transport, base_url="http://localhost/") as client:
            kernel = client.post(
                "api/kernels",
                json={},
                headers={"Authorization": f"token {server.token}"},
                timeout=30,
            ).json()
        _save_in_kernel(server, kernel["id"])


def test_a_server_without_the_extension_says_how_to_enable_it(tmp_path):
    with (
        a_server(tmp_path, is_plain=True) as server,
        pytest.raises(NoServer, match="does not offer it") as caught,
    ):
        jv.connect(server.url, server.token)
    assert "jupyter server extension enable jupyter_views" in caught.value.hint
