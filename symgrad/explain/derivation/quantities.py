"""Which parts of a cost get a name, as one would do on paper: z = xW + b, p = softmax(z).

Named are: what the user named; what a function that is not linear is applied to; both factors of a
product, where both depend on the variables; and what is used several times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from symgrad import ops
from symgrad.explain.notation.dialects import STYLES
from symgrad.explain.notation.style import Name
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TensorType, TupleType, is_discrete
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic import elementwise
from symgrad.ops.arrays import broadcasting
from symgrad.ops.arrays.shaping import BroadcastLike, DimShuffle, Reshape, SumLike
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.linalg.linalg import Dot, MatMul
from symgrad.ops.nnet.softmax import Softmax

_HIDDEN = (ops.Cast, DimShuffle, broadcasting.Rebroadcast, broadcasting.SpecifyShape, BroadcastLike)
_LINEAR = (ops.Sum, Reshape, Index, IncIndex, SumLike, ops.Join)
_PLAIN = (ops.add, ops.sub, ops.neg)
_POOL = "uvwabcdefg"
MOST = 60  # quantities; a bigger graph keeps those that are nearest to the cost


class Quantity(NamedTuple):
    """A named part of the cost."""

    expr: Expr
    name: str


def through(node: Expr) -> Expr:
    """A node without what only changes dtype or broadcasting."""
    while isinstance(node.op, _HIDDEN) or node.op is elementwise.tensor_copy:
        node = node.inputs[0]
    return node


def on_path(cost: Expr, wrt: Collection[Expr]) -> set[Expr]:
    """The nodes through whose values the cost depends on the variables."""
    found: set[Expr] = set()
    for node in toposort([cost]):
        below = any(i in found and node.op.connects(k) for k, i in enumerate(node.inputs))
        if node in wrt or (below and _may_vary(node)):
            found.add(node)
    return found


def _may_vary(node: Expr) -> bool:
    """Whether a gradient can pass: not through integers and conditions."""
    return isinstance(node.type, TupleType) or not is_discrete(node.dtype)


def choose(cost: Expr, wrt: Collection[Expr]) -> list[Expr]:
    """The parts that get a name, each after those that it depends on; the cost comes last."""
    order = toposort([cost])
    path = on_path(cost, wrt)
    wanted: set[Expr] = {cost}
    users: dict[Expr, set[Expr]] = {}
    for node in order:
        if node.op is None:
            continue
        if not isinstance(node.type, TensorType):
            continue
        if node.name and node is through(node):
            wanted.add(node)
        if node not in path or node is not through(node):
            continue
        for k, given in enumerate(node.inputs):
            part = through(given)
            if given not in path or part.op is None or not node.op.connects(k):
                continue
            if not isinstance(part.type, TensorType):
                continue
            users.setdefault(part, set()).add(node)
            if not _is_linear(node, given, path) or _is_activation_in_product(node, part):
                wanted.add(part)
    for part, by in users.items():
        if len(by) > 1:
            wanted.add(part)
    wanted |= _batches(order, path)
    chosen: dict[Expr, None] = {}
    for node in order:
        named_or_deep = node.name or node is cost or not _is_slight(node, chosen)
        if node in wanted and named_or_deep:
            chosen[node] = None
    return [*chosen][-MOST:]


def _batches(order: Sequence[Expr], path: Collection[Expr]) -> set[Expr]:
    """Parts of data, as the user took them: train_x[600 * i : 600 * (i + 1)]."""
    views: dict[Expr, bool] = {}  # of data, and whether a part was taken
    found: set[Expr] = set()
    for node in order:
        if node.op is None or node in path:
            views |= {node: False} if node.op is None and not isinstance(node, Constant) else {}
        elif isinstance(node.op, (ops.Cast, Index)) and node.inputs[0] in views and node.ndim:
            taken = isinstance(node.op, Index) and len(node.inputs) > 1
            views[node] = views[node.inputs[0]] or taken
            found -= {node.inputs[0]} if isinstance(node.op, ops.Cast) else set()
            if views[node]:
                found.add(node)
    return found


def _is_linear(node: Expr, part: Expr, path: Collection[Expr]) -> bool:
    """Whether a node is linear in an input on the path."""
    op = node.op
    others = [i for i in node.inputs if i is not part and i in path]
    if op in _PLAIN or isinstance(op, _LINEAR):
        return True
    if op is ops.true_div:
        return part is node.inputs[0] and node.inputs[1] not in path
    if op is ops.mul or isinstance(op, (Dot, MatMul)):
        return not others and node.inputs.count(part) == 1
    return False


def _is_activation_in_product(node: Expr, part: Expr) -> bool:
    """Whether a product of matrices takes what a function gave: a hidden layer."""
    return isinstance(node.op, (Dot, MatMul)) and not (
        part.op in _PLAIN or isinstance(part.op, (Dot, MatMul, *_LINEAR))
    )


def _is_slight(node: Expr, chosen: Collection[Expr]) -> bool:
    """Whether a name would not pay: 1 - p, 2 * x, -x."""
    if node.op not in (*_PLAIN, ops.mul, ops.true_div):
        return False
    parts = [through(i) for i in node.inputs]
    parts = [p for p in parts if not isinstance(p, Constant)]
    return len(parts) <= 1 and all(p.op is None or p in chosen for p in parts)


# -- names -----------------------------------------------------------------------------------


class Names:
    """Names that are still free, told apart by how they are written."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def is_free(self, name: str) -> bool:
        """Whether nothing is called so yet."""
        return _key(name) not in self.taken

    def take(self, name: str) -> str:
        """The name, with primes as long as it is taken."""
        while not self.is_free(name):
            name += "′"
        self.taken.add(_key(name))
        return name


