"""What operations on axes, parts and shapes are written as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad import ops
from symgrad.explain.notation.nodes import (
    Of,
    Scribe,
    bare,
    is_scalar,
    length_source,
    operand,
    operands,
    reduced_axes,
    shows,
)
from symgrad.explain.notation.style import ATOM, POSTFIX, Piece
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete
from symgrad.ops.arrays import shaping
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.arrays.diagonals import Diagonal, PutDiagonal
from symgrad.ops.arrays.joining import Join, Split
from symgrad.ops.arrays.lengths import Dim, MakeVector
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import SYMBOL
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.indexing.selecting import OneHot
from symgrad.ops.linalg.nlinalg import MatrixInverse
from symgrad.ops.nnet.row_losses import RowLoss
from symgrad.ops.nnet.softmax import AxisNormalizer
from symgrad.ops.op import Project
from symgrad.ops.reductions.cumulative import Running
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.reduction import Max, Min, Prod, Sum

# -- along axes ------------------------------------------------------------------------------


@shows(Reduction)
def _reduction(w: Scribe, e: Expr, of: Of) -> Piece:
    names = {Sum: "sum", Prod: "prod", Max: "max", Min: "min"}
    name = names.get(type(e.op), e.op.name)
    if not e.op.axis:
        return of(bare(e.inputs[0]))
    if isinstance(e.op, Sum) and _is_main_diagonal(e.inputs[0]):
        return w.style.call("tr", [of(bare(e.inputs[0].inputs[0])).text])
    return w.style.over_axes(
        name.replace("log_sum_exp", "logsumexp"), reduced_axes(e), of(bare(e.inputs[0]))
    )


def _is_main_diagonal(e: Expr) -> bool:
    return isinstance(e.op, Diagonal) and e.ndim == 1 and e.op.offset == 0


@shows(AxisNormalizer)
def _normalizer(w: Scribe, e: Expr, of: Of) -> Piece:
    name = e.op.name.replace("log_softmax", "logsoftmax")
    args = [of(bare(i)).text for i in e.inputs]
    if e.op.axis == (e.ndim - 1,):
        return w.style.call(name, args)
    return w.style.over_axes(name, reduced_axes(e), Piece(", ".join(args)))


# -- parts -----------------------------------------------------------------------------------


def _is_count(e: Expr) -> bool:
    """Whether a node counts from 0 up by 1."""
    if isinstance(e, Constant):
        return e.ndim == 1 and e.value.size > 1 and np.array_equal(e.value, np.arange(e.value.size))
    return isinstance(e.op, Arange) and e.op.counts_up(e)


def _index(w: Scribe, spec: Sequence[Any], args: Sequence[Expr], of: Of) -> str:
    """What stands between the brackets."""
    style, values = w.style, iter(args)
    arrays = [a for a in args if a.ndim == 1 and is_discrete(a.dtype) and a.dtype != "bool"]
    paired = any(map(_is_count, arrays)) and len(arrays) == len(args)

    def part(p: Any) -> str:
        if p is None:
            return ""
        return of(bare(next(values))).text if p == SYMBOL else style.number(p).text

    entries = []
    for kind, *parts in spec:
        if kind == "new":
            entries.append(style.words("None"))
        elif kind == "gap":
            entries.append(style.ellipsis)
        elif kind == "slice":
            start, stop, step = (part(p) for p in parts)
            colon = style.every
            text = f"{start}{colon}{stop}{colon + step if step else ''}"
            entries.append(text)
        elif kind == "int":
            entries.append(part(parts[0]))
        else:
            array = next(values)
            if paired and _is_count(array):
                entries.append(w.row)
            elif paired:
                entries.append(style.subscripted(of(bare(array)), w.row))
            else:
                entries.append(of(bare(array)).text)
    while len(entries) > 1 and entries[-1] == style.every:
        entries.pop()
    return ", ".join(entries)


@shows(Index)
def _part(w: Scribe, e: Expr, of: Of) -> Piece:
    x, *args = e.inputs
    x = bare(x)
    index = _index(w, e.op.spec, args, of)
    if isinstance(x.op, Elementwise) and x.op.nin == 1 and x.op in (ops.log, ops.exp):
        inner = of(bare(x.inputs[0]))  # log(p)[k, y_k] is log p[k, y_k]
        if not is_renamed(of, x):
            if inner.level >= POSTFIX:
                return w.style.applied(x.op.name, w.style.indexed(inner, index))
            return w.style.indexed(w.style.call(x.op.name, [inner.text]), index)
    return w.style.indexed(of(x), index)


def is_renamed(of: Of, node: Expr) -> bool:
    """Whether a node stands under a name of its own."""
    return node in getattr(of, "named", ())


@shows(IncIndex)
def _changed(w: Scribe, e: Expr, of: Of) -> Piece:
    x, value, *args = e.inputs
    index, base = _index(w, e.op.spec, args, of), bare(x)
    put = of(operand(value, [])).text
    while isinstance(base.op, (shaping.Alloc, shaping.BroadcastLike)):
        base = bare(base.inputs[0])
    sign = w.style.arrow if e.op.assign else " += "
    if isinstance(base, Constant) and not base.value.any():
        once = not any(entry[0] in ("array", "mask") for entry in e.op.spec)
        return w.style.call("place", [f"[{index}]{w.style.arrow if once else sign}{put}"])
    return w.style.call("change", [w.style.indexed(of(bare(x)), index).text + sign + put])


@shows(OneHot)
def _one_hot(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.call("onehot", [of(bare(e.inputs[0])).text])


# -- shapes ----------------------------------------------------------------------------------


@shows(shaping.Alloc, shaping.BroadcastLike)
def _filled(w: Scribe, e: Expr, of: Of) -> Piece:
    value = bare(e.inputs[0])
    lengths = w.lengths(e)
    if isinstance(e.op, shaping.BroadcastLike):
        shape = lengths or [w.style.call("shape", [of(bare(e.inputs[1])).text]).text]
    else:
        shape = lengths or [of(bare(n)).text for n in e.inputs[1:]]
    number = value.value.flat[0] if isinstance(value, Constant) and value.value.size else None
    if number == 0 and not value.ndim:
        return w.style.call("zeros", shape)
    ones = w.style.filled(shape)
    if number == 1 and not value.ndim:
        return ones
    if is_scalar(value):
        if value.op is ops.true_div:
            above, below = operands(value)
            if is_scalar(below):
                return w.style.over(_scaled(w, above, ones, of), of(below))
        return _scaled(w, value, ones, of)
    return w.style.each(of(value), ones)


def _scaled(w: Scribe, value: Expr, ones: Piece, of: Of) -> Piece:
    if isinstance(value, Constant) and value.value.size and value.value.flat[0] == 1:
        return ones
    return w.style.times(of(value), ones)


@shows(shaping.SumLike)
def _sum_like(w: Scribe, e: Expr, of: Of) -> Piece:
    x, like = e.inputs
    if not like.ndim:
        return w.style.over_axes("sum", "", of(bare(x)))
    if x.ndim == 2 and like.ndim == 1:
        return w.style.over_axes("sum", "rows", of(bare(x)))
    return w.style.call("sum_like", [of(bare(x)).text, of(bare(like)).text])


@shows(ops.Reshape)
def _reshape(w: Scribe, e: Expr, of: Of) -> Piece:
    x, *lengths = e.inputs
    if e.ndim == 1:
        return w.style.call("flatten", [of(bare(x)).text])
    shape = w.lengths(e) or [of(bare(n)).text for n in lengths]
    return w.style.call("reshape", [of(bare(x)).text, w.style.shape(shape)])


@shows(Dim)
def _dim(w: Scribe, e: Expr, of: Of) -> Piece:
    (x,), axis = e.inputs, e.op.axis
    source = length_source(x, axis)
    if isinstance(source, int):
        return w.style.number(source)
    x, axis = source
    shown = of(bare(x) if bare(x).ndim == x.ndim else x).text
    return w.style.call("len", [shown, *([w.style.words(f"axis {axis}")] if axis else [])])


@shows(Arange)
def _arange(w: Scribe, e: Expr, of: Of) -> Piece:
    start, stop, step = (bare(i) for i in e.inputs)
    given = [stop] if _is_count(e) else [start, stop, step]
    return w.style.call("arange", [of(i).text for i in given])


@shows(MakeVector)
def _vector(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.array([of(bare(i)).text for i in e.inputs])


@shows(Project)
def _project(w: Scribe, e: Expr, of: Of) -> Piece:
    (results,) = e.inputs
    if isinstance(results.op, Split):
        return _split(w, results, e.op.index, of)
    if isinstance(results.op, RowLoss):
        scores, classes = (of(bare(i)) for i in results.inputs)
        if e.op.index == 0:
            return w.style.call("crossentropy", [scores.text, classes.text])
        softmax = w.style.call("softmax", [scores.text])
        return w.style.less(softmax, w.style.call("onehot", [classes.text]))
    return w.style.indexed(of(results), str(e.op.index))


def _split(w: Scribe, e: Expr, index: int, of: Of) -> Piece:
    """A part of what was joined: x[n:]."""
    x, *lengths = e.inputs
    ends: list[Piece | None] = [None]
    for length in lengths:
        end, before = of(bare(length)), ends[-1]
        ends.append(end if before is None else w.style.plus(before, end))
    last = index == len(lengths) - 1
    start, stop = ends[index], None if last else ends[index + 1]
    part = f"{start.text if start else ''}{w.style.every}{stop.text if stop else ''}"
    before_axis = f"{w.style.every}, " * e.op.axis
    return w.style.indexed(of(bare(x)), before_axis + part)


@shows(Join)
def _join(w: Scribe, e: Expr, of: Of) -> Piece:
    args = [of(bare(i)).text for i in e.inputs]
    return w.style.call(
        "join", [*args, *([w.style.words(f"axis {e.op.axis}")] if e.op.axis else [])]
    )


@shows(Diagonal)
def _diagonal(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.call("diag", [of(bare(i)).text for i in e.inputs])


@shows(PutDiagonal)
def _put_diagonal(w: Scribe, e: Expr, of: Of) -> Piece:
    x = bare(e.inputs[0])
    if isinstance(x.op, (shaping.Alloc, shaping.BroadcastLike)) and _is_one(bare(x.inputs[0])):
        return Piece("I", ATOM, short=True)
    return w.style.call("diag", [of(x).text])


def _is_one(e: Expr) -> bool:
    return isinstance(e, Constant) and e.value.size > 0 and bool((e.value == 1).all())


@shows(MatrixInverse)
def _inverse(w: Scribe, e: Expr, of: Of) -> Piece:
    return w.style.power(of(bare(e.inputs[0])), w.style.number(-1))


@shows(Running)
def _running(w: Scribe, e: Expr, of: Of) -> Piece:
    op: Any = e.op
    settings = [] if e.ndim == 1 else [f"axis {op.axis}"]
    settings += [f for f in ("reverse", "exclusive") if getattr(op, f, False)]
    args = [of(bare(i)).text for i in e.inputs]
    return w.style.call(op.name.replace("_", ""), [*args, *map(w.style.words, settings)])
