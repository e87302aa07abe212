"""A server for each test, and workers for each file: those take most of a server's start.

A folder whose servers need no workers of their own imports these fixtures into its conftest.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_core.utils import ensure_event_loop

from jupyter_views.engines.duckdb_engine import DuckDBEngine
from jupyter_views.store.database import Database

MIB = 2**20
# What workers may see is settled when they start, so these folders stay where they are.
LASTING = ("root_dir", "views-store/results", "views-store/frames", "views-store/states", "engine")


class WarmEngine(DuckDBEngine):
    """The engine of a server, whose workers outlive it."""

    _is_started = False

    async def start(self) -> None:
        if not self._is_started:
            self._is_started = True
            await super().start()

    async def stop(self) -> None:
        pass

    async def end(self) -> None:
        await super().stop()


@pytest.fixture(scope="module")
def jp_asyncio_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for the workers and every server that uses them."""
    loop = ensure_event_loop(prefer_selector_loop=True)
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers of a file stand, one after the other."""
    folder = tmp_path_factory.mktemp("ground")
    (folder / "views-store").mkdir(mode=0o700)
    for name in LASTING:
        (folder / name).mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as the migrations leave it, which take a tenth of a second each time."""
    path = tmp_path_factory.mktemp("store") / "views.sqlite"
    Database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def tmp_path(ground: Path, new_store: Path) -> Path:
    """The ground with a new store, and nothing left of the test before."""
    _empty(ground)
    shutil.copy(new_store, ground / "views-store")
    return ground


def _empty(folder: Path, above: str = "") -> None:
    for entry in folder.iterdir():
        name = f"{above}{entry.name}"
        if name == "engine":
            continue
        if any(lasting == name or lasting.startswith(f"{name}/") for lasting in LASTING):
            _empty(entry, f"{name}/")
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@pytest.fixture(scope="module")
def engine(
    ground: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[DuckDBEngine | None]:
    """With the settings that the servers would give it."""
    store = ground / "views-store"
    engine = WarmEngine(
        readable=(str(ground / "root_dir"),),
        hidden=(str(store),),
        results_dir=str(store / "results"),
        frames_dir=str(store / "frames"),
        states_dir=str(store / "states"),
        scratch_dir=str(ground / "engine"),
        run_workers=1,
        read_workers=1,
        memory_bytes=1024 * MIB,
        temp_bytes=2048 * MIB,
        log=logging.getLogger("engine"),
    )
    yield engine
    jp_asyncio_loop.run_until_complete(engine.end())
