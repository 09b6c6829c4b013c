"""The one walk over a graph, and what is built directly on it. Nothing here recurses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from symgrad.origins import inherit_origin

E = TypeVar("E", bound=Any)  # an expression; `Expr` walks its inputs, so it cannot be known here


def toposort(outputs: Iterable[E], stop: Collection[E] = (), written: bool = False) -> list[E]:
    """All nodes that `outputs` depend on, each after its inputs; depth first, left to right.

    Parameters
    ----------
    outputs : iterable of Expr
        Where to start.
    stop : collection of Expr
        Nodes whose inputs are not followed (they are listed themselves).
    written : bool
        Also what nodes were written from (see `symgrad.graph.written`), each before them.

    >>> import symgrad.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> [str(node) for node in toposort([x * y + x])]
    ['x', 'y', '(x * y)', '((x * y) + x)']
    """
    done: dict[E, None] = {}  # in order
    for output in outputs:
        stack = [output]
        push, pop = stack.append, stack.pop
        while stack:
            node = stack[-1]
            if node not in done:
                inputs = node.inputs
                if written and node.notes is not None and node.notes.written:
                    inputs = (*inputs, *node.notes.written)
                if inputs and not (stop and node in stop):
                    waiting = len(stack)
                    for i in inputs[::-1]:
                        if i not in done:
                            push(i)
                    if len(stack) > waiting:
                        continue
                done[node] = None
            pop()
    return list(done)


def rebuild(node: E, inputs: Sequence[E]) -> E:
    """The same operation on other inputs; annotations and origin are kept."""
    op, inputs = node.op, tuple(inputs)
    if op.typed_by_types and all(map(_same_type, inputs, node.inputs)):
        made: E = type(node)(
            op, inputs, node.type, node.origin
        )  # inference would take half the time
    else:
        with inherit_origin(node.origin):
            made = op.make(*inputs)
    if node.notes is not None:
        made.notes = node.notes.copy()
    return made


def _same_type(a: Any, b: Any) -> bool:
    return a.type is b.type or a.type == b.type


def substitute(outputs: Sequence[E], replacements: Mapping[E, E]) -> list[E]:
    """The outputs with each key of `replacements` replaced by its value, all at once.

    Replacements are not looked into. Nodes that depend on no key are returned as they are.

    >>> import symgrad.tensor as T
    >>> x, y = T.scalars("x", "y")
    >>> substitute([x + 1, y], {x: y * y})
    [((y * y) + 1.0), y]
    """
    new: dict[E, E] = dict(replacements)
    if not new:
        return list(outputs)
    for node in toposort(outputs, stop=replacements, written=True):
        if node not in new:
            inputs = tuple([new[i] for i in node.inputs])
            # expressions are equal only to themselves
            new[node] = made = node if inputs == node.inputs else rebuild(node, inputs)
            if node.notes is not None and node.notes.written:
                before = node.notes.written
                after = tuple([new[i] for i in before])
                if after != before:
                    if made is node:
                        new[node] = made = node.clone()
                        made.origin, made.notes = node.origin, node.notes.copy()
                    made.note().written = after
    return [new[output] for output in outputs]


def depends_on(outputs: Iterable[E], targets: Collection[E]) -> set[E]:
    """The nodes under `outputs` that depend on any of `targets` (targets included)."""
    reached: set[E] = set()
    for node in toposort(outputs):
        if node in targets or any(i in reached for i in node.inputs):
            reached.add(node)
    return reached


def connected(outputs: Iterable[E], barrier: Collection[E] = ()) -> set[E]:
    """The nodes on whose *values* the outputs depend; nothing is followed below a barrier.

    >>> import symgrad.tensor as T
    >>> x = T.vector("x")
    >>> x in connected([x.sum()]), x in connected([x.shape[0]])
    (True, False)
    """
    reached: set[E] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        reached.add(node)
        if node.op is not None and node not in barrier:
            stack.extend(i for k, i in enumerate(node.inputs) if node.op.connects(k))
    return reached
