"""What programs should compute: the words in which the references of the table are written.

They run in three precisions: that of the program's dtypes; wide (`numpy.longdouble`, for what is
exact as far as it matters); and that of the dtypes with a random error of a few units in the last
place after each step, which shows how far rounding may carry a result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

WIDE = np.longdouble
FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_MP_DIGITS = 40


class Missing(Exception):
    """A reference needs a library that is not there."""


@contextmanager
def promoting() -> Iterator[None]:
    """Numbers without axes promote by their dtypes, as in NumPy 2; earlier ones look at values."""
    if int(np.__version__.split(".")[0]) >= 2:
        yield
        return
    old = np._get_promotion_state()
    np._set_promotion_state("weak")
    try:
        yield
    finally:
        np._set_promotion_state(old)


def kind_of(dtype: Any) -> str:
    return {"b": "b", "i": "i", "u": "i", "f": "f", "c": "c"}[np.dtype(dtype).kind]


class Words:
    """The names that references use; `np` is NumPy, or what stands for it."""

    narrow_products = False  # not in a wider dtype: what is too large on the way is infinite then

    def __init__(self, floatx: str = "float64", wide: bool = False, xp: Any = np) -> None:
        self.floatx, self.wide, self.xp = floatx, wide, xp
        names = [
            n
            for n in dir(self)
            if n[0] != "_" and n not in ("xp", "wide", "floatx", "narrow_products")
        ]
        self.names = {"np": xp, **{n: getattr(self, n) for n in names}}

    # -- dtypes ------------------------------------------------------------------------------

    def real(self, dtype: str) -> Any:
        """A float dtype, or what stands for it."""
        if not self.wide:
            return np.dtype(dtype)
        return np.dtype(np.clongdouble if dtype in COMPLEX else WIDE)

    def floatX(self) -> Any:
        return self.real(self.floatx)

    def leaf(self, value: Any) -> Any:
        return value.astype(self.real(str(value.dtype))) if value.dtype.kind in "fc" else value

    def C(self, x: Any, dtype: str) -> Any:
        """A cast."""
        if dtype in FLOATS or dtype in COMPLEX:
            return x.astype(self.real(dtype))
        return x.astype(dtype)

    def F(self, x: Any) -> Any:
        """As a float: float32 up to 16 bits of an integer, else float64."""
        if x.dtype.kind in "fc":
            return x
        return x.astype(self.real("float32" if x.dtype.itemsize <= 2 else "float64"))

    def P(self, *xs: Any) -> Any:
        """All in their common dtype."""
        kinds = [x.dtype for x in xs]
        if self.wide and any(k.kind in "fc" for k in kinds):
            dtype = np.dtype(np.clongdouble if any(k.kind == "c" for k in kinds) else WIDE)
        else:
            dtype = np.result_type(*kinds)
            if self.wide and dtype.kind == "f":
                dtype = np.dtype(WIDE)
        return [x.astype(dtype) for x in xs]

    def PF(self, *xs: Any) -> Any:
        """All in their common dtype, as floats."""
        return [self.F(x) for x in self.P(*xs)]

    def D(self, *xs: Any) -> Any:
        """For a division: integers become floatX."""
        xs = self.P(*xs)
        return [x if x.dtype.kind in "fc" else x.astype(self.real(self.floatx)) for x in xs]

    def DF(self, x: Any) -> Any:
        """Integers as floatX."""
        return x if x.dtype.kind in "fc" else x.astype(self.real(self.floatx))

    def N(self, *xs: Any) -> Any:
        """Common dtype, booleans as int8."""
        return [x.astype("int8") if x.dtype.kind == "b" else x for x in self.P(*xs)]

    def W(self, number: Any, x: Any) -> Any:
        """A Python number in the dtype that it takes beside an array."""
        if isinstance(number, float) and x.dtype.kind not in "fc":
            return np.array(number, self.real(self.floatx))
        return np.array(number, x.dtype)

    def M(self, x: Any) -> Any:
        """For a mean: integers as float64."""
        return x if x.dtype.kind in "fc" else x.astype(self.real("float64"))

    def total(self, x: Any) -> Any:
        """For a sum: small integers as 64 bits; narrow floats in float64, cast at the end."""
        if x.dtype.kind in "bi":
            return x.astype("int64")
        return x.astype("uint64") if x.dtype.kind == "u" else x

    # -- reductions --------------------------------------------------------------------------

    def narrow(self, function: Any, x: Any, **settings: Any) -> Any:
        """A sum or mean of narrow floats, added up in a wide dtype."""
        dtype = x.dtype
        broad = {"float16": "float64", "float32": "float64", "complex64": "complex128"}
        return function(x.astype(broad.get(str(dtype), dtype)), **settings).astype(dtype)

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.narrow(self.xp.sum, self.total(x), axis=axis, keepdims=keepdims)

    def prod(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.xp.prod(self.total(x), axis=axis, keepdims=keepdims)

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.narrow(self.xp.mean, self.M(x), axis=axis, keepdims=keepdims)

    def var(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = self.M(x)
        squares = self.xp.square(self.xp.abs(x - self.mean(x, axis, True)))
        return self.mean(squares, axis, keepdims)

    def std(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.xp.sqrt(self.var(x, axis, keepdims))

    def norm(self, x: Any, axis: Any = None) -> Any:
        """Euclidean, without overflow."""
        x = self.xp.abs(self.M(x))
        top = self.xp.max(x, axis=axis, keepdims=True, initial=0)
        top = self.xp.where((top > 0) & self.xp.isfinite(top), top, x.dtype.type(1))
        found = self.xp.sqrt(self.sum((x / top) ** 2, axis=axis))
        return found * self.xp.reshape(top, found.shape)

    def logsumexp(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        xp, x = self.xp, self.F(x)
        top = xp.max(x, axis=axis, keepdims=True)
        found = top + xp.log1p(self._others(x, axis))
        found = xp.where(xp.isinf(top), top, found)
        return found if keepdims else xp.squeeze(found, axis=axis)

    def _others(self, x: Any, axis: Any) -> Any:
        """The sum of exp(x - max) without the largest, so that nothing is lost beside its 1."""
        xp = self.xp
        at = xp.argmax(x, axis=axis)
        largest = xp.arange(x.shape[axis]).reshape(
            [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]
        )
        largest = largest == xp.expand_dims(at, axis)
        powers = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
        return self.sum(xp.where(largest, powers - 1, powers), axis=axis, keepdims=True)

    # -- elementwise -------------------------------------------------------------------------

    def sigmoid(self, x: Any) -> Any:
        xp = self.xp
        small = xp.exp(-xp.abs(x))
        return xp.where(x >= 0, 1 / (1 + small), small / (1 + small))

    def softplus(self, x: Any) -> Any:
        return self.xp.logaddexp(x, self.xp.zeros_like(x))

    def elu(self, x: Any, alpha: float) -> Any:
        return self.xp.where(x > 0, x, alpha * self.xp.expm1(self.xp.minimum(x, 0)))

    def softmax(self, x: Any, axis: int) -> Any:
        """Beside an infinity, what is less has the share 0."""
        xp = self.xp
        top = xp.max(x, axis=axis, keepdims=True)
        powers = xp.exp(x - top)
        shares = powers / self.sum(powers, axis=axis, keepdims=True)
        return xp.where((top == np.inf) & (x < top), xp.zeros_like(shares), shares)

    def logsoftmax(self, x: Any, axis: int) -> Any:
        xp = self.xp
        top = xp.max(x, axis=axis, keepdims=True)
        found = (x - top) - xp.log1p(self._others(x, axis))
        return xp.where((top == np.inf) & (x < top), xp.full_like(found, -np.inf), found)

    def away(self, x: Any) -> Any:
        """Rounded, halves away from zero."""
        xp = self.xp
        whole = xp.trunc(x)
        return xp.where(xp.abs(x - whole) >= 0.5, whole + xp.sign(x), whole)

    def xlogy(self, x: Any, y: Any) -> Any:
        xp = self.xp
        zero = x == 0  # whatever y is
        return xp.where(zero, xp.zeros_like(x), x * xp.log(xp.where(zero, xp.ones_like(y), y)))

    def special(self, name: str, *xs: Any) -> Any:
        """A function of the standard library or of mpmath, element by element."""
        dtype = np.result_type(*xs)
        function = _exact(name) if self.wide or name not in _PLAIN else _PLAIN[name]
        arrays = np.broadcast_arrays(*xs)
        found = [function(*each) for each in zip(*[a.reshape(-1) for a in arrays], strict=True)]
        return np.array(found, dtype).reshape(arrays[0].shape)

    # -- linear algebra ----------------------------------------------------------------------

    def dot(self, a: Any, b: Any) -> Any:
        if self.narrow_products:
            return np.asarray(np.dot(a, b))
        if a.dtype.kind in "fc" and str(a.dtype) in ("float16", "float32", "complex64"):
            broad = "complex128" if a.dtype.kind == "c" else "float64"
            with np.errstate(all="ignore"):
                return np.asarray(self.xp.dot(a.astype(broad), b.astype(broad))).astype(a.dtype)
        return self.xp.asarray(self.xp.dot(a, b))

    def matmul(self, a: Any, b: Any) -> Any:
        return self.xp.asarray(self.xp.matmul(a, b))

    def L(self, x: Any) -> Any:
        """For LAPACK: float32 or wider; it knows no longdouble."""
        if str(x.dtype) == "float16":
            return x.astype("float32")
        return x if x.dtype != WIDE else x.astype("float64")

    def upper(self, x: Any) -> Any:
        """The symmetric matrix of which the upper triangle is read."""
        above = self.xp.triu(x, 1)
        return self.xp.triu(x) + above.T

    def inc(self, x: Any, index: Any, value: Any, set_: bool = False) -> Any:
        """A copy with a part set or incremented; repeated places count each time."""
        x = x.copy()
        if set_:
            x[index] = value
        else:
            value = np.broadcast_to(np.asarray(value, x.dtype), x[index].shape)
            np.add.at(x, index, value)
        return x


def _guarded(function: Any) -> Any:
    def computed(*values: Any) -> Any:
        try:
            return function(*map(float, values))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return computed


def _gammaln(x: float) -> float:
    if x == -math.inf:
        return x  # as SciPy's; it has no value there
    if -1e-308 < x < 0:
        return math.inf  # as SciPy's, for which 1 / x is too large
    if x <= 0 and x == math.floor(x):
        return math.inf
    return math.lgamma(x)


def _gamma(x: float) -> float:
    return math.copysign(math.inf, x) if x == 0 else math.gamma(x)


_PLAIN = {
    "erf": _guarded(math.erf),
    "erfc": _guarded(math.erfc),
    "gammaln": _guarded(_gammaln),
    "gamma": _guarded(_gamma),
}


@cache
def _exact(name: str) -> Any:
    try:
        import mpmath
    except ImportError:
        if name in _PLAIN:
            return _PLAIN[name]
        raise Missing("mpmath") from None
    mp = mpmath.mp.clone()
    mp.dps = _MP_DIGITS
    functions = {
        "erf": mp.erf,
        "erfc": mp.erfc,
        "log_erfc": lambda x: mp.log(mp.erfc(x)),
        "gamma": mp.gamma,
        "gammaln": lambda x: (
            x
            if x == -mp.inf
            else mp.inf
            if x <= 0 and (x == mp.floor(x) or x > -1e-308)
            else mp.re(mp.loggamma(x))
        ),
        "psi": lambda x: mp.psi(0, x),
        "erfinv": mp.erfinv,
        "gammainc": lambda k, x: mp.gammainc(k, 0, x, regularized=True),
        "gammaincc": lambda k, x: mp.gammainc(k, x, mp.inf, regularized=True),
        "i0": lambda x: mp.besseli(0, x),
        "i1": lambda x: mp.besseli(1, x),
        "j0": lambda x: mp.besselj(0, x),
        "j1": lambda x: mp.besselj(1, x),
    }
    function = functions[name]

    def number(value: Any) -> Any:
        high = float(value)
        return mp.mpf(high) + (mp.mpf(float(value - WIDE(high))) if math.isfinite(high) else 0)

    def computed(*values: Any) -> Any:
        if any(math.isnan(float(v)) for v in values):
            return WIDE("nan")
        if name == "psi" and values[0] == 0:  # a pole, of which the sign of 0 tells the side
            return WIDE(-math.copysign(math.inf, values[0]))
        try:
            found = function(*map(number, values))
        except (ValueError, ZeroDivisionError, OverflowError):
            return WIDE("nan")
        except mp.NoConvergence:
            raise Missing("a value that mpmath finds") from None
        if not isinstance(found, mp.mpf):
            return WIDE("nan")
        return WIDE(mp.nstr(found, 25))

    return computed
