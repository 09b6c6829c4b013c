"""Broadcasting by name, and saying what a shape is known to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, describe, made_at, repr_of
from symgrad.graph.expr import Expr
from symgrad.graph.types import TupleType, ValueType, broadcast_shapes, tensor_type
from symgrad.graph.written import written_from
from symgrad.ops.arrays.lengths import (
    as_length,
    as_lengths,
    check_axis,
    dim,
    length_args,
    static_length,
)
from symgrad.ops.arrays.shaping import Alloc, alloc, full_like, sum_like
from symgrad.ops.hints import for_broadcasting
from symgrad.ops.op import PYTHON_NUMBERS, Arg, Example, Op, as_expr, as_exprs, projections

# -- broadcasting ------------------------------------------------------------------------------


class BroadcastArrays(Op):
    """Each input repeated to the shape that they have together."""

    def infer(self, *types: ValueType) -> ValueType:
        shape = broadcast_shapes([t.shape for t in types], "broadcast_arrays")
        return TupleType([tensor_type(t.dtype, shape) for t in types])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return [xp.array(a) for a in xp.broadcast_arrays(*arrays)]

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return tuple(
            None if part is None else sum_like(part, x) for part, x in zip(g, inputs, strict=True)
        )

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(BroadcastArrays(), (Arg((3, 1)), Arg((4,)), Arg(())))
        yield Example(BroadcastArrays(), (Arg((0, 1)), Arg((1, 2))))


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """Return the arguments, each repeated to the shape that they have together.

    Raises
    ------
    ShapeError
        If known lengths do not fit (otherwise the function raises when it runs).

    >>> a, b = broadcast_arrays([[1.0], [2.0]], [10.0, 20.0])
    >>> a.eval()
    array([[1., 1.],
           [2., 2.]])
    """
    exprs = [as_expr(a, "broadcast_arrays") for a in arrays]
    if not exprs:
        return []
    try:
        return projections(BroadcastArrays().make(*exprs))
    except ShapeError as error:
        raise ShapeError(error.message + for_broadcasting(exprs), nodes=exprs) from None


def broadcast_to(x: Any, shape: Any) -> Any:
    """Return `x` repeated to a shape.

    Parameters
    ----------
    x : array_like
        Axes of length 1 are repeated, missing ones added on the left.
    shape : int, sequence of int or symbolic scalars, or vector
        The lengths.

    Raises
    ------
    ShapeError
        If known lengths do not fit (otherwise the function raises when it runs).

    >>> broadcast_to([1.0, 2.0], (2, 2)).eval()
    array([[1., 2.],
           [1., 2.]])
    """
    return Alloc().make(as_expr(x, "broadcast_to"), *as_lengths(shape, "broadcast_to"))


def fill(x: Any, value: Any) -> Any:
    """Return a value repeated to the shape of `x`, or to what both have together.

    Parameters
    ----------
    x : array_like
        What the shape is taken from; it is broadcast itself where the value is larger.
    value : array_like
        It is broadcast. A Python number takes the dtype of `x` if it fits; anything else keeps
        its own, as in Theano.

    >>> fill([[1.0, 2.0]], 5).eval(), fill([[0.0], [0.0]], [1.0, 2.0]).eval()
    (array([[5., 5.]]), array([[1., 2.],
           [1., 2.]]))
    """
    if type(value) in PYTHON_NUMBERS:
        x, value = as_exprs((as_expr(x, "fill"), value), "fill")
    else:
        x, value = as_expr(x, "fill"), as_expr(value, "fill")
    together = broadcast_shapes([x.static_shape, value.static_shape], "fill")
    if value.ndim and (None in together or together != x.static_shape):
        # Zeros in the shape of x: what fills does not depend on the values of x.
        return broadcast_arrays(full_like(x, False, "bool"), value)[1]
    filled = alloc(value, [dim(x, a) for a in range(x.ndim)])
    return filled if None in x.static_shape else written_from(filled, [x])


# -- what a shape is known to be -----------------------------------------------------------------


class SpecifyShape(Op):
    """The first input, whose lengths along `axes` the others give; it checks them."""

    axes: tuple[int, ...]
    view_of = 0
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def make(self, *inputs: Expr) -> Expr:
        x, *lengths = inputs
        shape = list(x.static_shape)
        for axis, n in zip(self.axes, lengths, strict=True):
            length = static_length(n)
            if length is not None and shape[axis] not in (None, length):
                raise ShapeError(
                    f"specify_shape: dimension {axis} of {describe(x)} has length {shape[axis]}, "
                    f"not {length}.\n{made_at(x)}"
                )
            shape[axis] = shape[axis] if length is None else length
        return Expr(self, inputs, tensor_type(x.dtype, tuple(shape)))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, *lengths = arrays
        for axis, n in zip(self.axes, lengths, strict=True):
            if x.shape[axis] != int(n):
                raise ValueError(
                    f"dimension {axis} has length {x.shape[axis]}, but its shape was specified "
                    f"to be {int(n)}"
                )
        return x

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g, *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(SpecifyShape((0, 1)), (Arg((3, 4)), *length_args(3, 4)))
        yield Example(SpecifyShape((1,)), (Arg((3, 1)), *length_args(1)))


def specify_shape(x: Any, shape: Any) -> Any:
    """Return `x`, whose shape is promised to be this; the function checks it when it runs.

    Parameters
    ----------
    x : array_like
        Any shape.
    shape : sequence of int, symbolic scalars or None, or vector
        One length per axis; None says nothing.

    Raises
    ------
    ShapeError
        If a length is known to be another.

    >>> import symgrad.tensor as T
    >>> specify_shape(T.matrix("x"), (None, 3)).static_shape
    (None, 3)
    """
    x = as_expr(x, "specify_shape")
    if isinstance(shape, Expr) and shape.ndim == 1 and shape.static_shape[0] is None:
        entries: list[Any] = [shape[a] for a in range(x.ndim)]
    elif isinstance(shape, (tuple, list)):
        entries = [None if n is None else as_length(n, "specify_shape") for n in shape]
    else:
        entries = as_lengths(shape, "specify_shape")
    if len(entries) != x.ndim:
        raise GraphValueError(
            f"specify_shape: {len(entries)} lengths given for {describe(x)}, which has {x.ndim} "
            f"dimensions.\n{made_at(x)}"
        )
    axes = tuple(a for a, n in enumerate(entries) if n is not None)
    if not axes:
        return x
    lengths = [as_length(n, "specify_shape") for n in entries if n is not None]
    return SpecifyShape(axes).make(x, *lengths)


class Rebroadcast(Op):
    """A tensor whose length along an axis is said to be 1 (and checked), or left open.

    ``Rebroadcast((0, True), (1, False))(x)`` is Theano's spelling; see `addbroadcast`.
    """

    pattern: tuple[tuple[int, bool], ...]
    view_of = 0
    shape_of = 0

    def __init__(self, *pattern: Any) -> None:
        try:
            pairs = tuple(sorted((int(axis), bool(one)) for axis, one in pattern))
        except TypeError:
            raise GraphTypeError(
                f"Rebroadcast takes pairs of an axis and a bool, not {repr_of(pattern)}."
            ) from None
        super().__init__(pairs)

    def __reduce__(self) -> tuple[Any, ...]:
        return Rebroadcast, self.pattern

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        shape = list(x.shape)
        for axis, one in self.pattern:
            if axis >= len(shape):
                raise GraphValueError(
                    f"Rebroadcast: axis {axis} does not exist in a tensor of {len(shape)}."
                )
            if one and shape[axis] not in (None, 1):
                raise ShapeError(
                    f"Rebroadcast: dimension {axis} has length {shape[axis]}, but was promised to "
                    "have length 1."
                )
            shape[axis] = 1 if one else None if shape[axis] == 1 else shape[axis]
        return tensor_type(x.dtype, tuple(shape))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        for axis, one in self.pattern:
            if one and x.shape[axis] != 1:
                raise ValueError(
                    f"dimension {axis} has length {x.shape[axis]}, but was promised to be "
                    "broadcastable, of length 1"
                )
        return x

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Rebroadcast((0, True)), (Arg((1, 4)),))
        yield Example(Rebroadcast((0, False), (1, True)), (Arg((1, 1)),))


def _rebroadcast(x: Any, pattern: Sequence[tuple[int, bool]], what: str) -> Any:
    news = [(a, one) for a, one in pattern if (x.static_shape[a] == 1) != one]
    if not news:
        return x
    try:
        return Rebroadcast(*news).make(x)
    except ShapeError as error:
        text = error.message.replace("Rebroadcast", what)
        raise ShapeError(text, nodes=[x]) from None


def addbroadcast(x: Any, *axes: int) -> Any:
    """Return `x`, whose length along these axes is promised to be 1.

    The function checks it when it runs. Nothing has to be promised to broadcast: lengths that
    are unknown broadcast when they turn out to be 1.

    >>> import symgrad.tensor as T
    >>> addbroadcast(T.matrix("x"), 0).broadcastable
    (True, False)
    """
    x = as_expr(x, "addbroadcast")
    return _rebroadcast(x, [(check_axis(x, a, "addbroadcast"), True) for a in axes], "addbroadcast")


def unbroadcast(x: Any, *axes: int) -> Any:
    """Return `x`, whose length along these axes is not known to be 1 any more.

    >>> import symgrad.tensor as T
    >>> unbroadcast(T.row("x"), 0).broadcastable
    (False, False)
    """
    x = as_expr(x, "unbroadcast")
    return _rebroadcast(x, [(check_axis(x, a, "unbroadcast"), False) for a in axes], "unbroadcast")


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Any:
    """Return `x` with Theano's broadcast pattern; a length said to be 1 is checked when it runs.

    >>> import symgrad.tensor as T
    >>> patternbroadcast(T.matrix("x"), (False, True)).static_shape
    (None, 1)
    """
    x = as_expr(x, "patternbroadcast")
    if len(broadcastable) != x.ndim:
        raise GraphValueError(
            f"patternbroadcast: {len(broadcastable)} entries given for {describe(x)}, which has "
            f"{x.ndim} dimensions.\n{made_at(x)}"
        )
    return _rebroadcast(x, [(a, bool(b)) for a, b in enumerate(broadcastable)], "patternbroadcast")


hooks.table["fill"] = fill
hooks.table["patternbroadcast"] = patternbroadcast


def in_place_of(old: Any, new: Any) -> Any:
    """A replacement, checked when it runs to have the lengths that are known of `old`.

    What was built on `old` may have used them at once, as a mean does.
    """
    pairs = list(zip(old.type.shape, new.type.shape, strict=True))
    if all(known is None or length is not None for known, length in pairs):
        return new
    return specify_shape(new, tuple(old.type.shape))
