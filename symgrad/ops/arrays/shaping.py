"""Permuting axes, reshaping, broadcasting and filling.

They stand in one file since they need each other: a gradient of broadcasting or filling is a sum,
and that of the sum is broadcasting again.

Lengths stand in `lengths`; what is said in terms of these operations (`squeeze`, `moveaxis`,
`broadcast_to`, …) stands in `axes` and `broadcasting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphValueError, ShapeError, checks_keywords, describe, made_at
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ValueType, check_dtype, integer_limits, is_complex, tensor_type
from symgrad.graph.written import written_from
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.lengths import (
    Dim,
    as_lengths,
    check_axis,
    check_int,
    dim,
    length_args,
    length_constant,
    lengths_named,
    product_of_lengths,
    static_length,
)
from symgrad.ops.op import Arg, Example, Lengths, Op, Spec, as_expr, elements, nbytes
from symgrad.ops.reductions.sums import accurate_sum, sum_for

# -- permuting, dropping and inserting axes ------------------------------------------------


class DimShuffle(Op):
    """Axes permuted, dropped (length 1) and inserted (`'x'`); a view."""

    order: tuple[Any, ...]
    view_of = 0
    typed_by_types = True

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        return tensor_type(x.dtype, tuple(1 if a == "x" else x.shape[a] for a in self.order))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        lengths = known[node.inputs[0]]
        return tuple(1 if a == "x" else lengths[a] for a in self.order)

    def make(self, *inputs: Expr) -> Expr:
        (x,) = inputs
        for axis, length in enumerate(x.static_shape):
            if axis not in self.order and length not in (1, None):
                raise ShapeError(
                    f"dimshuffle{self.order} drops dimension {axis} of {describe(x)}, whose "
                    f"length is {length}, not 1.\n{made_at(x)}"
                )
        return super().make(x)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x = xp.asarray(arrays[0])
        kept = tuple(a for a in self.order if a != "x")
        dropped = tuple(a for a in range(x.ndim) if a not in kept)
        for axis in dropped:
            if x.shape[axis] != 1:
                raise ValueError(f"it drops dimension {axis}, whose length is {x.shape[axis]}")
        x = xp.transpose(x, dropped + kept)[(0,) * len(dropped)]
        return x[tuple(None if a == "x" else slice(None) for a in self.order)]

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        ndim, order = node.inputs[0].ndim, self.order
        if ndim > 1 and order == tuple(range(ndim - 1, -1, -1)):
            return f"{args[0]}.T"
        if [a for a in order if a != "x"] == list(range(ndim)):
            return f"{args[0]}[{', '.join('None' if a == 'x' else ':' for a in order)}]"
        if sorted(map(str, order)) == sorted(map(str, range(ndim))):
            return f"{args[0]}.transpose({', '.join(map(str, order))})"
        return super().source(node, args, bind)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        back = tuple(self.order.index(a) if a in self.order else "x" for a in range(x.ndim))
        return (DimShuffle(back).make(g),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(DimShuffle((1, 0)), (Arg(),))
        yield Example(DimShuffle((2, "x", 0)), (Arg((3, 1, 4)),))
        yield Example(DimShuffle((2, 0, 1)), (Arg((3, 0, 4)),))
        yield Example(DimShuffle(("x", "x")), (Arg(()),))
        yield Example(DimShuffle(()), (Arg((1, 1)),))
        yield Example(DimShuffle(("x", 0)), (Arg((5,)),))


def is_transposed(e: Expr) -> bool:
    """Whether `e` is the transpose of a matrix.

    The order alone does not say so: of a tensor with more axes it drops some.

    >>> import symgrad.tensor as T
    >>> is_transposed(T.dmatrix().T), is_transposed(T.dtensor3().dimshuffle(1, 0))
    (True, False)
    """
    return isinstance(e.op, DimShuffle) and e.op.order == (1, 0) and e.inputs[0].ndim == 2


def is_column(e: Expr) -> bool:
    """Whether `e` is a vector with a new axis behind its own.

    >>> import symgrad.tensor as T
    >>> is_column(T.dvector()[:, None]), is_column(T.dvector().dimshuffle(0, "x"))
    (False, True)
    """
    return isinstance(e.op, DimShuffle) and e.op.order == (0, "x") and e.inputs[0].ndim == 1


def dimshuffle(x: Any, *pattern: Any) -> Any:
    """Permute axes, drop axes of length 1, and insert new ones (`'x'`).

    Parameters
    ----------
    x : array_like
        Any shape.
    *pattern : int or 'x'
        One entry per axis of the result: which axis of `x` it is, or ``'x'`` for a new axis of
        length 1. Axes of `x` that are not named are dropped; their length must be 1.

    Raises
    ------
    ShapeError
        If a dropped axis is known to be longer (otherwise the function raises when it runs).
    GraphValueError
        If an axis does not exist or is named twice.

    >>> x = as_expr([[1.0, 2.0, 3.0]])
    >>> dimshuffle(x, 1, "x", 0).static_shape
    (3, 1, 1)
    """
    x = as_expr(x, "dimshuffle")
    if len(pattern) == 1 and isinstance(pattern[0], (tuple, list)):
        pattern = tuple(pattern[0])
    order = tuple(
        "x" if isinstance(a, str) and a == "x" else check_axis(x, a, "dimshuffle") for a in pattern
    )
    axes = [a for a in order if a != "x"]
    if len(set(axes)) != len(axes):
        raise GraphValueError(
            f"dimshuffle{pattern} names a dimension of {describe(x)} twice.\n{made_at(x)}"
        )
    return x if order == tuple(range(x.ndim)) else DimShuffle(order).make(x)


def transpose(x: Any, axes: Any = None, *more: Any) -> Any:
    """Permute the axes; without arguments, reverse them.

    Parameters
    ----------
    x : array_like
        Any shape.
    axes : sequence of int, optional
        Which axis of `x` each axis of the result is. Several ints may be given, too.

    >>> transpose([[1.0, 2.0]]).eval()
    array([[1.],
           [2.]])
    """
    x = as_expr(x, "transpose")
    if axes is None:
        order: Sequence[Any] = range(x.ndim - 1, -1, -1)
    else:
        order = list(axes) if isinstance(axes, (tuple, list, np.ndarray)) else (axes, *more)
    if len(order) != x.ndim:
        raise GraphValueError(
            f"transpose: {len(order)} axes given for {describe(x)}, which has {x.ndim}."
            f"\n{made_at(x)}"
        )
    return dimshuffle(x, *order)


# -- reshaping -----------------------------------------------------------------------------


class Reshape(Op):
    """The same elements in another shape; the lengths are scalar inputs, one may be -1."""

    view_of = 0
    ints_from = 1

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (None,) * (len(types) - 1))

    def make(self, *inputs: Expr) -> Expr:
        return Expr(self, inputs, tensor_type(inputs[0].dtype, _new_shape(*inputs)))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        return lengths_named(node, node.inputs[1:], known)

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
        yield Example(Reshape(), (Arg((3, 4)), *length_args(2, 6)))
        yield Example(Reshape(), (Arg((3, 4)), *length_args(-1, 2)))
        yield Example(Reshape(), (Arg((1, 1)),))
        yield Example(Reshape(), (Arg(()), *length_args(1, -1)))
        yield Example(Reshape(), (Arg((2, 0)), *length_args(0, 5)))


def _new_shape(x: Any, *given: Expr) -> tuple[int | None, ...]:
    """What is known of the shape of a reshaped tensor; raises where the elements cannot fit."""
    lengths = [static_length(n) for n in given]

    def refuse(why: str) -> None:
        wanted = "(" + ", ".join("?" if n is None else str(n) for n in lengths) + ")"
        raise ShapeError(f"reshape: {describe(x)} to shape {wanted}: {why}.\n{made_at(x)}")

    if lengths.count(-1) > 1:
        raise GraphValueError(f"reshape: only one length may be -1, not {lengths}.")
    if any(n is not None and n < -1 for n in lengths):
        raise GraphValueError(f"reshape: a length is negative in {lengths}.")
    if -1 in lengths and 0 in lengths:
        refuse("what -1 stands for is ambiguous, since another length is 0")
    free = [k for k, n in enumerate(lengths) if n in (None, -1)]
    want = prod(n for n in lengths if n is not None and n != -1)
    have = prod(n for n in x.static_shape if n is not None)
    if None not in x.static_shape:
        if (have != want) if not free else (have % want if want else have):
            refuse(f"its {have} elements do not fit")
    elif not free and (want % have if have else want):
        refuse(f"its number of elements is a multiple of {have}, which does not fit")
    # Lengths of x itself cancel against its own: (n, 3, 4) to (n, -1).
    rest = [k for k in free if not _is_length_of(given[k], x)]
    own = sorted(given[k].op.axis for k in free if k not in rest)
    unknown = [a for a, n in enumerate(x.static_shape) if n is None]
    if len(rest) == 1 and own == unknown and want and have % want == 0:
        # Where x has no elements, a symbol may stand for any length; -1 may not.
        lengths[rest[0]] = have // want if not own or lengths[rest[0]] == -1 else None
    return tuple(None if n == -1 else n for n in lengths)


def _is_length_of(length: Expr, x: Expr) -> bool:
    return isinstance(length.op, Dim) and length.inputs[0] is x


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Any:
    """The same elements, in row-major order, in another shape.

    Parameters
    ----------
    x : array_like
        Any shape.
    newshape : int, sequence of int or symbolic scalars, or symbolic vector
        One length may be -1, which takes what is left.
    ndim : int, optional
        The rank, needed where `newshape` is a vector of unknown length, and else without effect.

    Raises
    ------
    ShapeError
        If known lengths cannot fit (otherwise the function raises when it runs).

    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    x = as_expr(x, "reshape")
    if ndim is not None and isinstance(newshape, Expr) and newshape.static_shape == (None,):
        newshape = [newshape[i] for i in range(ndim)]
    lengths = as_lengths(newshape, "reshape")
    made = Reshape().make(x, *lengths)
    for k, n in enumerate(made.static_shape):
        if n is not None and static_length(lengths[k]) == -1:
            lengths[k] = length_constant(n)
            return Reshape().make(x, *lengths)
    return made


