"""Which scalars Python ints may hold, and where these must be brought back into their dtype."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Sequence

from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import integer_limits
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.lengths import Dim

INTEGER_SYMBOLS = {"add": "+", "sub": "-", "mul": "*"}
_FUNCTIONS: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}
_LARGE = 2**127  # above it a number is brought back at once, lest a long product grow without end
_EXACT = 2**53  # up to it float64, through which NumPy makes a float32 of a Python int, is exact

Range = tuple[int, int]


def integers(order: Sequence[Expr], results: Sequence[Expr]) -> set[Expr]:
    """Scalars that are only ever an index or a length, so that Python ints may hold them."""
    possible: set[Expr] = set()
    for node in order:
        if _may_be_int(node) and all(
            i in possible or i.ndim or isinstance(i, Constant) for i in node.inputs
        ):
            possible.add(node)
    found: set[Expr] = set()
    refused = set(results)
    for node in reversed(order):
        if node in possible and node not in refused:
            found.add(node)
        elif node.op is not None:
            refused.update(i for k, i in enumerate(node.inputs) if not node.op.takes_int(node, k))
    return found


def _may_be_int(node: Expr) -> bool:
    if node.dtype not in ("int32", "int64") or node.ndim or isinstance(node, (Shared, Constant)):
        return False
    return node.op is None or isinstance(node.op, Dim) or node.op.name in INTEGER_SYMBOLS


def wrapping(order: Sequence[Expr], ints: Container[Expr]) -> set[Expr]:
    """The steps on Python ints whose result may leave its dtype, and must then wrap as NumPy's.

    These are casts, and sums, differences and products that anything but a further sum, difference
    or product reads: those are the same whether their operands have been brought back or not.
    """
    read = {i for node in order if node not in ints for i in node.inputs if i in ints}
    ranges: dict[Expr, Range] = {}
    found: set[Expr] = set()
    for node in order:
        if node in ints:
            dtype = integer_limits(node.dtype)
            least, most = _range(node, ranges)
            large = max(-least, most) > _LARGE
            if not _within((least, most), dtype) and (large or node in read):
                found.add(node)
                least, most = dtype
            ranges[node] = least, most
        elif isinstance(node.op, Cast) and node.inputs[0] in ints and not _is_exact(node, ranges):
            found.add(node)
    return found


def _range(node: Expr, ranges: dict[Expr, Range]) -> Range:
    """The least and the greatest value of a node that is a Python int."""
    if node.op is None or isinstance(node.op, Dim):
        return _read(node)
    function = _FUNCTIONS[node.op.name]
    one, other = (ranges[i] if i in ranges else _read(i) for i in node.inputs)
    corners = [function(a, b) for a in one for b in other]
    return min(corners), max(corners)


def _read(node: Expr) -> Range:
    """The same of a number that is there, which has its dtype: no result of Python's arithmetic."""
    if isinstance(node, Constant):
        value = int(node.value)
        return value, value
    least, most = integer_limits(node.dtype)
    return 0 if isinstance(node.op, Dim) else least, most


def _within(some: Range, limits: Range) -> bool:
    return limits[0] <= some[0] and some[1] <= limits[1]


def _is_exact(cast: Expr, ranges: dict[Expr, Range]) -> bool:
    """Whether NumPy's scalar of the dtype is the same for a Python int as for the int64."""
    (x,) = cast.inputs
    if "int" in cast.dtype:
        return _within(ranges[x], integer_limits(cast.dtype))
    if cast.dtype in ("bool", "float64", "complex128"):
        return True
    # A longer array than that could only be one element, repeated.
    return isinstance(x.op, Dim) or _within(ranges[x], (-_EXACT, _EXACT))
