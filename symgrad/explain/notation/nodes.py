"""What each operation is written as.

A handler is given the node and `of`, which gives the piece of any node below it. What it does not
ask for is not shown: so the arange of `p[arange(n), y]` vanishes behind `p[k, y_k]`. The file is
as long as there are kinds of operations; those on whole arrays are in `arrays.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.explain.notation.style import ATOM, COMPARISON, HADAMARD, Piece, Style
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete, is_float
from symgrad.ops.arithmetic import elementwise, logic, rounding
from symgrad.ops.arrays import broadcasting, shaping
from symgrad.ops.arrays.lengths import Dim
from symgrad.ops.control import barriers
from symgrad.ops.families import Elementwise
from symgrad.ops.linalg.linalg import Dot, MatMul
from symgrad.ops.nnet import nnet
from symgrad.ops.nnet.row_losses import ScaleRows
from symgrad.ops.op import Op
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.reduction import Sum

Of = Callable[[Expr], Piece]
Handler = Callable[["Scribe", Expr, Of], Piece]
_HANDLERS: dict[Any, Handler] = {}
_SAME = (broadcasting.Rebroadcast, broadcasting.SpecifyShape)
_MANY = 3  # elements of a constant that are written out
_ROW = "k"  # the index of a row, in p[k, y_k]


class Scribe:
    """What handlers need besides the node: the style, and the lengths of a shape as text."""

    def __init__(self, style: Style, lengths: Callable[[Expr], Sequence[str] | None]) -> None:
        self.style = style
        self.lengths = lengths
        self.row = _ROW

    def write(self, node: Expr, of: Of) -> Piece:
        """The piece of a node, given those of the nodes below."""
        handler = _HANDLERS.get(node.op) or _HANDLERS.get(type(node.op))
        if handler is None:
            kinds = (kind for kind in type(node.op).__mro__ if kind in _HANDLERS)
            handler = _HANDLERS.get(next(kinds, None), _call)
        return handler(self, node, of)

    def constant(self, node: Constant) -> Piece:
        """A number; of an array a few elements, or its type."""
        value = node.value
        if value.dtype == bool and value.ndim == 0:
            return Piece(str(bool(value)))
        if value.dtype.kind not in "biuf":
            return Piece(str(value.tolist()), ATOM)
        if value.size and (value == value.flat[0]).all():
            return self.style.number(_plain(value.flat[0]))
        if value.ndim == 1 and value.size <= _MANY:
            return self.style.array([self.style.number(_plain(v)).text for v in value])
        kind = ["constant", "vector", "matrix", "tensor"][min(value.ndim, 3)]
        shape = self.style.shape([str(n) for n in value.shape])
        return Piece(self.style.words(f"{kind} ") + shape, COMPARISON)


def _plain(value: Any) -> Any:
    """A NumPy number as a Python number with the shortest digits."""
    if isinstance(value, np.floating):
        return float(str(value)) if np.isfinite(value) else float(value)
    return value.item()


def shows(*kinds: Any) -> Callable[[Handler], Handler]:
    """Say how operations, or classes of them, are written."""

    def enter(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return enter


def bare(node: Expr) -> Expr:
    """What is written for a node: without casts and broadcasting that a reader puts there."""
    while True:
        op = node.op
        if isinstance(op, ops.Cast):
            if not is_float(op.dtype) or node.inputs[0].dtype == "bool":
                return node
        elif isinstance(op, ops.DimShuffle):
            if not _goes_without_saying(op, node.inputs[0]):
                return node
        elif not isinstance(op, _SAME) and op is not elementwise.tensor_copy:
            return node
        node = node.inputs[0]


def _goes_without_saying(op: Any, x: Expr) -> bool:
    """Whether axes only come in front, or go, or come back where a reduction took them."""
    order = op.order
    kept = [a for a in order if a != "x"]
    if kept != sorted(kept):
        return False
    if not kept or order[len(order) - len(kept) :] == tuple(kept):
        return True
    x = bare(x) if isinstance(x.op, ops.Cast) else x
    if not isinstance(x.op, Reduction) or x.op.keepdims:
        return False
    return tuple(k for k, a in enumerate(order) if a == "x") == x.op.axis


def operand(node: Expr, beside: Sequence[Expr]) -> Expr:
    """An operand of something elementwise, which repeats it by itself along with the others."""
    inner = bare(node)
    while isinstance(inner.op, (shaping.BroadcastLike, shaping.Alloc)) and any(
        other is not node and other.ndim >= node.ndim for other in beside
    ):
        inner = bare(inner.inputs[0])
    return inner


def is_scalar(node: Expr) -> bool:
    """Whether a node is one number, which scales what it is multiplied with."""
    return all(n == 1 for n in bare(node).static_shape)


# -- arithmetic ------------------------------------------------------------------------------


def operands(node: Expr) -> list[Expr]:
    """The operands of something elementwise, as they are written."""
    return [operand(i, node.inputs) for i in node.inputs]


@shows(ops.add)
def _add(w: Scribe, e: Expr, of: Of) -> Piece:
    a, b = operands(e)
    return w.style.plus(of(a), of(b))


@shows(ops.sub)
def _sub(w: Scribe, e: Expr, of: Of) -> Piece:
    a, b = operands(e)
    return w.style.less(of(a), of(b))


@shows(ops.neg)
def _neg(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.negative(of(bare(e.inputs[0])))


@shows(ops.mul, nnet.times_or_zero, nnet.weighted)
def _mul(w: Scribe, e: Expr, of: Of) -> Piece:
    a, b = operands(e)
    if is_scalar(a) or is_scalar(b):
        return w.style.times(of(a), of(b))
    column = _column_of(a)
    if column is not None and b.ndim == 1:  # every product of two elements
        row = w.style.transposed(of(b))
        return w.style.times(of(column), row, matrices=True)
    return w.style.each(of(a), of(b))


def _column_of(e: Expr) -> Expr | None:
    """The vector that stands upright."""
    if shaping.is_column(e):
        return bare(e.inputs[0])
    return None


@shows(ScaleRows)
def _scale_rows(w: Scribe, e: Expr, of: Of) -> Piece:
    x, v, *_ = e.inputs
    if not v.ndim:
        return w.style.times(of(v), of(x))
    return w.style.each(w.style.indexed(of(v), f"{w.style.every}, {w.style.words('None')}"), of(x))


@shows(ops.true_div)
def _true_div(w: Scribe, e: Expr, of: Of) -> Piece:
    mean = mean_of(e)
    if mean:
        return w.style.over_axes("mean", reduced_axes(mean), of(bare(mean.inputs[0])))
    a, b = operands(e)
    return w.style.over(of(a), of(b), elementwise=not is_scalar(b))


def mean_of(e: Expr) -> Expr | None:
    """The sum that is divided by how many terms it has."""
    total, count = bare(e.inputs[0]), bare(e.inputs[1])
    if not isinstance(total.op, Sum):
        return None
    (x,) = total.inputs
    lengths = _factors(count)
    wanted = [x.static_shape[a] for a in total.op.axis]
    sources = [length_source(x, a) for a in total.op.axis]
    if isinstance(count, Constant):
        known = not count.ndim and None not in wanted
        return total if known and count.value == np.prod([n or 1 for n in wanted]) else None
    for length in lengths:
        if isinstance(length, Constant):
            n = int(length.value)
            if n == 1:
                continue
            found = n if n in wanted else None
        elif isinstance(length.op, Dim):
            found = length_source(length.inputs[0], length.op.axis)
        else:
            return None
        if found is None or (found not in sources and found not in wanted):
            return None
        if found in sources:
            sources.remove(found)
        else:
            sources.remove(next(s for s, n in zip(sources, wanted, strict=False) if n == found))
            wanted.remove(found)
    return total if all(s == 1 for s in sources) else None


def _factors(e: Expr) -> list[Expr]:
    """The factors of a product of lengths."""
    found: list[Expr] = []
    todo = [e]
    while todo and len(found) < 10:
        e = todo.pop()
        if isinstance(e.op, ops.Cast):
            todo.append(e.inputs[0])
        elif e.op is ops.mul:
            todo += e.inputs
        else:
            found.append(e)
    return found


def length_source(e: Expr, axis: int) -> Any:
    """Where a length comes from, as far as that is near: a number, or a node and its axis."""
    for _ in range(40):
        length = e.static_shape[axis]
        if length is not None:
            return length
        if e.op is None:
            break
        direct = _Lengths(e.inputs)
        found = e.op.lengths(e, direct)[axis]
        if isinstance(found, int) or found == (e, axis):
            return found
        e, axis = found
    return e, axis


class _Lengths(dict[Expr, Any]):
    """The lengths of a node's inputs, each its own."""

    def __init__(self, inputs: Sequence[Expr]) -> None:
        super().__init__((i, tuple((i, a) for a in range(i.ndim))) for i in inputs)

    def __missing__(self, node: Expr) -> Any:
        return tuple((node, a) for a in range(node.ndim))


