"""Which operations move elements, and which treat each by itself."""

from __future__ import annotations

from symgrad.graph.expr import Expr
from symgrad.ops.barriers import Barrier
from symgrad.ops.broadcasting import BroadcastArrays, Rebroadcast, SpecifyShape
from symgrad.ops.debugging import Check, PrintValue
from symgrad.ops.diagonals import Diagonal
from symgrad.ops.elementwise import Cast
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing import IncIndex, Index
from symgrad.ops.joining import Join, Split
from symgrad.ops.lengths import MakeVector
from symgrad.ops.op import Project
from symgrad.ops.repeating import Roll
from symgrad.ops.selecting import Choose, FillDiagonal, TakeAlong
from symgrad.ops.shaping import Alloc, BroadcastLike, DimShuffle, Reshape
from symgrad.ops.special import BesselJ, PolyGamma

_MOVING = (
    *(Alloc, Barrier, BroadcastArrays, BroadcastLike, Check, Choose, Diagonal, DimShuffle),
    *(FillDiagonal, Index, Join, MakeVector, PrintValue, Project, Rebroadcast, Reshape, Roll),
    *(SpecifyShape, Split, TakeAlong),
)


def moves(node: Expr) -> bool:
    """Whether each element of a node is an element of its inputs, whatever they hold."""
    op = node.op
    return isinstance(op, _MOVING) or (isinstance(op, IncIndex) and op.assign)


def is_elementwise(node: Expr) -> bool:
    """Whether an element of a node depends on the elements at that place alone."""
    return isinstance(node.op, (Elementwise, Cast, PolyGamma, BesselJ))
