"""Sums of products become inner products: one pass, and no array of the products."""

from __future__ import annotations

from symgrad import ops
from symgrad.graph.expr import Expr
from symgrad.ops.reductions.inner import Inner
from symgrad.rewrite.shapes import LengthRules, LengthsOf

INNER = LengthRules("inner")


@INNER(ops.Sum, needs=[ops.sqr])
def sum_of_squares(e: Expr, lengths: LengthsOf) -> Expr | None:
    """sum(x**2) → inner(x, x), over all axes."""
    (squares,) = e.inputs
    if squares.op is not ops.sqr or not _over_all(e):
        return None
    (x,) = squares.inputs
    return _serving(Inner().make(x, x), e)


@INNER(ops.Sum, needs=[ops.mul])
def sum_of_products(e: Expr, lengths: LengthsOf) -> Expr | None:
    """sum(a * b) → inner(a, b), over all axes of two tensors of one shape."""
    (products,) = e.inputs
    if products.op is not ops.mul or not _over_all(e):
        return None
    a, b = products.inputs
    return _serving(Inner().make(a, b), e) if lengths(a) == lengths(b) else None


def _serving(made: Expr, e: Expr) -> Expr:
    """An inner product that says which sum it is for."""
    made.notes = None if e.notes is None else e.notes.copy()
    made.note().part_of = e
    return made


def _over_all(e: Expr) -> bool:
    (x,) = e.inputs
    everything = e.op.axis == tuple(range(x.ndim)) and not e.op.keepdims
    return everything and x.ndim > 0 and e.dtype in ("float32", "float64")
