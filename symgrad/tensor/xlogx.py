"""symgrad.tensor.xlogx: ``x log x`` and kin, 0 at 0."""

from symgrad.ops.special import xlogx as xlogx
from symgrad.ops.special import xlogy0 as xlogy0
