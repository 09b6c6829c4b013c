"""The search for the operation that made a NaN, an infinity or a huge number.

The user's graph, after stabilisation, runs node by node, without shared memory, and every value is
looked at. What is found counts only where a result or an update depends on it (`demand.py`): the
branch of a `switch` that was not taken may hold what it likes. An operation made what it holds if
its inputs do not explain it: a NaN comes from a NaN, an infinity from an infinity or a NaN, a huge
number from a huge number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.compile.modes.demand import Demand, Mask, either, kept_inputs
from symgrad.compile.modes.stepwise import Steps
from symgrad.compile.recipe import Recipe
from symgrad.errors import label
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.control.loops import Body, Map
from symgrad.ops.moving import is_elementwise, moves
from symgrad.rewrite.pipeline import prepare

BIG = 1e10  # Theano's bound


class Kinds(NamedTuple):
    """What is looked for."""

    nan: bool
    infinite: bool
    big: bool

    def are_in(self, value: Any) -> bool:
        """Whether an array, or one of several, holds any of it."""
        if isinstance(value, (list, tuple)):
            return any(map(self.are_in, value))
        if not _is_float(value) or not value.size:
            return False
        if value.dtype.kind == "c":
            value = np.abs(value)
        most = float(max(value.max(), -value.min()))  # NaN where there is one
        return not most <= (BIG if self.big else np.finfo(value.dtype).max)

    def masks(self, value: Any) -> Iterator[tuple[str, Any, Any]]:
        """Each kind, which elements are of it, and which explain it in what is made of them."""
        value = np.asarray(value)
        nan, infinite = np.isnan(value), np.isinf(value)
        if self.nan:
            yield "NaN", nan, nan
        if self.infinite:
            yield "infinite", infinite, nan | infinite
        if self.big:
            big = np.abs(value) > BIG
            yield "above 1e10", big & ~infinite, big


class Trace(NamedTuple):
    """What is remembered of one run of a graph.

    Attributes
    ----------
    steps : Steps
        The graph.
    shapes : dict
        The shape of each value.
    kept : dict
        The values that tell which elements count.
    suspects : dict
        For nodes that hold what is looked for: the values of the inputs, and the value.
    rounds : dict
        For loops: number and trace of the rounds that have suspects.
    """

    steps: Steps
    shapes: dict[Expr, Any]
    kept: dict[Expr, Any]
    suspects: dict[Expr, tuple[Sequence[Any], Any]]
    rounds: dict[Expr, list[tuple[int, Trace]]]


class Finding(NamedTuple):
    """A node that made, or a variable that already held, what is looked for.

    Attributes
    ----------
    node : Expr
        The operation or variable.
    inputs, value
        The values of its inputs, and its own.
    masks : list of (str, array)
        What was found, and at which elements.
    rounds : tuple of int
        The rounds of the loops that it is in, the outermost first.
    passed_over : tuple of Expr
        What was found before and did not count, since something else was chosen.
    """

    node: Expr
    inputs: Sequence[Any]
    value: Any
    masks: list[tuple[str, Any]]
    rounds: tuple[int, ...] = ()
    passed_over: tuple[Expr, ...] = ()

    @property
    def place(self) -> tuple[int, ...]:
        """Where the first element is."""
        return tuple(int(k) for k in np.argwhere(self.masks[0][1])[0])


class Guard:
    """The graph of one function, ready to be searched at every call.

    >>> import symgrad.tensor as T
    >>> from symgrad.compile import function
    >>> x = T.dvector("x")
    >>> f = function([x], T.sqrt(T.log(x)[:1]).sum())
    >>> guard = Guard(f.recipe, Kinds(True, True, True))
    >>> guard.search({x: np.array([0.5, 1.0])}).node
    sqrt(log(x)[:1])
    >>> guard.search({x: np.array([1.0, 0.0])})
    """

    def __init__(self, recipe: Recipe, kinds: Kinds) -> None:
        self.kinds = kinds
        self.inputs, results, updates = recipe.written()
        roots = _stable([*results, *(new for _, new in updates)])
        self.steps = Steps(roots, set(self.inputs))
        self._purposes: dict[Expr, str] = {}
        for k, (root, result) in enumerate(zip(roots, results, strict=False)):
            name = f", {result.name}" if result.name else ""
            self._purposes.setdefault(root, f"output {k + 1}{name}")
        for root, (shared, _) in zip(roots[len(results) :], updates, strict=True):
            self._purposes.setdefault(root, f"the update of {label(shared)}")

    def search(self, values: Mapping[Expr, Any]) -> Finding | None:
        """The first operation, or variable, that holds what is looked for and had it from none."""
        trace = _trace(self.steps)
        with np.errstate(all="ignore"):
            try:
                self._run(trace, values)
            except Exception:  # the function will fail too, and say why
                return None
            return self.culprit(trace, dict.fromkeys(self.steps.roots, True))[0]

    def uses(self, node: Expr) -> list[Expr]:
        """The operations that use a node, in the order in which they are computed."""
        return [user for user in self.steps.order if node in user.inputs]

    def way(self, node: Expr) -> tuple[list[Expr], str]:
        """The operations from a node to what leaves the function, and what that is for."""
        users: dict[Expr, Expr] = {}
        for user in self.steps.order:
            for k, i in enumerate(user.inputs):
                if user.op.connects(k):
                    users.setdefault(i, user)
        way = [node]
        while way[-1] not in self._purposes and way[-1] in users:
            way.append(users[way[-1]])
        return way, self._purposes.get(way[-1], "")

    # -- running ---------------------------------------------------------------------------------

    def _run(self, trace: Trace, values: Mapping[Expr, Any]) -> list[Any]:
        """Compute a graph, noting down what will be asked for."""

        def visit(node: Expr, inputs: Sequence[Any], value: Any) -> None:
            trace.shapes[node] = None if isinstance(value, (list, tuple)) else np.shape(value)
            if node.op is not None:
                for i in kept_inputs(node):
                    trace.kept[i] = inputs[node.inputs.index(i)]
            if self.kinds.are_in(value):
                trace.suspects[node] = (inputs, value)

        def compute(node: Expr, inputs: Sequence[Any]) -> Any:
            op = node.op
            if not isinstance(getattr(op, "body", None), Body):
                return trace.steps.compute(node, inputs)
            if isinstance(op, Map) and not len(inputs[0]):
                return op.impl(np, *inputs)  # of no rounds only the shapes are computed
            rounds = trace.rounds.setdefault(node, [])
            number = 0

            def compute_round(steps: Steps, values: Mapping[Expr, Any]) -> list[Any]:
                nonlocal number
                inner = _trace(steps)
                results = self._run(inner, values)
                if inner.suspects or inner.rounds:
                    rounds.append((number, inner))
                number += 1
                return results

            return trace.steps.compute_loop(op, inputs, compute_round, _stable)

        return trace.steps.run(values, visit, compute)

    # -- which suspect it was --------------------------------------------------------------------

    def culprit(
        self, trace: Trace, wanted: Mapping[Expr, Mask], in_loop: bool = False
    ) -> tuple[Finding | None, Mapping[Expr, Mask]]:
        """The first suspect that counts and made what it holds; what is wanted of each node."""
        if not trace.suspects and not any(trace.rounds.values()):
            return None, {}
        demand = _DemandInLoops(self, trace)
        count = demand.of(wanted, trace.steps.order)
        passed_over: list[Expr] = []
        for node in trace.steps.order:
            if node in demand.findings:
                return demand.findings[node], count
            if node not in trace.suspects or node in trace.rounds or moves(node):
                continue
            if in_loop and node in trace.steps.given:  # what came from outside was looked at there
                continue
            inputs, value = trace.suspects[node]
            results = [(value, count.get(node))]
            if isinstance(value, (list, tuple)):
                results = [
                    (value[k], mask) for k, mask in sorted(demand.items.get(node, {}).items())
                ]
            for result, mask in results:
                masks = [] if mask is None else self._made(node, inputs, result, mask, count)
                if masks:
                    unused = tuple(_connected(passed_over, trace.steps))
                    return Finding(node, inputs, result, masks, (), unused), count
            passed_over.append(node)
        return None, count

    def _made(
        self,
        node: Expr,
        inputs: Sequence[Any],
        value: Any,
        wanted: Mask,
        count: Mapping[Expr, Mask],
    ) -> list[tuple[str, Any]]:
        """What a node made: of each kind, the elements that count and that no input explains."""
        given = [
            (i, {kind: why for kind, _, why in self.kinds.masks(v)})
            for k, (i, v) in enumerate(zip(node.inputs, inputs, strict=node.op is not None))
            if _is_float(v) and node.op.connects(k)
        ]
        found = []
        for kind, mask, _ in self.kinds.masks(value):
            if isinstance(node, Constant) and kind != "NaN":
                continue  # somebody wrote it there
            mask = mask & wanted
            for i, whys in given:
                if is_elementwise(node):
                    mask = mask & ~whys[kind]
                elif (whys[kind] & count.get(i, False)).any():
                    mask = np.zeros_like(mask)
            if mask.any():
                found.append((kind, np.asarray(mask)))
        return found


class _DemandInLoops(Demand):
    """Which elements count, also inside of loops, and what is found there."""

    def __init__(self, guard: Guard, trace: Trace) -> None:
        super().__init__(trace.shapes, trace.kept)
        self.guard, self.trace = guard, trace
        self.findings: dict[Expr, Finding] = {}

    def pass_on(self, node: Expr, mask: Mask) -> None:
        if node not in self.trace.rounds:
            super().pass_on(node, mask)
            return
        op = node.op
        sequences = op.sequences if isinstance(op, Map) else 0
        wanted: list[Mask | None] = [None] * len(node.inputs)
        if not isinstance(op, Map):
            wanted = [True] * len(node.inputs)
        for number, trace in self.trace.rounds[node]:
            roots: dict[Expr, Mask] = {}
            for k, root in enumerate(trace.steps.roots):
                part = self._of_round(op, number, k, self.items.get(node, {}))
                if part is not None:
                    roots[root] = either(roots.get(root), part)
            finding, count = self.guard.culprit(trace, roots, in_loop=True)
            if finding is not None:
                found = finding._replace(rounds=(number, *finding.rounds))
                self.findings.setdefault(node, found)
            for k, i in enumerate(op.body.inputs if isinstance(op, Map) else ()):
                if i not in count:
                    continue
                part = count[i]
                if k < sequences:
                    whole = np.zeros(self.shapes[node.inputs[k]], bool)
                    whole[number] = part
                    part = whole
                wanted[k] = either(wanted[k], part)
        for i, part in zip(node.inputs, wanted, strict=True):
            if part is not None:
                self.add(i, part)

    @staticmethod
    def _of_round(op: Any, number: int, k: int, items: Mapping[int, Mask]) -> Mask | None:
        """What is wanted of the result number `k` of one round."""
        if not isinstance(op, Map):
            return True
        part = items.get(k)
        return part if part is None or part is True or op.summed[k] else np.asarray(part[number])


def _connected(nodes: Iterable[Expr], steps: Steps) -> Iterator[Expr]:
    """Those nodes on whose values results depend: of others the shape alone was asked for."""
    used = set(steps.roots)
    for user in reversed(steps.order):
        if user in used and user.op is not None:
            used.update(i for k, i in enumerate(user.inputs) if user.op.connects(k))
    return (node for node in nodes if node in used)


def _stable(outputs: Sequence[Expr]) -> list[Expr]:
    return prepare(outputs, simplify=False)


def _trace(steps: Steps) -> Trace:
    return Trace(steps, {}, {}, {}, {})


def _is_float(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc"
