"""Fast paths broken on purpose: ``python -m tests.fuzz.mutants`` says who notices each.

Each mutant is a patch of one place in a copy of the repository. There a minute of random programs
runs, and the tests of the part that was broken. The exit status is 1 if nobody noticed one.

As of the last change of this table (seed 1, one process on a machine with other work):

| mutant | random programs, after | tests |
|---|---|---|
| 1. the last block is one element short | value, 11 s | `test_blocks.py` |
| 2. rows are cut where there is one row | error, 13 s | `test_blocks.py` |
| 3. a register is free one step too early | value, 9 s | `test_planner.py` |
| 4. memory is kept without the last length | error, 10 s | `test_scratch.py` |
| 5. an update is made in the array that is read | mutated, 12 s | `test_spares.py` |
| 6. a product with the other sign by BLAS | value, 15 s | `test_products.py` |
| 7. sums of products forget a broadcast | value, 27 s | `test_inner.py` |
| 8. a sum leaves out rows that fill no block | value, 24 s | `test_sums.py` |
| 9. the true class's slope has the other sign | value, 20 s | `test_row_losses.py` |
| 10. a slice is taken of an operand of one row | value, 14 s | `test_slices.py` |
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """A patch, and the tests that should notice it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "the last block of a chain is one element short",
        "symgrad/backend/numpy/blocks.py",
        "    ends = [length * k // count for k in range(count + 1)]\n",
        "    ends = [length * k // count for k in range(count + 1)]\n    ends[-1] -= length > 1\n",
        ("tests/backend/numpy/test_blocks.py",),
    ),
    Mutant(
        "rows of an array are cut where it has one row (a missing broadcast)",
        "symgrad/backend/numpy/blocks.py",
        "            cut = [a.ndim == len(shape) and a.shape[0] == shape[0] for a in whole]\n",
        "            cut = [a.ndim == len(shape) for a in whole]\n",
        ("tests/backend/numpy/test_blocks.py", "tests/backend/numpy/test_lengths_at_run_time.py"),
    ),
    Mutant(
        "a register of a chain is free one step too early (stale)",
        "symgrad/plan/chain.py",
        "        return self.last[i] == k and i in self.held\n",
        "        return self.last[i] <= k + 1 and i in self.held\n",
        ("tests/plan/test_planner.py", "tests/test_random_graphs.py"),
    ),
    Mutant(
        "memory is kept for lengths without the last one",
        "symgrad/backend/numpy/scratch.py",
        "            return self.kept[shapes].pop()\n",
        "            return next(v for k, v in self.kept.items() if k[:-1] == shapes[:-1]).pop()\n",
        ("tests/backend/numpy/test_scratch.py", "tests/test_random_graphs.py"),
    ),
    Mutant(
        "an update is made in the array that a call is reading",
        "symgrad/backend/numpy/spares.py",
        "    return np.empty(value.shape, value.dtype)\n",
        "    return value\n",
        ("tests/backend/numpy/test_spares.py",),
    ),
    Mutant(
        "a product is added with the other sign by BLAS",
        "symgrad/ops/linalg/gemm.py",
        "        return np.add(c, np.multiply(product, alpha, product), out)\n",
        "        return np.subtract(c, np.multiply(product, alpha, product), out)\n",
        ("tests/ops/linalg/test_gemm.py", "tests/rewrite/test_products.py"),
    ),
    Mutant(
        "sums of products forget that one of them may be broadcast",
        "symgrad/rewrite/inner.py",
        " if lengths(a) == lengths(b) else None\n",
        " if a.ndim == b.ndim else None\n",
        ("tests/rewrite/test_inner.py",),
    ),
    Mutant(
        "a long sum leaves out the rows that fill no block",
        "symgrad/ops/reductions/sums.py",
        "            if rest:\n                y[0] += np.add.reduce(x[n - rest :], axis=0)\n",
        "",
        ("tests/ops/reductions/test_sums.py",),
    ),
    Mutant(
        "the true class's slope of a fused cross-entropy has the other sign",
        "symgrad/ops/nnet/row_losses.py",
        "        np.negative(s, t)\n",
        "        np.copyto(t, s)\n",
        ("tests/ops/nnet/test_row_losses.py",),
    ),
    Mutant(
        "a slice of a sum is taken of an operand that has one row, too",
        "symgrad/rewrite/slices.py",
        "        elif first >= 0 and have[first:axis] == want[first + missing : axis + missing]:\n",
        "        elif first >= 0:\n",
        ("tests/rewrite/test_slices.py",),
    ),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutants", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of random programs for each")
    parser.add_argument("--only", default="", help="numbers of mutants, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    chosen = [int(k) for k in options.only.split(",") if k] or range(1, len(MUTANTS) + 1)
    missed = 0
    sys.stdout.write("| mutant | random programs | tests |\n|---|---|---|\n")
    for k in chosen:
        fuzzed, tested = noticed(MUTANTS[k - 1], options.minutes, options.seed, options.jobs)
        missed += not (fuzzed or tested)
        cells = f"| {k}. {MUTANTS[k - 1].name} | {fuzzed or 'not noticed'} | {tested or 'passed'} |"
        sys.stdout.write(cells + "\n")
        sys.stdout.flush()
    return 1 if missed else 0


def noticed(mutant: Mutant, minutes: float, seed: int, jobs: int) -> tuple[str, str]:
    """What random programs and the tests say of a mutant; empty where they see nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mutant"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*cache", "build")
        )
        apply(mutant, copy)
        environment = os.environ | {"PYTHONPATH": str(copy)}
        started = monotonic()
        fuzz = ["-m", "tests.fuzz", "--minutes", str(minutes), "--seed", str(seed), "--stop"]
        out = run([*fuzz, "--jobs", str(jobs)], copy, environment)
        kinds = [line for line in out.splitlines() if line.startswith("--- ")]
        fuzzed = ""
        if "Traceback" in out:  # the fuzzer itself fails, which proves nothing
            raise RuntimeError(out)
        if kinds:
            kind = kinds[0][4:].split(" (python")[0]
            fuzzed = f"{kind}, after {monotonic() - started:.0f} s"
        out = run(["-m", "pytest", "-q", "-n", "0", "-x", *mutant.tests], copy, environment)
        failed = [line for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return fuzzed, failed[0].split(" - ")[0].removeprefix("FAILED ") if failed else ""


def apply(mutant: Mutant, root: Path) -> None:
    """Change the one place of a mutant."""
    path = root / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise LookupError(
            f"the mutant {mutant.name!r} finds its place {text.count(mutant.old)} times in "
            f"{mutant.file}; write it for the code as it is now"
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
