"""Softmax and its kin: functions that normalise along axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import GraphTypeError, checks_keywords, describe, made_at
from symgrad.graph.types import ValueType, normalize_axes, tensor_type
from symgrad.ops.arithmetic.elementwise import exp, real_float
from symgrad.ops.families import NUMPY_1
from symgrad.ops.op import Arg, Example, Op, Spec, as_expr, elements
from symgrad.ops.reductions.family import Reduction, check_axes
from symgrad.ops.reductions.reduction import sum
from symgrad.ops.reductions.sums import accurate_sum, sum_of_lines

# -- lines in memory ---------------------------------------------------------------------------

_FEW, _MANY = 32, 32  # columns and rows: short rows, if many, are turned


class _Lines(NamedTuple):
    """An array as a matrix of lines, each of which is normalised.

    NumPy reduces short rows one by one: the maxima of 600 x 10 numbers take it 25 µs. Where they
    are columns all are reduced side by side, in 1.3 µs; that pays for turning the matrix (1.9 µs)
    and back (2.5 µs).
    """

    number: int
    axis: int  # along which a line lies: 0 for columns, 1 for rows
    shape: tuple[int, int]
    turned: bool

    def of(self, x: Any) -> Any:
        """The matrix of an array."""
        return x.reshape(self.shape[::-1]).T if self.turned else x.reshape(self.shape)


@lru_cache(maxsize=256)
def _lines(shape: tuple[int, ...], axis: tuple[int, ...], turns: bool = True) -> _Lines | None:
    """How an array is a matrix of lines; None if its axes lie neither first nor last.

    With `turns`, many short rows are columns.
    """
    if not axis or axis[-1] - axis[0] != len(axis) - 1:
        return None
    length = math.prod(shape[a] for a in axis)
    if axis[-1] == len(shape) - 1:
        number = math.prod(shape[: axis[0]])
        if turns and 1 < length <= _FEW and number > _MANY:
            return _Lines(number, 0, (length, number), True)
        return _Lines(number, 1, (number, length), False)
    if axis[0] == 0:
        number = math.prod(shape[len(axis) :])
        return _Lines(number, 0, (length, number), False)
    return None


def _largest_into(top: Any, x: Any, axis: int) -> None:
    """The largest number of each line."""
    if NUMPY_1:  # with `out` it is wrong for lines that run backwards through memory
        np.copyto(top, np.maximum.reduce(x, axis))
    else:
        np.maximum.reduce(x, axis, None, top)


def _log_total_into(s: Any, below: Any, powers: Any, at_top: Any, axis: int) -> None:
    """`_log_total` of each line into `s`, with a matrix for powers and one for a mask."""
    np.exp(below, powers)
    np.less(below, 0, at_top)
    np.logical_not(at_top, at_top)  # at least one a line; NaN too
    np.copyto(powers, 0, where=at_top)
    sum_of_lines(powers, axis, s)
    if np.count_nonzero(at_top) != s.size:  # some share the top
        s += np.count_nonzero(at_top, axis=axis) - 1
    np.log1p(s, s)


def _log_total(xp: Any, below: Any, axis: tuple[int, ...]) -> Any:
    """`log(sum(exp(below)))` of numbers the largest of which is 0.

    Beside one nearly certain entry the others, though small against 1, are the logarithm, so
    they are added up without it.
    """
    at_top = ~(below < 0)  # at least one a line; NaN too
    others = accurate_sum(xp, xp.where(at_top, 0, xp.exp(below)), axis, True)
    ties = accurate_sum(xp, at_top.astype(below.dtype), axis, True) - 1
    return xp.log1p(others + ties)


def _scratch(op: Op, *arrays: Any) -> list[Any]:
    """The scratch arrays that an operation needs for these inputs."""
    return [np.empty(*spec) for spec in op.workspace(*[Spec(a.shape, a.dtype) for a in arrays])]


# -- the operations ----------------------------------------------------------------------------


class AxisNormalizer(Op, register=False):
    """A function that normalises along some axes and keeps the shape."""

    axis: tuple[int, ...]
    shape_of = 0
    _turns = True
    _passes = 5  # an element is compared, shifted, exponentiated, added up and divided

    def infer(self, *types: ValueType) -> ValueType:
        shape = types[0].shape
        for t in types[1:]:
            shape = tuple(a if b is None else b for a, b in zip(shape, t.shape, strict=True))
        return tensor_type(types[0].dtype, shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = arrays[0]
        if 0 in x.shape:
            return xp.array(x)
        if xp is not np or _lines(x.shape, self.axis, self._turns) is None:
            return self.along(xp, self.axis, *arrays)
        out = np.empty(x.shape, x.dtype)
        self.impl_into(out, _scratch(self, *arrays), *arrays)
        return out

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(out) * self._passes

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        x = arrays[0]
        lines = _lines(x.shape, self.axis, self._turns)
        if lines is None:
            return ()
        matrix = Spec(lines.shape, x.dtype)
        turned = [matrix] * len(arrays) if lines.turned else []
        return *turned, Spec((lines.number,), x.dtype), *self.matrices(matrix)

    def matrices(self, matrix: Spec) -> Sequence[Spec]:
        """What `fill` needs besides room for one number a line."""
        return ()

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        if not out.size:
            return
        lines = _lines(out.shape, self.axis, self._turns)
        if lines is None:
            np.copyto(out, self.along(np, self.axis, *arrays))
        elif not lines.turned:
            e = lines.of(out)
            self.fill(e, e, work, lines.axis, *[lines.of(a) for a in arrays])
        else:
            xs = work[: len(arrays)]
            for x, a in zip(xs, arrays, strict=True):
                np.copyto(x, lines.of(a))
            self.fill(lines.of(out), xs[0], work[len(arrays) :], 0, *xs)

    def fill(self, out: Any, e: Any, work: Sequence[Any], axis: int, *xs: Any) -> None:
        """The function along the lines of matrices into `out`.

        `e` is memory to work in: `out` itself, or the first of `xs`, which may then be overwritten.
        """
        raise NotImplementedError

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        """The function along any axes, in fresh memory."""
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis in _example_axes():
            yield Example(cls(axis), (Arg(shape),))


def _example_axes() -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    yield (3, 4), (1,)
    yield (3, 4), (0,)
    yield (3, 4), (0, 1)
    yield (5,), (0,)
    yield (2, 3, 4), (2,)
    yield (2, 3, 4), (0, 2)
    yield (2, 3, 4), (1,)
    yield (3, 1), (1,)
    yield (2, _FEW + 1), (1,)


_LARGEST = {np.dtype(d): np.array(np.finfo(d).max) for d in ("float16", "float32", "float64")}


class Softmax(AxisNormalizer):
    """``exp(x) / sum(exp(x))`` along some axes."""

    def fill(self, out: Any, e: Any, work: Sequence[Any], axis: int, *xs: Any) -> None:
        (x,) = xs
        (s,) = work
        each = s[:, None] if axis else s
        _largest_into(s, x, axis)
        np.minimum(s, _LARGEST[s.dtype], out=s)  # beside infinity, a number is 0, not NaN
        np.subtract(x, each, e)
        np.exp(e, e)
        sum_of_lines(e, axis, s)
        np.divide(e, each, out)

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        (x,) = arrays
        top = xp.minimum(x.max(axis=axis, keepdims=True), xp.finfo(x.dtype).max)
        e = xp.exp(x - top)
        return e / accurate_sum(xp, e, axis, True)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (LessShare(self.axis).make(g * y, y),)


class LogSoftmax(AxisNormalizer):
    """``log(softmax(x))`` along some axes, finite for every finite x."""

    def matrices(self, matrix: Spec) -> Sequence[Spec]:
        return matrix, Spec(matrix.shape, "bool")

    def fill(self, out: Any, e: Any, work: Sequence[Any], axis: int, *xs: Any) -> None:
        (x,) = xs
        s, powers, at_top = work
        each = s[:, None] if axis else s
        _largest_into(s, x, axis)
        np.subtract(x, each, e)
        _log_total_into(s, e, powers, at_top, axis)
        np.subtract(e, each, out)

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        (x,) = arrays
        below = x - x.max(axis=axis, keepdims=True)
        return below - _log_total(xp, below, axis)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (LessShare(self.axis).make(g, exp(y)),)  # exp(y) is softmax(x)


class LessShare(AxisNormalizer):
    """``u - p * sum(u)`` for shares `p` that add up to 1: the gradient of softmax and its log.

    Results add up to 0, so the one whose share is nearly 1, where the difference would cancel,
    is computed as minus the sum of the others.
    """

    _passes = 4
    _turns = False  # sums of short rows are quick as they are: products with ones

    def matrices(self, matrix: Spec) -> Sequence[Spec]:
        return (Spec(matrix.shape, "bool"),)

    def fill(self, out: Any, e: Any, work: Sequence[Any], axis: int, *xs: Any) -> None:
        u, p = xs
        s, most = work
        each = s[:, None] if axis else s
        sum_of_lines(u, axis, s)
        np.greater(p, 0.5, most)  # at most one
        np.multiply(p, each, e)
        np.subtract(u, e, e)
        if e.shape[axis] == 1:  # there are no others; NaN stays
            return
        np.copyto(e, 0, where=most)
        sum_of_lines(e, axis, s)
        np.negative(s, s)
        np.copyto(e, each, where=most)

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        u, p = arrays
        plain = u - p * accurate_sum(xp, u, axis, True)
        if math.prod(u.shape[a] for a in axis) == 1:  # there are no others; NaN stays
            return plain
        most = p > 0.5
        others = accurate_sum(xp, xp.where(most, 0, plain), axis, True)
        return xp.where(most, -others, plain)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        u, p = inputs
        return (
            g - sum(g * p, self.axis, keepdims=True),
            -(g * sum(u, self.axis, keepdims=True)),
        )

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis in _example_axes():  # below 1/2 the formula holds for any p
            yield Example(cls(axis), (Arg(shape), Arg(shape, low=0.1, high=0.4)))


class LogSumExp(Reduction):
    """``log(sum(exp(x)))`` over axes, finite for every finite x and exact near 0."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if not self.axis:
            return xp.array(x)
        shape = self.reduced(x.shape)
        if 0 in [x.shape[a] for a in self.axis]:
            return xp.full(shape, -np.inf, dtype=x.dtype)
        if xp is np and 0 not in shape and _lines(x.shape, self.axis) is not None:
            out = np.empty(shape, x.dtype)
            self.impl_into(out, _scratch(self, x), x)
            return out
        top = x.max(axis=self.axis, keepdims=True)
        return xp.reshape(top + _log_total(xp, x - top, self.axis), shape)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 4 * elements(inputs[0])

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        (x,) = arrays
        lines = _lines(x.shape, self.axis)
        if lines is None:
            return ()
        number, matrix = Spec((lines.number,), x.dtype), Spec(lines.shape, x.dtype)
        return number, matrix, matrix, Spec(lines.shape, "bool")

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        (x,) = arrays
        lines = _lines(x.shape, self.axis)
        if lines is None or not x.size:
            np.copyto(out, self.impl(np, x))
            return
        s, e, powers, at_top = work
        top = out.reshape(lines.number)
        x = lines.of(x)
        if lines.turned:
            np.copyto(e, x)
            x = e
        _largest_into(top, x, lines.axis)
        np.subtract(x, top[:, None] if lines.axis else top, e)
        _log_total_into(s, e, powers, at_top, lines.axis)
        np.add(top, s, top)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        return (self.restore_axes(g, x) * Softmax(self.axis).make(x),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(cls(axis, keepdims), (Arg(shape),))
        yield Example(cls((1,), False), (Arg((2, 0)),), differentiable=False)


# -- what users write --------------------------------------------------------------------------


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` over axes, finite for every finite x.

    Parameters
    ----------
    x : array_like
        Any shape; integers become floats.
    axis : int, tuple of int or None
        None takes all axes.
    keepdims : bool
        Keep the axes with length 1.

    >>> logsumexp([[0.0, 0.0], [0.0, 1000.0]], axis=1).eval()
    array([6.93147181e-01, 1.00000000e+03])
    """
    x, axes = check_axes(real_float(x, "logsumexp"), axis, "logsumexp")
    return LogSumExp(axes, bool(keepdims)).make(x)


def _along(x: Any, axis: Any, what: str) -> tuple[Any, tuple[int, ...]]:
    x = real_float(x, what)
    if axis is None:
        if x.ndim not in (1, 2):
            raise GraphTypeError(
                f"{what}: {describe(x)} is neither a vector nor a matrix, so say along which "
                f"axis: {what}(x, axis=-1).\n{made_at(x)}"
            )
        axis = -1
    return x, normalize_axes(axis, x.ndim, f"{what}: axis")


@checks_keywords(c="x")
def softmax(x: Any, axis: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis; never overflows.

    Parameters
    ----------
    x : array_like
        A vector or matrix (normalised along its last axis), or any rank with `axis`.
    axis : int or tuple of int, optional
        Needed from rank 3 on.

    Returns
    -------
    tensor
        In the shape of `x`, float.

    Raises
    ------
    GraphTypeError
        If `x` is complex, or of rank 0 or above 2 and no axis is given.

    >>> softmax([[0.0, 0.0], [0.0, 1000.0]]).eval()
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    x, axes = _along(x, axis, "softmax")
    return Softmax(axes).make(x)


@checks_keywords(c="x")
def logsoftmax(x: Any, axis: Any = None) -> Any:
    """``log(softmax(x))`` along an axis, finite for every finite x and exact near 0.

    Parameters
    ----------
    x : array_like
        A vector or matrix (normalised along its last axis), or any rank with `axis`.
    axis : int or tuple of int, optional
        Needed from rank 3 on.

    >>> logsoftmax([0.0, 1000.0]).eval()
    array([-1000.,     0.])
    >>> logsoftmax([0.0, 40.0]).eval()
    array([-4.00000000e+01, -4.24835426e-18])
    """
    x, axes = _along(x, axis, "logsoftmax")
    return LogSoftmax(axes).make(x)


def softmax_with_bias(x: Any, b: Any) -> Any:
    """``softmax(x + b)`` of a matrix and a vector.

    >>> softmax_with_bias([[0.0, 0.0]], [0.0, 1000.0]).eval()
    array([[0., 1.]])
    """
    return softmax(as_expr(x, "softmax_with_bias") + b)
