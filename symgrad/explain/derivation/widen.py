"""A graph as mathematics sees it: all real numbers in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad import ops
from symgrad.errors import SymgradError
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.types import TensorType, is_float
from symgrad.graph.walk import rebuild, toposort
from symgrad.origins import inherit_origin

_NARROW = ("float16", "float32")


def widened(outputs: Sequence[Expr]) -> tuple[list[Expr], dict[Expr, Expr]]:
    """Copies of expressions on variables of float64, and which variable stands for which.

    Constants keep the digits that the user wrote (float32's 0.1 becomes 0.1), and shared variables
    the lengths that they have now. Where an operation insists on its dtypes, the graph stays as it
    is.

    >>> import symgrad.tensor as T
    >>> x = T.fvector("x")
    >>> widened([x * 2])[0][0].dtype
    'float64'
    """
    order = toposort(outputs)
    try:
        return _widened(outputs, order)
    except (SymgradError, TypeError, ValueError):
        return list(outputs), {node: node for node in order if node.op is None}


def _widened(outputs: Sequence[Expr], order: Sequence[Expr]) -> tuple[list[Expr], dict[Expr, Expr]]:
    new: dict[Expr, Expr] = {}
    leaves: dict[Expr, Expr] = {}
    for node in order:
        if isinstance(node, Constant):
            new[node] = _constant(node)
        elif node.op is None:
            new[node] = leaves[node] = _variable(node)
        else:
            new[node] = _operation(node, [new[i] for i in node.inputs])
    return [new[output] for output in outputs], leaves


def _constant(node: Constant) -> Constant:
    value = node.value
    if value.dtype.name not in _NARROW:
        return node
    if value.size <= 100:
        digits = [float(str(v)) for v in value.ravel()]
        return Constant(np.array(digits, "float64").reshape(value.shape), node.name)
    return Constant(value.astype("float64"), node.name)


def _variable(node: Expr) -> Expr:
    if not isinstance(node.type, TensorType):
        return node
    dtype = "float64" if node.dtype in _NARROW else node.dtype
    with inherit_origin(node.origin):
        shape = node.static_shape
        if isinstance(node, Shared):
            shape = np.shape(node.cell.value)
        return Placeholder(TensorType(dtype, shape=shape), node.name)


def _operation(node: Expr, inputs: Sequence[Expr]) -> Expr:
    op = node.op
    if isinstance(op, ops.Cast) and is_float(op.dtype):
        (x,) = inputs
        if x.dtype == "float64" and not node.name:
            return x
        op = ops.Cast("float64")
    elif getattr(op, "dtype", None) in _NARROW and "dtype" in op.fields:
        settings = [getattr(op, f) for f in op.fields]
        settings[op.fields.index("dtype")] = "float64"
        op = type(op)(*settings)
    if op is node.op:
        return rebuild(node, inputs)
    with inherit_origin(node.origin):
        made: Expr = op.make(*inputs)
    if node.notes is not None:
        made.notes = node.notes.copy()
    return made
