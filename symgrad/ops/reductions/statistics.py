"""Spread over axes: variance, standard deviation, covariances, range."""

from __future__ import annotations

from typing import Any

from symgrad import hooks
from symgrad.errors import GraphTypeError, checks_keywords, describe, made_at
from symgrad.graph.types import is_complex, is_discrete
from symgrad.ops.arithmetic.elementwise import cast, eq, maximum, sqr, sqrt, sub, switch
from symgrad.ops.arrays.axes import shape_padleft
from symgrad.ops.arrays.joining import concatenate
from symgrad.ops.arrays.lengths import check_int, dim, product_of_lengths
from symgrad.ops.arrays.shaping import transpose
from symgrad.ops.linalg.linalg import dot
from symgrad.ops.op import as_expr
from symgrad.ops.reductions.family import check_axes
from symgrad.ops.reductions.reduction import max, mean, min, sum


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


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Covariances of variables, each a row of observations; in float64, as NumPy's.

    Parameters
    ----------
    m : array_like
        A matrix, or a vector of observations of one variable.
    y : array_like, optional
        More variables.
    rowvar : bool
        False where the variables are columns.
    bias : bool
        Divide by the number of observations instead of one less.
    ddof : int, optional
        Divide by the number of observations less this, whatever `bias` is.
    fweights, aweights : None
        Weights are not supported.

    Raises
    ------
    GraphTypeError
        If the variables are complex or of another rank, or there are weights.

    >>> cov([[1.0, 2.0, 4.0], [3.0, 1.0, 0.0]]).eval().round(3)
    array([[ 2.333, -2.167],
           [-2.167,  2.333]])
    """
    if fweights is not None or aweights is not None:
        raise GraphTypeError("cov: weights are not supported. Subtract the weighted mean by hand.")
    rows = []
    for given in (m,) if y is None else (m, y):
        x = as_expr(given, "cov")
        if x.ndim not in (1, 2) or is_complex(x.dtype):
            raise GraphTypeError(
                f"cov takes real vectors or matrices, not {describe(x)}.\n{made_at(x)}"
            )
        x = cast(x, "float64")
        rows.append(shape_padleft(x) if x.ndim == 1 else x if rowvar else transpose(x))
    x = concatenate(rows) if len(rows) > 1 else rows[0]
    if ddof is None:
        ddof = 0 if bias else 1
    centred = x - mean(x, axis=1, keepdims=True)
    count = cast(dim(x, 1) - check_int(ddof, "cov: ddof"), "float64")
    single = y is None and as_expr(m).ndim == 1
    products = dot(centred, transpose(centred)) / count
    return products[0, 0] if single else products


for _function in (var, std, ptp):
    hooks.table[_function.__name__] = _function
