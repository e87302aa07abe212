"""The peer of every GET: tornado with one handler that has body and tag ready.

Run as ``python -m benchmarks.bare_tornado PORT BODY_FILE TAG``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado.web import Application, RequestHandler


class Ready(RequestHandler):
    """Answers with what it was given; the cheapest answer that tornado's own handler can give."""

    def initialize(self, body: bytes, tag: str) -> None:
        self._body, self._tag = body, f'"{tag}"'

    def compute_etag(self) -> None:
        return

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Etag", self._tag)
        if self.request.headers.get("If-None-Match") == self._tag:
            self.set_status(304)
            return
        self.finish(self._body)


async def main(port: int, body: bytes, tag: str) -> None:
    """Serve until killed."""
    Application([("/", Ready, {"body": body, "tag": tag})]).listen(port, "127.0.0.1")
    sys.stdout.write('"ready"\n')
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3]))
