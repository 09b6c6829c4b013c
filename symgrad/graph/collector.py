"""Python's collector of reference cycles, held off while a graph is worked on.

It runs again whenever some hundred objects are new, and now and then looks at all there are. Graphs
are made of many objects and hold no cycles: without it, gradients and compilation of 10,000 nodes
take half the time, and the time grows in proportion to the nodes.
"""

from __future__ import annotations

import gc
import threading
from contextlib import ContextDecorator

_lock = threading.Lock()
_depth = 0
_was_enabled = False


class collector_paused(ContextDecorator):
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
