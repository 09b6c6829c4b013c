"""The rules of `lint`: each a function of a `Subject` that gives findings, and says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from symgrad import hooks
from symgrad.errors import label, short
from symgrad.explain.linting.batch import batch_axes, picks_rows, reduced_axes
from symgrad.explain.linting.data import copied_data
from symgrad.explain.linting.findings import Finding, found
from symgrad.explain.linting.steps import reads, signs, unchanged
from symgrad.explain.linting.subject import Subject, leaves
from symgrad.explain.linting.zeros import Range, ranges
from symgrad.gradient import grad
from symgrad.gradient.disconnected import Reason, why_disconnected
from symgrad.graph.expr import Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.types import is_float
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.control.loops import Body
from symgrad.ops.families import Elementwise
from symgrad.origins import is_of_gradient
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.pipeline import prepare

Rule = Callable[[Subject], Iterator[Finding]]


# -- gradients -------------------------------------------------------------------------------


def zero_gradient(s: Subject) -> Iterator[Finding]:
    """A parameter whose gradient is zero whatever happens, or that the cost does not depend on."""
    if s.compiled is not None and not s.chosen:
        return  # its outputs may be error rates, and the gradients those of something else
    cut: dict[Expr, list[Reason]] = {}
    for reason in _unconnected(s, s.params):
        if reason.code in ("integers", "zero", "barrier"):
            node = reason.variable if reason.node is None else reason.node
            cut.setdefault(node, []).append(reason)
        elif s.chosen:
            param = reason.variable
            what = f"the cost does not depend on the parameter {label(param)}: {reason}"
            yield found("disconnected", param, what)
    for node, reasons in cut.items():
        names = ", ".join(label(reason.variable) for reason in reasons[:6])
        what = f"the gradient with respect to {names} is always zero: {reasons[0]}"
        yield found("zero-gradient", node, what)


def _unconnected(s: Subject, params: Sequence[Expr]) -> list[Reason]:
    """Of parameters at which no gradient of any cost arrives, why not."""
    left: dict[Expr, Reason] = {}
    for k, cost in enumerate(s.costs):
        reasons = why_disconnected(cost, [p for p in params if not k or p in left]).reasons
        left = {r.variable: left.get(r.variable, r) for r in reasons if not r.connected}
    return list(left.values())


def integer_division(s: Subject) -> Iterator[Finding]:
    """A cost that is computed with `//`: of integers it drops fractions, of floats gradients."""
    order = s.written
    values = set(s.costs)
    for node in reversed(order):  # what the values of costs are computed from, but not indices
        if node in values and node.op is not None:
            last = 1 if node.op.name == "index" else node.op.ints_from
            count = len(node.inputs) if last is None else last
            values.update(i for k, i in enumerate(node.inputs[:count]) if node.op.connects(k))
    for node in order:
        if node in values and node.op is not None and node.op.name == "int_div":
            what = (
                f"{short(label(node))} drops the fraction, and has no gradient. Use / unless you "
                "mean that."
            )
            yield found("integer-division", node, what)


# -- values ----------------------------------------------------------------------------------


def log_of_zero(s: Subject) -> Iterator[Finding]:
    """The logarithm of something that can be 0, after what stabilising does about it."""
    order = s.as_computed
    known = ranges(order)
    guarded = _guarded(order)
    for node in order:
        name = node.op.name if node.op is not None else ""
        if name not in ("log", "log2", "log10", "log1p") or node in guarded:
            continue
        argument = node.inputs[0]
        range_ = known.get(argument, Range())
        if name == "log1p":
            inner = argument.inputs[0] if argument.op is not None and argument.inputs else argument
            if argument.op is None or argument.op.name != "neg" or not known[inner].unit:
                continue
            range_ = Range("zero", True, f"{short(label(inner), 40)} can be 1")
        if range_.low == "zero":
            what = (
                f"the logarithm of {short(_argument(node), 50)} can be -inf: {range_.why}. Add "
                "something small inside, T.log(... + 1e-8), clip it, or use a stable form: "
                "T.nnet.logsoftmax, softplus, binary_crossentropy, T.xlogx.xlogx."
            )
            yield found("log-of-zero", node, what)


def _argument(node: Expr) -> str:
    text = label(node.inputs[0])
    return f"1 + {text}" if node.op.name == "log1p" else text


def _guarded(order: list[Expr]) -> set[Expr]:
    """The nodes of which a `switch` may take another value instead."""
    inside: set[Expr] = set()
    for node in reversed(order):
        if node.op is None or not isinstance(node.op, Elementwise):
            continue
        if node.op.name == "switch":
            inside.update(node.inputs[1:])
        elif node in inside:
            inside.update(node.inputs)
    return inside


def not_finite(s: Subject) -> Iterator[Finding]:
    """A shared variable that holds NaN or infinity already."""
    roots = [*s.outputs, *(new for _, new in s.updates or ())]
    for node in toposort(roots):
        if isinstance(node, Shared) and node.dtype != "object" and is_float(node.dtype):
            value = np.asarray(node.cell.value)
            finite = np.isfinite(value)
            if not finite.all():
                count = int(value.size - finite.sum())
                what = (
                    f"{count} of the {value.size} numbers that {label(node)} holds are NaN or "
                    "infinite. Whatever is computed from them will be too."
                )
                yield found("not-finite", node, what)


# -- axes ------------------------------------------------------------------------------------


def _softmaxes(s: Subject) -> list[Expr]:
    return [n for n in s.written if getattr(n.op, "name", "") in ("softmax", "log_softmax")]


def softmax_of_one(s: Subject) -> Iterator[Finding]:
    """Softmax along an axis of length 1, which gives 1 whatever its input."""
    for node in _softmaxes(s):
        shape = s.types[node.inputs[0]].shape
        if shape and all(shape[a] == 1 for a in node.op.axis):
            value = "1" if node.op.name == "softmax" else "0"
            what = (
                f"{node.op.name} runs along an axis of length 1, so it is {value} whatever its "
                "input, and learns nothing. For two classes with one output use T.nnet.sigmoid."
            )
            yield found("softmax-of-one", node, what)


def softmax_twice(s: Subject) -> Iterator[Finding]:
    """Softmax of what is a softmax already."""
    for node in _softmaxes(s):
        inner = node.inputs[0]
        if inner.op is not None and inner.op.name == "softmax":
            what = (
                "softmax of a softmax: its input lies between 0 and 1 already, so its output is "
                "nearly uniform. Leave one out."
            )
            yield found("softmax-twice", node, what)


def batch_axis(s: Subject) -> Iterator[Finding]:
    """Softmax or argmax that compare examples with one another instead of classes."""
    order = s.written
    axes = batch_axes(order)
    picked = {node.inputs[0] for node in order if node.op is not None and picks_rows(node)}
    picked |= {i for n in picked if n.op is not None and n.op.name == "log" for i in n.inputs}
    for node in order:
        if node.op is None or not node.inputs or node.ndim + 1 < node.inputs[0].ndim:
            continue
        name, source = node.op.name, node.inputs[0]
        axis = node.op.axis if name in ("softmax", "log_softmax") else None
        if name in ("argmax", "argmin"):
            axis = reduced_axes(node)
        if axis is None or source.ndim != 2 or len(axis) != 1:
            continue
        examples = axes.get(source, 0 if node in picked else None)
        if examples is not None and axis[0] == examples:
            what = (
                f"{name} over axis {examples}, along which the examples lie: it compares examples "
                f"with one another, not classes. Use axis={1 - examples}."
            )
            yield found("batch-axis", node, what)


def row_meets_column(s: Subject) -> Iterator[Finding]:
    """A vector with an entry an example and a matrix: broadcasting pairs all with all."""
    order = s.written
    axes = batch_axes(order)
    for node in order:
        if node.op is None:
            continue
        if isinstance(node.op, Elementwise) and node.ndim == 2 and len(node.inputs) > 1:
            yield from _all_with_all(s, node, axes)
        elif picks_rows(node) and any(i.ndim == 2 for i in node.inputs[2:]):
            labels = next(i for i in node.inputs[2:] if i.ndim == 2)
            what = (
                f"{short(label(labels))} is a matrix, but indexes rows together with a vector: "
                "each row is paired with the labels of all. Make it a vector: labels.flatten(), "
                "or labels[:, 0]."
            )
            yield found("row-meets-column", node, what)


def _all_with_all(s: Subject, node: Expr, axes: dict[Expr, int]) -> Iterator[Finding]:
    for i in node.inputs:
        # a vector takes part as a row: dimshuffle('x', 0)
        vector = i.inputs[0] if i.op is not None and i.op.name == "dim_shuffle" else i
        if vector.ndim != 1 or axes.get(vector) != 0:
            continue
        if i is not vector and i.op.order != ("x", 0):
            continue
        for other in node.inputs:
            if other is i or other.ndim != 2 or not _is_data(other):
                continue
            what = (
                f"{short(label(vector), 40)} is a vector with one entry an example, "
                f"{short(label(other), 40)} a matrix: if that is a column, {node.op.name} pairs "
                "each example with all others. Use vectors for both: T.dvector, y[:, 0], or "
                "y.flatten()."
            )
            yield found("row-meets-column", node, what)


def _is_data(node: Expr) -> bool:
    """An input, or only another view of one."""
    while node.op is not None and (isinstance(node.op, Cast) or node.op.name == "index"):
        node = node.inputs[0]
    return isinstance(node, Placeholder)


# -- updates ---------------------------------------------------------------------------------


def no_update(s: Subject) -> Iterator[Finding]:
    """Parameters that nothing updates."""
    names = ", ".join([label(p) for p in s.params if p.name][:6]) or "all parameters"
    if s.compiled is not None and not s.updates and not s.chosen:
        if s.costs and len(_unconnected(s, s.params)) < len(s.params):
            what = (
                f"calls of {s.compiled.recipe.title} update nothing: {names} stay as they are. "
                "Right for a validation; to train: updates=[(param, param - rate * grad), ...]."
            )
            yield found("no-update", s.costs[0], what, "note", s.compiled.recipe.origin)
        return
    if s.updates is None:
        return
    updated = {old.cell for old, _ in s.updates}
    for param in s.params:
        if not isinstance(param, Shared):
            what = f"{label(param)} is no shared variable, so no update can change it."
            yield found("no-update", param, what)
        elif param.cell not in updated:
            what = (
                f"no update changes the parameter {label(param)}: it keeps its first value. Add "
                f"({label(param)}, {label(param)} - rate * gradient) to updates."
            )
            yield found("no-update", param, what)


def ascent(s: Subject) -> Iterator[Finding]:
    """An update that goes up the gradient of a cost."""
    updates: dict[Expr, Expr] = dict(s.updates or ())
    inside = set(toposort(s.costs))
    for old, new in updates.items():
        if s.costs and old not in inside and old not in s.params:
            continue  # a velocity, say
        others = {k: v for k, v in updates.items() if k is not old}
        gradients = signs(new, others)
        if {sign for _, sign in gradients} == {1}:
            of = _gradient_of(s, old, [node for node, _ in gradients])
            if of < 0:
                continue
            what = (
                f"the update of {label(old)} adds the gradient, so the cost grows. To minimise it, "
                f"write {label(old)} - rate * gradient, with a rate above 0; to maximise, take the "
                "gradient of its negative."
            )
            yield found("ascent", new, what, "warning" if of else "note")


def _gradient_of(s: Subject, old: Expr, nodes: Sequence[Expr]) -> int:
    """1 if one of the nodes is the gradient of a cost, -1 if of its negative, 0 if of neither."""
    for cost in s.costs:
        if not is_float(cost.dtype):
            continue
        for sign, of in ((1, cost), (-1, hooks.call("neg", cost))):
            gradient = grad(of, old, disconnected_inputs="ignore")
            if any(_same(gradient, node) for node in nodes):
                return sign
    return 0


def _same(a: Expr, b: Expr) -> bool:
    """Whether two nodes are one formula."""
    while isinstance(a.op, Cast):
        a = a.inputs[0]
    names = leaves(a)
    return (
        a.type == b.type and set(leaves(b)) <= set(names) and Body(names, [a]) == Body(names, [b])
    )


def no_change(s: Subject) -> Iterator[Finding]:
    """An update that leaves its variable as it is."""
    pairs = [(old, new) for old, new in s.updates or () if old.dtype != "object"]
    computed = prepare([new for _, new in pairs])
    order = toposort(computed)
    for (old, new), simple in zip(pairs, computed, strict=True):
        if unchanged(old, simple, order):
            what = f"the update of {label(old)} leaves it as it is"
            why = [] if new is old else _unconnected(s, [old])
            what += ": its gradient is zero" if new is not old else ""
            yield found("no-change", new, f"{what}. {why[0] if why else ''}".rstrip())


def reads_old(s: Subject) -> Iterator[Finding]:
    """An update that reads a variable that another one writes: it gets the value from before."""
    # one formula that is written twice is one node
    merged = rewrite([*s.outputs, *(new for _, new in s.updates or ())], [])
    news = merged[len(s.outputs) :]
    updates: dict[Expr, Expr] = dict(zip([old for old, _ in s.updates or ()], news, strict=True))
    stop = {*toposort(merged[: len(s.outputs)]), *news} - set(updates)
    for old, new in updates.items():
        for other in reads(new, stop - {new}):
            if other is old or other not in updates or is_of_gradient(updates[other].origin):
                continue
            what = (
                f"the update of {label(old)} reads {label(other)}, which is updated too. All "
                f"updates happen at once, so it gets the value from before the call. For the new "
                f"one, use the expression that {label(other)} is updated to."
            )
            yield found("reads-old", new, what, "note")


RULES: tuple[Rule, ...] = (
    zero_gradient,
    integer_division,
    log_of_zero,
    not_finite,
    softmax_of_one,
    softmax_twice,
    batch_axis,
    row_meets_column,
    no_update,
    ascent,
    no_change,
    reads_old,
    copied_data,
)
