"""From a graph to a `Program`: order, names, last uses, and who shares memory with whom."""

from __future__ import annotations

from symgrad.plan.names import python_name
from symgrad.plan.planner import plan
from symgrad.plan.program import Chain, Program, Result, Scratch, Step
