"""What an expression was written from, where its graph does not say so.

``T.grad(2 * x, x)`` is 2, ``T.ones_like(x)`` of a scalar is 1, and the shape of a variable whose
lengths are known is a constant: neither needs `x`, but whoever passes `x` as an input has used it.
Such a result remembers in its annotations what it was made from. Nothing is computed from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from symgrad import hooks
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TupleType
from symgrad.graph.walk import toposort

_MOST_LEAVES = 256  # of which `remember` finds out which results depend on all


class _MadeFrom:
    """What stands for an operation on the sources of many results, so that they share one node."""

    name = "made_from"
    typed_by_types = False

    def make(self, *sources: Expr) -> Expr:
        """The node of these sources."""
        return Expr(self, sources, TupleType([source.type for source in sources]), ())

    def __eq__(self, other: object) -> bool:
        return type(other) is _MadeFrom

    def __hash__(self) -> int:
        return hash(_MadeFrom)


def written_from(result: Any, sources: Sequence[Expr]) -> Any:
    """The same expression as a node of its own, which remembers what else it was made from.

    >>> import symgrad.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> x in toposort([written_from(y * 2, [x])]), x in as_written([written_from(y * 2, [x])])
    (False, True)
    """
    if result.op is None and not isinstance(result, Constant):
        made = hooks.call("tensor_copy", result)  # the user's own variable is left alone
    else:
        made = result.clone()
        made.notes = None if result.notes is None else result.notes.copy()
    made.origin = result.origin
    notes = made.note()
    notes.written = (*notes.written, *sources)
    return made


def folded(made: Constant, source: Expr) -> Constant:
    """A new constant, worked out from a source: it remembers what that was written from."""
    if source.op is not None or (source.notes is not None and source.notes.written):
        made.note().written = (source,)
    return made


def as_written(outputs: Iterable[Expr], stop: Collection[Expr] = ()) -> list[Expr]:
    """All that outputs depend on, and all that they were written from."""
    return toposort(outputs, stop, written=True)


def remember(results: Sequence[Any], sources: Sequence[Expr]) -> list[Any]:
    """Let each result remember the sources if it does not depend on all their leaves itself."""
    together = [_MadeFrom().make(*sources)] if len(sources) > 1 else sources
    whole = _whole(results, sources)
    return [
        r if not isinstance(r, Expr) or r in whole else written_from(r, together) for r in results
    ]


def _whole(results: Sequence[Any], sources: Sequence[Expr]) -> set[Expr]:
    """Those nodes of the results that depend on all leaves of the sources."""
    nodes = as_written(sources)
    leaves = [node for node in nodes if node.op is None and not isinstance(node, Constant)]
    if len(leaves) > _MOST_LEAVES:  # the sets would take more memory than the graph
        return set()
    bits = {leaf: 1 << k for k, leaf in enumerate(leaves)}
    everything = (1 << len(leaves)) - 1
    found: dict[Expr, int] = {}
    for node in toposort([r for r in results if isinstance(r, Expr)]):
        reached = bits.get(node, 0)
        for i in node.inputs:
            reached |= found[i]
        found[node] = reached
    return {node for node, reached in found.items() if reached == everything}
