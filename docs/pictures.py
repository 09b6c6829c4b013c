"""Draw the pictures of this directory: `python docs/pictures.py`.

`cost.svg` is drawn by the code in README.md.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import symgrad.draw

import symgrad
import symgrad.tensor as T

HERE = Path(__file__).resolve().parent


def model(x: Any, widths: list[int]) -> tuple[Any, list[Any]]:
    """Layers of tanh, each in a scope of its own, and the scores above them."""
    params = []
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        with symgrad.name_scope(f"layer{k + 1}"):
            W = symgrad.shared(np.zeros((n_in, n_out)), f"W{k + 1}")
            b = symgrad.shared(np.zeros(n_out), f"b{k + 1}")
            x = T.dot(x, W) + b
            if k + 2 < len(widths):
                x = T.tanh(x)
        params += [W, b]
    return x, params


def cost_of(scores: Any, y: Any) -> Any:
    """The mean negative log-likelihood of the classes y."""
    return -T.mean(T.log(T.nnet.softmax(scores))[T.arange(y.shape[0]), y])


def training(widths: list[int], batch_size: int = 600, learning_rate: float = 0.13) -> Any:
    """A function that takes the number of a minibatch and makes a step on it."""
    x, y, index = T.dmatrix("x"), T.ivector("y"), T.lscalar("index")
    train_set_x = symgrad.shared(np.zeros((50_000, widths[0])), "train_set_x")
    train_set_y = symgrad.shared(np.zeros(50_000, "int32"), "train_set_y")
    scores, params = model(x, widths)
    cost = cost_of(scores, y)
    batch = slice(index * batch_size, (index + 1) * batch_size)
    return symgrad.function(
        [index],
        cost,
        updates=[(p, p - learning_rate * T.grad(cost, p)) for p in params],
        givens={x: train_set_x[batch], y: train_set_y[batch]},
        name="train_model",
    )


def logistic() -> tuple[Any, Any]:
    """The tutorial's training function, and the gradient with respect to W."""
    x, y, index = T.dmatrix("x"), T.ivector("y"), T.lscalar("index")
    train_set_x = symgrad.shared(np.zeros((50_000, 784)), "train_set_x")
    train_set_y = symgrad.shared(np.zeros(50_000, "int32"), "train_set_y")
    W, b = symgrad.shared(np.zeros((784, 10)), "W"), symgrad.shared(np.zeros(10), "b")
    cost = cost_of(T.dot(x, W) + b, y)
    g_W, g_b = T.grad(cost, [W, b])
    train_model = symgrad.function(
        [index],
        cost,
        updates=[(W, W - 0.13 * g_W), (b, b - 0.13 * g_b)],
        givens={
            x: train_set_x[index * 600 : (index + 1) * 600],
            y: train_set_y[index * 600 : (index + 1) * 600],
        },
        name="train_model",
    )
    return train_model, g_W


def draw(directory: Path = HERE) -> None:
    """Draw all of them."""
    train_model, g_W = logistic()
    symgrad.draw.svg(g_W, directory / "gradient.svg")
    symgrad.draw.svg(train_model, directory / "training.svg")
    symgrad.draw.svg(train_model, directory / "training_written.svg", written=True)
    symgrad.draw.svg(training([784, 500, 10]), directory / "mlp.svg")
    deep, params = model(T.dmatrix("x"), [784] + [100] * 150 + [10])
    gradients = T.grad(cost_of(deep, T.ivector("y")), params)
    symgrad.draw.svg(gradients, directory / "deep.svg")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
