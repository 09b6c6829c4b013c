"""Every derived formula against differences of the cost, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import GraphValueError, describe, repr_of, suggest
from symgrad.explain.derivation.chain import Chain, Slope
from symgrad.graph.expr import Expr
from symgrad.graph.shared import Shared
from symgrad.graph.types import is_discrete, is_float
from symgrad.ops.control.evaluation import evaluate

# Steps of differences of fourth order: their error is least near rounding**(1/5). Shorter ones
# serve near a pole, as of log(p) for small p; a wrong formula agrees at none of them.
_STEPS = (2e-4, 1e-5, 5e-7)
_TOLERANCE = 1e-5
_FEW = 24  # elements that are all varied; of more, a few directions are taken
_DIRECTIONS = 4
_TRIES = 12


class Checked(NamedTuple):
    """What the comparison with differences gave for one gradient.

    `error` is relative to the gradient's size; infinite where the cost is not finite there.
    """

    name: str
    error: float
    ok: bool
    problem: str = ""

    def __str__(self) -> str:
        if self.ok:
            return f"{self.name}: agrees with differences ({self.error:.0e})"
        return f"{self.name}: FAILS: {self.problem}"


def check(chain: Chain, given: Mapping[Any, Any] | None = None) -> list[Checked]:
    """Compare all gradients of a chain with differences at a point.

    Parameters
    ----------
    chain : Chain
        What was derived.
    given : dict, optional
        Values for variables (or their names); others are drawn, always the same ones.
    """
    values = _point(chain, given or {})
    parts = [q.expr for q in chain.quantities]
    with np.errstate(all="ignore"):
        found = evaluate(parts, np, values)
        known: dict[Expr, Any] = dict(values)
        for part, value in zip(parts, found, strict=True):
            known[chain.symbols[part]] = value
        expr_of = {symbol: part for part, symbol in chain.symbols.items()}
        return [_checked(chain, slope, known, values, expr_of) for slope in chain.slopes]


def _checked(
    chain: Chain,
    slope: Slope,
    known: dict[Expr, Any],
    values: Mapping[Expr, Any],
    expr_of: Mapping[Expr, Expr],
) -> Checked:
    seed = chain.seeds.get(slope.of)
    name = chain.names[seed] if seed is not None else chain.names[slope.of]
    at = known[slope.of]
    part = expr_of.get(slope.of, slope.of)

    def cost(value: Any) -> float:
        return float(evaluate([chain.cost], np, {**values, part: value})[0])

    forms = [e for e in (slope.formula, slope.closed, slope.open) if e is not None]
    worst, problem = 0.0, ""
    mine: list[Any] = []
    for form in forms:
        value = np.asarray(evaluate([form], np, known)[0], dtype="float64")
        if seed is not None and not mine:
            known[seed] = value
        mine.append(np.broadcast_to(value, np.shape(at)) if value.ndim <= np.ndim(at) else value)
    if is_discrete(part.dtype):
        return Checked(name, 0.0, True)
    for value in mine:
        if value.shape != np.shape(at):
            return Checked(name, np.inf, False, f"shape {value.shape}, not {np.shape(at)}")
        error, words = _compare(cost, np.asarray(at, "float64"), value)
        if not error <= worst:
            worst, problem = error, words
    ok = worst <= _TOLERANCE
    return Checked(name, worst, ok, "" if ok else problem)


def _compare(cost: Callable[[Any], float], at: Any, gradient: Any) -> tuple[float, str]:
    """The largest difference between slopes by formula and by differences."""
    random = np.random.default_rng(0)
    if at.size <= _FEW:
        directions = [np.eye(1, at.size, k).reshape(at.shape) for k in range(at.size)]
    else:
        directions = [random.standard_normal(at.shape) for _ in range(_DIRECTIONS)]
    if not directions:
        return 0.0, ""
    formula = [float(np.sum(gradient * d)) for d in directions]
    best, words = np.inf, ""
    for size in _STEPS:
        slopes = [_slope(cost, at, d, size) for d in directions]
        if not np.isfinite(slopes).all():
            if not words:
                words = "the cost is not finite near these values; choose others: check({...})"
            continue
        scale = max(np.abs(slopes).max(), np.abs(formula).max(), 1e-6)
        off = np.abs(np.subtract(formula, slopes)) / scale
        worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        if off[worst] < best or not np.isfinite(best):
            best = float(off[worst])
            where = f"element {worst}" if at.size <= _FEW else "a random direction"
            words = (
                f"for {where} the formula gives {formula[worst]:.6g}, "
                f"differences {slopes[worst]:.6g}"
            )
        if best <= _TOLERANCE:
            break
    return best, words


def _slope(cost: Callable[[Any], float], at: Any, direction: Any, size: float) -> float:
    """The slope of the cost in a direction, from its values at four points."""
    step = size * max(1.0, float(np.abs(at).max())) / float(np.abs(direction).max())
    ends = [cost(at + k * step * direction) for k in (-2, -1, 1, 2)]
    return (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)


# -- values ----------------------------------------------------------------------------------


def _point(chain: Chain, given: Mapping[Any, Any]) -> dict[Expr, Any]:
    """A value for each variable, at which the cost is finite."""
    mine = _given(chain, given)
    failure: Exception | None = None
    computed: dict[Expr, Any] | None = None
    for attempt in range(_TRIES):
        values = {**_drawn(chain, attempt), **mine}
        try:
            with np.errstate(all="ignore"):
                (cost,) = evaluate([chain.cost], np, values)
            if np.isfinite(cost):
                return values
            computed = values
        except (ValueError, IndexError, ArithmeticError, TypeError) as error:
            failure = error
    if computed is not None and mine:  # the user's point; each step says that it is not finite
        return computed
    why = f" ({failure})" if failure else ": the cost is not finite there"
    raise GraphValueError(
        "derive: no values were found at which the cost can be computed"
        f"{why}. Give some: check({{x: ..., y: ...}})."
    )


def _given(chain: Chain, given: Mapping[Any, Any]) -> dict[Expr, Any]:
    found: dict[Expr, Any] = {}
    by_name = {leaf.name: leaf for leaf in chain.leaves if leaf.name}
    for key, value in given.items():
        leaf = by_name.get(key) if isinstance(key, str) else key
        if leaf not in chain.leaves:
            hint = suggest(key, [str(n) for n in by_name]) if isinstance(key, str) else ""
            what = repr_of(key) if isinstance(key, str) else describe(key)
            known = ", ".join(str(n) for n in by_name)
            raise GraphValueError(
                f"derive: a value was given for {what}, which is no variable of the cost. Its "
                f"variables are {known}.{hint}"
            )
        variable = chain.leaves[leaf]
        value = np.array(value, dtype=variable.dtype)
        shape = variable.static_shape
        fits = value.ndim == variable.ndim and all(
            n is None or n == m or isinstance(leaf, Shared)
            for n, m in zip(shape, value.shape, strict=False)
        )
        if not fits:
            raise GraphValueError(
                f"derive: the value given for {describe(leaf)} has shape {value.shape}."
            )
        found[variable] = value
    return found


def _drawn(chain: Chain, attempt: int) -> dict[Expr, Any]:
    """Small random values; one length for each letter."""
    random = np.random.default_rng(attempt)
    lengths: dict[Any, int] = {}

    def length(n: Any) -> int:
        return n if isinstance(n, int) else lengths.setdefault(n, (5, 3, 4, 2)[len(lengths) % 4])

    values: dict[Expr, Any] = {}
    for leaf, variable in chain.leaves.items():
        shape = [length(n) for n in chain.letters.lengths(variable)]
        if isinstance(leaf, Shared):
            value = np.array(leaf.cell.value, dtype=variable.dtype)
            if is_float(value.dtype.name):  # all zeros would hide mistakes
                value = value + random.normal(0, 0.1, value.shape)
        elif is_discrete(variable.dtype):
            value = random.integers(0, 1 if attempt % 4 == 3 else 2, shape)
        elif attempt % 3 == 0:
            value = random.normal(0, 1, shape)
        else:  # where logarithms and roots are real
            value = random.uniform(0.1, 0.9 if attempt % 3 == 1 else 3.0, shape)
        values[variable] = np.asarray(value, dtype=variable.dtype)
    return values
