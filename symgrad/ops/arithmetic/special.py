"""Special functions, computed by SciPy or by JAX, which are imported at first use.

The file is a list, as long as there are functions: one block each, with a docstring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, repr_of
from symgrad.graph.types import ValueType
from symgrad.ops.arithmetic.elementwise import eq, exp, gt, log, real_float, switch
from symgrad.ops.arithmetic.logic import and_, invert, isinf, or_
from symgrad.ops.families import elementwise
from symgrad.ops.op import Arg, Example, NullGrad, Op, as_exprs


def _scipy_ufunc(name: str) -> Any:
    try:
        return getattr(import_module("scipy.special"), name)
    except ImportError:
        raise ImportError(
            f"{name} is computed by SciPy, which is not installed: pip install scipy"
        ) from None


def _scipy(name: str, *args: Any) -> Any:
    """Compute with `scipy.special`, in the dtype of the last argument."""
    return _scipy_ufunc(name)(*args).astype(args[-1].dtype, copy=False)  # SciPy widens float16


def _into(name: str) -> Callable[..., None]:
    """The same into given memory."""

    def compute(out: Any, *args: Any) -> None:
        _scipy_ufunc(name)(*args, out=out)

    return compute


def _from_jax(name: str) -> Callable[..., Any]:
    """The function of `jax.scipy.special`, as a forward for `jax.numpy`."""

    def compute(xp: Any, *args: Any) -> Any:
        function = getattr(import_module("jax.scipy.special"), name)
        return function(*args).astype(args[-1].dtype)

    return compute


# -- error functions -----------------------------------------------------------------------

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


@elementwise(
    vjp=lambda g, y, x: (g * (exp(-x * x) * _TWO_OVER_ROOT_PI),),
    dtype="float",
    real=True,
    jax=_from_jax("erf"),
    into=_into("erf"),
)
def erf(xp: Any, x: Any) -> Any:
    """Error function.

    >>> erf([0.0, 1.0]).eval()
    array([0.        , 0.84270079])
    """
    return _scipy("erf", x)


@elementwise(
    vjp=lambda g, y, x: (-g * (exp(-x * x) * _TWO_OVER_ROOT_PI),),
    dtype="float",
    real=True,
    jax=_from_jax("erfc"),
    into=_into("erfc"),
)
def erfc(xp: Any, x: Any) -> Any:
    """``1 - erf(x)``, accurate where that is small.

    >>> erfc([0.0, 1.0]).eval()
    array([1.        , 0.15729921])
    """
    return _scipy("erfc", x)


@elementwise(
    vjp=lambda g, y, x: (g * (exp(y * y) / _TWO_OVER_ROOT_PI),),
    domain=(-0.8, 0.8),
    dtype="float",
    real=True,
    jax=_from_jax("erfinv"),
    into=_into("erfinv"),
)
def erfinv(xp: Any, x: Any) -> Any:
    """Inverse of `erf`, on [-1, 1].

    >>> erfinv([0.0, 0.5]).eval()
    array([0.        , 0.47693628])
    """
    return _scipy("erfinv", x)


def _erfcinv_jax(xp: Any, x: Any) -> Any:
    return _from_jax("ndtri")(xp, x / 2) / -math.sqrt(2.0)


@elementwise(
    vjp=lambda g, y, x: (-g * (exp(y * y) / _TWO_OVER_ROOT_PI),),
    domain=(0.2, 1.8),
    dtype="float",
    real=True,
    jax=_erfcinv_jax,
    into=_into("erfcinv"),
)
def erfcinv(xp: Any, x: Any) -> Any:
    """Inverse of `erfc`, on [0, 2].

    >>> erfcinv([0.5, 1e-20]).eval()
    array([0.47693628, 6.60158062])
    """
    return _scipy("erfcinv", x)


# -- the gamma function and kin ------------------------------------------------------------


def _gamma_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g * y * psi(x),)


@elementwise(
    vjp=_gamma_vjp,
    domain=(0.5, 4.0),
    dtype="float",
    real=True,
    jax=_from_jax("gamma"),
    into=_into("gamma"),
)
def gamma(xp: Any, x: Any) -> Any:
    """Gamma function; ``gamma(n) = (n - 1)!``.

    >>> gamma([1.0, 5.0]).eval()
    array([ 1., 24.])
    """
    return _scipy("gamma", x)


def _gammaln_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g * psi(x),)


@elementwise(
    vjp=_gammaln_vjp,
    domain=(0.5, 4.0),
    dtype="float",
    real=True,
    jax=_from_jax("gammaln"),
    into=_into("gammaln"),
)
def gammaln(xp: Any, x: Any) -> Any:
    """``log(abs(gamma(x)))``, which does not overflow.

    >>> gammaln([5.0, 200.0]).eval()
    array([  3.17805383, 857.93366983])
    """
    return _scipy("gammaln", x)


@elementwise(
    vjp=lambda g, y, x: (g * tri_gamma(x),),
    domain=(0.5, 4.0),
    dtype="float",
    real=True,
    jax=_from_jax("digamma"),
    into=_into("psi"),
)
def psi(xp: Any, x: Any) -> Any:
    """Digamma function, the derivative of `gammaln`.

    >>> psi([1.0, 2.0]).eval()
    array([-0.57721566,  0.42278434])
    """
    return _scipy("psi", x)


class PolyGamma(Op):
    """The n-th derivative of `psi`, n > 0."""

    n: int

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        # scipy.special.polygamma would multiply in the float64 of its Python numbers
        (x,) = arrays
        zeta = _scipy("zeta", x.dtype.type(self.n + 1), x)
        return zeta * x.dtype.type((-1) ** (self.n + 1) * math.factorial(self.n))

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        """Compute with JAX, whose `zeta` knows positive arguments only."""
        (x,) = arrays
        polygamma = import_module("jax.scipy.special").polygamma
        return polygamma(xp.asarray(self.n), x).astype(x.dtype)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g * PolyGamma(self.n + 1).make(inputs[0]),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for n, shape in ((1, (3, 4)), (2, (3,)), (3, ())):
            yield Example(PolyGamma(n), (Arg(shape, low=0.5, high=4.0),))


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of `psi`.

    Parameters
    ----------
    n : int
        Not negative.
    x : array_like
        Any shape; integers become floats.

    >>> polygamma(1, [1.0, 2.0]).eval()
    array([1.64493407, 0.64493407])
    """
    if type(n) is not int or n < 0:
        raise GraphTypeError(f"polygamma: the order must be an int, 0 or more, not {repr_of(n)}.")
    x = real_float(x, "polygamma")
    return psi(x) if n == 0 else PolyGamma(n).make(x)


