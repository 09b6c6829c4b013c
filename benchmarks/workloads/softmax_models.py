"""How long does an epoch of the two softmax models take, beside the same job by hand?

`models/softmax_mnist.py` on raw pixels: 50,000 images in batches, cost and parameters remembered
at every step, then the accuracy on 10,000 others. `models/softmax_npz.py`: 5,000 examples with a
column of ones, in a new order, batches of 256, then the accuracy on them and on 1,000 others. And
one step on 1,000 raw images, where by hand means a loop: over the images, or over these and, as the
formulas read, over the classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness.case import Aim, Case
from benchmarks.harness.question import Question, Task
from benchmarks.workloads import data
from benchmarks.workloads.data import N_CLASSES, N_PIXELS

RAW_RATE, NPZ_RATE = 1e-5, 0.1

QUESTION = Question(
    __name__,
    "an epoch of softmax regression on raw pixels and on an .npz, a step by loops",
    [
        Case("raw pixels, epoch, batch 1000", {"job": "raw", "batch": 1000}, Aim(1.0)),
        Case("raw pixels, epoch, batch 10000", {"job": "raw", "batch": 10_000}, Aim(1.0)),
        Case("npz of 5000, epoch, batch 256", {"job": "npz", "batch": 256}, Aim(1.0), 5, 1),
        Case("raw step, loop over images", {"job": "images", "batch": 1000}, Aim(1.0)),
        Case("raw step, loop over classes", {"job": "classes", "batch": 1000}, Aim(0.01)),
    ],
    rounds=15,
    atol=2e-4,  # one of the images may fall on the other side
)

Step = Callable[[int], Any]


def raw() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The tutorial's split, pixels from 0 to 255."""
    (x, y), (x_test, y_test) = data.tutorial()
    return (np.rint(255 * x), y), (np.rint(255 * x_test), y_test)


def npz() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """5,000 and 1,000 examples, pixels from 0 to 1, with a column of ones."""
    x, y = data.images(6000)
    x = np.hstack([x, np.ones((len(x), 1), x.dtype)])
    return (x[:5000], y[:5000]), (x[5000:], y[5000:])


def raw_epoch(step: Step, params: Callable[[], Any], accuracy: Callable[[], Any], n: int) -> Task:
    """Epochs of a model that remembers cost and parameters."""

    def epoch() -> tuple[Any, Any]:
        costs, W, b = [], [], []
        for index in range(n):
            costs.append(float(step(index)))
            W_now, b_now = params()
            W.append(W_now.copy())
            b.append(b_now.copy())
        return costs[-1], accuracy()

    return Task(epoch, list)


