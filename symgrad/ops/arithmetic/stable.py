"""Functions that stand for what overflows or loses digits in its usual spelling.

The stability rules make all of these but `erfcx`, which is the user's too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad.ops.arithmetic.elementwise import abs, eq, exp, expm1, ge, gt, sqr, switch, tanh
from symgrad.ops.arithmetic.special import _from_jax, _into, _scipy
from symgrad.ops.families import elementwise
from symgrad.ops.nnet.nnet import sigmoid

# -- exp(x) ** y ---------------------------------------------------------------------------------

_SPLIT = 2.0**27 + 1  # cuts float64 into two halves whose products are exact


def _halves(xp: Any, x: Any) -> Any:
    high = x * _SPLIT
    high = high - (high - x)
    return high, x - high


def _exp_of_product(xp: Any, x: Any, y: Any) -> Any:
    """By the product and, to first order, what rounding took from it."""
    dtype = x.dtype
    if dtype in (np.float16, np.float32):
        product = x.astype("float64") * y.astype("float64")
        power = xp.exp(product)
    else:
        product = x * y
        power = xp.exp(product)
        (a, b), (c, d) = _halves(xp, x), _halves(xp, y)
        lost = (a * c - product) + a * d + b * c + b * d
        small = xp.absolute(lost) < 1e-10  # of what overflows on the way, it is none
        power = xp.where(small & xp.isfinite(power), power + power * lost, power)
    return xp.where((x == 0) | (y == 0), 1, power).astype(dtype)


def _exp_of_product_into(out: Any, x: Any, y: Any) -> None:
    with np.errstate(all="ignore"):
        # up to 1, rounding takes no more from x * y than from exp(x)
        if not np.less_equal(np.absolute(x), 1).all():
            np.copyto(out, _exp_of_product(np, x, y))
            return
        np.multiply(x, y, out)
        np.exp(out, out)
        if np.isnan(out).any():  # 0 times infinity
            np.copyto(out, 1, where=(x == 0) | (y == 0))


def _exp_of_product_vjp(g: Any, z: Any, x: Any, y: Any) -> Sequence[Any]:
    return g * (y * z), g * (switch(eq(x, -math.inf), 0, x) * z)  # as of 0**y


@elementwise(
    vjp=_exp_of_product_vjp, domain=(-2.0, 2.0), dtype="float", real=True, into=_exp_of_product_into
)
def exp_of_product(xp: Any, x: Any, y: Any) -> Any:
    """``exp(x) ** y``, exact where `exp(x)` is nearly 1, overflows or vanishes.

    >>> exp_of_product([-1e-20, 800.0, 0.0], [1e22, 0.001, float("inf")]).eval()
    array([3.72007598e-44, 2.22554093e+00, 1.00000000e+00])
    """
    with np.errstate(all="ignore"):
        return _exp_of_product(xp, x, y)


# -- 1 - exp(x) ----------------------------------------------------------------------------------


def _log1mexp_into(out: Any, x: Any) -> None:
    np.exp(x, out)
    np.negative(out, out)
    np.log1p(out, out)
    near = np.asarray(x > -math.log(2))  # there 1 - exp(x) loses digits
    if near.any():
        np.copyto(out, np.log(-np.expm1(x)), where=near)


@elementwise(
    vjp=lambda g, y, x: (g * (exp(x) / expm1(x)),),
    domain=(-4.0, -0.1),
    dtype="float",
    real=True,
    into=_log1mexp_into,
)
def log1mexp(xp: Any, x: Any) -> Any:
    """``log(1 - exp(x))`` for x < 0, exact near 0 and far below.

    >>> log1mexp([-1e-20, -1.0, -40.0]).eval()
    array([-4.60517019e+01, -4.58675145e-01, -4.24835426e-18])
    """
    near = x > -math.log(2)
    return xp.where(near, xp.log(-xp.expm1(x)), xp.log1p(-xp.exp(x)))


# -- the error function's tail -------------------------------------------------------------------

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_FAR = {"float16": 5.0, "float32": 10.0, "float64": 50.0}


def _erfcx_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    # 2 * x * y - 2 / sqrt(pi) cancels where x is large: there, by the asymptotic series
    far = gt(x, _FAR[x.dtype])
    inverse = 1 / sqr(switch(far, x, _FAR[x.dtype]))
    series = 1 - inverse * (1.5 - inverse * (3.75 - inverse * (13.125 - inverse * 59.0625)))
    near = 2 * x * y - _TWO_OVER_ROOT_PI
    return (g * switch(far, -_TWO_OVER_ROOT_PI / 2 * inverse * series, near),)


@elementwise(
    vjp=_erfcx_vjp,
    dtype="float",
    real=True,
    jax=_from_jax("erfcx"),
    into=_into("erfcx"),
)
def erfcx(xp: Any, x: Any) -> Any:
    """``exp(x**2) * erfc(x)``, which neither overflows nor vanishes for large x.

    >>> erfcx([0.0, 1.0, 30.0]).eval()
    array([1.        , 0.42758358, 0.01879589])
    """
    return _scipy("erfcx", x)


def _log_erfc_into(out: Any, x: Any) -> None:
    np.copyto(out, _log_erfc(x))


def _log_erfc(x: Any) -> Any:
    """By erf where erfc is nearly 1, else by erfcx."""
    right = np.asarray(x > 0.5)
    below, above = np.where(right, 0, x), np.where(right, x, 1)
    far = np.log(_scipy("erfcx", above)) - above * above
    return np.where(right, far, np.log1p(-_scipy("erf", below))).astype(x.dtype, copy=False)


def _log_erfc_jax(xp: Any, x: Any) -> Any:
    special = import_module("jax.scipy.special")
    above = xp.where(x > 0.5, x, 1)
    far = xp.log(special.erfcx(above)) - above * above
    return xp.where(x > 0.5, far, xp.log1p(-special.erf(x))).astype(x.dtype)


@elementwise(
    vjp=lambda g, y, x: (-g * _TWO_OVER_ROOT_PI / erfcx(x),),
    dtype="float",
    real=True,
    jax=_log_erfc_jax,
    into=_log_erfc_into,
)
def log_erfc(xp: Any, x: Any) -> Any:
    """``log(erfc(x))``, finite where `erfc` is 0.

    >>> log_erfc([-30.0, 0.0, 30.0]).eval()
    array([ 6.93147181e-01, -0.00000000e+00, -9.03974117e+02])
    """
    return _log_erfc(x)


def _log_half_erfc(x: Any) -> Any:
    """By what is missing to 1 where x < 0, else by erfcx."""
    right = np.asarray(x > 0)
    below, above = np.where(right, 0, x), np.where(right, x, 1)
    far = np.log(_scipy("erfcx", above) / 2) - above * above
    return np.where(right, far, np.log1p(-_scipy("erfc", -below) / 2)).astype(x.dtype, copy=False)


def _log_half_erfc_jax(xp: Any, x: Any) -> Any:
    special = import_module("jax.scipy.special")
    above, below = xp.where(x > 0, x, 1), xp.where(x > 0, 0, x)
    far = xp.log(special.erfcx(above) / 2) - above * above
    return xp.where(x > 0, far, xp.log1p(-special.erfc(-below) / 2)).astype(x.dtype)


def _log_half_erfc_into(out: Any, x: Any) -> None:
    np.copyto(out, _log_half_erfc(x))


@elementwise(
    vjp=lambda g, y, x: (-g * _TWO_OVER_ROOT_PI / erfcx(x),),
    dtype="float",
    real=True,
    jax=_log_half_erfc_jax,
    into=_log_half_erfc_into,
)
def log_half_erfc(xp: Any, x: Any) -> Any:
    """``log(erfc(x) / 2)``, exact where `erfc` is nearly 2 and where it is 0.

    >>> log_half_erfc([-5.0, 0.0, 30.0]).eval()
    array([-7.68729897e-13, -6.93147181e-01, -9.04667264e+02])
    """
    return _log_half_erfc(x)


# -- the hyperbolic functions --------------------------------------------------------------------


def _log_cosh_into(out: Any, x: Any) -> None:
    np.copyto(out, _log_cosh(np, x))


def _log_cosh(xp: Any, x: Any) -> Any:
    """By expm1 up to a limit, above which log(cosh(x)) grows as x does."""
    limit = 10 if x.dtype == "float16" else 20
    size = xp.absolute(x)
    power = xp.expm1(xp.minimum(size, limit))
    return xp.log1p(power * power / (2 * (1 + power))) + xp.maximum(size - limit, 0)


@elementwise(vjp=lambda g, y, x: (g * tanh(x),), dtype="float", real=True, into=_log_cosh_into)
def log_cosh(xp: Any, x: Any) -> Any:
    """``log(cosh(x))``, exact near 0 and where `cosh` overflows.

    >>> log_cosh([0.0, 1e-9, 800.0]).eval()
    array([0.00000000e+00, 5.00000000e-19, 7.99306853e+02])
    """
    return _log_cosh(xp, x)


def _slope_of_tanh_into(out: Any, x: Any) -> None:
    np.copyto(out, _slope_of_tanh(np, x))


def _slope_of_tanh(xp: Any, x: Any) -> Any:
    power = xp.exp(-2 * xp.absolute(x))
    return 4 * power / xp.square(1 + power)


@elementwise(
    vjp=lambda g, y, x: (-2 * g * (y * tanh(x)),),
    dtype="float",
    real=True,
    into=_slope_of_tanh_into,
)
def slope_of_tanh(xp: Any, x: Any) -> Any:
    """``1 - tanh(x)**2``, exact where `tanh` is nearly 1.

    >>> slope_of_tanh([0.0, 20.0]).eval()
    array([1.0000000e+00, 1.6993417e-17])
    """
    with np.errstate(under="ignore"):
        return _slope_of_tanh(xp, x)


def _log_twice_sigmoid_into(out: Any, x: Any) -> None:
    np.copyto(out, _log_twice_sigmoid(np, x))


def _log_twice_sigmoid(xp: Any, x: Any) -> Any:
    """By expm1 down to a limit, below which it falls as x does."""
    limit = 10 if x.dtype == "float16" else 40
    return xp.minimum(x + limit, 0) - xp.log1p(xp.expm1(xp.minimum(-x, limit)) / 2)


@elementwise(
    vjp=lambda g, y, x: (g * sigmoid(-x),), dtype="float", real=True, into=_log_twice_sigmoid_into
)
def log_twice_sigmoid(xp: Any, x: Any) -> Any:
    """``log(2 * sigmoid(x))``, which is ``log(1 + tanh(x / 2))``, exact near 0 and far below.

    >>> log_twice_sigmoid([-800.0, 1e-9, 40.0]).eval()
    array([-7.99306853e+02,  5.00000000e-10,  6.93147181e-01])
    """
    return _log_twice_sigmoid(xp, x)


# -- a mixture of a sigmoid and its opposite -----------------------------------------------------


def _parts(a: Any, b: Any, x: Any) -> Any:
    """The weights of the larger and the smaller of sigmoid(±x), and the ratio of those."""
    right = ge(x, 0)
    return right, switch(right, a, b), switch(right, b, a), exp(-abs(x))


def _log_mixture_vjp(g: Any, y: Any, a: Any, b: Any, x: Any) -> Sequence[Any]:
    right, top, low, ratio = _parts(a, b, x)
    alone = eq(top, 0)
    total = switch(alone, 1, top + low * ratio)
    larger = switch(alone, exp(abs(x)) / low, 1 / total)  # of the sigmoids, over the mixture
    smaller = switch(alone, 1 / low, ratio / total)
    slope = (a - b) * smaller / (1 + ratio)
    return (
        g * switch(right, larger, smaller),
        g * switch(right, smaller, larger),
        g * slope,
    )


def _log_mixture_into(out: Any, a: Any, b: Any, x: Any) -> None:
    with np.errstate(all="ignore"):
        np.copyto(out, _log_mixture(np, a, b, x))


def _log_mixture(xp: Any, a: Any, b: Any, x: Any) -> Any:
    size = xp.absolute(x)
    ratio = xp.exp(-size)
    top, low = xp.where(x >= 0, a, b), xp.where(x >= 0, b, a)
    only = xp.where(xp.isinf(size), xp.absolute(low), low)  # nothing of it is left: log(0)
    both = xp.where(top == 0, xp.log(only) - size, xp.log(top + low * ratio))
    return both - xp.log1p(ratio)


@elementwise(
    vjp=_log_mixture_vjp,
    domain=((0.1, 2.0), (0.1, 2.0), (-3.0, 3.0)),
    dtype="float",
    real=True,
    into=_log_mixture_into,
)
def log_mixture(xp: Any, a: Any, b: Any, x: Any) -> Any:
    """``log(a * sigmoid(x) + b * sigmoid(-x))``, exact where the one that counts is nearly 0.

    >>> log_mixture(1.0, 0.0, [-800.0, 0.0, 800.0]).eval()
    array([-8.00000000e+02, -6.93147181e-01,  0.00000000e+00])
    """
    with np.errstate(all="ignore"):
        return _log_mixture(xp, a, b, x)
