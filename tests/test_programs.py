"""Programs in the style of Theano's years, against the same mathematics in NumPy.

Gradients are compared with central differences of the NumPy functions.
"""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T


@pytest.fixture(autouse=True, params=["float64", "float32"])
def dtype(request):
    with theano.config.change_flags(floatX=request.param):
        yield request.param


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


# -- layers and losses --------------------------------------------------------------------------


def test_batch_normalisation_by_hand_with_a_running_mean():
    x = T.tensor4("x")
    gamma, beta = shared(3), shared(3, seed=1)
    running = theano.shared(floatX(np.zeros(3)), name="running")
    data = random(4, 3, 2, 5, seed=2)
    axes, pattern = (0, 2, 3), ["x", 0, "x", "x"]
    mean, inv_std = x.mean(axes), T.inv(T.sqrt(x.var(axes) + 1e-4))
    y = (x - mean.dimshuffle(pattern)) * (gamma * inv_std).dimshuffle(pattern)
    y += beta.dimshuffle(pattern)
    running.default_update = 0.9 * running + 0.1 * mean
    cost = (y**3).sum() + 0 * running.sum()

    def reference(x, gamma, beta):
        m, v = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        y = (x - m) / np.sqrt(v + 1e-4) * gamma[:, None, None] + beta[:, None, None]
        return (y**3).sum()

    grads = theano.function([x], [cost, *T.grad(cost, [gamma, beta])])(data)[1:]
    points = [p.get_value() for p in (gamma, beta)]
    for have, want in zip(grads, slopes(lambda g, b: reference(data, g, b), *points), strict=True):
        close(have, want, 1e-6)
    close(running.get_value(), 0.1 * data.mean(axes), 1e-6)


def test_normalisation_over_neighbouring_channels():
    x = T.tensor4("x")
    n, channels, rows, columns = x.shape
    squares = T.alloc(0.0, n, channels + 2, rows, columns)
    squares = T.set_subtensor(squares[:, 1 : channels + 1, :, :], T.sqr(x))
    scale = 2.0
    for i in range(3):
        scale += 0.1 * squares[:, i : i + channels, :, :]
    y = x / scale**0.75

    def reference(x):
        squares = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
        scale = 2 + 0.1 * sum(squares[:, i : i + x.shape[1]] for i in range(3))
        return ((x / scale**0.75) ** 2).sum()

    check((y**2).sum(), [x], reference, [x], [random(2, 3, 2, 2)])


