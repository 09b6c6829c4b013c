"""Nodes as text: a formula from the texts of the inputs, and the short line that messages use."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad import hooks
from symgrad.errors import quoted
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.lengths import Dim
from symgrad.ops.arrays.shaping import DimShuffle
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import index_source
from symgrad.ops.indexing.indexing import IncIndex, Index

_ASCII = {"≠": "!=", "≤": "<=", "≥": ">=", "=": "=="}


def constant_text(node: Constant) -> str:
    """A constant's value when it is small, else its type."""
    if node.value.size <= 3:
        return str(node.value.tolist())
    return f"<{node.type}>"


def formula(node: Expr, inputs: Sequence[str]) -> str:
    """A node as Python would write it, given the texts of its inputs."""
    op = node.op
    if isinstance(node, Constant):
        return quoted(node.name) if node.name else constant_text(node)
    if op is None:
        return quoted(node.name) if node.name else f"<{node.type}>"
    if isinstance(op, Elementwise) and op.symbol:
        symbol = _ASCII.get(op.symbol, op.symbol)
        return f"({symbol}{inputs[0]})" if op.nin == 1 else f"({inputs[0]} {symbol} {inputs[1]})"
    if isinstance(op, Cast):
        return f"{op.dtype}({inputs[0]})"
    if isinstance(op, Dim):
        return f"{inputs[0]}.shape[{op.axis}]"
    axes = tuple(range(node.inputs[0].ndim if node.inputs else 0))
    if isinstance(op, DimShuffle) and op.order == axes[::-1] and len(axes) > 1:
        return f"{inputs[0]}.T"
    if isinstance(op, Index):
        return f"{inputs[0]}[{index_source(op.spec, inputs[1:])}]"
    if isinstance(op, IncIndex):
        return f"{op.name}({inputs[0]}[{index_source(op.spec, inputs[2:])}], {inputs[1]})"
    settings = op.settings_text()
    return f"{op.name}({', '.join([*inputs, settings] if settings else inputs)})"


@hooks.provide("line")
def line(node: Expr, depth: int = 3) -> str:
    """A node in one line, a few levels deep.

    >>> import symgrad.tensor as T
    >>> x = T.vector("x")
    >>> line(T.exp(x * 2).sum())
    'sum(exp((x * 2.0)), axis=(0,))'
    """
    if node.name and (depth < 3 or node.op is None):
        return quoted(node.name)
    if node.op is not None and depth == 0:
        return "..."
    shown = [line(i, depth - 1) for i in node.inputs[:6]]
    if len(node.inputs) > 6 and not isinstance(node.op, Index):
        shown.append("...")
    shown += ["..."] * (len(node.inputs) - len(shown))
    return formula(node, shown)
