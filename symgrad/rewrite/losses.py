"""Cross-entropies and their gradients become one pass over the rows."""

from __future__ import annotations

from symgrad.rewrite.engine import RuleSet

LOSSES = RuleSet("losses")
