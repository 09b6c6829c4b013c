"""What Theano's users call on a type: `v.type.filter(value)`, `v.type.make_variable()` and kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, describe, made_at, repr_of

_TOLERANCE = {"float16": (1e-3, 1e-3), "float32": (1e-5, 1e-5)}  # relative, absolute


class AnyTypeMethods:
    """The methods that types of arrays and of other objects share."""

    __slots__ = ()

    def __call__(self, name: str | None = None, *more: Any) -> Any:
        """Make a placeholder of this type; it takes one name."""
        if more:
            names = ", ".join(map(repr, (name, *more)))
            raise GraphTypeError(
                f"one {self} has one name, and {names} were given: call the type once for each, or "
                f"use a plural, such as T.dvectors({names})."
            )
        return hooks.call("placeholder", self, name)

    def make_variable(self, name: str | None = None) -> Any:
        """Make a placeholder of this type, as a call does."""
        return hooks.call("placeholder", self, name)

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Return a value as this type stores it, or say why it cannot be one.

        Parameters
        ----------
        data : object
            The value.
        strict : bool
            Accept only an array of exactly this dtype.
        allow_downcast : bool, optional
            Cast whatever comes.

        Raises
        ------
        GraphTypeError
            If the value does not fit.

        >>> import symgrad.tensor as T
        >>> T.fvector.filter([1, 2])
        array([1., 2.], dtype=float32)
        """
        try:
            return hooks.call("accept", data, self, strict, allow_downcast)
        except GraphTypeError as error:
            raise GraphTypeError(f"filter: {error.message}") from None

    def is_valid_value(self, a: Any) -> bool:
        """Whether a value is of this type as it is: an array of its dtype and rank.

        >>> import symgrad.tensor as T
        >>> T.dscalar.is_valid_value(np.array(1.0)), T.dscalar.is_valid_value(1.0)
        (True, False)
        """
        try:
            self.filter(a, strict=True)
        except GraphTypeError:
            return False
        return True


