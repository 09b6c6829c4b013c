"""Identities that make programs smaller without changing a value, not even a NaN or a -0.0.

Where two factors become one, what overflowed or underflowed on the way no longer does; a power that
becomes products may differ in the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TensorType, is_complex, is_discrete, is_float, promote
from symgrad.ops.arithmetic import elementwise
from symgrad.ops.families import Elementwise
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import fits_in, is_filled, other_than

ALGEBRA = RuleSet("algebra")

_SMALL = 4096  # bytes: constants up to this size are computed when the function is compiled

# -- arithmetic with 0, 1 and 2 ------------------------------------------------------------------


@ALGEBRA(ops.mul)
def times_one(e: Expr) -> Expr | None:
    """x * 1 → x."""
    return other_than(e, 1)


@ALGEBRA(ops.true_div)
def over_one(e: Expr) -> Expr | None:
    """x / 1 → x."""
    x, by = e.inputs
    return x if is_filled(by, 1) and fits_in(by, x) else None


@ALGEBRA(ops.true_div)
def over_power_of_two(e: Expr) -> Expr | None:
    """x / 2**k → x * 2**-k, which is as exact, and faster."""
    x, by = e.inputs
    if not isinstance(by, Constant) or not is_float(by.dtype) or by.ndim or not by.value:
        return None
    mantissa, exponent = np.frexp(by.value)
    if abs(mantissa) != 0.5 or abs(exponent) > 10:
        return None
    return ops.mul.make(x, Constant(np.array(1 / by.value, dtype=by.dtype)))


@ALGEBRA(ops.add)
def plus_zero(e: Expr) -> Expr | None:
    """x + 0 → x for integers, x + -0.0 → x for floats (-0.0 + 0.0 is 0.0)."""
    x = other_than(e, 0)
    if x is None or is_discrete(e.dtype):
        return x
    zero = e.inputs[0] if x is e.inputs[1] else e.inputs[1]
    return x if _sign_bit(zero) == {True} else None


@ALGEBRA(ops.sub)
def minus_zero(e: Expr) -> Expr | None:
    """x - 0 → x."""
    x, zero = e.inputs
    if not is_filled(zero, 0) or not fits_in(zero, x):
        return None
    return x if is_discrete(e.dtype) or _sign_bit(zero) == {False} else None


def _sign_bit(e: Expr) -> set[bool]:
    while not isinstance(e, Constant):
        e = e.inputs[0]
    return set() if is_complex(e.dtype) else set(np.signbit(e.value).ravel().tolist())


@ALGEBRA(ops.pow)
def small_power(e: Expr) -> Expr | None:
    """x**1 → x, x**2 → sqr(x), x**3 → sqr(x) * x, x**4 → sqr(sqr(x)), x**-1 → 1 / x.

    `numpy.power` takes 13 ns an element in float64, a product 0.4. (x**0.5 is no sqrt(x), which is
    -0.0 at -0.0 and NaN at -inf; and sqr(x) loses digits where 1 / x**2 is large but finite.)
    """
    x, power = e.inputs
    if not fits_in(power, x) or is_complex(e.dtype) or x.dtype != e.dtype:
        return None
    for k, made in _POWERS.items():
        if is_filled(power, k) and (k > 0 or is_float(e.dtype)):
            return made(x)
    return None


_POWERS: dict[int, Callable[[Expr], Expr]] = {
    1: lambda x: x,
    2: ops.sqr.make,
    3: lambda x: ops.mul.make(ops.sqr.make(x), x),
    4: lambda x: ops.sqr.make(ops.sqr.make(x)),
    -1: ops.inv.make,
}


@ALGEBRA(ops.mul)
def factors_gathered(e: Expr) -> Expr | None:
    """(x * a) * b → x * (a * b), (x / a) * b → x / (a / b), where a or b is a power of 2."""
    for b, inner in (e.inputs, e.inputs[::-1]):
        if not _is_factor(b) or inner.op not in (ops.mul, ops.true_div):
            continue
        for a, x in (inner.inputs, inner.inputs[::-1]):
            if not _is_factor(a) or not (_is_power_of_two(a) or _is_power_of_two(b)):
                continue
            below = inner.op is ops.true_div and a is inner.inputs[1]
            if below and not _is_power_of_two(b):
                return None
            both = _together(a, b, np.true_divide if below else np.multiply)
            if both is None:
                return None
            made: Expr | None = inner.op.make(x, both) if below else inner.op.make(both, x)
            return made
    return None


def _is_factor(e: Expr) -> TypeGuard[Constant]:
    return e.op is None and isinstance(e, Constant) and not e.ndim and is_float(e.dtype)


def _is_power_of_two(e: Constant) -> bool:
    """Whether it is one, or minus one, that is neither large nor small."""
    mantissa, exponent = np.frexp(e.value)
    return bool(abs(mantissa) == 0.5 and abs(exponent) <= 10)


def _together(a: Constant, b: Constant, ufunc: np.ufunc) -> Constant | None:
    """One number made of two, unless it is too small or large to be exact."""
    with np.errstate(all="ignore"):
        value = ufunc(a.value, b.value)
    limits = np.finfo(value.dtype)
    return Constant(np.array(value)) if limits.tiny <= abs(value) <= limits.max else None


# -- signs ---------------------------------------------------------------------------------------


@ALGEBRA(ops.neg)
def minus_minus(e: Expr) -> Expr | None:
    """-(-x) → x."""
    (x,) = e.inputs
    return x.inputs[0] if x.op is ops.neg else None


@ALGEBRA(ops.neg, needs=[ops.mul, ops.true_div])
def minus_of_scaled(e: Expr) -> Expr | None:
    """-(s * x) → (-s) * x, -(x / s) → x / (-s), -(s / x) → (-s) / x, where s is a number.

    It is a constant, or x has axes: then one number changes its sign instead of many.
    """
    (inner,) = e.inputs
    if inner.op not in (ops.mul, ops.true_div):
        return None
    a, b = inner.inputs
    made: Expr
    if (s := _with_minus(a, inner)) is not None:
        made = inner.op.make(s, b)
        return made
    if (s := _with_minus(b, inner)) is not None:
        made = inner.op.make(a, s)
        return made
    return None


@ALGEBRA(ops.mul, ops.true_div, needs=[ops.neg])
def minus_in_product(e: Expr) -> Expr | None:
    """(-a) * (-b) → a * b, (-x) * s → x * (-s), where s is a number as above; / likewise."""
    a, b = e.inputs
    if a.op is ops.neg and b.op is ops.neg:
        made: Expr = e.op.make(a.inputs[0], b.inputs[0])
        return made
    if a.op is ops.neg:
        s = _with_minus(b, e)
        return None if s is None else e.op.make(a.inputs[0], s)
    if b.op is ops.neg:
        s = _with_minus(a, e)
        return None if s is None else e.op.make(s, b.inputs[0])
    return None


def _with_minus(s: Expr, beside: Expr) -> Expr | None:
    """`-s`, if that is less work than to change the sign of what is beside it."""
    if isinstance(s, Constant) and not s.ndim:
        return None if is_complex(s.dtype) else Constant(np.array(-s.value))
    if s.ndim or not beside.ndim:
        return None
    return s.inputs[0] if s.op is ops.neg else ops.neg.make(s)


@ALGEBRA(ops.add, needs=[ops.neg])
def plus_minus(e: Expr) -> Expr | None:
    """a + -b → a - b, a + (-s) * x → a - s * x, in either order."""
    for a, b in (e.inputs, e.inputs[::-1]):
        positive = _without_minus(b)
        if positive is not None:
            return ops.sub.make(a, positive)
    return None


@ALGEBRA(ops.sub, needs=[ops.neg])
def minus_of_minus(e: Expr) -> Expr | None:
    """a - -b → a + b, a - (-s) * x → a + s * x."""
    a, b = e.inputs
    positive = _without_minus(b)
    return None if positive is None else ops.add.make(a, positive)


def _without_minus(e: Expr) -> Expr | None:
    """`b` for `-b`, `s * x` for `-s * x` and `x * -s`."""
    if e.op is ops.neg:
        return e.inputs[0]
    if e.op is ops.mul:
        a, b = e.inputs
        made: Expr
        if a.op is ops.neg:
            made = e.op.make(a.inputs[0], b)
            return made
        if b.op is ops.neg:
            made = e.op.make(a, b.inputs[0])
            return made
    return None


@ALGEBRA(ops.sqr, ops.abs, needs=[ops.neg, ops.abs])
def of_minus(e: Expr) -> Expr | None:
    """sqr(-x) → sqr(x), abs(-x) → abs(x), sqr(abs(x)) → sqr(x), abs(abs(x)) → abs(x)."""
    (x,) = e.inputs
    if x.op not in (ops.neg, ops.abs) or not is_float(x.inputs[0].dtype):
        return None
    made: Expr = e.op.make(x.inputs[0])
    return made


# -- truth values --------------------------------------------------------------------------------


@ALGEBRA(elementwise.neq)
def truth_of_number(e: Expr) -> Expr | None:
    """cast(b) ≠ 0 → b, where b is a truth value."""
    number, zero = e.inputs
    if isinstance(number.op, ops.Cast) and is_filled(zero, 0) and fits_in(zero, number):
        return number.inputs[0] if number.inputs[0].dtype == "bool" else None
    return None


# -- views and casts -----------------------------------------------------------------------------


@ALGEBRA(ops.DimShuffle)
def dimshuffle_of_dimshuffle(e: Expr) -> Expr | None:
    """Two dimshuffles in a row → one, or none: x.T.T → x."""
    match e:
        case Expr(
            op=ops.DimShuffle(order=outer),
            inputs=(Expr(op=ops.DimShuffle(order=inner), inputs=(x,)),),
        ):
            order = tuple("x" if a == "x" else inner[a] for a in outer)
            return x if order == tuple(range(x.ndim)) else ops.DimShuffle(order).make(x)
    return None


@ALGEBRA(ops.DimShuffle)
def dimshuffle_of_nothing(e: Expr) -> Expr | None:
    """x.dimshuffle(0, 1) → x, where x has two axes."""
    (x,) = e.inputs
    return x if e.op.order == tuple(range(x.ndim)) else None


@ALGEBRA(ops.Reshape, needs=[ops.DimShuffle])
def reshape_of_new_axes(e: Expr) -> Expr | None:
    """x.dimshuffle(0, 'x', 1).reshape(s) → x.reshape(s)."""
    view, *lengths = e.inputs
    if not isinstance(view.op, ops.DimShuffle):
        return None
    (x,) = view.inputs
    kept = [a for a in view.op.order if a != "x"]
    return e.op.make(x, *lengths) if kept == list(range(x.ndim)) else None


@ALGEBRA(ops.Reshape)
def reshape_of_reshape(e: Expr) -> Expr | None:
    """x.reshape(a).reshape(b) → x.reshape(b), where the first cannot fail."""
    first, *lengths = e.inputs
    if first.op != e.op:
        return None
    x, *before = first.inputs
    flat = len(before) == 1 and (is_filled(before[0], -1) or _is_size(before[0], x))
    if not flat and None in (*x.static_shape, *first.static_shape):
        return None
    made: Expr = e.op.make(x, *lengths)
    return made


def _is_size(e: Expr, x: Expr) -> bool:
    """Whether a length is written as the product of all lengths of `x`."""
    factors: list[Expr] = [e]
    axes: list[int] = []
    while factors:
        e = factors.pop()
        if e.op is ops.mul and len(axes) + len(factors) < x.ndim:
            factors.extend(e.inputs)
        elif isinstance(e.op, ops.Dim) and e.inputs[0] is x:
            axes.append(e.op.axis)
        elif not is_filled(e, 1):
            return False
    return sorted(axes) == list(range(x.ndim))


@ALGEBRA(ops.Cast)
def cast_to_own_dtype(e: Expr) -> Expr | None:
    """cast(x, d) → x, where x has dtype d."""
    (x,) = e.inputs
    return x if x.dtype == e.dtype else None


@ALGEBRA(ops.Cast)
def cast_of_cast(e: Expr) -> Expr | None:
    """cast(cast(x, wider), d) → cast(x, d), and x itself where it has dtype d."""
    (inner,) = e.inputs
    if not isinstance(inner.op, ops.Cast):
        return None
    (x,) = inner.inputs
    if not _holds(inner.dtype, x.dtype):
        return None
    return x if x.dtype == e.dtype else e.op.make(x)


def _holds(wide: str, narrow: str) -> bool:
    """Whether a dtype holds every value of another (which promotion of 64-bit ints ignores)."""
    if narrow in ("int64", "uint64") and not is_discrete(wide):
        return False
    return promote(wide, narrow) == wide


# -- broadcasting that an elementwise operation does by itself -------------------------------------


@ALGEBRA(Elementwise, needs=[ops.BroadcastLike, ops.Alloc])
def broadcast_beside_the_shape(e: Expr) -> Expr | None:
    """op(broadcast_like(a, x), x) → op(a, x): the operation broadcasts by itself."""
    inputs = list(e.inputs)
    changed = False
    for k, filling in enumerate(e.inputs):
        if type(filling.op) in (ops.BroadcastLike, ops.Alloc) and any(
            j != k and fits_in(filling, x) for j, x in enumerate(inputs)
        ):
            inputs[k] = filling.inputs[0]
            changed = True
    return e.op.make(*inputs) if changed else None


@ALGEBRA(Elementwise, needs=[ops.BroadcastLike])
def of_filling(e: Expr) -> Expr | None:
    """f(broadcast_like(a, x)) → broadcast_like(f(a), x): one element is computed, not many."""
    filling = e.inputs[0]
    if len(e.inputs) > 1 or not isinstance(filling.op, ops.BroadcastLike):
        return None
    a, x = filling.inputs
    return filling.op.make(e.op.make(a), x)


@ALGEBRA(Elementwise, needs=[ops.DimShuffle])
def axes_in_front(e: Expr) -> Expr | None:
    """x + b.dimshuffle('x', 0) → x + b, where x has all axes: the operation puts them there."""
    if len(e.inputs) < 2:
        return None
    inputs = [_without_axes_in_front(i) for i in e.inputs]
    if inputs == list(e.inputs) or all(i.ndim < e.ndim for i in inputs):
        return None
    made: Expr = e.op.make(*inputs)
    return made


def _without_axes_in_front(e: Expr) -> Expr:
    if isinstance(e.op, ops.DimShuffle):
        (x,) = e.inputs
        new = len(e.op.order) - x.ndim
        return x if new > 0 and e.op.order == (*["x"] * new, *range(x.ndim)) else e
    if isinstance(e, Constant) and e.ndim and e.value.size == 1:
        return Constant(e.value.reshape(()))
    return e


# -- constants -----------------------------------------------------------------------------------


@ALGEBRA()
def folded(e: Expr) -> Expr | None:
    """An operation on constants → its value, where that is small."""
    for i in e.inputs:
        if i.op is not None or not isinstance(i, Constant):
            return None
    if not e.inputs:
        return None
    if e.op.has_side_effect or type(e.type) is not TensorType or None in e.static_shape:
        return None
    values = [i.value for i in e.inputs if isinstance(i, Constant)]
    size = np.dtype(e.dtype).itemsize * math.prod(n or 0 for n in e.static_shape)
    if max(size, *(v.nbytes for v in values)) > _SMALL:
        return None
    try:
        with np.errstate(all="ignore"):
            value = np.array(e.op.impl(np, *values), dtype=e.dtype)
    except Exception:  # it will fail when the function runs, with a message that names it
        return None
    return Constant(value) if value.shape == e.static_shape else None
