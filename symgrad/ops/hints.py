"""What to try where shapes do not fit: found by trying it."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.errors import ShapeError, label
from symgrad.graph.expr import Expr
from symgrad.graph.types import Shape, broadcast_shapes


def _in_code(node: Expr) -> str:
    """A node as it may stand in a line of code; short."""
    text = label(node)
    return text if len(text) <= 30 else "..."


def for_product(a: Expr, b: Expr) -> str:
    """Which transposed operand would make a product of matrices possible.

    >>> import symgrad.tensor as T
    >>> x, W = T.constant([[1.0, 2.0]], "x"), T.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "W")
    >>> for_product(x, W)
    ' T.dot(x, W.T) would fit.'
    """
    name_a, name_b = _in_code(a), _in_code(b)
    if a.ndim == 2 and b.ndim == 2:
        (n, k), (m, p) = a.type.shape, b.type.shape
        fitting = [
            text
            for text, left, right in (
                (f"T.dot({name_a}, {name_b}.T)", k, p),
                (f"T.dot({name_a}.T, {name_b})", n, m),
                (f"T.dot({name_b}, {name_a})", p, n),
            )
            if left == right and left is not None
        ]
        if fitting:
            return f" {fitting[0]} would fit."
    elif a.ndim == 1 and b.ndim == 2 and a.type.shape[0] == b.type.shape[1] is not None:
        return f" T.dot({name_b}, {name_a}) would fit."
    elif a.ndim == 2 and b.ndim == 1 and b.type.shape[0] == a.type.shape[0] is not None:
        return f" T.dot({name_a}.T, {name_b}) would fit."
    return " Is one of them transposed, or in the wrong order?"


def for_broadcasting(operands: Sequence[Expr]) -> str:
    """How a vector would fit along the other axis of a matrix, or what else may be meant.

    >>> import symgrad.tensor as T
    >>> scores, y = (
    ...     T.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "scores"),
    ...     T.constant([1.0, 2.0], "y"),
    ... )
    >>> for_broadcasting([scores, y])
    " y.dimshuffle(0, 'x') would fit: a column, for a value a row."
    """
    for k, vector in enumerate(operands):
        if vector.ndim != 1:
            continue
        shapes: list[Shape] = [node.type.shape for node in operands]
        shapes[k] = (*vector.type.shape, 1)
        if any(node.ndim == 2 for node in operands) and _fits(shapes):
            name = _in_code(vector)
            return f" {name}.dimshuffle(0, 'x') would fit: a column, for a value a row."
    for k, matrix in enumerate(operands):
        if matrix.ndim != 2:
            continue
        shapes = [node.type.shape for node in operands]
        shapes[k] = shapes[k][::-1]
        if _fits(shapes):
            return f" {_in_code(matrix)}.T would fit: is it transposed?"
    return ""


def _fits(shapes: Sequence[Shape]) -> bool:
    try:
        broadcast_shapes(shapes)
    except ShapeError:
        return False
    return True
