"""Norms: of elements over axes, of vectors and of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, describe, made_at, repr_of
from symgrad.graph.types import float_of, is_complex, normalize_axes
from symgrad.ops.arithmetic.elementwise import abs, cast, gt, lt, neq, switch
from symgrad.ops.arithmetic.logic import and_
from symgrad.ops.arrays.axes import moveaxis
from symgrad.ops.arrays.shaping import dimshuffle
from symgrad.ops.control.barriers import zero_grad
from symgrad.ops.linalg.decompositions import SingularValues
from symgrad.ops.linalg.nlinalg import as_matrix
from symgrad.ops.op import as_expr
from symgrad.ops.reductions.family import check_axes
from symgrad.ops.reductions.powers_summed import EuclideanNorm, PNorm
from symgrad.ops.reductions.reduction import max, min, sum
from symgrad.ops.reductions.statistics import root


def tensor_norm(x: Any, L: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The L-norm of the elements over axes (of a matrix too, if both axes are taken).

    No square or power on the way overflows or vanishes: of 1e200 and 1e-200, where the hand-written
    ``sqrt(sum(x**2))`` gives infinity and 0, the norm and its gradient are right.

    Parameters
    ----------
    x : array_like
        Any shape.
    L : number
        2 for the Euclidean norm, 1 for the sum of absolute values, ``inf`` and ``-inf`` for the
        largest and smallest absolute value, 0 for the number of elements that are not zero.
    axis : int, tuple of int or None
        None takes all elements.
    keepdims : bool
        Keep the axes with length 1.

    >>> tensor_norm([3.0, -4.0], 2).eval(), tensor_norm([3.0, -4.0], np.inf).eval()
    (array(5.), array(4.))
    """
    x = as_expr(x, "norm")
    if not is_complex(x.dtype):
        x = cast(x, float_of(x.dtype))
    if isinstance(L, (int, float, np.number)):
        if L == 0:
            return cast(sum(neq(x, 0), axis, keepdims=keepdims), x.dtype)
        if np.inf == L:
            return max(abs(x), axis, keepdims)
        if -np.inf == L:
            return min(abs(x), axis, keepdims)
        if L == 1:
            return sum(abs(x), axis, keepdims=keepdims)
        x, axes = check_axes(abs(x) if L != 2 or is_complex(x.dtype) else x, axis, "norm")
        if L == 2:
            return EuclideanNorm(axes, keepdims).make(x)
        return PNorm(axes, keepdims, float(L)).make(x)
    return _p_norm(abs(x), as_expr(L, "norm: L"), axis, keepdims)


def _p_norm(x: Any, p: Any, axis: Any, keepdims: bool) -> Any:
    """``sum(x**p) ** (1 / p)`` of x >= 0: of x over its largest element (p < 0: its smallest).

    The result does not depend on that element, so no gradient needs to go through it.
    """
    if p.ndim:
        return root(sum(x**p, axis, keepdims=keepdims), 1 / p)
    size = switch(lt(p, 0), min(x, axis, True), max(x, axis, True))
    size = zero_grad(switch(and_(gt(size, 0), lt(size, np.inf)), size, 1))
    found = size * root(sum((x / size) ** p, axis, keepdims=True), 1 / p)
    if keepdims:
        return found
    _, axes = check_axes(x, axis, "norm")
    return dimshuffle(found, *(k for k in range(x.ndim) if k not in axes))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of a vector or a matrix, as `numpy.linalg.norm`; its gradient at 0 is 0.

    It is right at any size that the dtype holds; the hand-written ``sqrt(sum(x**2))`` overflows
    where the squares do, in float64 from 1e154, and vanishes below 1e-162.

    Parameters
    ----------
    x : array_like
        Without `axis` a vector or a matrix; with `ord=None` any shape.
    ord : number or str, optional
        Of a vector: see `tensor_norm`. Of a matrix: "fro" (the default), "nuc" (the sum of the
        singular values), 2 and -2 (the largest and smallest of them), 1 and -1 (of the sums of
        columns), ``inf`` and ``-inf`` (of the sums of rows). Theano's "inf" and "-inf" do, too.
    axis : int or pair of int, optional
        The axis of vectors, or the axes of rows and columns.
    keepdims : bool
        Keep the axes with length 1.

    >>> norm([3.0, 4.0]).eval(), norm([[1.0, 2.0], [3.0, 4.0]], 1).eval()
    (array(5.), array(6.))
    """
    x = as_expr(x, "norm")
    ord = {"inf": np.inf, "-inf": -np.inf}.get(ord, ord) if isinstance(ord, str) else ord
    if ord is None:
        return tensor_norm(x, 2, axis, keepdims)
    if axis is None and x.ndim not in (1, 2):
        raise GraphTypeError(
            f"norm: ord={repr_of(ord)} is for a vector or a matrix, not {describe(x)}. Say "
            "which axes."
            f"\n{made_at(x)}"
        )
    given = tuple(range(x.ndim)) if axis is None else axis
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    axes = tuple([normalize_axes(a, x.ndim)[0] for a in given])
    normalize_axes(given, x.ndim, "norm: axis")
    if len(axes) == 1:
        if isinstance(ord, str):
            raise GraphValueError(
                f"norm: ord={repr_of(ord)} is for matrices; {describe(x)} is none."
            )
        return tensor_norm(x, ord, axes, keepdims)
    if len(axes) != 2:
        raise GraphValueError(f"norm: axis must be an int or a pair of ints, not {repr_of(axis)}.")
    found = _matrix_norm(moveaxis(x, axes, (-2, -1)), ord)
    if not keepdims:
        return found
    kept = iter(range(x.ndim - 2))
    return dimshuffle(found, *("x" if k in axes else next(kept) for k in range(x.ndim)))


def _matrix_norm(x: Any, ord: Any) -> Any:
    x = as_matrix(x, "norm", square=False)
    if ord == "fro":
        return tensor_norm(x, 2, (-2, -1))
    if ord in ("nuc", 2, -2):
        s = SingularValues().make(x)
        return sum(s, -1) if ord == "nuc" else max(s, -1) if ord == 2 else min(s, -1)
    if ord in (1, -1):
        sums = sum(abs(x), -2)
    elif ord in (np.inf, -np.inf):
        sums = sum(abs(x), -1)
    else:
        raise GraphValueError(
            f"norm: ord={repr_of(ord)} of a matrix; expected 'fro', 'nuc', 1, -1, 2, -2, "
            "inf or -inf."
        )
    return max(sums, -1) if ord > 0 else min(sums, -1)


hooks.table["tensor_norm"] = tensor_norm
