"""What a value given by the user may be: the filter in front of inputs and shared variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import hooks
from symgrad.errors import GraphTypeError, GraphValueError
from symgrad.graph.foreign import as_array
from symgrad.graph.types import DTYPES, ObjectType, ValueType, promote, weak_dtype

_PYTHON_NUMBERS = (bool, int, float, complex)


@hooks.provide("accept")
def accept(
    value: Any, type_: ValueType, strict: bool = False, allow_downcast: bool | None = None
) -> Any:
    """Return `value` as an array of the given type, or say why it cannot be one.

    Parameters
    ----------
    value : array_like
        What the user gave.
    type_ : TensorType
        What is expected.
    strict : bool
        Accept only an array of exactly this dtype.
    allow_downcast : bool or None
        True casts whatever comes; None and False accept arrays that upcast without loss.
        Numbers and lists are judged by value: False takes those that stay as they are, None lets
        Python floats be rounded, too.

    Raises
    ------
    GraphTypeError
        Wrong dtype or number of dimensions; the message starts with what was given.

    >>> from symgrad.graph.types import TensorType
    >>> accept([1, 2], TensorType("float32", shape=(None,)))
    array([1., 2.], dtype=float32)
    """
    if isinstance(type_, ObjectType):
        return value
    dtype = type_.dtype
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        value = as_array(value)  # np.matrix and kin change what * and indexing mean
    if type(value) is np.ndarray and value.dtype == dtype and value.dtype.isnative:
        array = value
    elif strict:
        raise GraphTypeError(
            f"got {_given(value)}, expected exactly a NumPy array of dtype {dtype} "
            "(strict=True accepts nothing else)."
        )
    else:
        array = _convert(value, dtype, allow_downcast)
    if array.ndim != type_.ndim:
        raise GraphTypeError(
            f"got {_given(array)}, expected {_article(type_)} ({_dimensions(type_.ndim)})."
            f"{_reshaped(array.shape, type_.ndim)}"
        )
    for axis, length in enumerate(type_.shape):
        if length is not None and array.shape[axis] != length:
            raise GraphTypeError(
                f"got {_given(array)}, expected length {length} in dimension {axis} ({type_})."
            )
    return array


def _convert(value: Any, dtype: str, allow_downcast: bool | None) -> np.ndarray[Any, Any]:
    if _is_symbolic(value):
        raise GraphTypeError(
            f"got the symbolic variable {value}, expected a value (an array or a number). "
            "Symbolic replacements belong in `givens`."
        )
    python_numbers = _only_python_numbers(value)
    try:
        array = np.asarray(value) if python_numbers else as_array(value)
    except ValueError:
        raise GraphTypeError(
            f"got {_given(value)}, whose rows have different lengths, expected {dtype} numbers."
        ) from None
    if array.dtype.kind not in "biufc":
        if python_numbers and array.size == 0:
            return array.astype(dtype)
        if not python_numbers:
            raise GraphTypeError(f"got {_given(value)}, expected {dtype} numbers.")
        try:
            array = array.astype("float64")  # Python's integers of more than 64 bits
        except OverflowError:
            raise GraphTypeError(f"got {_given(value)}, which does not fit in {dtype}.") from None
    name = array.dtype.name
    if name == dtype or allow_downcast:
        return np.asarray(array, dtype=dtype)
    try:
        lossless = promote(name, dtype) == dtype
    except KeyError:  # float128 and kin
        lossless = False
    if lossless:
        return array.astype(dtype)
    if isinstance(value, (list, tuple, range, np.generic, *_PYTHON_NUMBERS)):
        fitted = _fit(array, dtype, rounds=python_numbers and allow_downcast is None)
        if fitted is not None and not _was_rounded(value, array, fitted):
            return fitted
        raise GraphTypeError(
            f"got {_given(value)}, which does not fit in {dtype}. Cast it first, or pass "
            "allow_input_downcast=True (shared(..., allow_downcast=True) for a shared variable)."
        )
    raise GraphTypeError(
        f"got {_given(value)}, expected {dtype}: the cast could lose information. Cast it "
        f"yourself with .astype({dtype!r}), or pass allow_input_downcast=True "
        "(shared(..., allow_downcast=True) for a shared variable)."
    )


def _is_symbolic(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_is_symbolic(entry) for entry in value[:8])
    return hasattr(type(value), "static_shape")


def _only_python_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        rest = set(map(type, value)).difference(_PYTHON_NUMBERS)
        return not rest or all(_only_python_numbers(e) for e in value if type(e) in rest)
    return type(value) in _PYTHON_NUMBERS


def _fit(array: np.ndarray[Any, Any], dtype: str, rounds: bool) -> np.ndarray[Any, Any] | None:
    """Numbers as `dtype`, or None where that changes them: more than by rounding, if `rounds`."""
    if array.size == 0:
        return array.astype(dtype)
    have, want = array.dtype.kind, np.dtype(dtype).kind
    if have == "c" and want != "c":
        return None
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
        if rounds and want in "fc":
            fits = np.isfinite(cast) | ~np.isfinite(array)
        elif want in "biu":
            fits = (cast == array) & _inside(array, cast)
        else:
            fits = (cast.astype(array.dtype) == array) & _inside(cast, array) | (array != array)
    return cast if fits.all() else None


def _was_rounded(value: Any, array: np.ndarray[Any, Any], fitted: np.ndarray[Any, Any]) -> bool:
    """Whether integers of the value were rounded when it became an array of floats."""
    if array.dtype.kind not in "fc" or fitted.dtype.kind not in "iu":
        return False
    return not np.array_equal(fitted.astype(object), np.array(value, dtype=object))


def _inside(number: np.ndarray[Any, Any], integer: np.ndarray[Any, Any]) -> Any:
    """Where floats are in the range of integers; out of it, a cast gives what the machine likes."""
    if number.dtype.kind in "biu" or integer.dtype.kind not in "iu":
        return True
    limits, wide = np.iinfo(integer.dtype), number.real.astype("float64")
    return (wide >= float(limits.min)) & (wide < float(limits.max + 1))


def _given(value: Any) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        return f"an array of dtype {value.dtype} and shape {value.shape}"
    text = repr(value)
    return f"{text if len(text) < 60 else text[:57] + '...'} ({type(value).__name__})"


def _article(type_: ValueType) -> str:
    return f"{'an' if type_.dtype[0] in 'iaeo' else 'a'} {type_}"


def _reshaped(shape: tuple[int, ...], ndim: int) -> str:
    """What to write for a value of another rank, if the same elements can be meant."""
    if ndim == 1 and len(shape) == 2 and 1 in shape:
        return f" value.ravel() has shape ({max(shape)},)."
    if ndim == 2 and len(shape) == 1:
        n = shape[0]
        return f" value[None, :] is a row, of shape (1, {n}), value[:, None] a column."
    if ndim == 1 and not shape:
        return " [value] is a vector of one element."
    if ndim == 0:
        return " A function of one number is called once for each, or made for a vector."
    return ""


def _dimensions(ndim: int) -> str:
    return f"{ndim} dimension{'' if ndim == 1 else 's'}"


def literal_array(value: Any, dtype: str | None = None) -> np.ndarray[Any, Any]:
    """A Python or NumPy value as the array of a symbolic constant.

    Python numbers are weak (the smallest int, `floatX`); arrays keep their dtype; nested
    lists of Python numbers are arrays as NumPy reads them, floats as `floatX`.

    >>> literal_array(3).dtype, literal_array([1, 2]).dtype, literal_array(np.int16(3)).dtype
    (dtype('int8'), dtype('int64'), dtype('int16'))
    """
    if dtype is None and type(value) in _PYTHON_NUMBERS:
        dtype = weak_dtype(value)
    try:
        array = np.asarray(value) if type(value) in _PYTHON_NUMBERS else as_array(value)
    except ValueError:
        array = np.empty((), object)
    if array.dtype.name not in DTYPES:
        raise GraphTypeError(
            f"{_given(value)} cannot be part of a symbolic expression: expected a number, "
            "a NumPy array, nested lists of numbers or a symbolic variable."
        )
    if dtype is None:
        dtype = array.dtype.name
        if isinstance(value, (list, tuple)) and _only_python_numbers(value):
            dtype = weak_dtype(0.0) if array.dtype.kind == "f" else dtype
            dtype = "int64" if array.dtype.kind == "i" else dtype
    if array.dtype.kind in "iu" and dtype in ("int8", "int16", "int32", "int64", "uint8"):
        limits = np.iinfo(dtype)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            raise GraphValueError(f"{_given(value)} does not fit in {dtype}.")
    return np.array(array, dtype=dtype)