def flatten(x: Any, ndim: int = 1, outdim: int | None = None) -> Any:
    """Merge the trailing axes into one, so that `ndim` axes are left.

    Parameters
    ----------
    x : array_like
        Any shape; a scalar becomes a vector of one element.
    ndim : int
        The rank of the result.
    outdim : int, optional
        Theano's old name for `ndim`.

    >>> flatten([[[1.0, 2.0]], [[3.0, 4.0]]], 2).eval()
    array([[1., 2.],
           [3., 4.]])
    """
    x = as_expr(x, "flatten")
    ndim = check_int(ndim if outdim is None else outdim, "flatten: ndim")
    if not 1 <= ndim <= max(x.ndim, 1):
        raise GraphValueError(
            f"flatten: {describe(x)} cannot be flattened to ndim={ndim} (allowed: 1 to "
            f"{max(x.ndim, 1)}).\n{made_at(x)}"
        )
    if x.ndim == ndim:
        return x
    rest = product_of_lengths(x, range(ndim - 1, x.ndim))
    return Reshape().make(x, *[dim(x, a) for a in range(ndim - 1)], rest)


def along(x: Any, axis: Any, what: str) -> tuple[Any, int]:
    """An argument and a non-negative axis of it; where the axis is None, it is flattened."""
    x = as_expr(x, what)
    return (flatten(x), 0) if axis is None else (x, check_axis(x, axis, what))


