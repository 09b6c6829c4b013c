"""Values to compare with: references and graphs, plain, wide, and with rounding errors."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from symgrad.graph.expr import Constant
from symgrad.graph.shared import Shared
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import Cast
from tests.fuzz.program import Program, function_of
from tests.fuzz.reference import WIDE, Words, promoting

NARROW = ("reduction", "product")


class Noise:
    """Random relative errors of a few units in the last place."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(seed)
        self.narrow = seed % 2 == 0  # products, too

    def __call__(self, value: Any, size: float = 1.0) -> Any:
        if value.dtype.kind not in "fc" or not value.size:
            return value
        info = np.finfo(value.dtype)
        scale = float(info.eps) * 1.5 * size
        found = value * (1 + scale * self.rng.uniform(-1, 1, value.shape)).astype(
            np.finfo(value.dtype).dtype
        )
        if value.dtype.kind == "f":
            small = (found != 0) & (np.abs(found) < float(info.tiny) * 1e4)
            if small.any():
                step = info.smallest_subnormal * self.rng.randint(-2, 3, value.shape)
                found = np.where(small, found + step.astype(value.dtype), found)
        if value.dtype.kind == "f" and size > 1 and not value.all():
            # of a sum or product the sign of 0 depends on the order of additions
            found = np.where(found == 0, found * self.rng.choice([-1, 1], value.shape), found)
        return found.astype(value.dtype)


def cleaned(value: Any) -> Any:
    """A value without NaN."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fc":
        return value
    return np.where(value != value, value.dtype.type(0.5), value)


@promoting()
def referred(
    program: Program, wide: bool = False, noise: Noise | None = None, clean: bool = False
) -> dict[str, Any]:
    """What the references say of each name; names without a reference are absent."""
    words = Words(program.floatx, wide)
    words.narrow_products = noise is not None and noise.narrow
    arrays = {x.name: x.value.array for x in program.leaves}
    values: dict[str, Any] = {
        name: words.leaf(cleaned(array) if clean else array) for name, array in arrays.items()
    }
    replaced = dict(program.givens)
    for name in replaced:
        del values[name]

    def known(name: str) -> bool:
        if name in replaced and name not in values and replaced[name] in values:
            values[name] = values[replaced[name]]
        return name in values

    waiting = list(program.steps)
    while waiting:
        later = []
        for step in waiting:
            if step.reference is None:
                continue
            if not all(known(a) for a in step.args):
                later.append(step)
                continue
            if step.row.name == "clone":
                values[step.name] = with_replaced(program.steps, values, step.args, words)
                continue
            args = [values[a] for a in step.args]
            if noise is not None and (step.row.accuracy > 1 or step.row.group in NARROW):
                args = [noise(a) for a in args]
            function = function_of(step.reference, len(args), words.names)
            try:
                found = np.asarray(function(*args))
            except TypeError:
                if not wide:
                    raise
                found = words.leaf(np.asarray(function(*map(_doubled, args))))
            if noise is not None and not step.row.exact:
                found = noise(found, step.row.accuracy)
            values[step.name] = found
        if len(later) == len(waiting):
            break
        waiting = later
    for name in replaced:
        known(name)
    return values


def with_replaced(steps: Any, values: dict[str, Any], args: tuple[str, ...], words: Words) -> Any:
    """The value of the first name where the second is replaced by the third."""
    target, old, new = args
    changed = {old: values[new]}
    for step in steps:
        if step.name in (target, *values) and any(a in changed for a in step.args):
            if step.reference is None or step.row.name == "clone":
                raise ValueError(step.row.name)
            here = [changed.get(a, values.get(a)) for a in step.args]
            function = function_of(step.reference, len(here), words.names)
            changed[step.name] = np.asarray(function(*here))
        if step.name == target:
            break
    return changed.get(target, values[target])


def _doubled(x: Any) -> Any:
    """LAPACK knows nothing wider."""
    return (
        x.astype("float64" if x.dtype.kind == "f" else "complex128") if x.dtype.kind in "fc" else x
    )


def walked(
    outputs: Any,
    given: dict[Any, Any],
    wide: bool = False,
    noise: Noise | None = None,
    clean: bool = False,
) -> list[Any]:
    """Compute a graph node by node with other precision than its own."""
    values: dict[Any, Any] = {}

    def leaf(value: Any) -> Any:
        return widened(cleaned(value) if clean else value)

    def widened(value: Any) -> Any:
        if wide and isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            return value.astype(WIDE if value.dtype.kind == "f" else np.clongdouble)
        return value

    for node in toposort(outputs):
        if node in given:
            values[node] = leaf(np.asarray(given[node]))
        elif isinstance(node, Constant):
            values[node] = leaf(node.value)
        elif isinstance(node, Shared):
            values[node] = leaf(node.cell.value)
        else:
            args = [values[i] for i in node.inputs]
            values[node] = _computed(node, args, widened if wide else None)
            if noise is not None and isinstance(values[node], np.ndarray):
                values[node] = noise(values[node])
    return [values[node] for node in outputs]


def _computed(node: Any, args: list[Any], widened: Any) -> Any:
    if widened is None:
        found = node.op.impl(np, *args)
    elif isinstance(node.op, Cast) and args[0].dtype.kind in "fc" and node.dtype[0] in "fc":
        return widened(args[0])
    else:
        try:
            found = node.op.impl(np, *args)
        except Exception:  # LAPACK and some special functions know no longdouble
            found = _narrower(node, args)
    if isinstance(found, np.generic):
        found = np.asarray(found)
    return found if widened is None else widened(found)


def _narrower(node: Any, args: list[Any]) -> Any:
    """The value of a node in float64, or else in its own dtype."""
    try:
        return node.op.impl(np, *[_doubled(a) if isinstance(a, np.ndarray) else a for a in args])
    except Exception:
        narrow = [
            a.astype(i.dtype) if isinstance(a, np.ndarray) and a.dtype != i.dtype else a
            for a, i in zip(args, node.inputs, strict=True)
        ]
        return node.op.impl(np, *narrow)


def seeded(program: Program, k: int) -> Noise:
    """A noise that is the same whenever a program is looked at."""
    return Noise(random.Random(len(program.steps) * 31 + k).getrandbits(31))
