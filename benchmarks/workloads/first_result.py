"""How long is it from ``import`` to the first cost that the tutorial's training function returns?

A new process each time, which has imported its library and holds the data as NumPy arrays. Timed:
the data into the library, the model, its gradient, the compiled function, one step on 600 images.
Cold: nothing that the library keeps on disk is there. Warm: everything from an earlier process is.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import data, logistic

BATCH = 600
SECONDS = 0.03

QUESTION = Question(
    __name__,
    "the first result of the logistic training function in a new process",
    [
        Case("first result, caches cold", {"batch": BATCH}, Aim(seconds=SECONDS)),
        Case("first result, caches warm", {"batch": BATCH}, Aim(seconds=SECONDS), caches="warm"),
    ],
    rounds=5,
    fresh=True,
)


def task(model: Callable[..., Any], batch: int, *imports: str) -> Task:
    """From arrays to the first cost."""
    for name in imports:
        importlib.import_module(name)
    x, y = data.images(2 * batch)

    def first() -> Any:
        step, _ = model(x, y, batch)
        return step(0)

    return Task(first)


def by_numpy(batch: int) -> Task:
    return task(logistic.numpy_model, batch)


def by_symgrad(batch: int) -> Task:
    return task(logistic.symgrad_model, batch, "symgrad", "symgrad.tensor")


def by_jax(batch: int) -> Task:
    return task(logistic.jax_model, batch, "jax", "jax.numpy")


def by_torch(batch: int) -> Task:
    return task(logistic.torch_model, batch, "torch")


def by_pytensor(batch: int) -> Task:
    return task(logistic.pytensor_model, batch, "pytensor", "pytensor.tensor")
