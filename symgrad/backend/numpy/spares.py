"""Memory of updates: a new value is made in an array that held an earlier one.

So an update allocates nothing, and one that changes a part of a large array costs no more than that
part. An array is used again only if nobody else refers to it: not the user, no view, no call on
another thread. That is known from its count of references.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from symgrad.graph.shared import Cell

Change = tuple[Any, ...]  # an index, with copies of its arrays

# Without a global lock, or without counts, nothing is used again.
_locked = getattr(sys, "_is_gil_enabled", lambda: True)()
_counts = getattr(sys, "getrefcount", None) if _locked else None


def spare(cell: Cell, value: Any) -> Any:
    """An array for the next value of a shared variable, of the shape of this one."""
    kept = cell.spare
    if type(kept) is tuple:  # what is written to it now is no earlier value, if the call fails
        kept = cell.spare = kept[0]
    if kept is not None and _counts is not None and _counts(kept) == _ONE_HOLDER:
        flags = kept.flags
        if kept.shape == value.shape and flags.carray and flags.owndata:
            return kept
    return np.empty(value.shape, value.dtype)


def no_spare(cell: Cell, value: Any) -> None:
    """No array: the next value has another shape."""


def copy_to_change(cell: Cell, value: Any) -> tuple[Any, list[Change]]:
    """An array equal to a shared variable's value that may be changed, and a list for the changes.

    An earlier value becomes this one by changing what the last update changed.
    """
    kept = cell.spare
    if type(kept) is tuple:
        array, changes = kept
        if _counts is not None and _counts(array) == _ONE_HOLDER and array.shape == value.shape:
            cell.spare = None  # nobody knows what it holds until the update is complete
            for index in changes:
                array[index] = value[index]
            return array, []
    return np.array(value, order="C"), []


def keep(value: Any, changes: list[Change]) -> tuple[Any, list[Change]] | None:
    """What a cell keeps of the value that it had before these changes, for the next ones."""
    if _counts is None or _counts(value) != _CELL_AND_CALLER:
        return None
    return (value, changes) if value.flags.owndata and value.flags.writeable else None


def _measured() -> tuple[int, int]:
    """What is counted in `spare` and `keep` of an array that nobody else refers to."""
    if _counts is None:
        return 0, 0
    cell = Cell(np.empty(1))
    cell.spare = np.empty(1)
    found = []

    def in_spare(cell: Cell, value: Any) -> None:
        kept = cell.spare
        found.append(_counts(kept))

    def in_keep(value: Any, changes: Any) -> None:
        found.append(_counts(value))

    in_spare(cell, None)
    value = cell.value
    in_keep(value, None)
    return found[0], found[1]


_ONE_HOLDER, _CELL_AND_CALLER = _measured()
