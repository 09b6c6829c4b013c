"""What updates do with gradients, and what they read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.control.evaluation import evaluate
from symgrad.origins import is_of_gradient

_THROUGH = frozenset(
    "dim_shuffle reshape broadcast_like sum_like specify_shape rebroadcast tensor_copy print_value "
    "check consider_constant disconnected_grad zero_grad grad_clip grad_scale clip".split()
)

_OF_ZERO = _THROUGH | {"neg", "true_div", "sum", "alloc"}


def signs(new: Expr, updates: Mapping[Expr, Expr]) -> set[tuple[Expr, int]]:
    """The gradients that are added up in a new value, with their signs.

    `updates` says what becomes of other shared variables: a velocity that is added holds the
    gradients of its own update.

    >>> import symgrad.tensor as T
    >>> from symgrad.gradient import grad
    >>> from symgrad.graph.shared import shared
    >>> w = shared(1.0, "w")
    >>> g = grad(w**2, w)
    >>> [[sign for _, sign in signs(new, {})] for new in (w - 0.1 * g, w - -0.1 * g)]
    [[-1], [1]]
    """
    found: set[tuple[Expr, int]] = set()
    seen: set[tuple[Expr, int]] = set()
    todo = [(new, 1)]
    holding = _of_gradients([new, *updates.values()])
    while todo:
        node, sign = todo.pop()
        if (node, sign) in seen:
            continue
        seen.add((node, sign))
        if is_of_gradient(node.origin):
            found.add((node, sign))
        elif isinstance(node, Shared) and node in updates and node is not new:
            todo.append((updates[node], sign))
        elif node in holding and node.op is not None:
            todo += _terms(node, sign, holding)
    return found


def _terms(node: Expr, sign: int, holding: Collection[Expr]) -> list[tuple[Expr, int]]:
    """What a node adds up, with signs; nothing if it is not linear."""
    inputs, name = node.inputs, node.op.name
    if name == "add":
        return [(i, sign) for i in inputs]
    if name == "sub":
        return [(inputs[0], sign), (inputs[1], -sign)]
    if name == "neg":
        return [(inputs[0], -sign)]
    if name == "mul":
        a, b = inputs
        return [
            (x, sign * (1 if y in holding else sign_of(y)))
            for x, y in ((a, b), (b, a))
            if x in holding
        ]
    if name == "true_div":
        return [(inputs[0], sign * (1 if inputs[1] in holding else sign_of(inputs[1])))]
    if name in _THROUGH or isinstance(node.op, Cast):
        return [(inputs[0], sign)]
    if name == "switch":
        return [(i, sign) for i in inputs[1:]]
    return []


def _of_gradients(roots: Sequence[Expr]) -> set[Expr]:
    """The nodes that depend on gradients, or on shared variables, which may hold some."""
    holding: set[Expr] = set()
    for node in toposort(roots):
        if (
            is_of_gradient(node.origin)
            or isinstance(node, Shared)
            or any(i in holding for i in node.inputs)
        ):
            holding.add(node)
    return holding - {node for node in holding if isinstance(node, Shared) and not node.ndim}


def sign_of(node: Expr) -> int:
    """The sign of a factor, from its value now; 1 where it depends on inputs, or has both."""
    order = toposort([node])
    if len(order) > 50 or any(isinstance(n, Placeholder) or n.dtype == "object" for n in order):
        return 1
    if any(n.op is not None and n.op.has_side_effect for n in order):
        return 1
    value = node.value if isinstance(node, Constant) else evaluate([node], np, {})[0]
    return -1 if np.size(value) and np.all(np.asarray(value) < 0) else 1


def unchanged(old: Expr, new: Expr, order: Sequence[Expr]) -> bool:
    """Whether a new value is the old one and zeros; `order` lists what it is computed from."""
    zeros: set[Expr] = set()
    for node in order:
        if isinstance(node, Constant):
            zero = bool(node.value.size) and not node.value.any()
        elif node.op is None:
            zero = False
        elif node.op.name == "mul":
            zero = any(i in zeros for i in node.inputs)
        elif node.op.name in ("add", "sub"):
            zero = all(i in zeros for i in node.inputs)
        else:
            same = node.op.name in _OF_ZERO or isinstance(node.op, Cast)
            zero = same and node.inputs[0] in zeros
        if zero:
            zeros.add(node)
    while new is not old and new.op is not None and new.op.name in ("add", "sub"):
        a, b = new.inputs
        if b in zeros:
            new = a
        elif a in zeros and new.op.name == "add":
            new = b
        else:
            return False
    return new is old


def reads(new: Expr, stop: Collection[Expr]) -> set[Expr]:
    """The shared variables that an update itself reads, not through gradients or `stop`."""
    found: set[Expr] = set()
    seen: set[Expr] = set()
    todo = [new]
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Shared):
            found.add(node)
        elif node is new or (node not in stop and not is_of_gradient(node.origin)):
            todo += [i for k, i in enumerate(node.inputs) if node.op.connects(k)]
    return found
