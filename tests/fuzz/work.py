"""A worker: programs one after the other, and what they find."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

from tests.fuzz.cases import Failure
from tests.fuzz.generate import generate
from tests.fuzz.program import Program
from tests.fuzz.report import Found
from tests.fuzz.runners import COPIES, STRESS, check
from tests.fuzz.shares import Shares
from tests.fuzz.shrink import shrunk

_SHRUNK = 12  # failures of one worker that are shrunk; the others are counted


def way_of(seed: int) -> str:
    """What is done with a program besides the rest."""
    turn, other = divmod(seed // 2, 2)  # neighbours alike, so that two workers have the same to do
    return COPIES[turn % len(COPIES)] if other else f"stress{turn % len(STRESS)}"


def examine(
    program: Program, seed: int, way: str, shares: Shares, counts: Counter[str]
) -> Failure | None:
    """The failure of a program, if it has one."""
    return check(program, way, counts) or shares.check(program, seed // 2, counts)


def find(
    seed: int,
    way: str,
    shares: Shares,
    counts: Counter[str],
    only: tuple[str, ...] = (),
    shrink: float = 20.0,
) -> Found | None:
    """Make the program of a seed and examine it."""
    program = generate(seed, only)
    try:
        failure = examine(program, seed, way, shares, counts)
    except Exception:
        text = traceback.format_exc(limit=-4)
        return Found(seed, way, "the fuzzer itself", text, program.python(), ())
    if failure is None:
        return None
    kind = failure.kind

    def fails(smaller: Program) -> bool:
        other = examine(smaller, seed, way, shares, Counter())
        return other is not None and other.kind == kind

    if shrink:
        small = shrunk(program, fails, shrink)
        again = examine(small, seed, way, shares, Counter())
        if again is not None:
            program, failure = small, again
    rows = tuple(sorted({s.row.name for s in program.steps}))
    return Found(seed, way, kind, failure.text, program.python(), rows)


def work(
    base: int,
    first: int,
    stride: int,
    deadline: float | None,
    last: int | None,
    only: tuple[str, ...],
    stop: bool,
    tell: Callable[[str, Any], None],
    at: Any = None,
) -> None:
    """Examine programs `base + first`, `base + first + stride`, ... until the deadline."""
    counts: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    told: Counter[str] = Counter()
    seen: set[Any] = set()
    shares = Shares()
    if first == 0:
        tell("notes", shares.notes)
    k = first
    while (deadline is None or monotonic() < deadline) and (last is None or k < last):
        if at is not None:
            at[0], at[1] = k, int(monotonic())
        seed = base + k
        shrink = 20.0 if len(failures) < 3 or sum(failures.values()) < _SHRUNK else 0.0
        if deadline is not None:
            shrink = min(shrink, max(5.0, deadline - monotonic()))
        found = find(seed, way_of(seed), shares, counts, only, 0.0 if stop else shrink)
        counts["programs"] += 1
        if found is not None:
            key = (found.kind, found.rows if shrink else None)
            if key not in seen or not failures[found.kind]:
                seen.add(key)
                tell("found", found)
            failures[found.kind] += 1
        k += stride
        if counts["programs"] % 200 == 0:
            tell("counts", (counts, failures - told))
            counts, told = Counter(), Counter(failures)
    shares.close()
    tell("counts", (counts, failures - told))
    tell("done", None)