class TypeMethods(AnyTypeMethods):
    """Those of types of arrays."""

    __slots__ = ()
    dtype: str
    shape: tuple[int | None, ...]
    ndim: int

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Theano's pattern: which dimensions are known to have length 1."""
        return tuple(length == 1 for length in self.shape)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype as NumPy's object."""
        return np.dtype(self.dtype)

    def dtype_specs(self) -> tuple[type, str, str]:
        """The Python type of the elements, and what C calls them.

        >>> import symgrad.tensor as T
        >>> T.ivector.dtype_specs()
        (<class 'int'>, 'npy_int32', 'NPY_INT32')
        """
        kinds = {"b": bool, "i": int, "u": int, "f": float, "c": complex}
        prefix = "theano" if self.dtype.startswith("complex") else "npy"
        kind = kinds[self.numpy_dtype.kind]
        return kind, f"{prefix}_{self.dtype}", f"NPY_{self.dtype.upper()}"

    def clone(self, dtype: Any = None, broadcastable: Any = None) -> Any:
        """Return this type with another dtype, or another broadcast pattern.

        >>> import symgrad.tensor as T
        >>> T.dmatrix.clone("int8", (False, True))
        TensorType('int8', shape=(None, 1))
        """
        shape = self.shape if broadcastable is None else pattern_shape(broadcastable)
        return type(self)(self.dtype if dtype is None else dtype, shape)  # type: ignore[call-arg]

    def value_zeros(self, shape: Any) -> Any:
        """Return an array of zeros of this dtype.

        >>> import symgrad.tensor as T
        >>> T.imatrix.value_zeros((1, 2))
        array([[0, 0]], dtype=int32)
        """
        return np.zeros(shape, dtype=self.dtype)

    def make_constant(self, value: Any, name: str | None = None) -> Any:
        """Make a constant of this type; the value is taken as `filter` does.

        >>> import symgrad.tensor as T
        >>> T.dvector.make_constant([1, 2]).data
        array([1., 2.])
        """
        return hooks.call("constant", self.filter(value), name)

    def convert_variable(self, var: Any) -> Any:
        """Return a variable as one of this type, where it is always one; else None.

        >>> import symgrad.tensor as T
        >>> T.dmatrix.convert_variable(T.drow()).type == T.dmatrix
        True
        >>> T.drow.convert_variable(T.dmatrix()) is None
        True
        """
        known = var.type
        if (known.dtype, known.ndim) != (self.dtype, self.ndim):
            return None
        if any(n not in (None, m) for n, m in zip(self.shape, known.shape, strict=True)):
            return None
        return hooks.call("patternbroadcast", var, self.broadcastable)

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """Return a variable of this type: a constant for a value, what it is for a variable.

        Raises
        ------
        GraphTypeError
            If it is of another type; nothing is cast.

        >>> import symgrad.tensor as T
        >>> T.dscalar.filter_variable(3.0).data
        array(3.)
        """
        if not hasattr(type(other), "static_shape"):
            return self.make_constant(other)
        found = self.convert_variable(other) if allow_convert else None
        if found is None and other.type != self:
            raise GraphTypeError(
                f"filter_variable: {describe(other)} is no {self}. Use T.cast for another dtype, "
                "T.patternbroadcast for a length of 1, T.specify_shape for other lengths.\n"
                f"{made_at(other)}"
            )
        return other if found is None else found

    # Theano calls these on classes and on types.

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether two arrays overlap in memory; False for anything else."""
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and bool(np.may_share_memory(a, b))

    @staticmethod
    def values_eq(a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Whether two arrays are equal; NaN equals NaN.

        >>> import symgrad.tensor as T
        >>> T.dvector.values_eq(np.array([np.nan]), np.array([np.nan]))
        True
        """
        a, b = np.asarray(a), np.asarray(b)
        if force_same_dtype and a.dtype != b.dtype:
            return False
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))

    @staticmethod
    def values_eq_approx(
        a: Any,
        b: Any,
        allow_remove_inf: bool = False,
        allow_remove_nan: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> bool:
        """Whether two arrays of one dtype are equal up to rounding; integers exactly.

        Parameters
        ----------
        a, b : array
            NaN equals NaN, infinities equal themselves.
        allow_remove_inf, allow_remove_nan : bool
            Pass over the places where one of them is infinite, or NaN.
        rtol, atol : float, optional
            By default 1e-5 and 1e-8; 1e-5 for float32 and 1e-3 for float16.

        >>> import symgrad.tensor as T
        >>> T.dvector.values_eq_approx(np.array([1.0]), np.array([1.0 + 1e-9]))
        True
        """
        if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
            return False
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return False
        if a.dtype.kind not in "fc":
            return bool(np.array_equal(a, b))
        relative, absolute = _TOLERANCE.get(a.dtype.name, (1e-5, 1e-8))
        compared = np.ones(a.shape, bool)
        if allow_remove_inf:
            compared &= ~(np.isinf(a) | np.isinf(b))
        if allow_remove_nan:
            compared &= ~(np.isnan(a) | np.isnan(b))
        return bool(
            np.allclose(
                a[compared],
                b[compared],
                relative if rtol is None else rtol,
                absolute if atol is None else atol,
                equal_nan=True,
            )
        )


def pattern_shape(broadcastable: Any) -> tuple[int | None, ...]:
    """The shape that Theano's broadcast pattern says: 1 where it is true, else unknown.

    An entry of 2 or more is no pattern, and taken for the length that it must be.

    Raises
    ------
    GraphTypeError
        If an entry is something else, or a 0 beside a length leaves open what the 0 is.

    >>> pattern_shape((0, True, np.False_)), pattern_shape((None, 10))
    ((None, 1, None), (None, 10))
    """
    entries = tuple(broadcastable)
    lengths = [n for n in entries if isinstance(n, int | np.integer) and n > 1]
    other = [n for n in entries if n is not None and not isinstance(n, int | np.integer | np.bool_)]
    zeros = [n for n in entries if n == 0 and not isinstance(n, bool | np.bool_)]
    if other or (lengths and zeros) or any(n is not None and n < 0 for n in entries):
        raise GraphTypeError(
            f"A broadcast pattern holds bools (or 0 and 1), not {repr_of(entries)}. Give "
            "lengths as "
            "shape=(...)."
        )
    return tuple((int(n) if n > 1 else 1) if n else None for n in entries)
