"""symgrad.tensor.xlogx: ``x log x`` and kin, 0 at 0."""

from symgrad.ops.arithmetic.special import xlogx as xlogx, xlogy0 as xlogy0
