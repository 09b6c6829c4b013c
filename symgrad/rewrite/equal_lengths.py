"""Lengths that must be equal for a program to run at all: `dot(x, W)` has one inner length."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from symgrad.graph.expr import Expr
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.arrays.shaping import BroadcastLike, SumLike
from symgrad.ops.op import Lengths
from symgrad.rewrite.shapes import known_lengths

Length = int | tuple[Expr, int]


class Equalities(NamedTuple):
    """Where lengths come from, equal ones made one, and the pairs that this rests on."""

    known: Mapping[Expr, Lengths]
    pairs: tuple[tuple[Length, Length], ...]


def equal_lengths(order: Sequence[Expr], among: Container[Expr] | None = None) -> Equalities:
    """`known_lengths`, in which lengths that products make equal are one.

    Parameters
    ----------
    order : sequence of Expr
        The graph, each node after its inputs.
    among : container of Expr, optional
        Only lengths of these nodes are made one.

    >>> import symgrad.tensor as T
    >>> x, W = T.dmatrices("x", "W")
    >>> known, pairs = equal_lengths(toposort([T.dot(x, W)]))
    >>> known[W], pairs
    (((x, 1), (W, 1)), (((x, 1), (W, 0)),))
    """
    known = known_lengths(order)
    one: dict[Length, Length] = {}

    def found(length: Length) -> Length:
        while length in one:
            length = one[length]
        return length

    pairs = []
    for node in order:
        if node.op is None:
            continue
        for a, b in node.op.equal_lengths(node, known):
            a, b = found(a), found(b)
            if a == b or (isinstance(a, int) and isinstance(b, int)):
                continue  # two numbers: the operation itself will say so
            if among is not None and any(
                isinstance(n, tuple) and n[0] not in among for n in (a, b)
            ):
                continue
            if isinstance(b, int) or (_computed(a) and not _computed(b)):
                a, b = b, a
            one[b] = a
            pairs.append((a, b))
    if pairs:
        known = {node: tuple([found(n) for n in lengths]) for node, lengths in known.items()}
    return Equalities(known, tuple(pairs))


def _computed(length: Length) -> bool:
    return isinstance(length, tuple) and length[0].op is not None


def drop_broadcasting(outputs: Sequence[Expr]) -> list[Expr]:
    """Drop `sum_like` and `broadcast_like` between shapes that a product makes equal."""
    order = toposort(outputs)
    if not any(isinstance(node.op, (SumLike, BroadcastLike)) for node in order):
        return list(outputs)
    known, _ = equal_lengths(order)
    same: dict[Expr, Expr] = {}
    for node in order:
        if isinstance(node.op, (SumLike, BroadcastLike)):
            x, like = node.inputs
            if known[x] == known[like]:
                same[node] = same.get(x, x)
    return substitute(outputs, same)
