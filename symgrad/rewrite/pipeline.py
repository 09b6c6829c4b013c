"""The order in which rules are applied to a graph that is going to be computed."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph.collector import collector_paused
from symgrad.graph.expr import Expr
from symgrad.rewrite.algebra import ALGEBRA
from symgrad.rewrite.barriers import BARRIERS
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.equal_lengths import drop_broadcasting
from symgrad.rewrite.increments import INCREMENTS
from symgrad.rewrite.inner import INNER
from symgrad.rewrite.losses import LOSSES
from symgrad.rewrite.lowering import LOWERING
from symgrad.rewrite.products import use_blas
from symgrad.rewrite.shapes import SHAPES, bind
from symgrad.rewrite.slices import SLICES
from symgrad.rewrite.stability import STABILITY


@collector_paused()
def prepare(outputs: Sequence[Expr], simplify: bool = True) -> list[Expr]:
    """Rewrite a graph for computing: stable first, then small.

    Parameters
    ----------
    outputs : sequence of Expr
        The graph.
    simplify : bool
        Whether to do more than what keeps values finite.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> prepare([T.log(T.nnet.softmax(x)) * 1])[0].op.name
    'log_softmax'
    """
    # The stability rules come alone at first, as before differentiation: so they find the same
    # forms, and what a gradient computes on the way is what the cost computes.
    graph = rewrite(outputs, [BARRIERS, STABILITY])
    if not simplify:
        return graph
    return rewrite(graph, bind(STABILITY, SHAPES, SLICES, INCREMENTS, ALGEBRA))


@collector_paused()
def lower(outputs: Sequence[Expr]) -> list[Expr]:
    """Turn a small graph into what the machine runs: BLAS calls, fused losses, NumPy's functions.

    No gradient is taken afterwards, so what comes out need not have one.
    """
    graph = drop_broadcasting(rewrite(outputs, bind(LOSSES, INNER)))
    return rewrite(use_blas(graph), bind(LOWERING))
