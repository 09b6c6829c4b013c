"""How long does a long chain of elementwise steps take, from nothing to its first gradient?

Build, differentiate, compile and call, in a new process with cold caches, for chains of 100, 1,000
and 10,000 steps on 10 elements. Most steps are ``0.9999 * v + 0.0001``; among twenty there are one
``exp`` and, ten later, one ``log``, so that neither values nor gradients vanish or grow. The sum of
the result and its gradient are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.outcome import Outcome
from benchmarks.harness.peers import SYMGRAD
from benchmarks.harness.question import Question, Task

SCALE, SHIFT = 0.9999, 0.0001
EVERY, EXP, LOG = 20, 9, 19

AIM = Aim(0.2, against=("jax",), of="JAX")


def growth(outcomes: Sequence[Outcome]) -> str | None:
    """Whether the time grows as the chain does."""
    medians = {outcome.case.params["n"]: outcome.medians() for outcome in outcomes}
    times = {n: found[SYMGRAD] for n, found in sorted(medians.items()) if SYMGRAD in found}
    steps = [
        f"{long // short} times as many steps take {times[long] / times[short]:.1f} times as long"
        for short, long in pairwise(times)
    ]
    return f"deep chain, symgrad: {', then '.join(steps)}" if steps else None


QUESTION = Question(
    __name__,
    "build, differentiate, compile and run a chain of elementwise steps",
    [
        Case("chain of 100 steps", {"n": 100}, AIM),
        Case("chain of 1,000 steps", {"n": 1000}, AIM, slow=True),
        Case("chain of 10,000 steps", {"n": 10_000}, AIM, slow=True),
    ],
    rounds=3,
    fresh=True,
    growing=True,
    remark=growth,
)


def sample() -> Any:
    """Where the chain starts."""
    return np.linspace(0.5, 1.5, 10, dtype="float32")


def chain(v: Any, n: int, exp: Callable[[Any], Any], log: Callable[[Any], Any]) -> Any:
    """The chain, in any library."""
    scale, shift = np.float32(SCALE), np.float32(SHIFT)
    for k in range(n):
        if k % EVERY == EXP:
            v = exp(v)
        elif k % EVERY == LOG:
            v = log(v)
        else:
            v = scale * v + shift
    return v


def by_numpy(n: int) -> Task:
    """Forward and back by hand."""
    x, scale = sample(), np.float32(SCALE)

    def first() -> tuple[Any, Any]:
        kept: list[Any] = []  # what the way back needs

        def keep(function: Callable[[Any], Any], wants_result: bool) -> Callable[[Any], Any]:
            def call(v: Any) -> Any:
                y = function(v)
                kept.append(y if wants_result else v)
                return y

            return call

        v = chain(x, n, keep(np.exp, True), keep(np.log, False))
        g = np.ones_like(x)
        for k in range(n - 1, -1, -1):
            if k % EVERY == EXP:
                g = g * kept.pop()
            elif k % EVERY == LOG:
                g = g / kept.pop()
            else:
                g = scale * g
        return v.sum(), g

    return Task(first, list)


def by_symgrad(n: int) -> Task:
    import symgrad
    import symgrad.tensor as T

    def first() -> Any:
        x = T.fvector("x")
        total = chain(x, n, T.exp, T.log).sum()
        f: Any = symgrad.function([x], [total, T.grad(total, x)])
        return f(sample())

    return Task(first, list)


def by_jax(n: int) -> Task:
    import jax
    import jax.numpy as jnp

    def first() -> Any:
        f = jax.jit(jax.value_and_grad(lambda x: chain(x, n, jnp.exp, jnp.log).sum()))
        return jax.block_until_ready(f(sample()))

    return Task(first, list)


def by_torch(n: int) -> Task:
    import torch

    def first() -> tuple[Any, Any]:
        x = torch.from_numpy(sample()).requires_grad_()
        scale, shift = SCALE, SHIFT
        v = x
        for k in range(n):
            if k % EVERY == EXP:
                v = torch.exp(v)
            elif k % EVERY == LOG:
                v = torch.log(v)
            else:
                v = scale * v + shift
        total = v.sum()
        (g,) = torch.autograd.grad(total, x)
        return total.detach(), g

    return Task(first, list)


def by_pytensor(n: int) -> Task:
    import pytensor
    import pytensor.tensor as pt

    def first() -> Any:
        x = pt.fvector("x")
        total = chain(x, n, pt.exp, pt.log).sum()
        f = pytensor.function([x], [total, pytensor.grad(total, x)])
        return f(sample())

    return Task(first, list)
