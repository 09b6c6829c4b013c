"""Formulas of a graph: what is shown of it, what gets a name of its own, and the texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from symgrad.explain.notation import arrays as arrays  # it enters what it writes
from symgrad.explain.notation.dialects import STYLES
from symgrad.explain.notation.nodes import Scribe, bare
from symgrad.explain.notation.style import ATOM, Piece, Style
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.arrays.shaping import DimShuffle
from symgrad.ops.nnet.softmax import Softmax

_LONGEST = 1000  # characters of one formula; more is cut
_WORTH = 4  # operations and variables that a shared part has at least to be named
_POOL = "uvwabcdefgqrst"
_BY_RANK = ("s", "v", "M", "T")


class Written(NamedTuple):
    """Formulas, and the parts of them that are named: `(name, formula)` pairs in order."""

    formulas: tuple[str, ...]
    named: tuple[tuple[str, str], ...]


def formulas(
    exprs: Sequence[Expr],
    names: Mapping[Expr, str] | None = None,
    *,
    style: str = "unicode",
    share: bool = True,
    limit: int = 300,
    lengths: Callable[[Expr], Sequence[str] | None] = lambda node: None,
) -> Written:
    """Expressions in mathematical notation.

    Parameters
    ----------
    exprs : sequence of Expr
        What to write.
    names : dict, optional
        Names for some nodes, which stand for what is below them.
    style : {'unicode', 'ascii', 'latex'}
        How it is spelled.
    share : bool
        Name what is used several times, where that makes it shorter, and what the user named.
    limit : int
        How many nodes are shown; what is below them is cut to an ellipsis.
    lengths : callable, optional
        The lengths of a node's shape as texts, for arrays of ones.

    >>> import symgrad.tensor as T
    >>> x, y = T.dmatrices("x", "y")
    >>> p = T.tanh(T.dot(x, y) + 1)
    >>> formulas([p * (1 - p)])
    Written(formulas=('u ⊙ (1 − u)',), named=(('u', 'tanh(xy + 1)'),))
    """
    given = dict(names or {})
    writer = _Writer(Scribe(STYLES[style], lengths), given, share, limit)
    return writer.run(exprs)


class _Writer:
    def __init__(self, scribe: Scribe, names: dict[Expr, str], share: bool, limit: int) -> None:
        self.scribe = scribe
        self.style: Style = scribe.style
        self.names = names
        self.share = share
        self.limit = limit
        self.below: dict[Expr, list[Expr]] = {}  # what each node that is shown asks for
        self.cut: set[Expr] = set()
        self.lets: dict[Expr, str] = {}

    def run(self, exprs: Sequence[Expr]) -> Written:
        roots = [bare(e) for e in exprs]
        opened = set(roots)  # written out, even where they have names
        self._explore(roots, opened)
        order = self._order(roots)
        self._name_leaves(order)
        if self.share:
            self._choose_lets(order, roots)
        pieces: dict[Expr, Piece] = {}
        named = []
        inside: dict[Expr, Piece] = {}
        of = _Lookup(pieces, {**self.names, **self.lets})
        for node in order:
            if node in self.cut:
                pieces[node] = Piece(self.style.ellipsis)
                continue
            name = self.lets.get(node) or self.names.get(node)
            if name is None or node in self.lets or node in opened:
                piece = self._piece(node, of)
                inside[node] = piece
            if name is not None:
                pieces[node] = self.style.name(name)
                if node in self.lets:
                    named.append((pieces[node].text, piece.text))
            else:
                pieces[node] = piece
        texts = tuple((inside.get(r) if r in opened else None) or pieces[r] for r in roots)
        return Written(tuple(t.text for t in texts), tuple(named))

    def _piece(self, node: Expr, of: _Lookup) -> Piece:
        if isinstance(node, Constant):
            piece = self.scribe.constant(node)
        elif node.op is None:
            piece = self.style.name(self.names[node])
        else:
            piece = self.scribe.write(node, of)
        if len(piece.text) <= _LONGEST:
            return piece
        dots = Piece(self.style.ellipsis)
        parts = {e: of.pieces[e] for e in self.below[node]}
        short = {e: p if len(p.text) <= _LONGEST // 8 else dots for e, p in parts.items()}
        piece = self.scribe.write(node, _Lookup(short, of.named))
        return piece if len(piece.text) <= _LONGEST else dots

    # -- what is shown ---------------------------------------------------------------------

    def _asked(self, node: Expr) -> list[Expr]:
        """What a node's handler asks for."""
        asked: list[Expr] = []

        def of(e: Expr) -> Piece:
            asked.append(e)
            return Piece("a", ATOM, short=True)

        self.scribe.write(node, of)
        return asked

    def _explore(self, roots: Sequence[Expr], opened: Collection[Expr]) -> None:
        """Go down level by level, as far as the limit allows."""
        level = list(dict.fromkeys(roots))
        seen = set(level)
        while level:
            following: list[Expr] = []
            for node in level:
                if node.op is None or (node in self.names and node not in opened):
                    self.below[node] = []
                    continue
                if len(self.below) >= self.limit:
                    self.below[node] = []
                    self.cut.add(node)
                    continue
                self.below[node] = self._asked(node)
                for e in self.below[node]:
                    if e not in seen:
                        seen.add(e)
                        following.append(e)
            level = following

    def _order(self, roots: Sequence[Expr]) -> list[Expr]:
        """What is shown, each node after what it asks for."""
        done: dict[Expr, None] = {}
        for root in roots:
            stack = [root]
            while stack:
                node = stack[-1]
                waiting = [e for e in self.below[node] if e not in done]
                if node in done or not waiting:
                    done[node] = None
                    stack.pop()
                else:
                    stack += reversed(waiting)
        return list(done)

    # -- names -----------------------------------------------------------------------------

    def _name_leaves(self, order: Iterable[Expr]) -> None:
        """Names for the variables, each its own: x, x′; s₁ and so on where there is none."""
        taken = {self.style.name(name).text for name in self.names.values()}
        counts = dict.fromkeys(_BY_RANK, 0)
        for node in order:
            if node.op is not None or node in self.names:
                continue
            if isinstance(node, Constant) and not node.name:
                continue
            name = node.name
            if not name:
                letter = _BY_RANK[min(node.ndim, 3)]
                name = None
                while name is None or self.style.name(name).text in taken:
                    counts[letter] += 1
                    name = f"{letter}{counts[letter]}"
            while self.style.name(name).text in taken:
                name += "′"
            taken.add(self.style.name(name).text)
            self.names[node] = name

    def _choose_lets(self, order: Sequence[Expr], roots: Sequence[Expr]) -> None:
        """Name parts that are used several times and long enough, and those that the user named."""
        uses: dict[Expr, int] = {}
        for node in order:
            for e in self.below[node]:
                uses[e] = uses.get(e, 0) + 1
        sizes: dict[Expr, int] = {}
        taken = {self.style.name(name).text for name in self.names.values()}
        for node in order:
            sizes[node] = 1 + sum(sizes[e] for e in self.below[node])
            shared = uses.get(node, 0) > 1 and sizes[node] >= _WORTH
            if node.op is None or node in self.names or node in self.cut or node in roots:
                continue
            if not (node.name or shared) or isinstance(node.op, DimShuffle):
                continue
            name = node.name or self._fresh(node, taken)
            while self.style.name(name).text in taken:
                name += "′"
            taken.add(self.style.name(name).text)
            self.lets[node] = name
            sizes[node] = 1

    def _fresh(self, node: Expr, taken: Collection[str]) -> str:
        wished = "p" if isinstance(node.op, Softmax) else ""
        for round_ in range(1000):
            for letter in wished + _POOL:
                name = f"{letter}{round_ or ''}"
                if self.style.name(name).text not in taken:
                    return name
        raise AssertionError("names ran out")


class _Lookup:
    """The pieces that are there, and which nodes stand under a name."""

    def __init__(self, pieces: Mapping[Expr, Piece], named: Collection[Expr]) -> None:
        self.pieces = pieces
        self.named = named

    def __call__(self, node: Expr) -> Piece:
        return self.pieces[node]
