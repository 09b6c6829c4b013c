"""Rewrites that keep values and gradients finite. They run before differentiation.

Each rule is one identity, in its docstring.
"""

from __future__ import annotations

from symgrad import ops
from symgrad.graph.expr import Expr
from symgrad.rewrite.engine import RuleSet

STABILITY = RuleSet("stability")


@STABILITY(ops.log)
def log_of_softmax(e: Expr) -> Expr | None:
    """log(softmax(x)) → logsoftmax(x), which is finite where softmax is 0."""
    match e:
        case Expr(op=ops.log, inputs=(Expr(op=ops.Softmax(axis=axis), inputs=(x,)),)):
            return ops.LogSoftmax(axis).make(x)
    return None
