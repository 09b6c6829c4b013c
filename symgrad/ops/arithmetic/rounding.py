"""Rounding; the gradient of each is zero, and integers stay as they are."""

from __future__ import annotations

from typing import Any

from symgrad import hooks
from symgrad.errors import GraphValueError, checks_keywords, repr_of
from symgrad.ops.arithmetic.elementwise import cast, tensor_copy
from symgrad.ops.families import elementwise


@elementwise(real=True, on_integers=tensor_copy)
def ceil(xp: Any, x: Any) -> Any:
    """The smallest integer not below each element, as a float.

    >>> ceil([-1.5, 1.2]).eval()
    array([-1.,  2.])
    """
    return xp.ceil(x)


@elementwise(real=True, on_integers=tensor_copy)
def floor(xp: Any, x: Any) -> Any:
    """The largest integer not above each element, as a float.

    >>> floor([-1.5, 1.2]).eval()
    array([-2.,  1.])
    """
    return xp.floor(x)


@elementwise(real=True, on_integers=tensor_copy)
def trunc(xp: Any, x: Any) -> Any:
    """Each element without its decimals.

    >>> trunc([-1.5, 1.2]).eval()
    array([-1.,  1.])
    """
    return xp.trunc(x)


@elementwise(real=True, ufunc="rint", on_integers=tensor_copy)
def round_half_to_even(xp: Any, x: Any) -> Any:
    """The nearest integer; of two, the even one (as NumPy and IEEE 754 do).

    >>> round_half_to_even([0.5, 1.5, 2.5, -0.5]).eval()
    array([ 0.,  2.,  2., -0.])
    """
    return xp.rint(x)


@elementwise(real=True, on_integers=tensor_copy)
def round_half_away_from_zero(xp: Any, x: Any) -> Any:
    """The nearest integer; of two, the one further from zero.

    >>> round_half_away_from_zero([0.5, 1.5, 2.5, -0.5]).eval()
    array([ 1.,  2.,  3., -1.])
    """
    whole = xp.trunc(x)  # x - whole is exact; floor(x + 0.5) would round 0.49999999999999994 up
    return whole + xp.sign(x) * (xp.absolute(x - whole) >= 0.5)


_MODES = {
    "half_to_even": round_half_to_even,
    "half_away_from_zero": round_half_away_from_zero,
}


@checks_keywords(a="x")
def round(x: Any, mode: str | None = None) -> Any:
    """The nearest integer to each element, as a float; the gradient is zero.

    Parameters
    ----------
    x : array_like
        Any shape; integers stay as they are.
    mode : {'half_to_even', 'half_away_from_zero'}, optional
        What becomes of halves; ``half_to_even`` is the default, as in NumPy.

    Raises
    ------
    GraphValueError
        If the mode is another.

    >>> round([0.5, 2.5]).eval(), round([0.5, 2.5], mode="half_away_from_zero").eval()
    (array([0., 2.]), array([1., 3.]))
    """
    mode = "half_to_even" if mode is None else mode
    if mode not in _MODES:
        raise GraphValueError(
            f"round: mode={repr_of(mode)}; expected one of {', '.join(_MODES)}. For n "
            "decimals, use "
            "T.round(x * 10**n) / 10**n."
        )
    return _MODES[mode](x)


def iround(a: Any, mode: str | None = None) -> Any:
    """The nearest integer to each element, as an int64; see `round`.

    >>> iround([0.5, 1.5, -2.5, 3.2]).eval()
    array([ 0,  2, -2,  3])
    """
    return cast(round(a, mode), "int64")


hooks.table.update(ceil=ceil, floor=floor, trunc=trunc, round=round, round_mode=round)
