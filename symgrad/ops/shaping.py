"""Shapes: asking for them, permuting, reshaping and broadcasting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, describe, made_at
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.elementwise import cast
from symgrad.ops.op import Arg, Example, Op, as_expr
from symgrad.types import (
    TensorType,
    ValueType,
    broadcast_shapes,
    is_discrete,
    normalize_axis,
    tensor_type,
)

# -- asking for shapes ---------------------------------------------------------------------


class Shape(Op):
    """The shape as an int64 vector."""

    is_shape = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (types[0].ndim,))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.asarray(xp.shape(arrays[0]), dtype="int64")

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Shape(), (Arg(),), differentiable=False)
        yield Example(Shape(), (Arg(()),), differentiable=False)


class Dim(Op):
    """The length of one axis, an int64 scalar."""

    axis: int

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", ())

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.int64(arrays[0].shape[self.axis])

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.int64, 'int64')}({args[0]}.shape[{self.axis}])"

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Dim(1), (Arg(),), differentiable=False)


def shape(x: Any) -> Any:
    """Return the shape, an int64 vector of known length.

    >>> shape([[1.0, 2.0, 3.0]]).eval()
    array([1, 3])
    """
    x = as_expr(x, "shape")
    if None not in x.static_shape:
        return Constant(np.array(x.static_shape, dtype="int64"))
    return Shape().make(x)


def dim(x: Any, axis: int) -> Any:
    """Return ``x.shape[axis]``, a constant where the length is known."""
    axis = normalize_axis(axis, x.ndim, "shape index")
    length = x.static_shape[axis]
    return Dim(axis).make(x) if length is None else Constant(np.array(length, dtype="int64"))


def size(x: Any) -> Any:
    """Return the number of elements, an int64 scalar.

    >>> size([[1.0, 2.0, 3.0]]).eval()
    array(3)
    """
    x = as_expr(x, "size")
    total: Any = Constant(np.array(1, dtype="int64"))
    for axis in range(x.ndim):
        total = dim(x, axis) if axis == 0 else total * dim(x, axis)
    return total


def as_lengths(shape: Any, what: str) -> list[Any]:
    """A shape given by the user as a list of int64 scalars.

    It may be an int, a list of ints and symbols, an array, or a symbolic vector whose length
    is known.
    """
    if isinstance(shape, Expr) and shape.ndim == 1:
        length = shape.static_shape[0]
        if length is None:
            raise GraphTypeError(
                f"{what}: the shape {shape} is a vector of unknown length, so the rank is "
                f"unknown. Give a list of lengths, or ndim=.\n{made_at(shape)}"
            )
        return [cast(shape[i], "int64") for i in range(length)]
    entries = list(shape) if isinstance(shape, (tuple, list, np.ndarray)) else [shape]
    lengths = [as_expr(entry, what) for entry in entries]
    for length in lengths:
        if length.ndim or not is_discrete(length.dtype):
            raise GraphTypeError(
                f"{what}: a length must be an integer scalar, not {describe(length)}."
            )
    return [cast(length, "int64") for length in lengths]


def static_length(length: Expr) -> int | None:
    """The value of a length where it is a constant."""
    return int(length.value) if isinstance(length, Constant) else None


# -- permuting, dropping and inserting axes ------------------------------------------------


class DimShuffle(Op):
    """Axes permuted, dropped (length 1) and inserted (`'x'`); a view."""

    order: tuple[Any, ...]
    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        for axis in range(x.ndim):
            if axis not in self.order and x.shape[axis] not in (1, None):
                raise ShapeError(
                    f"dimshuffle{self.order} drops dimension {axis}, whose length is "
                    f"{x.shape[axis]}, not 1."
                )
        return tensor_type(x.dtype, tuple(1 if a == "x" else x.shape[a] for a in self.order))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = xp.asarray(arrays[0])
        kept = tuple(a for a in self.order if a != "x")
        dropped = tuple(a for a in range(x.ndim) if a not in kept)
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ValueError(
                    f"dimshuffle{self.order} drops dimension {axis}, whose length is "
                    f"{x.shape[axis]}, not 1"
                )
        x = xp.transpose(x, dropped + kept)[(0,) * len(dropped)]
        return x[tuple(None if a == "x" else slice(None) for a in self.order)]

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        ndim, order = node.inputs[0].ndim, self.order
        if ndim > 1 and order == tuple(range(ndim - 1, -1, -1)):
            return f"{args[0]}.T"
        if [a for a in order if a != "x"] == list(range(ndim)):
            return f"{args[0]}[{', '.join('None' if a == 'x' else ':' for a in order)}]"
        return super().source(node, args, bind)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        back = tuple(self.order.index(a) if a in self.order else "x" for a in range(x.ndim))
        return (DimShuffle(back).make(g),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(DimShuffle((1, 0)), (Arg(),))
        yield Example(DimShuffle((2, "x", 0)), (Arg((3, 1, 4)),))
        yield Example(DimShuffle(("x", "x")), (Arg(()),))
        yield Example(DimShuffle(()), (Arg((1, 1)),))
        yield Example(DimShuffle(("x", 0)), (Arg((5,)),))



def dimshuffle(x: Any, *pattern: Any) -> Any:
    """Permute axes, drop axes of length 1, and insert new ones (`'x'`).

    >>> x = as_expr([[1.0, 2.0, 3.0]])
    >>> dimshuffle(x, 1, "x", 0).static_shape
    (3, 1, 1)
    """
    x = as_expr(x, "dimshuffle")
    if len(pattern) == 1 and isinstance(pattern[0], (tuple, list)):
        pattern = tuple(pattern[0])
    order = tuple("x" if a == "x" else normalize_axis(a, x.ndim) for a in pattern)
    axes = [a for a in order if a != "x"]
    if len(set(axes)) != len(axes):
        raise GraphValueError(f"dimshuffle{pattern} names a dimension twice.")
    return x if order == tuple(range(x.ndim)) else DimShuffle(order).make(x)


def transpose(x: Any, *axes: Any) -> Any:
    """Permute the axes; without arguments, reverse them.

    >>> transpose([[1.0, 2.0]]).eval()
    array([[1.],
           [2.]])
    """
    x = as_expr(x, "transpose")
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    if order is None or len(order) == 0:
        order = tuple(range(x.ndim - 1, -1, -1))
    if len(order) != x.ndim:
        raise GraphValueError(
            f"transpose: {len(order)} axes given for {describe(x)}, which has {x.ndim}."
        )
    return dimshuffle(x, *order)


# -- reshaping -----------------------------------------------------------------------------


class Reshape(Op):
    """The same elements in another shape; the lengths are scalar inputs, one may be -1."""

    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (None,) * (len(types) - 1))

    def make(self, *inputs: Expr) -> Expr:
        x, lengths = inputs[0], [static_length(n) for n in inputs[1:]]
        known = [n for n in lengths if n is not None and n != -1]
        if lengths.count(-1) > 1:
            raise GraphValueError(f"reshape: only one length may be -1, not {lengths}.")
        if any(n < 0 for n in known):
            raise GraphValueError(f"reshape: a length is negative in {lengths}.")
        if None not in x.static_shape and None not in lengths:
            total, given = int(np.prod(x.static_shape)), int(np.prod(known))
            if (total != given) if -1 not in lengths else (given == 0 or total % given):
                raise ShapeError(
                    f"reshape: {describe(x)} has {total} elements, which do not fit in shape "
                    f"{tuple(lengths)}.\n{made_at(x)}"
                )
            lengths = [total // given if n == -1 else n for n in lengths]
        shape = tuple(None if n == -1 else n for n in lengths)
        return Expr(self, inputs, tensor_type(x.dtype, shape))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.reshape(arrays[0], tuple(int(n) for n in arrays[1:]))

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.reshape, 'reshape')}({args[0]}, ({''.join(a + ', ' for a in args[1:])}))"

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        x = inputs[0]
        back = Reshape().make(g, *[dim(x, a) for a in range(x.ndim)])
        return (back, *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        def lengths(*numbers: int) -> list[Arg]:
            return [Arg((), "int64", exact=n) for n in numbers]

        yield Example(Reshape(), (Arg((3, 4)), *lengths(2, 6)))
        yield Example(Reshape(), (Arg((3, 4)), *lengths(-1, 2)))
        yield Example(Reshape(), (Arg((1, 1)),))
        yield Example(Reshape(), (Arg((2, 0)), *lengths(0, 5)))


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Any:
    """The same elements, in row-major order, in another shape.

    Parameters
    ----------
    x : array_like
        Any shape.
    newshape : sequence of int or symbolic scalars, or symbolic vector
        One length may be -1, which takes what is left.
    ndim : int, optional
        The rank, needed where `newshape` is a vector of unknown length.

    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    x = as_expr(x, "reshape")
    if ndim is not None and isinstance(newshape, Expr) and newshape.ndim == 1:
        lengths = [cast(newshape[i], "int64") for i in range(ndim)]
    else:
        lengths = as_lengths(newshape, "reshape")
    if ndim is not None and len(lengths) != ndim:
        raise GraphValueError(f"reshape: {len(lengths)} lengths given, but ndim={ndim}.")
    return Reshape().make(x, *lengths)


