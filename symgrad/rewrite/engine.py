"""The rewriting engine: merge equal nodes, apply rules bottom-up until none fires.

A rule is a function from a node to its replacement, or None. It looks only at the node and what
is below it; what is below has been rewritten already when the rule is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from symgrad.errors import GraphTypeError
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import rebuild, toposort
from symgrad.ops.op import Op
from symgrad.origins import inherit_origin

_LARGE = 4096  # bytes; larger constants are merged by identity only

Rule = Callable[[Expr], "Expr | None"]


class Fired(NamedTuple):
    """One rewrite that happened: the rule, what it replaced, by what, its docstring, its file."""

    rule: str
    before: Expr
    after: Expr
    reason: str = ""
    module: str = ""


class RuleSet:
    """Rules indexed by the operation at the root of what they replace; those of `parts` first.

    Each rule is registered as what `adapt` makes of it.

    >>> rules = RuleSet("example")
    >>> len(rules)
    0
    """

    def __init__(
        self, name: str, *parts: RuleSet, adapt: Callable[[Rule], Rule] | None = None
    ) -> None:
        self.name = name
        self._adapt = adapt
        self._by_op: dict[Any, list[Rule]] = {}
        self._of_any: list[Rule] = []
        self._needs: dict[Rule, tuple[Any, ...]] = {}
        for part in parts:
            for op, rules in part._by_op.items():
                self._by_op.setdefault(op, []).extend(rules)
            self._of_any += part._of_any
            self._needs |= part._needs

    def __len__(self) -> int:
        return len(self._of_any) + sum(map(len, self._by_op.values()))

    def __call__(self, *ops: Any, needs: Sequence[Any] = ()) -> Callable[[Rule], Rule]:
        """Decorate a rule with the operations (or operation classes) that it may replace.

        Without any, the rule is asked about every operation. With `needs`, it is asked only in
        graphs that hold one of these operations (or classes) besides: what a rule looks for below
        a product is in few graphs, products are in most.
        """

        def register(rule: Rule) -> Rule:
            rule = rule if self._adapt is None else self._adapt(rule)
            for op in ops:
                self._by_op.setdefault(op, []).append(rule)
            if not ops:
                self._of_any.append(rule)
            if needs:
                self._needs[rule] = tuple(needs)
            return rule

        return register

    def of(self, op: Op) -> list[tuple[Rule, tuple[Any, ...]]]:
        """The rules for one operation and what they need: its own, its class's, those of any."""
        rules = (*self._by_op.get(op, ()), *self._by_op.get(type(op), ()), *self._of_any)
        return [(rule, self._needs.get(rule, ())) for rule in rules]


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


