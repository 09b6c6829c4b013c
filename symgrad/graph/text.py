"""One-line texts of nodes, for messages, `repr` and comments; cut off, never recursive."""

from __future__ import annotations

from symgrad import hooks
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared


@hooks.provide("line")
def line(node: Expr, depth: int = 2) -> str:
    """A node as `op(inputs)`, two levels deep.

    >>> import symgrad.tensor as T
    >>> x = T.vector("x")
    >>> line(T.exp(x * 2).sum())
    'Sum(exp(mul(x, 2.0)))'
    """
    if node.name:
        return node.name
    if isinstance(node, Constant):
        return constant_text(node)
    if node.op is None:
        return f"<{node.type}>"
    head = str(node.op)
    if depth < 0:
        return f"{head}(...)"
    shown = [line(i, depth - 1) for i in node.inputs[:6]]
    if len(node.inputs) > 6:
        shown.append("...")
    return f"{head}({', '.join(shown)})"


def constant_text(node: Constant) -> str:
    """A constant's value when it is small, else its type."""
    if node.value.size <= 3:
        return str(node.value.tolist())
    return f"<{node.type}>"


def kind(node: Expr) -> str:
    """What sort of leaf or operation a node is, in one word."""
    if isinstance(node, Constant):
        return "constant"
    if isinstance(node, Shared):
        return "shared"
    return "input" if node.op is None else str(node.op)
