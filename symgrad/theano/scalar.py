"""symgrad.scalar: what Theano's users take from `theano.scalar`."""

from __future__ import annotations

from typing import Any

from symgrad.graph.types import check_dtype, promote


def upcast(dtype: Any, *dtypes: Any) -> str:
    """Return the dtype that a result of inputs of these dtypes has.

    >>> upcast("float32", "int64"), upcast("float32", "int8")
    ('float64', 'float32')
    """
    return promote(*[check_dtype(d) for d in (dtype, *dtypes)])
