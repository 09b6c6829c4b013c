"""Activations: what neural networks do element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.ops.arithmetic.elementwise import (
    abs,
    clip,
    eq,
    expm1,
    gt,
    lt,
    minimum,
    real_float,
    sgn,
    sqr,
    switch,
)
from symgrad.ops.arithmetic.logic import and_, isinf
from symgrad.ops.families import elementwise

# -- activations ---------------------------------------------------------------------------


def _sigmoid_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    # y * (1 - y) would be cheaper, but 1 - y is 0 above 37, where sigmoid(-x) is small and exact
    return (g * (y * sigmoid(-x)),)


@elementwise(vjp=_sigmoid_vjp, domain=(-4.0, 4.0), dtype="float", real=True)
def sigmoid(xp: Any, x: Any) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``.

    >>> sigmoid([0.0, 2.0]).eval()
    array([0.5       , 0.88079708])
    """
    with np.errstate(over="ignore", under="ignore"):
        e = xp.clip(xp.exp(x), 0, xp.finfo(x.dtype).max)  # inf / inf would be NaN
        return e / (1 + e)  # 1 / (1 + exp(-x)) is 0 where exp(x) is small, but not 0


@elementwise(vjp=lambda g, y, x: (g * sigmoid(x),), domain=(-4.0, 4.0), dtype="float", real=True)
def softplus(xp: Any, x: Any) -> Any:
    """``log(1 + exp(x))``, finite and exact for every x.

    >>> softplus([-800.0, 0.0, 800.0]).eval()
    array([0.00000000e+00, 6.93147181e-01, 8.00000000e+02])
    """
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        e = xp.exp(x)
        e = xp.minimum(e, 1 / e)  # exp(-abs(x)); exp(x) is what the gradient needs
        return xp.log1p(e) + xp.clip(x, 0, np.inf)


def _logaddexp_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    apart = a - b  # and not b - a besides, so that both gradients need one exponential
    return g * sigmoid(apart), g * sigmoid(-apart)


@elementwise(vjp=_logaddexp_vjp, dtype="float", ufunc="", real=True)
def logaddexp(xp: Any, a: Any, b: Any) -> Any:
    """``log(exp(a) + exp(b))``, finite for every finite a and b.

    >>> logaddexp(1000.0, [0.0, 1000.0]).eval()
    array([1000.        , 1000.69314718])
    """
    # np.logaddexp takes 13 ns an element, this 2
    with np.errstate(invalid="ignore", under="ignore"):
        apart = xp.fmin(xp.minimum(a, b) - xp.maximum(a, b), 0)  # 0 between equal infinities
        return xp.maximum(a, b) + xp.log1p(xp.exp(apart))


@elementwise(vjp=lambda g, y, a, b: (g * b, g * a), dtype="same", ufunc="")
def times_or_zero(xp: Any, a: Any, b: Any) -> Any:
    """``a * b``, but 0 where `a` is 0, whatever `b` is there.

    >>> times_or_zero([0.0, 2.0], [float("-inf"), 3.0]).eval()
    array([0., 6.])
    """
    return a * xp.where(a == 0, a, b)


def _nothing_of_infinity(a: Any, b: Any) -> Any:
    return and_(eq(a, 0), isinf(b))


@elementwise(
    vjp=lambda g, y, a, b: (g * b, g * a),
    dtype="float",
    ufunc="",
    flat=lambda a, b: (None, _nothing_of_infinity(a, b)),
)
def weighted(xp: Any, a: Any, b: Any) -> Any:
    """``a * b``, but 0 where `a` is 0 and `b` infinite: no log of 0 counts without a weight.

    >>> weighted([0.0, 2.0, 0.0], [float("-inf"), 3.0, float("nan")]).eval()
    array([ 0.,  6., nan])
    """
    return xp.where((a == 0) & xp.isinf(b), xp.zeros_like(b), a * b)


