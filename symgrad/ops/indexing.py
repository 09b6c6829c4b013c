"""Reading and writing parts of tensors: NumPy's basic and advanced indexing.

An index is a setting and inputs: the setting (`spec`) says what stands at each place, and every
`"$"` and array in it takes the next input. So `x[i * 600 : (i + 1) * 600, None]` has the spec
`(("slice", "$", "$", None), ("new",))` and the inputs `(x, i * 600, (i + 1) * 600)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    IndexRangeError,
    ShapeError,
    describe,
    made_at,
)
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.elementwise import cast
from symgrad.ops.op import PYTHON_NUMBERS, Arg, Example, Op, as_expr
from symgrad.ops.shaping import dim, sum_like, zeros_like
from symgrad.types import Shape, ValueType, broadcast_shapes, is_discrete, promote, tensor_type, weak_dtype

Entry = tuple[Any, ...]
Spec = tuple[Entry, ...]
SYMBOL = "$"


# -- from what the user wrote to a spec --------------------------------------------------------


def parse_index(x: Any, index: Any) -> tuple[Spec, list[Any]]:
    """Split an index into its spec and its symbolic or array inputs."""
    entries = index if isinstance(index, tuple) else (index,)
    spec: list[Entry] = []
    inputs: list[Any] = []
    for entry in _without_ellipsis(x, entries):
        if entry is None:
            spec.append(("new",))
        elif isinstance(entry, slice):
            parts = [_bound(x, p, inputs) for p in (entry.start, entry.stop, entry.step)]
            if parts[2] == 0:
                raise GraphValueError(f"The step of a slice of {x} is 0.")
            spec.append(("slice", *parts))
        elif _is_int(entry):
            spec.append(("int", int(entry)))
        else:
            spec.append(_array_entry(x, entry, inputs))
    return tuple(spec), inputs


def _is_int(entry: Any) -> bool:
    return isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.bool_))


def _axes_taken(entry: Any) -> int:
    """How many axes of the indexed tensor an entry takes."""
    if entry is None or entry is Ellipsis:
        return 0
    if isinstance(entry, Expr) and entry.dtype == "bool":
        return entry.ndim
    if isinstance(entry, (list, np.ndarray)):
        array = np.asarray(entry)
        return array.ndim if array.dtype == bool else 1
    return 1


def _without_ellipsis(x: Any, entries: tuple[Any, ...]) -> list[Any]:
    taken = 0
    for entry in entries:
        if isinstance(entry, (bool, np.bool_)) or (isinstance(entry, Expr) and not entry.ndim
                                                  and entry.dtype == "bool"):
            raise GraphTypeError(
                f"{x} cannot be indexed with a single boolean. Use T.switch(condition, a, b)."
            )
        taken += _axes_taken(entry)
    if taken > x.ndim:
        raise IndexRangeError(
            f"too many indices: {taken} for {describe(x)}, which has {x.ndim}.\n{made_at(x)}"
        )
    marks = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(marks) > 1:
        raise IndexRangeError(f"an index of {x} may hold one `...`, not {len(marks)}.")
    full = [slice(None)] * (x.ndim - taken)
    if not marks:
        return [*entries, *full]
    return [*entries[: marks[0]], *full, *entries[marks[0] + 1 :]]


def _bound(x: Any, part: Any, inputs: list[Any]) -> Any:
    if part is None or _is_int(part):
        return None if part is None else int(part)
    bound = as_expr(part, "slice")
    if bound.ndim or not is_discrete(bound.dtype) or bound.dtype == "bool":
        raise GraphTypeError(
            f"A slice bound of {x} must be an integer scalar, not {describe(bound)}."
            f"\n{made_at(bound)}"
        )
    if isinstance(bound, Constant):
        return int(bound.value)
    inputs.append(bound)
    return SYMBOL


def _array_entry(x: Any, entry: Any, inputs: list[Any]) -> Entry:
    if isinstance(entry, list) and not entry:
        entry = np.zeros(0, "int64")
    array = as_expr(entry, f"index of {x}")
    if not is_discrete(array.dtype):
        raise GraphTypeError(
            f"{x} is indexed with {describe(array)}; an index must be an integer, a slice, None, "
            f"`...`, or an integer or boolean tensor. Cast it: T.cast(i, 'int64').\n"
            f"{made_at(array)}"
        )
    if array.dtype == "bool":
        inputs.append(array)
        return ("mask", array.ndim)
    if array.ndim == 0:
        if isinstance(array, Constant):
            return ("int", int(array.value))
        inputs.append(array)
        return ("int", SYMBOL)
    inputs.append(array)
    return ("array",)


# -- from a spec to an index, to a shape, to source --------------------------------------------


def build_index(spec: Spec, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The index that NumPy takes."""
    values = iter(arrays)

    def part(p: Any) -> Any:
        return int(next(values)) if p == SYMBOL else p

    index: list[Any] = []
    for kind, *parts in spec:
        if kind == "new":
            index.append(None)
        elif kind == "slice":
            index.append(slice(*[part(p) for p in parts]))
        elif kind == "int":
            index.append(next(values) if parts[0] == SYMBOL else parts[0])
        else:
            index.append(next(values))
    return tuple(index)


