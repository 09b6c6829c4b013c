"""What an index says: NumPy's basic and advanced forms, split into a setting and inputs.

The setting (`spec`) says what stands at each place, and every `"$"`, array and mask in it takes
the next input. So `x[i * 600 : (i + 1) * 600, None]` has the spec
`(("slice", "$", "$", None), ("new",))` and the inputs `(i * 600, (i + 1) * 600)`.

| entry | stands for | inputs |
|---|---|---|
| `("int", 3)`, `("int", "$")` | one position | a scalar for `"$"` |
| `("slice", start, stop, step)` | numbers, None or `"$"` each | a scalar for each `"$"` |
| `("new",)` | `None`: a new axis of length 1 | |
| `("array",)` | an integer array | the array |
| `("mask", ndim, count)` | a boolean array; `count` True ones, None: unknown | the array |
| `("gap",)` | a `...` that stands for no axis but keeps two arrays apart | |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    IndexRangeError,
    ShapeError,
    describe,
    label,
    made_at,
    repr_of,
)
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.foreign import is_array_like
from symgrad.graph.types import Shape, ValueType, broadcast_shapes, is_discrete
from symgrad.ops.op import as_expr

Entry = tuple[Any, ...]
Spec = tuple[Entry, ...]
SYMBOL = "$"
_ALLOWED = (
    "An index is an integer, a slice, None, `...`, or an integer or boolean tensor, array or list."
)


# -- from what the user wrote to a spec --------------------------------------------------------


def parse_index(x: Any, index: Any) -> tuple[Spec, list[Any]]:
    """Split an index of `x` into its spec and its inputs.

    Raises
    ------
    GraphTypeError, GraphValueError
        If something in it is not an index.
    IndexRangeError
        If it has too many entries, or a position known now is out of range.
    """
    if isinstance(index, list) and any(isinstance(entry, slice) for entry in index):
        index = tuple(index)  # as in Theano, and in NumPy once
    entries = [_entry(x, e) for e in (index if isinstance(index, tuple) else (index,))]
    spec: list[Entry] = []
    inputs: list[Any] = []
    axis = 0
    for entry in _without_ellipsis(x, entries):
        if entry is None:
            spec.append(("new",))
        elif entry is Ellipsis:
            spec.append(("gap",))
        elif isinstance(entry, slice):
            parts = [_bound(x, p, inputs) for p in (entry.start, entry.stop, entry.step)]
            if parts[2] == 0:
                raise GraphValueError(f"The step of a slice of {x} is 0; it must not be.")
            spec.append(("slice", *parts))
        elif isinstance(entry, int):
            spec.append(("int", entry))
        elif entry.dtype == "bool":
            known = isinstance(entry, Constant)
            spec.append(("mask", entry.ndim, int(entry.value.sum()) if known else None))
            inputs.append(entry)
        else:
            if isinstance(entry, Constant) and entry.value.size:
                for position in (entry.value.min(), entry.value.max()):
                    check_range(int(position), x.static_shape[axis], axis)
            spec.append(("array",) if entry.ndim else ("int", SYMBOL))
            inputs.append(entry)
        axis += _axes_taken(entry)
    return tuple(spec), inputs


def _is_int(entry: Any) -> bool:
    return isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.timedelta64))


def _entry(x: Any, entry: Any) -> Any:
    """One entry as None, Ellipsis, slice, int or expression."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return entry
    if _is_int(entry):
        return int(entry)
    if isinstance(entry, (list, tuple)) and len(entry) == 0:
        entry = np.zeros(0, "int64")
    try:
        array = as_expr(entry, "an index")  # (its text alone would take most of the time)
    except GraphTypeError as error:
        if isinstance(entry, Expr):
            raise
        what = f"{repr_of(entry)} ({type(entry).__name__}). {_ALLOWED}"
        if is_array_like(entry):  # a masked array, a frame, times: the error says what is lost
            what = f"what no index is: {error.message}"
        raise GraphTypeError(f"{x} is indexed with {what}\n{made_at(x)}") from error
    if not is_discrete(array.dtype):
        raise GraphTypeError(
            f"{x} is indexed with {describe(array)}. {_ALLOWED} Cast it: "
            f"T.cast({label(array)}, 'int64').\n{made_at(array)}"
        )
    if array.dtype == "bool" and not array.ndim:
        raise GraphTypeError(
            f"{x} cannot be indexed with a single boolean, {array}. Use T.switch(condition, a, b)."
            f"\n{made_at(x)}"
        )
    if isinstance(array, Constant) and not array.ndim:
        return int(array.value)
    return array


