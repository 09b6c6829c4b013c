"""Along which axis the examples lie, as far as products with parameters tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symgrad.graph.expr import Expr, Placeholder
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.shaping import DimShuffle
from symgrad.ops.families import Elementwise


def batch_axes(order: Iterable[Expr]) -> dict[Expr, int]:
    """The axis of the examples, for each node of which that is known.

    A product of data and parameters keeps the examples where they are: ``dot(x, W)`` in its rows,
    ``dot(W, x)`` in its columns. Data is what depends on an input of the function.

    >>> import symgrad.tensor as T
    >>> from symgrad.graph.shared import shared
    >>> x, W = T.dmatrix("x"), shared([[1.0]] @ __import__("numpy").ones((1, 1)), "W")
    >>> y = T.dot(x, W)
    >>> batch_axes([x, W, y])
    {dot(x, W): 0}
    """
    data: set[Expr] = set()
    axes: dict[Expr, int] = {}
    for node in order:
        if isinstance(node, Placeholder) or any(i in data for i in node.inputs):
            data.add(node)
        if node.op is not None:
            axis = _axis(node, data, axes)
            if axis is not None and axis < node.ndim:
                axes[node] = axis
    return axes


def _axis(node: Expr, data: set[Expr], axes: dict[Expr, int]) -> int | None:
    op, inputs = node.op, node.inputs
    if op.name in ("dot", "mat_mul") and len(inputs) == 2:
        a, b = inputs
        if a in data and b not in data and a.ndim == 2:
            return axes.get(a, 0)
        if b in data and a not in data and b.ndim == 2:
            return node.ndim - 1 if axes.get(b, 1) == 1 else None
        return None
    if isinstance(op, Elementwise):
        found = {axes[i] for i in inputs if i in axes and i.ndim == node.ndim}
        return found.pop() if len(found) == 1 else None
    if not inputs or inputs[0] not in axes:
        return None
    axis = axes[inputs[0]]
    if op.name in ("softmax", "log_softmax", "tensor_copy", "print_value") or isinstance(op, Cast):
        return axis
    if isinstance(op, DimShuffle):
        return op.order.index(axis) if axis in op.order else None
    reduced = reduced_axes(node)
    if reduced is not None:
        return _left(axis, reduced, node, inputs[0])
    if op.name == "index" and _picks_one_of_each_row(node) and axis == 0:
        return 0
    return None


def reduced_axes(node: Expr) -> Sequence[int] | None:
    """The axes that a node reduces; None for other operations."""
    axis = getattr(node.op, "axis", None)
    reductions = (
        "sum",
        "prod",
        "max",
        "min",
        "argmax",
        "argmin",
        "log_sum_exp",
        "any_true",
        "all_true",
    )
    return axis if node.op.name in reductions and isinstance(axis, tuple) else None


def _left(axis: int, reduced: Sequence[int], node: Expr, source: Expr) -> int | None:
    if axis in reduced:
        return None
    if node.ndim == source.ndim:
        return axis
    return axis - sum(1 for a in reduced if a < axis)


def _picks_one_of_each_row(node: Expr) -> bool:
    """Whether it is `p[arange(n), y]`."""
    return len(node.inputs) == 3 and picks_rows(node)


def picks_rows(node: Expr) -> bool:
    """Whether an index goes through the rows with `arange`."""
    op = node.op
    return (
        op.name == "index"
        and len(node.inputs) > 1
        and node.inputs[1].op is not None
        and node.inputs[1].op.name == "arange"
        and node.inputs[1].ndim == 1
    )
