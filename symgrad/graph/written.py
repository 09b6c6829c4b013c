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
from symgrad.graph.walk import toposort


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
    order = toposort(outputs, stop)
    seen = set(order)
    for node in order:  # it grows on the way
        if node.notes is not None and node.notes.written and node not in stop:
            more = toposort(node.notes.written, stop)
            order += [n for n in more if n not in seen]
            seen.update(more)
    return order


def remember(results: Sequence[Any], sources: Sequence[Expr]) -> list[Any]:
    """Let each result remember the sources if it does not depend on all their leaves itself."""
    bits: dict[Expr, int] = {}
    for node in (*sources, *as_written(sources)):
        if node.op is None and not isinstance(node, Constant) and node not in bits:
            bits[node] = 1 << len(bits)
    everything = (1 << len(bits)) - 1
    found: dict[Expr, int] = {}
    for node in toposort([r for r in results if isinstance(r, Expr)]):
        reached = bits.get(node, 0)
        for i in node.inputs:
            reached |= found[i]
        found[node] = reached
    return [
        written_from(r, sources) if isinstance(r, Expr) and found[r] != everything else r
        for r in results
    ]
