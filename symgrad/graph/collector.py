"""Python's collector of reference cycles, held off while a graph is worked on.

It runs again whenever some hundred objects are new, and now and then looks at all there are. Graphs
are made of many objects and hold no cycles: without it, gradients and compilation of 10,000 nodes
take half the time, and the time grows in proportion to the nodes.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_depth = 0
_was_enabled = False


class collector_paused:
    """A block (or function) during which no cycles are looked for.

    Blocks may nest, in several threads too.

    >>> with collector_paused():
    ...     gc.isenabled()
    False
    """

    __slots__ = ()

    def __enter__(self) -> None:
        global _depth, _was_enabled
        with _lock:
            if not _depth:
                _was_enabled = gc.isenabled()
                gc.disable()
            _depth += 1

    def __exit__(self, *exception: object) -> None:
        global _depth
        with _lock:
            _depth -= 1
            if not _depth and _was_enabled:
                gc.enable()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` so that each call is such a block.

        What `contextlib` offers for this would put a frame of its own before the user's, which is
        found by leaving out ours.
        """

        @wraps(function)
        def paused(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return paused
