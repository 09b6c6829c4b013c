"""Finding the node that fails, in the graph as it was written.

First with the shapes alone, which takes no time whatever the size of the arrays and gives the
messages that known shapes give when a graph is built; then, if all shapes fit, with the values,
node by node, until one fails. Nothing is stored or printed a second time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symgrad.backend.numpy.source import Compiled
from symgrad.errors import (
    ExecutionError,
    GraphValueError,
    IndexRangeError,
    ShapeError,
    SymgradError,
    label,
)
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.shared import Shared
from symgrad.graph.types import TensorType, TupleType, is_discrete
from symgrad.graph.walk import toposort
from symgrad.ops.control.debugging import PrintValue
from symgrad.ops.indexing.indexing import Index
from symgrad.origins import inherit_origin, is_of_gradient
from symgrad.rewrite.pipeline import prepare

_FEW = 64  # integer arrays up to this many elements are treated as known: lengths, axes, indices
_SECONDS = 10.0  # after this long nothing further is computed to find the culprit
_BYTES = 1 << 30  # nor is a result larger than this, or than four times all that was given


class Culprit(NamedTuple):
    """A node that fails, the reason, and what is known of its operands.

    Attributes
    ----------
    node : Expr
        The operation that cannot be done.
    reason : str
        Why not.
    known : dict
        The value, or else the type, of each node that was reached.
    kind : type
        The class of error.
    """

    node: Expr
    reason: str
    known: Mapping[Expr, Any]
    kind: type[SymgradError]


class Call(NamedTuple):
    """A call that failed: how messages call the function, its graph, what was given, what ran."""

    title: str
    results: Sequence[Expr]
    updates: Sequence[tuple[Shared, Expr]]
    values: Mapping[Expr, Any]
    compiled: Compiled

    @property
    def roots(self) -> list[Expr]:
        """All that is computed."""
        return [*self.results, *(new for _, new in self.updates)]


def find(call: Call, error: Exception) -> Culprit | None:
    """The first node of the user's graph that fails; None where none does, or that takes too long.

    Parameters
    ----------
    call : Call
        What failed.
    error : Exception
        What happened when it did.
    """
    if isinstance(error, (MemoryError, RecursionError)):
        return None
    culprit = None
    with suppress(Exception):  # an explanation that fails is no reason to fail otherwise
        culprit = _by_shapes(call)
    with suppress(Exception):
        culprit = culprit or _by_values(call, error)
    return culprit


def _in_order(roots: Sequence[Expr], given: Mapping[Expr, Any]) -> list[Expr]:
    """All nodes above what is given, what the user wrote before what gradients made of it."""
    order = toposort(roots, given)
    forward = [node for node in order if not is_of_gradient(node.origin)]
    return toposort([*forward, *roots], given)


def value_of(call: Call, node: Expr) -> Any:
    """The value of a leaf."""
    if isinstance(node, Constant):
        return node.value
    return node.cell.value if isinstance(node, Shared) else call.values[node]


def _is_known(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biu" and value.size <= _FEW


def _by_shapes(call: Call) -> Culprit | None:
    """The first node whose operands do not fit, found by making the graph anew of known shapes."""
    known: dict[Expr, Any] = {}  # as it was written -> the same, of known shape
    for node in _in_order(call.roots, call.values):
        if node in known:
            continue
        if node.op is None or node in call.values:
            known[node] = _leaf(node, value_of(call, node))
            continue
        inputs = [known[i] for i in node.inputs]
        with inherit_origin(node.origin):
            try:
                made = node.op.make(*inputs)
            except (ShapeError, IndexRangeError) as error:
                seen = {i: _seen(known[i]) for i in node.inputs}
                reason = error.message.split("\n")[0].removeprefix(f"{node.op.name}: ")
                reason = reason.split(" The variable is ")[0]
                reason += _labels_fit(node, seen, reason)
                return Culprit(node, reason, seen, type(error))
            if all(isinstance(i, Constant) for i in inputs) and _is_small(made):
                with np.errstate(all="ignore"), suppress(Exception):  # found by values, if it fails
                    value = np.asarray(node.op.impl(np, *[i.value for i in inputs]))
                    made = Constant(value) if _is_known(value) else made
        if node.name:
            made.name = node.name
        known[node] = made
    return None


def _seen(stand_in: Expr) -> Any:
    """What is known of what stands for a node: its value, or its type."""
    return stand_in.value if isinstance(stand_in, Constant) else stand_in.type


def _is_small(node: Expr) -> bool:
    """Whether a node holds a few integers, so that its value may be a length."""
    if isinstance(node.type, TupleType) or node.op is None or node.op.has_side_effect:
        return False
    lengths = node.type.shape
    return is_discrete(node.dtype) and None not in lengths and math.prod(lengths) <= _FEW  # type: ignore[arg-type]


def _leaf(node: Expr, value: Any) -> Expr:
    if node.dtype == "object":
        return node
    value = np.asarray(value)
    if _is_known(value):
        return Constant(np.array(value), node.name or label(node))
    return Placeholder(TensorType(node.dtype, shape=value.shape), node.name or label(node))


def _by_values(call: Call, failed: Exception) -> Culprit | None:
    """The first node that cannot be computed; None where that would take too long."""
    roots: Sequence[Expr] = call.roots
    settings: dict[str, Any] = {"all": "ignore"}
    if isinstance(failed, FloatingPointError):  # only what rewriting left may overflow
        roots = prepare(roots, simplify=False)
        words = {"divide": "divide", "overflow": "over", "underflow": "under", "invalid": "invalid"}
        settings = {flag: "raise" for word, flag in words.items() if word in str(failed)}
    order = _in_order(roots, call.values)
    left: dict[Expr, int] = {}  # how often each value is still needed
    for node in order:
        for i in node.inputs:
            left[i] = left.get(i, 0) + 1
    given = sum(np.asarray(v).nbytes for v in call.values.values())
    most = max(_BYTES, 4 * given)
    until = perf_counter() + _SECONDS
    known: dict[Expr, Any] = {}
    for node in order:
        if node.op is None or node in call.values:
            known[node] = value_of(call, node)
            continue
        inputs = [known[i] for i in node.inputs]
        if perf_counter() > until or _size(node, inputs) > most:
            return None
        try:
            with np.errstate(**settings):
                known[node] = _compute(node, inputs)
        except _Unknown:
            return None
        except Exception as error:
            reason = error.message.split("\n")[0] if isinstance(error, SymgradError) else str(error)
            reason = f"{reason.rstrip('.')}."
            seen = dict(zip(node.inputs, inputs, strict=True))
            if isinstance(error, np.linalg.LinAlgError) and "ingular" in reason:
                reason += " Add a little to the diagonal, or use T.nlinalg.pinv."
            reason += _labels_fit(node, seen, reason)
            return Culprit(node, reason, seen, kind_of(error))
        for i in node.inputs:
            left[i] -= 1
            if not left[i] and i.op is not None:
                known[i] = None
    return None


class _Unknown(Exception):
    """An operation must not be done again."""


def _compute(node: Expr, inputs: Sequence[Any]) -> Any:
    op = node.op
    if isinstance(op, PrintValue):
        return inputs[0]
    if op.has_side_effect and op.view_of is None:
        raise _Unknown
    return op.impl(np, *inputs)


def _size(node: Expr, inputs: Sequence[Any]) -> int:
    """About how many bytes a result will have, where that is known before."""
    shapes = [np.shape(value) for value in inputs]
    try:
        shape = node.op.result_shape(*shapes)
    except (NotImplementedError, ValueError, TypeError):
        return 0
    return int(math.prod(shape)) * np.dtype(node.dtype).itemsize


def kind_of(error: Exception) -> type[SymgradError]:
    """The class of ours that says what happened."""
    if isinstance(error, SymgradError):
        kind: type[SymgradError] = getattr(type(error), "_kind", type(error))
        return kind
    if isinstance(error, IndexError):
        return IndexRangeError
    if isinstance(error, ValueError):
        words = ("shape", "broadcast", "dimension", "align", "mismatch")
        return ShapeError if any(word in str(error) for word in words) else GraphValueError
    return ExecutionError


def _labels_fit(node: Expr, seen: Mapping[Expr, Any], reason: str) -> str:
    """For an index that is out of range, which ones there are and which ones may be."""
    found = re.search(r"index (-?\d+) .*(?:axis|dimension) (\d+).*(?:size|length) (\d+)", reason)
    if found is None or not isinstance(node.op, Index):
        return ""
    wrong, axis, most = map(int, found.groups())
    base, *indices = node.inputs
    for i in indices[axis : axis + 1] if len(indices) == base.ndim else indices:
        value = seen.get(i)
        if isinstance(value, np.ndarray) and value.ndim and value.size and (value == wrong).any():
            low, high = value.min(), value.max()
            text = f" {label(i)} goes from {low} to {high}"
            if low > 0 and high == most:
                return f"{text}: do labels begin at 1? Use {label(i)} - 1."
            return f"{text}."
    return ""
