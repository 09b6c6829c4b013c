"""Identities that make programs smaller without changing a value, not even a NaN or a -0.0."""

from __future__ import annotations

import math

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.families import Elementwise
from symgrad.ops.index_spec import is_basic
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import fits_in, is_filled, other_than
from symgrad.types import TensorType, is_complex, is_discrete, is_float, promote

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
def power_one_or_two(e: Expr) -> Expr | None:
    """x**1 → x, x**2 → sqr(x)."""
    x, power = e.inputs
    if not fits_in(power, x):
        return None
    if is_filled(power, 1):
        return x
    return ops.sqr.make(x) if is_filled(power, 2) and not is_complex(e.dtype) else None


# -- signs ---------------------------------------------------------------------------------------


@ALGEBRA(ops.neg)
def minus_minus(e: Expr) -> Expr | None:
    """-(-x) → x."""
    (x,) = e.inputs
    return x.inputs[0] if x.op is ops.neg else None


@ALGEBRA(ops.add)
def plus_minus(e: Expr) -> Expr | None:
    """a + -b → a - b, in either order."""
    a, b = e.inputs
    if b.op is ops.neg:
        return ops.sub.make(a, b.inputs[0])
    return ops.sub.make(b, a.inputs[0]) if a.op is ops.neg else None


@ALGEBRA(ops.sub)
def minus_of_minus(e: Expr) -> Expr | None:
    """a - -b → a + b."""
    a, b = e.inputs
    return ops.add.make(a, b.inputs[0]) if b.op is ops.neg else None


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


@ALGEBRA(ops.Reshape)
def reshape_to_the_same(e: Expr) -> Expr | None:
    """x.reshape(s) → x, where both shapes are known and equal."""
    x = e.inputs[0]
    return x if x.static_shape == e.static_shape and None not in x.static_shape else None


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


@ALGEBRA(ops.Index)
def index_of_cast(e: Expr) -> Expr | None:
    """cast(x)[i] → cast(x[i]): a slice of a dataset never casts the whole of it."""
    match e.inputs[0]:
        case Expr(op=ops.Cast(dtype=dtype), inputs=(x,)):
            return ops.Cast(dtype).make(e.op.make(x, *e.inputs[1:]))
    return None


@ALGEBRA(ops.Index)
def index_of_scaled(e: Expr) -> Expr | None:
    """(x * 2)[i] → x[i] * 2, where x is an input or shared, cast perhaps, and the index a slice."""
    whole, *index = e.inputs
    wide = _wide_input(whole)
    if wide is None or not is_basic(e.op.spec):
        return None
    below: Expr | None = wide
    for _ in range(4):  # work that may be needed whole stays whole
        if below is not None and below.op is not None:
            below = below.inputs[0] if isinstance(below.op, ops.Cast) else _wide_input(below)
    if below is None or below.op is not None or isinstance(below, Constant):
        return None
    part = e.op.make(wide, *index)
    made: Expr = whole.op.make(*[part if i is wide else i for i in whole.inputs])
    return made


def _wide_input(e: Expr) -> Expr | None:
    """The one input of a sum, product, … that is not a scalar."""
    if e.op not in (ops.add, ops.sub, ops.mul, ops.true_div):
        return None
    wide = [i for i in e.inputs if i.ndim]
    return wide[0] if len(wide) == 1 else None


# -- broadcasting that an elementwise operation does by itself -------------------------------------


@ALGEBRA(Elementwise)
def broadcast_beside_the_shape(e: Expr) -> Expr | None:
    """op(broadcast_like(a, x), x) → op(a, x): the operation broadcasts by itself."""
    inputs = list(e.inputs)
    changed = False
    for k, filling in enumerate(inputs):
        if isinstance(filling.op, (ops.BroadcastLike, ops.Alloc)) and any(
            j != k and fits_in(filling, x) for j, x in enumerate(inputs)
        ):
            inputs[k] = filling.inputs[0]
            changed = True
    return e.op.make(*inputs) if changed else None


# -- constants -----------------------------------------------------------------------------------


@ALGEBRA()
def folded(e: Expr) -> Expr | None:
    """An operation on constants → its value, where that is small."""
    if not e.inputs or not all(isinstance(i, Constant) for i in e.inputs):
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
