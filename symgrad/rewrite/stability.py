"""Rewrites that keep values and gradients finite and exact. They run before differentiation.

Each rule is one identity, in its docstring; `[x]` stands for any view of x (indexed, reshaped,
transposed, cast to another float), through which logarithms are seen. What is rewritten is never
less exact than before: where the old form is finite, so is the new one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import (
    argument,
    core,
    fits_in,
    is_filled,
    is_positive_number,
    is_reduction_of,
    minus,
    negated,
    other_than,
    same,
    view_of_core,
)
from symgrad.types import is_discrete, is_float

STABILITY = RuleSet("stability")

# -- log of one function -----------------------------------------------------------------------


@STABILITY(ops.log)
def log_of_softmax(e: Expr) -> Expr | None:
    """log([softmax(x)]) → [logsoftmax(x)], which is finite where softmax is 0."""
    (p,) = e.inputs
    match core(p):
        case Expr(op=ops.Softmax(axis=axis), inputs=(x,)):
            return view_of_core(p, ops.LogSoftmax(axis).make(x))
    return None


@STABILITY(ops.log)
def log_of_sigmoid(e: Expr) -> Expr | None:
    """log([sigmoid(x)]) → -softplus(-[x]), which is finite where sigmoid is 0."""
    x = argument(e.inputs[0], ops.sigmoid)
    return None if x is None else ops.neg.make(ops.softplus.make(minus(x)))


@STABILITY(ops.log)
def log_of_exp(e: Expr) -> Expr | None:
    """log([exp(x)]) → [x]."""
    return argument(e.inputs[0], ops.exp)


@STABILITY(ops.log)
def log_of_one_plus(e: Expr) -> Expr | None:
    """log(1 + x) → log1p(x), which is exact near 0."""
    (total,) = e.inputs
    x = other_than(total, 1) if total.op is ops.add and is_float(e.dtype) else None
    return None if x is None else ops.log1p.make(x)


@STABILITY(ops.log)
def log_of_one_minus(e: Expr) -> Expr | None:
    """log(1 - x) → log1p(-x), which is exact near 0."""
    match e.inputs[0]:
        case Expr(op=ops.sub, inputs=(one, x)) if is_filled(one, 1) and fits_in(one, x):
            return ops.log1p.make(minus(x)) if is_float(e.dtype) else None
    return None


# -- log1p ---------------------------------------------------------------------------------------


@STABILITY(ops.log1p)
def log1p_of_exp(e: Expr) -> Expr | None:
    """log1p([exp(x)]) → softplus([x]), which is finite where exp overflows."""
    x = argument(e.inputs[0], ops.exp)
    return None if x is None else ops.softplus.make(x)


@STABILITY(ops.log1p)
def log1p_of_minus_sigmoid(e: Expr) -> Expr | None:
    """log1p(-[sigmoid(x)]) → -softplus([x]), which is finite where sigmoid is 1."""
    match core(e.inputs[0]):
        case Expr(op=ops.neg, inputs=(p,)):
            x = argument(p, ops.sigmoid)
            if x is not None:
                return view_of_core(e.inputs[0], ops.neg.make(ops.softplus.make(x)))
    return None


@STABILITY(ops.log1p)
def log1p_of_large(e: Expr) -> Expr | None:
    """log1p(a) → softplus(log(a)), where a is made of exponentials and may overflow."""
    (a,) = e.inputs
    return ops.softplus.make(ops.log.make(a)) if _exponentials(a) else None


# -- log of what is made of exponentials and sigmoids ----------------------------------------------


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
    while todo and count < 50:
        count += 1
        e = core(todo.pop())
        if e.op in (ops.exp, ops.sigmoid) or isinstance(e.op, ops.Softmax):
            found.add("exp" if e.op is ops.exp else "probability")
        elif is_positive_number(e):
            found.add("number")
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


@STABILITY(ops.log)
def log_of_product(e: Expr) -> Expr | None:
    """log([a * b]) → [log(a) + log(b)], where a and b are made of positive functions."""
    return _log_of_two(e, ops.mul, ops.add)


@STABILITY(ops.log)
def log_of_quotient(e: Expr) -> Expr | None:
    """log([a / b]) → [log(a) - log(b)], where a and b are made of positive functions."""
    return _log_of_two(e, ops.true_div, ops.sub)


@STABILITY(ops.log)
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


@STABILITY(ops.log)
def log_of_square(e: Expr) -> Expr | None:
    """log([a**2]) → [2 * log(a)], log([sqrt(a)]) → [log(a) / 2], where a is positive as above."""
    inner = core(e.inputs[0])
    if inner.op not in (ops.sqr, ops.sqrt) or not _positive(inner):
        return None
    factor = Constant(np.array(2.0 if inner.op is ops.sqr else 0.5, dtype=inner.dtype))
    return view_of_core(e.inputs[0], ops.mul.make(factor, ops.log.make(inner.inputs[0])))


@STABILITY(ops.log)
def log_of_sum(e: Expr) -> Expr | None:
    """log([sum(a)]) → [logsumexp(log(a))], where a is made of positive functions."""
    match core(e.inputs[0]):
        case Expr(op=ops.Sum(axis=axis, keepdims=keepdims), inputs=(a,)) if _positive(a):
            return view_of_core(e.inputs[0], ops.LogSumExp(axis, keepdims).make(ops.log.make(a)))
    return None


@STABILITY(ops.log)
def log_of_product_over_axes(e: Expr) -> Expr | None:
    """log([prod(a)]) → [sum(log(a))], where a is made of positive functions."""
    match core(e.inputs[0]):
        case Expr(op=ops.Prod(axis=axis, keepdims=keepdims), inputs=(a,)) if _positive(a):
            return view_of_core(e.inputs[0], ops.Sum(axis, keepdims).make(ops.log.make(a)))
    return None


@STABILITY(ops.log)
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


@STABILITY(ops.log2, ops.log10)
def log_to_another_base(e: Expr) -> Expr | None:
    """log2(a) → log(a) / log(2), log10 likewise, where a is made of positive functions."""
    if not _positive(e.inputs[0]):
        return None
    base = math.log(2 if e.op is ops.log2 else 10)
    return ops.true_div.make(ops.log.make(e.inputs[0]), Constant(np.array(base, dtype=e.dtype)))


@STABILITY(ops.xlogy0)
def xlogy0_of_positive(e: Expr) -> Expr | None:
    """xlogy0(v, a) → v * log(a), but 0 where v is, where a is made of positive functions."""
    v, a = e.inputs
    return ops.times_or_zero.make(v, ops.log.make(a)) if _positive(a) else None


@STABILITY(ops.xlogx)
def xlogx_of_positive(e: Expr) -> Expr | None:
    """xlogx(a) → a * log(a), but 0 where a is, where a is made of positive functions."""
    (a,) = e.inputs
    return ops.times_or_zero.make(a, ops.log.make(a)) if _positive(a) else None


# -- differences of logarithms -----------------------------------------------------------------


@STABILITY(ops.sub)
def less_logsumexp(e: Expr) -> Expr | None:
    """x - logsumexp(x) → logsoftmax(x), which is exact for the nearly certain entry."""
    x, total = e.inputs
    axis = is_reduction_of(total, ops.LogSumExp, x)
    return None if axis is None else ops.LogSoftmax(axis).make(x)


@STABILITY(ops.sub)
def less_softplus(e: Expr) -> Expr | None:
    """x - softplus(x) → -softplus(-x), softplus(x) - x → softplus(-x), exact for large x."""
    a, b = e.inputs
    if b.op is ops.softplus and same(a, b.inputs[0]):
        return ops.neg.make(ops.softplus.make(minus(a)))
    if a.op is not ops.softplus or not same(b, a.inputs[0]):
        return None
    made: Expr = ops.softplus.make(minus(b))
    return made


# -- sigmoid and softmax, spelled out ------------------------------------------------------------


@STABILITY(ops.true_div)
def softmax_spelled_out(e: Expr) -> Expr | None:
    """exp(x) / sum(exp(x)) → softmax(x), which never overflows."""
    return _softmax(*e.inputs)


@STABILITY(ops.mul)
def softmax_as_product(e: Expr) -> Expr | None:
    """exp(x) * [1 / sum(exp(x))] → softmax(x), in either order."""
    for above, inverse in (e.inputs, e.inputs[::-1]):
        match core(inverse):
            case Expr(op=ops.true_div, inputs=(one, total)):
                if not is_filled(one, 1) or not fits_in(one, total):
                    continue
            case Expr(op=ops.inv, inputs=(total,)):
                pass
            case _:
                continue
        made = _softmax(above, view_of_core(inverse, total))
        if made is not None:
            return made
    return None


def _softmax(above: Expr, below: Expr) -> Expr | None:
    """`above / below` as a softmax, where it is one, perhaps of transposed exponentials."""
    order = above.op.order if isinstance(above.op, ops.DimShuffle) else None
    powers = above if order is None else above.inputs[0]
    if powers.op is not ops.exp or not is_float(powers.dtype) or (order and "x" in order):
        return None
    axis = is_reduction_of(below, ops.Sum, powers, order)
    if axis is None:
        return None
    made = ops.Softmax(axis).make(powers.inputs[0])
    return made if order is None else above.op.make(made)


@STABILITY(ops.true_div)
def sigmoid_spelled_out(e: Expr) -> Expr | None:
    """a / (1 + [exp(x)]) → a * sigmoid(-[x]), exp(x) / (1 + exp(x)) → sigmoid(x)."""
    above, below = e.inputs
    x = _one_plus_exp(below)
    if x is None:
        return None
    if is_filled(above, 1) and fits_in(above, x):
        return ops.sigmoid.make(minus(x))
    z = argument(above, ops.exp)
    if z is not None and same(z, x):
        return ops.sigmoid.make(x)
    return ops.mul.make(above, ops.sigmoid.make(minus(x)))


@STABILITY(ops.inv)
def inverse_of_one_plus_exp(e: Expr) -> Expr | None:
    """inv(1 + [exp(x)]) → sigmoid(-[x])."""
    x = _one_plus_exp(e.inputs[0])
    return None if x is None else ops.sigmoid.make(minus(x))


@STABILITY(ops.pow)
def power_of_one_plus_exp(e: Expr) -> Expr | None:
    """(1 + [exp(x)]) ** -1 → sigmoid(-[x])."""
    base, power = e.inputs
    x = _one_plus_exp(base) if is_filled(power, -1) and fits_in(power, base) else None
    return None if x is None else ops.sigmoid.make(minus(x))


def _one_plus_exp(e: Expr) -> Expr | None:
    """The x of `1 + [exp(x)]`."""
    if e.op is not ops.add or not is_float(e.dtype):
        return None
    power = other_than(e, 1)
    return None if power is None else argument(power, ops.exp)


@STABILITY(ops.true_div)
def softmax_of_two_spelled_out(e: Expr) -> Expr | None:
    """exp(a) / (exp(a) + exp(b)) → sigmoid(a - b), in either order."""
    above, below = e.inputs
    a = argument(above, ops.exp)
    if a is None or below.op is not ops.add:
        return None
    p, q = (argument(i, ops.exp) for i in below.inputs)
    if p is None or q is None:
        return None
    if same(a, p):
        return ops.sigmoid.make(ops.sub.make(p, q))
    return ops.sigmoid.make(ops.sub.make(q, p)) if same(a, q) else None


@STABILITY(ops.mul)
def sigmoid_times_exp(e: Expr) -> Expr | None:
    """sigmoid(x) * exp(-x) → sigmoid(-x), which is exact where exp overflows."""
    for p, q in (e.inputs, e.inputs[::-1]):
        x, z = argument(p, ops.sigmoid), argument(q, ops.exp)
        if x is not None and z is not None and negated(x, z):
            return ops.sigmoid.make(z)
    return None


@STABILITY(ops.sub)
def one_minus_sigmoid(e: Expr) -> Expr | None:
    """1 - [sigmoid(x)] → sigmoid(-[x]), which is exact where sigmoid is nearly 1."""
    one, p = e.inputs
    x = argument(p, ops.sigmoid) if is_filled(one, 1) else None
    return ops.sigmoid.make(minus(x)) if x is not None and fits_in(one, x) else None


@STABILITY(ops.add)
def minus_sigmoid_plus_one(e: Expr) -> Expr | None:
    """-[sigmoid(x)] + 1 → sigmoid(-[x]), in either order."""
    match other_than(e, 1):
        case Expr(op=ops.neg, inputs=(p,)):
            x = argument(p, ops.sigmoid)
            return None if x is None else ops.sigmoid.make(minus(x))
    return None


# -- exp(x) - 1 ----------------------------------------------------------------------------------


@STABILITY(ops.sub)
def exp_minus_one(e: Expr) -> Expr | None:
    """[exp(x)] - 1 → expm1([x]), 1 - [exp(x)] → 0 - expm1([x]), exact near 0."""
    a, b = e.inputs
    if is_filled(b, 1) and fits_in(b, a):
        x = argument(a, ops.exp)
        return None if x is None else ops.expm1.make(x)
    if is_filled(a, 1) and fits_in(a, b):
        x = argument(b, ops.exp)
        zero = Constant(np.zeros((), dtype=e.dtype))  # not -expm1(x), which is -0 at 0
        return None if x is None else ops.sub.make(zero, ops.expm1.make(x))
    return None


@STABILITY(ops.add)
def exp_plus_minus_one(e: Expr) -> Expr | None:
    """[exp(x)] + -1 → expm1([x]), in either order."""
    power = other_than(e, -1)
    x = None if power is None else argument(power, ops.exp)
    return None if x is None else ops.expm1.make(x)
