"""Programs of Theano's own tutorial and of the deep-learning tutorials."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from tests.programs.checking import close, floatX, random, shared, sigmoid, slopes, softmax

# -- Theano's own tutorial ----------------------------------------------------------------------


def test_an_accumulator_with_defaults_and_givens():
    x, y, w = T.scalars("x", "y", "w")
    f = theano.function(
        [x, theano.In(y, value=1), theano.In(w, value=2, name="by_name")], (x + y) * w
    )
    assert [float(v) for v in (f(33), f(33, 2), f(33, 0, 1), f(33, by_name=1, y=0))] == [
        68,
        70,
        33,
        33,
    ]

    state, inc = theano.shared(0), T.iscalar("inc")
    accumulator = theano.function([inc], state, updates=[(state, state + inc)])
    assert (accumulator(1), accumulator(300), state.get_value()) == (0, 1, 301)
    foo = T.scalar(dtype=state.dtype)
    skip = theano.function([inc, foo], state * 2 + inc, givens=[(state, foo)])
    assert (skip(1, 3), state.get_value()) == (7, 301)


@pytest.mark.parametrize("scale", [1, 1000])
def test_logistic_regression_by_hand(scale):
    rng = np.random.RandomState(0)
    inputs, targets = floatX(rng.randn(20, 5)) * scale, floatX(rng.randint(0, 2, 20))
    x, y = T.matrix("x"), T.vector("y")
    w, b = shared(5, name="w"), theano.shared(floatX(0.0), name="b")
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = theano.function(
        inputs=[x, y],
        outputs=[p_1 > 0.5, xent],
        updates=((w, w - 0.1 * gw), (b, b - 0.1 * gb)),
    )
    w_, b_ = w.get_value().astype("float64"), 0.0
    for _ in range(5):
        prediction, losses = train(inputs, targets)
        a = inputs @ w_ + b_
        close(losses, np.maximum(a, 0) - a * targets + np.log1p(np.exp(-abs(a))), 1e-8)
        with np.errstate(over="ignore"):
            error = (sigmoid(a) - targets) / 20
        w_, b_ = w_ - 0.1 * (inputs.T @ error + 0.02 * w_), b_ - 0.1 * error.sum()
    assert prediction.dtype == bool
    close(w.get_value(), w_, 1e-8)


def test_products_with_the_hessian():
    x, v = T.vectors("x", "v")
    banana = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    g = T.grad(banana, x)
    products = [T.grad(T.sum(g * v), x), T.Rop(g, x, v), T.dot(T.hessian(banana, x), v)]
    at, along = floatX([-1.2, 1.0]), floatX([0.3, -0.7])
    hessian = np.array([[1200 * 1.44 - 400 + 2, 480.0], [480.0, 200.0]])
    for got in theano.function([x, v], products)(at, along):
        close(got, hessian @ along, 1e-6)


# -- the deep-learning tutorials ----------------------------------------------------------------


class HiddenLayer:
    def __init__(self, rng, input, n_in, n_out, activation=T.tanh):
        bound = np.sqrt(6.0 / (n_in + n_out))
        values = floatX(rng.uniform(low=-bound, high=bound, size=(n_in, n_out)))
        if activation == theano.tensor.nnet.sigmoid:
            values *= 4
        self.W = theano.shared(value=values, name="W", borrow=True)
        self.b = theano.shared(value=floatX(np.zeros((n_out,))), name="b", borrow=True)
        lin_output = T.dot(input, self.W) + self.b
        self.output = lin_output if activation is None else activation(lin_output)
        self.params = [self.W, self.b]


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("activation", [T.tanh, T.nnet.sigmoid, T.nnet.relu])
def test_multilayer_perceptron_on_batches_of_shared_data(activation, batch_size):
    rng = np.random.RandomState(1234)
    data, labels = floatX(rng.randn(21, 5)), rng.randint(0, 3, 21)
    index, x, y = T.lscalar(), T.matrix("x"), T.ivector("y")
    hidden = HiddenLayer(rng, x, 5, 4, activation)
    top = HiddenLayer(rng, hidden.output, 4, 3, T.nnet.softmax)
    params = hidden.params + top.params
    cost = (
        -T.mean(T.log(top.output)[T.arange(y.shape[0]), y])
        + 0.001 * (abs(hidden.W).sum() + abs(top.W).sum())
        + 0.0001 * ((hidden.W**2).sum() + (top.W**2).sum())
    )
    train_set_x = theano.shared(data, borrow=True)
    train_set_y = T.cast(theano.shared(floatX(labels), borrow=True), "int32")
    here = slice(index * batch_size, (index + 1) * batch_size)
    givens = {x: train_set_x[here], y: train_set_y[here]}
    before = [p.get_value() for p in params]
    train = theano.function(
        inputs=[index],
        outputs=cost,
        updates=[(p, p - 0.1 * T.grad(cost, p)) for p in params],
        givens=givens,
    )
    errors = T.mean(T.neq(T.argmax(top.output, axis=1), y))
    assert 0 <= theano.function([index], errors, givens=givens)(0) <= 1

    function = {T.tanh: np.tanh, T.nnet.sigmoid: sigmoid}.get(
        activation, lambda a: np.maximum(a, 0)
    )
    rows = slice(2 * batch_size, 3 * batch_size)

    def reference(W, b, V, c):
        p = softmax(function(data[rows] @ W + b) @ V + c)
        nll = -np.log(p[np.arange(batch_size), labels[rows]]).mean()
        return nll + 0.001 * (abs(W).sum() + abs(V).sum()) + 0.0001 * ((W**2).sum() + (V**2).sum())

    close(train(2), reference(*before))
    for p, old, slope in zip(params, before, slopes(reference, *before), strict=True):
        close(p.get_value(), old - 0.1 * slope, 1e-7)


def test_contractive_autoencoder():
    x = T.matrix("x")
    W, b, b_prime = shared(6, 4), shared(4, seed=1), shared(6, seed=2)
    data = floatX(np.random.RandomState(3).rand(3, 6))
    y = T.nnet.sigmoid(T.dot(x, W) + b)
    z = T.nnet.sigmoid(T.dot(y, W.T) + b_prime)
    J = T.reshape(y * (1 - y), (3, 1, 4)) * T.reshape(W, (1, 6, 4))
    loss = -T.sum(x * T.log(z) + (1 - x) * T.log(1 - z), axis=1)
    cost = T.mean(loss) + 0.1 * T.sum(J**2) / 3

    def reference(W, b, b_prime):
        y = sigmoid(data @ W + b)
        z = sigmoid(y @ W.T + b_prime)
        J = (y * (1 - y))[:, None, :] * W
        loss = -(data * np.log(z) + (1 - data) * np.log(1 - z)).sum(axis=1)
        return loss.mean() + 0.1 * (J**2).sum() / 3

    f = theano.function([x], [cost, *T.grad(cost, [W, b, b_prime])])
    value, *grads = f(data)
    points = [p.get_value() for p in (W, b, b_prime)]
    close(value, reference(*points))
    for have, want in zip(grads, slopes(reference, *points), strict=True):
        close(have, want, 1e-6)


@pytest.mark.parametrize("batch", [1, 2])
def test_lstm_steps_with_a_mask(batch):
    d = 3
    x, mask, y = T.tensor3("x"), T.matrix("mask"), T.vector("y", dtype="int64")
    W, U, b = shared(d, 4 * d), shared(d, 4 * d, seed=1), shared(4 * d, seed=2)
    values = random(3, batch, d, seed=3)
    seen = floatX([[1, 1], [1, 1], [1, 0]])[:, :batch]
    labels = np.array([0, 2])[:batch]

    def _slice(_x, n, dim):
        return _x[:, :, n * dim : (n + 1) * dim] if _x.ndim == 3 else _x[:, n * dim : (n + 1) * dim]

    state_below = T.dot(x, W) + b
    h = c = T.alloc(floatX(0.0), x.shape[1], d)
    hs = []
    for t in range(3):
        preact = T.dot(h, U)
        preact += state_below[t]
        i, f, o = (T.nnet.sigmoid(_slice(preact, k, d)) for k in range(3))
        new = f * c + i * T.tanh(_slice(preact, 3, d))
        c = mask[t][:, None] * new + (1.0 - mask[t])[:, None] * c
        h = mask[t][:, None] * (o * T.tanh(c)) + (1.0 - mask[t])[:, None] * h
        hs.append(h)
    proj = (T.stack(hs) * mask[:, :, None]).sum(axis=0) / mask.sum(axis=0)[:, None]
    pred = T.nnet.softmax(proj)
    cost = -T.log(pred[T.arange(x.shape[1]), y] + 1e-8).mean()

    def reference(W, U, b):
        h = c = np.zeros((batch, d))
        total = 0
        for t in range(3):
            i, f, o, a = np.split(h @ U + values[t] @ W + b, 4, axis=1)
            m = seen[t][:, None]
            c = m * (sigmoid(f) * c + sigmoid(i) * np.tanh(a)) + (1 - m) * c
            h = m * (sigmoid(o) * np.tanh(c)) + (1 - m) * h
            total = total + h * m
        p = softmax(total / seen.sum(axis=0)[:, None])
        return -np.log(p[np.arange(batch), labels] + 1e-8).mean()

    f = theano.function([x, mask, y], [cost, *T.grad(cost, wrt=[W, U, b])])
    value, *grads = f(values, seen, labels)
    points = [p.get_value() for p in (W, U, b)]
    close(value, reference(*points), 1e-8)
    for have, want in zip(grads, slopes(reference, *points), strict=True):
        close(have, want, 1e-6)


def test_context_windows_of_embeddings():
    emb, idxs = shared(8, 3, name="embeddings"), T.imatrix("idxs")
    W = random(9, seed=1)
    window = np.array([[0, 1, -1], [1, 1, 2]], "int32")  # -1 is the last row: padding
    x = emb[idxs].reshape((idxs.shape[0], 3 * idxs.shape[1]))
    cost = (T.tanh(T.dot(x, W)) ** 2).sum()
    old = emb.get_value()
    train = theano.function([idxs], cost, updates=[(emb, emb - T.grad(cost, emb))])
    normalize = theano.function(
        [], updates={emb: emb / T.sqrt((emb**2).sum(axis=1)).dimshuffle(0, "x")}
    )

    def reference(emb):
        return (np.tanh(emb[window].reshape(2, -1) @ W.astype("float64")) ** 2).sum()

    close(train(window), reference(old.astype("float64")))
    new = old - slopes(reference, old)[0]
    close(emb.get_value(), new, 1e-7)
    normalize()
    close(emb.get_value(), new / np.linalg.norm(new, axis=1, keepdims=True), 1e-7)


def test_only_the_rows_of_an_embedding_that_are_used_are_updated():
    emb, i = shared(5, 2), T.lvector("i")
    old = emb.get_value()
    rows = emb[i]
    step = T.inc_subtensor(rows, -0.1 * T.grad((rows**2).sum(), rows))
    theano.function([i], updates=[(emb, step)])([1, 1, -1])
    new = old.copy()
    np.add.at(new, [1, 1, -1], -0.2 * old[[1, 1, -1]])
    close(emb.get_value(), new)


def test_free_energy_and_pseudo_likelihood_of_an_rbm():
    v, chain_end = T.matrix("v"), T.matrix("chain_end")
    W, hbias, vbias = shared(5, 4), shared(4, seed=1), shared(5, seed=2)
    data, samples = (floatX(np.random.RandomState(k).rand(3, 5) > 0.5) for k in (3, 4))

    def free_energy(v):
        hidden_term = T.sum(T.log(1 + T.exp(T.dot(v, W) + hbias)), axis=1)
        return -hidden_term - T.dot(v, vbias)

    cost = T.mean(free_energy(v)) - T.mean(free_energy(chain_end))
    grads = T.grad(cost, [W, vbias], consider_constant=[chain_end])
    f = theano.function([v, chain_end], grads)
    for scale in (1, 1000):
        W.set_value(random(5, 4) * floatX(scale))
        with np.errstate(over="ignore"):
            on, off = (sigmoid(s @ W.get_value() + hbias.get_value()) for s in (data, samples))
        got = f(data, samples)
        close(got[0], -(data.T @ on - samples.T @ off) / 3)
        close(got[1], -(data - samples).mean(axis=0))

    bit = theano.shared(value=0, name="bit_i_idx")
    xi = T.round(v)
    flipped = T.set_subtensor(xi[:, bit], 1 - xi[:, bit])
    likelihood = T.mean(5 * T.log(T.nnet.sigmoid(free_energy(flipped) - free_energy(xi))))
    monitor = theano.function([v], likelihood, updates={bit: (bit + 1) % 5})
    assert all(np.isfinite(monitor(data)) for _ in range(7))
    assert bit.get_value() == 2
