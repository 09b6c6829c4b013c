"""One program once more: called again, from two threads, copied, and under stress."""

from __future__ import annotations

import copy
import pickle
import re
import threading
from collections import Counter
from typing import Any

import numpy as np

import symgrad as S
from symgrad.errors import SymgradError
from symgrad.ops.control.evaluation import evaluate
from tests.fuzz.cases import Case, Failed, ours, quiet, strict
from tests.fuzz.judging import compare
from tests.fuzz.program import same_bits
from tests.fuzz.values import Value

_SETTING = re.compile(r"{(\w+)")


def again(
    case: Case,
    f: Any,
    outputs: list[Any],
    given: dict[Any, Any],
    first: list[Any],
    names: list[str],
    counts: Counter[str],
) -> None:
    """A second call, from the state that the first left; then the first once more, to the bit."""
    if case.program.updates:
        kept = [x.copy() for x in first]
        with quiet():
            try:
                want = [np.asarray(w) for w in evaluate(outputs, np, given)]
            except Exception:
                want = []
        if want and not case.rounded:
            second = ours(lambda: case.call(f), "calling again")
            for x, old in zip(first, kept, strict=True):
                if not same_bits(x, old):
                    raise Failed("mutated", "a result was overwritten by the next call")
            compare(_later(case, first), names, outputs, given, second, want, "second call", counts)
        case.reset()
    third = ours(lambda: case.call(f), "calling again")
    _equal(first, third, "bits: again")
    case.reset()
    counts["called again"] += 1


def _later(case: Case, first: list[Any]) -> Case:
    """The case with the shared variables as the first call left them."""
    p = case.program
    news = dict(zip([s for s, _ in p.updates], first[len(p.outputs) :], strict=True))
    leaves = tuple(x._replace(value=Value(news[x.name])) if x.name in news else x for x in p.leaves)
    steps = p.steps
    if any(
        x.value.array.shape != y.value.array.shape for x, y in zip(leaves, p.leaves, strict=True)
    ):
        # where the reference alone has a setting, that is made of shapes as they were
        steps = tuple(s._replace(reference=None) if _for_shapes(s.row) else s for s in steps)
    later = copy.copy(case)
    later.program = p._replace(leaves=leaves, steps=steps)
    later.shared = [(case.values[x.name], x.value.array) for x in leaves if x.role == "shared"]
    return later


def _for_shapes(row: Any) -> bool:
    return bool(set(_SETTING.findall(row.reference or "")) - set(_SETTING.findall(row.text)))


def _equal(first: list[Any], second: list[Any], kind: str) -> None:
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if not same_bits(a, b):
            raise Failed(kind, f"result {k}: {a} and {b}")


def in_threads(case: Case, f: Any, first: list[Any], counts: Counter[str]) -> None:
    """Two calls at once."""
    counts["in threads"] += 1
    found: list[Any] = [None, None]

    def run(k: int) -> None:
        try:
            for _ in range(2):
                found[k] = f(*case.args)
        except Exception as error:
            found[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(2)]
    with strict():
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    for result in found:
        if isinstance(result, SymgradError) and case.program.updates:
            continue  # what another thread left may have a shape that does not fit
        if isinstance(result, Exception):
            raise Failed("exception: threads", repr(result)) from result
        if not case.program.updates:
            _equal(first, result, "bits: threads")
    case.reset()


def copied(case: Case, f: Any, way: str, first: list[Any], counts: Counter[str]) -> None:
    """A copy of the function computes the same."""
    counts[way] += 1

    def copy_() -> Any:
        return pickle.loads(pickle.dumps(f)) if way == "pickle" else copy.deepcopy(f)

    other = ours(copy_, way)
    results = ours(lambda: other(*case.args), f"calling after {way}")
    state = {v.name: v.get_value() for v in other.get_shared()}
    news = [state[s] for s, _ in case.program.updates if s in state]
    _equal(first[: len(results)], results, f"bits: {way}")
    if len(news) == len(case.program.updates):
        _equal(first[len(results) :], news, f"bits: {way}")
    for variable, array in case.shared:
        if way == "pickle" and not same_bits(variable.get_value(), array):
            raise Failed("mutated", f"a copy by {way} shares its state")
    case.reset()


def stressed(
    case: Case,
    names: list[str],
    outputs: list[Any],
    given: dict[Any, Any],
    want: list[Any],
    flags: dict[str, Any],
    counts: Counter[str],
) -> None:
    """The same under flags that send small programs through every fast path."""
    if not hasattr(S.config, "stress"):
        counts["stress: there are no such flags"] += 1
        return
    counts["under stress"] += 1
    if "stress.block" in flags and any(x.value.array.size > 5000 for x in case.program.leaves):
        flags = flags | {"stress.block": 999}  # each block is a call
    what = f"under {', '.join(f'{k}={v}' for k, v in flags.items())}"
    with S.config.change_flags(flags):
        f = ours(case.compile, f"compiling {what}")
        have = ours(lambda: case.call(f), f"calling {what}")
        case.reset()
        compare(case, names, outputs, given, have, want, what, Counter())
        again = ours(lambda: case.call(f), f"calling {what}")
        _equal(have, again, f"bits: again {what}")
    case.reset()
