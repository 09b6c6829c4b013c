"""Which operations move elements, and which treat each by itself."""

from __future__ import annotations

from symgrad.graph.expr import Expr
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arithmetic.special import BesselJ, PolyGamma
from symgrad.ops.arrays.broadcasting import BroadcastArrays, Rebroadcast, SpecifyShape
from symgrad.ops.arrays.diagonals import Diagonal
from symgrad.ops.arrays.joining import Join, Split
from symgrad.ops.arrays.lengths import MakeVector
from symgrad.ops.arrays.repeating import Roll
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike, DimShuffle, Reshape
from symgrad.ops.control.barriers import Barrier
from symgrad.ops.control.debugging import Check, PrintValue
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.indexing.selecting import Choose, FillDiagonal, TakeAlong
from symgrad.ops.op import Project

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
