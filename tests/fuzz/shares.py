"""References that only some programs are compared with: differences, JAX, Theano."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

import symgrad as S
from tests.fuzz.cases import Case, Failure, Hang, Refused, limited, quiet
from tests.fuzz.differences import KINK, check_differences
from tests.fuzz.program import Program
from tests.fuzz.with_jax import Jax, subnormal
from tests.fuzz.with_theano import Theano
from tests.fuzz.witness import referred

DIFFERENCES_SHARE, THEANO_SHARE, JAX_SHARE = 3, 20, 50


class Shares:
    """What only some programs are asked; the same ones whenever their seed is."""

    def __init__(self) -> None:
        self.jax = Jax()
        self.theano = Theano()
        self.notes = [
            f"{name} is not there: its share is left out"
            for name, there in (("JAX", self.jax.jax), ("Theano", self.theano.there))
            if not there
        ]

    def check(self, program: Program, turn: int, counts: Counter[str]) -> Failure | None:
        """The failure of a program that the runners found none in."""
        try:
            return self._check(program, turn, counts)
        except ImportError:
            counts["not compared: SciPy is not there"] += 1
            return None
        except Hang:
            counts["not compared: takes too long"] += 1
            return None

    def _check(self, program: Program, turn: int, counts: Counter[str]) -> Failure | None:
        failure = None
        if turn % DIFFERENCES_SHARE == 0:
            failure = check_differences(program, counts)
        if failure is None and turn % JAX_SHARE == 0 and self.jax.jax is not None:
            failure = self._with_jax(program, counts)
        if failure is None and turn % THEANO_SHARE == 0 and self.theano.there:
            failure = self.theano.check(program, counts, computed)
        return failure

    def _with_jax(self, program: Program, counts: Counter[str]) -> Failure | None:
        try:
            with quiet():
                values = referred(program).values()
                dtypes = {str(x.dtype) for x in values}
                small = any(map(subnormal, values))
        except Exception:
            return None
        if dtypes & {"float16", "float32", "complex64"} or program.floatx != "float64":
            counts["JAX: not in float64"] += 1
            return None
        if small:
            counts["JAX: takes subnormal numbers for 0"] += 1
            return None
        results = computed(program)
        if results is None:
            return None
        here: Counter[str] = Counter()
        check_differences(program, here)
        kinks = bool(here[KINK])
        return self.jax.check(program, results, kinks, counts)

    def close(self) -> None:
        self.theano.close()


def computed(program: Program) -> dict[str, Any] | None:
    """The results of a program by name; None where it has none."""
    try:
        with limited(), quiet(), S.config.change_flags(floatX=program.floatx):
            case = Case(program)
            results = case.call(case.compile())
    except (Refused, S.SymgradError):
        return None
    names = [*program.outputs, *(n for _, n in program.updates)]
    return {n: np.asarray(r) for n, r in zip(names, results, strict=True)}
