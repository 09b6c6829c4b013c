"""Identities that make programs smaller without changing a value."""

from __future__ import annotations

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.rewrite.engine import RuleSet

ALGEBRA = RuleSet("algebra")


def _is(e: Expr, value: float) -> bool:
    return isinstance(e, Constant) and e.value.size == 1 and bool((e.value == value).all())


@ALGEBRA(ops.mul)
def mul_by_one(e: Expr) -> Expr | None:
    """x * 1 → x, where the shape stays."""
    a, b = e.inputs
    if _is(a, 1) and a.ndim == 0:
        return b
    if _is(b, 1) and b.ndim == 0:
        return a
    return None


@ALGEBRA(ops.Index)
def index_of_cast(e: Expr) -> Expr | None:
    """cast(x)[i] → cast(x[i]): a slice of a dataset never casts the whole of it."""
    match e.inputs[0]:
        case Expr(op=ops.Cast(dtype=dtype), inputs=(x,)):
            return ops.Cast(dtype).make(e.op.make(x, *e.inputs[1:]))
    return None
