"""What the values of a sample call are like, for every node of a graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.compile.call import Function
from symgrad.compile.modes.stepwise import Steps
from symgrad.errors import GraphTypeError, MissingInputError, describe, made_at, repr_of
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.shared import Shared
from symgrad.graph.values import accept
from symgrad.graph.walk import toposort

_BINS = 16

Values = dict[Expr, dict[str, Any]]


def call_values(f: Function, sample: Any) -> list[Any]:
    """The arguments of a sample call, checked as the function checks them.

    Parameters
    ----------
    f : Function
        What would be called.
    sample : tuple or list of values, dict of values by name, or the only value
        Its arguments.
    """
    if isinstance(sample, Mapping):
        args = list(f._bind((), dict(sample)))
    else:
        given = tuple(sample) if isinstance(sample, (tuple, list)) else (sample,)
        args = list(f._bind(given, {}))
    return [check(value) for check, value in zip(f.filters, args, strict=True)]


def given_values(roots: Sequence[Expr], sample: Any) -> dict[Expr, Any]:
    """The values of variables that expressions are drawn with, checked."""
    if not isinstance(sample, Mapping):
        raise GraphTypeError(
            "draw.html: the sample of expressions must be a dict from variables to values, such as "
            f"sample={{x: ...}}, not {type(sample).__name__}; that of a compiled function is a "
            "tuple of its arguments."
        )
    values: dict[Expr, Any] = {}
    for variable, value in sample.items():
        if not isinstance(variable, Expr):
            raise GraphTypeError(
                f"draw.html: the keys of sample must be variables, not {repr_of(variable)}."
            )
        values[variable] = accept(value, variable.type, False, None)
    for node in toposort(roots, stop=values):
        if node.op is None and not isinstance(node, (Constant, Shared)) and node not in values:
            raise MissingInputError(
                f"draw.html: sample has no value for {describe(node)}.\n{made_at(node)}"
            )
    return values


def sampled(roots: Sequence[Expr], values: Mapping[Expr, Any], wanted: Collection[Expr]) -> Values:
    """Compute expressions, and describe the value of every wanted node.

    Shared variables are read, never changed.

    >>> import symgrad.tensor as T
    >>> x = T.dvector("x")
    >>> y = T.log(x)
    >>> sampled([y.sum()], {x: np.array([0.0, 1.0])}, [y])[y]["inf"]
    0.5
    """
    found: Values = {}
    wanted = set(wanted)

    def note(node: Expr, inputs: Sequence[Any], value: Any) -> None:
        if node in wanted and node not in found:
            found[node] = summary(value)

    with np.errstate(all="ignore"):
        Steps(roots, values).run(values, visit=note)
    return found


def summary(value: Any) -> dict[str, Any]:
    """A value in a few numbers.

    >>> summary(np.array([1.0, 3.0]))["mean"], summary(7)["value"]
    ('2', '7')
    """
    if isinstance(value, (tuple, list)):
        return {"text": f"{len(value)} results"}
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        return {"text": f"{type(value).__name__}"}
    shape = ", ".join(map(str, array.shape))
    found: dict[str, Any] = {"shape": f"({shape}{',' * (array.ndim == 1)})", "bytes": array.nbytes}
    if array.size == 1:
        found["value"] = _number(array.reshape(-1)[0])
    if not array.size:
        found["text"] = "no elements"
        return found
    if array.dtype.kind in "fc":
        finite = np.isfinite(array)
        nan = int(np.isnan(array).sum())
        infinite = array.size - int(finite.sum()) - nan
        if nan or infinite:
            found |= {"nan": nan / array.size, "inf": infinite / array.size}
            array = array[finite]
    if array.dtype.kind == "c" or array.size < 1 or "value" in found:
        return found
    found |= {
        "min": _number(array.min()),
        "mean": _number(array.mean(dtype="float64")),
        "max": _number(array.max()),
        "zero": 1 - int(np.count_nonzero(array)) / array.size,
    }
    least, most = float(array.min()), float(array.max())
    if least < most and np.isfinite(most - least):
        counts, _ = np.histogram(array.astype("float64"), _BINS, (least, most))
        found["histogram"] = counts.tolist()
    return found


def _number(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return f"{value:.4g}"
