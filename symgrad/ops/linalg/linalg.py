"""Products of vectors, matrices and tensors of every rank."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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
    repr_of,
)
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, broadcast_shapes, is_complex, tensor_type
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.lengths import check_axis, dim, product_of_lengths
from symgrad.ops.arrays.shaping import dimshuffle, reshape, sum_like
from symgrad.ops.hints import for_product
from symgrad.ops.op import Arg, Example, Op, Spec, as_exprs, common_dtype, elements

# -- operations ------------------------------------------------------------------------------


class Product(Op, register=False):
    """A product of two operands of one dtype; its errors name both."""

    typed_by_types = True

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 2 * elements(out) * inputs[0].shape[-1]

    def make(self, *inputs: Expr) -> Expr:
        try:
            return super().make(*inputs)
        except ShapeError as error:
            raise ShapeError(
                error.message + for_product(inputs[0], inputs[1]), nodes=inputs
            ) from None


class Dot(Product):
    """Product of two vectors or matrices of one dtype."""

    takes_out = True

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        _check_inner("dot", a.shape[-1], b.shape[0])
        return tensor_type(a.dtype, a.shape[:-1] + b.shape[1:])

    def lengths(self, node: Any, known: Any) -> Any:
        a, b = node.inputs
        return (*known[a][:-1], *known[b][1:])

    def equal_lengths(self, node: Any, known: Any) -> Any:
        a, b = node.inputs
        return ((known[a][-1], known[b][0]),)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.dot(*arrays)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.dot, 'dot')}({', '.join(args)})"

    def source_into(self, node: Any, args: Any, out: str, work: str | None, bind: Any) -> str:
        return f"{bind(np.dot, 'dot')}({', '.join(args)}, {out})"

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, b = inputs
        if a.ndim == 1 and b.ndim == 1:
            return g * b, g * a
        if a.ndim == 1:
            return self.make(b, g), outer(a, g)
        if b.ndim == 1:
            return outer(g, b), self.make(a.T, g)
        return self.make(g, b.T), self.make(a.T, g)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for a, b in (
            ((3, 4), (4, 2)),
            ((4,), (4, 2)),
            ((3, 4), (4,)),
            ((4,), (4,)),
            ((0, 4), (4, 2)),
            ((3, 0), (0, 2)),
        ):
            yield Example(Dot(), (Arg(a), Arg(b)))
        yield Example(Dot(), (Arg((3, 4), "int64"), Arg((4,), "int64")))
        yield Example(Dot(), (Arg((3, 4), "bool"), Arg((4, 2), "bool")))


class Tensordot(Product):
    """Sum of products over pairs of axes; the axes left over follow in order."""

    axes_a: tuple[int, ...]
    axes_b: tuple[int, ...]

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        for i, j in zip(self.axes_a, self.axes_b, strict=True):
            _check_inner("tensordot", a.shape[i], b.shape[j], f" (axes {i} and {j})")
        free_a = [n for k, n in enumerate(a.shape) if k not in self.axes_a]
        free_b = [n for k, n in enumerate(b.shape) if k not in self.axes_b]
        return tensor_type(a.dtype, (*free_a, *free_b))

    def lengths(self, node: Any, known: Any) -> Any:
        a, b = (known[i] for i in node.inputs)
        free_a = [n for k, n in enumerate(a) if k not in self.axes_a]
        return (*free_a, *(n for k, n in enumerate(b) if k not in self.axes_b))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.tensordot(*arrays, axes=(self.axes_a, self.axes_b))

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 2 * elements(out) * math.prod([inputs[0].shape[i] for i in self.axes_a])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, b = inputs
        free_a = [k for k in range(a.ndim) if k not in self.axes_a]
        free_b = [k for k in range(b.ndim) if k not in self.axes_b]
        here, there = range(len(free_a)), range(len(free_a), g.ndim)
        ga = Tensordot(tuple(there), tuple(free_b)).make(g, b)
        gb = Tensordot(tuple(free_a), tuple(here)).make(a, g)
        pairs = list(zip(self.axes_a, self.axes_b, strict=True))
        have_a = free_a + [i for i, _ in sorted(pairs, key=lambda pair: pair[1])]
        have_b = [j for _, j in sorted(pairs)] + free_b
        return (
            dimshuffle(ga, *(have_a.index(k) for k in range(a.ndim))),
            dimshuffle(gb, *(have_b.index(k) for k in range(b.ndim))),
        )

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axes_a, axes_b, a, b in (
            ((2,), (0,), (2, 3, 4), (4, 5)),
            ((2,), (1,), (2, 3, 4), (2, 4, 3)),
            ((0, 2), (1, 0), (2, 3, 4), (4, 2)),
            ((2, 0), (0, 1), (2, 3, 4), (4, 2, 3)),
            ((), (), (2, 3), (2,)),
            ((1, 0), (1, 0), (2, 3), (2, 3)),
            ((1,), (0,), (2, 0), (0, 3, 1)),
        ):
            yield Example(Tensordot(axes_a, axes_b), (Arg(a), Arg(b)))


class MatMul(Product):
    """Products of stacks of matrices; the axes before the last two broadcast."""

    takes_out = True

    def infer(self, *types: ValueType) -> ValueType:
        a, b = types
        _check_inner("matmul", a.shape[-1], b.shape[-2])
        stack = broadcast_shapes([a.shape[:-2], b.shape[:-2]], "matmul")
        return tensor_type(a.dtype, (*stack, a.shape[-2], b.shape[-1]))

    def lengths(self, node: Any, known: Any) -> Any:
        a, b = (known[i] for i in node.inputs)
        stack = super().lengths(node, known)[:-2]
        if a[:-2] == b[:-2] or len(b) == 2:
            stack = a[:-2]
        elif len(a) == 2:
            stack = b[:-2]
        return (*stack, a[-2], b[-1])

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.matmul(*arrays)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        return f"{bind(np.matmul, 'matmul')}({', '.join(args)})"

    def source_into(self, node: Any, args: Any, out: str, work: str | None, bind: Any) -> str:
        return f"{bind(np.matmul, 'matmul')}({', '.join(args)}, {out})"

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        a, b = inputs
        ga, gb = self.make(g, matrix_transpose(b)), self.make(matrix_transpose(a), g)
        return sum_like(ga, a), sum_like(gb, b)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for a, b in (
            ((2, 3, 4), (2, 4, 2)),
            ((3, 4), (2, 4, 2)),
            ((5, 1, 2, 3), (2, 3, 1)),
            ((2, 1, 0), (2, 0, 3)),
            ((0, 2, 3), (0, 3, 2)),
        ):
            yield Example(MatMul(), (Arg(a), Arg(b)))


def _check_inner(name: str, n: int | None, m: int | None, where: str = "") -> None:
    if n is not None and m is not None and n != m:
        raise ShapeError(f"{name}: the inner lengths differ, {n} and {m}{where}.")


def matrix_transpose(x: Any) -> Any:
    """Swap the last two axes: the transpose of each matrix of a stack."""
    return dimshuffle(x, *range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


# -- what users call -------------------------------------------------------------------------


def _operands(a: Any, b: Any, what: str) -> tuple[Any, Any]:
    a, b = as_exprs((a, b), what)
    dtype = common_dtype((a, b))
    return cast(a, dtype), cast(b, dtype)


@checks_keywords(l="a", r="b", shown=False)
def dot(a: Any, b: Any) -> Any:
    """Product of tensors as `numpy.dot`, for every rank.

    The last axis of `a` meets the last but one of `b` (its only one, where `b` is a vector).
    With a scalar it is the elementwise product.

    Parameters
    ----------
    a, b : array_like
        Any shapes and dtypes.

    Raises
    ------
    ShapeError
        If the two lengths differ: here, where both are known, otherwise when the function runs.

    >>> dot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).eval()
    array([3., 7.])
    """
    a, b = as_exprs((a, b), "dot")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    a, b = _operands(a, b, "dot")
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot().make(a, b)
    return Tensordot((a.ndim - 1,), (b.ndim - 2 if b.ndim > 1 else 0,)).make(a, b)


def matmul(a: Any, b: Any) -> Any:
    """Matrix product (`a @ b`); of higher ranks, of stacks of matrices, which broadcast.

    Parameters
    ----------
    a, b : array_like
        Rank 1 or more. A vector is a row on the left and a column on the right; that axis is
        dropped from the result.

    Raises
    ------
    GraphTypeError
        If an operand is a scalar.
    ShapeError
        If lengths do not fit.

    >>> matmul([[[1.0, 2.0]], [[3.0, 4.0]]], [[1.0], [10.0]]).eval()
    array([[[21.]],
           [[43.]]])
    """
    a, b = _operands(a, b, "matmul")
    for x in (a, b):
        if x.ndim == 0:
            raise GraphTypeError(
                f"matmul needs vectors or matrices, but {describe(x)} is a scalar. Use `*`."
                f"\n{made_at(x)}"
            )
    if b.ndim <= 2:  # one product of matrices, whatever the rank of a
        return dot(a, b)
    if a.ndim == 1:
        product = MatMul().make(dimshuffle(a, "x", 0), b)
        return dimshuffle(product, *(k for k in range(b.ndim) if k != b.ndim - 2))
    return MatMul().make(a, b)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes; what is left of `a` comes first in the result.

    Parameters
    ----------
    a, b : array_like
        Any shapes.
    axes : int, or two ints, or two sequences of int
        An int `n` pairs the last `n` axes of `a` with the first `n` of `b`.

    Raises
    ------
    GraphValueError
        If axes do not exist, are named twice, or differ in number.
    ShapeError
        If the lengths of two paired axes differ.

    >>> tensordot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]).eval()
    array(30.)
    """
    a, b = _operands(a, b, "tensordot")
    axes_a, axes_b = _axis_pairs(a, b, axes, 0, "tensordot")
    return Tensordot(axes_a, axes_b).make(a, b)


