"""Spread over axes: variance, standard deviation, range."""

from __future__ import annotations

from typing import Any

from symgrad import hooks
from symgrad.errors import GraphTypeError, checks_keywords, describe, made_at
from symgrad.ops.elementwise import cast, eq, maximum, sqr, sqrt, sub, switch
from symgrad.ops.families import check_axes
from symgrad.ops.lengths import check_int, product_of_lengths
from symgrad.ops.reduction import max, mean, min, sum
from symgrad.types import is_complex, is_discrete


@checks_keywords(input="x")
def var(
    x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Any:
    """Variance over axes: the mean squared distance from the mean.

    Parameters
    ----------
    x : array_like
        Any shape; integers and booleans are computed in float64.
    axis : int, tuple of int or None
        None takes all elements.
    ddof : int
        The sum of squares is divided by the number of elements less this.
    keepdims : bool
        Keep the axes with length 1.
    corrected : bool
        Subtract what rounding of the mean added.

    >>> var([[1.0, 3.0], [4.0, 8.0]], axis=1).eval()
    array([1., 4.])
    """
    spread, dtype = _variance(x, axis, ddof, keepdims, corrected, "var")
    return cast(spread, dtype)


@checks_keywords(input="x")
def std(
    x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Any:
    """Standard deviation over axes: the square root of the variance.

    Its gradient is finite everywhere; where all elements are equal it is zero.

    Parameters
    ----------
    x : array_like
        Any shape; integers and booleans are computed in float64.
    axis : int, tuple of int or None
        None takes all elements.
    ddof : int
        The sum of squares is divided by the number of elements less this.
    keepdims : bool
        Keep the axes with length 1.
    corrected : bool
        Subtract what rounding of the mean added.

    >>> std([[1.0, 3.0], [4.0, 8.0]], axis=1).eval()
    array([1., 2.])
    """
    spread, dtype = _variance(x, axis, ddof, keepdims, corrected, "std")
    return cast(root(spread), dtype)


def _variance(
    x: Any, axis: Any, ddof: int, keepdims: bool, corrected: bool, what: str
) -> tuple[Any, str]:
    """The variance in the dtype in which it is computed, and the dtype to give it in."""
    x, axes = check_axes(x, axis, what)
    ddof = check_int(ddof, f"{what}: ddof")
    if is_complex(x.dtype):
        raise GraphTypeError(
            f"{what}: {describe(x)} is complex. Take T.real(x) and T.imag(x) apart.\n{made_at(x)}"
        )
    result = "float64" if is_discrete(x.dtype) else x.dtype
    x = cast(x, "float32" if result == "float16" else result)
    centred = x - mean(x, axes, keepdims=True)
    count = product_of_lengths(x, axes)
    left = cast(maximum(sub(count, ddof), 0) if ddof else count, x.dtype)
    squares = sum(sqr(centred), axes, keepdims=keepdims)
    if corrected:
        squares = squares - sqr(sum(centred, axes, keepdims=keepdims)) / cast(count, x.dtype)
    return squares / left, result


def root(x: Any, power: Any = None) -> Any:
    """The square root, or another power below 1, with a gradient of zero at 0.

    >>> import symgrad.tensor as T
    >>> root(T.constant([4.0, 0.0])).eval()
    array([2., 0.])
    """
    is_zero = eq(x, 0)
    inside = switch(is_zero, 1, x)
    return switch(is_zero, 0, sqrt(inside) if power is None else inside**power)


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Range over axes: the largest element less the smallest ("peak to peak").

    Parameters
    ----------
    a : array_like
        Any shape; booleans are refused.
    axis : int, tuple of int or None
        None takes all elements.
    keepdims : bool
        Keep the axes with length 1.

    >>> ptp([[1.0, 5.0], [3.0, 4.0]], axis=1).eval()
    array([4., 1.])
    """
    return max(a, axis, keepdims) - min(a, axis, keepdims)


for _function in (var, std, ptp):
    hooks.table[_function.__name__] = _function
