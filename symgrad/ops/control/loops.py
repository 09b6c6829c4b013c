"""Loops over the first axis of tensors: an operation that holds a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, ShapeError, describe
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.types import TensorType, TupleType, ValueType, is_discrete, tensor_type
from symgrad.graph.walk import connected, depends_on, substitute, toposort
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.lengths import dim
from symgrad.ops.arrays.shaping import Alloc
from symgrad.ops.control.evaluation import evaluate
from symgrad.ops.op import Arg, Example, NullGrad, Op, projections
from symgrad.ops.reductions.reduction import sum

_LARGE = 4096  # bytes; larger constants are compared by identity, as when graphs are merged


class Body:
    """A closed graph: what a loop computes in one round.

    Two bodies are equal when they compute the same from inputs of the same types, whatever their
    nodes are called.

    Attributes
    ----------
    inputs : tuple of Placeholder
        What the outputs may depend on, besides constants.
    outputs : tuple of Expr
        What a round computes.

    >>> import symgrad.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> Body([x], [x * 2]) == Body([y], [y * 2]), Body([x], [x * 2]) == Body([x], [x * 3])
    (True, False)
    """

    __slots__ = ("_hash", "_key", "_program", "_ready", "inputs", "outputs")

    def __init__(self, inputs: Sequence[Expr], outputs: Sequence[Expr]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._key = _structure(self.inputs, self.outputs)
        self._hash = hash(self._key)
        self._program: Callable[..., list[Any]] | None = None
        self._ready: list[Expr] | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Body) and self._hash == other._hash and self._key == other._key
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Body, (self.inputs, self.outputs)

    def __repr__(self) -> str:
        return f"<{len(self.inputs)} to {len(self.outputs)}>"

    def compute(self, xp: Any, *values: Any) -> list[Any]:
        """The outputs for one round, in fresh memory or not.

        With NumPy by a program compiled at first use, otherwise node by node.
        """
        if xp is np:
            if self._program is None:
                self._program = hooks.call("compile_body", self.inputs, self.outputs)
            return self._program(*values)
        if self._ready is None:
            self._ready = hooks.call("prepare_body", self.outputs)
        return evaluate(self._ready, xp, dict(zip(self.inputs, values, strict=True)))


def _structure(inputs: Sequence[Expr], outputs: Sequence[Expr]) -> tuple[Any, ...]:
    """A value that says what a closed graph computes: one entry a node, inputs by number."""
    number = {node: k for k, node in enumerate(inputs)}
    entries: list[Any] = [node.type for node in inputs]
    for node in toposort(outputs, stop=number):
        if node in number:
            continue
        number[node] = len(number)
        if isinstance(node, Constant):
            value = node.value
            content = value.tobytes() if value.nbytes <= _LARGE else id(node)
            entries.append((value.dtype.str, value.shape, content))
        elif node.op is None:
            raise GraphTypeError(f"the body of a loop uses {describe(node)}, which is no input.")
        elif node.op.has_side_effect:
            entries.append((id(node), *(number[i] for i in node.inputs)))
        else:
            entries.append((node.op, *(number[i] for i in node.inputs)))
    return (*entries, *(number[node] for node in outputs))


class Map(Op):
    """A graph computed for every element along the first axis of sequences, results stacked.

    Attributes
    ----------
    body : Body
        Its inputs are one element of each sequence, then the other inputs.
    sequences : int
        How many of the inputs are sequences.
    summed : tuple of bool
        For each output, whether its values are added up instead of stacked.
    like : tuple of (int or None)
        For each output, an input of the body that has its shape, where that is known; a loop of
        no rounds needs it.
    """

    body: Body
    sequences: int
    summed: tuple[bool, ...]
    like: tuple[int | None, ...]

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._key = (Map, self.body, self.sequences, self.summed, self.like)
        nodes = toposort(self.body.outputs)
        self.eager_only = any(n.op is not None and n.op.eager_only for n in nodes)
        self.has_side_effect = any(n.op is not None and n.op.has_side_effect for n in nodes)
        reached = connected(self.body.outputs)
        self._connects = tuple(i in reached for i in self.body.inputs)

    def connects(self, index: int) -> bool:
        return self._connects[index]

    def infer(self, *types: ValueType) -> ValueType:
        expected = [i.type for i in self.body.inputs]
        if len(types) != len(expected):
            raise GraphTypeError(f"map: {len(expected)} inputs are needed, not {len(types)}.")
        lengths: set[int] = set()
        for k, (have, want) in enumerate(zip(types, expected, strict=True)):
            shape = have.shape
            if k < self.sequences:
                if have.ndim == 0:
                    raise GraphTypeError("map: a sequence needs a first axis, not a scalar.")
                lengths |= {n for n in shape[:1] if n is not None}
                shape = shape[1:]
            if have.dtype != want.dtype or len(shape) != want.ndim:
                raise GraphTypeError(
                    f"map: input {k} of a round is a {want}, which a {have} does not give."
                )
            for a, b in zip(shape, want.shape, strict=True):
                if a is not None and b is not None and a != b:
                    raise ShapeError(f"map: input {k} of a round is a {want}, but {have} is given.")
        if len(lengths) > 1:
            raise ShapeError(f"map: the sequences have different lengths, {sorted(lengths)}.")
        n = lengths.pop() if lengths else None
        return TupleType(
            [
                o.type if added else tensor_type(o.dtype, (n, *o.static_shape))
                for o, added in zip(self.body.outputs, self.summed, strict=True)
            ]
        )

    def impl(self, xp: Any, *arrays: Any) -> Any:
        arrays = tuple(xp.asarray(a) for a in arrays)
        sequences, others = arrays[: self.sequences], arrays[self.sequences :]
        lengths = {int(s.shape[0]) for s in sequences}
        if len(lengths) != 1:
            raise ShapeError(f"map: the sequences have different lengths, {sorted(lengths)}.")
        (n,) = lengths
        if n == 0:
            return self._nothing(xp, sequences, others)
        collected: list[list[Any]] = [[] for _ in self.body.outputs]
        totals: list[Any] = [None] * len(collected)
        for k in range(n):
            results = self.body.compute(xp, *[s[k, ...] for s in sequences], *others)
            for j, result in enumerate(results):
                if not self.summed[j]:
                    collected[j].append(result)
                elif k == 0:
                    totals[j] = result.astype(_wide(result.dtype))
                else:
                    totals[j] = totals[j] + result
        return [
            totals[j].astype(output.dtype) if self.summed[j] else xp.stack(collected[j])
            for j, output in enumerate(self.body.outputs)
        ]

    def _nothing(self, xp: Any, sequences: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """The results of no rounds: empty stacks, and sums that are zero."""
        first = [*(np.zeros(s.shape[1:], s.dtype) for s in sequences), *others]
        shapes = [None if like is None else np.shape(first[like]) for like in self.like]
        if None in shapes and not self.has_side_effect:
            with suppress(Exception):  # a round on zeros shows the shapes, if it can be done
                shapes = [np.shape(v) for v in self.body.compute(np, *map(np.asarray, first))]
        results = []
        for output, shape, added in zip(self.body.outputs, shapes, self.summed, strict=True):
            inner = tuple(n or 0 for n in output.static_shape) if shape is None else shape
            results.append(xp.zeros(inner if added else (0, *inner), output.dtype))
        return results

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        body, n = self.body, self.sequences
        elements, sequences = [*body.inputs[:n]], [*inputs[:n]]
        outer = dict(zip(body.inputs[n:], inputs[n:], strict=True))
        seeds = []
        for output, gradient, added in zip(body.outputs, g, self.summed, strict=True):
            if gradient is None or is_discrete(output.dtype):
                continue
            seed = Placeholder(output.type, "g")
            seeds.append((output, seed))
            if added:  # every round gets the same
                outer[seed] = gradient
            else:
                elements.append(seed)
                sequences.append(gradient)
        found: list[Any] = hooks.call("pull_back", seeds, body.inputs)
        wanted = [
            k
            for k, (part, given) in enumerate(zip(found, inputs, strict=True))
            # integers that were computed, lengths for instance, pass nothing on
            if isinstance(part, Expr) and (given.op is None or not is_discrete(given.dtype))
        ]
        stacked = map_over(
            elements,
            [found[k] for k in wanted],
            sequences,
            summed=[k >= n for k in wanted],
            like=[body.inputs[k] for k in wanted],
            outer=outer,
        )
        parts = dict(zip(wanted, stacked, strict=True))
        return [p if isinstance(p, NullGrad) else parts.get(k) for k, p in enumerate(found)]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        x, y = (Placeholder(TensorType("float64", shape=(None,))) for _ in range(2))
        product: Any = x
        product = product * y
        body = Body([x, y], [product, (product * product).sum(), y])
        for sequences, summed, shapes in (
            (1, (False, False, False), ((3, 2), (2,))),
            (2, (False, False, False), ((3, 2), (3, 2))),
            (1, (True, True, True), ((3, 2), (2,))),
            (1, (True, False, False), ((0, 2), (2,))),
        ):
            op = cls(body, sequences, summed, (0, None, 1))
            yield Example(op, tuple(map(Arg, shapes)), fixed_dtype=True)


def _wide(dtype: Any) -> Any:
    """Sums over rounds run in float64: one after the other they would lose accuracy."""
    dtype = np.dtype(dtype)
    return np.dtype("float64") if dtype.kind == "f" and dtype.itemsize < 8 else dtype


def map_over(
    elements: Sequence[Expr],
    outputs: Sequence[Expr],
    sequences: Sequence[Any],
    summed: Sequence[bool] | None = None,
    like: Sequence[Expr | None] | None = None,
    outer: Mapping[Expr, Expr] | None = None,
) -> list[Any]:
    """Compute expressions for every element of sequences.

    Whatever else the outputs use (shared variables, other variables) becomes an input of the
    loop, and what does not depend on the elements is computed once, outside.

    Parameters
    ----------
    elements : sequence of Placeholder
        What stands in `outputs` for one element of each sequence.
    outputs : sequence of Expr
        What to compute each time.
    sequences : sequence of Expr
        Tensors of one length, at least one.
    summed : sequence of bool, optional
        Outputs to add up over the rounds; the others are stacked.
    like : sequence of Expr or None, optional
        For each output a leaf of the inner graph that has its shape.
    outer : dict, optional
        What leaves of the inner graph stand for outside.

    Returns
    -------
    list of Expr
        One result per output.

    >>> import symgrad.tensor as T
    >>> x, w = T.dscalars("x", "w")
    >>> (squares,) = map_over([x], [x * x * w], [T.constant([1.0, 2.0])])
    >>> squares.eval({w: 10.0})
    array([10., 40.])
    """
    adding = list(summed) if summed is not None else [False] * len(outputs)
    shaped = list(like) if like is not None else [None] * len(outputs)
    outer = dict(outer or {})
    length = dim(sequences[0], 0)
    varying = depends_on(outputs, set(elements))
    results: list[Any] = [None] * len(outputs)
    looped = []
    for k, output in enumerate(outputs):
        if output in elements:
            sequence = sequences[list(elements).index(output)]
            results[k] = sum(sequence, axis=0) if adding[k] else sequence
        elif output not in varying:
            (value,) = substitute([output], outer)
            results[k] = _repeated(value, length, adding[k])
        else:
            looped.append(k)
    if not looped:
        return results

    inner = [outputs[k] for k in looped]
    used = set(toposort(inner, stop=set(elements)))
    kept = [k for k, element in enumerate(elements) if element in used]
    free = _invariants(inner, varying)
    shapes = [shaped[k] for k in looped]
    kept += [k for k, e in enumerate(elements) if e in shapes and k not in kept]
    free = [*dict.fromkeys([*free, *(s for s in shapes if s is not None and s not in elements)])]
    stand_ins: dict[Expr, Expr] = {f: Placeholder(f.type, f.name) for f in free}
    body_inputs = [*(elements[k] for k in kept), *stand_ins.values()]
    body = Body(body_inputs, substitute(inner, stand_ins))
    places = {node: k for k, node in enumerate([*(elements[k] for k in kept), *free])}
    op = Map(
        body,
        len(kept),
        tuple(adding[k] for k in looped),
        tuple(None if s is None else places[s] for s in shapes),
    )
    node = op.make(*[sequences[k] for k in kept], *substitute(free, outer))
    for k, result in zip(looped, projections(node), strict=True):
        results[k] = result
    return results


def _invariants(outputs: Sequence[Expr], varying: set[Expr]) -> list[Expr]:
    """The nodes that do not vary and are used by nodes that do; constants stay inside."""
    found: dict[Expr, None] = {}
    for node in toposort(outputs):
        if node in varying:
            found.update(
                (i, None) for i in node.inputs if i not in varying and not isinstance(i, Constant)
            )
    return list(found)


def _repeated(value: Any, length: Any, added: bool) -> Any:
    """A value that every round gives anew, added up or stacked."""
    if added:
        return value * cast(length, value.dtype)
    return Alloc().make(value, length, *[dim(value, a) for a in range(value.ndim)])
