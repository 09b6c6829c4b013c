"""Selecting elements by number: along an axis, among choices, on the diagonal, one-hot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, describe, made_at, repr_of
from symgrad.flags import config
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import (
    ValueType,
    broadcast_shapes,
    check_dtype,
    is_discrete,
    tensor_type,
)
from symgrad.ops.arithmetic.elementwise import cast, eq, switch
from symgrad.ops.arrays.lengths import as_int64, as_lengths, dim, static_length
from symgrad.ops.arrays.shaping import along, sum_like, zeros_like
from symgrad.ops.indexing.indexing import fitting_value
from symgrad.ops.indexing.scatter import add_at
from symgrad.ops.op import Arg, Example, Lengths, Op, Spec, as_expr, as_exprs, common_dtype
from symgrad.ops.reductions.reduction import sum

MODES = ("raise", "wrap", "clip")


def as_positions(index: Any, what: str, name: str = "indices") -> Any:
    """An argument as an integer expression, or a clear error."""
    if isinstance(index, (list, tuple)) and len(index) == 0:
        index = np.zeros(0, "int64")
    index = as_expr(index, f"{what}: {name}")
    if not is_discrete(index.dtype) or index.dtype == "bool":
        raise GraphTypeError(
            f"{what}: {name} must be integers, not {describe(index)}. Cast them: "
            f"T.cast(i, 'int64').\n{made_at(index)}"
        )
    return index


def check_mode(mode: Any, what: str) -> str:
    """`raise`, `wrap` or `clip`."""
    if mode not in MODES:
        raise GraphValueError(f"{what}: mode={repr_of(mode)}; expected one of {', '.join(MODES)}.")
    return str(mode)


def brought_into_range(xp: Any, index: Any, length: Any, mode: str, where: str = "") -> Any:
    """Integers as positions along an axis of a length: checked, wrapped or clipped."""
    index = xp.asarray(index)
    if mode == "raise":
        if xp is np and index.size and not 0 <= index.min() <= index.max() < length:
            wrong = index.min() if index.min() < 0 else index.max()
            raise IndexError(f"position {wrong} is not one of {length} (0 to {length - 1}){where}")
        return xp.array(index).astype("int64")
    if index.dtype != "uint64":  # those above the largest int64 would become negative
        index = index.astype("int64")
    length = xp.asarray(length).astype(index.dtype)
    index = xp.mod(index, length) if mode == "wrap" else xp.clip(index, 0, length - 1)
    return index.astype("int64")


# -- one position per element along an axis ----------------------------------------------------


class TakeAlong(Op):
    """Elements of the first input at the positions of the second along one axis."""

    axis: int

    def infer(self, *types: ValueType) -> ValueType:
        x, index = types
        shape = [*_along(x.shape, self.axis), *_along(index.shape, self.axis)]
        rest = list(broadcast_shapes(shape, "take_along_axis"))
        rest[self.axis] = index.shape[self.axis]
        return tensor_type(x.dtype, tuple(rest))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, index = arrays
        return xp.asarray(x)[_along_index(xp, x, index, self.axis)]

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        return super().traffic(out, out, inputs[1])

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        x, index = inputs
        return AddAlong(self.axis).make(zeros_like(x, g.dtype), g, index), None

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis, index in _along_examples():
            yield Example(TakeAlong(axis), (Arg(shape), index))


class AddAlong(Op):
    """The first input with the second added at the positions of the third along one axis."""

    axis: int
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, y, index = arrays
        where = _along_index(xp, x, index, self.axis)
        if xp is not np:
            return x.at[where].add(y)
        out = np.array(x, order="C")
        add_at(out, where, y)
        return out

    def connects(self, index: int) -> bool:
        return index < 2

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        _, value, index = inputs
        return g, sum_like(TakeAlong(self.axis).make(g, index), value), None

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis, index in _along_examples():
            part = np.broadcast_shapes(_one(shape, axis), _one(index.shape, axis))
            part = (*part[:axis], index.shape[axis], *part[axis + 1 :])
            yield Example(AddAlong(axis), (Arg(shape), Arg(part), index))


def _along(shape: Any, axis: int) -> list[Any]:
    return [tuple(1 if a == axis else n for a, n in enumerate(shape))]


def _one(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def _along_index(xp: Any, x: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """The index, one array for each axis, that takes `index` along `axis`."""
    where = []
    for a, length in enumerate(xp.shape(x)):
        if a == axis:
            where.append(xp.asarray(index))
        else:
            numbers = xp.arange(length)
            where.append(numbers.reshape([-1 if b == a else 1 for b in range(np.ndim(index))]))
    return tuple(where)


def _along_examples() -> Iterable[tuple[tuple[int, ...], int, Arg]]:
    yield (3, 4), 1, Arg((3, 2), "int64", exact=[[0, 3], [1, 1], [-1, 2]])
    yield (3, 4), 0, Arg((2, 1), "int64", exact=[[2], [0]])
    yield (1, 4), 1, Arg((2, 2), "int64", exact=[[0, 0], [1, 3]])
    yield (0, 4), 1, Arg((0, 2), "int64", exact=np.zeros((0, 2)))
    yield (30, 40), 1, Arg((30, 9), "int64", exact=np.arange(270).reshape(30, 9) % 5)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Elements of `arr` at one position per element of `indices` along an axis.

    It puts what `argsort`, `argmax` (with `keepdims`) and `argtopk` return to use.

    Parameters
    ----------
    arr : array_like
        Any shape and dtype.
    indices : array_like of int
        Of the rank of `arr`; the other axes are broadcast.
    axis : int or None
        None takes from the flattened tensor.

    Raises
    ------
    GraphTypeError
        If `indices` are no integers, or of another rank.

    >>> take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1).eval()
    array([[2.],
           [3.]])
    """
    x, axis = along(arr, axis, "take_along_axis")
    index = as_positions(indices, "take_along_axis")
    if x.ndim != index.ndim:
        raise GraphTypeError(
            f"take_along_axis: {describe(index)} must have as many dimensions as {describe(x)}."
            f"\n{made_at(index)}"
        )
    try:
        return TakeAlong(axis).make(x, index)
    except ShapeError as error:
        raise ShapeError(error.message, nodes=[x, index]) from None


