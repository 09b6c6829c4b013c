"""Updates as formulas: `W ← W − 0.13·gradient`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.draw.labels import SLOT, Given, Text, formula, label
from symgrad.draw.reading import Operand, Reading
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.ops import elementwise
from symgrad.ops.gemm import Gemm
from symgrad.origins import is_of_gradient

_ARITHMETIC = {
    *(elementwise.add, elementwise.sub, elementwise.mul, elementwise.true_div, elementwise.neg)
}
_LONGEST = 44  # characters of a formula
_DEEPEST = 5


class Step(NamedTuple):
    """An update: its formula, and what arrows bring."""

    shared: Shared
    text: str
    operands: list[Operand]
    marks: dict[int, str]


def update_step(reading: Reading, shared: Shared, new: Expr) -> Step:
    """The formula of an update, with what is not arithmetic on its own variable left to arrows."""
    name = shared.name or "value"
    writer = _Writer(reading, shared, name)
    target = reading.target(new)
    if target.op is not None and not target.name:
        made = writer.write(target)
        if made is not None:
            return made
    text = f"{name} ← {SLOT}" if target is not shared else f"{name} ← {name}"
    return Step(shared, text, [Operand(target, None)], {})


def given_for(reading: Reading, node: Expr, operands: Sequence[Operand]) -> Given:
    """What the label of a node is made from."""
    return Given(
        node,
        [o.text for o in operands],
        [o.name for o in operands],
        [o.turned for o in operands],
        reading.lengths,
    )


class _Writer:
    def __init__(self, reading: Reading, shared: Shared, name: str) -> None:
        self.reading, self.shared, self.name = reading, shared, name
        self.open: dict[Expr, str] = {}
        self.leaves: dict[Expr, None] = {}

    def write(self, new: Expr) -> Step | None:
        """The update, if its formula is short."""
        own = Text(self.name, leaves=(self.shared,))
        if isinstance(new.op, Gemm) and self._is_own(new):
            operands = self.reading.operands(new)
            operands = [
                o._replace(text=own) if o.node is self.shared and not k else o
                for k, o in enumerate(operands)
            ]
            made = label(given_for(self.reading, new, operands))
            kept = [k for k, o in enumerate(operands) if o.text is None]
            marks = {k: made.marks[old] for k, old in enumerate(kept) if old in made.marks}
            text = f"{self.name} ← {made.text}"
            return Step(self.shared, text, [operands[k] for k in kept], marks)
        if not self._is_own(new) or new.op not in _ARITHMETIC:
            return None
        text = self._term(new, 0)
        if len(self.open) > 2 or len(text.text) > _LONGEST:
            return None
        written = text.text
        marks: dict[int, str] = {}
        if len(self.open) == 1:
            written = written.replace("\0" + "0", next(iter(self.open.values())))
        for k in range(len(self.open)):
            written = written.replace(f"\0{k}", "AB"[k])
            marks[k] = "AB"[k]
        operands = [Operand(node, None) for node in self.open]
        operands += [Operand(leaf, None) for leaf in self.leaves if leaf is not self.shared]
        return Step(
            self.shared, f"{self.name} ← {written}", operands, marks if len(self.open) > 1 else {}
        )

    def _is_own(self, node: Expr) -> bool:
        """Whether a node serves this update alone, and is no part of a gradient."""
        users = self.reading.users[node]
        return len(users) == 1 and not node.name and not is_of_gradient(node.origin)

    def _term(self, node: Expr, depth: int) -> Text:
        known = self.reading.texts.get(node)
        if known is not None:
            return known
        node = self.reading.target(node)
        if node.op is None and node.name and len(node.name) <= 16:
            self.leaves[node] = None
            return Text(node.name, leaves=(node,))
        if self._is_own(node) and node.op in _ARITHMETIC and depth < _DEEPEST and _scales(node):
            parts = [self._term(i, depth + 1) for i in self.reading.inputs(node)]
            made = formula(node, [part._replace(leaves=()) for part in parts])
            if made is not None:
                return made
        if node not in self.open:
            gradient: Any = is_of_gradient(node.origin)
            self.open[node] = node.name or ("gradient" if gradient else SLOT)
        return Text(f"\0{list(self.open).index(node)}")


def _scales(node: Expr) -> bool:
    """Whether a product is one with a number; other products are drawn."""
    if node.op is not elementwise.mul:
        return True
    return any(all(n == 1 for n in i.static_shape) for i in node.inputs)
