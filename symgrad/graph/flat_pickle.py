"""Pickling and deep-copying graphs of any depth without recursion.

Pickle saves an object by first saving what it was made of, so a chain of 100,000 nodes would
recurse 100,000 deep. Instead, the first node that a pickler meets hands it the list of all its
ancestors, inputs before users: each of them then finds its own inputs already saved (pickle and
deepcopy remember every object by identity), and nothing is ever more than a few levels deep.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from symgrad.graph.walk import toposort

_local = threading.local()


class _End:
    """The last entry of the list: saving it means that every ancestor has been saved."""

    def __init__(self, listed: set[int]) -> None:
        self.listed = listed

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        _active().difference_update(self.listed)
        return _nothing, ()


def _active() -> set[int]:
    """Nodes whose ancestors are being saved by a list further up in this thread."""
    if not hasattr(_local, "nodes"):
        _local.nodes = set()
    nodes: set[int] = _local.nodes
    return nodes


def flat_reduce(node: Any) -> tuple[Any, ...]:
    """What `__reduce_ex__` of a node returns."""
    restore, parts = node._parts()
    # What the user set on it may lead back to it, so it follows as state, after the memo.
    state = (vars(node),) if vars(node) else ()
    active = _active()
    if not _made_of(node) or id(node) in active:
        return restore, parts, *state
    ancestors = [other for other in toposort([node], written=True)[:-1] if _made_of(other)]
    listed = {id(other) for other in ancestors} - active
    active |= listed
    return _rebuild, ([*ancestors, _End(listed)], restore, parts), *state


def _made_of(node: Any) -> bool:
    """Whether a node has inputs, or was written from others."""
    return bool(node.inputs) or (node.notes is not None and bool(node.notes.written))


def _rebuild(ancestors: Any, restore: Callable[..., Any], parts: tuple[Any, ...]) -> Any:
    return restore(*parts)


def _nothing() -> None:
    return None
