"""Gradients of lookups stay as small as the lookup: zeros with a few elements increased.

`inc(x, i, v)` stands for `IncIndex`: x with v added at x[i]. A gradient with respect to an indexed
tensor is `inc(0, i, v)`, with zeros of the whole shape. These rules scale and add such gradients
by their `v` alone, so that `W - lr * inc(0, i, v)` becomes `inc(W, i, -lr * v)`: work in proportion
to the elements that were looked up. What is not looked up is left as it is, -0.0 and all, even
where `lr` is infinite.
"""

from __future__ import annotations

from collections.abc import Callable

from symgrad import ops
from symgrad.graph.expr import Expr
from symgrad.graph.types import is_float
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.rewrite.patterns import is_filled
from symgrad.rewrite.shapes import LengthRules, LengthsOf

INCREMENTS = LengthRules("increments")

_MANY = 1000  # increments of one tensor


@INCREMENTS(ops.add, needs=[IncIndex])
def plus_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """a + inc(0, i, v) → inc(a, i, v), in either order."""
    for a, b in (e.inputs, e.inputs[::-1]):
        steps = _increments(b)
        if steps and lengths(a) == lengths(b):
            return _onto(a, steps, lambda v: v)
    return None


@INCREMENTS(ops.sub, needs=[IncIndex])
def minus_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """a - inc(0, i, v) → inc(a, i, -v)."""
    a, b = e.inputs
    steps = _increments(b)
    return _onto(a, steps, _negative) if steps and lengths(a) == lengths(b) else None


@INCREMENTS(ops.neg, needs=[IncIndex])
def negative_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """-inc(0, i, v) → inc(0, i, -v)."""
    (b,) = e.inputs
    steps = _increments(b)
    return _onto(_zeros_below(b), steps, _negative) if steps else None


@INCREMENTS(ops.mul, needs=[IncIndex])
def scaled_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """s * inc(0, i, v) → inc(0, i, s * v) for a number s, in either order."""
    for s, b in (e.inputs, e.inputs[::-1]):
        steps = () if s.ndim else _increments(b)
        if steps:
            return _onto(_zeros_below(b), steps, lambda v, s=s: ops.mul.make(s, v))  # type: ignore[misc]
    return None


@INCREMENTS(ops.true_div, needs=[IncIndex])
def divided_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """inc(0, i, v) / s → inc(0, i, v / s) for a number s."""
    b, s = e.inputs
    steps = () if s.ndim else _increments(b)
    return _onto(_zeros_below(b), steps, lambda v: ops.true_div.make(v, s)) if steps else None


@INCREMENTS(ops.Cast, needs=[IncIndex])
def cast_increments(e: Expr, lengths: LengthsOf) -> Expr | None:
    """cast(inc(0, i, v)) → inc(0, i, cast(v)), from a float to another."""
    (b,) = e.inputs
    steps = _increments(b) if is_float(e.dtype) and is_float(b.dtype) else ()
    if not steps:
        return None
    zero, *lengths_ = _zeros_below(b).inputs
    return _onto(ops.Alloc().make(e.op.make(zero), *lengths_), steps, e.op.make)


@INCREMENTS(ops.Cast, needs=[IncIndex])
def increments_in_own_dtype(e: Expr, lengths: LengthsOf) -> Expr | None:
    """cast(inc(cast(x), i, v)) → inc(x, i, cast(v)), where x has the dtype of the result."""
    (b,) = e.inputs
    if not isinstance(b.op, IncIndex) or b.op.assign or not is_float(e.dtype):
        return None
    whole, value, *index = b.inputs
    if not isinstance(whole.op, ops.Cast) or whole.inputs[0].dtype != e.dtype:
        return None
    return b.op.make(whole.inputs[0], e.op.make(value), *index)


def _increments(e: Expr) -> tuple[Expr, ...]:
    """The increments that make `e` of zeros, the last first; none if it is anything else."""
    steps: list[Expr] = []
    while isinstance(e.op, IncIndex) and not e.op.assign and len(steps) < _MANY:
        steps.append(e)
        e = e.inputs[0]
    zeros = isinstance(e.op, ops.Alloc) and not e.inputs[0].ndim and is_filled(e, 0)
    return tuple(steps) if zeros else ()


def _zeros_below(e: Expr) -> Expr:
    while isinstance(e.op, IncIndex):
        e = e.inputs[0]
    return e


def _onto(x: Expr, steps: tuple[Expr, ...], change: Callable[[Expr], Expr]) -> Expr:
    """`x` with the same increments, their values changed."""
    for step in reversed(steps):
        _, value, *index = step.inputs
        x = step.op.make(x, change(value), *index)
    return x


def _negative(v: Expr) -> Expr:
    """`-v`, where `v` is scaled by a number by the negative of that."""
    if v.op is ops.mul and v.ndim:
        for s, rest in (v.inputs, v.inputs[::-1]):
            if not s.ndim:
                made: Expr = ops.mul.make(ops.neg.make(s), rest)
                return made
    return ops.neg.make(v)
