"""Gradient barriers leave the graph before it is compiled."""

from __future__ import annotations

from symgrad import ops
from symgrad.graph.expr import Expr
from symgrad.rewrite.engine import RuleSet

BARRIERS = RuleSet("barriers")


@BARRIERS(*ops.BARRIERS)
def barrier_is_identity(e: Expr) -> Expr | None:
    """disconnected_grad(x) → x and kin, so that the stability rules see through them."""
    return e.inputs[0]