@elementwise(
    vjp=lambda g, y, x: (g * y * (1 - y),),
    domain=(-4.0, 4.0),
    dtype="float",
    differentiable=False,
    real=True,
)
def ultra_fast_sigmoid(xp: Any, x: Any) -> Any:
    """Three straight or hyperbolic pieces close to `sigmoid` (within 0.03); its gradient likewise.

    Theano's approximation; `sigmoid` is not much slower here.

    >>> ultra_fast_sigmoid([-5.0, 0.0, 5.0]).eval()
    array([0.01394295, 0.5       , 0.98605705])
    """
    size = xp.absolute(x) * 0.5
    near = 1.5 * size / (1 + size)
    middle = 0.935409070603099 + 0.0458812946797165 * (size - 1.7)
    far = xp.where(size >= 3, 0.99505475368673, middle)  # of NaN each comparison is false
    z = xp.where(size < 1.7, near, far)
    return 0.5 + 0.5 * xp.where(x < 0, -z, z)


def hard_sigmoid(x: Any) -> Any:
    """``clip(0.2 * x + 0.5, 0, 1)``, a straight line through the middle of `sigmoid`.

    >>> hard_sigmoid([-5.0, 0.0, 1.0, 5.0]).eval()
    array([0. , 0.5, 0.7, 1. ])
    """
    return clip(real_float(x, "hard_sigmoid") * 0.2 + 0.5, 0, 1)


@elementwise(
    vjp=lambda g, y, x: (g * (0.5 * sgn(x) + 0.5),),
    dtype="float",
    ufunc="",
    name="relu",
    real=True,
    flat=lambda x: (lt(x, 0),),
)
def rectify(xp: Any, x: Any) -> Any:
    """``max(x, 0)``; its gradient at 0 is 1/2.

    >>> rectify([-1.0, 2.0]).eval()
    array([0., 2.])
    """
    return xp.clip(x, 0, np.inf)


def _leaky_vjp(g: Any, y: Any, x: Any, alpha: Any) -> Sequence[Any]:
    positive = 0.5 * sgn(x) + 0.5  # 0, 1/2 or 1
    return g * (positive + alpha * (1 - positive)), g * minimum(x, 0)


@elementwise(vjp=_leaky_vjp, dtype="float", real=True)
def leaky_relu(xp: Any, x: Any, alpha: Any) -> Any:
    """``x`` where it is positive, else ``alpha * x``; its gradient at 0 is the mean of both.

    >>> leaky_relu([-1.0, 2.0], 0.1).eval()
    array([-0.1,  2. ])
    """
    return xp.where(x > 0, x, alpha * x)


def relu(x: Any, alpha: Any = 0) -> Any:
    """Rectified linear unit: ``x`` where it is positive, else ``alpha * x``.

    Parameters
    ----------
    x : array_like
        Any shape; integers become floats.
    alpha : float or array_like
        Slope below zero; may be symbolic, and is broadcast against `x`.

    Returns
    -------
    tensor
        In the shape of `x` broadcast with `alpha`. The gradient at 0 is ``(1 + alpha) / 2``.

    >>> relu([-1.0, 2.0]).eval(), relu([-1.0, 2.0], 0.1).eval()
    (array([0., 2.]), array([-0.1,  2. ]))
    """
    x = real_float(x, "relu")
    return rectify(x) if type(alpha) in (int, float) and alpha == 0 else leaky_relu(x, alpha)


def elu(x: Any, alpha: Any = 1) -> Any:
    """Exponential linear unit: ``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    Parameters
    ----------
    x : array_like
        Any shape; integers become floats.
    alpha : float or array_like
        Its negative is the limit far below zero.

    >>> elu([-1.0, 2.0]).eval()
    array([-0.63212056,  2.        ])
    """
    x = real_float(x, "elu")
    # without the minimum, exp would overflow where its value is not used, and its gradient be NaN
    return switch(gt(x, 0), x, alpha * expm1(minimum(x, 0)))


def selu(x: Any) -> Any:
    """Scaled exponential linear unit, whose fixed point is mean 0 and variance 1.

    >>> selu([-1.0, 1.0]).eval()
    array([-1.11133074,  1.05070099])
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


@elementwise(vjp=lambda g, y, x: (g / sqr(1 + abs(x)),), dtype="float", real=True)
def softsign(xp: Any, x: Any) -> Any:
    """``x / (1 + abs(x))``.

    >>> softsign([-1.0, 0.0, 3.0]).eval()
    array([-0.5 ,  0.  ,  0.75])
    """
    return x / (1 + xp.absolute(x))


def swish(x: Any) -> Any:
    """``x * sigmoid(x)``.

    >>> swish([0.0, 1.0]).eval()
    array([0.        , 0.73105858])
    """
    x = real_float(x, "swish")
    return x * sigmoid(x)
