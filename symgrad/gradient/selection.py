"""Where gradients are zero because of a condition, and stay zero whatever they are multiplied with.

The gradient of `switch(x > 0, log(x), 0)` is `switch(x > 0, g, 0)` times `1 / x`; at x = 0 the
product is 0 * inf. What was not chosen has no part in the result, so the product is taken first and
the choice made last: `switch(x > 0, g / x, 0)`. The reverse pass remembers for each gradient the
condition outside of which it is zero.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from symgrad.graph.expr import Constant, Expr
from symgrad.ops.arithmetic.elementwise import (
    Cast,
    abs,
    add,
    cast,
    mul,
    neg,
    neq,
    sqr,
    sub,
    switch,
    tensor_copy,
    true_div,
)
from symgrad.ops.arithmetic.logic import and_, invert, or_
from symgrad.ops.arrays.shaping import DimShuffle, SumLike, broadcast_like, sum_like
from symgrad.ops.control.barriers import Barrier, GradClip
from symgrad.ops.linalg.linalg import Dot
from symgrad.ops.moving import is_elementwise, moves
from symgrad.ops.nnet.softmax import AxisNormalizer
from symgrad.ops.reductions.family import Reduction
from symgrad.ops.reductions.reduction import Sum, any as any_of
from symgrad.rewrite.patterns import axis_order
from symgrad.rewrite.shapes import LengthsOf

# What arrives at these is passed on as it is, or not at all; it is multiplied with nothing.
_PASSING = (add, sub, tensor_copy, switch)
_PASSING_KINDS = (Cast, Sum, SumLike)


class Choice(NamedTuple):
    """A gradient that is `inside` where the condition is as it should be, and 0 elsewhere."""

    condition: Expr
    should: bool
    inside: Expr

    def of(self, value: Expr) -> Expr:
        """Another value, where the condition is as it should be, else 0."""
        chosen: Expr
        chosen = switch(self.condition, *((value, 0) if self.should else (0, value)))
        return chosen

    @property
    def where(self) -> Any:
        """Where the condition is as it should be."""
        return self.condition if self.should else invert(self.condition)


class Choices:
    """The choices on the way of one reverse pass.

    Parameters
    ----------
    order : sequence of Expr
        The nodes that are differentiated, each after its inputs.
    needed : collection of Expr
        Those of them that gradients are passed to.
    """

    def __init__(self, order: Sequence[Expr], needed: Collection[Expr]) -> None:
        self._order = order
        self._needed = needed
        self._choices: dict[Expr, Choice] = {}
        self._multiplying: set[Expr] | None = None
        self._switched: bool | None = None
        self._lengths = LengthsOf()

    def _matters(self, node: Expr) -> bool:
        """Whether a gradient that arrives here is going to be multiplied."""
        if self._multiplying is None:
            found = self._multiplying = set()
            for e in self._order:
                if e.op is None or e not in self._needed:
                    continue
                passing = e.op in _PASSING or isinstance(e.op, _PASSING_KINDS) or moves(e)
                if not passing or any(i in found for i in e.inputs):
                    found.add(e)
        return node in self._multiplying

    def _of(self, node: Expr, gradient: Any) -> Choice | None:
        if not self._choices or not isinstance(gradient, Expr):
            return None
        choice = self._choices.get(gradient)
        return choice if choice is not None and self._matters(node) else None

    def inside(self, node: Expr, gradient: Any) -> Any:
        """What a node should multiply in place of the gradient that arrives at it."""
        choice = self._of(node, gradient)
        return choice.inside if choice is not None and is_elementwise(node) else gradient

    def chosen(self, node: Expr, gradient: Any, source: Expr, part: Expr, index: int) -> Any:
        """What a node passes on, zero again where it should be."""
        before = self._of(node, gradient)
        if before is not None and part is before.inside:
            return gradient
        own = _choice_of(part) if part.op is switch else None
        if own is None and _multiplies(node) and self._matters(source):
            own = self._factor(node, part, index)
            if own is not None and before is None:
                return self._noted(own.of(part), own)
        if own is None and node.op.flat is not None and self._matters(source):
            flat = node.op.flat(index, *node.inputs)
            own = None if flat is None else Choice(flat, False, part)
        if before is None:
            return part if own is None else self._noted(part, own)
        where = self._reaching(node, before, gradient, source, part, index)
        if where is None:
            return part if own is None else self._noted(part, own)
        if own is not None:
            choice = Choice(and_(where.where, own.where), True, own.inside)
        else:
            choice = where._replace(inside=part)
        passing = not is_elementwise(node) and (isinstance(node.op, _PASSING_KINDS) or moves(node))
        return self._noted(part if passing and own is None else choice.of(choice.inside), choice)

    def _factor(self, node: Expr, part: Expr, index: int) -> Choice | None:
        """The condition outside of which a product's slope is zero, since its other factor is."""
        if node.op is true_div and index != 1:
            return None
        if self._switched is None:
            self._switched = any(e.op is switch for e in self._order)
        choice = None
        for k, factor in enumerate(node.inputs if self._switched else ()):
            if k != index:
                choice = _zero_outside(factor) or choice
        return None if choice is None else choice._replace(inside=part)

    def _reaching(
        self, node: Expr, choice: Choice, gradient: Any, source: Expr, part: Expr, index: int
    ) -> Choice | None:
        """Outside of what condition an input's gradient is zero, if that of a node is."""
        op = node.op
        if isinstance(op, GradClip) and not op.low <= 0 <= op.high:
            return None
        if is_elementwise(node) or isinstance(op, Barrier) or choice.condition.ndim == 0:
            return choice
        where = self._spread(choice.where, node)
        if isinstance(op, Reduction):
            where = broadcast_like(op.restore_axes(where, source), source)
        elif isinstance(op, SumLike):
            where = broadcast_like(where, source)
        elif isinstance(op, AxisNormalizer):
            where = any_of(where, op.axis, keepdims=True)
        elif moves(node):
            where = neq(op.vjp(cast(where, part.dtype), node, *node.inputs)[index], 0)
        else:
            return None
        return Choice(where, True, part)

    def summed(self, node: Expr, source: Expr, part: Expr) -> Expr:
        """`sum_like(part, source)`, zero where all that was summed should be."""
        total: Expr = sum_like(part, source)
        choice = self._choices.get(part) if self._choices else None
        if choice is None or not self._matters(source):
            return total
        if self._lengths(node) == self._lengths(source):
            return part
        if choice.condition.ndim == 0:
            return self._noted(total, choice._replace(inside=total))
        where = sum_like(cast(self._spread(choice.where, node), part.dtype), source)
        return self._noted(total, Choice(neq(where, 0), True, total))

    def _spread(self, where: Any, like: Expr) -> Any:
        """A condition in the shape of a node."""
        return where if self._lengths(where) == self._lengths(like) else broadcast_like(where, like)

    def cast(self, part: Expr, dtype: str) -> Expr:
        """The part in another dtype."""
        result: Expr = cast(part, dtype)
        choice = self._choices.get(part) if self._choices else None
        if choice is not None:
            self._noted(result, choice._replace(inside=cast(choice.inside, dtype)))
        return result

    def plus(self, node: Expr, a: Expr, b: Expr) -> Expr:
        """The sum of two gradients of a node, zero where both should be."""
        first, second = self._choices.get(a), self._choices.get(b)
        total: Expr = a + b
        if first is None or second is None:
            return total
        if first.condition is second.condition:
            if first.should == second.should:
                inside = first.inside + second.inside
                return self._noted(first.of(inside), first._replace(inside=inside))
            chosen: Expr
            chosen = switch(first.condition, *(c.inside for c in sorted((first, second), key=_no)))
            return chosen
        if self._matters(node):
            self._noted(total, Choice(or_(first.where, second.where), True, total))
        return total

    def _noted(self, gradient: Expr, choice: Choice) -> Expr:
        self._choices[gradient] = choice
        return gradient


