"""What rules look for: numbers, equal expressions, and values seen through views."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_float
from symgrad.ops.families import Elementwise
from symgrad.ops.reductions.reduction import Max

_VIEWS = {ops.Index, ops.DimShuffle, ops.Reshape, ops.BroadcastLike, ops.Alloc}
_FILLINGS = {ops.Alloc, ops.BroadcastLike}
_MANY = 10_000  # nodes that `same` compares before it gives up
_FAR = 100  # nodes that are followed up a chain


def is_filled(e: Expr, value: float) -> bool:
    """Whether every element is this number."""
    while e.op is not None:
        if type(e.op) not in _FILLINGS:
            return False
        e = e.inputs[0]
    if type(e) is not Constant and not isinstance(e, Constant):
        return False
    if not e.type.shape:
        return e.value.item() == value  # type: ignore[no-any-return]
    return e.value.size > 0 and bool((e.value == value).all())


def is_number(e: Expr) -> bool:
    """Whether every element is a known finite number."""
    while isinstance(e.op, (ops.Alloc, ops.BroadcastLike)):
        e = e.inputs[0]
    return isinstance(e, Constant) and bool(np.isfinite(e.value).all())


def has_zero(e: Expr) -> bool:
    """Whether an element of a known number is 0."""
    while isinstance(e.op, (ops.Alloc, ops.BroadcastLike)):
        e = e.inputs[0]
    return isinstance(e, Constant) and not e.value.all()


def is_positive_number(e: Expr) -> bool:
    """Whether every element is a finite number above 0, or a length."""
    while isinstance(e.op, (ops.Cast, ops.Alloc, ops.BroadcastLike)):
        e = e.inputs[0]
    if isinstance(e, Constant):
        return bool((e.value > 0).all()) and bool((e.value < float("inf")).all())
    return isinstance(e.op, ops.Dim)


def fits_in(filling: Expr, x: Expr) -> bool:
    """Whether broadcasting `filling` with `x` gives the shape of `x`, whatever that is."""
    if filling.ndim > x.ndim:
        return False
    pairs = zip(filling.static_shape[::-1], x.static_shape[::-1], strict=False)
    if all(n == 1 or (n is not None and n == m) for n, m in pairs):
        return True
    op = filling.op
    if filling.ndim < x.ndim:
        return False
    if isinstance(op, ops.BroadcastLike):
        return shape_source(filling.inputs[1]) is shape_source(x)
    return isinstance(op, ops.Alloc) and all(
        (
            isinstance(n.op, ops.Dim)
            and n.op.axis == a
            and shape_source(n.inputs[0]) is shape_source(x)
        )
        or (
            isinstance(n, Constant)
            and x.static_shape[a] is not None
            and n.value == x.static_shape[a]
        )
        for a, n in enumerate(filling.inputs[1:])
    )


def shape_source(e: Expr) -> Expr:
    """A node below (or `e`) that always has the shape of `e`."""
    for _ in range(_FAR):
        op = e.op
        if op is None:
            return e
        if op.shape_of is not None:
            e = e.inputs[op.shape_of]
            continue
        wide = [i for i in e.inputs if any(n != 1 for n in i.static_shape)]
        if not isinstance(op, Elementwise) or len(wide) != 1 or wide[0].ndim != e.ndim:
            return e
        e = wide[0]
    return e


def other_than(e: Expr, value: float) -> Expr | None:
    """Of two inputs, the one beside this number, if it has the shape of the result."""
    a, b = e.inputs
    if is_filled(a, value) and fits_in(a, b):
        return b
    if is_filled(b, value) and fits_in(b, a):
        return a
    return None


def same(a: Expr, b: Expr) -> bool:
    """Whether two expressions are written alike: equal operations on equal inputs.

    The engine merges such nodes only when a function is compiled, but rules must see them before.
    """
    todo = [(a, b)]
    seen: set[tuple[Expr, Expr]] = set()
    while todo:
        pair = a, b = todo.pop()
        if a is b or pair in seen:
            continue
        seen.add(pair)
        if isinstance(a, Constant) and isinstance(b, Constant):
            if a.type != b.type or a.value.tobytes() != b.value.tobytes():
                return False
        elif a.op is None or a.op != b.op or len(a.inputs) != len(b.inputs):
            return False
        if len(seen) > _MANY or (a.op is not None and a.op.has_side_effect):
            return False
        todo.extend(zip(a.inputs, b.inputs, strict=True))
    return True


# -- values seen through views ---------------------------------------------------------------


def core(e: Expr) -> Expr:
    """What an expression shows the elements of, without indexing, reshaping, casts of floats."""
    while is_view(e):
        e = e.inputs[0]
    return e


def is_view(e: Expr) -> bool:
    """Whether each element is one of the first input's (of another float dtype, perhaps)."""
    kind = type(e.op)
    if kind in _VIEWS:
        return True
    return kind is ops.Cast and is_float(e.dtype) and is_float(e.inputs[0].dtype)


def view_of_core(e: Expr, x: Expr) -> Expr:
    """`x` seen through the views that `e` puts around its core."""
    views = []
    while is_view(e):
        views.append(e)
        e = e.inputs[0]
    for view in reversed(views):
        x = view.op.make(x, *view.inputs[1:])
    return x


def argument(e: Expr, op: Elementwise) -> Expr | None:
    """For a view of `op(x)` of real numbers, the same view of `x`."""
    inner = core(e)
    return view_of_core(e, inner.inputs[0]) if inner.op is op and is_float(e.dtype) else None


