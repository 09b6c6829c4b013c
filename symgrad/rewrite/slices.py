"""Indexing moved below cheap work on data: a slice of a dataset never computes with all of it."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad import ops
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.ops.arrays.lengths import MakeVector
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import SYMBOL, Entry, Spec, count_inputs, is_basic
from symgrad.rewrite.shapes import LengthRules, LengthsOf

SLICES = LengthRules("slices")

_VIEWS = (ops.Cast, ops.DimShuffle, ops.Reshape)
_WHOLE = ("slice", None, None, None)
_DEEP = 8  # operations between data and the index that are moved
_OFTEN = 4  # parts of one whole that are computed apart


@SLICES(ops.Index)
def index_of_everything(e: Expr, lengths: LengthsOf) -> Expr | None:
    """x[:] → x."""
    return e.inputs[0] if all(entry == _WHOLE for entry in e.op.spec) else None


@SLICES(ops.Index)
def entry_of_vector(e: Expr, lengths: LengthsOf) -> Expr | None:
    """[a, b, c][1] → b."""
    vector = e.inputs[0]
    if not isinstance(vector.op, MakeVector) or len(e.op.spec) != 1:
        return None
    kind, *where = e.op.spec[0]
    return vector.inputs[where[0]] if kind == "int" and where[0] != SYMBOL else None


@SLICES(ops.Index, needs=[ops.Cast])
def index_of_cast(e: Expr, lengths: LengthsOf) -> Expr | None:
    """cast(x)[i] → cast(x[i])."""
    whole, *index = e.inputs
    if not isinstance(whole.op, ops.Cast):
        return None
    return whole.op.make(e.op.make(whole.inputs[0], *index))


@SLICES(ops.Index, needs=[Elementwise])
def index_of_scaled(e: Expr, lengths: LengthsOf) -> Expr | None:
    """((x - mean) / 255)[i] → (x[i] - mean) / 255, where x is an input or shared.

    What is computed otherwise may be needed whole. An array may name more elements than an input
    has, so it moves only where x is shared: a dataset, or a table that is looked up.
    """
    whole, *index = e.inputs
    if not isinstance(whole.op, Elementwise) or not _is_data(whole, not is_basic(e.op.spec)):
        return None
    made = _moved(whole, e.op, e.op.spec, index, lengths)
    if made is not None or not is_basic(e.op.spec) or e.op.spec[0][0] == "new":
        return made
    # Of the other axes a length may be unknown: the rows alone.
    rows, *others = e.op.spec
    if rows == _WHOLE or all(entry == _WHOLE for entry in others):
        return None
    count = count_inputs(rows)
    only = (rows, *[_WHOLE] * (whole.ndim - 1))
    made = _moved(whole, e.op, only, index[:count], lengths)
    rest = others if rows[0] == "int" else [_WHOLE, *others]
    return None if made is None else e.op.on_part(tuple(rest)).make(made, *index[count:])


def _moved(
    whole: Expr, op: ops.Index, spec: Spec, index: Sequence[Expr], lengths: LengthsOf
) -> Expr | None:
    parts = []
    for i in whole.inputs:
        part = _part(i, whole, op, spec, index, lengths)
        if part is None:
            return None
        parts.append(part)
    if not _moves(whole, lengths):
        return None
    made: Expr = whole.op.make(*parts)
    return made


@SLICES(ops.Index, needs=[ops.DimShuffle, ops.Reshape])
def index_of_view(e: Expr, lengths: LengthsOf) -> Expr | None:
    """cast(x).T[i] → cast(x.T)[i], (x / 255).flatten()[i] → (x.flatten() / 255)[i], x as above."""
    view, *index = e.inputs
    if not isinstance(view.op, (ops.DimShuffle, ops.Reshape)):
        return None
    whole, *rest = view.inputs
    if not isinstance(whole.op, (Elementwise, ops.Cast)):
        return None
    wide = [i for i in whole.inputs if i.ndim]
    if len(wide) != 1 or not _is_data(whole, not is_basic(e.op.spec)):
        return None
    seen = view.op.make(wide[0], *rest)
    made = whole.op.make(*[seen if i is wide[0] else i for i in whole.inputs])
    return e.op.make(made, *index) if _moves(whole, lengths) else None


def _moves(whole: Expr, lengths: LengthsOf) -> bool:
    """Whether one more part may be computed alone: if many are asked for, the whole is cheaper."""
    lengths.moved[whole] = lengths.moved.get(whole, 0) + 1
    return lengths.moved[whole] <= _OFTEN


def _is_data(e: Expr, shared: bool) -> bool:
    """Whether a few casts, views and elementwise operations on data give this.

    The data are inputs or shared variables (with `shared`, only those); numbers, and what is
    repeated along the first axis, may stand beside them.
    """
    todo = [e]
    for _ in range(_DEEP):
        if not todo:
            return True
        e = todo.pop()
        if e.op is None:
            if isinstance(e, Constant) or (shared and not isinstance(e, Shared)):
                return False
        elif isinstance(e.op, _VIEWS) or (isinstance(e.op, ops.Index) and is_basic(e.op.spec)):
            todo.append(e.inputs[0])
        elif isinstance(e.op, Elementwise) and e.ndim:
            todo += [i for i in e.inputs if i.ndim == e.ndim and i.static_shape[0] != 1]
        else:
            return False
    return False


def _part(
    x: Expr, whole: Expr, op: ops.Index, spec: Spec, index: Sequence[Expr], lengths: LengthsOf
) -> Expr | None:
    """What an operand of `whole` gives to `whole[index]`; None where that cannot be said."""
    if not x.ndim:
        return x
    missing = whole.ndim - x.ndim
    have, want = lengths(x), lengths(whole)
    advanced = [entry for entry in spec if entry[0] in ("array", "mask")]
    mixed = len(advanced) > 1 or (advanced and any(entry[0] == "int" for entry in spec))
    given = iter(index)
    entries: list[Entry] = []
    used: list[Expr] = []
    axis = -missing
    for entry in spec:
        kind = entry[0]
        if kind in ("new", "gap"):
            return None
        inputs = [next(given) for _ in range(count_inputs(entry))]
        taken = entry[1] if kind == "mask" else 1
        first, axis = axis, axis + taken
        if entry == _WHOLE:
            entries += [entry] * (first >= 0)
        elif first >= 0 and have[first:axis] == want[first + missing : axis + missing]:
            entries.append(entry)
            used += inputs
        elif mixed and (entry in advanced or kind == "int"):
            return None
        elif axis <= 0:
            pass  # repeated along an axis that it has not
        elif taken > 1 or have[first] != 1 or (kind == "array" and first and inputs[0].ndim != 1):
            return None
        else:  # repeated along an axis of length 1
            entries.append(("int", 0) if kind == "int" else _WHOLE)
    if all(entry == _WHOLE for entry in entries):
        return x
    return op.on_part(tuple(entries)).make(x, *used)
