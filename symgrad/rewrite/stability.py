"""Rewrites that keep values and gradients finite and exact. They run before differentiation.

Each rule is one identity, in its docstring; `[x]` stands for any view of x (indexed, reshaped,
transposed, cast to another float), through which logarithms are seen. What is rewritten is never
less exact than before: where the old form is finite, so is the new one.
"""

from __future__ import annotations

from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.logarithms import LOGARITHMS
from symgrad.rewrite.spellings import SPELLINGS
from symgrad.rewrite.tails import TAILS

STABILITY = RuleSet("stability", TAILS, LOGARITHMS, SPELLINGS)
