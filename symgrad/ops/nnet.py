"""What neural networks are made of: activations, and functions that normalise along an axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, describe, made_at
from symgrad.ops.elementwise import abs, clip, exp, expm1, gt, minimum, real_float, sgn, sqr, switch
from symgrad.ops.families import Reduction, check_axes, elementwise
from symgrad.ops.op import Arg, Example, Op, as_expr
from symgrad.ops.reduction import sum
from symgrad.ops.sums import accurate_sum
from symgrad.types import ValueType, normalize_axes, tensor_type

# -- activations ---------------------------------------------------------------------------


def _sigmoid_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    # y * (1 - y) would be cheaper, but 1 - y is 0 above 37, where sigmoid(-x) is small and exact
    return (g * (y * sigmoid(-x)),)


@elementwise(vjp=_sigmoid_vjp, domain=(-4.0, 4.0), dtype="float", real=True)
def sigmoid(xp: Any, x: Any) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``.

    >>> sigmoid([0.0, 2.0]).eval()
    array([0.5       , 0.88079708])
    """
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right 0
        return 1 / (1 + xp.exp(-x))


@elementwise(vjp=lambda g, y, x: (g * sigmoid(x),), domain=(-4.0, 4.0), dtype="float", real=True)
def softplus(xp: Any, x: Any) -> Any:
    """``log(1 + exp(x))``, finite and exact for every x.

    >>> softplus([-800.0, 0.0, 800.0]).eval()
    array([0.00000000e+00, 6.93147181e-01, 8.00000000e+02])
    """
    return xp.log1p(xp.exp(-xp.absolute(x))) + xp.maximum(x, 0)


@elementwise(
    vjp=lambda g, y, a, b: (g * sigmoid(a - b), g * sigmoid(b - a)), dtype="float", real=True
)
def logaddexp(xp: Any, a: Any, b: Any) -> Any:
    """``log(exp(a) + exp(b))``, finite for every finite a and b.

    >>> logaddexp(1000.0, [0.0, 1000.0]).eval()
    array([1000.        , 1000.69314718])
    """
    return xp.logaddexp(a, b)


@elementwise(vjp=lambda g, y, a, b: (g * b, g * a), dtype="same", ufunc="")
def times_or_zero(xp: Any, a: Any, b: Any) -> Any:
    """``a * b``, but 0 where `a` is 0, whatever `b` is there.

    >>> times_or_zero([0.0, 2.0], [float("-inf"), 3.0]).eval()
    array([0., 6.])
    """
    return a * xp.where(a == 0, a, b)


@elementwise(
    vjp=lambda g, y, x: (g * y * (1 - y),),
    domain=(-4.0, 4.0),
    dtype="float",
    differentiable=False,
    real=True,
)
def ultra_fast_sigmoid(xp: Any, x: Any) -> Any:
    """Three straight or hyperbolic pieces close to `sigmoid` (within 0.03); its gradient likewise.

    Theano's approximation; `sigmoid` is not much slower here.

    >>> ultra_fast_sigmoid([-5.0, 0.0, 5.0]).eval()
    array([0.01394295, 0.5       , 0.98605705])
    """
    size = xp.absolute(x) * 0.5
    near = 1.5 * size / (1 + size)
    middle = 0.935409070603099 + 0.0458812946797165 * (size - 1.7)
    far = xp.where(size < 3, middle, 0.99505475368673)
    z = xp.where(size < 1.7, near, far)
    return 0.5 + 0.5 * xp.where(x < 0, -z, z)


def hard_sigmoid(x: Any) -> Any:
    """``clip(0.2 * x + 0.5, 0, 1)``, a straight line through the middle of `sigmoid`.

    >>> hard_sigmoid([-5.0, 0.0, 1.0, 5.0]).eval()
    array([0. , 0.5, 0.7, 1. ])
    """
    return clip(real_float(x, "hard_sigmoid") * 0.2 + 0.5, 0, 1)


@elementwise(
    vjp=lambda g, y, x: (g * (0.5 * sgn(x) + 0.5),), dtype="float", ufunc="", name="relu", real=True
)
def rectify(xp: Any, x: Any) -> Any:
    """``max(x, 0)``; its gradient at 0 is 1/2.

    >>> rectify([-1.0, 2.0]).eval()
    array([0., 2.])
    """
    return xp.maximum(x, 0)


