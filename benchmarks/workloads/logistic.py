"""The tutorial's logistic regression, as a user of each library would write it.

No question itself: `logistic_step`, `epoch` and `first_result` ask about these functions. For each
library there is a `<library>_model(x, y, batch)`, which returns a function of a minibatch's number
that takes one step downhill and returns the cost, and the parameters; and a `<library>_errors` that
returns the function of a minibatch's number that validates. A minibatch is a slice of data that the
library has already; the cost is read after every step, as the tutorial's loop reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads.data import N_CLASSES, N_PIXELS

RATE = 0.13

Step = Callable[[int], Any]


# ----------------------------------------------------------------------------------------- NumPy
def numpy_model(x: Any, y: Any, batch: int) -> tuple[Step, Any]:
    """By hand: in place, and with the rate where the arrays are small."""
    W, b = np.zeros((N_PIXELS, N_CLASSES), x.dtype), np.zeros(N_CLASSES, x.dtype)
    rows, rate = np.arange(batch), x.dtype.type(RATE / batch)
    y = y.astype("intp")

    def step(index: int) -> Any:
        at = slice(index * batch, (index + 1) * batch)
        xb, yb = x[at], y[at]
        z = xb @ W
        z += b
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        cost = np.log(total).mean() - z[rows, yb].mean()
        p /= total
        p[rows, yb] -= 1
        p *= rate
        np.subtract(W, xb.T @ p, out=W)
        np.subtract(b, p.sum(axis=0), out=b)
        return cost

    return step, (W, b)


def numpy_errors(params: Any, x: Any, y: Any, batch: int) -> Step:
    """The fraction of a minibatch that is classified wrongly."""
    W, b = params

    def errors(index: int) -> Any:
        at = slice(index * batch, (index + 1) * batch)
        return np.mean(np.argmax(x[at] @ W + b, axis=1) != y[at])

    return errors


def blas_model(x: Any, batch: int) -> Step:
    """The two products of a step, and nothing else."""
    W, g_W = np.zeros((N_PIXELS, N_CLASSES), x.dtype), np.empty((N_PIXELS, N_CLASSES), x.dtype)
    z = np.empty((batch, N_CLASSES), x.dtype)

    def step(index: int) -> None:
        xb = x[index * batch : (index + 1) * batch]
        np.dot(xb, W, out=z)
        np.dot(xb.T, z, out=g_W)

    return step


# --------------------------------------------------------------------------------------- symgrad
def symgrad_model(x: Any, y: Any, batch: int) -> tuple[Step, Any]:
    """As the tutorial and `models/logistic_sgd.py` write it."""
    import symgrad
    import symgrad.tensor as T

    W = symgrad.shared(np.zeros((N_PIXELS, N_CLASSES), "float32"), name="W")
    b = symgrad.shared(np.zeros(N_CLASSES, "float32"), name="b")
    x_data, y_data = symgrad.shared(x, borrow=True), symgrad.shared(y, borrow=True)
    index, x_batch, y_batch = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    p_y_given_x = T.nnet.softmax(T.dot(x_batch, W) + b)
    cost = -T.mean(T.log(p_y_given_x)[T.arange(y_batch.shape[0]), y_batch])
    g_W, g_b = T.grad(cost, [W, b])
    at = slice(index * batch, (index + 1) * batch)
    train_model: Any = symgrad.function(
        [index],
        cost,
        updates=[(W, W - RATE * g_W), (b, b - RATE * g_b)],
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
    return train_model, (W, b)


def symgrad_errors(params: Any, x: Any, y: Any, batch: int) -> Step:
    """The fraction of a minibatch that is classified wrongly."""
    import symgrad
    import symgrad.tensor as T

    W, b = params
    x_data, y_data = symgrad.shared(x, borrow=True), symgrad.shared(y, borrow=True)
    index, x_batch, y_batch = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    y_pred = T.argmax(T.nnet.softmax(T.dot(x_batch, W) + b), axis=1)
    at = slice(index * batch, (index + 1) * batch)
    validate_model: Any = symgrad.function(
        [index],
        T.mean(T.neq(y_pred, y_batch)),
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
    return validate_model


# ------------------------------------------------------------------------------------------- JAX
def jax_cost(params: Any, x: Any, y: Any) -> Any:
    """The mean negative log-likelihood."""
    import jax
    import jax.numpy as jnp

    W, b = params
    log_p = jax.nn.log_softmax(x @ W + b)
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


def jax_update(params: Any, x: Any, y: Any, index: Any, batch: int) -> tuple[Any, Any]:
    """One step: the parameters after it and the cost before it. To be traced."""
    import jax

    xb = jax.lax.dynamic_slice_in_dim(x, index * batch, batch)
    yb = jax.lax.dynamic_slice_in_dim(y, index * batch, batch)
    cost, slopes = jax.value_and_grad(jax_cost)(params, xb, yb)
    return jax.tree.map(lambda p, g: p - RATE * g, params, slopes), cost


def jax_params() -> Any:
    """The parameters at first."""
    import jax.numpy as jnp

    return jnp.zeros((N_PIXELS, N_CLASSES)), jnp.zeros(N_CLASSES)


def jax_model(x: Any, y: Any, batch: int) -> tuple[Step, Any]:
    """Compiled whole, slice and update too; parameters donated; data passed, not closed over."""
    import jax

    x, y, params = jax.device_put(x), jax.device_put(y), jax_params()
    update = jax.jit(lambda p, x, y, i: jax_update(p, x, y, i, batch), donate_argnums=0)

    def step(index: int) -> float:
        nonlocal params
        params, cost = update(params, x, y, index)
        return float(cost)

    return step, None


# --------------------------------------------------------------------------------------- PyTorch
def torch_model(x: Any, y: Any, batch: int) -> tuple[Step, Any]:
    """Eager, without a module or an optimiser, which take longer; W as PyTorch keeps it."""
    import torch
    from torch.nn.functional import cross_entropy, linear

    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    W = torch.zeros(N_CLASSES, N_PIXELS, requires_grad=True)
    b = torch.zeros(N_CLASSES, requires_grad=True)

    def step(index: int) -> float:
        xb, yb = x[index * batch : (index + 1) * batch], y[index * batch : (index + 1) * batch]
        cost = cross_entropy(linear(xb, W, b), yb)
        g_W, g_b = torch.autograd.grad(cost, (W, b))
        with torch.no_grad():
            W.sub_(g_W, alpha=RATE)
            b.sub_(g_b, alpha=RATE)
        return float(cost.item())

    return step, (W, b)


def torch_errors(params: Any, x: Any, y: Any, batch: int) -> Step:
    """The fraction of a minibatch that is classified wrongly."""
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y).long()
    W, b = params

    def errors(index: int) -> float:
        xb, yb = x[index * batch : (index + 1) * batch], y[index * batch : (index + 1) * batch]
        with torch.inference_mode():
            found = torch.nn.functional.linear(xb, W, b).argmax(1)
            return (found != yb).float().mean().item()

    return errors


# -------------------------------------------------------------------------------------- PyTensor
def pytensor_model(x: Any, y: Any, batch: int) -> tuple[Step, Any]:
    """As the tutorial, with its own log-softmax."""
    import pytensor
    import pytensor.tensor as pt

    W = pytensor.shared(np.zeros((N_PIXELS, N_CLASSES), "float32"), name="W")
    b = pytensor.shared(np.zeros(N_CLASSES, "float32"), name="b")
    x_data, y_data = pytensor.shared(x, borrow=True), pytensor.shared(y, borrow=True)
    index, x_batch, y_batch = pt.lscalar("index"), pt.fmatrix("x"), pt.ivector("y")
    log_p = pt.special.log_softmax(pt.dot(x_batch, W) + b, axis=1)
    cost = -pt.mean(log_p[pt.arange(y_batch.shape[0]), y_batch])
    g_W, g_b = pytensor.grad(cost, [W, b])
    rate = np.float32(RATE)
    at = slice(index * batch, (index + 1) * batch)
    train_model = pytensor.function(
        [index],
        cost,
        updates=[(W, W - rate * g_W), (b, b - rate * g_b)],
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
    return train_model, (W, b)


def pytensor_errors(params: Any, x: Any, y: Any, batch: int) -> Step:
    """The fraction of a minibatch that is classified wrongly."""
    import pytensor
    import pytensor.tensor as pt

    W, b = params
    x_data, y_data = pytensor.shared(x, borrow=True), pytensor.shared(y, borrow=True)
    index, x_batch, y_batch = pt.lscalar("index"), pt.fmatrix("x"), pt.ivector("y")
    y_pred = pt.argmax(pt.dot(x_batch, W) + b, axis=1)
    at = slice(index * batch, (index + 1) * batch)
    return pytensor.function(
        [index],
        pt.mean(pt.neq(y_pred, y_batch)),
        givens={x_batch: x_data[at], y_batch: y_data[at]},
    )
