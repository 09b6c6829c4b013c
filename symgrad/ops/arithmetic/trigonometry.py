"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symgrad import hooks
from symgrad.ops.arithmetic.elementwise import sqrt
from symgrad.ops.families import elementwise

# -- angles --------------------------------------------------------------------------------


@elementwise(vjp=lambda g, y, x: (g * (math.pi / 180),), dtype="float", real=True)
def deg2rad(xp: Any, x: Any) -> Any:
    """Degrees as radians.

    >>> deg2rad([180.0]).eval()
    array([3.14159265])
    """
    return xp.deg2rad(x)


@elementwise(vjp=lambda g, y, x: (g * (180 / math.pi),), dtype="float", real=True)
def rad2deg(xp: Any, x: Any) -> Any:
    """Radians as degrees.

    >>> rad2deg([3.141592653589793]).eval()
    array([180.])
    """
    return xp.rad2deg(x)


# -- circular ------------------------------------------------------------------------------


def _sin_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g * cos(x),)


@elementwise(vjp=_sin_vjp, dtype="float")
def sin(xp: Any, x: Any) -> Any:
    """Sine of each element, in radians.

    >>> sin([0.0, 1.0]).eval()
    array([0.        , 0.84147098])
    """
    return xp.sin(x)


@elementwise(vjp=lambda g, y, x: (-g * sin(x),), dtype="float")
def cos(xp: Any, x: Any) -> Any:
    """Cosine of each element, in radians.

    >>> cos([0.0, 1.0]).eval()
    array([1.        , 0.54030231])
    """
    return xp.cos(x)


@elementwise(vjp=lambda g, y, x: (g * (1 + y * y),), domain=(-1.2, 1.2), dtype="float")
def tan(xp: Any, x: Any) -> Any:
    """Tangent of each element, in radians.

    >>> tan([0.0, 1.0]).eval()
    array([0.        , 1.55740772])
    """
    return xp.tan(x)


# (1 - x) * (1 + x) is exact to the last bits near 1 and -1, where 1 - x*x is not.


@elementwise(vjp=lambda g, y, x: (g / sqrt((1 - x) * (1 + x)),), domain=(-0.8, 0.8), dtype="float")
def arcsin(xp: Any, x: Any) -> Any:
    """Inverse sine, between -π/2 and π/2; NaN outside [-1, 1].

    >>> arcsin([0.0, 1.0]).eval()
    array([0.        , 1.57079633])
    """
    return xp.arcsin(x)


@elementwise(vjp=lambda g, y, x: (-g / sqrt((1 - x) * (1 + x)),), domain=(-0.8, 0.8), dtype="float")
def arccos(xp: Any, x: Any) -> Any:
    """Inverse cosine, between 0 and π; NaN outside [-1, 1].

    >>> arccos([1.0, 0.0]).eval()
    array([0.        , 1.57079633])
    """
    return xp.arccos(x)


@elementwise(vjp=lambda g, y, x: (g / (1 + x * x),), dtype="float")
def arctan(xp: Any, x: Any) -> Any:
    """Inverse tangent, between -π/2 and π/2.

    >>> arctan([0.0, 1.0]).eval()
    array([0.        , 0.78539816])
    """
    return xp.arctan(x)


def _arctan2_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    square = a * a + b * b
    return g * b / square, -g * a / square


@elementwise(vjp=_arctan2_vjp, domain=((-2.0, 2.0), (0.3, 2.0)), dtype="float", real=True)
def arctan2(xp: Any, a: Any, b: Any) -> Any:
    """The angle of the point ``(b, a)``, between -π and π.

    >>> arctan2([1.0, -1.0], [1.0, -1.0]).eval()
    array([ 0.78539816, -2.35619449])
    """
    return xp.arctan2(a, b)


# -- hyperbolic (tanh is in elementwise.py) ------------------------------------------------


def _sinh_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g * cosh(x),)


@elementwise(vjp=_sinh_vjp, dtype="float")
def sinh(xp: Any, x: Any) -> Any:
    """Hyperbolic sine of each element.

    >>> sinh([0.0, 1.0]).eval()
    array([0.        , 1.17520119])
    """
    return xp.sinh(x)


@elementwise(vjp=lambda g, y, x: (g * sinh(x),), dtype="float")
def cosh(xp: Any, x: Any) -> Any:
    """Hyperbolic cosine of each element.

    >>> cosh([0.0, 1.0]).eval()
    array([1.        , 1.54308063])
    """
    return xp.cosh(x)


@elementwise(vjp=lambda g, y, x: (g / sqrt(1 + x * x),), dtype="float")
def arcsinh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic sine of each element.

    >>> arcsinh([0.0, 1.0]).eval()
    array([0.        , 0.88137359])
    """
    return xp.arcsinh(x)


@elementwise(vjp=lambda g, y, x: (g / sqrt((x - 1) * (x + 1)),), domain=(1.3, 4.0), dtype="float")
def arccosh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic cosine; NaN below 1.

    >>> arccosh([1.0, 2.0]).eval()
    array([0.        , 1.3169579])
    """
    return xp.arccosh(x)


@elementwise(vjp=lambda g, y, x: (g / ((1 - x) * (1 + x)),), domain=(-0.8, 0.8), dtype="float")
def arctanh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    >>> arctanh([0.0, 0.5]).eval()
    array([0.        , 0.54930614])
    """
    return xp.arctanh(x)


for _op in (
    *(deg2rad, rad2deg, sin, cos, tan, arcsin, arccos, arctan),
    *(sinh, cosh, arcsinh, arccosh, arctanh),
):
    hooks.table[_op.name] = _op
