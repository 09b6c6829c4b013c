"""Joining tensors along an axis, stacking them along a new one, and splitting them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    ShapeError,
    checks_keywords,
    describe,
    made_at,
)
from symgrad.graph.expr import Expr
from symgrad.graph.types import TupleType, ValueType, promote, tensor_type, weak_dtype
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.axes import atleast_1d, atleast_2d, expand_dims
from symgrad.ops.arrays.lengths import (
    MakeVector,
    as_length,
    as_lengths,
    check_axis,
    check_int,
    dim,
    length_args,
    length_constant,
    static_length,
)
from symgrad.ops.arrays.shaping import zeros_like
from symgrad.ops.op import (
    PYTHON_NUMBERS,
    Arg,
    Example,
    Lengths,
    Op,
    as_expr,
    as_exprs,
    common_dtype,
    holds_expr,
    projections,
)

# -- joining -----------------------------------------------------------------------------------


class Join(Op):
    """Tensors of one dtype and rank, one behind the other along an axis."""

    axis: int

    def infer(self, *types: ValueType) -> ValueType:
        shape: list[int | None] = []
        for axis, lengths in enumerate(zip(*[t.shape for t in types], strict=True)):
            known = {n for n in lengths if n is not None}
            if axis == self.axis:
                shape.append(None if None in lengths else sum(lengths))
            elif len(known) > 1:
                raise ShapeError(
                    f"join along axis {self.axis}: the other lengths must be equal, but in "
                    f"dimension {axis} they are {_in_words(lengths)}."
                )
            else:
                shape.append(known.pop() if known else None)
        return tensor_type(types[0].dtype, tuple(shape))

    def make(self, *inputs: Expr) -> Expr:
        try:
            return super().make(*inputs)
        except ShapeError as error:
            raise ShapeError(error.message, nodes=inputs) from None

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.concatenate(arrays, axis=self.axis)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        together = bind(np.concatenate, "concatenate")
        return f"{together}(({', '.join(args)},), axis={self.axis})"

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        first = list(known[node.inputs[0]])
        first[self.axis] = (node, self.axis)
        return tuple(first)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        if len(inputs) == 1:
            return (g,)
        sizes = [dim(x, self.axis) for x in inputs]
        return projections(Split(self.axis).make(g, *sizes))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Join(0), (Arg((3, 4)), Arg((1, 4)), Arg((0, 4))))
        yield Example(Join(1), (Arg((2, 3, 1)), Arg((2, 2, 1))))
        yield Example(Join(0), (Arg((3,)),))


def _in_words(lengths: Iterable[int | None]) -> str:
    return ", ".join("?" if n is None else str(n) for n in lengths)


class Split(Op):
    """Parts of the first input along an axis, in lengths that the other inputs give."""

    axis: int
    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        x, *sizes = types
        shape = (*x.shape[: self.axis], None, *x.shape[self.axis + 1 :])
        return TupleType([tensor_type(x.dtype, shape)] * len(sizes))

    def make(self, *inputs: Expr) -> Expr:
        x, *given = inputs
        sizes = [static_length(n) for n in given]
        total = x.static_shape[self.axis]
        if any(n is not None and n < 0 for n in sizes):
            raise GraphValueError(f"split: a length is negative in {sizes}.")
        rest = [k for k, n in enumerate(sizes) if n is None]
        have = sum(n for n in sizes if n is not None)
        if total is not None and (have > total if rest else have != total):
            raise ShapeError(
                f"split: the lengths {sizes} add up to {have}, but dimension {self.axis} of "
                f"{describe(x)} has length {total}.\n{made_at(x)}"
            )
        if total is not None and len(rest) == 1:
            sizes[rest[0]] = total - have
        shape = x.static_shape
        parts = [(*shape[: self.axis], n, *shape[self.axis + 1 :]) for n in sizes]
        return Expr(self, inputs, TupleType([tensor_type(x.dtype, part) for part in parts]))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, *given = arrays
        sizes = [int(n) for n in given]
        if sum(sizes) != x.shape[self.axis] or min(sizes) < 0:
            raise ValueError(
                f"the lengths {sizes} add up to {sum(sizes)}, but the length of dimension "
                f"{self.axis} is {x.shape[self.axis]}; none may be negative and the shape must fit"
            )
        return xp.split(x, np.cumsum(sizes)[:-1].tolist(), axis=self.axis)

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        parts = [
            zeros_like(part) if known is None else known
            for known, part in zip(g, projections(y), strict=True)
        ]
        dtype = common_dtype(parts)
        joined = Join(self.axis).make(*[cast(part, dtype) for part in parts])
        return (joined, *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Split(0), (Arg((4, 2)), *length_args(1, 3)))
        yield Example(Split(1), (Arg((2, 5)), *length_args(2, 0, 3)))
        yield Example(Split(0), (Arg((3,)), *length_args(3)))


def join(axis: Any, *tensors: Any) -> Any:
    """Join tensors along an axis: Theano's order of arguments for `concatenate`.

    >>> join(0, [1.0, 2.0], [3.0]).eval()
    array([1., 2., 3.])
    """
    return _joined(tensors, axis, "join")


def concatenate(tensor_list: Any, axis: Any = 0) -> Any:
    """Join tensors along an axis that they have.

    Parameters
    ----------
    tensor_list : sequence of array_like
        Of one rank; their dtypes are promoted together, their other lengths must be equal.
    axis : int or None
        The axis along which they are put behind each other; None flattens them first.

    Raises
    ------
    ShapeError
        If other lengths are known to differ (otherwise the function raises when it runs).
    GraphTypeError
        For scalars (use `stack`) or tensors of different rank.

    >>> concatenate([[[1.0], [2.0]], [[3.0], [4.0]]], axis=1).eval()
    array([[1., 3.],
           [2., 4.]])
    """
    return _joined(_sequence(tensor_list, "concatenate"), axis, "concatenate")


def _sequence(tensors: Any, what: str) -> list[Any]:
    if isinstance(tensors, Expr):
        length = tensors._known_length() if tensors.ndim == 1 else None
        if length is None:
            raise GraphTypeError(
                f"{what} takes a list of tensors, not the single variable {describe(tensors)}."
                f"\n{made_at(tensors)}"
            )
    return list(tensors)


def _joined(tensors: Sequence[Any], axis: Any, what: str) -> Any:
    if not tensors:
        raise GraphValueError(f"{what} needs at least one tensor.")
    exprs = as_exprs(tensors, what)
    if axis is None:
        exprs, axis = [e.flatten() for e in exprs], 0
    for e in exprs:
        if e.ndim == 0:
            raise GraphTypeError(
                f"{what}: {describe(e)} is a scalar, which has no axis to join along. Use "
                f"T.stack([...]) to make a vector of scalars.\n{made_at(e)}"
            )
        if e.ndim != exprs[0].ndim:
            raise GraphTypeError(f"{what}: the tensors have different ranks.", nodes=exprs)
    axis = check_axis(exprs[0], axis, what)
    dtype = common_dtype(exprs)
    casts = [cast(e, dtype) for e in exprs]
    return casts[0] if len(casts) == 1 else Join(axis).make(*casts)


# -- stacking ----------------------------------------------------------------------------------


def stack(*tensors: Any, axis: Any = 0) -> Any:
    """Put tensors of one shape behind each other along a new axis.

    Parameters
    ----------
    *tensors : sequence of array_like
        ``stack([a, b], axis=1)``, or Theano's old ``stack(a, b)``. Lists may be nested; Python
        numbers in them take the dtype of what stands beside them.
    axis : int
        Where the new axis stands in the result.

    Raises
    ------
    ShapeError
        If known lengths differ.

    >>> stack([[1.0, 2.0], [3.0, 4.0]], axis=1).eval()
    array([[1., 3.],
           [2., 4.]])
    """
    entries = list(tensors)
    if len(entries) == 2 and type(entries[1]) is int and isinstance(entries[0], (list, tuple)):
        axis = entries.pop()  # stack([a, b], 0)
    if len(entries) == 1:
        entries = _sequence(entries[0], "stack")
    if not entries:
        raise GraphValueError("stack needs at least one tensor.")
    dtype = _stacked_dtype(entries)
    exprs = [_as_stacked(t, dtype) for t in entries]
    for e in exprs:
        if e.ndim != exprs[0].ndim:
            raise GraphTypeError("stack: the tensors have different ranks.", nodes=exprs)
    for k, lengths in enumerate(zip(*[i.static_shape for i in exprs], strict=True)):
        if len({*lengths} - {None}) > 1:
            raise ShapeError(
                f"stack: the tensors differ in length in dimension {k}: {_in_words(lengths)}.",
                nodes=exprs,
            )
    if exprs[0].ndim == 0:
        vector = MakeVector().make(*exprs)
        check_axis(vector, axis, "stack")
        return vector
    padded = [expand_dims(e, axis) for e in exprs]
    return Join(check_axis(padded[0], axis, "stack")).make(*padded)


@checks_keywords(arg="tensor_list")
def stacklists(tensor_list: Any) -> Any:
    """Return nested lists of tensors as one tensor.

    >>> stacklists([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    if isinstance(tensor_list, (list, tuple)):
        return stack(tensor_list)
    return as_expr(tensor_list, "stacklists")


def _stacked_dtype(tensors: Any) -> str:
    """The dtype of nested lists: Python numbers are weak beside everything else in them."""
    strong: list[str] = []
    weak: list[Any] = []
    todo = [tensors]
    while todo:
        entry = todo.pop()
        if isinstance(entry, (list, tuple)):
            todo.extend(entry)
        elif type(entry) in PYTHON_NUMBERS:
            weak.append(entry)
        else:
            strong.append(as_expr(entry, "stack").dtype)
    if not strong:  # a list of Python numbers, as NumPy reads it
        dtype = promote(*{weak_dtype(number) for number in weak}) if weak else "float64"
        return "int64" if dtype.startswith("int") else dtype
    return promote(*dict.fromkeys(strong), *{weak_dtype(number, strong) for number in weak})


def _as_stacked(entry: Any, dtype: str) -> Any:
    if isinstance(entry, (list, tuple)) and holds_expr(entry):
        return stack([_as_stacked(e, dtype) for e in entry])
    return cast(as_expr(entry, "stack", dtype if type(entry) in PYTHON_NUMBERS else None), dtype)


def horizontal_stack(*tensors: Any) -> Any:
    """Join matrices side by side.

    >>> horizontal_stack([[1.0], [2.0]], [[3.0], [4.0]]).eval()
    array([[1., 3.],
           [2., 4.]])
    """
    return _joined(_matrices(tensors, "horizontal_stack"), 1, "horizontal_stack")


def vertical_stack(*tensors: Any) -> Any:
    """Join matrices below each other.

    >>> vertical_stack([[1.0, 2.0]], [[3.0, 4.0]]).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    return _joined(_matrices(tensors, "vertical_stack"), 0, "vertical_stack")


def _matrices(tensors: Sequence[Any], what: str) -> list[Any]:
    exprs = [as_expr(t, what) for t in tensors]
    for e in exprs:
        if e.ndim != 2:
            raise GraphTypeError(f"{what} joins matrices, not {describe(e)}.\n{made_at(e)}")
    return exprs


def hstack(tensors: Any) -> Any:
    """Join along the second axis; vectors and scalars along the first, as NumPy does.

    >>> hstack([[1.0, 2.0], [3.0]]).eval()
    array([1., 2., 3.])
    """
    exprs = [atleast_1d(e) for e in as_exprs(_sequence(tensors, "hstack"), "hstack")]
    return _joined(exprs, 0 if exprs and exprs[0].ndim == 1 else 1, "hstack")


def vstack(tensors: Any) -> Any:
    """Join along the first axis; vectors are rows, as NumPy has it.

    >>> vstack([[1.0, 2.0], [3.0, 4.0]]).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    exprs = [atleast_2d(e) for e in as_exprs(_sequence(tensors, "vstack"), "vstack")]
    return _joined(exprs, 0, "vstack")


# -- splitting ---------------------------------------------------------------------------------


def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: Any = 0) -> list[Any]:
    """Split a tensor along an axis into parts of given lengths.

    Parameters
    ----------
    x : array_like
        At least one axis.
    splits_size : sequence of int or symbolic scalars, or integer vector
        The length of each part; they add up to the length of the axis.
    n_splits : int, optional
        How many parts; needed where `splits_size` is a vector of unknown length.
    axis : int
        The axis to split along.

    Returns
    -------
    list of tensors

    Raises
    ------
    ShapeError
        If known lengths do not add up (otherwise the function raises when it runs).

    >>> a, b = split([1.0, 2.0, 3.0], [1, 2], 2)
    >>> b.eval()
    array([2., 3.])
    """
    x = as_expr(x, "split")
    axis = check_axis(x, axis, "split")
    if isinstance(splits_size, Expr) and splits_size.ndim == 1:
        if splits_size.static_shape[0] is None and n_splits is not None:
            splits_size = [splits_size[k] for k in range(n_splits)]
    elif not isinstance(splits_size, (list, tuple)) and not np.ndim(splits_size):
        if n_splits is None:
            raise GraphTypeError(
                "split: splits_size must hold the length of each part, such as [2, 3]."
            )
        splits_size = [as_length(splits_size, "split")] * n_splits
    sizes = as_lengths(splits_size, "split")
    if n_splits is not None and len(sizes) != n_splits:
        raise GraphValueError(f"split: {len(sizes)} lengths given, but n_splits={n_splits}.")
    if not sizes:
        raise GraphValueError("split needs at least one part.")
    return projections(Split(axis).make(x, *sizes))


def numpy_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Split as `numpy.split` does: into equal parts, or at positions along an axis.

    >>> a, b = numpy_split([1.0, 2.0, 3.0], [1])
    >>> b.eval()
    array([2., 3.])
    """
    x = as_expr(ary, "numpy.split")
    axis = check_axis(x, axis, "numpy.split")
    length = dim(x, axis)
    if not isinstance(indices_or_sections, (list, tuple, np.ndarray)):
        count = check_int(indices_or_sections, "numpy.split: the number of parts")
        return split(x, [length // length_constant(count)] * count, count, axis)
    bounds = [0, *indices_or_sections, None]
    before = [slice(None)] * axis
    return [x[(*before, slice(a, b))] for a, b in pairwise(bounds)]


hooks.table["stack"] = stack
hooks.table["numpy_split"] = numpy_split
