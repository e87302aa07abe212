"""Linux's landlock: a process gives up files and network for good, without rights of its own.

Raw system calls, because the C library has no wrappers. The numbers are the
same on every architecture (they were added after the tables were unified);
the rights are those of the kernel's ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE = 1 << 1, 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14
_READ = _READ_FILE | _READ_DIR
_WRITE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
_ON_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE
# Rights that exist since each version: 1 the first 13, 2 rename across
# folders, 3 truncate, 5 device control. Handled means denied unless granted.
_HANDLED_SINCE = ((1, (1 << 13) - 1), (2, 1 << 13), (3, _TRUNCATE), (5, 1 << 15))
_TCP_BIND_AND_CONNECT = 3
_NETWORK_SINCE = 4
# Version 6: no signals to and no abstract sockets of processes outside.
_SCOPES_SINCE, _SCOPES = 6, 3


def restrict(*, readable: tuple[str, ...], writable: tuple[str, ...]) -> list[str]:
    """Give up everything but reading and writing beneath these paths.

    Returns
    -------
    list of str
        What holds now: of ``no_new_privs``, ``landlock``,
        ``landlock_network``; empty on systems without them.

    Notes
    -----
    Holds for this thread and all that it starts later, so it is called before
    the engine starts its threads. Paths that do not exist are passed over.
    """
    if not sys.platform.startswith("linux"):
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    held: list[str] = []
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        held.append("no_new_privs")
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION)
    if version < 1:
        return held
    handled = 0
    for since, rights in _HANDLED_SINCE:
        handled |= rights if version >= since else 0
    network = _TCP_BIND_AND_CONNECT if version >= _NETWORK_SINCE else 0
    ruleset = _ruleset(libc, version, handled, network)
    if ruleset < 0:
        return held
    try:
        for path in readable:
            _allow(libc, ruleset, path, _READ & handled)
        for path in writable:
            _allow(libc, ruleset, path, (_READ | _WRITE | _TRUNCATE) & handled)
        if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
            return held
    finally:
        os.close(ruleset)
    return [*held, "landlock", *(["landlock_network"] if network else [])]


def version() -> int:
    """The kernel's landlock version; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION))


def _ruleset(libc: ctypes.CDLL, version: int, handled: int, network: int) -> int:
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", handled, network, scopes)
    if version < _SCOPES_SINCE:
        attributes = attributes[:16] if version >= _NETWORK_SINCE else attributes[:8]
    return int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        # A rule belongs to an inode, and the kernel makes a new one for a file
        # of /proc that it forgot; an open descriptor keeps it from forgetting.
        if not path.startswith("/proc/"):
            os.close(descriptor)
