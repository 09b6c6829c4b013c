"""The values that a function holds, by name: defaults of inputs, and shared variables.

Theano's ways to them are ``f["x"]``, ``f.value["x"]`` and ``f.container["x"].value``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, label, listed, repr_of, suggest
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared


class Container:
    """One input or shared variable of a function, whose `value` can be read and set.

    The value of an input is what a call takes that leaves the input out: its default (None if it
    has none), or what was set, which serves the next such call alone.
    """

    def __init__(self, function: Any, key: Any) -> None:
        self._function = function
        self._place = _find(function, key)

    @property
    def name(self) -> str | None:
        """The name of the input, or of the shared variable."""
        if isinstance(self._place, Shared):
            return self._place.name
        name: str | None = self._function.input_specs[self._place].name
        return name

    @property
    def value(self) -> Any:
        """A copy of the value."""
        if isinstance(self._place, Shared):
            return self._place.get_value()
        if self._function.input_specs[self._place].value is None:
            return None
        value = self._function.filters[self._place].default()
        return np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value

    @value.setter
    def value(self, value: Any) -> None:
        if isinstance(self._place, Shared):
            self._place.set_value(value)
            return
        spec = self._function.input_specs[self._place]
        if spec.value is None:
            raise GraphTypeError(
                f"{self._function.title}: the input {label(spec.variable)} has no default, so "
                "each call gives its value. Make the function with "
                f"In({label(spec.variable)}, value=...) to set one."
            )
        self._function.filters[self._place].set_next(value)

    def __repr__(self) -> str:
        return f"<{self.value!r}>"


class Containers:
    """The containers of a function, by the name, the variable or the number of an input."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __getitem__(self, key: Any) -> Any:
        return Container(self._function, key)

    def __contains__(self, key: Any) -> bool:
        try:
            _find(self._function, key)
        except GraphTypeError:
            return False
        return True


class Values(Containers):
    """The same, but what is in the containers.

    >>> import symgrad, symgrad.tensor as T
    >>> x = T.dscalar("x")
    >>> f = symgrad.function([symgrad.In(x, value=2.0)], x**2)
    >>> f.value["x"] = 5.0
    >>> f.value["x"], f(), f()
    (array(5.), array(25.), array(4.))
    """

    def __getitem__(self, key: Any) -> Any:
        return Container(self._function, key).value

    def __setitem__(self, key: Any, value: Any) -> None:
        Container(self._function, key).value = value


def _find(function: Any, key: Any) -> Any:
    """The number of an input, or a shared variable."""
    specs, shared = function.input_specs, function.get_shared()
    if isinstance(key, Expr):
        places: list[Any] = [k for k, spec in enumerate(specs) if spec.variable is key]
        places += [s for s in shared if s is key]
    elif isinstance(key, str):
        places = [k for k, spec in enumerate(specs) if spec.name == key]
        places += [s for s in shared if s.name == key]
    elif isinstance(key, (int, np.integer)) and 0 <= key < len(specs):
        places = [int(key)]
    else:
        places = []
    if len(places) == 1:
        return places[0]
    names = [*(spec.name for spec in specs), *(s.name for s in shared)]
    if places:
        raise GraphTypeError(
            f"{function.title}: {len(places)} of its inputs and shared variables are named "
            f"{repr_of(key)}. Ask for the variable itself."
        )
    raise GraphTypeError(
        f"{function.title} has no input or shared variable {repr_of(key)}; it has "
        f"{listed([n for n in names if n]) or 'none with a name'}."
        f"{suggest(key, [n for n in names if n]) if isinstance(key, str) else ''}"
    )
