"""Elements repeated, rolled, flipped and padded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, describe, made_at, repr_of
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ValueType, integer_limits, is_discrete, tensor_type
from symgrad.ops.arithmetic.elementwise import abs, cast, maximum, minimum, mod, switch
from symgrad.ops.arrays.constructors import arange
from symgrad.ops.arrays.lengths import (
    as_int64,
    as_length,
    as_lengths,
    check_axis,
    dim,
    length_args,
    static_length,
)
from symgrad.ops.arrays.shaping import Alloc, along, dimshuffle, reshape
from symgrad.ops.indexing.indexing import set_subtensor
from symgrad.ops.op import Arg, Example, Op, as_expr

# -- repeat ------------------------------------------------------------------------------------


class RepeatIndices(Op):
    """Each number k below a length, repeated as often as entry k of a vector says."""

    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (None,))

    def make(self, *inputs: Expr) -> Expr:
        repeats, length = inputs
        have, want = repeats.static_shape[0], static_length(length)
        if have not in (None, 1) and want is not None and have != want:
            raise ShapeError(
                f"repeat: {have} numbers of repeats given for an axis of length {want}."
                f"\n{made_at(repeats)}"
            )
        total = None
        if isinstance(repeats, Constant) and (have != 1 or want is not None):
            total = int(repeats.value.sum()) * ((want or 0) if have == 1 else 1)
        return Expr(self, inputs, tensor_type("int64", (total,)))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        repeats, length = arrays
        if repeats.shape[0] not in (1, int(length)):
            raise ValueError(
                f"the shape does not fit: {repeats.shape[0]} numbers of repeats for an axis of "
                f"length {int(length)}"
            )
        return xp.repeat(xp.arange(int(length), dtype="int64"), repeats)

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(RepeatIndices(), (Arg((3,), "int64", exact=[2, 0, 1]), *length_args(3)))
        yield Example(RepeatIndices(), (Arg((1,), "int64", exact=[2]), *length_args(3)))
        yield Example(RepeatIndices(), (Arg((0,), "int64", exact=[]), *length_args(0)))


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """Repeat each element (or each part along an axis).

    Parameters
    ----------
    x : array_like
        Any shape.
    repeats : int, symbolic integer scalar, or integer vector
        How often; a vector has one entry per part.
    axis : int, optional
        By default the tensor is flattened first.

    Raises
    ------
    ShapeError
        If the vector has another length than the axis.

    >>> repeat([1.0, 2.0], 2).eval()
    array([1., 1., 2., 2.])
    >>> repeat([[1, 2], [3, 4]], [1, 2], axis=0).eval()
    array([[1, 2],
           [3, 4],
           [3, 4]])
    """
    x, times = as_expr(x, "repeat"), as_expr(repeats, "repeat")
    if not is_discrete(times.dtype) or times.ndim > 1:
        raise GraphTypeError(
            f"repeat: repeats must be an integer scalar or vector, not {describe(times)}."
            f"\n{made_at(times)}"
        )
    x, axis = along(x, axis, "repeat")
    if isinstance(times, Constant) and (times.value < 0).any():
        raise GraphValueError(f"repeat: a number of repeats is negative in {repeats}.")
    if times.ndim == 1 and times.static_shape[0] == 1:
        times = times[0]
    if times.ndim == 0:
        return _tiled(
            x,
            [as_length(times, "repeat") if a == axis else None for a in range(x.ndim)],
            inner=True,
        )
    index = RepeatIndices().make(as_int64(times), dim(x, axis))
    return x[(*[slice(None)] * axis, index)]


def _tiled(x: Any, times: Sequence[Any], inner: bool) -> Any:
    """`x` repeated along its axes; None is once. `inner` repeats each part, not the whole."""
    pattern: list[Any] = []
    wide: list[Any] = []
    shape: list[Any] = []
    for a, count in enumerate(times):
        length = dim(x, a)
        if count is None:
            pattern, wide = [*pattern, a], [*wide, length]
            shape.append(length)
        else:
            pattern += [a, "x"] if inner else ["x", a]
            wide += [length, count] if inner else [count, length]
            shape.append(count * length)
    if len(pattern) == x.ndim:
        return x
    return reshape(Alloc().make(dimshuffle(x, *pattern), *wide), shape)


def tile(x: Any, reps: Any, ndim: int | None = None) -> Any:
    """Put copies of a tensor beside each other.

    Parameters
    ----------
    x : array_like
        Any shape.
    reps : int, symbolic integer scalar, sequence of them, or vector
        How often along each axis. Where it is shorter than the rank, the first axes are not
        repeated; where it is longer, the tensor gets new axes on the left.
    ndim : int, optional
        The rank of the result; needed where `reps` is a vector of unknown length.

    >>> tile([1.0, 2.0], 2).eval()
    array([1., 2., 1., 2.])
    >>> tile([1, 2], (2, 1)).eval()
    array([[1, 2],
           [1, 2]])
    """
    x = as_expr(x, "tile")
    if isinstance(reps, Expr) and reps.ndim == 1 and reps.static_shape[0] is None:
        if ndim is None:
            raise GraphTypeError(
                f"tile: reps {describe(reps)} is a vector of unknown length, so the rank is "
                f"unknown. Give ndim=.\n{made_at(reps)}"
            )
        missing = ndim - dim(reps, 0)
        given = [
            as_length(switch(missing > a, 1, reps[maximum(a - missing, 0)]), "tile")
            for a in range(ndim)
        ]
    else:
        given = as_lengths(reps, "tile")
    rank = max(x.ndim, len(given)) if ndim is None else ndim
    if rank < max(x.ndim, len(given)):
        raise GraphValueError(
            f"tile: ndim={ndim} is less than the rank of {describe(x)} or the number of reps, "
            f"{len(given)}.\n{made_at(x)}"
        )
    x = dimshuffle(x, *["x"] * (rank - x.ndim), *range(x.ndim))
    times = [None] * (rank - len(given)) + [None if static_length(r) == 1 else r for r in given]
    return _tiled(x, times, inner=False)


# -- roll and flip -----------------------------------------------------------------------------


class Roll(Op):
    """Elements moved along an axis by the second input; what leaves one end enters the other."""

    axis: int
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.roll(arrays[0], arrays[1], self.axis)

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        shift = inputs[1]
        if not isinstance(shift, Constant) or shift.value == integer_limits("int64")[0]:
            shift = shift % maximum(dim(g, self.axis), 1)  # the least integer has no negative
        return self.make(g, -shift), None

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Roll(0), (Arg((3, 4)), *length_args(2)))
        yield Example(Roll(1), (Arg((3, 4)), *length_args(-5)))
        yield Example(Roll(0), (Arg((0,)), *length_args(1)))


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Move elements along an axis; what leaves one end enters at the other.

    Parameters
    ----------
    x : array_like
        Any shape.
    shift : int or symbolic integer scalar, or a tuple of them for a tuple of axes
        By how many places.
    axis : int or tuple of int, optional
        By default the flattened tensor is rolled and given its shape back.

    >>> roll([1, 2, 3, 4], 1).eval()
    array([4, 1, 2, 3])
    """
    x = as_expr(x, "roll")
    if axis is None:
        shape = [dim(x, a) for a in range(x.ndim)]
        return reshape(roll(x.flatten(), shift, 0), shape)
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    if len(axes) != len(shifts):
        raise GraphValueError(f"roll: {len(shifts)} shifts given for {len(axes)} axes.")
    for by, a in zip(shifts, axes, strict=True):
        a, by = check_axis(x, a, "roll"), as_expr(by, "roll")
        if by.dtype == "uint64":  # int64 does not hold all of them
            by = by % cast(maximum(dim(x, a), 1), "uint64")
        x = Roll(a).make(x, as_length(by, "roll"))
    return x


