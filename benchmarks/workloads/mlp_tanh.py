"""How long does a step of the tutorial's multilayer perceptron take?

784-500-10, tanh, L2, batch 20.
"""

from __future__ import annotations

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import mlp

SETTINGS = {"sizes": (784, 500, 10), "hidden": "tanh", "decay": 1e-4, "batch": 20}

QUESTION = Question(
    __name__,
    "one step of the MLP 784-500-10, tanh, L2, batch 20",
    [Case("MLP 784-500-10 tanh, batch 20", SETTINGS, Aim(0.8), calls=100, warm=2)],
)


def by_numpy(**settings: object) -> Task:
    return mlp.task(mlp.numpy_model, **settings)


def by_blas(**settings: object) -> Task:
    return Task(mlp.task(mlp.blas_model, **settings).call, lambda result: [])


def by_symgrad(**settings: object) -> Task:
    return mlp.task(mlp.symgrad_model, **settings)


def by_jax(**settings: object) -> Task:
    return mlp.task(mlp.jax_model, **settings)


def by_torch(**settings: object) -> Task:
    return mlp.task(mlp.torch_model, **settings)


def by_pytensor(**settings: object) -> Task:
    return mlp.task(mlp.pytensor_model, **settings)
