"""Which lengths of a graph are one for its reader, and the letters that they are shown as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from symgrad.graph.expr import Expr
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.index_spec import Spec
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.nnet.row_losses import RowLoss
from symgrad.ops.op import Lengths

Length = Any  # a number, or a node and its axis


class Equal:
    """Which lengths are one, and their letters; a number stands for all that equal it.

    Parameters
    ----------
    letters : iterable of str
        What lengths are called, without end.

    >>> import symgrad.tensor as T
    >>> x, b = T.dmatrix("x"), T.dvector("b")
    >>> equal = Equal("nm")
    >>> equal.join((x, 1), (b, 0))
    >>> [equal.name(length) for length in [(x, 0), (x, 1), (b, 0), 3]]
    ['n', 'm', 'm', '3']
    """

    def __init__(self, letters: Iterable[str]) -> None:
        self.letters: dict[Length, str] = {}
        self._free: Iterator[str] = iter(letters)
        self._one: dict[Length, Length] = {}

    def find(self, length: Length) -> Length:
        """The one that stands for all equal lengths."""
        last = length
        while last in self._one:
            last = self._one[last]
        while length in self._one:  # the next search is one step
            self._one[length], length = last, self._one[length]
        return last

    def join(self, a: Length, b: Length) -> None:
        """Two lengths are equal; a variable's stands for others, and what has a letter keeps it."""
        a, b = self.find(a), self.find(b)
        if a == b or (isinstance(a, int) and isinstance(b, int)):
            return
        if isinstance(b, int) or (not isinstance(a, int) and a[0].op is not None):
            a, b = b, a
        if b in self.letters and not isinstance(a, int):
            a, b = b, a
        self._one[b] = a

    def learn(self, node: Expr, known: Mapping[Expr, Lengths]) -> None:
        """What a node makes equal, whose lengths and whose inputs' are known."""
        shapes = [known[i] for i in node.inputs]
        if isinstance(node.op, Elementwise):
            self._meet([known[node], *shapes])
        elif isinstance(node.op, RowLoss):
            self._meet([shapes[0][:1], shapes[1]])
        elif isinstance(node.op, (Index, IncIndex)):
            first = 1 if isinstance(node.op, Index) else 2
            self._pair(node.op.spec, shapes[0], node.inputs[first:], shapes[first:])
        for a, b in node.op.equal_lengths(node, known):
            self.join(a, b)

    def _meet(self, shapes: Sequence[Lengths]) -> None:
        """All that meet are one, unless one of them is known to be 1."""
        for axis in range(-max(map(len, shapes)), 0):
            met = [self.find(shape[axis]) for shape in shapes if len(shape) >= -axis]
            met = [length for length in met if length != 1]
            for length in met[1:]:
                self.join(met[0], length)

    def _pair(
        self, spec: Spec, whole: Lengths, index: Sequence[Expr], shapes: Sequence[Lengths]
    ) -> None:
        """In `p[arange(n), y]` rows are counted off against classes: a reader takes it for all."""
        if len(spec) < 2 or not {kind for kind, *_ in spec} <= {"array", "int"}:
            return
        axes = [axis for axis, (kind, *_) in enumerate(spec) if kind == "array"]
        arrays = [(i, shape) for i, shape in zip(index, shapes, strict=True) if i.ndim]
        for axis, (i, shape) in zip(axes, arrays, strict=True):
            if isinstance(i.op, Arange) and i.op.counts_up(i):
                self._meet(shapes)
                self.join(whole[axis], shape[0])

    def name(self, length: Length) -> str:
        """A number, or the letter for it."""
        length = self.find(length)
        if isinstance(length, int):
            return str(length)
        if length not in self.letters:
            self.letters[length] = next(self._free)
        return self.letters[length]
