"""What lowered operations stand for: pictures, listings and profiles speak of what was written.

The last rewrites make of `sgn` a product that is clipped, of `softplus` five operations. The result
remembers in its annotations what it is computed instead of, and the nodes on the way what for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from symgrad.graph.expr import Expr
from symgrad.graph.notes import Notes
from symgrad.graph.walk import rebuild

_DEPTH = 3  # levels of operations that a rule looks at


def remembers(rule: Callable[..., Expr | None]) -> Callable[..., Expr | None]:
    """A rule whose results remember what they replace."""

    @wraps(rule)
    def remembering(e: Expr, *args: Any) -> Expr | None:
        better = rule(e, *args)
        if better is not None and better is not e:
            _remember(better, e)
        return better

    return remembering


def _remember(better: Expr, e: Expr) -> None:
    older: set[Expr] = set()
    level = [e]
    for _ in range(_DEPTH):
        level = [i for node in level for i in node.inputs]
        older.update(level)
    if better.op is None or better in older:
        return
    notes = Notes() if e.notes is None else e.notes.copy()
    notes.meant = notes.meant or e
    meaning = notes.part_of = notes.part_of or notes.meant
    better.notes = notes
    stack = list(better.inputs)
    while stack:
        node = stack.pop()
        if node.op is not None and node not in older and node.notes is None:
            node.note().part_of = meaning
            stack += node.inputs


def as_meant(outputs: Sequence[Expr], instead: Mapping[Expr, Expr] | None = None) -> list[Expr]:
    """The graph with what was meant instead of what is computed.

    Parameters
    ----------
    outputs : sequence of Expr
        The graph.
    instead : mapping, optional
        What stands for some nodes, whatever these are computed from.

    >>> import symgrad.tensor as T
    >>> from symgrad.rewrite.pipeline import lower
    >>> x = T.dvector("x")
    >>> low = lower([T.sgn(x)])
    >>> low[0].op, as_meant(low)[0].op
    (clip, sgn)
    """
    final: dict[Expr, Expr] = dict(instead or {})
    stack = list(outputs)
    while stack:
        node = stack[-1]
        if node in final:
            stack.pop()
            continue
        notes = node.notes
        meant = node if notes is None or notes.meant is None else notes.meant
        waiting = [i for i in meant.inputs if i not in final]
        if waiting:
            stack += reversed(waiting)
            continue
        inputs = tuple([final[i] for i in meant.inputs])
        if meant is node and all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            final[node] = node
            continue
        final[node] = made = rebuild(meant, inputs)
        made.notes = None if notes is None else notes.copy()
        if made.notes is not None:
            made.notes.meant = made.notes.part_of = None
    return [final[output] for output in outputs]


def served(node: Expr) -> Expr:
    """What a node is computed for: the one that it was made of, or itself."""
    part_of = None if node.notes is None else node.notes.part_of
    return node if part_of is None else part_of


def purpose(node: Expr) -> Any:
    """The operation that a node is computed for."""
    return served(node).op
