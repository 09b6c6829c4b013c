"""Reading and writing parts of arrays."""

from typing import Any as _Any


def __getattr__(name: str) -> _Any:
    """A class that a pickle looks for here, from when `indexing.py` lay in place of this room."""
    if name[0].isupper():
        from symgrad.ops.indexing import indexing

        return getattr(indexing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