def _axis_pairs(
    a: Any, b: Any, axes: Any, first: int, what: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of each operand that are summed over; those before `first` may not be."""
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= np.minimum(a.ndim, b.ndim) - first:
            raise GraphValueError(f"{what}: axes={axes} does not fit.", nodes=[a, b])
        return tuple(range(a.ndim - axes, a.ndim)), tuple(range(first, first + axes))
    try:
        given_a, given_b = axes
    except (TypeError, ValueError):
        raise GraphTypeError(
            f"{what}: axes must be an int, or the axes of the first operand and those of the "
            f"second, not {repr_of(axes)}."
        ) from None
    found = []
    for x, given in ((a, given_a), (b, given_b)):
        entries = given if isinstance(given, (tuple, list, np.ndarray)) else (given,)
        found.append(tuple([check_axis(x, axis, what) for axis in entries]))
        if len(set(found[-1])) != len(found[-1]):
            raise GraphValueError(f"{what}: axes {repr_of(given)} name a dimension twice.")
        if any(axis < first for axis in found[-1]):
            raise GraphValueError(f"{what}: the first axis is the batch; it cannot be summed over.")
    if len(found[0]) != len(found[1]):
        raise GraphValueError(
            f"{what}: {len(found[0])} axes of the first operand cannot be paired with "
            f"{len(found[1])} of the second."
        )
    return found[0], found[1]


def batched_dot(a: Any, b: Any) -> Any:
    """Products of the entries of two batches: ``result[i] = dot(a[i], b[i])``.

    Parameters
    ----------
    a, b : array_like
        Rank 1 or more; the first axis counts the entries.

    Raises
    ------
    GraphTypeError
        If an operand is a scalar.
    ShapeError
        If lengths do not fit.

    >>> batched_dot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]).eval()
    array([1., 4.])
    """
    a, b = _batches(a, b, "batched_dot")
    if a.ndim == 1 or b.ndim == 1:
        rank = np.maximum(a.ndim, b.ndim)
        a, b = (dimshuffle(x, *range(x.ndim), *["x"] * (rank - x.ndim)) for x in (a, b))
        return a * b
    return _batched_tensordot(a, b, (a.ndim - 1,), (b.ndim - 2 if b.ndim > 2 else 1,))


@checks_keywords(x="a", y="b")
def batched_tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Tensor products of the entries of two batches: ``result[i] = tensordot(a[i], b[i])``.

    Parameters
    ----------
    a, b : array_like
        Rank 1 or more; the first axis counts the entries.
    axes : int, or two ints, or two sequences of int
        As in `tensordot`, counted with the first axis, which they may not name.

    >>> batched_tensordot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]], 1).eval()
    array([1., 4.])
    """
    a, b = _batches(a, b, "batched_tensordot")
    return _batched_tensordot(a, b, *_axis_pairs(a, b, axes, 1, "batched_tensordot"))


