"""Arithmetic, comparisons, rounding, and the elementary functions.

Each operation is one block: forward, gradient, where tests may sample. `xp` is the array
namespace, NumPy or `jax.numpy`.
"""

# ruff: noqa: E731

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError
from symgrad.graph.expr import Constant, Expr
from symgrad.ops.families import elementwise
from symgrad.ops.op import Arg, Example, Op, as_expr
from symgrad.types import TensorType, ValueType, check_dtype, is_discrete, tensor_type

# -- casts ---------------------------------------------------------------------------------


class Cast(Op):
    """Each element in another dtype."""

    dtype: str

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, types[0].shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return xp.asarray(arrays[0]).astype(self.dtype)

    def source(self, node: Any, args: Sequence[str], bind: Any) -> str:
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
    if isinstance(x, Constant):
        return Constant(x.value.astype(dtype), x.name)
    if x.dtype.startswith("complex") and not dtype.startswith("complex"):
        raise GraphTypeError(
            f"cast: {x} is complex; a cast to {dtype} would drop its imaginary part. Use "
            "T.real(x), T.imag(x) or abs(x)."
        )
    return Cast(dtype).make(x)


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


@elementwise(
    vjp=lambda g, y, a, b: (g * b, g * a), variadic=True, ufunc="multiply", symbol="*"
)
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
    symbol="/",
)
def true_div(xp: Any, a: Any, b: Any) -> Any:
    """Quotient, element by element; of integers, in floatX.

    >>> true_div([1, 2], 4).eval()
    array([0.25, 0.5 ])
    """
    return xp.true_divide(a, b)


@elementwise(domain=((-9.0, 9.0), (0.5, 2.0)), dtype="number", ufunc="floor_divide", symbol="//")
def int_div(xp: Any, a: Any, b: Any) -> Any:
    """Quotient rounded down; its gradient is zero.

    >>> int_div([7.0, -7.0], 2).eval()
    array([ 3., -4.])
    """
    return xp.floor_divide(a, b)


@elementwise(
    vjp=lambda g, y, a, b: (g, -g * int_div(a, b)),
    domain=((0.1, 0.9), (1.0, 2.0)),
    dtype="number",
    symbol="%",
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


def _pow_vjp(g: Any, y: Any, a: Any, b: Any) -> Sequence[Any]:
    if isinstance(b, Constant) and b.value.all():
        slope = b * a ** (b - 1)
    else:  # 0 * a**-1 would be NaN at a = 0
        slope = switch(eq(b, 0), 0, b * a ** (b - 1))
    if isinstance(b, Constant):
        return g * slope, None
    return g * slope, g * y * log(switch(eq(a, 0), 1, a))  # 0 where a = 0, as in Theano


@elementwise(vjp=_pow_vjp, domain=((0.2, 2.0), (-2.0, 2.0)), dtype="number", ufunc="power",
             symbol="**")
def pow(xp: Any, a: Any, b: Any) -> Any:
    """Each element of `a` to the power `b`.

    >>> pow([1.0, 2.0, 3.0], 2).eval()
    array([1., 4., 9.])
    """
    return xp.power(a, b)


@elementwise(vjp=lambda g, y, x: (g * 2 * x,), dtype="number", ufunc="square")
def sqr(xp: Any, x: Any) -> Any:
    """Square of each element.

    >>> sqr([1.0, -3.0]).eval()
    array([1., 9.])
    """
    return xp.square(x)


@elementwise(vjp=lambda g, y, x: (g * sgn(x),), domain=(0.2, 2.0), ufunc="absolute")
def abs(xp: Any, x: Any) -> Any:
    """Absolute value; its gradient at 0 is 0.

    >>> abs([1.0, -3.0]).eval()
    array([1., 3.])
    """
    return xp.absolute(x)


@elementwise(domain=(0.2, 2.0), dtype="number", ufunc="sign")
def sgn(xp: Any, x: Any) -> Any:
    """Sign of each element: -1, 0 or 1; its gradient is zero.

    >>> sgn([-2.0, 0.0, 5.0]).eval()
    array([-1.,  0.,  1.])
    """
    return xp.sign(x)


# -- exponentials and kin ------------------------------------------------------------------


@elementwise(vjp=lambda g, y, x: (g * y,), dtype="float")
def exp(xp: Any, x: Any) -> Any:
    """Exponential of each element.

    >>> exp([0.0, 1.0]).eval()
    array([1.        , 2.71828183])
    """
    return xp.exp(x)


@elementwise(vjp=lambda g, y, x: (g * (y + 1),), dtype="float")
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


@elementwise(dtype="compare", ufunc="less", condition=True, symbol="<")
def lt(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a < b``.

    >>> lt([1, 2], 2).eval()
    array([ True, False])
    """
    return xp.less(a, b)


@elementwise(dtype="compare", ufunc="less_equal", condition=True, symbol="≤")
def le(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a <= b``.

    >>> le([1, 2], 1).eval()
    array([ True, False])
    """
    return xp.less_equal(a, b)


@elementwise(dtype="compare", ufunc="greater", condition=True, symbol=">")
def gt(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a > b``.

    >>> gt([1, 2], 1).eval()
    array([False,  True])
    """
    return xp.greater(a, b)


@elementwise(dtype="compare", ufunc="greater_equal", condition=True, symbol="≥")
def ge(xp: Any, a: Any, b: Any) -> Any:
    """Where ``a >= b``.

    >>> ge([1, 2], 2).eval()
    array([False,  True])
    """
    return xp.greater_equal(a, b)


# -- choices -------------------------------------------------------------------------------


def _switch_dtypes(dtypes: Sequence[str], name: str) -> tuple[Sequence[str], str]:
    from symgrad.types import promote

    common = promote(*dtypes[1:])
    return ("bool", common, common), common


def _switch_vjp(g: Any, y: Any, condition: Any, a: Any, b: Any) -> Sequence[Any]:
    return None, switch(condition, g, 0), switch(condition, 0, g)




@elementwise(vjp=_switch_vjp, domain=((0.0, 1.0), (-2.0, 2.0), (-2.0, 2.0)),
             dtype=_switch_dtypes, ufunc="")
def switch(xp: Any, condition: Any, a: Any, b: Any) -> Any:
    """Elements of `a` where `condition` holds, else of `b`; both are computed.

    >>> switch([True, False], [1.0, 2.0], -1).eval()
    array([ 1., -1.])
    """
    return xp.where(condition, a, b)


@elementwise(
    vjp=lambda g, y, a, b: (switch(ge(a, b), g, 0), switch(ge(a, b), 0, g)), dtype="same"
)
def maximum(xp: Any, a: Any, b: Any) -> Any:
    """The larger of two elements; NaN wins. In a tie the gradient goes to the first.

    >>> maximum([1.0, 5.0], 2).eval()
    array([2., 5.])
    """
    return xp.maximum(a, b)


@elementwise(
    vjp=lambda g, y, a, b: (switch(le(a, b), g, 0), switch(le(a, b), 0, g)), dtype="same"
)
def minimum(xp: Any, a: Any, b: Any) -> Any:
    """The smaller of two elements; NaN wins. In a tie the gradient goes to the first.

    >>> minimum([1.0, 5.0], 2).eval()
    array([1., 2.])
    """
    return xp.minimum(a, b)


hooks.table["cast"] = cast
for _op in (add, sub, mul, true_div, int_div, mod, neg, pow, abs, eq, neq, lt, le, gt, ge):
    hooks.table[_op.name] = _op
