"""The order in which rules are applied to a graph that is going to be computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from symgrad import ops
from symgrad.graph.collector import collector_paused
from symgrad.graph.expr import Expr
from symgrad.rewrite.algebra import ALGEBRA
from symgrad.rewrite.engine import Fired, RuleSet, rewrite
from symgrad.rewrite.equal_lengths import drop_broadcasting
from symgrad.rewrite.increments import INCREMENTS
from symgrad.rewrite.inner import INNER
from symgrad.rewrite.losses import LOSSES
from symgrad.rewrite.lowering import LOWERING, SLOPES
from symgrad.rewrite.products import use_blas
from symgrad.rewrite.shapes import SHAPES, bind
from symgrad.rewrite.slices import SLICES
from symgrad.rewrite.stability import STABILITY

BARRIERS = RuleSet("barriers")


@BARRIERS(*ops.BARRIERS)
def barrier_is_identity(e: Expr) -> Expr | None:
    """disconnected_grad(x) → x and kin, so that the stability rules see through them."""
    return e.inputs[0]


Pass = Callable[[Sequence[Expr], "list[Fired] | None"], list[Expr]]


class Passed(NamedTuple):
    """What one pass made of a graph, and the rules that fired; a pass without rules lists none."""

    name: str
    before: list[Expr]
    after: list[Expr]
    fired: list[Fired]


def _stabilise(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return rewrite(graph, [BARRIERS, STABILITY], trace=trace)


def _simplify(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return rewrite(graph, bind(STABILITY, SHAPES, SLICES, INCREMENTS, ALGEBRA), trace=trace)


def _fuse_losses(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return rewrite(graph, bind(LOSSES, INNER, SLOPES), trace=trace)


def _drop_broadcasting(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return drop_broadcasting(graph)


def _use_blas(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return use_blas(graph)


def _lower(graph: Sequence[Expr], trace: list[Fired] | None) -> list[Expr]:
    return rewrite(graph, bind(LOWERING), trace=trace)


# The stability rules come alone at first, as before differentiation: so they find the same
# forms, and what a gradient computes on the way is what the cost computes.
_STABLE: tuple[tuple[str, Pass], ...] = (("stability", _stabilise),)
_SMALL: tuple[tuple[str, Pass], ...] = (("simplification", _simplify),)
_LOW: tuple[tuple[str, Pass], ...] = (
    ("losses", _fuse_losses),
    ("broadcasting", _drop_broadcasting),
    ("blas", _use_blas),
    ("lowering", _lower),
)


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
    graph = list(outputs)
    for _, run in (*_STABLE, *_SMALL) if simplify else _STABLE:
        graph = run(graph, None)
    return graph


@collector_paused()
def lower(outputs: Sequence[Expr]) -> list[Expr]:
    """Turn a small graph into what the machine runs: BLAS calls, fused losses, NumPy's functions.

    No gradient is taken afterwards, so what comes out need not have one.
    """
    graph = list(outputs)
    for _, run in _LOW:
        graph = run(graph, None)
    return graph


@collector_paused()
def traced(outputs: Sequence[Expr], simplify: bool = True) -> list[Passed]:
    """Rewrite a graph as `prepare` and, if it is simplified, `lower` do; tell what each pass did.

    >>> import symgrad.tensor as T
    >>> x = T.dmatrix("x")
    >>> [(p.name, [f.rule for f in p.fired]) for p in traced([T.log(T.nnet.softmax(x)) * 1])[:2]]
    [('stability', ['log_of_softmax']), ('simplification', ['times_one'])]
    """
    passes = (*_STABLE, *_SMALL, *_LOW) if simplify else _STABLE
    found: list[Passed] = []
    graph = list(outputs)
    for name, run in passes:
        fired: list[Fired] = []
        before, graph = graph, run(graph, fired)
        found.append(Passed(name, before, graph, fired))
    return found
