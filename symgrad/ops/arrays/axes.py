"""Axes put in, taken out and moved: NumPy's and Theano's words for `dimshuffle`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad import hooks
from symgrad.errors import (
    GraphTypeError,
    GraphValueError,
    ShapeError,
    checks_keywords,
    describe,
    made_at,
    naming,
)
from symgrad.graph.types import normalize_axis
from symgrad.ops.arrays.lengths import check_axis, check_int
from symgrad.ops.arrays.shaping import dimshuffle
from symgrad.ops.op import as_expr


def _axis_list(axis: Any) -> list[Any]:
    return list(axis) if isinstance(axis, (tuple, list)) else [axis]


def _distinct(x: Any, axes: Sequence[int], what: str) -> None:
    if len(set(axes)) != len(axes):
        raise GraphValueError(
            f"{what}: axes {tuple(axes)} of {describe(x)} name one twice.\n{made_at(x)}"
        )


# -- axes of length 1 --------------------------------------------------------------------------


def squeeze(x: Any, axis: Any = None) -> Any:
    """Remove axes of length 1.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int or tuple of int, optional
        Which axes; their length must be 1. By default all whose length is known to be 1 when
        the expression is built (a rank cannot depend on data).

    Raises
    ------
    ShapeError
        If the length of one is known not to be 1 (otherwise the function raises when it runs).

    >>> squeeze([[1.0, 2.0]]).eval()
    array([1., 2.])
    """
    x = as_expr(x, "squeeze")
    if axis is None:
        dropped = [a for a, n in enumerate(x.static_shape) if n == 1]
    else:
        dropped = [check_axis(x, a, "squeeze") for a in _axis_list(axis)]
    _distinct(x, dropped, "squeeze")
    for a in dropped:
        if x.static_shape[a] not in (1, None):
            raise ShapeError(
                f"squeeze: dimension {a} of {describe(x)} has length {x.static_shape[a]}, not 1."
                f"\n{made_at(x)}"
            )
    return dimshuffle(x, *[a for a in range(x.ndim) if a not in dropped])


def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes of length 1.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int or tuple of int
        Where the new axes stand in the result.

    >>> expand_dims([1.0, 2.0], 0).static_shape, expand_dims([1.0, 2.0], (0, -1)).static_shape
    ((1, 2), (1, 2, 1))
    """
    x = as_expr(x, "expand_dims")
    entries = _axis_list(axis)
    ndim = x.ndim + len(entries)
    with naming(x):
        new = [normalize_axis(a, ndim, "expand_dims: axis") for a in entries]
    _distinct(x, new, "expand_dims")
    old = iter(range(x.ndim))
    return dimshuffle(x, *["x" if a in new else next(old) for a in range(ndim)])


_MOST_AXES = 64  # of NumPy's arrays


def _count(n_ones: Any, what: str) -> int:
    count = check_int(n_ones, f"{what}: n_ones")
    if count > _MOST_AXES:
        raise GraphValueError(f"{what}: {count} axes are more than NumPy's {_MOST_AXES}.")
    return count


@checks_keywords(t="x")
def shape_padleft(x: Any, n_ones: int = 1) -> Any:
    """Insert axes of length 1 on the left.

    >>> shape_padleft([1.0, 2.0], 2).static_shape
    (1, 1, 2)
    """
    x = as_expr(x, "shape_padleft")
    return dimshuffle(x, *["x"] * _count(n_ones, "shape_padleft"), *range(x.ndim))


@checks_keywords(t="x")
def shape_padright(x: Any, n_ones: int = 1) -> Any:
    """Insert axes of length 1 on the right.

    >>> shape_padright([1.0, 2.0], 2).static_shape
    (2, 1, 1)
    """
    x = as_expr(x, "shape_padright")
    return dimshuffle(x, *range(x.ndim), *["x"] * _count(n_ones, "shape_padright"))