def _axes_taken(entry: Any) -> int:
    """How many axes of the indexed tensor an entry takes."""
    if entry is None or entry is Ellipsis:
        return 0
    return entry.ndim if isinstance(entry, Expr) and entry.dtype == "bool" else 1


def _without_ellipsis(x: Any, entries: Sequence[Any]) -> list[Any]:
    taken = sum(map(_axes_taken, entries))
    if taken > x.ndim:
        raise IndexRangeError(
            f"too many indices: {taken} for {describe(x)}, which has {x.ndim} "
            f"dimension{'' if x.ndim == 1 else 's'}.\n{made_at(x)}"
        )
    marks = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(marks) > 1:
        raise IndexRangeError(
            f"an index of {x} may hold one `...`, not {len(marks)}.\n{made_at(x)}"
        )
    full: list[Any] = [slice(None)] * (x.ndim - taken)
    if not marks:
        return [*entries, *full]
    before, after = entries[: marks[0]], entries[marks[0] + 1 :]
    if not full and any(isinstance(e, Expr) for e in entries):
        full = [Ellipsis]  # NumPy: it keeps arrays on its two sides apart though it is no axis
    return [*before, *full, *after]


def _bound(x: Any, part: Any, inputs: list[Any]) -> Any:
    if part is None or _is_int(part):
        return None if part is None else int(part)
    try:
        bound = as_expr(part, f"A slice of {x}")
    except GraphTypeError as error:
        raise GraphTypeError(
            f"A slice bound of {x} must be an integer or an integer scalar, not {repr_of(part)} "
            f"({type(part).__name__}).\n{made_at(x)}"
        ) from error
    if bound.ndim or not is_discrete(bound.dtype) or bound.dtype == "bool":
        raise GraphTypeError(
            f"A slice bound of {x} must be an integer scalar, not {describe(bound)}. Cast it: "
            f"T.cast(i, 'int64').\n{made_at(bound)}"
        )
    if isinstance(bound, Constant):
        return int(bound.value)
    inputs.append(bound)
    return SYMBOL


def check_range(index: int, length: int | None, axis: int) -> None:
    """Raise if a position is known not to exist."""
    if length is not None and not -length <= index < length:
        raise IndexRangeError(
            f"index {index} is out of range for dimension {axis}, whose length is {length}."
        )


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
        elif kind == "gap":
            index.append(Ellipsis)
        elif kind == "slice":
            index.append(slice(*[part(p) for p in parts]))
        elif kind == "int":
            index.append(next(values) if parts[0] == SYMBOL else parts[0])
        else:
            index.append(next(values))
    return tuple(index)


def count_inputs(entry: Entry) -> int:
    """How many inputs an entry takes.

    >>> count_inputs(("slice", "$", 3, "$")), count_inputs(("array",)), count_inputs(("int", 0))
    (2, 1, 0)
    """
    return 1 if entry[0] in ("array", "mask") else entry.count(SYMBOL)


def is_basic(spec: Spec) -> bool:
    """Whether the index has integers and slices only, so that the result is a view."""
    return all(entry[0] not in ("array", "mask") for entry in spec)


def may_repeat(spec: Spec) -> bool:
    """Whether the index may name an element twice."""
    return any(entry[0] == "array" for entry in spec)


def depends_on_data(spec: Spec) -> bool:
    """Whether the shape of the part depends on the values of the inputs."""
    return any(
        entry[-1] is None if entry[0] == "mask" else entry[0] == "slice" and SYMBOL in entry
        for entry in spec
    )


def slice_length(n: int | None, start: Any, stop: Any, step: Any) -> int | None:
    """The length of a slice of an axis of length `n`, None where it is not known.

    >>> slice_length(5, None, None, -2), slice_length(None, 3, 3, None)
    (3, 0)
    """
    if n == 0:
        return 0
    if SYMBOL in (start, stop, step):
        return None
    if n is not None:
        return len(range(*slice(start, stop, step).indices(n)))
    backwards = step is not None and step < 0
    first = (-1 if backwards else 0) if start is None else start
    if stop is None or (first < 0) != (stop < 0):
        return None
    return 0 if (first <= stop if backwards else first >= stop) else None


