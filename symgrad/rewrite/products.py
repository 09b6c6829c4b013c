"""Matrix products with what is added to them become one call of BLAS."""

from __future__ import annotations

from symgrad.rewrite.engine import RuleSet

PRODUCTS = RuleSet("products")
