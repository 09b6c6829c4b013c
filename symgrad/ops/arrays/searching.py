"""Finding elements: where they are not zero, where they would fit, how often they occur."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError, ShapeError, describe, made_at, repr_of
from symgrad.graph.expr import Expr
from symgrad.graph.types import TupleType, ValueType, broadcast_shapes, is_discrete, tensor_type
from symgrad.ops.arithmetic.elementwise import cast, switch
from symgrad.ops.arrays.lengths import as_int64, as_lengths
from symgrad.ops.indexing.selecting import as_positions, brought_into_range, check_mode
from symgrad.ops.op import Arg, Example, Op, as_expr, as_exprs, common_dtype, projections

# -- where something is not zero ---------------------------------------------------------------


class Nonzero(Op):
    """Positions of the elements that are not zero: a row for each axis, int64."""

    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (types[0].ndim, None))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.stack(xp.nonzero(arrays[0])).astype("int64")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Nonzero(), (Arg((3, 4), "int64"),), differentiable=False)
        yield Example(Nonzero(), (Arg((5,), "bool", 0, 1),), differentiable=False)
        yield Example(Nonzero(), (Arg((2, 0)),), differentiable=False)


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """Positions of the elements that are not zero (or are True).

    Parameters
    ----------
    a : array_like
        Any shape but a scalar, any dtype.
    return_matrix : bool
        Return one matrix with a row for each axis.

    Returns
    -------
    tuple of int64 vectors, or int64 matrix
        One vector for each axis; the tuple is an index: ``a[T.nonzero(a)]``.

    Raises
    ------
    GraphTypeError
        If `a` is a scalar.

    >>> [p.eval() for p in nonzero([[0, 1], [2, 3]])]
    [array([0, 1, 1]), array([1, 0, 1])]
    """
    x = as_expr(a, "nonzero")
    if not x.ndim:
        raise GraphTypeError(
            f"nonzero: {describe(x)} has no positions. Use T.neq(x, 0) or T.flatnonzero(x).\n"
            f"{made_at(x)}"
        )
    matrix = Nonzero().make(x)
    return matrix if return_matrix else tuple(matrix[k] for k in range(x.ndim))


def where(condition: Any, *choices: Any) -> Any:
    """Elements of one tensor where a condition holds, else of another; or where it holds.

    Parameters
    ----------
    condition : array_like
        Truth values; numbers are true unless they are 0.
    *choices : array_like
        Two, as in `switch`; with none the result is ``nonzero(condition)``.

    Raises
    ------
    GraphTypeError
        If there is one choice, or more than two.

    >>> where([True, False], [1.0, 2.0], -1).eval()
    array([ 1., -1.])
    >>> where([True, False])[0].eval()
    array([0])
    """
    if not choices:
        return nonzero(condition)
    if len(choices) != 2:
        raise GraphTypeError(
            f"where: {len(choices)} choice{'s were' if len(choices) > 1 else ' was'} given beside "
            "the condition; give none or two."
        )
    return switch(condition, *choices)


def argwhere(a: Any) -> Any:
    """Positions of the elements that are not zero, a row for each: an int64 matrix.

    >>> argwhere([[0, 1], [2, 3]]).eval()
    array([[0, 1],
           [1, 0],
           [1, 1]])
    """
    return nonzero(a, return_matrix=True).T


def flatnonzero(a: Any) -> Any:
    """Positions, in the flattened tensor, of the elements that are not zero: an int64 vector.

    >>> flatnonzero([[0, 1], [2, 3]]).eval()
    array([1, 2, 3])
    """
    return nonzero(as_expr(a, "flatnonzero").flatten())[0]


def nonzero_values(a: Any) -> Any:
    """The elements that are not zero, in row-major order: a vector.

    >>> nonzero_values([[0, 1], [2, 3]]).eval()
    array([1, 2, 3])
    """
    flat = as_expr(a, "nonzero_values").flatten()
    return flat[nonzero(flat)]


# -- where something would fit -----------------------------------------------------------------


class SearchSorted(Op):
    """Where in a sorted vector (first input) elements (second input) would be put in."""

    side: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", types[1].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        found = xp.searchsorted(*arrays, side=self.side)
        return xp.asarray(found, dtype="int64")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        numbers = Arg((4,), "float64", exact=[-1.0, 0.0, 0.5, 1.5])
        for side, shape in (("left", (3, 4)), ("right", ()), ("left", (0,))):
            yield Example(SearchSorted(side), (numbers, Arg(shape)), differentiable=False)


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where in a sorted vector elements would be put in to keep it sorted.

    Parameters
    ----------
    x : array_like
        A vector in ascending order, or sorted by `sorter`.
    v : array_like
        What to put in; any shape.
    side : {'left', 'right'}
        Before or behind elements that are equal.
    sorter : array_like of int, optional
        The order that sorts `x`, as `argsort` gives it.

    Returns
    -------
    int64 variable of the shape of `v`

    Raises
    ------
    GraphTypeError, GraphValueError
        If `x` is not a vector, `sorter` not an integer vector, or `side` something else.

    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 2.5]).eval()
    array([1, 2])
    """
    x, v = as_exprs((as_expr(x, "searchsorted"), v), "searchsorted")
    if x.ndim != 1:
        raise GraphTypeError(
            f"searchsorted: the first argument must be a vector, not {describe(x)}.\n{made_at(x)}"
        )
    if side not in ("left", "right"):
        raise GraphValueError(f"searchsorted: side={repr_of(side)}; expected left or right.")
    if sorter is not None:
        order = as_positions(sorter, "searchsorted", "sorter")
        if order.ndim != 1:
            raise GraphTypeError(f"searchsorted: sorter must be a vector, not {describe(order)}.")
        x = x[order]
    dtype = common_dtype((x, v))
    return SearchSorted(side).make(cast(x, dtype), cast(v, dtype))


