"""What the programs share: random values, and NumPy functions to compare costs and slopes with."""

from __future__ import annotations

import numpy as np

import symgrad as theano
import symgrad.tensor as T


def floatX(value):
    return np.asarray(value, dtype=theano.config.floatX)


def random(*shape, seed=0, scale=1.0):
    return floatX(np.random.RandomState(seed).randn(*shape) * scale)


def shared(*shape, seed=0, name=None):
    return theano.shared(random(*shape, seed=seed), name=name, borrow=True)


def close(have, want, rtol=1e-9):
    rtol = rtol if theano.config.floatX == "float64" else max(rtol, 3e-4)
    np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)


def slopes(function, *arrays, eps=1e-6):
    """Central differences of a NumPy function of float64 arrays."""
    arrays = [np.array(a, dtype="float64") for a in arrays]
    results = []
    for a in arrays:
        result = np.zeros_like(a)
        for k in np.ndindex(a.shape):
            here = a[k]
            a[k] = here + eps
            above = function(*arrays)
            a[k] = here - eps
            result[k] = (above - function(*arrays)) / (2 * eps)
            a[k] = here
        results.append(result)
    return results


def check(cost, wrt, reference, inputs=(), values=()):
    """Compare a cost and its gradients with a NumPy function of the values of `wrt`."""
    f = theano.function(list(inputs), [cost, *T.grad(cost, list(wrt))])
    value, *grads = f(*values)
    at = dict(zip(inputs, values, strict=True))
    points = [at[w] if w in at else w.get_value() for w in wrt]
    close(value, reference(*[np.asarray(p, "float64") for p in points]))
    for w, have, want in zip(wrt, grads, slopes(reference, *points), strict=True):
        assert have.dtype == w.dtype == theano.config.floatX
        close(have, want, rtol=1e-6)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a, axis=-1):
    powers = np.exp(a - a.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)
