"""Rewrites towards what is written by hand: the opposite of what computers need.

A stable form (`sigmoid(-x)`, the fused gradient of softmax) becomes its plain one (`1 -
sigmoid(x)`, `softmax(z) - onehot(y)`). So these rules come last, and nothing is computed with what
they make but checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.explain.derivation.lengths import Letters
from symgrad.explain.derivation.tidy import Tidy, is_number
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.arithmetic import elementwise, logic
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike, DimShuffle, SumLike, is_transposed
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex
from symgrad.ops.indexing.selecting import OneHot
from symgrad.ops.linalg.linalg import Dot
from symgrad.ops.nnet.softmax import LessShare
from symgrad.ops.reductions.reduction import ExtremeValue
from symgrad.rewrite.engine import RuleSet, rewrite
from symgrad.rewrite.pipeline import prepare

PAPER = RuleSet("paper")

_OPPOSITE = {
    elementwise.lt: elementwise.ge,
    elementwise.ge: elementwise.lt,
    elementwise.gt: elementwise.le,
    elementwise.le: elementwise.gt,
    elementwise.eq: elementwise.neq,
    elementwise.neq: elementwise.eq,
}


def on_paper(outputs: Sequence[Expr], letters: Letters) -> list[Expr]:
    """Expressions as they are written by hand; equal ones are one node.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> on_paper([2 * T.nnet.sigmoid(-x) / 2], Letters())
    [(1.0 - sigmoid(x))]
    """
    graph = rewrite(prepare(outputs), [PAPER])
    tidy = Tidy(letters)
    graph = tidy(_without_broadcasting(graph, letters))
    return tidy(rewrite(_without_broadcasting(graph, letters), [PAPER]))


def one() -> Constant:
    """The number 1."""
    return Constant(np.array(1.0))


@PAPER(ops.log1p)
def log_of_one_plus(e: Expr) -> Expr:
    """log1p(x) → log(1 + x)."""
    return ops.log.make(ops.add.make(one(), e.inputs[0]))


@PAPER(ops.expm1)
def exp_less_one(e: Expr) -> Expr:
    """expm1(x) → exp(x) - 1."""
    return ops.sub.make(ops.exp.make(e.inputs[0]), one())


@PAPER(ops.sigmoid)
def sigmoid_of_minus(e: Expr) -> Expr | None:
    """sigmoid(-x) → 1 - sigmoid(x)."""
    (x,) = e.inputs
    if x.op is not ops.neg:
        return None
    made: Expr = ops.sub.make(one(), ops.sigmoid.make(x.inputs[0]))
    return made


@PAPER(ops.exp)
def exp_of_log_softmax(e: Expr) -> Expr | None:
    """exp(logsoftmax(z)) → softmax(z), exp(log(softmax(z))) likewise."""
    (x,) = e.inputs
    if isinstance(x.op, ops.LogSoftmax):
        return ops.Softmax(x.op.axis).make(x.inputs[0])
    if x.op is ops.log and isinstance(x.inputs[0].op, ops.Softmax):
        return x.inputs[0]
    return None


@PAPER(ops.LogSoftmax)
def log_softmax(e: Expr) -> Expr:
    """logsoftmax(z) → log(softmax(z))."""
    made: Expr = ops.log.make(ops.Softmax(e.op.axis).make(e.inputs[0]))
    return made


@PAPER(ops.add)
def positive(e: Expr) -> Expr | None:
    """0.5 + 0.5 * sgn(x) → [x > 0], which differs at 0 alone."""
    for half, rest in (e.inputs, e.inputs[::-1]):
        if is_number(half, 0.5) and rest.op is ops.mul:
            for a, b in (rest.inputs, rest.inputs[::-1]):
                if is_number(a, 0.5) and b.op is elementwise.sgn:
                    above = elementwise.gt.make(b.inputs[0], Constant(np.array(0.0)))
                    return ops.Cast("float64").make(above)
    return None


@PAPER(ops.switch)
def apart_from_zero(e: Expr) -> Expr | None:
    """switch(x = 0, a, x) → x, which differs at 0 alone."""
    condition, _, x = e.inputs
    if condition.op is elementwise.eq and is_number(condition.inputs[1], 0):
        return x if condition.inputs[0] is x else None
    return None


@PAPER(ops.pow)
def power_less_one(e: Expr) -> Expr | None:
    """a**((b - 1) * [b ≠ 0]) → a**(b - 1), which differs at b = 0 alone."""
    a, b = e.inputs
    if b.op is ops.mul and isinstance(b.inputs[1].op, ops.Cast):
        condition = b.inputs[1].inputs[0]
        if condition.op is elementwise.neq and is_number(condition.inputs[1], 0):
            made: Expr = ops.pow.make(a, b.inputs[0])
            return made
    return None


@PAPER(elementwise.unless_nan)
def number(e: Expr) -> Expr | None:
    """unless_nan(a, b) → a: there is no NaN on paper."""
    a, b = e.inputs
    return a if a.type == e.type else BroadcastLike().make(a, b)


@PAPER(ops.switch)
def weighted(e: Expr) -> Expr | None:
    """switch(a = 0 and isinf(b), 0, x) → x, which differs where a log is infinite alone."""
    condition, zero, x = e.inputs
    if condition.op is not logic.and_ or not is_number(zero, 0):
        return None
    a, b = condition.inputs
    return x if a.op is elementwise.eq and b.op is logic.isinf and x.type == e.type else None


@PAPER(ops.switch)
def at_extreme(e: Expr) -> Expr | None:
    """switch(max(x) > x, 0, g) → switch(x = max(x), g, 0), min likewise."""
    condition, zero, g = e.inputs
    if condition.op not in (elementwise.gt, elementwise.lt) or not is_number(zero, 0):
        return None
    extreme, x = condition.inputs
    inner = extreme.inputs[0] if isinstance(extreme.op, DimShuffle) else extreme
    if not isinstance(inner.op, ExtremeValue) or inner.inputs[0] is not x:
        return None
    made: Expr = ops.switch.make(elementwise.eq.make(x, extreme), g, zero)
    return made


@PAPER(ops.switch)
def neither(e: Expr) -> Expr | None:
    """switch(a or b, 0, x) → switch(a, 0, switch(b, 0, x))."""
    condition, zero, x = e.inputs
    if condition.op is not logic.or_ or not is_number(zero, 0):
        return None
    a, b = condition.inputs
    made: Expr = ops.switch.make(a, zero, ops.switch.make(b, zero, x))
    return made


@PAPER(ops.switch)
def masked(e: Expr) -> Expr | None:
    """switch(c, x, 0) → x * [c], switch(c, 0, x) → x * [not c]."""
    condition, a, b = e.inputs
    if is_number(a, 0):
        op = _OPPOSITE.get(condition.op)
        condition = op.make(*condition.inputs) if op else logic.invert.make(condition)
        a, b = b, a
    if not is_number(b, 0) or e.dtype != "float64":
        return None
    made: Expr = ops.mul.make(a, ops.Cast("float64").make(condition))
    return made


@PAPER(LessShare)
def less_share(e: Expr) -> Any:
    """The gradient of softmax p: p * g less its share → p * (g - sum(p * g)), u → u - p * sum(u).

    Of `log(p[k, y_k])`, where u is v at y_k and 0 elsewhere: v * (onehot(y) - p).
    """
    u, p = e.inputs
    if u.op is ops.mul and p in u.inputs:
        g = u.inputs[0] if u.inputs[1] is p else u.inputs[1]
        return ops.mul.make(p, ops.sub.make(g, ops.Sum(e.op.axis, True).make(u)))
    in_rows = e.op.axis == (1,)
    if in_rows and isinstance(u.op, OneHot):
        return ops.sub.make(u, p)
    if (
        in_rows
        and u.op is ops.mul
        and isinstance(u.inputs[1].op, OneHot)
        and _fits_rows(u.inputs[0])
    ):
        return ops.mul.make(u.inputs[0], ops.sub.make(u.inputs[1], p))
    return ops.sub.make(u, ops.mul.make(p, ops.Sum(e.op.axis, True).make(u)))


@PAPER(ops.Cast)
def cast_of_integers(e: Expr) -> Expr | None:
    """cast(1 - y) → 1 - cast(y), where integers do not overflow."""
    (x,) = e.inputs
    if e.dtype != "float64" or x.op not in (ops.add, ops.sub, ops.mul, ops.neg):
        return None
    made: Expr = x.op.make(*[cast(i, "float64") for i in x.inputs])
    return made


@PAPER(elementwise.le)
def below_both(e: Expr) -> Expr | None:
    """max(x, a) ≤ b → x ≤ b, where a and b are numbers and a is the smaller one."""
    low, high = e.inputs
    if low.op is not elementwise.maximum or not isinstance(high, Constant):
        return None
    x, a = low.inputs
    if isinstance(a, Constant) and (a.value <= high.value).all():
        made: Expr = elementwise.le.make(x, high)
        return made
    return None


@PAPER(DimShuffle)
def transposed_product(e: Expr) -> Expr | None:
    """(A·B).T → B.T·A.T, where one of them is transposed already."""
    (x,) = e.inputs
    if not is_transposed(e) or not isinstance(x.op, Dot) or {i.ndim for i in x.inputs} != {2}:
        return None
    turned = [i.inputs[0] if is_transposed(i) else e.op.make(i) for i in x.inputs]
    if not any(map(is_transposed, x.inputs)):
        return None
    return x.op.make(turned[1], turned[0])


@PAPER(IncIndex)
def part_of_sum(e: Expr) -> Expr | None:
    """inc(a, i, v) → a + inc(0, i, v)."""
    x, *rest = e.inputs
    if e.op.assign or _is_zero(x) or e.dtype != "float64":
        return None
    zero = BroadcastLike().make(Constant(np.array(0.0)), x)
    return ops.add.make(x, e.op.make(zero, *rest))


@PAPER(IncIndex)
def without_new_axes(e: Expr) -> Expr | None:
    """inc(0, (:, None), v) → v without the axis."""
    zero, value, *rest = e.inputs
    if rest or not _is_zero(zero) or not set(e.op.spec) <= {("new",), ("slice", None, None, None)}:
        return None
    order = tuple(k for k, entry in enumerate(e.op.spec) if entry != ("new",))
    rank = len(e.op.spec) + zero.ndim - len(order)
    if value.ndim != rank or any(
        value.static_shape[k] not in (1, None)
        for k, entry in enumerate(e.op.spec)
        if entry == ("new",)
    ):
        return None
    return DimShuffle((*order, *range(len(e.op.spec), rank))).make(value)


def _is_zero(e: Expr) -> bool:
    while isinstance(e.op, (Alloc, BroadcastLike)):
        e = e.inputs[0]
    return is_number(e, 0)


@PAPER(IncIndex)
def one_in_each_row(e: Expr) -> Expr | None:
    """inc(0, (arange(n), y), v) → v * onehot(y)."""
    return ops.mul.make(_column(e.inputs[1]), _one_hot(e)) if _is_pairs(e) else None


def _fits_rows(value: Expr) -> bool:
    """Whether there is one number for each row, or for all."""
    return value.ndim == 0 or value.static_shape[-1] == 1


def _is_pairs(e: Expr) -> bool:
    """Whether `e` is zero but for one element in each row."""
    op = e.op
    if not isinstance(op, IncIndex) or op.assign or op.spec != (("array",), ("array",)):
        return False
    zero, value, rows, classes = e.inputs
    counted = isinstance(rows.op, Arange) and rows.op.counts_up(rows)
    if isinstance(rows, Constant):
        counted = rows.ndim == 1 and np.array_equal(rows.value, np.arange(rows.value.size))
    return _is_zero(zero) and counted and e.ndim == 2 and classes.ndim == 1 and value.ndim < 2


def _one_hot(e: Expr) -> Expr:
    classes = e.inputs[3]
    return OneHot(e.dtype).make(classes, ops.Dim(1).make(e.inputs[0]))


def _column(value: Expr) -> Expr:
    """A number for each row, as a column; one number for all as it is."""
    inner = value
    while isinstance(inner.op, (BroadcastLike, Alloc)):
        inner = inner.inputs[0]
    while inner.ndim and all(n == 1 for n in inner.static_shape):
        inner = inner.inputs[0] if isinstance(inner.op, DimShuffle) else DimShuffle(()).make(inner)
    return inner if not inner.ndim else DimShuffle((0, "x")).make(value)


# -- broadcasting ----------------------------------------------------------------------------


def _without_broadcasting(outputs: Sequence[Expr], letters: Letters) -> list[Expr]:
    """Drop `sum_like` and `broadcast_like` where shapes agree on paper; name the axes else."""
    rules = RuleSet("broadcasting")

    @rules(SumLike)
    def summed(e: Expr) -> Expr | None:
        """sum_like(x, y) → x where shapes agree, else the sum over the axes that y has not."""
        x, like = e.inputs
        if letters.same(x, like):
            return x
        if x.ndim == like.ndim + (lead := x.ndim - like.ndim) and lead >= 0:
            have, want = letters.lengths(x), letters.lengths(like)
            ones = [k for k, n in enumerate(want) if n == 1 and have[lead + k] != 1]
            agree = all(have[lead + k] == n for k, n in enumerate(want) if k not in ones)
            if agree:
                axes = (*range(lead), *(lead + k for k in ones))
                made: Expr = ops.Sum(axes, False).make(x)
                if ones:
                    kept = iter(range(made.ndim))
                    order = tuple("x" if k in ones else next(kept) for k in range(like.ndim))
                    made = DimShuffle(order).make(made)
                return made
        return None

    @rules(BroadcastLike)
    def repeated(e: Expr) -> Expr | None:
        """broadcast_like(x, y) → x where shapes agree."""
        return e.inputs[0] if letters.same(*e.inputs) else None

    @rules()
    def operands(e: Expr) -> Expr | None:
        """a * broadcast_like(b, a) → a * b: an operation repeats its operands by itself."""
        if not isinstance(e.op, Elementwise) or len(e.inputs) < 2:
            return None
        inputs = list(e.inputs)
        for k, x in enumerate(inputs):
            others = inputs[:k] + inputs[k + 1 :]
            if not isinstance(x.op, (BroadcastLike, Alloc)):
                continue
            if any(letters.fits(x, other) for other in others):
                inputs[k] = x.inputs[0]
        if inputs == list(e.inputs):
            return None
        made: Expr = e.op.make(*inputs)
        return made if made.ndim == e.ndim else None

    return rewrite(outputs, [rules])
