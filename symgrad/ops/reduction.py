"""Reductions: sums, means, extremes over axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.ops.elementwise import cast
from symgrad.ops.families import Reduction, check_axes
from symgrad.ops.op import Arg, Example
from symgrad.ops.shaping import broadcast_like, dim
from symgrad.types import check_dtype, is_discrete


def accurate_sum(xp: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Sum in the dtype of `x`, at least as accurately as pairwise summation.

    NumPy sums pairwise only along axes that lie next to each other in memory; along others a
    float32 sum loses up to one bit per doubling of the length, so it runs in float64 there.
    """
    if xp is np and x.dtype.itemsize < 8 and x.dtype.kind == "f":
        trailing = tuple(range(x.ndim - len(axis), x.ndim))
        if x.dtype.itemsize < 4 or axis != trailing or not x.flags.c_contiguous:
            wide = np.add.reduce(x, axis=axis, keepdims=keepdims, dtype=np.float64)
            return wide.astype(x.dtype)
    return xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


class Sum(Reduction):
    """Sum over axes."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return accurate_sum(xp, xp.asarray(arrays[0]), self.axis, self.keepdims)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        return (broadcast_like(self.restore_axes(g, x), x),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(Sum(axis, keepdims), (Arg(shape),))


def _sum_dtype(dtype: str) -> str:
    if dtype in ("bool", "int8", "int16", "int32"):
        return "int64"
    return "uint64" if dtype.startswith("uint") else dtype


def sum(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Any:
    """Sum over axes.

    Parameters
    ----------
    x : array_like
        Any shape; booleans and integers are summed in int64 (uint64 when unsigned).
    axis : int, tuple of int or None
        None sums over all axes.
    dtype : str, optional
        dtype of the result.
    keepdims : bool
        Keep the summed axes with length 1.
    acc_dtype : str, optional
        dtype to add up in; float32 is always at least as accurate as pairwise summation.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0).eval()
    array([4., 6.])
    """
    x, axes = check_axes(x, axis, "sum")
    result = check_dtype(dtype) if dtype is not None else _sum_dtype(x.dtype)
    inner = check_dtype(acc_dtype) if acc_dtype is not None else result
    return cast(Sum(axes, bool(keepdims)).make(cast(x, inner)), result)


def mean(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    op: bool = False,
    keepdims: bool = False,
    acc_dtype: Any = None,
) -> Any:
    """Arithmetic mean over axes; of integers and booleans, in float64.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int, tuple of int or None
        None averages over all axes.
    dtype : str, optional
        dtype of the result.
    op : bool
        Theano's argument, without effect.
    keepdims : bool
        Keep the axes with length 1.
    acc_dtype : str, optional
        dtype to add up in.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1).eval()
    array([1.5, 3.5])
    """
    x, axes = check_axes(x, axis, "mean")
    if dtype is not None:
        result = check_dtype(dtype)
    else:
        result = "float64" if is_discrete(x.dtype) else x.dtype
    total = sum(x, axes, dtype=None if is_discrete(x.dtype) else result, keepdims=keepdims,
                acc_dtype=acc_dtype)
    count: Any = 1
    for a in axes:
        count = count * dim(x, a)
    return cast(total, result) / cast(count, result)


hooks.table["sum"] = sum
hooks.table["mean"] = mean
