"""Updates as formulas: `W ← W − 0.13·gradient`."""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.errors import QUOTED, short
from symgrad.explain.draw.labels import Given, label
from symgrad.explain.draw.reading import Reading
from symgrad.explain.draw.texts import SLOT, Operand, Text, formula, shown_name
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.ops.arithmetic import elementwise
from symgrad.ops.linalg.gemm import Gemm
from symgrad.origins import is_of_gradient

_ARITHMETIC = {
    *(elementwise.add, elementwise.sub, elementwise.mul, elementwise.true_div, elementwise.neg)
}
_LONGEST = 44  # characters of a formula
_LONGEST_NAME = 16
_DEEPEST = 5


class Step(NamedTuple):
    """An update: its formula, and what arrows bring."""

    shared: Shared
    text: str
    operands: list[Operand]
    marks: dict[int, str]


def update_step(reading: Reading, shared: Shared, new: Expr) -> Step:
    """The formula of an update, with what is not arithmetic on its own variable left to arrows."""
    name = short(shared.name or "value", QUOTED)
    writer = _Writer(reading, shared, name)
    target = reading.target(new)
    if target.op is not None and not target.name:
        made = writer.write(target)
        if made is not None:
            return made
    text = f"{name} ← {SLOT}" if target is not shared else f"{name} ← {name}"
    return Step(shared, text, [Operand(target, None)], {})


class _Writer:
    def __init__(self, reading: Reading, shared: Shared, name: str) -> None:
        self.reading, self.shared, self.name = reading, shared, name
        self.open: dict[Expr, str] = {}
        self.leaves: dict[Expr, None] = {}

    def write(self, new: Expr) -> Step | None:
        """The update, if its formula is short."""
        if not self._is_own(new):
            return None
        if isinstance(new.op, Gemm):
            return self._product(new)
        return self._arithmetic(new) if new.op in _ARITHMETIC else None

    def _product(self, new: Expr) -> Step:
        """`W ← W − 0.13·Aᵀ·B`, which BLAS does at once."""
        operands = self.reading.operands(new)
        if operands[0].node is self.shared:
            operands = [operands[0]._replace(text=Text(self.name)), *operands[1:]]
        made = label(Given(new, operands, self.reading.lengths))
        drawn = [k for k, o in enumerate(operands) if o.text is None]
        marks = {k: made.marks[old] for k, old in enumerate(drawn) if old in made.marks}
        return Step(self.shared, f"{self.name} ← {made.text}", [operands[k] for k in drawn], marks)

    def _arithmetic(self, new: Expr) -> Step | None:
        text = self._term(new, 0).text
        if len(self.open) > 2 or len(text) > _LONGEST:
            return None
        letters = list(self.open.values()) if len(self.open) == 1 else ["A", "B"]
        for k in range(len(self.open)):
            text = text.replace(f"\0{k}", letters[k])
        operands = [Operand(node, None) for node in self.open]
        operands += [Operand(leaf, None) for leaf in self.leaves if leaf is not self.shared]
        marks = {0: "A", 1: "B"} if len(self.open) > 1 else {}
        return Step(self.shared, f"{self.name} ← {text}", operands, marks)

    def _is_own(self, node: Expr) -> bool:
        """Whether a node serves this update alone, and is no part of a gradient."""
        users = self.reading.users[node]
        return len(users) == 1 and not node.name and not is_of_gradient(node.origin)

    def _term(self, node: Expr, depth: int) -> Text:
        known = self.reading.texts.get(node)
        if known is not None:
            return known
        node = self.reading.target(node)
        if node.op is None and node.name and len(node.name) <= _LONGEST_NAME:
            self.leaves[node] = None
            return Text(node.name, leaves=(node,))
        if self._is_own(node) and node.op in _ARITHMETIC and depth < _DEEPEST and _scales(node):
            parts = [self._term(i, depth + 1) for i in self.reading.inputs(node)]
            made = formula(node, [part._replace(leaves=()) for part in parts])
            if made is not None:
                return made
        if node not in self.open:
            gradient: Any = is_of_gradient(node.origin)
            name = shown_name(node)
            name = name if len(name) <= _LONGEST_NAME else ""
            self.open[node] = name or ("gradient" if gradient else SLOT)
        return Text(f"\0{list(self.open).index(node)}")


def _scales(node: Expr) -> bool:
    """Whether a product is one with a number; other products are drawn."""
    if node.op is not elementwise.mul:
        return True
    return any(all(n == 1 for n in i.static_shape) for i in node.inputs)
