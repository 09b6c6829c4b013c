"""Cross-entropies of softmax and their gradients become one pass over the rows.

`L` and `D` stand for the results of `RowLoss(z, y)`, the losses of all rows and their gradients;
`i` for `arange(n)`. Value and gradient name the same node, so it is computed once.
"""

from __future__ import annotations

import numpy as np

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_float
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.arrays.shaping import SumLike
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.nnet.row_losses import RowLoss, ScaleRows
from symgrad.ops.nnet.softmax import LessShare
from symgrad.ops.op import Project
from symgrad.rewrite.patterns import is_filled, same
from symgrad.rewrite.shapes import LengthRules, LengthsOf

LOSSES = LengthRules("losses")

_ROW_AND_CLASS = (("array",), ("array",))

# -- values ------------------------------------------------------------------------------------


@LOSSES(Index)
def log_softmax_of_classes(e: Expr, lengths: LengthsOf) -> Expr | None:
    """logsoftmax(z)[i, y] → -L."""
    if e.op.spec != _ROW_AND_CLASS:
        return None
    scores, rows, classes = e.inputs
    if not _is_log_softmax(scores):
        return None
    node = _row_loss(scores, rows, classes, lengths, e.op.from_zero)
    return None if node is None else ops.neg.make(Project(0).make(node))


@LOSSES(ops.neg)
def negative_of_negative_losses(e: Expr, lengths: LengthsOf) -> Expr | None:
    """-(-L) → L, -(-sum(L)) → sum(L), -(-sum(L) / n) → sum(L) / n."""
    match e.inputs[0]:
        case Expr(op=ops.neg, inputs=(x,)):
            return x
    return None


@LOSSES(ops.Sum, ops.true_div)
def negative_losses_in_mean(e: Expr, lengths: LengthsOf) -> Expr | None:
    """sum(-L) → -sum(L), -sum(L) / n → -(sum(L) / n)."""
    x, *rest = e.inputs
    if x.op is not ops.neg:
        return None
    (x,) = x.inputs
    if not _is_losses(x.inputs[0] if isinstance(x.op, ops.Sum) else x):
        return None
    mean: Expr = ops.neg.make(e.op.make(x, *rest))
    return mean


@LOSSES(ops.Dim, ops.BroadcastLike, SumLike)
def shape_of_losses(e: Expr, lengths: LengthsOf) -> Expr | None:
    """len(L) → len(y), sum_like(x, -L) → sum_like(x, L), broadcast_like(x, -L) likewise."""
    *values, like = e.inputs
    made: Expr | None = None
    if like.op is ops.neg and _is_losses(like.inputs[0]):
        made = e.op.make(*values, like.inputs[0])
    elif not values and _is_losses(like) and not like.inputs[0].op.paired:
        made = e.op.make(like.inputs[0].inputs[1])
    return made


# -- gradients ---------------------------------------------------------------------------------


@LOSSES(LessShare)
def gradient_of_losses(e: Expr, lengths: LengthsOf) -> Expr | None:
    """u - p * sum(u) → -v * D, where p is softmax(z) and u is 0 but v at [i, y]."""
    increased, p = e.inputs
    op = increased.op
    if not isinstance(op, IncIndex) or op.assign or op.spec != _ROW_AND_CLASS:
        return None
    zero, value, rows, classes = increased.inputs
    scores = p.inputs[0] if p.op is ops.exp else p
    if not is_filled(zero, 0) or not _is_log_softmax(scores) or zero.dtype != scores.dtype:
        return None
    if e.op.axis != (1,):
        return None
    node = _row_loss(scores, rows, classes, lengths, op.from_zero)
    if node is None:
        return None
    made = _scaled(node, _negated(_unrepeated(value)), lengths)
    return SumLike().make(made, scores.inputs[0]) if node.op.paired else made


def _scaled(node: Expr, scale: Expr, lengths: LengthsOf) -> Expr:
    """D times a number, or a vector of numbers; rows without a class stay 0, whatever those are."""
    rows = Project(1).make(node)
    z, y = node.inputs
    finite = isinstance(scale, Constant) and np.all(np.isfinite(scale.value))
    if node.op.paired or node.op.from_zero or finite or lengths(z)[0] == lengths(y)[0]:
        if scale.ndim:
            return ScaleRows().make(rows, scale)
        return rows if is_filled(scale, 1) else ops.mul.make(rows, scale)
    return ScaleRows().make(rows, scale, y)


def _unrepeated(v: Expr) -> Expr:
    """A vector, or the number that it repeats."""
    negative = False
    while isinstance(v.op, ops.BroadcastLike) or v.op is ops.neg:
        negative ^= v.op is ops.neg
        v = v.inputs[0]
    if v.static_shape == (1,):
        match v:
            case Expr(op=ops.DimShuffle(), inputs=(number,)) if not number.ndim:
                v = number
            case Constant():
                v = Constant(v.value.reshape(()))
            case _:
                v = ops.DimShuffle(()).make(v)
    return _negated(v) if negative else v


def _negated(v: Expr) -> Expr:
    """`-v`, in a constant if there is one."""
    match v:
        case Constant():
            return Constant(np.array(-v.value))
        case Expr(op=ops.neg, inputs=(x,)):
            return x
        case Expr(op=ops.true_div, inputs=(Constant() as a, b)):
            return ops.true_div.make(Constant(np.array(-a.value)), b)
    return ops.neg.make(v)


# -- what is looked for ------------------------------------------------------------------------


def _is_losses(e: Expr) -> bool:
    """Whether `e` is L."""
    match e:
        case Expr(op=Project(index=0), inputs=(Expr(op=RowLoss()),)):
            return True
    return False


def _is_log_softmax(e: Expr) -> bool:
    """Whether `e` is logsoftmax(z), row by row, of a dtype that `RowLoss` takes."""
    match e:
        case Expr(op=ops.LogSoftmax(axis=(1,))):
            return e.ndim == 2 and e.dtype in ("float32", "float64")
    return False


def _row_loss(
    scores: Expr, rows: Expr, classes: Expr, lengths: LengthsOf, from_zero: bool
) -> Expr | None:
    """The node of (L, D), where rows are 0, 1, … as many as there are classes, or scores."""
    if not (classes.ndim == 1 and _counts_up(rows)):
        return None
    (z,) = scores.inputs
    if lengths(rows)[0] == lengths(classes)[0] or _reshaped_to(classes, rows):
        paired = False
    elif lengths(rows)[0] == lengths(z)[0]:
        paired = True
    else:
        return None
    match classes:
        case Expr(op=ops.Cast(), inputs=(x,)) if is_float(x.dtype):  # NumPy indexes with int64
            classes = ops.Cast("int64").make(x)
    return RowLoss(paired, from_zero).make(z, classes)


def _counts_up(rows: Expr) -> bool:
    """Whether `rows` is 0, 1, 2 and so on."""
    if isinstance(rows, Constant):
        return np.array_equal(rows.value, np.arange(rows.value.size))
    return isinstance(rows.op, Arange) and rows.op.counts_up(rows)


def _reshaped_to(classes: Expr, rows: Expr) -> bool:
    """Whether `classes` is a reshaped vector of as many elements as arange has."""
    reshaped = isinstance(classes.op, ops.Reshape) and isinstance(rows.op, Arange)
    return reshaped and same(classes.inputs[1], rows.inputs[1])
