"""One step of the tutorial's logistic regression beside the same step by hand in NumPy.

    python benchmarks/logistic_step.py [--batch 600] [--dtype float32] [--rounds 30]

Both run interleaved in one process; the figures are medians over rounds, and their ratio. Also the
time from Python objects to the first result of the training function.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import symgrad
import symgrad.tensor as T

N_IMAGES, N_PIXELS, N_CLASSES, RATE = 6000, 784, 10, 0.13


def by_hand(x: Any, y: Any, batch: int, dtype: str) -> Callable[[int], Any]:
    """The step as one would write it with NumPy."""
    W, b = np.zeros((N_PIXELS, N_CLASSES), dtype), np.zeros(N_CLASSES, dtype)
    rows, rate = np.arange(batch), np.dtype(dtype).type(RATE)

    def step(index: int) -> Any:
        nonlocal W, b
        xb, yb = x[index * batch : (index + 1) * batch], y[index * batch : (index + 1) * batch]
        z = xb.dot(W) + b
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        cost = -(z[rows, yb] - np.log(total[:, 0])).mean()
        p /= total
        p[rows, yb] -= 1
        p /= batch
        W = W - rate * xb.T.dot(p)
        b = b - rate * p.sum(axis=0)
        return cost

    return step


def by_symgrad(x_data: Any, y_data: Any, batch: int) -> Callable[[int], Any]:
    """The step as the tutorial writes it."""
    data_x, data_y = symgrad.shared(x_data), T.cast(symgrad.shared(y_data), "int32")
    W = symgrad.shared(np.zeros((N_PIXELS, N_CLASSES), x_data.dtype), "W")
    b = symgrad.shared(np.zeros(N_CLASSES, x_data.dtype), "b")
    index = T.lscalar("index")
    x, y = T.matrix("x", dtype=x_data.dtype.name), T.ivector("y")
    p_y_given_x = T.nnet.softmax(T.dot(x, W) + b)
    cost = -T.mean(T.log(p_y_given_x)[T.arange(y.shape[0]), y])
    g_W, g_b = T.grad(cost, [W, b])
    rows = slice(index * batch, (index + 1) * batch)
    return symgrad.function(
        [index],
        cost,
        updates=[(W, W - RATE * g_W), (b, b - RATE * g_b)],
        givens={x: data_x[rows], y: data_y[rows]},
        name="train_model",
    )


def main() -> None:
    """Run the comparison and print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=600)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    ink = rng.random((N_IMAGES, N_PIXELS)) < 0.2  # about as much as a digit has
    x = (rng.random((N_IMAGES, N_PIXELS)) * ink).astype(args.dtype)
    y = rng.integers(0, N_CLASSES, N_IMAGES)
    n_batches = N_IMAGES // args.batch

    start = time.perf_counter()
    train_model: Any = by_symgrad(x, y.astype(args.dtype), args.batch)
    train_model(0)
    first = time.perf_counter() - start
    numpy_step = by_hand(x, y, args.batch, args.dtype)
    numpy_step(0)

    times: dict[str, list[float]] = {"numpy": [], "symgrad": []}
    for _ in range(args.rounds):
        for name, step in (("numpy", numpy_step), ("symgrad", train_model)):
            start = time.perf_counter()
            costs = [step(index) for index in range(n_batches)]
            times[name].append((time.perf_counter() - start) / n_batches)
        last = float(costs[-1])
    reference = float([numpy_step(i) for i in range(n_batches)][-1])
    ours = float([train_model(i) for i in range(n_batches)][-1])
    if not np.isclose(reference, ours, rtol=1e-4):
        raise SystemExit(f"the two disagree: {reference} and {ours} (last {last})")

    numpy_ms, symgrad_ms = (1e3 * median(times[name]) for name in ("numpy", "symgrad"))
    ratio = median(s / n for s, n in zip(times["symgrad"], times["numpy"], strict=True))
    print(f"batch {args.batch}, {args.dtype}")
    print(f"first result   {first * 1e3:8.1f} ms")
    print(f"NumPy by hand  {numpy_ms:8.3f} ms a step")
    print(f"symgrad        {symgrad_ms:8.3f} ms a step, {ratio:.2f} times NumPy")


if __name__ == "__main__":
    main()
