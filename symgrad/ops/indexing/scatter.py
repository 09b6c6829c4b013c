"""Adding to indexed elements in NumPy, where an index may name an element many times."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Figures of NumPy 2.4, AVX-512, float32, in µs: `numpy.add.at` with arrays of rows, the same with
# one array of elements, and what is done here for many rows.
#     20 rows of 10:       4,    4,   15
#    100 rows of 64:      46,   11,   25
#  1,600 rows of 128:  1,400,  260,  160
_SMALL = 256  # elements below which `numpy.add.at` wins as it is
_MEDIUM = 8192  # elements below which one array of elements wins
_FEW = 128  # numbers whose sum one by one is as accurate as by halves
_ROUNDS = 8  # times that a row may be increased before what is left is summed in float64


def add_at(out: Array, index: tuple[Any, ...], value: Any) -> None:
    """``numpy.add.at(out, index, value)``, quicker, and many narrow floats are summed in float64.

    One call of NumPy writes, at the end: an exception or an interrupt leaves `out` as it was.

    >>> a = np.zeros(3)
    >>> add_at(a, (np.array([0, 0, 2]),), 1.0)
    >>> a
    array([2., 0., 1.])
    """
    if np.size(value) <= _SMALL and all(np.size(entry) <= _SMALL for entry in index):
        _add_each(out, index, value)
        return
    view, positions, new_axes, where = _canonical(out, index)
    lead = len(positions)
    lengths, rest = view.shape[:lead], view.shape[lead:]
    rows = _flat(positions, lengths)
    # The value in the shape of the part, then the indexed axes in front and new axes dropped.
    part = list(rest)
    for axis in new_axes:
        part.insert(axis, 1)
    shape = (*part[:where], *rows.shape, *part[where:])
    if np.shape(value) != shape:
        value = np.broadcast_to(value, shape)
    if where and rows.ndim:
        value = np.moveaxis(value, range(where, where + rows.ndim), range(rows.ndim))
    if not value.size:
        return
    rows = rows.reshape(-1)
    value = value.reshape(len(rows), *rest)
    if view.flags.c_contiguous:
        lengths = (prod(lengths),)
        view = view.reshape(*lengths, *rest)
    whole = len(lengths) == 1 and view.flags.c_contiguous and value.dtype == out.dtype
    if (
        whole
        and (not _is_narrow(out.dtype) or len(rows) <= _FEW)
        and (value.size <= _MEDIUM or not rest)
    ):
        width = prod(rest)
        if rest:
            rows = (rows[:, None] * width + np.arange(width)).reshape(-1)
        _add_each(view.reshape(-1), (rows,), value.reshape(-1))
        return
    _add_rows(view, lengths, rows, value)


def _add_each(out: Array, index: tuple[Any, ...], value: Any) -> None:
    """``numpy.add.at``, which nothing else may call: NumPy 1.26 to 2.4 read out of bounds.

    They do so where a vector is added to a vector through an index of more axes, as if the value
    had as many elements as the index.
    """
    if out.ndim == 1 == np.ndim(value) and (len(index) > 1 or np.ndim(index[0]) > 1):
        value = np.broadcast_to(value, out[index].shape)
    np.add.at(out, index, value)


def _add_rows(view: Array, lengths: Sequence[int], rows: Array, value: Array) -> None:
    """Add each row of `value` to a row of `view`, of one axis or of several with these lengths.

    The rows that change are taken out, once each. In each round all that are still to be increased
    are so once; of many that share one row, as the rare ones that stand for most words do, what is
    left is summed first.
    """
    order = np.argsort(rows)
    at = rows[order]
    first = np.empty(len(at), dtype=bool)
    first[0] = True
    np.not_equal(at[1:], at[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    if len(starts) == len(rows):  # none repeats
        view[_unflat(rows, lengths)] += value
        return
    counts = np.diff(np.append(starts, len(at)))
    place = _unflat(at[starts], lengths)
    new = view[place]
    rounds = _ROUNDS
    if len(rows) > rounds // 2 * len(starts) or view.dtype.itemsize < 4:
        rounds = 0  # most rows would be left over; float16 would lose too much
    left = np.arange(len(starts))
    for k in range(rounds):
        if k:
            left = left[counts[left] > k]
            new[left] += value[order[starts[left] + k]]
        else:
            new += value[order[starts]]
    left = left[counts[left] > rounds]
    if len(left):
        starts, counts = starts[left] + rounds, counts[left] - rounds
        group = np.repeat(np.arange(len(left)), counts)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rest = order[np.repeat(starts, counts) + np.arange(len(group)) - before]
        total = _sum_groups(group, len(left), value[rest].reshape(len(rest), -1))
        total = total.reshape(len(left), *new.shape[1:])
        new[left] = (new[left] + total).astype(view.dtype, copy=False)
    view[place] = new


def _sum_groups(group: Array, groups: int, value: Array) -> Array:
    """Sum the rows of `value` that have the same group number."""
    width = value.shape[1]
    if width != 1:
        group = (group[:, None] * width + np.arange(width)).reshape(-1)
    dtype = np.float64 if _is_narrow(value.dtype) else value.dtype
    total = np.zeros(groups * width, dtype=dtype)
    # bincount takes 1.5 times
    _add_each(total, (group,), value.reshape(-1).astype(dtype, copy=False))
    return total


def _is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether sums of many elements lose accuracy that float64 would keep."""
    return dtype.kind == "f" and dtype.itemsize < 8


