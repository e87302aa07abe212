"""The folders that the system watches for us: their numbers, their paths, and who needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .inotify import Event


class Native(Protocol):
    """Events of the system, as :class:`~.inotify.Inotify` gives them.

    Attributes
    ----------
    vouches
        Every change is told before the call that made it returns.
    """

    vouches: bool

    def start(self, on_ready: Callable[[], None]) -> None:
        """Call ``on_ready`` on the running loop when there are events."""
        ...

    def stop(self) -> None:
        """Watch nothing any longer."""
        ...

    def add(self, folder: str, *, is_guard: bool = False) -> int:
        """Watch a folder; any thread may ask. OSError when that cannot be."""
        ...

    def remove(self, watch: int) -> None:
        """Watch a folder no longer."""
        ...

    def settle(self) -> bool:
        """Whether what was added is watched only from now on; any thread may ask."""
        ...

    def read(self) -> tuple[list[Event], bool]:
        """What happened since the last call, and whether some of it was dropped."""
        ...


class Watches:
    """Numbers and paths of watched folders.

    Threads that look at trees add folders, but what they added is known here
    only when their look is handed over. What happens in between is remembered
    by number: whoever takes over such a number has to look again. And nothing
    is given back while a look is under way, for a thread may just have been
    handed the same number.
    """

    def __init__(self, native: Native) -> None:
        self._native = native
        self._numbers: dict[str, int] = {}
        self._paths: dict[int, set[str]] = {}
        self._needed_by: dict[str, set[str]] = {}
        self._unneeded: set[str] = set()
        self._happened: set[int] = set()
        self._looks = 0

    def begin(self) -> None:
        """A look is under way."""
        self._looks += 1

    def end(self) -> None:
        """A look was handed over."""
        self._looks -= 1
        self._tidy()

    def _tidy(self) -> None:
        if self._looks:
            return
        self._happened.clear()
        for path in self._unneeded - self._needed_by.keys():
            self._give_back(path)
        self._unneeded.clear()

    def paths(self, number: int) -> tuple[str, ...]:
        """The paths of the folder to which something happened; usually one."""
        if self._looks:
            self._happened.add(number)
        return tuple(self._paths.get(number, ()))

    def needed_by(self, path: str) -> Iterable[str]:
        """Folders of the trees that need this one."""
        return self._needed_by.get(path, ())

    def hand_over(self, tree: str, before: dict[str, int], after: dict[str, int]) -> bool:
        """A tree needs these folders from now on; whether something happened to a new one."""
        for path in before.keys() - after.keys():
            trees = self._needed_by[path]
            trees.discard(tree)
            if not trees:
                del self._needed_by[path]
                self._unneeded.add(path)
        for path, number in after.items():
            self._needed_by.setdefault(path, set()).add(tree)
            self._learn(path, number)
        new = {number for path, number in after.items() if before.get(path) != number}
        is_surprised = not self._happened.isdisjoint(new)
        self._tidy()
        return is_surprised

    def abandon(self, found: dict[str, int]) -> None:
        """These were added for nothing."""
        for path, number in found.items():
            self._learn(path, number)
            self._unneeded.add(path)
        self._tidy()

    def _learn(self, path: str, number: int) -> None:
        if self._numbers.get(path, number) != number:
            self._give_back(path)
        self._numbers[path] = number
        self._paths.setdefault(number, set()).add(path)

    def _give_back(self, path: str) -> None:
        number = self._numbers.pop(path, None)
        if number is None:
            return
        paths = self._paths.get(number)
        if paths is not None:
            paths.discard(path)
            if not paths:
                del self._paths[number]
                self._native.remove(number)

    def ended(self, number: int) -> None:
        """The system watches this folder no longer: it is gone."""
        for path in self._paths.pop(number, ()):
            if self._numbers.get(path) == number:
                del self._numbers[path]
