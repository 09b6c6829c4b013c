"""Identities that change gradients: constants in the middle of a graph, clipping, scaling.

A program computes nothing for them: they are removed before it is compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symgrad.errors import GraphTypeError, GraphValueError, repr_of
from symgrad.graph.types import ValueType
from symgrad.ops.arithmetic.elementwise import maximum, minimum
from symgrad.ops.op import Arg, Example, NullGrad, Op, as_expr
from symgrad.origins import short_origin


class Barrier(Op, register=False):
    """An identity with a gradient of its own."""

    view_of = 0
    shape_of = 0

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        return arrays[0]

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(), (Arg(),), differentiable=False)
        yield Example(cls(), (Arg(()),), differentiable=False)


class ConsiderConstant(Barrier):
    """The input itself; connected to it, with zero gradient."""


class ZeroGrad(Barrier):
    """The input itself; connected to it, with zero gradient."""


class DisconnectedGrad(Barrier):
    """The input itself; as far as gradients go, not connected to it."""

    def connects(self, index: int) -> bool:
        return False


class UndefinedGrad(Barrier):
    """The input itself; its gradient is undefined."""

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (NullGrad(f"undefined_grad was applied to {inputs[0]}{_where(y)}"),)


class GradClip(Barrier):
    """The input itself; the gradient that arrives is clipped."""

    low: float
    high: float

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (minimum(maximum(g, self.low), self.high),)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(-0.5, 0.5), (Arg(),), differentiable=False)
        yield Example(cls(-100.0, 100.0), (Arg(),))


class GradScale(Barrier):
    """The input itself; the gradient that arrives is multiplied."""

    multiplier: float

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g * self.multiplier,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(cls(-2.0), (Arg(),), differentiable=False)
        yield Example(cls(1.0), (Arg(),))


BARRIERS = (ConsiderConstant, ZeroGrad, DisconnectedGrad, UndefinedGrad, GradClip, GradScale)


def consider_constant(x: Any) -> Any:
    """Return `x`, a constant for `grad`: what it was computed from gets zero gradient through it.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(x * consider_constant(x), x).eval({x: 3.0})
    array(3.)
    """
    return ConsiderConstant().make(as_expr(x, "consider_constant"))


def zero_grad(x: Any) -> Any:
    """Return `x`, through which gradients are zero (but connected); see `disconnected_grad`.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(zero_grad(x) * x, x).eval({x: 3.0})
    array(3.)
    """
    return ZeroGrad().make(as_expr(x, "zero_grad"))


def disconnected_grad(x: Any) -> Any:
    """Return `x`, not connected to what it was computed from as far as `grad` is concerned.

    Unlike with `zero_grad`, a variable that is used here only makes `grad` raise
    `DisconnectedInputError`.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(x * disconnected_grad(x), x).eval({x: 3.0})
    array(3.)
    """
    return DisconnectedGrad().make(as_expr(x, "disconnected_grad"))


def undefined_grad(x: Any) -> Any:
    """Return `x`, through which gradients are undefined: `grad` raises `NullTypeGradError`.

    >>> undefined_grad([1.0, 2.0]).eval()
    array([1., 2.])
    """
    return UndefinedGrad().make(as_expr(x, "undefined_grad"))


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> Any:
    """Return `x`; the gradient that arrives at it is clipped, element by element.

    Parameters
    ----------
    x : variable
        Any shape.
    lower_bound, upper_bound : float
        Numbers; the same array of gradients is clipped on the way back.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(grad_clip(x, -1, 1) ** 2, x).eval({x: 3.0})
    array(1.)
    """
    low = _number(lower_bound, "grad_clip: lower_bound")
    high = _number(upper_bound, "grad_clip: upper_bound")
    if not low <= high:
        raise GraphValueError(f"grad_clip: the lower bound {low} is above the upper bound {high}.")
    return GradClip(low, high).make(as_expr(x, "grad_clip"))


def grad_scale(x: Any, multiplier: float) -> Any:
    """Return `x`; the gradient that arrives at it is multiplied by a number.

    A negative one reverses the direction of descent, as in adversarial training.

    >>> import symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> T.grad(grad_scale(x**2, -0.5), x).eval({x: 3.0})
    array(-3.)
    """
    return GradScale(_number(multiplier, "grad_scale: multiplier")).make(as_expr(x, "grad_scale"))


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> NullGrad:
    """Return what a `vjp` gives for an input whose gradient has no meaning.

    Parameters
    ----------
    op : Op
        The operation.
    x_pos : int
        Which of its inputs.
    x : variable
        That input.
    comment : str
        Why.

    >>> grad_undefined("my_op", 0, "x", "it counts").reason
    'the gradient of my_op with respect to its input 0 (x) is not defined: it counts'
    """
    return NullGrad(_null_reason(op, x_pos, x, "not defined", comment))


def grad_not_implemented(op: Any, x_pos: int, x: Any, comment: str = "") -> NullGrad:
    """Return what a `vjp` gives for an input whose gradient nobody has written yet.

    The arguments are those of `grad_undefined`.

    >>> grad_not_implemented("my_op", 0, "x").reason
    'the gradient of my_op with respect to its input 0 (x) is not implemented'
    """
    return NullGrad(_null_reason(op, x_pos, x, "not implemented", comment))


def _null_reason(op: Any, x_pos: int, x: Any, state: str, comment: str) -> str:
    text = f"the gradient of {op} with respect to its input {x_pos} ({x}) is {state}"
    return f"{text}: {comment}" if comment else text


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise GraphTypeError(f"{what} must be a number, not {repr_of(value)}.") from None


def _where(node: Any) -> str:
    place = short_origin(node.origin)
    return f" ({place})" if place else ""
