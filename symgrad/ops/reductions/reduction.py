"""Reductions: sums, means, products and extremes over axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from symgrad import hooks
from symgrad.errors import GraphTypeError, ShapeError, checks_keywords, describe, made_at
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, check_dtype, is_complex, is_discrete, tensor_type
from symgrad.ops.arithmetic.elementwise import cast, gt, lt, neq, switch, unless_nan
from symgrad.ops.arrays.lengths import dim, product_of_lengths
from symgrad.ops.arrays.shaping import broadcast_like, dimshuffle, reshape
from symgrad.ops.control.barriers import zero_grad
from symgrad.ops.op import Arg, Example, Spec
from symgrad.ops.reductions.cumulative import CumProd, sum_dtype
from symgrad.ops.reductions.family import Reduction, check_axes
from symgrad.ops.reductions.sums import accurate_sum, sum_for

# -- sums and means --------------------------------------------------------------------------


class Sum(Reduction):
    """Sum over axes."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return accurate_sum(xp, xp.asarray(arrays[0]), self.axis, self.keepdims)

    def resolve(self, *arrays: Spec) -> Any:
        (x,) = arrays
        return None if self.keepdims or not self.axis else sum_for(x.shape, x.dtype, self.axis)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        return (broadcast_like(self.restore_axes(g, x), x),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(Sum(axis, keepdims), (Arg(shape),))
        yield Example(Sum((0,), False), (Arg((0, 3)),))
        yield Example(Sum((0,), False), (Arg((3, 4), "int64"),))
        yield Example(Sum((0,), False), (Arg((70, 2)),))


@checks_keywords(input="x")
def sum(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """Sum over axes.

    Parameters
    ----------
    x : array_like
        Any shape; booleans and integers are summed in int64 (uint64 when unsigned).
    axis : int, tuple of int or None
        None sums over all axes, `()` over none.
    dtype : str, optional
        dtype of the result.
    keepdims : bool
        Keep the summed axes with length 1.
    acc_dtype : str, optional
        dtype to add up in; float32 is always at least as accurate as pairwise summation.

    Returns
    -------
    variable
        Without the summed axes.

    Raises
    ------
    GraphValueError
        If an axis does not exist or is named twice.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.])
    """
    return _totalled(Sum, x, axis, dtype, keepdims, acc_dtype)


def _totalled(
    kind: Any, x: Any, axis: Any, dtype: Any, keepdims: bool, acc_dtype: Any, *settings: Any
) -> Any:
    x, axes = check_axes(x, axis, kind.__name__.lower())
    result = check_dtype(dtype) if dtype is not None else sum_dtype(x.dtype)
    inner = check_dtype(acc_dtype) if acc_dtype is not None else result
    return cast(kind(axes, bool(keepdims), *settings).make(cast(x, inner)), result)


@checks_keywords(input="x")
def mean(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    op: bool = False,
    keepdims: bool = False,
    acc_dtype: Any = None,
) -> Any:
    """Arithmetic mean over axes; of integers and booleans, in float64.

    The slope by integers is zero, unless a float `dtype` is given.

    Parameters
    ----------
    x : array_like
        Any shape; the mean of no elements is NaN.
    axis : int, tuple of int or None
        None averages over all axes.
    dtype : str, optional
        dtype of the result.
    op : bool
        Theano's argument, without effect.
    keepdims : bool
        Keep the axes with length 1.
    acc_dtype : str, optional
        dtype to add up in; by default float64 for integers and booleans, float32 for float16.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1).eval()
    array([1.5, 3.5])
    """
    x, axes = check_axes(x, axis, "mean")
    if dtype is None and is_discrete(x.dtype) and x.dtype != "bool":
        x = zero_grad(x)  # as Theano's, which is a quotient of an integer sum
    if dtype is not None:
        result = check_dtype(dtype)
    else:
        result = "float64" if is_discrete(x.dtype) else x.dtype
    if acc_dtype is not None:
        inner = check_dtype(acc_dtype)
    else:
        inner = "float64" if is_discrete(x.dtype) else result  # sums of int64 could wrap
    ratio = "float64" if is_discrete(result) else "float32" if result == "float16" else result
    inner = "float32" if inner == "float16" else inner
    total = cast(Sum(axes, bool(keepdims)).make(cast(x, inner)), ratio)
    return cast(total / cast(product_of_lengths(x, axes), ratio), result)


# -- products --------------------------------------------------------------------------------


class Prod(Reduction):
    """Product over axes; `no_zeros` promises that no element is zero."""

    no_zeros: bool

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        return xp.prod(x, axis=self.axis, keepdims=self.keepdims, dtype=x.dtype)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        g = self.restore_axes(g, x)
        if not self.axis:
            return (g,)
        if self.no_zeros:
            return (g * self.restore_axes(y, x) / x,)
        return (g * _product_of_others(x, self.axis),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(Prod(axis, keepdims, False), (Arg(shape),))
            yield Example(Prod(axis, keepdims, True), (Arg(shape, low=0.5),))
        yield Example(Prod((0,), False, False), (Arg((0, 3)),))


def _product_of_others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element the product over the axes of all others, right with zeros too."""
    kept = [a for a in range(x.ndim) if a not in axes]
    order = [*kept, *axes]
    flat = dimshuffle(x, *order)
    if len(axes) > 1:
        flat = reshape(flat, [*(dim(x, a) for a in kept), product_of_lengths(x, axes)])
    last = flat.ndim - 1
    others = CumProd(last, False, True).make(flat) * CumProd(last, True, True).make(flat)
    if len(axes) > 1:
        others = reshape(others, [dim(x, a) for a in order])
    return dimshuffle(others, *(order.index(a) for a in range(x.ndim)))


@checks_keywords(input="x")
def prod(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> Any:
    """Product over axes; its gradient is right where elements are zero.

    Parameters
    ----------
    x : array_like
        Any shape; booleans and integers are multiplied in int64 (uint64 when unsigned).
    axis : int, tuple of int or None
        None multiplies over all axes.
    dtype : str, optional
        dtype of the result.
    keepdims : bool
        Keep the axes with length 1.
    acc_dtype : str, optional
        dtype to multiply in.
    no_zeros_in_input : bool
        A promise that no element is zero, for a cheaper gradient.

    >>> prod([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([3., 8.])
    """
    return _totalled(Prod, x, axis, dtype, keepdims, acc_dtype, bool(no_zeros_in_input))


# -- extremes --------------------------------------------------------------------------------


class Extreme(Reduction, register=False):
    """Largest or smallest element over axes, or where it is; no elements have none."""

    def make(self, *inputs: Expr) -> Expr:
        (x,) = inputs
        kept = [n for a, n in enumerate(x.static_shape) if a not in self.axis]
        if 0 in [x.static_shape[a] for a in self.axis] and None not in kept and 0 not in kept:
            raise ShapeError(
                f"{self.name}: {describe(x)} has no elements along axis {self.axis}, so there "
                f"is none to choose.\n{made_at(x)}"
            )
        return super().make(*inputs)

    def check(self, x: Any) -> None:
        """Raise what the user should read where there is no element to choose from."""
        if x.size == 0 and 0 not in [n for a, n in enumerate(x.shape) if a not in self.axis]:
            raise ValueError(
                f"an array of shape {x.shape} has no elements along axis {self.axis}, so there "
                "is none to choose"
            )

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(cls(axis, keepdims), (Arg(shape),))
        yield Example(cls((1,), False), (Arg((0, 3)),))
        yield Example(cls((0,), True), (Arg((3, 4), "int32"),))
        yield Example(cls((0,), False), (Arg((3, 4), "bool"),))


class ExtremeValue(Extreme, register=False):
    """The extreme itself; in a tie every one of them gets the gradient."""

    beyond = staticmethod(gt)  # the extreme, compared with what is not chosen

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        y, g = self.restore_axes(y, x), self.restore_axes(g, x)
        g = unless_nan(g, y)  # of NaN all comparisons are false
        return (switch(self.beyond(y, x), 0, g),)


class Max(ExtremeValue):
    """Largest element over axes; NaN wins."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        self.check(arrays[0])
        return xp.max(arrays[0], axis=self.axis, keepdims=self.keepdims)


class Min(ExtremeValue):
    """Smallest element over axes; NaN wins."""

    beyond = staticmethod(lt)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        self.check(arrays[0])
        return xp.min(arrays[0], axis=self.axis, keepdims=self.keepdims)


class ArgExtreme(Extreme, register=False):
    """Where the extreme is, over all of the axes as if they were flattened."""

    def result_dtype(self, dtype: str) -> str:
        return "int64"

    def _find(self, xp: Any, search: Any, x: Any) -> Any:
        self.check(x)
        if not self.axis:
            return xp.zeros(x.shape, dtype="int64")
        kept = tuple(a for a in range(x.ndim) if a not in self.axis)
        if len(self.axis) == 1:
            found = search(x, axis=self.axis[0])
        else:
            lengths = [x.shape[a] for a in kept]
            flat = xp.transpose(x, kept + self.axis)
            found = search(flat.reshape((*lengths, math.prod(x.shape[a] for a in self.axis))), -1)
        if self.keepdims:
            found = xp.expand_dims(found, self.axis)
        return xp.asarray(found).astype("int64")

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return (example._replace(differentiable=False) for example in super().examples())


class Argmax(ArgExtreme):
    """Index of the largest element over axes, the first of several; NaN wins."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return self._find(xp, xp.argmax, arrays[0])


class Argmin(ArgExtreme):
    """Index of the smallest element over axes, the first of several; NaN wins."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return self._find(xp, xp.argmin, arrays[0])


def _extreme(kind: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    x, axes = check_axes(x, axis, kind.__name__.lower())
    if is_complex(x.dtype):
        raise GraphTypeError(
            f"{kind.__name__.lower()}: complex numbers have no order, and {describe(x)} is "
            f"complex. Use abs(x), T.real(x) or T.imag(x).\n{made_at(x)}"
        )
    return kind(axes, bool(keepdims)).make(x)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over axes; NaN wins. The gradient goes to every element in a tie.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int, tuple of int or None
        None takes the largest of all elements.
    keepdims : bool
        Keep the axes with length 1.

    Raises
    ------
    ShapeError
        If there are no elements to choose from.

    >>> max([[1.0, 5.0], [3.0, 4.0]], axis=0).eval()
    array([3., 5.])
    """
    return _extreme(Max, x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over axes; NaN wins. The gradient goes to every element in a tie.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int, tuple of int or None
        None takes the smallest of all elements.
    keepdims : bool
        Keep the axes with length 1.

    Raises
    ------
    ShapeError
        If there are no elements to choose from.

    >>> min([[1.0, 5.0], [3.0, 4.0]], axis=0).eval()
    array([1., 4.])
    """
    return _extreme(Min, x, axis, keepdims)


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Index of the largest element, int64; the first of several.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int, tuple of int or None
        None gives the index into the flattened elements.
    keepdims : bool
        Keep the axes with length 1.

    Raises
    ------
    ShapeError
        If there are no elements to choose from.

    >>> argmax([[1.0, 5.0], [3.0, 4.0]], axis=1).eval()
    array([1, 1])
    """
    return _extreme(Argmax, x, axis, keepdims)


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Index of the smallest element, int64; the first of several.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int, tuple of int or None
        None gives the index into the flattened elements.
    keepdims : bool
        Keep the axes with length 1.

    Raises
    ------
    ShapeError
        If there are no elements to choose from.

    >>> argmin([[1.0, 5.0], [3.0, 4.0]], axis=1).eval()
    array([0, 0])
    """
    return _extreme(Argmin, x, axis, keepdims)


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:
    """Largest element over axes, and its index.

    >>> [v.eval() for v in max_and_argmax([[1.0, 5.0], [3.0, 4.0]], axis=1)]
    [array([5., 4.]), array([1, 1])]
    """
    return max(a, axis, keepdims), argmax(a, axis, keepdims)


# -- all and any -----------------------------------------------------------------------------


class Truth(Reduction, register=False):
    """Whether elements are true, over axes; `bool()` of the result refuses."""

    is_condition = True

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type("bool", self.reduced(types[0].shape))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(cls(axis, keepdims), (Arg(shape, "bool"),))
        yield Example(cls((0,), False), (Arg((0, 3), "bool"),))


class AllTrue(Truth):
    """Whether all elements are true, over axes."""

    @property
    def name(self) -> str:
        return "all"

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.all(arrays[0], axis=self.axis, keepdims=self.keepdims)


class AnyTrue(Truth):
    """Whether any element is true, over axes."""

    @property
    def name(self) -> str:
        return "any"

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.any(arrays[0], axis=self.axis, keepdims=self.keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements are true (not zero), over axes.

    Parameters
    ----------
    x : array_like
        Any shape and dtype; NaN is true. Of no elements, all are.
    axis : int, tuple of int or None
        None asks all elements.
    keepdims : bool
        Keep the axes with length 1.

    >>> all([[1, 0], [1, 1]], axis=1).eval()
    array([False,  True])
    """
    x, axes = check_axes(x, axis, "all")
    return AllTrue(axes, bool(keepdims)).make(x if x.dtype == "bool" else neq(x, 0))


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element is true (not zero), over axes.

    Parameters
    ----------
    x : array_like
        Any shape and dtype; NaN is true. Of no elements, none is.
    axis : int, tuple of int or None
        None asks all elements.
    keepdims : bool
        Keep the axes with length 1.

    >>> any([[0, 0], [1, 0]], axis=1).eval()
    array([False,  True])
    """
    x, axes = check_axes(x, axis, "any")
    return AnyTrue(axes, bool(keepdims)).make(x if x.dtype == "bool" else neq(x, 0))


for _function in (sum, mean, prod, max, min, argmax, argmin, all, any):
    hooks.table[_function.__name__] = _function
