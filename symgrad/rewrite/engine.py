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
        self._of_any: list[Rule] = []

    def __len__(self) -> int:
        return len(self._of_any) + sum(map(len, self._by_op.values()))

    def __call__(self, *ops: Any) -> Callable[[Rule], Rule]:
        """Decorate a rule with the operations (or operation classes) that it may replace.

        Without any, the rule is asked about every operation.
        """

        def register(rule: Rule) -> Rule:
            for op in ops:
                self._by_op.setdefault(op, []).append(rule)
            if not ops:
                self._of_any.append(rule)
            return rule

        return register

    def of(self, op: Op) -> Sequence[Rule]:
        """The rules for one operation: its own, those of its class, those of any."""
        return (
            *self._by_op.get(op, ()),
            *self._by_op.get(type(op), ()),
            *self._of_any,
        )


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
        self.final: dict[Expr, Expr] = {}  # what each node has become
        self.unique: dict[Any, Expr] = {}  # the one node of each operation and inputs
        self.own: set[Expr] = set()  # nodes made here may be named; the others are the user's
        self.rules_of: dict[Any, tuple[Rule, ...]] = {}
        # How many rules may fire yet; every node given to `run` brings more. What rules make brings
        # none, so rules that undo each other stop, and so do rules that make the graph grow.
        self.budget = 100

    def run(self, outputs: Sequence[Expr]) -> list[Expr]:
        for output in outputs:
            self._settle(output)
        return [self.final[output] for output in outputs]

    def _settle(self, root: Expr) -> None:
        """Find the final form of `root`; an explicit stack, no recursion."""
        # (node, what it has been rewritten to so far, whether it was given and not made by a rule);
        # a node waits below what it needs
        stack: list[tuple[Expr, Expr, bool]] = [(root, root, True)]
        final = self.final
        while stack:
            node, current, given = stack[-1]
            if node in final:
                stack.pop()
                continue
            if current in final:
                final[node] = final[current]
                stack.pop()
                continue
            if current.op is None or current in self.stop:
                made = self._merged(current)
                final[made] = final[current] = final[node] = made
                stack.pop()
                continue
            waiting = [(i, i, given) for i in current.inputs if i not in final]
            if waiting:
                waiting.reverse()
                stack.extend(waiting)
                continue
            made = current
            inputs = tuple([final[i] for i in current.inputs])
            if inputs != current.inputs:  # expressions are equal only to themselves
                made = rebuild(current, inputs)
                self.own.add(made)
            made = self._merged(made)
            if made in final:  # an equal node was settled before
                final[current] = final[node] = final[made]
                stack.pop()
                continue
            if given:
                self.budget += 20
            better = self._improve(made)
            if better is None:
                final[made] = final[current] = final[node] = made
                stack.pop()
            else:
                stack[-1] = (node, made, False)  # both wait for what the better one becomes
                stack.append((made, better, False))

    def _improve(self, node: Expr) -> Expr | None:
        rules = self.rules_of.get(node.op)
        if rules is None:
            rules = tuple(rule for each in self.rules for rule in each.of(node.op))
            self.rules_of[node.op] = rules
        if not rules or self.budget <= 0:
            return None
        with inherit_origin(node.origin):
            for rule in rules:
                better = rule(node)
                if better is not None and better is not node:
                    return self._accepted(rule, node, better)
        return None

    def _accepted(self, rule: Rule, node: Expr, better: Expr) -> Expr:
        if better.type.dtype != node.type.dtype or better.type.ndim != node.type.ndim:
            raise GraphTypeError(
                f"rewrite rule {rule.__name__} turned a {node.type} into a {better.type}"
            )
        self.budget -= 1
        # what is not settled is new; an older node may be the user's, and keeps its name
        if better not in self.final and better.op is not None:
            self.own.add(better)
            self._name(better, node)
        if self.trace is not None:
            self.trace.append(Fired(rule.__name__, node, better))
        return better

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
        if known is not node and known in self.own:
            self._name(known, node)
        return known

    def _name(self, node: Expr, like: Expr) -> None:
        """Give a node made here the annotations of what it stands for."""
        if node.notes is None and like.notes is not None:
            node.notes = like.notes.copy()


def names(fired: Iterable[Fired]) -> list[str]:
    """The names of the rules that fired, in order."""
    return [f.rule for f in fired]
