"""Stable functions that users spell out: sigmoids, softmaxes, tanh, exp(x) - 1; see `stability`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_float
from symgrad.ops.arithmetic.stable import erfcx, exp_of_product, slope_of_tanh
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import (
    argument,
    core,
    exponent,
    fits_in,
    is_filled,
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

SPELLINGS = RuleSet("spellings")

_PRODUCTS = (ops.mul, ops.true_div)

# -- softmax -------------------------------------------------------------------------------------


@SPELLINGS(ops.true_div, needs=[ops.exp])
def softmax_spelled_out(e: Expr) -> Expr | None:
    """exp(x) / sum(exp(x)) → softmax(x), which never overflows."""
    return _softmax(*e.inputs)


@SPELLINGS(ops.mul, needs=[ops.exp])
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


@SPELLINGS(ops.Softmax, ops.LogSoftmax, needs=[ops.sub])
def softmax_of_shifted(e: Expr) -> Expr | None:
    """softmax(x - max(x)) → softmax(x), logsoftmax likewise: they do that themselves."""
    x = less_largest(e.inputs[0], e.op.axis)
    return None if x is None else e.op.make(x)


# -- tanh, and sigmoid by it -------------------------------------------------------------------


@SPELLINGS(ops.true_div, needs=[ops.exp])
def tanh_spelled_out(e: Expr) -> Expr | None:
    """(exp(a) - exp(b)) / (exp(a) + exp(b)) → tanh((a - b) / 2), which is tanh(a) if b is -a."""
    above, below = e.inputs
    if above.op is not ops.sub or below.op is not ops.add or not is_float(e.dtype):
        return None
    a, b, p, q = (argument(i, ops.exp) for i in (*above.inputs, *below.inputs))
    if a is None or b is None or p is None or q is None:
        return None
    if not (same(a, p) and same(b, q)) and not (same(a, q) and same(b, p)):
        return None
    if negated(a, b):
        return ops.tanh.make(a)
    return ops.tanh.make(scaled(ops.sub.make(a, b), 0.5))


@SPELLINGS(ops.true_div, needs=[ops.expm1])
def tanh_of_half(e: Expr) -> Expr | None:
    """(exp(x) - 1) / (exp(x) + 1) → tanh(x / 2), (1 - exp(x)) / (1 + exp(x)) → 0 - tanh(x / 2)."""
    above, below = e.inputs
    z = _one_plus_exp(below)
    if z is None:
        return None
    x = argument(above, ops.expm1)
    if x is not None:
        return ops.tanh.make(scaled(x, 0.5)) if same(x, z) else None
    if above.op is ops.sub and is_filled(above.inputs[0], 0):  # what became of 1 - exp(x)
        x = argument(above.inputs[1], ops.expm1)
        if x is not None and same(x, z):
            made: Expr = ops.sub.make(above.inputs[0], ops.tanh.make(scaled(x, 0.5)))
            return made
    return None


@SPELLINGS(ops.sub, needs=[ops.tanh])
def one_minus_tanh(e: Expr) -> Expr | None:
    """1 - tanh(x) → 2 * sigmoid(-2 * x), exact where tanh is nearly 1.

    1 + tanh(x) stays where no logarithm is taken of it: GELU by tanh would take twice the time.
    """
    one, part = e.inputs
    if not is_filled(one, 1) or not fits_in(one, part) or not is_float(e.dtype):
        return None
    x = argument(part, ops.tanh)
    return None if x is None else _times(2, ops.sigmoid.make(scaled(x, -2)))


@SPELLINGS(ops.sub, needs=[ops.tanh])
def one_minus_square_of_tanh(e: Expr) -> Expr | None:
    """1 - tanh(x)**2 → slope_of_tanh(x), which is exact far from 0.

    What the slope of tanh itself computes, 1 - y * y, stays: it takes half the time.
    """
    one, square = e.inputs
    y = squared(square, by_itself=False) if is_filled(one, 1) and fits_in(one, square) else None
    x = None if y is None or not is_float(e.dtype) else argument(y, ops.tanh)
    return None if x is None else slope_of_tanh.make(x)


def _times(number: float, x: Expr) -> Expr:
    return ops.mul.make(Constant(np.array(number, dtype=x.dtype)), x)


@SPELLINGS(ops.mul, ops.true_div, needs=[ops.tanh, ops.sigmoid])
def sigmoid_by_tanh(e: Expr) -> Expr | None:
    """(1 + tanh(x)) / 2 → sigmoid(2 * x), also (2 * sigmoid(x)) / 2 → sigmoid(x)."""
    a, b = e.inputs
    if not any(i.op is ops.add or i.op is ops.mul for i in (a, b)):
        return None
    total = _over_two(e) if e.op is ops.true_div else other_than(e, 0.5)
    if total is None or not is_float(e.dtype):
        return None
    if total.op is ops.mul:  # what has become of 1 - tanh(x)
        part = other_than(total, 2)
        return part if part is not None and argument(part, ops.sigmoid) is not None else None
    part = other_than(total, 1) if total.op is ops.add else None
    x = None if part is None else argument(part, ops.tanh)
    return None if x is None else ops.sigmoid.make(scaled(x, 2))


@SPELLINGS(ops.add, needs=[ops.tanh])
def sigmoid_by_half_tanh(e: Expr) -> Expr | None:
    """tanh(x) / 2 + 0.5 → sigmoid(2 * x), in either order."""
    a, b = e.inputs
    if not (a.op in _PRODUCTS or b.op in _PRODUCTS):
        return None
    half = other_than(e, 0.5)
    if half is None or half.op not in _PRODUCTS or not is_float(e.dtype):
        return None
    part = other_than(half, 0.5) if half.op is ops.mul else _over_two(half)
    x = None if part is None else argument(part, ops.tanh)
    return None if x is None else ops.sigmoid.make(scaled(x, 2))


def _over_two(e: Expr) -> Expr | None:
    """The a of `a / 2`."""
    a, two = e.inputs
    return a if is_filled(two, 2) and fits_in(two, a) else None


# -- sigmoid -------------------------------------------------------------------------------------


@SPELLINGS(ops.true_div, needs=[ops.exp])
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


@SPELLINGS(ops.true_div, needs=[ops.exp])
def slope_of_sigmoid_spelled_out(e: Expr) -> Expr | None:
    """a / (1 + [exp(x)])**2 → a * sigmoid(-[x])**2, exp(x) / … → sigmoid(x) * sigmoid(-x)."""
    above, below = e.inputs
    base = squared(below)
    x = None if base is None else _one_plus_exp(base)
    if x is None or x.dtype != e.dtype:
        return None
    once = ops.sigmoid.make(minus(x))
    z = argument(above, ops.exp)
    twice = ops.sigmoid.make(x) if z is not None and same(z, x) else ops.mul.make(above, once)
    made: Expr = ops.mul.make(twice, once)
    return made


@SPELLINGS(ops.inv, needs=[ops.exp])
def inverse_of_one_plus_exp(e: Expr) -> Expr | None:
    """inv(1 + [exp(x)]) → sigmoid(-[x])."""
    x = _one_plus_exp(e.inputs[0])
    return None if x is None else ops.sigmoid.make(minus(x))


@SPELLINGS(ops.pow, needs=[ops.exp])
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


@SPELLINGS(ops.true_div, needs=[ops.exp])
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


@SPELLINGS(ops.mul, needs=[ops.sigmoid])
def sigmoid_times_exp(e: Expr) -> Expr | None:
    """sigmoid(x) * exp(-x) → sigmoid(-x), which is exact where exp overflows."""
    for p, q in (e.inputs, e.inputs[::-1]):
        x, z = argument(p, ops.sigmoid), argument(q, ops.exp)
        if x is not None and z is not None and negated(x, z):
            return ops.sigmoid.make(z)
    return None


@SPELLINGS(ops.sub, needs=[ops.sigmoid])
def one_minus_sigmoid(e: Expr) -> Expr | None:
    """1 - [sigmoid(x)] → sigmoid(-[x]), which is exact where sigmoid is nearly 1."""
    one, p = e.inputs
    x = argument(p, ops.sigmoid) if is_filled(one, 1) else None
    return ops.sigmoid.make(minus(x)) if x is not None and fits_in(one, x) else None


@SPELLINGS(ops.sub, needs=[ops.sigmoid, ops.tanh, ops.erf])
def less_one(e: Expr) -> Expr | None:
    """[p] - 1 → -(1 - [p]), where p is sigmoid(x), tanh(x), its square or erf(x), nearly 1."""
    p, one = e.inputs
    if not is_filled(one, 1) or not fits_in(one, p) or not is_float(e.dtype):
        return None
    inner = core(p)
    inner = squared(inner, by_itself=False) or inner
    if inner.op not in (ops.sigmoid, ops.tanh, ops.erf):
        return None
    made: Expr = ops.neg.make(ops.sub.make(one, p))
    return made


@SPELLINGS(ops.true_div, needs=[ops.sigmoid])
def odds_of_sigmoid(e: Expr) -> Expr | None:
    """sigmoid(x) / sigmoid(-x) → exp(x)."""
    x, z = (argument(i, ops.sigmoid) for i in e.inputs)
    if x is None or z is None or not negated(x, z):
        return None
    made: Expr = ops.exp.make(x)
    return made


@SPELLINGS(ops.add, needs=[ops.sigmoid])
def minus_sigmoid_plus_one(e: Expr) -> Expr | None:
    """-[sigmoid(x)] + 1 → sigmoid(-[x]), in either order."""
    match other_than(e, 1):
        case Expr(op=ops.neg, inputs=(p,)):
            x = argument(p, ops.sigmoid)
            return None if x is None else ops.sigmoid.make(minus(x))
    return None


@SPELLINGS(ops.sub, needs=[ops.sigmoid])
def sigmoid_less_its_square(e: Expr) -> Expr | None:
    """sigmoid(x) - sigmoid(x)**2 → sigmoid(x) * sigmoid(-x), exact where sigmoid is nearly 1."""
    p, square = e.inputs
    x = argument(p, ops.sigmoid)
    base = None if x is None else squared(square)
    if x is None or base is None or not same(base, p):
        return None
    made: Expr = ops.mul.make(p, ops.sigmoid.make(minus(x)))
    return made


# -- powers of exp(x) ------------------------------------------------------------------------------


@SPELLINGS(ops.pow, needs=[ops.exp])
def power_of_exp(e: Expr) -> Expr | None:
    """[exp(x)] ** y → exp([x] * y) in one operation, unless y is a small whole number.

    Then the power is finite and exact where exp(x) is.
    """
    base, y = e.inputs
    x = exponent(base) if is_float(e.dtype) and base.dtype == e.dtype else None
    if (
        x is None
        or x.dtype != e.dtype
        or (isinstance(y, Constant) and _are_small_integers(y.value))
    ):
        return None
    made: Expr = exp_of_product.make(x, y)
    return made


def _are_small_integers(values: np.ndarray[Any, Any]) -> bool:
    return bool(np.all((np.abs(values) <= 16) & (values == np.round(values))))


@SPELLINGS(ops.sqrt, needs=[ops.exp])
def root_of_exp(e: Expr) -> Expr | None:
    """sqrt([exp(x)]) → exp([x] / 2)."""
    x = argument(e.inputs[0], ops.exp) if is_float(e.dtype) else None
    if x is None or x.dtype != e.dtype:
        return None
    made: Expr = ops.exp.make(ops.mul.make(Constant(np.array(0.5, x.dtype)), x))
    return made


# -- exp(x) - 1 ----------------------------------------------------------------------------------


@SPELLINGS(ops.sub, needs=[ops.exp])
def exp_minus_one(e: Expr) -> Expr | None:
    """[exp(x)] - 1 → expm1([x]), 1 - [exp(x)] → 0 - expm1([x]), exact near 0.

    So are 1 / exp(x), expm1(-x), and exp(x)**2, expm1(2 * x).
    """
    a, b = e.inputs
    if is_filled(b, 1) and fits_in(b, a):
        x = exponent(a)
        return None if x is None else ops.expm1.make(x)
    if is_filled(a, 1) and fits_in(a, b):
        x = exponent(b)
        zero = Constant(np.zeros((), dtype=e.dtype))  # not -expm1(x), which is -0 at 0
        return None if x is None else ops.sub.make(zero, ops.expm1.make(x))
    return None


@SPELLINGS(ops.add, needs=[ops.exp])
def exp_plus_minus_one(e: Expr) -> Expr | None:
    """[exp(x)] + -1 → expm1([x]), in either order."""
    power = other_than(e, -1)
    x = None if power is None else exponent(power)
    return None if x is None else ops.expm1.make(x)


@SPELLINGS(ops.true_div, needs=[ops.expm1])
def exp_over_exp_minus_one(e: Expr) -> Expr | None:
    """exp(x) / expm1(x) → -1 / expm1(-x), finite where exp overflows."""
    above, below = e.inputs
    x, z = argument(above, ops.exp), argument(below, ops.expm1)
    if x is None or z is None or not same(x, z):
        return None
    minus_one = Constant(np.array(-1, dtype=e.dtype))
    made: Expr = ops.true_div.make(minus_one, ops.expm1.make(minus(x)))
    return made


# -- others --------------------------------------------------------------------------------------


@SPELLINGS(ops.sqrt, needs=[ops.sqr, ops.pow])
def root_of_square(e: Expr) -> Expr | None:
    """sqrt(x**2) → abs(x), which does not overflow, and has a gradient at 0."""
    (square,) = e.inputs
    if square.op is ops.pow and is_filled(square.inputs[1], 2) and fits_in(*square.inputs[::-1]):
        x = square.inputs[0]
    elif square.op is ops.sqr:
        (x,) = square.inputs
    else:
        return None
    return ops.abs.make(x) if is_float(x.dtype) and x.dtype == e.dtype else None


@SPELLINGS(ops.sub, needs=[ops.erf, ops.erfc])
def one_minus_erf(e: Expr) -> Expr | None:
    """1 - [erf(x)] → erfc([x]), which is exact where erf is nearly 1; 1 - [erfc(x)] → erf([x])."""
    one, part = e.inputs
    if not is_filled(one, 1) or not fits_in(one, part):
        return None
    for op, other in ((ops.erf, ops.erfc), (ops.erfc, ops.erf)):
        x = argument(part, op)
        if x is not None:
            return other.make(x)
    return None


@SPELLINGS(ops.add, needs=[ops.erf])
def one_plus_erf(e: Expr) -> Expr | None:
    """1 + [erf(x)] → erfc(-[x]), in either order, which is exact where erf is nearly -1."""
    part = other_than(e, 1)
    x = None if part is None else argument(part, ops.erf)
    return None if x is None else ops.erfc.make(minus(x))


@SPELLINGS(ops.add, ops.sub, needs=[ops.erf, ops.erfc])
def half_of_erfc(e: Expr) -> Expr | None:
    """0.5 ± erf(x) / 2 → erfc(∓x) / 2, 1 - erfc(x) / 2 → erfc(-x) / 2, exact in the tails."""
    if not is_float(e.dtype):
        return None
    a, b = e.inputs
    for one, part in ((a, b), (b, a)) if e.op is ops.add else ((a, b),):
        half = _half_of(part) if fits_in(one, part) else None
        if half is None:
            continue
        x = argument(half, ops.erf) if is_filled(one, 0.5) else None
        if x is not None:
            return _times(0.5, ops.erfc.make(x if e.op is ops.sub else minus(x)))
        x = argument(half, ops.erfc) if e.op is ops.sub and is_filled(one, 1) else None
        if x is not None:
            return _times(0.5, ops.erfc.make(minus(x)))
    return None


def _half_of(e: Expr) -> Expr | None:
    """The x of x / 2 or 0.5 * x."""
    if e.op is ops.true_div:
        return _over_two(e)
    return other_than(e, 0.5) if e.op is ops.mul else None


@SPELLINGS(ops.mul, ops.true_div, needs=[ops.erfc])
def erfcx_spelled_out(e: Expr) -> Expr | None:
    """exp(x**2) * erfc(x) → erfcx(x), erfc(x) / exp(-x**2) too, finite where exp overflows."""
    a, b = e.inputs
    for tail, power in ((a, b), (b, a)) if e.op is ops.mul else ((a, b),):
        if tail.op is not ops.erfc or power.op is not ops.exp or power.dtype != tail.dtype:
            continue
        (square,) = power.inputs
        (x,) = tail.inputs
        if e.op is ops.mul:
            base = squared(square)
        elif square.op is ops.neg:
            base = squared(square.inputs[0])
        else:  # -x * x
            base = square.inputs[1] if square.op is ops.mul and negated(*square.inputs) else None
        if base is not None and (same(base, x) or negated(base, x)):
            return erfcx.make(x)
    return None


@SPELLINGS(ops.true_div, needs=[ops.erfc])
def inverse_of_erfcx(e: Expr) -> Expr | None:
    """exp(-x**2) / erfc(x) → 1 / erfcx(x): the normal hazard, finite where both vanish."""
    power, tail = e.inputs
    if tail.op is not ops.erfc or power.op is not ops.exp or power.dtype != tail.dtype:
        return None
    (square,), (x,) = power.inputs, tail.inputs
    if square.op is ops.neg:
        base = squared(square.inputs[0])
    else:  # -x * x
        base = square.inputs[1] if square.op is ops.mul and negated(*square.inputs) else None
    if base is None or not (same(base, x) or negated(base, x)):
        return None
    one = Constant(np.array(1, dtype=e.dtype))
    made: Expr = ops.true_div.make(one, erfcx.make(x))
    return made