def _key(name: str) -> str:
    return STYLES["unicode"].name(name).text


def name_leaves(leaves: Sequence[Expr], names: Names) -> dict[Expr, str]:
    """Names for the variables: the user's, or x₁ and so on by rank."""
    found = {}
    for leaf in leaves:
        if leaf.name:
            found[leaf] = names.take(leaf.name)
    for leaf in leaves:
        if not leaf.name:
            letter = ("s", "v", "M", "T")[min(leaf.ndim, 3)]
            number = next(k for k in range(1, 10**6) if names.is_free(f"{letter}{k}"))
            found[leaf] = names.take(f"{letter}{number}")
    return found


def name_quantities(
    chosen: Sequence[Expr], data: Collection[Expr], names: Names, scalar: bool
) -> list[Quantity]:
    """Names for the parts: the user's, or the letters that textbooks use."""
    wishes = {}
    for node in chosen:
        if node.name and not Name.of(node.name).primes:
            wishes[node] = ""
        else:
            wish = "y" if is_discrete(node.dtype) else "x"
            wishes[node] = wish if node in data else _wish(node, chosen, scalar)
    found: dict[Expr, str] = {}
    for node in chosen:
        if not wishes[node]:
            found[node] = names.take(str(node.name))
    counts = {w: [*wishes.values()].count(w) for w in wishes.values() if w}
    for wish, count in counts.items():
        same = [node for node in chosen if wishes[node] == wish]
        if wish == "other":
            for node in same:
                found[node] = _from_pool(names)
        elif count == 1 and names.is_free(wish):
            found[same[0]] = names.take(wish)
        else:
            numbers = (k for k in range(1, 10**6) if names.is_free(f"{wish}{k}"))
            for node in same:
                found[node] = names.take(f"{wish}{next(numbers)}")
    return [Quantity(node, found[node]) for node in chosen]


def _from_pool(names: Names) -> str:
    for k in range(10**6):
        for letter in _POOL:
            if names.is_free(f"{letter}{k or ''}"):
                return names.take(f"{letter}{k or ''}")
    raise AssertionError("names ran out")


def _wish(node: Expr, chosen: Sequence[Expr], scalar: bool) -> str:
    """The letter for a part: z before a function, h after it, p for probabilities, r for errors."""
    op = node.op
    if node is chosen[-1]:
        return "f" if scalar else "ℓ"
    if isinstance(op, Softmax) or op is ops.sigmoid:
        return "p"
    if op is ops.sub:
        return "r"
    if isinstance(op, (Dot, MatMul)) or (op is ops.add and not scalar):
        return "z"
    hidden = node.ndim and isinstance(op, Elementwise) and op not in (ops.sqr, ops.pow, ops.mul)
    if hidden and op not in (ops.exp, ops.log, ops.true_div, ops.neg):
        return "h"
    return "other"