def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order of elements along axes (all by default).

    >>> flip([[1, 2], [3, 4]], 1).eval()
    array([[2, 1],
           [4, 3]])
    """
    x = as_expr(x, "flip")
    entries = axis if isinstance(axis, (tuple, list)) else [axis]
    axes = range(x.ndim) if axis is None else [check_axis(x, a, "flip") for a in entries]
    backwards = slice(None, None, -1)
    return x[tuple(backwards if a in axes else slice(None) for a in range(x.ndim))]


def flipud(x: Any) -> Any:
    """Reverse the first axis.

    >>> flipud([[1, 2], [3, 4]]).eval()
    array([[3, 4],
           [1, 2]])
    """
    return flip(x, 0)


def fliplr(x: Any) -> Any:
    """Reverse the second axis.

    >>> fliplr([[1, 2], [3, 4]]).eval()
    array([[2, 1],
           [4, 3]])
    """
    return flip(x, 1)


# -- padding -----------------------------------------------------------------------------------

_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Make a tensor longer at both ends of its axes.

    Parameters
    ----------
    x : array_like
        Any shape.
    pad_width : int, pair, or one pair per axis
        How many elements to put before and after; symbolic scalars are allowed.
    mode : {'constant', 'edge', 'reflect', 'symmetric', 'wrap'}
        What the new elements are, as for `numpy.pad`.
    constant_values : scalar
        For mode 'constant'.

    >>> pad([1, 2, 3], (1, 2)).eval()
    array([0, 1, 2, 3, 0, 0])
    >>> pad([1, 2, 3], 2, mode="reflect").eval()
    array([3, 2, 1, 2, 3, 2, 1])
    """
    x = as_expr(x, "pad")
    if mode not in _MODES:
        raise GraphValueError(f"pad: mode={repr_of(mode)}; expected one of {', '.join(_MODES)}.")
    widths = _widths(x, pad_width)
    if mode != "constant":
        for a, (before, after) in enumerate(widths):
            if (static_length(before), static_length(after)) != (0, 0):
                x = x[(*[slice(None)] * a, _padded_index(dim(x, a), before, after, mode))]
        return x
    filling = cast(as_expr(constant_values, "pad"), x.dtype)
    shape = [before + dim(x, a) + after for a, (before, after) in enumerate(widths)]
    place = [slice(before, before + dim(x, a)) for a, (before, _) in enumerate(widths)]
    whole = Alloc().make(filling, *[as_length(n, "pad") for n in shape])
    return set_subtensor(whole[tuple(place)], x)


