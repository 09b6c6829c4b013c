"""What neural networks are made of."""

from typing import Any as _Any


def __getattr__(name: str) -> _Any:
    """A class that a pickle looks for here, from when `nnet.py` lay in place of this room."""
    if name[0].isupper():
        from symgrad.ops.nnet import nnet

        return getattr(nnet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
