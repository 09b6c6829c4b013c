"""Logarithms of sigmoids, softmaxes, exponentials, and what is made of them: see `stability`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete, is_float
from symgrad.ops.arithmetic.stable import (
    exp_of_product,
    log1mexp,
    log_cosh,
    log_erfc,
    log_half_erfc,
    log_mixture,
    log_twice_sigmoid,
    slope_of_tanh,
)
from symgrad.ops.arithmetic.trigonometry import arctanh, cosh, sinh
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
    minus,
    negated,
    other_than,
    same,
    scaled,
    squared,
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


@LOGARITHMS(ops.log, ops.log2, ops.log10, needs=[ops.expm1, ops.exp])
def log_of_one_minus_exp(e: Expr) -> Expr | None:
    """log(1 - [exp(x)]) → log1mexp([x]), also to another base: exact near 0 and far below."""
    x = _one_minus_exp(e.inputs[0]) if is_float(e.dtype) else None
    return None if x is None else _to_base(e, log1mexp.make(x))


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


@LOGARITHMS(ops.log, ops.log2, ops.log10, needs=[ops.expm1, sinh, ops.exp])
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
        made = by.make(made, _log(ops.Cast(e.dtype).make(number)))
    return _to_base(e, made)


def _to_base(e: Expr, made: Expr) -> Expr:
    """What is made of a natural logarithm, for the base of `e`."""
    if e.op is ops.log:
        return made
    base = math.log(2 if e.op is ops.log2 else 10)
    return ops.true_div.make(made, Constant(np.array(base, dtype=e.dtype)))


@LOGARITHMS(ops.log, needs=[ops.erfc])
def log_of_erfc(e: Expr) -> Expr | None:
    """log([erfc(x)]) → log_erfc([x]), which is finite where erfc is 0."""
    x = argument(e.inputs[0], ops.erfc)
    return None if x is None else log_erfc.make(x)


@LOGARITHMS(ops.log, needs=[ops.erfc])
def log_of_half_erfc(e: Expr) -> Expr | None:
    """log(erfc(x) / 2) → log_half_erfc(x), exact where erfc is nearly 2: a normal log-cdf."""
    x = _argument_of_multiple(e.inputs[0], 0.5, ops.erfc)
    return None if x is None else log_half_erfc.make(x)


@LOGARITHMS(ops.log, needs=[ops.sigmoid])
def log_of_twice_sigmoid(e: Expr) -> Expr | None:
    """log(2 * sigmoid(x)) → log_twice_sigmoid(x): that is log(1 + tanh(x / 2)), exact near 0."""
    x = _argument_of_multiple(e.inputs[0], 2, ops.sigmoid)
    return None if x is None else log_twice_sigmoid.make(x)


@LOGARITHMS(ops.log, needs=[cosh])
def log_of_cosh(e: Expr) -> Expr | None:
    """log([cosh(x)]) → log_cosh([x]), which is finite where cosh overflows."""
    x = argument(e.inputs[0], cosh)
    return None if x is None else log_cosh.make(x)


@LOGARITHMS(ops.log, ops.log1p, needs=[ops.tanh, slope_of_tanh])
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


@LOGARITHMS(ops.log1p, needs=[ops.tanh])
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


@LOGARITHMS(ops.log, ops.log2, ops.log10, needs=[ops.sigmoid])
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
                return _to_base(e, made)
    return None


def _products(e: Expr) -> list[tuple[Expr, Expr]]:
    """What a sigmoid is multiplied by, and that sigmoid."""
    if e.op is not ops.mul:
        return []
    a, b = e.inputs
    return [(c, p) for c, p in ((a, b), (b, a)) if p.op is ops.sigmoid]


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


@LOGARITHMS(ops.log1p, needs=[ops.exp, ops.erf])
def log1p_of_minus(e: Expr) -> Expr | None:
    """log1p(-[exp(x)]) → log1mexp([x]), log1p(-[erf(x)]) → log_erfc([x])."""
    (inner,) = e.inputs
    if inner.op is not ops.neg:
        return None
    for op, log_of_rest in ((ops.exp, log1mexp), (ops.erf, log_erfc)):
        x = argument(inner.inputs[0], op)
        if x is not None:
            made: Expr = log_of_rest.make(x)
            return made
    return None


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


def _log(e: Expr) -> Expr:
    return Constant(np.log(e.value)) if isinstance(e, Constant) else ops.log.make(e)


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
    return view_of_core(outer, by.make(*map(_log, inner.inputs)))


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
    parts = map(_log, inner.inputs[len(condition) :])
    return view_of_core(e.inputs[0], inner.op.make(*condition, *parts))


@LOGARITHMS(ops.log2, ops.log10)
def log_to_another_base(e: Expr) -> Expr | None:
    """log2(a) → log(a) / log(2), log10 likewise, where a is made of positive functions."""
    if not _positive(e.inputs[0]):
        return None
    return _to_base(e, ops.log.make(e.inputs[0]))


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