def _leaky_vjp(g: Any, y: Any, x: Any, alpha: Any) -> Sequence[Any]:
    positive = 0.5 * sgn(x) + 0.5  # 0, 1/2 or 1
    return g * (positive + alpha * (1 - positive)), g * minimum(x, 0)


@elementwise(vjp=_leaky_vjp, dtype="float", real=True)
def leaky_relu(xp: Any, x: Any, alpha: Any) -> Any:
    """``x`` where it is positive, else ``alpha * x``; its gradient at 0 is the mean of both.

    >>> leaky_relu([-1.0, 2.0], 0.1).eval()
    array([-0.1,  2. ])
    """
    return xp.where(x > 0, x, alpha * x)


def relu(x: Any, alpha: Any = 0) -> Any:
    """Rectified linear unit: ``x`` where it is positive, else ``alpha * x``.

    Parameters
    ----------
    x : array_like
        Any shape; integers become floats.
    alpha : float or array_like
        Slope below zero; may be symbolic, and is broadcast against `x`.

    Returns
    -------
    tensor
        In the shape of `x` broadcast with `alpha`. The gradient at 0 is ``(1 + alpha) / 2``.

    >>> relu([-1.0, 2.0]).eval(), relu([-1.0, 2.0], 0.1).eval()
    (array([0., 2.]), array([-0.1,  2. ]))
    """
    x = real_float(x, "relu")
    return rectify(x) if type(alpha) in (int, float) and alpha == 0 else leaky_relu(x, alpha)


def elu(x: Any, alpha: Any = 1) -> Any:
    """Exponential linear unit: ``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    x : array_like
        Any shape; integers become floats.
    alpha : float or array_like
        Its negative is the limit far below zero.

    >>> elu([-1.0, 2.0]).eval()
    array([-0.63212056,  2.        ])
    """
    x = real_float(x, "elu")
    # without the minimum, exp would overflow where its value is not used, and its gradient be NaN
    return switch(gt(x, 0), x, alpha * expm1(minimum(x, 0)))


def selu(x: Any) -> Any:
    """Scaled exponential linear unit, whose fixed point is mean 0 and variance 1.

    >>> selu([-1.0, 1.0]).eval()
    array([-1.11133074,  1.05070099])
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


@elementwise(vjp=lambda g, y, x: (g / sqr(1 + abs(x)),), dtype="float", real=True)
def softsign(xp: Any, x: Any) -> Any:
    """``x / (1 + abs(x))``.

    >>> softsign([-1.0, 0.0, 3.0]).eval()
    array([-0.5 ,  0.  ,  0.75])
    """
    return x / (1 + xp.absolute(x))


def swish(x: Any) -> Any:
    """``x * sigmoid(x)``.

    >>> swish([0.0, 1.0]).eval()
    array([0.        , 0.73105858])
    """
    x = real_float(x, "swish")
    return x * sigmoid(x)


# -- normalising along axes ------------------------------------------------------------------

_FEW = 32


def _in_short_rows(xp: Any, x: Any, axis: tuple[int, ...]) -> bool:
    """Whether an array should be turned before it is reduced along its last axis.

    NumPy reduces short rows one by one: the maxima of 600 x 10 numbers take 60 µs. Turned, all
    rows are reduced side by side, in 3 µs; from 100 rows on that pays for the copies.
    """
    if xp is not np or x.ndim < 2 or axis != (x.ndim - 1,):
        return False
    return bool(0 < x.shape[-1] <= _FEW and x.size >= 100 * x.shape[-1])


def _into(xp: Any, buffer: Any) -> dict[str, Any]:
    """The argument that makes NumPy write into memory of our own that is needed no more."""
    return {"out": buffer} if xp is np and isinstance(buffer, np.ndarray) else {}


def _replaced(xp: Any, where: Any, new: Any, x: Any) -> Any:
    """`x`, an array of our own, with other elements where the mask holds."""
    if xp is np and isinstance(x, np.ndarray):
        np.copyto(x, new, where=where)
        return x
    return xp.where(where, new, x)


class AxisNormalizer(Op, register=False):
    """A function that normalises along some axes and keeps the shape."""

    axis: tuple[int, ...]
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        shape = types[0].shape
        for t in types[1:]:
            shape = tuple(a if b is None else b for a, b in zip(shape, t.shape, strict=True))
        return tensor_type(types[0].dtype, shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = arrays[0]
        if 0 in x.shape:
            return xp.array(x)
        if not _in_short_rows(xp, x, self.axis):
            return self.along(xp, self.axis, *arrays)
        turned = [np.ascontiguousarray(np.reshape(a, (-1, x.shape[-1])).T) for a in arrays]
        return self.along(np, (0,), *turned).T.reshape(x.shape)  # a matrix stays turned in memory

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        """The function along the given axes, in fresh memory."""
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
    yield (3, 1), (1,)
    yield (2, _FEW + 1), (1,)


def _total(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The sum over axes, which stay with length 1."""
    few = len(axis) == 1 and x.shape[axis[0]] <= _FEW and x.dtype.itemsize == 4
    if xp is np and (few or x.dtype.itemsize == 8):  # np.sum would do the same, 4 µs slower
        return np.add.reduce(x, axis=axis, keepdims=True)
    return accurate_sum(xp, x, axis, True)


