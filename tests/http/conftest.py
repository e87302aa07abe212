from __future__ import annotations

from warm import engine, ground, jp_asyncio_loop, new_store, tmp_path

__all__ = ["engine", "ground", "jp_asyncio_loop", "new_store", "tmp_path"]
