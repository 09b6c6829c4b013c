"""Who shares memory with whom, and which shapes can be known before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from symgrad.graph.expr import Expr
from symgrad.graph.types import TensorType
from symgrad.ops.arrays.shaping import BroadcastLike
from symgrad.ops.op import Lengths, Op, Project


def memory_roots(order: Sequence[Expr]) -> dict[Expr, Expr]:
    """For each node, the node whose memory it may share."""
    roots: dict[Expr, Expr] = {}
    taken: dict[tuple[Expr, int], Expr] = {}
    for node in order:
        view = None if node.op is None else node.op.view_of
        if view is None:
            roots[node] = node
        elif isinstance(node.op, Project) and _is_fresh(node.inputs[0]):
            # each result has memory of its own, shared only with the same one taken out again
            roots[node] = taken.setdefault((node.inputs[0], node.op.index), node)
        else:
            roots[node] = roots[node.inputs[view]]
    return roots


def _is_fresh(node: Expr) -> bool:
    return node.op is not None and node.op.view_of is None


def overlaps(node: Expr) -> bool:
    """Whether elements of the value may share memory with each other (broadcast views)."""
    while node.op is not None and node.op.view_of is not None:
        if isinstance(node.op, BroadcastLike):
            return True
        node = node.inputs[node.op.view_of]
    return False


class Shapes:
    """Which shapes follow from those of leaves and early nodes, and how."""

    def __init__(
        self, order: Sequence[Expr], known: Mapping[Expr, Lengths], early: Collection[Expr]
    ) -> None:
        self.order = order
        self.known = known
        self.given = {
            n for n in order if (n.op is None or n in early) and type(n.type) is TensorType
        }
        self.broadcast: set[Expr] = set()
        self.certain: set[Expr] = set(self.given)
        for node in order:
            if node in self.given or type(node.type) is not TensorType:
                continue
            own = False
            certain = True
            for length in known[node]:
                if isinstance(length, tuple):
                    own = own or length[0] is node
                    certain = certain and (length[0] is node or length[0] in self.certain)
            if own and type(node.op).result_shape is not Op.result_shape:
                certain = all(i in self.certain for i in node.inputs)
                self.broadcast.add(node)
            elif own:
                certain = False
            if certain:
                self.certain.add(node)

    def rules(
        self, wanted: Collection[Expr]
    ) -> tuple[list[Expr], list[tuple[Expr, Lengths | None]]]:
        """The given nodes that decide the wanted shapes, and the steps from those to these."""
        needed = set(wanted)
        sources: list[Expr] = []
        rules: list[tuple[Expr, Lengths | None]] = []
        for node in reversed(self.order):
            if node not in needed:
                continue
            if node in self.given:
                if None in node.static_shape:
                    sources.append(node)
                else:
                    rules.append((node, node.static_shape))  # type: ignore[arg-type]
            elif node in self.broadcast:
                needed.update(node.inputs)
                rules.append((node, None))
            else:
                lengths = self.known[node]
                needed.update(length[0] for length in lengths if isinstance(length, tuple))
                rules.append((node, lengths))
        return sources[::-1], rules[::-1]
