"""Logarithms of what nearly vanishes, is nearly one, or overflows: see `stability`.

So are the tails of erfc, tanh, cosh, sinh and expm1, and mixtures of two sigmoids.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_float
from symgrad.ops.arithmetic.stable import (
    log1mexp,
    log_cosh,
    log_erfc,
    log_half_erfc,
    log_mixture,
    log_twice_sigmoid,
    slope_of_tanh,
)
from symgrad.ops.arithmetic.trigonometry import cosh, sinh
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import (
    argument,
    fits_in,
    is_filled,
    is_positive_number,
    log_of,
    minus,
    negated,
    other_than,
    scaled,
    squared,
    to_base,
)

TAILS = RuleSet("tails")


@TAILS(ops.log, ops.log2, ops.log10, needs=[ops.expm1, ops.exp])
def log_of_one_minus_exp(e: Expr) -> Expr | None:
    """log(1 - [exp(x)]) → log1mexp([x]), also to another base: exact near 0 and far below."""
    x = _one_minus_exp(e.inputs[0]) if is_float(e.dtype) else None
    return None if x is None else to_base(e, log1mexp.make(x))


def _one_minus_exp(e: Expr) -> Expr | None:
    """The x of 1 - [exp(x)], or of what has become of that."""
    if e.op is ops.sub:
        number, part = e.inputs
        if is_filled(number, 1) and fits_in(number, part):
            return argument(part, ops.exp)
        return argument(part, ops.expm1) if is_filled(number, 0) and fits_in(number, part) else None
    if e.op is ops.neg:
        return argument(e.inputs[0], ops.expm1)
    rest = other_than(e, 1) if e.op is ops.add else None
    return None if rest is None or rest.op is not ops.neg else argument(rest.inputs[0], ops.exp)


@TAILS(ops.log, ops.log2, ops.log10, needs=[ops.expm1, sinh, ops.exp])
def log_of_growing(e: Expr) -> Expr | None:
    """log(expm1(x)) → x + log1mexp(-x), log(sinh(x)) → x - log(2) + log1mexp(-2 * x).

    exp(x) - exp(-x) is twice sinh(x). Finite where they overflow. A number may stand before them.
    """
    (a,) = e.inputs
    if not is_float(e.dtype):
        return None
    number: Expr | None = None
    if a.op is ops.mul:
        number, a = a.inputs if is_positive_number(a.inputs[0]) else a.inputs[::-1]
        if not is_positive_number(number) or not fits_in(number, a):
            return None
    elif a.op is ops.true_div:
        a, number = a.inputs
        if not is_positive_number(number) or not fits_in(number, a):
            return None
    x, y = argument(a, ops.expm1), argument(a, sinh)
    if x is not None:
        made = ops.add.make(x, log1mexp.make(minus(x)))
    elif y is not None:
        half = Constant(np.array(math.log(2), dtype=e.dtype))
        made = ops.add.make(ops.sub.make(y, half), log1mexp.make(scaled(y, -2)))
    elif a.op is ops.sub and all(i.op is ops.exp for i in a.inputs):
        z, other = (i.inputs[0] for i in a.inputs)
        if not negated(z, other):
            return None
        made = ops.add.make(z, log1mexp.make(scaled(z, -2)))
    else:
        return None
    if number is not None:
        by = ops.sub if e.inputs[0].op is ops.true_div else ops.add
        made = by.make(made, log_of(ops.Cast(e.dtype).make(number)))
    return to_base(e, made)


@TAILS(ops.log, needs=[ops.erfc])
def log_of_erfc(e: Expr) -> Expr | None:
    """log([erfc(x)]) → log_erfc([x]), which is finite where erfc is 0."""
    x = argument(e.inputs[0], ops.erfc)
    return None if x is None else log_erfc.make(x)


@TAILS(ops.log, needs=[ops.erfc])
def log_of_half_erfc(e: Expr) -> Expr | None:
    """log(erfc(x) / 2) → log_half_erfc(x), exact where erfc is nearly 2: a normal log-cdf."""
    x = _argument_of_multiple(e.inputs[0], 0.5, ops.erfc)
    return None if x is None else log_half_erfc.make(x)


@TAILS(ops.log, needs=[ops.sigmoid])
def log_of_twice_sigmoid(e: Expr) -> Expr | None:
    """log(2 * sigmoid(x)) → log_twice_sigmoid(x): that is log(1 + tanh(x / 2)), exact near 0."""
    x = _argument_of_multiple(e.inputs[0], 2, ops.sigmoid)
    return None if x is None else log_twice_sigmoid.make(x)


@TAILS(ops.log, needs=[cosh])
def log_of_cosh(e: Expr) -> Expr | None:
    """log([cosh(x)]) → log_cosh([x]), which is finite where cosh overflows."""
    x = argument(e.inputs[0], cosh)
    return None if x is None else log_cosh.make(x)


@TAILS(ops.log, ops.log1p, needs=[ops.tanh, slope_of_tanh])
def log_of_slope_of_tanh(e: Expr) -> Expr | None:
    """log(1 - tanh(x)**2) → -2 * log_cosh(x), which is exact near 0 and far from it."""
    (a,) = e.inputs
    if not is_float(e.dtype):
        return None
    if e.op is ops.log and a.op is ops.sub:
        one, part = a.inputs
        y = squared(part) if is_filled(one, 1) and fits_in(one, part) else None
    else:
        y = squared(a.inputs[0]) if e.op is ops.log1p and a.op is ops.neg else None
    x = argument(a, slope_of_tanh) if y is None else argument(y, ops.tanh)
    return None if x is None or (e.op is ops.log1p and y is None) else scaled(log_cosh.make(x), -2)


@TAILS(ops.log1p, needs=[ops.tanh])
def log1p_of_tanh(e: Expr) -> Expr | None:
    """log1p(tanh(x)) → log_twice_sigmoid(2 * x), log1p(-tanh(x)) → log_twice_sigmoid(-2 * x)."""
    (a,) = e.inputs
    factor = 2
    if a.op is ops.neg:
        a, factor = a.inputs[0], -2
    x = argument(a, ops.tanh) if is_float(e.dtype) else None
    return None if x is None else log_twice_sigmoid.make(scaled(x, factor))


def _argument_of_multiple(e: Expr, number: float, op: Any) -> Expr | None:
    """The x of `number * [op(x)]`, or of a quotient by its inverse."""
    part: Expr | None = None
    if e.op is ops.mul:
        part = other_than(e, number)
    elif e.op is ops.true_div:
        a, divisor = e.inputs
        part = a if is_filled(divisor, 1 / number) and fits_in(divisor, a) else None
    return None if part is None or not is_float(e.dtype) else argument(part, op)


@TAILS(ops.log, ops.log2, ops.log10, needs=[ops.sigmoid])
def log_of_mixture(e: Expr) -> Expr | None:
    """log(a * sigmoid(x) + b * sigmoid(-x)) → log_mixture(a, b, x), b is mostly 1 - a.

    Finite where only the smaller one counts. So are differences.
    """
    (total,) = e.inputs
    if total.op not in (ops.add, ops.sub) or not is_float(e.dtype):
        return None
    for a, p in _products(total.inputs[0]):
        for b, q in _products(total.inputs[1]):
            x, z = p.inputs[0], q.inputs[0]
            if negated(x, z):
                b = b if total.op is ops.add else ops.neg.make(b)
                made = log_mixture.make(b, a, z) if x.op is ops.neg else log_mixture.make(a, b, x)
                return to_base(e, made)
    return None


def _products(e: Expr) -> list[tuple[Expr, Expr]]:
    """What a sigmoid is multiplied by, and that sigmoid."""
    if e.op is not ops.mul:
        return []
    a, b = e.inputs
    return [(c, p) for c, p in ((a, b), (b, a)) if p.op is ops.sigmoid]


@TAILS(ops.log1p, needs=[ops.exp, ops.erf])
def log1p_of_minus(e: Expr) -> Expr | None:
    """log1p(-[exp(x)]) → log1mexp([x]), log1p(±[erf(x)]) → log_erfc(±[x])."""
    (inner,) = e.inputs
    if inner.op is not ops.neg:
        x = argument(inner, ops.erf)
        return None if x is None else log_erfc.make(ops.neg.make(x))
    for op, log_of_rest in ((ops.exp, log1mexp), (ops.erf, log_erfc)):
        x = argument(inner.inputs[0], op)
        if x is not None:
            made: Expr = log_of_rest.make(x)
            return made
    return None