@shows(ops.pow)
def _pow(w: Scribe, e: Expr, of: Of) -> Piece:
    a, b = operands(e)
    return w.style.power(of(a), of(b))


@shows(ops.sqr)
def _sqr(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.power(of(bare(e.inputs[0])), w.style.number(2))


@shows(ops.inv)
def _inv(w: Scribe, e: Expr, of: Of) -> Piece:
    x = bare(e.inputs[0])
    return w.style.over(w.style.number(1), of(x), elementwise=not is_scalar(x))


@shows(ops.sqrt)
def _sqrt(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.root(of(bare(e.inputs[0])))


@shows(ops.abs)
def _abs(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.magnitude(of(bare(e.inputs[0])))


@shows(rounding.floor, rounding.ceil)
def _round(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.rounded(of(bare(e.inputs[0])), e.op is rounding.ceil)


def reduced_axes(e: Expr) -> str:
    """Over what a reduction goes; empty where it is all there is."""
    x, axis = e.inputs[0], e.op.axis
    if len(axis) == x.ndim:
        return ""
    if x.ndim == 2:
        return "rows" if axis == (0,) else "columns"
    return "axis " * (len(axis) == 1) + ",".join(map(str, axis))


# -- products of matrices --------------------------------------------------------------------


@shows(Dot, MatMul)
def _dot(w: Scribe, e: Expr, of: Of) -> Piece:
    a, b = (bare(i) for i in e.inputs)
    left, right = of(a), of(b)
    left, right = left._replace(number=False), right._replace(number=False)
    if a.ndim == b.ndim == 1:  # in a product, it stands in parentheses: (v·w)·u
        return w.style.times(left, right, matrices=None)._replace(level=HADAMARD)
    return w.style.times(left, right, matrices=True)


@shows(ops.DimShuffle)
def _dim_shuffle(w: Scribe, e: Expr, of: Of) -> Piece:
    order, (x,) = e.op.order, e.inputs
    if e is not bare(e):
        return of(bare(e))
    if order == (1, 0) and x.ndim == 2:
        return w.style.transposed(of(bare(x)))
    kept = [a for a in order if a != "x"]
    if kept == sorted(kept):
        none = w.style.words("None")
        index = ", ".join(none if a == "x" else w.style.every for a in order)
        return w.style.indexed(of(bare(x)), index)
    return w.style.call("transpose", [of(bare(x)).text, *(str(a) for a in order)])


# -- conditions ------------------------------------------------------------------------------


@shows(ops.switch)
def _switch(w: Scribe, e: Expr, of: Of) -> Piece:
    condition, a, b = (operand(i, e.inputs) for i in e.inputs)
    if _is_zero(b) or _is_zero(a):
        if _is_zero(a):
            a, kept = b, w.style.truth(_not(w, condition, of))
        else:
            kept = w.style.truth(of(condition))
        if isinstance(a, Constant) and a.value.size and (a.value == 1).all():
            return kept
        if is_scalar(a) or is_scalar(condition):
            return w.style.times(of(a), kept)
        return w.style.each(of(a), kept)
    return w.style.either(of(condition), of(a), of(b))


_OPPOSITE = {"<": "≥", "≥": "<", ">": "≤", "≤": ">", "=": "≠", "≠": "="}


def _not(w: Scribe, condition: Expr, of: Of) -> Piece:
    symbol = getattr(condition.op, "symbol", None)
    if symbol in _OPPOSITE:
        a, b = operands(condition)
        return w.style.relation(of(a), _OPPOSITE[symbol], of(b))
    return w.style.call("not", [of(condition).text])


def _is_zero(e: Expr) -> bool:
    return isinstance(e, Constant) and not e.value.any()


@shows(ops.Cast)
def _cast(w: Scribe, e: Expr, of: Of) -> Piece:
    x = bare(e.inputs[0])
    if e.inputs[0].dtype == "bool":
        return w.style.truth(of(x))
    if is_float(e.op.dtype) or is_discrete(x.dtype):
        return of(x)
    return w.style.call(e.op.dtype, [of(x).text])


@shows(logic.and_, logic.or_, logic.invert)
def _logic(w: Scribe, e: Expr, of: Of) -> Piece:
    names = {logic.and_: "and", logic.or_: "or"}
    parts = [of(bare(i)) for i in e.inputs]
    if len(parts) == 1:
        return w.style.call("not", [parts[0].text])
    word = w.style.words(f" {names[e.op]} ")
    return Piece(word.join(w.style.at(p, ATOM) for p in parts), COMPARISON)


# -- everything else -------------------------------------------------------------------------


@shows(Elementwise)
def _elementwise(w: Scribe, e: Expr, of: Of) -> Piece:
    parts = [of(i) for i in operands(e)]
    op: Any = e.op
    if op.symbol and op.nin == 2 and op.is_condition:
        return w.style.relation(parts[0], op.symbol, parts[1])
    name = {"maximum": "max", "minimum": "min", "sgn": "sign"}.get(op.name, op.name)
    return w.style.call(name, [p.text for p in parts])


@shows(barriers.Barrier)
def _barrier(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.call(e.op.name, [of(bare(e.inputs[0])).text])


def _call(w: Scribe, e: Expr, of: Of) -> Piece:
    op: Op = e.op
    args = [of(bare(i)).text for i in e.inputs]
    settings = op.settings_text()
    if settings and len(settings) <= 40:
        args.append(w.style.words(settings))
    return w.style.call(op.name, args)
