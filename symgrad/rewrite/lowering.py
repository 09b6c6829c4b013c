"""The last rewrites: elementwise operations become NumPy's own functions."""

from __future__ import annotations

from symgrad.rewrite.engine import RuleSet

LOWERING = RuleSet("lowering")