def _canonical(out: Array, index: Sequence[Any]) -> tuple[Array, list[Any], list[int], int]:
    """Split an index into a view with the indexed axes in front, and what indexes them.

    Returns the view, the positions for each of its leading axes, where new axes stand among the
    remaining ones, and where the axes that the arrays give stand in the part.
    """
    slices: list[Any] = []
    lead: list[int] = []
    positions: list[Any] = []
    new_axes: list[int] = []
    places: list[int] = []
    first = kept = 0
    for place, entry in enumerate(index):
        if entry is None:
            new_axes.append(kept)
            kept += 1
        elif isinstance(entry, slice):
            slices.append(entry)
            kept += 1
        elif entry is not Ellipsis:
            if not places:
                first = kept
            places.append(place)
            for array in _positions(out, entry, len(slices)):
                lead.append(len(slices))
                positions.append(array)
                slices.append(slice(None))
    view = out[tuple(slices)]
    if lead[-1] != len(lead) - 1:
        view = view.transpose(lead + [a for a in range(view.ndim) if a not in lead])
    adjacent = places[-1] - places[0] == len(places) - 1
    return view, positions, new_axes, first if adjacent else 0


def _positions(out: Array, entry: Any, axis: int) -> tuple[Any, ...]:
    array = np.asarray(entry)
    if array.dtype != bool:
        return (array.astype(np.intp, copy=False),)
    if array.shape != out.shape[axis : axis + array.ndim]:
        raise IndexError(
            f"boolean index of shape {array.shape} does not match the lengths "
            f"{out.shape[axis : axis + array.ndim]} that it indexes"
        )
    return array.nonzero()


def _flat(positions: Sequence[Array], lengths: Sequence[int]) -> Array:
    """Row-major numbers of the positions, which are broadcast and may be negative."""
    flat: Array = np.zeros((), dtype=np.intp)
    for axis, (array, length) in enumerate(zip(positions, lengths, strict=True)):
        # As unsigned numbers negative ones are large: one comparison finds both kinds.
        if np.count_nonzero(array.view(np.uintp) >= length):
            array = np.where(array < 0, array + length, array)
            outside = array.view(np.uintp) >= length
            if np.count_nonzero(outside):
                raise IndexError(
                    f"index {positions[axis][outside].flat[0]} is out of bounds for indexed axis "
                    f"{axis} with size {length}"
                )
        flat = flat * length + array if axis else array
    return flat


def _unflat(flat: Array, lengths: Sequence[int]) -> tuple[Any, ...]:
    return np.unravel_index(flat, lengths) if len(lengths) > 1 else (flat,)
