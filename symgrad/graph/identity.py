"""What `a == b` between variables gives: whether they are the same object, and never a number.

Variables are compared by identity, so that they can be kept in lists, sets and dicts. Whoever
writes ``T.mean(prediction == labels)`` wants something else, and would get the mean of False.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, NoReturn
from weakref import WeakSet

from symgrad.errors import GraphTypeError
from symgrad.quoting import short


class SameVariable:
    """The answer of ``a == b`` or ``a != b``: good for `if`, `in` and `assert`, not for computing.

    >>> import symgrad.tensor as T
    >>> a, b = T.vectors("a", "b")
    >>> bool(a == a), bool(a == b), a in [b, a], (a == b) == False
    (True, False, True, True)
    >>> a == b
    <a == b asks whether they are the same object: False; T.eq(a, b) compares values>
    """

    __slots__ = ("_left", "_right", "_truth", "_word")

    def __init__(self, word: str, left: Any, right: Any) -> None:
        self._word, self._left, self._right = word, left, right
        self._truth = (left is right) is (word == "==")

    def __bool__(self) -> bool:
        return self._truth

    def __hash__(self) -> int:
        return hash(self._truth)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (bool, SameVariable)):
            return self._truth is bool(other)
        if hasattr(type(other), "static_shape"):  # a variable: `(a == b) == c`
            self.refuse()
        return NotImplemented

    def __repr__(self) -> str:
        left, right = _short(self._left), _short(self._right)
        return (
            f"<{left} {self._word} {right} asks whether they are "
            f"{'' if self._word == '==' else 'not '}the same object: {self._truth}; "
            f"T.{'eq' if self._word == '==' else 'neq'}({left}, {right}) compares values>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return bool, (self._truth,)

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Say that this is no value, and what is."""
        left, right = _short(self._left), _short(self._right)
        asks = "are the same object" if self._word == "==" else "are different objects"
        function = "eq" if self._word == "==" else "neq"
        raise GraphTypeError(
            f"`{left} {self._word} {right}` asks whether two variables {asks} "
            f"({self._truth}): it is no symbolic value, and cannot be computed with. Use "
            f"T.{function}({left}, {right}), which compares element by element."
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what protocols look for
            raise AttributeError(name)
        raise AttributeError(f"{self!r} has no {name!r}")

    __array__ = __array_ufunc__ = __array_function__ = refuse
    __int__ = __float__ = __complex__ = __index__ = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = refuse
    __divmod__ = __rdivmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = refuse
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = refuse
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = refuse
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = __trunc__ = refuse
    __floor__ = __ceil__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __getitem__ = __iter__ = __len__ = __contains__ = refuse


def is_looked_for(comparison: Any, frame: FrameType) -> bool:
    """Whether a comparison with NumPy's value was made by the search of a container.

    NumPy's numbers and arrays compare element by element, so that ``3.0 == x`` is an expression.
    In ``x in [np.float64(3), x]``, or ``.index(x)``, Python makes that comparison and asks for its
    truth in one instruction: there, no number is the variable.
    """
    return (
        comparison.op.name in ("eq", "neq")
        and comparison in BY_NUMPY
        and comparison.origin[:1] == ((frame.f_code, frame.f_lasti),)
        and not _compares_and_asks(frame)
    )


_IN_ONE = sys.version_info >= (3, 13)


def _compares_and_asks(frame: FrameType) -> bool:
    """Whether the instruction is an ``==`` of the program's whose truth decides what comes next.

    From Python 3.13 on that is one instruction, too: the fifth bit of its argument says so. A
    container in an ``if`` cannot be told from a number there, so neither is answered.
    """
    if not _IN_ONE:
        return False
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at] == opmap["COMPARE_OP"] and bool(code[at + 1] & 16)


# The comparisons that NumPy asked for; others that are made and asked in one instruction, as by
# filter(partial(T.eq, a), variables), are mistakes.
BY_NUMPY: WeakSet[Any] = WeakSet()


def _short(value: Any) -> str:
    text = str(value)
    return "..." if len(text) > 40 and "\n" in text else short(text, 40)
