"""Reading ``mnist.pkl.gz``, the form in which the Theano tutorials published MNIST, safely.

A pickle is a program: it names functions and calls them. The one we want was written by Python 2
and calls three: ``numpy.core.multiarray._reconstruct`` to make an empty array, ``numpy.dtype`` to
name the type of its elements, and the array's ``__setstate__`` to fill it. `read_data` knows what
these three mean and refuses every other name before it is looked up: neither NumPy's own hooks nor
anything else that a pickle could misuse is ever called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.errors import DataError, reason
from datasets.idx import opened
from symgrad.files.data_pickle import ForbiddenError, read_data

__all__ = ["read_arrays"]

# mnist.pkl.gz unpacks to 224 MB; more than four times that is something else.
SIZE_LIMIT = 1 << 30

# Six arrays take about 150 instructions.
INSTRUCTION_LIMIT = 10_000


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
        pairs = read_data(data, parts=INSTRUCTION_LIMIT)
    except ForbiddenError as error:
        raise DataError(path, str(error), expected) from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        found = f"a damaged pickle ({reason(error)})"
        raise DataError(path, found, expected) from None

    if not isinstance(pairs, tuple | list) or len(pairs) != 3:
        raise DataError(path, _describe(pairs), expected)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(path, _describe(pair), expected)
        if not all(isinstance(part, np.ndarray) for part in pair):
            raise DataError(path, "a pair of something else than arrays", expected)
    return [tuple(pair) for pair in pairs]


def _describe(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of length {len(value)}"
    return "an array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