def tri_gamma(x: Any) -> Any:
    """Trigamma function, the derivative of `psi`.

    >>> tri_gamma([1.0, 2.0]).eval()
    array([1.64493407, 0.64493407])
    """
    return PolyGamma(1).make(real_float(x, "tri_gamma"))


def _gammainc_slope(k: Any, x: Any) -> Any:
    """The derivative of gammainc(k, x) by x; in logarithms, so that nothing overflows."""
    return exp(_xlogy(k - 1, x) - x - gammaln(k))


def _xlogy(a: Any, x: Any) -> Any:
    return a * log(switch(and_(eq(a, 0), eq(x, 0)), 1, x))


_NO_ORDER = NullGrad("the derivative by the order is not implemented; differentiate by x only.")


@elementwise(
    vjp=lambda g, y, k, x: (_NO_ORDER, g * _gammainc_slope(k, x)),
    domain=((0.5, 4.0), (0.2, 4.0)),
    dtype="float",
    real=True,
    differentiable=False,
    jax=_from_jax("gammainc"),
    into=_into("gammainc"),
)
def gammainc(xp: Any, k: Any, x: Any) -> Any:
    """Regularised lower incomplete gamma function; no gradient for the order `k`.

    >>> gammainc(1.0, [0.0, 1.0]).eval()
    array([0.        , 0.63212056])
    """
    return _scipy("gammainc", k, x)


