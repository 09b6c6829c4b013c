"""Slopes of eigenvectors and singular vectors where values are equal.

The slope of a cost by a decomposed matrix has for each pair of values a quotient: how the cost
changes when the two vectors turn into each other, over the gap of the two values. Where the values
are equal, no turn of their vectors is better than another. What a cost that does not care (a matrix
function) computes is then 0 / 0, and its slope the limit: both are differentiated along a path on
which the vectors stay and the values move apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from functools import reduce
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.types import TupleType
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.arithmetic.elementwise import abs, add, cast, eq, gt, le, switch
from symgrad.ops.arithmetic.logic import and_, or_
from symgrad.ops.arithmetic.trigonometry import cos
from symgrad.ops.arrays.constructors import arange
from symgrad.ops.arrays.diagonals import alloc_diag
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.arrays.shaping import dimshuffle, full_like, reshape, zeros_like
from symgrad.ops.families import elementwise
from symgrad.ops.linalg.linalg import matmul, matrix_transpose
from symgrad.ops.linalg.nlinalg import as_column
from symgrad.ops.op import NullGrad, Project
from symgrad.ops.reductions.powers_summed import EuclideanNorm

# -- matrices and the vectors that make them ---------------------------------------------------


def shorter(n: int | None, m: int | None) -> int | None:
    """The smaller of two lengths, if both are known."""
    return None if n is None or m is None else min(n, m)


def matrices_of(v: Any) -> Any:
    """A diagonal matrix for each vector."""
    return alloc_diag(v, 0, v.ndim - 1, v.ndim)


def rows(v: Any) -> Any:
    """Each vector as a matrix of one row."""
    return dimshuffle(v, *range(v.ndim - 1), "x", v.ndim - 1)


def columns(v: Any) -> Any:
    """Each vector as a matrix of one column."""
    return dimshuffle(v, *range(v.ndim), "x")


def product(*factors: Any) -> Any:
    """The product of matrices."""
    return reduce(matmul, factors)


def total(parts: Sequence[Any]) -> Any:
    """The sum of what is there; None if nothing is."""
    given = [part for part in parts if part is not None]
    return reduce(add, given) if given else None


def antisymmetric(x: Any) -> Any:
    """Twice the part of a matrix that is: how much turning two vectors into each other changes."""
    return x - matrix_transpose(x)


# -- the path on which limits are taken ----------------------------------------------------------


def speed_of(values: Any, up: bool) -> Any:
    """How fast values move apart that keep their order: the largest by 1."""
    n = dim(values, -1)
    places = arange(1, n + 1) if up else arange(n, 0, -1)
    return cast(places, values.dtype) / cast(n, values.dtype) + zeros_like(values)


def length_of(values: Any) -> Any:
    """The Euclidean norm of vectors, with two axes of length 1."""
    return as_column(EuclideanNorm((values.ndim - 1,), False).make(values))


def noise_of(g: Any, rate: Any, size: Any) -> Any:
    """The size of what gradients by vectors, as columns, are computed from."""
    norm = EuclideanNorm((g.ndim - 2,), True)
    if rate is None:
        return norm.make(g)
    return norm.make(g) + norm.make(rate) * switch(eq(size, 0), 1, size)


_nested: ContextVar[bool] = ContextVar("nested", default=False)


def rates(cotangents: Sequence[Any], node: Expr) -> list[Any]:
    """How fast gradients by vectors change where the values move and the vectors stay.

    Parameters
    ----------
    cotangents : sequence of variable or None
        The gradients.
    node : Expr
        The decomposition; its operation's `path` says how the values move, and the matrix.

    Returns
    -------
    list
        For each its derivative; None for zero, NaN where it has none. It is NaN for decompositions
        that such a derivative itself comes by, too: a graph for each of these would be too large.
    """
    given = [c for c in cotangents if c is not None]
    moving, held, limits = _path(given, node)
    if not moving:
        return [None] * len(cotangents)
    if _nested.get():
        return [None if c is None else full_like(c, np.nan) for c in cotangents]
    leaf: dict[Expr, Any] = {n: Placeholder(n.type) for n in (*moving, *held)}
    back = {placeholder: n for n, placeholder in leaf.items()}
    for limit in limits:  # their slope is NaN, so that of what they are computed from is no use
        value, by = Placeholder(limit.type), limit.inputs[1]
        back[value] = limit
        leaf[limit] = marked.make(value, *substitute([by], leaf))
    # the product of a Jacobian with a vector is the transpose of a transpose
    directions = [Placeholder(c.type) for c in given]
    seeds = list(zip(substitute(given, leaf), directions, strict=True))
    token = _nested.set(True)
    try:
        turned = hooks.call("pull_back", seeds, [leaf[n] for n in moving])
        pairs = [(t, d) for t, d in zip(turned, moving.values(), strict=True) if t is not None]
        found: list[Any] = [next((t for t in turned if isinstance(t, NullGrad)), None)]
        found *= len(given)
        if found[0] is None:
            found = hooks.call("pull_back", pairs, directions)
    finally:
        _nested.reset(token)
    anything: dict[Expr, Any] = {d: any_like(c) for d, c in zip(directions, given, strict=True)}
    for k, rate in enumerate(found):
        if isinstance(rate, Expr):
            (found[k],) = substitute(substitute([rate], anything), back)
        elif isinstance(rate, NullGrad):
            found[k] = full_like(given[k], np.nan)
    rest = iter(found)
    return [None if c is None else next(rest) for c in cotangents]


def _path(given: Sequence[Any], node: Expr) -> tuple[dict[Expr, Any], list[Expr], list[Expr]]:
    """What moves and how fast: values, and the matrix; vectors, which stay; limits on the way."""
    (x,) = node.inputs
    values, speed, way = node.op.path(node)
    kinds = (type(node.op), *(type(op) for op in values if not isinstance(op, Project)))
    same = {n for n in toposort(given) if isinstance(n.op, kinds) and n.inputs[0] is x}
    moving: dict[Expr, Any] = {}
    held: list[Expr] = []
    for part in (above := toposort(given, stop=same)):
        if part in same and not isinstance(part.type, TupleType):
            moving[part] = speed
        elif isinstance(part.op, Project) and part.inputs[0] in same:
            if part.op in values:
                moving[part] = speed
            else:
                held.append(part)
    if x in above:
        moving[x] = way()
    return moving, held, [n for n in above if n.op is marked]


def any_like(x: Any) -> Any:
    """Small numbers other than 0, in the shape of `x`: any do where a value is linear in them.

    Small, for what is clipped (`grad_clip`) is linear near 0 alone.
    """
    size = float(np.finfo(x.dtype).tiny) ** 0.25
    waves = 2 + cos(cast(arange(x.size), x.dtype))
    return reshape(size * waves, x.shape, x.ndim)


# -- quotients -----------------------------------------------------------------------------------


def _marked_vjp(g: Any, y: Any, x: Any, by: Any) -> Sequence[Any]:
    return g, switch(eq(g, 0), 0, np.nan)


def _into(out: Any, x: Any, by: Any) -> None:
    np.copyto(out, x)


@elementwise(vjp=_marked_vjp, dtype="float", real=True, differentiable=False, into=_into)
def marked(xp: Any, x: Any, by: Any) -> Any:
    """The first input, whose slope by the second one is not known: NaN where it is asked for.

    >>> marked(3.0, 0.0).eval()
    array(3.)
    """
    return xp.where(xp.isnan(by), x, x)


def precision(x: Any) -> float:
    """The distance from 1 to the next number, in the dtype of an expression."""
    return float(np.finfo(x.dtype).eps)


def quotient(
    over: Any,
    gap: Any,
    rate: Any,
    gap_rate: Any,
    *,
    noise: Any,
    size: Any,
    n: Any,
    unused: Any,
) -> Any:
    """``over / gap``, or its limit where both are 0 as far as can be told.

    Parameters
    ----------
    over, gap : variable
        What is divided, and by what.
    rate, gap_rate : variable
        How fast the two change along the path on which the limit is taken; `rate` None for 0.
    noise : variable
        The size of what `over` is computed from: its rounding errors are ``precision * noise``.
    size : variable
        The size of the values that `gap` is a difference of.
    n : variable
        How many terms were added up for one element of `over`.
    unused : variable
        Where the quotient is 0 in any case.

    A gap below the square root of the precision leaves half of the digits of the quotient, or
    fewer: from there on the limit is better, if `over` is what the limit says. If it is not, the
    vectors of the pair matter: no slope exists where the values are equal, up to rounding.
    """
    eps = precision(over)
    if rate is None:
        limit = zeros_like(over)
    else:
        limit = marked(rate / switch(unused, 1, gap_rate), gap)
    agrees = le(abs(over - limit * gap), 16 * eps * n * noise)
    close = and_(le(abs(gap), eps**0.5 * size), agrees)
    equal = le(abs(gap), (n + 8) * eps * size)
    divided = over / switch(or_(equal, unused), 1, gap)
    found = switch(close, limit, switch(equal, marked(np.nan, over), divided))
    return switch(unused, 0, found)


def undetermined(vectors: Any, g: Any) -> Any:
    """0 for each matrix, NaN where the cost depends on vectors that nothing but their space fixes.

    Parameters
    ----------
    vectors : variable
        Orthonormal, as columns: a cost may depend on the space of them, not on how they lie there.
    g : variable
        The gradient by them.
    """
    turn = antisymmetric(matmul(matrix_transpose(vectors), g))
    axes = (g.ndim - 2, g.ndim - 1)
    norm = EuclideanNorm(axes, True)
    n = cast(dim(vectors, -2), g.dtype)
    depends = gt(norm.make(turn), 16 * precision(g) * n * norm.make(g))
    return cast(switch(depends, np.nan, 0.0), g.dtype)
