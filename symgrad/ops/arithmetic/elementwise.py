"""Arithmetic, exponentials, comparisons and choices.

Each operation is one block: forward, gradient, where tests may sample. `xp` is the array
namespace, NumPy or `jax.numpy`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, checks_keywords, describe, made_at
from symgrad.graph.expr import Constant
from symgrad.graph.types import (
    ValueType,
    check_dtype,
    float_of,
    is_complex,
    is_discrete,
    promote,
    tensor_type,
)
from symgrad.graph.written import folded
from symgrad.ops.families import NUMPY_1, elementwise
from symgrad.ops.op import Arg, Example, NullGrad, Op, as_expr, as_exprs

# -- casts ---------------------------------------------------------------------------------


class Cast(Op):
    """Each element in another dtype."""

    dtype: str
    shape_of = 0
    ints_from = 0

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, types[0].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.asarray(arrays[0]).astype(self.dtype)

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        np.copyto(out, arrays[0], casting="unsafe")

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
        (x,) = node.inputs
        if x.ndim == 0 and is_discrete(x.dtype):  # perhaps a Python int
            return f"{bind(np.dtype(self.dtype).type, self.dtype)}({args[0]})"
        return f"{args[0]}.astype({bind(np.dtype(self.dtype), self.dtype)})"

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (None if is_discrete(self.dtype) else g,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Cast("float64"), (Arg(dtype="float32"),))
        yield Example(Cast("float32"), (Arg((2, 0)),), differentiable=False)
        yield Example(Cast("int64"), (Arg(()),), differentiable=False)


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype (``floatX`` allowed); the gradient passes between floats.

    >>> cast([1.7, -1.7], "int32").eval()
    array([ 1, -1], dtype=int32)
    """
    x, dtype = as_expr(x, "cast"), check_dtype(dtype)
    if x.dtype == dtype:
        return x
    if is_complex(x.dtype) and not is_complex(dtype):
        raise GraphTypeError(
            f"cast: {describe(x)} is complex; a cast to {dtype} would drop its imaginary part. "
            f"Use T.real(x), T.imag(x), abs(x), or T.neq(x, 0) for a truth value.\n{made_at(x)}"
        )
    if isinstance(x, Constant):
        with np.errstate(all="ignore"):
            return folded(Constant(x.value.astype(dtype), x.name), x)
    return Cast(dtype).make(x)


def real_float(x: Any, what: str) -> Any:
    """An argument as a real floating-point expression; integers become floats."""
    x = as_expr(x, what)
    if is_complex(x.dtype):
        raise GraphTypeError(
            f"{what} is not defined for complex numbers, such as {describe(x)}. Use T.real(x), "
            f"T.imag(x) or abs(x).\n{made_at(x)}"
        )
    return cast(x, float_of(x.dtype))


# -- arithmetic ----------------------------------------------------------------------------


@elementwise(vjp=lambda g, y, a, b: (g, g), variadic=True, symbol="+")
def add(xp: Any, a: Any, b: Any) -> Any:
    """Sum of two or more tensors, element by element.

    >>> add([1.0, 2.0], 10).eval()
    array([11., 12.])
    """
    return xp.add(a, b)


@elementwise(vjp=lambda g, y, a, b: (g, -g), dtype="number", ufunc="subtract", symbol="-")
def sub(xp: Any, a: Any, b: Any) -> Any:
    """Difference, element by element.

    >>> sub([1.0, 2.0], 10).eval()
    array([-9., -8.])
    """
    return xp.subtract(a, b)


@elementwise(vjp=lambda g, y, a, b: (g * b, g * a), variadic=True, ufunc="multiply", symbol="*")
def mul(xp: Any, a: Any, b: Any) -> Any:
    """Product of two or more tensors, element by element.

    >>> mul([1.0, 2.0], 10).eval()
    array([10., 20.])
    """
    return xp.multiply(a, b)


@elementwise(
    vjp=lambda g, y, a, b: (g / b, -(g * y) / b),
    domain=((-2.0, 2.0), (0.5, 2.0)),
    dtype="division",
    ufunc="true_divide",
    symbol="/",
)
def true_div(xp: Any, a: Any, b: Any) -> Any:
    """Quotient, element by element; of integers, in floatX.

    >>> true_div([1, 2], 4).eval()
    array([0.25, 0.5 ])
    """
    return xp.true_divide(a, b)


