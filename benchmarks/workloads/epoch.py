"""How long does an epoch of the tutorial's training take, with the validation after it?

83 steps on batches of 600 of 50,000 images, then the errors on 16 batches of the other 10,000. All
data is where the library wants it. The last cost and the mean of the errors are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import data, logistic

# One image of the validation may fall on the other side.
QUESTION = Question(
    __name__,
    "an epoch of the tutorial, with validation",
    [Case("tutorial epoch with validation", {"batch": 600}, Aim(0.8))],
    rounds=15,
    atol=2e-4,
)


def task(
    model: Callable[..., tuple[logistic.Step, Any]],
    errors_of: Callable[..., logistic.Step],
    batch: int,
) -> Task:
    """Epochs as the tutorial's loop goes through them."""
    (x, y), (x_valid, y_valid) = data.tutorial()
    step, params = model(x, y, batch)
    errors = errors_of(params, x_valid, y_valid, batch)
    n_train, n_valid = len(x) // batch, len(x_valid) // batch

    def epoch() -> tuple[Any, Any]:
        for index in range(n_train):
            cost = step(index)
        return cost, np.mean([errors(index) for index in range(n_valid)])

    return Task(epoch, list)


def by_numpy(batch: int) -> Task:
    return task(logistic.numpy_model, logistic.numpy_errors, batch)


def by_symgrad(batch: int) -> Task:
    return task(logistic.symgrad_model, logistic.symgrad_errors, batch)


def by_torch(batch: int) -> Task:
    return task(logistic.torch_model, logistic.torch_errors, batch)


def by_pytensor(batch: int) -> Task:
    return task(logistic.pytensor_model, logistic.pytensor_errors, batch)


def by_jax(batch: int) -> Task:
    """Each half of the epoch is one compiled loop, so that Python is not between the steps."""
    import jax
    import jax.numpy as jnp

    train, valid = jax.device_put(data.tutorial())
    params = logistic.jax_params()
    n_train, n_valid = len(train[0]) // batch, len(valid[0]) // batch

    def steps(params: Any, x: Any, y: Any) -> Any:
        def step(params: Any, index: Any) -> Any:
            return logistic.jax_update(params, x, y, index, batch)

        return jax.lax.scan(step, params, jnp.arange(n_train))

    def errors(params: Any, x: Any, y: Any) -> Any:
        W, b = params
        x, y = x[: n_valid * batch], y[: n_valid * batch]
        return jnp.mean(jnp.argmax(x @ W + b, axis=1) != y)

    train_model, validate_model = jax.jit(steps, donate_argnums=0), jax.jit(errors)

    def epoch() -> tuple[float, float]:
        nonlocal params
        params, costs = train_model(params, *train)
        return float(costs[-1]), float(validate_model(params, *valid))

    return Task(epoch, list)
