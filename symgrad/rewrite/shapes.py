"""Shapes computed without computing values, and broadcasting undone where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph.expr import Expr
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.op import Lengths
from symgrad.ops.shaping import BroadcastLike, Dim, Shape, SumLike


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

    `exp(x).shape[0]` → `x.shape[0]`; `sum_like(g, x)` → `g` where both have the shape of `x`.
    """
    order = toposort(outputs)
    known = known_lengths(order)
    new: dict[Expr, Expr] = {}
    for node in order:
        op = node.op
        if isinstance(op, Dim):
            length = known[node.inputs[0]][op.axis]
            if isinstance(length, tuple) and length[0] is not node.inputs[0]:
                new[node] = Dim(length[1]).make(length[0])
        elif isinstance(op, Shape):
            source = _shape_source(known[node.inputs[0]])
            if source is not None and source is not node.inputs[0]:
                new[node] = Shape().make(source)
        elif isinstance(op, (SumLike, BroadcastLike)):
            x, like = node.inputs
            if known[x] == known[like]:
                new[node] = new.get(x, x)
    return _substitute_all(outputs, new) if new else list(outputs)


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
        replacement = new.get(node)
        if replacement is None:
            final[node] = substitute([node], {i: final[i] for i in node.inputs})[0]
        elif replacement in final:
            final[node] = final[replacement]
        else:
            final[node] = substitute([replacement], {i: final[i] for i in replacement.inputs})[0]
    return [final[output] for output in outputs]