def flatten(x: Any, ndim: int = 1, outdim: int | None = None) -> Any:
    """Merge trailing axes until `ndim` are left.

    >>> flatten([[[1.0, 2.0]], [[3.0, 4.0]]], 2).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    x = as_expr(x, "flatten")
    ndim = ndim if outdim is None else outdim
    if not 1 <= ndim <= max(x.ndim, 1):
        raise GraphValueError(f"flatten: {describe(x)} cannot be flattened to ndim={ndim}.")
    if x.ndim == ndim:
        return x
    if ndim > 1 and 0 in x.static_shape[: ndim - 1]:
        rest: Any = -1 if x.static_shape[: ndim - 1] == () else _product(x, ndim - 1)
    else:
        rest = -1 if ndim == 1 else _product(x, ndim - 1)
    return Reshape().make(x, *[dim(x, a) for a in range(ndim - 1)], as_expr(rest, dtype="int64"))


def _product(x: Any, start: int) -> Any:
    total: Any = dim(x, start)
    for axis in range(start + 1, x.ndim):
        total = total * dim(x, axis)
    return total


# -- broadcasting, and its reverse -----------------------------------------------------------


class BroadcastLike(Op):
    """The first input repeated to the shape of the second; a read-only view."""

    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        x, like = types
        broadcast_shapes([x.shape, like.shape], "broadcast_like")
        return tensor_type(x.dtype, like.shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.broadcast_to(arrays[0], xp.shape(arrays[1]))

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (sum_like(g, inputs[0]), None)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(BroadcastLike(), (Arg(()), Arg((3, 4))))
        yield Example(BroadcastLike(), (Arg((3, 1)), Arg((2, 3, 4))))


class SumLike(Op):
    """The first input summed down to the shape of the second: broadcasting in reverse.

    It costs nothing where nothing was broadcast.
    """

    view_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, types[1].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, like = arrays
        have, want = xp.shape(x), xp.shape(like)
        if have == want:
            return x
        from symgrad.ops.reduction import accurate_sum

        extra = len(have) - len(want)
        ones = [a + extra for a, n in enumerate(want) if n == 1 and have[a + extra] != 1]
        return accurate_sum(xp, x, (*range(extra), *ones), False).reshape(want)

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (broadcast_like(g, inputs[0]), None)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(SumLike(), (Arg((3, 4)), Arg(())))
        yield Example(SumLike(), (Arg((2, 3, 4)), Arg((3, 1))))
        yield Example(SumLike(), (Arg((3, 4)), Arg((3, 4))))


def broadcast_like(x: Any, like: Any) -> Any:
    """Return `x` repeated to the shape of `like`."""
    if x.static_shape == like.static_shape and None not in x.static_shape:
        return x
    return BroadcastLike().make(x, like)


def sum_like(x: Any, like: Any) -> Any:
    """Return `x` summed over the axes along which `like` was broadcast to its shape."""
    if x.static_shape == like.static_shape and None not in x.static_shape:
        return x
    return SumLike().make(x, like)


# -- filled tensors --------------------------------------------------------------------------


class Alloc(Op):
    """A value repeated to a shape given by scalar inputs; fresh memory."""

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (None,) * (len(types) - 1))

    def make(self, *inputs: Expr) -> Expr:
        shape = tuple(static_length(n) for n in inputs[1:])
        if any(n is not None and n < 0 for n in shape):
            raise GraphValueError(f"alloc: a length is negative in {shape}.")
        if inputs[0].ndim > len(shape):
            raise ShapeError(f"alloc: {describe(inputs[0])} has more axes than shape {shape}.")
        broadcast_shapes([inputs[0].static_shape, shape], "alloc")
        return Expr(self, inputs, tensor_type(inputs[0].dtype, shape))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.array(xp.broadcast_to(arrays[0], tuple(int(n) for n in arrays[1:])))

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (sum_like(g, inputs[0]), *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        lengths = (Arg((), "int64", exact=2), Arg((), "int64", exact=3))
        yield Example(Alloc(), (Arg(()), *lengths))
        yield Example(Alloc(), (Arg((2, 1)), *lengths))


def alloc(value: Any, *shape: Any) -> Any:
    """Return a tensor of a shape, filled with a value (which is broadcast).

    >>> alloc(1.5, 2, 2).eval()
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    lengths = as_lengths(shape[0], "alloc") if len(shape) == 1 else as_lengths(shape, "alloc")
    return Alloc().make(as_expr(value, "alloc"), *lengths)


def zeros_like(x: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Return zeros in the shape of `x`.

    >>> zeros_like([[1, 2]], dtype="float32").eval()
    array([[0., 0.]], dtype=float32)
    """
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Return ones in the shape of `x`.

    >>> ones_like([[1, 2]], dtype="float32").eval()
    array([[1., 1.]], dtype=float32)
    """
    return full_like(x, 1, dtype)


def full_like(x: Any, value: Any, dtype: Any = None) -> Any:
    """Return `value` repeated to the shape of `x`, in a dtype (default: that of `x`)."""
    x = as_expr(x, "full_like")
    filling = cast(as_expr(value, "full_like"), x.dtype if dtype is None else dtype)
    if x.ndim == 0:
        return filling
    return Alloc().make(filling, *[dim(x, a) for a in range(x.ndim)])


for _function in (shape, size, dimshuffle, transpose, reshape, flatten, zeros_like, ones_like):
    hooks.table[_function.__name__] = _function
