"""Optimisers as updates, and graphs as values, in the style of Theano's years."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from tests.programs.checking import close, floatX, random, shared, softmax

# -- optimisers as updates ----------------------------------------------------------------------


def zeros_for(param):
    value = param.get_value(borrow=True)
    return theano.shared(
        np.zeros(value.shape, dtype=value.dtype), broadcastable=param.broadcastable
    )


def sgd(loss, params, rate):
    return OrderedDict((p, p - rate * g) for p, g in zip(params, T.grad(loss, params), strict=True))


def momentum(loss, params, nesterov):
    updates = sgd(loss, params, 0.1)
    for param in params:
        velocity = zeros_for(param)
        x = 0.9 * velocity + updates[param] - param
        updates[velocity] = x
        updates[param] = 0.9 * x + updates[param] if nesterov else param + x
    return updates


def rmsprop(loss, params):
    updates, one = OrderedDict(), T.constant(1)
    for param, grad in zip(params, T.grad(loss, params), strict=True):
        accu = zeros_for(param)
        updates[accu] = 0.9 * accu + (one - 0.9) * grad**2
        updates[param] = param - 0.1 * grad / T.sqrt(updates[accu] + 1e-6)
    return updates


def adadelta(loss, params):
    updates, one = OrderedDict(), T.constant(1)
    for param, grad in zip(params, T.grad(loss, params), strict=True):
        accu, delta_accu = zeros_for(param), zeros_for(param)
        updates[accu] = 0.95 * accu + (one - 0.95) * grad**2
        step = grad * T.sqrt(delta_accu + 1e-6) / T.sqrt(updates[accu] + 1e-6)
        updates[param] = param - step
        updates[delta_accu] = 0.95 * delta_accu + (one - 0.95) * step**2
    return updates


def adam(loss, params):
    updates, one, t_prev = OrderedDict(), T.constant(1), theano.shared(floatX(0.0))
    t = t_prev + 1
    rate = 0.1 * T.sqrt(one - 0.999**t) / (one - 0.9**t)
    for param, g in zip(params, T.grad(loss, params), strict=True):
        m_prev, v_prev = zeros_for(param), zeros_for(param)
        updates[m_prev] = m = 0.9 * m_prev + (one - 0.9) * g
        updates[v_prev] = v = 0.999 * v_prev + (one - 0.999) * g**2
        updates[param] = param - rate * m / (T.sqrt(v) + 1e-8)
    updates[t_prev] = t
    return updates


def numpy_rule(name):
    """What one step does to a parameter, given its gradient and its memory."""

    def step(p, g, memory, t):
        a, b = memory.get("a", 0.0), memory.get("b", 0.0)
        if name in ("momentum", "nesterov"):
            memory["a"] = a = 0.9 * a - 0.1 * g
            return p + (0.9 * a - 0.1 * g if name == "nesterov" else a)
        if name == "rmsprop":
            memory["a"] = a = 0.9 * a + 0.1 * g**2
            return p - 0.1 * g / np.sqrt(a + 1e-6)
        if name == "adadelta":
            memory["a"] = a = 0.95 * a + 0.05 * g**2
            change = g * np.sqrt(b + 1e-6) / np.sqrt(a + 1e-6)
            memory["b"] = 0.95 * b + 0.05 * change**2
            return p - change
        memory["a"] = a = 0.9 * a + 0.1 * g
        memory["b"] = b = 0.999 * b + 0.001 * g**2
        rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return p - rate * a / (np.sqrt(b) + 1e-8)

    return step


OPTIMISERS = {
    "momentum": lambda loss, params: momentum(loss, params, False),
    "nesterov": lambda loss, params: momentum(loss, params, True),
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_written_as_updates(name):
    x, y = T.matrix("x"), T.matrix("y")
    W = shared(4, 3, name="W")
    b = theano.shared(floatX(np.zeros((1, 3))), "b", broadcastable=(True, False))
    s = theano.shared(floatX(0.5), "s")
    params = [W, b, s]
    loss = T.sqr(T.tanh(x.dot(W) + b) * s - y).mean()
    inputs, targets = random(6, 4, seed=1), random(6, 3, seed=2)

    def gradients(W, b, s):
        h = np.tanh(inputs.astype("float64") @ W + b)
        error = 2 * (h * s - targets) / h.size
        below = error * s * (1 - h**2)
        return inputs.T @ below, below.sum(axis=0, keepdims=True), (error * h).sum()

    train = theano.function([x, y], loss, updates=OPTIMISERS[name](loss, params))
    values = [p.get_value().astype("float64") for p in params]
    memories = [{}, {}, {}]
    for t in range(1, 6):
        train(inputs, targets)
        grads = gradients(*values)
        step = numpy_rule(name)
        values = [step(*pgm, t) for pgm in zip(values, grads, memories, strict=True)]
    for p, want in zip(params, values, strict=True):
        assert p.get_value().dtype == p.dtype == theano.config.floatX
        close(p.get_value(), want, 1e-8)


def test_constraints_on_norms():
    W = theano.shared(random(4, 3) * 5)
    norms = T.sqrt(T.sum(T.sqr(W), axis=0, keepdims=True))
    wanted = T.clip(norms, 0, floatX(2.0))
    capped = W * (wanted / (floatX(1e-7) + norms))
    switched = W * T.switch(T.ge(norms, 2.0), wanted / (1e-7 + norms), 1.0)
    old = W.get_value()
    want = old * np.minimum(1, 2 / np.linalg.norm(old, axis=0))
    for new in (capped, switched):
        assert new.dtype == theano.config.floatX
        close(new.eval(), want, 1e-6)
    total = T.sqrt(sum(T.sum(v**2) for v in [W, W * 2]))
    close(total.eval(), np.sqrt(5) * np.linalg.norm(old))


# -- graphs as values ---------------------------------------------------------------------------


def test_one_graph_on_other_data_and_other_parameters():
    x, other = T.matrix("x"), T.matrix("other")
    W = shared(3, 2, name="W")
    y = T.nnet.softmax(x.dot(W))
    train, test = y, theano.clone(y, replace={W: W * 0, x: other})
    data = random(4, 3)
    close(test.eval({other: data}), np.full((4, 2), 0.5))
    close(train.eval({x: data}), softmax(data @ W.get_value()), 1e-7)


def test_parameters_graphs_and_functions_travel_together():
    x, W, b = T.matrix("x"), shared(3, 2, name="W"), shared(2, seed=1, name="b")
    y = T.nnet.softmax(x.dot(W) + b)
    f = theano.function([x], y, updates=[(b, b + 1)])
    data, old = random(4, 3, seed=2), b.get_value()
    for again in (lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy):
        W2, b2, x2, y2, f2 = again((W, b, x, y, f))
        close(f2(data), y2.eval({x2: data}), 1e-6)  # a shift of all logits changes nothing
        close(b2.get_value(), old + 1)
        W2.set_value(W2.get_value() * 0)
        b2.set_value(b2.get_value() * 0)
        close(f2(data), np.full((4, 2), 0.5))
    close(b.get_value(), old)


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (3, 0), (1, 1, 1), (2, 3, 1, 4, 2), (2, 0, 3, 1, 2)]
)
def test_tensors_of_any_shape(shape):
    x = T.TensorType(theano.config.floatX, (False,) * len(shape))("x")
    value = floatX(np.random.RandomState(0).rand(*shape))
    cost = (T.tanh(x) ** 2).sum()
    outputs = [cost, T.grad(cost, x), x.shape, x.size, x.flatten(), x.T, T.switch(x > 0.5, x, 0)]
    got = theano.function([x], outputs)(value)
    tanh = np.tanh(value)
    close(got[0], (tanh**2).sum())
    close(got[1], 2 * tanh * (1 - tanh**2))
    assert tuple(got[2]) == shape
    assert got[3] == value.size
    for have, want in zip(
        got[4:], (value.ravel(), value.T, np.where(value > 0.5, value, 0)), strict=True
    ):
        assert have.shape == want.shape
        np.testing.assert_array_equal(have, want)


def test_an_empty_batch():
    x, y, W = T.matrix("x"), T.ivector("y"), shared(3, 2)
    p = T.nnet.softmax(x.dot(W))
    cost = -T.log(p)[T.arange(y.shape[0]), y].sum()
    f = theano.function([x, y], [cost, T.grad(cost, W), T.argmax(p, axis=1)])
    value, g, picks = f(np.zeros((0, 3), theano.config.floatX), np.zeros(0, "int32"))
    assert value == 0
    np.testing.assert_array_equal(g, np.zeros((3, 2)))
    assert picks.shape == (0,)
