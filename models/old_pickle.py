"""Reading ``mnist.pkl.gz``, the form in which the Theano tutorials published MNIST, safely.

A pickle is a program: it names functions and calls them. The one we want was written by Python 2
and calls three: ``numpy.core.multiarray._reconstruct`` to make an empty array, ``numpy.dtype`` to
name the type of its elements, and the array's ``__setstate__`` to fill it. Here these names lead to
the small classes below, which hold bytes and check them; every other name is refused before it is
looked up. Neither NumPy's own hooks nor anything else that a pickle could misuse is ever called.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from errors import DataError, reason
from idx import opened

__all__ = ["read_arrays"]

# mnist.pkl.gz unpacks to 224 MB; more than four times that is something else.
SIZE_LIMIT = 1 << 30

# Six arrays take about 150 instructions.
INSTRUCTION_LIMIT = 10_000


class _Forbidden(Exception):
    """The pickle asks for something that is not a NumPy array."""


class _DType:
    """Stands for ``numpy.dtype``: a plain number type, and its byte order."""

    def __init__(self, code: str, align: object = False, copy: object = True) -> None:
        if not re.fullmatch(r"[<>|=]?(b1|[iuf][1248])", code) or code.endswith("f1"):
            raise _Forbidden(f"array elements of type {code!r}")
        self.code = code

    def __setstate__(self, state: Sequence[Any]) -> None:
        if len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise _Forbidden("a damaged element type")
        self.code = state[1] + self.code.lstrip("<>|=")


class _Array:
    """Stands for ``numpy.ndarray``: filled once, then read through `value`."""

    value: npt.NDArray[Any] | None = None

    def __setstate__(self, state: Sequence[Any]) -> None:
        _version, shape, dtype, fortran, raw = state
        self.value = _assemble(raw, dtype, shape, "F" if fortran else "C")


def _assemble(raw: object, dtype: object, shape: Any, order: str) -> npt.NDArray[Any]:
    if isinstance(raw, str):  # Python 2 wrote bytes as str, which latin1 keeps one to one
        raw = raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _DType):
        raise _Forbidden("an array of Python objects")
    shape = tuple(int(length) for length in shape)
    array = np.frombuffer(raw, np.dtype(dtype.code))
    if min(shape, default=0) < 0 or array.size != math.prod(shape):
        raise _Forbidden(f"{array.size} elements for an array of shape {shape}")
    return array.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]


def _reconstruct(kind: type[_Array], shape: object, code: object) -> _Array:
    return kind()


def _frombuffer(raw: object, dtype: object, shape: Any, order: str) -> _Array:
    array = _Array()
    array.value = _assemble(raw, dtype, shape, order)
    return array


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise _Forbidden(f"text in {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows NumPy arrays, plain containers and numbers, and nothing else."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Forbidden(f"a pickle that asks for {module}.{name}") from None

    def persistent_load(self, pid: object) -> NoReturn:
        raise _Forbidden("a pickle that refers to outside objects")


def _check_size(data: bytes) -> None:
    """Refuse a pickle that would fill the memory.

    (Python's unpickler makes room for as many values as the highest number in use says.)
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        number = int(argument or 0) if opcode.name.endswith("PUT") else 0
        if max(count, number) > INSTRUCTION_LIMIT:
            raise _Forbidden("a pickle of too many parts")


def read_arrays(path: Path) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """The three pairs (images, labels) of a ``mnist.pkl.gz``: for training, validation, testing.

    Parameters
    ----------
    path
        A pickle; gzipped where the name ends in ``.gz``.
    """
    with opened(path) as stream:
        data = stream.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise DataError(path, "more than 1 GiB once unpacked", "MNIST, about 224 MB")

    expected = "a pickle of three pairs of NumPy arrays and nothing else"
    try:
        _check_size(data)
        pairs = _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
    except _Forbidden as error:
        raise DataError(path, str(error), expected) from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        found = f"a damaged pickle ({reason(error)})"
        raise DataError(path, found, expected) from None

    if not isinstance(pairs, tuple | list) or len(pairs) != 3:
        raise DataError(path, _describe(pairs), expected)
    arrays = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(path, _describe(pair), expected)
        x, y = (part.value if isinstance(part, _Array) else None for part in pair)
        if x is None or y is None:
            raise DataError(path, "a pair of something else than arrays", expected)
        arrays.append((x, y))
    return arrays


def _describe(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of length {len(value)}"
    return "an array" if isinstance(value, _Array) else f"a {type(value).__name__}"
