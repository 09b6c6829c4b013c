"""Gradients against differences of the graph that they belong to, in a wide precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as S
from tests.fuzz.cases import Case, Failed, Failure, Refused, limited, quiet, strict
from tests.fuzz.program import Program
from tests.fuzz.reference import WIDE
from tests.fuzz.values import Value
from tests.fuzz.witness import referred, walked

# What each of the rows of `generate.GRADS` is the derivative of.
COSTS = {
    "grad": lambda a, c: a.sum(),
    "grad_weighted": lambda a, c: (a * c).sum(),
    "grad_squared": lambda a, c: (a**2).sum(),
    "grad_mean": lambda a, c: a.mean(),
    "jacobian": lambda a, c: a.sum(),
    "lop": lambda a, c: (a * c).sum(),
    "rop": lambda a, c: a.sum(),
}


COMPARED = "gradients compared with differences"
KINK = "gradients at a kink, not compared with differences"
# Where several elements are the largest, each takes the whole slope, as in Theano.
_CHOOSING = set(
    """max min ptp maximum minimum clip clip_numbers topk sort max_and_argmax largest
    smallest""".split()
)


def _ties(program: Program, names: set[str]) -> bool:
    """Whether a largest or smallest element may be there twice."""
    steps = [s for s in program.steps if s.name in names and s.row.name in _CHOOSING]
    if not steps:
        return False
    with quiet():
        values = referred(program)
    for step in steps:
        if any(a not in values for a in step.args):
            return True
        found = np.concatenate([np.ravel(values[a]) for a in step.args])
        if len(np.unique(found)) < len(found):
            return True
    return False


# Rows that jump, and which quotients or numbers jump there.
_JUMPING: dict[str, Callable[..., Any]] = {
    "mod": np.floor_divide,
    "divmod": np.floor_divide,
    "int_div": np.floor_divide,
    "ceil_intdiv": np.floor,
    "ceil": np.ceil,
    "floor": np.floor,
    "trunc": np.trunc,
    "round": np.rint,
    "round_away": np.rint,
}


def _jumps(program: Program, names: set[str], leaf: str, points: list[Any]) -> bool:
    """Whether a row jumps between these values of a leaf, as ``x % y`` does at multiples of y."""
    steps = [s for s in program.steps if s.name in names and s.row.name in _JUMPING]
    if not steps:
        return False
    found = []
    for point in points:
        moved = [x._replace(value=Value(point)) if x.name == leaf else x for x in program.leaves]
        values = referred(program._replace(leaves=tuple(moved)), wide=True)
        if any(a not in values for s in steps for a in s.args):
            return True
        found.append([_JUMPING[s.row.name](*[values[a] for a in s.args]) for s in steps])
    first, *others = found
    return any(
        not np.array_equal(a, b, equal_nan=True)
        for other in others
        for a, b in zip(first, other, strict=True)
    )


def check_differences(program: Program, counts: Counter[str]) -> Failure | None:
    """Compare gradients of the program with central differences along a random direction.

    Where differences to the left and to the right disagree there is a kink, and nothing to say.
    """
    steps = [s for s in program.steps if s.row.name in COSTS]
    if not steps:
        return None
    try:
        with limited(), S.config.change_flags(floatX=program.floatx):
            with strict():
                case = Case(program)
            for step in steps:
                _check(program, case, step, counts)
    except Failed as failed:
        return failed.failure
    except (Refused, S.SymgradError):
        return None  # told by the runners
    return None


def _floats(program: Program) -> list[Any]:
    """The float dtypes of the program's leaves."""
    return [x.value.array.dtype for x in program.leaves if x.value.array.dtype.kind == "f"]


def _check(program: Program, case: Case, step: Any, counts: Counter[str]) -> None:
    above = program.ancestors([step.args[0], *step.args[2:]])
    replaced = {old for old, _ in program.givens}
    rows = [s.row for s in program.steps if s.name in above]
    if above & replaced or any(row.flat and row.name != "grad" for row in rows):
        return
    if _ties(program, above):
        counts[KINK] += 1
        return
    wrt = case.values[step.args[1]]
    point = program.named(step.args[1]).value.array.astype(WIDE)
    if not np.all(np.isfinite(point)) or not point.size or np.max(np.abs(point)) > 1e6:
        return
    given = {case.values[x.name]: x.value.array for x in program.leaves if x.role == "input"}
    rng = np.random.RandomState(len(program.steps))
    along = rng.uniform(-1, 1, point.shape).astype(WIDE)
    if step.row.name == "rop":
        along = program.named(step.args[2]).value.array.astype(WIDE)
        if not np.all(np.abs(along) < 1e3):
            return
    shapes: set[tuple[int, ...]] = set()  # of `unique(x)`, say, it depends on x
    graph = [case.values[a] for a in (step.args[0], *step.args[2:])]

    def cost(distance: float) -> Any:
        values = walked(graph, given | {wrt: point + WIDE(distance) * along}, wide=True)
        values = [np.asarray(v) for v in values] + [None]
        shapes.add(values[0].shape)
        if len(shapes) > 1:
            return WIDE("nan")
        return COSTS[step.row.name](values[0], values[1])

    with quiet():
        steps = [point + WIDE(h) * along for h in (-1e-5, 0, 1e-5)]
        if _jumps(program, above, step.args[1], steps):
            counts[KINK] += 1
            return
        (slope,) = walked([case.values[step.name]], given, wide=True)
        if not np.all(np.isfinite(slope)):
            return
        terms = np.asarray(slope, WIDE)
        if step.row.name != "rop":
            terms = terms * along  # of a jacobian's axes the last belong to the variable
        have = np.sum(terms)
        found = []
        here = cost(0)
        for h in (1e-5, 1e-6):
            low, high = cost(-h), cost(h)
            found.append(((here - low) / h, (high - here) / h, (high - low) / (2 * h)))
    if len(shapes) > 1:
        counts[KINK] += 1
        return
    (left, right, rough), (left2, right2, fine) = found
    size = float(np.sum(np.abs(terms)) + abs(fine))
    if np.max(np.abs(terms), initial=0) > 1e8:  # a step is long beside what has such a slope
        counts[KINK] += 1
        return
    if not np.isfinite(size) or not np.isfinite(float(abs(rough))) or float(abs(here)) > 1e12:
        return
    # A step that is long beside where slopes change tells nothing: a finer one tells another thing.
    coarse = abs(fine - rough) > 0.1 * max(abs(fine), abs(rough)) and abs(fine - rough) > 1e-3
    apart = abs(left2 - right2)
    kink = apart > 1e-3 * size + 1e-9 or apart > 0.5 * abs(left - right)
    if coarse or (kink and apart > 1e-9 * size + 1e-12):
        counts[KINK] += 1
        return
    counts[COMPARED] += 1
    noise = 1e-17 * float(abs(here)) / 1e-6 * 50
    # Constants have the dtype of the program, and so has the body of a loop.
    eps = max(float(np.finfo(d).eps) for d in _floats(program))
    loss = max(1e-5, (100 if step.row.name == "jacobian" else 10) * eps)
    if abs(have - fine) > loss * size + 30 * abs(fine - rough) + noise + 1e-12:
        raise Failed(
            "gradient against differences",
            f"{step.name} along a direction: {have!r}, differences {fine!r} ({rough!r} rougher)",
        )
