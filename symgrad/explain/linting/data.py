"""Data that is computed anew in every call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from symgrad.errors import label, short
from symgrad.explain.linting.findings import Finding, found
from symgrad.explain.linting.subject import Subject
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import TupleType
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from symgrad.ops.families import Elementwise
from symgrad.rewrite.pipeline import prepare

_LARGE = 10_000  # elements; below this a copy costs less than the call


def copied_data(s: Subject) -> Iterator[Finding]:
    """A large shared variable that is cast, transposed or otherwise made anew in every call."""
    updated = {old for old, _ in s.updates or ()}
    graph = prepare([*s.outputs, *(new for _, new in s.updates or ())])
    rows = _used_as_rows(graph)
    alone: dict[Expr, Expr] = {}  # what depends on one such variable only -> that
    for node in toposort(graph):
        if node.op is None:
            if isinstance(node, Shared) and node not in updated and node.dtype != "object":
                alone[node] = node
            continue
        sources = {alone.get(i) for i in node.inputs if not isinstance(i, Constant)}
        if len(sources) != 1 or None in sources:
            continue
        (source,) = sources
        if source is None or isinstance(node.type, TupleType):
            continue
        alone[node] = source
        size = np.size(source.cell.value)  # type: ignore[attr-defined]
        if size < _LARGE or (source in s.params and s.chosen) or node.ndim < source.ndim:
            continue
        # weights are squared and added up too, but never are they what a product has rows of
        if not isinstance(node.op, Cast) and not (
            isinstance(node.op, Elementwise) and node in rows
        ):
            continue
        what = (
            f"{short(label(node))} is computed of all {size} numbers of {label(source)} in every "
            f"call. Do it once: {label(source)} = shared(value of the right dtype and order)."
        )
        yield found("copied-data", node, what)


def _used_as_rows(graph: Sequence[Expr]) -> set[Expr]:
    """What is the first factor of a product, or is indexed, itself or after further operations."""
    rows: set[Expr] = set()
    for node in reversed(toposort(graph)):
        if node.op is None:
            continue
        if node.op.name in ("dot", "index"):
            rows.add(node.inputs[0])
        elif node in rows and isinstance(node.op, (Cast, Elementwise)):
            rows.update(node.inputs)
    return rows
