"""Which values can be zero, as far as the operations that made them tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TupleType, is_complex
from symgrad.ops.arithmetic.elementwise import Cast


class Range(NamedTuple):
    """What is known of the values of a node.

    Attributes
    ----------
    low : str
        ``positive``; ``zero`` for what is never negative and can be 0; an empty string: not known.
    unit : bool
        Nothing is above 1.
    why : str
        How it can be 0, in words.
    """

    low: str = ""
    unit: bool = False
    why: str = ""


_UNKNOWN = Range()
_SAME = frozenset(
    "dim_shuffle reshape index broadcast_like alloc specify_shape rebroadcast tensor_copy max min "
    "join repeat roll sort check print_value consider_constant disconnected_grad zero_grad "
    "grad_clip grad_scale fmin minimum real split project take_along diagonal".split()
)


def ranges(order: Iterable[Expr]) -> dict[Expr, Range]:
    """The range of each node, given all of them, each after its inputs.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> y = T.nnet.relu(x)
    >>> known = ranges([x, y])
    >>> known[x].low, known[y].low
    ('', 'zero')
    """
    known: dict[Expr, Range] = {}
    for node in order:
        known[node] = _range(node, [known.get(i, _UNKNOWN) for i in node.inputs])
    return known


def _range(node: Expr, inputs: Sequence[Range]) -> Range:
    if isinstance(node.type, TupleType) or node.dtype == "object" or is_complex(node.dtype):
        return _UNKNOWN
    if isinstance(node, Constant):
        return _of_constant(node)
    if node.op is None:
        return _UNKNOWN
    name = node.op.name
    if node.dtype == "bool":
        return Range("zero", True, f"{name} gives 0 or 1")
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node, inputs)
    if name in _SAME or isinstance(node.op, Cast):
        return _joined(inputs[:1] if name not in ("join", "fmin", "minimum") else inputs)
    return _UNKNOWN


def _of_constant(node: Constant) -> Range:
    if not node.value.size or not np.all(np.isfinite(node.value)):
        return _UNKNOWN
    low, high = node.value.min(), node.value.max()
    if low < 0:
        return Range("", bool(high <= 1))
    return Range("positive" if low > 0 else "zero", bool(high <= 1), "" if low else "it is 0")


def _joined(inputs: Sequence[Range]) -> Range:
    """The range of what is one of several."""
    if not inputs or not all(i.low for i in inputs):
        return Range("", bool(inputs) and all(i.unit for i in inputs))
    zero = next((i for i in inputs if i.low == "zero"), None)
    unit = all(i.unit for i in inputs)
    return Range("positive", unit) if zero is None else Range("zero", unit, zero.why)


def _never_negative(why: str, unit: bool = False) -> Callable[[Expr, Sequence[Range]], Range]:
    return lambda node, inputs: Range("zero", unit, f"{node.op.name} {why}")


def _add(node: Expr, inputs: Sequence[Range]) -> Range:
    a, b = inputs
    if not (a.low and b.low):
        return _UNKNOWN
    if "positive" in (a.low, b.low):
        return Range("positive")
    return Range("zero", False, a.why)


def _sub(node: Expr, inputs: Sequence[Range]) -> Range:
    a, b = node.inputs
    if isinstance(a, Constant) and a.value.size and inputs[1].unit and inputs[1].low:
        least = a.value.min()
        if least > 1:
            return Range("positive")
        if least == 1:
            return Range("zero", True, f"{_name(b)} can be 1")
    return _UNKNOWN


def _mul(node: Expr, inputs: Sequence[Range]) -> Range:
    a, b = inputs
    if node.inputs[0] is node.inputs[1]:
        return Range("zero", a.unit and bool(a.low), "a square can be 0")
    if not (a.low and b.low):
        return _UNKNOWN
    zero = next((i for i in inputs if i.low == "zero"), None)
    unit = a.unit and b.unit
    return Range("positive", unit) if zero is None else Range("zero", unit, zero.why)


def _true_div(node: Expr, inputs: Sequence[Range]) -> Range:
    a, b = inputs
    return Range(a.low, False, a.why) if a.low and b.low else _UNKNOWN


def _pow(node: Expr, inputs: Sequence[Range]) -> Range:
    exponent = node.inputs[1]
    if isinstance(exponent, Constant) and exponent.value.size:
        if np.all(exponent.value % 2 == 0) and np.all(exponent.value > 0):
            return Range("zero", inputs[0].unit and bool(inputs[0].low), "a square can be 0")
        if np.all(exponent.value > 0):
            return inputs[0]
    return Range("positive") if inputs[0].low == "positive" else _UNKNOWN


def _maximum(node: Expr, inputs: Sequence[Range]) -> Range:
    a, b = inputs
    if "positive" in (a.low, b.low):
        return Range("positive", a.unit and b.unit)
    if "zero" in (a.low, b.low):
        return Range("zero", a.unit and b.unit, f"{node.op.name}(..., 0) is 0 for what is negative")
    return _UNKNOWN


def _clip(node: Expr, inputs: Sequence[Range]) -> Range:
    _, low, high = inputs
    why = "it is clipped at 0" if low.low == "zero" else ""
    return Range(low.low, high.unit, why)


def _switch(node: Expr, inputs: Sequence[Range]) -> Range:
    return _joined(inputs[1:])


def _reduced(node: Expr, inputs: Sequence[Range]) -> Range:
    return inputs[0]._replace(unit=inputs[0].unit and node.op.name in ("max", "prod"))


def _name(node: Expr) -> str:
    return node.name or (node.op.name if node.op is not None else "it")


_RULES: dict[str, Callable[[Expr, Sequence[Range]], Range]] = {
    "relu": _never_negative("is 0 for whatever is negative"),
    "abs": _never_negative("is 0 at 0"),
    "sqr": lambda node, inputs: Range("zero", False, "a square can be 0"),
    "sqrt": lambda node, inputs: inputs[0],
    "exp": _never_negative("is 0 far below 0"),
    "exp2": _never_negative("is 0 far below 0"),
    "sigmoid": _never_negative("is 0 far below 0", True),
    "softmax": _never_negative("can be 0 where another class is nearly certain", True),
    "softplus": _never_negative("is 0 far below 0"),
    "erfc": _never_negative("is 0 far above 0"),
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "true_div": _true_div,
    "pow": _pow,
    "maximum": _maximum,
    "larger_of": _maximum,
    "clip": _clip,
    "switch": _switch,
    "sum": _reduced,
    "prod": _reduced,
    "cum_sum": _reduced,
    "dim": lambda node, inputs: Range("positive"),
}