def squared(e: Expr, by_itself: bool = True) -> Expr | None:
    """The x of sqr(x), x**2 or, perhaps, x * x."""
    if e.op is ops.sqr:
        return e.inputs[0]
    if e.op is ops.pow:
        x, power = e.inputs
        return x if is_filled(power, 2) and fits_in(power, x) and x.dtype == e.dtype else None
    return e.inputs[0] if by_itself and e.op is ops.mul and same(*e.inputs) else None


def exponent(e: Expr) -> Expr | None:
    """The x of what is written as another [exp(x)]: 1 / exp(-x), exp(x / 2)**2 and kin."""
    if not is_float(e.dtype):
        return None
    factor = 1.0
    while (inner := core(e)).op is not ops.exp:
        base = squared(inner)
        if base is not None:
            factor *= 2
        elif inner.op is ops.inv:
            factor, base = -factor, inner.inputs[0]
        elif inner.op is ops.true_div and is_filled(inner.inputs[0], 1):
            factor, base = -factor, inner.inputs[1]
            if not fits_in(inner.inputs[0], base):
                return None
        else:
            return None
        if base.dtype != inner.dtype:
            return None
        e = view_of_core(e, base)
    x = view_of_core(e, inner.inputs[0])
    return minus(x) if factor == -1 else x if factor == 1 else scaled(x, factor)


def scaled(x: Expr, factor: float) -> Expr:
    """`factor * x`, in one product with a number that scales `x` already."""
    if x.op in (ops.mul, ops.true_div):
        for s, rest in (x.inputs, x.inputs[::-1]):
            if isinstance(s, Constant) and not s.ndim and is_float(s.dtype):
                if x.op is ops.mul:
                    number = s.value * factor
                elif s is x.inputs[1]:
                    number = factor / s.value
                else:
                    continue
                number = np.array(number, dtype=s.dtype)
                return rest if number == 1 else ops.mul.make(Constant(number), rest)
    return ops.mul.make(Constant(np.array(factor, dtype=x.dtype)), x)


def minus(x: Expr) -> Expr:
    """`-x`, without a second minus."""
    return x.inputs[0] if x.op is ops.neg else ops.neg.make(x)


def negated(a: Expr, b: Expr) -> bool:
    """Whether one is written as minus the other."""
    return (a.op is ops.neg and same(a.inputs[0], b)) or (b.op is ops.neg and same(b.inputs[0], a))


def axis_order(e: Expr) -> tuple[Any, ...] | None:
    """The order of a dimshuffle, or of what could be written as one; None for anything else.

    That is an index that only adds axes, and a vector reshaped to a row or column.
    """
    op: Any = e.op
    if isinstance(op, ops.DimShuffle):
        order: tuple[Any, ...] = op.order
        return order
    if isinstance(op, ops.Index) and set(op.spec) <= {("new",), ("slice", None, None, None)}:
        axes = iter(range(e.inputs[0].ndim))
        return (*["x" if entry == ("new",) else next(axes) for entry in op.spec], *axes)
    if isinstance(op, ops.Reshape) and e.inputs[0].ndim == 1:
        places = tuple("x" if is_filled(n, 1) else 0 for n in e.inputs[1:])
        return places if places.count(0) == 1 else None
    return None


def is_reduction_of(
    e: Expr, op: type[Any], x: Expr, order: tuple[int, ...] | None = None
) -> tuple[int, ...] | None:
    """The axes where `e` is a reduction of `x` that stands in line with `x` again, or None.

    Reduced axes are kept with length 1, put back by a dimshuffle and kin, or the leading ones
    (which broadcasting puts back). With `order`, in line with `x` transposed so.
    """
    orders = []
    while (found_order := axis_order(e)) is not None:
        orders.append(found_order)
        e = e.inputs[0]
    found: Any = e.op
    if type(found) is not op or not same(e.inputs[0], x):
        return None
    axis: tuple[int, ...] = found.axis
    if not axis:
        return None
    if found.keepdims:
        places = tuple("x" if a in axis else a for a in range(x.ndim))
    else:
        places = tuple(a for a in range(x.ndim) if a not in axis)
    for pattern in reversed(orders):
        places = tuple("x" if a == "x" else places[a] for a in pattern)
    places = ("x",) * (x.ndim - len(places)) + places
    wanted = tuple("x" if a in axis else a for a in order or range(x.ndim))
    return axis if places == wanted else None


def less_largest(e: Expr, axis: tuple[int, ...]) -> Expr | None:
    """The x of `x - max(x)`, the largest over these axes and in line with `x`."""
    if e.op is not ops.sub:
        return None
    x, largest = e.inputs
    while isinstance(largest.op, ops.BARRIERS):  # what it is added to again does not depend on it
        largest = largest.inputs[0]
    return x if is_reduction_of(largest, Max, x) == axis and axis else None


def log_of(e: Expr) -> Expr:
    """The natural logarithm; of a constant, its value."""
    return Constant(np.log(e.value)) if isinstance(e, Constant) else ops.log.make(e)


def to_base(e: Expr, made: Expr) -> Expr:
    """What is made of a natural logarithm, for the base of the logarithm `e`."""
    if e.op is ops.log:
        return made
    base = math.log(2 if e.op is ops.log2 else 10)
    return ops.true_div.make(made, Constant(np.array(base, dtype=e.dtype)))
