"""How long does a call take that computes next to nothing: `x + 1` on 10 elements, inputs checked?

Compilers are compared with each other, each given an array of its own kind; NumPy and PyTorch's
eager mode, which compile nothing, show what the addition itself costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import add
from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import SYMGRAD
from benchmarks.harness.question import Question, Task

OVER_NUMPY = 2.7e-6
COMPILERS = ("pytensor", "pytensor-c", "jax", "torch-compile")


def over_numpy(outcomes: Sequence[Outcome]) -> str | None:
    """What a call costs beside the addition."""
    medians = outcomes[0].medians()
    if not {"numpy", SYMGRAD} <= medians.keys():
        return None
    over = medians[SYMGRAD] - medians["numpy"]
    return f"call overhead, symgrad: {over * 1e6:.2f} µs over NumPy's own (≤ {OVER_NUMPY * 1e6:g})"


QUESTION = Question(
    __name__,
    "the overhead of a call",
    [
        Case(
            "x + 1 on 10 elements",
            {},
            Aim(0.8, against=COMPILERS, of="compilers"),
            calls=20_000,
            warm=200,
        )
    ],
    remark=over_numpy,
)


def sample() -> Any:
    """Ten numbers."""
    return np.arange(10, dtype="float32")


def by_numpy() -> Task:
    return Task(partial(add, sample(), 1))


def by_symgrad() -> Task:
    import symgrad
    import symgrad.tensor as T

    x = T.fvector("x")
    f: Any = symgrad.function([x], x + 1)
    return Task(partial(f, sample()))


def by_jax() -> Task:
    import jax

    f, x = jax.jit(lambda x: x + 1), jax.device_put(sample())
    return Task(lambda: f(x).block_until_ready())


def by_torch() -> Task:
    import torch

    return Task(partial(add, torch.from_numpy(sample()), 1))


def by_torch_compile() -> Task:
    import torch

    f, x = torch.compile(lambda x: x + 1), torch.from_numpy(sample())
    return Task(partial(f, x))


def by_pytensor() -> Task:
    import pytensor
    import pytensor.tensor as pt

    x = pt.fvector("x")
    return Task(partial(pytensor.function([x], x + 1), sample()))
