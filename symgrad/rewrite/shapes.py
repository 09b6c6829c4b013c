"""Shapes computed without computing values, and broadcasting undone where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.errors import inherit_origin
from symgrad.graph.expr import Expr
from symgrad.graph.walk import rebuild, toposort
from symgrad.ops.constructors import Arange
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing import IncIndex, Index
from symgrad.ops.lengths import Dim, Shape
from symgrad.ops.op import Lengths
from symgrad.ops.shaping import BroadcastLike, SumLike


def known_lengths(order: Sequence[Expr]) -> dict[Expr, Lengths]:
    """For each node, where each of its lengths comes from: two equal entries are equal lengths.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> y = T.exp(x.T)
    >>> known_lengths(toposort([y]))[y]
    ((x, 1), (x, 0))
    """
    known: dict[Expr, Lengths] = {}
    for node in order:
        if node.op is None:
            lengths: Lengths = tuple((node, axis) for axis in range(node.ndim))
        else:
            lengths = node.op.lengths(node, known)
        known[node] = tuple(
            length if static is None else static
            for length, static in zip(lengths, node.static_shape, strict=True)
        )
    return known


def simplify_shapes(outputs: Sequence[Expr]) -> list[Expr]:
    """Ask for each length where it comes from, and drop broadcasting that does nothing.

    `exp(x).shape[0]` → `x.shape[0]`; `sum_like(g, x)` → `g` where both have the shape of `x`;
    `broadcast_like(a, x) * x` → `a * x`; adding at an index that holds `arange` needs no care for
    elements that are named twice.
    """
    order = toposort(outputs)
    known = known_lengths(order)
    new: dict[Expr, Expr] = {}
    for node in order:
        if isinstance(node.op, _SIMPLER):
            with inherit_origin(node.origin):
                better = _simpler(node, known)
            if better is None:
                continue
            if node.notes is not None and better not in known:  # made here
                better.notes = node.notes.copy()
            new[node] = better
    return _substitute_all(outputs, new) if new else list(outputs)


_SIMPLER = (Dim, Shape, SumLike, BroadcastLike, Elementwise, IncIndex)


def _simpler(node: Expr, known: dict[Expr, Lengths]) -> Expr | None:
    """What a node may be replaced by, as far as lengths are concerned."""
    op = node.op
    if isinstance(op, Dim):
        length = known[node.inputs[0]][op.axis]
        if isinstance(length, tuple) and length[0] is not node.inputs[0]:
            return Dim(length[1]).make(length[0])
        return None
    if isinstance(op, Shape):
        source = _shape_source(known[node.inputs[0]])
        return None if source is None or source is node.inputs[0] else Shape().make(source)
    if isinstance(op, (SumLike, BroadcastLike)):
        x, like = node.inputs
        return x if known[x] == known[like] else None
    if isinstance(op, Elementwise):
        inputs = _without_broadcasting(node, known)
        return None if inputs is None else op.make(*inputs)
    return _simpler_increment(node, known)


def _without_broadcasting(node: Expr, known: dict[Expr, Lengths]) -> list[Expr] | None:
    """The inputs, each repeated one as it was before, if another has the shape of the result."""
    repeated = [isinstance(i.op, BroadcastLike) for i in node.inputs]
    shapes = {known[i] for i, r in zip(node.inputs, repeated, strict=True) if not r}
    if not any(known[i] in shapes for i, r in zip(node.inputs, repeated, strict=True) if r):
        return None
    return [
        i.inputs[0] if r and known[i] in shapes else i
        for i, r in zip(node.inputs, repeated, strict=True)
    ]


def _simpler_increment(node: Expr, known: dict[Expr, Lengths]) -> Expr | None:
    """The same change of a part, its value not repeated and its index known to be distinct."""
    x, value, *index = node.inputs
    op = node.op
    if isinstance(value.op, BroadcastLike):
        part = value.inputs[1]  # the gradient of an indexing repeats to the shape of the part
        same = isinstance(part.op, Index) and part.op.spec == op.spec
        if same and part.inputs[1:] == tuple(index) and known[part.inputs[0]] == known[x]:
            value = value.inputs[0]
    distinct = op.distinct or _is_distinct(index, known)
    if value is node.inputs[1] and distinct == op.distinct:
        return None
    return IncIndex(op.spec, op.assign, distinct).make(x, value, *index)


def _is_distinct(index: Sequence[Expr], known: dict[Expr, Lengths]) -> bool:
    """Whether one of several index vectors of one length counts up: no element comes twice."""
    vectors = [i for i in index if i.ndim]
    return (
        len({known[i] for i in vectors}) == 1
        and all(i.ndim == 1 for i in vectors)
        and any(isinstance(i.op, Arange) and i.op.counts_up(i) for i in vectors)
    )


def _shape_source(lengths: Lengths) -> Expr | None:
    """The node that has exactly these lengths, if there is one."""
    if not lengths or not isinstance(lengths[0], tuple):
        return None
    source = lengths[0][0]
    same = lengths == tuple((source, axis) for axis in range(source.ndim))
    return source if same else None


def _substitute_all(outputs: Sequence[Expr], new: dict[Expr, Expr]) -> list[Expr]:
    """Substitute, inside the replacements too (they are smaller than what they replace)."""
    final: dict[Expr, Expr] = {}
    for node in toposort([*outputs, *new.values()]):
        target = new.get(node, node)
        if target not in final:
            inputs = tuple(final[i] for i in target.inputs)
            # expressions are equal only to themselves
            final[target] = target if inputs == target.inputs else rebuild(target, inputs)
        final[node] = final[target]
    return [final[output] for output in outputs]