def _batches(a: Any, b: Any, what: str) -> tuple[Any, Any]:
    a, b = _operands(a, b, what)
    for x in (a, b):
        if x.ndim == 0:
            raise GraphTypeError(
                f"{what} needs a first axis that counts the entries; {describe(x)} has none."
                f"\n{made_at(x)}"
            )
    n, m = a.static_shape[0], b.static_shape[0]
    if n is not None and m is not None and n != m:
        raise ShapeError(f"{what}: the batches have {n} and {m} entries.", nodes=[a, b])
    return a, b


def _batched_tensordot(a: Any, b: Any, axes_a: tuple[int, ...], axes_b: tuple[int, ...]) -> Any:
    """By one product of stacks of matrices: (batch, free, summed) with (batch, summed, free)."""
    free_a = [k for k in range(1, a.ndim) if k not in axes_a]
    free_b = [k for k in range(1, b.ndim) if k not in axes_b]
    left = _as_matrices(a, free_a, list(axes_a))
    right = _as_matrices(b, list(axes_b), free_b)
    product = MatMul().make(left, right)
    if len(free_a) == len(free_b) == 1:
        return product
    return reshape(product, [dim(a, 0), *(dim(a, k) for k in free_a), *(dim(b, k) for k in free_b)])


def _as_matrices(x: Any, rows: list[int], columns: list[int]) -> Any:
    moved = dimshuffle(x, 0, *rows, *columns)
    if len(rows) == len(columns) == 1:
        return moved
    return reshape(moved, [dim(x, 0), product_of_lengths(x, rows), product_of_lengths(x, columns)])


