"""How long does gradient descent with the gradient over all images take, as `models/` has it?

`models/softmax_gd.py`: 10 of its iterations on 30,000 images of 784 pixels, float32, with the cost
before each step. `models/binary_logistic.py`: all of its 100 epochs on 1,000 images of 64 pixels,
with the loss and the accuracy after each step. A call starts anew from the same weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import data

SOFTMAX_RATE, BINARY_RATE = 0.3, 0.01

QUESTION = Question(
    __name__,
    "gradient descent on all images at once",
    [
        Case("softmax, 30,000 images, 10 steps", {"job": "softmax", "dtype": "float32"}, Aim(1.0)),
        Case("sigmoid, 8x8, 100 epochs", {"job": "sigmoid", "dtype": "float64"}, Aim(1.0), 5, 1),
        Case(
            "sigmoid, 8x8, 100 epochs, float32",
            {"job": "sigmoid", "dtype": "float32"},
            Aim(1.0),
            5,
            1,
        ),
    ],
    rounds=15,
)


def small_images(dtype: str) -> tuple[Any, Any, Any]:
    """1,000 images of 8x8 pixels in two classes that can be told apart, and the first weights."""
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(2, dtype="int32"), 500)
    x = np.clip(rng.normal(0.3 + 0.1 * y[:, None], 0.2, (1000, 64)), 0, 1)
    return x.astype(dtype), y, rng.normal(0, 0.1, 64).astype(dtype)


# ----------------------------------------------------------------------------------------- NumPy
def by_numpy(job: str, dtype: str) -> Task:
    return Task({"softmax": numpy_softmax, "sigmoid": numpy_sigmoid}[job](dtype), list)


def numpy_softmax(dtype: str) -> Any:
    """By hand: in place, and with the rate where the arrays are small."""
    x, y = data.images(30_000)
    x, y = x.astype(dtype), y.astype("intp")
    rows, rate = np.arange(len(y)), x.dtype.type(SOFTMAX_RATE / len(y))

    def descend() -> list[Any]:
        W = np.zeros((x.shape[1], data.N_CLASSES), dtype)
        costs = []
        for _ in range(10):
            p = x @ W
            p -= p.max(axis=1, keepdims=True)
            right = p[rows, y].mean()
            np.exp(p, out=p)
            total = p.sum(axis=1, keepdims=True)
            costs.append(np.log(total).mean() - right)
            p /= total
            p[rows, y] -= 1
            p *= rate
            W -= x.T @ p
        return costs

    return descend


def numpy_sigmoid(dtype: str) -> Any:
    """By hand: what each epoch has computed to measure itself serves the next one's step."""
    x, y, start = small_images(dtype)
    ones, rate = y.astype(bool), x.dtype.type(BINARY_RATE / len(y))
    sign = np.where(ones, -1, 1).astype(dtype)

    def descend() -> tuple[list[Any], list[Any]]:
        w = start.copy()
        losses, accuracies = [], []
        z = x @ w
        for _ in range(100):
            p = 1 / (1 + np.exp(-z))
            p -= ones
            p *= rate
            w -= p @ x
            z = x @ w
            # log(1 + e^{±z}) = max(±z, 0) + log(1 + e^{-|z|}), which does not overflow
            losses.append((np.maximum(sign * z, 0) + np.log1p(np.exp(-np.abs(z)))).mean())
            accuracies.append(((z > 0) == ones).mean())
        return losses, accuracies

    return descend


# --------------------------------------------------------------------------------------- symgrad
def by_symgrad(job: str, dtype: str) -> Task:
    return Task({"softmax": symgrad_softmax, "sigmoid": symgrad_sigmoid}[job](dtype), list)


def symgrad_softmax(dtype: str) -> Any:
    """As `models/softmax_gd.py`, with the weight decay that is zero."""
    import symgrad
    import symgrad.tensor as T

    symgrad.config.floatX = dtype
    images, classes = data.images(30_000)
    W = symgrad.shared(np.zeros((images.shape[1], data.N_CLASSES), dtype), name="W")
    x, y = T.matrix("x"), T.ivector("y")
    p = T.nnet.softmax(T.dot(x, W))
    cost = T.mean(T.nnet.categorical_crossentropy(p, y)) + 0.0 / 2 * T.sum(W**2)
    step: Any = symgrad.function(
        [],
        cost,
        updates=[(W, W - SOFTMAX_RATE * T.grad(cost, W))],
        givens={
            x: symgrad.shared(images.astype(dtype), borrow=True),
            y: symgrad.shared(classes, borrow=True),
        },
    )

    def descend() -> list[Any]:
        W.set_value(np.zeros_like(W.get_value(borrow=True)))
        return [step() for _ in range(10)]

    return descend


def symgrad_sigmoid(dtype: str) -> Any:
    """As `models/binary_logistic.py`: one function for the step, one for the measures."""
    import symgrad
    import symgrad.tensor as T

    symgrad.config.floatX = dtype
    images, classes, start = small_images(dtype)
    w = symgrad.shared(start, name="w")
    x, y = T.matrix("x"), T.ivector("y")
    p = T.nnet.sigmoid(T.dot(x, w))
    loss = T.mean(T.nnet.binary_crossentropy(p, y))
    accuracy = T.mean(T.eq(T.gt(p, 0.5), y))
    training = {
        x: symgrad.shared(images, borrow=True, shape=images.shape),
        y: symgrad.shared(classes, borrow=True, shape=classes.shape),
    }
    updates = [(w, w - BINARY_RATE * T.grad(loss, w))]
    step: Any = symgrad.function([], updates=updates, givens=training)
    measure: Any = symgrad.function([], [loss, accuracy], givens=training)

    def descend() -> tuple[list[Any], list[Any]]:
        w.set_value(start)
        measures = []
        for _ in range(100):
            step()
            measures.append(measure())
        losses, accuracies = zip(*measures, strict=True)
        return list(losses), list(accuracies)

    return descend
