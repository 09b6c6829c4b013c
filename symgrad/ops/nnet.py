"""What neural networks are made of: activations and cross-entropies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


from symgrad.errors import GraphTypeError, describe, made_at
from symgrad.ops.elementwise import cast
from symgrad.ops.families import elementwise
from symgrad.ops.op import Arg, Example, Op, as_expr
from symgrad.ops.reduction import accurate_sum, sum
from symgrad.types import ValueType, float_of, normalize_axis


@elementwise(vjp=lambda g, y, x: (g * y * (1 - y),), domain=(-4.0, 4.0), dtype="float")
def sigmoid(xp: Any, x: Any) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``.

    >>> sigmoid([0.0, 2.0]).eval()
    array([0.5       , 0.88079708])
    """
    return 1 / (1 + xp.exp(-x))


@elementwise(vjp=lambda g, y, x: (g * sigmoid(x),), domain=(-4.0, 4.0), dtype="float")
def softplus(xp: Any, x: Any) -> Any:
    """``log(1 + exp(x))``, finite and exact for every x.

    >>> softplus([-800.0, 0.0, 800.0]).eval()
    array([0.00000000e+000, 6.93147181e-001, 8.00000000e+002])
    """
    return xp.log1p(xp.exp(-xp.absolute(x))) + xp.maximum(x, 0)


class AxisNormalizer(Op, register=False):
    """A function that normalises along one axis and keeps the shape."""

    axis: int

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis in (((3, 4), 1), ((3, 4), 0), ((5,), 0), ((2, 3, 4), 2), ((3, 1), 1)):
            yield Example(cls(axis), (Arg(shape),))


class Softmax(AxisNormalizer):
    """``exp(x) / sum(exp(x))`` along one axis."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if x.shape[self.axis] == 0:
            return xp.array(x)
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))
        return e / accurate_sum(xp, e, (self.axis,), True)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (y * (g - sum(g * y, self.axis, keepdims=True)),)


class LogSoftmax(AxisNormalizer):
    """``log(softmax(x))`` along one axis, finite for every finite x."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if x.shape[self.axis] == 0:
            return xp.array(x)
        shifted = x - xp.max(x, axis=self.axis, keepdims=True)
        return shifted - xp.log(accurate_sum(xp, xp.exp(shifted), (self.axis,), True))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        total = sum(g, self.axis, keepdims=True)
        return (g - Softmax(self.axis).make(inputs[0]) * total,)


def _along(x: Any, axis: Any, what: str) -> tuple[Any, int]:
    x = as_expr(x, what)
    if axis is None:
        if x.ndim not in (1, 2):
            raise GraphTypeError(
                f"{what}: {describe(x)} is neither a vector nor a matrix, so say along which "
                f"axis: {what}(x, axis=-1).\n{made_at(x)}"
            )
        axis = -1
    return cast(x, float_of(x.dtype)), normalize_axis(axis, x.ndim)


def softmax(x: Any, axis: int | None = None) -> Any:
    """``exp(x) / sum(exp(x))`` along an axis; never overflows.

    Parameters
    ----------
    x : array_like
        A vector or matrix (normalised along its last axis), or any rank with `axis`.
    axis : int, optional
        Needed from rank 3 on.

    >>> softmax([[0.0, 0.0], [0.0, 1000.0]]).eval()
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    x, axis = _along(x, axis, "softmax")
    return Softmax(axis).make(x)


def logsoftmax(x: Any, axis: int | None = None) -> Any:
    """``log(softmax(x))`` along an axis, finite for every finite x.

    >>> logsoftmax([0.0, 1000.0]).eval()
    array([-1000.,     0.])
    """
    x, axis = _along(x, axis, "logsoftmax")
    return LogSoftmax(axis).make(x)


