"""Which elements of each value the results of a call depend on.

`switch(x > 0, log(x), 0)` computes the log of every element and uses those above zero. What a
result depends on is found backwards: all elements of the results are wanted, and each operation
says which elements of its inputs the wanted ones were made of. Choices pass on only what they
chose, operations that move elements only what they moved, reductions whole lines; of all others,
every element of an input is wanted as soon as one of the result is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from symgrad.graph.expr import Expr
from symgrad.ops.arithmetic.elementwise import (
    clip_between,
    eq,
    larger_of,
    maximum,
    minimum,
    neq,
    smaller_of,
    switch,
)
from symgrad.ops.arithmetic.logic import isfinite, isinf, isnan
from symgrad.ops.arrays.shaping import SumLike
from symgrad.ops.control.barriers import Barrier
from symgrad.ops.moving import is_elementwise, moves
from symgrad.ops.op import Op, Project
from symgrad.ops.reductions.family import Reduction

Mask = Any  # an array of bools, or True: all elements

_CHOOSING = (switch, maximum, minimum, larger_of, smaller_of, clip_between)
_ASKING = (isnan, isinf, isfinite)  # whoever asks knows what to do about it


def either(a: Mask | None, b: Mask) -> Mask:
    """The elements that are in one of two masks; None is none."""
    if a is None or b is True:
        return b
    return a if a is True else a | b


def kept_inputs(node: Expr) -> Iterable[Expr]:
    """The inputs whose values `Demand` will need: conditions, what is compared, positions."""
    if node.op in _CHOOSING:
        return node.inputs
    if moves(node):
        return [i for k, i in enumerate(node.inputs) if not node.op.connects(k)]
    return ()


class Demand:
    """The wanted elements of each node.

    Parameters
    ----------
    shapes : dict
        The shape of the value of each node.
    values : dict
        The values of those that `kept_inputs` names.

    >>> import symgrad.tensor as T
    >>> from symgrad.graph.walk import toposort
    >>> x = T.dvector("x")
    >>> y = T.switch(x > 0, T.log(x), 0)
    >>> condition, log, zero = y.inputs
    >>> shapes = {x: (2,), y: (2,), condition: (2,), log: (2,), zero: ()}
    >>> values = {condition: np.array([True, False]), log: np.array([0.0, -np.inf]), zero: 0.0}
    >>> Demand(shapes, values).of({y: True}, toposort([y]))[log]
    array([ True, False])
    """

    def __init__(self, shapes: Mapping[Expr, Any], values: Mapping[Expr, Any]) -> None:
        self.shapes = shapes
        self.values = values
        self.wanted: dict[Expr, Mask] = {}
        self.items: dict[Expr, dict[int, Mask]] = {}  # of nodes of several results

    def of(self, roots: Mapping[Expr, Mask], order: Sequence[Expr]) -> dict[Expr, Mask]:
        """The wanted elements of the nodes below some roots; nodes without any are left out.

        `order` lists the nodes, each after its inputs.
        """
        for root, mask in roots.items():
            self.add(root, mask)
        for node in reversed(order):
            if node.op is not None and node in self.wanted:
                self.pass_on(node, self.wanted[node])
        return self.wanted

    def add(self, node: Expr, mask: Mask) -> None:
        """Want some elements."""
        if mask is True or mask.any():
            self.wanted[node] = either(self.wanted.get(node), mask)

    def pass_on(self, node: Expr, mask: Mask) -> None:
        """Want what the wanted elements of a node were made of."""
        op = node.op
        if isinstance(op, Project):
            self.items.setdefault(node.inputs[0], {})[op.index] = mask
            self.add(node.inputs[0], True)
            return
        parts: Sequence[Mask | None] = [
            True if self.depends(op, k) else None for k in range(len(node.inputs))
        ]
        with suppress(Exception):  # what cannot be told apart is wanted
            parts = self.parts(node, mask) or parts
        for i, part in zip(node.inputs, parts, strict=True):
            if part is not None:
                self.add(i, part)

    @staticmethod
    def depends(op: Op, index: int) -> bool:
        """Whether the value of an input matters."""
        return op.connects(index) or isinstance(op, Barrier)

    def parts(self, node: Expr, mask: Mask) -> Sequence[Mask | None] | None:
        """The wanted elements of each input, None for none of them; or None: it is not known."""
        op = node.op
        if op in _ASKING or (op in (eq, neq) and node.inputs[0] is node.inputs[1]):
            return [None] * len(node.inputs)
        if is_elementwise(node):
            return self._of_elements(node, mask)
        if moves(node):
            return self._of_moves(node, mask)
        if mask is not True and isinstance(op, (Reduction, SumLike)):
            if isinstance(op, Reduction) and not op.keepdims:
                mask = np.expand_dims(mask, op.axis)
            nothing = [None] * (len(node.inputs) - 1)
            return [np.array(np.broadcast_to(mask, self.shapes[node.inputs[0]])), *nothing]
        return None

    def _of_elements(self, node: Expr, mask: Mask) -> Sequence[Mask]:
        op, shape = node.op, self.shapes[node]
        if op in _CHOOSING:
            mask = np.ones(shape, bool) if mask is True else mask
            given = [self.values[i] for i in node.inputs]
            if op is switch:
                chosen = np.asarray(given[0], bool)
                masks = [mask, mask & chosen, mask & ~chosen]
            elif op is clip_between:
                x, low, high = given
                masks = [mask & ~((x < low) | (x > high)), mask, mask]
            else:
                a, b = given
                below = np.less if op in (maximum, larger_of) else np.greater
                masks = [mask & ~below(a, b), mask & ~below(b, a)]
        else:
            masks = [mask] * len(node.inputs)
        return [
            m if m is True else _unbroadcast(m, self.shapes[i])
            for i, m in zip(node.inputs, masks, strict=True)
        ]

    def _of_moves(self, node: Expr, mask: Mask) -> Sequence[Mask | None]:
        """Let the operation move numbers of places, and see where the wanted ones come from."""
        op = node.op
        numbers, given, first = [], [], 0
        for k, i in enumerate(node.inputs):
            if self.depends(op, k):
                size = int(np.prod(self.shapes[i], dtype="int64"))
                numbers.append((k, i, first))
                given.append(np.arange(first, first + size).reshape(self.shapes[i]))
                first += size
            else:
                given.append(self.values[i] if i in self.values else np.empty(self.shapes[i], bool))
        with np.errstate(all="ignore"):
            moved = op.impl(np, *given)
        came = np.zeros(first, bool)
        if isinstance(moved, (list, tuple)):
            for k, wanted in self.items.get(node, {}).items():
                came[np.asarray(moved[k])[... if wanted is True else wanted]] = True
        else:
            came[np.asarray(moved)[... if mask is True else mask]] = True
        parts: list[Mask | None] = [None] * len(node.inputs)
        for k, i, start in numbers:
            shape = self.shapes[i]
            size = int(np.prod(shape, dtype="int64"))
            parts[k] = came[start : start + size].reshape(shape)
        return parts


def _unbroadcast(mask: Any, shape: tuple[int, ...]) -> Any:
    """Which elements of an array of this shape were broadcast to the places of a mask."""
    if mask.shape == shape:
        return mask
    mask = mask.any(axis=tuple(range(mask.ndim - len(shape))))
    ones = tuple(a for a, n in enumerate(shape) if n == 1 and mask.shape[a] != 1)
    return mask.any(axis=ones, keepdims=True) if ones else mask