def _multiplies(node: Expr) -> bool:
    """Whether each element of an input's slope is a multiple of one element of another input."""
    inner = isinstance(node.op, Dot) and all(i.ndim == 1 for i in node.inputs)
    return inner or node.op in (mul, true_div)


def _no(choice: Choice) -> bool:
    return not choice.should


def _choice_of(part: Expr) -> Choice | None:
    """What an operation chose itself: `switch(c, part, 0)`, or `switch(c, 0, part)`."""
    condition, a, b = part.inputs
    if _is_zero(b):
        return Choice(condition, True, a)
    return Choice(condition, False, b) if _is_zero(a) else None


_KEEPING_ZERO = (neg, abs, sqr, tensor_copy)


def _zero_outside(e: Expr, depth: int = 4) -> Choice | None:
    """Where a factor is zero since something else was chosen, through a few more factors."""
    if e.op is switch:
        return _choice_of(e)
    if e.op is None or not depth:
        return None
    if e.op is mul:
        a, b = (_zero_outside(i, depth - 1) for i in e.inputs)
        return a or b
    order = axis_order(e)
    if order is not None:
        choice = _zero_outside(e.inputs[0], depth - 1)
        if choice is None or choice.condition.ndim != e.inputs[0].ndim:
            return None
        return choice._replace(condition=DimShuffle(order).make(choice.condition))
    if e.op is true_div or e.op in _KEEPING_ZERO or isinstance(e.op, Cast):
        return _zero_outside(e.inputs[0], depth - 1)
    return None


def _is_zero(e: Expr) -> bool:
    return isinstance(e, Constant) and e.ndim == 0 and not e.value