# -- positions of whole parts ------------------------------------------------------------------


class Positions(Op):
    """Integers brought into the range of a length: checked, wrapped or clipped."""

    mode: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", types[0].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return brought_into_range(xp, arrays[0], arrays[1], self.mode)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for mode, values in (("raise", [0, 3]), ("wrap", [-7, 5]), ("clip", [-7, 5])):
            args = (Arg((2,), "int64", exact=values), Arg((), "int64", exact=4))
            yield Example(Positions(mode), args, differentiable=False)


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """Parts of a tensor at positions along an axis: ``a[:, indices]`` for ``axis=1``.

    Parameters
    ----------
    a : array_like
        Any shape and dtype.
    indices : array_like of int
        Any shape, which takes the place of the axis.
    axis : int or None
        None (the default) takes elements of the flattened tensor.
    mode : {'raise', 'wrap', 'clip'}
        What happens to positions out of range; `raise` lets negative ones count from the end.

    Raises
    ------
    GraphTypeError, GraphValueError
        If `indices` are no integers, or `axis` or `mode` do not exist.
    IndexRangeError
        If a position is out of range: now, or when the function runs.

    >>> take([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0], axis=1).eval()
    array([[2., 2., 1.],
           [4., 4., 3.]])
    """
    (x, axis), index = along(a, axis, "take"), as_positions(indices, "take")
    if check_mode(mode, "take") != "raise":
        index = Positions(mode).make(index, dim(x, axis))
    return x[(*[slice(None)] * axis, index)]


def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """Parts of a tensor along an axis, where a vector of conditions holds.

    Parameters
    ----------
    condition : array_like
        A vector; it may be shorter than the axis.
    x : array_like
        Any shape and dtype.
    axis : int or None
        None (the default) takes elements of the flattened tensor.

    Raises
    ------
    GraphTypeError
        If `condition` is not a vector.

    >>> compress([False, True], [[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([[3., 4.]])
    """
    condition = as_expr(condition, "compress: condition")
    if condition.ndim != 1:
        raise GraphTypeError(
            f"compress: the condition must be a vector, not {describe(condition)}.\n"
            f"{made_at(condition)}"
        )
    return take(x, hooks.call("nonzero", condition, False)[0], axis)


