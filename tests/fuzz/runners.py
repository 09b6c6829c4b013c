"""One program, computed in all the ways that must agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

import symgrad as S
from symgrad.errors import SymgradError
from symgrad.ops.control.evaluation import evaluate
from tests.fuzz.again import again, copied, in_threads, stressed
from tests.fuzz.cases import (
    HANG,
    Failed,
    Failure,
    Hang,
    Refused,
    built,
    limited,
    ours,
    quiet,
)
from tests.fuzz.judging import compare
from tests.fuzz.program import Program, same_bits

# Flags that send small programs through every fast path, and make what is read too early show.
_ALL = {
    "stress.block": 2,
    "stress.chain": 1,
    "stress.threads": 1,
    "threads": 3,
    "stress.gemm": 1,
    "stress.rows": 1,
    "stress.fill": True,
    "stress.prove": True,
}
STRESS: list[dict[str, Any]] = [
    _ALL,
    {"stress.block": 1, "stress.chain": 1, "stress.fill": True},
    {"stress.threads": 1, "threads": 3, "stress.block": 3, "stress.chain": 1},
    {"stress.gemm": 1, "stress.rows": 1, "stress.prove": True},
    {"stress.reuse": "always", "stress.fill": True, "stress.prove": True},
    {"stress.reuse": "never", "stress.block": 5},
    _ALL | {"stress.reuse": "always"},
]
COPIES = ("threads", "pickle", "deepcopy")
WAYS = (*COPIES, *(f"stress{k}" for k in range(len(STRESS))))


def check(program: Program, way: str, counts: Counter[str] | None = None) -> Failure | None:
    """Compute a program in every way; `way` is what is done besides. None: all agree."""
    counts = Counter() if counts is None else counts
    try:
        with limited(), S.config.change_flags(floatX=program.floatx):
            _check(program, way, counts)
    except Failed as failed:
        return failed.failure
    except Hang:
        return Failure("hang", f"took more than {HANG} s")
    except Refused as refused:
        counts[f"refused {refused}"] += 1
    return None


def _check(program: Program, way: str, counts: Counter[str]) -> None:
    case, f = built(program)
    before = [a.copy() for a in case.args]
    outputs = [*f.recipe.results, *(new for _, new in f.recipe.updates)]
    given = dict(zip(case.inputs, case.args, strict=True))
    names = [*program.outputs, *(n for _, n in program.updates)]
    with quiet():
        try:
            want = [np.asarray(w) for w in evaluate(outputs, np, given)]
        except Exception as error:
            want = error
    if isinstance(want, ImportError):
        raise Refused(f"without what is not installed: {want}")
    if isinstance(want, Exception):
        try:
            f(*case.args)
        except SymgradError:
            raise Refused(f"at the call: {type(want).__name__}") from None
        except Exception as error:
            raise Failed(f"exception: call: {type(error).__name__}", repr(error)) from error
        raise Failed("error: nodes", f"node by node: {want!r}; compiled: a result")
    held = [v.get_value(borrow=True) for v, _ in case.shared]
    kept = [h.copy() for h in held]
    have = ours(lambda: case.call(f), "calling")
    count = len(program.outputs)
    _alone(have[:count], [*case.args, *held], [v.get_value(borrow=True) for v, _ in case.shared])
    for old, copy_ in zip(held, kept, strict=True):
        if not same_bits(old, copy_):
            raise Failed("mutated", "an array that a shared variable held was overwritten")
    compare(case, names, outputs, given, have, want, "compiled", counts)
    again(case, f, outputs, given, have, names, counts)
    if way == "threads":
        in_threads(case, f, have, counts)
    elif way in ("pickle", "deepcopy"):
        copied(case, f, way, have, counts)
    elif way.startswith("stress"):
        stressed(case, names, outputs, given, want, STRESS[int(way[6:])], counts)
    for old, now in zip(before, case.args, strict=True):
        if not same_bits(old, now):
            raise Failed("mutated", f"an input was overwritten: {old} became {now}")
    counts["gradients"] += any(not s.reference and s.row.name != "clone" for s in program.steps)


def _alone(results: list[Any], *others: list[Any]) -> None:
    """Results share memory with nothing."""
    for k, result in enumerate(results):
        if type(result) is not np.ndarray or not result.flags.writeable:
            raise Failed("result", f"a result is a {type(result).__name__} or read-only")
        for other in [*results[:k], *(x for group in others for x in group)]:
            if (
                result.size
                and np.may_share_memory(result, other)
                and np.shares_memory(result, other)
            ):
                raise Failed("shared memory", "a result shares memory with something else")