@elementwise(
    domain=((-9.0, 9.0), (0.5, 2.0)), dtype="count", ufunc="floor_divide", symbol="//", real=True
)
def int_div(xp: Any, a: Any, b: Any) -> Any:
    """Quotient rounded down; its gradient is zero.

    >>> int_div([7.0, -7.0], 2).eval()
    array([ 3., -4.])
    """
    return xp.floor_divide(a, b)


@elementwise(
    vjp=lambda g, y, a, b: (g, -g * int_div(a, b)),
    domain=((0.1, 0.9), (1.0, 2.0)),
    dtype="count",
    symbol="%",
    real=True,
)
def mod(xp: Any, a: Any, b: Any) -> Any:
    """Remainder, with the sign of the divisor as in Python.

    >>> mod([7.0, -7.0], 3).eval()
    array([1., 2.])
    """
    return xp.mod(a, b)


@elementwise(vjp=lambda g, y, x: (-g,), dtype="number", ufunc="negative", symbol="-")
def neg(xp: Any, x: Any) -> Any:
    """Each element with its sign changed.

    >>> neg([1.0, -2.0]).eval()
    array([-1.,  2.])
    """
    return xp.negative(x)


@checks_keywords(x="a", y="b")
def divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """``(a // b, a % b)``.

    >>> [r.eval() for r in divmod([7.0, -7.0], 2)]
    [array([ 3., -4.]), array([1., 1.])]
    """
    return int_div(a, b), mod(a, b)


def _pow_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    if isinstance(b, Constant):  # computed at once, so that the next derivative sees a constant
        less: Any = Constant(np.where(b.value == 0, 0, b.value - 1).astype(b.dtype))
    else:
        less = switch(eq(b, 0), 0, b - 1)  # at a = b = 0 the slope is 0 * a**0, not 0 * a**-1
    positive = switch(eq(a, 0), 1, a)  # at a = 0 the second is 0, as in Theano, whatever b is
    return g * (b * pow(a, less)), g * (pow(positive, b) * log(positive))


@elementwise(
    vjp=_pow_vjp,
    domain=((0.2, 2.0), (-2.0, 2.0)),
    dtype="count",
    ufunc="power",
    symbol="**",
)
def pow(xp: Any, a: Any, b: Any) -> Any:
    """Each element of `a` to the power `b`.

    >>> pow([1.0, 2.0, 3.0], 2).eval()
    array([1., 4., 9.])
    """
    return xp.power(a, b)


@checks_keywords(x="a", y="b")
def power(a: Any, b: Any) -> Any:
    """Each element of `a` to the power `b`; integers have no negative integer powers.

    Parameters
    ----------
    a, b : array_like
        Broadcast against each other.

    Raises
    ------
    GraphTypeError
        If both are integers and the exponent is a negative constant.

    >>> power([1, 2, 3], 2).eval(), power([4.0], 0.5).eval()
    (array([1, 4, 9]), array([2.]))
    """
    a, b = as_exprs((a, b), "pow")
    integers = is_discrete(a.dtype) and is_discrete(b.dtype)
    if integers and isinstance(b, Constant) and (b.value < 0).any():
        raise GraphTypeError(
            f"pow: {describe(a)} holds integers, which have no negative integer powers (NumPy "
            f"refuses them too). Cast it, x.astype('floatX') ** -1, or use T.inv(x).\n{made_at(a)}"
        )
    return pow(a, b)


@elementwise(vjp=lambda g, y, x: (g * 2 * x,), dtype="count", ufunc="square")
def sqr(xp: Any, x: Any) -> Any:
    """Square of each element.

    >>> sqr([1.0, -3.0]).eval()
    array([1., 9.])
    """
    return xp.square(x)


@elementwise(
    vjp=lambda g, y, x: (-g * y * y,), domain=(0.3, 2.0), dtype="float", ufunc="reciprocal"
)
def inv(xp: Any, x: Any) -> Any:
    """``1 / x``, element by element; `T.nlinalg.matrix_inverse` inverts matrices.

    >>> inv([2.0, 4.0]).eval()
    array([0.5 , 0.25])
    """
    return xp.reciprocal(x)


NO_COMPLEX_GRADIENT = NullGrad("gradients of complex numbers are not supported.")