class Choose(Op):
    """For each element, that of the choice whose number the first input gives."""

    sums_back = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[1].dtype, broadcast_shapes([t.shape for t in types], "choose"))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        index, *choices = xp.broadcast_arrays(*arrays)
        return xp.take_along_axis(xp.stack(choices), index[None], axis=0)[0]

    def connects(self, index: int) -> bool:
        return index > 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        index, *choices = inputs
        return (None, *(switch(eq(index, k), g, 0) for k in range(len(choices))))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        index = Arg((2, 3), "int64", exact=[[0, 1, 2], [2, 1, 0]])
        yield Example(Choose(), (index, Arg((2, 3)), Arg(()), Arg((3,))))
        yield Example(Choose(), (Arg((), "int64", exact=0), Arg((2,)), Arg((2,))))


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """For each element of `a`, which is a number, the element of that choice.

    Parameters
    ----------
    a : array_like of int
        Numbers of choices.
    choices : list of array_like, or array_like
        The choices; of a tensor, its first axis counts them. They and `a` are broadcast.
    out : None
        NumPy's argument; must be None.
    mode : {'raise', 'wrap', 'clip'}
        What happens to numbers for which there is no choice.

    >>> choose([1, 0, 1], [[1.0, 2.0, 3.0], -1]).eval()
    array([-1.,  2., -1.])
    """
    if out is not None:
        raise GraphTypeError("choose: out= is not supported; results are new variables.")
    index = as_positions(a, "choose", "the numbers of choices")
    check_mode(mode, "choose")
    if isinstance(choices, (list, tuple)):
        if not choices:
            raise GraphValueError("choose: there must be at least one choice.")
        parts = as_exprs(choices, "choose")
        dtype = common_dtype(parts)
        length = Constant(np.array(len(parts), dtype="int64"))
        index = Positions(mode).make(index, length)
        return Choose().make(index, *[cast(p, dtype) for p in parts])
    x = as_expr(choices, "choose")
    if not x.ndim:
        raise GraphTypeError(f"choose: {describe(x)} must have an axis that counts the choices.")
    index = Positions(mode).make(index, dim(x, 0))
    rank = max(index.ndim, x.ndim - 1)
    x = x.dimshuffle(0, *["x"] * (rank + 1 - x.ndim), *range(1, x.ndim))
    index = index.dimshuffle(*["x"] * (rank + 1 - index.ndim), *range(index.ndim))
    return TakeAlong(0).make(x, index)[0]


# -- filling -----------------------------------------------------------------------------------


class FillDiagonal(Op):
    """A tensor with a diagonal replaced by a scalar; the third input is the offset."""

    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, value, offset = arrays[0], arrays[1], int(arrays[2])
        shape = x.shape
        if x.ndim > 2 and len(set(shape)) > 1:
            raise ValueError(f"all lengths must be equal in a tensor of shape {shape}")
        down, right = max(-offset, 0), max(offset, 0)
        length = max(min(shape[0] - down, shape[1] - right), 0)
        numbers = np.arange(length)
        where = (numbers + down, numbers + right) if x.ndim == 2 else (numbers,) * x.ndim
        if xp is not np:
            return x.at[where].set(value)
        out = np.array(x)
        out[where] = value
        return out

    def connects(self, index: int) -> bool:
        return index < 2

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        offset = inputs[2]
        zero, true = Constant(np.zeros((), g.dtype)), Constant(np.array(True))
        on_diagonal = self.make(zeros_like(g, "bool"), true, offset)
        return self.make(g, zero, offset), sum(switch(on_diagonal, g, 0)), None

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, offset in (((3, 4), 0), ((5, 2), 0), ((3, 4), -1), ((3, 4), 9), ((2, 2, 2), 0)):
            yield Example(FillDiagonal(), (Arg(shape), Arg(()), Arg((), "int64", exact=offset)))


