"""The peer of a look at sources: one pass over a folder with the status of every file.

Run as ``python -m benchmarks.bare_pass FOLDER``.
"""

from __future__ import annotations

import os
import sys
import time

from .server import serve_jobs


def main(folder: str) -> None:
    """Serve jobs: each is a pass; the answer is how many milliseconds it took."""

    def bare_pass() -> float:
        began = time.perf_counter()
        with os.scandir(folder) as entries:
            for entry in entries:
                entry.stat()
        return (time.perf_counter() - began) * 1000

    serve_jobs(bare_pass)


if __name__ == "__main__":
    main(sys.argv[1])