def is_basic(spec: Spec) -> bool:
    """Whether the index has integers and slices only, so that the result is a view."""
    return all(entry[0] in ("new", "slice", "int") for entry in spec)


def _index_shape(x: Shape, spec: Spec, types: Sequence[ValueType]) -> Shape:
    """The shape of `x[index]`, as far as it is known, by NumPy's rules."""
    arrays = iter(types)
    advanced = not is_basic(spec)
    result: list[int | None] = []
    index_shapes: list[Shape] = []
    positions: list[int] = []  # where advanced entries stand, in entries of the index
    first = 0  # where in the result they would be put
    axis = 0
    for place, (kind, *parts) in enumerate(spec):
        if kind == "new":
            result.append(1)
            continue
        if kind == "slice":
            symbols = [p for p in parts if p == SYMBOL]
            for _ in symbols:
                next(arrays)
            known = x[axis] is not None and not symbols
            result.append(len(range(*slice(*parts).indices(x[axis] or 0))) if known else None)
            if parts in ([None, None, None], [None, None, -1]):
                result[-1] = x[axis]
            axis += 1
            continue
        if not positions:
            first = len(result)
        positions.append(place)
        if kind == "int":
            if parts[0] == SYMBOL:
                next(arrays)
            else:
                _check_range(parts[0], x[axis], axis)
            index_shapes.append(())
            axis += 1
        elif kind == "mask":
            mask = next(arrays)
            for k in range(mask.ndim):
                have, want = mask.shape[k], x[axis + k]
                if have is not None and want is not None and have != want:
                    raise ShapeError(
                        f"a boolean mask of length {have} does not fit dimension {axis + k} of "
                        f"length {want}."
                    )
            index_shapes.append((None,))
            axis += mask.ndim
        else:
            index_shapes.append(next(arrays).shape)
            axis += 1
    if not advanced:
        return tuple(result)
    together = positions == list(range(positions[0], positions[-1] + 1))
    where = first if together else 0
    return (*result[:where], *broadcast_shapes(index_shapes, "indices"), *result[where:])


def _check_range(index: int, length: int | None, axis: int) -> None:
    if length is not None and not -length <= index < length:
        raise IndexRangeError(
            f"index {index} is out of range for dimension {axis}, whose length is {length}."
        )


def index_source(spec: Spec, args: Sequence[str]) -> str:
    """The index as a user would write it."""
    values = iter(args)

    def text(p: Any) -> str:
        return "" if p is None else next(values) if p == SYMBOL else str(p)

    entries = []
    for kind, *parts in spec:
        if kind == "new":
            entries.append("None")
        elif kind == "slice":
            start, stop, step = (text(p) for p in parts)
            entries.append(f"{start}:{stop}:{step}" if step else f"{start}:{stop}")
        elif kind == "int":
            entries.append(text(parts[0]))
        else:
            entries.append(next(values))
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    return ", ".join(entries) or "()"


# -- the two operations ------------------------------------------------------------------------


class Index(Op):
    """Part of a tensor; a view where the index is basic."""

    spec: Spec

    @property
    def view_of(self) -> int | None:  # type: ignore[override]
        return 0 if is_basic(self.spec) else None

    @property
    def eager_only(self) -> bool:  # type: ignore[override]
        return any(entry[0] == "mask" for entry in self.spec)

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, _index_shape(types[0].shape, self.spec, types[1:]))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.asarray(arrays[0])[build_index(self.spec, arrays[1:])]

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{args[0]}[{index_source(self.spec, args[1:])}]"

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        x, *index = inputs
        back = IncIndex(self.spec, False).make(zeros_like(x, g.dtype), g, *index)
        return (back, *[None] * len(index))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for x, index in _example_indices():
            spec, inputs = parse_index(as_expr(np.zeros(x)), index)
            yield Example(Index(spec), (Arg(x), *_index_args(inputs)))