def test_attention_with_a_mask():
    q, k, v, mask = T.tensor3("q"), T.tensor3("k"), T.tensor3("v"), T.matrix("mask")
    values = [random(2, 3, 4), random(2, 5, 4, seed=1), random(2, 5, 2, seed=2)]
    seen = floatX([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    scores = T.batched_dot(q, k.dimshuffle(0, 2, 1)) / np.sqrt(4).astype(theano.config.floatX)
    scores = T.switch(T.eq(mask[:, None, :], 0), -1e9, scores)
    weights = T.nnet.softmax(scores.reshape((-1, scores.shape[2]))).reshape(scores.shape)
    context = (weights.dimshuffle(0, 1, 2, "x") * v.dimshuffle(0, "x", 1, 2)).sum(axis=2)

    def reference(q, k, v):
        scores = np.where(seen[:, None] == 0, -1e9, q @ k.transpose(0, 2, 1) / 2)
        return ((softmax(scores) @ v) ** 2).sum()

    cost = (context**2).sum()
    f = theano.function([q, k, v, mask], [cost, *T.grad(cost, [q, k, v])])
    value, *grads = f(*values, seen)
    close(value, reference(*values))
    for have, want in zip(grads, slopes(reference, *values), strict=True):
        close(have, want, 1e-6)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_mixture_of_gaussians(scale):
    x, mu, log_sigma, a = T.matrix("x"), shared(4, 2), shared(4, 2, seed=1), shared(4, seed=2)
    data = random(3, 2, seed=3, scale=scale)
    d = x[:, None, :] - mu[None, :, :]
    log_p = -0.5 * T.sum(T.sqr(d / T.exp(log_sigma)), axis=2) - log_sigma.sum(axis=1)
    log_p = log_p + a - T.log(T.sum(T.exp(a))) - np.log(2 * np.pi)
    cost = -T.log(T.sum(T.exp(log_p), axis=1)).mean()

    def reference(mu, log_sigma, a):
        d = (data[:, None].astype("float64") - mu) / np.exp(log_sigma)
        z = -0.5 * (d**2).sum(axis=2) - log_sigma.sum(axis=1) + a - np.log(np.exp(a).sum())
        top = z.max(axis=1, keepdims=True)
        return -(np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - np.log(2 * np.pi)).mean()

    f = theano.function([x], [cost, *T.grad(cost, [mu, log_sigma, a])])
    value, *grads = f(data)
    points = [p.get_value() for p in (mu, log_sigma, a)]
    close(value, reference(*[p.astype("float64") for p in points]))
    for have, want in zip(grads, slopes(reference, *points), strict=True):
        np.testing.assert_allclose(have, want, rtol=2e-3, atol=1e-4 * (1 + abs(want).max()))


def test_hinge_and_triplet_losses():
    predictions, targets = T.matrix("predictions"), T.ivector("targets")
    labels = np.array([0, 2, 1, 1], "int32")
    one_hot = T.extra_ops.to_one_hot(targets, predictions.shape[1])
    corrects = predictions[one_hot.nonzero()]
    rest = predictions[(1 - one_hot).nonzero()].reshape((-1, predictions.shape[1] - 1))
    loss = T.nnet.relu(T.max(rest, axis=1) - corrects + 1).mean()

    def hinge(p):
        own = p[np.arange(4), labels]
        others = np.where(np.eye(3)[labels] > 0, -np.inf, p).max(axis=1)
        return np.maximum(others - own + 1, 0).mean()

    values = random(4, 3)
    value, g = theano.function([predictions, targets], [loss, T.grad(loss, predictions)])(
        values, labels
    )
    close(value, hinge(values))
    close(g, slopes(hinge, values)[0], 1e-6)

    a, p, n = T.matrices("a", "p", "n")
    far = T.sqrt(T.sum(T.sqr(a - p), axis=1) + 1e-6) - (a - n).norm(2, axis=1)

    def triplet(a, p, n):
        near = np.sqrt(((a - p) ** 2).sum(axis=1) + 1e-6)
        return np.maximum(near - np.linalg.norm(a - n, axis=1) + 0.5, 0).mean()

    points = [random(5, 3, seed=k) for k in range(3)]
    check(T.maximum(far + 0.5, 0).mean(), [a, p, n], triplet, [a, p, n], points)


def test_focal_loss_at_saturation():
    logits, targets = T.vector("logits"), T.vector("targets")
    p = T.nnet.sigmoid(logits)
    p_t = T.switch(T.eq(targets, 1), p, 1 - p)
    loss = -((1 - p_t) ** 2) * T.log(p_t)
    f = theano.function([logits, targets], [loss, T.grad(loss.sum(), logits)])
    value, g = f(floatX([800, -800, 800, -800, 0]), floatX([1, 0, 0, 1, 1]))
    close(value, [0, 0, 800, 800, 0.25 * np.log(2)])
    close(g, [0, 0, 1, -1, -0.125 - 0.25 * np.log(2)])


def test_likelihood_of_a_gaussian_process():
    K, y = T.matrix("K"), T.vector("y")
    L, alpha = T.slinalg.cholesky(K), T.slinalg.solve(K, y)
    cost = 0.5 * y.dot(alpha) + T.sum(T.log(T.diag(L)))
    by_det = 0.5 * T.dot(y, T.dot(T.nlinalg.matrix_inverse(K), y)) + 0.5 * T.log(T.nlinalg.det(K))
    K_, y_ = floatX(np.eye(3) * 2 + 0.3), floatX([1.0, -2.0, 0.5])
    value, other, g, g_other = theano.function(
        [K, y], [cost, by_det, T.grad(cost, K), T.grad(by_det, K)]
    )(K_, y_)
    inverse = np.linalg.inv(K_.astype("float64"))
    close([value, other], 0.5 * (y_ @ inverse @ y_ + np.log(np.linalg.det(K_))))
    want = 0.5 * (inverse - np.outer(inverse @ y_, inverse @ y_))
    close((g + g.T) / 2, want)
    close(g_other, want)


def test_a_penalty_on_the_gradient():
    x, W = T.matrix("x"), T.matrix("W")
    critic = T.tanh(T.dot(x, W)).sum(axis=1)
    norms = T.sqrt(T.sqr(T.grad(critic.sum(), x)).sum(axis=1) + 1e-8)
    penalty = T.sqr(norms - 1).mean()

    def reference(W, x):
        g = (1 - np.tanh(x @ W) ** 2) @ W.T
        return ((np.sqrt((g**2).sum(axis=1) + 1e-8) - 1) ** 2).mean()

    check(penalty, [W, x], reference, [W, x], [random(3, 2), random(4, 3, seed=1)])


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
