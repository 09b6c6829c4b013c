"""From a graph to a `Program`: order, names, last uses, and who writes into whose memory."""

from symgrad.plan.names import python_name as python_name
from symgrad.plan.planner import plan as plan
from symgrad.plan.program import (
    Chain as Chain,
    Program as Program,
    Result as Result,
    Scratch as Scratch,
    Step as Step,
)
