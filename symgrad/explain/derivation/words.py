"""The rules of differentiation in words, one for each operation that a gradient passes through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad import ops
from symgrad.explain.derivation.lengths import Letters
from symgrad.explain.derivation.paper import on_paper
from symgrad.explain.notation import text
from symgrad.explain.notation.nodes import mean_of
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic import elementwise
from symgrad.ops.arrays.shaping import DimShuffle, Reshape
from symgrad.ops.families import Elementwise
from symgrad.ops.indexing.indexing import Index
from symgrad.ops.linalg.linalg import Dot, MatMul
from symgrad.ops.nnet import nnet

_SUM = "sum: each part gets the gradient"
_TOTAL = "sum: every term gets the gradient of the sum"
_PLAIN = (_SUM, _TOTAL, "a constant factor stays")  # not worth saying beside others
_MOST = 5  # rules that one step names
_SILENT = (ops.Cast, DimShuffle, Reshape, ops.Alloc, ops.BroadcastLike)


def rules(bodies: Sequence[Expr], target: Expr) -> str:
    """How a gradient comes from quantities to one that they are made of, in words."""
    found: dict[str, None] = {}
    for body in bodies:
        for node, k in reversed(_path(body, target)):
            phrase = _phrase(node, k, target)
            if phrase:
                found[phrase] = None
    phrases = [p for p in found if p not in _PLAIN] or [*found][:1]
    if len(phrases) > _MOST:
        phrases = [*phrases[:_MOST], "and so on"]
    if len(bodies) > 1:
        phrases.insert(0, "used in several places: their contributions add up")
    return "; ".join(phrases) or "the gradient is handed on unchanged"


def _path(body: Expr, target: Expr) -> list[tuple[Expr, int]]:
    """The operations between a formula and a variable in it, with the input that leads there."""
    reached = {target}
    found = []
    for node in toposort([body]):
        for k, i in enumerate(node.inputs):
            if i in reached and node.op.connects(k):
                reached.add(node)
                found.append((node, k))
    return found


def _phrase(node: Expr, k: int, target: Expr) -> str:
    op = node.op
    x = node.inputs[k]
    if op is ops.true_div:
        return _quotient(node, k)
    if isinstance(op, ops.Sum):
        return _TOTAL
    if op in (ops.add, ops.sub):
        if _is_repeated(x, node):
            return _repeated(x, node)
        return _SUM if op is ops.add or not k else "difference: minus the gradient"
    if op is ops.mul:
        again = f"; {_repeated(x, node)}" if _is_repeated(x, node) else ""
        if isinstance(node.inputs[1 - k], Constant):
            return f"a constant factor stays{again}"
        return f"product rule: the gradient times the other factor{again}"
    if isinstance(op, (Dot, MatMul)):
        return _product(node, k)
    if isinstance(op, Index):
        if op.spec == (("array",), ("array",)):
            return "entry k, y_k of each row is picked: the gradient goes there, elsewhere it is 0"
        return "a part is taken: the gradient goes there, elsewhere it is 0"
    if isinstance(op, ops.Join):
        return "parts that were joined: each gets its part of the gradient"
    if isinstance(op, ops.LogSoftmax):
        return "logarithm of softmax, of class y: log p_y has the derivative onehot(y) − p"
    if isinstance(op, ops.Softmax):
        return "softmax: p ⊙ (g − Σ(g ⊙ p)) in each row, where g is the gradient for p"
    if isinstance(op, ops.LogSumExp):
        return "logarithm of a sum of exponentials: its derivative is softmax"
    if op in (elementwise.maximum, elementwise.minimum):
        return (
            "the gradient goes where the larger one comes from"
            if (op is elementwise.maximum)
            else "the gradient goes where the smaller one comes from"
        )
    if op is ops.switch:
        return "a choice: the gradient goes where the value comes from"
    if op is nnet.rectify:
        return "chain rule: relu′(u) = [u > 0] (at 0 it is taken as 1/2)"
    if op is ops.neg or isinstance(op, _SILENT) or op is elementwise.tensor_copy:
        return ""
    if op in (ops.sqr, ops.pow):
        return _power(node, k)
    if isinstance(op, Elementwise) and op.nin == 1:
        return f"chain rule: {derivative(op)}"
    return f"the rule of {op.name}"


def _quotient(node: Expr, k: int) -> str:
    total = mean_of(node)
    if total is not None and k == 0:
        return "mean: each of its terms gets the gradient over their number"
    if k == 0:
        return "quotient: the gradient over the denominator"
    return "quotient rule, denominator: (a/u)′ = −a/u²"


def _product(node: Expr, k: int) -> str:
    a, b = node.inputs
    if a.ndim == b.ndim == 1:
        return "product rule for two vectors: the gradient times the other one"
    if k:
        return "product rule for a matrix product AB, right factor: Aᵀ·gradient"
    if b.ndim == 1:
        return "product rule for a matrix times a vector Ab: gradient·bᵀ"
    return "product rule for a matrix product AB, left factor: gradient·Bᵀ"


def _power(node: Expr, k: int) -> str:
    if node.op is ops.sqr:
        return "power rule: (u²)′ = 2u"
    if k:
        return "exponential rule: (aᵘ)′ = aᵘ·log(a)"
    exponent = node.inputs[1]
    if isinstance(exponent, Constant) and not exponent.ndim:
        u = Placeholder(TensorType("float64"), "u")
        power = ops.pow.make(u, exponent)
        (slope, _) = ops.pow.vjp(Constant(np.array(1.0)), power, u, exponent)
        return f"power rule: ({text(power)})′ = {text(on_paper([slope], Letters())[0])}"
    return "power rule: (uᵇ)′ = b·uᵇ⁻¹"


def _is_repeated(x: Expr, node: Expr) -> bool:
    return x.ndim < node.ndim or any(
        n == 1 and m != 1 for n, m in zip(x.static_shape, node.static_shape, strict=True)
    )


def _repeated(x: Expr, node: Expr) -> str:
    if x.ndim < node.ndim and node.ndim == 2 and x.ndim == 1:
        return "what is added to every row gets the sum over the rows"
    if not x.ndim:
        return "a number that meets every element gets the sum over all"
    if node.ndim == 2 and x.static_shape[0] == 1:
        return "what meets every row gets the sum over the rows"
    return "what is repeated gets the sum over its repetitions"


def derivative(op: Elementwise) -> str:
    """The derivative of a function of one number, as a formula, from the operation's own rule.

    >>> derivative(ops.tanh)
    'tanh′(u) = 1 − tanh(u)²'
    """
    u = Placeholder(TensorType("float64"), "u")
    y = op.make(u)
    (slope,) = op.vjp(Constant(np.array(1.0)), y, u)
    name = text(op.make(u)).removesuffix("(u)")
    if not isinstance(slope, Expr):
        return f"the rule of {op.name}"
    (slope,) = on_paper([slope], Letters())
    head = f"{name}′(u)" if name.isidentifier() else f"({text(y)})′"
    return f"{head} = {text(slope, share=False)}"
