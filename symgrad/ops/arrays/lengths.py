"""Shapes and lengths: asking for them, and reading those that users give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, describe, made_at, naming, repr_of
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.types import ValueType, integer_limits, is_discrete, normalize_axis, tensor_type
from symgrad.graph.written import folded, written_from
from symgrad.ops.arithmetic.elementwise import cast, minimum
from symgrad.ops.families import Elementwise
from symgrad.ops.op import Arg, Example, Lengths, Op, Spec, as_expr

# -- asking for shapes ---------------------------------------------------------------------


class Shape(Op):
    """The shape as an int64 vector."""

    is_shape = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (types[0].ndim,))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.asarray(xp.shape(arrays[0]), dtype="int64")

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        return super().traffic(out)

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

    def traffic(self, out: Any, *inputs: Spec) -> tuple[int, int]:
        return super().traffic(out)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.int64, 'int64')}({args[0]}.shape[{self.axis}])"

    def connects(self, index: int) -> bool:
        return False

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Dim(1), (Arg(),), differentiable=False)


class MakeVector(Op):
    """Scalars of one dtype as a vector; it may be unpacked, as the shapes that it holds."""

    is_shape = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[0].dtype, (len(types),))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.stack([xp.asarray(a) for a in arrays])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return tuple(g[k] for k in range(len(inputs)))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(MakeVector(), (Arg(()), Arg(()), Arg(())))
        yield Example(MakeVector(), (Arg((), "int64"),))


def shape(x: Any) -> Any:
    """Return the shape, an int64 vector of known length: ``n, m = shape(x)``.

    Parameters
    ----------
    x : array_like
        Any shape.

    Returns
    -------
    int64 vector
        A constant where every length is known.

    >>> shape([[1.0, 2.0, 3.0]]).eval()
    array([1, 3])
    """
    x = as_expr(x, "shape")
    if None not in x.static_shape:
        return written_from(Constant(np.array(x.static_shape, dtype="int64")), [x])
    return Shape().make(x)


def dim(x: Any, axis: int) -> Any:
    """Return ``x.shape[axis]``, a constant where the length is known."""
    axis = normalize_axis(axis, x.ndim, "shape index")
    length = x.static_shape[axis]
    return Dim(axis).make(x) if length is None else length_constant(length)


def shape_i(x: Any, i: int) -> Any:
    """Return the length of one axis, an int64 scalar.

    >>> shape_i([[1.0, 2.0, 3.0]], 1).eval()
    array(3)
    """
    x = as_expr(x, "shape_i")
    length = dim(x, check_axis(x, i, "shape_i"))
    return written_from(length, [x]) if length.op is None else length


def lengths_named(node: Expr, given: Sequence[Expr], known: Mapping[Expr, Lengths]) -> Lengths:
    """Where the lengths come from that scalar inputs of a node give."""
    return tuple(
        known[n.inputs[0]][n.op.axis]
        if isinstance(n.op, Dim) and n.inputs[0] in known
        else (node, axis)
        for axis, n in enumerate(given)
    )


def size(x: Any) -> Any:
    """Return the number of elements, an int64 scalar.

    >>> size([[1.0, 2.0, 3.0]]).eval()
    array(3)
    """
    x = as_expr(x, "size")
    count = product_of_lengths(x, range(x.ndim))
    return written_from(count, [x]) if count.op is None else count


def product_of_lengths(x: Any, axes: Iterable[int]) -> Any:
    """How many elements some axes of a tensor hold together."""
    known, total = 1, None
    for axis in axes:
        length = x.static_shape[axis]
        if length is None:
            total = dim(x, axis) if total is None else total * dim(x, axis)
        else:
            known *= length
    if total is None or known == 0:
        return length_constant(known)
    return total if known == 1 else total * length_constant(known)


def length_constant(length: int) -> Constant:
    """A length as a constant."""
    return Constant(np.array(length, dtype="int64"))


# -- lengths given by the user ---------------------------------------------------------------


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
        return [as_length(shape[i], what) for i in range(length)]
    several = isinstance(shape, (tuple, list)) or (not isinstance(shape, Expr) and np.ndim(shape))
    entries = list(shape) if several else [shape]
    return [as_length(entry, what) for entry in entries]


def as_length(length: Any, what: str) -> Any:
    """One length (or another count) as an int64 scalar, a constant where it is known."""
    length = as_expr(length, what)
    if length.ndim or not is_discrete(length.dtype):
        raise GraphTypeError(
            f"{what}: a length must be an integer scalar, not {describe(length)}."
            f"\n{made_at(length)}"
        )
    known = static_length(length)
    if known is None:
        return as_int64(length)
    return folded(length_constant(_within_int64(known, what)), length)


_MOST = 2**62  # elements, which no memory holds; with a length added it is still an int64


def as_int64(count: Any) -> Any:
    """Counts or positions as int64: those of uint64 that it cannot hold stay too large.

    A cast would make negative numbers of them, which mean something else.
    """
    if count.dtype == "uint64":
        count = minimum(count, Constant(np.array(_MOST, "uint64")))
    return cast(count, "int64")


def _within_int64(n: int, what: str) -> int:
    least, most = integer_limits("int64")
    if not least <= n <= most:
        raise GraphValueError(f"{what}: {n} does not fit in int64, as lengths and positions must.")
    return n


def static_length(length: Expr) -> int | None:
    """The value of a length that depends on constants only, or None."""
    value = static_value(length)
    return None if value is None else int(value)


_SMALL = 40  # elements of a constant, and nodes of an expression, that `static_value` looks at


def static_value(e: Expr) -> Any:
    """What a small expression of constants is worth, or None: `2 * 3`, `[4, 5][0] - 1`."""
    values: dict[Expr, Any] = {}
    stack = [e]
    while stack:
        node = stack[-1]
        if node in values:
            stack.pop()
        elif isinstance(node, Constant) and node.value.size <= _SMALL:
            values[node] = node.value
        elif (length := _known_length(node)) is not None:
            values[node] = np.int64(length)
        elif node.op is None or not _is_cheap(node.op) or len(stack) > _SMALL:
            return None
        elif all(i in values for i in node.inputs):
            try:
                with np.errstate(all="ignore"):
                    values[node] = node.op.impl(np, *[values[i] for i in node.inputs])
            except (ArithmeticError, ValueError, IndexError):
                return None  # it fails when it runs, and says so then
        elif len(values) > _SMALL:
            return None
        else:
            stack.extend(i for i in node.inputs if i not in values)
    return values[e]


def _known_length(e: Expr) -> int | None:
    return e.inputs[0].static_shape[e.op.axis] if isinstance(e.op, Dim) else None


def _is_cheap(op: Op) -> bool:
    if isinstance(op, Elementwise):
        return op.ufunc is not None
    return isinstance(op, MakeVector) or type(op).__name__ in ("Cast", "Index")


def check_axis(x: Any, axis: Any, what: str) -> int:
    """A non-negative axis of `x`; the error names the function and the variable."""
    if isinstance(axis, Constant) and axis.ndim == 0 and is_discrete(axis.dtype):
        axis = int(axis.value)
    with naming(x):
        return normalize_axis(axis, x.ndim, f"{what}: axis")


def check_int(value: Any, what: str) -> int:
    """A plain int from what the user gave as a setting of an operation."""
    if isinstance(value, Expr) and value.ndim == 0 and is_discrete(value.dtype):
        known = static_length(value)
        if known is not None:
            return _within_int64(known, what)
    try:
        return _within_int64(int(value.__index__()), what)
    except (AttributeError, TypeError):
        raise GraphTypeError(
            f"{what} must be an integer known when the expression is built, not {repr_of(value)}."
        ) from None


def length_args(*lengths: int) -> list[Arg]:
    """Arguments of an example that are lengths."""
    return [Arg((), "int64", exact=n) for n in lengths]


hooks.table["shape"] = shape
hooks.table["size"] = size
