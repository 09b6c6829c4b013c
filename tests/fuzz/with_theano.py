"""Programs computed by Theano, in a process of its own: see `theano_side.py`.

``SYMGRAD_ORACLE`` names a Python in which Theano runs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.cases import Failure, quiet
from tests.fuzz.comparison import unexplained
from tests.fuzz.differences import COMPARED, COSTS, KINK, check_differences
from tests.fuzz.program import Program, filled
from tests.fuzz.values import text
from tests.fuzz.witness import referred

# Rows of which Theano's answer is another on purpose (docs/differences.md) or by convention.
_OTHERWISE = {
    "clip": "lower above upper",
    "softmax": "a vector's has shape (1, n)",
    "logsoftmax": "as softmax",
    "log_of_softmax": "as softmax",
    "root_of_squares": "its slope at 0 is NaN",
    "norm": "its slope at 0 is NaN",
    "std": "its slope at 0 is NaN",
    "solve_symmetric": "its slope is not that of one triangle",
    "gammaincc": "its arguments are swapped",
    "j0": "of infinity, another SciPy's",
    "j1": "of infinity, another SciPy's",
}
_PATIENCE = 60  # seconds that Theano may take for a program


class Theano:
    """A process in which Theano answers."""

    def __init__(self) -> None:
        self.python = os.environ.get("SYMGRAD_ORACLE", "")
        self.there = bool(self.python) and Path(self.python).exists()
        self.process: Any = None

    def check(
        self,
        program: Program,
        counts: Counter[str],
        computed: Callable[[Program], dict[str, Any] | None],
    ) -> Failure | None:
        """Compare what is computed of a program with Theano's results."""
        dtypes = {str(x.value.array.dtype) for x in program.leaves}
        rows = {s.row.name for s in program.steps}
        within = any(
            "subtensor(A[" in s.text and "None" in s.text for s in program.steps
        )  # Theano's keep the axis
        if "float16" in dtypes or program.givens or rows & set(_OTHERWISE) or within:
            counts["Theano: not asked (float16, givens, other on purpose)"] += 1
            return None
        results = computed(program)
        if results is None:
            return None
        answer = self._ask(program, list(results))
        if "error" in answer:
            counts["Theano: cannot"] += 1
            return None
        counts["compared with Theano"] += 1
        with quiet():
            return _compared(program, results, answer["values"], counts)

    def _ask(self, program: Program, names: list[str]) -> dict[str, Any]:
        if self.process is None:
            side = Path(__file__).with_name("theano_side.py")
            self.process = subprocess.Popen(
                [self.python, str(side)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),
                text=True,
            )
        question = {
            "leaves": [
                [x.name, x.role, text(x.value), str(x.value.array.dtype), x.value.array.shape]
                for x in program.leaves
            ],
            "steps": [[s.name, filled(s.text, s.args)] for s in program.steps],
            "outputs": names,
            "floatX": program.floatx,
        }
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], _PATIENCE)
            line = self.process.stdout.readline() if ready else ""
        except OSError:
            line = ""
        if not line:
            self.close()
            return {"error": "no answer"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


GRADIENTS = {"grad", "grad_weighted", "grad_squared", "grad_mean"}


def _compared(
    program: Program, results: dict[str, Any], answers: list[Any], counts: Counter[str]
) -> Failure | None:
    wide = referred(program, wide=True)
    for (name, have), (dtype, shape, values) in zip(results.items(), answers, strict=True):
        parts = [2] if dtype.startswith("complex") else []
        want = np.reshape(np.array(values, "float64" if parts else None), [*shape, *parts])
        want = (want[..., 0] + 1j * want[..., 1]) if dtype.startswith("complex") else want
        want = want.astype(dtype).reshape(shape)
        if want.shape != have.shape and name in wide:  # x[1:7] of a row keeps its length of 1
            counts["Theano: another shape than ours and our reference's"] += 1
            continue
        step = next((s for s in program.steps if s.name == name), None)
        if step is not None and step.row.name in GRADIENTS:
            of = program.named(step.args[1])
            if hasattr(of, "value") and want.shape != of.value.array.shape == have.shape:
                counts["Theano: a gradient of another shape than its variable's"] += 1
                continue
        if want.shape != have.shape:
            return Failure("Theano: shape", f"{name}: {have.shape}, Theano {want.shape}")
        if want.dtype != have.dtype:
            counts["Theano: another dtype"] += 1
        if have.dtype.kind == "b" or want.dtype.kind == "b":
            have, want = have.astype("int8"), want.astype("int8")
        off = unexplained(have, want, [want]) & np.isfinite(want) & np.isfinite(have)
        scale = np.max(np.abs(np.where(np.isfinite(want), want, 0)), initial=1.0)
        eps = max(np.finfo(x.dtype).eps if x.dtype.kind in "fc" else 0 for x in (have, want))
        if program.floatx == "float32":  # of Theano's Python numbers, beside float64 too
            eps = max(eps, np.finfo("float32").eps)
        off &= ~(np.abs(have - want) <= 1e5 * eps * scale)
        if np.any(off) and name in wide:
            counts["Theano: another value than ours and our reference's"] += 1
        elif np.any(off) and step is not None and step.row.name in COSTS:
            told: Counter[str] = Counter()
            failure = check_differences(program, told)
            if failure is None and told[COMPARED]:
                counts["Theano: another slope than differences"] += 1
            elif failure is None and told[KINK]:
                counts["Theano: another slope at a kink"] += 1
            else:
                return Failure("Theano: value", f"{name}: {have}, Theano {want}")
        elif np.any(off):
            return Failure("Theano: value", f"{name}: {have}, Theano {want}")
    return None
