"""Running sums and products along an axis, and differences of neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, describe, made_at
from symgrad.graph.types import ValueType
from symgrad.ops.arithmetic.elementwise import cast, neq, sub
from symgrad.ops.arrays.lengths import check_axis, check_int
from symgrad.ops.arrays.shaping import along
from symgrad.ops.op import Arg, Example, Op, Spec, as_expr, elements


def sum_dtype(dtype: str) -> str:
    """The dtype in which a sum of elements of a dtype is given: at least 64-bit for integers.

    >>> sum_dtype("bool"), sum_dtype("uint8"), sum_dtype("float32")
    ('int64', 'uint64', 'float32')
    """
    if dtype in ("bool", "int8", "int16", "int32"):
        return "int64"
    return "uint64" if dtype.startswith("uint") else dtype


def _part(ndim: int, axis: int, part: slice) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, part, *[slice(None)] * (ndim - axis - 1))


def _moved(xp: Any, x: Any, axis: int, steps: int, filling: int) -> Any:
    """Elements moved along an axis by some steps, `filling` where none arrives."""
    n = x.shape[axis]
    steps = max(-n, min(n, steps))
    gap = xp.full((*x.shape[:axis], abs(steps), *x.shape[axis + 1 :]), filling, dtype=x.dtype)
    if steps >= 0:
        return xp.concatenate([gap, x[_part(x.ndim, axis, slice(0, n - steps))]], axis=axis)
    return xp.concatenate([x[_part(x.ndim, axis, slice(-steps, n))], gap], axis=axis)


class Running(Op, register=False):
    """An operation along one axis that keeps the shape; `reverse` starts at the end."""

    axis: int
    reverse: bool
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(out)

    def turned(self, xp: Any, x: Any) -> Any:
        """`x`, reversed along the axis where the operation runs from the end."""
        return xp.flip(x, self.axis) if self.reverse else x


class CumSum(Running):
    """Sum of each element and those before it."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = self.turned(xp, arrays[0])
        if xp is np and x.dtype.kind == "f" and x.dtype.itemsize < 8:
            # NumPy adds one by one here, which loses digits
            total = np.cumsum(x, axis=self.axis, dtype="float64").astype(x.dtype)
        else:
            total = xp.cumsum(x, axis=self.axis, dtype=x.dtype)
        return self.turned(xp, total)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (CumSum(self.axis, not self.reverse).make(g),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, reverse, shape in ((0, False, (3, 4)), (1, True, (2, 3, 2)), (0, False, (0,))):
            yield Example(cls(axis, reverse), (Arg(shape),))


class CumProd(Running):
    """Product of each element and those before it; `exclusive` leaves the element itself out."""

    exclusive: bool

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = self.turned(xp, arrays[0])
        if self.exclusive:
            x = _moved(xp, x, self.axis, 1, 1)
        return self.turned(xp, xp.cumprod(x, axis=self.axis, dtype=x.dtype))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        # dy_k/dx_j = (product before j) * (product between j and k): a linear recurrence that
        # holds with zeros too, where y / x would not.
        (x,) = inputs
        axis, back = self.axis, 1 if self.reverse else -1
        before = CumProd(axis, self.reverse, True).make(x)
        if self.exclusive:
            g = Shift(axis, back).make(g)
        behind = Recurrence(axis, not self.reverse).make(Shift(axis, back).make(x), g)
        return (before * behind,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, reverse, exclusive, shape in (
            (0, False, False, (3, 4)),
            (1, True, False, (2, 3)),
            (0, False, True, (4,)),
            (0, True, True, (4, 1)),
            (0, False, True, (0,)),
        ):
            yield Example(cls(axis, reverse, exclusive), (Arg(shape),))


class Shift(Op):
    """Elements moved along an axis by some steps, zeros where none arrives."""

    axis: int
    steps: int
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return _moved(xp, arrays[0], self.axis, self.steps, 0)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (Shift(self.axis, -self.steps).make(g),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, steps, shape in ((0, 1, (3, 4)), (1, -2, (2, 3)), (0, 5, (2,)), (0, 1, (0,))):
            yield Example(cls(axis, steps), (Arg(shape),))


class Recurrence(Running):
    """``s[k] = a[k] * s[k - 1] + b[k]`` along an axis, from zero."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        a, b = (self.turned(xp, x) for x in arrays)
        # Steps of length 1, 2, 4, ... compose: log2(n) passes instead of a loop over elements.
        steps = 1
        while steps < b.shape[self.axis]:
            b = b + a * _moved(xp, b, self.axis, steps, 0)
            steps, a = 2 * steps, a * _moved(xp, a, self.axis, steps, 0)
        return self.turned(xp, xp.array(b))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, _ = inputs
        back = 1 if self.reverse else -1
        above = Shift(self.axis, back).make(a)
        gb = Recurrence(self.axis, not self.reverse).make(above, g)
        return gb * Shift(self.axis, -back).make(y), gb

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, reverse, shape in ((0, False, (5, 2)), (1, True, (2, 3)), (0, False, (0,))):
            yield Example(cls(axis, reverse), (Arg(shape), Arg(shape)))


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sum along an axis.

    Parameters
    ----------
    x : array_like
        Any shape; booleans and integers are summed in int64 (uint64 when unsigned).
    axis : int, optional
        None runs over the flattened elements.

    >>> cumsum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([[1., 2.],
           [4., 6.]])
    """
    x, axis = along(x, axis, "cumsum")
    return CumSum(axis, False).make(cast(x, sum_dtype(x.dtype)))


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running product along an axis; its gradient is right where elements are zero.

    Parameters
    ----------
    x : array_like
        Any shape; booleans and integers are multiplied in int64 (uint64 when unsigned).
    axis : int, optional
        None runs over the flattened elements.

    >>> cumprod([1.0, 2.0, 3.0]).eval()
    array([1., 2., 6.])
    """
    x, axis = along(x, axis, "cumprod")
    return CumProd(axis, False, False).make(cast(x, sum_dtype(x.dtype)))


_MOST_DIFFERENCES = 1000


def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis.

    Parameters
    ----------
    x : array_like
        Rank 1 or more; of booleans, where neighbours differ.
    n : int
        How often differences are taken; where the length is not known, at most 1000 times (float64
        does not hold the factors of more).
    axis : int
        Each difference makes it shorter by one.

    >>> diff([1.0, 4.0, 9.0]).eval()
    array([3., 5.])
    """
    x, n = as_expr(x, "diff"), check_int(n, "diff: n")
    if x.ndim == 0:
        raise GraphTypeError(f"diff needs at least one axis; {describe(x)} has none.\n{made_at(x)}")
    if n < 0:
        raise GraphValueError(f"diff: n must not be negative, not {n}.")
    axis = check_axis(x, axis, "diff")
    length = x.static_shape[axis]
    if length is not None and n >= length:
        return x[_part(x.ndim, axis, slice(0, 0))]
    if n > _MOST_DIFFERENCES:
        raise GraphValueError(
            f"diff: n is {n}, and each difference is an operation: give at most "
            f"{_MOST_DIFFERENCES}.\n{made_at(x)}"
        )
    for _ in range(n):
        ahead = x[_part(x.ndim, axis, slice(1, None))]
        behind = x[_part(x.ndim, axis, slice(None, -1))]
        x = neq(ahead, behind) if x.dtype == "bool" else sub(ahead, behind)
    return x


hooks.table["cumsum"] = cumsum
hooks.table["cumprod"] = cumprod
