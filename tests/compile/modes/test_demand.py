"""Which elements a result depends on: exactly for choices and moves, at least those otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad.compile.modes.demand import Demand, kept_inputs
from symgrad.compile.modes.stepwise import Steps


def wanted(make, value, mask=True):
    """The elements of a vector or matrix that an expression of it depends on."""
    x = T.TensorType("float64", (None,) * np.ndim(value))("x")
    y = make(x)
    shapes, kept = {}, {}

    def visit(node, inputs, result):
        shapes[node] = np.shape(result)
        if node.op is not None:
            for i in kept_inputs(node):
                kept[i] = inputs[node.inputs.index(i)]

    steps = Steps([y])
    steps.run({x: np.asarray(value, float)}, visit)
    found = Demand(shapes, kept).of({y: mask}, steps.order).get(x, False)
    return np.broadcast_to(found, np.shape(value)).astype(int).tolist()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x, [1, 1, 1]),
        (lambda x: T.zeros_like(x), [0, 0, 0]),
        (lambda x: x[1:], [0, 1, 1]),
        (lambda x: x[::-1][:1], [0, 0, 1]),
        (lambda x: x[[0, 0]], [1, 0, 0]),
        (lambda x: x.dimshuffle("x", 0)[0, 1], [0, 1, 0]),
        (lambda x: T.exp(x)[0] * 2, [1, 0, 0]),
        (lambda x: T.maximum(x, 2.5), [0, 0, 1]),
        (lambda x: T.minimum(x, 2.0), [1, 1, 0]),
        (lambda x: T.clip(x, 1.5, 2.5), [0, 1, 0]),
        (lambda x: T.set_subtensor(x[0], 5.0), [0, 1, 1]),
        (lambda x: T.inc_subtensor(x[0], 5.0), [1, 1, 1]),
        (lambda x: T.concatenate([x, x])[2:4], [1, 0, 1]),
        (lambda x: T.stack([x, 2 * x])[:, 1], [0, 1, 0]),
        (lambda x: x.reshape((3, 1))[2], [0, 0, 1]),
        (lambda x: T.sort(x)[0], [1, 1, 1]),
        (lambda x: T.cumsum(x)[0], [1, 1, 1]),
        (lambda x: T.isnan(x), [0, 0, 0]),
        (lambda x: T.neq(x, x), [0, 0, 0]),
        (lambda x: T.gt(x, 0), [1, 1, 1]),
    ],
)
def test_of_a_vector(make, expected):
    assert wanted(make, [1.0, 2.0, 3.0]) == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x.sum(axis=1)[0], [[1, 1], [0, 0]]),
        (lambda x: x.sum(axis=0, keepdims=True)[0, 1], [[0, 1], [0, 1]]),
        (lambda x: x.max(axis=1)[1:], [[0, 0], [1, 1]]),
        (lambda x: x.T[0], [[1, 0], [1, 0]]),
        (lambda x: T.diagonal(x), [[1, 0], [0, 1]]),
        (lambda x: T.dot(x, x)[0, 0], [[1, 1], [1, 1]]),
        (lambda x: (x + x[0])[1], [[1, 1], [1, 1]]),
        (lambda x: (x * x[:, :1])[0, 1], [[1, 1], [0, 0]]),
        (lambda x: T.switch(x > 2, x, 0), [[1, 1], [1, 1]]),  # of the comparison
    ],
)
def test_of_a_matrix(make, expected):
    assert wanted(make, [[1.0, 2.0], [3.0, 4.0]]) == expected


def test_where_nothing_is_wanted_nothing_is_passed_on():
    assert wanted(lambda x: T.exp(x), [1.0, 2.0], np.array([False, True])) == [0, 1]
    assert wanted(lambda x: T.exp(x), [1.0, 2.0], np.array([False, False])) == [0, 0]
