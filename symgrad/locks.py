"""Locks that survive what can happen to a process: Ctrl-C at any line, signal handlers, `fork`.

All of them may be taken again by the thread that holds them: a signal handler or a finaliser runs
in the middle of whatever the thread was doing, and may do the same. A child process starts with all
of them free, for the threads that held them are not there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

_RLock = type(threading.RLock())
_acquire, _release = _RLock.acquire, _RLock.release
_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> Any:
    """A lock that its holder may take again.

    >>> lock = new_lock()
    >>> with lock, lock:
    ...     pass
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_all() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork") and hasattr(_RLock, "_at_fork_reinit"):
    os.register_at_fork(after_in_child=_free_all)


class all_of:
    """A block that holds several locks, of any number, taken in the order given.

    Taking them is one call into C that notes each lock as it is taken, and so is giving them back:
    an exception cannot come between a lock and its note. Should it come just before they are given
    back, they are when the block's memory is: by a weak reference whose callback is C, too, for in
    a `__del__` Ctrl-C would be lost.

    >>> locks = [new_lock() for _ in range(100)]
    >>> with all_of(locks):
    ...     pass
    """

    __slots__ = ("__weakref__", "_end", "_give_back", "held", "locks")

    def __init__(self, locks: Sequence[Any]) -> None:
        self.held: list[Any] = []
        self.locks = locks
        # Its one `next` releases all that are held, for releasing returns None; later ones nothing.
        self._give_back: Iterator[Any] = filter(None, map(_release, self.held))
        self._end = weakref.ref(self, partial(next, self._give_back))

    def __enter__(self) -> None:
        try:
            self.held.extend(filter(_acquire, self.locks))
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        next(self._give_back, None)
