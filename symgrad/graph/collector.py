"""Python's collector of reference cycles, held off while a graph is worked on.

It runs again whenever some hundred objects are new, and now and then looks at all there are. Graphs
are made of many objects and hold no cycles: without it, gradients and compilation of 10,000 nodes
take half the time, and the time grows in proportion to the nodes.

An exception may come between any two lines, Ctrl-C for one. So nothing is counted up and down: the
blocks that are open are known by weak references, and one that never ended, because its end was
interrupted, is found to be gone by the next one.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from weakref import ref

from symgrad.locks import new_lock

P = ParamSpec("P")
R = TypeVar("R")


class _State:
    def __init__(self) -> None:
        self.lock = new_lock()
        self.open: list[ref[collector_paused]] = []
        self.restore = False  # whether the collector runs again when no block is open


_state = _State()


class collector_paused:
    """A block (or function) during which no cycles are looked for.

    Blocks may nest, in several threads too.

    >>> with collector_paused():
    ...     gc.isenabled()
    False
    """

    __slots__ = ("__weakref__",)

    def __enter__(self) -> None:
        try:
            with _state.lock:
                others = [block for block in _state.open if block() is not None]
                if not others:
                    interrupted = bool(_state.open) and _state.restore
                    _state.restore = gc.isenabled() or interrupted
                _state.open = [*others, ref(self)]
                gc.disable()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exception: object) -> None:
        with _state.lock:
            _state.open = [block for block in _state.open if block() not in (None, self)]
            if not _state.open and _state.restore:
                gc.enable()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` so that each call is such a block.

        What `contextlib` offers for this would put a frame of its own before the user's, which is
        found by leaving out ours.
        """

        @wraps(function)
        def paused(*args: P.args, **kwargs: P.kwargs) -> R:
            with collector_paused():
                return function(*args, **kwargs)

        paused.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return paused