def part_shape(x: Shape, spec: Spec, types: Sequence[ValueType]) -> Shape:
    """The shape of `x[index]`, as far as it is known, by NumPy's rules.

    Arrays (and single positions beside them) are broadcast; the axes of what they give stand
    where they stood if they are next to each other in the index, else in front.
    """
    arrays = iter(types)
    result: list[int | None] = []
    index_shapes: list[Shape] = []
    positions: list[int] = []  # where advanced entries stand, in entries of the index
    first = 0  # where in the result they would be put
    axis = 0
    for place, (kind, *parts) in enumerate(spec):
        if kind == "new":
            result.append(1)
        elif kind == "slice":
            for p in parts:
                if p == SYMBOL:
                    next(arrays)
            result.append(slice_length(x[axis], *parts))
            axis += 1
        elif kind != "gap":
            if not positions:
                first = len(result)
            positions.append(place)
            shape, taken = _taken_by(kind, parts, x, axis, arrays)
            index_shapes.append(shape)
            axis += taken
    result.extend(x[axis:])
    if is_basic(spec):
        return tuple(result)
    adjacent = positions[-1] - positions[0] == len(positions) - 1
    where = first if adjacent else 0
    return (*result[:where], *broadcast_shapes(index_shapes, "indices"), *result[where:])


def part_lengths(
    x: Sequence[Any], spec: Spec, given: Sequence[Sequence[Any]], own: Sequence[Any]
) -> tuple[Any, ...]:
    """Where the lengths of `x[index]` come from, given the same for `x` and what indexes it.

    `own` stands for lengths that come from nowhere else.

    >>> part_lengths(["n", "m"], (("int", 0), ("slice", None, None, None)), [], ["own"])
    ('m',)
    """
    arrays = iter(given)
    result: list[Any] = []
    indices: list[tuple[Any, ...]] = []
    places: list[int] = []  # of arrays, in entries of the index
    first = axis = 0
    for place, (kind, *parts) in enumerate(spec):
        if kind == "new":
            result.append(1)
        elif kind == "slice":
            for p in parts:
                if p == SYMBOL:
                    next(arrays)
            result.append(x[axis] if parts in _EVERYTHING else None)
            axis += 1
        elif kind == "int":
            if parts[0] == SYMBOL:
                next(arrays)
            axis += 1
        elif kind == "array":
            if not places:
                first = len(result)
            places.append(place)
            indices.append(tuple(next(arrays)))
            axis += 1
        else:
            return tuple(own)
    result.extend(x[axis:])
    if places:
        if len(set(indices)) > 1 or any(entry[0] == "int" for entry in spec):
            return tuple(own)
        adjacent = places[-1] - places[0] == len(places) - 1
        where = first if adjacent else 0
        result[where:where] = indices[0]
    return tuple(o if n is None else n for n, o in zip(result, own, strict=True))


_EVERYTHING = ([None, None, None], [0, None, None], [None, None, 1], [0, None, 1])


def _taken_by(
    kind: str, parts: Sequence[Any], x: Shape, axis: int, arrays: Iterator[ValueType]
) -> tuple[Shape, int]:
    """What an integer, array or mask gives, and how many axes of `x` it takes."""
    if kind == "int":
        if parts[0] == SYMBOL:
            next(arrays)
        else:
            check_range(parts[0], x[axis], axis)
        return (), 1
    array = next(arrays)
    if kind == "array":
        return array.shape, 1
    for k, (have, want) in enumerate(zip(array.shape, x[axis:], strict=False)):
        if have is not None and want is not None and have != want:
            raise ShapeError(
                f"a boolean mask of length {have} does not fit dimension {axis + k} of length "
                f"{want}."
            )
    return (parts[1],), array.ndim


def index_source(spec: Spec, args: Sequence[str]) -> str:
    """The index as a user would write it."""
    values = iter(args)

    def text(p: Any) -> str:
        return "" if p is None else next(values) if p == SYMBOL else str(p)

    entries = []
    for kind, *parts in spec:
        if kind == "new":
            entries.append("None")
        elif kind == "gap":
            entries.append("...")
        elif kind == "slice":
            start, stop, step = (text(p) for p in parts)
            entries.append(f"{start}:{stop}:{step}" if step else f"{start}:{stop}")
        elif kind == "int":
            entries.append(text(parts[0]))
        else:
            entries.append(next(values))
    while len(entries) > 1 and entries[-1] == ":" and "..." not in entries:
        entries.pop()
    return ", ".join(entries) or "()"