# -- how often something occurs ----------------------------------------------------------------


_LARGEST = np.iinfo("int64").max


class Bincount(Op):
    """How often each non-negative integer occurs, or the sum of its weights (third input).

    The second input is the least length of the result.
    """

    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(types[2].dtype if len(types) > 2 else "int64", (None,))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        x, length, *weights = arrays
        if xp is np and x.dtype == "uint64":
            x = x.astype("int64")  # what is too large becomes negative, and is refused
        if xp is np and x.size and x.dtype == "int64" and x.max() == _LARGEST:
            # NumPy's length, one more, is negative then: it writes beyond an array of none
            raise ValueError(f"counts up to {_LARGEST} are too many")
        if not weights:
            return xp.bincount(x, minlength=int(length)).astype("int64")
        total = xp.bincount(x, weights=weights[0].astype("float64"), minlength=int(length))
        return total.astype(weights[0].dtype)

    def connects(self, index: int) -> bool:
        return index == 2

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (None, None, *([g[inputs[0]]] if len(inputs) > 2 else []))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        x, length = Arg((5,), "int64", exact=[1, 0, 3, 1, 1]), Arg((), "int64", exact=0)
        yield Example(Bincount(), (x, length), differentiable=False)
        yield Example(Bincount(), (x, Arg((), "int64", exact=7), Arg((5,))))
        yield Example(Bincount(), (Arg((0,), "int64", exact=np.zeros(0)), length), False)


