"""The command line against a real server, as a shell would call it."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from warm import engine, ground, jp_asyncio_loop, new_store, tmp_path

__all__ = ["engine", "ground", "jp_asyncio_loop", "new_store", "tmp_path"]


@pytest.fixture
def shell(api, jp_serverapp):
    """Call ``jupyter views …``; returns (exit status, output, talk)."""

    async def call(
        *words: str,
        token: str | None = None,
        url: str | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
    ) -> tuple[int, str, str]:
        environment = {
            **os.environ,
            "JUPYTER_VIEWS_TOKEN": token or jp_serverapp.identity_provider.token,
        }
        command = "from jupyter_views.cli import main; main(prog_name='jupyter views')"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            command,
            "--url",
            url or jp_serverapp.connection_url,
            *words,
            env=environment,
            cwd=os.getcwd(),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, talk = await process.communicate()
        return process.returncode, output.decode(), talk.decode()

    return call