def _widths(x: Any, pad_width: Any) -> list[tuple[Any, Any]]:
    def pair(entry: Any) -> tuple[Any, Any]:
        if isinstance(entry, (tuple, list, np.ndarray)):
            both = [as_length(n, "pad") for n in entry]
            if len(both) in (1, 2):
                return both[0], both[-1]
            raise GraphValueError(f"pad: a width is a number or a pair, not {repr_of(entry)}.")
        return (as_length(entry, "pad"),) * 2

    nested = isinstance(pad_width, (tuple, list, np.ndarray)) and any(
        isinstance(entry, (tuple, list, np.ndarray)) for entry in pad_width
    )
    entries = [pair(e) for e in pad_width] if nested else [pair(pad_width)]
    if len(entries) not in (1, x.ndim):
        raise GraphValueError(
            f"pad: {len(entries)} widths given for {describe(x)}, which has {x.ndim} dimensions."
            f"\n{made_at(x)}"
        )
    widths = entries * x.ndim if len(entries) == 1 else entries
    for width in widths:
        if any((static_length(n) or 0) < 0 for n in width):
            raise GraphValueError(f"pad: a width is negative in {repr_of(pad_width)}.")
    return widths


def _padded_index(length: Any, before: Any, after: Any, mode: str) -> Any:
    """Which element of the axis stands at each place of the padded one."""
    k = arange(-before, length + after)
    if mode == "edge":
        return minimum(maximum(k, 0), length - 1)
    if mode == "wrap":
        return mod(k, length)
    if mode == "symmetric":
        k = mod(k, 2 * length)
        return minimum(k, 2 * length - 1 - k)
    period = maximum(2 * (length - 1), 1)
    k = mod(abs(k), period)
    return minimum(k, period - k)


hooks.table["repeat"] = repeat