def real_dtypes(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    """The dtype rule of what gives a real number for a complex one."""
    real = {"complex64": "float32", "complex128": "float64"}
    return dtypes, real.get(dtypes[0], dtypes[0])


def _abs_vjp(g: Any, y: Any, x: Any) -> Sequence[Any]:
    if is_complex(x.dtype):
        return (NO_COMPLEX_GRADIENT,)
    return (g * sgn(x),)


@elementwise(vjp=_abs_vjp, domain=(0.2, 2.0), dtype=real_dtypes, ufunc="absolute")
def abs(xp: Any, x: Any) -> Any:
    """Absolute value; its gradient at 0 is 0.

    >>> abs([1.0, -3.0]).eval()
    array([1., 3.])
    """
    return xp.absolute(x)


@elementwise(domain=(0.2, 2.0), dtype="number", ufunc="sign", real=True)
def sgn(xp: Any, x: Any) -> Any:
    """Sign of each element: -1, 0 or 1; its gradient is zero.

    >>> sgn([-2.0, 0.0, 5.0]).eval()
    array([-1.,  0.,  1.])
    """
    return xp.sign(x)


@elementwise(vjp=lambda g, y, x: (g,), ufunc="", into=np.copyto)
def tensor_copy(xp: Any, x: Any) -> Any:
    """The same value as a new variable.

    >>> tensor_copy([1, 2]).eval()
    array([1, 2])
    """
    return xp.array(x)


# -- exponentials and kin ------------------------------------------------------------------


@elementwise(vjp=lambda g, y, x: (g * y,), dtype="float")
def exp(xp: Any, x: Any) -> Any:
    """Exponential of each element.

    >>> exp([0.0, 1.0]).eval()
    array([1.        , 2.71828183])
    """
    return xp.exp(x)


@elementwise(vjp=lambda g, y, x: (g * y * math.log(2.0),), dtype="float")
def exp2(xp: Any, x: Any) -> Any:
    """``2 ** x``, element by element.

    >>> exp2([3.0, -1.0]).eval()
    array([8. , 0.5])
    """
    return xp.exp2(x)


# y + 1 would cost less than exp(x), but it is 0 below -37, where exp(x) is small and exact
@elementwise(vjp=lambda g, y, x: (g * exp(x),), dtype="float")
def expm1(xp: Any, x: Any) -> Any:
    """``exp(x) - 1``, exact near 0.

    >>> expm1([1e-20]).eval()
    array([1.e-20])
    """
    return xp.expm1(x)


@elementwise(vjp=lambda g, y, x: (g / x,), domain=(0.1, 4.0), dtype="float")
def log(xp: Any, x: Any) -> Any:
    """Natural logarithm of each element.

    >>> log([1.0, 2.0]).eval()
    array([0.        , 0.69314718])
    """
    return xp.log(x)


@elementwise(vjp=lambda g, y, x: (g / (x * math.log(2.0)),), domain=(0.1, 4.0), dtype="float")
def log2(xp: Any, x: Any) -> Any:
    """Logarithm to base 2 of each element.

    >>> log2([1.0, 8.0]).eval()
    array([0., 3.])
    """
    return xp.log2(x)


@elementwise(vjp=lambda g, y, x: (g / (x * math.log(10.0)),), domain=(0.1, 4.0), dtype="float")
def log10(xp: Any, x: Any) -> Any:
    """Logarithm to base 10 of each element.

    >>> log10([1.0, 1000.0]).eval()
    array([0., 3.])
    """
    return xp.log10(x)


@elementwise(vjp=lambda g, y, x: (g / (x + 1),), domain=(-0.5, 4.0), dtype="float")
def log1p(xp: Any, x: Any) -> Any:
    """``log(1 + x)``, exact near 0.

    >>> log1p([1e-20]).eval()
    array([1.e-20])
    """
    return xp.log1p(x)


@elementwise(vjp=lambda g, y, x: (g / (2 * y),), domain=(0.1, 4.0), dtype="float")
def sqrt(xp: Any, x: Any) -> Any:
    """Square root of each element.

    >>> sqrt([4.0, 9.0]).eval()
    array([2., 3.])
    """
    return xp.sqrt(x)


@elementwise(vjp=lambda g, y, x: (g * (1 - y * y),), dtype="float")
def tanh(xp: Any, x: Any) -> Any:
    """Hyperbolic tangent of each element.

    >>> tanh([0.0, 1.0]).eval()
    array([0.        , 0.76159416])
    """
    return xp.tanh(x)


# -- comparisons ---------------------------------------------------------------------------


@elementwise(dtype="compare", ufunc="equal", condition=True, symbol="=")
def eq(xp: Any, a: Any, b: Any) -> Any:
    """Where two tensors are equal, element by element (`==` compares variables, not values).

    >>> eq([1, 2], [1, 3]).eval()
    array([ True, False])
    """
    return xp.equal(a, b)


@elementwise(dtype="compare", ufunc="not_equal", condition=True, symbol="≠")
def neq(xp: Any, a: Any, b: Any) -> Any:
    """Where two tensors differ, element by element.

    >>> neq([1, 2], [1, 3]).eval()
    array([False,  True])
    """
    return xp.not_equal(a, b)


@elementwise(dtype="compare", ufunc="less", condition=True, real=True, symbol="<")
def lt(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a < b``.

    >>> lt([1, 2], 2).eval()
    array([ True, False])
    """
    return xp.less(a, b)


@elementwise(dtype="compare", ufunc="less_equal", condition=True, real=True, symbol="≤")
def le(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a <= b``.

    >>> le([1, 2], 1).eval()
    array([ True, False])
    """
    return xp.less_equal(a, b)


@elementwise(dtype="compare", ufunc="greater", condition=True, real=True, symbol=">")
def gt(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a > b``.

    >>> gt([1, 2], 1).eval()
    array([False,  True])
    """
    return xp.greater(a, b)


@elementwise(dtype="compare", ufunc="greater_equal", condition=True, real=True, symbol="≥")
def ge(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a >= b``.

    >>> ge([1, 2], 2).eval()
    array([False,  True])
    """
    return xp.greater_equal(a, b)


# -- choices -------------------------------------------------------------------------------


def _switch_dtypes(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    common = promote(*dtypes[1:])
    return ("bool", common, common), common


def _switch_vjp(g: Any, y: Any, condition: Any, a: Any, b: Any) -> Sequence[Any]:
    return None, switch(condition, g, 0), switch(condition, 0, g)


def _switch_into(out: Any, condition: Any, a: Any, b: Any) -> None:
    condition = np.asarray(condition, dtype=bool)
    np.copyto(out, b)
    if condition.shape == out.shape == np.shape(a):
        np.putmask(out, condition, a)  # 0.4 ns an element, copyto with a mask 1.4
    else:
        np.copyto(out, a, where=condition)


@elementwise(
    vjp=_switch_vjp,
    domain=((0.0, 1.0), (-2.0, 2.0), (-2.0, 2.0)),
    dtype=_switch_dtypes,
    ufunc="",
    apart=1,
    into=_switch_into,
)
def switch(xp: Any, cond: Any, ift: Any, iff: Any) -> Any:
    """Elements of `ift` where `cond` holds, else of `iff`; both are computed.

    >>> switch([True, False], [1.0, 2.0], -1).eval()
    array([ 1., -1.])
    """
    return xp.where(cond, ift, iff)


def _unless_nan_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    return unless_nan(g, b), None


@elementwise(vjp=_unless_nan_vjp, ufunc="", real=True)
def unless_nan(xp: Any, a: Any, b: Any) -> Any:
    """The first of two elements, but NaN where the second is: slopes of what is NaN are NaN too.

    >>> unless_nan([1.0, 2.0], [3.0, float("nan")]).eval()
    array([ 1., nan])
    """
    return xp.where(xp.isnan(b), b, a)


def _beyond_vjp(beyond: Any, both: bool = False) -> Any:
    """The gradient goes to what is not beyond the other; in a tie to the first, or to both."""

    def vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
        g = unless_nan(g, y)  # which of two is larger, if one is NaN, nobody knows
        by_a = None if isinstance(a, Constant) else switch(beyond(a, b), 0, g)
        return by_a, None if isinstance(b, Constant) else switch(or_tie(a, b), 0, g)

    opposite, with_tie = (gt, ge) if beyond is lt else (lt, le)
    or_tie = opposite if both else with_tie
    return vjp


@elementwise(vjp=_beyond_vjp(lt), real=True)
def maximum(xp: Any, a: Any, b: Any) -> Any:
    """The larger of two elements; NaN wins. In a tie the gradient goes to the first.

    >>> maximum([1.0, 5.0], 2).eval()
    array([2., 5.])
    """
    return xp.maximum(a, b)


@elementwise(vjp=_beyond_vjp(gt), real=True)
def minimum(xp: Any, a: Any, b: Any) -> Any:
    """The smaller of two elements; NaN wins. In a tie the gradient goes to the first.

    >>> minimum([1.0, 5.0], 2).eval()
    array([1., 2.])
    """
    return xp.minimum(a, b)


@elementwise(vjp=_beyond_vjp(lt, both=True), real=True, ufunc="maximum")
def larger_of(xp: Any, a: Any, b: Any) -> Any:
    """`maximum`, but in a tie both get the gradient, as all that are tied do in `max`.

    >>> larger_of([1.0, 5.0], 2).eval()
    array([2., 5.])
    """
    return xp.maximum(a, b)


@elementwise(vjp=_beyond_vjp(gt, both=True), real=True, ufunc="minimum")
def smaller_of(xp: Any, a: Any, b: Any) -> Any:
    """`minimum`, but in a tie both get the gradient, as all that are tied do in `min`.

    >>> smaller_of([1.0, 5.0], 2).eval()
    array([1., 2.])
    """
    return xp.minimum(a, b)


def largest(*args: Any) -> Any:
    """The largest of any number of tensors, element by element.

    Of two it is `maximum`; in a tie of more each of them gets the gradient, as in `max`.

    >>> largest([1.0, 5.0], 2, [3.0, 0.0]).eval()
    array([3., 5.])
    """
    return _fold(larger_of if len(args) > 2 else maximum, args, "largest")


def smallest(*args: Any) -> Any:
    """The smallest of any number of tensors, element by element.

    Of two it is `minimum`; in a tie of more each of them gets the gradient, as in `min`.

    >>> smallest([1.0, 5.0], 2, [3.0, 0.0]).eval()
    array([1., 0.])
    """
    return _fold(smaller_of if len(args) > 2 else minimum, args, "smallest")


def _fold(op: Any, args: Sequence[Any], name: str) -> Any:
    if not args:
        raise GraphTypeError(f"{name}() needs at least one argument.")
    result, *rest = as_exprs(args, name)
    for other in rest:
        result = op(result, other)
    return result


def _clip_vjp(g: Any, y: Any, x: Any, low: Any, high: Any) -> Sequence[Any]:
    g = unless_nan(g, y)
    bounds = [b.value for b in (low, high) if isinstance(b, Constant)]
    if len(bounds) == 2 and (bounds[0] <= bounds[1]).all():
        above, below = gt(x, high), lt(x, low)
        return switch(hooks.call("or_", above, below), 0, g), None, None
    and_, or_ = hooks.table["and_"], hooks.table["or_"]
    at_least = maximum(x, low)
    above, fits = gt(at_least, high), le(at_least, high)  # both are false of NaN
    return (
        switch(or_(above, and_(fits, lt(x, low))), 0, g),
        switch(or_(above, and_(fits, ge(x, low))), 0, g),
        switch(fits, 0, g),
    )


def _clip_ufunc() -> Any:
    """What is inside of `numpy.clip`; where bounds are numbers, 3 times as fast as `maximum`."""
    core = "numpy.core.umath" if NUMPY_1 else "numpy._core.umath"
    try:
        return import_module(core).clip
    except (ImportError, AttributeError):
        return ""


@elementwise(
    vjp=_clip_vjp,
    domain=((-2.0, 2.0), (-1.5, -0.5), (0.5, 1.5)),
    ufunc=_clip_ufunc(),
    name="clip",
    real=True,
)
def clip_between(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """Each element, but not below `low` nor above `high`; the gradient passes at both bounds.

    >>> clip_between([-3.0, 0.5, 3.0], -1, 1).eval()
    array([-1. ,  0.5,  1. ])
    """
    return xp.clip(x, low, high)


def clip(x: Any, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None) -> Any:
    """Each element, but not below `min` nor above `max`.

    Parameters
    ----------
    x, min, max : array_like
        Broadcast against each other; None is no bound.
    a_min, a_max : array_like, optional
        NumPy's names of the bounds.

    Returns
    -------
    tensor
        Of the common dtype. The gradient passes to `x` at both bounds.

    >>> clip([-3.0, 0.5, 3.0], -1, 1).eval()
    array([-1. ,  0.5,  1. ])
    """
    low = a_min if min is None else min
    high = a_max if max is None else max
    if low is None and high is None:
        raise GraphTypeError("clip: give at least one bound, clip(x, min, max).")
    if low is None:
        return minimum(x, high)
    if high is None:
        return maximum(x, low)
    return clip_between(x, low, high)


_COMPARED = (eq, neq, lt, le, gt, ge)
_OF_ONE = (neg, abs, sgn, tensor_copy, exp, exp2, expm1, log, log10, log1p, log2, sqrt, tanh)
for _op in (add, sub, mul, int_div, mod, *_COMPARED, *_OF_ONE):
    hooks.table[_op.name] = _op
hooks.table.update(true_div=true_div, pow=power, clip=clip, cast=cast, switch=switch)