def bincount(
    x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False
) -> Any:
    """How often each number occurs in a vector of non-negative integers.

    Parameters
    ----------
    x : array_like of int
        A vector.
    weights : array_like, optional
        A vector of the same length; the result holds sums of weights, added up in float64.
    minlength : int or symbolic int scalar, optional
        The least length of the result, which is otherwise ``max(x) + 1``.
    assert_nonneg : bool
        Theano's argument; negative numbers always raise when the function runs.

    Returns
    -------
    int64 vector, or vector of the dtype of `weights` (float64 for integers)

    Raises
    ------
    GraphTypeError, ShapeError
        If `x` is not an integer vector, or `weights` do not fit.

    >>> bincount([1, 1, 3]).eval()
    array([0, 2, 0, 1])
    """
    x = as_positions(x, "bincount", "x") if not _is_bool(x) else cast(x, "int64")
    (length,) = as_lengths([0 if minlength is None else minlength], "bincount: minlength")
    inputs = [x, length]
    if weights is not None:
        w = as_expr(weights, "bincount: weights")
        inputs.append(cast(w, "float64") if is_discrete(w.dtype) else w)
        if w.dtype.startswith("complex"):
            raise GraphTypeError(f"bincount: weights must be real, not {describe(w)}.")
        broadcast_shapes([x.static_shape, w.static_shape], "bincount")
    for given in (x, *inputs[2:]):
        if given.ndim != 1:
            raise GraphTypeError(
                f"bincount: {describe(given)} must be a vector. Use x.flatten().\n{made_at(given)}"
            )
    return Bincount().make(*inputs)


def _is_bool(x: Any) -> bool:
    return isinstance(x, (Expr, np.ndarray)) and x.dtype == "bool"


class Unique(Op):
    """For a vector: where each value stands first, which value each is, how often each occurs."""

    eager_only = True

    def infer(self, *types: ValueType) -> ValueType:
        unknown = tensor_type("int64", (None,))
        return TupleType((unknown, tensor_type("int64", types[0].shape), unknown))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        _, *rest = xp.unique(arrays[0], return_index=True, return_inverse=True, return_counts=True)
        return tuple(part.astype("int64") for part in rest)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        values = Arg((6,), "int64", exact=[3, 1, 3, 2, 1, 3])
        yield Example(Unique(), (values,), differentiable=False)
        yield Example(Unique(), (Arg((0,)),), differentiable=False)


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> Any:
    """The distinct elements of a tensor, in ascending order: a vector.

    Parameters
    ----------
    ar : array_like
        Any shape and dtype; it is flattened.
    return_index, return_inverse, return_counts : bool
        Return also where each stands first, which of them each element is, how often each
        occurs: int64 vectors.

    Returns
    -------
    variable, or tuple of variables

    >>> unique([3.0, 1.0, 3.0]).eval()
    array([1., 3.])
    """
    flat = as_expr(ar, "unique").flatten()
    index, inverse, counts = projections(Unique().make(flat))
    asked = ((index, return_index), (inverse, return_inverse), (counts, return_counts))
    results = (flat[index], *[part for part, wanted in asked if wanted])
    return results if len(results) > 1 else results[0]


# -- positions in many dimensions and in one ---------------------------------------------------


class UnravelIndex(Op):
    """Flat positions as positions along each axis, stacked; the lengths are scalar inputs."""

    order: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("int64", (len(types) - 1, *types[0].shape))

    def impl(self, xp: Any, *arrays: Any) -> Any:
        lengths = [int(n) for n in arrays[1:]]
        total = math.prod(lengths)
        flat = brought_into_range(xp, arrays[0], total, "raise", f" in shape {tuple(lengths)}")
        found = []
        for length in lengths[::-1] if self.order == "C" else lengths:
            found.append(flat % max(length, 1))
            flat = flat // max(length, 1)
        return xp.stack(found[::-1] if self.order == "C" else found)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        lengths = (Arg((), "int64", exact=3), Arg((), "int64", exact=4))
        for order, flat in (("C", [[0, 11], [5, 6]]), ("F", 7)):
            args = (Arg(np.shape(flat), "int64", exact=flat), *lengths)
            yield Example(UnravelIndex(order), args, differentiable=False)


