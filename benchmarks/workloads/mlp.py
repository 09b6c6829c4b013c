"""A multilayer perceptron under gradient descent, as a user of each library would write it.

No question itself: `mlp_tanh` and `mlp_relu` ask about it. `sizes` are the numbers of units from
the input to the output, `hidden` is "tanh" or "relu", `decay` the factor of the sum of squared
weights in the cost. The cost is read after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle, pairwise
from typing import Any

import numpy as np

from benchmarks.harness.question import Task
from benchmarks.workloads import data

RATE = 0.01
N_IMAGES = 12_800

Step = Callable[[int], Any]


def initial(sizes: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    """The tutorial's weights and zero biases, the same ones for everybody."""
    rng = np.random.default_rng(1234)
    bounds = [np.sqrt(6 / (n_in + n_out)) for n_in, n_out in pairwise(sizes)]
    weights = [
        rng.uniform(-bound, bound, shape).astype("float32")
        for bound, shape in zip(bounds, pairwise(sizes), strict=True)
    ]
    return weights, [np.zeros(n, "float32") for n in sizes[1:]]


def task(model: Callable[..., Step], **settings: Any) -> Task:
    """Steps through the images, over and over."""
    x, y = data.images(N_IMAGES)
    step = model(x, y, **settings)
    numbers = cycle(range(len(x) // settings["batch"]))
    return Task(lambda: step(next(numbers)))


# ----------------------------------------------------------------------------------------- NumPy
def numpy_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """By hand, in place where that is simple."""
    weights, biases = initial(sizes)
    rows, scale = np.arange(batch), np.float32(RATE / batch)
    shrink, decay = np.float32(1 - 2 * decay * RATE), np.float32(decay)
    y = y.astype("intp")

    def activate(z: Any) -> Any:
        return np.tanh(z, out=z) if hidden == "tanh" else np.maximum(z, 0, out=z)

    def slope(h: Any) -> Any:
        return 1 - h * h if hidden == "tanh" else h > 0

    def step(index: int) -> Any:
        at = slice(index * batch, (index + 1) * batch)
        layers, yb = [x[at]], y[at]
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            z = layers[-1] @ W
            z += b
            layers.append(activate(z))
        z = layers[-1] @ weights[-1]
        z += biases[-1]
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        cost = np.log(total).mean() - z[rows, yb].mean()
        if decay:
            cost += decay * sum(np.vdot(W, W) for W in weights)
        p /= total
        p[rows, yb] -= 1
        p *= scale  # the rate is in here, where the arrays are small
        back = p
        for W, b, h in zip(weights[::-1], biases[::-1], layers[::-1], strict=True):
            g_W, g_b = h.T @ back, back.sum(axis=0)
            if h is not layers[0]:
                back = back @ W.T
                back *= slope(h)
            if decay:
                W *= shrink
            W -= g_W
            b -= g_b
        return cost

    return step


def blas_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """The products of a step, and nothing else."""
    weights, _ = initial(sizes)
    slopes = [np.empty_like(W) for W in weights]
    values = [np.empty((batch, n), "float32") for n in sizes[1:]]

    def step(index: int) -> None:
        layers = [x[index * batch : (index + 1) * batch], *values]
        for W, h, out in zip(weights, layers, values, strict=False):
            np.dot(h, W, out=out)
        for number in range(len(weights) - 1, -1, -1):
            np.dot(layers[number].T, layers[number + 1], out=slopes[number])
            if number:
                np.dot(layers[number + 1], weights[number].T, out=layers[number])

    return step


# --------------------------------------------------------------------------------------- symgrad
def symgrad_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """As the tutorial writes it."""
    import symgrad
    import symgrad.tensor as T

    weights, biases = ([symgrad.shared(each) for each in group] for group in initial(sizes))
    x_data, y_data = symgrad.shared(x, borrow=True), symgrad.shared(y, borrow=True)
    index, x_batch, y_batch = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    activate = T.tanh if hidden == "tanh" else T.nnet.relu
    h = x_batch
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        h = activate(T.dot(h, W) + b)
    p_y_given_x = T.nnet.softmax(T.dot(h, weights[-1]) + biases[-1])
    cost = -T.mean(T.log(p_y_given_x)[T.arange(y_batch.shape[0]), y_batch])
    if decay:
        cost = cost + decay * sum((W**2).sum() for W in weights)
    params = [*weights, *biases]
    at = slice(index * batch, (index + 1) * batch)
    train_model: Any = symgrad.function(
        [index],
        cost,
        updates=[(p, p - RATE * g) for p, g in zip(params, T.grad(cost, params), strict=True)],
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
    return train_model


# ------------------------------------------------------------------------------------------- JAX
def jax_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """Compiled whole, slice and update too; parameters donated; data passed, not closed over."""
    import jax
    import jax.numpy as jnp

    activate = jnp.tanh if hidden == "tanh" else jax.nn.relu
    x, y, params = jax.device_put((x, y, initial(sizes)))

    def cost_of(params: Any, x: Any, y: Any) -> Any:
        weights, biases = params
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = activate(x @ W + b)
        log_p = jax.nn.log_softmax(x @ weights[-1] + biases[-1])
        cost = -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))
        return cost + decay * sum(jnp.sum(W * W) for W in weights) if decay else cost

    @partial(jax.jit, donate_argnums=0)
    def update(params: Any, x: Any, y: Any, index: Any) -> Any:
        xb = jax.lax.dynamic_slice_in_dim(x, index * batch, batch)
        yb = jax.lax.dynamic_slice_in_dim(y, index * batch, batch)
        cost, slopes = jax.value_and_grad(cost_of)(params, xb, yb)
        return jax.tree.map(lambda p, g: p - RATE * g, params, slopes), cost

    def step(index: int) -> float:
        nonlocal params
        params, cost = update(params, x, y, index)
        return float(cost)

    return step


# --------------------------------------------------------------------------------------- PyTorch
def torch_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """Eager, updated without an optimiser, by functions that take all parameters at once."""
    import torch
    from torch.nn.functional import cross_entropy, linear

    activate = torch.tanh if hidden == "tanh" else torch.relu
    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    arrays = initial(sizes)
    weights = [torch.from_numpy(W.T.copy()).requires_grad_() for W in arrays[0]]
    biases = [torch.from_numpy(b).requires_grad_() for b in arrays[1]]
    params = [*weights, *biases]

    def step(index: int) -> float:
        h, yb = x[index * batch : (index + 1) * batch], y[index * batch : (index + 1) * batch]
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            h = activate(linear(h, W, b))
        cost = cross_entropy(linear(h, weights[-1], biases[-1]), yb)
        slopes = torch.autograd.grad(cost, params)
        with torch.no_grad():
            if decay:  # differentiated by hand: a third less time
                cost = cost + decay * sum(torch.dot(W.view(-1), W.view(-1)) for W in weights)
                torch._foreach_mul_(weights, 1 - 2 * decay * RATE)
            torch._foreach_add_(params, slopes, alpha=-RATE)
        return float(cost.item())

    return step


# -------------------------------------------------------------------------------------- PyTensor
def pytensor_model(
    x: Any, y: Any, sizes: tuple[int, ...], hidden: str, decay: float, batch: int
) -> Step:
    """As the tutorial, with its own log-softmax."""
    import pytensor
    import pytensor.tensor as pt

    weights, biases = ([pytensor.shared(each) for each in group] for group in initial(sizes))
    x_data, y_data = pytensor.shared(x, borrow=True), pytensor.shared(y, borrow=True)
    index, x_batch, y_batch = pt.lscalar("index"), pt.fmatrix("x"), pt.ivector("y")
    h = x_batch
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        z = pt.dot(h, W) + b
        h = pt.tanh(z) if hidden == "tanh" else pt.maximum(z, np.float32(0))
    log_p = pt.special.log_softmax(pt.dot(h, weights[-1]) + biases[-1], axis=1)
    cost = -pt.mean(log_p[pt.arange(y_batch.shape[0]), y_batch])
    if decay:
        cost = cost + np.float32(decay) * sum((W**2).sum() for W in weights)
    params = [*weights, *biases]
    slopes = pytensor.grad(cost, params)
    at = slice(index * batch, (index + 1) * batch)
    return pytensor.function(
        [index],
        cost,
        updates=[(p, p - np.float32(RATE) * g) for p, g in zip(params, slopes, strict=True)],
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
