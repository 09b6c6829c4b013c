"""Letters for lengths that nothing says a number of: n×784.

On paper, two lengths that meet in an elementwise operation are one, unless one of them is known to
be 1, and there is one label for each row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from symgrad.errors import quoted
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import toposort
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import Index

_POOL = "nmdqrstcgh"
_SQUARE = {
    *("Det", "SLogDet", "Cofactors", "CofactorSlope"),
    *("MatrixInverse", "Cholesky", "Eig", "Eigh", "Expm", "Solve"),
}
Length = Any  # a number, or a node and its axis


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
        self.one: dict[Length, Length] = {}
        self.letters: dict[Length, str] = {}
        self.taken = {*taken}
        self.same_as: dict[Expr, Expr] = {}  # the first node that is written alike
        self.table: dict[Any, Expr] = {}

    def find(self, length: Length) -> Length:
        """The one that stands for all equal lengths."""
        while length in self.one:
            length = self.one[length]
        return length

    def unite(self, a: Length, b: Length) -> None:
        """Two lengths are equal."""
        a, b = self.find(a), self.find(b)
        if a == b or (isinstance(a, int) and isinstance(b, int)):
            return
        if isinstance(b, int) or (not isinstance(a, int) and a[0].op is not None):
            a, b = b, a
        if b in self.letters and not isinstance(a, int):
            a, b = b, a  # what has a letter keeps it
        self.one[b] = a

    def lengths(self, node: Expr) -> tuple[Length, ...]:
        """The lengths of a node."""
        if node not in self.known:
            self.learn([node])
        return tuple(map(self.find, self.known[node]))

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
            if isinstance(node.op, Elementwise):
                own = self._met(node)
            elif node.op is not None:
                own = node.op.lengths(node, known)
                for a, b in node.op.equal_lengths(node, known):
                    self.unite(a, b)
                if type(node.op).__name__ in _SQUARE:
                    self.unite(*known[node.inputs[0]][-2:])
                if isinstance(node.op, Index) and node.op.spec[0] == ("array",):
                    self._pair(node)
            shape = getattr(node.type, "shape", own)
            known[node] = tuple(n if s is None else s for n, s in zip(own, shape, strict=True))

    def _first(self, node: Expr) -> Expr:
        """The first node that is written like this one, itself perhaps."""
        key: Any = node
        if isinstance(node, Constant):
            key = (node.dtype, node.value.shape, node.value.tobytes())
        elif node.op is not None and not node.op.has_side_effect:
            key = (node.op, tuple([self.same_as.get(i, i) for i in node.inputs]))
        first = self.same_as[node] = self.table.setdefault(key, node)
        return first

    def _met(self, node: Expr) -> tuple[Length, ...]:
        """The lengths of an elementwise operation's result: all that meet are one."""
        found: list[Length] = []
        for axis in range(node.ndim, 0, -1):
            met = [self.find(self.known[i][-axis]) for i in node.inputs if i.ndim >= axis]
            met = [n for n in met if n != 1]
            for length in met[1:]:
                self.unite(met[0], length)
            found.append(met[0] if met else 1)
        return tuple(found)

    def _pair(self, node: Expr) -> None:
        """In p[arange(n), y], rows and labels are as many."""
        rows = node.inputs[1]
        if rows.ndim == 1 and getattr(rows.op, "counts_up", lambda node: False)(rows):
            for other in (*node.inputs[2:], node.inputs[0]):
                if other.ndim:
                    self.unite(self.known[rows][0], self.known[other][0])

    def same(self, a: Expr, b: Expr) -> bool:
        """Whether two nodes have one shape."""
        return a.ndim == b.ndim and self.lengths(a) == self.lengths(b)

    def fits(self, a: Expr, b: Expr) -> bool:
        """Whether a node broadcasts to the shape of another."""
        pairs = zip(self.lengths(a)[::-1], self.lengths(b)[::-1], strict=False)
        return a.ndim <= b.ndim and all(n in (1, m) for n, m in pairs)

    def name(self, length: Length) -> str:
        """A number, or the letter for it."""
        length = self.find(length)
        if isinstance(length, int):
            return str(length)
        if length not in self.letters:
            pool = [*_POOL, *(f"{c}{k}" for k in range(1, 100) for c in _POOL)]
            self.letters[length] = next(c for c in pool if c not in self.taken)
            self.taken.add(self.letters[length])
        return self.letters[length]

    def shape(self, node: Expr) -> list[str]:
        """The lengths of a node as text."""
        return [self.name(n) for n in self.lengths(node)]

    def legend(self, inputs: Sequence[Expr], names: dict[Expr, str]) -> list[str]:
        """What each letter is the length of."""
        lines = []
        for length, letter in self.letters.items():
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
