"""Slopes of quotients by what grows or falls like an exponential, and of its powers, in one step.

The slope of `v / exp(v)` passed through both operations is `-(v / p) / p * p`, with p = exp(v): it
is 0 where p**2 overflows, and NaN where p does. But the slope of exp(v) relative to exp(v) is 1, so
that the quotient passes `-g * y` to v itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_float
from symgrad.ops.arithmetic.elementwise import (
    add,
    exp,
    exp2,
    expm1,
    inv,
    mul,
    neg,
    pow,
    sqr,
    sqrt,
    sub,
    tanh,
    true_div,
)
from symgrad.ops.arithmetic.special import erfc
from symgrad.ops.arithmetic.stable import erfcx
from symgrad.ops.arithmetic.trigonometry import cosh, sinh
from symgrad.ops.nnet.nnet import sigmoid, softplus
from symgrad.rewrite.patterns import fits_in, is_filled, negated, same

# The slope of each relative to its value, times a number.
_RELATIVE: dict[Any, Callable[[Any, float], Any]] = {
    exp: lambda x, c: c,
    exp2: lambda x, c: c * math.log(2.0),
    cosh: lambda x, c: c * tanh(x),
    sinh: lambda x, c: c / tanh(x),
    expm1: lambda x, c: -c / expm1(-x),
    sigmoid: lambda x, c: c * sigmoid(-x),
    softplus: lambda x, c: c * sigmoid(x) / softplus(x),
    erfc: lambda x, c: (-2 * c / math.sqrt(math.pi)) / erfcx(x),
}
_WITH_ZEROS = (sinh, expm1, softplus)


class Growth(NamedTuple):
    """Something times a power of what grows: `op(x)`, or a number and exp(x)."""

    op: Any
    x: Expr
    power: float
    number: float = 0.0

    def relative(self, times: float) -> Any:
        """The slope by x, over the value, times a number."""
        if self.number:
            return times * self.power * sigmoid(self.x - math.log(self.number))
        return _RELATIVE[self.op](self.x, times * self.power)


def shortcut(node: Expr, gradient: Any) -> tuple[int, Expr, Any] | None:
    """Which input is not passed through, what stands below it, and its part of the gradient."""
    op = node.op
    if op is true_div or op is inv:
        index = len(node.inputs) - 1
        growth, times = _growth(node.inputs[index]), -1.0
    elif op is pow or op is sqrt:
        index, times = 0, 1.0
        growth = _growth(node)
        if growth is not None and growth.op in _WITH_ZEROS and growth.power > 0:
            return None  # a power of 0 has a slope, though not relative to 0
    else:
        return None
    if growth is None:
        return None
    return index, growth.x, gradient * node * growth.relative(times)


def _growth(e: Expr) -> Growth | None:
    power = 1.0
    while e.op is not None and is_float(e.dtype):
        if e.op in _RELATIVE:
            return Growth(e.op, e.inputs[0], power) if power else None
        if e.op is sqr or (e.op is mul and same(*e.inputs)):
            power *= 2
        elif e.op is sqrt:
            power /= 2
        elif e.op is pow and (c := _number(e.inputs[1])) is not None:
            power *= c
        elif e.op is mul and any(map(_number, e.inputs)):
            e = e.inputs[0] if _number(e.inputs[1]) else e.inputs[1]
            continue
        elif e.op is add and any(map(_number, e.inputs)):
            number, a = e.inputs if _number(e.inputs[0]) else e.inputs[::-1]
            c = _number(number) or 0.0
            return Growth(exp, a.inputs[0], power, c) if a.op is exp and power and c > 0 else None
        elif e.op in (add, sub) and all(i.op is exp for i in e.inputs):
            a, b = (i.inputs[0] for i in e.inputs)
            grows = cosh if e.op is add else sinh  # twice of it
            return Growth(grows, a, power) if power and negated(a, b) else None
        elif e.op is sub and is_filled(e.inputs[0], 0) and fits_in(*e.inputs):
            e = e.inputs[1]
            continue
        elif e.op is not neg:
            return None
        e = e.inputs[0]
    return None


def _number(e: Expr) -> float | None:
    """A finite number without axes."""
    if isinstance(e, Constant) and e.ndim == 0 and np.isfinite(e.value):
        return float(e.value)
    return None
