"""Python ints that stand for integers of fixed width: NumPy's scalars take three times as long."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from symgrad.graph.types import integer_limits

_EXACT = 2**53  # up to it a Python int, which NumPy takes for a float64 first, loses nothing


@cache
def wrapped(dtype: str) -> Callable[[int], int]:
    """What brings an int into a dtype, as NumPy's arithmetic does.

    >>> wrapped("int32")(2**31), wrapped("uint8")(-10)
    (-2147483648, 246)
    """
    least, most = integer_limits(dtype)
    count = most - least + 1

    def wrap(n: int) -> int:
        return n if least <= n <= most else (n - least) % count + least

    return wrap


@cache
def converted(dtype: str) -> Callable[[int], Any]:
    """What makes a NumPy number of an int64 that a Python int holds, as NumPy's own cast does.

    >>> int(converted("uint8")(-10))
    246
    """
    scalar = np.dtype(dtype).type
    if "int" in dtype:
        wrap = wrapped(dtype)
        return lambda n: scalar(wrap(n))
    return lambda n: scalar(n if -_EXACT <= n <= _EXACT else np.int64(n))
