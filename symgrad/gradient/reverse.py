"""The reverse pass: gradients of some nodes of a graph, given those of others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from symgrad import hooks
from symgrad.gradient.growth import shortcut
from symgrad.gradient.selection import Choices
from symgrad.graph.collector import collector_paused
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.types import TupleType, is_discrete
from symgrad.graph.walk import connected, substitute, toposort
from symgrad.ops.op import NullGrad, Project
from symgrad.origins import inherit_origin, of_gradient
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.stability import STABILITY

# What arrives at a node: an expression; NullGrad where the gradient is undefined; None where it
# is zero; a list of these where the node has several results.
Gradient = Any
Seeds = Sequence[tuple[Expr, Any]]


@hooks.provide("pull_back")
def pull_back(seeds: Seeds, targets: Sequence[Expr]) -> list[Gradient]:
    """Vector-Jacobian product: gradients of the targets, given those of some outputs.

    Parameters
    ----------
    seeds : sequence of (output, gradient)
        The gradient has the dtype and shape of the output. Contributions add up, where one
        output depends on another too.
    targets : sequence of Expr
        Where the gradients are wanted.

    Returns
    -------
    list
        For each target its gradient, None for zero, or `NullGrad`; in the target's dtype, but of
        integers as of a real variable.

    >>> import symgrad.tensor as T
    >>> x, g = T.dscalars("x", "g")
    >>> pull_back([(T.exp(x), g)], [x])
    [(g * exp(x))]
    """
    reached = connected([output for output, _ in seeds])
    found = gradients(seeds, [t for t in targets if t in reached])
    return [found.get(t) for t in targets]


@collector_paused()
def gradients(
    seeds: Seeds,
    targets: Sequence[Expr],
    constants: Sequence[Expr] = (),
    known: Mapping[Expr, Any] | None = None,
) -> dict[Expr, Gradient]:
    """Gradients for the targets, the whole graph stabilised around each that is intermediate.

    A leaf needs one pass for all; an intermediate target is made a leaf in a pass of its own, so
    that what it gets does not depend on which others were asked for. Differentiation does not go
    below `constants`; at the keys of `known` it goes on with the given gradient alone.
    """
    known = known or {}
    held = [*dict.fromkeys([*constants, *known])]
    going_on = {k: g for k, g in known.items() if k.op is not None and k not in constants}
    leaves = [t for t in targets if t.op is None or t in held]
    found: dict[Expr, Gradient] = {}
    if leaves:
        found |= _one_pass(seeds, leaves, held, going_on)
    for target in targets:
        if target not in found:
            found |= _one_pass(seeds, [target], [*held, target], going_on)
    return found | {t: known[t] for t in targets if t in known}


def _one_pass(
    seeds: Seeds, targets: Sequence[Expr], held: Sequence[Expr], known: Mapping[Expr, Any]
) -> dict[Expr, Gradient]:
    opaque: dict[Expr, Expr] = {h: Placeholder(h.type, h.name) for h in held if h.op is not None}
    roots = substitute([root for root, _ in seeds], opaque)
    for body in known:  # below a known gradient differentiation goes on
        inputs = substitute(body.inputs, opaque)
        with inherit_origin(body.origin):
            roots.append(body.op.make(*inputs))
    roots = rewrite(roots, [STABILITY], merge=False)
    starts = [*(seed for _, seed in seeds), *known.values()]
    leaf_of = {t: opaque.get(t, t) for t in targets}
    arrived = _backward(list(zip(roots, starts, strict=True)), set(leaf_of.values()))
    found = {t: arrived.get(leaf) for t, leaf in leaf_of.items()}
    exprs = {t: g for t, g in found.items() if isinstance(g, Expr)}
    restored = substitute([*exprs.values()], {leaf: h for h, leaf in opaque.items()})
    return found | dict(zip(exprs, restored, strict=True))


def _backward(seeds: Seeds, targets: Collection[Expr]) -> dict[Expr, Gradient]:
    """Sum over all paths from the seeds down to the targets of the products of derivatives."""
    order = toposort([root for root, _ in seeds])
    needed: set[Expr] = set()
    for node in order:
        if node in targets or any(
            i in needed and node.op.connects(k) for k, i in enumerate(node.inputs)
        ):
            needed.add(node)
    choices = Choices(order, needed)
    arrived: dict[Expr, Gradient] = {}
    for root, seed in seeds:
        arrived[root] = _add(root, arrived.get(root), seed, choices)
    with inherit_origin() as origin:
        for node in reversed(order):
            gradient = arrived.get(node)
            if gradient is None or node not in needed or node.op is None:
                continue
            origin.now(of_gradient(node.origin))
            sources, parts = _parts(node, gradient, needed, targets, choices)
            for source, part in zip(sources, parts, strict=True):
                if part is not None:
                    before = arrived.get(source)
                    arrived[source] = (
                        part if before is None else _add(source, before, part, choices)
                    )
    return arrived


def _parts(
    node: Expr,
    gradient: Gradient,
    needed: Collection[Expr],
    targets: Collection[Expr],
    choices: Choices,
) -> tuple[Sequence[Expr], Sequence[Gradient]]:
    """What a node passes on to each of its inputs that needs it, in the input's dtype and shape.

    Integers that operations made are steps, whose slope is zero; those that were given take what a
    real number would.
    """
    op = node.op
    if isinstance(gradient, list):  # one undefined gradient makes all that it meets undefined
        gradient = next((g for g in gradient if isinstance(g, NullGrad)), gradient)
    if isinstance(op, Project):
        results = node.inputs[0].type
        items: list[Gradient] = [None] * (
            len(results.items) if isinstance(results, TupleType) else 0
        )
        items[op.index] = gradient
        return node.inputs, [items if node.inputs[0] in needed else None]
    sources: Sequence[Expr] = node.inputs
    if isinstance(gradient, NullGrad):
        given: Sequence[Gradient] = [gradient] * len(sources)
    else:
        inside = choices.inside(node, gradient)
        given = op.vjp(inside, node, *sources)
        short = shortcut(node, inside)
        if short is not None:
            index, below, part = short
            sources = [below if k == index else i for k, i in enumerate(sources)]
            given = [part if k == index else p for k, p in enumerate(given)]
    parts: list[Gradient] = []
    for k, (source, part) in enumerate(zip(sources, given, strict=True)):
        if part is None or source not in needed:
            parts.append(None)
        elif isinstance(source.type, TupleType):
            parts.append(part)
        elif not op.connects(k) or (is_discrete(source.dtype) and source not in targets):
            parts.append(None)
        elif isinstance(part, NullGrad):
            parts.append(part)
        else:
            part = choices.chosen(node, gradient, source, part, k)
            if op.sums_back and not _has_shape_of(part, k, node):
                part = choices.summed(node, source, part)
            own = part.dtype if is_discrete(source.dtype) else source.dtype
            parts.append(part if part.dtype == own else choices.cast(part, own))
    return sources, parts


def _has_shape_of(part: Expr, index: int, node: Expr) -> bool:
    """Whether an elementwise operation repeats this input along no axis, whatever its lengths."""
    source = node.inputs[index]
    return part.type.shape == source.type.shape and all(
        i is source or (i.ndim <= source.ndim and set(i.type.shape) <= {1}) for i in node.inputs
    )


def _add(node: Expr, a: Gradient, b: Gradient, choices: Choices) -> Gradient:
    """The sum of two gradients of a node: None is zero, and what is undefined stays so."""
    if a is None or isinstance(b, NullGrad):
        return b
    if b is None or isinstance(a, NullGrad):
        return a
    if isinstance(a, list):  # of an operation with several results
        return [_add(node, x, y, choices) for x, y in zip(a, b, strict=True)]
    return choices.plus(node, a, b)