class RavelMultiIndex(Op):
    """Positions along each axis as flat positions; the second half of the inputs are lengths."""

    mode: str
    order: str

    def infer(self, *types: ValueType) -> ValueType:
        rank = len(types) // 2
        shape = broadcast_shapes([t.shape for t in types[:rank]], "ravel_multi_index")
        return tensor_type("int64", shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        rank = len(arrays) // 2
        flat: Any = 0
        axes = range(rank) if self.order == "C" else range(rank - 1, -1, -1)
        for axis in axes:
            length = int(arrays[rank + axis])
            index = brought_into_range(xp, arrays[axis], length, self.mode, f" along axis {axis}")
            flat = flat * length + index
        return flat

    @classmethod
    def examples(cls) -> Iterable[Example]:
        lengths = (Arg((), "int64", exact=3), Arg((), "int64", exact=4))
        for mode, order in (("raise", "C"), ("wrap", "F"), ("clip", "C")):
            rows = Arg((2, 1), "int64", exact=[[0], [2]])
            columns = Arg((3,), "int64", exact=[1, 0, 3] if mode == "raise" else [-5, 4, 9])
            args = (rows, columns, *lengths)
            yield Example(RavelMultiIndex(mode, order), args, differentiable=False)


def _lengths(dims: Any, ndim: int | None, what: str) -> list[Any]:
    if ndim is not None and isinstance(dims, Expr) and dims.ndim == 1:
        return [as_int64(dims[k]) for k in range(ndim)]
    return as_lengths(dims, what)


def _check_order(order: Any, what: str) -> str:
    if order not in ("C", "F"):
        raise GraphValueError(f"{what}: order={repr_of(order)}; expected C or F.")
    return str(order)


def unravel_index(indices: Any, dims: Any, order: str = "C", ndim: int | None = None) -> Any:
    """Positions along each axis for positions in the flattened tensor.

    Parameters
    ----------
    indices : array_like of int
        Flat positions; any shape.
    dims : list of int or symbolic scalars, or symbolic vector
        The shape of the tensor.
    order : {'C', 'F'}
        Whether the last or the first axis varies fastest.
    ndim : int, optional
        The rank, needed where `dims` is a vector of unknown length.

    Returns
    -------
    tuple of int64 variables
        One for each axis, of the shape of `indices`.

    >>> [p.eval() for p in unravel_index([5, 7], (3, 4))]
    [array([1, 1]), array([1, 3])]
    """
    index = as_positions(indices, "unravel_index")
    lengths = _lengths(dims, ndim, "unravel_index")
    if not lengths:
        raise GraphValueError("unravel_index: dims must name at least one axis.")
    stacked = UnravelIndex(_check_order(order, "unravel_index")).make(index, *lengths)
    return tuple(stacked[k] for k in range(len(lengths)))


def ravel_multi_index(
    multi_index: Any, dims: Any, mode: str = "raise", order: str = "C", ndim: int | None = None
) -> Any:
    """Positions in the flattened tensor for positions along each axis.

    Parameters
    ----------
    multi_index : tuple of array_like of int, or tensor
        Positions for each axis, which are broadcast; of a tensor, its first axis counts them.
    dims : list of int or symbolic scalars, or symbolic vector
        The shape of the tensor.
    mode : {'raise', 'wrap', 'clip'}
        What happens to positions out of range.
    order : {'C', 'F'}
        Whether the last or the first axis varies fastest.
    ndim : int, optional
        The rank, needed where `dims` is a vector of unknown length.

    Returns
    -------
    int64 variable

    Raises
    ------
    ShapeError
        If `multi_index` and `dims` have different lengths, or positions cannot be broadcast.

    >>> ravel_multi_index(([1, 1], [1, 3]), (3, 4)).eval()
    array([5, 7])
    """
    what = "ravel_multi_index"
    lengths = _lengths(dims, ndim, what)
    check_mode(mode, what)
    if isinstance(multi_index, (tuple, list)):
        parts = [as_positions(part, what, "positions") for part in multi_index]
    else:
        stacked = as_positions(multi_index, what, "positions")
        known = stacked.static_shape[0] if stacked.ndim else 0
        parts = [stacked[k] for k in range(len(lengths) if known is None else known)]
    if len(parts) != len(lengths) or not parts:
        raise ShapeError(f"{what}: {len(parts)} positions given for {len(lengths)} lengths.")
    return RavelMultiIndex(mode, _check_order(order, what)).make(*parts, *lengths)


for _function in (nonzero, nonzero_values, searchsorted):
    hooks.table[_function.__name__] = _function
