"""How long does a formula take that is elementwise throughout, and the gradient of its sum?

``tanh(a*x + b) * sigmoid(x) - log1p(exp(-abs(x)))`` for float32 `x` of 1,000,000 and of 1,000
elements; `a` and `b` are numbers in the program. Each library is given an array of its own kind.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task

A, B = 1.5, 0.25

CASES = {  # elements, gradient: calls in a round
    (1_000_000, False): 15,
    (1_000_000, True): 10,
    (1000, False): 2000,
    (1000, True): 2000,
}

QUESTION = Question(
    __name__,
    "an elementwise formula and the gradient of its sum",
    [
        Case(
            f"elementwise, 1e{len(str(n)) - 1}, {'gradient' if gradient else 'value'}",
            {"n": n, "gradient": gradient},
            Aim(1.0),
            calls,
            warm=2,
        )
        for (n, gradient), calls in CASES.items()
    ],
    rtol=1e-4,
)


def sample(n: int) -> Any:
    """Numbers on both sides of zero, some of them large."""
    return (3 * np.random.default_rng(0).standard_normal(n)).astype("float32")


def numpy_value(x: Any) -> Any:
    """In place, with the sigmoid as a division."""
    e = np.abs(x)
    np.exp(np.negative(e, out=e), out=e)
    s = np.exp(-x)
    s += 1
    t = A * x
    t += B
    np.tanh(t, out=t)
    t /= s
    t -= np.log1p(e, out=e)
    return t


def numpy_gradient(x: Any) -> Any:
    """``s * (a * (1 - t²) + t * (1 - s)) + sign(x) * e / (1 + e)``, derived by hand."""
    e = np.abs(x)
    np.exp(np.negative(e, out=e), out=e)
    e /= 1 + e
    np.copysign(e, x, out=e)
    s = np.exp(-x)
    s += 1
    np.reciprocal(s, out=s)
    t = A * x
    t += B
    np.tanh(t, out=t)
    g = 1 - t * t
    g *= A
    t *= 1 - s
    g += t
    g *= s
    g += e
    return g


def by_numpy(n: int, gradient: bool) -> Task:
    return Task(partial(numpy_gradient if gradient else numpy_value, sample(n)))


def by_symgrad(n: int, gradient: bool) -> Task:
    import symgrad
    import symgrad.tensor as T

    x = T.fvector("x")
    y = T.tanh(A * x + B) * T.nnet.sigmoid(x) - T.log1p(T.exp(-abs(x)))
    f: Any = symgrad.function([x], T.grad(y.sum(), x) if gradient else y)
    return Task(partial(f, sample(n)))


def by_jax(n: int, gradient: bool) -> Task:
    import jax
    import jax.numpy as jnp

    def value(x: Any) -> Any:
        return jnp.tanh(A * x + B) * jax.nn.sigmoid(x) - jnp.log1p(jnp.exp(-jnp.abs(x)))

    f = jax.jit(jax.grad(lambda x: value(x).sum()) if gradient else value)
    x = jax.device_put(sample(n))
    return Task(lambda: f(x).block_until_ready())


def torch_value(x: Any) -> Any:
    """The formula in PyTorch."""
    import torch

    return torch.tanh(A * x + B) * torch.sigmoid(x) - torch.log1p(torch.exp(-torch.abs(x)))


def by_torch(n: int, gradient: bool) -> Task:
    import torch

    x = torch.from_numpy(sample(n)).requires_grad_(gradient)

    def value() -> Any:
        with torch.inference_mode():
            return torch_value(x)

    def slope() -> Any:
        return torch.autograd.grad(torch_value(x).sum(), x)[0]

    return Task(slope if gradient else value)


def by_torch_compile(n: int, gradient: bool) -> Task:
    """The gradient as one graph: twice as fast as a compiled forward and a compiled backward."""
    import torch

    slope = torch.func.grad(lambda x: torch_value(x).sum())
    f = torch.compile(slope if gradient else torch_value)
    x = torch.from_numpy(sample(n))

    def call() -> Any:
        with torch.no_grad():
            return f(x)

    call()
    return Task(call)


def by_pytensor(n: int, gradient: bool) -> Task:
    import pytensor
    import pytensor.tensor as pt

    a, b = np.float32(A), np.float32(B)
    x = pt.fvector("x")
    y = pt.tanh(a * x + b) * pt.sigmoid(x) - pt.log1p(pt.exp(-pt.abs(x)))
    f = pytensor.function([x], pytensor.grad(y.sum(), x) if gradient else y)
    return Task(partial(f, sample(n)))
