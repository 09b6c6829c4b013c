"""Running a graph as it stands, node by node, with somebody looking at each value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort
from symgrad.ops.control.debugging import PrintValue
from symgrad.ops.control.loops import Body
from symgrad.origins import is_of_gradient

Compute = Callable[[Expr, Sequence[Any]], Any]
Visit = Callable[[Expr, Sequence[Any], Any], None]


class Steps:
    """A graph in the order in which it is computed: the user's nodes before those of gradients.

    Attributes
    ----------
    roots : tuple of Expr
        What is computed.
    order : list of Expr
        Each node after its inputs.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> steps = Steps([x * 2 + 1])
    >>> seen = []
    >>> (y,) = steps.run({x: np.array(3.0)}, visit=lambda node, inputs, v: seen.append(float(v)))
    >>> float(y)
    7.0
    >>> seen
    [3.0, 2.0, 6.0, 1.0, 7.0]
    """

    def __init__(self, roots: Sequence[Expr], given: Collection[Expr] = ()) -> None:
        self.roots = tuple(roots)
        self.given = given
        found = toposort(roots, given)
        forward = [node for node in found if not is_of_gradient(node.origin)]
        self.order = toposort([*forward, *roots], given)
        self._bodies: dict[Body, Steps] = {}
        last: dict[Expr, Expr] = {}
        for node in self.order:
            last.update((i, node) for i in node.inputs)
        kept = set(roots)
        self._dead: dict[Expr, list[Expr]] = {}
        for node, user in last.items():
            if node.op is not None and node not in kept and node not in given:
                self._dead.setdefault(user, []).append(node)

    def run(
        self, values: Mapping[Expr, Any], visit: Visit | None = None, compute: Compute | None = None
    ) -> list[Any]:
        """Compute the roots.

        Parameters
        ----------
        values : dict
            What placeholders hold, and whatever else is given.
        visit : callable, optional
            Is told each node, the values of its inputs, and its value.
        compute : callable, optional
            Computes a node; by default `compute`.
        """
        compute = compute or self.compute
        known: dict[Expr, Any] = {}
        for node in self.order:
            inputs: Sequence[Any] = ()
            if node in values:
                value = values[node]
            elif isinstance(node, Constant):
                value = node.value
            elif isinstance(node, Shared):
                value = node.cell.value
            else:
                inputs = [known[i] for i in node.inputs]
                value = compute(node, inputs)
            known[node] = value
            if visit is not None:
                visit(node, inputs, value)
            for i in self._dead.get(node, ()):
                del known[i]
        return [known[root] for root in self.roots]

    def compute(self, node: Expr, inputs: Sequence[Any]) -> Any:
        """The value of a node, loops round by round.

        Nothing is printed: what runs besides does that.
        """
        if isinstance(getattr(node.op, "body", None), Body):

            def compute_round(steps: Steps, values: Mapping[Expr, Any]) -> list[Any]:
                return steps.run(values)

            return self.compute_loop(node.op, inputs, compute_round)
        return inputs[0] if isinstance(node.op, PrintValue) else node.op.impl(np, *inputs)

    def compute_loop(
        self,
        op: Any,
        inputs: Sequence[Any],
        compute_round: Callable[[Steps, Mapping[Expr, Any]], list[Any]],
        prepared: Callable[[Sequence[Expr]], Sequence[Expr]] = list,
    ) -> Any:
        """The value of a loop, whose rounds are computed by somebody else.

        Parameters
        ----------
        op : Op
            The loop; it has a `body`.
        inputs : sequence
            The values of its inputs.
        compute_round : callable
            Is given the graph of the body, and the values of its inputs.
        prepared : callable, optional
            What is done with the outputs of the body at first.
        """
        body = op.body
        if body not in self._bodies:
            self._bodies[body] = Steps(prepared(body.outputs), set(body.inputs))
        steps = self._bodies[body]

        def compute(xp: Any, *values: Any) -> list[Any]:
            return compute_round(steps, dict(zip(body.inputs, values, strict=True)))

        watched = copy(op)
        watched.body = _WatchedBody(body.inputs, body.outputs, compute)
        return watched.impl(np, *inputs)


class _WatchedBody(NamedTuple):
    """The body of a loop, computed by somebody else."""

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]
    compute: Callable[..., list[Any]]
