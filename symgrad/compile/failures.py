"""Why a call failed, in terms of what the user wrote.

What runs is not what was written: operations are fused, rearranged, done in other memory. So when
a line of generated code fails, `culprits.py` finds the node of the graph as written that cannot be
computed, and here it is told. The first error is kept as the cause.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.backend.numpy.source import Compiled
from symgrad.compile.culprits import Call as Call, Culprit, find, kind_of, value_of
from symgrad.errors import (
    ExecutionError,
    GraphValueError,
    SymgradError,
    describe,
    in_gradient,
    label,
    made_in,
    short,
)
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import TensorType
from symgrad.graph.walk import toposort
from symgrad.origins import pointed
from symgrad.plan import Step


def explain(call: Call, error: Exception) -> SymgradError:
    """The error that the user reads in place of one from generated code.

    Parameters
    ----------
    call : Call
        What was called.
    error : Exception
        What happened.

    Returns
    -------
    SymgradError
        Also of the class of `error`, so that ``except LinAlgError`` still finds it.
    """
    step, line, values = _failed_step(call.compiled, error.__traceback__)
    if isinstance(error, SymgradError):
        if error.is_explained:  # of a round of a loop
            error.message = error.message.replace("loop():", f"{call.title}: in a loop,", 1)
        if error.is_explained or step is None:  # or of an argument that is not accepted
            return error
    reason = error.message.split("\n")[0] if isinstance(error, SymgradError) else str(error)
    culprit = find(call, error)
    if culprit is None:
        if step is None:
            kind = type(error) if isinstance(error, SymgradError) else ExecutionError
            return mixed(kind, type(error))(f"{call.title}: {reason}")
        named = zip(step.node.inputs, step.args, strict=True)
        known = {i: i.value if isinstance(i, Constant) else values.get(n) for i, n in named}
        culprit = Culprit(step.node, reason, known, kind_of(error))

    def more() -> str:
        return "\n\n".join(_details(call, culprit, step, line))

    node = culprit.node
    name = node.op.name
    kind = kind_of(error)  # what happened; where NumPy says only "ValueError", what was found
    kind = culprit.kind if kind in (GraphValueError, ExecutionError) else kind
    return mixed(kind, type(error))(
        f"{call.title}: {name} failed{in_gradient(node.origin)}: {culprit.reason}",
        origin=node.origin,
        facts=[*_operands(culprit), "  (the error's explain() tells more)"],
        more=more,
    )


def _failed_step(
    compiled: Compiled, trace: TracebackType | None
) -> tuple[Step | None, int, dict[str, Any]]:
    """The step that failed, its line of the source, and the values at that time."""
    found: tuple[Step | None, int, dict[str, Any]] = (None, 0, {})
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == compiled.filename:
            line = trace.tb_lineno
            found = (compiled.step_at.get(line), line, trace.tb_frame.f_locals)
        trace = trace.tb_next
    return found


# -- what is said ----------------------------------------------------------------------------


def _operands(culprit: Culprit) -> list[str]:
    """A line for each operand: its name, dtype, shape, and where it was made."""
    lines = {}
    for i in culprit.node.inputs:
        if isinstance(i, Constant) and i.ndim == 0:
            continue
        here = made_in(culprit.node)
        place = made_in(i) if (i.name or i.op is not None) and made_in(i) != here else ""
        lines[i] = f"  {short(label(i))}: {_shape_of(i, culprit.known.get(i))}{place}"
    found = list(lines.values())
    return found if len(found) <= 6 else [*found[:5], f"  ... and {len(found) - 5} more"]


def _shape_of(node: Expr, value: Any) -> str:
    """Dtype and shape; also the value of a number, and the range of few indices."""
    if isinstance(value, TensorType):
        known = value.shape if None not in value.shape else "unknown"
        return f"{value.dtype} of shape {known}"
    if type(value) is int:
        value = np.int64(value)
    if isinstance(value, (list, tuple)):
        return f"{len(value)} results"
    if not hasattr(value, "shape"):
        return str(node.type) if value is None else repr(value)
    text = f"{value.dtype} of shape {value.shape}"
    return f"{text}, value {value}" if value.ndim == 0 else text


def _details(call: Call, culprit: Culprit, step: Step | None, line: int) -> list[str]:
    """What `explain` adds."""
    node = culprit.node
    parts = [f"It computes  {hooks.call('line', node, 4)}"]
    for i in dict.fromkeys(node.inputs):
        if isinstance(i, Constant) and i.ndim == 0:
            continue
        known = culprit.known.get(i) if i.op is not None else np.asarray(value_of(call, i))
        told = f"{describe(i)}\n  {_statistics(i, known)}"
        frames = [text for frame in i.origin[:4] for text in pointed(frame)]
        parts.append("\n".join([told, *(["  made at", *frames] if frames else [])]))
    parts.append(_way(call, node))
    if step is not None:
        source = call.compiled.source.splitlines()[line - 1].strip()
        fused = "" if step.node.op == node.op else f" (compiled to {step.node.op.name})"
        parts.append(f"What ran{fused}, line {line} of the function's source:\n  {source}")
    return [part for part in parts if part]


def _statistics(node: Expr, value: Any) -> str:
    text = _shape_of(node, value)
    if not isinstance(value, np.ndarray) or not value.size or value.dtype.kind not in "biuf":
        return text
    if value.dtype.kind != "f":
        return f"{text}, from {value.min()} to {value.max()}"
    finite = value[np.isfinite(value)]
    nans, infinities = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    if finite.size:
        text += f", from {finite.min():.6g} to {finite.max():.6g}"
    text += f", {nans} NaN" if nans else ""
    return text + (f", {infinities} infinite" if infinities else "")


def _way(call: Call, node: Expr) -> str:
    """What a node is needed for: the operations from it to what leaves the function."""
    purposes: dict[Expr, str] = {}
    for k, result in enumerate(call.results):
        purposes.setdefault(result, f"output {k + 1}" + (f", {result.name}" if result.name else ""))
    for shared, new in call.updates:
        purposes.setdefault(new, f"the update of {label(shared)}")
    users: dict[Expr, Expr] = {}
    for user in toposort(call.roots):
        for i in user.inputs:
            users.setdefault(i, user)
    way = [node]
    while way[-1] not in purposes and way[-1] in users:
        way.append(users[way[-1]])
    if way[-1] not in purposes:
        return ""
    names = [w.name or w.op.name for w in way if w.op is not None]
    if len(names) > 10:
        names = [*names[:5], "...", *names[-4:]]
    return f"It is needed for {purposes[way[-1]]}: {' → '.join(names)}"


# -- classes ---------------------------------------------------------------------------------

_mixtures: dict[Any, type[SymgradError]] = {}


def mixed(kind: type[SymgradError], cause: type[Exception]) -> type[SymgradError]:
    """A class of both kinds, so that `except LinAlgError` still finds what it asks for.

    >>> issubclass(mixed(ExecutionError, FloatingPointError), FloatingPointError)
    True
    """
    cause = getattr(cause, "_kind", cause)
    if issubclass(kind, cause):
        return kind
    if (kind, cause) not in _mixtures:
        body = {"_kind": kind, "__module__": kind.__module__}
        try:
            made: type[SymgradError] = type(kind.__name__, (kind, cause), body)
            made("")
        except TypeError:  # an exception that cannot be combined, or wants other arguments
            made = kind
        _mixtures[kind, cause] = made
    return _mixtures[kind, cause]