@elementwise(
    vjp=lambda g, y, k, x: (_NO_ORDER, -g * _gammainc_slope(k, x)),
    domain=((0.5, 4.0), (0.2, 4.0)),
    dtype="float",
    real=True,
    differentiable=False,
    jax=_from_jax("gammaincc"),
    into=_into("gammaincc"),
)
def gammaincc(xp: Any, k: Any, x: Any) -> Any:
    """Regularised upper incomplete gamma function; no gradient for the order `k`.

    >>> gammaincc(1.0, [0.0, 1.0]).eval()
    array([1.        , 0.36787944])
    """
    return _scipy("gammaincc", k, x)


def gammal(k: Any, x: Any) -> Any:
    """Lower incomplete gamma function, not regularised: ``gammainc(k, x) * gamma(k)``.

    >>> gammal(1.0, [0.0, 1.0]).eval()
    array([0.        , 0.63212056])
    """
    k, x = as_exprs((k, x), "gammal")
    return gammainc(k, x) * gamma(k)


def gammau(k: Any, x: Any) -> Any:
    """Upper incomplete gamma function, not regularised: ``gammaincc(k, x) * gamma(k)``.

    >>> gammau(1.0, [0.0, 1.0]).eval()
    array([1.        , 0.36787944])
    """
    k, x = as_exprs((k, x), "gammau")
    return gammaincc(k, x) * gamma(k)


def chi2sf(x: Any, k: Any) -> Any:
    """Survival function of the chi-squared distribution with `k` degrees of freedom.

    >>> chi2sf([0.0, 3.841], 1).eval()
    array([1.        , 0.05001368])
    """
    x, k = as_exprs((x, k), "chi2sf")
    return gammaincc(k / 2.0, x / 2.0)


# -- Bessel functions ------------------------------------------------------------------------


def _i0_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    return (g * i1(x),)


