"""Arrays that a program reads from a file whenever it runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError, GraphValueError, repr_of
from symgrad.graph.type_methods import pattern_shape
from symgrad.graph.types import Shape, ValueType, check_dtype, tensor_type
from symgrad.ops.op import Example, Op


class Load(Op):
    """The array in a file of NumPy's, read each time; it must be of this dtype and shape."""

    path: str
    dtype: str
    shape: Shape
    mmap_mode: str | None

    def infer(self, *types: ValueType) -> ValueType:
        return tensor_type(self.dtype, self.shape)

    def impl(self, xp: Any, *arrays: Any) -> Any:
        array = np.asarray(np.load(self.path, mmap_mode=self.mmap_mode))  # type: ignore[arg-type]
        if array.dtype != self.dtype:
            raise TypeError(f"{self.path} holds {array.dtype}, expected {self.dtype}")
        if array.ndim != len(self.shape) or any(
            n not in (None, m) for n, m in zip(self.shape, array.shape, strict=True)
        ):
            raise TypeError(f"{self.path} holds an array of shape {array.shape}, not {self.shape}")
        return array

    @classmethod
    def examples(cls) -> Iterable[Example]:
        return ()  # it needs a file


def load(path: Any, dtype: Any, broadcastable: Any, mmap_mode: str | None = None) -> Any:
    """A variable whose value is read from an ``.npy`` file whenever a function runs.

    Parameters
    ----------
    path : path
        The file; it need not be there yet.
    dtype : str
        Of the array in the file, which is not cast.
    broadcastable : sequence of bool
        Theano's pattern, one entry per dimension: True where the length is 1.
    mmap_mode : {None, 'c'}
        ``'c'`` maps the file into memory instead of reading it as a whole.

    Raises
    ------
    GraphTypeError, GraphValueError
        If an argument is something else.

    >>> load("weights.npy", "float64", (False, True)).static_shape
    (None, 1)
    """
    if not isinstance(path, (str, os.PathLike)):
        raise GraphTypeError(f"load: the path must be a string or a path, not {repr_of(path)}.")
    if mmap_mode not in (None, "c"):
        raise GraphValueError(f"load: mmap_mode={repr_of(mmap_mode)}; expected None or 'c'.")
    shape = pattern_shape(broadcastable)
    return Load(os.fspath(path), check_dtype(dtype), shape, mmap_mode).make()
