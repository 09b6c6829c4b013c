"""Linear algebra: products, solving, decompositions, and how BLAS is called."""

from typing import Any as _Any


def __getattr__(name: str) -> _Any:
    """A class that a pickle looks for here, from when `linalg.py` lay in place of this room."""
    if name[0].isupper():
        from symgrad.ops.linalg import linalg

        return getattr(linalg, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
