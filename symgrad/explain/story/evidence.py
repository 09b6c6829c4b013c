"""Where the old form of an expression fails: a value, found by trying, and computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import quoted
from symgrad.explain.notation import text
from symgrad.graph.expr import Expr
from symgrad.graph.types import TensorType
from symgrad.ops.control.evaluation import evaluate

# What is tried, the most telling first: where exp overflows and underflows, where one number is
# nearly certain, where 1 + x is 1, where squares overflow and underflow. What rewriting keeps exact
# is known to be: the new form is believed, if both agree where nothing is large or small.
_TRIED = {
    "float64": (800.0, -800.0, 40.0, -40.0, 1e-20, 1e-9, -1e-9, 1e200, 1e-200, 0.0, 1.0),
    "float32": (200.0, -200.0, 20.0, -20.0, 1e-10, 1e-5, -1e-5, 1e30, 1e-30, 0.0, 1.0),
    "float16": (20.0, -20.0, 9.0, -9.0, 1e-4, -1e-4, 300.0, 0.0, 1.0),
}
_MOST = 300  # combinations of values
_LOST = 1e-3  # relative difference from which digits count as lost


class Evidence(NamedTuple):
    """A value where an old form fails and the new one does not.

    Attributes
    ----------
    inputs : tuple of (str, str)
        What was put in: names and values.
    before, after : str
        What the two forms give, in the dtype of the program.
    dtype : str
        That dtype.
    kind : str
        ``fails`` where the old form is not finite, ``loses digits`` where it is inexact.
    """

    inputs: tuple[tuple[str, str], ...]
    before: str
    after: str
    dtype: str
    kind: str

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value}" for name, value in self.inputs)
        return f"at {at} the old form gives {self.before}, the new one {self.after} ({self.dtype})"


def find_evidence(
    before: Expr, after: Expr, shared: Sequence[Expr], names: Mapping[Expr, str]
) -> Evidence | None:
    """A value of the shared parts at which `before` fails and `after` does not.

    Parameters
    ----------
    before, after : Expr
        Two forms of the same function.
    shared : sequence of Expr
        What both are functions of.
    names : dict
        What these are called, where they have no names of their own.

    Returns
    -------
    Evidence or None
        A value where the old form is not finite, or else one where it loses digits; None if none
        of those that were tried is one.

    >>> import symgrad.tensor as T
    >>> z = T.dvector("z")
    >>> p = T.nnet.softmax(z)
    >>> print(find_evidence(T.log(p), T.nnet.logsoftmax(z), [z], {}))
    at z = (0, 800) the old form gives −inf, the new one −800 (float64)
    """
    if before.dtype not in _TRIED or not shared:
        return None
    inexact: Evidence | None = None
    for shapes in _shapes(shared):
        if not _agree(before, after, _ordinary(shared, shapes)):
            return None
        for values in _values(shared, shapes):
            old, new = _both(before, after, values)
            if old is None or old.shape != new.shape:
                continue
            fails = np.isfinite(new) & ~np.isfinite(old)
            if fails.any():
                return _evidence(values, names, old, new, fails, "fails")
            with np.errstate(all="ignore"):
                lost = np.isfinite(new) & (np.abs(old - new) > _LOST * np.abs(new)) & (new != 0)
            if inexact is None and lost.any():
                inexact = _evidence(values, names, old, new, lost, "loses digits")
    return inexact


def _both(before: Expr, after: Expr, values: Mapping[Expr, Any]) -> tuple[Any, Any]:
    """What both forms give; None where that cannot be computed."""
    with np.errstate(all="ignore"), suppress(Exception):
        old, new = evaluate([before, after], np, values)
        return np.asarray(old), np.asarray(new)
    return None, None


def _agree(before: Expr, after: Expr, values: Mapping[Expr, Any]) -> bool:
    """Whether both forms give the same where nothing is large or small."""
    old, new = _both(before, after, values)
    tolerance = 0.1 if before.dtype == "float16" else 1e-3
    return old is not None and bool(
        np.allclose(old, new, rtol=tolerance, atol=tolerance, equal_nan=True)
    )


# -- what is tried ---------------------------------------------------------------------------


def _shapes(shared: Sequence[Expr]) -> Iterator[list[tuple[int, ...]]]:
    """Shapes for all: two elements along one axis, counted from the last; then along all axes."""
    rank = max(node.ndim for node in shared)
    for axis in range(-1, -rank - 1, -1):
        yield [_shape(node, {axis}) for node in shared]
    if rank != 1:
        yield [_shape(node, set(range(-rank, 0))) for node in shared]


def _shape(node: Expr, axes: set[int]) -> tuple[int, ...]:
    known = node.static_shape
    return tuple(
        n if n is not None else 2 if axis - node.ndim in axes else 1 for axis, n in enumerate(known)
    )


def _values(shared: Sequence[Expr], shapes: Sequence[tuple[int, ...]]) -> Iterator[dict[Expr, Any]]:
    """Values for all of them: each combination of a few magnitudes, beside zeros."""
    floats = [node for node in shared if node.dtype in _TRIED]
    if not floats:
        return
    choices: Any
    if len(floats) <= 2:
        choices = product(*(_TRIED[node.dtype] for node in floats))
    else:
        choices = zip(*(_TRIED[node.dtype] for node in floats), strict=False)
    for number, chosen in enumerate(choices):
        if number >= _MOST:
            return
        magnitude = dict(zip(floats, chosen, strict=True))
        yield {
            node: _filled(node, shape, magnitude.get(node))
            for node, shape in zip(shared, shapes, strict=True)
            if isinstance(node.type, TensorType)
        }


def _ordinary(shared: Sequence[Expr], shapes: Sequence[tuple[int, ...]]) -> dict[Expr, Any]:
    """Values between 0.3 and 0.7."""
    found: dict[Expr, Any] = {}
    for node, shape in zip(shared, shapes, strict=True):
        size = int(np.prod(shape, dtype="int64"))
        if node.dtype in _TRIED:
            found[node] = np.linspace(0.3, 0.7, size).reshape(shape).astype(node.dtype)
        else:
            found[node] = _filled(node, shape, None)
    return found


def _filled(node: Expr, shape: tuple[int, ...], magnitude: float | None) -> Any:
    """An array of zeros and a magnitude in turn; of numbers from 0 for integers."""
    dtype = np.dtype(node.dtype)
    size = int(np.prod(shape, dtype="int64"))
    if magnitude is None:
        return (np.arange(size) % 2).reshape(shape).astype(dtype)
    pattern = [0.0, magnitude] if size > 1 else [magnitude]
    return np.resize(np.array(pattern, dtype), shape)


# -- what is said ----------------------------------------------------------------------------


def _evidence(
    values: Mapping[Expr, Any],
    names: Mapping[Expr, str],
    old: Any,
    new: Any,
    where: Any,
    kind: str,
) -> Evidence:
    place = tuple(np.argwhere(where)[0])
    inputs = tuple(
        (
            quoted(names.get(n) or n.name or text(n, share=False, limit=30)),
            array_text(value),
        )
        for n, value in values.items()
    )
    return Evidence(inputs, number_text(old[place]), number_text(new[place]), str(old.dtype), kind)


def array_text(value: Any) -> str:
    """A few numbers in brackets; one alone.

    >>> array_text(np.array([[0.0, -800.0]])), array_text(np.array(3.0))
    ('(0, −800)', '3')
    """
    flat = np.asarray(value).ravel()
    texts = [number_text(v) for v in flat[:4]]
    if flat.size == 1:
        return texts[0]
    return f"({', '.join(texts)}{', …' if flat.size > 4 else ''})"


def number_text(value: Any) -> str:
    """A number as it is read: few digits, a true minus sign.

    >>> number_text(-800.0), number_text(-np.inf), number_text(1e-20), number_text(np.nan)
    ('−800', '−inf', '1e−20', 'NaN')
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return str(value)
    if value != value:
        return "NaN"
    return (
        f"{value:.6g}".replace("-", "−").replace("e+", "e").replace("e−0", "e−").replace("e0", "e")
    )
