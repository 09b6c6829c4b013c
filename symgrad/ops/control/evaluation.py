"""Computing a graph at once, node by node, with any array namespace: no plan, no source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.errors import MissingInputError, describe, made_at
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort


def evaluate(outputs: Sequence[Expr], xp: Any, values: Mapping[Expr, Any]) -> list[Any]:
    """Compute expressions node by node with an array namespace.

    Slow and simple: the graph as it stands, by what each operation says of itself. It serves
    where no program has been compiled, and as a reference for those that have.

    Parameters
    ----------
    outputs : sequence of Expr
        What to compute.
    xp : module
        `numpy` or `jax.numpy`.
    values : dict
        Arrays for the placeholders (and for any other nodes).

    Raises
    ------
    MissingInputError
        If a placeholder has no value.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> float(evaluate([x * 2 + 1], np, {x: np.array(3.0)})[0])
    7.0
    """
    known = dict(values)
    for node in toposort(outputs, stop=known):
        if node in known:
            continue
        if isinstance(node, Constant):
            known[node] = xp.asarray(node.value)
        elif isinstance(node, Shared):
            known[node] = xp.asarray(node.cell.value)
        elif node.op is None:
            raise MissingInputError(f"evaluate: {describe(node)} needs a value.\n{made_at(node)}")
        else:
            impl = node.op.impl
            if xp is not np:
                impl = getattr(node.op, "impl_jax", impl)
            known[node] = impl(xp, *[known[i] for i in node.inputs])
    return [known[output] for output in outputs]
