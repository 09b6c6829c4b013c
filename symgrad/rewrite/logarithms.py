"""Logarithms of sigmoids, softmaxes, exponentials, and what is made of them: see `stability`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete, is_float
from symgrad.ops.arithmetic.stable import exp_of_product
from symgrad.ops.arithmetic.trigonometry import arctanh, cosh
from symgrad.ops.linalg.determinants import Det, SLogDet
from symgrad.ops.op import projections
from symgrad.ops.reductions.reduction import Max
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import (
    argument,
    core,
    fits_in,
    has_zero,
    is_filled,
    is_number,
    is_positive_number,
    is_reduction_of,
    less_largest,
    log_of,
    minus,
    other_than,
    same,
    to_base,
    view_of_core,
)

LOGARITHMS = RuleSet("logarithms")

# -- log of one function -----------------------------------------------------------------------


@LOGARITHMS(ops.log)
def log_of_softmax(e: Expr) -> Expr | None:
    """log([softmax(x)]) → [logsoftmax(x)], which is finite where softmax is 0."""
    (p,) = e.inputs
    match core(p):
        case Expr(op=ops.Softmax(axis=axis), inputs=(x,)):
            return view_of_core(p, ops.LogSoftmax(axis).make(x))
    return None


@LOGARITHMS(ops.log)
def log_of_sigmoid(e: Expr) -> Expr | None:
    """log([sigmoid(x)]) → -softplus(-[x]), which is finite where sigmoid is 0."""
    x = argument(e.inputs[0], ops.sigmoid)
    return None if x is None else ops.neg.make(ops.softplus.make(minus(x)))


@LOGARITHMS(ops.log)
def log_of_exp(e: Expr) -> Expr | None:
    """log([exp(x)]) → [x]."""
    return argument(e.inputs[0], ops.exp)


@LOGARITHMS(ops.log)
def log_of_one_plus(e: Expr) -> Expr | None:
    """log(1 + x) → log1p(x), which is exact near 0."""
    (total,) = e.inputs
    x = other_than(total, 1) if total.op is ops.add and is_float(e.dtype) else None
    return None if x is None else ops.log1p.make(x)


@LOGARITHMS(ops.log)
def log_of_one_minus(e: Expr) -> Expr | None:
    """log(1 - x) → log1p(-x), which is exact near 0."""
    match e.inputs[0]:
        case Expr(op=ops.sub, inputs=(one, x)) if is_filled(one, 1) and fits_in(one, x):
            return ops.log1p.make(minus(x)) if is_float(e.dtype) else None
    return None


@LOGARITHMS(ops.log)
def log_of_det(e: Expr) -> Expr | None:
    """log(det(x)) → log(s) + l, log(|det(x)|) → l: of slogdet(x) = s, l, finite where det is not.

    So the gradient is the inverse, however large or small the determinant.
    """
    (d,) = e.inputs
    matrix = d.inputs[0] if d.op is ops.abs else d
    if not isinstance(matrix.op, Det) or not is_float(e.dtype):
        return None
    sign, size = projections(SLogDet().make(*matrix.inputs))
    made: Expr = size if matrix is not d else ops.add.make(ops.log.make(sign), size)
    return made


# -- log1p ---------------------------------------------------------------------------------------


@LOGARITHMS(ops.log1p)
def log1p_of_exp(e: Expr) -> Expr | None:
    """log1p([exp(x)]) → softplus([x]), which is finite where exp overflows."""
    x = argument(e.inputs[0], ops.exp)
    return None if x is None else ops.softplus.make(x)


@LOGARITHMS(ops.log1p)
def log1p_of_minus_sigmoid(e: Expr) -> Expr | None:
    """log1p(-[sigmoid(x)]) → -softplus([x]), which is finite where sigmoid is 1."""
    match core(e.inputs[0]):
        case Expr(op=ops.neg, inputs=(p,)):
            x = argument(p, ops.sigmoid)
            if x is not None:
                return view_of_core(e.inputs[0], ops.neg.make(ops.softplus.make(x)))
    return None


@LOGARITHMS(ops.log1p)
def log1p_of_large(e: Expr) -> Expr | None:
    """log1p(a) → softplus(log(a)), where a is made of exponentials and may overflow."""
    (a,) = e.inputs
    return ops.softplus.make(ops.log.make(a)) if _exponentials(a) else None


# -- log of what is made of exponentials and sigmoids ----------------------------------------------


_POSITIVE = {ops.exp, cosh, ops.sigmoid, ops.erfc}
_LARGEST = 24  # nodes below a log: a dozen terms; rewriting longer ones costs more than it saves


def _exponentials(e: Expr) -> bool:
    """Whether `e` is a sum, product, … of positive functions, an exponential among them."""
    return "exp" in _made_of(e)


def _positive(e: Expr) -> bool:
    """Whether `e` is a sum, product, … of positive functions whose logs have a stable form."""
    return bool(_made_of(e) - {"number"})


def _made_of(e: Expr) -> set[str]:
    """Which positive functions an expression is made of; empty if there is anything else."""
    found: set[str] = set()
    todo, count = [e] if is_float(e.dtype) else [], 0
    while todo and count < _LARGEST:
        count += 1
        e = core(todo.pop())
        if e.op in _POSITIVE or isinstance(e.op, ops.Softmax):
            found.add("exp" if e.op in (ops.exp, cosh) else "probability")
        elif is_positive_number(e):
            found.add("number")
        elif e.op is ops.pow and is_number(e.inputs[1]):
            todo.append(e.inputs[0])
        elif isinstance(e.op, (ops.Sum, ops.Prod)) or e.op in (
            ops.mul,
            ops.true_div,
            ops.add,
            ops.sqr,
            ops.sqrt,
        ):
            todo.extend(e.inputs)
        elif isinstance(e.op, ops.Cast) and is_discrete(e.inputs[0].dtype):
            todo.append(e.inputs[0])
        elif e.op is ops.switch or isinstance(e.op, ops.Join):
            todo.extend(e.inputs[-2:] if e.op is ops.switch else e.inputs)
        else:
            return set()
    return set() if todo else found


@LOGARITHMS(ops.log)
def log_of_product(e: Expr) -> Expr | None:
    """log([a * b]) → [log(a) + log(b)], where a and b are made of positive functions."""
    return _log_of_two(e, ops.mul, ops.add)


@LOGARITHMS(ops.log)
def log_of_quotient(e: Expr) -> Expr | None:
    """log([a / b]) → [log(a) - log(b)], where a and b are made of positive functions."""
    return _log_of_two(e, ops.true_div, ops.sub)


@LOGARITHMS(ops.log)
def log_of_one_plus_over_one_minus(e: Expr) -> Expr | None:
    """log((1 + x) / (1 - x)) → 2 * arctanh(x), exact near 0."""
    (quotient,) = e.inputs
    if quotient.op is not ops.true_div or not is_float(e.dtype):
        return None
    above, below = quotient.inputs
    x = other_than(above, 1) if above.op is ops.add else None
    if x is None or below.op is not ops.sub or not is_filled(below.inputs[0], 1):
        return None
    if not same(x, below.inputs[1]) or x.dtype != e.dtype or not fits_in(below.inputs[0], x):
        return None
    two = Constant(np.array(2, dtype=e.dtype))
    made: Expr = ops.mul.make(two, arctanh.make(x))
    return made


@LOGARITHMS(ops.log)
def log_of_sum_of_two(e: Expr) -> Expr | None:
    """log([a + b]) → [logaddexp(log(a), log(b))], where a and b are made of positive functions."""
    return _log_of_two(e, ops.add, ops.logaddexp)


def _log_of_two(e: Expr, of: Any, by: Any) -> Expr | None:
    (outer,) = e.inputs
    inner = core(outer)
    if inner.op is not of or not _positive(inner):
        return None
    if of is ops.add and "number" in _made_of(inner) and not _exponentials(inner):
        return None  # what is added keeps it from 0
    return view_of_core(outer, by.make(*map(log_of, inner.inputs)))


@LOGARITHMS(ops.log)
def log_of_square(e: Expr) -> Expr | None:
    """log([a**2]) → [2 * log(a)], log([sqrt(a)]) → [log(a) / 2], where a is positive as above."""
    inner = core(e.inputs[0])
    if inner.op not in (ops.sqr, ops.sqrt) or not _positive(inner):
        return None
    factor = Constant(np.array(2.0 if inner.op is ops.sqr else 0.5, dtype=inner.dtype))
    return view_of_core(e.inputs[0], ops.mul.make(factor, ops.log.make(inner.inputs[0])))


@LOGARITHMS(ops.log, needs=[ops.pow, exp_of_product])
def log_of_power(e: Expr) -> Expr | None:
    """log([a**c]) → [c * log(a)], but 0 where c is; a is positive as above, c a number."""
    match core(e.inputs[0]):
        case Expr(op=ops.pow, inputs=(a, c)) if is_number(c) and fits_in(c, a) and _positive(a):
            # a**0 is 1 where log(a) is infinite, and where it is NaN
            times = ops.times_or_zero if has_zero(c) else ops.mul
            return view_of_core(e.inputs[0], times.make(c, ops.log.make(a)))
        case Expr(op=op, inputs=(x, c)) if op is exp_of_product and is_number(c):
            times = ops.times_or_zero if has_zero(c) else ops.mul
            return view_of_core(e.inputs[0], times.make(c, x)) if fits_in(c, x) else None
    return None


@LOGARITHMS(ops.log)
def log_of_sum(e: Expr) -> Expr | None:
    """log([sum(a)]) → [logsumexp(log(a))], where a is made of positive functions."""
    match core(e.inputs[0]):
        case Expr(op=ops.Sum(axis=axis, keepdims=keepdims), inputs=(a,)) if _positive(a):
            return view_of_core(e.inputs[0], ops.LogSumExp(axis, keepdims).make(ops.log.make(a)))
    return None


@LOGARITHMS(ops.log)
def log_of_product_over_axes(e: Expr) -> Expr | None:
    """log([prod(a)]) → [sum(log(a))], where a is made of positive functions."""
    match core(e.inputs[0]):
        case Expr(op=ops.Prod(axis=axis, keepdims=keepdims), inputs=(a,)) if _positive(a):
            return view_of_core(e.inputs[0], ops.Sum(axis, keepdims).make(ops.log.make(a)))
    return None


@LOGARITHMS(ops.log)
def log_of_choice(e: Expr) -> Expr | None:
    """log([switch(c, a, b)]) → [switch(c, log(a), log(b))], join(a, b) likewise, a and b as above.

    Only of positive functions: of `switch(x > 0, x, 1)`, the gradient of log(x) would be 0 / 0.
    """
    inner = core(e.inputs[0])
    if not (inner.op is ops.switch or isinstance(inner.op, ops.Join)) or not _positive(inner):
        return None
    condition = inner.inputs[:1] if inner.op is ops.switch else ()
    parts = map(log_of, inner.inputs[len(condition) :])
    return view_of_core(e.inputs[0], inner.op.make(*condition, *parts))


@LOGARITHMS(ops.log2, ops.log10)
def log_to_another_base(e: Expr) -> Expr | None:
    """log2(a) → log(a) / log(2), log10 likewise, where a is made of positive functions."""
    if not _positive(e.inputs[0]):
        return None
    return to_base(e, ops.log.make(e.inputs[0]))


@LOGARITHMS(ops.xlogy0)
def xlogy0_of_positive(e: Expr) -> Expr | None:
    """xlogy0(v, a) → v * log(a), but 0 where v is, where a is made of positive functions."""
    v, a = e.inputs
    return ops.times_or_zero.make(v, ops.log.make(a)) if _positive(a) else None


@LOGARITHMS(ops.xlogx)
def xlogx_of_positive(e: Expr) -> Expr | None:
    """xlogx(a) → a * log(a), but 0 where a is, where a is made of positive functions."""
    (a,) = e.inputs
    return ops.times_or_zero.make(a, ops.log.make(a)) if _positive(a) else None


# -- differences of logarithms -----------------------------------------------------------------


@LOGARITHMS(ops.sub, needs=[ops.LogSumExp])
def less_logsumexp(e: Expr) -> Expr | None:
    """x - logsumexp(x) → logsoftmax(x), which is exact for the nearly certain entry."""
    x, total = e.inputs
    axis = is_reduction_of(total, ops.LogSumExp, x)
    return None if axis is None else ops.LogSoftmax(axis).make(x)


@LOGARITHMS(ops.add, needs=[ops.LogSumExp])
def logsumexp_shifted_back(e: Expr) -> Expr | None:
    """logsumexp(x - m) + m → logsumexp(x), where m is max(x) over the same axes."""
    for total, m in (e.inputs, e.inputs[::-1]):
        if not isinstance(total.op, ops.LogSumExp):
            continue
        x = less_largest(total.inputs[0], total.op.axis)
        if x is None or total.ndim != e.ndim:
            continue
        if is_reduction_of(m, Max, x) == total.op.axis and total.op.keepdims:
            return total.op.make(x)
        if not total.op.keepdims and m.op == Max(total.op.axis, False) and same(m.inputs[0], x):
            return total.op.make(x)
    return None


@LOGARITHMS(ops.sub, needs=[ops.softplus])
def less_softplus(e: Expr) -> Expr | None:
    """x - softplus(x) → -softplus(-x), softplus(x) - x → softplus(-x), exact for large x."""
    a, b = e.inputs
    if b.op is ops.softplus and same(a, b.inputs[0]):
        return ops.neg.make(ops.softplus.make(minus(a)))
    if a.op is not ops.softplus or not same(b, a.inputs[0]):
        return None
    made: Expr = ops.softplus.make(minus(b))
    return made
