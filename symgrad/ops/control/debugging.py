"""Operations that a program runs for what they do besides: printing and checking."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, repr_of
from symgrad.files.writing import say
from symgrad.graph.types import ValueType
from symgrad.ops.op import Arg, Example, Op, as_expr


class PrintValue(Op):
    """The input itself, printed each time the program computes it."""

    message: str
    attrs: tuple[str, ...]
    view_of = 0
    shape_of = 0
    has_side_effect = True

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        (x,) = arrays
        for attr in self.attrs:
            value = getattr(np.asarray(x), attr)
            shown = value() if callable(value) else value
            say(f"{self.message} {attr} = {shown}\n", sys.stdout)
        return x

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g,)

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(PrintValue("x", ("shape",)), (Arg(),))


class Print:
    """Print a value whenever it is computed, and pass it on.

    Parameters
    ----------
    message : str
        Printed in front.
    attrs : sequence of str
        Attributes or methods without arguments of the array to print.

    >>> x = Print("x is")(as_expr(2.0))
    >>> _ = (x * 3).eval()
    x is __str__ = 2.0
    """

    def __init__(self, message: str = "", attrs: Sequence[str] = ("__str__",)) -> None:
        self.message = message
        self.attrs = tuple(attrs)
        for attr in self.attrs:
            if not hasattr(np.ndarray, attr):
                raise GraphTypeError(f"Print: arrays have no attribute {repr_of(attr)}.")

    def __call__(self, x: Any) -> Any:
        return PrintValue(self.message, self.attrs).make(as_expr(x, "Print"))


class Check(Op):
    """The first input itself, if all the others are true; an error otherwise."""

    message: str
    view_of = 0
    shape_of = 0
    has_side_effect = True

    def infer(self, *types: ValueType) -> ValueType:
        return types[0]

    def impl(self, xp: Any, *arrays: Any) -> Any:
        for condition in arrays[1:]:
            if not np.all(condition):
                raise AssertionError(self.message)
        return arrays[0]

    def connects(self, index: int) -> bool:
        return index == 0

    def vjp(self, g: Any, y: Any, *inputs: Any) -> Sequence[Any]:
        return (g, *[None] * (len(inputs) - 1))

    @classmethod
    def examples(cls) -> Iterable[Example]:
        yield Example(Check("must hold"), (Arg(), Arg((), "bool", exact=True)))


class Assert:
    """Stop the program with a message unless conditions hold.

    Parameters
    ----------
    msg : str
        What the error says.

    >>> x = as_expr(2.0)
    >>> Assert("x must be positive")(x, x > 0).eval()
    array(2.)
    """

    def __init__(self, msg: str = "Assert failed") -> None:
        self.msg = msg

    def __call__(self, value: Any, *conditions: Any) -> Any:
        inputs = [as_expr(v, "Assert") for v in (value, *conditions)]
        return Check(self.msg).make(*inputs)


def assert_op(value: Any, *conditions: Any) -> Any:
    """Return `value` if the conditions hold; see `Assert`.

    >>> assert_op(as_expr(1.0), as_expr(True)).eval()
    array(1.)
    """
    return Assert()(value, *conditions)