@checks_keywords(x="a", y="b")
def outer(a: Any, b: Any) -> Any:
    """Outer product of two vectors (of anything else, flattened).

    >>> outer([1.0, 2.0], [1.0, 10.0]).eval()
    array([[ 1., 10.],
           [ 2., 20.]])
    """
    a, b = as_exprs((a, b), "outer")
    return a.flatten().dimshuffle(0, "x") * b.flatten().dimshuffle("x", 0)


def inner(a: Any, b: Any) -> Any:
    """Sum of products over the last axes of both.

    >>> inner([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).eval()
    array([21., 43.])
    """
    a, b = _operands(a, b, "inner")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (-1, -1))


def vdot(a: Any, b: Any) -> Any:
    """Sum of the products of all elements; complex ones of `a` are conjugated.

    >>> vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]).eval()
    array(10.)
    """
    a, b = _operands(a, b, "vdot")
    return dot((a.conj() if is_complex(a.dtype) else a).flatten(), b.flatten())


def kron(a: Any, b: Any) -> Any:
    """Kronecker product: each element of `a` times the whole of `b`.

    Parameters
    ----------
    a, b : array_like
        Any ranks; the smaller one is padded with axes of length 1 on the left.

    >>> kron([[1.0, 10.0]], [[1.0], [2.0]]).eval()
    array([[ 1., 10.],
           [ 2., 20.]])
    """
    a, b = as_exprs((a, b), "kron")
    rank = int(np.maximum(a.ndim, b.ndim))
    a, b = (dimshuffle(x, *["x"] * (rank - x.ndim), *range(x.ndim)) for x in (a, b))
    left: list[Any] = [entry for k in range(rank) for entry in (k, "x")]
    right: list[Any] = [entry for k in range(rank) for entry in ("x", k)]
    product = dimshuffle(a, *left) * dimshuffle(b, *right)
    return reshape(product, [dim(a, k) * dim(b, k) for k in range(rank)])


hooks.table["dot"] = dot
hooks.table["matmul"] = matmul