def fill_diagonal(a: Any, val: Any) -> Any:
    """Return `a` with its main diagonal replaced.

    Parameters
    ----------
    a : array_like
        A matrix, or a tensor of higher rank whose lengths are all equal.
    val : scalar
        Its dtype must upcast to that of `a`.

    Raises
    ------
    GraphTypeError
        If `a` is a vector, or `val` not a scalar that fits.

    >>> fill_diagonal([[1.0, 2.0], [3.0, 4.0]], 0).eval()
    array([[0., 2.],
           [3., 0.]])
    """
    return _fill_diagonal(a, val, 0, "fill_diagonal")


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> Any:
    """Return the matrix `a` with a diagonal replaced.

    Parameters
    ----------
    a : array_like
        A matrix.
    val : scalar
        Its dtype must upcast to that of `a`.
    offset : int or symbolic int scalar
        How far above the main diagonal (below, if negative).

    Raises
    ------
    GraphTypeError
        If `a` is not a matrix, or `val` not a scalar that fits.

    >>> fill_diagonal_offset([[1.0, 2.0], [3.0, 4.0]], 0, 1).eval()
    array([[1., 0.],
           [3., 4.]])
    """
    return _fill_diagonal(a, val, offset, "fill_diagonal_offset")


def _fill_diagonal(a: Any, val: Any, offset: Any, what: str) -> Any:
    x, offset = as_expr(a, what), as_positions(offset, what, "offset")
    value = fitting_value(val, x, what)
    if x.ndim < 2 or (x.ndim > 2 and what != "fill_diagonal"):
        rank = "at least two dimensions" if what == "fill_diagonal" else "two dimensions"
        raise GraphTypeError(f"{what}: {describe(x)} must have {rank}.\n{made_at(x)}")
    for name, given in (("val", value), ("offset", offset)):
        if given.ndim:
            raise GraphTypeError(f"{what}: {name} must be a scalar, not {describe(given)}.")
    lengths = set(x.static_shape) - {None}
    if x.ndim > 2 and len(lengths) > 1:
        raise ShapeError(f"{what}: all lengths of {describe(x)} must be equal.\n{made_at(x)}")
    return FillDiagonal().make(x, value, as_int64(offset))


class OneHot(Op):
    """A new last axis with 1 at the position that each element gives, 0 elsewhere."""

    dtype: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, (*types[0].shape, None))

    def make(self, *inputs: Expr) -> Expr:
        shape = (*inputs[0].static_shape, static_length(inputs[1]))
        return Expr(self, inputs, tensor_type(self.dtype, shape))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        return (*known[node.inputs[0]], (node, node.ndim - 1))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        y, classes = xp.asarray(arrays[0]), int(arrays[1])
        if xp is np and y.size and not -classes <= y.min() <= y.max() < classes:
            wrong = y.max() if y.max() >= classes else y.min()
            raise IndexError(
                f"class {wrong} is not one of {classes} (0 to {classes - 1}, or from -{classes} on "
                "counted from behind)"
            )
        numbers = xp.arange(classes)
        return (xp.mod(y, max(classes, 1))[..., None] == numbers).astype(self.dtype)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        classes = Arg((), "int64", exact=4)
        for y in ([0, 3, -1], [[1, 2]], 3):
            args = (Arg(np.shape(y), "int64", exact=y), classes)
            yield Example(OneHot("float32"), args, differentiable=False)


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Any:
    """A matrix with a row for each element of `y`: 1 in the column it names, 0 elsewhere.

    Parameters
    ----------
    y : array_like of int
        Class numbers, usually a vector; the classes become a new last axis. Negative ones count
        from behind, as in Theano; the cross-entropies refuse them.
    nb_class : int or symbolic int scalar
        Number of classes.
    dtype : str, optional
        dtype of the result; floatX by default.

    Raises
    ------
    IndexRangeError
        When the function runs, if there is no such class.

    >>> to_one_hot([0, 2], 3).eval()
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    y = as_positions(y, "to_one_hot", "y")
    (classes,) = as_lengths([nb_class], "to_one_hot: nb_class")
    return OneHot(check_dtype(dtype or config.floatX)).make(y, classes)


hooks.table["take"] = take
hooks.table["compress"] = compress


@hooks.provide("choose")
def _choose_method(a: Any, choices: Any, mode: str) -> Any:
    return choose(a, choices, None, mode)
