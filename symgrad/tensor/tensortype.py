"""`TensorType` as Theano's users call it."""

from __future__ import annotations

from typing import Any

from symgrad.errors import GraphTypeError
from symgrad.graph import types
from symgrad.graph.type_methods import pattern_shape


class _TheanosCall(type):
    """Reads the second argument as Theano does.

    `symgrad.graph.types.TensorType` reads it as a shape, where 0 is a length; pickles of earlier
    versions call that, and nothing in such a call says who makes it.
    """

    def __call__(
        cls,
        dtype: Any,
        broadcastable: Any = None,
        name: str | None = None,
        sparse_grad: bool = False,
        *,
        shape: Any = None,
    ) -> Any:
        if broadcastable is not None and shape is not None:
            raise GraphTypeError("TensorType: give either broadcastable or shape, not both.")
        if shape is None:
            shape = pattern_shape(() if broadcastable is None else broadcastable)
        own = types.TensorType if cls is TensorType else cls
        return type.__call__(own, dtype, shape, name)

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if cls is TensorType:
            return issubclass(subclass, types.TensorType)
        return type.__subclasscheck__(cls, subclass)


class TensorType(types.TensorType, metaclass=_TheanosCall):
    """The type of an array of a dtype, with lengths known or not.

    Parameters
    ----------
    dtype : str
        Any of NumPy's boolean, integer, float and complex dtypes, or ``floatX``.
    broadcastable : sequence of bool, optional
        Theano's pattern, one entry per dimension: True (or 1) where the length is 1, False (or 0)
        where it is not known. No dimensions by default.
    name : str, optional
        Accepted for Theano's sake, as `sparse_grad` is.
    shape : sequence of int or None, optional
        The same, with lengths: None for each that is not known.

    >>> TensorType("float64", (0, 1))
    TensorType('float64', shape=(None, 1))
    >>> TensorType("float64", shape=(0, 10))("x").static_shape
    (0, 10)
    """

    __slots__ = ()
