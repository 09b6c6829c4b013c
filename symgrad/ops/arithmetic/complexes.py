"""Complex numbers: their parts, and made of parts. Gradients stop here with an explanation.

Every path from a real cost to a complex variable leads through one of these operations or
through `abs`, so that no gradient of a complex variable is ever computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError
from symgrad.graph.types import float_of, is_complex, promote
from symgrad.ops.arithmetic.elementwise import NO_COMPLEX_GRADIENT, cast, real_dtypes, tensor_copy
from symgrad.ops.arithmetic.trigonometry import arctan2, cos, sin
from symgrad.ops.arrays.broadcasting import fill
from symgrad.ops.arrays.shaping import zeros_like
from symgrad.ops.families import elementwise
from symgrad.ops.op import as_expr, as_exprs


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


def _complex_dtypes(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    part = float_of(promote(*dtypes))
    if is_complex(part):
        raise GraphTypeError(f"{name} takes real numbers, not {' and '.join(dtypes)}.")
    part = "float32" if part == "float16" else part
    return (part,) * len(dtypes), "complex64" if part == "float32" else "complex128"


def _jax_complex(xp: Any, real: Any, imag: Any) -> Any:
    return import_module("jax").lax.complex(*xp.broadcast_arrays(real, imag))


def _complex_into(out: Any, real: Any, imag: Any) -> None:
    out.real, out.imag = real, imag


@elementwise(
    vjp=lambda g, y, real, imag: (NO_COMPLEX_GRADIENT, NO_COMPLEX_GRADIENT),
    dtype=_complex_dtypes,
    differentiable=False,
    ufunc="",
    jax=_jax_complex,
    into=_complex_into,
)
def complex(xp: Any, real: Any, imag: Any) -> Any:
    """Complex numbers of their real and imaginary parts, which broadcast.

    >>> complex([1.0, 2.0], 3.0).eval()
    array([1.+3.j, 2.+3.j])
    """
    # not real + 1j * imag, where infinite parts make NaN
    made = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), _COMPLEX[real.dtype.name])
    made.real, made.imag = real, imag
    return made


_COMPLEX = {"float32": "complex64", "float64": "complex128"}


def complex_from_polar(abs: Any, angle: Any) -> Any:
    """Complex numbers of their absolute values and angles, in radians.

    >>> complex_from_polar(2.0, 0.0).eval()
    array(2.+0.j)
    """
    abs, angle = as_exprs((abs, angle), "complex_from_polar")
    (part, _), _ = _complex_dtypes([abs.dtype, angle.dtype], "complex_from_polar")
    abs, angle = cast(abs, part), cast(angle, part)
    return complex(abs * cos(angle), abs * sin(angle))


def real(x: Any) -> Any:
    """The real part of each element.

    >>> real([1 + 2j]).eval(), real([3.0]).eval()
    (array([1.]), array([3.]))
    """
    x = as_expr(x, "real")
    if x.op is complex:
        return fill(x, x.inputs[0])  # a gradient goes through
    return real_part(x) if is_complex(x.dtype) else tensor_copy(x)


def imag(x: Any) -> Any:
    """The imaginary part of each element.

    >>> imag([1 + 2j]).eval()
    array([2.])
    """
    x = as_expr(x, "imag")
    if x.op is complex:
        return fill(x, x.inputs[1])
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
