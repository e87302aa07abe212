"""Runs code in a process of its own that has confined itself, and reads what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupyter_views

_START = """
import json, sys
import duckdb, pyarrow
from jupyter_views.engines import confining
given = json.loads(sys.argv[1])
facts = {}

def attempt(name, act):
    try:
        act()
    except BaseException as error:
        facts[name] = type(error).__name__
    else:
        facts[name] = "done"

if given["confine"]:
    facts["held"] = confining.confine(
        readable=tuple(given["readable"]), writable=tuple(given["writable"]),
        memory_bytes=given["memory"], file_bytes=given["file"], nice=given["nice"])
"""


def confined(
    code: str,
    *,
    readable: tuple[Path, ...],
    writable: tuple[Path, ...],
    confine: bool = True,
    memory: int = 2**30,
    file: int = 2**24,
    nice: int = 0,
    **given: Any,
) -> dict[str, Any]:
    """``facts`` after ``code`` ran in a confined process.

    The code sees ``given``, ``duckdb`` and ``attempt(name, function)``, which
    notes the class of what was raised, or "done".
    """
    facts = {
        "readable": list(map(str, readable)),
        "writable": list(map(str, writable)),
        "confine": confine,
        "memory": memory,
        "file": file,
        "nice": nice,
        **given,
    }
    package = str(Path(jupyter_views.__file__).parent.parent)
    ran = subprocess.run(
        [sys.executable, "-c", f"{_START}\n{code}\nprint(json.dumps(facts))", json.dumps(facts)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=writable[0],
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": package, "SECRET": "s3cret"},
    )
    if ran.returncode != 0:
        raise AssertionError(f"ended with {ran.returncode}: {ran.stderr[-2000:]}")
    return json.loads(ran.stdout.splitlines()[-1])
