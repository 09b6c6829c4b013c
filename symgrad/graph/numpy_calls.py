"""What NumPy's own functions get that make an array of a symbol: told by the frame that asks.

A list is no symbol, so ``np.prod([n, n])`` never asks the symbols in it what a product is: NumPy
makes an array of the list at once, and all that a symbol sees of it is a call of its `__array__`.
Programs compute sizes that way (``np.prod(filter_shape[1:])``). The function that waits for the
array stands one frame up; of sums and products of scalars it gets an array of Python objects, with
which it adds and multiplies as Python does. Everything else gets None, and the user a hint.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

HINT = "Use the function of the same name in symgrad.tensor, or x.eval({...}) for a value."

# Where the asking code lives, and what it is about. These libraries compute with what stands to the
# left of a symbol themselves, and do not let the symbol decide.
_LEFT = {
    "ma": "A masked array loses its mask in a symbolic expression: write a.filled(number), or "
    "a.compressed(), instead of a.",
    "sparse": "A sparse matrix does not compute with symbols: write a.toarray() instead of a.",
}


def array_for(symbol: Any, frame: FrameType | None) -> np.ndarray[Any, Any] | None:
    """The array of one object that stands for a scalar in ``np.sum`` or ``np.prod`` of a list."""
    if frame is None or frame.f_code.co_name != "_wrapreduction" or symbol.ndim:
        return None
    asked = frame.f_locals
    listed = asked.get("obj")
    if asked.get("ufunc") not in (np.add, np.multiply) or not isinstance(listed, (list, tuple)):
        return None
    if any(asked.get(k) is not None for k in ("dtype", "out")) or asked.get("passkwargs"):
        return None
    if asked.get("axis") is not None and any(isinstance(e, (list, tuple)) for e in listed):
        return None  # the result would be an array of symbols
    array = np.empty((), dtype=object)
    array[()] = symbol
    return array


def hint_for(frame: FrameType | None) -> str:
    """What to write instead, judged by the code that wants an array."""
    for folder in _folders(frame):
        if folder in _LEFT:
            return _LEFT[folder]
    return HINT


def _folders(frame: FrameType | None) -> Iterator[str]:
    if frame is not None:
        parts = frame.f_code.co_filename.replace("\\", "/").split("/")
        if "numpy" in parts or "scipy" in parts:
            yield from reversed(parts[:-1])