def npz_epoch(
    step: Step, shuffle: Callable[[Any], Any], accuracies: Callable[[], Any], batch: int
) -> Task:
    """Epochs of a model that goes through the examples in a new order each time."""
    rng = np.random.RandomState(0)

    def epoch() -> tuple[Any, ...]:
        shuffle(rng.permutation(5000))
        costs = [float(step(index)) for index in range(5000 // batch)]
        return costs[-1], *accuracies()

    return Task(epoch, list)


# ----------------------------------------------------------------------------------------- NumPy
def descend(x: Any, y: Any, params: tuple[Any, ...], rate: Any, rows: Any) -> Any:
    """One step in NumPy: in place, with the rate where the arrays are small. Returns the cost."""
    W, *b = params
    z = x @ W
    if b:
        z += b[0]
    z -= z.max(axis=1, keepdims=True)
    right = z[rows, y].mean()
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    cost = np.log(total).mean() - right
    z /= total
    z[rows, y] -= 1
    z *= rate
    np.subtract(W, x.T @ z, out=W)
    if b:
        np.subtract(b[0], z.sum(axis=0), out=b[0])
    return cost


def by_numpy(job: str, batch: int) -> Task:
    """By hand: well, or in loops."""
    if job == "npz":
        return npz_by_numpy(batch)
    (x, y), (x_test, y_test) = raw()
    if job != "raw":
        return loop(job, x[:batch], y[:batch])
    y = y.astype("intp")
    W, b = np.zeros((N_PIXELS, N_CLASSES), x.dtype), np.zeros(N_CLASSES, x.dtype)
    rows, rate = np.arange(batch), x.dtype.type(RAW_RATE / batch)

    def step(index: int) -> Any:
        at = slice(index * batch, (index + 1) * batch)
        return descend(x[at], y[at], (W, b), rate, rows)

    def accuracy() -> Any:
        return np.mean((x_test @ W + b).argmax(axis=1) == y_test)

    return raw_epoch(step, lambda: (W, b), accuracy, len(x) // batch)


def npz_by_numpy(batch: int) -> Task:
    (x, y), (x_test, y_test) = npz()
    y = y.astype("intp")
    W = np.zeros((x.shape[1], N_CLASSES), x.dtype)
    rows, rate = np.arange(batch), x.dtype.type(NPZ_RATE / batch)
    order = np.arange(len(x))

    def step(index: int) -> Any:
        at = order[index * batch : (index + 1) * batch]
        return descend(x[at], y[at], (W,), rate, rows)

    def shuffle(new: Any) -> None:
        order[:] = new

    def accuracies() -> tuple[Any, Any]:
        return np.mean((x @ W).argmax(axis=1) == y), np.mean((x_test @ W).argmax(axis=1) == y_test)

    return npz_epoch(step, shuffle, accuracies, batch)


def loop(over: str, x: Any, y: Any) -> Task:
    """A step from zero on `x`, one image at a time; the cost and the norm of W after it."""
    n = len(x)

    def probabilities(x_k: Any, W: Any, b: Any) -> Any:
        z = x_k @ W + b
        p = np.exp(z - z.max())
        return p / p.sum()

    def by_images(W: Any, b: Any) -> Any:
        g_W, g_b, cost = np.zeros_like(W), np.zeros_like(b), 0.0
        for x_k, y_k in zip(x, y, strict=True):
            p = probabilities(x_k, W, b)
            cost -= np.log(p[y_k])
            p[y_k] -= 1
            g_W += np.outer(x_k, p)
            g_b += p
        return g_W, g_b, cost

    def by_classes(W: Any, b: Any) -> Any:
        g_W, g_b, cost = np.zeros_like(W), np.zeros_like(b), 0.0
        for x_k, y_k in zip(x, y, strict=True):
            cost -= np.log(probabilities(x_k, W, b)[y_k])
            for i in range(N_CLASSES):
                slope = probabilities(x_k, W, b)[i] - (y_k == i)
                g_W[:, i] += slope * x_k
                g_b[i] += slope
        return g_W, g_b, cost

    gradient = {"images": by_images, "classes": by_classes}[over]

    def step() -> tuple[Any, Any]:
        W, b = np.zeros((N_PIXELS, N_CLASSES), x.dtype), np.zeros(N_CLASSES, x.dtype)
        g_W, g_b, cost = gradient(W, b)
        W -= RAW_RATE / n * g_W
        b -= RAW_RATE / n * g_b
        return cost / n, np.linalg.norm(W)

    return Task(step, list)


# --------------------------------------------------------------------------------------- symgrad
def by_symgrad(job: str, batch: int) -> Task:
    """As the two models write it."""
    if job == "npz":
        return npz_by_symgrad(batch)
    import symgrad
    import symgrad.tensor as T

    (x, y), (x_test, y_test) = (symgrad_pair(pair) for pair in raw())
    W = symgrad.shared(np.zeros((N_PIXELS, N_CLASSES), "float32"), name="W")
    b = symgrad.shared(np.zeros(N_CLASSES, "float32"), name="b")
    index, x_batch, y_batch = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    p = T.nnet.softmax(T.dot(x_batch, W) + b)
    cost = -T.mean(T.log(p)[T.arange(y_batch.shape[0]), y_batch])
    g_W, g_b = T.grad(cost, [W, b])
    at = slice(index * batch, (index + 1) * batch)
    step: Any = symgrad.function(
        [index],
        cost,
        updates=[(W, W - RAW_RATE * g_W), (b, b - RAW_RATE * g_b)],
        givens={x_batch: x[at], y_batch: y[at]},
    )
    if job != "raw":
        zeros = W.get_value(), b.get_value()

        def first() -> tuple[Any, Any]:
            W.set_value(zeros[0])
            b.set_value(zeros[1])
            return step(0), np.linalg.norm(W.get_value(borrow=True))

        return Task(first, list)
    right: Any = symgrad.function(
        [],
        T.mean(T.eq(T.argmax(p, axis=1), y_batch)),
        givens={x_batch: x_test, y_batch: y_test},
    )

    def params() -> tuple[Any, Any]:
        return W.get_value(borrow=True), b.get_value(borrow=True)

    return raw_epoch(step, params, right, x.get_value(borrow=True).shape[0] // batch)


def npz_by_symgrad(batch: int) -> Task:
    import symgrad
    import symgrad.tensor as T

    (x, y), (x_test, y_test) = (symgrad_pair(pair) for pair in npz())
    W = symgrad.shared(np.zeros((N_PIXELS + 1, N_CLASSES), "float32"), name="W")
    order = symgrad.shared(np.arange(5000), name="order")
    index, x_batch, y_batch = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    p = T.nnet.softmax(T.dot(x_batch, W))
    cost = T.mean(T.nnet.categorical_crossentropy(p, y_batch))
    right = T.mean(T.eq(T.argmax(p, axis=1), y_batch))
    at = order[index * batch : (index + 1) * batch]
    step: Any = symgrad.function(
        [index],
        cost,
        updates=[(W, W - NPZ_RATE * T.grad(cost, W))],
        givens={x_batch: x[at], y_batch: y[at]},
    )
    on_train: Any = symgrad.function([], right, givens={x_batch: x, y_batch: y})
    on_test: Any = symgrad.function([], right, givens={x_batch: x_test, y_batch: y_test})
    return npz_epoch(step, order.set_value, lambda: (on_train(), on_test()), batch)


def symgrad_pair(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """Images and classes as shared variables."""
    import symgrad

    x, y = pair
    return symgrad.shared(x, borrow=True), symgrad.shared(y, borrow=True)
