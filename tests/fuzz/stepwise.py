"""Where rounding decides: whether each step is right, given what it was given.

A comparison, a rounded number or a position jumps, so the exact value of a program and its
witnesses tell nothing about a number that is nearly where it does. Then each step is computed by
its reference from what symgrad itself found for its arguments, and has to agree there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import SymgradError
from symgrad.ops.control.evaluation import evaluate
from tests.fuzz.comparison import unexplained
from tests.fuzz.program import Program, function_of
from tests.fuzz.reference import Missing, Words, promoting
from tests.fuzz.witness import NARROW, Noise, cleaned, referred

_WITNESSES = 12


def not_explained(case: Any, name: str, result: Any, nodes: bool) -> Any:
    """Where the result for a name does not follow from what was found for its arguments.

    `nodes`: found node by node, not by the compiled function.
    """
    program: Program = case.program
    above = program.ancestors([name])
    steps = [s for s in program.steps if s.name in above]
    if any(s.reference is None or s.row.name == "clone" for s in steps):
        return True
    names = [s.name for s in steps]
    try:
        found = _found(type(case), program, names, nodes)
        values = {x.name: x.value.array for x in program.leaves} | found
        values.update((old, values[new]) for old, new in program.givens if new in values)
        wide = referred(program, wide=True)
        for step in steps:
            have = result if step.name == name else found[step.name]
            bad = _bad(program, step, values, have)
            if step.name == name:
                return bad
            if np.any(bad) and np.any(unexplained(have, wide[step.name], [])):
                return True
    except (SymgradError, Missing, ValueError, IndexError, TypeError, np.linalg.LinAlgError):
        pass  # with what was found on the way it cannot be computed
    return True


def _found(make: Any, program: Program, names: list[str], nodes: bool) -> dict[str, Any]:
    """What symgrad finds for these names."""
    case = make(program._replace(outputs=tuple(names), updates=()))
    f = case.compile()
    if nodes:
        given = dict(zip(case.inputs, case.args, strict=True))
        results = evaluate(f.recipe.results, np, given)
    else:
        results = f(*case.args)
    return {name: np.asarray(r) for name, r in zip(names, results, strict=True)}


@promoting()
def _bad(program: Program, step: Any, values: dict[str, Any], have: Any) -> Any:
    """Where a step's result is not what its reference makes of these values."""
    args = [values[a] for a in step.args]
    inside = [any(program.ancestors([a]) - {a}) for a in step.args]  # results of other steps
    row = step.row

    def computed(args: list[Any], wide: bool = False) -> Any:
        words = Words(program.floatx, wide)
        args = [words.leaf(a) for a in args]
        return np.asarray(function_of(step.reference, len(args), words.names)(*args))

    def rounded(k: int) -> Any:
        noise = Noise(k)
        loose = row.accuracy > 1 or row.group in NARROW
        moved = [noise(a) if i or loose else a for a, i in zip(args, inside, strict=True)]
        found = computed(moved)
        return found if row.exact else noise(found, row.accuracy)

    exact = computed(args, wide=True)
    witnesses = [computed(args), *map(rounded, range(_WITNESSES))]
    return unexplained(
        have,
        exact,
        witnesses,
        row.accuracy,
        lambda: computed(list(map(cleaned, args)), wide=True),
    )


def rows_without_a_label(case: Any) -> bool:
    """Whether a loss has fewer labels than rows."""
    steps = [s for s in case.program.steps if "[T.arange(B.shape[0]), B]" in s.text]
    pairs = [s.args[:2] for s in steps]
    found = _found(type(case), case.program, list({a for pair in pairs for a in pair}), False)
    return any(len(found[labels]) < len(found[rows]) for rows, labels in pairs)
