"""Layers and losses in the style of Theano's years, against the same mathematics in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as theano
import symgrad.tensor as T
from tests.programs.checking import check, close, floatX, random, shared, slopes, softmax


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
