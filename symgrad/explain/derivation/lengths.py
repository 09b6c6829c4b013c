"""Letters for lengths that nothing says a number of: n×784.

There is one letter for all lengths that a reader takes to be equal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from symgrad.errors import quoted
from symgrad.explain.lengths import Equal, Length
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import toposort

_POOL = "nmdqrstcgh"
_SQUARE = {
    *("Det", "SLogDet", "Cofactors", "CofactorSlope"),
    *("MatrixInverse", "Cholesky", "Eig", "Eigh", "Expm", "Solve"),
}


class Letters:
    """The lengths of nodes, equal ones made one, and their letters.

    >>> import symgrad.tensor as T
    >>> x, W = T.dmatrices("x", "W")
    >>> letters = Letters()
    >>> letters.learn([T.dot(x, W)])
    >>> letters.shape(x), letters.shape(W)
    (['n', 'm'], ['m', 'd'])
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self.known: dict[Expr, tuple[Length, ...]] = {}
        pool = chain(_POOL, (f"{c}{k}" for k in range(1, 100) for c in _POOL))
        self.equal = Equal(c for c in pool if c not in taken)
        self.same_as: dict[Expr, Expr] = {}  # the first node that is written alike
        self.table: dict[Any, Expr] = {}

    def lengths(self, node: Expr) -> tuple[Length, ...]:
        """The lengths of a node."""
        if node not in self.known:
            self.learn([node])
        return tuple(map(self.equal.find, self.known[node]))

    def learn(self, outputs: Iterable[Expr]) -> None:
        """Take in which lengths a graph makes equal."""
        known = self.known
        for node in toposort(outputs, stop=known):
            if node in known:
                continue
            first = self._first(node)
            if first in known:
                known[node] = known[first]
                continue
            own = tuple((node, a) for a in range(node.ndim))
            if node.op is not None:
                own = node.op.lengths(node, known)
            shape = getattr(node.type, "shape", own)
            known[node] = tuple(n if s is None else s for n, s in zip(own, shape, strict=True))
            if node.op is not None:
                self.equal.learn(node, known)
                if type(node.op).__name__ in _SQUARE:
                    self.equal.join(*known[node.inputs[0]][-2:])

    def _first(self, node: Expr) -> Expr:
        """The first node that is written like this one, itself perhaps."""
        key: Any = node
        if isinstance(node, Constant):
            key = (node.dtype, node.value.shape, node.value.tobytes())
        elif node.op is not None and not node.op.has_side_effect:
            key = (node.op, tuple([self.same_as.get(i, i) for i in node.inputs]))
        first = self.same_as[node] = self.table.setdefault(key, node)
        return first

    def same(self, a: Expr, b: Expr) -> bool:
        """Whether two nodes have one shape."""
        return a.ndim == b.ndim and self.lengths(a) == self.lengths(b)

    def fits(self, a: Expr, b: Expr) -> bool:
        """Whether a node broadcasts to the shape of another."""
        pairs = zip(self.lengths(a)[::-1], self.lengths(b)[::-1], strict=False)
        return a.ndim <= b.ndim and all(n in (1, m) for n, m in pairs)

    def shape(self, node: Expr) -> list[str]:
        """The lengths of a node as text."""
        return [self.equal.name(n) for n in self.lengths(node)]

    def legend(self, inputs: Sequence[Expr], names: dict[Expr, str]) -> list[str]:
        """What each letter is the length of."""
        lines = []
        for length, letter in self.equal.letters.items():
            where = next(
                (
                    (names[i], axis)
                    for i in inputs
                    for axis, n in enumerate(self.lengths(i))
                    if n == length
                ),
                None,
            )
            if where:
                lines.append(f"{letter} = {quoted(where[0])}.shape[{where[1]}]")
        return lines
