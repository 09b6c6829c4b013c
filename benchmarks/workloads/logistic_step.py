"""How long does one step of the tutorial's logistic regression take, cost returned?

784 pixels to 10 classes, float32, in batches of 20, 100 and 600 that are slices of 50,000 images.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import data, logistic

CALLS = {20: 1000, 100: 500, 600: 166}  # a tenth of a second or less

QUESTION = Question(
    __name__,
    "one step of logistic regression, 784 → 10",
    [
        Case(f"logistic step, batch {n}", {"batch": n}, Aim(0.8, or_blas=True), calls, warm=5)
        for n, calls in CALLS.items()
    ],
    atol=1e-4,
)


def task(model: Callable[..., tuple[logistic.Step, Any]], batch: int) -> Task:
    """Steps through the training images, over and over."""
    x, y = data.images(data.N_TRAIN)
    step, _ = model(x, y, batch)
    numbers = cycle(range(len(x) // batch))
    return Task(lambda: step(next(numbers)))


def by_numpy(batch: int) -> Task:
    return task(logistic.numpy_model, batch)


def by_blas(batch: int) -> Task:
    steps = task(lambda x, y, batch: (logistic.blas_model(x, batch), None), batch)
    return Task(steps.call, lambda result: [])


def by_symgrad(batch: int) -> Task:
    return task(logistic.symgrad_model, batch)


def by_jax(batch: int) -> Task:
    return task(logistic.jax_model, batch)


def by_torch(batch: int) -> Task:
    return task(logistic.torch_model, batch)


def by_pytensor(batch: int) -> Task:
    return task(logistic.pytensor_model, batch)