class IncIndex(Op):
    """A tensor with part of it replaced (`assign`) or increased; duplicates accumulate."""

    spec: Spec
    assign: bool

    def infer(self, *types: ValueType) -> ValueType:
        x, y, *index = types
        part = _index_shape(x.shape, self.spec, index)
        if len(y.shape) > len(part):
            raise ShapeError(
                f"a value with {y.ndim} dimensions does not fit in a part with {len(part)}."
            )
        for have, want in zip(y.shape[::-1], part[::-1], strict=False):
            if have is not None and want is not None and have not in (1, want):
                raise ShapeError(f"a value of shape {y.shape} does not fit in a part of {part}.")
        return tensor_type(x.dtype, x.shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, y, *rest = arrays
        index = build_index(self.spec, rest)
        if xp is not np:
            return x.at[index].set(y) if self.assign else x.at[index].add(y)
        out = np.array(x)
        if self.assign:
            out[index] = y
        elif is_basic(self.spec):
            out[index] += y
        else:
            np.add.at(out, index, y)
        return out

    def connects(self, index: int) -> bool:
        return index < 2

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        _, value, *index = inputs
        part = sum_like(Index(self.spec).make(g, *index), value)
        gx = g
        if self.assign:
            zero = zeros_like(value)
            gx = IncIndex(self.spec, True).make(g, zero, *index)
        return (gx, part, *[None] * len(index))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for x, index in _example_indices():
            spec, inputs = parse_index(as_expr(np.zeros(x)), index)
            part = np.zeros(x)[build_index(spec, [i.value for i in inputs])].shape
            args = (Arg(x), Arg(part), *_index_args(inputs))
            yield Example(IncIndex(spec, False), args)
            if not any(e[0] == "array" for e in spec):  # which duplicate wins has no gradient
                yield Example(IncIndex(spec, True), args)


def _index_args(inputs: Sequence[Any]) -> Iterator[Arg]:
    for i in inputs:
        yield Arg(i.static_shape, i.dtype, exact=i.value)


def _example_indices() -> Iterator[tuple[tuple[int, ...], Any]]:
    rows, columns = np.array([0, 2, 2, -1]), np.array([1, 0, 0, 3])
    yield (3, 4), (1, slice(None, None, -1))
    yield (3, 4), (slice(1, None), None, slice(0, 4, 2))
    yield (3,), -1
    yield (3, 4), rows
    yield (3, 4), (rows, columns)
    yield (3, 4, 2), (rows[:, None], slice(None), np.array([1, 0]))
    yield (3, 4), np.eye(3, 4) > 0
    yield (3, 4), (slice(None), np.array([True, False, True, True]))
    yield (3, 4), np.zeros((0,), "int64")


def getitem(x: Any, index: Any) -> Any:
    """Return ``x[index]``: see `Expr.__getitem__`."""
    x = as_expr(x, "indexing")
    spec, inputs = parse_index(x, index)
    if x.op is not None and x.op.is_shape and len(spec) == 1 and spec[0][0] == "int":
        position = spec[0][1]
        if position != SYMBOL:
            _check_range(position, x.static_shape[0], 0)
            return dim(x.inputs[0], position)
    try:
        return Index(spec).make(x, *inputs)
    except (ShapeError, IndexRangeError) as error:
        raise type(error)(f"{error} The variable is {describe(x)}.\n{made_at(x)}") from None


def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Any:
    """Return the tensor that `x` is a part of, with that part replaced by `y`.

    Parameters
    ----------
    x : indexing expression
        ``a[index]``, with any index.
    y : array_like
        Broadcast to the part's shape; its dtype must upcast to that of `a`.

    >>> a = as_expr([1.0, 2.0, 3.0])
    >>> set_subtensor(a[1:], 0).eval()
    array([1., 0., 0.])
    """
    return _change(x, y, True, "set_subtensor")


def inc_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Any:
    """Return the tensor that `x` is a part of, with `y` added to that part.

    An element that the index names twice is increased twice.

    >>> a = as_expr([1.0, 2.0, 3.0])
    >>> inc_subtensor(a[[0, 0, 2]], 10).eval()
    array([21.,  2., 13.])
    """
    return _change(x, y, False, "inc_subtensor")


def _change(x: Any, y: Any, assign: bool, what: str) -> Any:
    if not isinstance(x, Expr) or not isinstance(x.op, Index):
        raise GraphTypeError(
            f"{what}: the first argument must be a part of a tensor, such as x[2:5] or x[i, j], "
            f"not {x!r}."
        )
    base, *index = x.inputs
    value = as_value(y, base.dtype, what)
    if promote(base.dtype, value.dtype) != base.dtype:
        raise GraphTypeError(
            f"{what}: {describe(value)} does not fit in {describe(base)} without loss. Cast it: "
            f"T.cast(y, {base.dtype!r}).\n{made_at(value)}"
        )
    try:
        return IncIndex(x.op.spec, assign).make(base, cast(value, base.dtype), *index)
    except ShapeError as error:
        raise ShapeError(
            f"{what}: {error} The part is {describe(x)}, the value {describe(value)}.\n{made_at(x)}"
        ) from None


def as_value(y: Any, dtype: str, what: str) -> Any:
    """`y` as an expression, Python numbers weak beside a tensor of this dtype."""
    if type(y) in PYTHON_NUMBERS:
        return Constant(np.array(y, dtype=weak_dtype(y, [dtype])))
    return as_expr(y, what)


hooks.table["getitem"] = getitem
