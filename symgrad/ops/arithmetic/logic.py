"""Bits, truth values, and tests for NaN, infinity and closeness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad import hooks
from symgrad.graph.types import float_of, is_complex, is_discrete
from symgrad.ops.arithmetic.elementwise import abs, cast, eq, le, neq
from symgrad.ops.families import elementwise
from symgrad.ops.op import as_expr, as_exprs, common_dtype

# -- bits; of booleans, truth values -------------------------------------------------------


@elementwise(dtype="bits", ufunc="bitwise_and", condition=True, variadic=True, domain=(0.0, 1.0))
def and_(xp: Any, a: Any, b: Any) -> Any:
    """``a & b``: both hold, or of integers, the bits that both have.

    >>> and_([True, True], [True, False]).eval(), and_(6, 3).eval()
    (array([ True, False]), array(2, dtype=int8))
    """
    return xp.bitwise_and(a, b)


@elementwise(dtype="bits", ufunc="bitwise_or", condition=True, variadic=True, domain=(0.0, 1.0))
def or_(xp: Any, a: Any, b: Any) -> Any:
    """``a | b``: one of them holds, or of integers, the bits that either has.

    >>> or_([True, False], [False, False]).eval(), or_(6, 3).eval()
    (array([ True, False]), array(7, dtype=int8))
    """
    return xp.bitwise_or(a, b)


@elementwise(dtype="bits", ufunc="bitwise_xor", condition=True, variadic=True, domain=(0.0, 1.0))
def xor(xp: Any, a: Any, b: Any) -> Any:
    """``a ^ b``: exactly one of them holds, or of integers, the bits that one of the two has.

    >>> xor([True, True], [True, False]).eval(), xor(6, 3).eval()
    (array([False,  True]), array(5, dtype=int8))
    """
    return xp.bitwise_xor(a, b)


@elementwise(dtype="bits", condition=True, domain=(0.0, 1.0))
def invert(xp: Any, x: Any) -> Any:
    """``~x``: the opposite, or of integers, all bits flipped.

    >>> invert([True, False]).eval(), invert(6).eval()
    (array([False,  True]), array(-7, dtype=int8))
    """
    return xp.invert(x)


def _truth(x: Any, name: str) -> Any:
    x = as_expr(x, name)
    return neq(x, 0) if is_complex(x.dtype) else cast(x, "bool")


def logical_and(a: Any, b: Any) -> Any:
    """Where both are true (not zero), as booleans.

    >>> logical_and([2.0, 0.0], 1).eval()
    array([ True, False])
    """
    return and_(_truth(a, "logical_and"), _truth(b, "logical_and"))


def logical_or(a: Any, b: Any) -> Any:
    """Where one of the two is true (not zero), as booleans.

    >>> logical_or([2.0, 0.0], 0).eval()
    array([ True, False])
    """
    return or_(_truth(a, "logical_or"), _truth(b, "logical_or"))


def logical_xor(a: Any, b: Any) -> Any:
    """Where exactly one of the two is true (not zero), as booleans.

    >>> logical_xor([2.0, 0.0], 1).eval()
    array([False,  True])
    """
    return xor(_truth(a, "logical_xor"), _truth(b, "logical_xor"))


def logical_not(x: Any) -> Any:
    """Where `x` is false (zero), as booleans.

    >>> logical_not([2.0, 0.0]).eval()
    array([False,  True])
    """
    return invert(_truth(x, "logical_not"))


# -- what kind of number -------------------------------------------------------------------


def _test(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    return dtypes, "bool"


@elementwise(dtype=_test, condition=True, names={"x": "a"})
def isnan(xp: Any, a: Any) -> Any:
    """Where an element is NaN.

    >>> isnan([1.0, float("nan")]).eval()
    array([False,  True])
    """
    return xp.isnan(a)


@elementwise(dtype=_test, condition=True, names={"x": "a"})
def isinf(xp: Any, a: Any) -> Any:
    """Where an element is infinite, of either sign.

    >>> isinf([1.0, float("-inf")]).eval()
    array([False,  True])
    """
    return xp.isinf(a)


@elementwise(dtype=_test, condition=True)
def isfinite(xp: Any, x: Any) -> Any:
    """Where an element is neither NaN nor infinite.

    >>> isfinite([1.0, float("nan"), float("inf")]).eval()
    array([ True, False, False])
    """
    return xp.isfinite(x)


# -- closeness -----------------------------------------------------------------------------


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Where ``|a - b| <= atol + rtol * |b|``, as `numpy.isclose`.

    Parameters
    ----------
    a, b : array_like
        Broadcast against each other; equal infinities are close.
    rtol, atol : float or tensor
        Relative and absolute tolerance.
    equal_nan : bool
        Whether two NaN are close.

    >>> isclose([1.0, 1.0], [1.0 + 1e-9, 1.1]).eval()
    array([ True, False])
    """
    a, b = as_exprs((a, b), "isclose")
    dtype = common_dtype((a, b))
    dtype = "float64" if is_discrete(dtype) else float_of(dtype)  # unsigned differences wrap
    a, b = cast(a, dtype), cast(b, dtype)
    close = and_(le(abs(a - b), atol + rtol * abs(b)), isfinite(b))
    close = or_(close, eq(a, b))
    return or_(close, and_(isnan(a), isnan(b))) if equal_nan else close


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close, as `numpy.allclose`; a boolean scalar.

    Parameters
    ----------
    a, b, rtol, atol, equal_nan
        See `isclose`.

    >>> allclose([1.0, 2.0], [1.0 + 1e-9, 2.0]).eval()
    array(True)
    """
    return isclose(a, b, rtol, atol, equal_nan).all()


hooks.table.update(and_=and_, or_=or_, xor=xor, invert=invert)
hooks.table.update(
    logical_and=logical_and,
    logical_or=logical_or,
    logical_xor=logical_xor,
    logical_not=logical_not,
    isclose=isclose,
    allclose=allclose,
)