# -- broadcasting, and its reverse -----------------------------------------------------------


class BroadcastLike(Op):
    """The first input repeated to the shape of the second; a read-only view."""

    view_of = 0
    shape_of = 1

    def infer(self, *types: ValueType) -> ValueType:
        x, like = types
        return tensor_type(x.dtype, _filled(x.shape, like.shape, "broadcast_like"))

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


def _filled(
    value: tuple[int | None, ...], wanted: tuple[int | None, ...], what: str
) -> tuple[int | None, ...]:
    """The shape `wanted`, as far as it is known, of a value that is broadcast to it."""
    aligned = (1,) * (len(wanted) - len(value)) + value
    pairs = list(zip(aligned, wanted, strict=False))
    if len(value) > len(wanted) or any(a not in (None, 1, b) and b is not None for a, b in pairs):
        raise ShapeError(f"{what}: shape {value} cannot be broadcast to shape {wanted}.")
    return tuple(a if b is None and a != 1 else b for a, b in pairs)


class SumLike(Op):
    """The first input summed down to the shape of the second: broadcasting in reverse.

    It costs nothing where nothing was broadcast.
    """

    view_of = 0
    shape_of = 1

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, types[1].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, like = arrays
        have, want = xp.shape(x), xp.shape(like)
        if have == want:
            return x
        extra = len(have) - len(want)
        ones = [a + extra for a, n in enumerate(want) if n == 1 and have[a + extra] != 1]
        return accurate_sum(xp, x, (*range(extra), *ones), False).reshape(want)

    def resolve(self, *arrays: Spec) -> Any:
        (have, dtype), (want, _) = arrays
        if have == want:
            return lambda x, like: x
        if have != want and len(want) == len(have) - 1 and have[1:] == want:
            add_up = sum_for(have, dtype, (0,))
            return lambda x, like: add_up(x)
        return None

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        x, like = args  # to ask here is 0.2 µs faster than to call
        return f"{x} if {x}.shape == {like}.shape else {super().source(node, args, bind)}"

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 0 if inputs[0].shape == out.shape else elements(inputs[0])

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        return (0, 0) if inputs[0].shape == out.shape else (nbytes(inputs[0]), nbytes(out))

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

    ints_from = 1

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (None,) * (len(types) - 1))

    def make(self, *inputs: Expr) -> Expr:
        value, *given = inputs
        shape = tuple(static_length(n) for n in given)
        if any(n is not None and n < 0 for n in shape):
            raise GraphValueError(f"alloc: a length is negative in {shape}.")
        try:
            filled = _filled(value.static_shape, shape, "alloc")
        except ShapeError as error:
            raise ShapeError(error.message, nodes=[value]) from None
        return Expr(self, inputs, tensor_type(value.dtype, filled))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        return lengths_named(node, node.inputs[1:], known)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.array(xp.broadcast_to(arrays[0], tuple(int(n) for n in arrays[1:])))

    def source(self, node: Any, args: Sequence[str], bind: Callable[[Any, str], str]) -> str:
        value = node.inputs[0]
        if value.ndim:
            return super().source(node, args, bind)
        shape = f"({''.join(a + ', ' for a in args[1:])})"
        dtype = bind(np.dtype(node.dtype), node.dtype)
        if isinstance(value, Constant) and not any(value.value.tobytes()):
            return f"{bind(np.zeros, 'zeros')}({shape}, {dtype})"
        return f"{bind(np.full, 'full')}({shape}, {args[0]}, {dtype})"

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (sum_like(g, inputs[0]), *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Alloc(), (Arg(()), *length_args(2, 3)))
        yield Example(Alloc(), (Arg((2, 1)), *length_args(2, 3)))
        yield Example(Alloc(), (Arg((1,)), *length_args(2, 0)))
        yield Example(Alloc(), (Arg(()),))


