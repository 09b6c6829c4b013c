"""The methods that users call on expressions; each is a function of `symgrad.tensor`."""

from __future__ import annotations

from typing import Any

from symgrad import hooks

_call = hooks.call


class Methods:
    """What an expression offers besides its operators, in alphabetical order."""

    __slots__ = ()

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.all`."""
        return _call("all", self, axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.any`."""
        return _call("any", self, axis, keepdims)

    def arccos(self) -> Any:
        """See `symgrad.tensor.arccos`."""
        return _call("arccos", self)

    def arccosh(self) -> Any:
        """See `symgrad.tensor.arccosh`."""
        return _call("arccosh", self)

    def arcsin(self) -> Any:
        """See `symgrad.tensor.arcsin`."""
        return _call("arcsin", self)

    def arcsinh(self) -> Any:
        """See `symgrad.tensor.arcsinh`."""
        return _call("arcsinh", self)

    def arctan(self) -> Any:
        """See `symgrad.tensor.arctan`."""
        return _call("arctan", self)

    def arctanh(self) -> Any:
        """See `symgrad.tensor.arctanh`."""
        return _call("arctanh", self)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.argmax`."""
        return _call("argmax", self, axis, keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.argmin`."""
        return _call("argmin", self, axis, keepdims)

    def argsort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """See `symgrad.tensor.argsort`."""
        return _call("argsort", self, axis, kind, order)

    def astype(self, dtype: Any) -> Any:
        """See `symgrad.tensor.cast`."""
        return _call("cast", self, dtype)

    def ceil(self) -> Any:
        """See `symgrad.tensor.ceil`."""
        return _call("ceil", self)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        """See `symgrad.tensor.choose`."""
        return _call("choose", self, choices, mode)

    def clip(self, a_min: Any, a_max: Any) -> Any:
        """See `symgrad.tensor.clip`."""
        return _call("clip", self, a_min, a_max)

    def compress(self, a: Any, axis: Any = None) -> Any:
        """See `symgrad.tensor.compress`."""
        return _call("compress", self, a, axis)

    def conj(self) -> Any:
        """See `symgrad.tensor.conj`."""
        return _call("conj", self)

    def conjugate(self) -> Any:
        """See `symgrad.tensor.conj`."""
        return _call("conj", self)

    def copy(self, name: str | None = None) -> Any:
        """Return a new node with the same value."""
        copied = _call("tensor_copy", self)
        copied.name = name
        return copied._with_attributes_of(self)

    def cos(self) -> Any:
        """See `symgrad.tensor.cos`."""
        return _call("cos", self)

    def cosh(self) -> Any:
        """See `symgrad.tensor.cosh`."""
        return _call("cosh", self)

    def cumprod(self, axis: Any = None) -> Any:
        """See `symgrad.tensor.cumprod`."""
        return _call("cumprod", self, axis)

    def cumsum(self, axis: Any = None) -> Any:
        """See `symgrad.tensor.cumsum`."""
        return _call("cumsum", self, axis)

    def deg2rad(self) -> Any:
        """See `symgrad.tensor.deg2rad`."""
        return _call("deg2rad", self)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """See `symgrad.tensor.diagonal`."""
        return _call("diagonal", self, offset, axis1, axis2)

    def dimshuffle(self, *pattern: Any) -> Any:
        """Permute, drop (length 1) and insert (`'x'`) dimensions."""
        return _call("dimshuffle", self, *pattern)

    def dot(self, right: Any) -> Any:
        """See `symgrad.tensor.dot`."""
        return _call("dot", self, right)

    def exp(self) -> Any:
        """See `symgrad.tensor.exp`."""
        return _call("exp", self)

    def exp2(self) -> Any:
        """See `symgrad.tensor.exp2`."""
        return _call("exp2", self)

    def expm1(self) -> Any:
        """See `symgrad.tensor.expm1`."""
        return _call("expm1", self)

    def fill(self, value: Any) -> Any:
        """See `symgrad.tensor.fill`."""
        return _call("fill", self, value)

    def flatten(self, ndim: int = 1) -> Any:
        """See `symgrad.tensor.flatten`."""
        return _call("flatten", self, ndim)

    def floor(self) -> Any:
        """See `symgrad.tensor.floor`."""
        return _call("floor", self)

    def get_scalar_constant_value(self) -> Any:
        """See `symgrad.tensor.get_scalar_constant_value`."""
        return _call("get_scalar_constant_value", self)

    def log(self) -> Any:
        """See `symgrad.tensor.log`."""
        return _call("log", self)

    def log10(self) -> Any:
        """See `symgrad.tensor.log10`."""
        return _call("log10", self)

    def log1p(self) -> Any:
        """See `symgrad.tensor.log1p`."""
        return _call("log1p", self)

    def log2(self) -> Any:
        """See `symgrad.tensor.log2`."""
        return _call("log2", self)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.max`."""
        return _call("max", self, axis, keepdims)

    def mean(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """See `symgrad.tensor.mean`."""
        return _call("mean", self, axis, dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """See `symgrad.tensor.min`."""
        return _call("min", self, axis, keepdims)

    def nonzero(self, return_matrix: bool = False) -> Any:
        """See `symgrad.tensor.nonzero`."""
        return _call("nonzero", self, return_matrix)

    def nonzero_values(self) -> Any:
        """See `symgrad.tensor.nonzero_values`."""
        return _call("nonzero_values", self)

    def norm(self, L: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The L-norm over an axis."""
        return _call("tensor_norm", self, L, axis, keepdims)

    def ones_like(self, dtype: Any = None) -> Any:
        """See `symgrad.tensor.ones_like`."""
        return _call("ones_like", self, dtype)

    def prod(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """See `symgrad.tensor.prod`."""
        return _call("prod", self, axis, dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def ptp(self, axis: Any = None) -> Any:
        """See `symgrad.tensor.ptp`."""
        return _call("ptp", self, axis)

    def rad2deg(self) -> Any:
        """See `symgrad.tensor.rad2deg`."""
        return _call("rad2deg", self)

    def ravel(self) -> Any:
        """See `symgrad.tensor.flatten`."""
        return _call("flatten", self, 1)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """See `symgrad.tensor.repeat`."""
        return _call("repeat", self, repeats, axis)

    def reshape(self, shape: Any, *more: Any, ndim: int | None = None) -> Any:
        """See `symgrad.tensor.reshape`."""
        if len(more) == 1 and isinstance(shape, (tuple, list)):
            return _call("reshape", self, shape, *more)  # Theano's second argument
        return _call("reshape", self, (shape, *more) if more else shape, ndim)

    def round(self, mode: str | None = None) -> Any:
        """See `symgrad.tensor.round`."""
        return _call("round", self) if mode is None else _call("round_mode", self, mode)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        """See `symgrad.tensor.searchsorted`."""
        return _call("searchsorted", self, v, side, sorter)

    def sin(self) -> Any:
        """See `symgrad.tensor.sin`."""
        return _call("sin", self)

    def sinh(self) -> Any:
        """See `symgrad.tensor.sinh`."""
        return _call("sinh", self)

    def sort(self, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Any:
        """See `symgrad.tensor.sort`."""
        return _call("sort", self, axis, kind, order)

    def sqrt(self) -> Any:
        """See `symgrad.tensor.sqrt`."""
        return _call("sqrt", self)

    def squeeze(self, axis: Any = None) -> Any:
        """See `symgrad.tensor.squeeze`."""
        return _call("squeeze", self, axis)

    def std(
        self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
    ) -> Any:
        """See `symgrad.tensor.std`."""
        return _call("std", self, axis, ddof, keepdims, corrected)

    def sum(
        self, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Any:
        """See `symgrad.tensor.sum`."""
        return _call("sum", self, axis, dtype, keepdims=keepdims, acc_dtype=acc_dtype)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """See `symgrad.tensor.swapaxes`."""
        return _call("swapaxes", self, axis1, axis2)

    def take(self, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
        """See `symgrad.tensor.take`."""
        return _call("take", self, indices, axis, mode)

    def tan(self) -> Any:
        """See `symgrad.tensor.tan`."""
        return _call("tan", self)

    def tanh(self) -> Any:
        """See `symgrad.tensor.tanh`."""
        return _call("tanh", self)

    def trace(self) -> Any:
        """The sum of the diagonal."""
        return _call("trace", self)

    def transfer(self, target: str) -> Any:
        """See `symgrad.tensor.transfer`."""
        return _call("transfer", self, target)

    def transpose(self, *axes: Any) -> Any:
        """See `symgrad.tensor.transpose`."""
        return _call("transpose", self, *axes)

    def trunc(self) -> Any:
        """See `symgrad.tensor.trunc`."""
        return _call("trunc", self)

    def var(
        self, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
    ) -> Any:
        """See `symgrad.tensor.var`."""
        return _call("var", self, axis, ddof, keepdims, corrected)

    def zeros_like(self, dtype: Any = None) -> Any:
        """See `symgrad.tensor.zeros_like`."""
        return _call("zeros_like", self, dtype)
