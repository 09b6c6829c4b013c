"""Norms whose squares or powers may be too large or too small for the dtype.

They are computed as they are. Where the result says that digits were lost on the way, or that a
power was infinite, they are computed again of numbers that are scaled first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad.ops.arithmetic.elementwise import eq, switch
from symgrad.ops.op import Arg, Example, Spec, elements
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.inner import Inner
from symgrad.ops.reductions.sums import accurate_sum

# Sums of powers in which no power that counts has lost digits or has overflowed.
_SAFE = {"float32": (2.0**-90, 2.0**127), "float64": (2.0**-900, 2.0**1023)}
_FEW = 32  # numbers, of which Python finds the least sooner than NumPy


def _are_safe(totals: Any) -> bool:
    """Whether all of these sums are; a NaN may be, it stays one."""
    low, high = _SAFE[totals.dtype.name]
    if not totals.ndim:
        return bool(low < totals < high)
    if totals.size < _FEW:
        flat = totals.reshape(-1).tolist()
        return not flat or (low < min(flat) and max(flat) < high)
    flat = totals.reshape(-1)
    return bool(low < np.minimum.reduce(flat) and np.maximum.reduce(flat) < high)


class _Norm(Reduction, register=False):
    """``sum(|x|**p) ** (1 / p)`` over axes, right at any size."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if xp is not np:
            return self._scaled(xp, x)
        if x.dtype == np.float16:
            return self.impl(np, x.astype(np.float32)).astype(np.float16)
        return self._of_powers(x, None, None)

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        (x,) = arrays
        return (x,) if x.dtype in _SAFE else ()

    def impl_into(self, out: Any, work: Sequence[Any], *arrays: Any) -> None:
        if work:
            self._of_powers(arrays[0], out, work[0])
        else:
            out[...] = self.impl(np, *arrays)

    def _of_powers(self, x: Any, out: Any, work: Any) -> Any:
        powers = self._power(np, x, work)
        total = accurate_sum(np, powers, self.axis, self.keepdims)
        if _are_safe(total):
            return self._root(np, total, out)
        found = self._scaled(np, x)
        if out is None:
            return found
        out[...] = found
        return out

    def _scaled(self, xp: Any, x: Any) -> Any:
        """The norm of x over its largest absolute value, times that."""
        if 0 in x.shape:
            return xp.sum(xp.abs(x), axis=self.axis, keepdims=self.keepdims)
        size = self._size(xp, xp.abs(x))
        size = xp.where((size > 0) & (size < np.inf), size, xp.ones_like(size))
        total = xp.sum(self._power(xp, x / size), axis=self.axis, keepdims=True)
        found = self._root(xp, total) * size
        return found if self.keepdims else xp.squeeze(found, self.axis)

    def _size(self, xp: Any, x: Any) -> Any:
        return xp.max(x, axis=self.axis, keepdims=True)

    def _power(self, xp: Any, x: Any, out: Any = None) -> Any:
        raise NotImplementedError

    def _root(self, xp: Any, x: Any, out: Any = None) -> Any:
        raise NotImplementedError


class EuclideanNorm(_Norm):
    """The square root of the sum of squares over axes; its slope at 0 is 0."""

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        if xp is np and len(self.axis) == x.ndim and not self.keepdims and x.dtype.name in _SAFE:
            total = _INNER.impl(np, x, x)
            return np.sqrt(total) if _are_safe(total) else self._scaled(np, x)
        return super().impl(xp, x)

    def workspace(self, *arrays: Spec) -> Sequence[Spec]:
        (x,) = arrays
        return () if len(self.axis) == len(x.shape) else super().workspace(x)

    def _power(self, xp: Any, x: Any, out: Any = None) -> Any:
        return np.square(x, out) if xp is np else xp.square(x)

    def _root(self, xp: Any, x: Any, out: Any = None) -> Any:
        return np.sqrt(x, out) if xp is np else xp.sqrt(x)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 2 * elements(inputs[0])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        length = self.restore_axes(switch(eq(y, 0), np.inf, y), x)
        return (self.restore_axes(g, x) * (x / length),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for axis, keepdims, shape in cls.reduction_args():
            yield Example(cls(axis, keepdims), (Arg(shape, low=0.5),))
        yield Example(cls((0,), False), (Arg((0, 3)),), differentiable=False)
        for number in (1e200, 1e-200, 0.0):
            known = np.full((2, 3), number)
            yield Example(cls((1,), False), (Arg((2, 3), exact=known),))
            yield Example(cls((0, 1), False), (Arg((2, 3), exact=known),))


_INNER = Inner()


class PNorm(_Norm):
    """``sum(x**p) ** (1 / p)`` over axes, of numbers that are not negative, for p not 0."""

    p: float

    def _size(self, xp: Any, x: Any) -> Any:
        return (xp.min if self.p < 0 else xp.max)(x, axis=self.axis, keepdims=True)

    def _power(self, xp: Any, x: Any, out: Any = None) -> Any:
        if self.p not in (3.0, 4.0):
            p = x.dtype.type(self.p)  # a Python float would make NumPy 1's scalars float64
            return x**p if out is None else np.power(x, p, out)
        if out is None:
            return x * x * x if self.p == 3 else xp.square(xp.square(x))
        np.square(x, out)
        return np.multiply(out, x, out) if self.p == 3 else np.square(out, out)

    def _root(self, xp: Any, x: Any, out: Any = None) -> Any:
        root = x ** x.dtype.type(1 / self.p)
        return root if out is None else np.copyto(out, root)

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return 2 * elements(inputs[0])

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        (x,) = inputs
        length = self.restore_axes(y, x)
        is_zero = eq(length, 0)
        slope = (x / switch(is_zero, 1, length)) ** (self.p - 1)
        return (self.restore_axes(g, x) * switch(is_zero, 0, slope),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        for p in (3.0, 4.0, 2.5, 0.5, -1.0):
            for axis, keepdims, shape in cls.reduction_args():
                yield Example(cls(axis, keepdims, p), (Arg(shape, low=0.5),))
        yield Example(cls((0,), False, 3.0), (Arg((0, 3)),), differentiable=False)
        for number in (1e200, 1e-200, 0.0):
            known = np.full((2, 3), number)
            for p in (3.0, 2.5):
                yield Example(cls((1,), False, p), (Arg((2, 3), exact=known),))
