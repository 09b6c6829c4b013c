"""Diagonals: taken out of tensors, and put into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, checks_keywords, describe, made_at
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, normalize_axis, tensor_type
from symgrad.ops.arrays.lengths import (
    check_axis,
    check_int,
    dim,
    length_args,
    length_constant,
    static_length,
)
from symgrad.ops.op import Arg, Example, Op, as_expr


class Diagonal(Op):
    """The diagonal of two axes, which becomes the last axis."""

    offset: int
    axis1: int
    axis2: int

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        rows, columns = x.shape[self.axis1], x.shape[self.axis2]
        length = None
        if rows is not None and columns is not None:
            length = max(0, min(rows + min(self.offset, 0), columns - max(self.offset, 0)))
        kept = (n for a, n in enumerate(x.shape) if a not in (self.axis1, self.axis2))
        return tensor_type(x.dtype, (*kept, length))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        size = max(arrays[0].shape)  # NumPy takes offsets of 32 bits
        offset = max(-size, min(self.offset, size))
        return xp.array(xp.diagonal(arrays[0], offset, self.axis1, self.axis2))

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        back = PutDiagonal(self.offset, self.axis1, self.axis2)
        return (back.make(g, dim(x, self.axis1), dim(x, self.axis2)),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Diagonal(0, 0, 1), (Arg((3, 4)),))
        yield Example(Diagonal(-1, 0, 1), (Arg((3, 4)),))
        yield Example(Diagonal(1, 2, 0), (Arg((3, 2, 4)),))
        yield Example(Diagonal(5, 0, 1), (Arg((3, 4)),))
        yield Example(Diagonal(0, 0, 1), (Arg((0, 4)),))


class PutDiagonal(Op):
    """Zeros of two lengths, with the last axis of the first input on a diagonal."""

    offset: int
    axis1: int
    axis2: int

    def _shape(self, x: tuple[int | None, ...], lengths: Sequence[int | None]) -> Any:
        shape = list(x[:-1])
        for axis, n in sorted(zip((self.axis1, self.axis2), lengths, strict=True)):
            shape.insert(axis, n)
        return tuple(shape)

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, self._shape(types[0].shape, (None, None)))

    def make(self, *inputs: Expr) -> Expr:
        x, *lengths = inputs
        shape = self._shape(x.static_shape, [static_length(n) for n in lengths])
        return Expr(self, inputs, tensor_type(x.dtype, shape))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, *lengths = arrays
        shape = (*x.shape[:-1], *(int(n) for n in lengths))
        places = xp.arange(x.shape[-1])
        index = (..., places + max(-self.offset, 0), places + max(self.offset, 0))
        out = xp.zeros(shape, x.dtype)
        if xp is np:
            out[index] = x
        else:
            out = out.at[index].set(x)
        return xp.moveaxis(out, (-2, -1), (self.axis1, self.axis2))

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return Diagonal(self.offset, self.axis1, self.axis2).make(g), None, None

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(PutDiagonal(0, 0, 1), (Arg((3,)), *length_args(3, 4)))
        yield Example(PutDiagonal(-1, 0, 1), (Arg((2,)), *length_args(3, 4)))
        yield Example(PutDiagonal(1, 2, 0), (Arg((2, 3)), *length_args(3, 4)))


def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Return the diagonal of two axes; it becomes the last axis of the result.

    Parameters
    ----------
    a : array_like
        At least two axes.
    offset : int
        0 is the main diagonal, positive ones lie above it.
    axis1, axis2 : int
        The axes that count as rows and columns.

    >>> diagonal([[1.0, 2.0], [3.0, 4.0]], 1).eval()
    array([2.])
    """
    x = as_expr(a, "diagonal")
    if x.ndim < 2:
        raise GraphTypeError(f"diagonal: {describe(x)} has fewer than two axes.\n{made_at(x)}")
    rows, columns = check_axis(x, axis1, "diagonal"), check_axis(x, axis2, "diagonal")
    if rows == columns:
        raise GraphValueError(f"diagonal: axis1 and axis2 are both {rows}.")
    return Diagonal(check_int(offset, "diagonal: offset"), rows, columns).make(x)


@checks_keywords(x="v", shown=False)
def diag(v: Any, k: Any = 0) -> Any:
    """Return the diagonal of a matrix, or the matrix that has a vector as diagonal.

    Parameters
    ----------
    v : vector or matrix
    k : int
        0 is the main diagonal, positive ones lie above it.

    >>> diag([1.0, 2.0]).eval()
    array([[1., 0.],
           [0., 2.]])
    >>> diag([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([1., 4.])
    """
    x = as_expr(v, "diag")
    if x.ndim not in (1, 2):
        raise GraphTypeError(
            f"diag takes a vector or a matrix, not {describe(x)}. Use T.diagonal or "
            f"T.alloc_diag for other ranks.\n{made_at(x)}"
        )
    return diagonal(x, k) if x.ndim == 2 else alloc_diag(x, k)


def alloc_diag(x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Return zeros with the last axis of `x` on the diagonal of two new axes.

    Parameters
    ----------
    x : array_like
        At least one axis.
    offset : int
        0 is the main diagonal, positive ones lie above it.
    axis1, axis2 : int
        Where the new axes stand in the result.

    >>> alloc_diag([1.0], -1).eval()
    array([[0., 0.],
           [1., 0.]])
    """
    x = as_expr(x, "alloc_diag")
    if x.ndim == 0:
        raise GraphTypeError(f"alloc_diag: {describe(x)} is a scalar.\n{made_at(x)}")
    rows = normalize_axis(axis1, x.ndim + 1, "alloc_diag: axis1")
    columns = normalize_axis(axis2, x.ndim + 1, "alloc_diag: axis2")
    if rows == columns:
        raise GraphValueError(f"alloc_diag: axis1 and axis2 are both {rows}.")
    offset = check_int(offset, "alloc_diag: offset")
    length = dim(x, -1)
    if offset:
        length = length + length_constant(abs(offset))
    return PutDiagonal(offset, rows, columns).make(x, length, length)


def extract_diag(x: Any) -> Any:
    """Return the main diagonal of a matrix.

    >>> extract_diag([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([1., 4.])
    """
    return diagonal(x)


hooks.table["diagonal"] = diagonal