@checks_keywords(val="value")
def alloc(value: Any, *shape: Any, dtype: Any = None) -> Any:
    """Return a tensor of a shape, filled with a value (which is broadcast).

    Parameters
    ----------
    value : array_like
        What to fill with.
    *shape : int or symbolic integer scalars
        The lengths; or one sequence or vector of them.
    dtype : str, optional
        By default that of the value (floatX for a Python float, the smallest for an int).

    Raises
    ------
    ShapeError
        If the value cannot be broadcast to the shape.

    >>> alloc(1.5, 2, 2).eval()
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    lengths = as_lengths(shape[0] if len(shape) == 1 else shape, "alloc")
    value = as_expr(value, "alloc")
    return Alloc().make(value if dtype is None else cast(value, dtype), *lengths)


@checks_keywords(model="x")
def zeros_like(x: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Return zeros in the shape of `x`, in a dtype (default: that of `x`).

    >>> zeros_like([[1, 2]], dtype="float32").eval()
    array([[0., 0.]], dtype=float32)
    """
    return full_like(x, 0, dtype)


@checks_keywords(model="x")
def ones_like(x: Any, dtype: Any = None, opt: bool = False) -> Any:
    """Return ones in the shape of `x`, in a dtype (default: that of `x`).

    >>> ones_like([[1, 2]], dtype="float32").eval()
    array([[1., 1.]], dtype=float32)
    """
    return full_like(x, 1, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return a value repeated to the shape of `x`, in a dtype (default: that of `x`).

    >>> full_like([[1, 2]], 7).eval()
    array([[7, 7]])
    """
    x = as_expr(x, "full_like")
    filling = filling_in(fill_value, x.dtype if dtype is None else dtype, "full_like")
    if x.ndim == 0 == filling.ndim:
        return written_from(filling, [x])
    filled = Alloc().make(filling, *[dim(x, a) for a in range(x.ndim)])
    return filled if None in x.static_shape else written_from(filled, [x])


def filling_in(value: Any, dtype: Any, what: str) -> Any:
    """What a tensor is filled with, in its dtype; a known number must be one of those it holds."""
    filling, dtype = as_expr(value, what), check_dtype(dtype)
    known = isinstance(filling, Constant) and filling.value.size and not is_complex(filling.dtype)
    if known and "int" in dtype and filling.dtype not in (dtype, "bool"):
        least, most = integer_limits(dtype)
        low, high = filling.value.min().item(), filling.value.max().item()
        if not (least <= low and high <= most):  # NaN is neither
            raise GraphValueError(f"{what}: {filling} does not fit in {dtype}.\n{made_at(filling)}")
    return cast(filling, dtype)


for _function in (dimshuffle, transpose, reshape, flatten, zeros_like, ones_like):
    hooks.table[_function.__name__] = _function