@elementwise(vjp=_i0_vjp, dtype="float", real=True, jax=_from_jax("i0"), into=_into("i0"))
def i0(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 0.

    >>> i0([0.0, 1.0]).eval()
    array([1.        , 1.26606588])
    """
    return _scipy("i0", x)


def _i1_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    at_half = or_(eq(x, 0), isinf(y))  # beside infinity, what is subtracted does not matter
    return (g * (i0(x) - switch(at_half, 0.5, y / switch(at_half, 1, x))),)


@elementwise(
    vjp=_i1_vjp, domain=(0.3, 2.0), dtype="float", real=True, jax=_from_jax("i1"), into=_into("i1")
)
def i1(xp: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order 1.

    >>> i1([0.0, 1.0]).eval()
    array([0.        , 0.5651591])
    """
    return _scipy("i1", x)


class BesselJ(Op):
    """Bessel function of the first kind of an integer order."""

    n: int

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if self.n <= 1:
            return _scipy("j1" if self.n else "j0", x)
        return _scipy("jv", x.dtype.type(self.n), x)

    def impl_jax(self, xp: Any, *arrays: Any) -> Any:
        """Compute with JAX by downward recurrence."""
        (x,) = arrays
        flat = xp.reshape(x, (-1,))
        value = import_module("jax.scipy.special").bessel_jn(flat, v=self.n)[self.n]
        return xp.reshape(value, x.shape)

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        if self.n == 0:
            return (-g * BesselJ(1).make(x),)
        return (g * (BesselJ(self.n - 1).make(x) - BesselJ(self.n + 1).make(x)) * 0.5,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for n, shape in ((0, (3, 4)), (1, (3,)), (2, ())):
            yield Example(BesselJ(n), (Arg(shape, low=0.3, high=4.0),))


def j0(x: Any) -> Any:
    """Bessel function of the first kind of order 0.

    >>> j0([0.0, 1.0]).eval()
    array([1.        , 0.76519769])
    """
    return BesselJ(0).make(real_float(x, "j0"))


def j1(x: Any) -> Any:
    """Bessel function of the first kind of order 1.

    >>> j1([0.0, 1.0]).eval()
    array([0.        , 0.44005059])
    """
    return BesselJ(1).make(real_float(x, "j1"))


def _from_scipy(name: str) -> Callable[..., Any]:
    """SciPy's function as a forward for `jax.numpy`, which has none: computed on the CPU."""

    def compute(xp: Any, *args: Any) -> Any:
        jax, dtype = import_module("jax"), args[-1].dtype
        shape = jax.ShapeDtypeStruct(xp.broadcast_shapes(*map(xp.shape, args)), dtype)

        def on_host(*arrays: Any) -> Any:
            return np.asarray(_scipy_ufunc(name)(*map(np.asarray, arrays)), dtype)

        return jax.pure_callback(on_host, shape, *args, vmap_method="broadcast_all")

    return compute


def _iv_vjp(g: Any, y: Any, v: Any, x: Any) -> Sequence[Any]:
    return _NO_ORDER, g * ((iv(v - 1, x) + iv(v + 1, x)) / 2)


@elementwise(
    vjp=_iv_vjp,
    domain=((0.0, 3.0), (0.3, 3.0)),
    dtype="float",
    real=True,
    differentiable=False,
    jax=_from_scipy("iv"),
    into=_into("iv"),
)
def iv(xp: Any, v: Any, x: Any) -> Any:
    """Modified Bessel function of the first kind of order `v`; no gradient for the order.

    >>> iv(0.0, [0.0, 1.0]).eval()
    array([1.        , 1.26606588])
    """
    return _scipy("iv", v, x)


def _jv_vjp(g: Any, y: Any, v: Any, x: Any) -> Sequence[Any]:
    return _NO_ORDER, g * ((jv(v - 1, x) - jv(v + 1, x)) / 2)


@elementwise(
    vjp=_jv_vjp,
    domain=((0.0, 3.0), (0.3, 4.0)),
    dtype="float",
    real=True,
    differentiable=False,
    jax=_from_scipy("jv"),
    into=_into("jv"),
)
def jv(xp: Any, v: Any, x: Any) -> Any:
    """Bessel function of the first kind of order `v`; no gradient for the order.

    >>> jv(0.0, [0.0, 1.0]).eval()
    array([1.        , 0.76519769])
    """
    return _scipy("jv", v, x)


# -- x log x -------------------------------------------------------------------------------


@elementwise(vjp=lambda g, y, x: (g * (1 + log(x)),), domain=(0.2, 4.0), dtype="float")
def xlogx(xp: Any, x: Any) -> Any:
    """``x * log(x)``, and 0 at 0.

    >>> xlogx([0.0, 1.0, 2.0]).eval()
    array([0.        , 0.        , 1.38629436])
    """
    return x * xp.log(x + (x == 0))


def _xlogy0_vjp(g: Any, y: Any, x: Any, a: Any) -> Sequence[Any]:
    safe = switch(and_(eq(x, 0), invert(gt(a, 0))), 1, a)  # 0 for a where x = 0, never 0 / 0
    return g * log(a), g * x / safe


@elementwise(vjp=_xlogy0_vjp, domain=((-2.0, 2.0), (0.2, 4.0)), dtype="float")
def xlogy0(xp: Any, x: Any, a: Any) -> Any:
    """``x * log(a)``, and 0 where ``x = 0``, whatever `a` is.

    >>> xlogy0([0.0, 0.0, 2.0], [0.0, 1.0, 2.0]).eval()
    array([0.        , 0.        , 1.38629436])
    """
    return x * xp.log(xp.where(x == 0, xp.ones_like(a), a))


hooks.table.update(polygamma=polygamma, j0=j0, j1=j1)
