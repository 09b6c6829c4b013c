"""The family of operations along axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symgrad import hooks
from symgrad.errors import naming
from symgrad.graph.expr import Expr
from symgrad.graph.types import ValueType, normalize_axes, tensor_type
from symgrad.ops.op import Lengths, Op, Spec, as_expr, elements


class Reduction(Op, register=False):
    """An operation that removes axes (or keeps them with length 1).

    Subclasses add the fields they need after these and define `impl` and `vjp`.
    """

    axis: tuple[int, ...]
    keepdims: bool

    def reduced(self, lengths: Sequence[Any]) -> tuple[Any, ...]:
        """The lengths of the result, given those of the input."""
        if self.keepdims:
            return tuple(1 if a in self.axis else n for a, n in enumerate(lengths))
        return tuple(n for a, n in enumerate(lengths) if a not in self.axis)

    def result_dtype(self, dtype: str) -> str:
        """The dtype of the result for an input's."""
        return dtype

    def infer(self, *types: ValueType) -> ValueType:
        (x,) = types
        return tensor_type(self.result_dtype(x.dtype), self.reduced(x.shape))

    def lengths(self, node: Expr, known: Mapping[Expr, Lengths]) -> Lengths:
        return self.reduced(known[node.inputs[0]])

    def flops(self, out: Any, *inputs: Spec) -> int | None:
        return elements(inputs[0])

    def restore_axes(self, reduced: Any, x: Any) -> Any:
        """Give a reduced value its axes back, with length 1."""
        if self.keepdims or not self.axis:
            return reduced
        pattern: list[Any] = []
        kept = 0
        for a in range(x.ndim):
            if a in self.axis:
                pattern.append("x")
            else:
                pattern.append(kept)
                kept += 1
        return hooks.call("dimshuffle", reduced, *pattern)

    @classmethod
    def reduction_args(cls) -> Iterable[tuple[tuple[int, ...], bool, tuple[int, ...]]]:
        """Axes, keepdims and input shapes for the examples."""
        yield (0, 1), False, (3, 4)
        yield (0,), False, (3, 4)
        yield (1,), True, (3, 4)
        yield (0, 2), False, (2, 3, 4)
        yield (), False, (3,)
        yield (), False, ()


def check_axes(x: Any, axis: Any, name: str) -> tuple[Any, tuple[int, ...]]:
    """The argument as an expression, and its axes as a sorted tuple of non-negative ints."""
    x = as_expr(x, name)
    with naming(x):
        return x, normalize_axes(axis, x.ndim, f"{name}: axis")
