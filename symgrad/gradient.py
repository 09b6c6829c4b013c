"""Reverse-mode differentiation: a graph in, a bigger graph out."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from symgrad.errors import (
    DisconnectedInputError,
    GraphTypeError,
    GraphValueError,
    NullTypeGradError,
    describe,
    inherit_origin,
    made_at,
)
from symgrad.flags import config
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.walk import substitute, toposort
from symgrad.ops.elementwise import cast
from symgrad.ops.families import Elementwise
from symgrad.ops.op import NullGrad, Project, as_expr, constant
from symgrad.ops.shaping import full_like, sum_like
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.stability import STABILITY
from symgrad.types import TupleType, is_complex, is_discrete

Gradient = Any  # Expr, or NullGrad, or None


class DisconnectedType:
    """What stands for the gradient of a disconnected variable, when asked for.

    >>> DisconnectedType()
    <disconnected>
    """

    def __repr__(self) -> str:
        return "<disconnected>"


def grad(
    cost: Any,
    wrt: Any,
    consider_constant: Sequence[Any] | None = None,
    disconnected_inputs: Literal["raise", "warn", "ignore"] = "raise",
    add_names: bool = True,
    known_grads: Mapping[Any, Any] | None = None,
    return_disconnected: Literal["zero", "None", "Disconnected"] = "zero",
    null_gradients: Literal["raise", "return"] = "raise",
) -> Any:
    """Differentiate a scalar with respect to variables of its graph.

    The graph is stabilised first (`log(softmax(z))` becomes one operation, and so on), so that
    gradients are finite and accurate wherever the function is.

    Parameters
    ----------
    cost : scalar variable or None
        What to differentiate; None is allowed with `known_grads`.
    wrt : variable, or list or tuple of variables
        Inputs, shared variables or intermediate results of the graph.
    consider_constant : list of variables, optional
        Expressions not to differentiate through.
    disconnected_inputs : {'raise', 'warn', 'ignore'}
        What to do when `cost` does not depend on one of `wrt`.
    add_names : bool
        Name the results ``(dcost/dx)``.
    known_grads : dict, optional
        Gradients of intermediate variables that are given.
    return_disconnected : {'zero', 'None', 'Disconnected'}
        What to return for a disconnected variable that was not an error.
    null_gradients : {'raise', 'return'}
        Whether a gradient that an operation declares undefined is an error.

    Returns
    -------
    variable, or list or tuple of variables, as `wrt` is
        Each with the dtype and shape of what it belongs to; floatX zeros for integers.

    Raises
    ------
    GraphTypeError
        If the cost is not a real scalar, or `wrt` not made of variables.
    DisconnectedInputError, NullTypeGradError
        As chosen above.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> grad(x**3, x).eval({x: 2.0})
    array(12.)
    """
    _check_choice("disconnected_inputs", disconnected_inputs, ("raise", "warn", "ignore"))
    _check_choice("return_disconnected", return_disconnected, ("zero", "None", "Disconnected"))
    _check_choice("null_gradients", null_gradients, ("raise", "return"))
    if isinstance(wrt, (set, frozenset, dict)):
        raise GraphTypeError("grad: wrt must be a variable, list or tuple; a set has no order.")
    targets = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for target in targets:
        if not isinstance(target, Expr):
            raise GraphTypeError(f"grad: wrt must hold symbolic variables, not {target!r}.")
    cost = _check_cost(cost, known_grads)
    constants = [c for c in (consider_constant or ()) if isinstance(c, Expr)]
    known = {
        k: _check_known(k, as_expr(g, "known_grads")) for k, g in (known_grads or {}).items()
    }
    roots = ([cost] if cost is not None else []) + list(known)
    connected = _connected(roots, set(constants))

    found = _gradients(cost, targets, constants, known, connected)
    results: list[Any] = []
    for target in targets:
        result = found.get(target)
        if isinstance(result, NullGrad):
            if null_gradients == "raise":
                raise NullTypeGradError(
                    f"grad: the gradient of {cost} with respect to {describe(target)} is "
                    f"undefined: {result.reason}"
                )
        elif target not in connected:
            result = _disconnected(cost, target, disconnected_inputs, return_disconnected)
        elif result is None or is_discrete(target.dtype):
            result = _zeros(target)
        elif result.dtype != target.dtype:
            result = cast(result, target.dtype)
        if add_names and isinstance(result, Expr) and not result.name and result.op is not None:
            if cost is not None and cost.name and target.name:
                result.name = f"(d{cost.name}/d{target.name})"
        results.append(result)
    if isinstance(wrt, tuple):
        return tuple(results)
    return results if isinstance(wrt, list) else results[0]


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise GraphValueError(f"grad: {name}={value!r}; expected one of {', '.join(allowed)}.")


def _check_cost(cost: Any, known_grads: Any) -> Any:
    if cost is None:
        if not known_grads:
            raise GraphTypeError("grad: cost is None, which needs known_grads.")
        return None
    cost = as_expr(cost, "grad: cost")
    if cost.ndim != 0:
        raise GraphTypeError(
            f"grad: the cost must be a scalar, but {describe(cost)} has {cost.ndim} dimension"
            f"{'' if cost.ndim == 1 else 's'}. Use its mean or sum, or jacobian(), Lop().\n"
            f"{made_at(cost)}"
        )
    if is_complex(cost.dtype) or is_discrete(cost.dtype):
        raise GraphTypeError(
            f"grad: the cost must be a real floating-point number, but {describe(cost)} is "
            f"{cost.dtype}. Cast it, or compute it from floats.\n{made_at(cost)}"
        )
    return cost


def _check_known(variable: Any, gradient: Any) -> Any:
    if not isinstance(variable, Expr):
        raise GraphTypeError(f"grad: known_grads must map variables to gradients, not {variable!r}.")
    if gradient.ndim != variable.ndim:
        raise GraphTypeError(
            f"grad: the known gradient of {describe(variable)} is {describe(gradient)}, of "
            "another rank."
        )
    return gradient


def _zeros(target: Expr) -> Any:
    return full_like(target, 0, config.floatX if is_discrete(target.dtype) else target.dtype)


def _connected(roots: Sequence[Expr], barrier: Collection[Expr]) -> set[Expr]:
    """All nodes on whose values the roots depend."""
    reached: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        reached.add(node)
        if node.op is not None and node not in barrier:
            stack.extend(i for k, i in enumerate(node.inputs) if node.op.connects(k))
    return reached


def _disconnected(cost: Any, target: Expr, action: str, instead: str) -> Any:
    if action != "ignore":
        message = (
            f"grad: {describe(cost) if cost is not None else 'the cost'} does not depend on the "
            f"value of {describe(target)}.{_cut(cost, target)}\n{made_at(target)}\n"
            "To get zeros instead, pass disconnected_inputs='ignore'."
        )
        if action == "raise":
            raise DisconnectedInputError(message)
        warnings.warn(message, stacklevel=3)
    if instead == "zero":
        return _zeros(target)
    return None if instead == "None" else DisconnectedType()


def _cut(cost: Any, target: Expr) -> str:
    """Which operation cuts the two, in words."""
    if cost is None:
        return ""
    below = {target}
    for node in toposort([cost]):
        for k, source in enumerate(node.inputs):
            if source in below:
                below.add(node)
                if not node.op.connects(k):
                    return (
                        f" It is used by {node}, whose result depends on its shape or type "
                        f"only, or stops gradients ({made_at(node)})."
                    )
    return " It is not part of the expression at all."


# -- the reverse pass ------------------------------------------------------------------------


def _gradients(
    cost: Any,
    targets: Sequence[Expr],
    constants: Sequence[Expr],
    known: Mapping[Expr, Any],
    connected: Collection[Expr],
) -> dict[Expr, Gradient]:
    """Gradients for the targets, whole graph stabilised around each that is intermediate.

    A leaf needs one pass for all; an intermediate target is made a leaf in a pass of its own, so
    that what it gets does not depend on which others were asked for.
    """
    held = [*dict.fromkeys([*constants, *known])]
    leaves = [t for t in targets if t in connected and (t.op is None or t in held)]
    found = _one_pass(cost, leaves, held, known) if leaves else {}
    for target in targets:
        if target in connected and target not in found and target not in leaves:
            found |= _one_pass(cost, [target], [*held, target], known)
    return found


def _one_pass(
    cost: Any, targets: Sequence[Expr], held: Sequence[Expr], known: Mapping[Expr, Any]
) -> dict[Expr, Gradient]:
    inner = [h for h in held if h.op is not None]
    opaque: dict[Expr, Expr] = {h: Placeholder(h.type, h.name) for h in inner}
    bodies = [k for k in known if k.op is not None]
    roots = substitute([cost] if cost is not None else [], opaque)
    for body in bodies:  # below a known gradient differentiation goes on
        inputs = substitute(body.inputs, opaque)
        with inherit_origin(body.origin):
            roots.append(body.op.make(*inputs))
    roots = rewrite(roots, [STABILITY], merge=False)
    seeds: list[tuple[Expr, Any]] = []
    if cost is not None:
        cost_root, *body_roots = roots
        seeds.append((cost_root, constant(1, dtype=cost.dtype)))
    else:
        body_roots = roots
    seeds += [(root, known[body]) for root, body in zip(body_roots, bodies, strict=True)]
    leaf_of = {t: opaque.get(t, t) for t in targets}
    gradients = _backward(seeds, set(leaf_of.values()))
    for leaf, given in known.items():  # a known gradient replaces whatever else arrives
        if leaf in leaf_of:
            gradients[leaf_of[leaf]] = given
    found = {t: gradients.get(leaf) for t, leaf in leaf_of.items()}
    exprs = [t for t, g in found.items() if isinstance(g, Expr)]
    restored = substitute([found[t] for t in exprs], {leaf: h for h, leaf in opaque.items()})
    return found | dict(zip(exprs, restored, strict=True))


def _backward(
    seeds: Sequence[tuple[Expr, Any]], targets: Collection[Expr]
) -> dict[Expr, Gradient]:
    """Sum over all paths from the seeds down to the targets of the products of derivatives."""
    order = toposort([root for root, _ in seeds])
    needed: set[Expr] = set()
    for node in order:
        if node in targets or any(
            i in needed and node.op.connects(k) for k, i in enumerate(node.inputs)
        ):
            needed.add(node)
    gradients: dict[Expr, Gradient] = {}
    for root, seed in seeds:
        _accumulate(gradients, root, seed)
    for node in reversed(order):
        gradient = gradients.get(node)
        if gradient is None or node not in needed or node.op is None:
            continue
        with inherit_origin(node.origin):
            for source, part in zip(node.inputs, _parts(node, gradient), strict=True):
                if part is not None and source in needed:
                    _accumulate(gradients, source, part)
    return gradients


def _parts(node: Expr, gradient: Gradient) -> Sequence[Gradient]:
    """What a node passes on to each of its inputs, in the input's dtype and shape."""
    op = node.op
    if isinstance(gradient, NullGrad):
        return [gradient if op.connects(k) else None for k in range(len(node.inputs))]
    if isinstance(op, Project):
        items: list[Gradient] = [None] * len(node.inputs[0].type.items)  # type: ignore[attr-defined]
        items[op.index] = gradient
        return [items]
    parts: list[Gradient] = []
    for source, part in zip(node.inputs, op.vjp(gradient, node, *node.inputs), strict=True):
        if part is None or isinstance(part, NullGrad) or isinstance(source.type, TupleType):
            parts.append(part)
        elif is_discrete(source.dtype):
            parts.append(None)
        else:
            if isinstance(op, Elementwise):
                part = sum_like(part, source)
            parts.append(part if part.dtype == source.dtype else cast(part, source.dtype))
    return parts


def _accumulate(gradients: dict[Expr, Gradient], node: Expr, part: Gradient) -> None:
    before = gradients.get(node)
    if before is None or isinstance(part, NullGrad):
        gradients[node] = part
    elif isinstance(part, list):  # of an operation with several results
        gradients[node] = [
            b if a is None else a if b is None else a + b
            for a, b in zip(before, part, strict=True)
        ]
    elif not isinstance(before, NullGrad):
        gradients[node] = before + part
