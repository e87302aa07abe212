"""Layer 4: what the process may do, whatever the SQL says.

Limits of the operating system, which hold even where the engine forgets its
own (``repeat('x', 4e9)`` and ``generate_series(1, 2e9)`` pass its memory
limit).
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
from importlib.util import find_spec

from . import landlock

if sys.platform != "win32":
    import resource

_OPEN_FILES = 1024
_HEADROOM_BYTES = 2 * 2**30
"""Address space beside the queries' own: Python, DuckDB, Arrow and stacks take 1.05 GiB
of it before the first query, most of it never touched; the allocator keeps freed ranges."""


def confine(
    *,
    readable: tuple[str, ...],
    writable: tuple[str, ...],
    memory_bytes: int,
    file_bytes: int,
    nice: int,
    is_reserving: bool = False,
) -> tuple[str, ...]:
    """Bind this whole process, once and for good, before it sees any SQL of a user.

    Parameters
    ----------
    readable, writable
        Absolute folders. Where the kernel has landlock, nothing else opens,
        apart from what Python itself needs, and nothing is written elsewhere.
    memory_bytes
        Address space for queries, at least twice the connection's memory
        limit: after sorts, joins and aggregates at their limit the process
        held 2.7 times that limit, with 2 GiB of head-room (added here)
        counted off it 1.8 times.
    file_bytes
        Of the largest file that may be written.
    nice
        Added to the process's niceness; 0 or more.
    is_reserving
        The process reserves address space without end (V8 takes 64 GiB of it
        for 100 MB of memory): ``memory_bytes`` then limits what may be
        written to.

    Returns
    -------
    tuple of str
        The layers that hold here, of ``memory_limit``, ``file_limit``,
        ``no_core``, ``open_files``, ``no_new_privs``, ``landlock``,
        ``landlock_network``. A system that lacks one gives a shorter tuple,
        never an error.
    """
    held: list[str] = []
    os.umask(0o077)
    if nice > 0 and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(nice)
    held += _limits(memory_bytes + _HEADROOM_BYTES, file_bytes, is_reserving=is_reserving)
    held += landlock.restrict(
        readable=(*_runtime_folders(), *readable, *writable), writable=writable
    )
    return tuple(held)


def _limits(memory_bytes: int, file_bytes: int, *, is_reserving: bool) -> list[str]:
    if sys.platform == "win32":
        return []
    held = []
    memory = resource.RLIMIT_DATA if is_reserving else resource.RLIMIT_AS
    for name, kind, amount in (
        ("memory_limit", memory, memory_bytes),
        ("file_limit", resource.RLIMIT_FSIZE, file_bytes),
        ("no_core", resource.RLIMIT_CORE, 0),
        ("open_files", resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            limit = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
            resource.setrlimit(kind, (limit, limit))
            held.append(name)
    return held


def _runtime_folders() -> tuple[str, ...]:
    """What Python, Arrow and time zones open after the start, and no more.

    Not the process's working folder, although it stands on ``sys.path``; nor
    ``/proc`` with the environment of this process. DuckDB 2.0 aborts when it
    sees that control groups exist but may not look at its own.
    """
    modules = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    modules |= {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    libraries = (os.path.join(sys.base_prefix, "lib"), "/lib", "/lib64", "/usr/lib")
    zones = ("/usr/share/zoneinfo", "/etc/localtime")
    machine = ("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices/system/cpu")
    devices = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom", *machine)
    engine = find_spec("duckdb")
    engine_folder = engine and os.path.dirname(os.path.dirname(engine.origin or ""))
    found = {*modules, engine_folder, package}
    return tuple(sorted({*filter(None, found), *libraries, *zones, *devices}))
