"""What is looked at: a cost, its parameters and their updates, or a compiled function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.compile.call import Function
from symgrad.compile.checks import check_givens, check_outputs, check_updates
from symgrad.errors import GraphTypeError, SymgradError, repr_of
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.types import TensorType, is_float
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.shaping import DimShuffle, Reshape
from symgrad.ops.indexing.indexing import Index
from symgrad.origins import inherit_origin, is_of_gradient
from symgrad.rewrite.pipeline import prepare


class Subject(NamedTuple):
    """A cost and what belongs to it.

    Attributes
    ----------
    outputs : list of Expr
        What is computed, as it was written.
    costs : list of Expr
        The scalars among them, of float dtype if any is.
    updates : list of (Shared, Expr), or None
        None: not told.
    params : list of Expr
        What is learnt.
    chosen : bool
        The user named the parameters.
    compiled : Function or None
        The function, if it is one.
    stable : list of Expr
        The outputs rewritten so that they are finite, and no further.
    types : dict
        For each node its type, with the lengths that the values of shared variables have now.
    """

    outputs: list[Expr]
    costs: list[Expr]
    updates: list[tuple[Shared, Expr]] | None
    params: list[Expr]
    chosen: bool
    compiled: Function | None
    stable: list[Expr]
    types: dict[Expr, Any]

    @property
    def written(self) -> list[Expr]:
        """The nodes that the user wrote, each after its inputs."""
        return _forward(self.outputs)

    @property
    def as_computed(self) -> list[Expr]:
        """The nodes of the stable graph, but those of gradients."""
        return _forward(self.stable)


def _forward(roots: Iterable[Expr]) -> list[Expr]:
    return [node for node in toposort(roots) if not is_of_gradient(node.origin)]


def subject(cost: Any, params: Any, updates: Any, givens: Any) -> Subject:
    """Check what the user gave, and find out what was left out."""
    compiled = cost if isinstance(cost, Function) else None
    pairs: list[tuple[Shared, Expr]] | None
    if compiled is not None:
        if updates is not None or givens is not None:
            raise GraphTypeError(
                "lint: a compiled function brings its updates and givens; leave these out."
            )
        recipe = compiled.recipe
        outputs, pairs = list(recipe.results), list(recipe.updates)
    else:
        _, _, outputs = check_outputs(cost)
        pairs = None if updates is None else check_updates(updates)
        replacements = check_givens(givens, False)
        outputs = substitute(outputs, replacements)
        if pairs:
            news = substitute([new for _, new in pairs], replacements)
            pairs = [(old, new) for (old, _), new in zip(pairs, news, strict=True)]
    scalars = [o for o in outputs if o.ndim == 0 and o.dtype != "object"]
    costs = [o for o in scalars if is_float(o.dtype)] or scalars
    if params is not None:
        learnt = _check_params(params)
    elif pairs:
        inside = set(toposort(outputs))
        learnt = [old for old, _ in pairs if old in inside and is_float(old.dtype)]
    else:
        learnt = _parameters(costs)
    news = [new for _, new in pairs or ()]
    return Subject(
        outputs,
        costs,
        pairs,
        learnt,
        params is not None,
        compiled,
        prepare(outputs, simplify=False),
        _types([*outputs, *news]),
    )


def _check_params(params: Any) -> list[Expr]:
    given = list(params) if isinstance(params, (list, tuple)) else [params]
    for param in given:
        if not isinstance(param, Expr):
            raise GraphTypeError(f"lint: params must be a list of variables, not {repr_of(param)}.")
    return given


_VIEWS = (Cast, Index, DimShuffle, Reshape)


def _parameters(costs: Sequence[Expr]) -> list[Expr]:
    """Shared variables of real numbers, but those that are read as integers: these are labels."""
    order = toposort(costs)
    users: dict[Expr, list[Expr]] = {}
    for node in order:
        for i in node.inputs:
            users.setdefault(i, []).append(node)
    return [
        node
        for node in order
        if isinstance(node, Shared)
        and node.dtype != "object"
        and is_float(node.dtype)
        and node.ndim
        and not _read_as_integers(node, users)
    ]


def _read_as_integers(node: Expr, users: dict[Expr, list[Expr]]) -> bool:
    while len(users.get(node, ())) == 1 and isinstance(users[node][0].op, _VIEWS):
        node = users[node][0]
        if not is_float(node.dtype):
            return True
    return False


def _types(roots: Sequence[Expr]) -> dict[Expr, Any]:
    """Types of nodes, with the lengths of shared variables' values where these fit."""
    made: dict[Expr, Expr] = {}
    for node in toposort(roots):
        if isinstance(node, Shared) and node.dtype != "object":
            made[node] = Placeholder(TensorType(node.dtype, shape=np.shape(node.cell.value)))
        elif node.op is None:
            made[node] = node
        else:
            with inherit_origin(node.origin):
                try:
                    made[node] = node.op.make(*[made[i] for i in node.inputs])
                except SymgradError:
                    made[node] = node
    return {node: new.type for node, new in made.items()}


def leaves(node: Expr) -> list[Expr]:
    """What a node is computed from, but constants."""
    return [n for n in toposort([node]) if n.op is None and not isinstance(n, Constant)]
