"""Names that variables do not have, but that people use: each says what to write instead."""

from __future__ import annotations

from typing import Any, NoReturn

from symgrad.errors import made_at

_VALUE = (
    "a variable has no value before a function runs. x.eval({...}) computes one; a shared "
    "variable's value is read by get_value() and changed by set_value(value), or by "
    "function(..., updates=[(x, new)])"
)
_GRADIENT = "derivatives are expressions of their own: T.grad(cost, x)"

MISNAMED = {
    "assign": _VALUE,
    "backward": _GRADIENT,
    "data": _VALUE,
    "detach": "the value without its derivative is symgrad.gradient.disconnected_grad(x)",
    "grad": _GRADIENT,
    "item": _VALUE,
    "numpy": _VALUE,
    "requires_grad": f"any variable can be differentiated by; {_GRADIENT}",
    "value": _VALUE,
}


class Misnamed:
    """An attribute that is not there, for reading as for writing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type) -> NoReturn:
        self._refuse(node)

    def __set__(self, node: Any, value: Any) -> NoReturn:
        self._refuse(node)

    def __delete__(self, node: Any) -> NoReturn:
        self._refuse(node)

    def _refuse(self, node: Any) -> NoReturn:
        if node is None:
            raise AttributeError(self.name)
        error = AttributeError(
            f"{node} is a symbolic variable and has no {self.name!r}: {MISNAMED[self.name]}."
            f"\n{made_at(node)}"
        )
        error.name = self.name
        raise error


def is_misnamed(owner: type, name: str) -> bool:
    """Whether a name only says what to write instead, so that completion does not offer it."""
    return name in MISNAMED and not hasattr(owner, name)


class Misnames:
    """The names as attributes; a class that has one of them puts its own in front."""

    __slots__ = ()


for _name in MISNAMED:
    setattr(Misnames, _name, Misnamed(_name))
