"""In which order nodes are computed, and which elementwise ones go together in a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import is_basic
from symgrad.ops.indexing.indexing import Index
from symgrad.ops.op import Lengths

Unit = list[Expr]  # the nodes of a chain, or one node

# Rough costs of an element, in additions; a chain pays for being a function of its own from
# 6 on, which is the default of `config.stress.chain`.
_COSTLY = frozenset(
    "exp exp2 expm1 log log2 log10 log1p logaddexp sin cos tan tanh sinh cosh arcsin arccos arctan "
    "arctan2 arcsinh arccosh arctanh pow hypot log1p_of_fraction log1p_by_log".split()
)


def chains(order: Sequence[Expr], known: Mapping[Expr, Lengths]) -> dict[Expr, Unit]:
    """The chain that each node belongs to, for those that belong to one.

    Two neighbouring nodes share a chain if their shapes may be equal, and no node outside of it
    lies between them: the level of a node counts how often the way to it leaves a chain.
    """
    level: dict[Expr, int] = {}
    group: dict[Expr, Unit] = {}
    for node in order:
        if node.op is None:
            level[node] = 0
            continue
        mine = known[node] if _chainable(node) else None
        near: list[Expr] = []
        height = 0
        for i in node.inputs:
            if mine is not None and i in group and _may_be_equal(known[i], mine):
                near.append(i)
                height = max(height, level[i])
            else:
                height = max(height, level[i] + (i in group))
        level[node] = height
        if mine is None:
            continue
        unit: Unit = []
        for i in near:
            other = group[i]
            if level[i] < height or other is unit:
                continue
            small, unit = sorted((unit, other), key=len)
            unit.extend(small)  # each node moves only into a group at least twice as large
            for member in small:
                group[member] = unit
        unit.append(node)
        group[node] = unit
    position = {node: k for k, node in enumerate(order)}
    least = config.stress.chain
    worth: dict[int, bool] = {}
    for unit in {id(u): u for u in group.values()}.values():
        cost = sum(4 if node.op.name in _COSTLY else 1 for node in unit)
        worth[id(unit)] = len(unit) >= min(2, least) and cost >= least
        unit.sort(key=position.__getitem__)
    return {node: unit for node, unit in group.items() if worth[id(unit)]}


def _may_be_equal(some: Lengths, others: Lengths) -> bool:
    """Whether two shapes differ by no number: `(x, 0)` and `(y, 0)` may be one length, 1 not."""
    return some == others or (
        len(some) == len(others)
        and not any(
            a != b and (isinstance(a, int) or isinstance(b, int))
            for a, b in zip(some, others, strict=True)
        )
    )


def _chainable(node: Expr) -> bool:
    op = node.op
    return node.ndim > 0 and isinstance(op, (Elementwise, Cast)) and op.takes_out


def schedule(order: Sequence[Expr], chain_of: Mapping[Expr, Unit]) -> list[Unit]:
    """The computed nodes in units, each after the units that it needs; depth first."""
    if not chain_of:
        return [[node] for node in order if node.op is not None]
    units: list[Unit] = []
    done: set[Expr] = set()
    for output in order:  # in this order, so that what comes first stays first where it can
        if output.op is None or output in done:
            continue
        stack = [output]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            unit = chain_of.get(node) or [node]
            waiting = [
                i
                for member in unit
                for i in member.inputs
                if i.op is not None and i not in done and chain_of.get(i) is not unit
            ]
            if waiting:
                waiting.reverse()
                stack.extend(waiting)
            else:
                done.update(unit)
                units.append(unit)
                stack.pop()
    return units


def early(order: Sequence[Expr], ints: set[Expr]) -> set[Expr]:
    """Nodes that cost nothing and may come before all others: slices of what is given."""
    found: set[Expr] = set()
    for node in order:
        if node.op is None:
            continue
        free = node in ints or (isinstance(node.op, Index) and is_basic(node.op.spec))
        if free and all(i.op is None or i in found for i in node.inputs):
            found.add(node)
    return found
