"""Values that mean more than an array of numbers says: taken where nothing is lost.

Masks, units, labels, missing entries, sparsity and another framework's gradients are known to the
libraries that made them, and to nothing here. `numpy.asarray` drops most of them without a word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import GraphTypeError
from symgrad.graph.types import DTYPES

_PLAIN = frozenset({bool, int, float, complex, str, bytes, range, type(None)}) | {
    np.dtype(name).type for name in DTYPES
}


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return `value` as a NumPy array, or say what that would lose and what to write.

    Raises
    ------
    GraphTypeError
        If something would be lost, or if no array can be made.
    ValueError
        If nested lists have different lengths.

    >>> as_array([1, 2])
    array([1, 2])
    >>> as_array(np.ma.array([1.0, 99.0], mask=[False, True]))
    Traceback (most recent call last):
    ...
    symgrad.errors.GraphTypeError: got a masked array ...
    """
    refuse_loss(value)
    if _root(value) == "pint":
        value = value.magnitude  # of no dimension; NumPy would warn
    try:
        return np.asarray(value)
    except (GraphTypeError, ValueError, MemoryError):
        raise
    except Exception as error:
        raise GraphTypeError(
            f"got {_type_name(value)}, of which NumPy cannot make an array "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}). Make one "
            "yourself, in memory of the CPU, and pass that."
        ) from error


def is_array_like(value: Any) -> bool:
    """Whether a value is an array, or an object of another library that stands for one."""
    kind = type(value)
    return (
        isinstance(value, (np.ndarray, np.generic))
        or (kind not in _PLAIN and hasattr(kind, "__array__"))
        or _is_sparse(value)
    )


def refuse_loss(value: Any) -> None:
    """Raise if an array of the value, or of what nested lists hold, would say less."""
    kind = type(value)
    if kind in _PLAIN:
        return
    if isinstance(value, (list, tuple)):
        if not set(map(type, value)) <= _PLAIN:  # a long list of numbers is not gone through
            for entry in value:
                refuse_loss(entry)
        return
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        _check_dtype(value, dtype)
        if kind is np.ndarray or isinstance(value, np.generic):
            return
    for check in _CHECKS:
        lost = check(value)
        if lost:
            raise GraphTypeError(f"got {lost}")


def _check_dtype(value: Any, dtype: np.dtype[Any]) -> None:
    if dtype.names:
        fields = ", ".join(dtype.names[:6])
        raise GraphTypeError(
            f"got a structured array with the fields {fields}. Take one of them, "
            f"value[{dtype.names[0]!r}], or all as one array of numbers: "
            "numpy.lib.recfunctions.structured_to_unstructured(value)."
        )
    if dtype.kind in "mM":
        what = "times" if dtype.kind == "M" else "durations"
        since = " since another, (value - start)" if dtype.kind == "M" else ", value"
        raise GraphTypeError(
            f"got {what} ({dtype}), whose unit a number does not have. Choose it: the seconds"
            f"{since} / numpy.timedelta64(1, 's')."
        )


def _masked(value: Any) -> str | None:
    ma: Any = sys.modules.get("numpy.ma")
    if ma is None or not isinstance(value, ma.MaskedArray):
        return None
    count = int(np.count_nonzero(ma.getmask(value)))
    if not count:
        return None
    return (
        f"a masked array with {count} masked element{'' if count == 1 else 's'}, whose mask "
        "would be lost. Pass value.filled(number) to put a number there, or value.compressed() "
        "to leave them out."
    )


def _unit(value: Any) -> str | None:
    for name in ("units", "unit"):
        unit = _attribute(value, name)
        if unit is None or callable(unit) or str(unit) in ("", "dimensionless"):
            continue
        number = next((n for n in ("magnitude", "value", "values") if _has(value, n)), None)
        how = f"value.{number}" if number else "numpy.array(value)"
        return (
            f"{_type_name(value)} with the unit {unit}, which would be lost. Convert it to the "
            f"unit that you compute in, and pass the number alone: {how}."
        )
    return None


def _labelled(value: Any) -> str | None:
    root = _root(value)
    if root == "xarray" and len(value.coords):
        return (
            f"{_type_name(value)} with coordinates, which would be lost: nothing is aligned "
            "by them here. Pass value.values."
        )
    index = _attribute(value, "index")
    if root != "pandas" or index is None or callable(index):
        return None
    numbered = index.dtype.kind in "iu" and np.array_equal(np.asarray(index), np.arange(len(index)))
    return (
        None
        if numbered
        else (
            f"{_type_name(value)} with an index of its own, which would be lost: nothing is "
            "aligned by it here. Pass value.to_numpy()."
        )
    )


def _missing(value: Any) -> str | None:
    root = _root(value)
    if root == "pandas" and _has(value, "isna"):
        count = int(np.count_nonzero(np.asarray(value.isna())))
        how = "value.fillna(number) or value.dropna(), or value.to_numpy() if NaN is meant"
    elif root in ("polars", "pyarrow") and _has(value, "null_count"):
        found = value.null_count() if callable(value.null_count) else value.null_count
        count = int(found if isinstance(found, int) else sum(found.row(0)))
        how = "value.fill_null(number) or value.drop_null" + ("s()" if root == "polars" else "()")
    else:
        return None
    if not count:
        return None
    return (
        f"{_type_name(value)} with {count} missing value{'' if count == 1 else 's'}, which "
        f"would become NaN. Pass {how}."
    )


def _is_sparse(value: Any) -> bool:
    return type(value) not in _PLAIN and _has(value, "nnz") and _has(value, "shape")


def _sparse(value: Any) -> str | None:
    if not _is_sparse(value):
        return None
    how = next((n for n in ("toarray", "todense", "to_dense") if _has(value, n)), "toarray")
    return (
        f"a sparse matrix, {_type_name(value)}, but values here are dense. Pass value.{how}(), "
        "if that fits into memory."
    )


def _differentiated(value: Any) -> str | None:
    root = _root(value)
    wanted = (
        _attribute(value, "requires_grad") is True
        or (root == "paddle" and _attribute(value, "stop_gradient") is False)
        or (root == "mygrad" and _attribute(value, "constant") is False)
        or (root == "tensorflow" and _attribute(value, "trainable") is True)
    )
    if not wanted:
        return None
    how = next((n for n in ("detach", "numpy") if _has(value, n)), None)
    pass_it = {"detach": "value.detach().cpu().numpy()", "numpy": "value.numpy()"}
    return (
        f"{_type_name(value)} that requires a gradient, which could not flow back from here. "
        f"Pass its value alone: {pass_it.get(str(how), 'numpy.array(value.data)')}."
    )


_CHECKS: tuple[Callable[[Any], str | None], ...] = (
    _masked,
    _sparse,
    _differentiated,
    _unit,
    _labelled,
    _missing,
)


def _attribute(value: Any, name: str) -> Any:
    """An attribute of an object of which nothing is known; None where there is none."""
    try:
        return getattr(value, name, None)
    except Exception:  # a property of the other library's, which may raise what it likes
        return None


def _has(value: Any, name: str) -> bool:
    return _attribute(value, name) is not None


def _root(value: Any) -> str:
    """The library that an object comes from."""
    return type(value).__module__.partition(".")[0]


def _type_name(value: Any) -> str:
    """An article, the library and the type."""
    root, name = _root(value), type(value).__name__
    name = name if root in ("builtins", "__main__") else f"{root} {name}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