class _Kind:
    """What the engine knows of all equal operations of a graph."""

    __slots__ = ("candidates", "merges", "rules")

    def __init__(self, candidates: list[tuple[Rule, tuple[Any, ...]]], merges: bool) -> None:
        self.candidates = candidates
        self.merges = merges
        self.rules: list[Rule] = []

    def choose(self, present: Collection[Any] | None) -> None:
        """Keep the rules that need nothing besides what is present (None: anything may be)."""
        self.rules = [
            rule
            for rule, needs in self.candidates
            if not needs or present is None or any(n in present for n in needs)
        ]


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
        self.origin = inherit_origin()
        self.final: dict[Expr, Expr] = {}  # what each node has become
        self.becomes: dict[Expr, Expr] = {}  # what a node waits for: its final form is that one's
        self.unique: dict[Any, Expr] = {}  # the one node of each operation and inputs
        self.given: Sequence[Expr] = ()
        self.users: set[Expr] | None = None  # the same as a set, made when it is needed
        # Operations are many and often equal: they are compared once each, then known by their id.
        self.kinds: dict[int, _Kind] = {}
        self.kind_of: dict[Op, _Kind] = {}
        self.known: list[Op] = []  # their ids are not used again as long as they are held
        # The operations and classes seen so far; below a node to stop at, anything may be.
        self.present: set[Any] | None = None if stop else set()
        self.waiting: dict[Any, list[_Kind]] = {}  # whose rules need what is not there yet
        # How many rules may fire yet; every node given to `run` brings more. What rules make brings
        # none, so rules that make the graph grow stop.
        self.budget = 100

    def run(self, outputs: Sequence[Expr]) -> list[Expr]:
        final = self.final
        with self.origin:
            self.given = toposort(outputs, self.stop)
            for node in self.given:
                self.budget += 20
                if node not in final:
                    better = self._advance(node)
                    if better:
                        self._settle([node, *better])
        return [final[output] for output in outputs]

    def _settle(self, stack: list[Expr]) -> None:
        """Find the final form of what a rule made, and of what that needs; no recursion."""
        final, becomes = self.final, self.becomes
        while stack:
            node = stack[-1]
            if node not in final:
                waits_for = becomes.pop(node, None)
                if waits_for is not None:
                    # Where it is not final, a rule made of this node what needs it, or is equal.
                    final[node] = final.get(waits_for, node)
                else:
                    waiting = [i for i in node.inputs if i not in final]
                    if waiting and node not in self.stop:
                        waiting.reverse()
                        stack.extend(waiting)
                        continue
                    better = self._advance(node)
                    if better:
                        stack.extend(better)
                        continue
            stack.pop()

    def _advance(self, node: Expr) -> tuple[Expr, ...]:
        """Settle a node whose inputs are final, or return what it has to wait for, last first."""
        op, final = node.op, self.final
        if op is None or (self.stop and node in self.stop):
            made = self._merged(node)
            final[made] = final[node] = made
            return ()
        kind = self.kinds.get(id(op)) or self._kind(op)
        given = node.inputs
        inputs = tuple([final[i] for i in given])
        if inputs == given:  # expressions are equal only to themselves
            made = node
        else:
            made = rebuild(node, inputs)
        if kind.merges:
            known = self.unique.setdefault((kind, inputs), made)
            if known is not made:
                if made.notes is not None:
                    self._name_merged(known, made)
                made = known
                if made in self.becomes:  # rules undo each other
                    final[made] = made
            if made in final:
                final[node] = final[made]
                return ()
        better = self._improve(made, kind.rules) if kind.rules else None
        if better is None:
            final[made] = final[node] = made
            return ()
        self.becomes[made] = better
        if made is node:
            return (better,)
        self.becomes[node] = made
        return made, better

    def _kind(self, op: Op) -> _Kind:
        """Look an operation up for the first time."""
        kind = self.kind_of.get(op)
        if kind is None:
            candidates = [found for rules in self.rules for found in rules.of(op)]
            kind = self.kind_of[op] = _Kind(candidates, self.merge and not op.has_side_effect)
            if self.present is not None:
                self.present.update((op, type(op)))
                for _, needs in candidates:
                    for need in needs:
                        self.waiting.setdefault(need, []).append(kind)
                for other in (*self.waiting.pop(op, ()), *self.waiting.pop(type(op), ())):
                    other.choose(self.present)
            kind.choose(self.present)
        self.known.append(op)
        self.kinds[id(op)] = kind
        return kind

    def _improve(self, node: Expr, rules: Sequence[Rule]) -> Expr | None:
        if self.budget <= 0:
            return None
        self.origin.now(node.origin)
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
        if node.notes is not None and better not in self.final and better.op is not None:
            self._name(better, node)
        if self.trace is not None:
            # `python -OO` leaves no docstrings
            reason, module = rule.__doc__ or f"{rule.__name__}.", rule.__module__
            self.trace.append(Fired(rule.__name__, node, better, reason, module))
        return better

    def _merged(self, leaf: Expr) -> Expr:
        """The one constant of each dtype, shape and value; other leaves are what they are."""
        if not self.merge or not isinstance(leaf, Constant) or leaf.value.nbytes > _LARGE:
            return leaf
        return self.unique.setdefault((leaf.type, leaf.value.tobytes()), leaf)

    def _name_merged(self, known: Expr, node: Expr) -> None:
        """Nodes made here may take a name; the others are the user's."""
        if self.users is None:
            self.users = set(self.given)
        if known not in self.users:
            self._name(known, node)

    def _name(self, node: Expr, like: Expr) -> None:
        """Give a node made here the annotations of what it stands for."""
        if node.notes is None and like.notes is not None:
            node.notes = like.notes.copy()


def names(fired: Iterable[Fired]) -> list[str]:
    """The names of the rules that fired, in order."""
    return [f.rule for f in fired]