def _log_total(xp: Any, below: Any, axis: tuple[int, ...]) -> Any:
    """`log(sum(exp(below)))` of numbers the largest of which is 0.

    Beside one nearly certain entry the others, though small against 1, are the logarithm, so
    they are added up without it.
    """
    at_top = ~(below < 0)  # at least one a row; NaN too
    others = _total(xp, _replaced(xp, at_top, 0, xp.exp(below)), axis)
    if xp is not np or np.count_nonzero(at_top) != others.size:  # some share the top
        others = others + (_total(xp, at_top.astype(below.dtype), axis) - 1)
    return xp.log1p(others, **_into(xp, others))


class Softmax(AxisNormalizer):
    """``exp(x) / sum(exp(x))`` along some axes."""

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        (x,) = arrays
        below = x - x.max(axis=axis, keepdims=True)
        e = xp.exp(below, **_into(xp, below))
        return xp.divide(e, _total(xp, e, axis), **_into(xp, e))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (LessShare(self.axis).make(g * y, y),)


class LogSoftmax(AxisNormalizer):
    """``log(softmax(x))`` along some axes, finite for every finite x."""

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        (x,) = arrays
        below = x - x.max(axis=axis, keepdims=True)
        return xp.subtract(below, _log_total(xp, below, axis), **_into(xp, below))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (LessShare(self.axis).make(g, exp(y)),)  # exp(y) is softmax(x)


class LessShare(AxisNormalizer):
    """``u - p * sum(u)`` for shares `p` that add up to 1: the gradient of softmax and its log.

    Results add up to 0, so the one whose share is nearly 1, where the difference would cancel,
    is computed as minus the sum of the others.
    """

    def along(self, xp: Any, axis: tuple[int, ...], *arrays: Any) -> Any:
        u, p = arrays
        plain = p * _total(xp, u, axis)
        plain = xp.subtract(u, plain, **_into(xp, plain))
        most = p > 0.5  # at most one
        others = _total(xp, _replaced(xp, most, 0, plain), axis)
        return _replaced(xp, most, -others, plain)

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
        if _in_short_rows(xp, x, self.axis):
            x = np.ascontiguousarray(np.reshape(x, (-1, x.shape[-1])).T)
            return xp.reshape(_logsumexp(xp, x, (0,)), shape)
        return xp.reshape(_logsumexp(xp, x, self.axis), shape)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        return (self.restore_axes(g, x) * Softmax(self.axis).make(x),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(cls(axis, keepdims), (Arg(shape),))
        yield Example(cls((1,), False), (Arg((2, 0)),), differentiable=False)


def _logsumexp(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The logarithm of the sum of exponentials; the axes stay with length 1."""
    top = x.max(axis=axis, keepdims=True)
    return top + _log_total(xp, x - top, axis)


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
