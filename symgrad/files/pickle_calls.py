"""What a pickle of plain data may call: functions that check what the file gives them."""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from symgrad.errors import quoted
from symgrad.files.budget import BudgetError

_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c(8|16))")


class ForbiddenError(BudgetError):
    """A pickle asks for something that is no plain data."""


class Unfilled:
    """An array before its state is set."""


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    if not isinstance(code, str) or not _NUMBERS.fullmatch(code):
        raise ForbiddenError(f"array elements of type {quoted(repr(code), 40)}")
    return np.dtype(code)


def with_byte_order(dtype: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """A dtype as its pickled state has it, of which only the byte order may say anything."""
    if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
        raise ForbiddenError("a damaged element type")
    if any(part is not None for part in state[2:5]):
        raise ForbiddenError("array elements with parts")
    return dtype.newbyteorder(state[1])


def _elements(raw: Any, dtype: Any) -> npt.NDArray[Any]:
    if isinstance(raw, str):  # Python 2 wrote bytes as str, which latin1 keeps one to one
        raw = raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, np.dtype):
        raise ForbiddenError("an array of Python objects")
    if len(raw) % dtype.itemsize:
        raise ForbiddenError(f"{len(raw):,} bytes of elements of {dtype.itemsize} each")
    return np.frombuffer(raw, dtype)


def _array(raw: Any, dtype: Any, shape: Any, order: str) -> npt.NDArray[Any]:
    array = _elements(raw, dtype)
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, tuple) or not all(type(length) is int for length in shape):
        raise ForbiddenError("an array whose shape is no shape")
    if len(shape) > 32 or min(shape, default=0) < 0 or array.size != math.prod(shape):
        raise ForbiddenError(f"{array.size:,} elements for an array of shape {quoted(shape, 60)}")
    return array.reshape(shape, order="F" if order == "F" else "C").copy()


def _scalar(dtype: Any, raw: Any) -> Any:
    found = _elements(raw, dtype)
    if found.size != 1:
        raise ForbiddenError(f"{found.size:,} elements for one number")
    return found[0]


def filled(state: Any) -> npt.NDArray[Any]:
    """An array of its pickled state."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise ForbiddenError("a damaged array")
    _version, shape, dtype, fortran, raw = state
    return _array(raw, dtype, shape, "F" if fortran else "C")


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ForbiddenError(f"text in {quoted(repr(encoding), 40)}")
    return text.encode("latin1")


def reconstruct(kind: Any, shape: Any, code: Any) -> Unfilled:
    """An array whose state is still to come."""
    if kind is not Unfilled:
        raise ForbiddenError("an array of a class that is not NumPy's")
    return Unfilled()


def _complex(*parts: Any) -> complex:
    if len(parts) != 2 or not all(type(part) is float for part in parts):
        raise ForbiddenError("a complex number of something else than two floats")
    return complex(*parts)


def _slice(*ends: Any) -> slice:
    if not all(end is None or isinstance(end, int | np.integer) for end in ends) or len(ends) != 3:
        raise ForbiddenError("a slice that is not of three whole numbers or None")
    return slice(*ends)


def _ordered(*nothing: Any) -> collections.OrderedDict[Any, Any]:
    if nothing:
        raise ForbiddenError("an OrderedDict that is not filled item by item")
    return collections.OrderedDict()


def _bytearray(raw: Any = b"", encoding: Any = "latin1") -> bytearray:
    return bytearray(raw if isinstance(raw, bytes) else _encode(raw, encoding))


def _bytes() -> bytes:
    return b""


FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): Unfilled,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _ordered,
}
for _home in ("numpy.core", "numpy._core"):
    FUNCTIONS[f"{_home}.multiarray", "scalar"] = _scalar
    FUNCTIONS[f"{_home}.multiarray", "_reconstruct"] = reconstruct
    FUNCTIONS[f"{_home}.numeric", "_frombuffer"] = _array
for _home in ("builtins", "__builtin__"):
    FUNCTIONS |= {
        (_home, "complex"): _complex,
        (_home, "slice"): _slice,
        (_home, "bytearray"): _bytearray,
        (_home, "bytes"): _bytes,
        (_home, "set"): set,  # of a list: see `data_pickle`
        (_home, "frozenset"): frozenset,
    }
