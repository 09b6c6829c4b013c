"""``python -m tests.fuzz --minutes 1 --seed 7``: random programs until the time is over.

The exit status is 1 if a program failed; it is then printed, shrunk to a few lines.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from time import monotonic

from tests.fuzz.processes import Run, say
from tests.fuzz.report import summary
from tests.fuzz.runners import WAYS

_SPAN = 100_000_000  # programs of one seed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--programs", type=int, help="this many, however long it takes")
    parser.add_argument("--seed", type=int, help="by default a new one, which is printed")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", default="", help="names or groups of rows, with commas between")
    parser.add_argument("--stop", action="store_true", help="at the first failure")
    parser.add_argument("--program", type=int, help="examine this one program and print it")
    parser.add_argument("--way", choices=WAYS, help="with --program: what is done besides")
    parser.add_argument("--whole", action="store_true", help="with --program: do not shrink it")
    options = parser.parse_args(arguments)
    only = tuple(filter(None, options.only.split(",")))
    if options.program is not None:
        return _one(options.program, options.way, only, options.whole)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"seed {seed}")
    run = Run(seed * _SPAN, options.jobs, only, options.stop)
    run.go(None if options.programs else monotonic() + 60 * options.minutes, options.programs)
    say(summary(run.programs, run.seconds, run.counts, run.failures))
    return 1 if run.failures else 0


def _one(seed: int, way: str | None, only: tuple[str, ...], whole: bool) -> int:
    from tests.fuzz.shares import Shares
    from tests.fuzz.work import find, generate, way_of

    found = find(seed, way or way_of(seed), Shares(), Counter(), only, 0.0 if whole else 60.0)
    if found is None:
        say(generate(seed, only).python())
        say("no difference")
        return 0
    say(str(found))
    return 1


if __name__ == "__main__":
    sys.exit(main())
