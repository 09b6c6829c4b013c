"""The rewriting engine: merge equal nodes, apply rules bottom-up until none fires.

A rule is a function from a node to its replacement, or None. It looks only at the node and what
is below it; what is below has been rewritten already when the rule is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from symgrad.errors import GraphTypeError, inherit_origin
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import rebuild
from symgrad.ops.op import Op

_LARGE = 4096  # bytes; larger constants are merged by identity only

Rule = Callable[[Expr], "Expr | None"]


class Fired(NamedTuple):
    """One rewrite that happened."""

    rule: str
    before: Expr
    after: Expr


class RuleSet:
    """Rules indexed by the operation at the root of what they replace.

    >>> rules = RuleSet("example")
    >>> len(rules)
    0
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._by_op: dict[Any, list[Rule]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_op.values()))

    def __call__(self, *ops: Any) -> Callable[[Rule], Rule]:
        """Decorate a rule with the operations (or operation classes) that it may replace."""

        def register(rule: Rule) -> Rule:
            for op in ops:
                self._by_op.setdefault(op, []).append(rule)
            return rule

        return register

    def of(self, op: Op) -> Sequence[Rule]:
        """The rules for one operation, in the order in which they were written."""
        return self._by_op.get(op) or self._by_op.get(type(op), ())


def rewrite(
    outputs: Sequence[Expr],
    rules: Sequence[RuleSet] = (),
    merge: bool = True,
    stop: Collection[Expr] = (),
    trace: list[Fired] | None = None,
) -> list[Expr]:
    """Rewrite a graph to a fixed point.

    Parameters
    ----------
    outputs : sequence of Expr
        The graph.
    rules : sequence of RuleSet
        What to apply, in this order.
    merge : bool
        Make nodes of equal operation and inputs one (never those with a side effect).
    stop : collection of Expr
        Nodes that are left as they are, with what is below them.
    trace : list, optional
        Receives what fired.

    Returns
    -------
    list of Expr
        The new outputs, with the names and origins of the old ones.
    """
    return _Rewriter(rules, merge, stop, trace).run(outputs)


class _Rewriter:
    def __init__(
        self,
        rules: Sequence[RuleSet],
        merge: bool,
        stop: Collection[Expr],
        trace: list[Fired] | None,
    ) -> None:
        self.rules = rules
        self.merge = merge
        self.stop = stop
        self.trace = trace
        self.final: dict[Expr, Expr] = {}
        self.unique: dict[Any, Expr] = {}
        self.budget = 100  # grows with the graph: rules that undo each other must stop

    def run(self, outputs: Sequence[Expr]) -> list[Expr]:
        for output in outputs:
            self._settle(output)
        return [self.final[output] for output in outputs]

    def _settle(self, root: Expr) -> None:
        """Find the final form of `root`; an explicit stack, no recursion."""
        # (node, what it has been rewritten to so far); a node waits below what it needs
        stack: list[tuple[Expr, Expr]] = [(root, root)]
        final = self.final
        while stack:
            node, current = stack[-1]
            if node in final:
                stack.pop()
                continue
            if current in final:
                final[node] = final[current]
                stack.pop()
                continue
            if current.op is None or current in self.stop:
                final[current] = final[node] = self._merged(current)
                stack.pop()
                continue
            waiting = [i for i in current.inputs if i not in final]
            if waiting:
                stack.extend((i, i) for i in reversed(waiting))
                continue
            inputs = [final[i] for i in current.inputs]
            made = current
            if any(a is not b for a, b in zip(inputs, current.inputs, strict=True)):
                made = self._merged(rebuild(current, inputs))
            else:
                made = self._merged(current)
            if made in final:  # an equal node was settled before
                final[current] = final[node] = final[made]
                stack.pop()
                continue
            self.budget += 20
            better = self._improve(made) if self.budget > 0 else None
            if better is None:
                final[made] = final[current] = final[node] = made
                stack.pop()
            else:
                stack[-1] = (node, better)

    def _improve(self, node: Expr) -> Expr | None:
        for rules in self.rules:
            for rule in rules.of(node.op):
                with inherit_origin(node.origin):
                    better = rule(node)
                if better is None or better is node:
                    continue
                if better.type.dtype != node.type.dtype or better.type.ndim != node.type.ndim:
                    raise GraphTypeError(
                        f"rewrite rule {rule.__name__} turned a {node.type} into a {better.type}"
                    )
                self.budget -= 21
                if node.notes is not None and better.notes is None and better.op is not None:
                    better.notes = node.notes
                if self.trace is not None:
                    self.trace.append(Fired(rule.__name__, node, better))
                return better
        return None

    def _merged(self, node: Expr) -> Expr:
        if not self.merge:
            return node
        key: Any
        if isinstance(node, Constant):
            if node.value.nbytes > _LARGE:
                return node
            key = (Constant, node.value.dtype.str, node.value.shape, node.value.tobytes())
        elif node.op is None or node.op.has_side_effect:
            return node
        else:
            key = (node.op, node.inputs)
        known = self.unique.setdefault(key, node)
        if known is not node and node.name and not known.name and known.op is not None:
            known.notes = node.notes
        return known


def names(fired: Iterable[Fired]) -> list[str]:
    """The names of the rules that fired, in order."""
    return [f.rule for f in fired]
