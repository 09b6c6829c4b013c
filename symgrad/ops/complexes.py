"""Complex numbers: their parts. Gradients stop here with an explanation.

Every path from a real cost to a complex variable leads through one of these operations or
through `abs`, so that no gradient of a complex variable is ever computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad import hooks
from symgrad.ops.elementwise import NO_COMPLEX_GRADIENT, real_dtypes, tensor_copy
from symgrad.ops.families import elementwise
from symgrad.ops.op import as_expr
from symgrad.ops.shaping import zeros_like
from symgrad.ops.trigonometry import arctan2
from symgrad.types import is_complex


def _no_gradient(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (NO_COMPLEX_GRADIENT,)


@elementwise(vjp=_no_gradient, dtype=real_dtypes, ufunc="", name="real", differentiable=False)
def real_part(xp: Any, x: Any) -> Any:
    """The real part.

    >>> real_part([1 + 2j]).eval()
    array([1.])
    """
    return xp.array(xp.real(x))


@elementwise(vjp=_no_gradient, dtype=real_dtypes, ufunc="", name="imag", differentiable=False)
def imaginary_part(xp: Any, x: Any) -> Any:
    """The imaginary part.

    >>> imaginary_part([1 + 2j]).eval()
    array([2.])
    """
    return xp.array(xp.imag(x))


@elementwise(vjp=_no_gradient, dtype="count", ufunc="conjugate", name="conj", differentiable=False)
def conjugate(xp: Any, x: Any) -> Any:
    """The complex conjugate.

    >>> conjugate([1 + 2j]).eval()
    array([1.-2.j])
    """
    return xp.conjugate(x)


def real(x: Any) -> Any:
    """The real part of each element.

    >>> real([1 + 2j]).eval(), real([3.0]).eval()
    (array([1.]), array([3.]))
    """
    x = as_expr(x, "real")
    return real_part(x) if is_complex(x.dtype) else tensor_copy(x)


def imag(x: Any) -> Any:
    """The imaginary part of each element.

    >>> imag([1 + 2j]).eval()
    array([2.])
    """
    x = as_expr(x, "imag")
    return imaginary_part(x) if is_complex(x.dtype) else zeros_like(x)


def conj(x: Any) -> Any:
    """The complex conjugate of each element.

    >>> conj([1 + 2j]).eval()
    array([1.-2.j])
    """
    x = as_expr(x, "conj")
    return conjugate(x) if is_complex(x.dtype) else tensor_copy(x)


def angle(x: Any) -> Any:
    """The angle of each element in the complex plane, in radians.

    >>> angle([1j, -1.0]).eval()
    array([1.57079633, 3.14159265])
    """
    x = as_expr(x, "angle")
    return arctan2(imag(x), real(x))


hooks.table.update(real=real, imag=imag, conj=conj, angle=angle)
