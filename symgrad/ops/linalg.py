"""Products of vectors, matrices and higher-rank tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import ShapeError, describe, made_at
from symgrad.graph.expr import Expr
from symgrad.ops.elementwise import cast
from symgrad.ops.op import Arg, Example, Op, as_exprs, common_dtype
from symgrad.types import ValueType, tensor_type


class Dot(Op):
    """Product of two vectors or matrices of one dtype."""

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        n, m = a.shape[-1], b.shape[0]
        if n is not None and m is not None and n != m:
            raise ShapeError(f"dot: the inner lengths differ, {n} and {m}.")
        return tensor_type(a.dtype, a.shape[:-1] + b.shape[1:])

    def make(self, *inputs: Expr) -> Expr:
        try:
            return super().make(*inputs)
        except ShapeError as error:
            a, b = inputs
            raise ShapeError(
                f"{error} Operands: {describe(a)} and {describe(b)}. Is one of them transposed, "
                f"or in the wrong order?\n{made_at(a)}\n{made_at(b)}"
            ) from None

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.dot(*arrays)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.dot, 'dot')}({', '.join(args)})"

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, b = inputs
        if a.ndim == 1 and b.ndim == 1:
            return g * b, g * a
        if a.ndim == 1:
            return self.make(b, g), outer(a, g)
        if b.ndim == 1:
            return outer(g, b), self.make(a.T, g)
        return self.make(g, b.T), self.make(a.T, g)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for a, b in (((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)),
                     ((0, 4), (4, 2)), ((3, 0), (0, 2))):
            yield Example(Dot(), (Arg(a), Arg(b)))


def dot(a: Any, b: Any) -> Any:
    """Product of matrices and vectors, as `numpy.dot`.

    >>> dot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    a, b = as_exprs((a, b), "dot")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    dtype = common_dtype((a, b))
    return Dot().make(cast(a, dtype), cast(b, dtype))


def outer(a: Any, b: Any) -> Any:
    """Outer product of two vectors.

    >>> outer([1.0, 2.0], [1.0, 10.0]).eval()
    array([[ 1., 10.],
           [ 2., 20.]])
    """
    a, b = as_exprs((a, b), "outer")
    return a.flatten().dimshuffle(0, "x") * b.flatten().dimshuffle("x", 0)


hooks.table["dot"] = dot
