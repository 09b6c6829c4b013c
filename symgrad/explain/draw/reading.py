"""What is drawn: equal nodes once, plumbing not at all, numbers and lengths only in labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgrad.explain.draw.lengths import Symbols, symbols
from symgrad.explain.draw.texts import Operand, Text, constant, formula
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import is_discrete, is_float
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.arithmetic import elementwise
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.arrays.broadcasting import Rebroadcast, SpecifyShape
from symgrad.ops.arrays.constructors import Arange
from symgrad.ops.arrays.lengths import Dim, MakeVector, Shape
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike, DimShuffle, SumLike, is_transposed
from symgrad.ops.control.loops import Map
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.linalg.linalg import Dot
from symgrad.ops.op import Project
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.reduction import Sum

_LONGEST = 32  # characters of a text in a label
_WRITTEN_FROM = {Gemm: 0, MakeVector: 0, Arange: 0}  # operands that may be written, besides indices


class Reading:
    """A graph as it is drawn.

    Attributes
    ----------
    order : list of Expr
        The nodes of the graph, equal ones once, those inside loops too, each after its inputs.
    symbols : mapping
        The lengths of each node as texts.
    loop_of : mapping
        For what is inside a loop, the loop.
    elements : mapping
        For the inputs of a loop's body, which of the loop's inputs they come from.
    users : mapping
        Who uses a node.
    """

    def __init__(self, roots: Sequence[Expr]) -> None:
        self.loop_of: dict[Expr, Expr] = {}
        self.elements: dict[Expr, int] = {}
        self._below: dict[Expr, tuple[Expr, ...]] = {}
        full = self._with_bodies(roots)
        self._same = self._merge(full)
        self.order = [node for node in full if self._same[node] is node]
        self.roots = [self._same[root] for root in roots]
        taken = [node.name for node in full if node.op is None and node.name]
        self.symbols: Symbols = symbols(full, self._below_of, taken, self._same)
        self.users = self._find_users()
        self.texts: dict[Expr, Text] = {}
        self._instead: dict[Expr, Expr] = {}
        self.means: dict[Expr, Expr] = {}
        self._turned: set[Expr] = set()
        self._operands: dict[Expr, list[Operand]] = {}
        for node in self.order:
            self._read(node)

    def lengths(self, node: Expr) -> Sequence[str]:
        """The lengths of a node as texts."""
        return self.symbols.get(node, ())

    def inputs(self, node: Expr) -> list[Expr]:
        """The inputs, equal nodes made one; of a loop, what its body computes."""
        same = self._same
        return [same[i] for i in self._below_of(node)]

    def _below_of(self, node: Expr) -> Sequence[Expr]:
        return self._below.get(node, node.inputs)

    # -- the whole graph ---------------------------------------------------------------------

    def _with_bodies(self, roots: Sequence[Expr]) -> list[Expr]:
        """The nodes in order, with the bodies of loops before the loops."""
        order: list[Expr] = []
        todo = toposort(roots)[::-1]
        while todo:
            node = todo.pop()
            if isinstance(node.op, Map) and node not in self._below:
                todo.append(node)
                todo.extend(reversed(self._open(node)))
            else:
                order.append(node)
        return list(dict.fromkeys(order))

    def _open(self, loop: Expr) -> list[Expr]:
        """The nodes of a loop's body; new ones, for several loops may have one body."""
        body = loop.op.body
        places = [place.clone() for place in body.inputs]
        outputs = substitute(body.outputs, dict(zip(body.inputs, places, strict=True)))
        self._below[loop] = tuple(outputs)
        for k, (place, source) in enumerate(zip(places, loop.inputs, strict=True)):
            self._below[place] = (source,)
            self.elements[place] = k
            place.origin = body.inputs[k].origin
        nodes = toposort(outputs)
        self.loop_of.update((node, loop) for node in nodes if not isinstance(node, Constant))
        return nodes

    def _merge(self, order: Sequence[Expr]) -> dict[Expr, Expr]:
        """For each node, the first that is equal to it."""
        same: dict[Expr, Expr] = {}
        known: dict[Any, Expr] = {}
        for node in order:
            key: Any = None
            if isinstance(node, Constant):
                if node.value.nbytes <= 64:
                    key = (node.value.dtype.str, node.value.shape, node.value.tobytes(), node.name)
            elif node.op is not None and not node.op.has_side_effect and node not in self._below:
                key = (node.op, *[same[i] for i in node.inputs])
            same[node] = node if key is None else known.setdefault(key, node)
        return same

    def _find_users(self) -> dict[Expr, list[Expr]]:
        users: dict[Expr, list[Expr]] = {node: [] for node in self.order}
        for node in self.order:
            for i in dict.fromkeys(self.inputs(node)):
                users[i].append(node)
        for root in self.roots:
            users[root].append(root)
        return users

    # -- what is written instead of drawn ------------------------------------------------------

    def _read(self, node: Expr) -> None:
        if isinstance(node, Constant):
            text = constant(node)
            if text is not None:
                self.texts[node] = text
            return
        if node in self.elements:  # what is the same in each round comes from outside
            (source,) = self.inputs(node)
            if self.elements[node] >= self.loop_of[node].op.sequences:
                self._replace(node, source)
            return
        if node.op is None or node in self._below:
            return
        inputs = self.inputs(node)
        self._look_for_mean(node, inputs)
        if node.name:
            return
        text = self._text(node, inputs)
        if text is not None and len(text.text) <= _LONGEST:
            self.texts[node] = text
            return
        without = self._without_plumbing(node, inputs)
        if without is not None:
            self._replace(node, without)
        elif self._is_turned(node):
            self._turned.add(node)
            self._replace(node, inputs[0])

    def _replace(self, node: Expr, source: Expr) -> None:
        self._instead[node] = self.target(source)
        if source in self.texts:
            self.texts[node] = self.texts[source]

    def _text(self, node: Expr, inputs: Sequence[Expr]) -> Text | None:
        op = node.op
        if isinstance(op, Dim):
            lengths = self.lengths(inputs[0])
            return Text(lengths[op.axis]) if lengths else None
        if isinstance(op, Shape):
            return Text(f"[{', '.join(self.lengths(inputs[0]))}]")
        below = [self.texts.get(i) for i in inputs]
        if isinstance(op, (Alloc, BroadcastLike)) and below[0] is not None:
            return below[0] if not below[0].leaves else None
        if any(text is None or text.leaves for text in below):
            return None
        texts: list[Text] = [text for text in below if text is not None]
        if isinstance(op, (Cast, DimShuffle)) or op is elementwise.tensor_copy:
            return texts[0]
        if isinstance(op, Arange) and texts[0].text == "0" and texts[2].text == "1":
            return Text(f"0…{texts[1].at(1)}−1", 0, counts=True)
        if node.ndim == 0:
            return formula(node, texts)
        return None

    def _without_plumbing(self, node: Expr, inputs: Sequence[Expr]) -> Expr | None:
        """The input that this node is the same as, for a reader."""
        if node.op in (elementwise.mul, elementwise.pow):  # gradients are full of products with 1
            for k in (1, 0) if node.op is elementwise.mul else (1,):
                one, other = self.texts.get(inputs[k]), inputs[1 - k]
                if one is not None and one.text == "1" and self._keeps_shape(node, other):
                    return other
            return None
        return inputs[0] if self._is_plumbing(node, inputs) else None

    def _is_plumbing(self, node: Expr, inputs: Sequence[Expr]) -> bool:
        """Whether a reader sees the same without this node."""
        op = node.op
        if isinstance(op, Cast):
            return is_float(op.dtype) or is_discrete(inputs[0].dtype)
        if isinstance(op, (Rebroadcast, SpecifyShape)) or op is elementwise.tensor_copy:
            return True
        if isinstance(op, SumLike):
            return self._keeps_shape(node, inputs[0])
        if isinstance(op, BroadcastLike):
            if self._keeps_shape(node, inputs[0]):
                return True
            return all(
                isinstance(user.op, (Elementwise, DimShuffle))
                or (isinstance(user.op, IncIndex) and user.inputs[0] is not node)
                for user in self.users[node]
            )
        return isinstance(op, DimShuffle) and self._only_fits(op.order, self.target(inputs[0]))

    def _keeps_shape(self, node: Expr, x: Expr) -> bool:
        return self.lengths(node) == self.lengths(x)

    @staticmethod
    def _only_fits(order: tuple[Any, ...], x: Expr) -> bool:
        """Whether axes only come in front, or come back where a reduction took them."""
        kept = [a for a in order if a != "x"]
        if kept != sorted(kept):
            return False
        if not kept or order[len(order) - len(kept) :] == tuple(kept):
            return True
        if not isinstance(x.op, Reduction) or x.op.keepdims:
            return False
        return tuple(k for k, a in enumerate(order) if a == "x") == x.op.axis

    def _is_turned(self, node: Expr) -> bool:
        """Whether a transpose is only multiplied, so that the product can say so."""
        if not is_transposed(node):
            return False
        return node.inputs[0] not in self._turned and all(
            isinstance(user.op, (Dot, Gemm)) and user.ndim == 2 for user in self.users[node]
        )

    def _look_for_mean(self, node: Expr, inputs: Sequence[Expr]) -> None:
        """A sum divided by how many terms it has."""
        if node.op is not elementwise.true_div:
            return
        total, count = self.target(inputs[0]), self.texts.get(inputs[1])
        if count is None or not isinstance(total.op, Sum) or total.name or total in self.roots:
            return
        if any(
            self.target(user) is not node and user not in self._instead
            for user in self.users[total]
        ):
            return
        (x,) = self.inputs(total)
        found = [self.lengths(x)[a] for a in total.op.axis if self.lengths(x)]
        product = 1
        letters = []
        for length in found:
            if length.isdecimal():
                product *= int(length)
            else:
                letters.append(length)
        factors = sorted([*letters, *([str(product)] if product != 1 or not letters else [])])
        if found and sorted(count.text.split("·")) == factors:
            self.means[node] = total

    # -- what a drawn node is applied to -----------------------------------------------------

    def target(self, node: Expr) -> Expr:
        """The node that is drawn for this one."""
        return self._instead.get(node, node)

    def operands(self, node: Expr) -> list[Operand]:
        """What a drawn node is applied to; shapes that are read nowhere else are left out."""
        found = self._operands.get(node)
        if found is None:
            found = self._operands[node] = self._find_operands(node)
        return found

    def _find_operands(self, node: Expr) -> list[Operand]:
        if node in self.texts:
            return []
        if node in self.means:
            (x,) = self.inputs(self.means[node])
            return [Operand(self.target(x), None)]
        inputs = self.inputs(node)
        if isinstance(node.op, Project) and inputs[0] in self._below:
            inputs = [self.inputs(inputs[0])[node.op.index]]  # out of the loop's body
        if node in self._below or node.op is None:
            return [Operand(self.target(i), None) for i in inputs]
        if isinstance(node.op, Gemm):
            inputs = list(node.op.terms(inputs))
        found = []
        for k, i in enumerate(inputs):
            text = self.texts.get(i)
            if self._only_shape(node, k):
                text = Text("")
            elif text is None and self._is_position(node, k):
                text = self.position(i)
            elif text is not None and not self._may_write(node, k, i):
                text = None
            found.append(Operand(self.target(i), text, i in self._turned))
        if isinstance(node.op, Elementwise) and all(o.text is not None for o in found):
            found[0] = found[0]._replace(text=None)  # something must be drawn
        return found

    @staticmethod
    def _only_shape(node: Expr, k: int) -> bool:
        return isinstance(node.op, (SumLike, BroadcastLike)) and k == 1

    @staticmethod
    def _is_position(node: Expr, k: int) -> bool:
        first = node.op.ints_from
        if first is None or k < first:
            return False
        return node.inputs[k].ndim == 0 and is_discrete(node.inputs[k].dtype)

    def _may_write(self, node: Expr, k: int, i: Expr) -> bool:
        op = node.op
        if isinstance(op, (Index, IncIndex)):
            return k > 0 or (isinstance(op, IncIndex) and self.texts[i].text == "0")
        if isinstance(op, (Elementwise, *_WRITTEN_FROM)) or self._is_position(node, k):
            return True
        return i.ndim == 0

    def position(self, node: Expr, depth: int = 5) -> Text | None:
        """`600·index`: an integer made of numbers and named variables."""
        known = self.texts.get(node)
        if known is not None:
            return known
        if node.op is None:
            if node.name and node.ndim == 0:
                return Text(node.name, leaves=(node,))
            return None
        if node.ndim or not depth or not isinstance(node.op, (Elementwise, Cast)):
            return None
        inputs = [self.position(i, depth - 1) for i in self.inputs(node)]
        texts = [text for text in inputs if text is not None]
        if len(texts) < len(inputs):
            return None
        made = texts[0] if isinstance(node.op, Cast) else formula(node, texts)
        return made if made is not None and len(made.text) <= _LONGEST else None

    def drawn(self, roots: Sequence[Expr]) -> Iterator[Expr]:
        """The nodes to draw, in order."""
        needed = {self.target(root) for root in roots}
        stack = list(needed)
        while stack:
            for operand in self.operands(stack.pop()):
                leaves = [operand.node] if operand.text is None else operand.text.leaves
                for leaf in leaves:
                    if leaf not in needed:
                        needed.add(leaf)
                        stack.append(leaf)
        return (node for node in self.order if node in needed)
