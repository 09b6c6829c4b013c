"""The cost per node does not grow with the graph."""

import cProfile
import pstats

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad.rewrite.pipeline import lower, prepare


def chain(n):
    x = y = T.vector("x")
    for k in range(n):
        y = T.tanh(y) * 1.01 if k % 2 else y + 0.1
    return y.sum(), [x]


def wide(n):
    x = T.vector("x")
    return T.add(*[T.exp(x * float(k)) for k in range(n)]).sum(), [x]


def joined(n):
    x = T.vector("x")
    return T.concatenate([x * float(k) for k in range(n)]).sum(), [x]


def dense(n):
    x = T.vector("x")
    states = [x]
    for _ in range(n):
        states.append(T.tanh(states[-1] + states[max(0, len(states) - 3)] * x))
    return states[-1].sum(), [x]


def layers(n):
    x = T.matrix("x")
    parameters = []
    h = x
    for _ in range(n):
        W, b = symgrad.shared(np.eye(3)), symgrad.shared(np.zeros(3))
        parameters += [W, b]
        h = T.nnet.sigmoid(T.dot(h, W) + b)
    return T.log(T.nnet.softmax(h))[T.arange(x.shape[0]), 0].mean(), parameters


def steps(n):
    x, W = T.matrix("x"), T.matrix("W")
    h = x[0]
    for k in range(n):
        h = T.tanh(T.dot(h, W) + x[k])
    return h.sum(), [W, x]


def lookups(n):
    W, i = symgrad.shared(np.zeros((9, 3))), T.lvector("i")
    h = W[0]
    for k in range(n):
        h = T.tanh(h + W[i[k]])
    return h.sum(), [W]


def calls(build, n):
    """How many Python functions are called for a graph of n steps, up to what is planned."""
    profile = cProfile.Profile()
    profile.enable()
    cost, wrt = build(n)
    outputs = [cost, *T.grad(cost, wrt)]
    lower(prepare([*outputs, *[w - 0.1 * g for w, g in zip(wrt, outputs[1:], strict=True)]]))
    profile.disable()
    return sum(row[1] for row in pstats.Stats(profile).stats.values())


@pytest.mark.parametrize("build", [chain, wide, joined, dense, layers, steps, lookups])
def test_work_grows_in_proportion_to_the_graph(build):
    calls(build, 3)  # what is done once
    small, large = calls(build, 40), calls(build, 160)
    assert large < 4.4 * small
