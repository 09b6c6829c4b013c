"""What activations become in the last rewrites, beside what NumPy has ufuncs for.

NumPy on Linux computes `log1p` and `expm1` with vector instructions where the processor has
AVX-512 (0.3 ns an element, float32), and one by one everywhere else (5 ns). There, what can be had
from other functions is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from symgrad.ops.arithmetic.elementwise import le, switch
from symgrad.ops.arithmetic.logic import invert, isnan, or_
from symgrad.ops.families import elementwise
from symgrad.ops.nnet.nnet import sigmoid

# -- what this machine is fast at ------------------------------------------------------------


@cache
def cpu_features() -> dict[str, bool]:
    """The processor's instruction sets that NumPy uses; empty where it does not say.

    >>> isinstance(cpu_features(), dict)
    True
    """
    for module in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:  # the second is NumPy 1
            return dict(import_module(module).__cpu_features__)
        except (ImportError, AttributeError):
            continue
    return {}


@cache
def has_vector_log1p() -> bool:
    """Whether NumPy computes `log1p` and `expm1` with vector instructions (or does not say).

    >>> has_vector_log1p() in (True, False)
    True
    """
    features = cpu_features()
    if not features:
        return True
    avx512 = features.get("X86_V4", features.get("AVX512_SKX", False))
    return avx512 and sys.platform == "linux"


@cache
def has_vector_tanh() -> bool:
    """Whether NumPy computes float32 `exp` and `tanh` with vector instructions.

    >>> has_vector_tanh() in (True, False)
    True
    """
    features = cpu_features()
    return features.get("X86_V3", features.get("AVX2", False) and features.get("FMA3", False))


# -- a choice between something and 0 ----------------------------------------------------------

_BITS = {np.dtype(f"float{n}"): np.dtype(f"int{n}") for n in (16, 32, 64)}


def _kept_dtypes(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    return ("bool", dtypes[1]), dtypes[1]


def _kept_into(out: Any, condition: Any, x: Any) -> None:
    """As a product of the bits: 0.4 ns an element in float32, `copyto` and `putmask` 1.1 to 1.8."""
    bits = _BITS[out.dtype]
    np.multiply(x.view(bits), np.asarray(condition, bool), out.view(bits))


@elementwise(
    vjp=lambda g, y, condition, x: (None, switch(condition, g, 0)),
    domain=((0.0, 1.0), (-2.0, 2.0)),
    dtype=_kept_dtypes,
    ufunc="",
    apart=1,
    real=True,
    into=_kept_into,
)
def kept(xp: Any, condition: Any, x: Any) -> Any:
    """Elements of `x` where a condition holds, else 0.

    >>> kept([True, False], [2.0, float("nan")]).eval()
    array([2., 0.])
    """
    if xp is not np:
        return xp.where(condition, x, xp.zeros_like(x))
    bits = _BITS.get(x.dtype)
    if bits is None:
        return np.where(condition, x, x.dtype.type(0))
    return np.multiply(x.view(bits), np.asarray(condition, bool)).view(x.dtype)


# -- a number and a NaN ------------------------------------------------------------------------


def _fmin_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    first = or_(le(a, b), isnan(b))
    return switch(first, g, 0), switch(invert(first), g, 0)


@elementwise(vjp=_fmin_vjp, real=True)
def fmin(xp: Any, a: Any, b: Any) -> Any:
    """The smaller of two elements; of a number and a NaN, the number.

    >>> fmin([1.0, float("nan")], 2).eval()
    array([1., 2.])
    """
    return xp.fmin(a, b)


# -- sigmoid -----------------------------------------------------------------------------------


@elementwise(
    vjp=lambda g, y, x: (g * y * (1 - 2 * sigmoid(x)),),
    domain=(-4.0, 4.0),
    dtype="float",
    real=True,
)
def slope_of_sigmoid(xp: Any, x: Any) -> Any:
    """``sigmoid(x) * sigmoid(-x)``.

    >>> slope_of_sigmoid([-1.0, 0.0]).eval()
    array([0.19661193, 0.25      ])
    """
    with np.errstate(over="ignore", under="ignore"):
        power = xp.exp(x)
        finite = xp.clip(power, 0, xp.finfo(x.dtype).max)
        return _by_exp(xp, finite / (1 + finite), power, x)


# exp(x) overflows soon above, where the slope is exp(-x) to all digits
_FAR = {name: float(np.floor(np.log(np.finfo(name).max))) for name in map(str, _BITS)}
_FLOATS = {d.char: (np.array(1, d), _FAR[str(d)]) for d in _BITS}  # its name takes 1 µs


def _by_exp(xp: Any, s: Any, power: Any, x: Any) -> Any:
    return xp.where(x > _FAR[str(x.dtype)], xp.exp(-x), s / (1 + power))


def _by_exp_into(out: Any, s: Any, power: Any, x: Any) -> None:
    one, far = _FLOATS[out.dtype.char]
    np.add(power, one, out)
    np.divide(s, out, out)
    if out.size and not np.maximum.reduce(x, None) <= far:  # of NaN, too
        np.copyto(out, np.exp(-x), where=x > far)


@elementwise(
    vjp=lambda g, y, s, power, x: (g / (1 + power), -g * y / (1 + power), 0 * g),
    domain=((0.1, 0.9), (0.1, 4.0), (-4.0, 4.0)),
    dtype="float",
    real=True,
    into=_by_exp_into,
)
def slope_by_exp(xp: Any, s: Any, power: Any, x: Any) -> Any:
    """``s / (1 + power)``, where s is sigmoid(x) and power exp(x), which may overflow.

    >>> slope_by_exp(0.5, 1.0, 0.0).eval()
    array(0.25)
    """
    with np.errstate(over="ignore", under="ignore"):
        return _by_exp(xp, s, power, x)


# -- log1p in float32 --------------------------------------------------------------------------

_FEW = 512  # elements, of which the calls of many ufuncs would cost more than np.log1p
_BLOCK = 8192  # elements: three such arrays of float32 fit in a second-level cache


def _in_blocks(kernel: Callable[..., None]) -> Callable[[Any, Any], None]:
    """A function `kernel(out, x, a, b)` with two temporaries, as one of `out` and `x` of any size.

    Long arrays are taken block by block, so that the temporaries stay in the cache.
    """

    def into(out: Any, x: Any) -> None:
        if out.dtype != np.float32 or out.size < _FEW:
            np.log1p(x, out)
            return
        if x.shape != out.shape:  # one row, say, where the memory of a chain is large
            x = np.broadcast_to(x, out.shape)
        a, b = np.empty((2, min(out.size, _BLOCK)), dtype=np.float32)
        flat, x = out.reshape(-1), np.ravel(x)
        if x.size <= _BLOCK:
            kernel(flat, x, a, b)
            return
        for start in range(0, x.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            n = x[part].size
            kernel(flat[part], x[part], a[:n], b[:n])

    return into


# 2 * atanh(s) = 2 * s + s**3 * Q(s**2) for 0 <= s <= 1/3: Chebyshev, relative error of Q 4e-7,
# which is 1.6e-8 in log1p.
_Q = (0.268514980228, 0.282366198053, 0.400075606449, 0.666666403367)
_Q0, *_QS, _ONE, _TWO = (np.array(c, dtype="float32") for c in (*_Q, 1, 2))


def _log1p_of_fraction(out: Any, x: Any, s: Any, z: Any) -> None:
    """log1p(x) = 2 * atanh(s) with s = x / (2 + x), where 2 * s is x - s * x.

    13 ufuncs, 1.4 ns; within 1.2 ulp, so that softplus is within 4 although exp is only in 2.5.
    """
    np.add(x, _TWO, s)
    np.divide(x, s, s)
    np.multiply(s, s, z)
    np.multiply(z, _Q0, out)
    for c in _QS:
        np.add(out, c, out)
        np.multiply(out, z, out)
    np.subtract(x, out, out)
    np.multiply(out, s, out)
    np.subtract(x, out, out)


def _log1p(out: Any, x: Any, u: Any, c: Any) -> None:
    """log1p(x) = log(u) + (x - (u - 1)) / u with u = 1 + x, rounded; within 4 ulp, 2 ns."""
    np.add(x, _ONE, u)
    np.subtract(u, _ONE, c)
    np.subtract(x, c, c)
    np.divide(c, u, c)
    np.copyto(c, 0, where=np.isnan(c))  # inf - inf at infinity, 0 / 0 at -1
    np.log(u, out)
    np.add(out, c, out)
    np.copyto(out, x, where=np.equal(u, _ONE))  # keeps the sign of -0.0


_fraction_into, _log1p_into = _in_blocks(_log1p_of_fraction), _in_blocks(_log1p)


def _log1p_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g / (x + 1),)


@elementwise(vjp=_log1p_vjp, domain=(0.0, 1.0), dtype="float", real=True, into=_fraction_into)
def log1p_of_fraction(xp: Any, x: Any) -> Any:
    """``log(1 + x)``, exact near 0, for 0 <= x <= 1; in float32 by a polynomial.

    >>> log1p_of_fraction([0.0, 1e-20, 1.0]).eval()
    array([0.00000000e+00, 1.00000000e-20, 6.93147181e-01])
    """
    return _computed(xp, x, _fraction_into)


@elementwise(vjp=_log1p_vjp, domain=(-0.5, 4.0), dtype="float", real=True, into=_log1p_into)
def log1p_by_log(xp: Any, x: Any) -> Any:
    """``log(1 + x)``, exact near 0; in float32 by `log` and a correction.

    >>> log1p_by_log([0.0, 1e-20, 1.0]).eval()
    array([0.00000000e+00, 1.00000000e-20, 6.93147181e-01])
    """
    return _computed(xp, x, _log1p_into)


def _computed(xp: Any, x: Any, into: Callable[[Any, Any], None]) -> Any:
    if xp is not np:
        return xp.log1p(x)
    out = np.empty(np.shape(x), dtype=x.dtype)
    with np.errstate(all="ignore"):  # what is not finite on the way is mended
        into(out, x)
    return out