@checks_keywords(t="x")
def shape_padaxis(x: Any, axis: int) -> Any:
    """Insert one axis of length 1, which is axis `axis` of the result.

    >>> shape_padaxis([[1.0, 2.0, 3.0]], -1).static_shape
    (1, 3, 1)
    """
    return expand_dims(as_expr(x, "shape_padaxis"), axis)


def atleast_1d(*arrays: Any) -> Any:
    """Return each argument with at least one axis; several arguments give a list.

    >>> atleast_1d(3.0).static_shape
    (1,)
    """
    return _at_least(arrays, 1, "atleast_1d")


def atleast_2d(*arrays: Any) -> Any:
    """Return each argument with at least two axes, new ones on the left; several give a list.

    >>> atleast_2d([1.0, 2.0]).static_shape
    (1, 2)
    """
    return _at_least(arrays, 2, "atleast_2d")


def atleast_3d(*arrays: Any) -> Any:
    """Return each argument with at least three axes, as NumPy places them; several give a list.

    >>> atleast_3d([1.0, 2.0]).static_shape, atleast_3d([[1.0, 2.0]]).static_shape
    ((1, 2, 1), (1, 2, 1))
    """
    return _at_least(arrays, 3, "atleast_3d")


def _at_least(arrays: Sequence[Any], ndim: int, what: str) -> Any:
    if not arrays:
        raise GraphTypeError(f"{what}() takes at least one tensor.")
    results = []
    for array in arrays:
        x = as_expr(array, what)
        if ndim == 3 and x.ndim in (1, 2):
            results.append(dimshuffle(x, *["x"] * (2 - x.ndim), *range(x.ndim), "x"))
        else:
            results.append(shape_padleft(x, max(0, ndim - x.ndim)))
    return results[0] if len(results) == 1 else results


# -- axes in another order ---------------------------------------------------------------------


@checks_keywords(y="x")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    >>> swapaxes([[1.0, 2.0, 3.0]], 0, 1).static_shape
    (3, 1)
    """
    x = as_expr(x, "swapaxes")
    a, b = check_axis(x, axis1, "swapaxes"), check_axis(x, axis2, "swapaxes")
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return dimshuffle(x, *order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the others keep their order.

    Parameters
    ----------
    x : array_like
        Any shape.
    source, destination : int or sequence of int
        Where each axis is, and where it goes.

    >>> moveaxis([[[1.0, 2.0, 3.0]]], 2, 0).static_shape
    (3, 1, 1)
    """
    x = as_expr(x, "moveaxis")
    sources = [check_axis(x, a, "moveaxis") for a in _axis_list(source)]
    targets = [check_axis(x, a, "moveaxis") for a in _axis_list(destination)]
    if len(sources) != len(targets):
        raise GraphValueError(
            f"moveaxis: {len(sources)} axes to move, but {len(targets)} places given."
        )
    _distinct(x, sources, "moveaxis")
    _distinct(x, targets, "moveaxis")
    order = [a for a in range(x.ndim) if a not in sources]
    for target, a in sorted(zip(targets, sources, strict=True)):
        order.insert(target, a)
    return dimshuffle(x, *order)


def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """Move one axis backwards until it stands before what was axis `start`.

    >>> rollaxis([[[1.0, 2.0, 3.0]]], 2).static_shape
    (3, 1, 1)
    """
    x = as_expr(x, "rollaxis")
    a = check_axis(x, axis, "rollaxis")
    place = check_int(start, "rollaxis: start")
    if not -x.ndim <= place <= x.ndim:
        raise GraphValueError(
            f"rollaxis: start {place} is not a place among the axes of {describe(x)} (allowed: "
            f"{-x.ndim} to {x.ndim}).\n{made_at(x)}"
        )
    place += x.ndim if place < 0 else 0
    order = [b for b in range(x.ndim) if b != a]
    order.insert(place - (a < place), a)
    return dimshuffle(x, *order)


hooks.table["squeeze"] = squeeze
hooks.table["swapaxes"] = swapaxes
