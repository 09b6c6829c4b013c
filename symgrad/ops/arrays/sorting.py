"""Sorting, the order that sorts, and the largest few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, describe, made_at, repr_of
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, check_dtype, tensor_type
from symgrad.ops.arithmetic.elementwise import cast
from symgrad.ops.arrays.lengths import static_length
from symgrad.ops.arrays.shaping import along, zeros_like
from symgrad.ops.indexing.selecting import AddAlong, TakeAlong, as_positions
from symgrad.ops.op import Arg, Example, Op, as_expr

KINDS = ("quicksort", "mergesort", "heapsort", "stable")


class Sort(Op):
    """Elements in ascending order along one axis; NaN comes last."""

    axis: int
    kind: str
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        algorithm = {"kind": self.kind} if xp is np else {}
        return xp.sort(arrays[0], axis=self.axis, **algorithm)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        order = ArgSort(self.axis, self.kind).make(x)
        return (AddAlong(self.axis).make(zeros_like(x, g.dtype), g, order),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis, kind in _sort_examples():
            yield Example(Sort(axis, kind), (Arg(shape),))


class ArgSort(Op):
    """The positions that put elements in ascending order along one axis."""

    axis: int
    kind: str
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", types[0].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        algorithm = {"kind": self.kind} if xp is np else {}
        return xp.argsort(arrays[0], axis=self.axis, **algorithm).astype("int64")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis, kind in _sort_examples():
            yield Example(ArgSort(axis, kind), (Arg(shape),), differentiable=False)


def _sort_examples() -> Iterable[tuple[tuple[int, ...], int, str]]:
    yield (3, 4), 1, "quicksort"
    yield (3, 4), 0, "stable"
    yield (5,), 0, "heapsort"
    yield (2, 0), 1, "mergesort"


def _arguments(a: Any, axis: Any, kind: Any, order: Any, what: str) -> tuple[Any, int]:
    x = as_expr(a, what)
    if order is not None:
        raise GraphTypeError(f"{what}: order= is for arrays with named fields; {x} has none.")
    if kind not in KINDS:
        raise GraphValueError(f"{what}: kind={repr_of(kind)}; expected one of {', '.join(KINDS)}.")
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        (axis,) = axis
    return along(x, axis, what)


def sort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """Elements in ascending order along an axis; NaN comes last.

    Parameters
    ----------
    a : array_like
        Any shape (but a scalar, unless `axis` is None) and dtype.
    axis : int or None
        The last by default; None sorts the flattened tensor.
    kind : {'quicksort', 'mergesort', 'heapsort', 'stable'}
        The algorithm.
    order : None
        NumPy's argument for arrays with named fields.

    Raises
    ------
    GraphTypeError, GraphValueError
        If there is no such axis or kind.

    >>> sort([[3.0, 1.0, 2.0]]).eval()
    array([[1., 2., 3.]])
    """
    x, axis = _arguments(a, axis, kind, order, "sort")
    return Sort(axis, kind).make(x)


def argsort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """Positions, in int64, that put elements in ascending order along an axis.

    Parameters
    ----------
    a : array_like
        Any shape (but a scalar, unless `axis` is None) and dtype.
    axis : int or None
        The last by default; None sorts the flattened tensor.
    kind : {'quicksort', 'mergesort', 'heapsort', 'stable'}
        The algorithm; `stable` and `mergesort` keep equal elements in order.
    order : None
        NumPy's argument for arrays with named fields.

    Raises
    ------
    GraphTypeError, GraphValueError
        If there is no such axis or kind.

    >>> argsort([3.0, 1.0, 2.0]).eval()
    array([1, 2, 0])
    """
    x, axis = _arguments(a, axis, kind, order, "argsort")
    return ArgSort(axis, kind).make(x)


# -- permutations ------------------------------------------------------------------------------


def inverse_permutation(perm: Any) -> Any:
    """The permutation that undoes another.

    Parameters
    ----------
    perm : array_like of int
        A vector that holds each of 0 to n - 1 once, or a matrix of such rows.

    Returns
    -------
    variable
        Of the shape and dtype of `perm`.

    >>> inverse_permutation([1, 2, 0]).eval()
    array([2, 0, 1])
    """
    x = as_positions(perm, "inverse_permutation", "a permutation")
    return cast(argsort(x, -1, kind="stable"), x.dtype)


def permute_row_elements(x: Any, y: Any, inverse: bool = False) -> Any:
    """Permute the elements of each row of `x` by the row of `y` that stands beside it.

    Parameters
    ----------
    x : array_like
        Rows along the last axis.
    y : array_like of int
        Permutations along the last axis; the other axes are broadcast against those of `x`.
    inverse : bool
        Permute by the inverses.

    >>> permute_row_elements([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [2, 0, 1]).eval()
    array([[3., 1., 2.],
           [6., 4., 5.]])
    """
    x = as_expr(x, "permute_row_elements")
    order = as_positions(y, "permute_row_elements", "a permutation")
    for given in (x, order):
        if not given.ndim:
            raise GraphTypeError(
                f"permute_row_elements: {describe(given)} has no rows.\n{made_at(given)}"
            )
    if inverse:
        order = inverse_permutation(order)
    rank = max(x.ndim, order.ndim)
    x = x.dimshuffle(*["x"] * (rank - x.ndim), *range(x.ndim))
    order = order.dimshuffle(*["x"] * (rank - order.ndim), *range(order.ndim))
    return TakeAlong(rank - 1).make(x, order)


# -- the largest few ---------------------------------------------------------------------------


class ArgTopK(Op):
    """Positions of the k largest (k < 0: smallest) elements along one axis, the first ahead.

    The second input is k. Of equal elements those in front come first.
    """

    axis: int
    dtype: str

    def infer(self, *types: ValueType) -> ValueType:
        shape = types[0].shape
        return tensor_type(self.dtype, (*shape[: self.axis], None, *shape[self.axis + 1 :]))

    def make(self, *inputs: Expr) -> Expr:
        x, k = inputs[0], static_length(inputs[1])
        length = x.static_shape[self.axis]
        if k == 0 or (k is not None and length is not None and abs(k) > length):
            raise GraphValueError(
                f"topk: kth={k} must not be 0, nor exceed the length of axis {self.axis} of "
                f"{describe(x)}.\n{made_at(x)}"
            )
        shape = list(x.static_shape)
        shape[self.axis] = None if k is None else abs(k)
        return Expr(self, inputs, tensor_type(self.dtype, tuple(shape)))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, k = xp.moveaxis(xp.asarray(arrays[0]), self.axis, -1), int(arrays[1])
        length = x.shape[-1]
        if k == 0 or abs(k) > length:
            raise ValueError(f"kth={k} must not be 0, nor exceed the number of elements, {length}")
        algorithm = {"kind": "stable"} if xp is np else {}  # JAX knows no other
        if k < 0:
            order = xp.argsort(x, axis=-1, **algorithm)[..., :-k]
        else:  # sorted from behind, so that of equal elements the front ones come first
            order = xp.argsort(x[..., ::-1], axis=-1, **algorithm)[..., : -k - 1 : -1]
            order = length - 1 - order
        return xp.moveaxis(order, -1, self.axis).astype(self.dtype)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for shape, axis, k in (((3, 4), 1, 2), ((3, 4), 0, -1), ((5,), 0, 5), ((0, 2), 1, 1)):
            args = (Arg(shape), Arg((), "int64", exact=k))
            yield Example(ArgTopK(axis, "int64"), args, differentiable=False)


def argtopk(
    x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: Any = "int64"
) -> Any:
    """Positions of the `kth` largest elements along an axis, that of the largest first.

    Parameters
    ----------
    x : array_like
        Any shape (but a scalar, unless `axis` is None) and dtype; NaN counts as largest.
    kth : int or symbolic int scalar
        How many; not 0. If negative, as many of the smallest, that of the smallest first.
    axis : int or None
        The last by default; None takes the flattened tensor.
    sorted : bool
        Theano's argument: False allows any order. Here they are always in order.
    idx_dtype : str
        dtype of the result.

    Raises
    ------
    GraphTypeError, GraphValueError
        If `kth` is not an integer, is 0, or is known to be more than there are.

    >>> argtopk([1.0, 5.0, 3.0], 2).eval()
    array([1, 2])
    """
    return _argtopk(x, kth, axis, idx_dtype, "argtopk")[2]


def topk(
    x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: Any = "int64"
) -> Any:
    """The `kth` largest elements along an axis, the largest first.

    Parameters
    ----------
    x : array_like
        Any shape (but a scalar, unless `axis` is None) and dtype; NaN counts as largest.
    kth : int or symbolic int scalar
        How many; not 0. If negative, as many of the smallest, the smallest first.
    axis : int or None
        The last by default; None takes the flattened tensor.
    sorted : bool
        Theano's argument: False allows any order. Here they are always in order.
    idx_dtype : str
        Theano's argument: dtype of the positions, which are not returned.

    Raises
    ------
    GraphTypeError, GraphValueError
        If `kth` is not an integer, is 0, or is known to be more than there are.

    >>> topk([1.0, 5.0, 3.0], 2).eval(), topk([1.0, 5.0, 3.0], -2).eval()
    (array([5., 3.]), array([1., 3.]))
    """
    x, axis, order = _argtopk(x, kth, axis, idx_dtype, "topk")
    return TakeAlong(axis).make(x, order)


def topk_and_argtopk(
    x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: Any = "int64"
) -> tuple[Any, Any]:
    """What `topk` and `argtopk` return.

    >>> [y.eval() for y in topk_and_argtopk([1.0, 5.0, 3.0], 2)]
    [array([5., 3.]), array([1, 2])]
    """
    x, axis, order = _argtopk(x, kth, axis, idx_dtype, "topk_and_argtopk")
    return TakeAlong(axis).make(x, order), order


def _argtopk(x: Any, kth: Any, axis: Any, idx_dtype: Any, what: str) -> tuple[Any, int, Any]:
    x, axis = along(x, axis, what)
    k = as_positions(kth, what, "kth")
    if k.ndim:
        raise GraphTypeError(f"{what}: kth must be a scalar, not {describe(k)}.\n{made_at(k)}")
    dtype = check_dtype(idx_dtype)
    if "int" not in dtype:
        raise GraphTypeError(f"{what}: idx_dtype must be an integer dtype, not {dtype}.")
    return x, axis, ArgTopK(axis, dtype).make(x, k)


hooks.table["sort"] = sort
hooks.table["argsort"] = argsort
