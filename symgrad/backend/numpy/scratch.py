"""Scratch memory: taken when a call knows its lengths, given back when it ends."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.backend.numpy.blocks import Kernel
from symgrad.backend.numpy.spares import no_spare, spare
from symgrad.flags import config
from symgrad.graph.expr import Expr
from symgrad.locks import new_lock
from symgrad.ops.op import Lengths, Op, Shape, Spec, nbytes
from symgrad.plan import Scratch

_SETS = 8  # sets of lengths that a function keeps memory for
_LARGE = 2**26  # bytes that those may take together; the latest two (training, testing) always stay
# Sets of arrays kept for one set of lengths. As many calls may compute at the same time; a hundred
# threads would leave a hundred sets behind.
_AT_ONCE = max(4, os.cpu_count() or 1)
_PATIENCE = 64  # sets of lengths after which a function stops making memory for new ones


class Memory:
    """The scratch arrays of one function, for each set of lengths that it met lately.

    A call takes a set of arrays away and gives it back at its end, so calls on several threads, or
    from inside each other, never share any.
    """

    def __init__(
        self, scratch: Scratch, kernels: Sequence[tuple[tuple[Expr, ...], Kernel]]
    ) -> None:
        self.scratch = scratch
        self.kernels = kernels
        self.kept: dict[tuple[Shape, ...], deque[Any]] = {}
        self.sizes: dict[tuple[Shape, ...], int] = {}  # bytes of one set of arrays
        self.made = 0
        self.lock = new_lock()

    def take(self, *shapes: Shape) -> Any:
        """Arrays, workspaces and chains for these shapes; last, the queue to give them back to."""
        try:
            return self.kept[shapes].pop()
        except (KeyError, IndexError):
            return self._make(shapes)

    def workspace_bytes(self, node: Expr, shapes: dict[Expr, Shape]) -> int:
        """How much memory the workspace of an operation takes."""
        return sum(map(nbytes, _asked(node, shapes) or ()))

    def free(self) -> None:
        """Let go of all memory that no call is using."""
        with self.lock:
            self.kept.clear()
            self.sizes.clear()

    def _make(self, shapes: tuple[Shape, ...]) -> tuple[Any, ...]:
        with self.lock:
            kept = self.kept.get(shapes)
            if kept is None:
                self.made += 1
                always = config.stress.reuse == "always"
                if self.made > _PATIENCE and not always:
                    return self._nothing(shapes)
                if len(self.kept) >= _SETS and not always:
                    self._drop_oldest()
                kept = self.kept[shapes] = deque(maxlen=None if always else _AT_ONCE)
        found = self._found(shapes)
        if not self._equal(found):
            return self._nothing(shapes)
        arrays = [
            *[self._array(node, found) for _, node in self.scratch.arrays],
            *[_workspace(node, found) for _, node in self.scratch.works],
        ]
        self._make_room(shapes, _bytes(arrays))
        return (
            *arrays,
            *[_solver(node, found) for _, node in self.scratch.solvers],
            *[_bound(kernel, results, found) for results, kernel in self.kernels],
            *[_spare(each.nodes, found) for each in self.scratch.fitting],
            kept,
        )

    def _make_room(self, shapes: tuple[Shape, ...], size: int) -> None:
        """Drop the oldest sets if all of them together, with this one, are large."""
        if config.stress.reuse == "always":
            return
        with self.lock:
            if shapes in self.kept:  # another thread may have dropped it
                self.sizes[shapes] = size
            while len(self.kept) > 2 and sum(self.sizes.values()) > _LARGE:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = next(iter(self.kept))
        del self.kept[oldest]
        self.sizes.pop(oldest, None)

    def _found(self, shapes: tuple[Shape, ...]) -> dict[Expr, Shape]:
        given = zip(self.scratch.sources, shapes, strict=True)
        return further_shapes({node: shape for (node, _), shape in given}, self.scratch.rules)

    def _equal(self, found: dict[Expr, Shape]) -> bool:
        """Whether lengths that the plan takes to be equal are, as far as they are known."""

        def value(length: Any) -> int | None:
            if isinstance(length, int):
                return length
            return found[length[0]][length[1]] if length[0] in found else None

        pairs = [(value(a), value(b)) for a, b in self.scratch.equal]
        return all(a == b or a is None or b is None for a, b in pairs)

    def _array(self, node: Expr, found: dict[Expr, Shape]) -> Any:
        """An array for a result, or one for each of several; None where the shape does not fit."""
        if node not in self.scratch.items:
            shape = found.get(node)
            return None if shape is None or min(shape) < 0 else np.empty(shape, node.dtype)
        items = self.scratch.items[node]
        arrays = [None if i is None else self._array(i, found) for i in items]
        fits = all((i is None) == (a is None) for i, a in zip(items, arrays, strict=True))
        return tuple(arrays) if fits else None

    def _nothing(self, shapes: tuple[Shape, ...]) -> tuple[Any, ...]:
        """No memory: every operation makes its result, by the same arithmetic as with memory."""
        count = len(self.scratch.arrays) + len(self.scratch.works)
        found = self._found(shapes) if any(kernel.by_size for _, kernel in self.kernels) else {}
        chains = [
            _bound(kernel, results, found) if kernel.by_size else kernel.unbound()
            for results, kernel in self.kernels
        ]
        solvers = [partial(_solve, node.op) for _, node in self.scratch.solvers]
        spares = [no_spare] * len(self.scratch.fitting)
        return (*[None] * count, *solvers, *chains, *spares, deque(maxlen=0))


def _bytes(arrays: Any) -> int:
    """What arrays take, those in tuples too."""
    if isinstance(arrays, list | tuple):
        return sum(map(_bytes, arrays))
    return 0 if arrays is None else int(arrays.nbytes)


def further_shapes(
    found: dict[Expr, Shape], rules: Iterable[tuple[Expr, Lengths | None]]
) -> dict[Expr, Shape]:
    """Add the shapes that follow from those already found; none where they do not fit."""
    for node, lengths in rules:
        try:
            if lengths is None:
                found[node] = node.op.result_shape(*[found[i] for i in node.inputs])
            else:
                found[node] = tuple(
                    [n if isinstance(n, int) else found[n[0]][n[1]] for n in lengths]
                )
        except (KeyError, ValueError):  # the operation itself will say what is wrong
            continue
    return found


def shape_of_chain(results: Sequence[Expr], found: dict[Expr, Shape]) -> Shape | None:
    """The one shape of all results of a chain; None if they differ, or nobody knows."""
    shapes = {found.get(node) for node in results}
    return shapes.pop() if len(shapes) == 1 else None


def _bound(kernel: Kernel, results: Sequence[Expr], found: dict[Expr, Shape]) -> Any:
    shape = shape_of_chain(results, found)
    return kernel.unbound() if shape is None else kernel.bound(shape)


def _spare(nodes: Sequence[Expr], found: dict[Expr, Shape]) -> Any:
    """What finds memory for the update of a variable: none where its shape is another."""
    return spare if len({found.get(node) for node in nodes}) == 1 else no_spare


def _asked(node: Expr, found: dict[Expr, Shape]) -> Sequence[Spec] | None:
    """The arrays that an operation asks for; None where the shapes do not fit."""
    if any(i not in found for i in node.inputs):
        return None
    specs: Sequence[Spec] = node.op.workspace(*[Spec(found[i], i.dtype) for i in node.inputs])
    return specs


def _solver(node: Expr, found: dict[Expr, Shape]) -> Any:
    """What computes a node whose inputs have these shapes."""
    solver = None
    if all(i in found for i in node.inputs):
        solver = node.op.resolve(*[Spec(found[i], i.dtype) for i in node.inputs])
    return solver or partial(node.op.impl, np)


def _solve(op: Op, *arrays: Any) -> Any:
    """Compute a node as `_solver` would."""
    solver = op.resolve(*[Spec(a.shape, a.dtype) for a in arrays])
    return solver(*arrays) if solver is not None else op.impl(np, *arrays)


def _workspace(node: Expr, found: dict[Expr, Shape]) -> Any:
    asked = _asked(node, found)
    return None if asked is None else tuple([np.empty(s.shape, s.dtype) for s in asked])
