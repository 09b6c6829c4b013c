"""How long does a step take where matrix products decide? 784-1024-1024-10, relu, batch 256."""

from __future__ import annotations

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question
from benchmarks.workloads.mlp_tanh import (  # the same functions, other settings
    by_blas as by_blas,
    by_jax as by_jax,
    by_numpy as by_numpy,
    by_pytensor as by_pytensor,
    by_symgrad as by_symgrad,
    by_torch as by_torch,
)

SETTINGS = {"sizes": (784, 1024, 1024, 10), "hidden": "relu", "decay": 0.0, "batch": 256}

QUESTION = Question(
    __name__,
    "one step of the MLP 784-1024-1024-10, relu, batch 256",
    [Case("MLP 784-1024-1024-10 relu, batch 256", SETTINGS, Aim(1.0), 5, warm=1)],
)
