"""Shared variables: values that live between calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError, checks_keywords, made_at, repr_of
from symgrad.graph.expr import Expr
from symgrad.graph.foreign import as_array, is_array_like
from symgrad.graph.identity import SameVariable
from symgrad.graph.type_methods import pattern_shape
from symgrad.graph.types import ObjectType, TensorType, ValueType
from symgrad.graph.values import accept
from symgrad.locks import new_lock

_serials = itertools.count(1)


class Cell:
    """Where a shared variable's value is stored; compiled functions read and swap `value`.

    `serial` fixes the order in which a function locks the cells that it updates, so that two
    functions can never wait for each other. `spare` is an array that held an earlier value, for the
    next update to be made in; after an update of a part, a pair of it and of the changes that make
    the value of it; or None.
    """

    __slots__ = ("lock", "serial", "spare", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.spare: Any = None
        self.lock = new_lock()
        self.serial = next(_serials)

    def __reduce__(self) -> tuple[Any, ...]:
        return Cell, (self.value,)


class Shared(Expr):
    """A variable whose value is kept between calls and may be updated by functions.

    Attributes
    ----------
    default_update : Expr or None
        An update that every function using this variable carries out, unless told otherwise.
    """

    __slots__ = ("_default_update", "allow_downcast", "cell", "strict")

    def __init__(
        self,
        type_: ValueType,
        cell: Cell,
        name: str | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
    ) -> None:
        super().__init__(None, (), type_)
        self.cell = cell
        self.strict = strict
        self.allow_downcast = allow_downcast
        self._default_update: Any = None
        if name is not None:
            self.name = name

    @property
    def default_update(self) -> Any:
        """The update of its own; deleting it leaves the variable without one."""
        return self._default_update

    @default_update.setter
    def default_update(self, update: Any) -> None:
        self._default_update = update

    @default_update.deleter
    def default_update(self) -> None:
        self._default_update = None

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """Return the value: a copy, or with ``borrow=True`` the array itself.

        >>> import symgrad
        >>> symgrad.shared(1.5).get_value()
        array(1.5)
        """
        if not borrow:
            return _copied(self.cell.value)
        with self.cell.lock:
            self.cell.spare = None  # who has the array may change any part of it
            return self.cell.value

    @checks_keywords(new_value="value")
    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Replace the value; its shape may differ, its dtype and rank may not.

        Raises
        ------
        GraphTypeError
            If the value does not fit the variable's type.
        """
        try:
            array = accept(value, self.type, self.strict, self.allow_downcast)
        except GraphTypeError as error:
            raise GraphTypeError(
                f"set_value of the shared variable {self}: {error.message}\n{made_at(self)}"
            ) from None
        if not borrow and _shares(array, value):
            array = _copied(array)
        with self.cell.lock:
            self.cell.value = array
            self.cell.spare = None

    def zero(self, borrow: bool = False) -> None:
        """Set every element to zero."""
        self.set_value(np.zeros_like(self.cell.value), borrow=True)

    @property
    def container(self) -> Cell:
        """The cell that stores the value."""
        return self.cell

    def clone(self) -> Any:
        """Return another variable with the same storage."""
        copied = Shared(self.type, self.cell, self.name, self.strict, self.allow_downcast)
        copied.default_update = self.default_update
        return copied._with_attributes_of(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # The update depends on this very variable, so it follows as state, after the memo.
        settings = (self.type, self.cell, None, self.strict, self.allow_downcast)
        return Shared, settings, (self.default_update, *self._kept(), vars(self))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.default_update, self.origin, self.notes, *attributes = state
        if attributes:  # older pickles have none
            vars(self).update(attributes[0])


def _shares(array: Any, value: Any) -> bool:
    """Whether the array may be the memory of the value (of another library: that is unknown)."""
    if isinstance(value, np.ndarray):
        return array is value or np.may_share_memory(array, value)
    return array is value or is_array_like(value)


def _entries(value: Any) -> Iterator[Any]:
    """A value, or what nested lists and tuples hold."""
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _entries(entry)
    else:
        yield value


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    from copy import deepcopy

    return deepcopy(value)


@checks_keywords
def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    broadcastable: Any = None,
    shape: Any = None,
) -> Any:
    """Make a variable whose value is kept between calls.

    Parameters
    ----------
    value : array_like
        The first value; a Python int becomes an int64 scalar, a float a float64 one. Anything
        that is not a number or an array (of NumPy, or of another library) is kept as a plain
        Python object.
    name : str, optional
        For messages and pictures.
    strict : bool
        Let `set_value` accept only arrays of exactly the right dtype.
    allow_downcast : bool, optional
        Let `set_value` cast whatever it is given.
    borrow : bool
        Keep the given array itself instead of a copy.
    broadcastable : sequence of bool, optional
        Dimensions fixed to length 1.
    shape : sequence of int or None, optional
        Lengths fixed for good; by default only the rank is.

    >>> import symgrad
    >>> w = symgrad.shared(np.ones((1, 2)), "w")
    >>> w.dtype, w.ndim, w.get_value()
    ('float64', 2, array([[1., 1.]]))
    """
    for entry in _entries(value):
        if isinstance(entry, SameVariable):
            entry.refuse()
        if isinstance(entry, Expr):
            raise GraphTypeError(
                f"shared() needs a value, not the symbolic variable {entry}. "
                "Give it an array, or use value.eval()."
            )
    if name is not None and not isinstance(name, str):
        raise GraphTypeError(f"A shared variable's name must be a string, not {repr_of(name)}.")
    if type(value) in (bool, int, float, complex) or is_array_like(value):
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise GraphValueError(f"shared(): the integer {value} does not fit in int64.")
        try:
            array = as_array(value)
        except GraphTypeError as error:
            raise GraphTypeError(f"shared(): {error.message}") from None
        if type(value) is int:
            array = array.astype("int64")
        if array.dtype.kind in "biufc":
            if shape is None and broadcastable is not None:
                shape = pattern_shape(broadcastable)
            type_ = TensorType(array.dtype.name, shape=shape or (None,) * array.ndim)
            array = accept(array.astype(array.dtype.name, copy=False), type_)
            if not borrow and _shares(array, value):
                array = array.copy()
            return Shared(type_, Cell(array), name, strict, allow_downcast)
    return Shared(ObjectType(), Cell(value if borrow else _copied(value)), name, strict)
