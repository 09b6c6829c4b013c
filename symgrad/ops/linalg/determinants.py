"""Determinants, and what their gradients are made of: cofactors, of singular matrices too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.types import TupleType, ValueType, tensor_type
from symgrad.graph.walk import substitute
from symgrad.ops.linalg.linalg import matmul, matrix_transpose
from symgrad.ops.linalg.nlinalg import MatrixInverse, as_column, as_matrix
from symgrad.ops.op import Arg, Example, Op, Spec, elements, projections
from symgrad.ops.reductions.reduction import sum


class Det(Op):
    """The determinant of each matrix."""

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, types[0].shape[:-2])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.linalg.det(arrays[0])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        return (as_column(g) * Cofactors().make(x),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 2, 2), (1, 1)):
            yield Example(cls(), (Arg(shape),))
        yield Example(cls(), (Arg((0, 0)),))


class SLogDet(Op):
    """The sign of the determinant, and the logarithm of its absolute value."""

    def infer(self, *types: ValueType) -> ValueType:
        return TupleType([tensor_type(types[0].dtype, types[0].shape[:-2])] * 2)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return tuple(xp.linalg.slogdet(arrays[0]))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,), (_, g_log) = inputs, g
        if g_log is None:
            return (None,)
        return (as_column(g_log) * matrix_transpose(MatrixInverse().make(x)),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 2, 2), (1, 1)):
            yield Example(cls(), (Arg(shape),))


# -- cofactors ----------------------------------------------------------------------------------


def _products_without_one(xp: Any, s: Any) -> Any:
    """For each element of the last axis the product of all others."""
    one = xp.ones_like(s[..., :1])
    before = xp.cumprod(xp.concatenate([one, s[..., :-1]], axis=-1), axis=-1)
    behind = xp.cumprod(xp.concatenate([one, s[..., :0:-1]], axis=-1), axis=-1)
    return before * behind[..., ::-1]


def _singular(xp: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Singular vectors and values of square matrices, and the sign of ``det(u @ v)``."""
    u, s, v = xp.linalg.svd(x)
    sign = xp.sign(xp.linalg.det(u)) * xp.sign(xp.linalg.det(v))
    return u, s, v, sign[..., None, None]


class Cofactors(Op):
    """The cofactors of each matrix: ``det(x) * inv(x).T``, which exists where `inv` does not.

    >>> import symgrad.tensor as T
    >>> Cofactors().make(T.constant([[1.0, 2.0], [2.0, 4.0]])).eval().round(9)
    array([[ 4., -2.],
           [-2.,  1.]])
    """

    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if 0 in x.shape:
            return xp.zeros_like(x)
        if xp is np:  # accurate even where det(x) is almost 0: the errors of both cancel
            scale = np.linalg.det(x)
            try:
                found = scale[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2)
            except np.linalg.LinAlgError:
                found = None
            if found is not None and scale.all() and np.isfinite(found).all():
                return found
            if not np.isfinite(x).all():
                return np.full_like(x, np.nan)
        u, s, v, sign = _singular(xp, x)
        return sign * ((u * _products_without_one(xp, s)[..., None, :]) @ v)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 8 * elements(out) * int(out.shape[-1]) // 3

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (CofactorSlope().make(inputs[0], g),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 2, 2), (1, 1)):
            yield Example(cls(), (Arg(shape),))
        yield Example(cls(), (Arg((0, 0)),))
        for known in (np.ones((3, 3)), np.zeros((2, 2)), np.diag([1.0, 2.0, 0.0])):
            yield Example(cls(), (Arg(known.shape, exact=known),))


class CofactorSlope(Op):
    """The derivative of the cofactors of each matrix in a direction: ``det''(x)`` times that."""

    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, direction = arrays
        if 0 in x.shape:
            return xp.zeros_like(x)
        if xp is np and not np.isfinite(x).all():
            return np.full_like(x, np.nan)
        u, s, v, sign = _singular(xp, x)
        one = xp.eye(s.shape[-1], dtype=x.dtype)
        # the product of all singular values but two, for each two
        rest = _products_without_one(xp, xp.where(one == 1, one, s[..., None, :]))
        rest = rest * (1 - one)
        turned = u.swapaxes(-1, -2) @ direction @ v.swapaxes(-1, -2)
        diagonal = xp.diagonal(turned, axis1=-2, axis2=-1)[..., None]
        inner = one * (rest @ diagonal) - rest * turned.swapaxes(-1, -2)
        return sign * (u @ inner @ v)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        x, direction = inputs
        held, way = (Placeholder(i.type) for i in inputs)
        # of matrices that are not singular: the third derivatives of a determinant
        turned = matrix_transpose(MatrixInverse().make(held))
        along = as_column(sum(turned * way, (-2, -1))) * turned
        along = along - matmul(matmul(turned, matrix_transpose(way)), turned)
        (found,) = hooks.call("pull_back", [(as_column(Det().make(held)) * along, g)], [held])
        if isinstance(found, Expr):
            (found,) = substitute([found], {held: x, way: direction})
        return found, self.make(x, g)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape in ((3, 3), (2, 2, 2), (1, 1)):
            yield Example(cls(), (Arg(shape), Arg(shape)))
        known = np.ones((3, 3))
        yield Example(cls(), (Arg((3, 3), exact=known), Arg((3, 3))), differentiable=False)


# -- what users call -------------------------------------------------------------------------------


def det(x: Any) -> Any:
    """Determinant of a matrix, or of each of a stack.

    Its gradient is the matrix of cofactors, which singular matrices have, too; so is the second.

    Parameters
    ----------
    x : array_like
        Shape (..., n, n); integers are computed in float64.

    >>> det([[2.0, 0.0], [0.0, 4.0]]).eval()
    array(8.)
    """
    return Det().make(as_matrix(x, "det"))


def slogdet(x: Any) -> list[Any]:
    """Sign of the determinant, and the logarithm of its absolute value.

    >>> [v.eval() for v in slogdet([[-1.0, 0.0], [0.0, 1.0]])]
    [array(-1.), array(0.)]
    """
    return projections(SLogDet().make(as_matrix(x, "slogdet")))
